//! OCI image layouts: a directory that holds images as a registry does, blobs by digest and an index of tags.
//! (OCI image specification, image-layout.md.)

mod blobs;
mod index;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use step::{Error, Kind, Result, files};

pub use blobs::{BlobReader, BlobWriter};
use index::tags_hint;
pub(crate) use index::{IndexFile, listed};

use crate::manifest::{LARGEST, REF_NAME};
use crate::partial;
use crate::{Checked, Descriptor, Digest, Manifest, ManifestKind, MediaType};

/// The file that says that a directory is a layout.
const MARK: &str = "oci-layout";

/// The file that lists the layout's manifests.
const INDEX: &str = "index.json";

/// The only version of the format there is.
const VERSION: &str = "1.0.0";

/// The largest `index.json` that is read, in bytes: about 60,000 tags.
pub(crate) const LARGEST_INDEX: u64 = 16 << 20;

/// An OCI image layout.
///
/// Its methods may be called from several threads and processes at once: blobs appear whole under their names, and
/// `index.json` changes under a lock of the directory.
#[derive(Clone, Debug)]
pub struct Layout {
    dir: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    image_layout_version: String,
}

// === impl Layout ===

impl Layout {
    /// The layout in `dir`, which must be one.
    pub fn open(dir: &Path) -> Result<Self> {
        let layout = Layout { dir: dir.to_owned() };
        let metadata =
            fs::metadata(dir).map_err(|error| Error::io(format_args!("cannot open the layout {}", dir.display()), error))?;
        if !metadata.is_dir() {
            return Err(Error::bad_input(format!("{} is not an OCI layout but a file", dir.display()))
                .hint("a layout is a directory; a file that `docker save` made is docker-archive:PATH"));
        }
        if !layout.mark()? {
            return Err(Error::bad_input(format!("{} is not an OCI layout: it has no file {MARK}", dir.display()))
                .hint("give the directory that an image was copied to"));
        }
        Ok(layout)
    }

