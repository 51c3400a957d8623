//! A directory that stands in for a cluster: each object a YAML file, `NAMESPACE/KIND-NAME.yaml`, on a laptop or in a
//! repository that something else applies.

use std::path::{Path, PathBuf};

use serde_json::Value;
use step::{Error, Kind, Result, files};
use tekton::finding::Report;
use tekton::source::Source;
use tekton::{node, yaml};

use crate::{Resource, resource};

/// A longer file is no object.
const LARGEST: u64 = 16 << 20;

/// A directory of manifests, and the namespace that calls are about.
///
/// What the cluster adds to objects (UIDs, versions, defaults, states) is not there. Objects without a namespace are right in
/// the directory. Files with other names are left alone.
#[derive(Clone, Debug)]
pub struct Manifests {
    root: PathBuf,
    namespace: String,
}

// === impl Manifests ===

impl Manifests {
    /// The directory, which is made where it is missing.
    pub fn open(root: &Path, namespace: &str) -> Result<Self> {
        resource::segment(namespace, "namespace")?;
        std::fs::create_dir_all(root).map_err(|e| Error::io(format_args!("cannot make {}", root.display()), e))?;
        Ok(Manifests { root: root.to_owned(), namespace: namespace.to_owned() })
    }

    /// The namespace that calls are about.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The same directory, for objects of another namespace.
    #[must_use]
    pub fn in_namespace(&self, namespace: impl Into<String>) -> Self {
        Manifests { root: self.root.clone(), namespace: namespace.into() }
    }

    /// An object; [`Kind::NotFound`] when there is none.
    pub fn get(&self, resource: &Resource, name: &str) -> Result<Value> {
        let namespace = resource.is_namespaced().then_some(self.namespace.as_str());
        let path = self.path(resource, namespace, name)?;
        self.read(&path, resource)?.ok_or_else(|| {
            let place = namespace.map_or(String::new(), |namespace| format!(" in the namespace {namespace}"));
            Error::not_found(format!("there is no {} {name}{place}", resource.kind()))
                .hint(format!("it would be {}", path.display()))
        })
    }

