//! Where images come from and go to, by the same few verbs: a registry, a layout, an archive.

use std::fmt;
use std::io::{self, Read};

use step::{Error, Kind, Progress, Result};

use super::parallel::Stop;
use crate::checked::own_error;
use crate::client::{Client, Pushed, Reference, Repository};
use crate::manifest::LARGEST;
use crate::{Archive, Descriptor, Digest, Layout, Location, Manifest};

/// How much is read and written at once, in bytes.
const BUFFER: usize = 128 << 10;

/// Where images come from.
pub(crate) enum Source {
    Registry(Repository),
    Layout(Layout),
    Archive(Box<Archive>),
}

/// Where images go to.
pub(crate) enum Sink {
    Registry(Repository),
    Layout(Layout),
}

/// What gives the blobs that go to a [`Sink`].
pub(crate) trait Blobs: fmt::Display + Sync {
    /// A blob, checked while it is read.
    fn open_blob<'a>(&'a self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send + 'a>>;

    /// A blob from `offset` on, for somebody who checks it.
    fn read<'a>(&'a self, descriptor: &Descriptor, offset: u64) -> Result<Box<dyn Read + Send + 'a>> {
        skipped(self.open_blob(descriptor)?, descriptor, offset)
    }
}

/// What a transfer looks at while bytes go by.
pub(crate) struct Watch<'a> {
    pub(crate) progress: &'a Progress,
    pub(crate) stop: &'a Stop<'a>,
}

/// Counts what is read, and ends when the work is off.
pub(crate) struct Watched<'a, R> {
    pub(crate) inner: R,
    pub(crate) watch: &'a Watch<'a>,
}

// === impl Source ===

impl Source {
    /// The place, and the manifest that the location names.
    pub(crate) fn open(client: &Client, location: &Location) -> Result<(Self, Manifest)> {
        match location {
            Location::Registry(image) => {
                let repository = client.pull(image)?;
                let manifest = repository.manifest(&Reference::of(image))?;
                Ok((Source::Registry(repository), manifest))
            }
            Location::Layout(place) => {
                let layout = Layout::open(place.dir())?;
                let manifest = layout.resolve(place.tag().map(|tag| tag.as_str()), place.digest())?;
                Ok((Source::Layout(layout), manifest))
            }
            Location::Archive(place) => {
                let archive = Archive::open(place.path())?;
                let manifest = archive.resolve(place.image().map(ToString::to_string).as_deref())?;
                Ok((Source::Archive(Box::new(archive)), manifest))
            }
        }
    }

    /// A manifest that another one names.
    pub(crate) fn manifest(&self, descriptor: &Descriptor) -> Result<Manifest> {
        let digest = &descriptor.digest;
        if descriptor.size > LARGEST {
            return Err(Error::bad_input(format!(
                "the manifest {digest} has {} bytes, and at most {LARGEST} are read",
                descriptor.size
            )));
        }
        let manifest = match self {
            Source::Registry(repository) => repository.manifest(&Reference::Digest(digest.clone())),
            Source::Layout(layout) => layout.manifest(digest, layout),
            Source::Archive(archive) => archive.manifest(digest, archive),
        }
        .map_err(|error| match error.kind() {
            Kind::NotFound => Error::not_found(format!("{self} has no manifest {digest}, which its index names"))
                .hint("set `platforms` to those that are there, or push the image again"),
            _ => error,
        })?;
        if manifest.bytes().len() as u64 != descriptor.size {
            let (found, size) = (manifest.bytes().len(), descriptor.size);
            return Err(Error::bad_input(format!(
                "the manifest {digest} of {self} has {found} bytes, and its index says {size}"
            )));
        }
        Ok(manifest)
    }

    /// The manifest with this tag; `None` when there is none.
    pub(crate) fn tagged(&self, tag: &str) -> Result<Option<Manifest>> {
        match self {
            Source::Registry(repository) => match tag.parse() {
                Ok(tag) => repository.find(&Reference::Tag(tag)),
                Err(_) => Ok(None),
            },
            Source::Layout(layout) => match layout.tags()?.into_iter().find(|(known, _)| known == tag) {
                Some((_, descriptor)) => layout.manifest(&descriptor.digest, layout).map(Some),
                None => Ok(None),
            },
            Source::Archive(_) => Ok(None),
        }
    }

    /// What says something about `subject`.
    pub(crate) fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        match self {
            Source::Registry(repository) => repository.referrers(subject),
            Source::Layout(layout) => layout.referrers(subject),
            Source::Archive(_) => Ok(Vec::new()),
        }
    }

    /// A small blob, whole.
    pub(crate) fn small_blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        if descriptor.size > LARGEST {
            return Err(Error::bad_input(format!(
                "{} of {self} has {} bytes, and at most {LARGEST} are read",
                descriptor.digest, descriptor.size
            )));
        }
        let mut bytes = Vec::new();
        self.open_blob(descriptor)?.read_to_end(&mut bytes).map_err(|error| own_error(descriptor.digest.as_str(), error))?;
        Ok(bytes)
    }
}