    /// The layout in `dir`, which is made, parents too, when it is missing or empty.
    ///
    /// What a killed process left of blobs that it was writing is removed.
    pub fn create(dir: &Path) -> Result<Self> {
        let failed = |error: io::Error| {
            let is_ours = error.kind() != ErrorKind::NotADirectory;
            let error = Error::io(format_args!("cannot make the layout {}", dir.display()), error);
            if is_ours { error } else { error.with_kind(Kind::BadInput) }
        };
        let layout = Layout { dir: dir.to_owned() };
        if dir.exists() && !dir.is_dir() {
            return Err(Error::bad_input(format!("cannot make the layout {}: there is a file of that name", dir.display())));
        }
        fs::create_dir_all(dir).map_err(failed)?;
        // Another process may be making it at this moment.
        let _lock = layout.lock()?;
        if !layout.mark()? {
            let mut strangers = fs::read_dir(dir).map_err(failed)?.filter_map(|entry| Some(entry.ok()?.file_name()));
            if let Some(name) = strangers.find(|name| !partial::is_partial(name)) {
                return Err(Error::bad_input(format!("{} is not an OCI layout, and not empty", dir.display()))
                    .hint(format!("choose another directory: this one holds {}", name.display())));
            }
            files::write_atomic(&dir.join(MARK), format!("{{\"imageLayoutVersion\":\"{VERSION}\"}}").as_bytes())?;
            if let Some(parent) = dir.canonicalize().map_err(failed)?.parent() {
                files::sync_dir(parent)?;
            }
        }
        // Also for a layout whose maker was killed between the two files.
        if blobs::open_regular(dir, &dir.join(INDEX))?.is_none() {
            files::write_atomic(&dir.join(INDEX), &IndexFile::empty().to_bytes()?)?;
        }
        blobs::remove_abandoned(dir);
        blobs::make_dir(dir, None)?;
        Ok(layout)
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The manifest with this digest, else the one with this tag, else the only one.
    ///
    /// A digest may also be of a manifest that only an index of the layout names. Without both, what only says something
    /// about another (a signature, an SBOM) does not count.
    pub fn resolve(&self, tag: Option<&str>, digest: Option<&Digest>) -> Result<Manifest> {
        let index = self.index()?;
        if let Some(digest) = digest {
            return match index.entries().find(|entry| entry.digest == *digest) {
                Some(entry) => self.entry(entry, &format!("{self}@{digest}")),
                None => self
                    .stored(digest, &format_args!("{self}@{digest}"))?
                    .ok_or_else(|| Error::not_found(format!("{self} has no manifest {digest}")).hint(tags_hint(&index, ""))),
            };
        }
        match tag {
            Some(tag) => self.entry(index.tagged(self, tag)?, &format!("{self}:{tag}")),
            None => index.only(self, || tags_hint(&index, ""), |entry| self.entry(entry, &self.to_string())),
        }
    }

    /// The manifest with this digest. `what` names it: `oci:/tmp/a:1`.
    pub fn manifest(&self, digest: &Digest, what: impl fmt::Display) -> Result<Manifest> {
        self.stored(digest, &what)?.ok_or_else(|| {
            Error::not_found(format!("{what} is incomplete: the layout {} has no manifest {digest}", self.dir.display()))
                .hint("the copy to it did not end, or left this out: copy the image there again")
        })
    }

    /// Its tags, sorted, and what they are of.
    pub fn tags(&self) -> Result<Vec<(String, Descriptor)>> {
        let index = self.index()?;
        let tags: BTreeMap<_, _> =
            index.entries().filter_map(|entry| Some((index::tag(entry)?.to_owned(), entry.clone()))).collect();
        Ok(tags.into_iter().collect())
    }

    /// Whether the blob is there. A file of another size is not the blob: a later copy replaces it.
    pub fn has_blob(&self, descriptor: &Descriptor) -> Result<bool> {
        Ok(blobs::open(&self.dir, &descriptor.digest)?.is_some_and(|(_, size)| size == descriptor.size))
    }

    /// The blob's content, checked while it is read.
    pub fn open_blob(&self, descriptor: &Descriptor) -> Result<BlobReader> {
        blobs::read(&self.dir, descriptor)
    }

    /// Takes the content of a blob, which is there once [`BlobWriter::commit`] has succeeded, and leaves no trace otherwise.
    pub fn blob_writer(&self, descriptor: &Descriptor) -> Result<BlobWriter> {
        BlobWriter::new(&self.dir, descriptor)
    }

    /// Stores a manifest. It has no tag by that: see [`Layout::tag`].
    pub fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        let descriptor = manifest.descriptor();
        // Small enough to look at what is there, and to mend it.
        if self.has_blob(&descriptor)? && self.open_blob(&descriptor)?.into_bytes().is_ok() {
            return Ok(());
        }
        let mut writer = self.blob_writer(&descriptor)?;
        writer.take(manifest.bytes())?;
        writer.commit()
    }

    /// Lists a stored manifest in `index.json`, under `tag`, which is taken from what had it before; without one, unless it
    /// is listed already.
    ///
    /// All that was stored before is on disk before the tag is. Entries are sorted: the same calls in another order give the
    /// same bytes. Other entries and fields that we do not know are kept.
    pub fn tag(&self, descriptor: &Descriptor, tag: Option<&str>) -> Result<()> {
        self.tag_all(&[(descriptor, tag)])
    }

    /// Does [`Layout::tag`] for all of these at once: all of them are listed, or none is.
    pub fn tag_all(&self, tagged: &[(&Descriptor, Option<&str>)]) -> Result<()> {
        for (descriptor, tag) in tagged {
            self.check_tag(descriptor, *tag)?;
        }
        let _lock = self.lock()?;
        let mut index = self.index()?;
        let mut changed = false;
        for (descriptor, tag) in tagged {
            changed |= index.set(descriptor, *tag);
        }
        if !changed {
            return Ok(());
        }
        let bytes = index.to_bytes()?;
        if bytes.len() as u64 > LARGEST_INDEX {
            return Err(Error::bad_input(format!(
                "the {INDEX} of the layout {} would be larger than {LARGEST_INDEX} bytes",
                self.dir.display()
            ))
            .hint("use several layouts"));
        }
        blobs::sync(&self.dir)?;
        files::write_atomic(&self.dir.join(INDEX), &bytes)
    }

