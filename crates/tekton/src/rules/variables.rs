//! Rules about the parameters and contexts that steps use, and a StepAction.
//!
//! Tekton's admission looks at some fields of a step only, and has a grammar of its own for references; both are in
//! [`super::fields`] and [`found`].

use std::collections::BTreeSet;

use super::fields::{Field, FieldText, steps_of, texts_of_action};
use super::pipeline_params::{Found, Scope, found};
use super::{Rule, ToldBy, run_params};
use crate::check::{Cx, Object, TaskOwner, TaskView};
use crate::finding::{Advice, Report, Severity};
use crate::names::ParamName;
use crate::v1::{ParamType, ParamValue, TaskRunSpec, TaskSpec};

pub(super) static RULES: &[&Rule] = &[&UNDECLARED_PARAM, &LIST_IN_TEXT, &UNKNOWN_CONTEXT];

/// The parameters that steps may use.
pub(super) struct Reach<'a> {
    /// Where arrays are declared that steps must not use in a string.
    arrays: Vec<Scope<'a>>,
    /// All that there are; `None` where nobody can know.
    known: Option<Vec<Scope<'a>>>,
}

impl<'a> Reach<'a> {
    pub(super) fn of(cx: &Cx<'a>, view: TaskView<'a>) -> Self {
        let own = || Scope::of(&view.spec.params);
        match view.owner {
            TaskOwner::Task(_) => Reach { arrays: vec![own()], known: Some(vec![own()]) },
            TaskOwner::TaskRun(run) => {
                Reach { arrays: vec![own(), of_run(run, view.spec)], known: Some(vec![of_run(run, view.spec)]) }
            }
            TaskOwner::PipelineTask { pipeline, task, .. } => {
                // What reaches a Pipeline in a Pipeline is not looked at before it runs.
                let is_outer = cx.pipelines().next().is_some_and(|outer| std::ptr::eq(outer.spec, pipeline.spec));
                match pipeline.run.filter(|_| is_outer) {
                    // Of `finally` in a run nothing is looked at either.
                    Some((run, place)) if pipeline.spec.tasks.iter().any(|other| std::ptr::eq(other, task)) => {
                        let scope = || run_params::scope(run, pipeline.spec, place);
                        Reach { arrays: vec![own(), scope()], known: Some(vec![scope()]) }
                    }
                    None if is_outer => Reach { arrays: vec![own()], known: Some(vec![own(), Scope::of(&pipeline.spec.params)]) },
                    _ => Reach { arrays: vec![own()], known: None },
                }
            }
        }
    }

    /// All names; none where nobody can know.
    pub(super) fn names(&self) -> BTreeSet<&'a str> {
        self.known.iter().flatten().flat_map(|scope| scope.types.keys().copied()).collect()
    }

    fn is_array(&self, name: &str) -> bool {
        self.arrays.iter().any(|scope| scope.types.get(name) == Some(&ParamType::Array))
    }

    /// The keys of an object, as each that declares it has them.
    fn keys(&self, name: &str) -> impl Iterator<Item = &BTreeSet<&'a str>> {
        self.known.iter().flatten().filter_map(move |scope| scope.keys.get(name))
    }
}

/// What a TaskRun with a Task of its own brings together: the type of a value counts more than the declared one.
fn of_run<'a>(run: &'a TaskRunSpec, task: &'a TaskSpec) -> Scope<'a> {
    let mut scope = Scope::of(&task.params);
    for param in &run.params {
        let kind = param.value.kind();
        scope.types.insert(&param.name, kind);
        match &param.value {
            ParamValue::Object(object) => {
                scope.keys.entry(&param.name).or_insert_with(|| object.keys().map(String::as_str).collect());
            }
            _ => drop(scope.keys.remove(param.name.as_str())),
        }
    }
    scope
}

