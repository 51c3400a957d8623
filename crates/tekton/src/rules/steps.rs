//! Rules about what a step, a sidecar and a StepAction are made of.

use super::fields::{Field, StepView, steps};
use super::levels::{Feature, require};
use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::duration::Duration;
use crate::finding::{Advice, Place, Report, Severity};
use crate::variable::references;

pub(super) static RULES: &[&Rule] =
    &[&MISSING_STEPS, &MISSING_IMAGE, &SCRIPT_AND_COMMAND, &REF_AND_CONTAINER, &NEGATIVE_VALUE, &ON_ERROR];

/// A Task that does nothing.
static MISSING_STEPS: Rule = Rule {
    name: "missing-steps",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A Task has at least one step.",
    explanation: "Steps are what it does; without any it cannot run.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  description: Builds it all.
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  description: Builds it all.
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
",
    check: Some(missing_steps),
};

fn missing_steps(cx: &Cx<'_>, report: &mut Report<'_>) {
    for view in cx.tasks().filter(|view| view.spec.steps.is_empty()) {
        report.at(&MISSING_STEPS, view.place.name_of("steps"), "the Task has no steps").hint("add: steps: [{name: …, image: …}]");
    }
}

/// A container without an image.
static MISSING_IMAGE: Rule = Rule {
    name: "missing-image",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Every step, sidecar and StepAction has an image.",
    explanation: "A step may take it from the stepTemplate, or be a StepAction by `ref`; a sidecar may not.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: compile
    command: [/make]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
",
    check: Some(missing_image),
};

fn missing_image(cx: &Cx<'_>, report: &mut Report<'_>) {
    let mut say = |what: &str, place: Place<'_>| {
        report.at(&MISSING_IMAGE, place, format!("the {what} has no image")).hint("add: image: …");
    };
    for step in steps(cx).iter().filter(|step| step.step.ref_.is_none() && !step.has(Field::Image)) {
        say("step", step.place);
    }
    for view in cx.tasks() {
        for (index, sidecar) in view.spec.sidecars.iter().enumerate() {
            if sidecar.image.as_deref().unwrap_or_default().is_empty() {
                say("sidecar", view.place.key("sidecars").index(index));
            }
        }
    }
    if let Object::StepAction(action) = cx.object
        && action.spec.image.as_deref().unwrap_or_default().is_empty()
    {
        say("StepAction", cx.place.key("spec"));
    }
}

/// A container with two programs.
static SCRIPT_AND_COMMAND: Rule = Rule {
    name: "script-and-command",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A step, sidecar or StepAction has a script or a command, not both.",
    explanation: "A step also has the command of the stepTemplate, unless it has one of its own. `args` may stand beside either.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: compile
    image: example.com/make:1
    command: [/bin/sh]
    script: make all
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: compile
    image: example.com/make:1
    command: [/bin/sh, -c, make all]
",
    check: Some(script_and_command),
};

fn script_and_command(cx: &Cx<'_>, report: &mut Report<'_>) {
    let mut ask = |what: &str, script: &Option<String>, has_command: bool, is_own: bool, place: Place<'_>| {
        if has_command && !script.as_deref().unwrap_or_default().is_empty() {
            let from = if is_own { "" } else { " from the stepTemplate" };
            let message = format!("the {what} has a script and a command{from}");
            report.at(&SCRIPT_AND_COMMAND, place.name_of("script"), message).hint("remove one of them");
        }
    };
    for StepView { step, place, texts } in steps(cx).iter().filter(|step| step.step.ref_.is_none()) {
        // An empty string in the list is a command all the same.
        let has_command = texts.iter().any(|text| text.field == Field::Command);
        ask("step", &step.script, has_command, !step.command.is_empty(), *place);
    }
    for view in cx.tasks() {
        for (index, sidecar) in view.spec.sidecars.iter().enumerate() {
            let place = view.place.key("sidecars").index(index);
            ask("sidecar", &sidecar.script, !sidecar.command.is_empty(), true, place);
        }
    }
    if let Object::StepAction(action) = cx.object {
        ask("StepAction", &action.spec.script, !action.spec.command.is_empty(), true, cx.place.key("spec"));
    }
}

/// A StepAction and a container at once.
static REF_AND_CONTAINER: Rule = Rule {
    name: "ref-and-container",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A step is a StepAction by `ref`, with `params` for it, or a container of its own.",
    explanation: "With `ref`, image, command, args, script, workingDir, env, volumeMounts and results are the StepAction's. What belongs to the Task stays with the step: timeout, onError, when, workspaces, resources, security.",
    bad: "\
apiVersion: tekton.dev/v1beta1
kind: StepAction
metadata:
  name: clone
spec:
  image: example.com/git:1
  command: [/clone]
---
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: source
    ref:
      name: clone
    workingDir: /tmp
",
    good: "\
apiVersion: tekton.dev/v1beta1
kind: StepAction
metadata:
  name: clone
spec:
  image: example.com/git:1
  command: [/clone]
  workingDir: /tmp
---
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: source
    ref:
      name: clone
",
    check: Some(ref_and_container),
};

