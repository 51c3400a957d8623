//! Directories as layers: a tar with gzip, the same bytes for the same files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use step::{Error, RelativePath, Result};
use tar::{Builder, EntryType, Header};

use super::push::open_regular;
use super::stays_inside;
use crate::copy::Stop;
use crate::{Algorithm, Digest, Hasher};

/// A directory as a layer.
pub(super) struct Packed {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// The digest of the tar within.
    pub(super) content: Digest,
    /// The layer; it has no name, and goes when it is closed.
    pub(super) file: File,
}

/// Makes a digest of what is written through it.
struct Hashing<W> {
    inner: W,
    hasher: Hasher,
    size: u64,
}

/// Packs the directory `dir` under the name `title`.
///
/// Files are in the order of their names, owned by root and of 1970; of their modes it counts whether they can be executed.
/// Links must stay in the directory. Anything but files, directories and links is an error.
pub(super) fn pack(dir: &Path, title: &RelativePath, stop: &Stop<'_>) -> Result<Packed> {
    let file = tempfile::tempfile()
        .map_err(|e| Error::io("cannot make a temporary file", e).hint("set TMPDIR to a directory that can be written"))?;
    let packing = |e| Error::io(format_args!("cannot pack {}", dir.display()), e);
    let gzip = GzEncoder::new(Hashing::new(file), Compression::default());
    let mut tar = Builder::new(Hashing::new(gzip));
    let mut left = vec![PathBuf::new()];
    while let Some(below) = left.pop() {
        stop.check()?;
        let path = if below.as_os_str().is_empty() { dir.to_owned() } else { dir.join(&below) };
        let name = match (title.as_path() == Path::new("."), below.as_os_str().is_empty()) {
            (true, true) => PathBuf::from("."),
            (true, false) => below.clone(),
            (false, true) => title.as_path().to_owned(),
            (false, false) => title.as_path().join(&below),
        };
        let failed = |e| Error::io(format_args!("cannot read {}", path.display()), e);
        let kind = fs::symlink_metadata(&path).map_err(failed)?.file_type();
        if kind.is_dir() {
            let mut names = Vec::new();
            for entry in fs::read_dir(&path).map_err(failed)? {
                names.push(entry.map_err(failed)?.file_name());
            }
            // The last is taken first.
            names.sort_unstable_by(|a, b| b.cmp(a));
            left.extend(names.into_iter().map(|name| below.join(name)));
            tar.append_data(&mut header(EntryType::Directory, 0o755, 0), name, io::empty()).map_err(packing)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).map_err(failed)?;
            if !stays_inside(below.components().count() - 1, &target) {
                return Err(Error::bad_input(format!("{} may lead out of {title} (to {})", path.display(), target.display()))
                    .hint("replace the link by what it leads to, or leave it out"));
            }
            tar.append_link(&mut header(EntryType::Symlink, 0o777, 0), name, target).map_err(packing)?;
        } else {
            let (file, mode) = open_regular(&path)?;
            let size = file.metadata().map_err(failed)?.len();
            let mode = if mode & 0o100 == 0 { 0o644 } else { 0o755 };
            let mut reader = Exactly { inner: file, left: size };
            tar.append_data(&mut header(EntryType::Regular, mode, size), name, &mut reader).map_err(packing)?;
        }
    }
    let (gzip, content) = tar.into_inner().map_err(packing)?.finish();
    let (mut file, digest, size) = gzip.finish().map_err(packing)?.finish_with_size();
    file.flush().map_err(packing)?;
    Ok(Packed { digest, size, content, file })
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// Reads as many bytes as a file's header announced: a file that changes meanwhile must not shift what follows it.
struct Exactly<R> {
    inner: R,
    left: u64,
}

impl<R: io::Read> io::Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..most])?;
        if read == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file got shorter while it was read"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

// === impl Hashing ===

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Hashing { inner, hasher: Hasher::new(Algorithm::Sha256), size: 0 }
    }

    fn finish(self) -> (W, Digest) {
        (self.inner, self.hasher.finish())
    }

    fn finish_with_size(self) -> (W, Digest, u64) {
        (self.inner, self.hasher.finish(), self.size)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
