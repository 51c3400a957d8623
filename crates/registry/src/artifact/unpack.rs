//! Directories from layers. Whoever made the layer is not trusted: nothing is written outside of the directory that the
//! layer is, and no more than is allowed.

use std::ffi::OsStr;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use step::{Error, Result};
use tar::{EntryType, Header};

use super::staging::Staging;
use super::{BUFFER, stays_inside};
use crate::archive::{BLOCK, Extension, LARGEST_EXTENSION, checksum};
use crate::checked::own_error;
use crate::{Digest, Hasher};

/// A tar, while it is unpacked.
struct Tape<'a, R> {
    inner: R,
    /// Makes the digest of the tar, when one is known.
    hasher: Option<Hasher>,
    staging: &'a Staging,
    /// What is unpacked, for messages.
    what: &'a str,
    buffer: Vec<u8>,
}

/// Unpacks the layer that `reader` gives as the directory `title` of `staging`. `content` is the digest of the tar in it.
pub(super) fn unpack(reader: impl Read, title: &Path, content: Option<&Digest>, staging: &Staging, what: &str) -> Result<()> {
    let mut tape = Tape {
        inner: MultiGzDecoder::new(BufReader::with_capacity(BUFFER, reader)),
        hasher: content.map(|digest| Hasher::new(digest.algorithm())),
        staging,
        what,
        buffer: vec![0; BUFFER],
    };
    staging.sync_later();
    staging.dir(title, 0o755)?;
    let mut extension = Extension::default();
    while let Some(header) = tape.header()? {
        tape.entry(&header, title, &mut extension)?;
    }
    // To its end: only there it is known whether it was the right one.
    while tape.read()? > 0 {}
    match (content, tape.hasher) {
        (Some(content), Some(hasher)) => content.expect(format_args!("the tar in {what}"), &hasher.finish()),
        _ => Ok(()),
    }
}

// === impl Tape ===

impl<R: Read> Tape<'_, R> {
    /// The next header; `None` at the end.
    fn header(&mut self) -> Result<Option<Header>> {
        let mut header = Header::new_old();
        let bytes = header.as_mut_bytes();
        let mut filled = 0;
        while filled < bytes.len() {
            match self.read_to(bytes.len() - filled)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(self.damaged("it is cut short")),
                read => {
                    bytes[filled..filled + read].copy_from_slice(&self.buffer[..read]);
                    filled += read;
                }
            }
        }
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if checksum(&header) != header.cksum().ok() {
            return Err(self.damaged("a header is none"));
        }
        Ok(Some(header))
    }

    fn entry(&mut self, header: &Header, title: &Path, extension: &mut Extension) -> Result<()> {
        let kind = header.entry_type();
        let own = header.entry_size().map_err(|_| self.damaged("a size is no number"))?;
        match kind {
            EntryType::XGlobalHeader => return self.content(own, |_| Ok(())),
            EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader => {
                if own > LARGEST_EXTENSION {
                    return Err(self.damaged("a name is too long"));
                }
                let mut bytes = Vec::new();
                self.content(own, |piece| bytes.write_all(piece))?;
                return extension.take(kind, bytes).ok_or_else(|| self.damaged("an extended header is malformed"));
            }
            _ => {}
        }
        let Extension { name, link, size } = std::mem::take(extension);
        let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
        let path = self.path(&name, title)?;
        let link = || link.or_else(|| header.link_name_bytes().map(|name| name.into_owned())).unwrap_or_default();
        let mode = header.mode().map_err(|_| self.damaged("a mode is no number"))?;
        match kind {
            EntryType::Regular | EntryType::Continuous => {
                let mut file = self.staging.file(&path, mode)?;
                self.content(size.unwrap_or(own), |piece| file.write_all(piece))
            }
            EntryType::Directory => self.staging.dir(&path, mode).map(drop),
            EntryType::Symlink => {
                let (link, depth) = (link(), depth(&path, title));
                let target = Path::new(OsStr::from_bytes(&link));
                if link.is_empty() || depth == 0 || !stays_inside(depth - 1, target) {
                    return Err(self.refused(&format!("the link {path:?} may lead out of it (to {target:?})")));
                }
                self.staging.link(&path, target)
            }
            // From the root of the tar.
            EntryType::Link => {
                let of = self.path(&link(), title)?;
                self.staging.hard_link(&path, &of)
            }
            _ => Err(self.refused(&format!("{path:?} is neither a file, a directory nor a link"))),
        }
    }

    /// The path of an entry, which must be in the directory `title`.
    fn path(&self, name: &[u8], title: &Path) -> Result<PathBuf> {
        let given = Path::new(OsStr::from_bytes(name));
        let path: PathBuf = given.components().filter(|part| *part != Component::CurDir).collect();
        let is_relative = path.components().all(|part| matches!(part, Component::Normal(_)));
        if is_relative && !name.contains(&0) && (title == Path::new(".") || path.starts_with(title)) {
            return Ok(path);
        }
        Err(self.refused(&format!("it holds {given:?}, which is not in {}", title.display())))
    }

    /// Gives so many bytes to `sink`, and passes over what fills the last block.
    fn content(&mut self, size: u64, mut sink: impl FnMut(&[u8]) -> io::Result<()>) -> Result<()> {
        let (mut left, mut filling) = (size, size.wrapping_neg() % BLOCK);
        while left > 0 || filling > 0 {
            let most = if left > 0 { left } else { filling };
            let read = self.read_to(usize::try_from(most).unwrap_or(usize::MAX))?;
            if read == 0 {
                return Err(self.damaged("it is cut short"));
            }
            if left == 0 {
                filling -= read as u64;
                continue;
            }
            sink(&self.buffer[..read]).map_err(|e| Error::io(format_args!("cannot write what is in {}", self.what), e))?;
            left -= read as u64;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<usize> {
        self.read_to(usize::MAX)
    }

    /// Reads at most so many bytes into the buffer. Every byte that comes out counts, whether it is written or not: what
    /// unpacks to terabytes of nothing would take for ever.
    fn read_to(&mut self, most: usize) -> Result<usize> {
        let most = most.min(self.buffer.len());
        let read = loop {
            match self.inner.read(&mut self.buffer[..most]) {
                Ok(read) => break read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unreadable(error)),
            }
        };
        self.staging.spend(read as u64)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&self.buffer[..read]);
        }
        Ok(read)
    }

    fn unreadable(&self, error: io::Error) -> Error {
        match error.kind() {
            _ if error.get_ref().is_some_and(|inner| inner.is::<Error>()) => own_error(self.what, error),
            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => {
                self.damaged("it is no gzip, or damaged").because(error)
            }
            _ => own_error(self.what, error),
        }
    }

    fn damaged(&self, why: &str) -> Error {
        Error::bad_input(format!("{} cannot be unpacked: {why}", self.what)).hint("push the artifact again")
    }

    fn refused(&self, why: &str) -> Error {
        Error::bad_input(format!("{} is not unpacked: {why}", self.what)).hint("do not trust where it comes from")
    }
}

/// How many directories and names `path` is below `title`.
fn depth(path: &Path, title: &Path) -> usize {
    let count = |path: &Path| path.components().filter(|part| *part != Component::CurDir).count();
    count(path) - count(title)
}
