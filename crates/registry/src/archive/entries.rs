//! The table of a tar: where each file's content is, without reading it.

use std::collections::HashMap;
use std::collections::hash_map;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use step::{Error, Result};
use tar::{EntryType, Header, PaxExtensions};

/// A tar is a row of blocks of this many bytes.
pub(crate) const BLOCK: u64 = 512;

/// The largest record of extended names that is read, in bytes. A path has at most 4,096.
pub(crate) const LARGEST_EXTENSION: u64 = 1 << 16;

/// How much memory the table may need, about, in bytes: some 300,000 files. An image has a few for each layer.
const LARGEST_TABLE: usize = 32 << 20;

/// Links to links that are followed.
const HOPS: usize = 16;

/// The regular files and links of a tar, by their names.
#[derive(Debug)]
pub(super) struct Entries {
    path: PathBuf,
    table: HashMap<Box<str>, Entry>,
}

/// Where a file's content is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) size: u64,
}

#[derive(Debug)]
enum Entry {
    File(Span),
    /// To a name of the table.
    Link(Box<str>),
    /// It is there more than once, and readers do not agree on which one counts.
    Several,
}

/// What the records before an entry say of it, where its header has no room.
#[derive(Default)]
pub(crate) struct Extension {
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
}

// === impl Entries ===

impl Entries {
    /// Reads the headers of a tar of `length` bytes.
    pub(super) fn scan(file: &File, length: u64, path: &Path) -> Result<Self> {
        let mut entries = Entries { path: path.to_owned(), table: HashMap::new() };
        let mut extension = Extension::default();
        let (mut at, mut memory) = (0, 0);
        let mut header = Header::new_old();
        if length == 0 {
            return Err(entries.no_tar(&[]));
        }
        while at < length {
            let here = at;
            let damaged =
                |why: &str| Error::bad_input(format!("the archive {} is damaged: {why} at byte {here}", path.display()));
            if length - at < BLOCK {
                let mut start = vec![0; usize::try_from(length - at).unwrap_or_default()];
                file.read_exact_at(&mut start, at).map_err(|e| entries.failed(e))?;
                return Err(if at == 0 { entries.no_tar(&start) } else { damaged("it is cut short") });
            }
            file.read_exact_at(header.as_mut_bytes(), at).map_err(|e| entries.failed(e))?;
            if header.as_bytes().iter().all(|byte| *byte == 0) {
                break;
            }
            if checksum(&header) != header.cksum().ok() {
                return Err(if at == 0 { entries.no_tar(header.as_bytes()) } else { damaged("there is no header") });
            }
            let kind = header.entry_type();
            let own = header.entry_size().map_err(|_| damaged("a size is no number"))?;
            let about_next =
                matches!(kind, EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader);
            let size = match kind {
                // They have no content, whatever their size says. (POSIX pax, "ustar Interchange Format", size.)
                EntryType::Link
                | EntryType::Symlink
                | EntryType::Char
                | EntryType::Block
                | EntryType::Directory
                | EntryType::Fifo => 0,
                _ if about_next => own,
                _ => extension.size.unwrap_or(own),
            };
            let span = Span { offset: at + BLOCK, size };
            let end = span.offset.checked_add(size).filter(|end| *end <= length).ok_or_else(|| {
                damaged("it is cut short, or a size is wrong").hint("save the image again: writing it did not end")
            })?;
            at = end.next_multiple_of(BLOCK);
            if about_next {
                if kind != EntryType::XGlobalHeader {
                    if size > LARGEST_EXTENSION {
                        return Err(damaged("a name is too long"));
                    }
                    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
                    file.read_exact_at(&mut bytes, span.offset).map_err(|e| entries.failed(e))?;
                    extension.take(kind, bytes).ok_or_else(|| damaged("an extended header is malformed"))?;
                }
                continue;
            }
            let extension = std::mem::take(&mut extension);
            let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
            let link = extension.link.or_else(|| header.link_name_bytes().map(|name| name.into_owned()));
            memory += name.len() + link.as_ref().map_or(0, Vec::len) + 96;
            if memory > LARGEST_TABLE {
                return Err(Error::bad_input(format!("the archive {} has too many files for one of images", path.display())));
            }
            entries.add(kind, &name, link.as_deref(), span);
        }
        Ok(entries)
    }

