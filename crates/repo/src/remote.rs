//! A repository somewhere else: what it has, what we get from it, what it accepts.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use git2::Repository;
use step::retry::Policy;
use step::{Cancel, Error, Kind, Result};

use crate::http::Http;
use crate::local::Local;
use crate::pack::Pack;
use crate::scope::Scope;
use crate::url::Place;
use crate::{BranchName, Checkout, CloneLimits, CommitId, Credentials, GitUrl, Revision};

/// How to reach a remote.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to tell a server that asks who we are. Sent only to the URL's own scheme, host and port, and never over
    /// plain `http` to another machine.
    pub credentials: Option<Credentials>,
    /// A PEM file with certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// When to try again.
    pub retry: Policy,
    /// How long one request with its answer may take, also while bytes come; 30 minutes by default. Silence ends it
    /// sooner.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { credentials: None, ca_file: None, retry: Policy::default(), deadline: Duration::from_secs(30 * 60) }
    }
}

/// A repository behind a [`GitUrl`]. Clones share the connection pool.
#[derive(Clone)]
pub struct Remote(Arc<Inner>);

struct Inner {
    url: GitUrl,
    cancel: Cancel,
    transport: Transport,
}

enum Transport {
    Http(Box<Http>),
    Local(Local),
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// The branch now holds our change, at this commit.
    Done {
        /// The branch's head, ours or one of an earlier run with the same content.
        head: CommitId,
    },
    /// The branch is no longer where we started from; nothing was changed.
    Moved {
        /// Where it is now; `None` when it is gone.
        head: Option<CommitId>,
    },
}

/// Branches and where they are.
pub(crate) type Heads = BTreeMap<String, CommitId>;

// === impl Remote ===

impl Remote {
    /// A remote. Nothing is asked of it yet. Fails when `options` cannot be used: an unreadable CA file, credentials for
    /// plain `http`, no certificate authorities for `https`.
    pub fn new(url: GitUrl, options: Options, cancel: Cancel) -> Result<Self> {
        let transport = match url.place() {
            Place::Http(http) => Transport::Http(Box::new(Http::new(http.clone(), options, cancel.clone())?)),
            Place::Local(path) => Transport::Local(Local::new(path.clone())),
        };
        Ok(Remote(Arc::new(Inner { url, cancel, transport })))
    }

    /// Where it is.
    pub fn url(&self) -> &GitUrl {
        &self.0.url
    }

    /// The commit that `branch` is at, or `None` when there is no such branch.
    pub fn branch_head(&self, branch: &BranchName) -> Result<Option<CommitId>> {
        Ok(self.heads()?.get(branch.as_str()).copied())
    }

    /// Gets the newest commit of `branch` and writes its files to `into`, which must be missing or empty.
    ///
    /// No history comes along, no submodule, no filter or hook runs. [`CloneLimits`] apply. When this fails, `into` may hold a part: remove it.
    pub fn clone_branch(&self, branch: &BranchName, into: &Path) -> Result<Checkout> {
        Checkout::create(self.clone(), branch, into, Scope::everything(CloneLimits::default()))
    }

    /// As [`Remote::clone_branch`], but writes only what the branch has at `paths` (relative; a directory means everything
    /// in it; what the branch does not have is left out).
    ///
    /// The rest of the repository is not looked at, and later commits leave it as it is. Fails as bad input when one of
    /// the paths is a submodule or a symbolic link, or lies below one, and beyond `limits`.
    pub fn clone_paths(&self, branch: &BranchName, into: &Path, paths: &[&Path], limits: &CloneLimits) -> Result<Checkout> {
        Checkout::create(self.clone(), branch, into, Scope::of(paths, *limits)?)
    }

    /// Gets a branch, a tag or a commit, writes what it has at `paths` to `into` as [`Remote::clone_paths`] does, and gives its
    /// commit.
    ///
    /// Fails as not found when it is not there; a server may give only commits that branches or tags are at.
    pub fn read_paths(&self, revision: &Revision, into: &Path, paths: &[&Path], limits: &CloneLimits) -> Result<CommitId> {
        Ok(Checkout::of(self.clone(), revision, into, Scope::of(paths, *limits)?)?.head())
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.0.cancel
    }

