//! Rules about `matrix`: what a task runs once for each of.

use std::collections::HashMap;

use super::levels::{Feature, require};
use super::pipeline_text::{FieldKind, fields};
use super::{Rule, ToldBy};
use crate::check::{Cx, PipelineTaskView};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::{Matrix, Param, ParamType, ParamValue, PipelineTask};

pub(super) static RULES: &[&Rule] = &[&MATRIX_SIZE, &MATRIX_PARAM, &MATRIX_RESULT];

/// Too many.
static MATRIX_SIZE: Rule = Rule {
    name: "matrix-size",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A matrix has at most 256 combinations.",
    explanation: "That is what Tekton allows unless its `default-max-matrix-combinations-count` is set. Each combination is a TaskRun and a pod.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    matrix:
      params:
      - name: a
        value: [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]
      - name: b
        value: [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]
      - name: c
        value: [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]
    taskSpec:
      params:
      - name: a
      - name: b
      - name: c
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(params.a), $(params.b), $(params.c)]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    matrix:
      params:
      - name: a
        value: [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]
      - name: b
        value: [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]
    taskSpec:
      params:
      - name: a
      - name: b
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(params.a), $(params.b)]
",
    check: Some(matrix_size),
};

/// Tekton's `default-max-matrix-combinations-count`.
const MAX_COMBINATIONS: usize = 256;

fn matrix_size(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (matrix, place) in matrices(cx) {
        require(cx, Feature::BETA, "tasks with a matrix", place, report);
        let count = combinations(matrix);
        if count > MAX_COMBINATIONS {
            let message = format!("the matrix has {count} combinations, and Tekton allows {MAX_COMBINATIONS}");
            report.at(&MATRIX_SIZE, place, message).hint("take values away, or split it over several tasks");
        }
    }
}

/// The matrices that have anything in them, with the places of their keys.
fn matrices<'a>(cx: &Cx<'a>) -> impl Iterator<Item = (&'a Matrix, Place<'a>)> {
    let tasks = cx.pipeline_tasks().filter(|(_, view)| view.task.is_matrixed());
    tasks.filter_map(|(_, view)| Some((view.task.matrix.as_ref()?, view.place.name_of("matrix"))))
}

fn combinations(matrix: &Matrix) -> usize {
    let list = |param: &Param| match &param.value {
        ParamValue::Array(items) => items.len(),
        _ => 0,
    };
    if matrix.params.is_empty() {
        return matrix.include.len();
    }
    let generated = matrix.params.iter().fold(1usize, |count, param| count.saturating_mul(list(param).max(1)));
    let mut added = 0usize;
    for include in &matrix.include {
        for Param { name, value, .. } in &include.params {
            // As Tekton looks it up: the last of several that have the name.
            let Some(listed) = matrix.params.iter().rfind(|param| param.name == *name) else { continue };
            let value = if let ParamValue::String(text) = value { text.as_str() } else { "" };
            let is_listed = matches!(&listed.value, ParamValue::Array(items) if items.iter().any(|item| item == value));
            if is_listed {
                break;
            }
            added += 1;
        }
    }
    generated.saturating_add(added)
}

/// A parameter that is given in two places.
static MATRIX_PARAM: Rule = Rule {
    name: "matrix-param",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A matrix gives no parameter that the task's `params` give as well.",
    explanation: "An entry of `include` may say more about parameters of the matrix, but not about those of the task.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    params:
    - name: arch
      value: amd64
    matrix:
      params:
      - name: arch
        value: [amd64, arm64]
    taskSpec:
      params:
      - name: arch
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(params.arch)]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    matrix:
      params:
      - name: arch
        value: [amd64, arm64]
    taskSpec:
      params:
      - name: arch
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(params.arch)]
",
    check: Some(matrix_param),
};

fn matrix_param(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (_, PipelineTaskView { task, place, .. }) in cx.pipeline_tasks() {
        let Some(matrix) = &task.matrix else { continue };
        let place = place.key("matrix");
        let lists = std::iter::once((&matrix.params, place.key("params")));
        let includes = matrix.include.iter().enumerate();
        let includes = includes.map(|(index, include)| (&include.params, place.key("include").index(index).key("params")));
        for (params, place) in lists.chain(includes) {
            for (index, Param { name, .. }) in params.iter().enumerate() {
                if task.params.iter().any(|param| param.name == *name) {
                    let message = format!("the parameter {name:?} is in the matrix and in params");
                    let place = place.index(index).key("name");
                    report.at(&MATRIX_PARAM, place, message).hint("leave it out in one of them");
                }
            }
        }
    }
}

