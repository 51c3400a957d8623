//! One branch of a remote on this machine: its files, our commits on top, and the way back.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::build::CheckoutBuilder;
use git2::{Config, Oid, Repository, Signature, Time};
use step::{Error, Kind, Result};

use crate::pack::Pack;
use crate::remote::git_error;
use crate::scope::Scope;
use crate::tree;
use crate::{BranchName, CommitId, Identity, Push, Remote, Revision};

/// How often [`Checkout::publish`] starts over when somebody else was faster.
const ATTEMPTS: u32 = 10;

/// A checkout's whole configuration. What a blob has, the file has, and the other way round.
const CONFIG: &str = "\
[core]
\trepositoryFormatVersion = 0
\tbare = false
\tfileMode = true
\tsymlinks = true
\tignoreCase = false
\tautocrlf = false
\tprotectHFS = true
\tprotectNTFS = true
\tlogAllRefUpdates = false
";

/// Outranks every `.gitattributes`, for people who look into the checkout with git: to us filters do not exist.
const ATTRIBUTES: &str = "* -text -ident -filter -working-tree-encoding\n";

/// The files of one branch, and commits on top of it that nobody else has yet.
pub struct Checkout {
    remote: Remote,
    repo: Repository,
    path: PathBuf,
    branch: BranchName,
    /// What of it is in the worktree.
    scope: Scope,
    /// The remote's commit that ours are on top of.
    base: Oid,
    /// Our commits, oldest first.
    ours: Vec<Oid>,
}

// === impl Checkout ===

impl Checkout {
    pub(crate) fn create(remote: Remote, branch: &BranchName, into: &Path, scope: Scope) -> Result<Self> {
        Checkout::of(remote, &Revision::Branch(branch.clone()), into, scope)
    }

    /// What `revision` has. Of a tag or commit nothing can be pushed to where it came from.
    pub(crate) fn of(remote: Remote, revision: &Revision, into: &Path, scope: Scope) -> Result<Self> {
        let failed = |e| Error::io(format_args!("cannot create {}", into.display()), e);
        fs::create_dir_all(into).map_err(failed)?;
        if fs::read_dir(into).map_err(failed)?.next().is_some() {
            return Err(
                Error::bad_input(format!("{} is not empty", into.display())).hint("clone into a directory that does not exist")
            );
        }
        let path = into.canonicalize().map_err(failed)?;
        let branch = revision.name();
        let repo = init(&path, &branch)?;
        let base = remote.fetch(&repo, revision, None)?.oid();
        let mut checkout = Checkout { remote, repo, path, branch, scope, base, ours: Vec::new() };
        checkout.materialise()?;
        Ok(checkout)
    }

    /// The directory with the files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The branch that was cloned.
    pub fn branch(&self) -> &BranchName {
        &self.branch
    }

    /// The newest commit: ours, or the remote's when there is none of ours.
    pub fn head(&self) -> CommitId {
        self.tip().into()
    }

    /// Commits what the worktree has at `paths` (relative to it; a directory means everything in it; what is gone is
    /// removed). `None` when nothing changed.
    ///
    /// Files are taken byte by byte: no filter, no line-end conversion, and `.gitignore` is not asked. What was not cloned
    /// stays as it is. Fails as bad input, changing nothing, when a path lies below a submodule or a symbolic link.
    pub fn commit(&mut self, paths: &[PathBuf], message: &str, author: &Identity) -> Result<Option<CommitId>> {
        let message = message.trim();
        if message.is_empty() || message.contains('\0') {
            return Err(Error::bad_input("the commit message is empty or holds a NUL"));
        }
        let tip = self.tip();
        let tree = self.tree(tip)?;
        let before = self.scope.narrow(&self.repo, tree)?;
        let before = self.repo.find_tree(before).map_err(|e| git_error("cannot read a tree", e))?;
        let mut changes = tree::Changes::new();
        for path in paths {
            self.remote.cancel().check()?;
            tree::from_worktree(&self.repo, &before, &self.path, path, &mut changes)?;
        }
        let after = tree::apply(&self.repo, tree, &changes)?;
        if after == tree {
            return Ok(None);
        }
        // UTC: the time zone of a build machine says nothing.
        let now = Signature::now(author.name(), author.email()).map(|now| now.when().seconds()).unwrap_or_default();
        let who = Signature::new(author.name(), author.email(), &Time::new(now, 0))
            .map_err(|e| Error::bad_input(format!("{author} cannot be an author: {}", e.message())))?;
        let id = self.write_commit(tip, after, &format!("{message}\n"), &who, &who)?;
        self.ours.push(id);
        self.point_head()?;
        Ok(Some(id.into()))
    }

