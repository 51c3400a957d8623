//! Workspaces: what a run binds, and what a task gets of it.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use step::{Error, Result};

/// What a workspace of a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Where its files come from.
    pub source: Source,
    /// The directory in it that is the workspace.
    pub sub_path: Option<String>,
}

/// Where a workspace's files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A new directory that all tasks share, as a `volumeClaimTemplate` gives.
    Fresh,
    /// A new directory for each task, as an `emptyDir` gives.
    PerTask,
    /// The files of a ConfigMap or Secret, for each task anew.
    Files(BTreeMap<String, Vec<u8>>),
}

/// A workspace as a task has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Its directory on this machine; `None` when it is optional and not bound.
    pub host: Option<PathBuf>,
    /// Where a container has it.
    pub mount: String,
    /// The Task only reads it.
    pub read_only: bool,
}

impl Binding {
    /// With all of `source`.
    pub fn new(source: Source) -> Self {
        Binding { source, sub_path: None }
    }
}

/// `sub_path` below `base`; as Kubernetes does, it is created, and must not lead out.
pub(crate) fn below(base: &Path, sub_path: &str) -> Result<PathBuf> {
    let relative = Path::new(sub_path);
    if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(Error::bad_input(format!("the subPath {sub_path:?} leads out of its workspace"))
            .hint("write a relative path without `..`"));
    }
    let path = base.join(relative);
    make_dir(&path)?;
    // A link inside of the workspace may lead out as well.
    let real = |path: &Path| path.canonicalize().map_err(|e| Error::io(format_args!("cannot find {}", path.display()), e));
    if !real(&path)?.starts_with(real(base)?) {
        return Err(Error::bad_input(format!("the subPath {sub_path:?} leads out of its workspace by a symbolic link")));
    }
    Ok(path)
}

pub(crate) fn make_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|e| Error::io(format_args!("cannot make {}", path.display()), e))
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| Error::io(format_args!("cannot write {}", path.display()), e))
}
