//! The step as a process: what it writes, says and asks of a cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use cluster_testing::{Answer, Fake};
use serde_json::json;

const HUB: &str = "\
hubClusterSets:
  hub:
    labels:
      openshift-version: '4.18.22'
      odf: 'true'
      odf-subscription-name: odf-operator
      odf-channel: stable-4.18
      odf-source: redhat-operators
      gpu: trueish
      gpu-subscription-name: gpu-operator-certified
";

/// Exit code, results and log of a run in `dir`, whose path is left out; `kubeconfig` says where the cluster is.
fn run(dir: &Path, args: &[&str], kubeconfig: Option<&Path>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_generate-imageset"));
    command.env_clear().current_dir(dir).arg("--source=.").args(args);
    if let Some(path) = kubeconfig {
        command.env("KUBECONFIG", path);
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*dir.to_string_lossy(), "[DIR]");
    let log: String = text(&output.stderr).lines().map(|line| format!("{}\n", without_time(line))).collect();
    format!("exit {}\n{}{log}", output.status.code().unwrap(), text(&output.stdout))
}

fn without_time(line: &str) -> &str {
    match line.split_once(' ') {
        Some((time, rest)) if time.starts_with("20") && time.ends_with('Z') => rest.trim_start(),
        _ => line,
    }
}

fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("hub.yaml"), HUB).unwrap();
    dir
}

