//! How a run has ended, as our exit code and one line.

use serde_json::{Map, Value};
use step::{Error, Kind, Result};

/// How a run, a TaskRun or a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Running,
    Succeeded,
    Failed,
}

/// Tekton's condition `Succeeded`: how it stands, why, and what a person reads about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition<'o> {
    pub(super) standing: Standing,
    pub(super) reason: &'o str,
    pub(super) message: &'o str,
}

// === impl Condition ===

impl<'o> Condition<'o> {
    pub(super) fn of(object: &'o Value) -> Self {
        let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let condition = conditions.iter().find(|condition| condition["type"] == "Succeeded").unwrap_or(&Value::Null);
        let standing = match condition["status"].as_str() {
            Some("True") => Standing::Succeeded,
            Some("False") => Standing::Failed,
            _ => Standing::Running,
        };
        Condition { standing, reason: text(&condition["reason"]), message: text(&condition["message"]) }
    }
}

/// A run's results by name, in their order.
pub(super) fn results(run: &Value) -> Value {
    let results = run["status"]["results"].as_array().into_iter().flatten();
    Value::Object(results.map(|result| (text(&result["name"]).to_owned(), result["value"].clone())).collect::<Map<_, _>>())
}

/// What the bounded result ERROR of a TaskRun says.
pub(super) fn error_result(task_run: &Value) -> Option<&str> {
    let mut results = task_run["status"]["results"].as_array().into_iter().flatten();
    results.find(|result| result["name"] == "ERROR").map(|result| text(&result["value"])).filter(|text| !text.is_empty())
}

/// The end of a run. The first task that failed for good says why, with its step's exit code if that is one of ours.
pub(super) fn of(run: &Value, task_runs: &[Value], place: &str) -> Result<()> {
    let condition = Condition::of(run);
    if condition.standing == Standing::Succeeded {
        return Ok(());
    }
    let name = text(&run["metadata"]["name"]);
    let fail = |kind: Kind, what: String| {
        // What a step says may have a hint of its own.
        let error = match what.split_once("; hint: ") {
            Some((what, hint)) => Error::new(kind, what).hint(hint),
            None => Error::new(kind, what),
        };
        Err(error.hint(format!("`kubectl describe pipelinerun {name} -n {place}` says more")))
    };
    match word(condition) {
        "cancelled" => return fail(Kind::Cancelled, format!("{name} was cancelled: {}", condition.message)),
        "timed out" => return fail(Kind::TimedOut, format!("{name} timed out: {}", condition.message)),
        _ => {}
    }
    let mut failed: Vec<&Value> = task_runs.iter().filter(|task| is_failure(task)).collect();
    failed.sort_by_key(|task| text(&task["status"]["completionTime"]));
    let Some(first) = failed.first() else {
        return fail(without_tasks(condition.reason), format!("{name} failed: {}: {}", condition.reason, condition.message));
    };
    let task = text(&first["metadata"]["labels"]["tekton.dev/pipelineTask"]);
    let own = Condition::of(first);
    let why = match error_result(first) {
        Some(error) => error.lines().next().unwrap_or_default(),
        None if own.message.is_empty() => own.reason,
        None => own.message,
    };
    fail(kind_of(first), format!("the task {task} of {name} failed: {why}"))
}

/// How a run or TaskRun has ended, in a word or two.
pub(super) fn word(condition: Condition<'_>) -> &'static str {
    match (condition.standing, condition.reason) {
        (Standing::Succeeded, _) => "succeeded",
        (_, "Cancelled" | "CancelledRunFinally" | "StoppedRunFinally" | "TaskRunCancelled") => "cancelled",
        (_, "PipelineRunTimeout" | "TaskRunTimeout") => "timed out",
        _ => "failed",
    }
}

fn is_failure(task: &Value) -> bool {
    let condition = Condition::of(task);
    condition.standing == Standing::Failed && !matches!(condition.reason, "FailureIgnored" | "TaskRunCancelled")
}

/// What a failed TaskRun's exit code is.
fn kind_of(task: &Value) -> Kind {
    match Condition::of(task).reason {
        "TaskRunTimeout" => return Kind::TimedOut,
        // Its steps have a code, and never ran.
        "TaskRunImagePullFailed" => return Kind::Remote,
        _ => {}
    }
    let steps = task["status"]["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed = steps.iter().find(|step| {
        let has_failed = step["terminated"]["exitCode"].as_u64().is_some_and(|code| code != 0);
        // A code says something of a step that ran and was not let pass; those without reasons are of an older Tekton.
        has_failed && matches!(step["terminationReason"].as_str(), None | Some("Error" | "TimeoutExceeded"))
    });
    let Some(failed) = failed else { return Kind::Remote };
    if failed["terminationReason"] == "TimeoutExceeded" {
        return Kind::TimedOut;
    }
    let code = failed["terminated"]["exitCode"].as_u64().unwrap_or_default();
    Kind::ALL.into_iter().find(|kind| u64::from(kind.code()) == code && *kind != Kind::Cancelled).unwrap_or(Kind::Remote)
}

