//! Rules about names.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Report, Severity};

pub(super) static RULES: &[&Rule] = &[&OBJECT_NAME, &DUPLICATE_OBJECT];

/// What an object is called.
static OBJECT_NAME: Rule = Rule {
    name: "object-name",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "An object has a name of lower-case letters, digits, '-' and '.', of at most 63 characters.",
    explanation: "A run may have `generateName` instead, which Kubernetes makes a name of.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: Build_All\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build-all\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n",
    check: Some(object_name),
};

fn object_name(cx: &Cx<'_>, report: &mut Report<'_>) {
    let (ObjectMeta { name, generate_name, .. }, place) = (cx.object.metadata(), cx.place.key("metadata"));
    let is_run = matches!(cx.object, Object::TaskRun(_) | Object::PipelineRun(_));
    match (name.as_deref().unwrap_or_default(), generate_name.as_deref().unwrap_or_default()) {
        ("", "") if is_run => report
            .at(&OBJECT_NAME, place, format!("the {} has no name", cx.object.kind()))
            .hint("give it metadata.generateName, and start it with `kubectl create -f`"),
        ("", "") => report.at(&OBJECT_NAME, place, format!("the {} has no name", cx.object.kind())).hint("give it metadata.name"),
        // Kubernetes cuts it, and adds five letters and digits.
        ("", prefix) => {
            let cut: String = prefix.chars().take(58).collect();
            if !is_subdomain(&format!("{cut}00000")) {
                let message = format!("no name can begin with {prefix:?}");
                report.at(&OBJECT_NAME, place.key("generateName"), message).hint(HINT);
            }
        }
        (name, _) if !is_subdomain(name) || name.len() > 63 => {
            report.at(&OBJECT_NAME, place.key("name"), format!("{name:?} is not a name of an object")).hint(HINT);
        }
        _ => {}
    }
}

const HINT: &str = "use at most 63 lower-case letters, digits, '-' and '.', with a letter or digit at both ends";

/// Two objects of one name.
static DUPLICATE_OBJECT: Rule = Rule {
    name: "duplicate-object",
    severity: Severity::Warning,
    told_by: ToldBy::Nobody,
    summary: "Of a kind, a namespace and a name there is one object.",
    explanation: "Applied together, the last one wins. Files that are meant for different clusters or namespaces are better checked one by one. A reference means the object in its own file, if there is one, else the first.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n---\napiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:2\n    command: [/make]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n---\napiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build-next\nspec:\n  steps:\n  - image: example.com/make:2\n    command: [/make]\n",
    check: Some(duplicate_object),
};

fn duplicate_object(cx: &Cx<'_>, report: &mut Report<'_>) {
    let place = cx.place.key("metadata").key("name");
    if let [first, _, ..] = cx.world.places(cx.object)
        && !first.is_at(place)
    {
        let message = format!("there is another {} {:?} at {}", cx.object.kind(), cx.object.name(), first.shown());
        report.at(&DUPLICATE_OBJECT, place, message).hint("rename one, or check them one by one");
    }
}

/// Kubernetes' `IsDNS1123Subdomain`: labels with dots between them.
pub(super) fn is_subdomain(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-');
    text.len() <= 253 && text.split('.').all(is_label)
}
