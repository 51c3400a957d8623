//! Packs: the objects of our commits on their way out, and a server's on their way in.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;

use git2::{Indexer, ObjectType, Odb, Oid, Repository};
use step::{Cancel, Error, Kind, Result};

use crate::remote::git_error;

/// A pack with what commits add to their base, in a file without a name.
#[derive(Debug)]
pub(crate) struct Pack {
    file: File,
    size: u64,
}

// === impl Pack ===

impl Pack {
    /// The objects of `commits`, each on top of the one before and the first on `base`, that `base` does not have.
    ///
    /// Found by comparing trees rather than by a walk: the base is shallow, its parents are not here.
    pub(crate) fn of(repo: &Repository, base: Oid, commits: &[Oid], cancel: &Cancel) -> Result<Self> {
        let failed = |e| git_error("cannot pack the commit", e);
        let mut builder = repo.packbuilder().map_err(failed)?;
        let mut seen = HashSet::new();
        let mut before = repo.find_commit(base).map_err(failed)?.tree_id();
        for id in commits {
            let tree = repo.find_commit(*id).map_err(failed)?.tree_id();
            // Not `insert_commit`, which would take all its files along.
            builder.insert_object(*id, None).map_err(failed)?;
            added(repo, Some(before), tree, &mut seen).map_err(failed)?;
            before = tree;
        }
        for id in seen {
            builder.insert_object(id, None).map_err(failed)?;
        }
        let scratch = |e| Error::io("cannot write a temporary file", e);
        let mut out = BufWriter::new(tempfile::tempfile_in(repo.path()).map_err(scratch)?);
        let mut result = Ok(());
        let built = builder.foreach(|bytes| {
            result = cancel.check().and_then(|()| out.write_all(bytes).map_err(scratch));
            result.is_ok()
        });
        result?;
        built.map_err(failed)?;
        let mut file = out.into_inner().map_err(|e| scratch(e.into_error()))?;
        let size = file.stream_position().map_err(scratch)?;
        Ok(Pack { file, size })
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The pack from its first byte.
    pub(crate) fn reader(&self) -> Result<impl Read + '_> {
        let mut file = &self.file;
        file.rewind().map_err(|e| Error::io("cannot read a temporary file", e))?;
        Ok(file)
    }
}

/// The trees and blobs that `new` has and `old` does not have at the same path.
fn added(repo: &Repository, old: Option<Oid>, new: Oid, seen: &mut HashSet<Oid>) -> Result<(), git2::Error> {
    if old == Some(new) || !seen.insert(new) {
        return Ok(());
    }
    let old = old.map(|id| repo.find_tree(id)).transpose()?;
    for entry in repo.find_tree(new)?.iter() {
        let before = old.as_ref().and_then(|tree| tree.get_name_bytes(entry.name_bytes()).map(|e| (e.id(), e.kind())));
        if before.is_some_and(|(id, _)| id == entry.id()) {
            continue;
        }
        match entry.kind() {
            Some(ObjectType::Tree) => {
                let before = before.filter(|(_, kind)| *kind == Some(ObjectType::Tree)).map(|(id, _)| id);
                added(repo, before, entry.id(), seen)?;
            }
            Some(ObjectType::Blob) => {
                seen.insert(entry.id());
            }
            // A submodule's commit lives elsewhere.
            _ => {}
        }
    }
    Ok(())
}

/// Receives a pack into `dir` as `pack-….pack` and `pack-….idx`. `odb` completes a thin pack.
pub(crate) struct Receiver<'a>(Indexer<'a>);

impl<'a> Receiver<'a> {
    pub(crate) fn new(odb: Option<&Odb<'a>>, dir: &Path) -> Result<Self> {
        Indexer::new(odb, dir, 0o444, false)
            .map(Receiver)
            .map_err(|e| git_error(format_args!("cannot write a pack to {}", dir.display()), e))
    }

    /// Takes the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).map_err(broken)
    }

    /// Writes the index. The name is the part between `pack-` and the dot.
    pub(crate) fn finish(self) -> Result<String> {
        self.0.commit().map_err(|e| broken(io::Error::other(e)))
    }
}

/// A server's fault, unless it is this machine's.
fn broken(error: io::Error) -> Error {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<git2::Error>());
    let Some(cause) = cause else { return Error::new(Kind::Remote, "the pack is broken").because(error) };
    if cause.class() == git2::ErrorClass::Os {
        return Error::internal(format!("cannot write the pack: {}", cause.message()))
            .hint("free space there or use a larger volume, then run again");
    }
    Error::new(Kind::Remote, format!("the pack is broken: {}", cause.message()))
}
