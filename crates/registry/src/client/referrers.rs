//! What refers to a manifest: the registry's own list, or the index under a tag that stands in for it.
//! (OCI distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema".)

use serde_json::{Value, json};
use step::{Error, Result};

use super::{Reference, Repository};
use crate::{Descriptor, Digest, Manifest, ManifestKind, MediaType, Tag};

// === impl Repository ===

impl Repository {
    /// What says something about `subject` in this repository.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        if let Some(listed) = self.referrers_api(subject)? {
            return Ok(listed);
        }
        Ok(match self.find(&Reference::Tag(fallback(subject)?))? {
            Some(manifest) => manifest.index().map(|index| index.manifests.clone()).unwrap_or_default(),
            None => Vec::new(),
        })
    }

    /// Lists `manifest` under its subject, for a registry that keeps no such list itself.
    ///
    /// Registries change nothing conditionally: of two who do this at the same moment, one may undo the other's. So it is
    /// looked at afterwards, and done again if need be.
    pub(crate) fn list_under(&self, subject: &Digest, manifest: &Manifest) -> Result<()> {
        const OFTEN: usize = 5;
        let reference = Reference::Tag(fallback(subject)?);
        for _ in 0..OFTEN {
            let known = self.find(&reference)?;
            if known
                .as_ref()
                .and_then(Manifest::index)
                .is_some_and(|index| index.manifests.iter().any(|entry| entry.digest == *manifest.digest()))
            {
                return Ok(());
            }
            let mut entries = match &known {
                Some(known) if known.index().is_none() => {
                    return Err(Error::bad_input(format!(
                        "{} is no index, so that nothing can be listed there",
                        self.shown(&reference)
                    ))
                    .hint("this tag is for what refers to a manifest: delete it"));
                }
                Some(known) => match known.content()? {
                    Value::Object(mut content) => content.remove("manifests").unwrap_or_default(),
                    _ => Value::Null,
                },
                None => Value::Null,
            };
            if !entries.is_array() {
                entries = json!([]);
            }
            if let Some(entries) = entries.as_array_mut() {
                entries.push(json!(listed(manifest)));
            }
            let index = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries});
            self.put_manifest(&Manifest::write(&index)?, &reference)?;
        }
        Err(Error::new(step::Kind::Conflict, format!("{} is changed by others all the time", self.shown(&reference)))
            .hint("run it again"))
    }
}

/// How a manifest is listed: with what kind of artifact it is, and its annotations.
pub(crate) fn listed(manifest: &Manifest) -> Descriptor {
    let annotations = match manifest.kind() {
        ManifestKind::Image(image) => image.annotations.clone(),
        ManifestKind::Index(index) => index.annotations.clone(),
    };
    Descriptor { artifact_type: manifest.artifact_type().cloned(), annotations, ..manifest.descriptor() }
}

/// The tag that stands in for the list.
fn fallback(subject: &Digest) -> Result<Tag> {
    let mut text = subject.as_str().replace(':', "-");
    // A tag has 128 characters at most.
    text.truncate(128);
    text.parse().map_err(|error| Error::internal(format!("{text} is no tag")).because(error))
}
