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
    /// making the same edit ends in the same state. When nothing is left of a directory, it is removed, `dir` never.
    pub fn apply(&self, dir: &Path, cancel: &Cancel) -> Result<()> {
        let paths: Vec<&Path> = self.changed_paths().collect();
        if let Some(path) = paths.iter().find(|path| !path.components().all(|part| matches!(part, Component::Normal(_)))) {
            return Err(Error::bad_input(format!("{} is not a path below the catalog", path.display())));
        }
        let mut buffer = Vec::new();
        for path in &paths {
            if let Some(content) = self.now.files.get(*path) {
                cancel.check()?;
                self.now.load(path, content, &mut buffer)?;
                let full = dir.join(path);
                if let Some(parent) = full.parent() {
                    fs::create_dir_all(parent).map_err(|e| Error::io(format_args!("cannot create {}", parent.display()), e))?;
                }
                write_atomic(&full, &buffer)?;
            }
        }
        let mut emptied: BTreeSet<PathBuf> = BTreeSet::new();
        for path in paths.iter().filter(|path| !self.now.files.contains_key(**path)) {
            cancel.check()?;
            remove(&dir.join(path))?;
            emptied.extend(parents(path).map(Path::to_owned));
        }
        // Reverse order visits a directory after those in it.
        for gone in emptied.iter().rev().filter(|gone| !self.now.dirs.contains(*gone)) {
            remove(&dir.join(gone))?;
        }
        let mut synced = BTreeSet::new();
        for path in paths {
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
