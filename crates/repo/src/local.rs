//! A repository on this machine: objects are borrowed, not copied, and a push is a compare-and-swap under git's own lock.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{ErrorCode, Repository, Signature};
use step::{Cancel, Error, Kind, Result};

use crate::pack::{Pack, Receiver};
use crate::remote::{Heads, commit_of, git_error, no_revision, refuse_beside};
use crate::{BranchName, CommitId, Push, Revision};
use step::files::read_regular;

/// A repository's path, bare or with a worktree.
pub(crate) struct Local(PathBuf);

/// Hooks that a push would run. The samples that `git init` leaves end in `.sample`.
const HOOKS: [&str; 7] =
    ["pre-receive", "update", "post-receive", "post-update", "reference-transaction", "proc-receive", "push-to-checkout"];

// === impl Local ===

impl Local {
    pub(crate) fn new(path: PathBuf) -> Self {
        Local(path)
    }

    pub(crate) fn heads(&self) -> Result<Heads> {
        self.references(&self.open()?, "refs/heads/")
    }

    /// The references below `prefix`, without it.
    fn references(&self, repo: &Repository, prefix: &str) -> Result<Heads> {
        let failed = |e| git_error(format_args!("cannot list the branches of {}", self.0.display()), e);
        let mut found = Heads::new();
        for reference in repo.references_glob(&format!("{prefix}*")).map_err(failed)? {
            let reference = reference.map_err(failed)?;
            if let (Ok(name), Some(id)) = (reference.name(), reference.resolve().ok().and_then(|direct| direct.target())) {
                found.insert(name.strip_prefix(prefix).unwrap_or(name).to_owned(), id.into());
            }
        }
        Ok(found)
    }

    /// Lets `into` read this repository's objects; git calls that alternates.
    pub(crate) fn fetch(&self, into: &Repository, revision: &Revision) -> Result<CommitId> {
        let source = self.open()?;
        let objects = source.commondir().join("objects");
        let objects = objects.canonicalize().map_err(|e| Error::io(format_args!("cannot open {}", objects.display()), e))?;
        let text = objects
            .to_str()
            .filter(|text| !text.contains('\n'))
            .ok_or_else(|| Error::bad_input(format!("the path {} is not plain text", objects.display())))?;
        let alternates = into.path().join("objects/info/alternates");
        if !alternates.exists() {
            fs::write(&alternates, format!("{text}\n"))
                .map_err(|e| Error::io(format_args!("cannot write {}", alternates.display()), e))?;
            let added = into.odb().and_then(|odb| odb.add_disk_alternate(text));
            added.map_err(|e| git_error(format_args!("cannot read the objects in {text}"), e))?;
        }
        into.odb().and_then(|odb| odb.refresh()).map_err(|e| git_error(format_args!("cannot read the objects in {text}"), e))?;
        let (heads, tags) = (self.references(&source, "refs/heads/")?, self.references(&source, "refs/tags/")?);
        match revision.find(&heads, &tags) {
            Some(id) => commit_of(&source, revision, id).map_err(|error| error.context(self.0.display())),
            None => Err(no_revision(self.0.display(), revision, &heads, &tags)),
        }
    }

    pub(crate) fn push(
        &self,
        branch: &BranchName,
        old: Option<CommitId>,
        new: CommitId,
        pack: &Pack,
        cancel: &Cancel,
    ) -> Result<Push> {
        let repo = self.open()?;
        self.refuse_policies(&repo, branch)?;
        let now = head(&repo, branch)?;
        if now == Some(new) {
            return Ok(Push::Done { head: new });
        }
        if now != old {
            return Ok(Push::Moved { head: now });
        }
        if old.is_none() {
            refuse_beside(branch, &self.heads()?)?;
        }
        store(&repo, pack, cancel)?;
        swap(&repo, branch, old, new, cancel)
    }

    fn open(&self) -> Result<Repository> {
        let path = self.git_dir()?;
        // `open_bare` looks neither above nor into the environment, and does not ask who owns the directory: that
        // question guards against running a stranger's hooks and filters, and we run none.
        Repository::open_bare(&path).map_err(|error| {
            let shown = self.0.display();
            match error.code() {
                _ if !self.0.exists() => Error::not_found(format!("no repository at {shown}: there is no such path")),
                ErrorCode::NotFound => Error::not_found(format!("no repository at {shown}"))
                    .hint("give the path of a bare repository, or of a directory with .git in it"),
                _ => {
                    let error = git_error(format_args!("cannot open the repository {shown}"), error);
                    let is_format = error.to_string().contains("extension") || error.to_string().contains("object format");
                    if is_format { error.hint("only repositories with SHA-1 ids are supported") } else { error }
                }
            }
        })
    }

    /// Where the objects are: here, in `.git`, or where the file `.git` of a linked worktree or a submodule says.
    fn git_dir(&self) -> Result<PathBuf> {
        let inner = self.0.join(".git");
        if inner.is_dir() {
            return Ok(inner);
        }
        if !inner.exists() {
            return Ok(self.0.clone());
        }
        let bytes = read_regular(&inner, 4096)?.unwrap_or_default();
        match bytes.trim_ascii_end().strip_prefix(b"gitdir: ") {
            Some(target) => Ok(self.0.join(OsStr::from_bytes(target))),
            None => Err(Error::bad_input(format!("{} does not say `gitdir: …`", inner.display()))),
        }
    }

