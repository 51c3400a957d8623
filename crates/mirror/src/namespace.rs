//! The namespace that objects go to: it is there, or it is made when that is asked for.

use cluster::{Cluster, Objects, Resource, Target};
use serde_json::json;
use step::{Cancel, Error, Kind, Result};

use crate::{COMPONENT, Namespace};

/// The parameters of steps that write to a namespace: `#[command(flatten)] pub target: mirror::TargetNamespace`.
#[derive(clap::Args, Clone, Debug)]
pub struct TargetNamespace {
    /// The namespace that the mirror runs in.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror")]
    pub namespace: Namespace,

    /// Whether the namespace is created where it is missing.
    ///
    /// That needs a ClusterRole with the verb `create` on `namespaces`, which the step's own Role cannot give.
    #[arg(long, default_value = "false", action = clap::ArgAction::Set)]
    pub create_namespace: bool,

    /// Where objects are.
    #[command(flatten)]
    pub target: Target,
}

// === impl TargetNamespace ===

impl TargetNamespace {
    /// The objects of the namespace. Says whether the namespace was made for them.
    pub fn open(&self, cancel: &Cancel) -> Result<(Objects, bool)> {
        let objects = self.target.objects(self.namespace.as_str(), cancel)?;
        let is_new = self.ensure(&objects)?;
        Ok((objects, is_new))
    }

    /// Fails when the namespace is missing and not to be made; says whether it was made.
    pub fn ensure(&self, objects: &Objects) -> Result<bool> {
        let namespace = self.namespace.as_str();
        let Some(cluster) = objects.cluster() else {
            // In a directory a namespace is a name; whoever applies it may want the object, too.
            if self.create_namespace && objects.get(&Resource::NAMESPACES, namespace).is_err() {
                objects.apply(&object(namespace))?;
                return Ok(true);
            }
            return Ok(false);
        };
        match cluster.get(&Resource::NAMESPACES, namespace) {
            Ok(found) if found["metadata"]["deletionTimestamp"].is_string() => {
                let error = Error::new(Kind::Conflict, format!("the namespace {namespace} is being deleted"));
                Err(error.hint("run again when it is gone, with create-namespace=true, or choose another"))
            }
            Ok(_) => Ok(false),
            Err(error) if error.kind() == Kind::NotFound && self.create_namespace => make(cluster, namespace),
            // To whom it is not said whether it is there, what follows says it.
            Err(error) if error.kind() == Kind::Unauthorized && !self.create_namespace => Ok(false),
            Err(error) if error.kind() == Kind::Unauthorized => make(cluster, namespace),
            Err(error) if error.kind() == Kind::NotFound => {
                let hint = format!("`oc create namespace {namespace}`, and give it its service account, Roles and pull secret");
                Err(Error::not_found(format!("there is no namespace {namespace}")).hint(hint))
            }
            Err(error) => Err(error),
        }
    }
}

fn make(cluster: &Cluster, namespace: &str) -> Result<bool> {
    match cluster.create(&object(namespace)) {
        Ok(_) => {
            tracing::info!(namespace, "the namespace is created");
            Ok(true)
        }
        // Somebody else was quicker, or we were not told that it was there.
        Err(error) if error.kind() == Kind::Conflict => Ok(false),
        Err(error) => Err(error),
    }
}

fn object(namespace: &str) -> serde_json::Value {
    let labels = json!({ "app.kubernetes.io/name": namespace, COMPONENT: crate::NAME });
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace, "labels": labels } })
}
