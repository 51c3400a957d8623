//! The database schema, versions 5 to 13, and the way from each to the next.
//!
//! The steps and their numbers are those of operator-registry (`pkg/sqlite/migrations`), so that a database that was
//! brought up to date here is the one that opm would have made: same tables, same triggers, same rows.

use step::{Error, Result};

use crate::db::{Db, text};

/// The last schema there will be.
pub(crate) const NEWEST: u32 = 13;
/// The oldest schema that can be brought up to date. opm's own step to version 5 loses every bundle's version.
const OLDEST: u32 = 5;

/// The schema version of an operator index; anything else is bad input.
pub(crate) fn version(db: &Db) -> Result<u32> {
    let tables = db.all("SELECT name FROM sqlite_master WHERE type = 'table'", [], |row| text(row, 0))?;
    let has = |table: &str| tables.iter().flatten().any(|name| name == table);
    let needed = ["schema_migrations", "operatorbundle", "package", "channel", "channel_entry"];
    if let Some(missing) = needed.into_iter().find(|table| !has(table)) {
        return Err(db.bad(format_args!("not an operator index: it has no table {missing}")).hint(NOT_AN_INDEX));
    }
    let versions = db.all("SELECT version FROM schema_migrations LIMIT 1", [], |row| text(row, 0))?;
    let shown = versions.into_iter().flatten().next().unwrap_or_default();
    match shown.parse::<u32>() {
        Ok(version @ 0..=NEWEST) => Ok(version),
        Ok(version) => {
            Err(db.bad(format_args!("its schema version is {version}, the newest known is {NEWEST}")).hint(NOT_AN_INDEX))
        }
        Err(_) => Err(db.bad(format_args!("its schema version is \"{shown}\", not a number")).hint(NOT_AN_INDEX)),
    }
}

const NOT_AN_INDEX: &str = "an index.db is what `opm registry add` of opm up to 1.73 makes";

/// Brings `db`, a copy of ours, to schema [`NEWEST`].
pub(crate) fn upgrade(db: &Db, from: u32) -> Result<()> {
    if from < OLDEST {
        return Err(too_old(db, from));
    }
    if from == NEWEST {
        return Ok(());
    }
    db.script("PRAGMA foreign_keys = ON; BEGIN")?;
    for (version, script) in STEPS {
        if version > from {
            tracing::debug!(version, "bringing the schema up to date");
            db.script(script)?;
            if version == 7 {
                fill_replaces_and_skips(db)?;
            }
        }
    }
    db.script("DELETE FROM schema_migrations")?;
    db.execute("INSERT INTO schema_migrations(version) VALUES (?1)", [NEWEST])?;
    db.script("COMMIT")
}

fn too_old(db: &Db, version: u32) -> Error {
    db.bad(format_args!("its schema version {version} is of before 2020, the oldest that can be edited is {OLDEST}"))
        .hint("build the index again from its bundle images")
}