/// Calls `visit` with each text in which Tekton looks for parameters, and what these are.
fn each_text<'a>(cx: &Cx<'a>, visit: &mut dyn FnMut(FieldText<'a>, &Reach<'a>)) {
    for view in cx.tasks() {
        let reach = Reach::of(cx, view);
        for text in steps_of(view).into_iter().flat_map(|step| step.texts).filter(|text| is_replaced(text.field)) {
            visit(text, &reach);
        }
    }
    if let Object::StepAction(action) = cx.object {
        let scope = || Scope::of(&action.spec.params);
        let reach = Reach { arrays: vec![scope()], known: Some(vec![scope()]) };
        texts_of_action(&action.spec, cx.place.key("spec")).into_iter().for_each(|text| visit(text, &reach));
    }
}

/// Whether admission looks for variables in such a field. It does in names too, which cannot have any: another rule.
pub(super) fn is_replaced(field: Field) -> bool {
    !matches!(field, Field::Name | Field::ImagePullPolicy | Field::EnvFrom | Field::Device)
}

/// A parameter that is not there.
static UNDECLARED_PARAM: Rule = Rule {
    name: "undeclared-param",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Steps use only parameters, and keys of objects, that are declared.",
    explanation: "A Task that is written into a Pipeline also has the Pipeline's parameters, and in a run those that the run gives. A name with dots in it needs brackets: `$(params[\"a.b\"])`.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: target
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [$(params.taregt)]
  - name: test
    image: example.com/make:1
    command: [/make]
    args: [$(params.target)]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: target
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [$(params.target)]
",
    check: Some(undeclared_param),
};

fn undeclared_param(cx: &Cx<'_>, report: &mut Report<'_>) {
    each_text(cx, &mut |text, reach| {
        for found in found(text.text, "params") {
            let written = &text.text[found.range.clone()];
            let place = text.part(found.range.clone());
            let names = reach.names();
            let Some(name) = found.plain_name() else {
                if reach.known.is_some() || text.field != Field::OnError {
                    let message = format!("{written} has more than a name and a key");
                    let hint = match names.get(found.inner) {
                        Some(name) => format!("a name with dots goes into brackets: {}", variable(name, "")),
                        None => "a parameter is $(params.NAME), a key of an object $(params.NAME.KEY)".to_owned(),
                    };
                    report.at(&UNDECLARED_PARAM, place, message).hint(hint);
                }
                continue;
            };
            if reach.known.is_none() {
                continue;
            }
            if names.contains(name.as_str()) {
                continue;
            }
            if name.parse::<ParamName>().is_err() {
                let message = format!("{written} names no parameter");
                let hint = "write $(params.NAME), $(params.NAME[*]), $(params.NAME[0]) or $(params.NAME.KEY)";
                report.at(&UNDECLARED_PARAM, place, message).hint(hint);
                continue;
            }
            let finding = report.at(&UNDECLARED_PARAM, place, format!("the parameter {name:?} is not declared"));
            match names.get(found.inner) {
                Some(dotted) => finding.hint(format!("a name with dots goes into brackets: {}", variable(dotted, ""))),
                None => finding.did_you_mean(&name, names, &format!("add to the params: {{name: {name}}}")),
            }
        }
        if text.text.contains("$(params.") {
            undeclared_key(text, reach, report);
        }
    });
}

/// A reference to a parameter as it has to be written.
fn variable(name: &str, access: &str) -> String {
    if name.contains('.') { format!("$(params[\"{name}\"]{access})") } else { format!("$(params.{name}{access})") }
}

fn undeclared_key(text: FieldText<'_>, reach: &Reach<'_>, report: &mut Report<'_>) {
    for object in reach.names() {
        for keys in reach.keys(object) {
            for found in found(text.text, &format!("params.{object}")) {
                // With more dots than that, the parameter is wrong already.
                let Some(key) = found.plain_name().filter(|key| !keys.contains(key.as_str())) else { continue };
                let message = format!("the object {object:?} has no key {key:?}");
                let otherwise = format!("add to its properties: {key}: {{}}");
                report.at(&UNDECLARED_PARAM, text.part(found.range), message).did_you_mean(
                    &key,
                    keys.iter().copied(),
                    &otherwise,
                );
            }
        }
    }
}