    /// Where the content of the file `name` is, also when that is a link within the archive.
    pub(super) fn get(&self, name: &str) -> Result<Option<Span>> {
        let Some(mut name) = inner(&[], name) else { return Ok(None) };
        for _ in 0..HOPS {
            match self.table.get(&*name) {
                None => return Ok(None),
                Some(Entry::File(span)) => return Ok(Some(*span)),
                Some(Entry::Link(target)) => name = target.clone(),
                Some(Entry::Several) => {
                    return Err(Error::bad_input(format!("the archive {} holds {name} more than once", self.path.display()))
                        .hint("save the image again"));
                }
            }
        }
        Err(Error::bad_input(format!("the link {name} of the archive {} leads to itself", self.path.display())))
    }

    /// Adds an entry, unless it can be none that an image consists of: a directory, a device, a path out of the archive.
    fn add(&mut self, kind: EntryType, name: &[u8], link: Option<&[u8]>, span: Span) {
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let Some(name) = text(name).and_then(|name| inner(&[], name)) else { return };
        let entry = match kind {
            EntryType::Regular | EntryType::Continuous => Some(Entry::File(span)),
            // From the archive's root.
            EntryType::Link => link.and_then(text).and_then(|link| inner(&[], link)).map(Entry::Link),
            EntryType::Symlink => {
                let dir: Vec<&str> = name.rsplit_once('/').map_or_else(Vec::new, |(dir, _)| dir.split('/').collect());
                link.and_then(text).and_then(|link| inner(&dir, link)).map(Entry::Link)
            }
            _ => None,
        };
        let Some(entry) = entry else { return };
        match self.table.entry(name) {
            hash_map::Entry::Vacant(vacant) => drop(vacant.insert(entry)),
            hash_map::Entry::Occupied(mut occupied) => drop(occupied.insert(Entry::Several)),
        }
    }

    fn no_tar(&self, start: &[u8]) -> Error {
        let error = |what| Error::bad_input(format!("{} is {what}", self.path.display()));
        match start {
            [0x1f, 0x8b, ..] => error("compressed with gzip").hint("unpack it first: gunzip FILE"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => error("compressed with zstd").hint("unpack it first: unzstd FILE"),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => error("compressed with xz").hint("unpack it first: unxz FILE"),
            [b'B', b'Z', b'h', ..] => error("compressed with bzip2").hint("unpack it first: bunzip2 FILE"),
            [] => error("empty").hint("save the image again: writing it did not end"),
            _ => error("not a tar")
                .hint("`docker save`, `podman save` and `skopeo copy … docker-archive:PATH` make archives of images"),
        }
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::io(format_args!("cannot read the archive {}", self.path.display()), error)
    }
}

// === impl Extension ===

impl Extension {
    /// Takes the content of such a record; `None` when it is malformed.
    pub(crate) fn take(&mut self, kind: EntryType, mut bytes: Vec<u8>) -> Option<()> {
        if kind == EntryType::XHeader {
            for record in PaxExtensions::new(&bytes) {
                let record = record.ok()?;
                match record.key().ok()? {
                    "path" => self.name = Some(record.value_bytes().to_owned()),
                    "linkpath" => self.link = Some(record.value_bytes().to_owned()),
                    "size" => self.size = Some(record.value().ok()?.parse().ok()?),
                    _ => {}
                }
            }
            return Some(());
        }
        // Ends with a NUL.
        bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
        let field = if kind == EntryType::GNULongName { &mut self.name } else { &mut self.link };
        *field = Some(bytes);
        Some(())
    }
}

/// The sum of a header's bytes, where those of the sum itself are blanks.
pub(crate) fn checksum(header: &Header) -> Option<u32> {
    let bytes = header.as_bytes();
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    Some(sum(&bytes[..148]) + 8 * u32::from(b' ') + sum(&bytes[156..]))
}

/// `path`, seen from the directory `dir` of the archive, as a name of the table; `None` when it leads out of the archive.
fn inner(dir: &[&str], path: &str) -> Option<Box<str>> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts = dir.to_vec();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { None } else { Some(parts.join("/").into()) }
}
