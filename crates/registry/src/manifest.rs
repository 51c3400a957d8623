//! Manifests: their bytes, which are what their digest is of and are never written again, and what they say.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Error, Result};

use crate::{Digest, MediaType};

/// The largest manifest that is read, in bytes. Registries refuse larger ones.
pub(crate) const LARGEST: u64 = 4 << 20;

/// Annotation of a layer: the file's name. (OCI annotations; what `oras` calls a file.)
pub(crate) const TITLE: &str = "org.opencontainers.image.title";

/// Annotation of an index's entry: its tag. (OCI image layout.)
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A manifest as it is stored, and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    media_type: MediaType,
    bytes: Vec<u8>,
    digest: Digest,
    kind: ManifestKind,
}

/// What a manifest describes.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a copy holds dozens of them, not millions")]
pub enum ManifestKind {
    /// One image, or one artifact.
    Image(Image),
    /// Several, one for each platform as a rule.
    Index(Index),
}

/// The content of an image's or artifact's manifest.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// What kind of artifact it is, where it is one.
    pub artifact_type: Option<MediaType>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first; an artifact's files.
    #[serde(default, deserialize_with = "null_is_default")]
    pub layers: Vec<Descriptor>,
    /// What it says something about: a signature's image.
    pub subject: Option<Descriptor>,
    /// Annotations.
    #[serde(default, deserialize_with = "null_is_default")]
    pub annotations: BTreeMap<String, String>,
}

/// The content of an index or manifest list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// What kind of artifact it is, where it is one.
    pub artifact_type: Option<MediaType>,
    /// Its manifests.
    #[serde(default, deserialize_with = "null_is_default")]
    pub manifests: Vec<Descriptor>,
    /// What it says something about.
    pub subject: Option<Descriptor>,
    /// Annotations.
    #[serde(default, deserialize_with = "null_is_default")]
    pub annotations: BTreeMap<String, String>,
}

/// What is said of a content where it is referred to. (OCI image specification, descriptor.md.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where else it can be fetched.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub urls: Vec<String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub annotations: BTreeMap<String, String>,
    /// The platform it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What kind of artifact it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
}

/// A platform: `linux/amd64`, `linux/arm/v7`. (OCI image specification, image-index.md.)
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// Go's name of the operating system.
    pub os: String,
    /// Go's name of the architecture.
    pub architecture: String,
    /// Which variant of it: `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The system's version, of Windows.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

/// Why a text is not a [`Platform`].
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidPlatform;

/// What says of which kind a manifest is, when its content type does not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    schema_version: Option<u64>,
    media_type: Option<MediaType>,
    manifests: Option<Value>,
    config: Option<Value>,
    layers: Option<Value>,
}

// === impl Manifest ===

impl Manifest {
    /// Reads a manifest. `what` names it: `quay.io/a/b:1`. `content_type` is what whoever holds it says of it.
    ///
    /// Fails as bad input when it is no manifest of a kind that we read, or contradicts itself.
    pub fn parse(what: impl fmt::Display, bytes: Vec<u8>, content_type: Option<&MediaType>) -> Result<Self> {
        let digest = Digest::of(&bytes);
        Manifest::parse_as(what, bytes, digest, content_type)
    }

    /// As [`Manifest::parse`], under a digest that was checked already.
    pub(crate) fn parse_as(
        what: impl fmt::Display,
        bytes: Vec<u8>,
        digest: Digest,
        content_type: Option<&MediaType>,
    ) -> Result<Self> {
        let malformed = |error| Error::bad_input(format!("the manifest of {what} is malformed")).because(error);
        if bytes.len() as u64 > LARGEST {
            return Err(Error::bad_input(format!("the manifest of {what} is larger than {LARGEST} bytes")));
        }
        let outline: Outline = serde_json::from_slice(&bytes).map_err(malformed)?;
        let media_type = outline.media_type(&what, content_type)?;
        // A manifest that is both would be one thing to us and another to the next reader.
        let both = outline.manifests.is_some() && (outline.config.is_some() || outline.layers.is_some());
        if both {
            return Err(Error::bad_input(format!("the manifest of {what} is an index and an image at once")));
        }
        let kind = if media_type.is_index() {
            ManifestKind::Index(serde_json::from_slice(&bytes).map_err(malformed)?)
        } else {
            ManifestKind::Image(serde_json::from_slice(&bytes).map_err(malformed)?)
        };
        Ok(Manifest { media_type, bytes, digest, kind })
    }

