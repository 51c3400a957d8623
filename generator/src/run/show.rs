//! How a run looks: plain lines, JSON, and the summary at its end.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runner::{Event, Observer, State, Summary, TaskSummary};
use step::{Error, Result};

use super::logs::Logs;

/// So many last lines are shown of a task that failed.
const TAIL: usize = 10;

/// A line to standard error. Nobody needs to be told that it is closed.
pub(crate) fn say(text: &str) {
    // One call of the system, so that a line stays whole among those of others.
    let _ = std::io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// One line for what steps write, one for each change.
#[derive(Default)]
pub(super) struct Plain {
    /// Keeps lines whole.
    out: Mutex<()>,
}

impl Observer for Plain {
    fn event(&self, event: &Event<'_>) {
        if let Some(line) = line(event) {
            let _whole = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            say(&line);
        }
    }
}

/// What happened, for a person; steps' ends are not news where they went well.
pub(super) fn line(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Started { pipeline, run, .. } => format!("{pipeline}: started as {run}"),
        Event::TaskStarted { task, index, attempt: 0 } => format!("{}: started", label(task, *index)),
        Event::TaskStarted { task, index, attempt } => {
            format!("{}: started again (attempt {})", label(task, *index), attempt + 1)
        }
        Event::Line { task, index, step, text } => format!("{}/{step} | {text}", label(task, *index)),
        Event::StepFinished { task, index, step, state: state @ (State::Failed | State::TimedOut), exit_code, .. } => {
            let code = exit_code.map_or(String::new(), |code| format!(" with exit code {code}"));
            format!("{}/{step}: {}{code}", label(task, *index), word(*state))
        }
        Event::TaskRetried { task, index, message, .. } => {
            format!("{}: failed, and is tried again: {message}", label(task, *index))
        }
        Event::TaskSkipped { task, reason } => format!("{task}: skipped: {reason}"),
        Event::TaskFinished { task, state, reason, message, milliseconds, .. } => {
            let why = match (state, message.is_empty()) {
                (State::Succeeded, _) => String::new(),
                (_, true) => format!(": {reason}"),
                (_, false) => format!(": {reason}: {message}"),
            };
            format!("{task}: {} after {}{why}", word(*state), seconds(Duration::from_millis(*milliseconds)))
        }
        Event::Warning { message } => format!("warning: {message}"),
        Event::StepStarted { .. } | Event::StepFinished { .. } | Event::Finished { .. } => return None,
    })
}

/// Everything as JSON lines on standard output; steps' own lines go to standard error.
pub(super) struct Json {
    logs: PathBuf,
    out: Mutex<()>,
}

impl Json {
    pub(super) fn new(logs: &Path) -> Self {
        Json { logs: logs.to_owned(), out: Mutex::default() }
    }
}

impl Observer for Json {
    fn event(&self, event: &Event<'_>) {
        let _whole = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let event = match event {
            Event::Line { .. } => return line(event).iter().for_each(|line| say(line)),
            // The run's own directory goes with it; the logs stay.
            Event::Started { pipeline, run, tasks, .. } => {
                &Event::Started { pipeline, run, directory: &self.logs, tasks: tasks.clone() }
            }
            event => event,
        };
        if let Ok(json) = serde_json::to_string(event) {
            let _ = writeln!(std::io::stdout().lock(), "{}", step::redact::text(&json));
        }
    }
}

/// Every task with how it ended; of those that failed, the last lines.
pub(super) fn summary(summary: &Summary, logs: &Logs) -> String {
    let mut text = String::new();
    let failed = |task: &&TaskSummary| matches!(task.state, State::Failed | State::TimedOut);
    for task in summary.tasks.iter().filter(failed) {
        for (label, lines) in logs.tails(&task.task, TAIL) {
            let _ = writeln!(text, "\nlast lines of {label}:");
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
    }
    let width = summary.tasks.iter().map(|task| task.task.chars().count()).max().unwrap_or(0);
    text.push('\n');
    for task in &summary.tasks {
        let time = if task.duration.is_zero() { "-".to_owned() } else { seconds(task.duration) };
        let line = format!("{:width$}  {:9}  {time:>7}  {}", task.task, word(task.state), task.reason);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = write!(
        text,
        "{}{} after {}; logs: {}",
        word(summary.state),
        reason(summary),
        seconds(summary.duration),
        logs.directory().display()
    );
    step::redact::text(&text).into_owned()
}

/// Tekton's reason in brackets, where it says more than the state.
fn reason(summary: &Summary) -> String {
    match summary.reason.eq_ignore_ascii_case(word(summary.state)) {
        true => String::new(),
        false => format!(" ({})", summary.reason),
    }
}

/// The results as one JSON object.
pub(super) fn results(summary: &Summary) -> Result<String> {
    let json = serde_json::to_string(&summary.results).map_err(|e| Error::internal("cannot write results").because(e))?;
    Ok(step::redact::text(&json).into_owned())
}

/// `TASK`, or `TASK-INDEX` in a matrix.
pub(crate) fn label(task: &str, index: Option<usize>) -> String {
    index.map_or_else(|| task.to_owned(), |index| format!("{task}-{index}"))
}

pub(super) fn word(state: State) -> &'static str {
    match state {
        State::Succeeded => "succeeded",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
        State::TimedOut => "timed out",
        State::Skipped => "skipped",
    }
}

/// `0.4 s`, `12.0 s`, `3 m 05 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        whole => format!("{} m {:02} s", whole / 60, whole % 60),
    }
}