    fn heads(&self) -> Result<Heads> {
        match &self.0.transport {
            Transport::Http(http) => http.heads(),
            Transport::Local(local) => local.heads(),
        }
    }

    /// Brings the commit of `revision` with its files into `repo`, where `have` and its files are already.
    pub(crate) fn fetch(&self, repo: &Repository, revision: &Revision, have: Option<CommitId>) -> Result<CommitId> {
        match &self.0.transport {
            Transport::Http(http) => http.fetch(repo, revision, have),
            Transport::Local(local) => local.fetch(repo, revision),
        }
    }

    /// Moves `branch` from `old` (`None`: it must not exist) to `new`, if it still is at `old`.
    pub(crate) fn push(&self, branch: &BranchName, old: Option<CommitId>, new: CommitId, pack: &Pack) -> Result<Push> {
        match &self.0.transport {
            Transport::Http(http) => http.push(branch, old, new, pack),
            Transport::Local(local) => local.push(branch, old, new, pack, &self.0.cancel),
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&self.0.url).finish()
    }
}

/// The error for a branch, tag or commit that a remote does not have.
pub(crate) fn no_revision(url: impl fmt::Display, revision: &Revision, heads: &Heads, tags: &Heads) -> Error {
    const SHOWN: usize = 10;
    let (what, others, none) = match revision {
        Revision::Branch(_) => ("branch", heads, "it has no branch at all: push a first commit to it"),
        Revision::Tag(_) => ("tag", tags, "it has no tag at all"),
        Revision::Named(_) if tags.is_empty() => ("branch", heads, "it has no branch at all: push a first commit to it"),
        Revision::Named(_) => ("branch or tag", heads, "it has no branch at all: push a first commit to it"),
        Revision::Commit(id) => return Error::not_found(format!("{url} has no commit {id}")),
    };
    let error = Error::not_found(format!("{url} has no {what} {}", revision.name()));
    if others.is_empty() {
        return error.hint(none);
    }
    let mut names: Vec<&str> = others.keys().take(SHOWN).map(String::as_str).collect();
    let more = format!("and {} more", others.len().saturating_sub(SHOWN));
    if others.len() > SHOWN {
        names.push(&more);
    }
    let kind = if matches!(revision, Revision::Tag(_)) { "tags" } else { "branches" };
    error.hint(format!("its {kind} are {}", names.join(", ")))
}

/// The commit of an object that is there: an annotated tag names one.
pub(crate) fn commit_of(repo: &Repository, revision: &Revision, id: CommitId) -> Result<CommitId> {
    if matches!(revision, Revision::Branch(_)) {
        return Ok(id);
    }
    let object = repo.find_object(id.oid(), None).map_err(|error| match error.code() {
        git2::ErrorCode::NotFound => Error::not_found(format!("there is no commit {id}")),
        _ => git_error(format_args!("cannot read the commit {id}"), error),
    })?;
    let commit = object.peel_to_commit().map_err(|_| Error::bad_input(format!("{revision} is no commit, and names none")))?;
    Ok(commit.id().into())
}

/// Fails when one of `heads` is a directory of `branch` or the other way round: git keeps branches as files.
pub(crate) fn refuse_beside(branch: &BranchName, heads: &Heads) -> Result<()> {
    let within = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    match heads.keys().find(|other| within(other, branch.as_str()) || within(branch.as_str(), other)) {
        None => Ok(()),
        Some(other) => Err(Error::new(Kind::Conflict, format!("cannot create the branch {branch}: there is a branch {other}"))
            .hint("git keeps branches as files; choose a name that is not a directory of another")),
    }
}

/// What libgit2 failed at, in our terms. `what` says what was being done.
pub(crate) fn git_error(what: impl fmt::Display, error: git2::Error) -> Error {
    use git2::ErrorClass::{Checkout, Config, Index, Object, Odb, Repository, Tree, Zlib};
    let kind = match (error.class(), error.code()) {
        (_, git2::ErrorCode::Locked) => Kind::Conflict,
        // Also an object that is missing: what names it is there.
        (Checkout | Config | Index | Object | Odb | Repository | Tree | Zlib, _) => Kind::BadInput,
        (_, git2::ErrorCode::NotFound) => Kind::NotFound,
        _ => Kind::Internal,
    };
    Error::new(kind, format!("{what}: {}", error.message()))
}
