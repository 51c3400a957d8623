//! Artifacts: between us and the real `oras`, through a real registry and layouts; and artifacts that mean harm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod oras;
mod untrusted;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use common::{at, client};
use registry::Location;
use registry::artifact::{FileRef, PullOptions, Pulled, PushOptions, Pushed, pull, push};
use registry_testing::{Registry, Tool};
use step::Result;

/// One for all tests, each in a repository of its own.
static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::start);

/// A directory with files, and one to pull into.
struct Bench {
    dir: tempfile::TempDir,
    oras: Tool,
}

impl Bench {
    fn new() -> Self {
        let bench = Bench { dir: tempfile::tempdir().unwrap(), oras: Tool::oras() };
        fs::create_dir_all(bench.source().join("docs/api")).unwrap();
        for (path, text) in
            [("index.db", "SQLite"), ("empty", ""), ("docs/a.md", "# a"), ("docs/api/run.sh", "#!/bin/sh\n"), ("a:b", "colon")]
        {
            fs::write(bench.source().join(path), text).unwrap();
        }
        fs::set_permissions(bench.source().join("docs/api/run.sh"), fs::Permissions::from_mode(0o775)).unwrap();
        symlink("../a.md", bench.source().join("docs/api/link")).unwrap();
        bench
    }

    fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    /// What is to be pulled into.
    fn output(&self) -> PathBuf {
        self.dir.path().join("output")
    }

    fn push(&self, files: &[&str], to: &Location, options: &PushOptions) -> Result<Pushed> {
        let files: Vec<FileRef> = files.iter().map(|file| file.parse().unwrap()).collect();
        push(&client(), &self.source(), &files, to, options)
    }

    fn pull(&self, from: &Location) -> Result<Pulled> {
        pull(&client(), from, &self.output(), &PullOptions::default())
    }

    /// oras in the directory with the files.
    fn oras(&self, args: &[&str]) -> String {
        let output = self.oras.command(args).current_dir(self.source()).output().unwrap();
        assert!(output.status.success(), "oras {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What was pulled.
    fn pulled(&self) -> BTreeMap<String, String> {
        tree(&self.output())
    }
}

/// Every file below `dir` with its content and whether it can be executed, every link with where it leads to, and the
/// directories.
fn tree(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(dir).unwrap().display().to_string();
            let said = if metadata.is_dir() {
                left.push(path);
                "directory".to_owned()
            } else if metadata.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                let executable = if metadata.permissions().mode() & 0o100 == 0 { "" } else { "*" };
                format!("{:?}{executable}", fs::read_to_string(&path).unwrap())
            };
            found.insert(name, said);
        }
    }
    found
}

fn here(rest: &str) -> Location {
    at(REGISTRY.host(), rest)
}
