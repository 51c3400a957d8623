//! Writes an edit to disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use step::files::{sync_dir, write_atomic};
use step::{Cancel, Error, Result};

use super::{Edit, parents};

impl Edit<'_> {
    /// Writes the edit to the catalog in `dir`: each file is whole or untouched at any moment.
    ///
    /// New content is written before anything is removed. When the work is interrupted, reading the catalog again and
    /// making the same edit ends in the same state. Fails as a conflict when a file that is to be cut has changed.
    pub fn apply(&self, dir: &Path, cancel: &Cancel) -> Result<()> {
        let is_below = |path: &&Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        if let Some(path) = self.changed_paths().find(|path| !is_below(path)) {
            return Err(Error::bad_input(format!("{} is not a path below the catalog", path.display())));
        }
        self.write_files(dir, cancel)?;
        let mut emptied: BTreeSet<PathBuf> = BTreeSet::new();
        let removed_files = self.changed.iter().filter(|path| !self.now.files.contains_key(*path));
        for path in self.removed_dirs.iter().filter(|path| !self.now.dirs.contains(*path)).chain(removed_files) {
            cancel.check()?;
            remove(&dir.join(path))?;
            emptied.extend(parents(path).map(Path::to_owned));
        }
        // Reverse order visits a directory after those in it. Whatever somebody put there meanwhile stays.
        for gone in emptied.iter().rev().filter(|gone| !self.now.dirs.contains(*gone)) {
            let _stays_if_not_empty = fs::remove_dir(dir.join(gone));
        }
        self.sync(dir)
    }

    fn write_files(&self, dir: &Path, cancel: &Cancel) -> Result<()> {
        let mut buffer = Vec::new();
        for path in &self.changed {
            let Some(content) = self.now.files.get(path) else { continue };
            cancel.check()?;
            self.now.load(path, content, &mut buffer)?;
            let full = dir.join(path);
            if let Some(parent) = full.parent() {
                fs::create_dir_all(parent).map_err(|e| Error::io(format_args!("cannot create {}", parent.display()), e))?;
            }
            write_atomic(&full, &buffer)?;
        }
        Ok(())
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
