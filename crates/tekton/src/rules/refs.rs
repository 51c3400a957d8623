//! Rules about what runs, and where it is found.

use super::levels::{Feature, require};
use super::names::is_subdomain;
use super::pipeline_tasks::is_custom;
use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::Param;

pub(super) static RULES: &[&Rule] = &[&REFERENCE, &REF_OR_SPEC];

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
    for view in cx.tasks() {
        for (index, step) in view.spec.steps.iter().enumerate() {
            if let Some(found) = &step.ref_ {
                let place = view.place.key("steps").index(index).key("ref");
                Reference::new(&found.name, &found.resolver, &found.params, place).check(cx, report);
            }
        }
    }
    for (_, view) in cx.pipeline_tasks() {
        // Whoever runs a custom task knows what its name may be; what Tekton refuses by level it refuses all the same.
        let is_custom = is_custom(view.task);
        if let Some(found) = &view.task.task_ref {
            let reference = Reference::new(&found.name, &found.resolver, &found.params, view.place.key("taskRef"));
            if is_custom { reference.levels(cx, report) } else { reference.check(cx, report) }
        }
        if let Some(found) = view.task.pipeline_ref.as_ref().filter(|_| !is_custom) {
            Reference::new(&found.name, &found.resolver, &found.params, view.place.key("pipelineRef")).check(cx, report);
        }
    }
    let place = cx.place.key("spec");
    match cx.object {
        Object::TaskRun(run) => {
            if let Some(found) = &run.spec.task_ref {
                Reference::new(&found.name, &found.resolver, &found.params, place.key("taskRef")).check(cx, report);
            }
        }
        Object::PipelineRun(run) => {
            if let Some(found) = &run.spec.pipeline_ref {
                Reference::new(&found.name, &found.resolver, &found.params, place.key("pipelineRef")).check(cx, report);
            }
        }
        _ => {}
    }
}

const RESOLVERS: &str = "bundles, cluster, git, http, hub";

impl<'a> Reference<'a> {
    fn new(name: &'a Option<String>, resolver: &'a Option<String>, params: &'a [Param], place: Place<'a>) -> Self {
        let text = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
        Reference { name: text(name), resolver: text(resolver), params, place }
    }

    fn levels(&self, cx: &Cx<'_>, report: &mut Report<'_>) {
        if !self.resolver.is_empty() || !self.params.is_empty() {
            let key = if self.resolver.is_empty() { "params" } else { "resolver" };
            require(cx, Feature::BETA, "resolvers", self.place.name_of(key), report);
        }
    }

    fn check(&self, cx: &Cx<'_>, report: &mut Report<'_>) {
        self.levels(cx, report);
        let Reference { name, resolver, params, place } = *self;
        let at = place.key("name");
        if !params.is_empty() {
            if !name.is_empty() {
                let message = "the reference has a name and params for a resolver";
                let hint = "give the name to the resolver as one of its params";
                report.at(&REFERENCE, place.name_of("name"), message).hint(hint);
            }
            if resolver.is_empty() {
                let message = "the reference has params, but no resolver that would take them";
                let hint = format!("add resolver: {RESOLVERS}; values for parameters go beside the reference");
                report.at(&REFERENCE, place.name_of("params"), message).hint(hint);
            }
        }
        if name.is_empty() {
            if resolver.is_empty() && params.is_empty() {
                report.at(&REFERENCE, place, "the reference has no name").hint("add a name, or a resolver and params");
            }
        } else if is_url(name) {
            let allowed = require(cx, Feature::CONCISE_RESOLVER, "URLs as names", at, report);
            if allowed && resolver.is_empty() && params.is_empty() {
                let message = format!("nothing can find {name:?} without a resolver");
                report.at(&REFERENCE, at, message).hint(format!("add resolver: {RESOLVERS}"));
            }
        } else if !resolver.is_empty() {
            if params.is_empty() {
                let message = "the reference has a name and a resolver";
                report.at(&REFERENCE, at, message).hint("remove one of them; the resolver takes a name as one of its params");
            }
        } else if params.is_empty() && !is_qualified(name) {
            let message = format!("nothing can have the name {name:?}");
            let hint = "use the metadata.name of what is meant; Tekton replaces no variables here";
            report.at(&REFERENCE, at, message).hint(hint);
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

/// Nothing to run, or two things.
static REF_OR_SPEC: Rule = Rule {
    name: "ref-or-spec",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A run, and a task of a Pipeline, has either a reference or a spec of what it runs.",
    explanation: "That is a TaskRun and a task of a Pipeline: `taskRef` or `taskSpec`; a PipelineRun: `pipelineRef` or `pipelineSpec`. The one names it, the other is it. In alpha a task of a Pipeline may run a Pipeline, too.",
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
    check: Some(ref_or_spec),
};

fn ref_or_spec(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (_, view) in cx.pipeline_tasks() {
        let task = view.task;
        let sources = [
            ("taskRef", task.task_ref.is_some()),
            ("taskSpec", task.task_spec.is_some()),
            ("pipelineRef", task.pipeline_ref.is_some()),
            ("pipelineSpec", task.pipeline_spec.is_some()),
        ];
        let what = format!("{:?}", task.name());
        one_of(&what, &sources, view.place.key("name"), view.place, "taskRef: {name: …}, or a taskSpec", report);
    }
    let place = cx.place.key("spec");
    match cx.object {
        Object::TaskRun(run) => {
            let sources = [("taskRef", run.spec.task_ref.is_some()), ("taskSpec", run.spec.task_spec.is_some())];
            one_of("the TaskRun", &sources, place, place, "taskRef: {name: …}, or a taskSpec", report);
        }
        Object::PipelineRun(run) => {
            let run = &run.spec;
            let sources = [("pipelineRef", run.pipeline_ref.is_some()), ("pipelineSpec", run.pipeline_spec.is_some())];
            one_of("the PipelineRun", &sources, place, place, "pipelineRef: {name: …}, or a pipelineSpec", report);
        }
        _ => {}
    }
}

/// Reports when not exactly one of `sources` is there; they are keys of `place`.
fn one_of(what: &str, sources: &[(&str, bool)], at: Place<'_>, place: Place<'_>, way: &str, report: &mut Report<'_>) {
    let mut given = sources.iter().filter(|(_, is_given)| *is_given).map(|(key, _)| *key);
    match (given.next(), given.next()) {
        (None, _) => report.at(&REF_OR_SPEC, at, format!("{what} has nothing to run")).hint(format!("add: {way}")),
        (Some(first), Some(second)) => {
            let message = format!("{what} has both {first} and {second}");
            report.at(&REF_OR_SPEC, place.name_of(second), message).hint("leave one of them out");
        }
        (Some(_), None) => {}
    }
}
