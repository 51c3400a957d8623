//! Kinds of objects, and where they are in the API's URLs.

use std::borrow::Cow;

use serde_json::Value;
use step::{Error, Result};

/// A kind of object, and what the API calls it in URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    api_version: Cow<'static, str>,
    kind: Cow<'static, str>,
    plural: Cow<'static, str>,
    is_namespaced: bool,
}

// === impl Resource ===

impl Resource {
    /// Pods.
    pub const PODS: Resource = Resource::namespaced("v1", "Pod", "pods");
    /// ConfigMaps.
    pub const CONFIG_MAPS: Resource = Resource::namespaced("v1", "ConfigMap", "configmaps");
    /// Namespaces; they are in none.
    pub const NAMESPACES: Resource = Resource::new("v1", "Namespace", "namespaces", false);
    /// PersistentVolumeClaims.
    pub const PERSISTENT_VOLUME_CLAIMS: Resource = Resource::namespaced("v1", "PersistentVolumeClaim", "persistentvolumeclaims");
    /// ServiceAccounts.
    pub const SERVICE_ACCOUNTS: Resource = Resource::namespaced("v1", "ServiceAccount", "serviceaccounts");
    /// Deployments.
    pub const DEPLOYMENTS: Resource = Resource::namespaced("apps/v1", "Deployment", "deployments");
    /// Jobs.
    pub const JOBS: Resource = Resource::namespaced("batch/v1", "Job", "jobs");
    /// CronJobs.
    pub const CRON_JOBS: Resource = Resource::namespaced("batch/v1", "CronJob", "cronjobs");
    /// Tekton's Pipelines.
    pub const PIPELINES: Resource = Resource::namespaced("tekton.dev/v1", "Pipeline", "pipelines");
    /// Tekton's PipelineRuns.
    pub const PIPELINE_RUNS: Resource = Resource::namespaced("tekton.dev/v1", "PipelineRun", "pipelineruns");
    /// Tekton's TaskRuns.
    pub const TASK_RUNS: Resource = Resource::namespaced("tekton.dev/v1", "TaskRun", "taskruns");

    /// Those that nobody has to ask the cluster for.
    pub(crate) const KNOWN: &[Resource] = &[
        Resource::PODS,
        Resource::CONFIG_MAPS,
        Resource::NAMESPACES,
        Resource::PERSISTENT_VOLUME_CLAIMS,
        Resource::SERVICE_ACCOUNTS,
        Resource::DEPLOYMENTS,
        Resource::JOBS,
        Resource::CRON_JOBS,
        Resource::PIPELINES,
        Resource::PIPELINE_RUNS,
        Resource::TASK_RUNS,
    ];

    /// The kind, if nobody has to ask the cluster for it.
    pub(crate) fn known(api_version: &str, kind: &str) -> Option<Self> {
        Resource::KNOWN.iter().find(|known| known.api_version() == api_version && known.kind() == kind).cloned()
    }

    /// A kind whose objects are in namespaces: `apps/v1`, `Deployment`, `deployments`.
    pub const fn namespaced(api_version: &'static str, kind: &'static str, plural: &'static str) -> Self {
        Resource::new(api_version, kind, plural, true)
    }

    const fn new(api_version: &'static str, kind: &'static str, plural: &'static str, is_namespaced: bool) -> Self {
        Resource {
            api_version: Cow::Borrowed(api_version),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
            is_namespaced,
        }
    }

    /// `v1`, `tekton.dev/v1`.
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    /// `PipelineRun`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether its objects are in namespaces.
    pub fn is_namespaced(&self) -> bool {
        self.is_namespaced
    }

    /// As a Role names it: `pods`, `pipelineruns.tekton.dev`.
    pub(crate) fn role_name(&self) -> String {
        match self.api_version.split_once('/') {
            Some((group, _)) => format!("{}.{group}", self.plural),
            None => self.plural.to_string(),
        }
    }

    /// The list of what an API version has; it is no object, and has no name.
    pub(crate) fn all_of(api_version: &str) -> Result<Self> {
        api_version.split('/').try_for_each(|part| segment(part, "apiVersion").map(drop))?;
        Ok(Resource {
            api_version: api_version.to_owned().into(),
            kind: "APIResourceList".into(),
            plural: "".into(),
            is_namespaced: false,
        })
    }

