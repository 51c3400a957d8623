//! Docker's form of an archive: `manifest.json`, and the manifest that is made of what it says.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use serde_json::json;
use step::{Error, Result};

use super::entries::Span;
use super::{Archive, Section};
use crate::manifest::LARGEST;
use crate::{Algorithm, Descriptor, Digest, Hasher, Manifest, MediaType};

/// An image in `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    /// The configuration's file.
    config: String,
    /// Its names; Go writes none as `null`.
    repo_tags: Option<Vec<String>>,
    /// The layers' files, lowest first.
    layers: Option<Vec<String>>,
}

/// The part of a configuration that says what the layers are.
#[derive(Deserialize)]
pub(super) struct Config {
    pub(super) rootfs: RootFs,
}

#[derive(Deserialize)]
pub(super) struct RootFs {
    /// The digests of the layers as they are unpacked, lowest first.
    #[serde(default)]
    pub(super) diff_ids: Option<Vec<Digest>>,
}

// === impl Saved ===

impl Saved {
    /// What is written of an image.
    pub(super) fn new(config: String, name: Option<String>, layers: Vec<String>) -> Self {
        Saved { config, repo_tags: name.map(|name| vec![name]), layers: Some(layers) }
    }

    /// Reads a `manifest.json`. `what` names it.
    pub(super) fn parse(what: &impl fmt::Display, bytes: &[u8]) -> Result<Vec<Saved>> {
        serde_json::from_slice(bytes).map_err(|error| Error::bad_input(format!("{what} is malformed")).because(error))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.repo_tags.iter().flatten().map(String::as_str)
    }

    pub(super) fn config(&self) -> &str {
        &self.config
    }
}

// === impl Config ===

impl Config {
    /// Reads the configuration of `what`, and what its layers are unpacked.
    pub(super) fn diff_ids(what: &impl fmt::Display, bytes: &[u8]) -> Result<Vec<Digest>> {
        let config: Config = serde_json::from_slice(bytes)
            .map_err(|error| Error::bad_input(format!("the configuration of {what} is malformed")).because(error))?;
        Ok(config.rootfs.diff_ids.unwrap_or_default())
    }
}

// === impl Archive ===

impl Archive {
    /// The manifest of an image in Docker's form. Its blobs can be opened from then on.
    pub(super) fn describe(&self, image: &Saved) -> Result<Manifest> {
        let what = image.names().next().map_or_else(|| format!("{self}"), |name| format!("{self}:{name}"));
        let config = self.named(&image.config, &what)?;
        let bytes = self.small(config, LARGEST, &image.config)?;
        let digest = Digest::of(&bytes);
        // Everybody names the file by its digest: what protects the layers is protected by that.
        let stem = image.config.trim_end_matches(".json").rsplit('/').next().unwrap_or_default();
        if let Ok(named) = format!("sha256:{stem}").parse::<Digest>() {
            named.expect(format_args!("the configuration of {what}"), &digest)?;
        }
        let diff_ids = Config::diff_ids(&what, &bytes)?;
        let files = image.layers.as_deref().unwrap_or_default();
        if files.len() != diff_ids.len() {
            return Err(Error::bad_input(format!(
                "{what} has {} layers, and its configuration says that it has {}",
                files.len(),
                diff_ids.len()
            )));
        }
        let mut blobs = HashMap::from([(digest.clone(), config)]);
        let mut layers: Vec<Descriptor> = Vec::new();
        let mut seen: HashMap<u64, Descriptor> = HashMap::new();
        for (file, diff_id) in files.iter().zip(diff_ids) {
            let span = self.named(file, &what)?;
            let layer = match seen.get(&span.offset) {
                Some(layer) if layer.media_type != MediaType::OCI_LAYER || layer.digest == diff_id => layer.clone(),
                _ => self.layer(file, span, diff_id)?,
            };
            seen.insert(span.offset, layer.clone());
            blobs.insert(layer.digest.clone(), span);
            layers.push(layer);
        }
        let manifest = Manifest::write(&json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": Descriptor::new(MediaType::OCI_CONFIG, digest, config.size),
            "layers": layers,
        }))?;
        self.known().blobs.extend(blobs);
        Ok(manifest)
    }

    /// What a layer is. Only a compressed one must be read for that: the digest of another is in the configuration, and is
    /// checked when the layer is read.
    fn layer(&self, file: &str, span: Span, diff_id: Digest) -> Result<Descriptor> {
        let failed = |e| Error::io(format_args!("cannot read {file} of the archive {}", self.path.display()), e);
        let mut magic = Vec::new();
        self.section(span).take(4).read_to_end(&mut magic).map_err(failed)?;
        let media_type = match &*magic {
            [0x1f, 0x8b, ..] => MediaType::OCI_LAYER_GZIP,
            [0x28, 0xb5, 0x2f, 0xfd] => MediaType::OCI_LAYER_ZSTD,
            _ => return Ok(Descriptor::new(MediaType::OCI_LAYER, diff_id, span.size)),
        };
        Ok(Descriptor::new(media_type, digest_of(self.section(span)).map_err(failed)?, span.size))
    }

    fn named(&self, file: &str, what: &str) -> Result<Span> {
        self.entries.get(file)?.ok_or_else(|| {
            Error::bad_input(format!("{what} is incomplete: its manifest.json names {file:?}, which is not there"))
                .hint("save the image again")
        })
    }
}

fn digest_of(mut section: Section) -> io::Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 1 << 17];
    loop {
        match section.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}