fn ref_and_container(cx: &Cx<'_>, report: &mut Report<'_>) {
    for StepView { step, place, .. } in steps(cx) {
        if step.ref_.is_none() {
            if !step.params.is_empty() {
                let message = "the step has params, but no ref to a StepAction that would take them";
                report
                    .at(&REF_AND_CONTAINER, place.name_of("params"), message)
                    .hint("declare parameters in the params of the Task");
            }
            continue;
        }
        let given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        for (field, is_there) in [
            ("image", given(&step.image)),
            ("command", !step.command.is_empty()),
            ("args", !step.args.is_empty()),
            ("script", given(&step.script)),
            ("workingDir", given(&step.working_dir)),
            ("env", !step.env.is_empty()),
            ("volumeMounts", !step.volume_mounts.is_empty()),
            ("results", !step.results.is_empty()),
        ] {
            if is_there {
                let message = format!("{field} cannot stand beside ref: the StepAction has its own");
                report.at(&REF_AND_CONTAINER, place.name_of(field), message).hint("remove it, or give it as a parameter");
            }
        }
    }
}

/// A number below zero.
static NEGATIVE_VALUE: Rule = Rule {
    name: "negative-value",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "The timeout of a step or TaskRun, and its retries, are not negative.",
    explanation: "A timeout of zero is none at all.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    timeout: -5m
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    timeout: 5m
",
    check: Some(negative_value),
};

fn negative_value(cx: &Cx<'_>, report: &mut Report<'_>) {
    let mut ask = |timeout: &Option<Duration>, place: Place<'_>| {
        if timeout.as_ref().is_some_and(|timeout| timeout.nanoseconds() < 0) {
            report.at(&NEGATIVE_VALUE, place.key("timeout"), "the timeout is negative").hint("write 0 for no timeout");
        }
    };
    steps(cx).iter().for_each(|step| ask(&step.step.timeout, step.place));
    let Object::TaskRun(run) = cx.object else { return };
    let place = cx.place.key("spec");
    ask(&run.spec.timeout, place);
    if run.spec.retries < 0 {
        report.at(&NEGATIVE_VALUE, place.key("retries"), "the number of retries is negative").hint("write 0 for no retries");
    }
}

/// What a failure means, and what needs a feature of the cluster.
static ON_ERROR: Rule = Rule {
    name: "on-error",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "What the failure of a step means is `continue` or `stopAndFail`, or a parameter says it.",
    explanation: "Such a parameter stands at the start of the value.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    onError: ignore
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    onError: continue
",
    check: Some(on_error),
};

fn on_error(cx: &Cx<'_>, report: &mut Report<'_>) {
    for StepView { step, place, .. } in steps(cx) {
        let value = step.on_error.as_deref().unwrap_or_default();
        if !matches!(value, "" | "continue" | "stopAndFail") && !value.starts_with("$(params") {
            let message = format!("the failure of a step cannot mean {value:?}");
            let hint = "it is continue or stopAndFail";
            report.at(&ON_ERROR, place.key("onError"), message).did_you_mean(value, ["continue", "stopAndFail"], hint);
        }
    }
}

/// Asks for what steps and StepActions use and not every cluster has.
pub(super) fn features(cx: &Cx<'_>, report: &mut Report<'_>) {
    for StepView { step, place, texts } in &steps(cx) {
        windows(cx, &step.script, *place, report);
        for (output, name) in [(&step.stdout_config, "stdoutConfig"), (&step.stderr_config, "stderrConfig")] {
            if output.is_some() {
                require(cx, Feature::ALPHA, "copies of a step's output", place.name_of(name), report);
            }
        }
        for text in texts.iter().filter(|text| matches!(text.field, Field::Script | Field::Command | Field::Args | Field::Env)) {
            for reference in references(text.text).filter(|reference| is_artifact(&text.text[reference.range.clone()])) {
                require(cx, Feature::ARTIFACTS, "artifacts", text.part(reference.range), report);
            }
        }
    }
    if let Object::StepAction(action) = cx.object {
        windows(cx, &action.spec.script, cx.place.key("spec"), report);
    }
}

fn windows(cx: &Cx<'_>, script: &Option<String>, place: Place<'_>, report: &mut Report<'_>) {
    if script.as_deref().is_some_and(|script| script.trim().starts_with("#!win")) {
        require(cx, Feature::ALPHA, "scripts for Windows", place.key("script"), report);
    }
}

/// `$(artifacts.path)`, `$(steps.STEP.outputs.NAME)` and the like.
pub(super) fn is_artifact(written: &str) -> bool {
    let body = written.trim_start_matches("$(").trim_end_matches(')');
    let parts: Vec<&str> = body.split('.').collect();
    match parts[..] {
        ["steps" | "tasks", name, "inputs" | "outputs", artifact] => !name.is_empty() && !artifact.is_empty(),
        _ => matches!(body, "artifacts.path" | "step.artifacts.path"),
    }
}
