//! What the tests share: running `stepwright`, and looking at what it left.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use tests::{Sample, git, make_sample};

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The snapshot form: exit code, standard output, standard error.
impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit code: {}", self.code)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(f, "----- {name}\n{text}")?;
            }
        }
        Ok(())
    }
}

/// The last line of standard error, which says what happened and what to do.
impl Ran {
    pub(crate) fn last_line(&self) -> &str {
        self.stderr.trim_end().rsplit('\n').next().unwrap_or_default()
    }

    /// A result, from the JSON object on standard output.
    pub(crate) fn result(&self, name: &str) -> String {
        let results: BTreeMap<String, String> = serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self}"));
        results.get(name).unwrap_or_else(|| panic!("no result {name}: {self}")).clone()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// `stepwright` with `args`, in an environment that holds nothing of the one who runs the tests.
pub(crate) fn command(args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepwright-under-test"));
    command.args(args).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command
}

pub(crate) fn stepwright(args: &[impl AsRef<OsStr>]) -> Ran {
    command(args).output().unwrap().into()
}

/// The sample, in a directory of its own that goes with it.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) sample: Sample,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sample = make_sample(dir.path()).unwrap();
        Bench { dir, sample }
    }

    /// `remove-operators` on the sample's directory.
    pub(crate) fn in_directory(&self, args: &[&str]) -> Ran {
        self.run("remove-operators", &[&format!("--source={}", self.sample.work.display())], args)
    }

    /// `remove-operators` on the sample's repository, branch `main` unless `args` say otherwise.
    pub(crate) fn on_branch(&self, args: &[&str]) -> Ran {
        let url = format!("--git-url=file://{}", self.sample.repository.display());
        let named = args.iter().any(|arg| arg.starts_with("--branch="));
        let branch = if named { "--log-level=info" } else { "--branch=main" };
        self.run("remove-operators", &[&url, branch], args)
    }

    pub(crate) fn validate(&self, dir: &Path) -> Ran {
        self.run("validate-catalog", &[&format!("--source={}", dir.display())], &[])
    }

    /// A step; its output with this bench's directory written as `[DIR]` and commits as `[COMMIT]`.
    pub(crate) fn run(&self, step: &str, first: &[&str], args: &[&str]) -> Ran {
        let all = [&["step", step][..], first, args].concat();
        let mut ran = stepwright(&all);
        for text in [&mut ran.stdout, &mut ran.stderr] {
            *text = self.without_paths(text);
        }
        ran
    }

    pub(crate) fn without_paths(&self, text: &str) -> String {
        let real = self.dir.path().canonicalize().unwrap();
        without_commits(&text.replace(&*real.to_string_lossy(), "[DIR]").replace(&*self.dir.path().to_string_lossy(), "[DIR]"))
    }

    /// The head of `branch` in the sample's repository.
    pub(crate) fn head(&self, branch: &str) -> String {
        git(&self.sample.repository, &["rev-parse", &format!("refs/heads/{branch}")]).unwrap()
    }

    /// `git` in the sample's repository.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.sample.repository, args).unwrap()
    }

    /// Everything below the bench's directory but Git's own files.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files(&self.sample.work)
    }
}

/// Commit ids as `[COMMIT]`.
fn without_commits(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(start);
        let hex = from.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(from.len());
        clean.push_str(before);
        clean.push_str(if hex == 40 { "[COMMIT]" } else { &from[..hex] });
        rest = &from[hex..];
    }
    clean + rest
}

/// Every file below `dir` with its content.
pub(crate) fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            } else {
                let content = std::fs::read(&path).unwrap_or_default();
                found.insert(path.strip_prefix(dir).unwrap().to_owned(), content);
            }
        }
    }
    found
}
