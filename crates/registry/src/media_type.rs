//! What a content is: its media type, and what the ones with a meaning to us mean.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A media type, as it stands in a descriptor or a `Content-Type` header without its parameters. Any is allowed: an
/// artifact may hold anything.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(Cow<'static, str>);

/// Why a text is not a [`MediaType`].
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidMediaType;

macro_rules! known {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
        impl MediaType {
            $($(#[doc = $doc])* pub const $name: MediaType = MediaType(Cow::Borrowed($text));)*
        }
    };
}

known! {
    /// An OCI image manifest, also of artifacts.
    OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI index.
    OCI_INDEX = "application/vnd.oci.image.index.v1+json";
    /// Docker's image manifest, version 2 schema 2.
    DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's manifest list.
    DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's image manifest, version 2 schema 1: neither read nor written.
    DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json";
    /// The same, signed.
    DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    /// An OCI image's configuration.
    OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
    /// A Docker image's configuration.
    DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
    /// A layer: a tar.
    OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
    /// A layer: a tar, gzip.
    OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A layer: a tar, zstd.
    OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// A layer that may not be distributed: a tar.
    OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    /// A layer that may not be distributed: a tar, gzip.
    OCI_FOREIGN_GZIP = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    /// A layer that may not be distributed: a tar, zstd.
    OCI_FOREIGN_ZSTD = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";
    /// Docker's layer: a tar.
    DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";
    /// Docker's layer: a tar, gzip.
    DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker's layer that is to be fetched elsewhere.
    DOCKER_FOREIGN_GZIP = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    /// The same, not compressed.
    DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar";
    /// The empty JSON object that stands where a manifest must have something and an artifact has nothing.
    EMPTY = "application/vnd.oci.empty.v1+json";
    /// What an artifact is that does not say what it is. (What `oras` writes.)
    UNKNOWN_ARTIFACT = "application/vnd.unknown.artifact.v1";
    /// Anything.
    OCTET_STREAM = "application/octet-stream";
}

/// What the manifests that we read are, most wanted first: the `Accept` header of a request for a manifest.
pub(crate) const MANIFESTS: [MediaType; 4] =
    [MediaType::OCI_INDEX, MediaType::DOCKER_LIST, MediaType::OCI_MANIFEST, MediaType::DOCKER_MANIFEST];

// === impl MediaType ===

impl MediaType {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a list of manifests.
    pub fn is_index(&self) -> bool {
        *self == MediaType::OCI_INDEX || *self == MediaType::DOCKER_LIST
    }

    /// Whether it is a manifest of one image or artifact.
    pub fn is_image(&self) -> bool {
        *self == MediaType::OCI_MANIFEST || *self == MediaType::DOCKER_MANIFEST
    }

    /// Whether it is a manifest of any kind that is read here.
    pub fn is_manifest(&self) -> bool {
        self.is_index() || self.is_image()
    }

    /// Whether a registry need not have it: the content is fetched from the descriptor's `urls`.
    pub fn is_foreign(&self) -> bool {
        self.as_str().starts_with("application/vnd.oci.image.layer.nondistributable.")
            || self.as_str().starts_with("application/vnd.docker.image.rootfs.foreign.")
    }
}

impl From<&str> for MediaType {
    /// Parameters (`; charset=utf-8`) are dropped.
    fn from(text: &str) -> Self {
        MediaType(Cow::Owned(text.split(';').next().unwrap_or_default().trim().to_owned()))
    }
}

impl FromStr for MediaType {
    type Err = InvalidMediaType;

    /// What somebody writes, which must be right: a type and a subtype, without parameters. (RFC 6838, 4.2; without `$`,
    /// which kubelet would expand.)
    fn from_str(text: &str) -> Result<Self, InvalidMediaType> {
        let good = |name: &str| {
            name.len() <= 127
                && name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#&-^_.+".contains(&byte))
        };
        match text.split_once('/') {
            Some((kind, subtype)) if good(kind) && good(subtype) => Ok(MediaType(Cow::Owned(text.to_owned()))),
            _ => Err(InvalidMediaType),
        }
    }
}

impl fmt::Display for InvalidMediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a media type: it is TYPE/SUBTYPE, as application/vnd.sqlite")
    }
}

impl std::error::Error for InvalidMediaType {}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
