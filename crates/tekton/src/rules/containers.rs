//! Rules about containers that Kubernetes refuses only when they run.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report, Severity};
use crate::quantity;

pub(super) static RULES: &[&Rule] = &[&REQUEST_OVER_LIMIT, &IMAGE_REFERENCE];

/// A request over its limit.
static REQUEST_OVER_LIMIT: Rule = Rule {
    name: "request-over-limit",
    severity: Severity::Error,
    told_by: ToldBy::Run,
    summary: "A container requests no more than its limit.",
    explanation: "Tekton refuses the run, Kubernetes the pod. A limit of the stepTemplate holds for every step that has none of its own.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    computeResources:\n      requests:\n        memory: 1Gi\n      limits:\n        memory: 512Mi\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    computeResources:\n      requests:\n        memory: 512Mi\n      limits:\n        memory: 512Mi\n",
    check: Some(request_over_limit),
};

fn request_over_limit(cx: &Cx<'_>, report: &mut Report<'_>) {
    for view in cx.tasks() {
        let template = view.spec.step_template.as_ref().and_then(|template| template.compute_resources.as_ref());
        for (index, step) in view.spec.steps.iter().enumerate() {
            compare(step.compute_resources.as_ref(), template, view.place.key("steps").index(index), report);
        }
        for (index, sidecar) in view.spec.sidecars.iter().enumerate() {
            compare(sidecar.compute_resources.as_ref(), None, view.place.key("sidecars").index(index), report);
        }
    }
    let place = cx.place.key("spec");
    match cx.object {
        Object::TaskRun(run) => {
            compare(run.spec.compute_resources.as_ref(), None, place, report);
            for (index, spec) in run.spec.step_specs.iter().enumerate() {
                compare(Some(&spec.compute_resources), None, place.key("stepSpecs").index(index), report);
            }
        }
        Object::PipelineRun(run) => {
            for (index, of_task) in run.spec.task_run_specs.iter().enumerate() {
                let place = place.key("taskRunSpecs").index(index);
                compare(of_task.compute_resources.as_ref(), None, place, report);
                for (index, spec) in of_task.step_specs.iter().enumerate() {
                    compare(Some(&spec.compute_resources), None, place.key("stepSpecs").index(index), report);
                }
            }
        }
        _ => {}
    }
}

fn compare(
    own: Option<&ResourceRequirements>,
    template: Option<&ResourceRequirements>,
    place: Place<'_>,
    report: &mut Report<'_>,
) {
    let Some(own) = own else { return };
    let of = |map: &Option<BTreeMap<String, Quantity>>, name: &str| map.as_ref().and_then(|map| map.get(name)).cloned();
    for (name, request) in own.requests.iter().flatten() {
        let limit = of(&own.limits, name).or_else(|| of(&template?.limits, name));
        let Some(limit) = limit else { continue };
        if let (Some(asked), Some(allowed)) = (quantity::value(&request.0), quantity::value(&limit.0))
            && asked > allowed
        {
            let place = place.key("computeResources").key("requests").key(name);
            let message = format!("the request of {} {name} is over the limit of {}", request.0, limit.0);
            report.at(&REQUEST_OVER_LIMIT, place, message).hint("lower the request, or raise the limit");
        }
    }
}

/// Not an image reference.
static IMAGE_REFERENCE: Rule = Rule {
    name: "image-reference",
    severity: Severity::Error,
    told_by: ToldBy::Run,
    summary: "An image is a reference that registries understand.",
    explanation: "`registry/path:tag@digest`: the path in lower case, the tag of at most 128 letters, digits, '_', '.' and '-', the digest `sha256:` and 64 digits. Variables are taken for what fits.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  steps:\n  - image: Example.com/Make:1:2\n    command: [/make]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n",
    check: Some(image_reference),
};

fn image_reference(cx: &Cx<'_>, report: &mut Report<'_>) {
    let mut ask = |image: &Option<String>, place: Place<'_>| {
        let Some(image) = image.as_deref().filter(|image| !image.is_empty()) else { return };
        if let Err(why) = parse_image(image) {
            let message = format!("{image:?} is not an image reference: {why}");
            report.at(&IMAGE_REFERENCE, place.key("image"), message).hint("write it like registry.example.com/team/image:1.2");
        }
    };
    for view in cx.tasks() {
        for (index, step) in view.spec.steps.iter().enumerate() {
            ask(&step.image, view.place.key("steps").index(index));
        }
        for (index, sidecar) in view.spec.sidecars.iter().enumerate() {
            ask(&sidecar.image, view.place.key("sidecars").index(index));
        }
        if let Some(template) = &view.spec.step_template {
            ask(&template.image, view.place.key("stepTemplate"));
        }
    }
    if let Object::StepAction(action) = cx.object {
        ask(&action.spec.image, cx.place.key("spec"));
    }
}

