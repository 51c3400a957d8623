//! Removing packages, as `opm registry rm` does.
//!
//! The statements and their order are opm's, run by the same engine with foreign keys on, because what goes with a
//! package is decided by cascades and by triggers that depend on that order. They are made fast by indexes that opm
//! lacks, which live only in the copy, and are one transaction where opm has several: what refers to a removed bundle
//! may itself be removed later.

use std::collections::BTreeSet;
use std::path::Path;

use fbc::PackageName;
use rusqlite::ErrorCode;
use serde_json::value::RawValue;
use step::{Cancel, Error, Result};

use crate::db::{Db, text};
use crate::index::package_names;
use crate::staged::Staged;
use crate::{gojson, schema};

/// Removes the packages `names` from a copy of the database at `path`; [`Staged::commit`] makes it the database.
///
/// The copy has schema version 13 and is compact. As in opm, a bundle of a removed package goes from all packages, and
/// bundles go that no channel holds or that say they are of a package that is not there.
///
/// Fails as not found, naming all of them, when packages are not in the database: filter by
/// [`crate::IndexDb::packages`] first. Otherwise as bad input (the file or its data), unauthorized (read-only file or
/// directory), conflict (somebody else is writing it), internal (no space) or cancelled.
pub fn remove_packages(path: &Path, names: &BTreeSet<PackageName>, cancel: &Cancel) -> Result<Staged> {
    Staged::edit(path, cancel, |db, result| {
        schema::upgrade(db, db.schema_version()?)?;
        require(db, names)?;
        db.script(INDEXES)?;
        db.script("PRAGMA foreign_keys = ON; BEGIN")?;
        for name in names {
            cancel.check()?;
            remove(db, name.as_str())?;
        }
        remove_stranded(db)?;
        commit(db)?;
        for index in
            db.all("SELECT name FROM sqlite_master WHERE type = 'index' AND name GLOB 'stepwright_*'", [], |row| text(row, 0))?
        {
            db.script(&format!("DROP INDEX {}", index.unwrap_or_default()))?;
        }
        let Some(result) = result.to_str() else {
            return Err(Error::bad_input(format!("the path {} is not UTF-8", result.display())).hint("rename its directory"));
        };
        cancel.check()?;
        // Into a second file: half the writing of VACUUM in place, which copies everything there and back.
        db.execute("VACUUM INTO ?1", [result]).map(drop)
    })
}

/// What a cascade, a trigger or a statement below looks for, and opm finds by reading whole tables.
const INDEXES: &str = "
    CREATE INDEX stepwright_1 ON api_provider(operatorbundle_name);
    CREATE INDEX stepwright_2 ON api_provider(group_name, version, kind);
    CREATE INDEX stepwright_3 ON api_requirer(operatorbundle_name);
    CREATE INDEX stepwright_4 ON api_requirer(group_name, version, kind);
    CREATE INDEX stepwright_5 ON related_image(operatorbundle_name);
    CREATE INDEX stepwright_6 ON dependencies(operatorbundle_name);
    CREATE INDEX stepwright_7 ON properties(operatorbundle_name);
    CREATE INDEX stepwright_8 ON channel(head_operatorbundle_name);
    CREATE INDEX stepwright_9 ON channel_entry(package_name, channel_name);
    CREATE INDEX stepwright_10 ON channel_entry(operatorbundle_name);
    CREATE INDEX stepwright_11 ON channel_entry(replaces)";