    /// Moves the branch `to` of the remote to [`Checkout::head`], if nobody else moved it.
    ///
    /// `to` is the cloned branch; or a branch that does not exist, which is created; or one that is where the cloned
    /// branch was; or one that already holds our one commit (same files, message and parent, as an earlier run leaves it),
    /// which is then the answer. Anything else in `to` is [`Kind::Conflict`]. A hook's or a protected branch's refusal is
    /// [`Kind::Unauthorized`] and has the remote's own words in its details.
    pub fn push(&self, to: &BranchName) -> Result<Push> {
        let mut old = Some(self.base.into());
        if *to != self.branch {
            old = self.remote.branch_head(to)?;
            if let Some(head) = old
                && head != self.base.into()
            {
                return self.same_as_ours(to, head);
            }
        }
        if self.ours.is_empty() && old == Some(self.head()) {
            return Ok(Push::Done { head: self.head() });
        }
        let pack = Pack::of(&self.repo, self.base, &self.ours, self.remote.cancel())?;
        self.remote.push(to, old, self.head(), &pack)
    }

    /// Puts our commits on top of the newest commit of the cloned branch and updates the worktree.
    ///
    /// Fails with [`Kind::Conflict`], changing nothing, when a file that we changed was changed there too and differently.
    /// A commit whose changes are all there already vanishes.
    pub fn rebase(&mut self) -> Result<()> {
        let new_base = self.remote.fetch(&self.repo, &Revision::Branch(self.branch.clone()), Some(self.base.into()))?.oid();
        if new_base == self.base {
            return Ok(());
        }
        let (mut parent, mut before) = (new_base, self.tree(self.base)?);
        let mut ours = Vec::new();
        for id in &self.ours {
            let (theirs, after) = (self.tree(parent)?, self.tree(*id)?);
            let changes = tree::changes(&self.repo, before, after)?;
            self.refuse_conflicts(before, theirs, &changes)?;
            let merged = tree::apply(&self.repo, theirs, &changes)?;
            if merged != theirs {
                let commit = self.repo.find_commit(*id).map_err(|e| git_error("cannot read our commit", e))?;
                let message = commit.message().unwrap_or_default();
                parent = self.write_commit(parent, merged, message, &commit.author(), &commit.committer())?;
                ours.push(parent);
            }
            before = after;
        }
        (self.base, self.ours) = (new_base, ours);
        self.materialise()
    }

    /// Pushes, and as long as somebody else was faster: rebases, lets `verify` look at the new worktree, and pushes again.
    ///
    /// Gives the commit that holds our change. Only the cloned branch is rebased onto; when another branch moves, and after
    /// ten attempts, it is [`Kind::Conflict`].
    pub fn publish(&mut self, to: &BranchName, mut verify: impl FnMut(&Path) -> Result<()>) -> Result<CommitId> {
        for attempt in 1..=ATTEMPTS {
            let moved = match self.push(to)? {
                Push::Done { head } => return Ok(head),
                Push::Moved { head } => head,
            };
            let Some(moved) = moved else {
                return Err(Error::new(
                    Kind::Conflict,
                    format!("the branch {to} of {} was deleted meanwhile", self.remote.url()),
                ));
            };
            tracing::info!(branch = %to, head = %moved, attempt, "the branch moved");
            if *to != self.branch {
                return Err(self.conflict(to, moved));
            }
            if attempt < ATTEMPTS {
                // Who failed together should not come back together.
                self.remote.cancel().sleep(Duration::from_millis(fastrand::u64(0..50 << attempt.min(6))))?;
                self.rebase()?;
                if self.ours.is_empty() {
                    return Ok(self.head());
                }
                verify(&self.path)?;
            }
        }
        let message = format!("the branch {to} of {} moved {ATTEMPTS} times while we pushed", self.remote.url());
        Err(Error::new(Kind::Conflict, message).hint("run it again when fewer others write to that branch"))
    }

    fn tip(&self) -> Oid {
        self.ours.last().copied().unwrap_or(self.base)
    }

    fn tree(&self, commit: Oid) -> Result<Oid> {
        let commit = self.repo.find_commit(commit).map_err(|e| git_error(format_args!("cannot read the commit {commit}"), e))?;
        Ok(commit.tree_id())
    }

    fn write_commit(&self, parent: Oid, tree: Oid, message: &str, author: &Signature<'_>, by: &Signature<'_>) -> Result<Oid> {
        let written = self.repo.find_commit(parent).and_then(|parent| {
            let tree = self.repo.find_tree(tree)?;
            self.repo.commit(None, author, by, message, &tree, &[&parent])
        });
        written.map_err(|e| git_error("cannot write the commit", e))
    }

    /// Makes the worktree what the tip is. What it was is known from HEAD.
    fn materialise(&mut self) -> Result<()> {
        let tree = self.shown_tree()?;
        self.scope.examine(&self.repo, tree, self.remote.cancel()).map_err(|e| self.named(e))?;
        let failed = |e: git2::Error| self.named(git_error("cannot write its files", e));
        let target = self.repo.find_tree(tree).map_err(failed)?;
        let mut options = CheckoutBuilder::new();
        options.force().disable_filters(true).dir_perm(0o755);
        if let Some(paths) = self.scope.paths() {
            // Also what HEAD has elsewhere is not looked at.
            options.disable_pathspec_match(true);
            for path in paths {
                options.path(path);
            }
        }
        let cancel = self.remote.cancel().clone();
        options.notify_on(git2::CheckoutNotificationType::all()).notify(move |_, _, _, _, _| !cancel.is_cancelled());
        let done = self.repo.checkout_tree(target.as_object(), Some(&mut options));
        self.remote.cancel().check()?;
        done.map_err(failed)?;
        self.point_head()
    }

