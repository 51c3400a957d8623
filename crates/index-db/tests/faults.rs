//! Bad input and other writers: the original is whole, and the error says what to do.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{copy_of, golden, names};
use fbc::{OpmVersion, PackageName};
use index_db::{IndexDb, Level, migrate, migrate_to_dir, remove_packages};
use rusqlite::Connection;
use step::{Cancel, Error, Kind};

fn etcd() -> BTreeSet<PackageName> {
    BTreeSet::from(["etcd".parse().unwrap()])
}

fn shown(error: &Error, dir: &Path) -> String {
    format!("{error:?}").replace(dir.to_str().unwrap(), "…")
}

/// What all three operations answer for a file of these bytes; they must agree, and leave nothing.
fn refused(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index.db");
    fs::write(&path, bytes).unwrap();
    let open = IndexDb::open(&path).and_then(|index| index.packages()).unwrap_err();
    let remove = remove_packages(&path, &etcd(), &Cancel::new()).unwrap_err();
    let migrate = migrate(&path, Level::None, OpmVersion::new(1, 51, 0), &Cancel::new(), |_, _| Ok(())).unwrap_err();
    assert_eq!(open.to_string(), remove.to_string());
    assert_eq!(open.to_string(), migrate.to_string());
    assert!(fs::read(&path).unwrap() == bytes);
    assert_eq!(names(dir.path()), ["index.db"]);
    shown(&open, dir.path())
}

