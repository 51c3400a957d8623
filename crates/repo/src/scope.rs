//! How much of a commit a checkout holds: which paths, and how large they may be.
//!
//! A few small objects can name a thousand million files, so the trees are walked, counting, before anything is
//! written; the rest of the repository is not even looked at.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use git2::{ObjectType, Odb, Oid, Repository};
use step::{Cancel, Error, Kind, Result};

use crate::remote::git_error;
use crate::tree::{self, Changes, Entry};

/// What a clone may hold at most. What is larger fails as [`Kind::BadInput`] before a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloneLimits {
    /// Files, links and directories. 1,000,000 by default.
    pub max_entries: u64,
    /// Directories within directories, counted from the root of the repository. 200 by default.
    pub max_depth: usize,
    /// A file's size in bytes. 256 MiB by default.
    pub max_file_size: u64,
}

impl Default for CloneLimits {
    fn default() -> Self {
        CloneLimits { max_entries: 1_000_000, max_depth: 200, max_file_size: 256 << 20 }
    }
}

/// The paths that a checkout holds.
#[derive(Debug)]
pub(crate) struct Scope {
    /// `/`-separated, none within another; `None` for everything.
    only: Option<Vec<Vec<u8>>>,
    limits: CloneLimits,
}

// === impl Scope ===

impl Scope {
    pub(crate) fn everything(limits: CloneLimits) -> Self {
        Scope { only: None, limits }
    }

    /// Only `paths`, relative to the repository's root.
    pub(crate) fn of(paths: &[&Path], limits: CloneLimits) -> Result<Self> {
        let mut names = Vec::new();
        for path in paths {
            let mut name = Vec::new();
            for part in path.components() {
                match part {
                    Component::CurDir => {}
                    Component::Normal(part) => name = tree::join(&name, part.as_bytes()),
                    _ => return Err(Error::bad_input(format!("{} is not a path in a repository", path.display()))),
                }
            }
            if name.is_empty() {
                return Ok(Scope::everything(limits));
            }
            names.push(name);
        }
        names.sort();
        let within = |inner: &[u8], outer: &[u8]| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(b"/"));
        let outer = names.clone();
        names.retain(|name| !outer.iter().any(|other| within(name, other)));
        names.dedup();
        Ok(Scope { only: Some(names), limits })
    }

    /// The paths, unless it is everything.
    pub(crate) fn paths(&self) -> Option<impl Iterator<Item = &Path>> {
        self.only.as_ref().map(|names| names.iter().map(|name| Path::new(OsStr::from_bytes(name))))
    }

    /// `root` with nothing but what is in scope. Paths that it does not have are left out.
    pub(crate) fn narrow(&self, repo: &Repository, root: Oid) -> Result<Oid> {
        let Some(only) = &self.only else { return Ok(root) };
        let odb = odb(repo)?;
        let mut kept = Changes::new();
        for name in only {
            if let Some(entry) = self.find(repo, &odb, root, name)? {
                kept.insert(name.clone(), Some(entry));
            }
        }
        tree::apply_to(repo, None, &kept)
    }

    /// The entry at `name`. Looks only at the trees on the way.
    fn find(&self, repo: &Repository, odb: &Odb<'_>, root: Oid, name: &[u8]) -> Result<Option<Entry>> {
        let mut at = Entry::directory(root);
        let mut passed: &[u8] = b"";
        for part in name.split(|byte| *byte == b'/') {
            if !at.is_tree() {
                return Ok(None);
            }
            self.refuse_large(odb, at, passed)?;
            let tree = repo.find_tree(at.id).map_err(|e| unreadable(passed, e))?;
            let Some(entry) = tree.get_name_bytes(part) else { return Ok(None) };
            at = Entry { id: entry.id(), mode: entry.filemode_raw() };
            passed = &name[..(passed.len() + usize::from(!passed.is_empty()) + part.len())];
            if at.is_submodule() {
                return Err(tree::submodule(passed));
            }
            if at.is_link() {
                return Err(
                    Error::bad_input(format!("{} is a symbolic link", shown(passed))).hint("give the directory that it leads to")
                );
            }
        }
        Ok(Some(at))
    }

    /// Walks `root`, and fails when it is beyond the limits or has what cannot be a file's name.
    pub(crate) fn examine(&self, repo: &Repository, root: Oid, cancel: &Cancel) -> Result<()> {
        let mut walk = Walk { scope: self, repo, odb: odb(repo)?, cancel, path: Vec::new(), entries: 0 };
        walk.tree(Entry::directory(root), 0)
    }

    fn refuse_large(&self, odb: &Odb<'_>, entry: Entry, path: &[u8]) -> Result<()> {
        let (size, kind) = odb.read_header(entry.id).map_err(|e| unreadable(path, e))?;
        let expected = if entry.is_tree() { ObjectType::Tree } else { ObjectType::Blob };
        if kind != expected {
            return Err(corrupt(format!("{} is a {expected}, and its object {} is a {kind}", shown(path), entry.id)));
        }
        if size as u64 > self.limits.max_file_size {
            let limit = self.limits.max_file_size;
            return Err(Error::bad_input(format!("{} has {size} bytes, more than the {limit} allowed", shown(path)))
                .hint("if that is right, raise max-file-size"));
        }
        Ok(())
    }
}

