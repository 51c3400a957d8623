//! What every step is made of.
//!
//! A step is a type that implements [`Step`]: its parameters (a clap-derived struct), its results ([`results!`]), the
//! constant part of its declaration ([`About`]) and its work. From that one declaration come the command line and its
//! `--help` ([`main`]), and through [`Declaration`] the Task, the Role, the README tables, completions and man pages.

mod cli;
mod declaration;
mod error;
mod lines;
mod source_date;

pub mod cancel;
pub mod files;
pub mod log;
pub mod progress;
pub mod redact;
pub mod results;
pub mod retry;

/// musl's own allocator is slow.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use cancel::Cancel;
pub use cli::{Context, fail, main, report_panics, usage};
pub use declaration::{About, Declaration, Dir, Param, ParamKind, Permission, Place, ReadOnlyDir, Step, Tls, Workspace};
pub use error::{Error, Kind, Result};
pub use files::RelativePath;
pub use lines::{InvalidLine, Lines};
pub use progress::{Progress, Unit};
pub use results::Results;
pub use source_date::SourceDate;
