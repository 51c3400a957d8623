//! Images for the tests of layouts and archives, and skopeo, which has to understand what is written.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Layout;
use crate::{Descriptor, Digest, Manifest, MediaType};

/// How a layer is compressed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// An image and what it consists of.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) manifest: Manifest,
    pub(crate) blobs: Vec<(Descriptor, Vec<u8>)>,
    /// The layers, unpacked.
    pub(crate) layers: Vec<Vec<u8>>,
}

impl Sample {
    /// An image with these layers.
    pub(crate) fn new(layers: &[(Packing, Vec<u8>)]) -> Self {
        let mut blobs = vec![];
        for (packing, layer) in layers {
            let (media_type, bytes) = match packing {
                Packing::Plain => (MediaType::OCI_LAYER, layer.clone()),
                Packing::Gzip => (MediaType::OCI_LAYER_GZIP, gzip(layer)),
                Packing::Zstd => (MediaType::OCI_LAYER_ZSTD, zstd(layer)),
            };
            blobs.push((Descriptor::of(media_type, &bytes), bytes));
        }
        let diff_ids: Vec<Digest> = layers.iter().map(|(_, layer)| Digest::of(layer)).collect();
        let config = json!({"architecture": "amd64", "os": "linux", "config": {"Labels": {"a": "b"}}, "rootfs": {"type": "layers", "diff_ids": diff_ids}});
        let config = config.to_string().into_bytes();
        let described: Vec<&Descriptor> = blobs.iter().map(|(descriptor, _)| descriptor).collect();
        let config_descriptor = Descriptor::of(MediaType::OCI_CONFIG, &config);
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config_descriptor, "layers": described});
        blobs.push((config_descriptor, config));
        Sample {
            manifest: Manifest::write(&manifest).unwrap(),
            blobs,
            layers: layers.iter().map(|(_, layer)| layer.clone()).collect(),
        }
    }

    /// A small image with one layer, another one for each name.
    pub(crate) fn small(name: &str) -> Self {
        Sample::new(&[(Packing::Gzip, layer(name))])
    }

    /// An image with a layer of each packing, and one of them twice.
    pub(crate) fn mixed() -> Self {
        let packed = [(Packing::Gzip, layer("a")), (Packing::Zstd, layer("b")), (Packing::Plain, layer("c"))];
        Sample::new(&[&packed[..], &packed[..1]].concat())
    }

    /// An artifact that says something about `subject`.
    pub(crate) fn about(subject: &Manifest, kind: &str) -> Self {
        let empty = Descriptor::of(MediaType::EMPTY, b"{}");
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "artifactType": kind, "config": empty, "layers": [empty],
            "subject": subject.descriptor(), "annotations": {"made": "by us"},
        });
        Sample { manifest: Manifest::write(&manifest).unwrap(), blobs: vec![(empty, b"{}".to_vec())], layers: vec![] }
    }

    /// Stores it without a tag.
    pub(crate) fn store(&self, layout: &Layout) {
        for (descriptor, bytes) in &self.blobs {
            let mut writer = layout.blob_writer(descriptor).unwrap();
            writer.write_all(bytes).unwrap();
            writer.commit().unwrap();
        }
        layout.put_manifest(&self.manifest).unwrap();
    }

    /// Stores it under a tag.
    pub(crate) fn tag(&self, layout: &Layout, tag: Option<&str>) {
        self.store(layout);
        layout.tag(&self.manifest.descriptor(), tag).unwrap();
    }

    /// The blob with this descriptor.
    pub(crate) fn open(&self, descriptor: &Descriptor) -> &[u8] {
        &self.blobs.iter().find(|(own, _)| own.digest == descriptor.digest).unwrap().1
    }
}

/// An index of these.
pub(crate) fn index_of(manifests: &[&Manifest]) -> Manifest {
    let entries: Vec<Descriptor> = manifests.iter().map(|manifest| manifest.descriptor()).collect();
    Manifest::write(&json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries})).unwrap()
}

/// A layer: a tar with one file.
pub(crate) fn layer(name: &str) -> Vec<u8> {
    tar_of(&[(name, name.repeat(1000).as_bytes())])
}

/// A tar with these files.
pub(crate) fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Runs skopeo, which must succeed, and gives what it prints. Nothing of this user's configuration is read.
pub(crate) fn skopeo(home: &Path, args: &[&str]) -> String {
    let output = Command::new("skopeo")
        .arg("--insecure-policy")
        .args(args)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .current_dir(home)
        .output()
        .expect("skopeo is installed: tests/require says of which package it is");
    assert!(output.status.success(), "skopeo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What `skopeo inspect --raw` prints.
pub(crate) fn inspect(home: &Path, image: &str) -> Value {
    serde_json::from_str(&skopeo(home, &["inspect", "--raw", image])).unwrap()
}

/// All files of a directory with what is in them, sorted.
pub(crate) fn tree(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match path.is_dir() {
            true => files.extend(tree(&path).into_iter().map(|(below, content)| (format!("{name}/{below}"), content))),
            false => files.push((name, std::fs::read(path).unwrap())),
        }
    }
    files.sort();
    files
}
