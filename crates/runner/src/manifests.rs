//! ConfigMaps and Secrets from a directory of manifests, in the cluster's stead.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use step::{Error, Result};
use tekton::finding::nearest;

/// The data of ConfigMaps and Secrets, by kind and name.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    objects: BTreeMap<(Kind, String), BTreeMap<String, Vec<u8>>>,
    /// Somebody gave a directory.
    given: bool,
}

/// What holds data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
}

impl Manifests {
    /// Reads every `.yaml`, `.yml` and `.json` file of a directory; other objects in them are left alone.
    pub fn read(directory: &Path, parse: &dyn Fn(&str, &str) -> Result<Vec<Value>>) -> Result<Self> {
        let cannot = |e| Error::io(format_args!("cannot read {}", directory.display()), e);
        let mut manifests = Manifests { given: true, ..Manifests::default() };
        let mut paths: Vec<_> = (std::fs::read_dir(directory).map_err(cannot)?)
            .map(|entry| entry.map(|entry| entry.path()).map_err(cannot))
            .collect::<Result<_>>()?;
        paths.retain(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json"));
        paths.sort();
        for path in paths {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(&path).map_err(|e| Error::io(format_args!("cannot read {name}"), e))?;
            for document in parse(&name, &text)? {
                manifests.add(&document).map_err(|error| error.context(&name))?;
            }
        }
        Ok(manifests)
    }

    /// Adds a ConfigMap or Secret; anything else is left alone. What a Secret holds is kept out of logs.
    pub fn add(&mut self, object: &Value) -> Result<()> {
        self.given = true;
        let kind = match object["kind"].as_str() {
            Some("ConfigMap") => Kind::ConfigMap,
            Some("Secret") => Kind::Secret,
            _ => return Ok(()),
        };
        let Some(name) = object["metadata"]["name"].as_str() else {
            return Err(Error::bad_input(format!("a {kind:?} has no metadata.name")));
        };
        let mut data = BTreeMap::new();
        let sections = match kind {
            Kind::ConfigMap => [("data", false), ("binaryData", true)],
            Kind::Secret => [("data", true), ("stringData", false)],
        };
        for (section, encoded) in sections {
            for (key, value) in object[section].as_object().into_iter().flatten() {
                let text =
                    value.as_str().ok_or_else(|| Error::bad_input(format!("{kind:?} {name}: {section}.{key} is no text")))?;
                let bytes = match encoded {
                    true => STANDARD.decode(text.replace(['\n', ' '], "")).map_err(|e| {
                        Error::bad_input(format!("{kind:?} {name}: {section}.{key} is not base64"))
                            .because(e)
                            .hint("write plain text into stringData")
                    })?,
                    false => text.as_bytes().to_vec(),
                };
                if kind == Kind::Secret {
                    step::redact::secret(&String::from_utf8_lossy(&bytes));
                }
                data.insert(key.clone(), bytes);
            }
        }
        self.objects.insert((kind, name.to_owned()), data);
        Ok(())
    }

    /// The data of an object; `None` if it is not there and need not be.
    pub(crate) fn data(&self, kind: Kind, name: &str, optional: bool) -> Result<Option<&BTreeMap<String, Vec<u8>>>> {
        let found = self.objects.get(&(kind, name.to_owned()));
        if found.is_some() || optional {
            return Ok(found);
        }
        let names = self.objects.keys().filter(|(other, _)| *other == kind).map(|(_, name)| name.as_str());
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean {near:?}?"),
            None if self.given => "put a manifest of it into the directory of --manifests".to_owned(),
            None => "give a directory with a manifest of it: --manifests DIR".to_owned(),
        };
        Err(Error::not_found(format!("there is no {kind:?} {name:?} here")).hint(hint))
    }

    /// One value of an object, as text.
    pub(crate) fn text(&self, kind: Kind, name: &str, key: &str, optional: bool) -> Result<Option<String>> {
        let Some(data) = self.data(kind, name, optional)? else { return Ok(None) };
        match data.get(key) {
            Some(bytes) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
            None if optional => Ok(None),
            None => Err(Error::not_found(format!("the {kind:?} {name:?} has no key {key:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn data_of_both_kinds() {
        let mut manifests = Manifests::default();
        manifests
            .add(&json!({"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}, "binaryData": {"b": "AAE="}}))
            .unwrap();
        manifests.add(&json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"t": "aHVudGVyMg=="}})).unwrap();
        manifests.add(&json!({"kind": "Namespace", "metadata": {"name": "n"}})).unwrap();
        assert_eq!(manifests.data(Kind::ConfigMap, "c", false).unwrap().unwrap()["b"], [0, 1]);
        assert_eq!(manifests.text(Kind::Secret, "s", "t", false).unwrap().unwrap(), "hunter2");
        assert_eq!(step::redact::text("it is hunter2"), "it is ***");
        assert_eq!(manifests.text(Kind::Secret, "nope", "t", true).unwrap(), None);
        insta::assert_snapshot!(format!("{:?}", manifests.data(Kind::Secret, "nope", false).unwrap_err()), @r#"
        not-found: there is no Secret "nope" here
        hint: put a manifest of it into the directory of --manifests
        "#);
        insta::assert_snapshot!(manifests.text(Kind::Secret, "s", "u", false).unwrap_err(), @r#"the Secret "s" has no key "u""#);
        let bad = json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"t": "?"}});
        assert!(format!("{:?}", manifests.add(&bad).unwrap_err()).contains("stringData"));
    }
}
