//! Edits: packages out of a catalog, packages into it. Nothing is written before [`Edit::apply`].
//!
//! What stays, stays to the byte: a file that is not concerned is not touched, and of a file that several packages share
//! the other packages' objects are copied as they stand, comments and separators included.

mod apply;
mod index;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use step::{Cancel, Error, Result};

use crate::gotext::write_json;
use crate::name::PackageName;
use crate::opm::OpmVersion;
use crate::stream;
use crate::tree::{Content, Tree};
pub(crate) use index::Index;

/// Where catalogs that are made of fragments keep the deprecations of package P: in a directory P below this one.
const DEPRECATIONS_DIR: &str = "_operator-deprecations-content";
/// The objects that make a package, which replacing it replaces.
const PACKAGE_SCHEMAS: [&str; 3] = ["olm.package", "olm.channel", "olm.bundle"];

/// A catalog with changes that are not written yet.
///
/// Every method may be called again and sees what the ones before it did. The catalog is read once, by the first of them.
#[derive(Debug)]
pub struct Edit<'a> {
    now: Cow<'a, Tree>,
    index: Option<Index>,
    /// Files.
    changed: BTreeSet<PathBuf>,
    /// Packages' own directories that go with all that is in them.
    removed_dirs: BTreeSet<PathBuf>,
}

impl<'a> Edit<'a> {
    /// An edit that changes nothing so far.
    pub fn new(tree: &'a Tree) -> Self {
        Edit { now: Cow::Borrowed(tree), index: None, changed: BTreeSet::new(), removed_dirs: BTreeSet::new() }
    }

    /// Removes packages: every object that belongs to one, wherever it stands and whatever its schema.
    ///
    /// Files and directories that hold nothing else go with them. A package's own directory (its name, at the top or
    /// below `_operator-deprecations-content`) goes with all that is in it, READMEs and unreadable files too, unless it
    /// also holds objects of other packages. Returns the packages that were there.
    ///
    /// Fails as bad input when a file elsewhere cannot be read as objects, since it may hold objects of the packages.
    pub fn remove_packages(&mut self, names: &BTreeSet<PackageName>, cancel: &Cancel) -> Result<BTreeSet<PackageName>> {
        let names: BTreeSet<&str> = names.iter().map(PackageName::as_str).collect();
        let mut index = self.take_index(cancel)?;
        let mut found: BTreeSet<&str> = names.iter().copied().filter(|name| index.holds(name)).collect();
        for &name in &names {
            for dir in [PathBuf::from(name), Path::new(DEPRECATIONS_DIR).join(name)] {
                if self.holds(&dir) && index.packages_below(&dir).is_subset(&names) {
                    // Empty of objects, it still shows that the package was there.
                    if index.packages_below(&dir).is_empty() {
                        found.insert(name);
                    }
                    self.remove_dir(&dir, &mut index);
                }
            }
        }
        index.check_readable()?;
        for path in index.of(&names) {
            cancel.check()?;
            let goes = |piece: &index::Piece| piece.package.as_deref().is_some_and(|package| names.contains(package));
            self.cut(&path, &mut index, goes, cancel)?;
        }
        self.index = Some(index);
        found.into_iter().map(|name| name.parse().map_err(|e| Error::internal("a found name").because(e))).collect()
    }

