//! The files of a layout: opened only where they are regular and within it, written beside and renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use step::{Error, Kind, Result, files};
use tempfile::NamedTempFile;

use crate::checked::bytes;
use crate::partial;
use crate::{Algorithm, Checked, Descriptor, Digest, Hasher};

/// Reads a blob and fails when it is not what its descriptor says: see [`Checked`].
pub type BlobReader = Checked<File>;

/// Takes a blob's content; it becomes part of the layout by [`BlobWriter::commit`] only.
#[derive(Debug)]
pub struct BlobWriter {
    file: NamedTempFile,
    path: PathBuf,
    descriptor: Descriptor,
    /// What is written, for messages.
    what: String,
    hasher: Hasher,
    written: u64,
}

// === impl BlobWriter ===

impl BlobWriter {
    pub(super) fn new(root: &Path, descriptor: &Descriptor) -> Result<Self> {
        let dir = make_dir(root, Some(descriptor.digest.algorithm()))?;
        let what = name(root, &descriptor.digest);
        Ok(BlobWriter {
            file: partial::new(&dir).map_err(|e| Error::io(format_args!("cannot write {what}"), e))?,
            path: dir.join(descriptor.digest.hex()),
            descriptor: descriptor.clone(),
            what,
            hasher: Hasher::new(descriptor.digest.algorithm()),
            written: 0,
        })
    }

    /// Takes the next piece. Fails when it leads beyond the blob's size, or cannot be written.
    pub fn take(&mut self, piece: &[u8]) -> Result<()> {
        self.written += piece.len() as u64;
        if self.written > self.descriptor.size {
            return Err(Error::bad_input(format!(
                "{} is larger than the {} it should have",
                self.what,
                bytes(self.descriptor.size)
            )));
        }
        self.hasher.update(piece);
        self.file.as_file_mut().write_all(piece).map_err(|e| Error::io(format_args!("cannot write {}", self.what), e))
    }

    /// Makes it part of the layout. Fails when what was written is not the descriptor's content.
    ///
    /// It does not matter whether another has committed the same blob meanwhile. A damaged file of that name is replaced.
    pub fn commit(self) -> Result<()> {
        let failed = |e| Error::io(format_args!("cannot write {}", self.what), e);
        if self.written < self.descriptor.size {
            return Err(Error::bad_input(format!(
                "{} should have {}, and ends after {}",
                self.what,
                bytes(self.descriptor.size),
                self.written
            )));
        }
        self.descriptor.digest.expect(&self.what, &self.hasher.finish())?;
        self.file.as_file().sync_all().map_err(failed)?;
        self.file.persist(&self.path).map_err(|e| failed(e.error))?;
        Ok(())
    }
}

impl Write for BlobWriter {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.take(piece).map(|()| piece.len()).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a message calls a blob.
fn name(root: &Path, digest: &Digest) -> String {
    format!("the blob {digest} of the layout {}", root.display())
}

/// The file of a blob and its size, if it is there.
pub(super) fn open(root: &Path, digest: &Digest) -> Result<Option<(File, u64)>> {
    open_regular(root, &root.join("blobs").join(algorithm(digest.algorithm())).join(digest.hex()))
}

/// The file of a blob, which must be there and have the size that the descriptor says.
pub(super) fn open_as(root: &Path, descriptor: &Descriptor) -> Result<(File, u64)> {
    match open(root, &descriptor.digest)? {
        None => Err(Error::not_found(format!("{} is missing", name(root, &descriptor.digest)))
            .hint("the copy to it did not end, or left this out: copy the image there again")),
        Some((_, size)) if size != descriptor.size => Err(Error::bad_input(format!(
            "{} should have {}, and has {size}",
            name(root, &descriptor.digest),
            bytes(descriptor.size)
        ))
        .hint("it is damaged: copy the image there again")),
        Some(found) => Ok(found),
    }
}

/// The blob, to be read.
pub(super) fn read(root: &Path, descriptor: &Descriptor) -> Result<BlobReader> {
    let (file, _) = open_as(root, descriptor)?;
    Ok(Checked::new(file, descriptor, name(root, &descriptor.digest)))
}

/// A regular file and its size, if it is there. Fails when it is anything else or not in `root` after links are followed:
/// a layout may come from anywhere, and its links could lead to anything that we can read.
pub(super) fn open_regular(root: &Path, path: &Path) -> Result<Option<(File, u64)>> {
    let real = match files::contained(root, path) {
        Ok(real) => real,
        Err(error) if error.kind() == Kind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let failed = |e| Error::io(format_args!("cannot read {}", path.display()), e);
    // To open a pipe would wait for somebody to write to it.
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&real).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::bad_input(format!("{} is not a regular file", path.display())));
    }
    Ok(Some((file, metadata.len())))
}

/// The bytes of a file, at most `longest`, if it is there.
pub(super) fn read_small(root: &Path, path: &Path, longest: u64) -> Result<Option<Vec<u8>>> {
    let Some((file, size)) = open_regular(root, path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    if size <= longest {
        file.take(longest + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io(format_args!("cannot read {}", path.display()), e))?;
    }
    if size.max(bytes.len() as u64) > longest {
        return Err(Error::bad_input(format!("{} is larger than {longest} bytes", path.display())));
    }
    Ok(Some(bytes))
}

/// Makes the directory of the blobs of this algorithm, which must lie in the layout.
pub(super) fn make_dir(root: &Path, of: Option<Algorithm>) -> Result<PathBuf> {
    let mut path = root.to_owned();
    for part in std::iter::once("blobs").chain(of.map(algorithm)) {
        path.push(part);
        match fs::create_dir(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(Error::io(format_args!("cannot make {}", path.display()), error));
            }
            _ => drop(files::contained(root, &path)?),
        }
    }
    Ok(path)
}

/// Makes what happened to the names of blobs last through a power cut.
pub(super) fn sync(root: &Path) -> Result<()> {
    let blobs = root.join("blobs");
    for dir in [blobs.join("sha256"), blobs.join("sha512"), blobs] {
        if dir.is_dir() {
            files::sync_dir(&dir)?;
        }
    }
    Ok(())
}

/// Removes the partial blobs that no process is writing any more.
pub(super) fn remove_abandoned(root: &Path) {
    for of in [Algorithm::Sha256, Algorithm::Sha512] {
        if let Ok(dir) = files::contained(root, &root.join("blobs").join(algorithm(of))) {
            partial::remove_abandoned(&dir);
        }
    }
}

fn algorithm(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha256 => "sha256",
        Algorithm::Sha512 => "sha512",
    }
}
