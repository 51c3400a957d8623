//! Rules about the names of what an object has in it.

use std::collections::HashMap;

use super::fields::{Field, steps};
use super::mounts::clean;
use super::params::{DeclaredBy, declarations};
use super::{Rule, ToldBy, pipeline_names};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report, Severity};
use crate::names::{ParamName, ResultName, StepName};
use crate::v1::{Param, ParamType, ParamValue};

pub(super) static RULES: &[&Rule] = &[&INVALID_NAME, &DUPLICATE_NAME, &RESERVED_NAME];

/// A name with letters that it cannot have.
pub(super) static INVALID_NAME: Rule = Rule {
    name: "invalid-name",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "The name of a task, step, parameter, key or result has only characters that such a name can have.",
    explanation: "A step: lower-case letters, digits and '-', at most 63. A parameter: letters, digits, '-', '_' and '.', with a letter or '_' first; of an object, and of its keys, without '.'. A result: the same characters, with a letter or digit at both ends.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: compile_all
    image: example.com/make:1
    command: [/make]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - name: compile-all
    image: example.com/make:1
    command: [/make]
",
    check: Some(invalid_name),
};

const LABEL: &str = "use at most 63 lower-case letters, digits and '-', with a letter or digit at both ends";
const VARIABLE: &str = "use letters, digits, '-', '_' and '.', with a letter or '_' first";
const KEY: &str = "use letters, digits, '-' and '_', with a letter or '_' first";
const RESULT: &str = "use letters, digits, '-', '_' and '.', with a letter or digit at both ends";

fn invalid_name(cx: &Cx<'_>, report: &mut Report<'_>) {
    pipeline_names::invalid(cx, report);
    for view in cx.tasks() {
        let steps = view.place.key("steps");
        for (index, step) in view.spec.steps.iter().enumerate() {
            let place = steps.index(index);
            if let Some(name) = step.name.as_deref().filter(|name| !name.is_empty() && name.parse::<StepName>().is_err()) {
                say("a step", name, place.key("name"), LABEL, report);
            }
            let results = step.results.iter().map(|result| result.name.as_str());
            result_names(results, place.key("results"), report);
        }
        result_names(view.spec.results.iter().map(|result| result.name.as_str()), view.place.key("results"), report);
    }
    if let Object::StepAction(action) = cx.object {
        let results = action.spec.results.iter().map(|result| result.name.as_str());
        result_names(results, cx.place.key("spec").key("results"), report);
    }
    for list in declarations(cx) {
        // Nobody minds the names of a Pipeline's parameters, unless a run passes them down to steps: another rule.
        for param in list.each().filter(|_| list.of != DeclaredBy::Pipeline) {
            let keys = param.spec.properties.keys().map(|key| (key.as_str(), param.place.key("properties").name_of(key)));
            param_names(&param.spec.name, param.place.key("name"), param.kind(), keys, report);
        }
    }
    if let Object::TaskRun(run) = cx.object
        // What a run gives comes to its own steps without being declared.
        && run.spec.task_spec.as_ref().is_some_and(|task| !task.steps.is_empty())
    {
        for (index, param) in run.spec.params.iter().enumerate() {
            let place = cx.place.key("spec").key("params").index(index);
            let value = place.key("value");
            let object = match &param.value {
                ParamValue::Object(object) => Some(object),
                _ => None,
            };
            let keys = object.into_iter().flatten().map(|(key, _)| (key.as_str(), value.name_of(key)));
            param_names(&param.name, place.key("name"), param.value.kind(), keys, report);
        }
    }
}

fn param_names<'a>(
    name: &str,
    place: Place<'_>,
    kind: ParamType,
    keys: impl Iterator<Item = (&'a str, Place<'a>)>,
    report: &mut Report<'_>,
) {
    let is_object = kind == ParamType::Object;
    if name.parse::<ParamName>().is_err() {
        say("a parameter", name, place, if is_object { KEY } else { VARIABLE }, report);
    } else if is_object && name.contains('.') {
        say("an object", name, place, KEY, report);
    }
    for (key, place) in keys.filter(|(key, _)| is_object && (key.contains('.') || key.parse::<ParamName>().is_err())) {
        say("a key of an object", key, place, KEY, report);
    }
}

fn result_names<'a>(names: impl Iterator<Item = &'a str>, place: Place<'_>, report: &mut Report<'_>) {
    for (index, name) in names.enumerate().filter(|(_, name)| name.parse::<ResultName>().is_err()) {
        say("a result", name, place.index(index).key("name"), RESULT, report);
    }
}

fn say(what: &str, name: &str, place: Place<'_>, hint: &str, report: &mut Report<'_>) {
    report.at(&INVALID_NAME, place, format!("{what} cannot have the name {name:?}")).hint(hint);
}

