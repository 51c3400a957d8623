//! Trees: what changed between two, and a tree with changes applied.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use git2::{ObjectType, Oid, Repository, Tree};
use step::{Error, Result};

use crate::remote::git_error;

const DIRECTORY: i32 = 0o040_000;
const FILE: i32 = 0o100_644;
const EXECUTABLE: i32 = 0o100_755;
const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;

/// An entry of a tree: object and mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: Oid,
    pub(crate) mode: i32,
}

/// One path's change.
type Change<'a> = (&'a [u8], Option<Entry>);

/// What happens to the paths of a tree: the new entry, or `None` for gone. Paths are `/`-separated bytes.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Entry>>;

// === impl Entry ===

impl Entry {
    pub(crate) fn directory(id: Oid) -> Self {
        Entry { id, mode: DIRECTORY }
    }

    pub(crate) fn is_tree(self) -> bool {
        self.mode == DIRECTORY
    }

    pub(crate) fn is_link(self) -> bool {
        self.mode == LINK
    }

    /// A commit of another repository, which lives elsewhere.
    pub(crate) fn is_submodule(self) -> bool {
        self.mode == SUBMODULE
    }
}

/// The entry at `path`, if any.
pub(crate) fn entry_at(tree: &Tree<'_>, path: &[u8]) -> Option<Entry> {
    let entry = tree.get_path(Path::new(OsStr::from_bytes(path))).ok()?;
    Some(Entry { id: entry.id(), mode: entry.filemode_raw() })
}

/// What turns `old` into `new`, in files, links and submodules. Only trees that differ are read.
pub(crate) fn changes(repo: &Repository, old: Oid, new: Oid) -> Result<Changes> {
    let mut changes = Changes::new();
    diff(repo, &mut Vec::new(), Some(old), Some(new), &mut changes).map_err(|e| git_error("cannot compare two trees", e))?;
    Ok(changes)
}

fn diff(
    repo: &Repository,
    path: &mut Vec<u8>,
    old: Option<Oid>,
    new: Option<Oid>,
    changes: &mut Changes,
) -> Result<(), git2::Error> {
    if old == new {
        return Ok(());
    }
    let mut names: BTreeMap<Vec<u8>, [Option<Entry>; 2]> = BTreeMap::new();
    for (side, id) in [old, new].into_iter().enumerate() {
        let Some(id) = id else { continue };
        for entry in repo.find_tree(id)?.iter() {
            names.entry(entry.name_bytes().to_vec()).or_default()[side] =
                Some(Entry { id: entry.id(), mode: entry.filemode_raw() });
        }
    }
    for (name, [old, new]) in names {
        if old == new {
            continue;
        }
        let length = path.len();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&name);
        let file = |entry: Option<Entry>| entry.filter(|entry| !entry.is_tree());
        let tree = |entry: Option<Entry>| entry.filter(|entry| entry.is_tree()).map(|entry| entry.id);
        if file(old) != file(new) {
            changes.insert(path.clone(), file(new));
        }
        diff(repo, path, tree(old), tree(new), changes)?;
        path.truncate(length);
    }
    Ok(())
}

/// `base` with `changes`, written to `repo`. Directories without entries vanish, as git has none.
///
/// A change below a path that is a file in `base` replaces the file; below a submodule it is refused.
pub(crate) fn apply(repo: &Repository, base: Oid, changes: &Changes) -> Result<Oid> {
    apply_to(repo, Some(base), changes)
}

/// As [`apply`]; `None` is the empty tree.
pub(crate) fn apply_to(repo: &Repository, base: Option<Oid>, changes: &Changes) -> Result<Oid> {
    let list: Vec<Change<'_>> = changes.iter().map(|(path, entry)| (path.as_slice(), *entry)).collect();
    match apply_in(repo, base, &mut Vec::new(), &list)? {
        Some(tree) => Ok(tree),
        None => repo.treebuilder(None).and_then(|empty| empty.write()).map_err(|e| git_error("cannot write a tree", e)),
    }
}

