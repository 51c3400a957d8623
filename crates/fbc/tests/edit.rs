//! What edits change, what they leave alone, and that they can be run again after any interruption.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use fbc::{Edit, Limits, OpmVersion, PackageName, SCRATCH, Tree, validate};
use step::{Cancel, Kind};

type Files = BTreeMap<String, String>;

fn files(files: &[(&str, &str)]) -> Files {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn write(dir: &Path, files: &Files) {
    for (path, text) in files {
        fs::create_dir_all(dir.join(path).parent().unwrap()).unwrap();
        fs::write(dir.join(path), text).unwrap();
    }
}

/// All files of a directory, and its empty directories with a slash behind.
fn read(dir: &Path) -> Files {
    fn visit(root: &Path, dir: &Path, found: &mut Files) {
        let mut empty = true;
        for entry in fs::read_dir(dir).unwrap() {
            empty = false;
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned());
            }
        }
        if empty && dir != root {
            found.insert(format!("{}/", dir.strip_prefix(root).unwrap().display()), String::new());
        }
    }
    let mut found = Files::new();
    visit(dir, dir, &mut found);
    found
}

fn names(names: &[&str]) -> BTreeSet<PackageName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// Removes packages from a catalog on disk: those found, and the files after it.
fn remove(before: &Files, packages: &[&str]) -> step::Result<(Vec<String>, Files)> {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), before);
    let found = remove_in(dir.path(), packages)?;
    Ok((found, read(dir.path())))
}

fn remove_in(dir: &Path, packages: &[&str]) -> step::Result<Vec<String>> {
    let cancel = Cancel::new();
    let tree = Tree::read(dir, &Limits::default())?;
    let mut edit = Edit::new(&tree);
    let found = edit.remove_packages(&names(packages), &cancel)?;
    let planned: BTreeSet<String> = edit.tree().paths().map(|path| path.display().to_string()).collect();
    edit.apply(dir, &dir.join(SCRATCH), &cancel)?;
    let after = Tree::read(dir, &Limits::default())?;
    let written: BTreeSet<String> = after.paths().map(|path| path.display().to_string()).collect();
    assert_eq!(planned, written, "the tree after the edit is what was written");
    Ok(found.into_iter().map(String::from).collect())
}

fn show(files: &Files) -> String {
    files.iter().map(|(path, text)| format!("== {path}\n{text}{}", if text.ends_with('\n') { "" } else { "⏎\n" })).collect()
}

