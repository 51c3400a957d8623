//! Objects beside Pipelines and runs: what has to be in the cluster for them, and what starts them.
//!
//! The templates of these are called `NAME.cluster.yaml.j2`. Kinds of Kubernetes itself are decoded as strictly as
//! Tekton's; of others only what all objects have is looked at, and the runs that a TriggerTemplate holds.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tekton::check::{Checked, Options};
use tekton::finding::{Report, Severity};
use tekton::node::{self, Data, Node};
use tekton::source::Source;

use super::Found;
use crate::task;

/// What the names of their templates end with.
pub(super) const SUFFIX: &str = ".cluster.yaml.j2";

/// The objects that a text holds, in its order, and what is wrong with it. `index` is the number of the text.
pub(super) fn read(index: usize, source: &Source, check: &Options) -> (Vec<Value>, Vec<Found>) {
    let mut findings = Vec::new();
    let documents = node::read(source, &mut Report::new(&mut findings, index));
    let mut found: Vec<Found> = findings
        .into_iter()
        .map(|finding| Found {
            at: (index, finding.span.start),
            severity: finding.rule.severity,
            rule: finding.rule.name,
            message: finding.message,
            hint: finding.hint,
        })
        .collect();
    let mut objects = Vec::new();
    for document in documents.iter().filter(|document| !matches!(document.data, Data::Null)) {
        let object = Value::from(document);
        let mut push = |at: usize, rule, message: String, hint: Option<String>| {
            found.push(Found { at: (index, at), severity: Severity::Error, rule, message, hint });
        };
        let (start, kind_at) = (document.span.start, place(document, &[PathStep::Key("kind".into())]));
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let metadata = &object["metadata"];
        if api_version.is_empty() || kind.is_empty() {
            push(start, "misplaced-kind", "what has no `apiVersion` and `kind` does not belong here".into(), None);
        } else if text(&metadata["name"]).is_empty() && text(&metadata["generateName"]).is_empty() {
            push(start, "missing-name", format!("a {kind} needs `metadata.name`"), None);
        } else if kind == "Secret" {
            let hint = "name it, say what belongs into it, and leave making it to whoever has that";
            push(kind_at, "secret-content", "a Secret does not belong into templates".into(), Some(hint.into()));
        } else {
            for fault in faults(api_version, kind, &object, check) {
                push(place(document, &fault.path), fault.rule, fault.message, fault.hint);
            }
        }
        objects.push(object);
    }
    (objects, found)
}

/// Something wrong in an object.
struct Fault {
    path: Vec<PathStep>,
    rule: &'static str,
    message: String,
    hint: Option<String>,
}

/// One step into an object.
#[derive(Clone, Debug)]
enum PathStep {
    Key(String),
    Item(usize),
}

impl PathStep {
    fn of<'n>(&self, node: &'n Node) -> Option<&'n Node> {
        match (self, &node.data) {
            (PathStep::Key(key), _) => node.get(key),
            (PathStep::Item(item), Data::List(items)) => items.get(*item),
            _ => None,
        }
    }

    fn of_value<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            PathStep::Key(key) => value.get(key),
            PathStep::Item(item) => value.get(item),
        }
    }

    fn of_value_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            PathStep::Key(key) => value.get_mut(key),
            PathStep::Item(item) => value.get_mut(item),
        }
    }
}

/// Where the end of a path stands: its key, or the item of a list.
fn place(document: &Node, path: &[PathStep]) -> usize {
    let mut node = document;
    let mut place = document.span.start;
    for step in path {
        let Some(next) = step.of(node) else { break };
        place = match (step, &node.data) {
            (PathStep::Key(key), Data::Map(entries)) => {
                entries.iter().find(|entry| entry.key == *key).map_or(place, |entry| entry.key_span.start)
            }
            _ => next.span.start,
        };
        node = next;
    }
    place
}

