//! Writes an edit to disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use step::files::{rename, sync_dir, write_atomic};
use step::{Cancel, Error, Result};

use super::{Edit, parents};

/// A directory for files on their way, removed when dropped.
struct Scratch(PathBuf);

/// What was done, to be undone in reverse when something later fails.
struct Journal<'a> {
    scratch: &'a Path,
    done: Vec<Undo>,
}

enum Undo {
    /// Something stood at `to` before; it is kept at `kept`.
    Restore { kept: PathBuf, to: PathBuf },
    /// Nothing was there before.
    Remove(PathBuf),
}

impl Edit<'_> {
    /// Writes the edit to the catalog in `dir`: all of it, or nothing when it fails.
    ///
    /// New content is first written below `scratch`, a directory on the same file system that opm does not read and that
    /// is made and removed here: what a crash leaves must not become part of the catalog. (In the catalog itself
    /// [`crate::SCRATCH`] may be used, which [`crate::Tree::read`] passes over.) Then names change, new ones before old
    /// ones go; when one cannot, those before it are put back. When a crash interrupts it, reading the catalog again and
    /// making the same edit ends in the same state.
    ///
    /// Who calls this keeps others from the catalog since it was read ([`step::files::DirLock`]). Fails as a conflict when
    /// a file that is to be cut has changed all the same.
    pub fn apply(&self, dir: &Path, scratch: &Path, cancel: &Cancel) -> Result<()> {
        let is_below = |path: &&Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        if let Some(path) = self.changed_paths().find(|path| !is_below(path)) {
            return Err(Error::bad_input(format!("{} is not a path below the catalog", path.display())));
        }
        let scratch = Scratch::new(scratch)?;
        let staged = self.stage(&scratch.0, cancel)?;
        // The last moment to turn back: from here on names change, which takes no room and little time.
        cancel.check()?;
        let mut journal = Journal { scratch: &scratch.0, done: Vec::new() };
        if let Err(error) = self.change_names(dir, staged, &mut journal) {
            journal.undo();
            return Err(error);
        }
        self.sync(dir)
    }

    fn change_names(&self, dir: &Path, staged: Vec<(PathBuf, &Path)>, journal: &mut Journal<'_>) -> Result<()> {
        for (from, path) in staged {
            let to = dir.join(path);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(|e| Error::io(format_args!("cannot create {}", parent.display()), e))?;
            }
            journal.put(&from, to)?;
        }
        let mut emptied: BTreeSet<PathBuf> = BTreeSet::new();
        let removed_files = self.changed.iter().filter(|path| !self.now.files.contains_key(*path));
        for path in self.removed_dirs.iter().filter(|path| !self.now.dirs.contains(*path)).chain(removed_files) {
            journal.take_away(dir.join(path))?;
            emptied.extend(parents(path).map(Path::to_owned));
        }
        // Reverse order visits a directory after those in it. Whatever somebody put there meanwhile stays.
        for gone in emptied.iter().rev().filter(|gone| !self.now.dirs.contains(*gone)) {
            let _stays_if_not_empty = fs::remove_dir(dir.join(gone));
        }
        Ok(())
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
    fn new(path: &Path) -> Result<Self> {
        // What a run that died left.
        remove(path)?;
        fs::create_dir(path).map_err(|e| Error::io(format_args!("cannot create {}", path.display()), e))?;
        Ok(Scratch(path.to_owned()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is passed over by readers, and removed by the next run.
        let _ = fs::remove_dir_all(&self.0);
    }
}

// === impl Journal ===

impl Journal<'_> {
    /// Moves `from` to `to`, keeping what was there.
    fn put(&mut self, from: &Path, to: PathBuf) -> Result<()> {
        let undo = if fs::symlink_metadata(&to).is_ok() {
            let kept = self.place();
            // A second name costs nothing; where there are none, a copy does.
            fs::hard_link(&to, &kept)
                .or_else(|_| fs::copy(&to, &kept).map(drop))
                .map_err(|e| Error::io(format_args!("cannot keep {}", to.display()), e))?;
            Undo::Restore { kept, to: to.clone() }
        } else {
            Undo::Remove(to.clone())
        };
        rename(from, &to)?;
        self.done.push(undo);
        Ok(())
    }

    /// Moves a file or directory out of the catalog, if it is there.
    fn take_away(&mut self, path: PathBuf) -> Result<()> {
        let kept = self.place();
        match fs::rename(&path, &kept) {
            Ok(()) => self.done.push(Undo::Restore { kept, to: path }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io(format_args!("cannot remove {}", path.display()), e)),
        }
        Ok(())
    }

    fn place(&self) -> PathBuf {
        self.scratch.join(format!("before-{}", self.done.len()))
    }

    /// Puts everything back that can be. The error that led here is the one to report.
    fn undo(self) {
        for undo in self.done.into_iter().rev() {
            let _ = match undo {
                Undo::Restore { kept, to } => fs::rename(kept, to),
                Undo::Remove(path) => fs::remove_file(path),
            };
        }
    }
}