    /// Puts a package into the catalog: `json` (a stream of its objects) becomes `<name>/catalog.json`, and the package's
    /// objects of the same schemas (at least `olm.package`, `olm.channel` and `olm.bundle`) go wherever they stand.
    ///
    /// When the catalog holds the same objects already, whatever their order, form and place, nothing changes and the
    /// answer is `false`. Fails as bad input when `json` cannot be read or holds objects of another package.
    pub fn put_package(&mut self, name: &PackageName, json: &[u8], cancel: &Cancel) -> Result<bool> {
        let target = Path::new(name.as_str()).join("catalog.json");
        let new = Wanted::read(name, json, &self.now, &target, cancel)?;
        let mut index = self.take_index(cancel)?;
        index.check_readable()?;
        let mut old = Vec::new();
        let places = index.of(&BTreeSet::from([name.as_str()]));
        let is_replaced =
            |piece: &index::Piece| piece.package.as_deref() == Some(name.as_str()) && new.schemas.contains(&*piece.schema);
        for path in &places {
            cancel.check()?;
            old.append(&mut self.canonical_objects(path, name.as_str(), &new.schemas, cancel)?);
        }
        old.sort_unstable();
        if old == new.objects {
            self.index = Some(index);
            return Ok(false);
        }
        for path in places {
            self.cut(&path, &mut index, is_replaced, cancel)?;
        }
        let mut bytes = json.to_vec();
        if let Some(rest) = self.now.files.get(&target) {
            // The package's file may hold objects that do not go: those of other packages or schemas.
            let mut kept = Vec::new();
            self.now.load(&target, rest, &mut kept)?;
            if !kept.trim_ascii_start().starts_with(b"{") {
                return Err(Error::bad_input(format!(
                    "{} is not JSON and holds objects that are not replaced",
                    target.display()
                ))
                .hint("move them to a file of their own"));
            }
            bytes.extend_from_slice(if bytes.ends_with(b"\n") { b"" } else { b"\n" });
            bytes.extend_from_slice(&kept);
        }
        self.now.to_mut().ignored.remove(&target);
        self.set(&target, Some(Content::Bytes(Arc::from(bytes))), &mut index, cancel)?;
        self.index = Some(index);
        Ok(true)
    }

    /// The catalog after the edit, to be validated before anything is written.
    ///
    /// It reads unchanged parts from where the catalog was read, so that it is of no use once the edit is applied there.
    pub fn tree(&self) -> Tree {
        self.now.clone().into_owned()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed_dirs.is_empty()
    }

    /// What is written or removed, below the catalog: files, and after them the directories that go with all that is in
    /// them, also what a [`Tree`] does not hold (such as a git submodule). A file in such a directory is named as well;
    /// directories that only become empty are not.
    pub fn changed_paths(&self) -> impl Iterator<Item = &Path> {
        self.changed.iter().map(PathBuf::as_path).chain(self.gone_dirs())
    }

    /// The directories that go with all that is in them; one may have been taken out and made again.
    fn gone_dirs(&self) -> impl Iterator<Item = &Path> {
        self.removed_dirs.iter().map(PathBuf::as_path).filter(|dir| !self.now.dirs.contains(*dir))
    }

    fn take_index(&mut self, cancel: &Cancel) -> Result<Index> {
        match self.index.take() {
            Some(index) => Ok(index),
            None => Index::new(&self.now, cancel),
        }
    }

    fn holds(&self, dir: &Path) -> bool {
        self.now.dirs.contains(dir)
    }

    /// Takes a directory out with all that is in it.
    fn remove_dir(&mut self, dir: &Path, index: &mut Index) {
        let now = self.now.to_mut();
        for files in [&mut now.files, &mut now.ignored] {
            let gone: Vec<_> = below(files, dir).cloned().collect();
            for path in gone {
                files.remove(&path);
                index.forget(&path);
                self.changed.insert(path);
            }
        }
        now.dirs.retain(|other| !other.starts_with(dir));
        self.removed_dirs.insert(dir.to_owned());
        self.remove_empty_parents(dir);
    }

    /// Cuts the pieces out of a file that `goes` says; a file without any pieces left goes, too.
    fn cut(&mut self, path: &Path, index: &mut Index, goes: impl Fn(&index::Piece) -> bool, cancel: &Cancel) -> Result<()> {
        let Some(file) = index.get(path) else { return Ok(()) };
        if !file.pieces.iter().any(&goes) {
            return Ok(());
        }
        let content = if file.pieces.iter().all(&goes) {
            None
        } else {
            let kept = file.kept(&goes);
            self.now.files.get(path).map(|content| Content::Kept(Arc::from(kept), file.length, Box::new(content.clone())))
        };
        self.set(path, content, index, cancel)
    }

