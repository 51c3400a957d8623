//! Rules about the tasks of a Pipeline by themselves: what they run.

use super::levels::{Feature, require};
use super::{Rule, ToldBy};
use crate::check::{Cx, PipelineTaskView, PipelineView};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::{EmbeddedTask, OnError, PipelineSpec, PipelineTask, TaskRef};

pub(super) static RULES: &[&Rule] = &[&EMPTY_PIPELINE, &CUSTOM_TASK, &CONTINUE_AFTER_RETRIES];

/// Nothing to run.
static EMPTY_PIPELINE: Rule = Rule {
    name: "empty-pipeline",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A Pipeline has tasks.",
    explanation: "Those in `finally` come after others, so there have to be others.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  finally:
  - name: tell
    taskSpec:
      steps:
      - image: example.com/tell:1
        command: [/tell]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: tell
    taskSpec:
      steps:
      - image: example.com/tell:1
        command: [/tell]
",
    check: Some(empty_pipeline),
};

fn empty_pipeline(cx: &Cx<'_>, report: &mut Report<'_>) {
    for PipelineView { spec, place, .. } in cx.pipelines() {
        if *spec == PipelineSpec::default() {
            report.at(&EMPTY_PIPELINE, place, "there is nothing in the Pipeline").hint("give it tasks");
        } else if spec.tasks.is_empty() && !spec.finally.is_empty() {
            let message = "the Pipeline has tasks in finally and none before them";
            report.at(&EMPTY_PIPELINE, place.name_of("finally"), message).hint("move them into tasks");
        }
    }
}

/// What something other than Tekton runs.
static CUSTOM_TASK: Rule = Rule {
    name: "custom-task",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A custom task has a `kind` and an `apiVersion` of the form `group/version`, and no steps.",
    explanation: "A task with a `kind` other than Task, or with an `apiVersion`, is carried out by the controller of that kind. A Task of Tekton's has neither.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: approve
    taskRef:
      apiVersion: v1
      kind: ApprovalTask
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: approve
    taskRef:
      apiVersion: openshift-pipelines.org/v1alpha1
      kind: ApprovalTask
",
    check: Some(custom_task),
};

/// Whether something other than Tekton runs the task; its reference and its spec are then not Tekton's to check.
pub(super) fn is_custom(task: &PipelineTask) -> bool {
    let is_custom = |kind: Option<&str>, version: Option<&str>| {
        !matches!(kind.unwrap_or_default(), "" | "Task") || !version.unwrap_or_default().is_empty()
    };
    (task.task_ref.iter()).any(|reference| is_custom(reference.kind.as_deref(), reference.api_version.as_deref()))
        || (task.task_spec.iter()).any(|embedded| is_custom(embedded.kind.as_deref(), embedded.api_version.as_deref()))
}

/// What not every cluster allows.
fn levels(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (_, PipelineTaskView { task, place, .. }) in cx.pipeline_tasks() {
        for (key, is_given) in [("pipelineRef", task.pipeline_ref.is_some()), ("pipelineSpec", task.pipeline_spec.is_some())] {
            if is_given {
                require(cx, Feature::ALPHA, "Pipelines in Pipelines", place.name_of(key), report);
            }
        }
        if task.on_error.is_some() {
            require(cx, Feature::BETA, "tasks with onError", place.name_of("onError"), report);
        }
    }
}

fn custom_task(cx: &Cx<'_>, report: &mut Report<'_>) {
    levels(cx, report);
    for (index, pipeline) in cx.pipelines().enumerate() {
        for PipelineTaskView { task, place, .. } in pipeline.tasks().filter(|view| is_custom(view.task)) {
            if let Some(TaskRef { kind, api_version, resolver, .. }) = &task.task_ref {
                // Tekton takes a missing kind for Task, but not where a resolver is, nor in a Pipeline in a Pipeline.
                let may_lack_kind = resolver.as_deref().unwrap_or_default().is_empty() && index == 0;
                let kind = kind.as_deref().filter(|kind| !kind.is_empty()).or(may_lack_kind.then_some("Task"));
                group_and_version(kind, api_version.as_deref(), place.key("taskRef"), report);
            }
            if let Some(EmbeddedTask { kind, api_version, .. }) = &task.task_spec {
                group_and_version(kind.as_deref(), api_version.as_deref(), place.key("taskSpec"), report);
            }
        }
        for PipelineTaskView { task, place, .. } in pipeline.tasks() {
            let Some(embedded) = task.task_spec.as_ref().filter(|embedded| !embedded.task.steps.is_empty()) else { continue };
            for (key, value) in [("apiVersion", &embedded.api_version), ("kind", &embedded.kind)] {
                if value.as_ref().is_some_and(|value| !value.is_empty()) {
                    let message = format!("a taskSpec with steps has no {key}");
                    report.at(&CUSTOM_TASK, place.key("taskSpec").name_of(key), message).hint("leave it out");
                }
            }
        }
    }
}

fn group_and_version(kind: Option<&str>, version: Option<&str>, place: Place<'_>, report: &mut Report<'_>) {
    let (kind, version) = (kind.unwrap_or_default(), version.unwrap_or_default());
    if kind.is_empty() {
        report
            .at(&CUSTOM_TASK, place.key("apiVersion"), "a custom task needs a kind")
            .hint("name the kind of the object that runs it");
    }
    if version.is_empty() {
        let message = format!("{kind:?} is no kind of Tekton's, and a custom task needs an apiVersion");
        let hint = "write `kind: Task`, or the apiVersion of the custom task, like example.com/v1";
        report.at(&CUSTOM_TASK, place.key("kind"), message).hint(hint);
    } else if !matches!(version.split('/').collect::<Vec<_>>()[..], [group, version] if !group.is_empty() && !version.is_empty())
    {
        let message = format!("{version:?} is not a group and a version");
        report.at(&CUSTOM_TASK, place.key("apiVersion"), message).hint("write it like example.com/v1; for a Task leave it out");
    }
}

/// What to do about a failure, twice.
static CONTINUE_AFTER_RETRIES: Rule = Rule {
    name: "continue-after-retries",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A task with `onError: continue` has no `retries`.",
    explanation: "Its failure either does not matter, or is a reason to try again.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    onError: continue
    retries: 2
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    onError: continue
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    check: Some(continue_after_retries),
};

fn continue_after_retries(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (_, PipelineTaskView { task, place, .. }) in cx.pipeline_tasks() {
        if task.on_error == Some(OnError::Continue) && task.retries > 0 {
            let message = format!("{:?} is tried again and may fail", task.name());
            report.at(&CONTINUE_AFTER_RETRIES, place.name_of("retries"), message).hint("leave out either retries or onError");
        }
    }
}
