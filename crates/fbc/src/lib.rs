//! File-based operator catalogs: list, read, validate and edit.
//!
//! A catalog is a directory tree of JSON and YAML streams; [`Tree`] lists its files, [`validate`] answers what
//! `opm validate` of a given [`OpmVersion`] answers, [`Edit`] takes packages out or puts them in.
//!
//! Memory is bounded by the largest file times the number of threads, never by the catalog: a file is read, what is
//! needed is kept, and the rest is dropped.
//!
//! # Where this is not opm
//!
//! The verdict is the same for whatever emitters of catalogs write and for all oddities that we thought of; the tests hold
//! over a thousand answers of the real opm. What is known to differ:
//!
//! * opm stops at the first error of reading or conversion, a random one of several; here all are found. One error is opm's
//!   text; several are a tree. What only follows from another error is left out.
//! * Errors of Go's libraries (JSON types, JSON and YAML syntax) have texts of our own, by and large, and opm's around them.
//! * YAML is read as YAML 1.2 where it is syntax, but for tabs, line breaks and the indent of quoted scalars, which are as in
//!   Go. What remains: a tab may not start a line in brackets before its first item (opm takes it), `%` may not start a line
//!   in a document's middle (opm takes known directives for its end), U+2028 may stand in a quoted key, anchors may have any
//!   name (opm: letters, digits, `-` and `_`), `?` in flow collections is read a little differently, and more than a hundred
//!   quoted scalars in a document that go on without an indent are refused. What a scalar means is YAML 1.1, as in Go.
//! * A number beyond a `float64` in a JSON field that opm does not know is not noticed (opm 1.28 to 1.55 refuses it).
//! * Of fields that differ only in case, below the top level, the last in alphabetical order counts; so it is in opm, but
//!   for JSON before 1.28, where the last one does.
//! * Limits ([`Limits`], a million items in one list) are errors, not verdicts; a link out of the catalog is refused.
//! * `.git` and `.stepwright-*` directories at the top are no part of the catalog.
//! * opm up to 1.26 panics on some wrong types; here the catalog is just invalid.

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
pub use tree::{Limits, SCRATCH, Tree};
pub use validate::validate;
pub use verdict::{Counts, Finding, Verdict};
