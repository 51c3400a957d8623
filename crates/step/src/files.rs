//! Files that are whole or absent: write beside, fsync, rename.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};

use crate::{Error, Kind, Result};

/// Writes `bytes` to `path` so that a reader, or a crash, sees the old content or the new and nothing between.
///
/// The file gets mode 0644 as far as the umask allows, as a file made by `open` would; a file that was there keeps its mode.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |e| Error::io(format_args!("cannot write {}", path.display()), e);
    let dir = parent(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".stepwright-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    let mut file = builder.tempfile_in(dir).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    if let Ok(metadata) = fs::metadata(path) {
        file.as_file().set_permissions(metadata.permissions()).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    sync_dir(dir)
}

/// Renames `from` to `to` (both on one file system) and makes the rename last.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|e| Error::io(format_args!("cannot rename {} to {}", from.display(), to.display()), e))?;
    sync_dir(parent(to))
}

/// Makes what happened to the names in `dir` last through a power cut.
pub fn sync_dir(dir: &Path) -> Result<()> {
    let failed = |e| Error::io(format_args!("cannot sync {}", dir.display()), e);
    File::open(dir).map_err(failed)?.sync_all().map_err(failed)
}

pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// A regular file's bytes, at most `longest`; `None` when it is not there. Links are followed: Secrets are mounted as links.
pub fn read_regular(path: &Path, longest: u64) -> Result<Option<Vec<u8>>> {
    let failed = |error| Error::io(format_args!("cannot read {}", path.display()), error);
    match fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(failed(error)),
        // To open a pipe would wait for somebody to write to it; a device may never end.
        Ok(metadata) if !metadata.is_file() => {
            return Err(Error::bad_input(format!("{} is not a regular file", path.display())));
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(longest + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > longest {
        return Err(Error::bad_input(format!("{} is larger than {longest} bytes", path.display())));
    }
    Ok(Some(bytes))
}

/// The right to change what is in a directory, for one process at a time. Given back when dropped, and by the system when
/// the process dies.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the lock of `dir`. Fails as a conflict when another run has it.
    ///
    /// It is an advisory lock: only programs that take it keep to it. A file system without locks gives it to everybody.
    pub fn take(dir: &Path) -> Result<Self> {
        let file = File::open(dir).map_err(|e| Error::io(format_args!("cannot open {}", dir.display()), e))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                Err(Error::new(Kind::Conflict, format!("another run is changing {}", dir.display()))
                    .hint("run again when it has finished"))
            }
            _ => Ok(DirLock { _file: file }),
        }
    }
}

/// The real path of `path`, which must lie in `root` also after symbolic links are followed.
///
/// Fails as not found when either is missing, and as bad input when `path` leads out of `root`.
pub fn contained(root: &Path, path: &Path) -> Result<PathBuf> {
    let real_root = root.canonicalize().map_err(|e| Error::io(format_args!("cannot open {}", root.display()), e))?;
    let real = path.canonicalize().map_err(|e| Error::io(format_args!("cannot open {}", path.display()), e))?;
    if real.starts_with(&real_root) {
        return Ok(real);
    }
    Err(Error::bad_input(format!("{} leads out of {} (to {})", path.display(), root.display(), real.display()))
        .hint("remove the symbolic link, or copy what it points to into the tree"))
}

/// The real path of the directory `path` below `root`, which is made where it is missing.
///
/// Fails as bad input when a link in it leads out of `root`: nothing is made there.
pub fn make_below(root: &Path, path: &RelativePath) -> Result<PathBuf> {
    let mut dir = contained(root, root)?;
    for part in path.as_path().components().filter(|part| *part != Component::CurDir) {
        dir.push(part);
        match fs::create_dir(&dir) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(Error::io(format_args!("cannot make {}", dir.display()), error));
            }
            _ => dir = contained(root, &dir)?,
        }
    }
    if dir.is_dir() { Ok(dir) } else { Err(Error::bad_input(format!("{} is not a directory", dir.display()))) }
}

/// A relative path that stays where it is put: no root, no `..`, no `$`, not empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelativePath(PathBuf);

/// Why a text is not a [`RelativePath`].
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidRelativePath(&'static str);

impl RelativePath {
    /// The path, relative.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for RelativePath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl std::fmt::Display for RelativePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}

impl std::str::FromStr for RelativePath {
    type Err = InvalidRelativePath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `$` is refused because kubelet and Tekton expand `$(...)` in what they pass on.
        if text.contains(['$', '\0', '\n']) {
            return Err(InvalidRelativePath("it holds `$`, a line break or a NUL"));
        }
        let mut path = PathBuf::new();
        for component in Path::new(text).components() {
            match component {
                Component::Normal(part) => path.push(part),
                Component::CurDir => {}
                Component::ParentDir => return Err(InvalidRelativePath("it holds `..`")),
                Component::RootDir | Component::Prefix(_) => return Err(InvalidRelativePath("it is absolute")),
            }
        }
        if text.is_empty() {
            return Err(InvalidRelativePath("it is empty"));
        }
        if path.as_os_str().is_empty() {
            path.push(".");
        }
        Ok(RelativePath(path))
    }
}

impl std::fmt::Display for InvalidRelativePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a path below its directory: {}", self.0)
    }
}

impl std::error::Error for InvalidRelativePath {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths() {
        for (text, path) in [("configs", "configs"), ("./a//b/", "a/b"), (".", "."), ("..a", "..a")] {
            assert_eq!(text.parse::<RelativePath>().unwrap().as_path(), Path::new(path), "{text}");
        }
        for text in ["", "..", "a/../b", "/etc", "$(params.x)", "a\nb", "a\0"] {
            assert!(text.parse::<RelativePath>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn links_out_of_the_tree_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("in"), "").unwrap();
        fs::write(dir.path().join("out"), "").unwrap();
        std::os::unix::fs::symlink("in", root.join("good")).unwrap();
        std::os::unix::fs::symlink("../out", root.join("bad")).unwrap();
        assert!(contained(&root, &root.join("good")).is_ok());
        assert_eq!(contained(&root, &root.join("bad")).unwrap_err().kind(), Kind::BadInput);
        assert_eq!(contained(&root, &root.join("none")).unwrap_err().kind(), Kind::NotFound);
    }

    #[test]
    fn directories_are_made_below_the_root_only() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("file"), "").unwrap();
        std::os::unix::fs::symlink("..", root.join("out")).unwrap();
        let make = |path: &str| make_below(&root, &path.parse().unwrap()).map_err(|error| error.kind());
        let real = root.canonicalize().unwrap();
        assert_eq!((make("."), make("a/b"), make("a")), (Ok(real.clone()), Ok(real.join("a/b")), Ok(real.join("a"))));
        assert_eq!((make("out/a"), make("file"), make("out")), (Err(Kind::BadInput), Err(Kind::BadInput), Err(Kind::BadInput)));
        assert!(make("file/a").is_err() && !dir.path().join("a").exists());
    }

    #[test]
    fn a_directory_is_locked_once() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DirLock::take(dir.path()).unwrap();
        assert_eq!(DirLock::take(dir.path()).unwrap_err().kind(), Kind::Conflict);
        drop(lock);
        DirLock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(write_atomic(&path.join("below-a-file"), b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
