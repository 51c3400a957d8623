//! Sample images, made without any tool and the same each time: contents with their digests, to be pushed or laid out.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzEncoder;
use registry::{Algorithm, Descriptor, Digest, Hasher, MediaType, Platform};
use serde_json::{Value, json};

use crate::registry::Registry;

/// Whose manifests and media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// OCI's.
    Oci,
    /// Docker's, version 2 schema 2, and its manifest lists.
    Docker,
}

/// A content, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// What refers to it.
    pub descriptor: Descriptor,
    /// It.
    pub bytes: Vec<u8>,
}

/// An image, artifact or index with all that it is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The manifest. Its descriptor has the platform.
    pub manifest: Content,
    /// Configuration and layers, without the foreign ones.
    pub blobs: Vec<Content>,
    /// Layers that are fetched elsewhere.
    pub foreign: Vec<Content>,
    /// What an index names.
    pub children: Vec<Sample>,
}

/// An image that is not made yet.
#[derive(Clone, Debug)]
#[must_use]
pub struct ImageBuilder {
    flavour: Flavour,
    platform: Platform,
    layers: Vec<Content>,
    diff_ids: Vec<Digest>,
    labels: Value,
    subject: Option<Descriptor>,
}

// === impl Flavour ===

impl Flavour {
    fn pick(self, oci: MediaType, docker: MediaType) -> MediaType {
        match self {
            Flavour::Oci => oci,
            Flavour::Docker => docker,
        }
    }
}

// === impl Content ===

impl Content {
    /// A content of this type.
    pub fn new(media_type: MediaType, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Content { descriptor: Descriptor::of(media_type, &bytes), bytes }
    }

    /// Its digest.
    pub fn digest(&self) -> &Digest {
        &self.descriptor.digest
    }
}

// === impl ImageBuilder ===

impl ImageBuilder {
    /// An image for linux/amd64 without layers.
    pub fn new(flavour: Flavour) -> Self {
        let platform = "linux/amd64".parse().unwrap();
        ImageBuilder { flavour, platform, layers: Vec::new(), diff_ids: Vec::new(), labels: json!({}), subject: None }
    }

    /// For this platform: `linux/arm64/v8`.
    pub fn platform(mut self, platform: &str) -> Self {
        self.platform = platform.parse().unwrap();
        self
    }

    /// With this label.
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels[name] = json!(value);
        self
    }

    /// Another layer: [`layer`], gzip.
    pub fn layer(mut self, seed: u64, size: usize) -> Self {
        let tar = layer(seed, size);
        self.diff_ids.push(Digest::of(&tar));
        let media_type = self.flavour.pick(MediaType::OCI_LAYER_GZIP, MediaType::DOCKER_LAYER_GZIP);
        self.layers.push(Content::new(media_type, gzip(&tar)));
        self
    }

    /// Another layer: [`layer`], not compressed.
    pub fn plain_layer(mut self, seed: u64, size: usize) -> Self {
        let tar = layer(seed, size);
        self.diff_ids.push(Digest::of(&tar));
        self.layers.push(Content::new(self.flavour.pick(MediaType::OCI_LAYER, MediaType::DOCKER_LAYER), tar));
        self
    }

    /// Another layer of no bytes at all.
    pub fn empty_layer(mut self) -> Self {
        self.diff_ids.push(Digest::of(b""));
        self.layers.push(Content::new(self.flavour.pick(MediaType::OCI_LAYER, MediaType::DOCKER_LAYER), b""));
        self
    }

    /// Another layer that is to be fetched from a server: `url` and its digest. It is among [`Sample::foreign`].
    pub fn foreign_layer(mut self, seed: u64, size: usize, url: &str) -> Self {
        let tar = layer(seed, size);
        self.diff_ids.push(Digest::of(&tar));
        let media_type = self.flavour.pick(MediaType::OCI_FOREIGN_GZIP, MediaType::DOCKER_FOREIGN_GZIP);
        let mut content = Content::new(media_type, gzip(&tar));
        content.descriptor.urls = vec![format!("{url}/{}", content.digest())];
        self.layers.push(content);
        self
    }

    /// Says something about `subject`.
    pub fn subject(mut self, subject: &Sample) -> Self {
        self.subject = Some(subject.plain_descriptor());
        self
    }

    /// Makes it.
    pub fn build(self) -> Sample {
        let config = json!({
            "created": "1970-01-01T00:00:00Z",
            "architecture": self.platform.architecture,
            "os": self.platform.os,
            "config": {"Labels": self.labels},
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
        });
        let config_type = self.flavour.pick(MediaType::OCI_CONFIG, MediaType::DOCKER_CONFIG);
        let config = Content::new(config_type, config.to_string());
        let layers: Vec<&Descriptor> = self.layers.iter().map(|layer| &layer.descriptor).collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": self.flavour.pick(MediaType::OCI_MANIFEST, MediaType::DOCKER_MANIFEST),
            "config": config.descriptor,
            "layers": layers,
        });
        if let Some(subject) = self.subject {
            manifest["subject"] = json!(subject);
        }
        let (foreign, own) = self.layers.into_iter().partition(|layer| layer.descriptor.media_type.is_foreign());
        let blobs: Vec<Content> = [vec![config], own].concat();
        let mut sample = Sample::new(&manifest, blobs, foreign, Vec::new());
        sample.manifest.descriptor.platform = Some(self.platform);
        sample
    }
}

