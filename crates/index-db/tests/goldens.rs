//! The answers of opm 1.26.4 and of the opm of OpenShift 4.19 (about 1.51) for operator-registry's test database, whose
//! schema is version 5: the same rows, the same catalogs.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;

use common::{column, copy_of, files, golden, names, rows, schema_words};
use index_db::{IndexDb, Level, migrate_to_dir, remove_packages};
use rusqlite::Connection;
use step::Cancel;

fn set(names: &[&str]) -> BTreeSet<fbc::PackageName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn packages_are_listed_and_nothing_is_written() {
    let (dir, path) = copy_of(&golden("bundles.db"));
    let before = fs::read(&path).unwrap();
    let index = IndexDb::open(&path).unwrap();
    let packages: Vec<String> = index.packages().unwrap().into_iter().collect();
    assert_eq!(packages, ["etcd", "prometheus", "strimzi-kafka-operator"]);
    assert_eq!(index.schema_version(), 5);
    assert!(fs::read(&path).unwrap() == before, "opening changed the file");
    assert_eq!(names(dir.path()), ["index.db"]);
}

#[test]
fn removing_leaves_the_rows_that_opm_leaves() {
    for package in ["etcd", "prometheus"] {
        let (dir, path) = copy_of(&golden("bundles.db"));
        let before = fs::read(&path).unwrap();
        let staged = remove_packages(&path, &set(&[package]), &Cancel::new()).unwrap();
        assert!(fs::read(&path).unwrap() == before, "the original changed before the commit");
        staged.commit().unwrap();
        assert_eq!(names(dir.path()), ["index.db"]);

        let mut opm = String::new();
        let gz = fs::File::open(golden(&format!("rm-{package}-1.26.4.sql.sorted.gz"))).unwrap();
        flate2::read::GzDecoder::new(gz).read_to_string(&mut opm).unwrap();
        let (inserts, schema): (Vec<&str>, Vec<&str>) = opm.lines().partition(|line| line.starts_with("INSERT INTO"));
        let ours = rows(&path);
        let different = inserts.iter().zip(&ours).find(|(theirs, ours)| theirs != ours);
        assert!(different.is_none(), "{package}: {:.200?}", different);
        assert_eq!(inserts.len(), ours.len(), "{package}");

        // `.dump` adds these to the statements of the schema.
        let schema =
            schema.into_iter().filter(|line| !["BEGIN TRANSACTION;", "COMMIT;", "PRAGMA foreign_keys=OFF;"].contains(line));
        let conn = Connection::open(&path).unwrap();
        let statements = column(&conn, "SELECT sql FROM sqlite_master WHERE sql NOTNULL");
        let without = |words: Vec<String>| {
            words.into_iter().filter(|word| !["IF", "NOT", "EXISTS"].contains(&word.as_str())).collect::<Vec<_>>()
        };
        assert_eq!(without(schema_words(statements.iter().map(String::as_str))), without(schema_words(schema)), "{package}");
    }
}

#[test]
fn removing_everything_leaves_the_empty_index() {
    let (_dir, path) = copy_of(&golden("bundles.db"));
    let all = set(&["etcd", "prometheus", "strimzi-kafka-operator"]);
    remove_packages(&path, &all, &Cancel::new()).unwrap().commit().unwrap();
    let (_empty_dir, empty) = copy_of(&golden("empty-index.db"));
    assert_eq!(rows(&path), rows(&empty));
    assert!(IndexDb::open(&path).unwrap().packages().unwrap().is_empty());
    assert_eq!(IndexDb::open(&path).unwrap().schema_version(), 13);

    let out = path.with_file_name("catalog");
    let version = fbc::OpmVersion::new(1, 48, 0);
    assert!(migrate_to_dir(&path, Level::for_opm(version), version, &out, &Cancel::new()).unwrap().is_empty());
    assert!(out.is_dir(), "opm makes the directory also when there are no packages");
}

#[test]
fn migrating_gives_the_bytes_of_opm() {
    let old = (fbc::OpmVersion::new(1, 26, 4), "migrate-1.26.4");
    let new = (fbc::OpmVersion::new(1, 48, 0), "migrate-ocp4.19");
    for (version, expected) in [old, new] {
        let (dir, path) = copy_of(&golden("bundles.db"));
        let before = fs::read(&path).unwrap();
        let out = dir.path().join("new/catalog");
        migrate_to_dir(&path, Level::for_opm(version), version, &out, &Cancel::new()).unwrap();
        let (ours, opm) = (files(&out), files(&golden(expected)));
        let paths = |files: &[(String, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(&ours), paths(&opm), "{expected}");
        for ((path, ours), (_, opm)) in ours.iter().zip(&opm) {
            let at = ours.iter().zip(opm).position(|(ours, opm)| ours != opm);
            assert!(ours == opm, "{expected}/{path} differs at byte {at:?}");
        }
        assert!(fs::read(&path).unwrap() == before, "migrating changed the database");
        assert_eq!(names(dir.path()), ["index.db", "new"]);
        assert_eq!(names(&dir.path().join("new")), ["catalog"]);
    }
}

#[test]
fn levels_follow_the_builders_of_index_images() {
    let table = [
        ("1.26.4", Level::None),
        ("1.27.9", Level::None),
        ("1.28.0", Level::BundleObjectToCsvMetadata),
        ("1.45.9", Level::BundleObjectToCsvMetadata),
        ("1.46.0", Level::None),
        ("1.46.1", Level::BundleObjectToCsvMetadata),
        ("1.61.0", Level::BundleObjectToCsvMetadata),
    ];
    for (version, level) in table {
        assert_eq!(Level::for_opm(version.parse().unwrap()), level, "{version}");
    }
}
