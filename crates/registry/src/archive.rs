//! Archives: one tar that holds images, as `docker save`, `podman save` and `skopeo copy … docker-archive:` write it.
//!
//! Two forms are read, without unpacking: Docker's, where `manifest.json` names each image's configuration and layers, and
//! a layout in a tar, which newer Dockers write beside it. Docker's is written.

mod docker;
mod entries;
#[cfg(test)]
mod tests;
mod unpack;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;
use step::{Error, Result};

use self::docker::Saved;
use self::entries::{Entries, Span};
use crate::checked::bytes;
use crate::layout::{IndexFile, LARGEST_INDEX};
use crate::manifest::{LARGEST, REF_NAME};
use crate::{Checked, Descriptor, Digest, Manifest};

pub(crate) use entries::{BLOCK, Extension, LARGEST_EXTENSION, checksum};
pub use write::ArchiveWriter;

/// What the files of an archive in Docker's form are listed in.
const MANIFEST: &str = "manifest.json";

/// What says that an archive is a layout.
const INDEX: &str = "index.json";

/// Annotation of an index's entry: the image's whole name. (containerd, and Docker, which is made with it.)
const IMAGE_NAME: &str = "io.containerd.image.name";

/// An archive, open for reading. Its methods may be called from several threads at once.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: Arc<File>,
    entries: Entries,
    form: Form,
    /// What the images that were asked for consist of. (Docker's form only: a layout's files are named by their digests.)
    known: Mutex<Known>,
}

/// What says which images there are.
#[derive(Debug)]
enum Form {
    Docker(Vec<Saved>),
    Layout(IndexFile),
}

#[derive(Debug, Default)]
struct Known {
    manifests: HashMap<Digest, Manifest>,
    blobs: HashMap<Digest, Span>,
}

/// A part of a file. Each has a position of its own.
#[derive(Debug)]
pub struct Section {
    file: Arc<File>,
    span: Span,
}

// === impl Archive ===