/// Why a run fails of which no task has failed: what it is made of is wrong, or not there.
fn without_tasks(reason: &str) -> Kind {
    match reason {
        "CouldntGetPipeline" | "CouldntGetTask" | "CouldntGetTaskRun" => Kind::NotFound,
        "CreateRunFailed" | "Failed" | "PipelineRunCouldntCancel" => Kind::Remote,
        _ => Kind::BadInput,
    }
}

/// A text, or none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(reason: &str) -> Value {
        let status = if reason == "Succeeded" || reason == "Completed" { "True" } else { "False" };
        json!({
            "metadata": { "name": "r-1" },
            "status": { "conditions": [{ "type": "Succeeded", "status": status, "reason": reason, "message": "told" }] },
        })
    }

    fn task(name: &str, time: &str, reason: &str, steps: Value) -> Value {
        json!({
            "metadata": { "labels": { "tekton.dev/pipelineTask": name } },
            "status": {
                "completionTime": time, "steps": steps,
                "conditions": [{ "type": "Succeeded", "status": "False", "reason": reason, "message": "\"step-a\" exited" }],
            },
        })
    }

    fn exited(code: u8, reason: &str) -> Value {
        json!({ "terminationReason": reason, "terminated": { "exitCode": code } })
    }

    #[test]
    fn exit_codes_are_the_contract() {
        let mut with_error = task("a", "2", "Failed", json!([exited(4, "Error")]));
        with_error["status"]["results"] = json!([{ "name": "ERROR", "value": "no such branch; hint: push it\ndetails" }]);
        let cases: Vec<(Value, Vec<Value>)> = vec![
            (run("Succeeded"), vec![]),
            (run("Completed"), vec![task("a", "1", "FailureIgnored", json!([exited(3, "Error")]))]),
            (run("Cancelled"), vec![task("a", "1", "TaskRunCancelled", json!([]))]),
            (run("CancelledRunFinally"), vec![]),
            (run("PipelineRunTimeout"), vec![task("a", "1", "TaskRunTimeout", json!([]))]),
            (run("Failed"), vec![with_error.clone()]),
            // The first in time counts, not the first in the list.
            (run("Failed"), vec![with_error, task("b", "1", "Failed", json!([exited(6, "Error")]))]),
            (run("Failed"), vec![task("a", "1", "Failed", json!([exited(127, "Error")]))]),
            (run("Failed"), vec![task("a", "1", "Failed", json!([exited(143, "Error")]))]),
            (
                run("Failed"),
                vec![task("a", "1", "Failed", json!([exited(3, "Continued"), exited(5, "Error"), exited(1, "Skipped")]))],
            ),
            (run("Failed"), vec![task("a", "1", "Failed", json!([exited(1, "TimeoutExceeded")]))]),
            (run("Failed"), vec![task("a", "1", "TaskRunTimeout", json!([exited(1, "Error")]))]),
            (run("Failed"), vec![task("a", "1", "TaskRunImagePullFailed", json!([{ "terminated": { "exitCode": 1 } }]))]),
            (run("CouldntGetTask"), vec![]),
            (run("ParameterMissing"), vec![]),
        ];
        let shown: Vec<String> = cases
            .iter()
            .map(|(run, tasks)| match of(run, tasks, "demo") {
                Ok(()) => "0".to_owned(),
                Err(error) => format!("{} {error}", error.kind().code()),
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        0
        0
        143 r-1 was cancelled: told
        143 r-1 was cancelled: told
        8 r-1 timed out: told
        4 the task a of r-1 failed: no such branch
        6 the task b of r-1 failed: "step-a" exited
        7 the task a of r-1 failed: "step-a" exited
        7 the task a of r-1 failed: "step-a" exited
        5 the task a of r-1 failed: "step-a" exited
        8 the task a of r-1 failed: "step-a" exited
        8 the task a of r-1 failed: "step-a" exited
        7 the task a of r-1 failed: "step-a" exited
        5 r-1 failed: CouldntGetTask: told
        3 r-1 failed: ParameterMissing: told
        "#);
    }

    #[test]
    fn results_keep_their_order_and_types() {
        let run = json!({ "status": { "results": [
            { "name": "z", "value": "1" }, { "name": "a", "value": ["x"] }, { "name": "m", "value": { "k": "v" } },
        ]}});
        assert_eq!(results(&run).to_string(), r#"{"z":"1","a":["x"],"m":{"k":"v"}}"#);
        assert_eq!(results(&json!({})).to_string(), "{}");
    }
}
