//! The rule about references of a Pipeline's tasks and of PipelineRuns: what is run, and where it is found.

use super::levels::{Feature, require};
use super::pipeline_tasks::is_custom;
use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::Param;

pub(super) static RULES: &[&Rule] = &[&PIPELINE_REFERENCE];

/// What is run.
static PIPELINE_REFERENCE: Rule = Rule {
    name: "pipeline-reference",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "`taskRef` and `pipelineRef` have a name in the namespace, or a resolver with its parameters.",
    explanation: "With a resolver, what identifies the Task or Pipeline stands in the `params` of the reference: for `bundles` for example `bundle`, `name` and `kind`.",
    bad: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  pipelineRef:
    params:
    - name: url
      value: https://example.com/pipelines.git
",
    good: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  pipelineRef:
    resolver: git
    params:
    - name: url
      value: https://example.com/pipelines.git
    - name: revision
      value: v1
    - name: pathInRepo
      value: build.yaml
",
    check: Some(pipeline_reference),
};

fn pipeline_reference(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (_, view) in cx.pipeline_tasks() {
        // Whoever runs a custom task knows what its name may be; what Tekton refuses by level it refuses all the same.
        let is_custom = is_custom(view.task);
        if let Some(reference) = &view.task.task_ref {
            let (name, resolver) = (reference.name.as_deref(), reference.resolver.as_deref());
            let reference = Reference { name, resolver, params: &reference.params, place: view.place.key("taskRef") };
            reference.levels(cx, report);
            if !is_custom {
                reference.check(cx, report);
            }
        }
        if let Some(reference) = view.task.pipeline_ref.as_ref().filter(|_| !is_custom) {
            let (name, resolver) = (reference.name.as_deref(), reference.resolver.as_deref());
            let reference = Reference { name, resolver, params: &reference.params, place: view.place.key("pipelineRef") };
            reference.levels(cx, report);
            reference.check(cx, report);
        }
    }
    if let Object::PipelineRun(run) = cx.object
        && let Some(reference) = &run.spec.pipeline_ref
    {
        let (name, resolver) = (reference.name.as_deref(), reference.resolver.as_deref());
        let place = cx.place.key("spec").key("pipelineRef");
        let reference = Reference { name, resolver, params: &reference.params, place };
        reference.levels(cx, report);
        reference.check(cx, report);
    }
}

struct Reference<'a> {
    name: Option<&'a str>,
    resolver: Option<&'a str>,
    params: &'a [Param],
    place: Place<'a>,
}

impl Reference<'_> {
    fn levels(&self, cx: &Cx<'_>, report: &mut Report<'_>) {
        if self.resolver.is_some_and(|resolver| !resolver.is_empty()) || !self.params.is_empty() {
            let key = if self.resolver.is_some() { "resolver" } else { "params" };
            require(cx, Feature::BETA, "resolvers", self.place.name_of(key), report);
        }
    }

    fn check(&self, cx: &Cx<'_>, report: &mut Report<'_>) {
        let Reference { params, place, .. } = *self;
        let (name, resolver) = (self.name.unwrap_or_default(), self.resolver.unwrap_or_default());
        if !params.is_empty() {
            if !name.is_empty() {
                let message = "the reference has a name, and parameters for a resolver";
                report
                    .at(&PIPELINE_REFERENCE, place.name_of("name"), message)
                    .hint("with a resolver, the name is one of its params");
            }
            if resolver.is_empty() {
                let message = "the reference has parameters, and no resolver that they are for";
                report
                    .at(&PIPELINE_REFERENCE, place.name_of("params"), message)
                    .hint("name the resolver: bundles, cluster, git, http, hub");
            }
            let mut seen = Vec::new();
            for (index, param) in params.iter().enumerate() {
                if seen.contains(&param.name.to_lowercase()) {
                    let message = format!("the parameter {:?} of the resolver is given twice", param.name);
                    let place = place.key("params").index(index).key("name");
                    report.at(&PIPELINE_REFERENCE, place, message).hint("leave one of them out");
                }
                seen.push(param.name.to_lowercase());
            }
        }
        let name_place = place.key("name");
        if name.is_empty() {
            if resolver.is_empty() && params.is_empty() {
                report.at(&PIPELINE_REFERENCE, place, "the reference has no name").hint("give it a name, or a resolver");
            }
        } else if is_like_url(name) {
            let allowed = require(cx, Feature::CONCISE_RESOLVER, "URLs as names", name_place, report);
            if allowed && resolver.is_empty() {
                let message = format!("{name:?} is a URL, and there is no resolver for it");
                report.at(&PIPELINE_REFERENCE, name_place, message).hint("name the resolver: git, http, hub, bundles, cluster");
            }
        } else if !resolver.is_empty() {
            if params.is_empty() {
                let message = "the reference has both a name and a resolver";
                report.at(&PIPELINE_REFERENCE, name_place, message).hint("with a resolver, the name is one of its params");
            }
        } else if !is_qualified(name) {
            let message = format!("{name:?} is not a name of an object");
            let hint =
                "use letters, digits, '-', '_' and '.', with a letter or digit at both ends; Tekton replaces no variables here";
            report.at(&PIPELINE_REFERENCE, name_place, message).hint(hint);
        }
    }
}

/// As far as Tekton looks: a word, a colon and a slash anywhere.
fn is_like_url(name: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    name.match_indices(":/").any(|(at, _)| at > 0 && is_word(name.as_bytes()[at - 1]))
}

/// Kubernetes' qualified name: letters and so on, perhaps with a DNS name and a slash before them.
fn is_qualified(name: &str) -> bool {
    let (prefix, name) = match name.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, name),
    };
    let edge = |c: char| c.is_ascii_alphanumeric();
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let is_label = |label: &str| {
        let edges = label.starts_with(edge) && label.ends_with(edge);
        edges && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(is_label))
        && name.len() <= 63
        && name.bytes().all(is_inner)
        && name.starts_with(edge)
        && name.ends_with(edge)
}
