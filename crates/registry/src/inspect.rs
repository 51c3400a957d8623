//! A look at an image: what it is, for which platforms, with which labels. Nothing is fetched but two manifests and a
//! configuration.

use std::collections::BTreeMap;

use serde::Deserialize;
use step::{Error, Result};

use crate::client::Client;
use crate::copy::{Config, Source};
use crate::manifest::{Image, LARGEST};
use crate::{Descriptor, Digest, Index, Location, Manifest, ManifestKind, MediaType, Platform};

/// Annotation of an index's entry that is no image but says something about one. (BuildKit.)
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// Indexes in indexes: no deeper.
const DEEPEST: usize = 4;

/// What an image is.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// The digest of what the reference names.
    pub digest: Digest,
    /// What that is.
    pub media_type: MediaType,
    /// What kind of artifact it is, when it is one.
    pub artifact_type: Option<MediaType>,
    /// The platforms of an index, in its order, without what is no image; the platform of an image. None for an artifact.
    pub platforms: Vec<Platform>,
    /// The labels, of one image of an index.
    pub labels: BTreeMap<String, String>,
    /// When that image was made, as it says.
    pub created: Option<String>,
}

/// What is read of an image's configuration.
#[derive(Default, Deserialize)]
struct Said {
    created: Option<String>,
    #[serde(flatten)]
    platform: Config,
    config: Option<Runtime>,
}

#[derive(Deserialize)]
struct Runtime {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

/// Looks at the image at `location`.
///
/// Labels and time are those of the image for `platform`; without one, of that for linux/amd64 where there is such an
/// image, else of the first: the same on every machine. Fails as not found when there is none for `platform`.
pub fn inspect(client: &Client, location: &Location, platform: Option<&Platform>) -> Result<Inspected> {
    let (source, root) = Source::open(client, location)?;
    let mut inspected = Inspected {
        digest: root.digest().clone(),
        media_type: root.media_type().clone(),
        artifact_type: None,
        platforms: Vec::new(),
        labels: BTreeMap::new(),
        created: None,
    };
    if let Some(index) = root.index() {
        inspected.artifact_type.clone_from(&index.artifact_type);
        inspected.platforms = images(index).filter_map(|entry| entry.platform.clone()).collect();
    }
    let Some(manifest) = descend(&source, root, location, platform)? else { return Ok(inspected) };
    let Some(image) = manifest.image() else { return Ok(inspected) };
    let is_root = *manifest.digest() == inspected.digest;
    if !is_image(image) {
        if is_root {
            inspected.artifact_type = manifest.artifact_type().cloned();
            inspected.created = image.annotations.get(crate::artifact::CREATED).cloned();
        }
        return Ok(inspected);
    }
    let said = said(&source, image, location)?;
    let own = Platform::from(said.platform);
    if is_root {
        if let Some(wanted) = platform.filter(|wanted| !wanted.takes(&own)) {
            return Err(not_there(location, wanted, std::slice::from_ref(&own)));
        }
        inspected.platforms = vec![own];
    }
    inspected.created = said.created.filter(|created| !created.is_empty());
    inspected.labels = said.config.and_then(|runtime| runtime.labels).unwrap_or_default();
    Ok(inspected)
}

/// The image that stands for all, from what may be an index; `None` when there is none.
fn descend(source: &Source, root: Manifest, location: &Location, platform: Option<&Platform>) -> Result<Option<Manifest>> {
    let mut manifest = root;
    for _ in 0..DEEPEST {
        let ManifestKind::Index(index) = manifest.kind() else { return Ok(Some(manifest)) };
        let Some(entry) = choose(index, location, platform)? else { return Ok(None) };
        manifest = source.manifest(entry)?;
    }
    Err(Error::bad_input(format!("{location} is an index of indexes, deeper than {DEEPEST}")))
}

fn choose<'a>(index: &'a Index, location: &Location, platform: Option<&Platform>) -> Result<Option<&'a Descriptor>> {
    let is_for = |entry: &&Descriptor, wanted: &Platform| entry.platform.as_ref().is_some_and(|own| wanted.takes(own));
    if let Some(wanted) = platform {
        let offered: Vec<Platform> = images(index).filter_map(|entry| entry.platform.clone()).collect();
        let found = images(index).find(|entry| is_for(entry, wanted));
        return found.map(Some).ok_or_else(|| not_there(location, wanted, &offered));
    }
    let usual = Platform { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: None, os_version: None };
    Ok(images(index).find(|entry| is_for(entry, &usual)).or_else(|| images(index).next()))
}

fn not_there(location: &Location, wanted: &Platform, offered: &[Platform]) -> Error {
    let offered: Vec<String> = offered.iter().map(ToString::to_string).collect();
    Error::not_found(format!("{location} is not there for {wanted}")).hint(match &*offered {
        [] => "it says of no image what it is for".to_owned(),
        offered => format!("there is {}", offered.join(", ")),
    })
}

/// The entries of an index that are images, or indexes of such.
fn images(index: &Index) -> impl Iterator<Item = &Descriptor> {
    index.manifests.iter().filter(|entry| {
        entry.media_type.is_manifest()
            && !entry.annotations.contains_key(REFERENCE_TYPE)
            && entry.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
    })
}

/// Whether it is an image, and no artifact.
fn is_image(image: &Image) -> bool {
    image.artifact_type.is_none() && [MediaType::OCI_CONFIG, MediaType::DOCKER_CONFIG].contains(&image.config.media_type)
}

fn said(source: &Source, image: &Image, location: &Location) -> Result<Said> {
    if image.config.size > LARGEST {
        tracing::warn!("the configuration of {location} is larger than {LARGEST} bytes: its labels are not read");
        return Ok(Said::default());
    }
    let bytes = source.small_blob(&image.config)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::bad_input(format!("the configuration of {location} is malformed")).because(error))
}
