//! From a step's declaration to the Task that runs it, and the account that it runs as.
//!
//! Nothing here knows a particular step: what a Task says, the declaration says.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, EmptyDirVolumeSource, ResourceRequirements, SeccompProfile, SecurityContext, ServiceAccount, Volume,
    VolumeMount,
};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use step::{Declaration, Error, ParamKind, Permission, Place, Result};
use tekton::names::{ParamName, ResultName, StepName, WorkspaceName};
use tekton::v1::{ParamSpec, ParamType, ParamValue, ResultType, Step, Task, TaskResult, TaskSpec, WorkspaceDeclaration};
use tekton::yaml;

use crate::readme::with_choices;

/// Where the step images are unless somebody says otherwise.
pub const IMAGES: &str = "ghcr.io/stepwright";

/// The oldest Tekton that runs our Tasks: the first whose `v1` API has object results and `$(workspaces.x.path)` of
/// unbound workspaces as an empty string.
const OLDEST_TEKTON: &str = "0.50.0";

/// The Task of `step`, whose image is `images/NAME:VERSION`.
pub fn task(step: &Declaration, images: &str) -> Result<Task> {
    let about = step.about;
    let annotations = [
        ("tekton.dev/pipelines.minVersion", OLDEST_TEKTON.to_owned()),
        ("tekton.dev/categories", about.categories.join(", ")),
        ("tekton.dev/tags", about.tags.join(", ")),
        ("tekton.dev/displayName", about.display_name.to_owned()),
        ("tekton.dev/platforms", "linux/amd64,linux/arm64".to_owned()),
    ];
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value)).into_iter().chain(artifact_hub());
    let mut task = Task::new(
        name(about.name)?,
        TaskSpec {
            description: Some(format!("{}\n\n{}", about.summary, about.description)),
            params: step.params.iter().map(param).collect::<Result<_>>()?,
            workspaces: step.workspaces.iter().map(workspace).collect::<Result<_>>()?,
            results: step.results.iter().map(result).collect::<Result<_>>()?,
            // The root file system is read-only; this is for temporary files.
            volumes: vec![Volume {
                name: "tmp".to_owned(),
                empty_dir: Some(EmptyDirVolumeSource::default()),
                ..Volume::default()
            }],
            steps: vec![the_step(step, images)?],
            ..TaskSpec::default()
        },
    );
    task.metadata.labels = Some(labels(about.version));
    task.metadata.annotations = Some(annotations.collect());
    Ok(task)
}

/// The Task of `step` as canonical YAML.
pub fn yaml(step: &Declaration, images: &str) -> Result<String> {
    emit(&task(step, images)?)
}

/// ServiceAccount, Role and RoleBinding of `step`: what it declares, nothing more. A Role in the namespace that a parameter
/// names is for the parameter's default, and for an account in `namespace`.
pub fn rbac(step: &Declaration, namespace: &str) -> Result<String> {
    let about = step.about;
    let mut documents = vec![account(about.name, about.version, about.permissions)?];
    for param in &step.params {
        let is_there = |permission: &&Permission| matches!(permission.place, Place::Param(name) if param.name == name);
        let there: Vec<&Permission> = about.permissions.iter().filter(is_there).collect();
        if !there.is_empty() {
            let place = param.default.as_deref().unwrap_or(namespace);
            documents.push(role(about.name, about.version, Some((place, namespace)), &there)?);
        }
    }
    Ok(documents.join("---\n"))
}

/// A ServiceAccount, and the Role and RoleBinding that give it these permissions where it is. One that asks nothing of the
/// Kubernetes API there has no Role.
pub fn account(name: &str, version: &str, permissions: &[Permission]) -> Result<String> {
    let metadata = ObjectMeta { name: Some(name.to_owned()), labels: Some(labels(version)), ..ObjectMeta::default() };
    let account = emit(&ServiceAccount { metadata, ..ServiceAccount::default() })?;
    let here: Vec<&Permission> = permissions.iter().filter(|permission| permission.place == Place::Run).collect();
    if here.is_empty() {
        return Ok(account);
    }
    Ok([account, role(name, version, None, &here)?].join("---\n"))
}

/// A Role and its RoleBinding: where the account is, or in a namespace for an account in another.
fn role(name: &str, version: &str, places: Option<(&str, &str)>, permissions: &[&Permission]) -> Result<String> {
    let (namespace, of_account) = places.map(|(there, of_account)| (there.to_owned(), of_account.to_owned())).unzip();
    let metadata = || ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.clone(),
        labels: Some(labels(version)),
        ..ObjectMeta::default()
    };
    let mut known: Vec<&Permission> = Vec::new();
    for permission in permissions {
        if !known.contains(permission) {
            known.push(permission);
        }
    }
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let rules = known.into_iter().map(|permission| PolicyRule {
        api_groups: Some(vec![permission.api_group.to_owned()]),
        resources: Some(strings(permission.resources)),
        verbs: strings(permission.verbs),
        ..PolicyRule::default()
    });
    let role = Role { metadata: metadata(), rules: Some(rules.collect()) };
    let account = Subject { kind: "ServiceAccount".into(), name: name.into(), namespace: of_account, ..Subject::default() };
    let binding = RoleBinding {
        metadata: metadata(),
        role_ref: RoleRef { api_group: "rbac.authorization.k8s.io".into(), kind: "Role".into(), name: name.into() },
        subjects: Some(vec![account]),
    };
    Ok([emit(&role)?, emit(&binding)?].join("---\n"))
}

