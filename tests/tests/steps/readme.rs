//! The commands of READMEs, run as they stand there: what is shown is what they print.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Bench;

const BEGIN: &str = "```console\n";
const END: &str = "```";

fn path() -> PathBuf {
    root().join("README.md")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_command_prints_what_the_readme_says() {
    shows_what_is_printed("README.md", 5);
}

#[test]
fn every_command_of_the_pipelines_prints_what_their_readmes_say() {
    shows_what_is_printed("pipelines/oc-mirror-deployment-pipeline/README.md", 6);
}

/// Runs the commands of ```console blocks, of which there have to be some.
fn shows_what_is_printed(file: &str, least: usize) {
    let path = root().join(file);
    let bench = Bench::new();
    let bin = bench.dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, path) in
        [("stepwright", env!("CARGO_BIN_EXE_stepwright-under-test")), ("make-sample", env!("CARGO_BIN_EXE_make-sample"))]
    {
        std::os::unix::fs::symlink(path, bin.join(name)).unwrap();
    }
    // As in the checkout, where people are told to try this.
    std::os::unix::fs::symlink(root().join("pipelines"), bench.dir.path().join("pipelines")).unwrap();
    let search = format!("{}:/usr/bin:/bin", bin.display());
    let run = |line: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{line} 2>&1")]).current_dir(bench.dir.path()).env_clear().env("PATH", &search);
        // Whoever tries it is somewhere else.
        String::from_utf8(shell.output().unwrap().stdout).unwrap().replace(&*bench.dir.path().to_string_lossy(), "/home/me")
    };
    let readme = std::fs::read_to_string(&path).unwrap();
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
    assert!(commands >= least, "{file} has only {commands} commands in ```console blocks");
    if std::env::var_os("STEPWRIGHT_UPDATE").is_some() {
        std::fs::write(path, now).unwrap();
    } else {
        let (readme, now) = (without_chance(&readme), without_chance(&now));
        let differing = readme.lines().zip(now.lines()).find(|(shown, printed)| shown != printed);
        assert!(readme == now, "{file} is stale (STEPWRIGHT_UPDATE=1 cargo test -p tests readme): {differing:?}");
    }
}

/// Without what is another each time: commits, which have their time in them, durations, names of runs, of their logs and of
/// the Jobs that they make.
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
    text.lines().map(|line| steady(&without_uids(line))).collect()
}

fn without_uids(line: &str) -> String {
    const JOB: &str = "oc-mirror-job-";
    let rest = |part: &str| part.trim_start_matches(|c: char| c.is_ascii_hexdigit()).to_owned();
    line.split(JOB).enumerate().map(|(n, part)| if n == 0 { part.to_owned() } else { format!("{JOB}{}", rest(part)) }).collect()
}

#[test]
fn every_make_target_that_the_readme_names_exists() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
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

/// What `oc` and `tkn` are told here: files that they are given have to be there. Runs are printed and not started.
const INSTEAD: &str = r#"
oc() {
    local argument
    for argument; do
        case $argument in
        -) cat > applied ;;
        mine/* | my-catalog | catalog/*) test -e "$argument" || { echo "there is no $argument" >&2; return 1; } ;;
        esac
    done
}
tkn() { :; }
stepwright() {
    if [ "$1" = start ]; then set -- "$@" --inline --create=false; fi
    command stepwright "$@" > printed
    cat printed
}
"#;

/// Commands that a cluster is there for are run as far as it goes without one.
#[test]
fn what_the_pipelines_readmes_say_for_a_cluster_can_be_said() {
    for (pipeline, least) in [("oc-mirror-build-pipeline", 6), ("oc-mirror-deployment-pipeline", 15)] {
        let bench = Bench::new();
        let bin = bench.dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_stepwright-under-test"), bin.join("stepwright")).unwrap();
        std::os::unix::fs::symlink(root().join("catalog"), bench.dir.path().join("catalog")).unwrap();
        let readme = std::fs::read_to_string(root().join("pipelines").join(pipeline).join("README.md")).unwrap();
        // Between fences is every other part; one without a language begins with its first line.
        let blocks = readme.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix('\n'));
        let script: String = blocks.collect();
        let commands = script.lines().filter(|line| ["oc ", "tkn ", "stepwright "].iter().any(|tool| line.starts_with(tool)));
        assert!(commands.count() >= least, "{pipeline}: {script}");
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &format!("{INSTEAD}{script}")]).current_dir(bench.dir.path());
        let output = shell.env_clear().env("PATH", format!("{}:/usr/bin:/bin", bin.display())).output().unwrap();
        assert!(output.status.success(), "{pipeline}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
