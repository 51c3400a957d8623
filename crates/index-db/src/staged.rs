//! A copy beside the original that either takes its place or goes without a trace.
//!
//! All that is written lies in one hidden directory next to the database, `.stepwright-NAME`, held by a lock: a second
//! run on the same database is told so, and what a crashed run left there is cleared by the next.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use step::{Cancel, Error, Kind, Result};

use crate::db::Db;
use crate::header;

const PREFIX: &str = ".stepwright-";
const LOCK: &str = "lock";
/// How much is copied between two looks at the cancel flag.
const CHUNK: u64 = 16 << 20;

/// An edited copy of a database. [`Staged::commit`] puts it in the original's place; dropping it removes the copy and
/// leaves the original as it was.
#[derive(Debug)]
pub struct Staged {
    dir: WorkDir,
    original: PathBuf,
    seen: Fingerprint,
}

/// The hidden directory beside the database, ours while the lock is held.
#[derive(Debug)]
struct WorkDir {
    path: PathBuf,
    _lock: File,
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

// === impl Staged ===

impl Staged {
    /// Copies the database at `path` and lets `edit` change the copy and write the result to a second file, its other
    /// argument, which is not there before.
    pub(crate) fn edit(path: &Path, cancel: &Cancel, edit: impl FnOnce(&Db, &Path) -> Result<()>) -> Result<Staged> {
        // The rename at the end must replace the file that a link names, not the link.
        let original = path.canonicalize().map_err(|e| Error::io(format_args!("cannot open {}", path.display()), e))?;
        let source = Db::read(&original, cancel)?;
        refuse_read_only(&original)?;
        let dir = WorkDir::create(&original)?;
        let staged = Staged { seen: Fingerprint::of(&original)?, dir, original };

        // Holding a read transaction keeps writers out until the copy is whole.
        source.script("BEGIN")?;
        source.schema_version()?;
        let work = staged.dir.path.join("work.db");
        copy(&staged.original, &work, cancel)?;
        drop(source);

        let copy = Db::scratch(&work, &staged.original, cancel)?;
        edit(&copy, &staged.path())?;
        drop(copy);
        remove_file(&work)?;
        Ok(staged)
    }

    /// The edited copy: a database to read. It goes when this value is dropped.
    pub fn path(&self) -> PathBuf {
        self.dir.path.join("index.db")
    }

    /// Puts the copy in the original's place, with the original's mode, in one step that a crash cannot divide.
    ///
    /// Fails as a conflict when the original was changed, replaced or is being written since it was copied.
    pub fn commit(self) -> Result<()> {
        let failed = |e| Error::io(format_args!("cannot write {}", self.original.display()), e);
        let copy = self.path();
        let mode = fs::metadata(&self.original).map_err(failed)?.permissions();
        let file = File::open(&copy).map_err(failed)?;
        file.set_permissions(mode).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        header::refuse_unfinished(&self.original)?;
        if Fingerprint::of(&self.original)? != self.seen {
            return Err(Error::new(
                Kind::Conflict,
                format!("{} was changed by another program meanwhile", self.original.display()),
            )
            .hint("run again on the changed file"));
        }
        step::files::rename(&copy, &self.original)
    }
}

/// A file that nobody may write is meant to stay, also where the rename would succeed or the user is root.
fn refuse_read_only(path: &Path) -> Result<()> {
    let failed = |e| Error::io(format_args!("cannot write {}", path.display()), e);
    if fs::metadata(path).map_err(failed)?.permissions().readonly() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        return Err(failed(error).hint("or copy it to where it can be written"));
    }
    OpenOptions::new().write(true).open(path).map(drop).map_err(failed)
}

fn copy(from: &Path, to: &Path, cancel: &Cancel) -> Result<()> {
    let failed = |e| Error::io(format_args!("cannot copy {} to {}", from.display(), to.display()), e);
    let mut source = File::open(from).map_err(failed)?;
    let mut target = OpenOptions::new().write(true).create_new(true).open(to).map_err(failed)?;
    while io::copy(&mut source.by_ref().take(CHUNK), &mut target).map_err(failed)? == CHUNK {
        cancel.check()?;
    }
    Ok(())
}

// === impl WorkDir ===

impl WorkDir {
    fn create(database: &Path) -> Result<WorkDir> {
        let mut name = OsString::from(PREFIX);
        name.push(database.file_name().unwrap_or_default());
        let path = database.with_file_name(name);
        let failed = |e| Error::io(format_args!("cannot make a copy beside {}", database.display()), e);
        loop {
            match fs::create_dir(&path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(failed)?,
            }
            if !fs::symlink_metadata(&path).map_err(failed)?.is_dir() {
                return Err(
                    Error::bad_input(format!("{} is in the way: it is not a directory", path.display())).hint("remove it")
                );
            }
            let lock = match OpenOptions::new().write(true).create(true).truncate(false).open(path.join(LOCK)) {
                // Another run has just removed the directory.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(failed)?,
            };
            if let Err(e) = lock.try_lock() {
                return Err(match e {
                    fs::TryLockError::WouldBlock => {
                        Error::new(Kind::Conflict, format!("{} is being edited by another run", database.display()))
                            .hint("let it finish, then run again")
                    }
                    fs::TryLockError::Error(e) => failed(e),
                });
            }
            // The run that had the lock before may have removed what we opened.
            let ours = lock.metadata().map_err(failed)?;
            if fs::metadata(path.join(LOCK)).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                let dir = WorkDir { path, _lock: lock };
                dir.clear().map_err(failed)?;
                return Ok(dir);
            }
        }
    }

    /// Removes everything but the lock.
    fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name() != LOCK {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // What cannot be removed now is cleared by the next run.
        let removed = self.clear().and_then(|()| fs::remove_file(self.path.join(LOCK))).and_then(|()| fs::remove_dir(&self.path));
        if let Err(error) = removed {
            tracing::debug!(%error, "cannot remove {}", self.path.display());
        }
    }
}

fn remove_file(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|e| Error::io(format_args!("cannot remove {}", path.display()), e))
}

// === impl Fingerprint ===

impl Fingerprint {
    fn of(path: &Path) -> Result<Self> {
        let metadata: Metadata = fs::metadata(path).map_err(|e| Error::io(format_args!("cannot read {}", path.display()), e))?;
        Ok(Fingerprint {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}
