//! Objects wherever they are: in a cluster, or in a directory that stands in for one.

use serde_json::Value;
use step::{Cancel, Dir, Result};

use crate::{Cluster, Manifests, Options, Resource};

/// Where a step reads and writes objects.
#[derive(Clone, Debug)]
pub enum Objects {
    /// The API of a cluster.
    Api(Cluster),
    /// A directory of manifests.
    Manifests(Manifests),
}

/// The parameter of steps that write objects: `#[command(flatten)] pub target: cluster::Target`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Target {
    /// A directory that stands in for the cluster: objects are written there as YAML files, `NAMESPACE/KIND-NAME.yaml`, and read
    /// from there. Not bound: the cluster's API.
    #[arg(long, value_name = "DIR")]
    pub manifests: Option<Dir>,
}

// === impl Target ===

impl Target {
    /// The objects of a namespace. Every call ends when `cancel` is raised.
    pub fn objects(&self, namespace: &str, cancel: &Cancel) -> Result<Objects> {
        match &self.manifests {
            Some(directory) => Manifests::open(directory.path(), namespace).map(Objects::Manifests),
            None => {
                let options = Options { namespace: Some(namespace.to_owned()), ..Options::default() };
                Cluster::connect(&options, cancel.clone()).map(Objects::Api)
            }
        }
    }
}

// === impl Objects ===

impl Objects {
    /// The namespace that calls are about.
    pub fn namespace(&self) -> &str {
        match self {
            Objects::Api(cluster) => cluster.namespace(),
            Objects::Manifests(manifests) => manifests.namespace(),
        }
    }

    /// The same place, for objects of another namespace.
    #[must_use]
    pub fn in_namespace(&self, namespace: impl Into<String>) -> Self {
        match self {
            Objects::Api(cluster) => Objects::Api(cluster.in_namespace(namespace)),
            Objects::Manifests(manifests) => Objects::Manifests(manifests.in_namespace(namespace)),
        }
    }

    /// The cluster, if it is one: only there something runs.
    pub fn cluster(&self) -> Option<&Cluster> {
        match self {
            Objects::Api(cluster) => Some(cluster),
            Objects::Manifests(_) => None,
        }
    }

    /// As [`Cluster::get`].
    pub fn get(&self, resource: &Resource, name: &str) -> Result<Value> {
        match self {
            Objects::Api(cluster) => cluster.get(resource, name),
            Objects::Manifests(manifests) => manifests.get(resource, name),
        }
    }

    /// As [`Cluster::list`].
    pub fn list(&self, resource: &Resource, selector: &str) -> Result<Vec<Value>> {
        match self {
            Objects::Api(cluster) => cluster.list(resource, selector),
            Objects::Manifests(manifests) => manifests.list(resource, selector),
        }
    }

    /// As [`Cluster::create`].
    pub fn create(&self, object: &Value) -> Result<Value> {
        match self {
            Objects::Api(cluster) => cluster.create(object),
            Objects::Manifests(manifests) => manifests.create(object),
        }
    }

    /// As [`Cluster::apply`]. In a directory nobody else owns fields.
    pub fn apply(&self, object: &Value) -> Result<Value> {
        match self {
            Objects::Api(cluster) => cluster.apply(object),
            Objects::Manifests(manifests) => manifests.apply(object),
        }
    }

    /// As [`Cluster::overwrite`].
    pub fn overwrite(&self, object: &Value) -> Result<Value> {
        match self {
            Objects::Api(cluster) => cluster.overwrite(object),
            Objects::Manifests(manifests) => manifests.apply(object),
        }
    }
}