/// `list` is sorted by path, so the changes of one directory stand together. `at` is that directory's path.
fn apply_in(repo: &Repository, base: Option<Oid>, at: &mut Vec<u8>, list: &[Change<'_>]) -> Result<Option<Oid>> {
    let failed = |e| git_error("cannot write a tree", e);
    let base = base.map(|id| repo.find_tree(id)).transpose().map_err(failed)?;
    let mut builder = repo.treebuilder(base.as_ref()).map_err(failed)?;
    let mut here = Vec::new();
    let mut below: BTreeMap<&[u8], Vec<Change<'_>>> = BTreeMap::new();
    for (path, entry) in list {
        match path.iter().position(|byte| *byte == b'/') {
            Some(slash) => below.entry(&path[..slash]).or_default().push((&path[slash + 1..], *entry)),
            None => here.push((*path, *entry)),
        }
    }
    for (name, list) in &below {
        let is_submodule = builder.get(name).map_err(failed)?.is_some_and(|entry| entry.filemode() == SUBMODULE);
        if is_submodule && list.iter().any(|(_, entry)| entry.is_some()) {
            return Err(submodule(&join(at, name)));
        }
    }
    // Removals first: a file that becomes a directory is both.
    for (name, entry) in here {
        if builder.get(name).map_err(failed)?.is_some() {
            builder.remove(name).map_err(failed)?;
        }
        if let Some(entry) = entry {
            builder.insert(name, entry.id, entry.mode).map_err(failed)?;
        }
    }
    for (name, list) in below {
        let directory = builder.get(name).map_err(failed)?.filter(|entry| entry.kind() == Some(ObjectType::Tree));
        let directory = directory.map(|entry| entry.id());
        let length = at.len();
        *at = join(at, name);
        let applied = apply_in(repo, directory, at, &list)?;
        at.truncate(length);
        match applied {
            Some(id) => {
                builder.insert(name, id, DIRECTORY).map_err(failed)?;
            }
            None if directory.is_some() => builder.remove(name).map_err(failed)?,
            None => {}
        }
    }
    if builder.is_empty() { Ok(None) } else { builder.write().map(Some).map_err(failed) }
}

/// The error for work on a path that is a submodule or lies below one.
pub(crate) fn submodule(path: &[u8]) -> Error {
    let message = format!("{} is a submodule", String::from_utf8_lossy(path).escape_debug());
    Error::bad_input(message).hint("its files belong to another repository: work on that one")
}

/// What the worktree at `root` has for `path` (relative) as changes against `base`: a file or link, a directory with all
/// beneath it, or nothing where something was. `base` is what the worktree was made from.
pub(crate) fn from_worktree(repo: &Repository, base: &Tree<'_>, root: &Path, path: &Path, changes: &mut Changes) -> Result<()> {
    let mut name = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) if part != ".git" => {
                refuse_link(root, &name)?;
                name = join(&name, part.as_bytes());
            }
            _ => return Err(Error::internal(format!("{} is not a path in the worktree", path.display()))),
        }
    }
    // What stood there before goes, unless the worktree still has it.
    let before = if name.is_empty() { Some(Entry::directory(base.id())) } else { entry_at(base, &name) };
    if let Some(before) = before {
        remove(repo, root, &name, before, changes)?;
    }
    add(repo, &root.join(path), &name, changes)
}

/// What lies behind a link is not in the tree there.
fn refuse_link(root: &Path, parent: &[u8]) -> Result<()> {
    let file = root.join(OsStr::from_bytes(parent));
    if !parent.is_empty() && file.is_symlink() {
        let message = format!("{} is a symbolic link", String::from_utf8_lossy(parent).escape_debug());
        return Err(Error::bad_input(message).hint("give the directory that it leads to"));
    }
    Ok(())
}

fn remove(repo: &Repository, root: &Path, path: &[u8], entry: Entry, changes: &mut Changes) -> Result<()> {
    if entry.is_submodule() {
        // Its directory is empty in the worktree; that does not mean it was removed.
        let is_there = fs::symlink_metadata(root.join(OsStr::from_bytes(path))).is_ok_and(|file| file.is_dir());
        if is_there {
            return Ok(());
        }
    }
    if !entry.is_tree() {
        changes.insert(path.to_vec(), None);
        return Ok(());
    }
    let tree = repo.find_tree(entry.id).map_err(|e| git_error("cannot read a tree", e))?;
    for child in tree.iter() {
        let below = join(path, child.name_bytes());
        remove(repo, root, &below, Entry { id: child.id(), mode: child.filemode_raw() }, changes)?;
    }
    Ok(())
}

fn add(repo: &Repository, file: &Path, path: &[u8], changes: &mut Changes) -> Result<()> {
    let failed = |error| Error::io(format_args!("cannot read {}", file.display()), error);
    let metadata = match fs::symlink_metadata(file) {
        // Something above it may have become a file, too.
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(()),
        other => other.map_err(failed)?,
    };
    if metadata.is_dir() {
        for child in fs::read_dir(file).map_err(failed)? {
            let child = child.map_err(failed)?;
            if child.file_name() != ".git" {
                add(repo, &child.path(), &join(path, child.file_name().as_bytes()), changes)?;
            }
        }
        return Ok(());
    }
    let (bytes, mode) = if metadata.is_symlink() {
        (fs::read_link(file).map_err(failed)?.into_os_string().as_bytes().to_vec(), LINK)
    } else if metadata.is_file() {
        let executable = metadata.permissions().mode() & 0o100 != 0;
        (fs::read(file).map_err(failed)?, if executable { EXECUTABLE } else { FILE })
    } else {
        return Err(Error::bad_input(format!("{} is neither file, directory nor link", file.display())));
    };
    // The bytes as they are: attributes in the repository must not run filters here.
    let id = repo.blob(&bytes).map_err(|e| git_error(format_args!("cannot store {}", file.display()), e))?;
    changes.insert(path.to_vec(), Some(Entry { id, mode }));
    Ok(())
}

/// `path/name`.
pub(crate) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() }
}

/// Whether a directory of `path` became a file in `new`.
pub(crate) fn blocked(new: &Tree<'_>, old: &Tree<'_>, path: &[u8]) -> bool {
    let file = |tree, parent| entry_at(tree, parent).filter(|entry| !entry.is_tree());
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes.map(|at| &path[..at]).any(|parent| file(new, parent).is_some() && file(new, parent) != file(old, parent))
}