    /// All objects of a kind whose labels are these (`app=x,tier=y`; empty: all), in the order of their names.
    pub fn list(&self, resource: &Resource, selector: &str) -> Result<Vec<Value>> {
        let labels = selector.split(',').filter(|part| !part.is_empty()).map(equality).collect::<Result<Vec<_>>>()?;
        let directory = match resource.is_namespaced() {
            true => self.root.join(resource::segment(&self.namespace, "namespace")?),
            false => self.root.clone(),
        };
        let failed = |e| Error::io(format_args!("cannot read {}", directory.display()), e);
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let prefix = format!("{}-", resource.kind().to_ascii_lowercase());
        let is_one = |name: &str| name.starts_with(&prefix) && name.ends_with(".yaml");
        let mut paths = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_str().is_some_and(is_one) {
                paths.push(files::contained(&self.root, &entry.path())?);
            }
        }
        paths.sort();
        let mut objects = Vec::new();
        for path in paths {
            let Some(object) = self.read(&path, resource)? else { continue };
            if labels.iter().all(|(key, value)| object["metadata"]["labels"][key].as_str() == Some(value)) {
                objects.push(object);
            }
        }
        Ok(objects)
    }

    /// Writes an object that is not there yet; [`Kind::Conflict`] when it is. With `metadata.generateName` it gets a name
    /// that begins so.
    pub fn create(&self, object: &Value) -> Result<Value> {
        let mut object = object.clone();
        let metadata = &object["metadata"];
        if metadata["name"].as_str().unwrap_or_default().is_empty()
            && let Some(prefix) = metadata["generateName"].as_str()
        {
            object["metadata"]["name"] = resource::generated(prefix).into();
        }
        let (resource, path, name) = self.place(&object)?;
        if self.read(&path, &resource)?.is_some() {
            let message = format!("cannot create the {} {}/{name}: it is already there", resource.kind(), self.namespace);
            return Err(Error::new(Kind::Conflict, message).hint(format!("it is {}", path.display())));
        }
        self.write(&path, object)
    }

    /// Makes an object say what this one says, and leaves what it does not mention. Lists are taken as a whole.
    pub fn apply(&self, object: &Value) -> Result<Value> {
        let (resource, path, _) = self.place(object)?;
        let applied = match self.read(&path, &resource)? {
            Some(mut there) => {
                merge(&mut there, object);
                there
            }
            None => object.clone(),
        };
        self.write(&path, applied)
    }

    /// Where an object belongs; its directory is made where it is missing.
    fn place(&self, object: &Value) -> Result<(Resource, PathBuf, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let resource = resource::of(object)?;
        let (name, own) = (text(&object["metadata"]["name"]), text(&object["metadata"]["namespace"]));
        if name.is_empty() {
            return Err(Error::bad_input(format!("a {} without metadata.name cannot be written", resource.kind())));
        }
        let namespace = if own.is_empty() { self.namespace.clone() } else { own };
        let path = self.path(&resource, resource.is_namespaced().then_some(&namespace), &name)?;
        if resource.is_namespaced() {
            let below = namespace.parse().map_err(|e| Error::bad_input(format!("{namespace:?} is no namespace")).because(e))?;
            files::make_below(&self.root, &below)?;
        }
        Ok((resource, path, name))
    }

    fn path(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<PathBuf> {
        let mut path = self.root.clone();
        if let Some(namespace) = namespace {
            path.push(resource::segment(namespace, "namespace")?);
        }
        path.push(format!("{}-{}.yaml", resource.kind().to_ascii_lowercase(), resource::segment(name, "name")?));
        Ok(path)
    }

    /// The object in a file; `None` when the file is not there.
    fn read(&self, path: &Path, resource: &Resource) -> Result<Option<Value>> {
        let Some(bytes) = files::read_regular(path, LARGEST)? else { return Ok(None) };
        files::contained(&self.root, path)?;
        let text = String::from_utf8(bytes).map_err(|e| Error::bad_input(format!("{} is no text", path.display())).because(e))?;
        let source = Source::new(path.display().to_string(), text);
        let mut findings = Vec::new();
        let documents = node::read(&source, &mut Report::new(&mut findings, 0));
        if let Some(finding) = findings.first() {
            let at = source.position(finding.span.start);
            return Err(Error::bad_input(format!("{}:{}:{}: {}", source.name(), at.line, at.column, finding.message)));
        }
        let [document] = documents.as_slice() else {
            let message = format!("{} holds {} documents", path.display(), documents.len());
            return Err(Error::bad_input(message).hint("each object has a file of its own"));
        };
        let object = Value::from(document);
        if object["kind"] != resource.kind() || object["apiVersion"] != resource.api_version() {
            let found = |field: &str| object[field].as_str().unwrap_or("none").to_owned();
            let message = format!("{} holds a {} of {}", path.display(), found("kind"), found("apiVersion"));
            let wanted = format!("{} of {}", resource.kind(), resource.api_version());
            return Err(Error::new(Kind::Conflict, message).hint(format!("there a {wanted} belongs: move the file away")));
        }
        Ok(Some(object))
    }

    fn write(&self, path: &Path, object: Value) -> Result<Value> {
        let text = yaml::to_string(&object).map_err(|e| Error::internal("cannot write YAML").because(e))?;
        files::write_atomic(path, text.as_bytes())?;
        tracing::info!(path = %path.display(), "written");
        Ok(object)
    }
}

/// `KEY=VALUE` of a selector.
fn equality(text: &str) -> Result<(&str, &str)> {
    let pair = text.split_once('=').map(|(key, value)| (key, value.strip_prefix('=').unwrap_or(value)));
    pair.filter(|(key, _)| !key.ends_with('!')).ok_or_else(|| {
        Error::bad_input(format!("{text:?} cannot be looked for in a directory of manifests")).hint("KEY=VALUE can")
    })
}

fn merge(there: &mut Value, given: &Value) {
    match (there, given) {
        (Value::Object(there), Value::Object(given)) => {
            for (key, value) in given {
                merge(there.entry(key).or_insert(Value::Null), value);
            }
        }
        (there, given) => *there = given.clone(),
    }
}
