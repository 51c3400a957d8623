//! Rules about results: whether those that are used are there, and whether they fit.

use std::collections::BTreeMap;

use super::calls::{task_name, there_is};
use super::{Rule, ToldBy};
use crate::check::{Cx, PipelineTaskView, PipelineView, TaskView};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::{ParamType, PropertySpec, ResultType, TaskResult};
use crate::variable::{Access, Variable};

pub(super) static RULES: &[&Rule] = &[&UNKNOWN_RESULT, &RESULT_ACCESS, &RESULT_BUDGET];

/// A result that its Task does not have.
static UNKNOWN_RESULT: Rule = Rule {
    name: "unknown-result",
    severity: Severity::Error,
    told_by: ToldBy::Run,
    summary: "A result that is used is one that its Task has.",
    explanation: "The run fails when the task that uses it is about to start. In `finally`, and in the results of a Pipeline, Tekton skips what uses it without an error.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: from\n    default: scratch\n  results:\n  - name: IMAGE_DIGEST\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.from), $(results.IMAGE_DIGEST.path)]\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: base\n    taskRef:\n      name: make\n  - name: app\n    taskRef:\n      name: make\n    params:\n    - name: from\n      value: example.com/base@$(tasks.base.results.IMAGE_DIGETS)\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: from\n    default: scratch\n  results:\n  - name: IMAGE_DIGEST\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.from), $(results.IMAGE_DIGEST.path)]\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: base\n    taskRef:\n      name: make\n  - name: app\n    taskRef:\n      name: make\n    params:\n    - name: from\n      value: example.com/base@$(tasks.base.results.IMAGE_DIGEST)\n",
    check: Some(unknown_result),
};

/// A use of a result.
struct Use<'a> {
    view: PipelineTaskView<'a>,
    results: &'a [TaskResult],
    result: &'a str,
    access: Access<'a>,
    /// Whether it is all of the value of a parameter, or of an item of it.
    is_whole_value: bool,
    place: Place<'a>,
}

/// Every use of a result whose Task is known.
fn uses<'a>(cx: &Cx<'a>) -> Vec<Use<'a>> {
    let mut found = Vec::new();
    for pipeline in cx.pipelines() {
        for text in pipeline.texts() {
            for reference in text.references() {
                let (task, result, access) = match reference.variable {
                    Variable::TaskResult { task, result, access } | Variable::FinallyResult { task, result, access } => {
                        (task, result, access)
                    }
                    _ => continue,
                };
                let Some((view, results)) = results_of(cx, pipeline, task) else { continue };
                let is_alone = reference.range.len() == text.text.len();
                found.push(Use {
                    view,
                    results,
                    result,
                    access,
                    is_whole_value: is_alone && text.field == "value",
                    place: text.part(reference.range),
                });
            }
        }
    }
    found
}

fn results_of<'a>(cx: &Cx<'a>, pipeline: PipelineView<'a>, task: &str) -> Option<(PipelineTaskView<'a>, &'a [TaskResult])> {
    let view = cx.task_of(pipeline, task)?;
    Some((view, &view.task_spec(cx.world)?.results))
}

fn unknown_result(cx: &Cx<'_>, report: &mut Report<'_>) {
    for Use { view, results, result, place, .. } in uses(cx) {
        if results.iter().any(|declared| declared.name == result) {
            continue;
        }
        let callee = match task_name(view) {
            Some((name, _)) => format!("the Task {name:?} of {:?}", view.task.name()),
            None => format!("the Task of {:?}", view.task.name()),
        };
        let names: Vec<&str> = results.iter().map(|declared| declared.name.as_str()).collect();
        let otherwise = there_is(names.iter().copied());
        report.at(&UNKNOWN_RESULT, place, format!("{callee} has no result {result:?}")).did_you_mean(
            result,
            names.clone(),
            &otherwise,
        );
    }
}

/// A result used as what it is not.
static RESULT_ACCESS: Rule = Rule {
    name: "result-access",
    severity: Severity::Error,
    told_by: ToldBy::Run,
    summary: "A result is used as the type that it has.",
    explanation: "A string is used whole, `$(tasks.t.results.r)`; an array whole with `[*]` or by element with `[0]`; an object whole with `[*]` or by key with `.key`. Where it is all of a value, Tekton does without `[*]`. A task with a matrix gives an array of each of its string results.",
    bad: "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: list\n    taskSpec:\n      results:\n      - name: files\n        type: array\n      steps:\n      - image: example.com/list:1\n        command: [/list]\n        args: [$(results.files.path)]\n  - name: show\n    params:\n    - name: files\n      value: files $(tasks.list.results.files)\n    taskSpec:\n      params:\n      - name: files\n      steps:\n      - image: example.com/show:1\n        command: [/show]\n        args: [$(params.files)]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: list\n    taskSpec:\n      results:\n      - name: files\n        type: array\n      steps:\n      - image: example.com/list:1\n        command: [/list]\n        args: [$(results.files.path)]\n  - name: show\n    params:\n    - name: files\n      value: $(tasks.list.results.files[*])\n    taskSpec:\n      params:\n      - name: files\n        type: array\n      steps:\n      - image: example.com/show:1\n        command: [/show]\n        args: [\"$(params.files[*])\"]\n",
    check: Some(result_access),
};

