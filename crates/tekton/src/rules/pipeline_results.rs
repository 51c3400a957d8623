//! The rule about the results of a Pipeline.

use super::pipeline_text::{of_value, parse_result};
use super::{Rule, ToldBy};
use crate::check::{Cx, PipelineView};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::{ParamValue, PipelineResult};

pub(super) static RULES: &[&Rule] = &[&PIPELINE_RESULT];

/// What a result is made of.
static PIPELINE_RESULT: Rule = Rule {
    name: "pipeline-result",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A result of a Pipeline is made of results of its tasks, and of nothing else.",
    explanation: "`$(tasks.TASK.results.NAME)`, for tasks in `finally` `$(finally.TASK.results.NAME)`; with `[*]`, `[0]` or `.key` for arrays and objects. Several may follow each other, but no text may stand before or between them, and no parameter.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  results:
  - name: IMAGE
    value: example.com/app@$(tasks.compile.results.DIGEST)
  tasks:
  - name: compile
    taskSpec:
      results:
      - name: DIGEST
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(results.DIGEST.path)]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  results:
  - name: IMAGE
    value: $(tasks.compile.results.DIGEST)
  tasks:
  - name: compile
    taskSpec:
      results:
      - name: DIGEST
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(results.DIGEST.path)]
",
    check: Some(pipeline_result),
};

const HINT: &str = "write $(tasks.TASK.results.NAME), with [*], [0] or .KEY for a part of it";

fn pipeline_result(cx: &Cx<'_>, report: &mut Report<'_>) {
    for pipeline in cx.pipelines() {
        for (index, result) in pipeline.spec.results.iter().enumerate() {
            let place = pipeline.place.key("results").index(index).key("value");
            if !is_made_of_results(result, place, report) {
                continue;
            }
            if let ParamValue::String(text) = &result.value {
                string(pipeline, text, place, report);
            }
        }
    }
}

/// Whether there are results in it, and all of them of the right form; else it is reported.
fn is_made_of_results(result: &PipelineResult, place: Place<'_>, report: &mut Report<'_>) -> bool {
    let texts = of_value(&result.value, place);
    let expressions = texts.iter().flat_map(|text| text.expressions());
    let mut results = expressions.filter(|expression| expression.looks_like_result()).peekable();
    if results.peek().is_none() {
        let message = format!("the result {:?} is not made of results of tasks", result.name);
        report.at(&PIPELINE_RESULT, place, message).hint(HINT);
        return false;
    }
    let mut is_good = true;
    for odd in results.filter(|expression| expression.result().is_none()) {
        report.at(&PIPELINE_RESULT, odd.place, format!("$({}) has too many parts", odd.body)).hint(HINT);
        is_good = false;
    }
    is_good
}

/// The check that Tekton has for strings only: piece by piece, from one dollar sign to the next.
fn string(PipelineView { spec, .. }: PipelineView<'_>, text: &str, place: Place<'_>, report: &mut Report<'_>) {
    let tasks: Vec<&str> = spec.tasks.iter().map(|task| task.name()).collect();
    let finally: Vec<&str> = spec.finally.iter().map(|task| task.name()).collect();
    for (index, piece) in text.split('$').enumerate().filter(|(_, piece)| !piece.is_empty()) {
        // With its dollar sign back: also the first piece, which has none, is looked at as if it had.
        let body = piece.strip_prefix('(').map_or_else(|| format!("${piece}"), str::to_owned);
        let body = body.strip_suffix(')').unwrap_or(&body);
        let at = place.part(piece, 0);
        let Some(reference) = parse_result(body) else {
            let message = match index {
                0 => format!("{piece:?} before a result cannot stand in a result of a Pipeline"),
                _ => format!("{:?} is no result of a task", format!("${piece}")),
            };
            report.at(&PIPELINE_RESULT, at, message).hint("let the task make the whole text");
            continue;
        };
        let (names, others, root) = match body.starts_with("tasks") {
            true => (&tasks, &finally, "finally"),
            false => (&finally, &tasks, "tasks"),
        };
        let task = reference.task;
        if names.contains(&task) {
            continue;
        }
        let message = match body.starts_with("tasks") {
            true => format!("no task is called {task:?}"),
            false => format!("no task in finally is called {task:?}"),
        };
        let finding = report.at(&PIPELINE_RESULT, place.part(task, 0), message);
        if others.contains(&task) {
            finding.hint(format!("write $({root}.{task}.results.{})", reference.result));
        } else {
            finding.did_you_mean(task, names.iter().copied(), "");
        }
    }
}
