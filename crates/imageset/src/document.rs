//! The documents that oc-mirror reads, version `v2alpha1`, as they are written: in one order, without times.

use serde::Serialize;
use step::{Error, Result};

use crate::version::Release;

/// What oc-mirror v2 reads.
pub(crate) const API_VERSION: &str = "mirror.openshift.io/v2alpha1";

/// The size in GiB at which oc-mirror begins another archive.
const ARCHIVE_SIZE: u32 = 4;

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// What to mirror.
    ImageSet,
    /// What to delete from a mirror.
    Delete,
}

/// What to mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImageSet {
    /// `None`: no releases, and no graph of them.
    pub(crate) channels: Option<Vec<ReleaseChannel>>,
    pub(crate) operators: Vec<Catalog>,
    pub(crate) additional_images: Vec<Named>,
}

/// The releases of a channel from one to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReleaseChannel {
    pub(crate) name: String,
    pub(crate) min_version: String,
    pub(crate) max_version: String,
}

/// A catalog, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Catalog {
    pub(crate) catalog: String,
    pub(crate) packages: Vec<Package>,
}

/// A package, and which of its channels; none: the heads of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Package {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default_channel: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) channels: Vec<Named>,
}

/// What has only a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

// === impl DocumentKind ===

impl DocumentKind {
    /// As the document says it.
    pub fn as_str(self) -> &'static str {
        match self {
            DocumentKind::ImageSet => "ImageSetConfiguration",
            DocumentKind::Delete => "DeleteImageSetConfiguration",
        }
    }

    /// The field that all else is in.
    pub(crate) fn stanza(self) -> &'static str {
        match self {
            DocumentKind::ImageSet => "mirror",
            DocumentKind::Delete => "delete",
        }
    }
}

// === impl ReleaseChannel ===

impl ReleaseChannel {
    pub(crate) fn new(name: String, min: Release, max: Release) -> Self {
        ReleaseChannel { name, min_version: min.to_string(), max_version: max.to_string() }
    }
}

// === impl ImageSet ===

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Root<'d> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<Mirror<'d>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete: Option<Delete<'d>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mirror<'d> {
    platform: Platform<'d>,
    operators: &'d [Catalog],
    additional_images: &'d [Named],
    helm: Helm,
}

#[derive(Serialize)]
struct Delete<'d> {
    platform: Platform<'d>,
}

#[derive(Serialize)]
struct Platform<'d> {
    channels: &'d [ReleaseChannel],
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<bool>,
}

/// Empty, and a mapping.
#[derive(Serialize)]
struct Helm {}

impl ImageSet {
    pub(crate) fn to_yaml(&self) -> Result<String> {
        let platform =
            Platform { channels: self.channels.as_deref().unwrap_or_default(), graph: self.channels.is_some().then_some(true) };
        let mirror = Mirror { platform, operators: &self.operators, additional_images: &self.additional_images, helm: Helm {} };
        written(&Root {
            api_version: API_VERSION,
            kind: DocumentKind::ImageSet.as_str(),
            archive_size: Some(ARCHIVE_SIZE),
            mirror: Some(mirror),
            delete: None,
        })
    }
}

/// A document that deletes the releases of these channels.
pub(crate) fn delete_to_yaml(channels: &[ReleaseChannel]) -> Result<String> {
    written(&Root {
        api_version: API_VERSION,
        kind: DocumentKind::Delete.as_str(),
        archive_size: None,
        mirror: None,
        delete: Some(Delete { platform: Platform { channels, graph: None } }),
    })
}

fn written(root: &Root<'_>) -> Result<String> {
    tekton::yaml::to_string(root).map_err(|e| Error::internal("cannot write the document as YAML").because(e))
}
