//! The referrers API of newer registries, made from what an older one stores. (OCI distribution specification 1.1.)

use std::path::PathBuf;

use registry::{Digest, MediaType};
use serde_json::json;

use crate::http::{Head, Request};
use crate::storage;

pub(crate) struct Referrers {
    storage: PathBuf,
    /// How many entries a page has.
    page: usize,
}

// === impl Referrers ===

impl Referrers {
    pub(crate) fn new(storage: PathBuf, page: usize) -> Self {
        Referrers { storage, page }
    }

    /// The answer to `GET /v2/a/b/referrers/sha256:…`; none to any other request.
    pub(crate) fn list(&self, request: &Request) -> Option<(Head, Vec<u8>)> {
        let (repository, digest) = request.path().strip_prefix("/v2/")?.split_once("/referrers/")?;
        let Ok(digest) = digest.parse::<Digest>() else { return Some((Head::new(400), Vec::new())) };
        let mut entries = storage::referrers(&self.storage, repository, &digest);
        let mut head = Head::new(200);
        head.set("content-type", MediaType::OCI_INDEX);
        let mut query = String::new();
        if let Some(wanted) = request.query("artifactType").pop() {
            entries.retain(|entry| entry.artifact_type.as_ref().is_some_and(|known| known.as_str() == wanted));
            head.set("oci-filters-applied", "artifactType");
            query = format!("&artifactType={}", wanted.replace('+', "%2B"));
        }
        let from = request.query("from").pop().and_then(|from| from.parse().ok()).unwrap_or(0).min(entries.len());
        let to = (from + self.page).min(entries.len());
        if to < entries.len() {
            head.set("link", format!("<{}?from={to}{query}>; rel=\"next\"", request.path()));
        }
        let index = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries[from..to]});
        Some((head, index.to_string().into_bytes()))
    }

    /// Says to who pushed a manifest that its subject was understood: no fallback tag is wanted then.
    pub(crate) fn acknowledge(&self, head: &mut Head) {
        let digest = head.header("docker-content-digest").filter(|_| head.status == 201).and_then(|digest| digest.parse().ok());
        let manifest = digest.and_then(|digest| storage::manifest(&self.storage, &digest));
        if let Some(subject) = manifest.as_ref().and_then(|manifest| manifest.subject()) {
            head.set("oci-subject", &subject.digest);
        }
    }
}
