//! Writes an edit to disk.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::path::{Component, Path, PathBuf};

use step::files::{rename, sync_dir, write_atomic};
use step::{Cancel, Error, Kind, Result};

use super::{Edit, parents};

/// A directory for files on their way, removed when dropped. One edit of a catalog at a time has it.
struct Scratch {
    path: PathBuf,
    /// Held until the edit is done; the system lets go of it when the process dies.
    _lock: File,
}

impl Edit<'_> {
    /// Writes the edit to the catalog in `dir`: all of it, or nothing when it fails before the first name changes.
    ///
    /// New content is first written below `scratch`, a directory on the same file system that opm does not read and that
    /// is made and removed here: what a crash leaves must not become part of the catalog. (In the catalog itself
    /// [`crate::SCRATCH`] may be used, which [`crate::Tree::read`] passes over.) Then names change, new ones before old
    /// ones go. When that is interrupted, reading the catalog again and making the same edit ends in the same state.
    ///
    /// Fails as a conflict when a file that is to be cut has changed, or when another edit of the catalog is being written.
    pub fn apply(&self, dir: &Path, scratch: &Path, cancel: &Cancel) -> Result<()> {
        let is_below = |path: &&Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        if let Some(path) = self.changed_paths().find(|path| !is_below(path)) {
            return Err(Error::bad_input(format!("{} is not a path below the catalog", path.display())));
        }
        let scratch = Scratch::new(dir, scratch)?;
        let staged = self.stage(&scratch.path, cancel)?;
        // The last moment to turn back: from here on names change, which takes no room and little time.
        cancel.check()?;
        for (from, path) in staged {
            let to = dir.join(path);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(|e| Error::io(format_args!("cannot create {}", parent.display()), e))?;
            }
            rename(&from, &to)?;
        }
        let mut emptied: BTreeSet<PathBuf> = BTreeSet::new();
        let removed_files = self.changed.iter().filter(|path| !self.now.files.contains_key(*path));
        for path in self.removed_dirs.iter().filter(|path| !self.now.dirs.contains(*path)).chain(removed_files) {
            remove(&dir.join(path))?;
            emptied.extend(parents(path).map(Path::to_owned));
        }
        // Reverse order visits a directory after those in it. Whatever somebody put there meanwhile stays.
        for gone in emptied.iter().rev().filter(|gone| !self.now.dirs.contains(*gone)) {
            let _stays_if_not_empty = fs::remove_dir(dir.join(gone));
        }
        self.sync(dir)
    }

    /// Writes all new content below `scratch`: where it is, and where it belongs.
    fn stage(&self, scratch: &Path, cancel: &Cancel) -> Result<Vec<(PathBuf, &Path)>> {
        let mut buffer = Vec::new();
        let mut staged = Vec::new();
        for path in &self.changed {
            let Some(content) = self.now.files.get(path) else { continue };
            cancel.check()?;
            self.now.load(path, content, &mut buffer)?;
            let at = scratch.join(staged.len().to_string());
            write_atomic(&at, &buffer)?;
            if let Ok(metadata) = fs::metadata(self.now.root().join(path)) {
                fs::set_permissions(&at, metadata.permissions())
                    .map_err(|e| Error::io(format_args!("cannot set the mode of {}", at.display()), e))?;
            }
            staged.push((at, path.as_path()));
        }
        Ok(staged)
    }

    /// Makes removals last: syncs the nearest directory above each that is still there.
    fn sync(&self, dir: &Path) -> Result<()> {
        let mut synced = BTreeSet::new();
        for path in self.changed.iter().chain(&self.removed_dirs) {
            let nearest = parents(path).find(|parent| self.now.dirs.contains(*parent)).unwrap_or(Path::new(""));
            if synced.insert(nearest) {
                sync_dir(&dir.join(nearest))?;
            }
        }
        Ok(())
    }
}

/// Removes a file, or a directory with all that is in it; neither is needed to be there.
fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(format_args!("cannot remove {}", path.display()), e)),
        _ => Ok(()),
    }
}

// === impl Scratch ===

impl Scratch {
    fn new(dir: &Path, path: &Path) -> Result<Self> {
        let lock = File::open(dir).map_err(|e| Error::io(format_args!("cannot open {}", dir.display()), e))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            let message = format!("another run is writing to {}", dir.display());
            return Err(Error::new(Kind::Conflict, message).hint("run again when it has finished"));
        }
        // What a run that died left.
        remove(path)?;
        fs::create_dir(path).map_err(|e| Error::io(format_args!("cannot create {}", path.display()), e))?;
        Ok(Scratch { path: path.to_owned(), _lock: lock })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is passed over by readers, and removed by the next run.
        let _ = fs::remove_dir_all(&self.path);
    }
}