// === impl Sample ===

impl Sample {
    fn new(manifest: &Value, blobs: Vec<Content>, foreign: Vec<Content>, children: Vec<Sample>) -> Self {
        let media_type = MediaType::from(manifest["mediaType"].as_str().unwrap());
        Sample { manifest: Content::new(media_type, manifest.to_string()), blobs, foreign, children }
    }

    /// The manifest's digest.
    pub fn digest(&self) -> &Digest {
        self.manifest.digest()
    }

    /// Pushes it: blobs, what it names, itself. Without a tag it is there by its digest only.
    pub fn push_to(&self, registry: &Registry, repository: &str, tag: Option<&str>) {
        for blob in &self.blobs {
            if !registry.has_blob(repository, blob.digest()) {
                registry.put_blob(repository, &blob.bytes);
            }
        }
        for child in &self.children {
            child.push_to(registry, repository, None);
        }
        let reference = tag.unwrap_or(self.digest().as_str());
        registry.put_manifest(repository, reference, &self.manifest.descriptor.media_type, &self.manifest.bytes);
    }

    /// The same, behind the registry's back where it is quicker: its blobs.
    pub fn store_in(&self, registry: &Registry, repository: &str, tag: Option<&str>) {
        self.each(&mut |content, is_manifest| {
            if !is_manifest {
                registry.store_blob(repository, content.descriptor.media_type.clone(), &content.bytes[..]);
            }
        });
        self.push_to(registry, repository, tag);
    }

    /// Makes `dir` an OCI layout with this and nothing else.
    pub fn write_layout(&self, dir: &Path, tag: Option<&str>) {
        let blobs = dir.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        self.each(&mut |content, _| fs::write(blobs.join(content.digest().hex()), &content.bytes).unwrap());
        let entry = self.plain_descriptor();
        let entry = match tag {
            Some(tag) => entry.annotated("org.opencontainers.image.ref.name", tag),
            None => entry,
        };
        let index = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": [entry]});
        fs::write(dir.join("index.json"), index.to_string()).unwrap();
        fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    }

    /// Every content once below it and itself, blobs before what names them, and whether it is a manifest.
    fn each(&self, visit: &mut impl FnMut(&Content, bool)) {
        self.blobs.iter().for_each(|blob| visit(blob, false));
        self.children.iter().for_each(|child| child.each(visit));
        visit(&self.manifest, true);
    }

    fn plain_descriptor(&self) -> Descriptor {
        Descriptor { platform: None, ..self.manifest.descriptor.clone() }
    }
}

/// An image of two small layers for linux/amd64. Another seed, other contents.
pub fn image(flavour: Flavour, seed: u64) -> Sample {
    ImageBuilder::new(flavour).layer(seed, 3_000).layer(seed + 1, 50_000).label("seed", &seed.to_string()).build()
}