/// One of many.
static MATRIX_RESULT: Rule = Rule {
    name: "matrix-result",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "The results of a task with a matrix are strings, and are used all together, with `[*]`.",
    explanation: "Each combination makes one; together they are an array.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    matrix:
      params:
      - name: arch
        value: [amd64, arm64]
    taskSpec:
      params:
      - name: arch
      results:
      - name: DIGEST
        type: string
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(params.arch), $(results.DIGEST.path)]
  - name: join
    params:
    - name: digest
      value: $(tasks.compile.results.DIGEST[0])
    taskSpec:
      params:
      - name: digest
      steps:
      - image: example.com/join:1
        command: [/join]
        args: [$(params.digest)]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    matrix:
      params:
      - name: arch
        value: [amd64, arm64]
    taskSpec:
      params:
      - name: arch
      results:
      - name: DIGEST
        type: string
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(params.arch), $(results.DIGEST.path)]
  - name: join
    params:
    - name: digests
      value: $(tasks.compile.results.DIGEST[*])
    taskSpec:
      params:
      - name: digests
        type: array
      steps:
      - image: example.com/join:1
        command: [/join]
        args: [\"$(params.digests[*])\"]
",
    check: Some(matrix_result),
};

fn matrix_result(cx: &Cx<'_>, report: &mut Report<'_>) {
    for pipeline in cx.pipelines() {
        // Of several tasks of a name, Tekton takes the last.
        let tasks: HashMap<&str, &PipelineTask> = pipeline.spec.tasks.iter().map(|task| (task.name(), task)).collect();
        let is_matrixed = |name: &str| tasks.get(name).is_some_and(|task| task.is_matrixed());
        if !tasks.values().any(|task| task.is_matrixed()) {
            continue;
        }
        let found = report.len();
        // Tekton looks at the tasks of `finally` only among themselves, where no result may be used anyway.
        let users: Vec<_> = pipeline.tasks().filter(|view| !view.is_finally).collect();
        for view in &users {
            for field in fields(*view).into_iter().filter(|field| field.kind == FieldKind::Param) {
                for expression in field.expressions().filter(|expression| expression.looks_like_result()) {
                    let task = expression.body.split('.').nth(1).unwrap_or_default();
                    if is_matrixed(task) && !expression.body.ends_with("[*]") {
                        let message = format!("{task:?} has a matrix: it has many results of this name");
                        report.at(&MATRIX_RESULT, expression.place, message).hint(format!("write $({}[*])", expression.body));
                    }
                }
            }
        }
        if report.len() == found {
            underlying_types(&tasks, &users, report);
        }
    }
}

/// Of all parameters that use results, Tekton looks at the last one.
fn underlying_types(tasks: &HashMap<&str, &PipelineTask>, users: &[PipelineTaskView<'_>], report: &mut Report<'_>) {
    let mut params =
        users.iter().flat_map(|view| fields(*view)).filter(|field| field.kind == FieldKind::Param && field.has_result());
    let Some(last) = params.next_back() else { return };
    for expression in last.expressions() {
        let named = |name: &str| tasks.get(name).copied();
        let is_matrixed = |name: &str| named(name).is_some_and(|task| task.is_matrixed());
        let Some(reference) = expression.result().filter(|reference| is_matrixed(reference.task)) else { continue };
        // Where the task refers to a Task, Tekton takes the name for that of another task of the Pipeline.
        let task = named(reference.task).and_then(|task| match &task.task_ref {
            Some(found) => named(found.name.as_deref().unwrap_or_default()),
            None => Some(task),
        });
        let declared = task.and_then(|task| task.task_spec.as_ref()).into_iter().flat_map(|embedded| &embedded.task.results);
        for result in declared.filter(|result| result.name == reference.result) {
            let inferred = if result.properties.is_empty() { ParamType::String } else { ParamType::Object };
            let type_ = result.type_.unwrap_or(inferred);
            if type_ != ParamType::String {
                let message = format!("{:?} has a matrix, and its result {:?} is an {type_}", reference.task, reference.result);
                report.at(&MATRIX_RESULT, expression.place, message).hint("make it a string");
            }
        }
    }
}
