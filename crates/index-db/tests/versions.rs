//! Every schema version that can be edited, 5 to 13: removal and migration end the same from each.
//!
//! The databases are made from the golden one of version 5 by bringing it to 13 and taking the steps back. That they are
//! what opm had in its days was seen by running operator-registry's own migrations (of 1.51.0) on the golden one up to each
//! version: the digests of their rows stand below. What removal and migration must end in was answered by opm 1.51.0
//! on those (`registry rm`, `migrate --migrate-level bundle-object-to-csv-metadata`).

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::{column, copy_of, digest, files, golden, rows};
use fbc::OpmVersion;
use index_db::{IndexDb, Level, migrate_to_dir, remove_packages};
use rusqlite::Connection;
use step::Cancel;

/// A version, what takes the database of the next one to it, and the digest of the rows of opm's.
const VERSIONS: [(u32, &str, &str); 8] = [
    (13, "", "bf0e82eb1f1defc9"),
    (12, "", "bf0e82eb1f1defc9"),
    (11, "DROP TABLE deprecated", "bf0e82eb1f1defc9"),
    (10, "ALTER TABLE operatorbundle DROP COLUMN substitutesfor", "bf496daf7556ef89"),
    (9, "", "bf496daf7556ef89"),
    (
        8,
        "DROP TABLE properties;
        UPDATE dependencies SET value = CAST(json_object(
            'group', value ->> 'group', 'kind', value ->> 'kind', 'type', type, 'version', value ->> 'version'
        ) AS BLOB)",
        "a4e84757c44fad51",
    ),
    (7, "DROP TABLE dependencies", "b62dbed247d41471"),
    (
        6,
        "DROP TRIGGER api_provider_cleanup;
        DROP TRIGGER api_requirer_cleanup;
        ALTER TABLE operatorbundle DROP COLUMN replaces;
        ALTER TABLE operatorbundle DROP COLUMN skips",
        "354e1347b0e094c9",
    ),
];

/// The golden database at `version`, with the rows that `sql` adds.
fn at_version(version: u32, sql: &str) -> (tempfile::TempDir, PathBuf) {
    let (dir, path) = copy_of(&golden("bundles.db"));
    // Removing nothing is bringing up to date.
    remove_packages(&path, &BTreeSet::new(), &Cancel::new()).unwrap().commit().unwrap();
    let conn = Connection::open(&path).unwrap();
    for (number, back, _) in VERSIONS {
        if number >= version {
            conn.execute_batch(back).unwrap();
        }
    }
    conn.execute("UPDATE schema_migrations SET version = ?1", [version]).unwrap();
    conn.execute_batch(sql).unwrap();
    (dir, path)
}

/// The digests of the rows without etcd, of those without prometheus and of the catalog.
fn ends(original: &Path) -> [String; 3] {
    let without = |package: &str| {
        let (_dir, path) = copy_of(original);
        remove_packages(&path, &[package.parse().unwrap()].into(), &Cancel::new()).unwrap().commit().unwrap();
        assert_eq!(IndexDb::open(&path).unwrap().schema_version(), 13);
        digest(rows(&path))
    };
    let before = fs::read(original).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("catalog");
    migrate_to_dir(original, Level::BundleObjectToCsvMetadata, OpmVersion::new(1, 51, 0), &out, &Cancel::new()).unwrap();
    assert!(fs::read(original).unwrap() == before, "migrating changed the database");
    let catalog = digest(files(&out).into_iter().flat_map(|(path, bytes)| [path.into_bytes(), bytes]));
    [without("etcd"), without("prometheus"), catalog]
}

#[test]
fn every_version_ends_the_same() {
    let expected = ["e265d79c67077dd1", "73b9b00c73bcce32", "7d438da39a455d0f"];
    assert_eq!(ends(&golden("bundles.db")), expected, "version 5");
    for (version, _, of_opm) in VERSIONS {
        let (_dir, path) = at_version(version, "");
        assert_eq!(IndexDb::open(&path).unwrap().schema_version(), version);
        assert_eq!(IndexDb::open(&path).unwrap().packages().unwrap().len(), 3);
        assert_eq!(digest(rows(&path)), of_opm, "version {version} is not what opm had");
        assert_eq!(ends(&path), expected, "version {version}");
    }
}

/// What opm did wrong while a version was current, and the next version's step mends.
#[test]
fn faults_of_their_days_are_mended() {
    let same = ["e265d79c67077dd1", "73b9b00c73bcce32", "7d438da39a455d0f"];
    let deprecated = ["bc7d9e1cd3fc3f7f", "73b9b00c73bcce32", "aa3ba237dde3bdec"];
    let table = [
        // Properties did not say which bundle image they are of.
        (9, "UPDATE properties SET operatorbundle_path = NULL WHERE operatorbundle_name GLOB 'etcd*'", same),
        // Deprecation was a property only, ...
        (11, "INSERT INTO properties VALUES ('olm.deprecated', '{}', 'prometheusoperator.0.14.0', '0.14.0', '')", deprecated),
        // ... and then stayed on for bundles that had gone.
        (
            12,
            "INSERT INTO properties VALUES ('olm.deprecated', '{}', 'prometheusoperator.0.14.0', '0.14.0', '');
            INSERT INTO deprecated VALUES ('prometheusoperator.0.14.0'), ('prometheusoperator.0.13.0')",
            deprecated,
        ),
    ];
    for (version, sql, expected) in table {
        let (_dir, path) = at_version(version, sql);
        assert_eq!(ends(&path), expected, "version {version}");
    }
}

/// The schema as it grew: what each version has that the one before has not.
#[test]
fn schemas() {
    let schema = |path: &Path| -> BTreeSet<String> {
        let conn = Connection::open(path).unwrap();
        let columns = "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'";
        let others = "SELECT type || ' ' || name FROM sqlite_master WHERE type <> 'table' AND name NOT GLOB 'sqlite_*'";
        column(&conn, columns).into_iter().chain(column(&conn, others)).collect()
    };
    let (_dir, oldest) = copy_of(&golden("bundles.db"));
    let mut before = schema(&oldest);
    let mut story = String::new();
    for (version, ..) in VERSIONS.iter().rev() {
        let (_dir, path) = at_version(*version, "");
        let now = schema(&path);
        for gone in before.difference(&now) {
            story.push_str(&format!("{version} - {gone}\n"));
        }
        for new in now.difference(&before) {
            story.push_str(&format!("{version} + {new}\n"));
        }
        before = now;
    }
    insta::assert_snapshot!(story, @"
    6 - api_provider.channel_entry_id
    6 - api_requirer.channel_entry_id
    6 + api_provider.operatorbundle_name
    6 + api_provider.operatorbundle_path
    6 + api_provider.operatorbundle_version
    6 + api_requirer.operatorbundle_name
    6 + api_requirer.operatorbundle_path
    6 + api_requirer.operatorbundle_version
    6 + index pk
    7 + operatorbundle.replaces
    7 + operatorbundle.skips
    7 + trigger api_provider_cleanup
    7 + trigger api_requirer_cleanup
    8 + dependencies.operatorbundle_name
    8 + dependencies.operatorbundle_path
    8 + dependencies.operatorbundle_version
    8 + dependencies.type
    8 + dependencies.value
    9 + properties.operatorbundle_name
    9 + properties.operatorbundle_path
    9 + properties.operatorbundle_version
    9 + properties.type
    9 + properties.value
    11 + operatorbundle.substitutesfor
    12 + deprecated.operatorbundle_name
    ");
}
