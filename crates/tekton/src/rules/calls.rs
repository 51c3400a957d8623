//! Rules about the parameters that one object gives to another that it refers to.
//!
//! Tekton finds these when a run fails, or never: what a Task does not know it does not miss.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Rule, ToldBy};
use crate::check::{Cx, Object, PipelineTaskView, PipelineView, TaskOwner};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::{Param, ParamSpec, ParamType, ParamValue, Pipeline, StepAction, Task};
use crate::variable::{Access, Variable, isolated};

pub(super) static RULES: &[&Rule] = &[&UNRESOLVED, &UNKNOWN_PARAM, &MISSING_PARAM, &PARAM_TYPE, &MISSING_KEY];

/// A reference to something that is not among the files.
static UNRESOLVED: Rule = Rule {
    name: "unresolved",
    severity: Severity::Warning,
    told_by: ToldBy::Run,
    summary: "What a file refers to by name is among the files that are checked.",
    explanation: "Otherwise nothing that is given to it can be checked. Give the files that belong together to one check, for example their directory. What a resolver finds elsewhere is never looked for.",
    bad: "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n",
    check: Some(unresolved),
};

fn unresolved(cx: &Cx<'_>, report: &mut Report<'_>) {
    if cx.world.is_partial() {
        return;
    }
    let mut ask = |kind: &str, name: &str, place: Place<'_>| {
        if !name.is_empty() && !name.contains("$(") && !cx.world.has(kind, name) {
            let names = cx.world.names(kind);
            let message = format!("there is no {kind} {name:?} in these files: what it is given is not checked");
            report.at(&UNRESOLVED, place, message).did_you_mean(name, names, "check the file that has it together with this one");
        }
    };
    for (_, view) in cx.pipeline_tasks() {
        if let Some((name, place)) = task_name(view) {
            ask(Task::KIND, name, place);
        }
    }
    for view in cx.tasks() {
        for (index, step) in view.spec.steps.iter().enumerate() {
            if let Some(reference) = step.ref_.as_ref().filter(|reference| reference.resolver.is_none()) {
                let place = view.place.key("steps").index(index).key("ref").key("name");
                ask(StepAction::KIND, reference.name.as_deref().unwrap_or_default(), place);
            }
        }
    }
    let spec = cx.place.key("spec");
    match cx.object {
        Object::TaskRun(run) => {
            if let Some(reference) = run.spec.task_ref.as_ref().filter(|reference| reference.resolver.is_none()) {
                ask(Task::KIND, reference.name.as_deref().unwrap_or_default(), spec.key("taskRef").key("name"));
            }
        }
        Object::PipelineRun(run) => {
            if let Some(reference) = run.spec.pipeline_ref.as_ref().filter(|reference| reference.resolver.is_none()) {
                ask(Pipeline::KIND, reference.name.as_deref().unwrap_or_default(), spec.key("pipelineRef").key("name"));
            }
        }
        _ => {}
    }
}

/// The name of the Task in the same namespace that a task of a Pipeline refers to.
pub(super) fn task_name<'a>(view: PipelineTaskView<'a>) -> Option<(&'a str, Place<'a>)> {
    let reference = view.task.task_ref.as_ref().filter(|reference| reference.resolver.is_none())?;
    let is_task = matches!(reference.kind.as_deref(), None | Some("" | Task::KIND)) && reference.api_version.is_none();
    Some((reference.name.as_deref().filter(|_| is_task)?, view.place.key("taskRef").key("name")))
}

/// A Task, Pipeline or StepAction gets parameters.
struct Call<'c, 'a> {
    /// `the Task "make"`.
    callee: String,
    declared: &'a [ParamSpec],
    given: Vec<Given<'a>>,
    /// Where values would be written.
    place: Place<'a>,
    /// It is written where it is called: what it does not declare comes to it all the same.
    is_inline: bool,
    /// What is in scope where it is called, and comes to it by its name if it is inline.
    scope: Scope<'c, 'a>,
}

/// One value, and where.
#[derive(Clone, Copy)]
struct Given<'a> {
    param: &'a Param,
    place: Place<'a>,
    is_matrix: bool,
}

/// What variables mean where a call is.
#[derive(Clone, Copy)]
struct Scope<'c, 'a> {
    cx: &'c Cx<'a>,
    pipeline: Option<PipelineView<'a>>,
}

fn given<'a>(params: &'a [Param], place: Place<'a>, is_matrix: bool) -> impl Iterator<Item = Given<'a>> {
    params.iter().enumerate().map(move |(index, param)| Given { param, place: place.index(index), is_matrix })
}

