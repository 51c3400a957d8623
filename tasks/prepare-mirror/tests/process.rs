//! The step as a process: what it makes ready, what it refuses, and that nothing is written then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use cluster_testing::{Answer, Fake, Request};
use repo_testing::Forge;
use serde_json::{Value, json};

const HUB: &str = "\
hubClusterSets:
  hub:
    labels:
      openshift-version: '4.18.22'
      odf: 'true'
      odf-subscription-name: odf-operator
      odf-channel: stable-4.18
      odf-source: redhat-operators
";

const MANAGED: &str = "managedClusterSets: {managed: {labels: {openshift-version: '4.17.30'}}}\n";

const DOCUMENT: &str = "\
kind: ImageSetConfiguration
mirror:
  platform:
    channels: [{name: stable-4.16, minVersion: 4.16.2}]
";

/// A workspace `ws`, and a place for manifests, `out`, with the ConfigMap that says which image is current.
fn bench() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let config_map = |namespace: &str, name: &str, data: Value| {
        let place = dir.path().join("out").join(namespace);
        fs::create_dir_all(&place).unwrap();
        let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": namespace }, "data": data });
        fs::write(place.join(format!("configmap-{name}.yaml")), object.to_string()).unwrap();
    };
    let digest = format!("sha256:{}", "1".repeat(64));
    let image = json!({ "image-url": "quay.io/a/oc-mirror:latest", "image-digest": digest });
    config_map("oc-mirror-pipeline", "oc-mirror-images", image);
    config_map("oc-mirror", "my-imageset", json!({ "imageset.yaml": DOCUMENT }));
    config_map("oc-mirror", "their-imageset", json!({ "imageset.yaml": DOCUMENT.replace("mirror:", "mirrors:") }));
    fs::create_dir(dir.path().join("ws")).unwrap();
    fs::write(dir.path().join("ws/hub.yaml"), HUB).unwrap();
    fs::write(dir.path().join("ws/managed.yaml"), MANAGED).unwrap();
    dir
}

/// Exit code, results and log of the step in `dir`, with a cluster where there is one.
fn run(dir: &Path, args: &[&str], cluster: Option<&Fake>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prepare-mirror"));
    command.env_clear().env("SOURCE_DATE_EPOCH", "1700000000").env("PATH", "/usr/bin:/bin").current_dir(dir);
    match cluster {
        Some(fake) => command.env("KUBECONFIG", fake.kubeconfig()),
        None => command.arg("--manifests=out"),
    };
    let output = command.arg("--log-level=warn").args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*dir.to_string_lossy(), "DIR");
    format!("{}\n{}{}", output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// What was written, by path.
fn written(dir: &Path) -> String {
    let place = dir.join("out/oc-mirror");
    let mut names: Vec<String> =
        fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("configmap-oc-mirror"));
    names.sort();
    names.join("\n")
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(format!("out/oc-mirror/configmap-{name}.yaml"))).unwrap()
}

