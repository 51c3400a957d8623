//! The step as a process, with a directory of manifests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

fn run(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_create-deployment-configmaps"));
    command.arg(format!("--workspace={}", dir.join("ws").display())).arg(format!("--manifests={}", dir.join("out").display()));
    let output = command.args(args).args(["--log-level=warn"]).env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(&dir.display().to_string(), "DIR");
    format!("{}\n{}{}", output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn files_become_config_maps() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(dir.join("ws/values-repo/autoshift")).unwrap();
    let values = "--values-file-path=autoshift/values.hub.yaml";
    let mut said = vec![run(dir, &[values])];
    fs::write(dir.join("ws/values-repo/autoshift/values.hub.yaml"), "hubClusterSets: {}\r\n").unwrap();
    said.push(run(dir, &[values]));
    fs::write(dir.join("ws/imageset-config.yaml"), "\n").unwrap();
    said.push(run(dir, &[values]));
    fs::write(dir.join("ws/imageset-config.yaml"), "kind: ImageSetConfiguration\n").unwrap();
    std::os::unix::fs::symlink("/etc", dir.join("ws/values-repo/etc")).unwrap();
    said.push(run(dir, &["--values-file-path=etc/hostname"]));
    said.push(run(dir, &["--values-file-path=../../etc/passwd"]));
    assert!(!dir.join("out").exists(), "nothing is written before all is right");
    said.push(run(dir, &[values]));
    said.push(fs::read_to_string(dir.join("out/oc-mirror/configmap-oc-mirror-config.yaml")).unwrap());
    let hostname = fs::canonicalize("/etc/hostname").unwrap().display().to_string();
    insta::assert_snapshot!(said.join("\n").replace(&hostname, "/etc/hostname"), @r#"
    5
    error: there is no DIR/ws/values-repo/autoshift/values.hub.yaml; hint: values-file-path is a path in the repository of values

    5
    error: there is no DIR/ws/imageset-config.yaml; hint: generate-imageset writes it

    3
    error: DIR/ws/imageset-config.yaml is empty; hint: generate-imageset writes it

    3
    error: DIR/ws/values-repo/etc/hostname leads out of DIR/ws (to /etc/hostname); hint: remove the symbolic link, or copy what it points to into the tree

    3
    error: invalid value '../../etc/passwd' for '--values-file-path <PATH>': not a path below its directory: it holds `..`

    0
    {
      "CONFIGMAPS": "oc-mirror-config\noc-mirror-imageset\noc-mirror-values",
      "NAMESPACE": "oc-mirror"
    }

    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: oc-mirror-config
      namespace: oc-mirror
      labels:
        app.kubernetes.io/name: oc-mirror
        autoshift.io/component: oc-mirror
        autoshift.io/config-type: deployment
      annotations:
        autoshift.io/created-by: oc-mirror-deployment-pipeline
        autoshift.io/created-at: "2023-11-14T22:13:20Z"
        autoshift.io/values-file: autoshift/values.hub.yaml
    data:
      values.yaml: "hubClusterSets: {}\r\n"
      imageset.yaml: |
        kind: ImageSetConfiguration
    "#);
}