/// Every call in a document whose callee is known.
fn calls<'c, 'a>(cx: &'c Cx<'a>) -> Vec<Call<'c, 'a>> {
    let mut calls = Vec::new();
    for (pipeline, view) in cx.pipeline_tasks() {
        let Some(spec) = view.task_spec(cx.world) else { continue };
        let callee = match task_name(view) {
            Some((name, _)) => format!("the Task {name:?}"),
            None => format!("the Task of {:?}", view.task.name()),
        };
        let mut params: Vec<_> = given(&view.task.params, view.place.key("params"), false).collect();
        if let Some(matrix) = &view.task.matrix {
            let place = view.place.key("matrix");
            params.extend(given(&matrix.params, place.key("params"), true));
            for (index, include) in matrix.include.iter().enumerate() {
                params.extend(given(&include.params, place.key("include").index(index).key("params"), true));
            }
        }
        calls.push(Call {
            callee,
            declared: &spec.params,
            given: params,
            place: view.place.name_of("params"),
            is_inline: view.task.task_spec.is_some(),
            scope: Scope { cx, pipeline: Some(pipeline) },
        });
    }
    for view in cx.tasks() {
        let pipeline = match view.owner {
            TaskOwner::PipelineTask { pipeline, .. } => Some(pipeline),
            _ => None,
        };
        for (index, step) in view.spec.steps.iter().enumerate() {
            let name = step.ref_.as_ref().filter(|reference| reference.resolver.is_none()).and_then(|r| r.name.as_deref());
            let Some(action) = name.and_then(|name| cx.world.step_action(name)) else { continue };
            let place = view.place.key("steps").index(index);
            calls.push(Call {
                callee: format!("the StepAction {:?}", action.name()),
                declared: &action.spec.params,
                given: given(&step.params, place.key("params"), false).collect(),
                place: place.name_of("params"),
                is_inline: false,
                scope: Scope { cx, pipeline },
            });
        }
    }
    let place = cx.place.key("spec");
    let (callee, declared, params, is_inline) = match cx.object {
        Object::TaskRun(run) => {
            let name =
                run.spec.task_ref.as_ref().filter(|reference| reference.resolver.is_none()).and_then(|r| r.name.as_deref());
            match (&run.spec.task_spec, name.and_then(|name| cx.world.task(name))) {
                (Some(spec), _) => ("its Task".to_owned(), &spec.params, &run.spec.params, true),
                (None, Some(task)) => (format!("the Task {:?}", task.name()), &task.spec.params, &run.spec.params, false),
                (None, None) => return calls,
            }
        }
        Object::PipelineRun(run) => {
            let reference = run.spec.pipeline_ref.as_ref().filter(|reference| reference.resolver.is_none());
            let name = reference.and_then(|reference| reference.name.as_deref());
            match (&run.spec.pipeline_spec, name.and_then(|name| cx.world.pipeline(name))) {
                (Some(spec), _) => ("its Pipeline".to_owned(), &spec.params, &run.spec.params, true),
                (None, Some((pipeline, _))) => {
                    (format!("the Pipeline {:?}", pipeline.name()), &pipeline.spec.params, &run.spec.params, false)
                }
                (None, None) => return calls,
            }
        }
        _ => return calls,
    };
    let given = given(params, place.key("params"), false).collect();
    calls.push(Call { callee, declared, given, place: place.name_of("params"), is_inline, scope: Scope { cx, pipeline: None } });
    calls
}

/// The names that there are, as advice.
pub(super) fn there_is<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let rest = names.len().saturating_sub(SHOWN);
    let names = names.take(SHOWN).collect::<Vec<_>>().join(", ");
    match (names.as_str(), rest) {
        ("", _) => "it has none at all".to_owned(),
        (_, 0) => format!("it has: {names}"),
        _ => format!("it has: {names}, and {rest} more"),
    }
}

/// A parameter that the callee does not have.
static UNKNOWN_PARAM: Rule = Rule {
    name: "unknown-param",
    severity: Severity::Error,
    told_by: ToldBy::Nobody,
    summary: "A value is given only for a parameter that there is.",
    explanation: "Tekton ignores other values by design, so a misspelt optional parameter keeps its default, and nobody is told.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: target\n    default: all\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.target)]\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n    params:\n    - name: tagret\n      value: docs\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: target\n    default: all\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.target)]\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n    params:\n    - name: target\n      value: docs\n",
    check: Some(unknown_param),
};

