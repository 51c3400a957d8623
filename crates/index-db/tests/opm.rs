//! Indexes as years make them (bundles in two packages, deprecated ones, properties of packages that are gone), made by
//! the `synth-index-db` example from a seed. What is expected was answered by opm 1.26.4, 1.51.0 and 1.73.0
//! (`registry rm`; all three agree) and by opm 1.51.0 and 1.73.0 (`migrate --migrate-level
//! bundle-object-to-csv-metadata` of the result).

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::{digest, files, rows, synth::Synth};
use fbc::{OpmVersion, PackageName};
use index_db::{IndexDb, Level, migrate, migrate_to_dir, remove_packages};
use rusqlite::Connection;
use step::{Cancel, Kind};

struct Index {
    dir: tempfile::TempDir,
    path: PathBuf,
}

/// The wild index of `seed`, and the second and fourth of its packages.
fn wild(seed: u64) -> (Index, BTreeSet<PackageName>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index.db");
    Synth::small(seed, true).write(&path).unwrap();
    let packages = IndexDb::open(&path).unwrap().packages().unwrap();
    let chosen = packages.iter().skip(1).step_by(2).take(2).map(|name| name.parse().unwrap()).collect();
    (Index { dir, path }, chosen)
}

#[test]
fn removal_and_migration_of_wild_indexes() {
    let table = [
        (2, "007f159f631c4cbd", None),
        (3, "9206945a8e56b68d", Some("d67ec2666e879716")),
        (4, "f249fd3a0eddb345", Some("3ca497f87df6615b")),
        (6, "7cdd71437f369ce9", None),
        (8, "b8a5fca009fe8a76", Some("efb6549b3d021d5a")),
        (10, "d9b33a2c81e17196", None),
        (11, "a7cef03231056eef", Some("28cb2100fadca699")),
    ];
    for (seed, after_rm, catalog) in table {
        let (index, packages) = wild(seed);
        remove_packages(&index.path, &packages, &Cancel::new()).unwrap().commit().unwrap();
        assert_eq!(digest(rows(&index.path)), after_rm, "seed {seed}");

        let out = index.dir.path().join("catalog");
        let version = OpmVersion::new(1, 51, 0);
        let migrated = migrate_to_dir(&index.path, Level::for_opm(version), version, &out, &Cancel::new());
        match catalog {
            Some(expected) => {
                migrated.unwrap();
                let all = files(&out).into_iter().flat_map(|(path, bytes)| [path.into_bytes(), bytes]);
                assert_eq!(digest(all), expected, "seed {seed}");
            }
            None => assert_eq!(migrated.unwrap_err().kind(), Kind::BadInput, "seed {seed}: opm calls it invalid"),
        }
    }
}

/// opm commits after each package and fails ("FOREIGN KEY constraint failed") at the first although the second is to go
/// too. Here both go at once.
#[test]
fn packages_that_refer_to_each_other_go_together() {
    for seed in [7, 12, 13] {
        let (index, packages) = wild(seed);
        remove_packages(&index.path, &packages, &Cancel::new()).unwrap().commit().unwrap();
        let left = IndexDb::open(&index.path).unwrap().packages().unwrap();
        assert!(packages.iter().all(|name| !left.contains(name.as_str())), "seed {seed}");
        let dangling = "SELECT count(*) FROM pragma_foreign_key_check";
        let dangling: i64 = Connection::open(&index.path).unwrap().query_row(dangling, [], |row| row.get(0)).unwrap();
        assert_eq!(dangling, 0, "seed {seed}");
    }
}

#[test]
fn a_bundle_that_another_package_builds_on_stays() {
    let (index, packages) = wild(1);
    let before = rows(&index.path);
    let error = remove_packages(&index.path, &packages, &Cancel::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput);
    let shown = format!("{error:?}").replace(index.dir.path().to_str().unwrap(), "…");
    insta::assert_snapshot!(shown, @r#"
    bad-input: …/index.db: bundle "pxwab-operator-001.v2.4.10" in channel "candidate" of package "pxwab-operator-001" replaces or skips a bundle that would go
    hint: remove pxwab-operator-001 as well: the packages share a bundle, or its bundles say that they are of another
    "#);
    assert_eq!(rows(&index.path), before);
}

#[test]
fn one_invalid_package_fails_the_migration_and_all_are_named() {
    let (index, _) = wild(2);
    let version = OpmVersion::new(1, 51, 0);
    let mut given = Vec::new();
    let error = migrate(&index.path, Level::for_opm(version), version, &Cancel::new(), |name, _| {
        given.push(name);
        Ok(())
    })
    .unwrap_err();
    let shown = format!("{error:?}").replace(index.dir.path().to_str().unwrap(), "…");
    insta::assert_snapshot!(shown, @r#"
    bad-input: …/index.db: 4 packages of it are not valid for opm v1.51.0
    invalid index:
    ├── package "eirqz-operator-002" bundle "eirqz-operator-002.v3.1.3" must have exactly 1 "olm.package" property, found 2
    ├── package "qipkm-operator-004" bundle "qipkm-operator-004.v3.1.17" must have exactly 1 "olm.package" property, found 2
    ├── package "qssym-operator-005" does not match "olm.package" property "flgxi-operator-001"
    └── package "xxjaq-operator-003" bundle "qipkm-operator-004.v3.1.17" must have exactly 1 "olm.package" property, found 2
    hint: mend or remove what is named above; as long as it is there no package can be migrated
    "#);
}

/// A package whose bundles are all deprecated is not in a rendered index, and rendering an index that has one fails.
#[test]
fn a_package_with_deprecated_bundles_only_is_listed_and_removable() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index.db");
    Synth::small(1, false).write(&path).unwrap();
    let before = IndexDb::open(&path).unwrap().packages().unwrap();
    let package = before.first().unwrap().clone();
    let conn = Connection::open(&path).unwrap();
    let bundles = "SELECT name, version, bundlepath FROM operatorbundle WHERE name GLOB ?1 || '.*'";
    conn.execute(
        &format!("INSERT INTO properties SELECT 'olm.deprecated', '{{}}', name, version, bundlepath FROM ({bundles})"),
        [&package],
    )
    .unwrap();
    conn.execute(&format!("INSERT INTO deprecated SELECT name FROM ({bundles})"), [&package]).unwrap();
    drop(conn);

    let version = OpmVersion::new(1, 51, 0);
    let migrated = |path: &PathBuf| migrate(path, Level::None, version, &Cancel::new(), |_, _| Ok(()));
    assert!(migrated(&path).unwrap_err().details_text().contains("channel must contain at least one bundle"));

    assert!(IndexDb::open(&path).unwrap().packages().unwrap().contains(&package));
    let names = BTreeSet::from([package.parse().unwrap()]);
    remove_packages(&path, &names, &Cancel::new()).unwrap().commit().unwrap();
    let left: i64 = Connection::open(&path)
        .unwrap()
        .query_row(
            "SELECT (SELECT count(*) FROM operatorbundle WHERE name GLOB ?1 || '.*') + (SELECT count(*) FROM deprecated)",
            [&package],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
    assert_eq!(IndexDb::open(&path).unwrap().packages().unwrap().len(), before.len() - 1);
    migrated(&path).unwrap();
}
