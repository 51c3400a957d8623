//! An image for two platforms in an OCI layout: what demo and tests copy. Its bytes are the same every time.

use std::path::Path;

use registry::{Descriptor, Digest, Layout, Manifest, MediaType};
use serde_json::{Value, json};
use step::{Error, Result};

/// The architectures of the sample image.
pub const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// Makes the layout `dir` with the image `tag`: an index of an image for each architecture, with a layer of one file.
pub fn make_image(dir: &Path, tag: &str) -> Result<Manifest> {
    let layout = Layout::create(dir)?;
    let images = ARCHITECTURES.map(|architecture| one_image(&layout, architecture));
    let images: Vec<Value> = images.into_iter().collect::<Result<_>>()?;
    let index = Manifest::write(&json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": images}))?;
    layout.put_manifest(&index)?;
    layout.tag(&index.descriptor(), Some(tag))?;
    Ok(index)
}

/// The entry of the index for an architecture's image.
fn one_image(layout: &Layout, architecture: &str) -> Result<Value> {
    let layer = layer("etc/motd", &format!("Hello from {architecture}.\n"))?;
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"Labels": {"org.opencontainers.image.title": "The sample"}},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]},
    });
    let config = blob(layout, MediaType::OCI_CONFIG, config.to_string().as_bytes())?;
    let layer = blob(layout, MediaType::OCI_LAYER, &layer)?;
    let manifest = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": [layer]});
    let manifest = Manifest::write(&manifest)?;
    layout.put_manifest(&manifest)?;
    let mut entry = json!(manifest.descriptor());
    entry["platform"] = json!({"architecture": architecture, "os": "linux"});
    Ok(entry)
}

fn blob(layout: &Layout, media_type: MediaType, content: &[u8]) -> Result<Descriptor> {
    let descriptor = Descriptor::of(media_type, content);
    let mut writer = layout.blob_writer(&descriptor)?;
    writer.take(content)?;
    writer.commit()?;
    Ok(descriptor)
}

/// A tar with one file, without time and owner.
fn layer(path: &str, text: &str) -> Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    let failed = |e| Error::io("cannot make a layer", e);
    archive.append_data(&mut header, path, text.as_bytes()).map_err(failed)?;
    archive.into_inner().map_err(failed)
}
