//! Reading an index database without touching it.

use std::collections::BTreeSet;
use std::path::Path;

use step::{Cancel, Result};

use crate::db::{Db, text};

/// An operator index, open for reading. Nothing is written to the file or beside it.
#[derive(Debug)]
pub struct IndexDb {
    db: Db,
    schema_version: u32,
}

// === impl IndexDb ===

impl IndexDb {
    /// Opens the database at `path` and checks cheaply that it is whole and is an operator index.
    ///
    /// Fails as bad input when it is not a SQLite database, is truncated, or has no known schema version; as a conflict
    /// when another program is writing it.
    pub fn open(path: &Path) -> Result<Self> {
        let db = Db::read(path, &Cancel::new())?;
        let schema_version = db.schema_version()?;
        Ok(IndexDb { db, schema_version })
    }

    /// The version of the schema: 0 to 13.
    pub fn schema_version(&self) -> u32 {
        self.schema_version
    }

    /// The names of all packages, also of those whose bundles are all deprecated and of those that have lost their row
    /// in `package` but not their channel entries. They need not be names that are safe in a path.
    pub fn packages(&self) -> Result<BTreeSet<String>> {
        package_names(&self.db)
    }
}

/// The names of all packages that [`crate::remove_packages`] can remove.
pub(crate) fn package_names(db: &Db) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    db.each("SELECT name FROM package UNION SELECT package_name FROM channel_entry", [], |row| {
        names.extend(text(row, 0)?.filter(|name| !name.is_empty()));
        Ok(())
    })?;
    Ok(names)
}
