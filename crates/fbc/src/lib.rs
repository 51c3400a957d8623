//! File-based operator catalogs: list, read, validate and edit.
//!
//! A catalog is a directory tree of JSON and YAML streams; [`Tree`] lists its files, [`validate`] answers what
//! `opm validate` of a given [`OpmVersion`] answers, [`Edit`] takes packages out or puts them in.
//!
//! Memory is bounded by the largest file times the number of threads, never by the catalog: a file is read, what is
//! needed is kept, and the rest is dropped.

mod base64;
mod convert;
mod decode;
mod edit;
mod gotext;
mod ignore;
mod model;
mod name;
mod opm;
mod properties;
mod reference;
mod schema;
mod stream;
mod tree;
mod validate;
mod verdict;
mod version;
mod version_range;
mod yaml;

pub use edit::Edit;
pub use name::{InvalidPackageName, PackageName};
pub use opm::{InvalidOpmVersion, OpmVersion};
pub use tree::{Limits, Tree};
pub use validate::validate;
pub use verdict::{Counts, Finding, Verdict};
