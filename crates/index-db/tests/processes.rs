//! Kills, full disks and directories that may not be written: removal in a process of its own, the `index-db` example.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::synth::Synth;
use common::{copy_of, golden, names, rows};
use index_db::IndexDb;
use rusqlite::Connection;

/// The program: cargo puts it beside the directory of the tests.
#[track_caller]
fn program() -> PathBuf {
    let path = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join("index-db");
    assert!(path.exists(), "{} is missing: build it with `cargo build -p index-db --examples`", path.display());
    path
}

fn removal(program: &Path, path: &Path, package: &str) -> Command {
    let mut command = Command::new(program);
    command.arg("rm").arg(path).arg(package).stdout(Stdio::null());
    command
}

#[test]
fn killed_at_any_time_the_original_is_whole_and_the_next_run_ends_well() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made.db");
    Synth { packages: 20, manifests: 30_000, ..Synth::small(5, false) }.write(&made).unwrap();
    let before = rows(&made);
    let package = IndexDb::open(&made).unwrap().packages().unwrap().pop_first().unwrap();
    let program = program();

    let path = dir.path().join("index.db");
    fs::copy(&made, &path).unwrap();
    let started = Instant::now();
    assert!(removal(&program, &path, &package).status().unwrap().success());
    let (whole, after) = (started.elapsed(), rows(&path));
    assert_ne!(before, after);

    let mut unfinished = 0;
    for round in 0..5_u32 {
        fs::copy(&made, &path).unwrap();
        let mut child = removal(&program, &path, &package).spawn().unwrap();
        let wait = whole * round / 6 + Duration::from_micros(fastrand::u64(..whole.as_micros() as u64 / 6));
        let started = Instant::now();
        while started.elapsed() < wait {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let now = rows(&path);
        let next = removal(&program, &path, &package).output().unwrap();
        if now == before {
            unfinished += 1;
            assert!(next.status.success(), "round {round}: the next run: {next:?}");
        } else {
            assert_eq!(now, after, "round {round}");
            assert_eq!(next.status.code(), Some(5), "round {round}: it was done: {next:?}");
        }
        assert_eq!(rows(&path), after, "round {round}");
        assert_eq!(names(dir.path()), ["index.db", "made.db"], "round {round}");
    }
    assert!(unfinished > 0, "no kill came before the end: the test shows nothing");
}

/// Files may not grow: what a full disk does, without one.
#[test]
fn a_write_that_fails_leaves_the_original() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    let before = fs::read(&path).unwrap();
    for blocks in [0, 100, 1000] {
        let mut command = Command::new("sh");
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" rm \"$1\" etcd");
        command.args(["-c", &limited]).arg(program()).arg(&path);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(70), "{blocks}: {stderr}");
        assert!(stderr.contains("internal: cannot"), "{blocks}: {stderr}");
        assert!(fs::read(&path).unwrap() == before, "{blocks}");
        assert_eq!(names(dir.path()), ["index.db"], "{blocks}");
    }
}

/// As a user who may read the directory and not write it: root may write everything.
#[test]
fn a_read_only_directory() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // The program must be where that user can run it. `cp` copies it: a process that another test starts meanwhile would
    // inherit our open file, and a file that is open for writing cannot be run.
    let programs = tempfile::tempdir().unwrap();
    fs::set_permissions(programs.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let runnable = programs.path().join("index-db");
    assert!(Command::new("cp").args([program(), runnable.clone()]).status().unwrap().success());

    let mut command = removal(&runnable, &path, "etcd");
    if is_root() {
        command.uid(65534).gid(65534);
    }
    let output = command.output().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("give this user access to it"), "{stderr}");
    assert_eq!(names(dir.path()), ["index.db"]);
}

/// Memory is bounded by the largest package: as many bytes as all manifests have are enough for everything.
#[test]
fn memory_is_for_one_package() {
    const MIB: usize = 1 << 20;
    let (packages, manifests) = (16, 4 * MIB);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index.db");
    Synth { packages, bundles: 1, manifests: 1_000, ..Synth::small(1, false) }.write(&path).unwrap();
    let conn = Connection::open(&path).unwrap();
    let text = "x<y & \"z\" ".repeat(manifests / 12);
    conn.execute("UPDATE operatorbundle SET csv = json_set(csv, '$.spec.description', ?1)", [text]).unwrap();
    conn.execute("UPDATE operatorbundle SET bundle = csv", []).unwrap();
    drop(conn);

    let limited = |args: &[&str]| {
        // The limit is one of addresses, which are more than what is used; the allocator is kept from reserving some.
        let limit = format!("ulimit -v {}; exec \"$0\" \"$@\"", packages * manifests / 1024);
        let output = Command::new("sh").args(["-c", &limit]).arg(program()).args(args).env("MALLOC_ARENA_MAX", "1").output();
        let output = output.unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    };
    let (file, out) = (path.to_str().unwrap(), dir.path().join("out"));
    for version in ["1.26.4", "1.51.0"] {
        limited(&["migrate", file, out.to_str().unwrap(), version]);
        assert_eq!(names(&out).len(), packages);
        fs::remove_dir_all(&out).unwrap();
    }
    let package = IndexDb::open(&path).unwrap().packages().unwrap().pop_first().unwrap();
    limited(&["rm", file, &package]);
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}