impl Archive {
    /// Opens an archive and reads what it holds: the names of its files, and which of them are images.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |e| Error::io(format_args!("cannot open the archive {}", path.display()), e);
        // To open a pipe would wait for somebody to write to it, and an archive is not read from its start to its end.
        let file =
            OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(Error::bad_input(format!("{} is a directory and no archive", path.display())).hint("a layout is oci:DIR"));
        }
        if !metadata.is_file() {
            return Err(
                Error::bad_input(format!("{} is not a regular file", path.display())).hint("write the archive to a file first")
            );
        }
        let entries = Entries::scan(&file, metadata.len(), path)?;
        let mut archive = Archive {
            path: path.to_owned(),
            file: Arc::new(file),
            entries,
            form: Form::Docker(Vec::new()),
            known: Mutex::default(),
        };
        archive.form = archive.read_form()?;
        Ok(archive)
    }

    /// The names of its images, sorted. An image without a name has none here.
    pub fn references(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.form {
            Form::Docker(images) => images.iter().flat_map(Saved::names).map(str::to_owned).collect(),
            Form::Layout(index) => index.entries().filter_map(|entry| entry_names(entry).next()).map(str::to_owned).collect(),
        };
        names.sort();
        names.dedup();
        names
    }

    /// The manifest of the image with this name, else of the only one. `busybox` is `docker.io/library/busybox:latest`.
    ///
    /// For an archive in Docker's form it is made here: an OCI manifest of the configuration and the layers as they are
    /// stored, the same each time.
    pub fn resolve(&self, reference: Option<&str>) -> Result<Manifest> {
        match &self.form {
            Form::Docker(images) => {
                let manifest = self.describe(self.choose(images, reference)?)?;
                self.known().manifests.insert(manifest.digest().clone(), manifest.clone());
                Ok(manifest)
            }
            Form::Layout(index) => {
                let Some(wanted) = reference else {
                    return index.only(self, || self.names_hint(), |entry| self.manifest_of(entry, &self.to_string()));
                };
                let names = |entry: &&Descriptor| entry_names(entry).any(|name| same_name(name, wanted));
                match *distinct(index.entries().filter(names), |entry| &entry.digest) {
                    [] => Err(self.no_image(wanted)),
                    [entry] => self.manifest_of(entry, &format!("{self}:{wanted}")),
                    [..] => Err(self.several(wanted)),
                }
            }
        }
    }

    /// The manifest with this digest. `what` names it: `docker-archive:/tmp/a.tar:busybox`.
    pub fn manifest(&self, digest: &Digest, what: impl fmt::Display) -> Result<Manifest> {
        if let Some(manifest) = self.known().manifests.get(digest) {
            return Ok(manifest.clone());
        }
        match self.span(digest)? {
            Some(span) => self.parse(span, digest, None, &what),
            None => Err(Error::not_found(format!(
                "{what} is incomplete: the archive {} has no manifest {digest}",
                self.path.display()
            ))
            .hint("save the image again, with all its platforms")),
        }
    }

    /// Whether it holds the blob.
    pub fn has_blob(&self, descriptor: &Descriptor) -> Result<bool> {
        Ok(self.span(&descriptor.digest)?.is_some_and(|span| span.size == descriptor.size))
    }

    /// The blob's content, checked while it is read.
    pub fn open_blob(&self, descriptor: &Descriptor) -> Result<Checked<Section>> {
        let what = format!("the blob {} of the archive {}", descriptor.digest, self.path.display());
        match self.span(&descriptor.digest)? {
            None => Err(Error::not_found(format!("{what} is missing")).hint("save the image again, with all its platforms")),
            Some(span) if span.size != descriptor.size => {
                Err(Error::bad_input(format!("{what} should have {}, and has {}", bytes(descriptor.size), span.size))
                    .hint("it is damaged: save the image again"))
            }
            Some(span) => Ok(Checked::new(self.section(span), descriptor, what)),
        }
    }

    fn read_form(&self) -> Result<Form> {
        let place = |name| format!("{name} of the archive {}", self.path.display());
        if let Some(span) = self.entries.get(INDEX)? {
            return Ok(Form::Layout(IndexFile::parse(&place(INDEX), &self.small(span, LARGEST_INDEX, INDEX)?)?));
        }
        match self.entries.get(MANIFEST)? {
            Some(span) => Ok(Form::Docker(Saved::parse(&place(MANIFEST), &self.small(span, LARGEST_INDEX, MANIFEST)?)?)),
            None => Err(Error::bad_input(format!(
                "the archive {} holds no images: it has neither {MANIFEST} nor {INDEX}",
                self.path.display()
            ))
            .hint("`docker save`, `podman save` and `skopeo copy … docker-archive:PATH` make archives of images")),
        }
    }

    fn choose<'a>(&self, images: &'a [Saved], reference: Option<&str>) -> Result<&'a Saved> {
        let Some(wanted) = reference else {
            return match *distinct(images.iter(), Saved::config) {
                [] => Err(Error::not_found(format!("{self} holds no image"))),
                [only] => Ok(only),
                [..] => Err(Error::bad_input(format!("{self} holds several images, and none is named")).hint(self.names_hint())),
            };
        };
        let named = images.iter().filter(|image| image.names().any(|name| same_name(name, wanted)));
        match *distinct(named, Saved::config) {
            [] => Err(self.no_image(wanted)),
            [one] => Ok(one),
            [..] => Err(self.several(wanted)),
        }
    }

    fn no_image(&self, wanted: &str) -> Error {
        Error::not_found(format!("{self} has no image {wanted}")).hint(self.names_hint())
    }

    fn several(&self, wanted: &str) -> Error {
        Error::bad_input(format!("{self} has several images named {wanted}")).hint("save it again, with one image of each name")
    }

    fn names_hint(&self) -> String {
        match self.references() {
            names if names.is_empty() => "none of its images has a name: leave the name out, or save one image only".to_owned(),
            names => format!("it has {}", crate::layout::listed(&names)),
        }
    }

    /// Where a blob is.
    fn span(&self, digest: &Digest) -> Result<Option<Span>> {
        match &self.form {
            Form::Docker(_) => Ok(self.known().blobs.get(digest).copied()),
            Form::Layout(_) => self.entries.get(&format!("blobs/{}", digest.as_str().replace(':', "/"))),
        }
    }

    /// The manifest of an entry of `index.json`.
    fn manifest_of(&self, entry: &Descriptor, what: &str) -> Result<Manifest> {
        if !entry.media_type.is_manifest() {
            return Err(Error::bad_input(format!("{what} is no image and no index but {}", entry.media_type)));
        }
        match self.span(&entry.digest)? {
            Some(span) => self.parse(span, &entry.digest, Some(entry), &what),
            None => Err(Error::not_found(format!(
                "{what} is incomplete: the archive {} has no manifest {}",
                self.path.display(),
                entry.digest
            ))
            .hint("save the image again")),
        }
    }

    fn parse(&self, span: Span, digest: &Digest, entry: Option<&Descriptor>, what: &impl fmt::Display) -> Result<Manifest> {
        let bytes = self.small(span, LARGEST, &format!("the manifest of {what}"))?;
        digest.check(format_args!("the manifest of {what}"), &bytes)?;
        Manifest::parse_as(what, bytes, digest.clone(), entry.map(|entry| &entry.media_type))
    }

    /// The bytes of a file that should be small.
    fn small(&self, span: Span, longest: u64, name: &str) -> Result<Vec<u8>> {
        if span.size > longest {
            return Err(Error::bad_input(format!(
                "{name} of the archive {} is larger than {longest} bytes",
                self.path.display()
            )));
        }
        let mut bytes = Vec::new();
        self.section(span)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io(format_args!("cannot read {name} of the archive {}", self.path.display()), e))?;
        Ok(bytes)
    }

    fn section(&self, span: Span) -> Section {
        Section { file: Arc::clone(&self.file), span }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What is in it is whole after each statement.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As it is written on a command line: `docker-archive:PATH`.
impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "docker-archive:{}", self.path.display())
    }
}

