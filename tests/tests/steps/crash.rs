//! SIGTERM and kill -9 at random moments, then the same run again: the right end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tests::{copy_tree, git};

use crate::support::{Bench, command, files};

/// How often: `make soak` sets the variable.
fn rounds() -> u32 {
    if std::env::var_os("STEPWRIGHT_SOAK").is_some() { 50 } else { 5 }
}

/// A part between 0 and 1 that differs from round to round and run to run.
fn random() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

/// The sample with enough in it that a run takes a while: 300 packages of 20 kB, and the database.
fn enlarge(configs: &Path) {
    let filler = "x".repeat(20_000);
    for n in 0..300 {
        let dir = configs.join(format!("filler-{n}"));
        fs::create_dir(&dir).unwrap();
        let package = format!(r#"{{"schema":"olm.package","name":"filler-{n}","defaultChannel":"a","description":"{filler}"}}"#);
        let channel =
            format!(r#"{{"schema":"olm.channel","package":"filler-{n}","name":"a","entries":[{{"name":"filler-{n}.v1.0.0"}}]}}"#);
        let bundle = format!(
            r#"{{"schema":"olm.bundle","package":"filler-{n}","name":"filler-{n}.v1.0.0","image":"r.example/x@sha256:{0}","properties":[{{"type":"olm.package","value":{{"packageName":"filler-{n}","version":"1.0.0"}}}}]}}"#,
            "ab".repeat(32)
        );
        fs::write(dir.join("catalog.json"), format!("{package}\n{channel}\n{bundle}\n")).unwrap();
    }
}

/// Starts the step and ends it with `signal` at a random moment of the time that a whole run takes.
fn interrupted(args: &[String], signal: &str, whole: Duration) -> (Option<i32>, String) {
    let child = command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // The random moment is the point of the test, so here is the one sleep of the suite.
    std::thread::sleep(whole.mul_f64(random() * 1.1));
    Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn operators() -> Vec<String> {
    let fillers = (0..300).step_by(3).map(|n| format!("filler-{n}"));
    fillers.chain(["plane", "mallet", "rip-saw"].map(str::to_owned)).collect()
}

fn arguments(first: &[String]) -> Vec<String> {
    let fixed = ["step", "remove-operators"].map(str::to_owned);
    fixed.iter().chain(first).cloned().chain(operators()).collect()
}

fn finish(args: &[String]) -> Duration {
    let started = Instant::now();
    let output = command(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    started.elapsed()
}

#[test]
fn a_directory_ends_the_same() {
    let bench = Bench::new();
    enlarge(&bench.sample.work.join("configs"));
    let work = bench.dir.path().join("copy");
    let fresh = || {
        let _ = fs::remove_dir_all(&work);
        copy_tree(&bench.sample.work, &work).unwrap();
    };
    let args = arguments(&[format!("--source={}", work.display()), "--index-db=index.db".into()]);
    fresh();
    let whole = finish(&args);
    let right_end: BTreeMap<PathBuf, Vec<u8>> = files(&work);
    for round in 0..rounds() {
        for signal in ["-KILL", "-TERM"] {
            fresh();
            let (code, said) = interrupted(&args, signal, whole);
            assert!(
                matches!((signal, code), (_, Some(0) | None) | ("-TERM", Some(143))),
                "round {round}, {signal}: {code:?}\n{said}"
            );
            finish(&args);
            let end = files(&work);
            let differing: Vec<_> =
                end.keys().chain(right_end.keys()).filter(|path| end.get(*path) != right_end.get(*path)).collect();
            assert!(differing.is_empty(), "round {round}, {signal}: {differing:?}");
        }
    }
}

#[test]
fn a_branch_ends_the_same() {
    let bench = Bench::new();
    enlarge(&bench.sample.work.join("configs"));
    let bare = bench.dir.path().join("enlarged.git");
    tests::make_repository(&bench.sample.work.join("configs"), &bare).unwrap();
    let copy = bench.dir.path().join("copy.git");
    let fresh = || {
        let _ = fs::remove_dir_all(&copy);
        copy_tree(&bare, &copy).unwrap();
    };
    let args = arguments(&[format!("--git-url=file://{}", copy.display()), "--branch=main".into()]);
    fresh();
    let whole = finish(&args);
    let tree = |rev: &str| git(&copy, &["rev-parse", &format!("{rev}^{{tree}}")]).unwrap();
    let (before, right_end) = (tree("main~1"), tree("main"));
    for round in 0..rounds() {
        for signal in ["-KILL", "-TERM"] {
            fresh();
            interrupted(&args, signal, whole);
            let now = tree("main");
            assert!(now == before || now == right_end, "round {round}, {signal}: half a change on the branch");
            finish(&args);
            assert_eq!(tree("main"), right_end, "round {round}, {signal}");
            assert_eq!(git(&copy, &["rev-list", "--count", "main"]).unwrap(), "2", "round {round}, {signal}");
            git(&copy, &["fsck", "--strict"]).unwrap();
        }
    }
}
