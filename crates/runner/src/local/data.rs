//! What steps get of ConfigMaps and Secrets: environment variables, and the files of volumes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use k8s_openapi::api::core::v1::{KeyToPath, Volume};
use step::{Error, Result};
use tekton::v1::Step;

use super::Local;
use crate::manifests::Kind;
use crate::paths::{Mount, to_host};
use crate::task::TaskRun;
use crate::workspace::{make_dir, write};

impl Local {
    /// The step's own environment variables.
    pub(super) fn environment(&self, step: &Step, mounts: &[Mount]) -> Result<Vec<(String, String)>> {
        let mut all: Vec<(String, String)> = Vec::new();
        for source in &step.env_from {
            let prefix = source.prefix.as_deref().unwrap_or_default();
            let data = match (&source.config_map_ref, &source.secret_ref) {
                (Some(map), _) => self.manifests.data(Kind::ConfigMap, &map.name, map.optional == Some(true))?,
                (_, Some(secret)) => self.manifests.data(Kind::Secret, &secret.name, secret.optional == Some(true))?,
                _ => None,
            };
            let pairs = data.into_iter().flatten();
            all.extend(pairs.map(|(key, value)| (format!("{prefix}{key}"), String::from_utf8_lossy(value).into_owned())));
        }
        for variable in &step.env {
            let source = variable.value_from.as_ref();
            let text = match source.map(|source| (&source.config_map_key_ref, &source.secret_key_ref)) {
                Some((Some(map), _)) => self.manifests.text(Kind::ConfigMap, &map.name, &map.key, map.optional == Some(true))?,
                Some((_, Some(secret))) => {
                    self.manifests.text(Kind::Secret, &secret.name, &secret.key, secret.optional == Some(true))?
                }
                _ => {
                    let look_up = |name: &str| all.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.clone());
                    let text = kubernetes_expand(variable.value.as_deref().unwrap_or_default(), &look_up);
                    Some(to_host(&text, mounts))
                }
            };
            if let Some(text) = text {
                all.retain(|(name, _)| *name != variable.name);
                all.push((variable.name.clone(), text));
            }
        }
        Ok(all)
    }

    /// The directories of a Task's volumes.
    pub(super) fn volumes(&self, task: &TaskRun) -> Result<BTreeMap<String, PathBuf>> {
        let mut found = BTreeMap::new();
        for volume in &task.spec.volumes {
            let directory = task.directory.join("volumes").join(&volume.name);
            make_dir(&directory)?;
            for (key, bytes) in self.volume_data(volume)? {
                write(&directory.join(key), &bytes)?;
            }
            found.insert(volume.name.clone(), directory);
        }
        Ok(found)
    }

    pub(super) fn volume_data(&self, volume: &Volume) -> Result<BTreeMap<String, Vec<u8>>> {
        let place = |error: Error| error.context(format_args!("the volume {}", volume.name));
        let (data, keys) = match (&volume.config_map, &volume.secret) {
            (Some(map), _) => {
                let data = self.manifests.data(Kind::ConfigMap, &map.name, map.optional == Some(true)).map_err(place)?;
                (data, map.items.as_ref())
            }
            (_, Some(secret)) => {
                let name = secret.secret_name.as_deref().unwrap_or_default();
                let data = self.manifests.data(Kind::Secret, name, secret.optional == Some(true)).map_err(place)?;
                (data, secret.items.as_ref())
            }
            _ => return Ok(BTreeMap::new()),
        };
        Ok(items(data.cloned().unwrap_or_default(), keys))
    }
}

/// The files of a volume: all keys, or those that are asked for under other names.
pub(crate) fn items(data: BTreeMap<String, Vec<u8>>, items: Option<&Vec<KeyToPath>>) -> BTreeMap<String, Vec<u8>> {
    match items.filter(|items| !items.is_empty()) {
        Some(items) => items.iter().filter_map(|item| Some((item.path.clone(), data.get(&item.key)?.clone()))).collect(),
        None => data,
    }
}

/// As Kubernetes does it: `$(NAME)` is the variable if there is one, `$$` is `$`.
pub(super) fn kubernetes_expand(text: &str, look_up: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match look_up(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_as_kubernetes_has_them() {
        let look_up = |name: &str| (name == "A").then(|| "x".to_owned());
        let cases = [("$(A)/$(B)", "x/$(B)"), ("$$(A)", "$(A)"), ("$A $", "$A $"), ("$(A", "$(A"), ("$$$(A)", "$x")];
        for (text, expected) in cases {
            assert_eq!(kubernetes_expand(text, &look_up), expected, "{text}");
        }
    }
}
