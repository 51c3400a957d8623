//! A PipelineRun, and what its labels, conditions and results say.

use jiff::Timestamp;
use registry::{Digest, ImageRef};
use serde_json::Value;
use step::{Error, Result};

use crate::Event;

/// A PipelineRun as the cluster has it.
#[derive(Clone, Debug)]
pub(crate) struct Run(Value);

/// How a run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Succeeded { reason: String },
    Failed { reason: String, message: String },
}

/// Pipelines as Code says what has started a run, in the words of the forge: `pull_request`, `Merge_Request`, `push`,
/// `retest-all-comment`.
const EVENT_TYPE: &str = "pipelinesascode.tekton.dev/event-type";
/// The number of the merge request.
const PULL_REQUEST: &str = "pipelinesascode.tekton.dev/pull-request";

// === impl Run ===

impl Run {
    pub(crate) fn new(object: Value) -> Self {
        Run(object)
    }

    fn text<'v>(value: &'v Value, field: &str) -> &'v str {
        value[field].as_str().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        Run::text(&self.0["metadata"], "name")
    }

    pub(crate) fn uid(&self) -> &str {
        Run::text(&self.0["metadata"], "uid")
    }

    /// `namespace/name`.
    pub(crate) fn place(&self) -> String {
        format!("{}/{}", Run::text(&self.0["metadata"], "namespace"), self.name())
    }

    /// What sorts the newest last.
    pub(crate) fn age(&self) -> (String, String) {
        (Run::text(&self.0["metadata"], "creationTimestamp").to_owned(), self.name().to_owned())
    }

    /// What has started it, in the words of its labels; empty when they do not say.
    pub(crate) fn started_by(&self) -> &str {
        Run::text(&self.0["metadata"]["labels"], EVENT_TYPE)
    }

    /// Whether this may have started it; a run whose labels do not say may be started by anything.
    pub(crate) fn may_be_of(&self, event: Event) -> bool {
        let has_number = !Run::text(&self.0["metadata"]["labels"], PULL_REQUEST).is_empty();
        let word = self.started_by().to_ascii_lowercase();
        let is_push = word == "push" || word.starts_with("push_") || word.starts_with("tag");
        let is_request = !is_push && (has_number || word.contains("pull") || word.contains("merge"));
        match event {
            Event::Any => true,
            Event::MergeRequest => is_request || word.is_empty(),
            Event::Push => is_push || (word.is_empty() && !has_number),
        }
    }

    fn condition(&self) -> &Value {
        let conditions = self.0["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        conditions.iter().find(|condition| condition["type"] == "Succeeded").unwrap_or(&Value::Null)
    }

    /// How it has ended; `None` while it goes on. A run that is being cancelled goes on until its `finally` tasks have ended.
    pub(crate) fn end(&self) -> Option<End> {
        let condition = self.condition();
        let reason = Run::text(condition, "reason").to_owned();
        match Run::text(condition, "status") {
            "True" => Some(End::Succeeded { reason }),
            "False" => Some(End::Failed { reason, message: Run::text(condition, "message").to_owned() }),
            _ => None,
        }
    }

    /// How far it is, in Tekton's words.
    pub(crate) fn progress(&self) -> String {
        let condition = self.condition();
        match (Run::text(&self.0["spec"], "status"), Run::text(condition, "message"), Run::text(condition, "reason")) {
            ("PipelineRunPending", "", _) => "it waits to be started (PipelineRunPending)".to_owned(),
            (_, "", "") => "it has not begun".to_owned(),
            (_, "", reason) => reason.to_owned(),
            (_, message, _) => message.to_owned(),
        }
    }

    /// A result, without white space around it: what shell scripts write ends with a line break.
    fn result(&self, name: &str) -> Option<&str> {
        let status = &self.0["status"];
        let lists = ["results", "pipelineResults"].into_iter().filter_map(|list| status[list].as_array());
        let value = lists.flatten().find(|result| result["name"] == name)?;
        value["value"].as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// What is a result of somebody else's Pipeline is checked before it is one of ours.
    pub(crate) fn image_url(&self) -> Result<Option<String>> {
        let Some(text) = self.result("IMAGE_URL") else { return Ok(None) };
        text.parse::<ImageRef>().map_err(|error| self.bad("IMAGE_URL", error))?;
        Ok(Some(text.to_owned()))
    }

    pub(crate) fn image_digest(&self) -> Result<Option<String>> {
        let Some(text) = self.result("IMAGE_DIGEST") else { return Ok(None) };
        text.parse::<Digest>().map_err(|error| self.bad("IMAGE_DIGEST", error))?;
        Ok(Some(text.to_owned()))
    }

    fn bad(&self, name: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::bad_input(format!("the result {name} of the PipelineRun {} is wrong", self.place())).because(error)
    }

    /// From its start to its end, in seconds.
    pub(crate) fn duration(&self) -> Option<i64> {
        let time = |field: &str| Run::text(&self.0["status"], field).parse::<Timestamp>().ok();
        Some(time("completionTime")?.as_second() - time("startTime")?.as_second())
    }

    /// Its TaskRuns, by what it says itself: `name (task)`.
    pub(crate) fn children(&self) -> Vec<String> {
        let children = self.0["status"]["childReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
        children.iter().map(|child| format!("{} ({})", Run::text(child, "name"), Run::text(child, "pipelineTaskName"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_started_a_run() {
        for (labels, request, push) in [
            (json!({ EVENT_TYPE: "Merge_Request", PULL_REQUEST: "7" }), true, false),
            (json!({ EVENT_TYPE: "pull_request" }), true, false),
            (json!({ EVENT_TYPE: "retest-all-comment", PULL_REQUEST: "7" }), true, false),
            (json!({ EVENT_TYPE: "push" }), false, true),
            (json!({ EVENT_TYPE: "Push", PULL_REQUEST: "7" }), false, true),
            (json!({ EVENT_TYPE: "Tag_Push" }), false, true),
            (json!({ EVENT_TYPE: "incoming" }), false, false),
            (json!({ PULL_REQUEST: "7" }), true, false),
            (json!({}), true, true),
        ] {
            let run = Run::new(json!({ "metadata": { "labels": labels } }));
            assert_eq!((run.may_be_of(Event::MergeRequest), run.may_be_of(Event::Push)), (request, push), "{labels}");
            assert!(run.may_be_of(Event::Any));
        }
    }

    #[test]
    fn how_far_a_run_is() {
        let condition = |status: &str, reason: &str, message: &str| {
            json!({ "status": { "conditions": [
                { "type": "Other", "status": "False" },
                { "type": "Succeeded", "status": status, "reason": reason, "message": message },
            ] } })
        };
        let shown: Vec<String> = [
            json!({}),
            json!({ "spec": { "status": "PipelineRunPending" } }),
            condition("Unknown", "Started", ""),
            condition("Unknown", "CancelledRunFinally", "Tasks Completed: 1 (Failed: 0, Cancelled 1), Incomplete: 1, Skipped: 0"),
            condition("True", "Completed", "Tasks Completed: 2 (Failed: 0, Cancelled 0), Skipped: 1"),
            condition("False", "PipelineRunTimeout", "PipelineRun \"x\" failed to finish within \"1h0m0s\""),
        ]
        .map(Run::new)
        .iter()
        .map(|run| format!("{:?} {}", run.end(), run.progress()))
        .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        None it has not begun
        None it waits to be started (PipelineRunPending)
        None Started
        None Tasks Completed: 1 (Failed: 0, Cancelled 1), Incomplete: 1, Skipped: 0
        Some(Succeeded { reason: "Completed" }) Tasks Completed: 2 (Failed: 0, Cancelled 0), Skipped: 1
        Some(Failed { reason: "PipelineRunTimeout", message: "PipelineRun \"x\" failed to finish within \"1h0m0s\"" }) PipelineRun "x" failed to finish within "1h0m0s"
        "#);
    }
}