/// A catalog with all kinds of places that objects of package `a` may have.
fn everywhere() -> Files {
    files(&[
        ("a/catalog.json", r#"{"schema":"olm.package","name":"a"}"#),
        ("a/README.md", "# About a\n"),
        ("a/.indexignore", "README.md\n"),
        ("a/broken.yaml", "{ not: [ readable\n"),
        ("_operator-deprecations-content/a/deprecations.yaml", "schema: olm.deprecations\npackage: a\n"),
        ("_operator-deprecations-content/b/deprecations.yaml", "schema: olm.deprecations\npackage: b\n"),
        (
            "shared/catalog.json",
            concat!(
                "\n {\"schema\":\"olm.package\", \"name\":\"b\"}{\"schema\":\"olm.channel\",\"package\":\"a\"}\n",
                "{\n  \"schema\": \"olm.channel\",\n  \"package\": \"b\"\n}\n\n",
                "{\"schema\":\"custom\",\"package\":\"a\"} {\"schema\":\"custom\"}"
            ),
        ),
        (
            "shared/catalog.yaml",
            concat!(
                "# Only b's\r\nschema: olm.bundle\r\npackage: b\r\n--- # what is a's\n# a comment on a\n",
                "name: x\npackage: \"a\"\nschema: olm.bundle\n---\n",
                "package: b   # kept\nschema: |-\n  custom\n---\nschema: custom\npackage: a\n"
            ),
        ),
        ("only-a/nested/one.json", r#"{"schema":"custom","package":"a"}"#),
        ("only-a/.indexignore", "*.md\n"),
        ("kept-readme/one.json", r#"{"schema":"custom","package":"a"}"#),
        ("kept-readme/.indexignore", "*.md\n"),
        ("kept-readme/README.md", "whose is it?\n"),
        ("b/catalog.json", r#"{"schema":"olm.package","name":"b"}"#),
    ])
}

#[test]
fn every_object_of_a_package_goes_and_the_rest_stays_verbatim() {
    let (found, after) = remove(&everywhere(), &["a", "not-there"]).unwrap();
    assert_eq!(found, ["a"]);
    insta::assert_snapshot!(show(&after).replace('\r', "␍"), @r#"
    == _operator-deprecations-content/b/deprecations.yaml
    schema: olm.deprecations
    package: b
    == b/catalog.json
    {"schema":"olm.package","name":"b"}⏎
    == kept-readme/.indexignore
    *.md
    == kept-readme/README.md
    whose is it?
    == shared/catalog.json

     {"schema":"olm.package", "name":"b"}{
      "schema": "olm.channel",
      "package": "b"
    }
    {"schema":"custom"}⏎
    == shared/catalog.yaml
    # Only b's␍
    schema: olm.bundle␍
    package: b␍
    ---
    package: b   # kept
    schema: |-
      custom
    "#);
}

#[test]
fn a_directory_with_objects_of_another_package_stays_with_them() {
    let before = files(&[
        ("a/catalog.json", "{\"schema\":\"olm.package\",\"name\":\"a\"}\n"),
        ("a/of-b.json", "{\"schema\":\"olm.bundle\",\"package\":\"b\"}\n"),
        ("a/README.md", ""),
    ]);
    let (found, after) = remove(&before, &["a"]).unwrap();
    assert_eq!(found, ["a"]);
    assert_eq!(after.keys().collect::<Vec<_>>(), ["a/README.md", "a/of-b.json"]);
    let (found, after) = remove(&before, &["a", "b"]).unwrap();
    assert_eq!((found, after), (vec!["a".into(), "b".into()], Files::new()));
}

#[test]
fn a_package_is_found_by_its_directory_alone() {
    for path in ["a/README", "_operator-deprecations-content/a/.gitkeep"] {
        let (found, after) = remove(&files(&[(path, "")]), &["a"]).unwrap();
        assert_eq!((found, after), (vec!["a".into()], Files::new()), "{path}");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    assert_eq!(remove_in(dir.path(), &["a"]).unwrap(), ["a"]);
    assert_eq!(read(dir.path()), Files::new());
}

#[test]
fn a_file_that_cannot_be_read_stops_the_edit_unless_it_is_the_packages_own() {
    let before = files(&[("a/catalog.json", r#"{"schema":"olm.package","name":"a"}"#), ("README.md", "# Hello\n\n[text")]);
    let error = remove(&before, &["a"]).unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput);
    insta::assert_snapshot!(format!("{error:?}"), @r"
    bad-input: README.md:3: error converting YAML to JSON: yaml: line 3: unclosed bracket '['
    hint: mend the file, or name it in .indexignore if it is no part of the catalog
    ");
}

#[test]
fn nothing_changes_when_nothing_is_found() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &everywhere());
    fs::remove_file(dir.path().join("a/broken.yaml")).unwrap();
    let tree = Tree::read(dir.path(), &Limits::default()).unwrap();
    let mut edit = Edit::new(&tree);
    assert!(edit.remove_packages(&names(&["z"]), &Cancel::new()).unwrap().is_empty());
    assert!(edit.is_empty());
    assert_eq!(edit.changed_paths().count(), 0);
}

#[test]
fn an_interrupted_edit_run_again_ends_in_the_same_state() {
    let before = everywhere();
    let (_, after) = remove(&before, &["a"]).unwrap();
    let changed: Vec<_> = before.keys().filter(|path| before.get(*path) != after.get(*path)).collect();
    let (written, removed): (Vec<_>, Vec<_>) = changed.into_iter().partition(|path| after.contains_key(*path));
    // Whatever stops the work stops it after some of the writes, or after all of them and some of the removals.
    for done in 0..=written.len() + removed.len() {
        let mut state = before.clone();
        for path in written.iter().chain(&removed).take(done) {
            match after.get(*path) {
                Some(text) => state.insert((*path).clone(), text.clone()),
                None => state.remove(*path),
            };
        }
        let (_, again) = remove(&state, &["a"]).unwrap();
        assert_eq!(again, after, "after {done} steps");
    }
}

#[test]
fn a_cancelled_edit_writes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &everywhere());
    let tree = Tree::read(dir.path(), &Limits::default()).unwrap();
    let cancel = Cancel::new();
    let mut edit = Edit::new(&tree);
    edit.remove_packages(&names(&["a"]), &cancel).unwrap();
    cancel.cancel();
    assert_eq!(edit.apply(dir.path(), &dir.path().join(SCRATCH), &cancel).unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(Edit::new(&tree).remove_packages(&names(&["a"]), &cancel).unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(read(dir.path()), everywhere());
}

#[test]
fn a_file_that_changed_since_it_was_read_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &everywhere());
    let tree = Tree::read(dir.path(), &Limits::default()).unwrap();
    let mut edit = Edit::new(&tree);
    edit.remove_packages(&names(&["a"]), &Cancel::new()).unwrap();
    fs::write(dir.path().join("shared/catalog.json"), "{}").unwrap();
    let error = edit.apply(dir.path(), &dir.path().join(SCRATCH), &Cancel::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    insta::assert_snapshot!(error, @"shared/catalog.json changed while it was worked on");
}

#[test]
fn an_edit_that_cannot_be_finished_is_undone() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &everywhere());
    let tree = Tree::read(dir.path(), &Limits::default()).unwrap();
    let mut edit = Edit::new(&tree);
    edit.remove_packages(&names(&["a"]), &Cancel::new()).unwrap();
    // The package's own directory cannot go: the scratch directory, to which it would be moved, is inside it.
    let scratch = dir.path().join("a").join(SCRATCH);
    let error = edit.apply(dir.path(), &scratch, &Cancel::new()).unwrap_err();
    assert!(error.to_string().starts_with("cannot remove"), "{error}");
    assert_eq!(read(dir.path()), everywhere());
}

#[test]
fn what_a_crash_left_and_git_keeps_is_no_part_of_the_catalog() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &everywhere());
    for stray in [".git/config", ".stepwright-edit/0"] {
        fs::create_dir_all(dir.path().join(stray).parent().unwrap()).unwrap();
        fs::write(dir.path().join(stray), "no object").unwrap();
    }
    remove_in(dir.path(), &["a"]).unwrap();
    assert!(dir.path().join(".git/config").exists() && !dir.path().join(SCRATCH).exists());
}

// === Putting packages in ===

const NEW: &str = concat!(
    "{\"schema\":\"olm.package\",\"name\":\"a\",\"defaultChannel\":\"stable\"}\n",
    "{\"schema\":\"olm.channel\",\"package\":\"a\",\"name\":\"stable\",\"entries\":[{\"name\":\"a.v1\"}]}\n",
    "{\"schema\":\"olm.bundle\",\"package\":\"a\",\"name\":\"a.v1\",\"image\":\"x/a:1\",\"properties\":",
    "[{\"type\":\"olm.package\",\"value\":{\"packageName\":\"a\",\"version\":\"1.0.0\"}}]}\n",
);

#[test]
fn cancelling_is_no_fault_of_a_file() {
    let tree = Tree::from_files(everywhere());
    let cancel = Cancel::new();
    cancel.cancel();
    let put = Edit::new(&tree).put_package(&"a".parse().unwrap(), NEW.as_bytes(), &cancel);
    assert_eq!(put.unwrap_err().kind(), Kind::Cancelled);
}

/// Puts [`NEW`] into a catalog: whether it changed, and the files after it.
fn put(before: &Files) -> step::Result<(bool, Files)> {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), before);
    let tree = Tree::read(dir.path(), &Limits::default())?;
    let mut edit = Edit::new(&tree);
    let changed = edit.put_package(&"a".parse().unwrap(), NEW.as_bytes(), &Cancel::new())?;
    assert_eq!(changed, !edit.is_empty());
    edit.apply(dir.path(), &dir.path().join(SCRATCH), &Cancel::new())?;
    Ok((changed, read(dir.path())))
}

