//! Where the change is made: on a branch of a Git repository, or in a directory.
//!
//! The index database is always last. It is what says that an operator is still to be removed: a run that crashed
//! before it was replaced finds the operator there again and comes to the same end.

use std::path::{Path, PathBuf};

use fbc::{SCRATCH, Tree};
use repo::{BranchName, CloneLimits, Credentials, GitUrl, Options, Remote};
use step::files::{self, DirLock};
use step::{Context, Error, Kind, Progress, Result, Unit};

use crate::removal::Removal;
use crate::{Outcome, Params};

const CONFIGS_HINT: &str = "set configs-dir to the catalog's directory";

/// Removes the operators where the parameters say.
pub(crate) fn remove(params: &Params, cx: &Context) -> Result<Outcome> {
    let usage = |message: &str, hint: &str| Err(Error::new(Kind::Usage, message).hint(hint));
    match (&params.git_url, &params.branch, &params.source) {
        (Some(url), Some(branch), _) => on_branch(params, url, branch, cx),
        (Some(_), None, _) => usage("git-url is given without branch", "set branch to the branch to read"),
        (None, None, Some(source)) if params.target_branch.is_none() => in_directory(params, source.path(), cx),
        (None, _, Some(_)) => usage("branch or target-branch is given without git-url", "set git-url, or neither"),
        (None, _, None) => {
            usage("there is no catalog to work on", "set git-url and branch, or bind the workspace source to its directory")
        }
    }
}

/// Edits a directory in place.
fn in_directory(params: &Params, source: &Path, cx: &Context) -> Result<Outcome> {
    let configs = configs(source, params)?;
    let _lock = DirLock::take(&configs)?;
    let index_db = index_db(params)?;
    if let Some(path) = index_db.as_ref().filter(|path| path.starts_with(&configs)) {
        // There it would be read as a part of the catalog, and could go with a package's directory.
        return Err(Error::bad_input(format!("{} is inside the catalog {}", path.display(), configs.display()))
            .hint("move the database out of configs-dir"));
    }
    let tree = Tree::read(&configs, &params.limits())?;
    let removal = Removal::plan(params, &tree, index_db.as_deref(), &cx.cancel)?;
    let outcome = outcome(params, &removal);
    removal.edit.apply(&configs, &source.join(SCRATCH), &cx.cancel)?;
    if let Some(database) = removal.database {
        database.commit()?;
    }
    Ok(outcome)
}

/// Clones the branch, edits, commits, pushes.
fn on_branch(params: &Params, url: &GitUrl, branch: &BranchName, cx: &Context) -> Result<Outcome> {
    let target = params.target_branch.as_ref().unwrap_or(branch);
    let index_db = index_db(params)?;
    let credentials = params.git_credentials.as_ref().map(|dir| Credentials::from_dir(dir.path())).transpose()?;
    let options = Options { credentials, ca_file: params.tls.ca_file(), ..Options::default() };
    let remote = Remote::new(url.clone(), options, cx.cancel.clone())?;
    let scratch = tempfile::Builder::new()
        .prefix("stepwright-")
        .tempdir()
        .map_err(|e| Error::io("cannot make a temporary directory", e).hint("set TMPDIR to a directory that can be written"))?;

    tracing::info!(%url, %branch, "cloning");
    let shown = Progress::start("cloning", 0, Unit::Items);
    let limits = CloneLimits { max_file_size: params.max_file_size, ..CloneLimits::default() };
    let mut checkout = remote.clone_paths(branch, scratch.path(), &[params.configs_dir.as_path()], &limits)?;
    drop(shown);
    let configs = configs(checkout.path(), params).map_err(|error| match error.kind() {
        Kind::NotFound => {
            Error::not_found(format!("branch {branch} of {url} has no directory {}", params.configs_dir)).hint(CONFIGS_HINT)
        }
        _ => error,
    })?;
    // Links in the repository may lead to the catalog; Git wants the real path.
    let below = configs.strip_prefix(checkout.path()).unwrap_or(params.configs_dir.as_path()).to_owned();
    let tree = Tree::read(&configs, &params.limits())?;
    let removal = Removal::plan(params, &tree, index_db.as_deref(), &cx.cancel)?;
    let mut outcome = outcome(params, &removal);
    let changed: Vec<PathBuf> = removal.edit.changed_paths().map(|path| below.join(path)).collect();
    removal.edit.apply(&configs, &checkout.path().join(SCRATCH), &cx.cancel)?;

    let committed = checkout.commit(&changed, &params.message(&removal.removed), &params.author)?;
    if committed.is_none() && !changed.is_empty() {
        return Err(Error::internal(format!("the catalog changed, and Git sees no change in {}", below.display())));
    }
    outcome.branch = Some(target.clone());
    outcome.commit = Some(checkout.head());
    if committed.is_some() || target != branch {
        cx.cancel.check()?;
        tracing::info!(branch = %target, "pushing");
        let _shown = Progress::start("pushing", 0, Unit::Items);
        outcome.commit = Some(checkout.publish(target, |worktree| still_right(params, worktree, cx))?);
    }
    if let Some(database) = removal.database {
        database.commit()?;
    }
    Ok(outcome)
}

/// After the change was put on top of somebody else's: the operators must be gone, and the catalog valid.
fn still_right(params: &Params, worktree: &Path, cx: &Context) -> Result<()> {
    let tree = Tree::read(&configs(worktree, params)?, &params.limits())?;
    let params = Params { fail_if_missing: false, ..params.clone() };
    let again = Removal::plan(&params, &tree, None, &cx.cancel)?;
    if again.is_needed() {
        return Err(Error::new(Kind::Conflict, "the branch moved, and what it got belongs to an operator to be removed")
            .hint("run the step again if it shall go all the same"));
    }
    Ok(())
}

fn outcome(params: &Params, removal: &Removal<'_>) -> Outcome {
    let not_found = removal.not_found(&params.operators());
    for operator in &not_found {
        tracing::warn!(%operator, "not found in the catalog or the index database");
    }
    for operator in &removal.removed {
        tracing::info!(%operator, "removing");
    }
    Outcome {
        commit: None,
        branch: None,
        removed: removal.removed.iter().cloned().collect(),
        not_found,
        changed: removal.is_needed(),
    }
}

/// The catalog's directory, which must not lead out of `root`.
fn configs(root: &Path, params: &Params) -> Result<PathBuf> {
    files::contained(root, &root.join(&params.configs_dir)).map_err(|error| error.hint(CONFIGS_HINT))
}

/// The database's path, which must not lead out of the workspace.
fn index_db(params: &Params) -> Result<Option<PathBuf>> {
    match (&params.index_db, &params.source) {
        (None, _) => Ok(None),
        (Some(path), Some(source)) => files::contained(source.path(), &source.path().join(path)).map(Some),
        (Some(_), None) => {
            Err(Error::new(Kind::Usage, "index-db is given without a source").hint("bind the workspace source to its directory"))
        }
    }
}