/// A name that is there already.
pub(super) static DUPLICATE_NAME: Rule = Rule {
    name: "duplicate-name",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Of the parameters, steps, volumes and workspaces in one list each has a name of its own.",
    explanation: "In what a run gives, and in what a resolver gets, names that differ only in upper and lower case count as the same.",
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
  - name: compile
    image: example.com/make:1
    command: [/make, docs]
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
  - name: compile-docs
    image: example.com/make:1
    command: [/make, docs]
",
    check: Some(duplicate_name),
};

/// When names count as the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Matters,
    Ignored,
}

fn duplicate_name(cx: &Cx<'_>, report: &mut Report<'_>) {
    pipeline_names::duplicates(cx, report);
    for list in declarations(cx) {
        let names = list.params.iter().map(|param| param.name.as_str());
        duplicates("parameter", names, list.place, Case::Matters, report);
    }
    for view in cx.tasks() {
        let steps = view.spec.steps.iter().map(|step| step.name.as_deref().unwrap_or_default());
        duplicates("step", steps, view.place.key("steps"), Case::Matters, report);
        for (index, step) in view.spec.steps.iter().enumerate() {
            if let Some(reference) = &step.ref_ {
                let place = view.place.key("steps").index(index).key("ref");
                of_params(&reference.params, place.key("params"), report);
            }
        }
        let volumes = view.spec.volumes.iter().map(|volume| volume.name.as_str());
        duplicates("volume", volumes, view.place.key("volumes"), Case::Matters, report);
        let workspaces = view.spec.workspaces.iter().map(|workspace| workspace.name.as_str());
        duplicates("workspace", workspaces, view.place.key("workspaces"), Case::Matters, report);
    }
    let Object::TaskRun(run) = cx.object else { return };
    let (spec, place) = (&run.spec, cx.place.key("spec"));
    of_params(&spec.params, place.key("params"), report);
    if let Some(reference) = &spec.task_ref {
        of_params(&reference.params, place.key("taskRef").key("params"), report);
    }
    let workspaces = spec.workspaces.iter().map(|binding| binding.name.as_str());
    duplicates("workspace", workspaces, place.key("workspaces"), Case::Ignored, report);
    for (specs, key) in [(&spec.step_specs, "stepSpecs"), (&spec.sidecar_specs, "sidecarSpecs")] {
        duplicates("container", specs.iter().map(|spec| spec.name.as_str()), place.key(key), Case::Ignored, report);
    }
}

fn of_params(params: &[Param], place: Place<'_>, report: &mut Report<'_>) {
    duplicates("value for", params.iter().map(|param| param.name.as_str()), place, Case::Ignored, report);
}

/// Reports names that are in a list already; `place` is the list's.
fn duplicates<'a>(what: &str, names: impl Iterator<Item = &'a str>, place: Place<'_>, case: Case, report: &mut Report<'_>) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    // Steps may do without a name.
    for (index, name) in names.enumerate().filter(|(_, name)| !(name.is_empty() && what == "step")) {
        let key = if case == Case::Ignored { name.to_lowercase() } else { name.to_owned() };
        if let Some(other) = seen.insert(key, name) {
            let message = format!("there is already a {what} {other:?}");
            report
                .at(&DUPLICATE_NAME, place.index(index).key("name"), message)
                .hint("give one of them another name, or remove it");
        }
    }
}

/// A name that Tekton keeps for itself.
static RESERVED_NAME: Rule = Rule {
    name: "reserved-name",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "What Tekton keeps for itself is left to it: the sidecar tekton-log-results, volumes tekton-internal-*, paths beneath /tekton.",
    explanation: "In a pod, /tekton has Tekton's own programs, scripts and results in it. Only /tekton/home is anybody's.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  volumes:
  - name: cache
    emptyDir: {}
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    volumeMounts:
    - name: cache
      mountPath: /tekton/cache
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  volumes:
  - name: cache
    emptyDir: {}
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    volumeMounts:
    - name: cache
      mountPath: /cache
",
    check: Some(reserved_name),
};

fn reserved_name(cx: &Cx<'_>, report: &mut Report<'_>) {
    for step in steps(cx) {
        for text in &step.texts {
            match text.field {
                Field::MountPath => {
                    let path = clean(text.text);
                    if path.starts_with("/tekton/") && !path.starts_with("/tekton/home") {
                        let message = format!("{:?} is in Tekton's own directory", text.text);
                        report.at(&RESERVED_NAME, text.place, message).hint("mount it elsewhere");
                    }
                }
                Field::MountName if text.text.starts_with("tekton-internal-") => {
                    let message = format!("the volume {:?} is Tekton's own", text.text);
                    report.at(&RESERVED_NAME, text.place, message).hint("mount a volume of the Task");
                }
                _ => {}
            }
        }
    }
    for view in cx.tasks() {
        for (index, sidecar) in view.spec.sidecars.iter().enumerate() {
            if sidecar.name == "tekton-log-results" {
                let place = view.place.key("sidecars").index(index).key("name");
                report.at(&RESERVED_NAME, place, "tekton-log-results is Tekton's own sidecar").hint("give this one another name");
            }
        }
    }
}
