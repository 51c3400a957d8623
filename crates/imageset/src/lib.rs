//! What oc-mirror shall mirror: from the values of cluster sets to a checked `ImageSetConfiguration`.
//!
//! [`generate()`] and [`generate_delete`] make documents of values files and [`check`] tells what oc-mirror would refuse in
//! one; they touch nothing. [`obtain`] does what steps do: it finds the values files, or the document that somebody wrote,
//! with the parameters that steps share ([`ValuesSource`], [`ImageSetParams`]).

mod args;
mod check;
mod delete;
mod document;
mod extras;
mod generate;
mod names;
mod obtain;
mod operators;
mod problem;
mod schema;
mod sources;
mod values;
mod version;
mod yaml;

pub use args::{ImageSetParams, ValuesSource};
pub use check::{Checked, check};
pub use delete::{Age, InvalidAge, Keep};
pub use document::DocumentKind;
pub use extras::{AdditionalImage, Dependencies, InvalidImage};
pub use generate::{Generated, Options, generate, generate_delete};
pub use names::{ChannelName, InvalidName, ObjectName};
pub use obtain::{Method, Obtained, Request, Wanted, obtain};
pub use problem::{Place, Problem};
pub use sources::{CatalogRef, InvalidSource, Source, Sources};
pub use values::{Merge, ValuesFile};
pub use version::{InvalidVersion, Minor, Release, Version};
pub use yaml::LARGEST_FILE;