    /// A manifest with this content, which must be an object of the manifest's kind. Written as compact JSON, in the
    /// order of its fields: the same content has the same digest.
    pub fn write(content: &Value) -> Result<Self> {
        let bytes = serde_json::to_vec(content).map_err(|e| Error::internal("cannot write a manifest").because(e))?;
        Manifest::parse("what was made here", bytes, None)
    }

    /// What it is.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// Its bytes, as they are stored.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What it says.
    pub fn kind(&self) -> &ManifestKind {
        &self.kind
    }

    /// What it says, when it is of an image or artifact.
    pub fn image(&self) -> Option<&Image> {
        match &self.kind {
            ManifestKind::Image(image) => Some(image),
            ManifestKind::Index(_) => None,
        }
    }

    /// What it says, when it is an index.
    pub fn index(&self) -> Option<&Index> {
        match &self.kind {
            ManifestKind::Index(index) => Some(index),
            ManifestKind::Image(_) => None,
        }
    }

    /// What it says something about: a signature's image.
    pub fn subject(&self) -> Option<&Descriptor> {
        match &self.kind {
            ManifestKind::Image(image) => image.subject.as_ref(),
            ManifestKind::Index(index) => index.subject.as_ref(),
        }
    }

    /// What kind of artifact it is: its own word, or that of its configuration.
    pub fn artifact_type(&self) -> Option<&MediaType> {
        match &self.kind {
            ManifestKind::Image(image) => Some(image.artifact_type.as_ref().unwrap_or(&image.config.media_type)),
            ManifestKind::Index(index) => index.artifact_type.as_ref(),
        }
    }

    /// How others refer to it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest.clone(), self.bytes.len() as u64)
    }

    /// Its content as a tree, with the fields that we do not know: what a changed manifest is made from.
    pub fn content(&self) -> Result<Value> {
        serde_json::from_slice(&self.bytes).map_err(|e| Error::internal(format!("cannot read {} again", self.digest)).because(e))
    }
}

impl Image {
    /// Its blobs: configuration and layers. One blob may be there twice.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

// === impl Outline ===

impl Outline {
    /// The media type, of which content type, the field and the other fields must not say different things.
    fn media_type(&self, what: &impl fmt::Display, content_type: Option<&MediaType>) -> Result<MediaType> {
        let of_old =
            |media_type: &MediaType| *media_type == MediaType::DOCKER_SCHEMA1 || *media_type == MediaType::DOCKER_SCHEMA1_SIGNED;
        if self.schema_version == Some(1) || [self.media_type.as_ref(), content_type].into_iter().flatten().any(of_old) {
            return Err(Error::bad_input(format!("{what} is a Docker schema 1 image, which is not supported"))
                .hint("build and push it again: Docker has not made such images since 2017"));
        }
        let said = content_type.filter(|media_type| media_type.is_manifest());
        match (&self.media_type, said) {
            (Some(own), Some(said)) if own != said => {
                Err(Error::bad_input(format!("the manifest of {what} says that it is {own}, and the server that it is {said}")))
            }
            (Some(own), _) if own.is_manifest() => Ok(own.clone()),
            (Some(own), _) => Err(Error::bad_input(format!("{what} is no image and no index but {own}"))),
            (None, Some(said)) => Ok(said.clone()),
            // OCI manifests may leave it out.
            (None, None) if self.manifests.is_some() => Ok(MediaType::OCI_INDEX),
            (None, None) if self.config.is_some() => Ok(MediaType::OCI_MANIFEST),
            (None, None) => Err(Error::bad_input(format!("{what} is no image and no index"))),
        }
    }
}

// === impl Descriptor ===

impl Descriptor {
    /// A descriptor without annotations.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Descriptor {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            platform: None,
            artifact_type: None,
        }
    }

    /// The descriptor of a content that is at hand.
    pub fn of(media_type: MediaType, bytes: &[u8]) -> Self {
        Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// Adds an annotation.
    #[must_use]
    pub fn annotated(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }
}

// === impl Platform ===