// === impl Section ===

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.span.size).unwrap_or(usize::MAX));
        let count = self.file.read_at(&mut buffer[..most], self.span.offset)?;
        self.span.offset += count as u64;
        self.span.size -= count as u64;
        Ok(count)
    }
}

/// What an entry of `index.json` is called: the best name first.
fn entry_names(entry: &Descriptor) -> impl Iterator<Item = &str> {
    [IMAGE_NAME, REF_NAME].into_iter().filter_map(|key| entry.annotations.get(key)).map(String::as_str)
}

/// Whether two texts name the same image, or are the same tag.
fn same_name(a: &str, b: &str) -> bool {
    a == b || whole_name(a) == whole_name(b)
}

/// A name as Docker completes it: `busybox` is `docker.io/library/busybox:latest`. (distribution/reference, normalize.go.)
fn whole_name(name: &str) -> String {
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => ("docker.io", name),
    };
    let host = if host == "index.docker.io" { "docker.io" } else { host };
    let library = if host == "docker.io" && !path.contains('/') { "library/" } else { "" };
    let tag = if path.contains([':', '@']) { "" } else { ":latest" };
    format!("{host}/{library}{path}{tag}")
}

/// The items without those whose key is that of an earlier one.
fn distinct<'a, T, K: PartialEq + ?Sized + 'a>(items: impl Iterator<Item = &'a T>, key: impl Fn(&'a T) -> &'a K) -> Box<[&'a T]> {
    let mut kept: Vec<&T> = Vec::new();
    for item in items {
        if !kept.iter().any(|other| key(other) == key(item)) {
            kept.push(item);
        }
    }
    kept.into()
}
