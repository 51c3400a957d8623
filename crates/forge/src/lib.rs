//! Merge requests: opened, merged, closed, and their branches deleted, by GitLab's API.
//!
//! Every call can be made again after a crash: one that was done already is found done. So an answer that is lost, or
//! that says something else than what has happened, is followed by a look at the merge request itself, which alone says
//! what it is.
//!
//! ```no_run
//! # fn main() -> step::Result<()> {
//! # let (url, dir, cancel) = ("https://git.example/catalogs/v4.19.git".parse().unwrap(), std::path::Path::new("."), step::Cancel::new());
//! # let (branch, target) = ("iib-request-7-v4.19".parse().unwrap(), "v4.19".parse().unwrap());
//! # let head: repo::CommitId = "0123456789012345678901234567890123456789".parse().unwrap();
//! let project = forge::Project::of(&url)?;
//! let gitlab = forge::GitLab::new(project, forge::Token::from_dir(dir)?, forge::Options::default(), cancel)?;
//! let request = gitlab.open(&forge::Proposal::new(branch, target, "Remove operators"))?;
//! let merged = gitlab.merge(request.iid, &forge::Merge::of(head))?;
//! # Ok(())
//! # }
//! ```

mod call;
mod gitlab;
mod merge;
mod project;
mod request;
mod token;

pub use gitlab::{GitLab, Options};
pub use merge::Merge;
pub use project::Project;
pub use request::{Iid, MergeRequest, Proposal, State};
pub use token::Token;
