//! The ConfigMaps that a deployment reads: values, ImageSetConfiguration, and both.

use cluster::Objects;
use serde_json::{Value, json};
use step::{Error, Result};

use crate::{NAME, ObjectName, labels, time};

/// What is configured.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The name of the ConfigMap with both.
    pub name: ObjectName,
    /// The values file.
    pub values: String,
    /// The ImageSetConfiguration.
    pub image_set: String,
    /// Where the values file is in its repository.
    pub values_file: String,
}

/// The key of the ImageSetConfiguration.
pub const IMAGE_SET: &str = "imageset.yaml";
/// The key of the values file.
pub const VALUES: &str = "values.yaml";

/// Kubernetes keeps no larger data in a ConfigMap, in bytes of its values. (`ValidateConfigMap`.)
const LARGEST: usize = 1 << 20;

/// The names of the ConfigMaps with one of the two.
const IMAGE_SET_NAME: &str = "oc-mirror-imageset";
const VALUES_NAME: &str = "oc-mirror-values";

// === impl Configuration ===

impl Configuration {
    /// Writes the three ConfigMaps, whoever made them first, and gives their names. One that is too large is an error before any
    /// is written.
    pub fn write(&self, objects: &Objects) -> Result<Vec<String>> {
        let all = self.objects(objects.namespace(), &time::now()?)?;
        for object in &all {
            check(object)?;
        }
        // Last the one that workloads mount: when it is there, all are.
        for object in all.iter().rev() {
            objects.overwrite(object)?;
        }
        Ok(all.iter().filter_map(|object| object["metadata"]["name"].as_str()).map(str::to_owned).collect())
    }

    fn objects(&self, namespace: &str, now: &str) -> Result<[Value; 3]> {
        if [IMAGE_SET_NAME, VALUES_NAME].contains(&self.name.as_str()) {
            let message = format!("configmap-name is {}, which is the name of one of the other two ConfigMaps", self.name);
            return Err(Error::bad_input(message).hint("leave it out, or choose another"));
        }
        let object = |name: &str, kind: &str, data: Value| {
            let mut object = json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": { "name": name, "namespace": namespace, "labels": labels(NAME) },
                "data": data,
            });
            object["metadata"]["labels"]["autoshift.io/config-type"] = kind.into();
            object
        };
        let mut main =
            object(self.name.as_str(), "deployment", json!({ VALUES: self.values.as_str(), IMAGE_SET: self.image_set.as_str() }));
        main["metadata"]["annotations"] = json!({
            "autoshift.io/created-by": "oc-mirror-deployment-pipeline",
            "autoshift.io/created-at": now,
            "autoshift.io/values-file": self.values_file.as_str(),
        });
        Ok([
            main,
            object(IMAGE_SET_NAME, "imageset-only", json!({ IMAGE_SET: self.image_set.as_str() })),
            object(VALUES_NAME, "values-only", json!({ VALUES: self.values.as_str() })),
        ])
    }
}

fn check(object: &Value) -> Result<()> {
    let Some(data) = object["data"].as_object() else { return Ok(()) };
    let sizes: Vec<(&String, usize)> = data.iter().map(|(key, value)| (key, value.as_str().map_or(0, str::len))).collect();
    let size: usize = sizes.iter().map(|(_, size)| size).sum();
    if size <= LARGEST {
        return Ok(());
    }
    let metadata = &object["metadata"];
    let name = |field: &str| metadata[field].as_str().unwrap_or_default();
    let parts: Vec<String> = sizes.iter().map(|(key, size)| format!("{key} {size}")).collect();
    let message = format!(
        "the ConfigMap {}/{} would have {size} bytes ({}), and Kubernetes takes {LARGEST}",
        name("namespace"),
        name("name"),
        parts.join(", ")
    );
    Err(Error::bad_input(message).hint("give a values file with less in it: comments and unused cluster sets count too"))
}
