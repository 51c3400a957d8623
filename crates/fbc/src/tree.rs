//! A catalog's files: found, checked and listed in opm's order, their contents read only when somebody works on them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use step::{Cancel, Error, Kind, Result};

use crate::edit::Index;
use crate::ignore::{IGNORE_FILE, Matcher};

/// How much of a catalog's input is too much. A file beyond a limit is refused as bad input, not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest file, in bytes. Default 256 MiB.
    pub max_file_size: u64,
    /// How deeply YAML collections may nest, flow and block each. Default 255; more than 1000 counts as 1000.
    pub max_yaml_depth: usize,
    /// How many scalars and collections a YAML document may hold. Default 2 million, for which memory is about 200 MB.
    pub max_yaml_nodes: usize,
    /// How many bytes of JSON a YAML document's aliases may expand to. Default 64 MiB.
    pub max_alias_bytes: usize,
}

/// A catalog's files in opm's walk order, by path below the catalog.
///
/// Contents are on disk, in memory, or the kept parts of either (after an [`Edit`](crate::Edit)).
#[derive(Clone, Debug, Default)]
pub struct Tree {
    root: PathBuf,
    limits: Limits,
    pub(crate) files: BTreeMap<PathBuf, Content>,
    /// Files that opm does not read: ignore files and what they match.
    pub(crate) ignored: BTreeMap<PathBuf, Content>,
    /// Directories, empty ones too.
    pub(crate) dirs: BTreeSet<PathBuf>,
}

/// Where a file's bytes are.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// On disk, at the file's path below the tree's root.
    Disk,
    /// In memory.
    Bytes(Arc<[u8]>),
    /// These parts of another content of that length in bytes, one after the other.
    Kept(Arc<[Range<usize>]>, usize, Box<Content>),
    /// opm cannot read it and says this.
    Unreadable(String),
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Limits { max_file_size: 256 << 20, max_yaml_depth: 255, max_yaml_nodes: 2_000_000, max_alias_bytes: 64 << 20 }
    }
}

/// A name for the scratch directory of [`crate::Edit::apply`] that [`Tree::read`] passes over at a catalog's top.
pub const SCRATCH: &str = ".stepwright-edit";

// === impl Tree ===

impl Tree {
    /// Lists the files below `dir`.
    ///
    /// Fails as not found when `dir` is missing, and as bad input when it is no directory, when a symbolic link leads out
    /// of it, or when a file is larger than the limit or neither file nor link.
    pub fn read(dir: &Path, limits: &Limits) -> Result<Tree> {
        let metadata = fs::metadata(dir).map_err(|e| Error::io(format_args!("cannot open catalog {}", dir.display()), e))?;
        if !metadata.is_dir() {
            return Err(Error::bad_input(format!("catalog {} is not a directory", dir.display())));
        }
        let mut found = Vec::new();
        let mut dirs = BTreeSet::new();
        walk(dir, Path::new(""), limits, &mut found, &mut dirs)?;
        let mut tree = Tree { root: dir.to_owned(), limits: limits.clone(), dirs, ..Tree::default() };
        tree.classify(found);
        Ok(tree)
    }