#[test]
fn image_document_and_config_maps_are_ready() {
    let dir = bench();
    let dir = dir.path();
    insta::assert_snapshot!(run(dir, &["--source=ws", "--values-file-path=hub.yaml"], None), @r#"
    0
    {
      "IMAGE_REF": "quay.io/a/oc-mirror@sha256:1111111111111111111111111111111111111111111111111111111111111111",
      "GENERATION_METHOD": "generated",
      "OPENSHIFT_VERSION": "4.18.22",
      "IMAGESET_DIGEST": "sha256:f6eb250922c4fdb104ca327e53d9909291a4c817e7cd542ae3eb2106b6af57e3",
      "COMMIT": "",
      "CONFIGMAPS": "oc-mirror-config\noc-mirror-imageset\noc-mirror-values"
    }
    "#);
    insta::assert_snapshot!(written(dir), @"
    configmap-oc-mirror-config.yaml
    configmap-oc-mirror-imageset.yaml
    configmap-oc-mirror-values.yaml
    ");
    insta::assert_snapshot!(read(dir, "oc-mirror-config"), @r#"
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
        autoshift.io/values-file: hub.yaml
    data:
      values.yaml: |
        hubClusterSets:
          hub:
            labels:
              openshift-version: '4.18.22'
              odf: 'true'
              odf-subscription-name: odf-operator
              odf-channel: stable-4.18
              odf-source: redhat-operators
      imageset.yaml: |
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
          additionalImages: []
          helm: {}
    "#);
    let before = read(dir, "oc-mirror-imageset");
    assert!(run(dir, &["--source=ws", "--values-file-path=hub.yaml"], None).starts_with("0\n"), "it runs again");
    assert_eq!(read(dir, "oc-mirror-imageset"), before);
}

#[test]
fn several_files_are_one_text_for_people_and_one_document() {
    let dir = bench();
    let dir = dir.path();
    let said = run(dir, &["--source=ws", "--values-file-path=hub.yaml\nmanaged.yaml", "--configmap-name=both"], None);
    assert!(said.contains("both\\noc-mirror-imageset\\noc-mirror-values"), "{said}");
    insta::assert_snapshot!(read(dir, "oc-mirror-values"), @"
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: oc-mirror-values
      namespace: oc-mirror
      labels:
        app.kubernetes.io/name: oc-mirror
        autoshift.io/component: oc-mirror
        autoshift.io/config-type: values-only
    data:
      values.yaml: |
        ---
        # hub.yaml
        hubClusterSets:
          hub:
            labels:
              openshift-version: '4.18.22'
              odf: 'true'
              odf-subscription-name: odf-operator
              odf-channel: stable-4.18
              odf-source: redhat-operators

        ---
        # managed.yaml
        managedClusterSets: {managed: {labels: {openshift-version: '4.17.30'}}}
    ");
    let document = read(dir, "oc-mirror-imageset");
    assert!(document.contains("name: stable-4.17") && document.contains("name: stable-4.18"), "{document}");
    assert!(read(dir, "both").contains("autoshift.io/values-file: hub.yaml,managed.yaml"));
}

#[test]
fn a_document_of_ones_own_needs_no_values_file() {
    let dir = bench();
    let dir = dir.path();
    let of = |args: &[&str]| run(dir, &[&["--imageset-configmap=my-imageset"], args].concat(), None);
    insta::assert_snapshot!([
        of(&["--source=ws", "--values-file-path=none.yaml"]),
        of(&[]),
    ].concat(), @r#"
    0
    {
      "IMAGE_REF": "quay.io/a/oc-mirror@sha256:1111111111111111111111111111111111111111111111111111111111111111",
      "GENERATION_METHOD": "configmap",
      "OPENSHIFT_VERSION": "4.16.2",
      "IMAGESET_DIGEST": "sha256:7b9f72579458cbcf7653df45cb646588fd20d6bac3bb974ab4f188404570c700",
      "COMMIT": "",
      "CONFIGMAPS": "oc-mirror-config\noc-mirror-imageset\noc-mirror-values"
    }
     WARN there is no file none.yaml in ws: the ConfigMap of values is empty
    0
    {
      "IMAGE_REF": "quay.io/a/oc-mirror@sha256:1111111111111111111111111111111111111111111111111111111111111111",
      "GENERATION_METHOD": "configmap",
      "OPENSHIFT_VERSION": "4.16.2",
      "IMAGESET_DIGEST": "sha256:7b9f72579458cbcf7653df45cb646588fd20d6bac3bb974ab4f188404570c700",
      "COMMIT": "",
      "CONFIGMAPS": "oc-mirror-config\noc-mirror-imageset\noc-mirror-values"
    }
    "#);
    assert!(read(dir, "oc-mirror-values").contains("values.yaml: \"\""));
    assert!(read(dir, "oc-mirror-imageset").contains("stable-4.16"));
    // One that is there is shown beside it, and nothing more.
    assert!(of(&["--source=ws", "--values-file-path=hub.yaml"]).starts_with("0\n"));
    assert!(read(dir, "oc-mirror-values").contains("odf-operator"));
    assert!(!read(dir, "oc-mirror-imageset").contains("odf-operator"));
}

#[test]
fn values_come_from_a_branch() {
    let forge = Forge::new();
    forge.create("fleet.git", "main", &[("README.md", "a fleet")]);
    let commit = forge.commit("fleet.git", "prod", "the hub", &[("values/hub.yaml", HUB)]);
    let dir = bench();
    let dir = dir.path();
    let url = format!("--values-git-url=file://{}", forge.path().join("fleet.git").display());
    let of = |branch: &str| {
        let said = run(dir, &[&url, &format!("--values-git-revision={branch}"), "--values-file-path=values/hub.yaml"], None);
        said.replace(&*forge.path().to_string_lossy(), "FORGE").replace(&commit, "[COMMIT]")
    };
    insta::assert_snapshot!([of("prod"), of("dev")].concat(), @r#"
    0
    {
      "IMAGE_REF": "quay.io/a/oc-mirror@sha256:1111111111111111111111111111111111111111111111111111111111111111",
      "GENERATION_METHOD": "generated",
      "OPENSHIFT_VERSION": "4.18.22",
      "IMAGESET_DIGEST": "sha256:f6eb250922c4fdb104ca327e53d9909291a4c817e7cd542ae3eb2106b6af57e3",
      "COMMIT": "[COMMIT]",
      "CONFIGMAPS": "oc-mirror-config\noc-mirror-imageset\noc-mirror-values"
    }
    5
    error: FORGE/fleet.git has no branch dev; hint: its branches are main, prod
    "#);
    // A document of one's own goes without a file that the branch lacks.
    let said = run(dir, &[&url, "--values-file-path=values/hub.yaml", "--imageset-configmap=my-imageset"], None);
    assert!(said.starts_with("0\n") && said.contains("the ConfigMap of values is empty"), "{said}");
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_written() {
    let dir = bench();
    let dir = dir.path();
    fs::write(dir.join("ws/bad.yaml"), HUB.replace("stable-4.18", "''")).unwrap();
    fs::write(dir.join("ws/large.yaml"), format!("{HUB}# {}\n", "x".repeat(1 << 20))).unwrap();
    let hub = ["--source=ws", "--values-file-path=hub.yaml"];
    let said = [
        run(dir, &["--source=ws", "--values-file-path=none.yaml"], None),
        run(dir, &["--source=ws", "--values-file-path=bad.yaml"], None),
        run(dir, &["--source=ws", "--values-file-path=large.yaml"], None),
        run(dir, &["--values-file-path=hub.yaml"], None),
        run(dir, &["--source=ws"], None),
        run(dir, &[&hub[..], &["--image-configmap=none", "--fallback-image=none"]].concat(), None),
        run(dir, &[&hub[..], &["--configmap-name=oc-mirror-values"]].concat(), None),
        run(dir, &["--imageset-configmap=their-imageset"], None),
        run(dir, &["--imageset-configmap=no-imageset", "--source=ws", "--values-file-path=hub.yaml"], None),
        run(dir, &[&hub[..], &["--namespace=$(params.x)"]].concat(), None),
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    5
    error: there is no file none.yaml in ws; hint: paths are relative, and begin at the repository or the workspace
    3
    error: bad.yaml:5: hubClusterSets.hub: odf is enabled, and odf-channel is missing; hint: add odf-channel, or set odf to 'false'
    3
    error: the ConfigMap oc-mirror/oc-mirror-config would have 1049218 bytes (values.yaml 1048775, imageset.yaml 443), and Kubernetes takes 1048576; hint: give a values file with less in it: comments and unused cluster sets count too
    2
    error: there is nowhere to read values files; hint: set values-git-url, or bind the workspace
    2
    error: there is no values file to read; hint: set values-file-path or values-files, or imageset-configmap
    5
    error: there is no ConfigMap none in the namespace oc-mirror-pipeline; hint: it would be out/oc-mirror-pipeline/configmap-none.yaml; run the build pipeline first, or give a fallback-image
    3
    error: configmap-name is oc-mirror-values, which is the name of one of the other two ConfigMaps; hint: leave it out, or choose another
    3
    imageset.yaml of the ConfigMap their-imageset:2: unknown field "mirrors"; hint: did you mean mirror?
    imageset.yaml of the ConfigMap their-imageset:1: the field mirror is missing; hint: add mirror
    error: 2 problems in imageset.yaml of the ConfigMap their-imageset; hint: mend what is listed above
    5
    error: there is no ConfigMap no-imageset in the namespace oc-mirror; hint: it would be out/oc-mirror/configmap-no-imageset.yaml
    3
    error: invalid value '$(params.x)' for '--namespace <NAME>': it is no name of a namespace: at most 63 lower-case letters, digits and `-`
    "#);
    assert_eq!(written(dir), "");
}

/// A cluster with the ConfigMap of the image, whose namespace `oc-mirror` is there.
fn cluster(mut script: impl FnMut(&Request) -> Option<Answer> + Send + 'static) -> Fake {
    Fake::start(move |request| {
        assert!(!request.path.contains("secret"), "{}", request.path);
        if let Some(answer) = script(request) {
            return answer;
        }
        match (&*request.method, &*request.path) {
            ("GET", "/api/v1/namespaces/oc-mirror-pipeline/configmaps/oc-mirror-images") => {
                Answer::Json(200, json!({ "data": { "image-url": "quay.io/a/oc-mirror:latest" } }))
            }
            ("GET", "/api/v1/namespaces/oc-mirror") => Answer::Json(200, json!({ "metadata": { "name": "oc-mirror" } })),
            ("PATCH", _) => Answer::Json(200, request.body.clone()),
            _ => Answer::error(404, "NotFound", "not found", json!({ "name": request.path.rsplit('/').next() })),
        }
    })
}

#[test]
fn in_a_cluster_everything_is_read_before_anything_is_written() {
    let dir = bench();
    let fake = cluster(|_| None);
    let said = run(dir.path(), &["--source=ws", "--values-file-path=hub.yaml"], Some(&fake));
    assert!(said.starts_with("0\n"), "{said}");
    assert!(said.contains("the image's digest is not known"), "{said}");
    let asked: Vec<String> = fake.requests().iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    insta::assert_snapshot!(asked.join("\n"), @"
    GET /api/v1/namespaces/oc-mirror-pipeline/configmaps/oc-mirror-images
    GET /api/v1/namespaces/oc-mirror
    PATCH /api/v1/namespaces/oc-mirror/configmaps/oc-mirror-values
    PATCH /api/v1/namespaces/oc-mirror/configmaps/oc-mirror-imageset
    PATCH /api/v1/namespaces/oc-mirror/configmaps/oc-mirror-config
    ");
}

#[test]
fn a_cluster_that_refuses_is_quoted_and_gets_nothing() {
    let dir = bench();
    let hub = ["--source=ws", "--values-file-path=hub.yaml"];
    let no_namespace = cluster(|request| {
        let is_it = request.path == "/api/v1/namespaces/oc-mirror";
        is_it.then(|| Answer::error(404, "NotFound", "namespaces \"oc-mirror\" not found", json!({ "name": "oc-mirror" })))
    });
    let no_right = cluster(|request| {
        let text = "configmaps \"oc-mirror-images\" is forbidden: User \"system:serviceaccount:oc-mirror-pipeline:bot\" cannot get resource \
            \"configmaps\" in API group \"\" in the namespace \"oc-mirror-pipeline\"";
        request.path.ends_with("oc-mirror-images").then(|| Answer::error(403, "Forbidden", text, json!({})))
    });
    let said = [&no_namespace, &no_right].map(|fake| fake.stable(&run(dir.path(), &hub, Some(fake))));
    insta::assert_snapshot!(said.concat(), @r#"
    5
     WARN the image's digest is not known: a tag can move while the mirror runs image=quay.io/a/oc-mirror:latest
    error: there is no namespace oc-mirror; hint: `oc create namespace oc-mirror`, and give it its service account, Roles and pull secret
    4
    configmaps "oc-mirror-images" is forbidden: User "system:serviceaccount:oc-mirror-pipeline:bot" cannot get resource "configmaps" in API group "" in the namespace "oc-mirror-pipeline"
    error: cannot get the ConfigMap oc-mirror-pipeline/oc-mirror-images: system:serviceaccount:oc-mirror-pipeline:bot may not; hint: it needs a Role in oc-mirror-pipeline with the verb `get` on `configmaps`
    "#);
    for fake in [&no_namespace, &no_right] {
        assert!(fake.requests().iter().all(|request| request.method == "GET"));
    }
}
