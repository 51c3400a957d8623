//! Rules about references to Tasks and StepActions.

use super::levels::{Feature, require};
use super::names::is_subdomain;
use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::Param;

pub(super) static RULES: &[&Rule] = &[&REFERENCE, &TASK_OR_REF];

/// A reference that names nothing, or too much.
static REFERENCE: Rule = Rule {
    name: "reference",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A reference has a name, or a resolver and params for it.",
    explanation: "With a name it is an object of the same namespace. With a resolver, `params` say what the resolver needs to know; a name may stand there only if it is a URL, and the cluster has enable-concise-resolver-syntax.",
    bad: "\
apiVersion: tekton.dev/v1
kind: TaskRun
metadata:
  generateName: build-
spec:
  taskRef:
    name: make
    resolver: git
",
    good: "\
apiVersion: tekton.dev/v1
kind: TaskRun
metadata:
  generateName: build-
spec:
  taskRef:
    resolver: git
    params:
    - name: url
      value: https://example.com/tasks
    - name: pathInRepo
      value: make.yaml
",
    check: Some(reference),
};

/// A reference, as all kinds of them are alike.
struct Reference<'a> {
    name: &'a str,
    resolver: &'a str,
    params: &'a [Param],
    place: Place<'a>,
}

fn reference(cx: &Cx<'_>, report: &mut Report<'_>) {
    let of = |name, resolver, params, place| Reference { name: text(name), resolver: text(resolver), params, place };
    for view in cx.tasks() {
        for (index, step) in view.spec.steps.iter().enumerate() {
            if let Some(found) = &step.ref_ {
                let place = view.place.key("steps").index(index).key("ref");
                check_reference(cx, &of(&found.name, &found.resolver, &found.params, place), report);
            }
        }
    }
    if let Object::TaskRun(run) = cx.object
        && let Some(found) = &run.spec.task_ref
    {
        let place = cx.place.key("spec").key("taskRef");
        check_reference(cx, &of(&found.name, &found.resolver, &found.params, place), report);
    }
}

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

/// Reports what is wrong with a reference.
fn check_reference(cx: &Cx<'_>, reference: &Reference<'_>, report: &mut Report<'_>) {
    let Reference { name, resolver, params, place } = *reference;
    if !params.is_empty() {
        require(cx, Feature::BETA, "parameters of resolvers", place.name_of("params"), report);
        if !name.is_empty() {
            let message = "the reference has a name and params for a resolver";
            report.at(&REFERENCE, place.name_of("name"), message).hint("give the name to the resolver as one of its params");
        }
        if resolver.is_empty() {
            let message = "the reference has params, but no resolver that would take them";
            report
                .at(&REFERENCE, place.name_of("params"), message)
                .hint("add: resolver: …; values for parameters go beside the reference");
        }
    }
    let is_url = is_url(name);
    let at = place.key("name");
    if is_url {
        require(cx, Feature::CONCISE_RESOLVER, "URLs in references", at, report);
    }
    if !resolver.is_empty() {
        require(cx, Feature::BETA, "resolvers", place.name_of("resolver"), report);
        if !name.is_empty() && !is_url && params.is_empty() {
            let message = "the reference has a name and a resolver";
            report.at(&REFERENCE, at, message).hint("remove one of them; the resolver takes a name as one of its params");
        }
    } else if params.is_empty() {
        if name.is_empty() {
            report.at(&REFERENCE, place, "the reference has no name").hint("add a name, or a resolver and params");
        } else if is_url {
            let message = format!("nothing can find {name:?} without a resolver");
            report.at(&REFERENCE, at, message).hint("add: resolver: …");
        } else if !is_qualified(name) {
            let message = format!("nothing can have the name {name:?}");
            report.at(&REFERENCE, at, message).hint("use the metadata.name of what is meant");
        }
    }
}

/// What Tekton takes for one: a scheme, a colon and a slash, anywhere.
fn is_url(text: &str) -> bool {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    text.match_indices(":/").any(|(at, _)| text[..at].ends_with(is_scheme))
}

/// Kubernetes' `IsQualifiedName`: a name, perhaps with a DNS subdomain and a slash before it.
fn is_qualified(text: &str) -> bool {
    let is_name = |name: &str| {
        let edge = |c: char| c.is_ascii_alphanumeric();
        let inner = |c: char| edge(c) || matches!(c, '-' | '_' | '.');
        name.len() <= 63 && name.starts_with(edge) && name.ends_with(edge) && name.chars().all(inner)
    };
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_name(name),
        None => is_name(text),
    }
}

/// Which Task a run runs.
static TASK_OR_REF: Rule = Rule {
    name: "task-or-ref",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A TaskRun has either a taskRef or a taskSpec.",
    explanation: "The one names a Task, the other is one.",
    bad: "\
apiVersion: tekton.dev/v1
kind: TaskRun
metadata:
  generateName: build-
spec:
  params:
  - name: target
    value: all
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
---
apiVersion: tekton.dev/v1
kind: TaskRun
metadata:
  generateName: build-
spec:
  taskRef:
    name: build
  params:
  - name: target
    value: all
",
    check: Some(task_or_ref),
};

fn task_or_ref(cx: &Cx<'_>, report: &mut Report<'_>) {
    let Object::TaskRun(run) = cx.object else { return };
    let place = cx.place.key("spec");
    match (&run.spec.task_ref, &run.spec.task_spec) {
        (None, None) => report.at(&TASK_OR_REF, place, "the TaskRun says nothing about its Task").hint("add: taskRef: {name: …}"),
        (Some(_), Some(_)) => {
            let message = "the TaskRun has a taskRef and a taskSpec";
            report.at(&TASK_OR_REF, place.name_of("taskRef"), message).hint("remove one of them");
        }
        _ => {}
    }
}
