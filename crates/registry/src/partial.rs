//! Files that are not whole yet: beside their place, under names that nobody takes for something else.

use std::ffi::OsStr;
use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

/// What their names begin with. `step::files` begins its names alike.
const PREFIX: &str = ".stepwright-";

/// A file in `dir` for what is not whole yet, removed when it is dropped, and locked so that [`remove_abandoned`] sees that
/// somebody is at it.
///
/// It gets mode 0644 as far as the umask allows, as a file made by `open` would.
pub(crate) fn new(dir: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(dir)
            .map_err(without_path)?;
        // Between the two another process may have taken it for abandoned, and may be about to remove it.
        let taken = matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock));
        if !taken && file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Whether a file of this name is one that was not whole.
pub(crate) fn is_partial(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(PREFIX))
}

/// Removes the partial files of `dir` that no process is writing any more. Those that resist stay: they do no harm but take
/// space.
pub(crate) fn remove_abandoned(dir: &Path) {
    let Ok(entries) = dir.read_dir() else { return };
    for entry in entries.flatten().filter(|entry| is_partial(&entry.file_name())) {
        // A pipe is not opened: that would wait for somebody to write to it.
        if entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The error without the name of the file that could not be made, which says nothing to anybody.
fn without_path(error: io::Error) -> io::Error {
    if error.get_ref().is_some() { error.kind().into() } else { error }
}