/// An array where a string has to be.
static LIST_IN_TEXT: Rule = Rule {
    name: "list-in-text",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "In a step, an array stands alone in `command` or `args`, as `$(params.x[*])`, and an object nowhere as a whole.",
    explanation: "Each element becomes an argument of its own, so nothing can stand beside it. One element, `$(params.x[0])`, and one value of an object, `$(params.x.key)`, are strings and can be used in any text.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: targets
    type: array
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [\"--targets=$(params.targets[*])\"]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: targets
    type: array
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [\"$(params.targets[*])\"]
",
    check: Some(list_in_text),
};

fn list_in_text(cx: &Cx<'_>, report: &mut Report<'_>) {
    each_text(cx, &mut |text, reach| {
        if text.field == Field::OnError {
            return;
        }
        let all = found(text.text, "params");
        // Tekton compares with the first reference only.
        let is_alone = all.first().is_some_and(|first| first.range.len() == text.text.len());
        let takes_lists = matches!(text.field, Field::Command | Field::Args);
        for reference in &all {
            let place = text.part(reference.range.clone());
            let whole = without_star(reference.inner);
            let name = without_star(reference.name().unwrap_or_default());
            if let Some(keys) = reach.keys(whole).next() {
                let key = keys.first().copied().unwrap_or("KEY");
                let message = format!("the object {whole:?} cannot be used as a whole");
                report.at(&LIST_IN_TEXT, place, message).hint(format!("write one of its keys: $(params.{whole}.{key})"));
            } else if reach.is_array(name) && !(takes_lists && is_alone) {
                say_array(reference, name, takes_lists, text, report);
            }
        }
    });
}

fn say_array(reference: &Found<'_>, name: &str, takes_lists: bool, text: FieldText<'_>, report: &mut Report<'_>) {
    let place = text.part(reference.range.clone());
    if takes_lists {
        let message = format!("the array {name:?} cannot stand beside other text");
        report.at(&LIST_IN_TEXT, place, message).hint(format!("write {} as an element of its own", variable(name, "[*]")));
    } else {
        let message = format!("the array {name:?} cannot stand in a string");
        report
            .at(&LIST_IN_TEXT, place, message)
            .hint(format!("write one element: {}, or pass it in args", variable(name, "[0]")));
    }
}

fn without_star(name: &str) -> &str {
    name.strip_suffix("[*]").unwrap_or(name)
}

/// Nothing of a run.
static UNKNOWN_CONTEXT: Rule = Rule {
    name: "unknown-task-context",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "In a step, `$(context.…)` is something that there is.",
    explanation: "There is context.taskRun.name, .namespace and .uid, context.task.name and context.task.retry-count.",
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

const CONTEXTS: [(&str, &[&str]); 2] =
    [("context.taskRun", &["name", "namespace", "uid"]), ("context.task", &["name", "retry-count"])];

fn unknown_context(cx: &Cx<'_>, report: &mut Report<'_>) {
    let texts = cx.tasks().flat_map(steps_of).flat_map(|step| step.texts).filter(|text| is_replaced(text.field));
    for text in texts {
        for (object, names) in CONTEXTS {
            for found in found(text.text, object) {
                let name = found.plain_name();
                if name.as_deref().is_some_and(|name| names.contains(&name)) {
                    continue;
                }
                let message = format!("there is no {}", &text.text[found.range.clone()]);
                let name = name.unwrap_or_default();
                let finding = report.at(&UNKNOWN_CONTEXT, text.part(found.range), message);
                match CONTEXTS.iter().find(|(_, names)| names.contains(&name.as_str())) {
                    Some((other, _)) => finding.hint(format!("did you mean $({other}.{name})?")),
                    None => finding.hint(format!("of {object} there is: {}", names.join(", "))),
                }
            }
        }
    }
}