fn faults(api_version: &str, kind: &str, object: &Value, check: &Options) -> Vec<Fault> {
    match (api_version, kind) {
        ("v1", "ConfigMap") => strict::<ConfigMap>(object),
        ("v1", "Namespace") => strict::<Namespace>(object),
        ("v1", "PersistentVolumeClaim") => strict::<PersistentVolumeClaim>(object),
        ("v1", "Service") => strict::<Service>(object),
        ("v1", "ServiceAccount") => strict::<ServiceAccount>(object),
        ("apps/v1", "Deployment") => strict::<Deployment>(object),
        ("batch/v1", "CronJob") => strict::<CronJob>(object),
        ("batch/v1", "Job") => strict::<Job>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => strict::<ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => strict::<ClusterRoleBinding>(object),
        ("rbac.authorization.k8s.io/v1", "Role") => strict::<Role>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => strict::<RoleBinding>(object),
        (_, "TriggerTemplate") if api_version.starts_with("triggers.tekton.dev/") => runs(object, check),
        // Whose kinds these are, nobody here knows.
        _ if api_version.contains('.') => Vec::new(),
        _ => vec![Fault {
            path: vec![PathStep::Key("kind".into())],
            rule: "misplaced-kind",
            message: format!("{api_version} {kind} is not known here"),
            hint: None,
        }],
    }
}

/// What a type would drop of an object, or does not take.
fn strict<T: DeserializeOwned + Serialize>(object: &Value) -> Vec<Fault> {
    let typed: T = match serde_json::from_value(object.clone()) {
        Ok(typed) => typed,
        Err(error) => {
            return vec![Fault { path: culprit::<T>(object), rule: "wrong-type", message: error.to_string(), hint: None }];
        }
    };
    let kept = serde_json::to_value(&typed).unwrap_or_default();
    let mut faults = Vec::new();
    lost(object, &kept, &mut Vec::new(), &mut faults);
    faults
}

/// The way to what a type does not take: to the innermost part without which it takes the rest.
fn culprit<T: DeserializeOwned>(object: &Value) -> Vec<PathStep> {
    let mut path = Vec::new();
    loop {
        let steps: Vec<PathStep> = match path.iter().try_fold(object, |value, step: &PathStep| step.of_value(value)) {
            Some(Value::Object(map)) => map.keys().cloned().map(PathStep::Key).collect(),
            Some(Value::Array(items)) => (0..items.len()).map(PathStep::Item).collect(),
            _ => return path,
        };
        let is_culprit = |step: &PathStep| {
            let mut rest = object.clone();
            let part = path.iter().chain([step]).try_fold(&mut rest, |value, step| step.of_value_mut(value));
            part.map(|part| *part = Value::Null).is_some() && serde_json::from_value::<T>(rest).is_ok()
        };
        match steps.into_iter().find(is_culprit) {
            Some(step) => path.push(step),
            None => return path,
        }
    }
}

fn lost(given: &Value, kept: &Value, path: &mut Vec<PathStep>, faults: &mut Vec<Fault>) {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            for (key, value) in given {
                path.push(PathStep::Key(key.clone()));
                match kept.get(key) {
                    Some(other) => lost(value, other, path, faults),
                    // Nothing, said at length.
                    None if value.is_null() || *value == serde_json::json!({}) || *value == serde_json::json!([]) => {}
                    None => faults.push(Fault {
                        path: path.clone(),
                        rule: "unknown-field",
                        message: format!("there is no field `{key}` here"),
                        hint: None,
                    }),
                }
                path.pop();
            }
        }
        (Value::Array(given), Value::Array(kept)) => {
            for (item, (given, kept)) in given.iter().zip(kept).enumerate() {
                path.push(PathStep::Item(item));
                lost(given, kept, path, faults);
                path.pop();
            }
        }
        _ => {}
    }
}

/// What is wrong with the runs that a TriggerTemplate makes.
fn runs(object: &Value, check: &Options) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (item, run) in object["spec"]["resourcetemplates"].as_array().into_iter().flatten().enumerate() {
        if !text(&run["apiVersion"]).starts_with("tekton.dev/") {
            continue;
        }
        let path = ["spec", "resourcetemplates"].map(|key| PathStep::Key(key.into()));
        let path: Vec<PathStep> = path.into_iter().chain([PathStep::Item(item)]).collect();
        let rendered = task::emit(run).unwrap_or_default();
        let Checked { findings, .. } = tekton::check::check(&[Source::new("", rendered)], check);
        let wrong = findings.into_iter().filter(|finding| finding.rule.severity == Severity::Error);
        faults.extend(wrong.map(|finding| Fault {
            path: path.clone(),
            rule: finding.rule.name,
            message: finding.message,
            hint: finding.hint,
        }));
    }
    faults
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
