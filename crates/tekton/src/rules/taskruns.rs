//! Rules about a TaskRun, and about a StepAction, that hold for nothing else.

use super::levels::{Feature, require};
use super::references::found;
use super::run::RUN_STATUS;
use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::{TaskRun, TaskRunSpec};

pub(super) static RULES: &[&Rule] = &[&TASK_RUN_RESOURCES, &BREAKPOINTS, &STEP_ACTION_PARAM];

fn task_run<'a>(cx: &Cx<'a>) -> Option<(&'a TaskRun, &'a TaskRunSpec, Place<'a>)> {
    match cx.object {
        Object::TaskRun(run) => Some((run, &run.spec, cx.place.key("spec"))),
        _ => None,
    }
}

const STATUSES: [&str; 2] = ["TaskRunCancelled", "TaskRunPending"];

/// Reports a wish that there is not.
pub(super) fn status(cx: &Cx<'_>, report: &mut Report<'_>) {
    let Some((run, spec, place)) = task_run(cx) else { return };
    let status = spec.status.as_deref().unwrap_or_default();
    if !status.is_empty() && !STATUSES.contains(&status) {
        let otherwise = format!("there is: {}", STATUSES.join(", "));
        let message = format!("there is no status {status:?}");
        report.at(&RUN_STATUS, place.key("status"), message).did_you_mean(status, STATUSES, &otherwise);
    }
    if status.is_empty() && spec.status_message.as_deref().is_some_and(|message| !message.is_empty()) {
        let message = "the TaskRun has a statusMessage and no status";
        report.at(&RUN_STATUS, place.name_of("statusMessage"), message).hint("add: status: TaskRunCancelled");
    }
    let has_started = run.status.as_ref().and_then(|status| status.get("startTime")).is_some_and(|time| !time.is_null());
    if status == "TaskRunPending" && has_started {
        let message = "the TaskRun is to wait and has started";
        report.at(&RUN_STATUS, place.key("status"), message).hint("leave out the status that Tekton has written");
    }
}

/// Requests that contradict each other.
static TASK_RUN_RESOURCES: Rule = Rule {
    name: "task-run-resources",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A TaskRun has requests for its steps or for the whole pod, and says for which steps.",
    explanation: "With computeResources Tekton gives every container its share of the whole.",
    bad: "\
apiVersion: tekton.dev/v1
kind: TaskRun
metadata:
  generateName: build-
spec:
  computeResources:
    requests:
      memory: 2Gi
  stepSpecs:
  - name: compile
    computeResources:
      requests:
        memory: 1Gi
  taskSpec:
    steps:
    - name: compile
      image: example.com/make:1
      command: [/make]
",
    good: "\
apiVersion: tekton.dev/v1
kind: TaskRun
metadata:
  generateName: build-
spec:
  stepSpecs:
  - name: compile
    computeResources:
      requests:
        memory: 1Gi
  taskSpec:
    steps:
    - name: compile
      image: example.com/make:1
      command: [/make]
",
    check: Some(task_run_resources),
};

fn task_run_resources(cx: &Cx<'_>, report: &mut Report<'_>) {
    let Some((_, spec, place)) = task_run(cx) else { return };
    for (specs, key) in [(&spec.step_specs, "stepSpecs"), (&spec.sidecar_specs, "sidecarSpecs")] {
        if !specs.is_empty() {
            require(cx, Feature::BETA, "requests for single steps and sidecars", place.name_of(key), report);
        }
        for (index, _) in specs.iter().enumerate().filter(|(_, spec)| spec.name.is_empty()) {
            let message = "the entry does not say which container it is for";
            report.at(&TASK_RUN_RESOURCES, place.key(key).index(index), message).hint("add: name: …");
        }
    }
    if spec.compute_resources.is_some() {
        let at = place.name_of("computeResources");
        require(cx, Feature::BETA, "requests for whole pods", at, report);
        if spec.step_specs.iter().any(|step| step.compute_resources != Default::default()) {
            let message = "there are requests for the whole pod and for its steps";
            report.at(&TASK_RUN_RESOURCES, at, message).hint("remove one of them");
        }
    }
}

