//! What a database file says about itself in its first 100 bytes, and whether somebody is writing it.
//!
//! These checks are cheap and give better answers than SQLite's: an empty file is a valid database to SQLite, and a
//! truncated one is noticed only when a missing page is needed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use step::{Error, Kind, Result};

/// The way out of every damaged file.
pub(crate) const PULL_AGAIN: &str = "pull the index.db artifact again, or restore it from a backup";

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// What a rollback journal that is in use begins with; the header of a finished one is zeroed or the file is gone.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// The facts of the file header that matter here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// The database is in write-ahead-log mode: reading it normally creates files beside it.
    pub(crate) wal: bool,
}

/// Reads and checks the header of `path`: a whole SQLite database that nobody is writing.
pub(crate) fn check(path: &Path) -> Result<Header> {
    let shown = path.display();
    let failed = |e| Error::io(format_args!("cannot read {shown}"), e);
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::bad_input(format!("{shown} is not a file")).hint("give the path of the index.db file itself"));
    }
    let mut bytes = Vec::with_capacity(100);
    File::open(path).and_then(|file| file.take(100).read_to_end(&mut bytes)).map_err(failed)?;
    if !bytes.starts_with(MAGIC) {
        return Err(not_a_database(path, &bytes));
    }
    let Ok(bytes) = <[u8; 100]>::try_from(bytes) else {
        return Err(malformed(path, "its header is cut off"));
    };
    if let Some(expected) = size(&bytes)
        && metadata.len() < expected
    {
        return Err(malformed(path, &format!("it has {} bytes, its header says {expected}", metadata.len())));
    }
    refuse_unfinished(path)?;
    Ok(Header { wal: bytes[18] == 2 || bytes[19] == 2 })
}

/// The size of the database in bytes, where its header can be trusted with it.
fn size(header: &[u8; 100]) -> Option<u64> {
    let number = |at: usize| header[at..at + 4].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let page_size = match u64::from(header[16]) << 8 | u64::from(header[17]) {
        1 => 65536,
        size => size,
    };
    // The page count is current only if whoever changed the file last also knew to keep it (SQLite ≥ 3.7.0).
    (number(24) == number(92)).then(|| number(28) * page_size)
}

fn not_a_database(path: &Path, bytes: &[u8]) -> Error {
    let shown = path.display();
    if bytes.is_empty() {
        return Error::bad_input(format!("{shown} is not a SQLite database: it is empty")).hint(PULL_AGAIN);
    }
    let first: String = bytes.iter().take(16).flat_map(|byte| byte.escape_ascii()).map(char::from).collect();
    let error = Error::bad_input(format!("{shown} is not a SQLite database: its first bytes are \"{first}\""));
    if bytes.starts_with(b"version https://git-lfs") {
        return error.hint("it is a Git LFS pointer: fetch the file itself with `git lfs pull`");
    }
    error.hint(PULL_AGAIN)
}

/// The error for a file that starts as a database and does not go on as one.
pub(crate) fn malformed(path: &Path, why: &str) -> Error {
    Error::bad_input(format!("{}: database disk image is malformed: {why}", path.display())).hint(PULL_AGAIN)
}

/// Refuses a database with a rollback journal in use or a write-ahead log: what the file holds is then not what was
/// last committed, and finishing that work would write to it.
pub(crate) fn refuse_unfinished(path: &Path) -> Result<()> {
    let mut start = [0; 8];
    let journal = beside(path, "-journal");
    let journal_in_use = File::open(&journal).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == JOURNAL_MAGIC;
    let wal = beside(path, "-wal");
    let wal_in_use = fs::metadata(&wal).is_ok_and(|metadata| metadata.len() > 0);
    let file = match (journal_in_use, wal_in_use) {
        (true, _) => journal,
        (_, true) => wal,
        _ => return Ok(()),
    };
    Err(Error::new(
        Kind::Conflict,
        format!(
            "{} has unfinished changes in {}: another program is writing it, or ended while it was",
            path.display(),
            file.display()
        ),
    )
    .hint(format!("let that program finish; if none runs, finish its work with `sqlite3 {} .schema`", path.display())))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
