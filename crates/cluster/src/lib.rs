//! The Kubernetes API for steps and people: objects as they are, waits that end, errors that say what to do.
//!
//! Objects are JSON ([`serde_json::Value`]) and pass through untouched, so a field that nobody here has heard of is
//! kept. Calls block. Each of them, and every wait, ends when the [`Cancel`] is raised that the cluster was connected
//! with; what can succeed later is tried again. [`Objects`] is a cluster, or a directory of manifests that stands in for one.
//!
//! ```no_run
//! # fn main() -> step::Result<()> {
//! let cluster = cluster::Cluster::connect(&cluster::Options::default(), step::Cancel::on_signals()?)?;
//! let run = cluster.get(&cluster::Resource::PIPELINE_RUNS, "release-x7k2p")?;
//! for event in cluster.watch(&cluster::Resource::PIPELINE_RUNS, cluster::Select::name("release-x7k2p")) { event?; }
//! # Ok(())
//! # }
//! ```

mod call;
mod config;
mod error;
mod logs;
mod manifests;
mod objects;
mod resource;
mod secret;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use step::retry::Policy;
use step::{Cancel, Error, Result};
use tokio::runtime::Runtime;

use crate::call::{Body, Call};

pub use config::Options;
pub use logs::Logs;
pub use manifests::Manifests;
pub use objects::{Objects, Target};
pub use resource::Resource;
pub use watch::{Event, Select, Watch};

/// Whose fields they are that [`Cluster::apply`] sets.
pub const FIELD_MANAGER: &str = "stepwright";

/// So many objects come in one answer of a list.
const PAGE: &str = "500";

/// So many names are tried for an object, should others have them.
const NAMES: usize = 8;

/// A cluster's API, and the namespace in it that calls are about. Clones share the connections.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
    namespace: String,
    cancel: Cancel,
    policy: Policy,
}

struct Shared {
    /// Whoever waits drives it: there is no thread besides the callers'.
    runtime: Runtime,
    client: kube::Client,
    /// The API server's URL.
    server: String,
    /// What the cluster has said of kinds, by API version and kind.
    resources: Mutex<HashMap<(String, String), Resource>>,
}

// === impl Cluster ===

impl Cluster {
    /// Reads how to reach the cluster and who we are; asks nothing yet. Every call ends when `cancel` is raised.
    pub fn connect(options: &Options, cancel: Cancel) -> Result<Self> {
        Cluster::by(config::read(options), options.namespace.clone(), cancel)
    }

    /// As [`Cluster::connect`], for a cluster that a directory mounted from a Secret describes: `url`, `token`, `ca.crt` and
    /// perhaps `namespace`, or a whole `kubeconfig`.
    ///
    /// Secrets are renewed where they are mounted: who is refused after a while connects anew, and has the new token.
    pub fn connect_by_secret(directory: &Path, namespace: Option<&str>, cancel: Cancel) -> Result<Self> {
        Cluster::by(config::read_secret(directory), namespace.map(str::to_owned), cancel)
    }

