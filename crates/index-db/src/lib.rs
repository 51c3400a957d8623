//! The SQLite operator index (`index.db`): list its packages, remove some, migrate it to a file-based catalog.
//!
//! opm dropped this format in 2026; what is done here is what its last versions did (`opm registry rm`, `opm migrate`),
//! except that the database handed in is never written: removal works on a copy that takes the original's place in one
//! rename ([`Staged::commit`]), and migration reads the database where it is, or a private copy when its schema is old.
//!
//! Whoever else writes the database meanwhile is noticed: a rollback journal or write-ahead log beside it, a lock on it,
//! or a file that changed between copy and commit are conflicts, never merged and never overwritten.

mod bundle;
mod csv;
mod db;
mod gojson;
mod graph;
mod header;
mod index;
mod migrate;
mod remove;
mod schema;
mod staged;

pub use index::IndexDb;
pub use migrate::{Level, migrate, migrate_to_dir};
pub use remove::remove_packages;
pub use staged::Staged;