impl Platform {
    /// Whether an image for `offered` is what is asked for by this. A variant or version that is not asked for may be any;
    /// arm64 is arm64/v8.
    pub fn takes(&self, offered: &Platform) -> bool {
        let variant = |platform: &Platform| match (&*platform.architecture, platform.variant.as_deref()) {
            ("arm64", None) => Some("v8".to_owned()),
            (_, variant) => variant.map(str::to_owned),
        };
        self.os == offered.os
            && self.architecture == offered.architecture
            && (self.variant.is_none() || variant(self) == variant(offered))
            && (self.os_version.is_none() || self.os_version == offered.os_version)
    }
}

impl std::str::FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let parts: Vec<&str> = text.split('/').filter(good).collect();
        if parts.len() != text.split('/').count() {
            return Err(InvalidPlatform);
        }
        let (os, architecture, variant) = match *parts {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_owned())),
            _ => return Err(InvalidPlatform),
        };
        Ok(Platform { os: os.to_owned(), architecture: architecture.to_owned(), variant, os_version: None })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for InvalidPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a platform: it is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, as linux/amd64")
    }
}

impl std::error::Error for InvalidPlatform {}

/// Go writes an empty list or map as `null`.
fn null_is_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(content: &Value, content_type: Option<MediaType>) -> Result<Manifest> {
        Manifest::parse("localhost:5000/a:1", content.to_string().into_bytes(), content_type.as_ref())
    }

    fn blob() -> Value {
        json!({"mediaType": "application/x", "digest": Digest::of(b""), "size": 0})
    }

    #[test]
    fn the_kind_is_what_type_field_and_content_say_together() {
        let image = json!({"schemaVersion": 2, "config": blob(), "layers": null});
        let index = json!({"schemaVersion": 2, "manifests": []});
        let docker = json!({"schemaVersion": 2, "mediaType": MediaType::DOCKER_LIST, "manifests": []});
        let kind = |content: &Value, said| match parse(content, said) {
            Ok(manifest) => manifest.media_type().to_string(),
            Err(error) => error.to_string(),
        };
        let said = [
            kind(&image, None),
            kind(&index, None),
            kind(&index, Some(MediaType::from("text/plain; charset=utf-8"))),
            kind(&docker, None),
            kind(&docker, Some(MediaType::OCI_INDEX)),
            kind(&json!({"schemaVersion": 1, "fsLayers": []}), None),
            kind(&json!({"schemaVersion": 2, "manifests": [], "layers": []}), None),
            kind(&json!({"schemaVersion": 2, "mediaType": "application/vnd.x", "config": blob()}), None),
            kind(&json!({"errors": []}), None),
            kind(&json!([1]), None),
            kind(&json!({"schemaVersion": 2, "config": {"mediaType": "a", "digest": "sha256:0", "size": 1}}), None),
            kind(&json!({"schemaVersion": 2, "config": {"mediaType": "a", "digest": Digest::of(b""), "size": -1}}), None),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        application/vnd.oci.image.manifest.v1+json
        application/vnd.oci.image.index.v1+json
        application/vnd.oci.image.index.v1+json
        application/vnd.docker.distribution.manifest.list.v2+json
        the manifest of localhost:5000/a:1 says that it is application/vnd.docker.distribution.manifest.list.v2+json, and the server that it is application/vnd.oci.image.index.v1+json
        localhost:5000/a:1 is a Docker schema 1 image, which is not supported
        the manifest of localhost:5000/a:1 is an index and an image at once
        localhost:5000/a:1 is no image and no index but application/vnd.x
        localhost:5000/a:1 is no image and no index
        the manifest of localhost:5000/a:1 is malformed: invalid length 1, expected struct Outline with 5 elements at line 1 column 3
        the manifest of localhost:5000/a:1 is malformed: not a digest: sha256: has 64 digits at line 1 column 64
        the manifest of localhost:5000/a:1 is malformed: invalid value: integer `-1`, expected u64 at line 1 column 137
        ");
    }

    #[test]
    fn platforms() {
        let takes = |asked: &str, offered: &str| asked.parse::<Platform>().unwrap().takes(&offered.parse().unwrap());
        assert!(takes("linux/arm64", "linux/arm64/v8") && takes("linux/arm64/v8", "linux/arm64"));
        assert!(takes("linux/arm", "linux/arm/v6") && !takes("linux/arm/v7", "linux/arm/v6"));
        assert!(!takes("linux/amd64", "windows/amd64"));
        for text in ["", "linux", "linux/", "/amd64", "linux/amd64/", "a/b/c/d", "linux/am$d", "linux/amd64\n"] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }
}
