//! The logs of a run: a file for each task, with every line of its steps.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use runner::{Event, Observer, Plan, State};
use step::{Error, Result};

/// Where logs go.
pub(super) struct Logs {
    directory: PathBuf,
    files: Mutex<HashMap<String, File>>,
    /// The runs of tasks in which a step failed.
    failed: Mutex<BTreeSet<(String, Option<usize>)>>,
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
        Ok(Logs { directory, files: Mutex::default(), failed: Mutex::default() })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn before<'o>(&'o self, next: &'o dyn Observer) -> Tee<'o> {
        Tee { logs: self, next }
    }

    /// The last lines of a task that failed; of a matrix, those of each combination that did. The names of the logs come with
    /// them.
    pub(super) fn tails(&self, task: &str, count: usize) -> Vec<(String, Vec<String>)> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut labels: Vec<String> =
            failed.iter().filter(|(name, _)| name == task).map(|(name, index)| super::show::label(name, *index)).collect();
        if labels.is_empty() {
            labels.push(task.to_owned());
        }
        let tails = labels.into_iter().map(|label| {
            let lines = self.tail(&label, count);
            (label, lines)
        });
        tails.filter(|(_, lines)| !lines.is_empty()).collect()
    }

    /// The last lines of a log.
    fn tail(&self, task: &str, count: usize) -> Vec<String> {
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

    /// A line with its end: one call of the system for each.
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
            let _ = file.write_all(line.as_bytes());
        }
    }
}

impl Observer for Tee<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Line { task, index, step, text } => self.logs.write(task, *index, &format!("{step} | {text}\n")),
            Event::TaskRetried { task, index, attempt, message, .. } => {
                self.logs.write(task, *index, &format!("-- attempt {} failed: {message}\n", attempt + 1));
            }
            Event::StepFinished { task, index, state: State::Failed | State::TimedOut, .. } => {
                let mut failed = self.logs.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.insert(((*task).to_owned(), *index));
            }
            _ => {}
        }
        self.next.event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_matrix_the_combinations_that_failed_are_shown() {
        let directory = tempfile::tempdir().unwrap();
        let logs = Logs { directory: directory.path().to_owned(), files: Mutex::default(), failed: Mutex::default() };
        let tee = logs.before(&());
        for index in [Some(0), Some(1), None] {
            let task = if index.is_some() { "build" } else { "other" };
            for text in ["one", "two"] {
                tee.event(&Event::Line { task, index, step: "s", text });
            }
        }
        tee.event(&Event::StepFinished {
            task: "build",
            index: Some(1),
            step: "s",
            state: State::Failed,
            exit_code: Some(1),
            milliseconds: 1,
        });
        let tails = |task| logs.tails(task, 1);
        assert_eq!(tails("build"), [("build-1".to_owned(), vec!["s | two".to_owned()])]);
        assert_eq!(tails("other"), [("other".to_owned(), vec!["s | two".to_owned()])]);
        assert_eq!(tails("third"), []);
    }
}
