//! Which objects of which packages stand where.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use step::{Cancel, Result};

use crate::opm::OpmVersion;
use crate::stream::{self, Fault};
use crate::tree::{Content, Tree};

/// The objects of all files.
#[derive(Debug)]
pub(crate) struct Index {
    files: BTreeMap<PathBuf, FileIndex>,
}

/// The objects of one file.
#[derive(Debug)]
pub(super) struct FileIndex {
    pub(super) pieces: Vec<Piece>,
    /// In bytes.
    pub(super) length: usize,
    /// Why the file could not be read, or not to its end.
    fault: Option<Fault>,
}

/// One object.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) range: Range<usize>,
    pub(super) schema: String,
    pub(super) package: Option<String>,
}

// === impl Index ===

impl Index {
    pub(crate) fn new(tree: &Tree, cancel: &Cancel) -> Result<Self> {
        let files = tree.for_each_file(cancel, |path, bytes| Ok((path.to_owned(), FileIndex::new(tree, bytes, cancel)?)))?;
        let mut files: BTreeMap<_, _> = files.into_iter().collect();
        for (path, content) in &tree.files {
            if let Content::Unreadable(why) = content {
                let fault = Fault { message: why.clone(), line: None, limit: false };
                files.insert(path.clone(), FileIndex { pieces: Vec::new(), length: 0, fault: Some(fault) });
            }
        }
        Ok(Index { files })
    }

    /// The packages that objects belong to.
    pub(crate) fn all_packages(&self) -> BTreeSet<String> {
        let pieces = self.files.values().flat_map(|file| &file.pieces);
        let mut packages: BTreeSet<String> = BTreeSet::new();
        for package in pieces.filter_map(|piece| piece.package.as_deref()) {
            if !packages.contains(package) {
                packages.insert(package.to_owned());
            }
        }
        packages
    }

    pub(super) fn get(&self, path: &Path) -> Option<&FileIndex> {
        self.files.get(path)
    }

    /// The packages that objects below a directory belong to.
    pub(super) fn packages_below(&self, dir: &Path) -> BTreeSet<&str> {
        let files = self.files.range(dir.to_owned()..).take_while(|(path, _)| path.starts_with(dir));
        files.flat_map(|(_, file)| &file.pieces).filter_map(|piece| piece.package.as_deref()).collect()
    }

    /// Whether any object belongs to the package.
    pub(super) fn holds(&self, package: &str) -> bool {
        let mut pieces = self.files.values().flat_map(|file| &file.pieces);
        pieces.any(|piece| piece.package.as_deref() == Some(package))
    }

    /// The files with objects of one of `names`.
    pub(super) fn of(&self, names: &BTreeSet<&str>) -> Vec<PathBuf> {
        let concerned = |piece: &Piece| piece.package.as_deref().is_some_and(|package| names.contains(package));
        let files = self.files.iter().filter(|(_, file)| file.pieces.iter().any(concerned));
        files.map(|(path, _)| path.clone()).collect()
    }

    /// Fails with the fault of the first file that could not be read.
    pub(crate) fn check_readable(&self) -> Result<()> {
        let unreadable = self.files.iter().find_map(|(path, file)| file.fault.as_ref().map(|fault| (path, fault)));
        match unreadable {
            None => Ok(()),
            Some((path, fault)) => Err(fault
                .clone()
                .into_error(path)
                .hint("mend the file, or name it in .indexignore if it is no part of the catalog")),
        }
    }

    pub(super) fn forget(&mut self, path: &Path) {
        self.files.remove(path);
    }

    pub(super) fn read_again(&mut self, path: &Path, tree: &Tree, cancel: &Cancel) -> Result<()> {
        if let Some(content) = tree.files.get(path) {
            let mut bytes = Vec::new();
            tree.load(path, content, &mut bytes)?;
            self.files.insert(path.to_owned(), FileIndex::new(tree, &bytes, cancel)?);
        }
        Ok(())
    }
}

// === impl FileIndex ===

impl FileIndex {
    fn new(tree: &Tree, bytes: &[u8], cancel: &Cancel) -> Result<Self> {
        let mut pieces = Vec::new();
        let read = stream::read(bytes, OpmVersion::NEWEST, tree.limits(), cancel, |blob| {
            pieces.push(Piece {
                range: blob.range.clone(),
                schema: blob.meta.schema.to_string(),
                package: blob.package().map(str::to_owned),
            });
            Ok(())
        });
        cancel.check()?;
        Ok(FileIndex { pieces, length: bytes.len(), fault: read.err() })
    }

    /// The ranges of the file that stay when the pieces go that `goes` says.
    pub(super) fn kept(&self, goes: impl Fn(&Piece) -> bool) -> Vec<Range<usize>> {
        let mut kept: Vec<Range<usize>> = Vec::new();
        let mut at = 0;
        for piece in self.pieces.iter().filter(|piece| goes(piece)) {
            if at < piece.range.start {
                kept.push(at..piece.range.start);
            }
            at = at.max(piece.range.end);
        }
        if at < self.length {
            kept.push(at..self.length);
        }
        kept
    }
}

#[cfg(test)]
mod tests;