    /// Over a path nobody would enforce these, so we do not go on.
    fn refuse_policies(&self, repo: &Repository, branch: &BranchName) -> Result<()> {
        let shown = self.0.display();
        let configured = repo.config().and_then(|config| config.get_path("core.hooksPath"));
        let hooks = configured.map(|path| repo.path().join(path)).unwrap_or_else(|_| repo.commondir().join("hooks"));
        if let Some(hook) = HOOKS.iter().find(|hook| is_executable(&hooks.join(hook))) {
            return Err(Error::new(
                Kind::Unauthorized,
                format!("{shown} has the hook {hook}, and hooks do not run over file://"),
            )
            .hint("push to its https:// or http:// URL, or remove the hook"));
        }
        let is_bare = Repository::open_bare(repo.commondir())
            .and_then(|main| main.config())
            .and_then(|config| config.get_bool("core.bare"))
            .unwrap_or(true);
        let linked = fs::read_dir(repo.commondir().join("worktrees")).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut worktrees = linked.chain((!is_bare).then(|| repo.commondir().to_owned()));
        let head = format!("ref: {}", branch.reference());
        if worktrees.any(|worktree| fs::read_to_string(worktree.join("HEAD")).is_ok_and(|text| text.trim_end() == head)) {
            return Err(Error::new(Kind::Unauthorized, format!("{shown} has {branch} checked out"))
                .hint("push to a bare repository (git clone --bare), or to another branch"));
        }
        Ok(())
    }
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn head(repo: &Repository, branch: &BranchName) -> Result<Option<CommitId>> {
    match repo.refname_to_id(&branch.reference()) {
        Ok(id) => Ok(Some(id.into())),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(git_error(format_args!("cannot read the branch {branch}"), error)),
    }
}

/// Adds the pack to `repo`: complete and on disk before it gets its name.
fn store(repo: &Repository, pack: &Pack, cancel: &Cancel) -> Result<()> {
    let objects = repo.commondir().join("objects");
    // `git gc` sweeps what a crash leaves under this prefix.
    let scratch = tempfile::Builder::new()
        .prefix("tmp_objdir-push-")
        .tempdir_in(&objects)
        .map_err(|e| Error::io(format_args!("cannot write to {}", objects.display()), e))?;
    let mut receiver = Receiver::new(None, scratch.path())?;
    let mut reader = pack.reader()?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        cancel.check()?;
        let read = std::io::Read::read(&mut reader, &mut buffer).map_err(|e| Error::io("cannot read a temporary file", e))?;
        if read == 0 {
            break;
        }
        receiver.write(&buffer[..read])?;
    }
    let name = receiver.finish()?;
    let packs = objects.join("pack");
    fs::create_dir_all(&packs).map_err(|e| Error::io(format_args!("cannot create {}", packs.display()), e))?;
    // Readers look for the index, so the pack comes first.
    for extension in ["pack", "idx"] {
        let file = format!("pack-{name}.{extension}");
        let from = scratch.path().join(&file);
        fs::File::open(&from).and_then(|file| file.sync_all()).map_err(|e| Error::io("cannot sync the pack", e))?;
        step::files::rename(&from, &packs.join(&file))?;
    }
    Ok(())
}

/// Moves the branch under `<ref>.lock`, git's own lock, if it still is at `old`.
fn swap(repo: &Repository, branch: &BranchName, old: Option<CommitId>, new: CommitId, cancel: &Cancel) -> Result<Push> {
    const ATTEMPTS: u32 = 20;
    let reference = branch.reference();
    let failed = |e| git_error(format_args!("cannot update the branch {branch}"), e);
    for attempt in 1.. {
        cancel.check()?;
        let mut transaction = repo.transaction().map_err(failed)?;
        match transaction.lock_ref(&reference) {
            Ok(()) => {}
            Err(error) if error.code() == ErrorCode::Locked && attempt < ATTEMPTS => {
                cancel.sleep(Duration::from_millis(fastrand::u64(5..100)))?;
                continue;
            }
            Err(error) if error.code() == ErrorCode::Locked => {
                let lock = repo.commondir().join(format!("{reference}.lock"));
                return Err(Error::new(Kind::Conflict, format!("the branch {branch} is locked by {}", lock.display()))
                    .hint("another process writes it; if none does, remove that file"));
            }
            Err(error) => return Err(failed(error)),
        }
        // Read after locking: nobody can change it now.
        let now = head(repo, branch)?;
        if now != old {
            return Ok(Push::Moved { head: now });
        }
        let who = Signature::now("stepwright", "stepwright@localhost").map_err(failed)?;
        transaction.set_target(&reference, new.oid(), Some(&who), "push").map_err(failed)?;
        transaction.commit().map_err(failed)?;
        let file = repo.commondir().join(&reference);
        fs::File::open(&file).and_then(|file| file.sync_all()).map_err(|e| Error::io("cannot sync the branch", e))?;
        if let Some(dir) = file.parent() {
            step::files::sync_dir(dir)?;
        }
        return Ok(Push::Done { head: new });
    }
    Err(Error::internal("no attempt was made to update a branch"))
}
