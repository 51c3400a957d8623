//! The logs of a run: a file for each task, with every line of its steps.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use runner::{Event, Observer, Plan};
use step::{Error, Result};

/// Where logs go.
pub(super) struct Logs {
    directory: PathBuf,
    files: Mutex<HashMap<String, File>>,
}

/// Writes logs, and passes everything on.
pub(super) struct Tee<'o> {
    logs: &'o Logs,
    next: &'o dyn Observer,
}

impl Logs {
    pub(super) fn new(directory: Option<PathBuf>, plan: &Plan) -> Result<Self> {
        let directory = match directory {
            Some(directory) => {
                std::fs::create_dir_all(&directory)
                    .map_err(|e| Error::io(format_args!("cannot make {}", directory.display()), e))?;
                directory
            }
            None => {
                let prefix = format!("stepwright-{}-", plan.pipeline);
                let made = tempfile::Builder::new().prefix(&prefix).tempdir();
                made.map_err(|e| Error::io("cannot make a directory for logs", e))?.keep()
            }
        };
        Ok(Logs { directory, files: Mutex::default() })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn before<'o>(&'o self, next: &'o dyn Observer) -> Tee<'o> {
        Tee { logs: self, next }
    }

    /// The last lines of a task's log.
    pub(super) fn tail(&self, task: &str, count: usize) -> Vec<String> {
        let Ok(file) = File::open(self.path(task)) else { return Vec::new() };
        let mut last = std::collections::VecDeque::with_capacity(count);
        for line in BufReader::new(file).lines().map_while(Result::ok) {
            if last.len() == count {
                last.pop_front();
            }
            last.push_back(line);
        }
        last.into()
    }

    fn path(&self, task: &str) -> PathBuf {
        self.directory.join(format!("{task}.log"))
    }

    fn write(&self, task: &str, index: Option<usize>, line: &str) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let label = super::show::label(task, index);
        if !files.contains_key(&label) {
            match File::create(self.path(&label)) {
                Ok(file) => drop(files.insert(label.clone(), file)),
                // A log that cannot be written keeps no run from going on; its lines are shown all the same.
                Err(_) => return,
            }
        }
        if let Some(file) = files.get_mut(&label) {
            let _ = writeln!(file, "{line}");
        }
    }
}

impl Observer for Tee<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Line { task, index, step, text } => self.logs.write(task, *index, &format!("{step} | {text}")),
            Event::TaskRetried { task, index, attempt, message, .. } => {
                self.logs.write(task, *index, &format!("-- attempt {} failed: {message}", attempt + 1));
            }
            _ => {}
        }
        self.next.event(event);
    }
}