/// An index of images for these platforms, which share a layer: `linux/amd64`, `linux/arm/v7`.
pub fn index(flavour: Flavour, platforms: &[&str]) -> Sample {
    let image = |(seed, platform): (u64, &&str)| {
        ImageBuilder::new(flavour).platform(platform).layer(1000, 20_000).layer(seed, 10_000).build()
    };
    index_of(flavour, (1001..).zip(platforms).map(image).collect())
}

/// An index of these, which may be indexes.
pub fn index_of(flavour: Flavour, children: Vec<Sample>) -> Sample {
    let entries: Vec<&Descriptor> = children.iter().map(|child| &child.manifest.descriptor).collect();
    let media_type = flavour.pick(MediaType::OCI_INDEX, MediaType::DOCKER_LIST);
    let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
    Sample::new(&manifest, Vec::new(), Vec::new(), children)
}

/// An artifact of these files (name, content), as `oras push` makes them, about `subject` if there is one.
pub fn artifact(artifact_type: &str, files: &[(&str, &[u8])], subject: Option<&Sample>) -> Sample {
    let config = Content::new(MediaType::EMPTY, "{}");
    let layers = files.iter().map(|(name, content)| {
        let mut content = Content::new(MediaType::OCTET_STREAM, *content);
        content.descriptor = content.descriptor.annotated("org.opencontainers.image.title", name);
        content
    });
    let layers: Vec<Content> = layers.collect();
    let entries: Vec<&Descriptor> = layers.iter().map(|layer| &layer.descriptor).collect();
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": config.descriptor,
        "layers": entries,
        "annotations": {"org.opencontainers.image.created": "1970-01-01T00:00:00Z"},
    });
    if let Some(subject) = subject {
        manifest["subject"] = json!(subject.plain_descriptor());
    }
    Sample::new(&manifest, [vec![config], layers].concat(), Vec::new(), Vec::new())
}

/// A tar with one file of `size` bytes that do not compress. Another seed, other bytes.
pub fn layer(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 2048);
    tar(seed, size as u64).read_to_end(&mut bytes).unwrap();
    bytes
}

/// `bytes`, gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::fast()).read_to_end(&mut packed).unwrap();
    packed
}

/// Puts an image of `layers` layers of `size` bytes each into `repository`, and gives its manifest. Nothing of it is in
/// memory: for layers of gigabytes.
pub fn store_large(registry: &Registry, repository: &str, tag: &str, layers: u64, size: u64) -> Content {
    let mut entries = Vec::new();
    let mut diff_ids = Vec::new();
    for seed in 0..layers {
        let mut plain = Hashed { reader: tar(seed, size), hasher: Hasher::new(Algorithm::Sha256) };
        // It would not become smaller.
        let packed = GzEncoder::new(&mut plain, Compression::none());
        entries.push(registry.store_blob(repository, MediaType::OCI_LAYER_GZIP, packed));
        diff_ids.push(plain.hasher.finish());
    }
    let config =
        json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = Content::new(MediaType::OCI_CONFIG, config.to_string());
    registry.put_blob(repository, &config.bytes);
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config.descriptor, "layers": entries});
    let manifest = Content::new(MediaType::OCI_MANIFEST, manifest.to_string());
    registry.put_manifest(repository, tag, &MediaType::OCI_MANIFEST, &manifest.bytes);
    manifest
}

struct Hashed<R> {
    reader: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

fn tar(seed: u64, size: u64) -> impl Read {
    let mut header = tar::Header::new_ustar();
    header.set_path(format!("layer-{seed}")).unwrap();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    let padding = size.next_multiple_of(512) - size + 1024;
    Cursor::new(header.as_bytes().to_vec()).chain(Noise(seed).take(size)).chain(std::io::repeat(0).take(padding))
}

/// Bytes that do not compress: Vigna's splitmix64.
struct Noise(u64);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        for word in buffer.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..word.len()]);
        }
        Ok(buffer.len())
    }
}
