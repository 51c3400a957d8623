//! The rule about variables of a Pipeline's tasks that are neither parameters nor results.

use super::levels::{Feature, require};
use super::pipeline_text::{FieldKind, fields};
use super::{Rule, ToldBy};
use crate::check::Cx;
use crate::finding::{Advice, Report, Severity, nearest};

pub(super) static RULES: &[&Rule] = &[&FOREIGN_VARIABLE];

/// Not Tekton's.
static FOREIGN_VARIABLE: Rule = Rule {
    name: "foreign-variable",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "In what a task of a Pipeline is given, `$(…)` is a variable of Tekton's.",
    explanation: "It begins with `params`, `tasks`, `finally`, `context`, `workspaces` or `results`. A variable of a shell is written `${NAME}`, one of the container belongs into the Task.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    params:
    - name: target
      value: $(TARGET)
    taskSpec:
      params:
      - name: target
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(params.target)]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  params:
  - name: TARGET
  tasks:
  - name: compile
    params:
    - name: target
      value: $(params.TARGET)
    taskSpec:
      params:
      - name: target
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(params.target)]
",
    check: Some(foreign_variable),
};

/// What Tekton's variables begin with here.
const ROOTS: [&str; 6] = ["params", "tasks", "finally", "context", "workspaces", "results"];

fn foreign_variable(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (pipeline, view) in cx.pipeline_tasks() {
        for field in fields(view) {
            for expression in field.expressions() {
                let root = expression.body.split('.').next().unwrap_or_default();
                if ROOTS.contains(&root) {
                    continue;
                }
                let message = format!("$({}) is no variable of Tekton's", expression.body);
                let finding = report.at(&FOREIGN_VARIABLE, expression.place, message);
                let is_param = pipeline.spec.params.iter().any(|param| param.name == expression.body);
                match nearest(root, ROOTS).filter(|_| root != expression.body) {
                    Some(meant) => finding.hint(format!("did you mean $({meant}{})?", &expression.body[root.len()..])),
                    None if is_param => finding.hint(format!("did you mean $(params.{})?", expression.body)),
                    None => finding.hint("it begins with params, tasks, context or workspaces; a shell's is written ${NAME}"),
                }
            }
        }
    }
    artifacts(cx, report);
}

fn artifacts(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (_, view) in cx.pipeline_tasks() {
        for text in fields(view).into_iter().filter(|field| field.kind == FieldKind::Param).flat_map(|field| field.texts) {
            if let Some(range) = task_artifact(text.text) {
                require(cx, Feature::ARTIFACTS, "artifacts", text.part(range), report);
            }
        }
    }
}

/// The first `$(tasks.TASK.inputs.NAME)` or `outputs`, of which Tekton lets the task's name be anything without a dot.
fn task_artifact(text: &str) -> Option<std::ops::Range<usize>> {
    if text.contains("$(artifacts.path)") {
        let start = text.find("$(artifacts.path)")?;
        return Some(start..start + "$(artifacts.path)".len());
    }
    text.match_indices("$(tasks.").find_map(|(start, open)| {
        let (task, rest) = text[start + open.len()..].split_once('.')?;
        let name = rest.strip_prefix("inputs.").or_else(|| rest.strip_prefix("outputs."))?;
        let end = name.find(['.', ')']).filter(|end| *end > 0 && name[*end..].starts_with(')'))?;
        let length = text.len() - name.len() + end + 1;
        (!task.is_empty()).then_some(start..length)
    })
}