struct Walk<'a> {
    scope: &'a Scope,
    repo: &'a Repository,
    odb: Odb<'a>,
    cancel: &'a Cancel,
    path: Vec<u8>,
    entries: u64,
}

// === impl Walk ===

impl Walk<'_> {
    fn tree(&mut self, entry: Entry, depth: usize) -> Result<()> {
        let CloneLimits { max_entries, max_depth, .. } = self.scope.limits;
        self.cancel.check()?;
        if depth > max_depth {
            return Err(Error::bad_input(format!("{} is more than {max_depth} directories deep", shown(&self.path)))
                .hint("no catalog is that deep; remove it from the branch"));
        }
        self.scope.refuse_large(&self.odb, entry, &self.path)?;
        let tree = self.repo.find_tree(entry.id).map_err(|e| unreadable(&self.path, e))?;
        let mut names = HashSet::with_capacity(tree.len());
        for child in tree.iter() {
            let name = child.name_bytes();
            refuse_name(&self.path, name)?;
            if !names.insert(name.to_vec()) {
                return Err(corrupt(format!("{} has two entries named {}", shown(&self.path), quoted(name))));
            }
            self.entries += 1;
            if self.entries > max_entries {
                return Err(Error::bad_input(format!("there are more than {max_entries} files, at {}", shown(&self.path)))
                    .hint("no catalog has that many; remove them from the branch, or ask for a directory with fewer"));
            }
            let length = self.path.len();
            self.path = tree::join(&self.path, name);
            let child = Entry { id: child.id(), mode: child.filemode_raw() };
            if child.is_tree() {
                self.tree(child, depth + 1)?;
            } else if !child.is_submodule() {
                self.scope.refuse_large(&self.odb, child, &self.path)?;
            }
            self.path.truncate(length);
        }
        Ok(())
    }
}

/// Git itself writes no such names; they lead out of the directory, or into `.git`.
fn refuse_name(path: &[u8], name: &[u8]) -> Result<()> {
    if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || name.eq_ignore_ascii_case(b".git") {
        return Err(corrupt(format!("{} has an entry named {}", shown(path), quoted(name))));
    }
    Ok(())
}

fn odb(repo: &Repository) -> Result<Odb<'_>> {
    repo.odb().map_err(|e| git_error("cannot open the objects", e))
}

fn unreadable(path: &[u8], error: git2::Error) -> Error {
    let error = git_error(format_args!("cannot read {}", shown(path)), error);
    if error.kind() == Kind::BadInput { error.hint(REPAIR) } else { error }
}

fn corrupt(what: String) -> Error {
    Error::bad_input(what).hint(REPAIR)
}

const REPAIR: &str = "the repository is damaged: `git fsck` there says more";

/// A path as an error names it.
fn shown(path: &[u8]) -> String {
    if path.is_empty() { "the root directory".into() } else { String::from_utf8_lossy(path).escape_debug().to_string() }
}

fn quoted(name: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(name))
}
