//! `stepwright start`, as people run it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::{Bed, Namespace, PATIENCE};

/// It runs. Dropped before its end it is killed.
#[derive(Debug)]
pub struct Started {
    /// What the run is called.
    pub name: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: Option<JoinHandle<String>>,
}

/// It has ended.
#[derive(Debug)]
pub struct Ended {
    /// What the run was called.
    pub name: String,
    /// The exit code.
    pub code: i32,
    /// The results, by name.
    pub results: Value,
    /// What it has told.
    pub told: String,
}

// === impl Namespace ===

impl Namespace {
    /// Starts a run with the catalog's account, and follows it to its end.
    pub fn start(&self, args: &[&str]) -> Ended {
        self.spawn(args).wait()
    }

    /// As [`Namespace::start`], but gives it when the run is created.
    pub fn spawn(&self, args: &[&str]) -> Started {
        let timeout = format!("{}s", PATIENCE.as_secs());
        let mut child = Command::new(&Bed::get().stepwright)
            .arg("start")
            .args(args)
            .args(["-n", self.name(), "-s", stepwright::catalog::ACCOUNT, "--timeout", &timeout])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut started = Started { name: String::new(), child, stdout, stderr: Some(stderr) };
        started.stdout.read_line(&mut started.name).unwrap();
        started.name.truncate(started.name.trim_end().len());
        started
    }
}

// === impl Started ===

impl Started {
    /// What Ctrl-C does.
    pub fn interrupt(&self) {
        let killed = Command::new("/bin/kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Its end.
    pub fn wait(mut self) -> Ended {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let told = self.stderr.take().unwrap().join().unwrap();
        let results = if rest.is_empty() { Value::Null } else { serde_json::from_str(&rest).unwrap() };
        Ended { name: std::mem::take(&mut self.name), code, results, told }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === impl Ended ===

impl Ended {
    /// Fails unless it ended with this code.
    #[must_use]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{} told:\n{}", self.name, self.told);
        self
    }

    /// A result.
    pub fn result(&self, name: &str) -> &str {
        self.results[name].as_str().unwrap_or_else(|| panic!("there is no {name} in {}; told:\n{}", self.results, self.told))
    }
}