    /// The kind in the list of what an API version has.
    pub(crate) fn among(list: &Value, api_version: &str, kind: &str) -> Option<Self> {
        let resources = list["resources"].as_array()?;
        let is_it = |r: &&Value| r["kind"] == kind && r["name"].as_str().is_some_and(|name| !name.contains('/'));
        let found = resources.iter().find(is_it)?;
        Some(Resource {
            api_version: api_version.to_owned().into(),
            kind: kind.to_owned().into(),
            plural: found["name"].as_str()?.to_owned().into(),
            is_namespaced: found["namespaced"].as_bool()?,
        })
    }

    /// The path of one object, or with an empty name of all.
    pub(crate) fn path(&self, namespace: Option<&str>, name: &str) -> Result<String> {
        let mut path = format!("/{}/{}", if self.api_version.contains('/') { "apis" } else { "api" }, self.api_version);
        if let Some(namespace) = namespace {
            path.push_str("/namespaces/");
            path.push_str(segment(namespace, "namespace")?);
        }
        if !self.plural.is_empty() {
            path.push('/');
            path.push_str(&self.plural);
        }
        if !name.is_empty() {
            path.push('/');
            path.push_str(segment(name, "name")?);
        }
        Ok(path)
    }

    /// An object that says what it is.
    pub(crate) fn named(&self, mut object: Value) -> Value {
        if let Value::Object(fields) = &mut object
            && !fields.contains_key("kind")
        {
            fields.insert("apiVersion".into(), self.api_version.as_ref().into());
            fields.insert("kind".into(), self.kind.as_ref().into());
        }
        object
    }
}

/// The kind of an object, by what it says itself. A kind that is not known has a plural that nobody should need.
pub(crate) fn of(object: &Value) -> Result<Resource> {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if api_version.is_empty() || kind.is_empty() {
        return Err(Error::bad_input("an object without `apiVersion` or `kind` cannot be written"));
    }
    segment(&kind, "kind")?;
    let unknown = || Resource {
        plural: format!("{}s", kind.to_ascii_lowercase()).into(),
        api_version: api_version.clone().into(),
        kind: kind.clone().into(),
        is_namespaced: true,
    };
    Ok(Resource::known(&api_version, &kind).unwrap_or_else(unknown))
}

/// A name as the API server makes one of `generateName`: no vowels, so that it is no word.
pub(crate) fn generated(prefix: &str) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    const LONGEST_PREFIX: usize = 58;
    let prefix: String = prefix.chars().take(LONGEST_PREFIX).collect();
    let suffix: String = (0..5).map(|_| char::from(LETTERS[fastrand::usize(..LETTERS.len())])).collect();
    prefix + &suffix
}

/// A part of a URL's path: of the characters that names have (RBAC's have colons), and not one that leads elsewhere.
pub(crate) fn segment<'t>(text: &'t str, what: &str) -> Result<&'t str> {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c));
    if text.is_empty() || text.starts_with('.') || !is_plain {
        return Err(Error::bad_input(format!("{text:?} is no {what}")).hint("lower-case letters, digits, `-` and `.`"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let secret = Resource::namespaced("v1", "Secret", "secrets");
        assert_eq!(secret.path(Some("demo"), "x").unwrap(), "/api/v1/namespaces/demo/secrets/x");
        assert_eq!(Resource::PIPELINES.path(Some("demo"), "").unwrap(), "/apis/tekton.dev/v1/namespaces/demo/pipelines");
        assert_eq!(Resource::all_of("apps/v1").unwrap().path(None, "").unwrap(), "/apis/apps/v1");
        for bad in ["..", "a/b", "a?b", "a%2fb", "ä", "$(x)", "a b"] {
            assert!(secret.path(Some("demo"), bad).is_err(), "{bad}");
            assert!(secret.path(Some(bad), "x").is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_generated_as_the_server_does() {
        let name = generated(&"x".repeat(70));
        assert_eq!(name.len(), 63);
        assert!(name[58..].chars().all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c)), "{name}");
        assert_ne!(generated("x-"), generated("x-"));
    }

    #[test]
    fn a_kind_is_found_and_not_its_parts() {
        let list = serde_json::json!({ "resources": [
            { "name": "deployments/status", "kind": "Deployment", "namespaced": true },
            { "name": "deployments", "kind": "Deployment", "namespaced": true },
        ]});
        let found = Resource::among(&list, "apps/v1", "Deployment").unwrap();
        assert_eq!(found, Resource::namespaced("apps/v1", "Deployment", "deployments"));
        assert_eq!(found.role_name(), "deployments.apps");
        assert_eq!(Resource::among(&list, "apps/v1", "Job"), None);
    }
}
