//! What `stepwright run` does, from its events.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Case, Told, stepwright};

/// A run of a task: one, or one of a matrix.
#[derive(Default)]
struct Run {
    attempts: usize,
    /// Of the last attempt: names and exit codes.
    steps: Vec<String>,
}

/// Runs it, and tells.
pub(crate) fn told(case: &Case) -> Told {
    let home = tempfile::tempdir().unwrap();
    let output = stepwright(home.path()).arg("run").arg(&case.file).args(["--output", "json"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = events.iter().find(|event| event["event"] == "finished");
    let last = last.unwrap_or_else(|| panic!("{} did not run: {}", case.name, String::from_utf8_lossy(&output.stderr)));
    let mut told = Told { run: format!("{} {}", text(&last["reason"]), last["results"]), ..Told::default() };
    // Attempts and steps of each task, by the index of its matrix.
    let mut runs: BTreeMap<(&str, Option<u64>), Run> = BTreeMap::new();
    for event in &events {
        let key = (text(&event["task"]), event["index"].as_u64());
        match text(&event["event"]) {
            "task-started" => {
                let run = runs.entry(key).or_default();
                run.attempts += 1;
                run.steps.clear();
            }
            "step-finished" => {
                let run = runs.entry(key).or_default();
                run.steps.extend(event["exit-code"].as_i64().map(|code| format!("{}={code}", text(&event["step"]))));
            }
            "task-skipped" => drop(told.tasks.insert(key.0.to_owned(), format!("skipped, {}", text(&event["reason"])))),
            "task-finished" => {
                // One that could not even start has no TaskRun.
                let own: Vec<_> = runs.iter().filter(|((task, _), _)| *task == key.0).collect();
                if own.is_empty() {
                    continue;
                }
                let reason = match own.iter().any(|((_, index), _)| index.is_some()) {
                    // Tekton has a reason for each run of a matrix, and none for all of them.
                    true if event["state"] == "succeeded" => "all of a matrix succeeded",
                    true => "one of a matrix failed",
                    false => text(&event["reason"]),
                };
                told.tasks.insert(key.0.to_owned(), format!("{reason} {}", event["results"]));
                for ((task, index), Run { attempts, steps }) in own {
                    let index = index.map_or(String::new(), |index| format!("-{index}"));
                    let steps = if is_stopped(text(&event["reason"])) { "stopped".to_owned() } else { steps.join(", ") };
                    told.tasks.insert(format!("{task}{index}, attempt {attempts}"), steps);
                }
            }
            _ => {}
        }
    }
    let at = |kind: &str, task: &str| events.iter().position(|event| event["event"] == kind && event["task"] == task);
    for (before, after) in case.order() {
        if let (Some(ended), Some(began)) = (at("task-finished", &before), at("task-started", &after)) {
            told.order.insert(format!("{before} before {after}"), ended < began);
        }
    }
    told
}

/// The steps of what was stopped have no exit codes that mean anything.
pub(crate) fn is_stopped(reason: &str) -> bool {
    ["TaskRunTimeout", "TaskRunCancelled"].contains(&reason)
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
