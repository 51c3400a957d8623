//! Why a run has failed: the TaskRun that did, and the last lines of its log, as far as we may read them.

use std::collections::VecDeque;

use cluster::{Cluster, Resource};
use serde_json::Value;
use step::{Error, Kind};

use crate::run::Run;

/// So many lines of a log are shown.
const LINES: usize = 20;
/// A longer line is cut, in characters.
const LONGEST_LINE: usize = 400;

/// A run that has ended without success, as an error.
pub(crate) fn of(cluster: &Cluster, run: &Run, reason: &str, message: &str) -> Error {
    let place = format!("the PipelineRun {}", run.place());
    let message = plain(message);
    let (kind, text, hint) = match reason {
        "Cancelled" | "CancelledRunFinally" | "StoppedRunFinally" | "PipelineRunCancelled" => {
            (Kind::Remote, format!("{place} was cancelled: {message}"), "somebody has cancelled it; run again")
        }
        "PipelineRunTimeout" => {
            (Kind::TimedOut, format!("{place} took longer than its own timeout: {message}"), "raise `timeouts` there")
        }
        _ => (Kind::Remote, format!("{place} has failed ({reason}): {message}"), "mend what its log shows, and run again"),
    };
    Error::new(kind, text).hint(hint).details(details(cluster, run))
}

fn details(cluster: &Cluster, run: &Run) -> String {
    let task_runs = match cluster.list(&Resource::TASK_RUNS, &format!("tekton.dev/pipelineRun={}", run.name())) {
        Ok(task_runs) => task_runs,
        Err(error) => {
            let children = run.children();
            let those = if children.is_empty() { String::new() } else { format!("its TaskRuns are {}; ", children.join(", ")) };
            return format!("{those}which of them failed cannot be shown: {}", with_hint(&error));
        }
    };
    // Those that were cancelled are what follows from the failure, and ended after it.
    let mut failed: Vec<&Value> = task_runs.iter().filter(|task_run| condition(task_run)["status"] == "False").collect();
    failed.sort_by_key(|task_run| {
        let is_cancelled = condition(task_run)["reason"] == "TaskRunCancelled";
        (is_cancelled, text(&task_run["status"], "completionTime").to_owned())
    });
    let Some(first) = failed.first() else { return String::new() };
    let (name, task) = (text(&first["metadata"], "name"), text(&first["metadata"]["labels"], "tekton.dev/pipelineTask"));
    let mut shown = format!("the TaskRun {name} ({task}) has failed: {}", plain(text(condition(first), "message")));
    shown.push_str(&log(cluster, first));
    let others: Vec<&str> = failed[1..].iter().map(|task_run| text(&task_run["metadata"], "name")).collect();
    if !others.is_empty() {
        shown.push_str(&format!("\nafter it: {}", others.join(", ")));
    }
    shown
}

/// The last lines of the step that failed.
fn log(cluster: &Cluster, task_run: &Value) -> String {
    let status = &task_run["status"];
    let steps = status["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has_failed = |step: &&Value| step["terminated"]["exitCode"].as_i64().is_some_and(|code| code != 0);
    let (Some(step), pod) = (steps.iter().find(has_failed), text(status, "podName")) else { return String::new() };
    let (name, container) = (text(step, "name"), text(step, "container"));
    if pod.is_empty() || container.is_empty() {
        return String::new();
    }
    let mut last = VecDeque::new();
    for line in cluster.logs(pod, container) {
        match line {
            Ok(line) => last.push_back(plain(&line)),
            Err(error) => return format!("\nthe log of its step {name} cannot be shown: {}", with_hint(&error)),
        }
        if last.len() > LINES {
            last.pop_front();
        }
    }
    if last.is_empty() {
        return format!("\nthe log of its step {name} is empty, or gone with its pod");
    }
    let lines: Vec<String> = last.iter().map(|line| format!("  {line}")).collect();
    format!("\nthe last lines of its step {name}:\n{}", lines.join("\n"))
}

fn with_hint(error: &Error) -> String {
    error.hint_text().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
}

fn condition(task_run: &Value) -> &Value {
    let conditions = task_run["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().find(|condition| condition["type"] == "Succeeded").unwrap_or(&Value::Null)
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

/// What others say, on one line and without what moves a cursor. Masked before it is cut, since half a secret is not recognised.
fn plain(text: &str) -> String {
    let text = step::redact::text(text.trim_end());
    let mut line: String = text.chars().take(LONGEST_LINE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST_LINE).is_some() {
        line.push('…');
    }
    line
}