/// What Artifact Hub shows of a Task or Pipeline of ours, and how it files it.
pub(crate) fn artifact_hub() -> impl Iterator<Item = (String, String)> {
    let source = concat!("- name: Source\n  url: ", env!("CARGO_PKG_REPOSITORY"), "\n");
    let annotations = [
        ("artifacthub.io/category", "integration-delivery"),
        ("artifacthub.io/license", env!("CARGO_PKG_LICENSE")),
        ("artifacthub.io/links", source),
        ("artifacthub.io/provider", "Stepwright"),
    ];
    annotations.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()))
}

fn labels(version: &str) -> BTreeMap<String, String> {
    let labels = [("app.kubernetes.io/version", version), ("app.kubernetes.io/part-of", "stepwright")];
    labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn param(param: &step::Param) -> Result<ParamSpec> {
    let (kind, default) = match param.kind {
        ParamKind::String => (ParamType::String, (!param.required).then(|| param.default.clone().unwrap_or_default().into())),
        ParamKind::Array => (ParamType::Array, (!param.required).then(|| ParamValue::Array(Vec::new()))),
    };
    Ok(ParamSpec {
        type_: Some(kind),
        description: Some(with_choices(&param.description, &param.choices)),
        default,
        ..ParamSpec::new(name::<ParamName>(&param.name)?.into())
    })
}

fn workspace(workspace: &step::Workspace) -> Result<WorkspaceDeclaration> {
    Ok(WorkspaceDeclaration {
        description: Some(workspace.description.clone()),
        optional: workspace.optional,
        read_only: workspace.read_only,
        ..WorkspaceDeclaration::new(name::<WorkspaceName>(&workspace.name)?.into())
    })
}

fn result(result: &step::results::ResultSpec) -> Result<TaskResult> {
    let description = Some(result.text());
    let type_ = if result.is_array { ResultType::Array } else { ResultType::String };
    Ok(TaskResult { type_: Some(type_), description, ..TaskResult::new(name::<ResultName>(result.name)?.into()) })
}

/// One step, one binary, no script; its security is what OpenShift's restricted-v2 and Pod Security `restricted` ask for.
fn the_step(step: &Declaration, images: &str) -> Result<Step> {
    let about = step.about;
    let quantity = |text: &str| Quantity(text.to_owned());
    Ok(Step {
        name: Some(name::<StepName>(about.name)?.into()),
        image: Some(format!("{images}/{}:{}", about.name, about.version)),
        command: vec![format!("/{}", about.name)],
        args: args(step),
        compute_resources: Some(ResourceRequirements {
            limits: Some([("memory".to_owned(), quantity(about.memory))].into()),
            requests: Some([("cpu".to_owned(), quantity(about.cpu)), ("memory".to_owned(), quantity(about.memory))].into()),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
            ..SecurityContext::default()
        }),
        volume_mounts: vec![VolumeMount { name: "tmp".to_owned(), mount_path: "/tmp".to_owned(), ..VolumeMount::default() }],
        ..Step::default()
    })
}

/// The step's command line: a value is part of its flag's argument, so that it is never a flag itself; the array comes
/// last, after `--`.
fn args(step: &Declaration) -> Vec<String> {
    let (strings, arrays): (Vec<_>, Vec<_>) = step.params.iter().partition(|param| param.kind == ParamKind::String);
    let mut args: Vec<String> = strings.iter().map(|param| format!("--{0}=$(params.{0})", param.name)).collect();
    args.extend(step.workspaces.iter().map(|workspace| format!("--{0}=$(workspaces.{0}.path)", workspace.name)));
    args.extend(step.results.iter().map(|result| format!("--result={0}=$(results.{0}.path)", result.name)));
    for param in arrays {
        args.extend(["--".to_owned(), format!("$(params.{}[*])", param.name)]);
    }
    args
}

fn name<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> Result<T> {
    text.parse().map_err(|e| Error::internal(format!("a declaration uses the name {text:?}")).because(e))
}

pub(crate) fn emit<T: serde::Serialize>(object: &T) -> Result<String> {
    yaml::to_string(object).map_err(|e| Error::internal("cannot write YAML").because(e))
}
