//! The README's commands, run as they stand there: what it shows is what they print.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Bench;

const BEGIN: &str = "```console\n";
const END: &str = "```";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")
}

#[test]
fn every_command_prints_what_the_readme_says() {
    let bench = Bench::new();
    let bin = bench.dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, path) in
        [("stepwright", env!("CARGO_BIN_EXE_stepwright-under-test")), ("make-sample", env!("CARGO_BIN_EXE_make-sample"))]
    {
        std::os::unix::fs::symlink(path, bin.join(name)).unwrap();
    }
    // As in the checkout, where people are told to try this.
    let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines");
    std::os::unix::fs::symlink(pipelines, bench.dir.path().join("pipelines")).unwrap();
    let search = format!("{}:/usr/bin:/bin", bin.display());
    let run = |line: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{line} 2>&1")]).current_dir(bench.dir.path()).env_clear().env("PATH", &search);
        // Whoever tries it is somewhere else.
        String::from_utf8(shell.output().unwrap().stdout).unwrap().replace(&*bench.dir.path().to_string_lossy(), "/home/me")
    };
    let readme = std::fs::read_to_string(path()).unwrap();
    let mut parts = readme.split(BEGIN);
    let mut now = parts.next().unwrap().to_owned();
    let mut commands = 0;
    for part in parts {
        let (block, rest) = part.split_once(END).unwrap();
        now += BEGIN;
        for line in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            commands += 1;
            write!(now, "$ {line}\n{}", run(line)).unwrap();
        }
        now += END;
        now += rest;
    }
    assert!(commands > 5, "the README has only {commands} commands in ```console blocks");
    if std::env::var_os("STEPWRIGHT_UPDATE").is_some() {
        std::fs::write(path(), now).unwrap();
    } else {
        let (readme, now) = (without_chance(&readme), without_chance(&now));
        let differing = readme.lines().zip(now.lines()).find(|(shown, printed)| shown != printed);
        assert!(readme == now, "README.md is stale (STEPWRIGHT_UPDATE=1 cargo test -p tests readme): {differing:?}");
    }
}

/// Without what is another each time: commits, which have their time in them, durations, names of runs and of their logs.
fn without_chance(text: &str) -> String {
    let is_commit = |word: &str| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = |word: &str| word.contains('.') && word.parse::<f64>().is_ok();
    let steady = |line: &str| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        for n in 0..words.len() {
            words[n] = match words[n] {
                word if word.starts_with("/tmp/stepwright-") => "[LOGS]",
                word if word.contains("-run-") => "[RUN]",
                word if is_number(word) && words.get(n + 1).is_some_and(|unit| matches!(*unit, "s" | "s;")) => "[SECONDS]",
                word if is_commit(word.trim_matches(|c: char| !c.is_ascii_alphanumeric())) => "[COMMIT]",
                word => word,
            };
        }
        words.join(" ") + "\n"
    };
    text.lines().map(steady).collect()
}

#[test]
fn every_make_target_that_the_readme_names_exists() {
    let makefile = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Makefile")).unwrap();
    let readme = std::fs::read_to_string(path()).unwrap();
    let named: Vec<&str> = readme.split("`make ").skip(1).filter_map(|part| part.split('`').next()).collect();
    assert!(named.contains(&"demo") && named.contains(&"test"), "{named:?}");
    for target in named {
        assert!(makefile.contains(&format!("\n{target}:")), "the README names `make {target}`, which is no target");
    }
}

#[test]
fn the_exit_codes_are_those_of_the_steps() {
    let readme = std::fs::read_to_string(path()).unwrap();
    for kind in step::Kind::ALL {
        let row = format!("| {} | {} |\n", kind.code(), kind.meaning());
        assert!(readme.contains(&row), "the README lacks {row}");
    }
}
