//! The rule about what is known of a run.

use super::fields::steps_of;
use super::param_texts::is_replaced;
use super::pipeline_text::{FieldKind, Form, fields};
use super::references::found;
use super::{Rule, ToldBy};
use crate::check::Cx;
use crate::finding::{Advice, Place, Report, Severity};
use crate::variable::{Variable, references};

pub(super) static RULES: &[&Rule] = &[&UNKNOWN_CONTEXT];

/// Nothing of a run.
static UNKNOWN_CONTEXT: Rule = Rule {
    name: "unknown-context",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "`$(context.…)` is something that there is.",
    explanation: "In a step there is `context.taskRun.name`, `.namespace` and `.uid`, `context.task.name` and `context.task.retry-count`; in a task of a Pipeline `context.pipelineRun.name`, `.namespace` and `.uid`, `context.pipeline.name` and `context.pipelineTask.retries`. Of the tasks of a Pipeline Tekton looks only at the last, and not at conditions; elsewhere the variable stays as it is written.",
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
    args: [$(context.taskRun.id)]
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
    args: [$(context.taskRun.uid)]
",
    check: Some(unknown_context),
};

type Contexts = &'static [(&'static str, &'static [&'static str])];

const OF_STEPS: Contexts = &[("context.taskRun", &["name", "namespace", "uid"]), ("context.task", &["name", "retry-count"])];
const OF_PIPELINES: Contexts = &[
    ("context.pipelineRun", &["name", "namespace", "uid"]),
    ("context.pipeline", &["name"]),
    ("context.pipelineTask", &["retries"]),
];

fn unknown_context(cx: &Cx<'_>, report: &mut Report<'_>) {
    let texts = cx.tasks().flat_map(steps_of).flat_map(|step| step.texts).filter(|text| is_replaced(text.field));
    for text in texts {
        ask(OF_STEPS, text.text, text.place, true, report);
    }
    for pipeline in cx.pipelines() {
        let last = [pipeline.spec.tasks.last(), pipeline.spec.finally.last()];
        for view in pipeline.tasks() {
            let is_last = last.into_iter().flatten().any(|task| std::ptr::eq(task, view.task));
            for field in fields(view) {
                let is_told = is_last && field.kind != FieldKind::Condition;
                for text in field.texts.iter().filter(|text| text.form != Form::Cel) {
                    ask(OF_PIPELINES, text.text, text.place, is_told, report);
                }
            }
        }
    }
}

/// Reports a context that nobody has, which Tekton leaves as it is written.
fn unknown_object(text: &str, place: Place<'_>, report: &mut Report<'_>) {
    let objects = || OF_STEPS.iter().chain(OF_PIPELINES).map(|(object, _)| object.trim_start_matches("context."));
    for reference in references(text) {
        let Variable::Context { object, field } = reference.variable else { continue };
        if objects().all(|known| known != object) {
            let message = format!("there is no $(context.{object}.{field})");
            let finding = report.at(&UNKNOWN_CONTEXT, place.within(text, reference.range), message).told_by(ToldBy::Nobody);
            finding.did_you_mean(object, objects(), &format!("there is: {}", objects().collect::<Vec<_>>().join(", ")));
        }
    }
}

fn ask(contexts: Contexts, text: &str, place: Place<'_>, is_told: bool, report: &mut Report<'_>) {
    if !text.contains("$(context.") {
        return;
    }
    unknown_object(text, place, report);
    for (object, names) in contexts {
        for found in found(text, object) {
            let name = found.plain_name().unwrap_or_default();
            if names.contains(&name.as_str()) {
                continue;
            }
            let message = format!("there is no {}", &text[found.range.clone()]);
            let finding = report.at(&UNKNOWN_CONTEXT, place.within(text, found.range), message);
            let finding = finding.told_by(if is_told { ToldBy::Admission } else { ToldBy::Nobody });
            match contexts.iter().find(|(_, names)| names.contains(&name.as_str())) {
                Some((other, _)) => finding.hint(format!("did you mean $({other}.{name})?")),
                None => {
                    finding.did_you_mean(&name, names.iter().copied(), &format!("of {object} there is: {}", names.join(", ")))
                }
            }
        }
    }
}