#[test]
fn the_same_objects_in_another_form_are_no_change() {
    let same = [
        files(&[("a/catalog.json", NEW)]),
        files(&[("a/catalog.json", &NEW.lines().rev().collect::<String>())]),
        files(&[
            ("elsewhere/p.yaml", "defaultChannel: stable\nname: a\nschema: olm.package\n"),
            (
                "z.yaml",
                concat!(
                    "schema: olm.channel\npackage: a\nname: stable\nentries: [{name: a.v1}]\n---\n",
                    "schema: olm.bundle\npackage: a\nname: a.v1\nimage: x/a:1\nproperties:\n",
                    "- {type: olm.package, value: {packageName: a, version: 1.0.0}}\n"
                ),
            ),
        ]),
    ];
    for before in same {
        assert_eq!(put(&before).unwrap(), (false, before.clone()), "{before:?}");
    }
}

#[test]
fn other_objects_are_replaced_wherever_they_stand() {
    let before = files(&[
        ("_operator-deprecations-content/a/d.json", "{\"schema\":\"olm.deprecations\",\"package\":\"a\"}\n"),
        ("a/catalog.yaml", "schema: olm.package\nname: a\n"),
        ("a/catalog.json", "{\"schema\":\"custom\",\"package\":\"a\"}\n{\"schema\":\"olm.bundle\",\"package\":\"a\"}\n"),
        ("shared.json", "{\"schema\":\"olm.channel\",\"package\":\"a\"}\n{\"schema\":\"olm.channel\",\"package\":\"b\"}\n"),
    ]);
    let (changed, after) = put(&before).unwrap();
    assert!(changed);
    insta::assert_snapshot!(show(&after), @r#"
    == _operator-deprecations-content/a/d.json
    {"schema":"olm.deprecations","package":"a"}
    == a/catalog.json
    {"schema":"olm.package","name":"a","defaultChannel":"stable"}
    {"schema":"olm.channel","package":"a","name":"stable","entries":[{"name":"a.v1"}]}
    {"schema":"olm.bundle","package":"a","name":"a.v1","image":"x/a:1","properties":[{"type":"olm.package","value":{"packageName":"a","version":"1.0.0"}}]}
    {"schema":"custom","package":"a"}
    == shared.json
    {"schema":"olm.channel","package":"b"}
    "#);
    assert_eq!(put(&after).unwrap(), (false, after), "putting it in again changes nothing");
}

#[test]
fn a_new_package_gets_a_file() {
    let (changed, after) = put(&files(&[("b.json", "")])).unwrap();
    assert!(changed);
    assert_eq!(after["a/catalog.json"], NEW);
}

#[test]
fn objects_of_another_package_are_refused() {
    let tree = Tree::from_files([("x.json", "")]);
    for json in [r#"{"schema":"olm.package","name":"b"}"#, r#"{"schema":"custom"}"#, "{"] {
        let error = Edit::new(&tree).put_package(&"a".parse().unwrap(), json.as_bytes(), &Cancel::new()).unwrap_err();
        assert_eq!(error.kind(), Kind::BadInput, "{json}: {error}");
    }
}

#[test]
fn edits_follow_each_other() {
    let tree = Tree::from_files([("x.json", NEW.replace(":\"a\"", ":\"b\""))]);
    let cancel = Cancel::new();
    let mut edit = Edit::new(&tree);
    assert!(edit.put_package(&"a".parse().unwrap(), NEW.as_bytes(), &cancel).unwrap());
    assert!(!edit.put_package(&"a".parse().unwrap(), NEW.as_bytes(), &cancel).unwrap());
    assert_eq!(edit.tree().packages(&cancel).unwrap().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(edit.remove_packages(&names(&["a", "b"]), &cancel).unwrap(), names(&["a", "b"]));
    assert_eq!(edit.tree().paths().count(), 0);
}

// === A real catalog ===

#[test]
fn two_operators_leave_a_real_catalog_and_every_other_byte_stays() {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/catalogs/community-v4.20"));
    assert!(source.is_dir(), "the shared test data is missing: {} is not a directory", source.display());
    let cancel = Cancel::new();
    let tree = Tree::read(source, &Limits::default()).unwrap();
    let mut edit = Edit::new(&tree);
    let gone = ["infinispan", "kube-green"];
    assert_eq!(edit.remove_packages(&names(&gone), &cancel).unwrap(), names(&gone));
    let changed = ["infinispan/catalog.yaml", "kube-green/catalog.yaml", "infinispan", "kube-green"];
    assert_eq!(edit.changed_paths().collect::<Vec<_>>(), changed.map(Path::new));
    let after = edit.tree();
    let expected: BTreeSet<String> =
        tree.packages(&cancel).unwrap().into_iter().filter(|name| !gone.contains(&name.as_str())).collect();
    assert_eq!(after.packages(&cancel).unwrap(), expected);
    assert!(validate(&after, OpmVersion::new(1, 51, 0), &cancel).unwrap().is_valid());
}