fn result_access(cx: &Cx<'_>, report: &mut Report<'_>) {
    for Use { view, results, result, access, is_whole_value, place } in uses(cx) {
        let Some(declared) = results.iter().find(|declared| declared.name == result) else { continue };
        let own = kind(declared);
        // What a matrix gathers is an array; what its own combinations see of each other is beyond this rule.
        let kind = if view.task.is_matrixed() && own == ResultType::String { ResultType::Array } else { own };
        let ways = match kind {
            ParamType::String => "a string: use it whole, without [*], [0] or a key",
            ParamType::Array => "an array: use it whole with [*], or one element with [0]",
            ParamType::Object => "an object: use it whole with [*], or one value with its key",
        };
        let is_right = match (kind, access) {
            (ParamType::String, Access::Whole) | (ParamType::Array, Access::All | Access::At(_)) => true,
            (ParamType::Object, Access::All) => true,
            // Tekton takes this for `[*]`.
            (ParamType::Array | ParamType::Object, Access::Whole) if is_whole_value => true,
            (ParamType::Object, Access::Key(key)) => {
                unknown_key(declared, key, place, report);
                true
            }
            _ => false,
        };
        if !is_right {
            let (what, how) = ways.split_once(": ").unwrap_or((ways, ""));
            let task = view.task.name();
            report.at(&RESULT_ACCESS, place, format!("the result {result:?} of {task:?} is {what}")).hint(how);
        }
    }
}

fn kind(result: &TaskResult) -> ResultType {
    result.type_.unwrap_or(if result.properties.is_empty() { ResultType::String } else { ResultType::Object })
}

fn unknown_key(result: &TaskResult, key: &str, place: Place<'_>, report: &mut Report<'_>) {
    let properties: &BTreeMap<String, PropertySpec> = &result.properties;
    if !properties.is_empty() && !properties.contains_key(key) {
        let message = format!("the result {:?} has no key {key:?}", result.name);
        let keys: Vec<&str> = properties.keys().map(String::as_str).collect();
        report.at(&RESULT_ACCESS, place, message).did_you_mean(key, keys.clone(), &format!("it has: {}", keys.join(", ")));
    }
}

/// Results that are too many to fit.
static RESULT_BUDGET: Rule = Rule {
    name: "result-budget",
    severity: Severity::Warning,
    told_by: ToldBy::Run,
    summary: "Results fit into what a container may say at its end.",
    explanation: "Results travel in the termination message of a container: 4,096 bytes, and 12,288 bytes for all containers of a pod together, the init containers that Tekton adds among them. Names take their part of that. This rule warns when not even a digest, of 71 bytes, fits into each result; a step that writes more than there is room for fails.\n\nUse fewer steps, no scripts (they cost a container), shorter names, fewer results; or write to a workspace, and tell its digest.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: parts\nspec:\n  results:\n  - name: part-1\n  - name: part-2\n  - name: part-3\n  - name: part-4\n  - name: part-5\n  - name: part-6\n  - name: part-7\n  - name: part-8\n  - name: part-9\n  steps:\n  - {image: example.com/part:1, command: [/part, \"1\"]}\n  - {image: example.com/part:1, command: [/part, \"2\"]}\n  - {image: example.com/part:1, command: [/part, \"3\"]}\n  - {image: example.com/part:1, command: [/part, \"4\"]}\n  - {image: example.com/part:1, command: [/part, \"5\"]}\n  - {image: example.com/part:1, command: [/part, \"6\"]}\n  - {image: example.com/part:1, command: [/part, \"7\"]}\n  - {image: example.com/part:1, command: [/part, \"8\"]}\n  - {image: example.com/part:1, command: [/part, \"9\"]}\n  - {image: example.com/part:1, command: [/part, \"10\"]}\n  - {image: example.com/part:1, command: [/part, \"11\"]}\n  - {image: example.com/part:1, command: [/part, \"12\"]}\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: parts\nspec:\n  results:\n  - name: part-1\n  - name: part-2\n  - name: part-3\n  - name: part-4\n  - name: part-5\n  - name: part-6\n  - name: part-7\n  - name: part-8\n  - name: part-9\n  steps:\n  - {image: example.com/part:1, command: [/part, \"1\"]}\n",
    check: Some(result_budget),
};

/// Bytes of a digest `sha256:…`.
const DIGEST: usize = 71;
/// Bytes of a message without any result: the time at which the step started.
const EMPTY_MESSAGE: usize = 65;
/// Bytes of `{"key":"","value":"","type":1},`.
const RESULT: usize = 31;

fn result_budget(cx: &Cx<'_>, report: &mut Report<'_>) {
    for TaskView { spec, place, .. } in cx.tasks() {
        if spec.results.is_empty() || spec.steps.is_empty() {
            continue;
        }
        let scripts =
            spec.steps.iter().any(|step| step.script.is_some()) || spec.sidecars.iter().any(|sidecar| sidecar.script.is_some());
        let is_relative = |dir: &Option<String>| dir.as_ref().is_some_and(|dir| !dir.starts_with(['/', '$']) && !dir.is_empty());
        let directories = spec.steps.iter().any(|step| is_relative(&step.working_dir));
        let containers = spec.steps.len() + spec.sidecars.len() + 1 + usize::from(scripts) + usize::from(directories);
        let room = (12_288 / containers).min(4096);
        let names: usize = spec.results.iter().map(|result| RESULT + result.name.len()).sum();
        let left = room.saturating_sub(EMPTY_MESSAGE + names) / spec.results.len();
        if left < DIGEST {
            let count = spec.results.len();
            let message = format!(
                "{count} results share {room} bytes, as the pod has {containers} containers: {left} bytes remain for each value"
            );
            report.at(&RESULT_BUDGET, place.name_of("results"), message).hint("use fewer results or fewer steps");
        }
    }
}
