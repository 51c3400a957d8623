//! Files on their way into a directory: whole beside it first, then all of them moved to their places.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use step::{Error, Result, files};
use tempfile::TempDir;

use crate::partial;

/// What trees are called while they are not whole: [`partial::is_partial`] knows it.
const PREFIX: &str = ".stepwright-";

/// The most files, directories and links that are written.
const MOST_ENTRIES: u64 = 1_000_000;

/// A tree that is to be in the directory `output`, and is in one of its own within that until [`Staging::install`].
///
/// What is in it comes from the artifact alone, so that no link of `output` is ever written through.
pub(super) struct Staging {
    output: PathBuf,
    tree: TempDir,
    /// The tree, locked: others see that somebody is at it.
    lock: File,
    /// How many bytes may still be written.
    left: AtomicU64,
    most: u64,
    entries: AtomicU64,
    /// Whether the files in it are on disk.
    is_synced: AtomicBool,
}

// === impl Staging ===

impl Staging {
    /// An empty tree for `output`, which must be a directory, and at most so many bytes.
    pub(super) fn new(output: &Path, most: u64) -> Result<Self> {
        let failed = |e| Error::io(format_args!("cannot write to {}", output.display()), e);
        remove_abandoned(output);
        loop {
            let tree = tempfile::Builder::new().prefix(PREFIX).tempdir_in(output).map_err(failed)?;
            let lock = File::open(tree.path()).map_err(failed)?;
            // Between the two another process may have taken it for abandoned.
            let taken = matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
            if !taken && lock.metadata().map_err(failed)?.nlink() > 0 {
                let (left, entries) = (AtomicU64::new(most), AtomicU64::new(0));
                return Ok(Staging {
                    output: output.to_owned(),
                    tree,
                    lock,
                    left,
                    most,
                    entries,
                    is_synced: AtomicBool::new(true),
                });
            }
        }
    }

    /// Counts `bytes` that are to be written. Fails when they are too many.
    pub(super) fn spend(&self, bytes: u64) -> Result<()> {
        let spent = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        spent.map(drop).map_err(|_| {
            Error::bad_input(format!("the artifact has more than {} bytes, unpacked", self.most))
                .hint("raise max-size, if you trust where it comes from")
        })
    }

    /// A new file at `path`, in directories that are made.
    pub(super) fn file(&self, path: &Path, mode: u32) -> Result<File> {
        let place = self.place(path)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(mode & 0o777 | 0o600).open(place);
        file.map_err(|error| failed(path, error))
    }

    /// The directory `path`, and those that it is in.
    pub(super) fn dir(&self, path: &Path, mode: u32) -> Result<PathBuf> {
        let mut place = self.tree.path().to_owned();
        for part in path.components().filter(|part| *part != Component::CurDir) {
            place.push(part);
            match DirBuilder::new().mode(mode & 0o777 | 0o700).create(&place) {
                Ok(()) => self.count()?,
                // Nothing is written through a link, also where it leads to a directory.
                Err(_) if fs::symlink_metadata(&place).is_ok_and(|there| there.is_dir()) => {}
                Err(error) => return Err(failed(path, error)),
            }
        }
        Ok(place)
    }

    /// Leaves it to [`Staging::install`] to bring files to disk: for thousands, one by one takes a minute.
    pub(super) fn sync_later(&self) {
        self.is_synced.store(false, Ordering::Relaxed);
    }

    /// A link. Where it leads to is the caller's business.
    pub(super) fn link(&self, path: &Path, target: &Path) -> Result<()> {
        symlink(target, self.place(path)?).map_err(|error| failed(path, error))
    }

    /// Another name of the file `of`, which is in the tree.
    pub(super) fn hard_link(&self, path: &Path, of: &Path) -> Result<()> {
        let of = self.dir(of.parent().unwrap_or(Path::new("")), 0o755)?.join(of.file_name().unwrap_or_default());
        if !fs::symlink_metadata(&of).is_ok_and(|there| there.is_file()) {
            return Err(Error::bad_input(format!("{path:?} of the artifact is a link to no file of it")));
        }
        fs::hard_link(of, self.place(path)?).map_err(|error| failed(path, error))
    }

    /// Moves everything to its place: over files of the same name, into directories of the same name. Fails before anything
    /// is moved where a directory stands in a file's place, or anything else in a directory's.
    pub(super) fn install(self) -> Result<()> {
        self.merge(Path::new(""), false)?;
        if !self.is_synced.load(Ordering::Relaxed) {
            let synced = rustix::fs::syncfs(&self.lock);
            synced.map_err(|e| Error::io(format_args!("cannot write to {}", self.output.display()), e.into()))?;
        }
        self.merge(Path::new(""), true)
    }

    fn merge(&self, below: &Path, really: bool) -> Result<()> {
        let (from, to) = (self.tree.path().join(below), self.output.join(below));
        let failed = |e| Error::io(format_args!("cannot write to {}", to.display()), e);
        let mut moved = false;
        for entry in fs::read_dir(&from).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (name, is_dir) = (below.join(entry.file_name()), entry.file_type().map_err(failed)?.is_dir());
            let place = self.output.join(&name);
            match fs::symlink_metadata(&place) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
                Ok(there) if is_dir && there.is_dir() => {
                    self.merge(&name, really)?;
                    continue;
                }
                Ok(there) if is_dir || there.is_dir() => {
                    let (what, is) = if is_dir { ("a directory", "is none") } else { ("a file", "is a directory") };
                    return Err(Error::bad_input(format!("{} is to be {what} and {is}", place.display()))
                        .hint("remove it, or pull into another directory"));
                }
                Ok(_) => {}
            }
            if really {
                fs::rename(entry.path(), &place).map_err(|e| Error::io(format_args!("cannot write {}", place.display()), e))?;
                moved = true;
            }
        }
        if moved { files::sync_dir(&to) } else { Ok(()) }
    }

    /// Where `path` will be, in directories that are made.
    fn place(&self, path: &Path) -> Result<PathBuf> {
        self.count()?;
        let name = path.file_name().ok_or_else(|| Error::bad_input(format!("{path:?} of the artifact is no name of a file")))?;
        Ok(self.dir(path.parent().unwrap_or(Path::new("")), 0o755)?.join(name))
    }

    fn count(&self) -> Result<()> {
        if self.entries.fetch_add(1, Ordering::Relaxed) < MOST_ENTRIES {
            return Ok(());
        }
        Err(Error::bad_input(format!("the artifact has more than {MOST_ENTRIES} files")))
    }
}

/// What an error in the tree says: what is there is of the artifact, so that the artifact is at fault.
fn failed(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            Error::bad_input(format!("the artifact holds {path:?} more than once, or something within what is no directory"))
        }
        ErrorKind::InvalidFilename => Error::bad_input(format!("{path:?} of the artifact is too long for a name")),
        _ => Error::io(format_args!("cannot write {path:?} of the artifact"), error),
    }
}

/// Removes what killed processes left of their trees in `output`.
fn remove_abandoned(output: &Path) {
    let Ok(entries) = output.read_dir() else { return };
    for entry in entries.flatten().filter(|entry| partial::is_partial(&entry.file_name())) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Ok(tree) = File::open(entry.path())
            && tree.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