    /// A catalog in memory: paths below the catalog and their bytes. A path that comes twice keeps its last bytes.
    pub fn from_files<P: Into<PathBuf>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, B)>) -> Tree {
        let mut tree = Tree::default();
        let files: Vec<_> =
            files.into_iter().map(|(path, bytes)| (path.into(), Content::Bytes(Arc::from(bytes.into())))).collect();
        for (path, _) in &files {
            tree.dirs.extend(path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty()).map(Path::to_owned));
        }
        tree.classify(files);
        tree
    }

    /// The names of all packages that an object of the catalog belongs to.
    ///
    /// Fails as bad input when a file cannot be read as objects, since what it holds cannot be known.
    pub fn packages(&self, cancel: &Cancel) -> Result<BTreeSet<String>> {
        let index = Index::new(self, cancel)?;
        index.check_readable()?;
        Ok(index.all_packages())
    }

    /// The paths of the files that opm would read, in its order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// The directory that was read; empty for a catalog in memory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sorts files into those that opm reads and those that an ignore file keeps from it.
    fn classify(&mut self, found: Vec<(PathBuf, Content)>) {
        let found: BTreeMap<PathBuf, Content> = found.into_iter().collect();
        let mut matcher = Matcher::default();
        for (path, content) in &found {
            if path.file_name().is_some_and(|name| name == IGNORE_FILE) {
                let mut bytes = Vec::new();
                // An ignore file that cannot be read ignores nothing; opm then stops at a file that it cannot read.
                if self.load(path, content, &mut bytes).is_ok() {
                    matcher.add(path.parent().unwrap_or(Path::new("")), &bytes);
                }
            }
        }
        for (path, content) in found {
            let ignored = path.file_name().is_some_and(|name| name == IGNORE_FILE) || matcher.matches(&path);
            if ignored { &mut self.ignored } else { &mut self.files }.insert(path, content);
        }
    }

    /// Reads a file's bytes into `buffer`, which is cleared first.
    pub(crate) fn load(&self, path: &Path, content: &Content, buffer: &mut Vec<u8>) -> Result<()> {
        buffer.clear();
        match content {
            Content::Bytes(bytes) => buffer.extend_from_slice(bytes),
            Content::Unreadable(why) => return Err(Error::bad_input(why.clone())),
            Content::Kept(ranges, whole_length, whole) => {
                self.load(path, whole, buffer)?;
                if buffer.len() != *whole_length {
                    let changed = format!("{} changed while it was worked on", path.display());
                    return Err(Error::new(Kind::Conflict, changed).hint("run again"));
                }
                let mut length = 0;
                for range in ranges.iter() {
                    buffer.copy_within(range.clone(), length);
                    length += range.len();
                }
                buffer.truncate(length);
            }
            Content::Disk => {
                let full = self.root.join(path);
                let failed = |e| Error::io(format_args!("cannot read {}", full.display()), e);
                let file = File::open(&full).map_err(failed)?;
                let size = file.metadata().map_err(failed)?.len();
                buffer.reserve(usize::try_from(size.min(self.limits.max_file_size)).unwrap_or(0) + 1);
                let read = file.take(self.limits.max_file_size + 1).read_to_end(buffer).map_err(failed)?;
                check_size(&full, read as u64, &self.limits)?;
            }
        }
        Ok(())
    }

    /// The bytes of any file of the tree, also of an ignored one.
    pub(crate) fn file(&self, path: &Path) -> Option<Result<Vec<u8>>> {
        let content = self.files.get(path).or_else(|| self.ignored.get(path))?;
        let mut bytes = Vec::new();
        Some(self.load(path, content, &mut bytes).map(|()| bytes))
    }

    /// Runs `work` on every file that opm would read, one thread per processor, and returns what it said in walk order.
    ///
    /// Of several errors the one of the first file is returned. A thread holds one file at a time.
    pub(crate) fn for_each_file<T: Send>(
        &self,
        cancel: &Cancel,
        work: impl Fn(&Path, &[u8]) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let files: Vec<_> = self.files.iter().filter(|(_, content)| !matches!(content, Content::Unreadable(_))).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len().max(1));
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(files.len()));
        let run = || {
            let mut buffer = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some((path, content)) = files.get(index) else { return };
                let answer = cancel.check().and_then(|()| match content {
                    Content::Bytes(bytes) => work(path, bytes),
                    _ => self.load(path, content, &mut buffer).and_then(|()| work(path, &buffer)),
                });
                if answer.is_err() {
                    // Let the other threads run out of work.
                    next.store(files.len(), Ordering::Relaxed);
                }
                done.lock().unwrap_or_else(PoisonError::into_inner).push((index, answer));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(run);
            }
            run();
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, answer)| answer).collect()
    }
}

fn check_size(path: &Path, size: u64, limits: &Limits) -> Result<()> {
    if size <= limits.max_file_size {
        return Ok(());
    }
    Err(Error::bad_input(format!("{} has {size} bytes or more, the limit is {} bytes", path.display(), limits.max_file_size))
        .hint("split the file, or raise max-file-size if it is meant to be this large"))
}

/// Directories at a catalog's top that are no part of it: Git's own where the catalog is a whole worktree, and ours.
fn is_passed_over(name: &str) -> bool {
    name == ".git" || name.starts_with(".stepwright-")
}

fn walk(
    root: &Path,
    below: &Path,
    limits: &Limits,
    found: &mut Vec<(PathBuf, Content)>,
    dirs: &mut BTreeSet<PathBuf>,
) -> Result<()> {
    let dir = root.join(below);
    let failed = |e| Error::io(format_args!("cannot list {}", dir.display()), e);
    for entry in fs::read_dir(&dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && below.as_os_str().is_empty() && is_passed_over(&entry.file_name().to_string_lossy()) {
            continue;
        }
        if kind.is_dir() {
            walk(root, &path, limits, found, dirs)?;
            dirs.insert(path);
        } else {
            let content = look_at(root, &path, kind.is_symlink(), limits)?;
            found.push((path, content));
        }
    }
    Ok(())
}

/// What a directory entry that is no directory is, and that it may be read.
fn look_at(root: &Path, path: &Path, is_link: bool, limits: &Limits) -> Result<Content> {
    let full = &root.join(path);
    if is_link {
        match step::files::contained(root, full) {
            Ok(_) => {}
            Err(error) if error.kind() == Kind::NotFound => {
                return Ok(Content::Unreadable(format!("open {}: no such file or directory", path.display())));
            }
            Err(error) => return Err(error),
        }
    }
    let metadata = fs::metadata(full).map_err(|e| Error::io(format_args!("cannot open {}", full.display()), e))?;
    if metadata.is_dir() {
        // opm lists a link as a file, whatever it points to.
        return Ok(Content::Unreadable(format!("read {}: is a directory", full.display())));
    }
    if !metadata.is_file() {
        return Err(Error::bad_input(format!("{} is neither a file nor a directory", full.display())));
    }
    check_size(full, metadata.len(), limits)?;
    Ok(Content::Disk)
}
