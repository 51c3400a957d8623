//! Writing an archive in Docker's form, as `docker load` reads it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use step::{Error, Result, files};
use tar::Header;
use tempfile::NamedTempFile;

use super::docker::{Config, Saved};
use super::entries::BLOCK;
use super::unpack::{PIECE, unpacked};
use super::{MANIFEST, whole_name};
use crate::checked::own_error;
use crate::manifest::LARGEST;
use crate::partial;
use crate::{Descriptor, Digest, Hasher, Manifest, MediaType};

/// Writes an archive, which is at its path once [`ArchiveWriter::finish`] has succeeded, in place of what was there, and
/// leaves no trace otherwise.
///
/// The same images give the same bytes: files in the order of the images and their layers, each once, owned by root and of
/// 1970.
#[derive(Debug)]
pub struct ArchiveWriter {
    path: PathBuf,
    file: NamedTempFile,
    written: BTreeSet<String>,
    images: Vec<Saved>,
}

// === impl ArchiveWriter ===

impl ArchiveWriter {
    /// Begins an archive that will be at `path`.
    pub fn create(path: &Path) -> Result<Self> {
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return Err(Error::bad_input(format!(
                "cannot write the archive {}: it is there and no regular file",
                path.display()
            )));
        }
        if !dir(path).is_dir() {
            return Err(Error::not_found(format!(
                "cannot write the archive {}: there is no directory {}",
                path.display(),
                dir(path).display()
            )));
        }
        let file =
            partial::new(dir(path)).map_err(|e| Error::io(format_args!("cannot write the archive {}", path.display()), e))?;
        Ok(ArchiveWriter { path: path.to_owned(), file, written: BTreeSet::new(), images: Vec::new() })
    }

    /// Adds an image under the name `reference`, with its layers unpacked. `open` opens a blob of it; layers that the
    /// archive has already are not asked for.
    ///
    /// Fails as bad input when it is an index or an artifact, and when a blob is not what the image says it is.
    pub fn image<R: Read>(
        &mut self,
        image: &Manifest,
        reference: Option<&str>,
        mut open: impl FnMut(&Descriptor) -> Result<R>,
    ) -> Result<()> {
        let what = reference.unwrap_or(image.digest().as_str());
        let content = image.image().ok_or_else(|| {
            Error::bad_input(format!("cannot write {what} to an archive: it has several platforms"))
                .hint("choose one of its platforms")
        })?;
        let config_type = &content.config.media_type;
        if ![MediaType::OCI_CONFIG, MediaType::DOCKER_CONFIG].contains(config_type) {
            return Err(Error::bad_input(format!("cannot write {what} to an archive: it is no image but {config_type}"))
                .hint("copy it to a layout: oci:DIR"));
        }
        let config = self.config(&content.config, what, open(&content.config)?)?;
        let diff_ids = Config::diff_ids(&what, &config)?;
        if diff_ids.len() != content.layers.len() {
            return Err(Error::bad_input(format!(
                "{what} has {} layers, and its configuration says that it has {}",
                content.layers.len(),
                diff_ids.len()
            )));
        }
        let mut names = Vec::new();
        for (layer, diff_id) in content.layers.iter().zip(&diff_ids) {
            let name = format!("{}.tar", diff_id.hex());
            if !self.written.contains(&name) {
                self.layer(&name, layer, diff_id, what, open(layer)?)?;
            }
            names.push(name);
        }
        let name = format!("{}.json", content.config.digest.hex());
        if !self.written.contains(&name) {
            self.entry(&name, &mut &config[..], |error| own_error("the configuration", error))?;
        }
        self.images.push(Saved::new(name, reference.map(whole_name), names));
        Ok(())
    }

    /// Writes what the images are, and puts the archive at its path.
    pub fn finish(mut self) -> Result<()> {
        let mut manifest =
            serde_json::to_vec(&self.images).map_err(|e| Error::internal("cannot write manifest.json").because(e))?;
        manifest.push(b'\n');
        self.entry(MANIFEST, &mut &manifest[..], |error| own_error(MANIFEST, error))?;
        let failed = |e| Error::io(format_args!("cannot write the archive {}", self.path.display()), e);
        self.file.write_all(&[0; 2 * BLOCK as usize]).map_err(failed)?;
        self.file.as_file().sync_all().map_err(failed)?;
        self.file.persist(&self.path).map_err(|e| failed(e.error))?;
        files::sync_dir(dir(&self.path))
    }

    fn config(&self, config: &Descriptor, what: &str, reader: impl Read) -> Result<Vec<u8>> {
        let name = format!("the configuration of {what}");
        if config.size > LARGEST {
            return Err(Error::bad_input(format!("{name} is larger than {LARGEST} bytes")));
        }
        let mut bytes = Vec::new();
        reader.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| own_error(&name, error))?;
        config.digest.check(name, &bytes)?;
        Ok(bytes)
    }

    fn layer(&mut self, name: &str, layer: &Descriptor, diff_id: &Digest, what: &str, reader: impl Read) -> Result<()> {
        let place = format!("the layer {} of {what}", layer.digest);
        let failed = |error: io::Error| match error.kind() {
            // What the decoders say of what they do not understand.
            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => match error.downcast::<Error>() {
                Ok(own) => own,
                Err(error) => Error::bad_input(format!("cannot unpack {place}"))
                    .because(error)
                    .hint("what is stored there is damaged or was changed: push it again"),
            },
            _ => own_error(&place, error),
        };
        let mut reader = Hashing { inner: unpacked(reader).map_err(failed)?, hasher: Hasher::new(diff_id.algorithm()) };
        self.entry(name, &mut reader, failed)?;
        diff_id.expect(format_args!("{place}, unpacked,"), &reader.hasher.finish())
    }

    /// Adds a file. How large it is shows at its end: its header is written last.
    fn entry(&mut self, name: &str, reader: &mut impl Read, unreadable: impl Fn(io::Error) -> Error) -> Result<()> {
        let path = self.path.clone();
        let failed = |e| Error::io(format_args!("cannot write the archive {}", path.display()), e);
        let start = self.file.stream_position().map_err(failed)?;
        self.file.write_all(&[0; BLOCK as usize]).map_err(failed)?;
        let mut size = 0;
        let mut buffer = vec![0; PIECE];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            self.file.write_all(&buffer[..count]).map_err(failed)?;
            size += count as u64;
        }
        let rest = size.next_multiple_of(BLOCK) - size;
        self.file.write_all(&[0; BLOCK as usize][..rest as usize]).map_err(failed)?;
        self.file.as_file().write_all_at(header(name, size).map_err(failed)?.as_bytes(), start).map_err(failed)?;
        self.written.insert(name.to_owned());
        Ok(())
    }
}

/// Makes a digest of what is read through it.
struct Hashing<R> {
    inner: R,
    hasher: Hasher,
}

// === impl Hashing ===

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn header(name: &str, size: u64) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    Ok(header)
}

fn dir(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
