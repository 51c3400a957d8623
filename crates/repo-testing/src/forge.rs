//! Bare repositories in a temporary directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A directory of bare repositories, removed when dropped.
#[derive(Debug)]
pub struct Forge(TempDir);

impl Default for Forge {
    fn default() -> Self {
        Forge::new()
    }
}

impl Forge {
    /// An empty one.
    pub fn new() -> Self {
        Forge(tempfile::tempdir().unwrap())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A bare repository `name` with one commit of `files` (path, content) on `branch`.
    pub fn create(&self, name: &str, branch: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = self.path().join(name);
        git(self.path(), &["init", "-q", "--bare", "-b", branch, name]);
        git(&path, &["config", "http.receivepack", "true"]);
        // Tidying up takes longer than most tests.
        git(&path, &["config", "receive.autogc", "false"]);
        git(&path, &["config", "core.fsync", "none"]);
        self.commit(name, branch, "first", files);
        path
    }

    /// Commits `files` on top of `branch` of `name`, as somebody else would, and gives the new commit's id.
    pub fn commit(&self, name: &str, branch: &str, message: &str, files: &[(&str, &str)]) -> String {
        let path = self.path().join(name);
        let work = tempfile::tempdir().unwrap();
        git(work.path(), &["clone", "-q", path.to_str().unwrap(), "."]);
        if git_ok(&path, &["rev-parse", "-q", "--verify", &format!("refs/heads/{branch}")]).is_some() {
            git(work.path(), &["checkout", "-q", "-B", branch, &format!("origin/{branch}")]);
        } else {
            git(work.path(), &["checkout", "-q", "-B", branch]);
        }
        for (file, content) in files {
            let file = work.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        git(work.path(), &["add", "-A"]);
        git(work.path(), &["commit", "-q", "--allow-empty", "-m", message]);
        // Straight into the objects and the reference: hooks are for the client under test.
        git(&path, &["fetch", "-q", work.path().to_str().unwrap(), &format!("+{branch}:refs/heads/{branch}")]);
        git(&path, &["rev-parse", &format!("refs/heads/{branch}")])
    }

    /// Puts an executable hook into `name`.
    pub fn hook(&self, name: &str, hook: &str, script: &str) {
        let path = self.path().join(name).join("hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The content of `file` at the head of `branch`.
    pub fn show(&self, name: &str, branch: &str, file: &str) -> Option<String> {
        git_ok(&self.path().join(name), &["show", &format!("refs/heads/{branch}:{file}")])
    }

    /// Fails unless every object of `name` is there and sound.
    pub fn fsck(&self, name: &str) {
        let path = self.path().join(name);
        git(&path, &["fsck", "--full", "--strict", "--no-dangling"]);
    }
}

/// Runs git in `dir` and gives what it prints, without the final line break. Panics when it fails.
pub fn git(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, args);
    assert!(output.status.success(), "git {args:?} in {}: {}", dir.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// As [`git`], but `None` when it fails.
pub fn git_ok(dir: &Path, args: &[&str]) -> Option<String> {
    let output = run(dir, args);
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn run(dir: &Path, args: &[&str]) -> Output {
    clean(&mut Command::new("git")).current_dir(dir).args(args).output().expect("these tests need the git binary")
}

/// Keeps the developer's own configuration out.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .envs([("GIT_AUTHOR_NAME", "Somebody"), ("GIT_AUTHOR_EMAIL", "somebody@example.com")])
        .envs([("GIT_COMMITTER_NAME", "Somebody"), ("GIT_COMMITTER_EMAIL", "somebody@example.com")])
}
