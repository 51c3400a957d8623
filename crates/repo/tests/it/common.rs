//! What the tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use repo::{BranchName, Checkout, CommitId, Identity, Options, Remote};
use repo_testing::Forge;
use step::retry::Policy;
use step::{Cancel, Error};
use tempfile::TempDir;

/// The catalog that most tests start from.
pub(crate) const FILES: [(&str, &str); 3] =
    [("README", "hello\n"), ("configs/a/catalog.yaml", "a\n"), ("configs/b/catalog.yaml", "b\n")];

/// A forge with the repository `catalog.git`, branch `main`.
pub(crate) fn forge() -> Forge {
    let forge = Forge::new();
    forge.create("catalog.git", "main", &FILES);
    forge
}

/// Tries again at once.
pub(crate) fn options() -> Options {
    let retry = Policy { first_pause: Duration::from_millis(1), ..Policy::default() };
    Options { retry, ..Options::default() }
}

pub(crate) fn remote(url: impl AsRef<str>, options: Options) -> Remote {
    Remote::new(url.as_ref().parse().unwrap(), options, Cancel::new()).unwrap()
}

pub(crate) fn branch(name: &str) -> BranchName {
    name.parse().unwrap()
}

pub(crate) fn bot() -> Identity {
    "Release Bot <bot@example.com>".parse().unwrap()
}

/// A clone in a directory that goes with it.
pub(crate) struct Clone {
    pub(crate) checkout: Checkout,
    pub(crate) _dir: TempDir,
}

pub(crate) fn clone(remote: &Remote, name: &str) -> Clone {
    let dir = tempfile::tempdir().unwrap();
    let checkout = remote.clone_branch(&branch(name), &dir.path().join("work")).unwrap();
    Clone { checkout, _dir: dir }
}

/// Why `name` cannot be cloned.
pub(crate) fn clone_error(remote: &Remote, name: &str) -> Error {
    let dir = tempfile::tempdir().unwrap();
    remote.clone_branch(&branch(name), &dir.path().join("work")).unwrap_err()
}

impl Clone {
    /// Writes a file, or removes it, and commits that.
    pub(crate) fn change(&mut self, path: &str, content: Option<&str>) -> Option<CommitId> {
        let file = self.checkout.path().join(path);
        match content {
            Some(content) => {
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, content).unwrap();
            }
            None => fs::remove_file(file).unwrap(),
        }
        self.checkout.commit(&[PathBuf::from(path)], &format!("Change {path}"), &bot()).unwrap()
    }

    /// Pushes, rebasing as needed.
    pub(crate) fn publish(&mut self, to: &str) -> Result<CommitId, Error> {
        self.checkout.publish(&branch(to), |_| Ok(()))
    }
}

/// The files below `dir`, without `.git`, sorted.
pub(crate) fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(at) = todo.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap() == ".git" {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                todo.push(path);
            } else {
                found.push(path.strip_prefix(dir).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// Hides what differs from run to run.
pub(crate) fn shown(error: &Error, hide: &[(&str, &str)]) -> String {
    assert!(!format!("{error:?}").contains("hunter2"), "a secret in {error:?}");
    hide.iter().fold(format!("{error:?}"), |text, (what, name)| text.replace(what, name))
}