#[test]
fn what_is_not_an_index() {
    let whole = fs::read(golden("bundles.db")).unwrap();
    insta::assert_snapshot!(refused(b""), @r"
    bad-input: …/index.db is not a SQLite database: it is empty
    hint: pull the index.db artifact again, or restore it from a backup
    ");
    insta::assert_snapshot!(refused(b"{\"schema\": \"olm.package\"}"), @r#"
    bad-input: …/index.db is not a SQLite database: its first bytes are "{\"schema\": \"olm."
    hint: pull the index.db artifact again, or restore it from a backup
    "#);
    insta::assert_snapshot!(refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:0"), @r#"
    bad-input: …/index.db is not a SQLite database: its first bytes are "version https://"
    hint: it is a Git LFS pointer: fetch the file itself with `git lfs pull`
    "#);
    insta::assert_snapshot!(refused(&whole[..50]), @r"
    bad-input: …/index.db: database disk image is malformed: its header is cut off
    hint: pull the index.db artifact again, or restore it from a backup
    ");
    insta::assert_snapshot!(refused(&whole[..whole.len() / 2]), @r"
    bad-input: …/index.db: database disk image is malformed: it has 710656 bytes, its header says 1421312
    hint: pull the index.db artifact again, or restore it from a backup
    ");
    insta::assert_snapshot!(refused(&whole[..whole.len() - 1]), @r"
    bad-input: …/index.db: database disk image is malformed: it has 1421311 bytes, its header says 1421312
    hint: pull the index.db artifact again, or restore it from a backup
    ");

    // The first page, which holds the schema, is damaged behind the header.
    let mut damaged = whole.clone();
    damaged[100..4096].fill(0xff);
    insta::assert_snapshot!(refused(&damaged), @r"
    bad-input: …/index.db: database disk image is malformed: a page of it is damaged
    hint: pull the index.db artifact again, or restore it from a backup
    ");

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE notes (text)").unwrap();
    insta::assert_snapshot!(refused(&fs::read(&path).unwrap()), @r"
    bad-input: …/index.db: not an operator index: it has no table schema_migrations
    hint: an index.db is what `opm registry add` of opm up to 1.73 makes
    ");
}

#[test]
fn paths_that_hold_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let error = |path: &Path| shown(&IndexDb::open(path).unwrap_err(), dir.path());
    insta::assert_snapshot!(error(&dir.path().join("none.db")), @"not-found: cannot read …/none.db: No such file or directory (os error 2)");
    insta::assert_snapshot!(error(dir.path()), @r"
    bad-input: … is not a file
    hint: give the path of the index.db file itself
    ");
}

#[test]
fn schema_versions_that_cannot_be_edited() {
    let with_version = |version: &str| {
        let (dir, path) = copy_of(&golden("bundles.db"));
        Connection::open(&path).unwrap().execute(&format!("UPDATE schema_migrations SET version = {version}"), []).unwrap();
        (dir, path)
    };
    for version in ["14", "-1", "NULL", "'x'"] {
        let (_dir, path) = with_version(if version == "NULL" { "''" } else { version });
        assert_eq!(IndexDb::open(&path).unwrap_err().kind(), Kind::BadInput, "{version}");
    }
    let (dir, path) = with_version("3");
    assert_eq!(IndexDb::open(&path).unwrap().packages().unwrap().len(), 3);
    let error = remove_packages(&path, &etcd(), &Cancel::new()).unwrap_err();
    insta::assert_snapshot!(shown(&error, dir.path()), @r"
    bad-input: …/index.db: its schema version 3 is of before 2020, the oldest that can be edited is 5
    hint: build the index again from its bundle images
    ");
    assert_eq!(names(dir.path()), ["index.db"]);
}

#[test]
fn damage_found_half_way_leaves_the_original() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    let mut bytes = fs::read(&path).unwrap();
    let (start, end) = (bytes.len() / 3 / 4096 * 4096, bytes.len() / 2);
    bytes[start..end].fill(0xff);
    fs::write(&path, &bytes).unwrap();
    let error = remove_packages(&path, &etcd(), &Cancel::new()).unwrap_err();
    insta::assert_snapshot!(shown(&error, dir.path()), @r"
    bad-input: …/index.db: database disk image is malformed: a page of it is damaged
    hint: pull the index.db artifact again, or restore it from a backup
    ");
    assert!(fs::read(&path).unwrap() == bytes);
    assert_eq!(names(dir.path()), ["index.db"]);
}

#[test]
fn packages_that_are_not_there() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    let asked = ["etcd", "none", "neither"].map(|name| name.parse().unwrap()).into();
    let error = remove_packages(&path, &asked, &Cancel::new()).unwrap_err();
    insta::assert_snapshot!(shown(&error, dir.path()), @r"
    not-found: no package neither, none in …/index.db
    hint: an operator that opted into file-based catalogs is not in the database
    ");
    assert_eq!(names(dir.path()), ["index.db"]);
}

#[test]
fn read_only_files_are_not_replaced() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let error = remove_packages(&path, &etcd(), &Cancel::new()).unwrap_err();
    insta::assert_snapshot!(shown(&error, dir.path()), @r"
    unauthorized: cannot write …/index.db: permission denied
    hint: give this user access to it (images run as any UID in group 0); or copy it to where it can be written
    ");
    assert_eq!(names(dir.path()), ["index.db"]);
    assert_eq!(IndexDb::open(&path).unwrap().packages().unwrap().len(), 3);
}

#[test]
fn the_mode_is_kept_and_links_stay_links() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
    let link = dir.path().join("link.db");
    std::os::unix::fs::symlink("index.db", &link).unwrap();
    remove_packages(&link, &etcd(), &Cancel::new()).unwrap().commit().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(IndexDb::open(&path).unwrap().packages().unwrap().len(), 2);
}

#[test]
fn a_dropped_copy_leaves_no_trace() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    let before = fs::read(&path).unwrap();
    let staged = remove_packages(&path, &etcd(), &Cancel::new()).unwrap();
    assert_eq!(IndexDb::open(&staged.path()).unwrap().packages().unwrap().len(), 2);
    drop(staged);
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(names(dir.path()), ["index.db"]);
}

#[test]
fn other_writers_are_conflicts() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    let conflict = |error: Error| {
        assert_eq!(error.kind(), Kind::Conflict);
        shown(&error, dir.path())
    };

    // A second run while the first holds its copy.
    let staged = remove_packages(&path, &etcd(), &Cancel::new()).unwrap();
    insta::assert_snapshot!(conflict(remove_packages(&path, &etcd(), &Cancel::new()).unwrap_err()), @r"
    conflict: …/index.db is being edited by another run
    hint: let it finish, then run again
    ");

    // A change between copy and commit.
    Connection::open(&path).unwrap().execute("UPDATE package SET default_channel = 'beta' WHERE name = 'etcd'", []).unwrap();
    let changed = fs::read(&path).unwrap();
    insta::assert_snapshot!(conflict(staged.commit().unwrap_err()), @r"
    conflict: …/index.db was changed by another program meanwhile
    hint: run again on the changed file
    ");
    assert!(fs::read(&path).unwrap() == changed);
    assert_eq!(names(dir.path()), ["index.db"]);

    // A transaction that has written its journal.
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; UPDATE operatorbundle SET csv = upper(csv)")
        .unwrap();
    insta::assert_snapshot!(conflict(IndexDb::open(&path).unwrap_err()), @r"
    conflict: …/index.db has unfinished changes in …/index.db-journal: another program is writing it, or ended while it was
    hint: let that program finish; if none runs, finish its work with `sqlite3 …/index.db .schema`
    ");
    insta::assert_snapshot!(conflict(remove_packages(&path, &etcd(), &Cancel::new()).unwrap_err()), @r"
    conflict: …/index.db has unfinished changes in …/index.db-journal: another program is writing it, or ended while it was
    hint: let that program finish; if none runs, finish its work with `sqlite3 …/index.db .schema`
    ");
    writer.execute_batch("ROLLBACK").unwrap();
    drop(writer);

    // A lock without a journal.
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    insta::assert_snapshot!(conflict(IndexDb::open(&path).unwrap_err()), @r"
    conflict: …/index.db is locked by another program
    hint: let that program finish, then run again
    ");
}

#[test]
fn write_ahead_logs() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL; UPDATE package SET default_channel = 'beta' WHERE name = 'etcd'").unwrap();
    assert_eq!(IndexDb::open(&path).unwrap_err().kind(), Kind::Conflict);
    // Closing the last connection moves the log into the file.
    writer.close().unwrap();
    assert_eq!(IndexDb::open(&path).unwrap().packages().unwrap().len(), 3);
    assert_eq!(names(dir.path()), ["index.db"]);
    remove_packages(&path, &etcd(), &Cancel::new()).unwrap().commit().unwrap();
    assert_eq!(IndexDb::open(&path).unwrap().packages().unwrap().len(), 2);
    assert_eq!(names(dir.path()), ["index.db"]);
}

#[test]
fn cancelled_work_leaves_nothing() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    let before = fs::read(&path).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(remove_packages(&path, &etcd(), &cancel).unwrap_err().kind(), Kind::Cancelled);
    let out = dir.path().join("out");
    let migrated = migrate_to_dir(&path, Level::None, OpmVersion::new(1, 51, 0), &out, &cancel);
    assert_eq!(migrated.unwrap_err().kind(), Kind::Cancelled);
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(names(dir.path()), ["index.db"]);
}

/// A view whose rows take seconds to count. It ends, so that a statement that cannot be cancelled fails the test and does
/// not hang it.
const SLOW: &str = "
    CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000000)
    SELECT 'olm.deprecated' AS type, '{}' AS value, i % 7 AS operatorbundle_name FROM n;";

#[test]
fn removal_is_cancelled_in_the_middle_of_a_statement() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    let trigger = "CREATE TRIGGER waits AFTER UPDATE ON operatorbundle
        BEGIN SELECT CASE WHEN count(*) > 0 THEN RAISE(ABORT, 'it ran to its end') END FROM slow; END";
    Connection::open(&path).unwrap().execute_batch(&format!("{SLOW} {trigger}")).unwrap();
    let before = fs::read(&path).unwrap();
    let cancel = Cancel::new();
    let error = std::thread::scope(|scope| {
        let removal = scope.spawn(|| remove_packages(&path, &etcd(), &cancel));
        // From here on nothing but statements runs: the steps to the newest schema, one of which updates all bundles.
        while !dir.path().join(".stepwright-index.db/work.db").exists() && !removal.is_finished() {
            std::thread::yield_now();
        }
        cancel.cancel();
        removal.join().unwrap().unwrap_err()
    });
    assert_eq!(error.kind(), Kind::Cancelled, "{error:?}");
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(names(dir.path()), ["index.db"]);
}

#[test]
fn migration_is_cancelled_in_the_middle_of_a_statement() {
    let (dir, path) = copy_of(&golden("empty-index.db"));
    let view = SLOW.replace("slow", "properties");
    Connection::open(&path).unwrap().execute_batch(&format!("DROP TABLE properties; {view}")).unwrap();
    let cancel = Cancel::new();
    // The first look at the flag outside of statements is after the properties have been read.
    cancel.cancel();
    let out = dir.path().join("out");
    let error = migrate_to_dir(&path, Level::None, OpmVersion::new(1, 51, 0), &out, &cancel).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled, "{error:?}");
    assert_eq!(names(dir.path()), ["index.db"]);
}

#[test]
fn a_failing_visitor_stops_the_migration() {
    let mut calls = 0;
    let error = migrate(&golden("bundles.db"), Level::None, OpmVersion::new(1, 51, 0), &Cancel::new(), |_, _| {
        calls += 1;
        Err(Error::internal("no more"))
    });
    assert_eq!((error.unwrap_err().to_string().as_str(), calls), ("no more", 1));
}

#[test]
fn the_output_directory_must_be_empty() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    let error = migrate_to_dir(&path, Level::None, OpmVersion::new(1, 51, 0), dir.path(), &Cancel::new()).unwrap_err();
    insta::assert_snapshot!(shown(&error, dir.path()), @r#"
    bad-input: output dir "…" must be empty
    hint: empty it, or name another
    "#);
    assert_eq!(names(dir.path()), ["index.db"]);

    // What a crashed run left is not in the way.
    let out = dir.path().join("out");
    fs::create_dir_all(out.join(".stepwright-migrate/etcd")).unwrap();
    migrate_to_dir(&path, Level::None, OpmVersion::new(1, 51, 0), &out, &Cancel::new()).unwrap();
    assert_eq!(names(&out), ["etcd", "prometheus", "strimzi-kafka-operator"]);
}

/// What an index should not hold, and what is said of it. Nothing panics.
#[test]
fn odd_rows() {
    let odd = |sql: &str| {
        let (dir, path) = copy_of(&golden("bundles.db"));
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
        drop(conn);
        let listed = IndexDb::open(&path).unwrap().packages().unwrap().len();
        let removed = match remove_packages(&path, &etcd(), &Cancel::new()) {
            Ok(_) => "removed".to_owned(),
            Err(error) => error.to_string(),
        };
        let migrated =
            match migrate(&path, Level::BundleObjectToCsvMetadata, OpmVersion::new(1, 51, 0), &Cancel::new(), |_, _| Ok(())) {
                Ok(()) => "migrated".to_owned(),
                Err(error) => format!("{} {error}", error.details_text()).trim().to_owned(),
            };
        format!("{listed} | {removed} | {migrated}").replace(dir.path().to_str().unwrap(), "…")
    };
    insta::assert_snapshot!(odd("INSERT INTO package VALUES (NULL, NULL)"), @"3 | removed | migrated");
    insta::assert_snapshot!(odd("INSERT INTO package VALUES ('', NULL)"), @r#"3 | removed | …/index.db: "" is not a package name: it is empty"#);
    insta::assert_snapshot!(odd("INSERT INTO package VALUES ('../up', 'x')"), @r#"4 | removed | …/index.db: "../up" is not a package name: it may hold only a-z, 0-9, `.` and `-`"#);
    insta::assert_snapshot!(odd("INSERT INTO channel_entry VALUES (99, 'alpha', 'etcd', NULL, NULL, 9)"), @"3 | …/index.db: a channel entry of it names no bundle | migrated");
    insta::assert_snapshot!(odd("INSERT INTO channel_entry VALUES (99, NULL, NULL, NULL, 1, NULL)"), @r#"3 | …/index.db: bundle "" in channel "" of package "" replaces or skips a bundle that would go | migrated"#);
    insta::assert_snapshot!(odd("INSERT INTO channel_entry VALUES (99, 'x', 'nowhere', 'etcdoperator.v0.9.2', 99, 0)"), @r#"4 | removed | …/index.db: unknown package "nowhere" for bundle "etcdoperator.v0.9.2""#);
    insta::assert_snapshot!(odd("UPDATE channel_entry SET replaces = entry_id"), @r#"
    3 | removed | invalid index:
    ├── invalid package "etcd":
    │   ├── invalid channel "alpha":
    │   │   └── no channel head found in graph
    │   ├── invalid channel "beta":
    │   │   └── no channel head found in graph
    │   └── invalid channel "stable":
    │       └── no channel head found in graph
    ├── invalid package "prometheus":
    │   └── invalid channel "preview":
    │       └── no channel head found in graph
    └── invalid package "strimzi-kafka-operator":
        ├── invalid channel "alpha":
        │   └── no channel head found in graph
        ├── invalid channel "beta":
        │   └── no channel head found in graph
        └── invalid channel "stable":
            └── no channel head found in graph …/index.db: 3 packages of it are not valid for opm v1.51.0
    "#);
    insta::assert_snapshot!(odd("UPDATE channel_entry SET depth = 'deep'"), @"3 | removed | migrated");
    insta::assert_snapshot!(odd("UPDATE operatorbundle SET csv = NULL, bundle = NULL"), @r#"3 | removed | …/index.db: the CSV of bundle "etcdoperator.v0.9.2" cannot be read: EOF while parsing a value at line 1 column 0"#);
    insta::assert_snapshot!(odd("UPDATE operatorbundle SET bundle = x'ff00fe'"), @r#"3 | removed | …/index.db: bundle "etcdoperator.v0.6.1": expected value at line 1 column 1"#);
    insta::assert_snapshot!(odd("UPDATE operatorbundle SET bundle = '[1]'"), @r#"3 | removed | …/index.db: bundle "etcdoperator.v0.6.1": invalid type: sequence, expected an object at line 1 column 0"#);
    insta::assert_snapshot!(odd("UPDATE operatorbundle SET bundle = '{\"kind\": \"Service\"}'"), @r#"3 | removed | …/index.db: bundle "etcdoperator.v0.6.1": no ClusterServiceVersion among its manifests"#);
    insta::assert_snapshot!(odd("UPDATE operatorbundle SET csv = '{\"spec\": {\"icon\": 7}}'"), @r#"3 | removed | …/index.db: the CSV of bundle "etcdoperator.v0.9.2" cannot be read: invalid type: integer `7`, expected a sequence at line 1 column 1"#);
    insta::assert_snapshot!(odd("UPDATE operatorbundle SET version = 7, bundlepath = 1.5 WHERE name = 'etcdoperator.v0.9.2'"), @r#"3 | removed | error parsing bundle "etcdoperator.v0.9.2" version "7": No Major.Minor.Patch elements found …/index.db: a package of it is not valid for opm v1.51.0"#);
    insta::assert_snapshot!(odd("UPDATE operatorbundle SET version = NULL"), @r#"
    3 | removed | invalid index:
    ├── invalid package "etcd":
    │   ├── invalid channel "alpha":
    │   │   └── channel must contain at least one bundle
    │   ├── invalid channel "beta":
    │   │   └── channel must contain at least one bundle
    │   └── invalid channel "stable":
    │       └── channel must contain at least one bundle
    ├── invalid package "prometheus":
    │   └── invalid channel "preview":
    │       └── channel must contain at least one bundle
    └── invalid package "strimzi-kafka-operator":
        ├── invalid channel "alpha":
        │   └── channel must contain at least one bundle
        ├── invalid channel "beta":
        │   └── channel must contain at least one bundle
        └── invalid channel "stable":
            └── channel must contain at least one bundle …/index.db: 3 packages of it are not valid for opm v1.51.0
    "#);
    insta::assert_snapshot!(odd("UPDATE operatorbundle SET version = 'x' WHERE name GLOB 'etcd*'; UPDATE channel_entry SET replaces = entry_id"), @r#"
    3 | removed | invalid index:
    ├── etcd/catalog.json:81: error parsing bundle "etcdoperator.v0.6.1" version "x": No Major.Minor.Patch elements found
    ├── etcd/catalog.json:234: error parsing bundle "etcdoperator.v0.9.0" version "x": No Major.Minor.Patch elements found
    ├── etcd/catalog.json:515: error parsing bundle "etcdoperator.v0.9.2" version "x": No Major.Minor.Patch elements found
    ├── invalid package "prometheus":
    │   └── invalid channel "preview":
    │       └── no channel head found in graph
    └── invalid package "strimzi-kafka-operator":
        ├── invalid channel "alpha":
        │   └── no channel head found in graph
        ├── invalid channel "beta":
        │   └── no channel head found in graph
        └── invalid channel "stable":
            └── no channel head found in graph …/index.db: 3 packages of it are not valid for opm v1.51.0
    "#);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let csv = r#"{"kind": "ClusterServiceVersion", "metadata": {"name": "x"}, "spec": {"customresourcedefinitions": {"owned": [{"specDescriptors": [{"value": DEEP}]}]}}}"#;
    insta::assert_snapshot!(odd(&format!("UPDATE operatorbundle SET bundle = '{}'", csv.replace("DEEP", &deep))), @r#"3 | removed | …/index.db: bundle "etcdoperator.v0.6.1": exceeded max depth"#);
    insta::assert_snapshot!(odd("DELETE FROM channel"), @r#"3 | removed | …/index.db: unknown channel "alpha" for bundle "etcdoperator.v0.6.1""#);
    insta::assert_snapshot!(odd("DELETE FROM channel_entry; DELETE FROM operatorbundle"), @r#"3 | removed | …/index.db: default channel "alpha" of package "etcd" has no head"#);
    insta::assert_snapshot!(odd("DROP TABLE api_provider"), @"3 | …/index.db is not an operator index: no such table: api_provider | …/index.db is not an operator index: no such table: api_provider");
}