fn unknown_param(cx: &Cx<'_>, report: &mut Report<'_>) {
    for Call { callee, declared, given, is_inline, .. } in calls(cx) {
        if is_inline {
            continue;
        }
        let names: BTreeSet<&str> = declared.iter().map(|spec| spec.name.as_str()).collect();
        let taken: HashSet<&str> = given.iter().map(|given| given.param.name.as_str()).collect();
        let there_is = there_is(declared.iter().map(|spec| spec.name.as_str()));
        for Given { param, place, .. } in &given {
            let name = param.name.as_str();
            if !names.contains(name) {
                let message = format!("{callee} has no parameter {name:?}");
                // The one meant is hardly one that is given as well.
                let free = names.iter().filter(|name| !taken.contains(*name));
                report.at(&UNKNOWN_PARAM, place.key("name"), message).did_you_mean(name, free.copied(), &there_is);
            }
        }
    }
}

/// A parameter without a value.
static MISSING_PARAM: Rule = Rule {
    name: "missing-param",
    severity: Severity::Error,
    told_by: ToldBy::Run,
    summary: "Every parameter without a default gets a value.",
    explanation: "The run would fail before it starts.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: target\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.target)]\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: target\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.target)]\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n    params:\n    - name: target\n      value: docs\n",
    check: Some(missing_param),
};

fn missing_param(cx: &Cx<'_>, report: &mut Report<'_>) {
    for call in calls(cx) {
        let given: HashSet<&str> = call.given.iter().map(|given| given.param.name.as_str()).collect();
        let declared: HashSet<&str> = call.declared.iter().map(|spec| spec.name.as_str()).collect();
        let comes_by_itself = |name: &str| call.is_inline && call.scope.has_param(name);
        // A value under a name that nothing has is most likely this one's: the rule about unknown parameters says so.
        let strays: BTreeSet<&str> = given.difference(&declared).copied().collect();
        let is_misspelt = |name: &str| !call.is_inline && crate::finding::nearest(name, strays.iter().copied()).is_some();
        let missing =
            |spec: &&ParamSpec| spec.default.is_none() && !given.contains(spec.name.as_str()) && !comes_by_itself(&spec.name);
        for spec in call.declared.iter().filter(missing).filter(|spec| !is_misspelt(&spec.name)) {
            let message = format!("{} needs a value for its parameter {:?}", call.callee, spec.name);
            let hint = format!("add to its params: {{name: {}, value: …}}", spec.name);
            report.at(&MISSING_PARAM, call.place, message).hint(hint);
        }
    }
}

/// A value of another type.
static PARAM_TYPE: Rule = Rule {
    name: "param-type",
    severity: Severity::Error,
    told_by: ToldBy::Run,
    summary: "A value has the type of its parameter: string, array or object.",
    explanation: "An array or object of the caller is passed on whole as `$(params.x[*])`. A string where an array belongs is no array of one: write it as a list. Where the string is a variable Tekton does not tell either; the Task's `$(params.x[*])` then stays as it is written.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: targets\n    type: array\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [\"$(params.targets[*])\"]\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  params:\n  - name: target\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n    params:\n    - name: targets\n      value: $(params.target)\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: targets\n    type: array\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [\"$(params.targets[*])\"]\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  params:\n  - name: target\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n    params:\n    - name: targets\n      value: [$(params.target)]\n",
    check: Some(param_type),
};

fn param_type(cx: &Cx<'_>, report: &mut Report<'_>) {
    for call in calls(cx) {
        let declared: HashMap<&str, &ParamSpec> = call.declared.iter().map(|spec| (spec.name.as_str(), spec)).collect();
        for Given { param, place, is_matrix } in &call.given {
            let Some(spec) = declared.get(param.name.as_str()) else { continue };
            let wanted = spec.kind();
            let place = place.key("value");
            if *is_matrix {
                if wanted != ParamType::String {
                    let message = format!("a matrix gives strings, but {} has an {wanted} {:?}", call.callee, spec.name);
                    report.at(&PARAM_TYPE, place, message);
                }
                continue;
            }
            let Some(found) = call.scope.kind(&param.value).filter(|found| *found != wanted) else { continue };
            let article = if wanted == ParamType::String { "a" } else { "an" };
            let message = format!("{} wants {article} {wanted} for {:?}, not {}", call.callee, spec.name, described(found));
            let finding = report.at(&PARAM_TYPE, place, message);
            match (wanted, &param.value) {
                (ParamType::Array, ParamValue::String(text)) => finding.hint(format!("write a list: [{text}]")),
                (ParamType::String, ParamValue::String(_)) => finding.hint("one element is $(…[0]), one key is $(….key)"),
                _ => {}
            }
        }
    }
}

fn described(kind: ParamType) -> &'static str {
    match kind {
        ParamType::String => "a string",
        ParamType::Array => "an array",
        ParamType::Object => "an object",
    }
}