impl Blobs for Source {
    fn open_blob<'a>(&'a self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send + 'a>> {
        Ok(match self {
            Source::Registry(repository) => Box::new(repository.open_blob(descriptor)),
            Source::Layout(layout) => Box::new(layout.open_blob(descriptor)?),
            Source::Archive(archive) => Box::new(archive.open_blob(descriptor)?),
        })
    }

    fn read<'a>(&'a self, descriptor: &Descriptor, offset: u64) -> Result<Box<dyn Read + Send + 'a>> {
        if let Source::Registry(repository) = self {
            return Ok(Box::new(repository.read_blob(descriptor, offset)));
        }
        skipped(self.open_blob(descriptor)?, descriptor, offset)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Registry(repository) => repository.fmt(f),
            Source::Layout(layout) => layout.fmt(f),
            Source::Archive(archive) => archive.fmt(f),
        }
    }
}

// === impl Sink ===

impl Sink {
    /// Puts a blob there, unless it is there.
    pub(crate) fn push_blob(
        &self,
        descriptor: &Descriptor,
        from: &dyn Blobs,
        mount: Option<&Repository>,
        watch: &Watch<'_>,
    ) -> Result<Pushed> {
        match self {
            Sink::Registry(to) => {
                let mount = mount.filter(|from| from.host() == to.host()).map(Repository::name);
                let pushed = to.push_blob(descriptor, mount, &mut |offset| {
                    Ok(Box::new(Watched { inner: from.read(descriptor, offset)?, watch }))
                });
                pushed.map_err(|error| whose_fault(error, from, descriptor))
            }
            Sink::Layout(layout) => {
                if layout.has_blob(descriptor)? {
                    return Ok(Pushed::Present);
                }
                let mut reader = Watched { inner: from.read(descriptor, 0)?, watch };
                let mut writer = layout.blob_writer(descriptor)?;
                let mut buffer = vec![0; BUFFER];
                loop {
                    match reader.read(&mut buffer) {
                        Ok(0) => break,
                        Ok(read) => writer.take(&buffer[..read])?,
                        Err(error) => return Err(own_error(&format!("{} of {from}", descriptor.digest), error)),
                    }
                }
                writer.commit().map_err(|error| whose_fault(error, from, descriptor))?;
                Ok(Pushed::Sent)
            }
        }
    }

    /// Puts a manifest there, under its digest. Whether it is listed among the referrers of its subject.
    pub(crate) fn put_manifest(&self, manifest: &Manifest) -> Result<bool> {
        match self {
            Sink::Registry(repository) => repository.put_manifest(manifest, &Reference::Digest(manifest.digest().clone())),
            Sink::Layout(layout) => layout.put_manifest(manifest).map(|()| true),
        }
    }

    /// Gives a manifest that is there a tag. Without one, a layout lists it all the same.
    pub(crate) fn tag(&self, manifest: &Manifest, tag: Option<&str>) -> Result<()> {
        match (self, tag) {
            (Sink::Registry(_), None) => Ok(()),
            (Sink::Registry(repository), Some(tag)) => {
                let tag = tag.parse().map_err(|error| Error::bad_input(format!("{tag:?} cannot be a tag")).because(error))?;
                repository.put_manifest(manifest, &Reference::Tag(tag)).map(drop)
            }
            (Sink::Layout(layout), tag) => layout.tag(&manifest.descriptor(), tag),
        }
    }
}

/// The reader, `offset` bytes on.
fn skipped<'a>(mut reader: Box<dyn Read + Send + 'a>, descriptor: &Descriptor, offset: u64) -> Result<Box<dyn Read + Send + 'a>> {
    io::copy(&mut reader.by_ref().take(offset), &mut io::sink()).map_err(|error| own_error(descriptor.digest.as_str(), error))?;
    Ok(reader)
}

/// Who receives a blob only knows that it is another than it should be. Where it came from is read once more, to know
/// whether it is damaged there.
fn whose_fault(error: Error, from: &dyn Blobs, descriptor: &Descriptor) -> Error {
    if error.kind() != Kind::BadInput {
        return error;
    }
    match from.open_blob(descriptor).and_then(|mut reader| {
        io::copy(&mut reader, &mut io::sink()).map_err(|error| own_error(&format!("{} of {from}", descriptor.digest), error))
    }) {
        Err(damaged) if damaged.kind() == Kind::BadInput => damaged,
        _ => error.hint("it is right where it comes from, so that it was damaged on the way: run it again"),
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watch.stop.check().map_err(io::Error::other)?;
        let read = self.inner.read(buffer)?;
        self.watch.progress.advance(read as u64);
        Ok(read)
    }
}
