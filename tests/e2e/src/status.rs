//! What PipelineRuns and TaskRuns say when they have ended.

use serde_json::Value;

/// A result of a run.
pub fn result<'r>(run: &'r Value, name: &str) -> &'r str {
    let results = run["status"]["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = results.iter().find(|result| result["name"] == name).unwrap_or_else(|| panic!("no {name} in {run:#}"));
    found["value"].as_str().unwrap()
}

/// The exit code of a TaskRun's step.
pub fn exit_code(task_run: &Value) -> &Value {
    &task_run["status"]["steps"][0]["terminated"]["exitCode"]
}

/// Whether a run came to a good end.
pub fn succeeded(run: &Value) -> bool {
    run["status"]["conditions"][0]["status"] == "True"
}