    /// What says something about `subject`: signatures, SBOMs, attestations, with artifact type and annotations, sorted by
    /// digest. Looks at the manifests of `index.json`, and at the index under the fallback tag `sha256-HEX`.
    /// (OCI distribution specification, "Referrers Tag Schema".)
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let index = self.index()?;
        let fallback = subject.as_str().replace(':', "-");
        let mut found = BTreeMap::new();
        for entry in index.entries().filter(|entry| entry.media_type.is_manifest()) {
            let what = format!("{self}@{}", entry.digest);
            let manifest = self.entry(entry, &what)?;
            if index::tag(entry) == Some(&fallback)
                && let Some(listed) = manifest.index()
            {
                // What a manifest says itself is better than what was written of it.
                for listed in &listed.manifests {
                    found.entry(listed.digest.clone()).or_insert_with(|| listed.clone());
                }
            }
            if manifest.subject().is_some_and(|of| of.digest == *subject) {
                let mut descriptor = manifest.descriptor();
                descriptor.artifact_type = manifest.artifact_type().cloned();
                descriptor.annotations = match manifest.kind() {
                    ManifestKind::Image(image) => image.annotations.clone(),
                    ManifestKind::Index(index) => index.annotations.clone(),
                };
                found.insert(descriptor.digest.clone(), descriptor);
            }
        }
        Ok(found.into_values().collect())
    }

    fn check_tag(&self, descriptor: &Descriptor, tag: Option<&str>) -> Result<()> {
        if tag.is_some_and(|tag| tag.is_empty() || tag.contains(char::is_control)) {
            return Err(Error::bad_input(format!("{:?} cannot be a tag in a layout", tag.unwrap_or_default())));
        }
        if !self.has_blob(descriptor)? {
            return Err(Error::internal(format!(
                "cannot tag {} in {}: it is not stored there",
                descriptor.digest,
                self.dir.display()
            )));
        }
        Ok(())
    }

    /// Whether the directory says that it is a layout.
    fn mark(&self) -> Result<bool> {
        let path = self.dir.join(MARK);
        let Some(bytes) = blobs::read_small(&self.dir, &path, 4096)? else { return Ok(false) };
        let mark: Mark = serde_json::from_slice(&bytes)
            .map_err(|error| Error::bad_input(format!("{} is malformed", path.display())).because(error))?;
        if mark.image_layout_version == VERSION {
            return Ok(true);
        }
        Err(Error::bad_input(format!(
            "the layout {} has version {:?}, and only {VERSION} is supported",
            self.dir.display(),
            mark.image_layout_version
        )))
    }

    fn index(&self) -> Result<IndexFile> {
        let path = self.dir.join(INDEX);
        match blobs::read_small(&self.dir, &path, LARGEST_INDEX)? {
            Some(bytes) => IndexFile::parse(&path.display(), &bytes),
            None => Ok(IndexFile::empty()),
        }
    }

    /// Waits until no other process or thread changes `index.json`.
    fn lock(&self) -> Result<File> {
        let dir = File::open(&self.dir).map_err(|e| Error::io(format_args!("cannot open {}", self.dir.display()), e))?;
        // A file system without locks gives it to everybody, as step::files::DirLock does.
        while dir.lock().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {}
        Ok(dir)
    }

    /// The manifest of an entry of `index.json`.
    fn entry(&self, entry: &Descriptor, what: &str) -> Result<Manifest> {
        if !entry.media_type.is_manifest() {
            return Err(Error::bad_input(format!("{what} is no image and no index but {}", entry.media_type)));
        }
        let (file, size) = blobs::open_as(&self.dir, entry)?;
        self.parse(file, size, &entry.digest, Some(entry), &what)
    }

    fn stored(&self, digest: &Digest, what: &impl fmt::Display) -> Result<Option<Manifest>> {
        let Some((file, size)) = blobs::open(&self.dir, digest)? else { return Ok(None) };
        self.parse(file, size, digest, None, what).map(Some)
    }

    fn parse(
        &self,
        file: File,
        size: u64,
        digest: &Digest,
        entry: Option<&Descriptor>,
        what: &impl fmt::Display,
    ) -> Result<Manifest> {
        if size > LARGEST {
            return Err(Error::bad_input(format!("the manifest of {what} is larger than {LARGEST} bytes")));
        }
        let descriptor = Descriptor::new(MediaType::OCTET_STREAM, digest.clone(), size);
        let bytes = Checked::new(file, &descriptor, format!("the manifest of {what}")).into_bytes()?;
        Manifest::parse_as(what, bytes, digest.clone(), entry.map(|entry| &entry.media_type))
    }
}

/// As it is written on a command line: `oci:DIR`.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci:{}", self.dir.display())
    }
}