/// A stop that there is not.
static BREAKPOINTS: Rule = Rule {
    name: "breakpoints",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Where a TaskRun has breakpoints, `onFailure` is enabled, and each step in beforeSteps is there once.",
    explanation: "Tekton wants `onFailure: enabled` even where only beforeSteps matters. The cluster has to have enable-api-fields: alpha.",
    // At the level of the examples debugging itself is told of as well.
    bad: "\
apiVersion: tekton.dev/v1
kind: TaskRun
metadata:
  generateName: build-
spec:
  taskSpec:
    steps:
    - name: compile
      image: example.com/make:1
      command: [/make]
  debug:
    breakpoints:
      onFailure: \"yes\"
",
    good: "\
apiVersion: tekton.dev/v1
kind: TaskRun
metadata:
  generateName: build-
spec:
  taskSpec:
    steps:
    - name: compile
      image: example.com/make:1
      command: [/make]
",
    check: Some(breakpoints),
};

fn breakpoints(cx: &Cx<'_>, report: &mut Report<'_>) {
    let Some((_, spec, place)) = task_run(cx) else { return };
    let Some(debug) = &spec.debug else { return };
    let mut is_fine = true;
    if let Some(breakpoints) = &debug.breakpoints {
        let place = place.key("debug").key("breakpoints");
        if breakpoints.on_failure.as_deref() != Some("enabled") {
            is_fine = false;
            report
                .at(&BREAKPOINTS, place.key("onFailure"), "the breakpoint on failure is not enabled")
                .hint("write onFailure: enabled");
        }
        for (index, step) in breakpoints.before_steps.iter().enumerate() {
            if breakpoints.before_steps[..index].contains(step) {
                is_fine = false;
                let message = format!("the step {step:?} is there twice");
                report.at(&BREAKPOINTS, place.key("beforeSteps").index(index), message).hint("remove one of them");
            }
        }
    }
    // Where they are wrong, that comes first.
    if is_fine {
        require(cx, Feature::ALPHA, "breakpoints", place.name_of("debug"), report);
    }
}

/// A StepAction's parameter where it cannot be.
static STEP_ACTION_PARAM: Rule = Rule {
    name: "step-action-param",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A StepAction uses no parameter in its script, and mounts only volumes whose names are parameters.",
    explanation: "A script gets a parameter as an environment variable. A StepAction knows nothing of the volumes of the Task that it is used in, so the Task has to say which one is meant.",
    bad: "\
apiVersion: tekton.dev/v1beta1
kind: StepAction
metadata:
  name: build
spec:
  params:
  - name: target
  image: example.com/make:1
  script: make $(params.target)
",
    good: "\
apiVersion: tekton.dev/v1beta1
kind: StepAction
metadata:
  name: build
spec:
  params:
  - name: target
  image: example.com/make:1
  env:
  - name: TARGET
    value: $(params.target)
  script: make \"${TARGET}\"
",
    check: Some(step_action_param),
};

fn step_action_param(cx: &Cx<'_>, report: &mut Report<'_>) {
    let Object::StepAction(action) = cx.object else { return };
    let place = cx.place.key("spec");
    let script = action.spec.script.as_deref().unwrap_or_default();
    for found in found(script, "params") {
        let written = &script[found.range.clone()];
        let message = format!("{written} cannot stand in the script of a StepAction");
        let place = place.key("script").within(script, found.range.clone());
        report.at(&STEP_ACTION_PARAM, place, message).hint("give it to the script as an environment variable");
    }
    for (index, mount) in action.spec.volume_mounts.iter().enumerate() {
        let is_param = matches!(&found(&mount.name, "params")[..], [only] if only.range.len() == mount.name.len());
        if !is_param {
            let message = format!("a StepAction cannot know a volume {:?}", mount.name);
            let place = place.key("volumeMounts").index(index).key("name");
            report.at(&STEP_ACTION_PARAM, place, message).hint("make it a parameter: name: $(params.VOLUME)");
        }
    }
}