    /// The part of the tip's tree that is in the worktree.
    fn shown_tree(&self) -> Result<Oid> {
        self.tree(self.tip()).and_then(|tree| self.scope.narrow(&self.repo, tree)).map_err(|e| self.named(e))
    }

    /// Says in which repository the fault is.
    fn named(&self, error: Error) -> Error {
        match error.kind() {
            Kind::BadInput => error.context(format_args!("the branch {} of {}", self.branch, self.remote.url())),
            _ => error,
        }
    }

    /// For people who look into the checkout with git. The index holds what the worktree does.
    fn point_head(&self) -> Result<()> {
        let failed = |e| git_error("cannot update the checkout's branch", e);
        self.repo.reference(&self.branch.reference(), self.tip(), true, "stepwright").map_err(failed)?;
        let tree = self.repo.find_tree(self.shown_tree()?).map_err(failed)?;
        let mut index = self.repo.index().map_err(failed)?;
        index.read_tree(&tree).and_then(|()| index.write()).map_err(failed)
    }

    fn refuse_conflicts(&self, before: Oid, theirs: Oid, changes: &tree::Changes) -> Result<()> {
        const SHOWN: usize = 5;
        let read = |id| self.repo.find_tree(id).map_err(|e| git_error("cannot read a tree", e));
        let (before, theirs) = (read(before)?, read(theirs)?);
        let clashes: Vec<String> = changes
            .iter()
            .filter(|(path, ours)| {
                let now = tree::entry_at(&theirs, path);
                let untouched = now == tree::entry_at(&before, path) && !tree::blocked(&theirs, &before, path);
                !untouched && now != **ours
            })
            .map(|(path, _)| String::from_utf8_lossy(path).into_owned())
            .collect();
        if clashes.is_empty() {
            return Ok(());
        }
        let mut shown = clashes[..clashes.len().min(SHOWN)].join(", ");
        if clashes.len() > SHOWN {
            shown.push_str(&format!(" and {} more", clashes.len() - SHOWN));
        }
        let message = format!("the branch {} of {} moved, and also changed {shown}", self.branch, self.remote.url());
        Err(Error::new(Kind::Conflict, message).hint("run it again to work on the new state"))
    }

    /// Whether `to`, at `head`, is what an earlier run of ours left there.
    fn same_as_ours(&self, to: &BranchName, head: CommitId) -> Result<Push> {
        let [ours] = self.ours[..] else { return Err(self.conflict(to, head)) };
        if head.oid() == ours {
            return Ok(Push::Done { head });
        }
        let head = self.remote.fetch(&self.repo, &Revision::Branch(to.clone()), Some(self.base.into()))?;
        let read = |id| self.repo.find_commit(id).map_err(|e| git_error(format_args!("cannot read the commit {id}"), e));
        let (theirs, ours) = (read(head.oid())?, read(ours)?);
        let same = theirs.tree_id() == ours.tree_id()
            && theirs.message_bytes() == ours.message_bytes()
            // Raw, as shallow history may hide the parents that the commit names.
            && parents(theirs.raw_header_bytes()) == parents(ours.raw_header_bytes());
        if same { Ok(Push::Done { head }) } else { Err(self.conflict(to, head)) }
    }

    fn conflict(&self, to: &BranchName, head: CommitId) -> Error {
        let message = format!("the branch {to} of {} already exists, at {head}, with something else", self.remote.url());
        Error::new(Kind::Conflict, message).hint("delete that branch, or choose another one to push to")
    }
}

impl fmt::Debug for Checkout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkout").field("path", &self.path).field("branch", &self.branch).field("head", &self.tip()).finish()
    }
}

fn parents(header: &[u8]) -> Vec<&[u8]> {
    header.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"parent ")).collect()
}

/// A repository at `path` that behaves the same whatever the user, the machine and the image have configured.
fn init(path: &Path, branch: &BranchName) -> Result<Repository> {
    let dir = path.join(".git");
    let write = || -> io::Result<()> {
        for name in ["objects/info", "objects/pack", "refs/heads", "info"] {
            fs::create_dir_all(dir.join(name))?;
        }
        fs::write(dir.join("HEAD"), format!("ref: {}\n", branch.reference()))?;
        fs::write(dir.join("config"), CONFIG)?;
        fs::write(dir.join("info/attributes"), ATTRIBUTES)
    };
    write().map_err(|e| Error::io(format_args!("cannot create a repository in {}", path.display()), e))?;
    let open = || {
        // Bare at first: else libgit2 asks who owns the directory, and a volume's mount point belongs to anybody.
        let repo = Repository::open_bare(&dir)?;
        // Only this configuration: not ~/.gitconfig, not /etc/gitconfig.
        repo.set_config(&Config::open(&dir.join("config"))?)?;
        repo.set_workdir(path, false)?;
        Ok(repo)
    };
    open().map_err(|e| git_error(format_args!("cannot create a repository in {}", path.display()), e))
}
