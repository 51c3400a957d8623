//! The README's commands, run as they stand there: what it shows is what they print.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::support::Bench;

const README: &str = include_str!("../../../README.md");

/// The lines of each ```console block.
fn blocks() -> Vec<Vec<&'static str>> {
    let parts = README.split("```console\n").skip(1);
    parts.map(|part| part.split("\n```").next().unwrap_or_default().lines().collect()).collect()
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
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let (mut shown, mut printed) = (String::new(), String::new());
    let mut commands = 0;
    for block in blocks() {
        for line in block {
            writeln!(shown, "{line}").unwrap();
            let Some(line) = line.strip_prefix("$ ") else { continue };
            commands += 1;
            writeln!(printed, "$ {line}").unwrap();
            let output = Command::new("sh")
                .args(["-c", &format!("{line} 2>&1")])
                .current_dir(bench.dir.path())
                .env_clear()
                .env("PATH", &path)
                .output()
                .unwrap();
            printed += &String::from_utf8_lossy(&output.stdout);
        }
    }
    assert!(commands > 3, "the README has only {commands} commands in ```console blocks");
    assert_eq!(without_commits(&printed), without_commits(&shown), "the left is what the commands print");
}

/// Commits have their time in them.
fn without_commits(text: &str) -> String {
    let is_commit = |word: &str| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_inclusive(['"', ' ', '\n'])
        .map(|word| if is_commit(word.trim_end_matches(['"', ' ', '\n'])) { "[COMMIT]" } else { word })
        .collect()
}

#[test]
fn every_make_target_that_the_readme_names_exists() {
    let makefile = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Makefile")).unwrap();
    let named: Vec<&str> = README.split("`make ").skip(1).filter_map(|part| part.split('`').next()).collect();
    assert!(named.contains(&"demo") && named.contains(&"test"), "{named:?}");
    for target in named {
        assert!(makefile.contains(&format!("\n{target}:")), "the README names `make {target}`, which is no target");
    }
}
