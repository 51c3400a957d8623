//! From binaries to an image in a layout.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use registry::{Descriptor, Digest, Layout, Manifest, MediaType};
use serde_json::{Map, Value, json};
use step::{About, Error, Kind, Result, SourceDate, files};

use super::binary::Binary;
use super::content;

/// No user of a name: files say nothing of it, and OpenShift runs it as another one of group 0 anyway.
pub(super) const USER: &str = "65532:0";

/// Where programs look for certificate authorities.
pub(super) const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

/// A file: path (a directory's ends with `/`), mode, content.
type File<'a> = (&'a str, u32, &'a [u8]);

/// An image to be made.
pub(super) struct Image<'a> {
    pub(super) step: &'a About,
    /// One for each architecture.
    pub(super) binaries: &'a [Binary],
    /// The file of licences.
    pub(super) licences: &'a [u8],
    /// The time of everything.
    pub(super) date: SourceDate,
    /// The commit.
    pub(super) revision: Option<&'a str>,
}

/// An image that was made. Sizes are those of one architecture's layers, the largest.
pub(super) struct Made {
    pub(super) digest: Digest,
    pub(super) compressed: u64,
    pub(super) unpacked: u64,
}

/// A layer as it is stored, and what it is unpacked.
struct Layer {
    packed: Descriptor,
    bytes: Vec<u8>,
    diff_id: Digest,
    unpacked: u64,
}

// === impl Image ===

impl Image<'_> {
    /// Writes the image to the layout `dir`, with the step's version as its tag.
    pub(super) fn write(&self, dir: &Path) -> Result<Made> {
        let layout = Layout::create(dir)?;
        let common = self.layer(&common(&content::authorities()))?;
        let mut made = Made { digest: Digest::of(b""), compressed: 0, unpacked: 0 };
        let mut images = Vec::new();
        for binary in self.binaries {
            let own = self.layer(&self.own(&binary.read()?))?;
            let manifest = self.manifest(&layout, &binary.architecture, &[&common, &own])?;
            made.compressed = made.compressed.max(common.packed.size + own.packed.size);
            made.unpacked = made.unpacked.max(common.unpacked + own.unpacked);
            images.push((binary, manifest));
        }
        let manifest = match &*images {
            [(_, manifest)] => manifest.clone(),
            _ => self.index(&layout, &images)?,
        };
        layout.tag(&manifest.descriptor(), Some(self.step.version))?;
        made.digest = manifest.digest().clone();
        Ok(made)
    }

    /// Writes what the image holds to the directory `root`, for another builder.
    pub(super) fn unpack(&self, root: &Path) -> Result<()> {
        let [binary] = self.binaries else {
            return Err(Error::new(Kind::Usage, "an unpacked image is of one architecture").hint("give --binary once"));
        };
        let (authorities, bytes) = (content::authorities(), binary.read()?);
        for (path, mode, content) in common(&authorities).into_iter().chain(self.own(&bytes)) {
            let path = root.join(path);
            let failed = |e| Error::io(format_args!("cannot write {}", path.display()), e);
            if content.is_empty() {
                std::fs::create_dir_all(&path).map_err(failed)?;
            } else {
                files::write_atomic(&path, content)?;
            }
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        }
        Ok(())
    }

    /// What is the step's own.
    fn own<'a>(&'a self, binary: &'a [u8]) -> Vec<File<'a>> {
        vec![
            ("licenses/", 0o755, &[]),
            ("licenses/LICENSE", 0o644, include_bytes!("../../../LICENSE")),
            ("licenses/THIRD-PARTY", 0o644, self.licences),
            (self.step.name, 0o755, binary),
        ]
    }

    /// A layer of these files, in their order.
    fn layer(&self, files: &[File<'_>]) -> Result<Layer> {
        let failed = |e| Error::io("cannot make a layer", e);
        let mut tar = tar::Builder::new(Vec::new());
        for (path, mode, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_mode(*mode);
            header.set_mtime(self.date.seconds());
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(content.len() as u64);
            header.set_entry_type(if path.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular });
            tar.append_data(&mut header, path, *content).map_err(failed)?;
        }
        let unpacked = tar.into_inner().map_err(failed)?;
        let bytes = content::gzip(&unpacked)?;
        Ok(Layer {
            packed: Descriptor::of(MediaType::OCI_LAYER_GZIP, &bytes),
            bytes,
            diff_id: Digest::of(&unpacked),
            unpacked: unpacked.len() as u64,
        })
    }

    fn manifest(&self, layout: &Layout, architecture: &str, layers: &[&Layer]) -> Result<Manifest> {
        let created = self.date.to_string();
        let labels: Map<String, Value> = self.labels().into_iter().map(|(name, value)| (name, value.into())).collect();
        let config = json!({
            "created": created,
            "architecture": architecture,
            "os": "linux",
            "config": {
                "User": USER,
                "Env": ["PATH=/", format!("SSL_CERT_FILE=/{AUTHORITIES}")],
                "Entrypoint": [format!("/{}", self.step.name)],
                "WorkingDir": "/",
                "Labels": labels,
            },
            "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>()},
            "history": [
                {"created": created, "created_by": "stepwright image build", "comment": "certificate authorities, /tmp"},
                {"created": created, "created_by": "stepwright image build", "comment": format!("/{}", self.step.name)},
            ],
        });
        let config = serde_json::to_vec(&config).map_err(|e| Error::internal("cannot write a configuration").because(e))?;
        for layer in layers {
            put(layout, &layer.packed, &layer.bytes)?;
        }
        let described = Descriptor::of(MediaType::OCI_CONFIG, &config);
        put(layout, &described, &config)?;
        let manifest = Manifest::write(&json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": described,
            "layers": layers.iter().map(|layer| &layer.packed).collect::<Vec<_>>(),
            "annotations": self.annotations(),
        }))?;
        layout.put_manifest(&manifest)?;
        Ok(manifest)
    }

    fn index(&self, layout: &Layout, images: &[(&Binary, Manifest)]) -> Result<Manifest> {
        let entries: Vec<Value> = images
            .iter()
            .map(|(binary, manifest)| {
                json!({
                    "mediaType": manifest.media_type(),
                    "digest": manifest.digest(),
                    "size": manifest.bytes().len(),
                    "platform": {"architecture": binary.architecture, "os": "linux"},
                })
            })
            .collect();
        let index = Manifest::write(&json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": entries,
            "annotations": self.annotations(),
        }))?;
        layout.put_manifest(&index)?;
        Ok(index)
    }

    fn labels(&self) -> Vec<(String, String)> {
        content::labels(self.step, self.date, self.revision)
    }

    /// The labels of OCI's namespace, which registries show without reading the configuration.
    fn annotations(&self) -> Map<String, Value> {
        let labels = self.labels().into_iter().filter(|(name, _)| name.starts_with("org.opencontainers."));
        labels.map(|(name, value)| (name, value.into())).collect()
    }
}

/// What all images have in common.
fn common(authorities: &[u8]) -> Vec<File<'_>> {
    vec![
        ("etc/", 0o755, &[]),
        ("etc/ssl/", 0o755, &[]),
        ("etc/ssl/certs/", 0o755, &[]),
        (AUTHORITIES, 0o644, authorities),
        // What runs without Tekton's volume needs it too.
        ("tmp/", 0o1777, &[]),
    ]
}

fn put(layout: &Layout, descriptor: &Descriptor, bytes: &[u8]) -> Result<()> {
    if layout.has_blob(descriptor)? {
        return Ok(());
    }
    let mut writer = layout.blob_writer(descriptor)?;
    writer.take(bytes)?;
    writer.commit()
}