    /// Gives a file other content, or none.
    fn set(&mut self, path: &Path, content: Option<Content>, index: &mut Index, cancel: &Cancel) -> Result<()> {
        self.changed.insert(path.to_owned());
        match content {
            Some(content) => {
                let now = self.now.to_mut();
                now.files.insert(path.to_owned(), content);
                now.dirs.extend(parents(path).map(Path::to_owned));
                index.read_again(path, &self.now, cancel)?;
            }
            None => {
                self.now.to_mut().files.remove(path);
                index.forget(path);
                self.remove_empty_parents(path);
            }
        }
        Ok(())
    }

    /// Takes out the directories above `path` that hold nothing any more but ignore files.
    fn remove_empty_parents(&mut self, path: &Path) {
        for dir in parents(path) {
            let is_ignore_file = |path: &PathBuf| path.file_name().is_some_and(|name| name == crate::ignore::IGNORE_FILE);
            if below(&self.now.files, dir).next().is_some() || !below(&self.now.ignored, dir).all(is_ignore_file) {
                return;
            }
            let gone: Vec<_> = below(&self.now.ignored, dir).cloned().collect();
            let now = self.now.to_mut();
            for path in gone {
                now.ignored.remove(&path);
                self.changed.insert(path);
            }
            now.dirs.retain(|other| !other.starts_with(dir));
        }
    }

    /// The package's objects of `schemas` in a file, in canonical form.
    fn canonical_objects(&self, path: &Path, name: &str, schemas: &BTreeSet<String>, cancel: &Cancel) -> Result<Vec<Vec<u8>>> {
        let mut objects = Vec::new();
        let Some(content) = self.now.files.get(path) else { return Ok(objects) };
        let mut bytes = Vec::new();
        self.now.load(path, content, &mut bytes)?;
        let read = stream::read(&bytes, OpmVersion::NEWEST, self.now.limits(), cancel, |blob| {
            if blob.package() == Some(name) && schemas.contains(&*blob.meta.schema) {
                objects.push(canonical(blob.json));
            }
            Ok(())
        });
        cancel.check()?;
        read.map_err(|fault| fault.into_error(path))?;
        Ok(objects)
    }
}

/// A package as it should be.
struct Wanted {
    /// Its objects in canonical form, sorted.
    objects: Vec<Vec<u8>>,
    schemas: BTreeSet<String>,
}

impl Wanted {
    fn read(name: &PackageName, json: &[u8], tree: &Tree, target: &Path, cancel: &Cancel) -> Result<Self> {
        let mut objects = Vec::new();
        let mut schemas: BTreeSet<String> = PACKAGE_SCHEMAS.map(str::to_owned).into();
        let read = stream::read(json, OpmVersion::NEWEST, tree.limits(), cancel, |blob| {
            if blob.package() != Some(name.as_str()) {
                let found = blob.package().map_or("no package".to_owned(), |package| format!("package {package:?}"));
                return Err(blob.fault(format!("an object of {found} where only those of {:?} belong", name.as_str())));
            }
            schemas.insert(blob.meta.schema.to_string());
            objects.push(canonical(blob.json));
            Ok(())
        });
        cancel.check()?;
        read.map_err(|fault| fault.into_error(target))?;
        objects.sort_unstable();
        Ok(Wanted { objects, schemas })
    }
}

/// The same text for the same value: keys sorted, numbers as `float64`, no blanks.
fn canonical(json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    match serde_json::from_str(json) {
        Ok(value) => write_json(&mut out, &value),
        // Nested too deeply to be compared other than by its text.
        Err(_) => out.extend_from_slice(json.as_bytes()),
    }
    out
}

/// The paths of `files` that lie below `dir`.
fn below<'f>(files: &'f BTreeMap<PathBuf, Content>, dir: &'f Path) -> impl Iterator<Item = &'f PathBuf> {
    files.range(dir.to_owned()..).map(|(path, _)| path).take_while(move |path| path.starts_with(dir))
}

/// The directories above `path`, the nearest first, without the catalog itself.
fn parents(path: &Path) -> impl Iterator<Item = &Path> {
    path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty())
}
