//! Git without a git binary: clone one branch, commit, push, and notice when somebody else was faster.
//!
//! [`Remote`] is a repository behind `https://`, `http://`, `file://` or a path; [`Checkout`] is one branch of it on
//! this machine. libgit2 keeps objects, trees and files; the wire protocol is our own small client (module `http`) because
//! libgit2's push neither compares and swaps nor says reliably what the server refused, and its local transport knows
//! no depth and no hooks (module `local`).

mod checkout;
mod credentials;
mod http;
mod local;
mod names;
mod pack;
mod remote;
mod scope;
mod tree;
mod url;

pub use checkout::Checkout;
pub use credentials::Credentials;
pub use names::{BranchName, CommitId, Identity, InvalidName, Revision};
pub use remote::{Options, Push, Remote};
pub use scope::CloneLimits;
pub use url::{GitUrl, InvalidUrl};
