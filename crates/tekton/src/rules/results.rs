//! Rules about the results of Tasks, steps and StepActions: where they come from, and where they may be used.

use super::fields::{Field, FieldText, StepView, steps_of};
use super::references::found;
use super::steps::is_artifact;
use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Report, Severity};
use crate::names::{ResultName, StepName};
use crate::v1::ParamValue;
use crate::variable::{Variable, references};

pub(super) static RULES: &[&Rule] = &[&RESULT_VALUE, &RESULT_IN_SCRIPT, &MISPLACED_STEP_RESULT];

/// A result that comes from nowhere.
static RESULT_VALUE: Rule = Rule {
    name: "result-value",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "The `value` of a Task's result is a result of one of its steps.",
    explanation: "It is written $(steps.STEP.results.RESULT). A result that a step writes to $(results.NAME.path) has no value.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  results:
  - name: IMAGE_DIGEST
    value: IMAGE_DIGEST
  steps:
  - name: push
    image: example.com/push:1
    command: [/push]
    args: [$(step.results.IMAGE_DIGEST.path)]
    results:
    - name: IMAGE_DIGEST
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  results:
  - name: IMAGE_DIGEST
    value: $(steps.push.results.IMAGE_DIGEST)
  steps:
  - name: push
    image: example.com/push:1
    command: [/push]
    args: [$(step.results.IMAGE_DIGEST.path)]
    results:
    - name: IMAGE_DIGEST
",
    check: Some(result_value),
};

fn result_value(cx: &Cx<'_>, report: &mut Report<'_>) {
    for view in cx.tasks() {
        for (index, result) in view.spec.results.iter().enumerate() {
            let place = view.place.key("results").index(index).key("value");
            let Some(value) = &result.value else { continue };
            // Of a result without a name nothing else is told.
            if result.name.parse::<ResultName>().is_err() {
                continue;
            }
            let fault = match value {
                ParamValue::String(text) if text.is_empty() => None,
                ParamValue::String(text) => fault_of(text),
                _ => Some(format!("the value of {:?} is not a string", result.name)),
            };
            if let Some(message) = fault {
                report.at(&RESULT_VALUE, place, message).hint("write $(steps.STEP.results.RESULT), or leave the value out");
            }
        }
    }
}

fn fault_of(text: &str) -> Option<String> {
    let Some((step, result)) = step_result(text) else {
        return Some(format!("{text:?} is not a result of a step"));
    };
    if step.parse::<StepName>().is_err() {
        return Some(format!("no step can have the name {step:?}"));
    }
    result.parse::<ResultName>().is_err().then(|| format!("no result can have the name {result:?}"))
}

/// The first `$(steps.STEP.results.RESULT)`: Tekton lets both names be anything that has no line break.
fn step_result(text: &str) -> Option<(&str, &str)> {
    text.match_indices("$(steps.").find_map(|(at, open)| {
        let line = text[at + open.len()..].lines().next()?;
        let (step, rest) = line.split_once(".results.")?;
        let (result, _) = rest.split_once(')')?;
        Some((step, result))
    })
}