/// A key without a value.
static MISSING_KEY: Rule = Rule {
    name: "missing-key",
    severity: Severity::Error,
    told_by: ToldBy::Run,
    summary: "An object has all keys that its parameter's `properties` name.",
    explanation: "A key may come from the value or from the default; the run fails when it comes from neither.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: clone\nspec:\n  params:\n  - name: source\n    type: object\n    properties:\n      url: {}\n      commit: {}\n  steps:\n  - image: example.com/git:1\n    command: [/clone]\n    args: [$(params.source.url), $(params.source.commit)]\n---\napiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata:\n  generateName: clone-\nspec:\n  taskRef:\n    name: clone\n  params:\n  - name: source\n    value:\n      url: https://example.com/repo\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: clone\nspec:\n  params:\n  - name: source\n    type: object\n    properties:\n      url: {}\n      commit: {}\n  steps:\n  - image: example.com/git:1\n    command: [/clone]\n    args: [$(params.source.url), $(params.source.commit)]\n---\napiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata:\n  generateName: clone-\nspec:\n  taskRef:\n    name: clone\n  params:\n  - name: source\n    value:\n      url: https://example.com/repo\n      commit: main\n",
    check: Some(missing_key),
};

fn missing_key(cx: &Cx<'_>, report: &mut Report<'_>) {
    for call in calls(cx) {
        let declared: HashMap<&str, &ParamSpec> = call.declared.iter().map(|spec| (spec.name.as_str(), spec)).collect();
        for Given { param, place, .. } in &call.given {
            let Some(spec) = declared.get(param.name.as_str()) else { continue };
            let ParamValue::Object(object) = &param.value else { continue };
            let in_default = |key: &str| matches!(&spec.default, Some(ParamValue::Object(default)) if default.contains_key(key));
            let missing: Vec<_> = spec.properties.keys().filter(|key| !object.contains_key(*key) && !in_default(key)).collect();
            if !missing.is_empty() {
                let names: Vec<String> = missing.iter().map(|key| format!("{key:?}")).collect();
                let message = format!("{} needs {} in its object {:?}", call.callee, names.join(", "), spec.name);
                let strays: Vec<&str> =
                    object.keys().filter(|key| !spec.properties.contains_key(*key)).map(String::as_str).collect();
                report.at(&MISSING_KEY, place.key("value"), message).did_you_mean(missing[0], strays, "");
            }
        }
    }
}

// === impl Scope ===

impl Scope<'_, '_> {
    /// Whether a parameter of this name comes to what is written inline.
    fn has_param(self, name: &str) -> bool {
        let Some(pipeline) = self.pipeline else { return false };
        let of_run = pipeline.run.is_some_and(|(run, _)| run.params.iter().any(|param| param.name == name));
        of_run || pipeline.spec.params.iter().any(|spec| spec.name == name)
    }

    fn param_kind(self, name: &str) -> Option<ParamType> {
        let pipeline = self.pipeline?;
        let declared = pipeline.spec.params.iter().find(|spec| spec.name == name).map(ParamSpec::kind);
        declared.or_else(|| {
            let (run, _) = pipeline.run?;
            run.params.iter().find(|param| param.name == name).map(|param| param.value.kind())
        })
    }

    /// The type that a value will have, as far as that can be known.
    fn kind(self, value: &ParamValue) -> Option<ParamType> {
        let ParamValue::String(text) = value else { return Some(value.kind()) };
        match isolated(text) {
            Some(Variable::Param { name, access: Access::All }) => self.param_kind(name),
            // Not replaced: Tekton's own checks say so.
            Some(Variable::Param { name, access: Access::Whole }) if self.param_kind(name) != Some(ParamType::String) => None,
            // Of a whole list or object Tekton also takes what is written without `[*]`.
            Some(Variable::TaskResult { task, result, access: Access::All | Access::Whole }) => {
                let view = self.cx.task_of(self.pipeline?, task)?;
                if view.task.is_matrixed() {
                    return Some(ParamType::Array);
                }
                let spec = view.task_spec(self.cx.world)?.results.iter().find(|spec| spec.name == result)?;
                let kind = spec.type_.unwrap_or(if spec.properties.is_empty() { ParamType::String } else { ParamType::Object });
                // The rule about results tells of `[*]` on a string.
                Some(kind).filter(|kind| *kind != ParamType::String || !text.ends_with("[*])"))
            }
            Some(Variable::StepResult { access: Access::All, .. }) => None,
            // In a Task the scope is not the Pipeline's alone.
            Some(Variable::Param { .. }) if self.pipeline.is_none() => None,
            _ => Some(ParamType::String),
        }
    }
}