fn require(db: &Db, names: &BTreeSet<PackageName>) -> Result<()> {
    let there = package_names(db)?;
    let missing: Vec<&str> = names.iter().map(PackageName::as_str).filter(|name| !there.contains(*name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::not_found(format!("no package {} in {}", missing.join(", "), db.path().display()))
        .hint("an operator that opted into file-based catalogs is not in the database"))
}

fn remove(db: &Db, package: &str) -> Result<()> {
    db.execute(
        "DELETE FROM deprecated WHERE operatorbundle_name IN (SELECT operatorbundle_name FROM channel_entry WHERE package_name = ?1)",
        [package],
    )?;

    let bundles = db.all(
        "SELECT DISTINCT operatorbundle_name FROM channel_entry WHERE package_name = ?1 ORDER BY entry_id",
        [package],
        |row| text(row, 0),
    )?;
    for bundle in bundles {
        let Some(bundle) = bundle else {
            return Err(db.bad("a channel entry of it names no bundle"));
        };
        remove_bundle(db, &bundle)?;
    }
    db.execute("DELETE FROM package WHERE name = ?1", [package])?;
    db.execute("DELETE FROM channel WHERE package_name = ?1", [package])?;

    remove_stranded(db)
}

/// Commits, or says which entry stays although what it points at goes.
fn commit(db: &Db) -> Result<()> {
    let error = match db.conn.execute_batch("COMMIT") {
        Ok(()) => return Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => error,
        Err(error) => return Err(db.error(error)),
    };
    let dangling = db.all(
        "SELECT e.package_name, e.channel_name, e.operatorbundle_name FROM pragma_foreign_key_check('channel_entry') f
        JOIN channel_entry e ON e.entry_id = f.rowid ORDER BY 1, 2, 3 LIMIT 1",
        [],
        |row| Ok((text(row, 0)?.unwrap_or_default(), text(row, 1)?.unwrap_or_default(), text(row, 2)?.unwrap_or_default())),
    )?;
    let Some((package, channel, bundle)) = dangling.into_iter().next() else {
        return Err(db.error(error));
    };
    Err(db
        .bad(format_args!(
            "bundle \"{bundle}\" in channel \"{channel}\" of package \"{package}\" replaces or skips a bundle that would go"
        ))
        .hint(format!("remove {package} as well: the packages share a bundle, or its bundles say that they are of another")))
}

fn remove_bundle(db: &Db, name: &str) -> Result<()> {
    for sql in [
        "DELETE FROM operatorbundle WHERE name = ?1",
        "DELETE FROM api_provider WHERE operatorbundle_name = ?1",
        "DELETE FROM api_requirer WHERE operatorbundle_name = ?1",
        "DELETE FROM channel_entry WHERE operatorbundle_name = ?1",
    ] {
        db.execute(sql, [name])?;
    }
    Ok(())
}

/// Removes bundles that no channel holds, unless they are there as deprecated, and those whose package is gone.
fn remove_stranded(db: &Db) -> Result<()> {
    db.script(
        "DELETE FROM operatorbundle
        WHERE name NOT IN (SELECT operatorbundle_name FROM channel_entry) AND name NOT IN (SELECT operatorbundle_name FROM deprecated)",
    )?;
    let packages: BTreeSet<Option<String>> = db.all("SELECT name FROM package", [], |row| text(row, 0))?.into_iter().collect();
    let properties =
        db.all("SELECT DISTINCT operatorbundle_name, value FROM properties WHERE type = 'olm.package'", [], |row| {
            Ok((text(row, 0)?, text(row, 1)?))
        })?;
    for (bundle, value) in properties {
        let (Some(bundle), Some(value)) = (bundle, value) else {
            return Err(db.bad("an olm.package property has no bundle or no value"));
        };
        if !packages.contains(&Some(package_of(db, &bundle, &value)?)) {
            remove_bundle(db, &bundle)?;
        }
    }
    db.script("DELETE FROM deprecated WHERE operatorbundle_name NOT IN (SELECT name FROM operatorbundle)")
}

/// The package that an `olm.package` property names; empty when it names none.
fn package_of(db: &Db, bundle: &str, value: &str) -> Result<String> {
    let bad =
        |e: serde_json::Error| db.bad(format_args!("the olm.package property of bundle {bundle} cannot be read")).because(e);
    let value: &RawValue = serde_json::from_str(value).map_err(bad)?;
    gojson::Object::read(value).and_then(|object| object.string("packageName")).map_err(bad)
}
