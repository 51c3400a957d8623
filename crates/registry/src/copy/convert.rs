//! An image of one format as one of the other: the same blobs, under a manifest with other media types.

use serde_json::{Map, Value, json};
use step::{Error, Result};

use super::Format;
use crate::{Image, Manifest, ManifestKind, MediaType};

/// What corresponds: Docker's, OCI's.
const PAIRS: [(MediaType, MediaType); 7] = [
    (MediaType::DOCKER_MANIFEST, MediaType::OCI_MANIFEST),
    (MediaType::DOCKER_LIST, MediaType::OCI_INDEX),
    (MediaType::DOCKER_CONFIG, MediaType::OCI_CONFIG),
    (MediaType::DOCKER_LAYER, MediaType::OCI_LAYER),
    (MediaType::DOCKER_LAYER_GZIP, MediaType::OCI_LAYER_GZIP),
    (MediaType::DOCKER_FOREIGN, MediaType::OCI_FOREIGN),
    (MediaType::DOCKER_FOREIGN_GZIP, MediaType::OCI_FOREIGN_GZIP),
];

/// The fields of a manifest, and of a descriptor, that Docker's format has.
const DOCKER_FIELDS: [&str; 5] = ["schemaVersion", "mediaType", "config", "layers", "manifests"];
const DOCKER_DESCRIPTOR: [&str; 5] = ["mediaType", "size", "digest", "urls", "platform"];

/// The media type that corresponds in `format`; `None` when the format has none.
pub(super) fn media_type(of: &MediaType, format: Format) -> Option<MediaType> {
    let known = PAIRS.iter().find(|(docker, oci)| docker == of || oci == of);
    match (format, known) {
        (Format::AsIs, _) => Some(of.clone()),
        (Format::Docker, Some((docker, _))) => Some(docker.clone()),
        (Format::Docker, None) => None,
        (Format::Oci, Some((_, oci))) => Some(oci.clone()),
        // OCI has room for anything.
        (Format::Oci, None) => Some(of.clone()),
    }
}

/// An image's manifest in `format`. `what` names the image.
pub(super) fn image(manifest: &Manifest, image: &Image, format: Format, what: &str) -> Result<Manifest> {
    let wanted = media_type(manifest.media_type(), format);
    if wanted.as_ref() == Some(manifest.media_type()) {
        return Ok(manifest.clone());
    }
    let refused = |why: String| {
        Error::bad_input(format!("{what} cannot be a Docker image: {why}")).hint("set `format` to `oci` or `as-is`")
    };
    if format == Format::Docker {
        if media_type(&image.config.media_type, format).is_none() || image.artifact_type.is_some() {
            let kind = image.artifact_type.as_ref().unwrap_or(&image.config.media_type);
            return Err(refused(format!("it is an artifact of the type {:?}", kind.as_str())));
        }
        if let Some(layer) = image.layers.iter().find(|layer| media_type(&layer.media_type, format).is_none()) {
            return Err(refused(format!("its layer {} is {:?}", layer.digest.short(), layer.media_type.as_str())));
        }
        if image.subject.is_some() {
            return Err(refused("it says something about another image (`subject`)".to_owned()));
        }
    }
    let mut content = object(manifest)?;
    for field in ["config", "layers"] {
        let descriptors = match content.get_mut(field) {
            Some(Value::Array(list)) => list.as_mut_slice(),
            Some(one) => std::slice::from_mut(one),
            None => &mut [],
        };
        for descriptor in descriptors {
            let own = descriptor.get("mediaType").and_then(Value::as_str).map(MediaType::from);
            if let Some(other) = own.and_then(|own| media_type(&own, format)) {
                descriptor["mediaType"] = json!(other);
            }
            reduce(descriptor, format);
        }
    }
    finish(content, wanted.unwrap_or(MediaType::OCI_MANIFEST), format)
}

/// An index with other manifests: `entries` are its entries, each with the manifest it is now of.
pub(super) fn index(manifest: &Manifest, entries: Vec<(Value, &Manifest)>, format: Format) -> Result<Manifest> {
    let mut content = object(manifest)?;
    let entries = entries.into_iter().map(|(mut entry, now)| {
        if entry["digest"] != json!(now.digest()) {
            entry["mediaType"] = json!(now.media_type());
            entry["digest"] = json!(now.digest());
            entry["size"] = json!(now.bytes().len());
            // It was a copy of what is no longer there.
            if let Some(entry) = entry.as_object_mut() {
                entry.remove("data");
            }
        }
        if format != Format::AsIs {
            reduce(&mut entry, format);
        }
        entry
    });
    content.insert("manifests".to_owned(), entries.collect());
    let wanted = media_type(manifest.media_type(), format).unwrap_or_else(|| manifest.media_type().clone());
    finish(content, wanted, format)
}

/// Whether an index stays as it is.
pub(super) fn is_in(manifest: &Manifest, format: Format) -> bool {
    media_type(manifest.media_type(), format).as_ref() == Some(manifest.media_type())
}

fn object(manifest: &Manifest) -> Result<Map<String, Value>> {
    match manifest.content()? {
        Value::Object(content) => Ok(content),
        _ => Err(Error::internal(format!("the manifest {} is no object", manifest.digest()))),
    }
}

fn finish(mut content: Map<String, Value>, media_type: MediaType, format: Format) -> Result<Manifest> {
    if format == Format::Docker {
        content.retain(|name, _| DOCKER_FIELDS.contains(&&**name));
    }
    content.insert("schemaVersion".to_owned(), json!(2));
    // Where it was not said, it is said behind the version, as everybody writes it.
    if !content.contains_key("mediaType") {
        let rest = std::mem::take(&mut content);
        content.insert("schemaVersion".to_owned(), json!(2));
        content.insert("mediaType".to_owned(), Value::Null);
        content.extend(rest.into_iter().filter(|(name, _)| name != "schemaVersion"));
    }
    content.insert("mediaType".to_owned(), json!(media_type));
    let made = Manifest::write(&Value::Object(content))?;
    debug_assert!(matches!(
        (made.kind(), media_type.is_index()),
        (ManifestKind::Index(_), true) | (ManifestKind::Image(_), false)
    ));
    Ok(made)
}

/// Takes from a descriptor what the format does not have.
fn reduce(descriptor: &mut Value, format: Format) {
    if format == Format::Docker
        && let Some(descriptor) = descriptor.as_object_mut()
    {
        descriptor.retain(|name, _| DOCKER_DESCRIPTOR.contains(&&**name));
    }
}