/// The grammar of the distribution project's references, as far as text without variables can be told.
fn parse_image(image: &str) -> Result<(), String> {
    // A variable may hold any part, also several.
    if image.contains("$(") {
        return match image.chars().find(|c| c.is_whitespace()) {
            Some(_) => Err("there is a space in it".to_owned()),
            None => Ok(()),
        };
    }
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    if let Some(digest) = digest {
        let (algorithm, hex) = digest.split_once(':').ok_or("the digest has no algorithm")?;
        let is_algorithm = !algorithm.is_empty() && algorithm.chars().all(|c| c.is_ascii_alphanumeric() || "+._-".contains(c));
        let length = if algorithm == "sha512" {
            128..=128
        } else if algorithm == "sha256" {
            64..=64
        } else {
            32..=usize::MAX
        };
        if !is_algorithm || !length.contains(&hex.len()) || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(format!("{digest:?} is not a digest"));
        }
    }
    let (path, tag) = match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    };
    if let Some(tag) = tag {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if tag.is_empty() || tag.len() > 128 || !tag.starts_with(word) || !tag.chars().all(|c| word(c) || ".-".contains(c)) {
            return Err(format!("{tag:?} is not a tag"));
        }
    }
    let (host, path) = match path.split_once('/') {
        // As Docker has it: the first part is a host when it looks like one.
        Some((host, path))
            if host.contains(['.', ':', '[']) || host == "localhost" || host.chars().any(|c| c.is_ascii_uppercase()) =>
        {
            (host, path)
        }
        _ => ("", path),
    };
    if !host.is_empty() {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port),
            _ => (host, "1"),
        };
        let is_ip6 = name.starts_with('[')
            && name.ends_with(']')
            && name[1..name.len() - 1].chars().all(|c| c.is_ascii_hexdigit() || c == ':');
        let label = |label: &str| {
            let inner = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
        };
        if !(is_ip6 || name.split('.').all(label)) || port.is_empty() || !port.chars().all(|c| c.is_ascii_digit()) {
            return Err(format!("{host:?} is not a registry"));
        }
    }
    for part in path.split('/') {
        if !is_path_component(part) {
            return Err(match part.chars().any(|c| c.is_ascii_uppercase()) {
                true => format!("{part:?} has upper-case letters"),
                false => format!("{part:?} is no part of a path"),
            });
        }
    }
    Ok(())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(part: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = part.split(is_word).filter(|separator| !separator.is_empty());
    let is_separator = |text: &str| matches!(text, "." | "_" | "__") || text.bytes().all(|b| b == b'-');
    part.starts_with(is_word) && part.ends_with(is_word) && separators.into_iter().all(is_separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_as_registries_take_them() {
        let digest = format!("a@sha256:{}", "0".repeat(64));
        for image in [
            "a",
            "busybox:1",
            "localhost/a",
            "localhost:5000/a/b:v1",
            "quay.io/x/y__z-a--b.c:1_2",
            "[::1]:5000/a",
            "Example.com/a",
            "10.0.0.1/a",
            "a/b:1@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            &digest,
            "$(params.image)",
            "quay.io/$(params.x):$(params.y)",
        ] {
            assert_eq!(parse_image(image), Ok(()), "{image}");
        }
        let errors: Vec<_> = [
            "Quay.io/UPPER/case::x",
            "a:",
            "a b",
            "a//b",
            "/a",
            "a/",
            "quay.io/A",
            "a@sha256:12",
            "a@b",
            "a:-1",
            "x.y:z/a",
            "a..b",
            "-a.b/c",
            "http://quay.io/a",
            "$(params.a) b",
        ]
        .map(|image| format!("{image}: {}", parse_image(image).unwrap_err()))
        .into();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        Quay.io/UPPER/case::x: "UPPER" has upper-case letters
        a:: "" is not a tag
        a b: "a b" is no part of a path
        a//b: "" is no part of a path
        /a: "" is no part of a path
        a/: "" is no part of a path
        quay.io/A: "A" has upper-case letters
        a@sha256:12: "sha256:12" is not a digest
        a@b: the digest has no algorithm
        a:-1: "-1" is not a tag
        x.y:z/a: "x.y:z" is not a registry
        a..b: "a..b" is no part of a path
        -a.b/c: "-a.b" is not a registry
        http://quay.io/a: "http:" is not a registry
        $(params.a) b: there is a space in it
        "#);
    }
}
