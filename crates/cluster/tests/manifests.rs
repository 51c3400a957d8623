//! A directory of manifests in a cluster's stead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;

use cluster::{Objects, Resource, Target};
use serde_json::{Value, json};
use step::{Cancel, Dir, Kind};

fn objects(root: &std::path::Path) -> Objects {
    Target { manifests: Some(Dir::from(root.to_owned())) }.objects("demo", &Cancel::new()).unwrap()
}

fn config(name: &str, data: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "labels": { "app": name } }, "data": data })
}

#[test]
fn objects_are_files_in_canonical_form() {
    let dir = tempfile::tempdir().unwrap();
    let objects = objects(&dir.path().join("made/on/the/way"));
    objects.apply(&config("a", json!({ "x": "yes", "list": "1\n2\n" }))).unwrap();
    objects.overwrite(&config("a", json!({ "y": "0644" }))).unwrap();
    let root = dir.path().join("made/on/the/way");
    insta::assert_snapshot!(fs::read_to_string(root.join("demo/configmap-a.yaml")).unwrap(), @r#"
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: a
      labels:
        app: a
    data:
      x: "yes"
      list: |
        1
        2
      "y": "0644"
    "#);
    objects.apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "demo" } })).unwrap();
    assert!(root.join("namespace-demo.yaml").is_file());
    assert_eq!(objects.get(&Resource::NAMESPACES, "demo").unwrap()["metadata"]["name"], "demo");
    let other = objects.in_namespace("other");
    other.apply(&config("a", json!({ "x": "other" }))).unwrap();
    assert_eq!(other.get(&Resource::CONFIG_MAPS, "a").unwrap()["data"]["x"], "other");
    assert_eq!(objects.get(&Resource::CONFIG_MAPS, "a").unwrap()["data"], json!({ "x": "yes", "list": "1\n2\n", "y": "0644" }));
}

#[test]
fn what_is_there_is_not_created_again() {
    let dir = tempfile::tempdir().unwrap();
    let objects = objects(dir.path());
    let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "generateName": "mirror-" }, "spec": {} });
    let first = objects.create(&job).unwrap();
    assert!(first["metadata"]["name"].as_str().unwrap().starts_with("mirror-"));
    let error = objects.create(&first).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.to_string().ends_with(": it is already there"), "{error}");
}

#[test]
fn lists_select_by_labels() {
    let dir = tempfile::tempdir().unwrap();
    let objects = objects(dir.path());
    assert!(objects.list(&Resource::CONFIG_MAPS, "").unwrap().is_empty());
    for name in ["b", "a"] {
        objects.apply(&config(name, json!({}))).unwrap();
    }
    fs::write(dir.path().join("demo/notes.txt"), "no manifest").unwrap();
    fs::write(dir.path().join("demo/secret-a.yaml"), "no: [yaml").unwrap();
    let names = |selector: &str| -> Vec<Value> {
        objects.list(&Resource::CONFIG_MAPS, selector).unwrap().iter().map(|object| object["metadata"]["name"].clone()).collect()
    };
    assert_eq!(names(""), ["a", "b"]);
    assert_eq!(names("app=a"), ["a"]);
    assert_eq!(names("app==b"), ["b"]);
    assert!(names("app=c").is_empty());
    assert_eq!(objects.list(&Resource::CONFIG_MAPS, "!app").unwrap_err().kind(), Kind::BadInput);
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let objects = objects(dir.path());
    fs::create_dir(dir.path().join("demo")).unwrap();
    let file = |name: &str, text: &str| fs::write(dir.path().join("demo").join(name), text).unwrap();
    file("configmap-broken.yaml", "a: [\n");
    file("configmap-two.yaml", "a: 1\n---\nb: 2\n");
    file("job-other.yaml", "apiVersion: example.com/v1\nkind: Job\n");
    std::os::unix::fs::symlink("/etc/hostname", dir.path().join("demo/configmap-out.yaml")).unwrap();
    let shown: Vec<String> = [
        objects.get(&Resource::CONFIG_MAPS, "none"),
        objects.get(&Resource::CONFIG_MAPS, "broken"),
        objects.get(&Resource::CONFIG_MAPS, "two"),
        objects.get(&Resource::CONFIG_MAPS, "out"),
        objects.get(&Resource::JOBS, "other"),
        objects.get(&Resource::CONFIG_MAPS, "../x"),
        objects.apply(&json!({ "kind": "ConfigMap" })),
        objects.apply(&json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": {} })),
        objects.apply(&json!({ "apiVersion": "v1", "kind": "../x", "metadata": { "name": "x" } })),
    ]
    .into_iter()
    .map(|result| format!("{:?}", result.unwrap_err()).replace(&dir.path().display().to_string(), "DIR"))
    .collect();
    let hostname = fs::canonicalize("/etc/hostname").unwrap().display().to_string();
    insta::assert_snapshot!(shown.join("\n").replace(&hostname, "/etc/hostname"), @r#"
    not-found: there is no ConfigMap none in the namespace demo
    hint: it would be DIR/demo/configmap-none.yaml
    bad-input: DIR/demo/configmap-broken.yaml:1:4: this is not YAML: unclosed bracket '['
    bad-input: DIR/demo/configmap-two.yaml holds 2 documents
    hint: each object has a file of its own
    bad-input: DIR/demo/configmap-out.yaml leads out of DIR (to /etc/hostname)
    hint: remove the symbolic link, or copy what it points to into the tree
    conflict: DIR/demo/job-other.yaml holds a Job of example.com/v1
    hint: there a Job of batch/v1 belongs: move the file away
    bad-input: "../x" is no name
    hint: lower-case letters, digits, `-` and `.`
    bad-input: an object without `apiVersion` or `kind` cannot be written
    bad-input: a ConfigMap without metadata.name cannot be written
    bad-input: "../x" is no kind
    hint: lower-case letters, digits, `-` and `.`
    "#);
}
