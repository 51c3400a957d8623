//! The step `remove-operators`: takes operators out of a file-based catalog and out of the index database behind it.
//!
//! This file is the declaration. The module `removal` plans the change and touches nothing; `target` carries it out, on a
//! branch of a Git repository or in a directory.

mod removal;
mod target;

use std::collections::BTreeSet;

use fbc::{Limits, OpmVersion, PackageName};
use repo::{BranchName, CommitId, GitUrl, Identity};
use step::{About, Context, Dir, ReadOnlyDir, RelativePath, Result, Step, Tls};

/// The step.
pub struct RemoveOperators;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The Git repository with the catalog. Not given: the catalog is edited in the workspace `source`.
    ///
    /// `https://…`, `http://…`, `file://…` or a local path; credentials belong in the workspace `git-credentials`, never in the URL.
    #[arg(long, value_name = "URL")]
    pub git_url: Option<GitUrl>,

    /// The branch to read. Needed with `git-url`.
    #[arg(long, value_name = "NAME")]
    pub branch: Option<BranchName>,

    /// The branch to push to: a new one, or the same. Not given: `branch`.
    #[arg(long, value_name = "NAME")]
    pub target_branch: Option<BranchName>,

    /// The catalog's directory, below the repository or the workspace `source`.
    #[arg(long, value_name = "PATH", default_value = "configs")]
    pub configs_dir: RelativePath,

    /// The SQLite index database that packages of the catalog are derived from, below the workspace `source`.
    ///
    /// The operators are removed from it, and the catalog gets what then differs in the packages derived from it. Not given: there is no database.
    #[arg(long, value_name = "PATH")]
    pub index_db: Option<RelativePath>,

    /// The opm version whose rules apply: `v1.48.0`, also written `opm-v1.48.0`.
    #[arg(long, value_name = "VERSION", default_value_t)]
    pub opm_version: OpmVersion,

    /// Whether the catalog must be valid afterwards.
    #[arg(long, default_value = "true", action = clap::ArgAction::Set)]
    pub validate: bool,

    /// Whether an operator that is found nowhere fails the step.
    #[arg(long, default_value = "false", action = clap::ArgAction::Set)]
    pub fail_if_missing: bool,

    /// The commit's message. Not given: it names the operators.
    #[arg(long, value_name = "TEXT")]
    pub commit_message: Option<String>,

    /// The commit's author and committer.
    #[arg(long, value_name = "NAME <MAIL>", default_value = "Stepwright <stepwright@localhost>")]
    pub author: Identity,

    /// The largest catalog file that is read, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_file_size)]
    pub max_file_size: u64,

    /// The directory with the index database, and with the catalog when there is no `git-url`.
    #[arg(long, value_name = "DIR")]
    pub source: Option<Dir>,

    /// A Secret with `username` and `password`, with `token`, or with `.git-credentials`.
    #[arg(long, value_name = "DIR")]
    pub git_credentials: Option<ReadOnlyDir>,

    /// Extra certificate authorities.
    #[command(flatten)]
    pub tls: Tls,

    /// The operators to remove: names of packages.
    #[arg(required = true, value_name = "OPERATOR")]
    pub operators: Vec<PackageName>,
}

step::results! {
    /// What the removal did.
    pub struct Outcome {
        /// The commit that holds the result: the one pushed, or the branch's head when nothing had to change.
        /// Empty without `git-url`.
        #[result("COMMIT", max = 64)]
        pub commit: Option<CommitId>,
        /// The branch that holds it. Empty without `git-url`.
        #[result("BRANCH", max = 256)]
        pub branch: Option<BranchName>,
        /// The operators that were found and removed, one a line.
        #[result("REMOVED", max = 1500)]
        pub removed: Vec<PackageName>,
        /// The operators that were found nowhere, one a line.
        #[result("NOT_FOUND", max = 1500)]
        pub not_found: Vec<PackageName>,
        /// Whether anything changed: `true` or `false`.
        #[result("CHANGED", max = 5)]
        pub changed: bool,
    }
}

impl Step for RemoveOperators {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "remove-operators",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Remove operators",
        summary: "Takes operators out of an operator catalog and its index database.",
        description: "It removes every trace of the packages from a file-based catalog, in a Git repository or in a directory: their \
            directories, their blobs in files that other packages share, and their deprecations. When the catalog is derived \
            from a SQLite index database, the packages are removed there too, and the catalog gets what then differs.\n\n\
            Nothing is written before the result is known to be valid; what the operators do not touch stays byte for byte. \
            The change is one commit, pushed or not. When the branch moves meanwhile, the change is put on top of it, unless \
            both touched the same files: then the step fails with exit code 6 and nothing is pushed. Running it again is safe \
            at any time, also after a crash.",
        categories: &["Automation"],
        tags: &["olm", "operator-catalog", "iib"],
        permissions: &[],
        memory: "512Mi",
        cpu: "100m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        target::remove(&params, cx)
    }
}

impl Params {
    fn limits(&self) -> Limits {
        Limits { max_file_size: self.max_file_size, ..Limits::default() }
    }

    fn operators(&self) -> BTreeSet<PackageName> {
        self.operators.iter().cloned().collect()
    }

    fn message(&self, removed: &BTreeSet<PackageName>) -> String {
        let names: Vec<&str> = removed.iter().map(PackageName::as_str).collect();
        match &self.commit_message {
            Some(message) => message.clone(),
            None => format!("Remove operators\n\nOperators: {}\n", names.join(", ")),
        }
    }
}