#[test]
fn the_document_is_written_and_told() {
    let dir = workspace();
    insta::assert_snapshot!(run(dir.path(), &["--output=a/b/imageset.yaml", "--additional-images=quay.io/a/b:1", "--", "hub.yaml"], None), @r#"
    exit 0
    {
      "IMAGESET_FILE": "a/b/imageset.yaml",
      "GENERATION_METHOD": "generated",
      "OPENSHIFT_VERSION": "4.18.22",
      "IMAGESET_DIGEST": "sha256:23812140ead8bb1206b8b9121748611d3d5eceebee01c929bf382e932d1315e6",
      "COMMIT": ""
    }
     WARN hub.yaml:9: hubClusterSets.hub: gpu is "trueish", which is not 'true': it is not enabled
     INFO the document is good method="generated" versions="4.18.22"
     INFO releases of stable-4.18: 4.18.22 to 4.18.22
     INFO operators catalog=registry.redhat.io/redhat/redhat-operator-index:v4.18 packages="1"
     INFO additional images images=1
    "#);
    insta::assert_snapshot!(fs::read_to_string(dir.path().join("a/b/imageset.yaml")).unwrap(), @r#"
    apiVersion: mirror.openshift.io/v2alpha1
    kind: ImageSetConfiguration
    archiveSize: 4
    mirror:
      platform:
        channels:
        - name: stable-4.18
          minVersion: "4.18.22"
          maxVersion: "4.18.22"
        graph: true
      operators:
      - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.18
        packages:
        - name: odf-operator
          defaultChannel: stable-4.18
          channels:
          - name: stable-4.18
      additionalImages:
      - name: quay.io/a/b:1
      helm: {}
    "#);
    let again =
        run(dir.path(), &["--output=again.yaml", "--additional-images=quay.io/a/b:1", "--values-file-path=hub.yaml"], None);
    assert!(again.starts_with("exit 0"), "{again}");
    assert_eq!(fs::read(dir.path().join("again.yaml")).unwrap(), fs::read(dir.path().join("a/b/imageset.yaml")).unwrap());
}

#[test]
fn what_can_be_deleted() {
    let dir = workspace();
    insta::assert_snapshot!(run(dir.path(), &["--mode=delete", "--delete-older-than=6m", "--", "hub.yaml"], None), @r#"
    exit 0
    {
      "IMAGESET_FILE": "imageset-config.yaml",
      "GENERATION_METHOD": "generated",
      "OPENSHIFT_VERSION": "4.18.22",
      "IMAGESET_DIGEST": "sha256:15c38ae43a1230a253a0789d31c3884d9f47e441675fe68f55a980eb2363803b",
      "COMMIT": ""
    }
     INFO the document is good method="generated" versions="4.18.22"
     INFO releases of stable-4.18: 4.18.0 to 4.18.14
    "#);
    insta::assert_snapshot!(fs::read_to_string(dir.path().join("imageset-config.yaml")).unwrap(), @r#"
    apiVersion: mirror.openshift.io/v2alpha1
    kind: DeleteImageSetConfiguration
    delete:
      platform:
        channels:
        - name: stable-4.18
          minVersion: "4.18.0"
          maxVersion: "4.18.14"
    "#);
    let usage = [
        run(dir.path(), &["--delete-keep-last=3", "--", "hub.yaml"], None),
        run(dir.path(), &["--mode=delete", "--delete-keep-last=3", "--delete-older-than=1y", "--", "hub.yaml"], None),
        run(dir.path(), &["--mode=delete", "--delete-keep-last=0", "--", "hub.yaml"], None),
        run(dir.path(), &["--mode=delete", "--operators-only=true", "--", "hub.yaml"], None),
        run(dir.path(), &["--mode=delete", "--delete-older-than=old", "--", "hub.yaml"], None),
    ];
    insta::assert_snapshot!(usage.concat(), @"
    exit 2
    error: delete-keep-last or delete-older-than is given, and nothing is to be deleted; hint: set mode to delete
    exit 2
    error: delete-keep-last and delete-older-than are both given; hint: choose one of them
    exit 2
    error: delete-keep-last is 0, and what clusters run is never deleted; hint: give 1 or more
    exit 2
    error: mode delete is about releases, and operators-only leaves them out; hint: set operators-only to false
    exit 3
    error: invalid value 'old' for '--delete-older-than <AGE>': it must be a number and d, m or y: 90d, 6m, 1y
    ");
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_written() {
    let dir = workspace();
    fs::write(dir.path().join("bad.yaml"), HUB.replace("redhat-operators", "nowhere").replace("4.18.22", "v4.18")).unwrap();
    std::os::unix::fs::symlink("/tmp", dir.path().join("out")).unwrap();
    let said = [
        run(dir.path(), &["--", "bad.yaml"], None),
        run(dir.path(), &["--openshift-version=4.18", "--", "hub.yaml", "bad.yaml"], None),
        run(dir.path(), &["--", "none.yaml"], None),
        run(dir.path(), &[], None),
        run(dir.path(), &["--output=out/x.yaml", "--log-level=error", "--", "hub.yaml"], None),
        run(dir.path(), &["--output=../x.yaml", "--", "hub.yaml"], None),
        run(dir.path(), &["--openshift-version=$(x)", "--", "hub.yaml"], None),
        run(dir.path(), &["--sources=a=$(x)", "--additional-images=quay.io/a b", "--", "hub.yaml"], None),
        run(dir.path(), &["--", "$(params.x)"], None),
        run(dir.path(), &["--", "--output=x"], None),
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    exit 3
    error: bad.yaml:4: hubClusterSets.hub: openshift-version cannot be "v4.18"; hint: it must be X.Y or X.Y.Z, without the v
    exit 3
    error: bad.yaml:5: hubClusterSets.hub: the catalog source "nowhere" of odf is not known; hint: map it with a line nowhere=REGISTRY/REPOSITORY in sources; known are redhat-operators, community-operators, certified-operators, redhat-marketplace
    exit 5
    error: there is no file none.yaml in .; hint: paths are relative, and begin at the repository or the workspace
    exit 2
    error: there is no values file to read; hint: set values-file-path or values-files, or imageset-configmap
    exit 3
    error: [DIR]/out leads out of . (to /tmp); hint: remove the symbolic link, or copy what it points to into the tree
    exit 3
    error: invalid value '../x.yaml' for '--output <PATH>': not a path below its directory: it holds `..`
    exit 3
    error: invalid value '$(x)' for '--openshift-version <VERSION>': it must be X.Y or X.Y.Z, as in 4.18 or 4.18.22
    exit 3
    error: invalid value 'a=$(x)' for '--sources <LINES>': line 1, "a=$(x)": not an image's reference: it holds `$`, which is not expanded here
    exit 3
    error: invalid value '$(params.x)' for '[PATH]...': not a path below its directory: it holds `$`, a line break or a NUL
    exit 5
    error: there is no file --output=x in .; hint: paths are relative, and begin at the repository or the workspace
    "#);
    assert!(!dir.path().join("imageset-config.yaml").exists());
}

#[test]
fn a_document_of_a_config_map() {
    let document = "kind: ImageSetConfiguration\nmirror:\n  platform:\n    channels: [{name: stable-4.17, minVersion: 4.17.2}]\n  operators: [{catalog: registry.example/a:v4.17}]\n";
    let fake = Fake::start(move |request| match &*request.path {
        "/api/v1/namespaces/oc-mirror/configmaps/good" => Answer::Json(200, json!({ "data": { "imageset.yaml": document } })),
        "/api/v1/namespaces/other/configmaps/bad" => Answer::Json(
            200,
            json!({ "data": { "imageset.yaml": document.replace("channels", "chanels").replace("catalog:", "catalogue:") } }),
        ),
        "/api/v1/namespaces/oc-mirror/configmaps/secret" => {
            Answer::error(403, "Forbidden", "configmaps \"secret\" is forbidden: User \"x\" cannot get resource", json!({}))
        }
        _ => Answer::error(404, "NotFound", "configmaps \"none\" not found", json!({ "name": "none", "kind": "configmaps" })),
    });
    let dir = workspace();
    let kubeconfig = fake.kubeconfig();
    let of = |args: &[&str]| run(dir.path(), args, Some(&kubeconfig)).replace(&fake.url(), "[CLUSTER]");
    insta::assert_snapshot!(of(&["--imageset-configmap=good"]), @r#"
    exit 0
    {
      "IMAGESET_FILE": "imageset-config.yaml",
      "GENERATION_METHOD": "configmap",
      "OPENSHIFT_VERSION": "4.17.2",
      "IMAGESET_DIGEST": "sha256:57c44223f6d84d6885dc22729e86d1b091ec2553476ce5e8c7d0b73ec0aefe50",
      "COMMIT": ""
    }
     INFO the document is good method="configmap" versions="4.17.2"
     INFO releases of stable-4.17: 4.17.2 to its head
     INFO operators catalog=registry.example/a:v4.17 packages="all"
    "#);
    assert_eq!(fs::read_to_string(dir.path().join("imageset-config.yaml")).unwrap(), document);
    let said = [
        of(&["--imageset-configmap=bad", "--imageset-namespace=other"]),
        of(&["--imageset-configmap=secret"]),
        of(&["--imageset-configmap=none"]),
        of(&["--imageset-configmap=../x"]),
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    exit 3
    imageset.yaml of the ConfigMap bad:4: mirror.platform: unknown field "chanels"; hint: did you mean channels?
    imageset.yaml of the ConfigMap bad:5: mirror.operators[0]: unknown field "catalogue"; hint: did you mean catalog?
    imageset.yaml of the ConfigMap bad:5: mirror.operators[0]: the field catalog is missing; hint: add catalog
    error: 3 problems in imageset.yaml of the ConfigMap bad; hint: mend what is listed above
    exit 4
    configmaps "secret" is forbidden: User "x" cannot get resource
    error: cannot get the ConfigMap oc-mirror/secret: x may not; hint: it needs a Role in oc-mirror with the verb `get` on `configmaps`
    exit 5
    error: there is no ConfigMap none in the namespace oc-mirror
    exit 3
    error: invalid value '../x' for '--imageset-configmap <NAME>': it may hold only a-z, 0-9, `.` and `-`, and each part starts and ends with a-z or 0-9
    "#);
    assert!(fake.requests().iter().all(|request| request.method == "GET"));
}
