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
    let search = format!("{}:/usr/bin:/bin", bin.display());
    let run = |line: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{line} 2>&1")]).current_dir(bench.dir.path()).env_clear().env("PATH", &search);
        String::from_utf8(shell.output().unwrap().stdout).unwrap()
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
        let (readme, now) = (without_commits(&readme), without_commits(&now));
        let differing = readme.lines().zip(now.lines()).find(|(shown, printed)| shown != printed);
        assert!(readme == now, "README.md is stale (STEPWRIGHT_UPDATE=1 cargo test -p tests readme): {differing:?}");
    }
}

/// Commits have their time in them.
fn without_commits(text: &str) -> String {
    let is_commit = |word: &&str| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_commit);
    words.fold(text.to_owned(), |text, commit| text.replace(commit, "[COMMIT]"))
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