/// A script that speaks of a result in a way that Tekton does not understand.
static RESULT_IN_SCRIPT: Rule = Rule {
    name: "result-in-script",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A script speaks of results as $(results.NAME.path), of a step's own as $(step.results.NAME.path).",
    explanation: "A name with dots in it needs brackets: `$(results[\"a.b\"].path)`.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  results:
  - name: image.digest
  steps:
  - name: push
    image: example.com/push:1
    script: |
      push > $(results.image.digest.path)
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  results:
  - name: image.digest
  steps:
  - name: push
    image: example.com/push:1
    script: |
      push > $(results[\"image.digest\"].path)
",
    check: Some(result_in_script),
};

fn result_in_script(cx: &Cx<'_>, report: &mut Report<'_>) {
    for view in cx.tasks() {
        let names: Vec<&str> = view.spec.results.iter().map(|result| result.name.as_str()).collect();
        for StepView { step, texts, .. } in steps_of(view) {
            let own: Vec<&str> = step.results.iter().map(|result| result.name.as_str()).collect();
            for text in texts.into_iter().filter(|text| text.field == Field::Script) {
                unknown_results(text, "results", &names, false, report);
                // Tekton asks only where the step has results at all.
                if !own.is_empty() {
                    unknown_results(text, "step.results", &own, false, report);
                }
            }
        }
    }
    if let Object::StepAction(action) = cx.object
        && let Some(script) = &action.spec.script
    {
        let names: Vec<&str> = action.spec.results.iter().map(|result| result.name.as_str()).collect();
        let text = FieldText { field: Field::Script, text: script, place: cx.place.key("spec").key("script") };
        unknown_results(text, "results", &names, true, report);
        unknown_results(text, "step.results", &names, true, report);
    }
}

fn unknown_results(text: FieldText<'_>, prefix: &str, names: &[&str], in_action: bool, report: &mut Report<'_>) {
    for found in found(text.text, prefix) {
        let written = &text.text[found.range.clone()];
        if found.plain_name().is_some_and(|name| names.contains(&name.as_str())) {
            continue;
        }
        let (hint, is_told) = match references(written).next().map(|reference| reference.variable) {
            Some(Variable::ResultPath(name) | Variable::StepResultPath(name)) if names.contains(&name) => {
                (format!("a name with dots goes into brackets: $({prefix}[\"{name}\"].path)"), false)
            }
            // Of one that is written well and not declared, another rule tells.
            Some(Variable::StepResultPath(_)) => (String::new(), true),
            Some(Variable::ResultPath(_)) => (format!("write $(step.{prefix}.NAME.path)"), !in_action),
            _ => (format!("write $({prefix}.NAME.path)"), false),
        };
        if !is_told {
            let message = format!("{written} is not a result that is declared");
            report.at(&RESULT_IN_SCRIPT, text.part(found.range), message).hint(hint);
        }
    }
}

/// A step's result where it is not replaced.
static MISPLACED_STEP_RESULT: Rule = Rule {
    name: "misplaced-step-result",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Results and artifacts of other steps are used only in `env`, `command` and `args`; artifacts also in a script.",
    explanation: "They are there only when the step begins, and other fields are needed before.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: version
    image: example.com/git:1
    command: [/version]
    args: [$(step.results.version.path)]
    results:
    - name: version
  - name: compile
    image: example.com/make:1
    command: [/make]
    workingDir: /workspace/$(steps.version.results.version)
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: version
    image: example.com/git:1
    command: [/version]
    args: [$(step.results.version.path)]
    results:
    - name: version
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [--directory, $(steps.version.results.version)]
",
    check: Some(misplaced_step_result),
};

fn misplaced_step_result(cx: &Cx<'_>, report: &mut Report<'_>) {
    for text in cx.tasks().flat_map(steps_of).flat_map(|step| step.texts) {
        if matches!(text.field, Field::Name | Field::Command | Field::Args | Field::Env | Field::OnError) {
            continue;
        }
        if step_result(text.text).is_some() {
            let written = references(text.text).find(|found| matches!(found.variable, Variable::StepResult { .. }));
            let place = written.map_or(text.place, |found| text.part(found.range));
            let message = "a result of a step cannot be used here";
            report.at(&MISPLACED_STEP_RESULT, place, message).hint("use it in env, command or args");
        }
        for found in references(text.text).filter(|_| text.field != Field::Script) {
            let written = &text.text[found.range.clone()];
            if is_artifact(written) && written.starts_with("$(step") {
                let message = "an artifact of a step cannot be used here";
                report
                    .at(&MISPLACED_STEP_RESULT, text.part(found.range), message)
                    .hint("use it in env, command, args or a script");
            }
        }
    }
}