    fn by(config: impl Future<Output = Result<kube::Config>>, namespace: Option<String>, cancel: Cancel) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::io("cannot start the network's runtime", e))?;
        let config = runtime.block_on(config)?;
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        resource::segment(&namespace, "namespace")?;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = {
            let _inside = runtime.enter();
            kube::Client::try_from(config).map_err(|error| error::unusable(&server, &error))?
        };
        let shared = Shared { runtime, client, server, resources: Mutex::default() };
        Ok(Cluster { shared: Arc::new(shared), namespace, cancel, policy: Policy::default() })
    }

    /// The namespace that calls are about.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        &self.shared.server
    }

    /// The same cluster, for objects of another namespace.
    #[must_use]
    pub fn in_namespace(&self, namespace: impl Into<String>) -> Self {
        Cluster { namespace: namespace.into(), ..self.clone() }
    }

    /// The same cluster, whose calls end when another flag is raised.
    #[must_use]
    pub fn with_cancel(&self, cancel: Cancel) -> Self {
        Cluster { cancel, ..self.clone() }
    }

    /// The same cluster, with another patience for what can succeed later.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        Cluster { policy, ..self.clone() }
    }

    /// How objects of a kind are called in URLs, and whether they are in namespaces: asks the cluster once a kind.
    pub fn resource(&self, api_version: &str, kind: &str) -> Result<Resource> {
        if let Some(known) = Resource::known(api_version, kind) {
            return Ok(known);
        }
        let key = (api_version.to_owned(), kind.to_owned());
        if let Some(known) = self.shared.resources.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let all = Resource::all_of(api_version)?;
        let list = self.send(&Call::get(&all, None, "")?)?;
        let found = Resource::among(&list, api_version, kind).ok_or_else(|| error::no_such_kind(api_version, kind))?;
        self.shared.resources.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        Ok(found)
    }

    /// An object; [`step::Kind::NotFound`] when there is none.
    pub fn get(&self, resource: &Resource, name: &str) -> Result<Value> {
        self.send(&Call::get(resource, self.namespace_of(resource), name)?)
    }

    /// All objects that a label selector (`app=x,!old`; empty: all) selects, in the order of their names.
    pub fn list(&self, resource: &Resource, selector: &str) -> Result<Vec<Value>> {
        Ok(self.list_from(resource, &Select::labels(selector))?.0)
    }

    /// Creates an object, and gives it as it is then.
    ///
    /// With `metadata.generateName` it gets a name that begins so, and is created once, whatever breaks. With a name of its
    /// own it is tried again only while it is certain that the cluster has not created it: afterwards nobody could tell
    /// whether the object that is there is ours.
    pub fn create(&self, object: &Value) -> Result<Value> {
        let (resource, namespace, name) = self.place(object)?;
        let mut call = Call::new("create", http::Method::POST, &resource, namespace.as_deref(), "")?;
        call = call.query("fieldManager", FIELD_MANAGER);
        let prefix = object["metadata"]["generateName"].as_str().unwrap_or_default();
        // What messages call it; the URL has no name.
        call.name = if name.is_empty() { format!("{prefix}*") } else { name.to_owned() };
        call.is_repeatable = name.is_empty();
        if !name.is_empty() {
            return self.send(&call.body(Body::Json, object));
        }
        if prefix.is_empty() {
            return Err(Error::bad_input(format!("a {} without metadata.name cannot be created", resource.kind())));
        }
        self.create_generated(call, object, prefix)
    }

    /// The server would choose a name as well, but who does not hear its answer would never learn which.
    fn create_generated(&self, call: Call, object: &Value, prefix: &str) -> Result<Value> {
        let mut object = object.clone();
        let mut last = None;
        for _ in 0..NAMES {
            let name = resource::generated(prefix);
            object["metadata"]["name"] = name.as_str().into();
            let call = call.clone().body(Body::Json, &object);
            let mut may_be_there = false;
            match self.send_seen(&call, |fault| may_be_there |= fault.is_uncertain()) {
                Err(error) if error.kind() == step::Kind::Conflict && may_be_there => {
                    let namespace = call.namespace.as_deref();
                    return self.send(&Call::get(&call.resource, namespace, &name)?);
                }
                Err(error) if error.kind() == step::Kind::Conflict => last = Some(error),
                made => return made,
            }
        }
        Err(last.unwrap_or_else(|| Error::internal("no name was tried")))
    }

    /// Makes an object say what this one says, and leaves what it does not mention (server-side apply).
    ///
    /// A field that somebody else has set to another value is a [`step::Kind::Conflict`], and is never taken away.
    pub fn apply(&self, object: &Value) -> Result<Value> {
        self.send(&self.applying(object)?.body(Body::Apply, object))
    }

    /// As [`Cluster::apply`], but takes away what others have set: for objects that are ours by their name, whoever made
    /// them first.
    pub fn overwrite(&self, object: &Value) -> Result<Value> {
        self.send(&self.applying(object)?.query("force", "true").body(Body::Apply, object))
    }

    fn applying(&self, object: &Value) -> Result<Call> {
        let (resource, namespace, name) = self.place(object)?;
        let call = Call::new("patch", http::Method::PATCH, &resource, namespace.as_deref(), name)?;
        if name.is_empty() {
            return Err(Error::bad_input(format!("a {} without metadata.name cannot be applied", resource.kind())));
        }
        Ok(call.query("fieldManager", FIELD_MANAGER))
    }

    /// Changes an object: what `patch` has replaces what is there, `null` removes it (JSON merge patch).
    ///
    /// With `metadata.resourceVersion` in it, an object that has changed since is a [`step::Kind::Conflict`].
    pub fn patch(&self, resource: &Resource, name: &str, patch: &Value) -> Result<Value> {
        let call = Call::new("patch", http::Method::PATCH, resource, self.namespace_of(resource), name)?;
        self.send(&call.query("fieldManager", FIELD_MANAGER).body(Body::Merge, patch))
    }

    /// Deletes an object, and in the background what belongs to it. Says whether it was there.
    pub fn delete(&self, resource: &Resource, name: &str) -> Result<bool> {
        let call = Call::new("delete", http::Method::DELETE, resource, self.namespace_of(resource), name)?;
        match self.send(&call.query("propagationPolicy", "Background")) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == step::Kind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What is there, and then every change of it. See [`Watch`].
    pub fn watch(&self, resource: &Resource, select: Select) -> Watch {
        Watch::new(self.clone(), resource.clone(), select)
    }

    /// The lines of a container from its first to its last, as they come. See [`Logs`].
    pub fn logs(&self, pod: &str, container: &str) -> Logs {
        Logs::new(self.clone(), pod, container)
    }

    /// The objects of all pages, and the version of the cluster's state that they are of.
    fn list_from(&self, resource: &Resource, select: &Select) -> Result<(Vec<Value>, String)> {
        let mut objects = Vec::new();
        let mut next = String::new();
        let mut expired = 0;
        loop {
            let call = Call::new("list", http::Method::GET, resource, self.namespace_of(resource), "")?;
            let mut call = select.on(call).query("limit", PAGE);
            if !next.is_empty() {
                call = call.query("continue", &next);
            }
            let mut page = match self.send(&call) {
                // The pages are of one state of the cluster, which it has forgotten by now.
                Err(error) if error.kind() == step::Kind::Conflict && expired < 3 => {
                    expired += 1;
                    objects.clear();
                    next.clear();
                    continue;
                }
                page => page?,
            };
            if let Value::Array(items) = page["items"].take() {
                // The items of a list do not say themselves what they are.
                objects.extend(items.into_iter().map(|item| resource.named(item)));
            }
            let metadata = &page["metadata"];
            next = metadata["continue"].as_str().unwrap_or_default().to_owned();
            if next.is_empty() {
                return Ok((objects, metadata["resourceVersion"].as_str().unwrap_or_default().to_owned()));
            }
        }
    }

    fn namespace_of(&self, resource: &Resource) -> Option<&str> {
        resource.is_namespaced().then_some(&self.namespace)
    }

    /// Where an object belongs.
    fn place<'o>(&self, object: &'o Value) -> Result<(Resource, Option<String>, &'o str)> {
        let text = |value: &'o Value| value.as_str().unwrap_or_default();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        if api_version.is_empty() || kind.is_empty() {
            return Err(Error::bad_input("an object without `apiVersion` or `kind` cannot be sent to the cluster"));
        }
        let resource = self.resource(api_version, kind)?;
        let namespace = resource.is_namespaced().then(|| match text(&object["metadata"]["namespace"]) {
            "" => self.namespace.clone(),
            own => own.to_owned(),
        });
        Ok((resource, namespace, text(&object["metadata"]["name"])))
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("server", &self.shared.server).field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