/// What brings the schema from the version before to the named one.
const STEPS: [(u32, &str); 8] = [
    // Provided and required interfaces belong to bundles, no longer to channel entries.
    (
        6,
        "CREATE TABLE api_provider_new (
            group_name TEXT,
            version TEXT,
            kind TEXT,
            operatorbundle_name TEXT,
            operatorbundle_version TEXT,
            operatorbundle_path TEXT,
            FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
            FOREIGN KEY(group_name, version, kind) REFERENCES api(group_name, version, kind) ON DELETE CASCADE
        );
        CREATE TABLE api_requirer_new (
            group_name TEXT,
            version TEXT,
            kind TEXT,
            operatorbundle_name TEXT,
            operatorbundle_version TEXT,
            operatorbundle_path TEXT,
            FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
            FOREIGN KEY(group_name, version, kind) REFERENCES api(group_name, version, kind) ON DELETE CASCADE
        );
        CREATE UNIQUE INDEX pk ON operatorbundle(name, version, bundlepath);
        INSERT INTO api_provider_new
            SELECT DISTINCT a.group_name, a.version, a.kind, b.name, b.version, b.bundlepath
            FROM api_provider a
            JOIN channel_entry e ON e.entry_id = a.channel_entry_id
            JOIN operatorbundle b ON b.name = e.operatorbundle_name
            WHERE a.group_name NOTNULL AND a.version NOTNULL AND a.kind NOTNULL;
        INSERT INTO api_requirer_new
            SELECT DISTINCT a.group_name, a.version, a.kind, b.name, b.version, b.bundlepath
            FROM api_requirer a
            JOIN channel_entry e ON e.entry_id = a.channel_entry_id
            JOIN operatorbundle b ON b.name = e.operatorbundle_name
            WHERE a.group_name NOTNULL AND a.version NOTNULL AND a.kind NOTNULL;
        DROP TABLE api_provider;
        DROP TABLE api_requirer;
        ALTER TABLE api_provider_new RENAME TO api_provider;
        ALTER TABLE api_requirer_new RENAME TO api_requirer",
    ),
    // The triggers mean to drop an interface that nobody provides or requires any more. They join the two tables
    // without a condition, so they also fire while either table is empty; indexes have been made by that rule.
    (
        7,
        "ALTER TABLE operatorbundle ADD COLUMN replaces TEXT;
        ALTER TABLE operatorbundle ADD COLUMN skips TEXT;
        CREATE TRIGGER api_provider_cleanup
        AFTER DELETE ON api_provider
        WHEN NOT EXISTS (SELECT 1 FROM api_provider JOIN api_requirer WHERE
            (api_provider.group_name = OLD.group_name AND api_provider.version = OLD.version AND api_provider.kind = OLD.kind) OR
            (api_requirer.group_name = OLD.group_name AND api_requirer.version = OLD.version AND api_requirer.kind = OLD.kind))
        BEGIN
            DELETE FROM api WHERE group_name = OLD.group_name AND version = OLD.version AND kind = OLD.kind;
        END;
        CREATE TRIGGER api_requirer_cleanup
        AFTER DELETE ON api_requirer
        WHEN NOT EXISTS (SELECT 1 FROM api_provider JOIN api_requirer WHERE
            (api_provider.group_name = OLD.group_name AND api_provider.version = OLD.version AND api_provider.kind = OLD.kind) OR
            (api_requirer.group_name = OLD.group_name AND api_requirer.version = OLD.version AND api_requirer.kind = OLD.kind))
        BEGIN
            DELETE FROM api WHERE group_name = OLD.group_name AND version = OLD.version AND kind = OLD.kind;
        END",
    ),
    (
        8,
        "CREATE TABLE IF NOT EXISTS dependencies (
            type TEXT,
            value TEXT,
            operatorbundle_name TEXT,
            operatorbundle_version TEXT,
            operatorbundle_path TEXT,
            FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE
        );
        INSERT INTO dependencies
            SELECT DISTINCT 'olm.gvk', CAST(json_object('group', group_name, 'kind', kind, 'type', 'olm.gvk', 'version', version) AS BLOB),
                operatorbundle_name, operatorbundle_version, operatorbundle_path
            FROM api_requirer
            WHERE group_name NOTNULL AND version NOTNULL AND kind NOTNULL AND operatorbundle_name NOTNULL",
    ),
    // opm's last statement here lacks a condition: it gives every dependency of the index the value of whichever was
    // inserted first, in an order that changes from run to run. What it says it does is done: the type is dropped from each.
    (
        9,
        "CREATE TABLE IF NOT EXISTS properties (
            type TEXT,
            value TEXT,
            operatorbundle_name TEXT,
            operatorbundle_version TEXT,
            operatorbundle_path TEXT,
            FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE
        );
        INSERT INTO properties
            SELECT 'olm.package',
                CAST(json_object(
                    'packageName', COALESCE((SELECT package_name FROM channel_entry e WHERE e.operatorbundle_name = p.name ORDER BY entry_id LIMIT 1), ''),
                    'version', COALESCE(p.version, '')
                ) AS BLOB),
                p.name, p.version, p.path
            FROM (
                SELECT DISTINCT operatorbundle_name AS name, operatorbundle_version AS version, operatorbundle_path AS path
                FROM api_provider
                WHERE group_name NOTNULL AND version NOTNULL AND kind NOTNULL AND operatorbundle_name NOTNULL
            ) p;
        INSERT INTO properties
            SELECT DISTINCT 'olm.gvk', CAST(json_object('group', group_name, 'kind', kind, 'version', version) AS BLOB),
                operatorbundle_name, operatorbundle_version, operatorbundle_path
            FROM api_provider
            WHERE group_name NOTNULL AND version NOTNULL AND kind NOTNULL AND operatorbundle_name NOTNULL;
        UPDATE dependencies SET value = json_remove(CAST(value AS TEXT), '$.type')",
    ),
    (
        10,
        "UPDATE properties SET operatorbundle_path = (
            SELECT bundlepath FROM operatorbundle b
            WHERE b.name = operatorbundle_name AND b.version = operatorbundle_version
        )",
    ),
    (11, "ALTER TABLE operatorbundle ADD COLUMN substitutesfor TEXT"),
    (
        12,
        "CREATE TABLE IF NOT EXISTS deprecated (
            operatorbundle_name TEXT PRIMARY KEY
        );
        INSERT OR REPLACE INTO deprecated SELECT operatorbundle_name FROM properties WHERE type = 'olm.deprecated'",
    ),
    (
        13,
        "DELETE FROM deprecated WHERE operatorbundle_name NOT IN (
            SELECT d.operatorbundle_name FROM deprecated d JOIN operatorbundle b ON b.name = d.operatorbundle_name
        )",
    ),
];

/// Fills the columns that version 7 adds from the channel entries: the first bundle that an entry points at is
/// replaced, the others are skipped.
fn fill_replaces_and_skips(db: &Db) -> Result<()> {
    let names = db.all("SELECT name FROM operatorbundle WHERE name NOTNULL", [], |row| text(row, 0))?;
    for name in names {
        // DISTINCT keeps the first of equal names in the order of the entries, and that one's depth sorts it.
        let targets = db.all(
            "SELECT DISTINCT target.operatorbundle_name
            FROM channel_entry LEFT JOIN channel_entry target ON channel_entry.replaces = target.entry_id
            WHERE channel_entry.operatorbundle_name = ?1
            ORDER BY channel_entry.depth",
            [&name],
            |row| text(row, 0),
        )?;
        let mut targets = targets.into_iter();
        let replaces = targets.next().flatten().unwrap_or_default();
        let skips: Vec<String> = targets.flatten().collect();
        db.execute("UPDATE operatorbundle SET replaces = ?1, skips = ?2 WHERE name = ?3", (replaces, skips.join(","), name))?;
    }
    Ok(())
}
