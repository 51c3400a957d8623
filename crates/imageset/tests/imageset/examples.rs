//! Whole values files: those of the shared test data, and those that this repository shows its users.

use std::path::{Path, PathBuf};

use imageset::{Options, Sources, ValuesFile, generate};

use crate::{brief, shown};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(dir: &Path, names: &[&str]) -> Vec<ValuesFile> {
    let one = |name: &&str| {
        let text =
            std::fs::read_to_string(dir.join(name)).unwrap_or_else(|error| panic!("{}: {error}", dir.join(name).display()));
        ValuesFile { path: (*name).into(), text }
    };
    names.iter().map(one).collect()
}

/// What the generator says of files of the shared test data.
fn of_shared(names: &[&str], options: &Options) -> String {
    let dir = repository().join("../shared/data/oc-mirror");
    assert!(dir.is_dir(), "the shared test data is missing: {} has to be beside the repository", dir.display());
    brief(&shown(generate(&read(&dir, names), options)))
}

#[test]
fn a_label_without_its_package_and_a_source_nobody_knows() {
    insta::assert_snapshot!(of_shared(&["a.yaml"], &Options::default()), @r#"
    a.yaml:40: hubClusterSets.hub: the catalog source "my-catalog" of custom is not known; hint: map it with a line my-catalog=REGISTRY/REPOSITORY in sources; known are redhat-operators, community-operators, certified-operators, redhat-marketplace
    a.yaml:49: hubClusterSets.hub: bare is enabled, and bare-subscription-name is missing; hint: add bare-subscription-name, the operator's package in its catalog, or set bare to 'false'
    error: 2 problems in the values files; hint: mend what is listed above
    "#);
}

#[test]
fn an_empty_label_before_the_version() {
    insta::assert_snapshot!(of_shared(&["b.yaml"], &Options::default()), @"
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      advanced-cluster-management release-2.14
    ");
}

#[test]
fn only_versions() {
    insta::assert_snapshot!(of_shared(&["c.yaml", "d.yaml", "v1.yaml"], &Options::default()), @"
    stable-4.9 4.9.10 4.9.10
    stable-4.18 4.18.0 4.18.999
    ");
}

#[test]
fn comments_capitals_underscores_and_acm_that_is_off() {
    insta::assert_snapshot!(of_shared(&["inline.yaml"], &Options::default()), @r#"
    warning: inline.yaml:10: hubClusterSets.hub: "my_op" is no operator: its name has other characters than a-z, 0-9 and `-`
    warning: inline.yaml:15: hubClusterSets.hub: "Cap" is no operator: its name has other characters than a-z, 0-9 and `-`
    warning: inline.yaml:20: hubClusterSets.hub: upper is "True", which is not 'true': it is not enabled
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      advanced-cluster-management release-2.14
      odf-operator stable-4.18
      quay-operator stable-3.15
    "#);
    insta::assert_snapshot!(of_shared(&["inline.yaml"], &Options { operators_only: true, ..Options::default() }), @r#"
    warning: inline.yaml:10: hubClusterSets.hub: "my_op" is no operator: its name has other characters than a-z, 0-9 and `-`
    warning: inline.yaml:15: hubClusterSets.hub: "Cap" is no operator: its name has other characters than a-z, 0-9 and `-`
    warning: inline.yaml:20: hubClusterSets.hub: upper is "True", which is not 'true': it is not enabled
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      advanced-cluster-management release-2.14
      odf-operator stable-4.18
      quay-operator stable-3.15
    "#);
}

#[test]
fn no_line_end_at_the_end() {
    insta::assert_snapshot!(of_shared(&["nonl.yaml"], &Options::default()), @"error: nonl.yaml:5: hubClusterSets.hub: odf is enabled, and odf-subscription-name is missing; hint: add odf-subscription-name, the operator's package in its catalog, or set odf to 'false'");
}

#[test]
fn one_package_of_two_catalogs() {
    insta::assert_snapshot!(of_shared(&["x.yaml"], &Options::default()), @"
    warning: the package op1 is taken from two catalogs: registry.redhat.io/redhat/community-operator-index:v4.18 and registry.redhat.io/redhat/certified-operator-index:v4.18
    stable-4.18 4.18.2 4.18.2
    registry.redhat.io/redhat/community-operator-index:v4.18
      op1 fast
    registry.redhat.io/redhat/certified-operator-index:v4.18
      op1 stable
    ");
}

#[test]
fn together_they_know_more_packages() {
    let options =
        Options { sources: Sources::with(&["my-catalog=registry.example/ns/my-index".parse().unwrap()]), ..Options::default() };
    insta::assert_snapshot!(of_shared(&["a.yaml", "nonl.yaml"], &options), @"error: a.yaml:49: hubClusterSets.hub: bare is enabled, and bare-subscription-name is missing; hint: add bare-subscription-name, the operator's package in its catalog, or set bare to 'false'");
}

#[test]
fn a_hub_and_a_sandbox_of_older_channels() {
    // The sandbox does not say its version: its channels are in the catalog of the hub's.
    let labels = |odf: &str, loki: &str, more: &str| {
        let one = |label: &str, package: &str, channel: &str| {
            format!(
                "      {label}: 'true'\n      {label}-subscription-name: {package}\n      {label}-channel: {channel}\n      {label}-source: redhat-operators\n      {label}-source-namespace: openshift-marketplace\n"
            )
        };
        more.to_owned()
            + &one("gitops", "openshift-gitops-operator", "latest")
            + &one("odf", "odf-operator", odf)
            + &one("loki", "loki-operator", loki)
            + "      lvm: 'false'\n      lvm-subscription-name: lvms-operator\n      lvm-channel: stable-4.18\n      lvm-source: redhat-operators\n"
    };
    let acm = "      openshift-version: '4.18.22'\n      acm-subscription-name: advanced-cluster-management\n      acm-channel: release-2.14\n      acm-source: redhat-operators\n      acm-source-namespace: openshift-marketplace\n";
    let hub = format!(
        "managedClusterSets:\n  managed:\n    labels:\n      openshift-version: '4.18.22'\nhubClusterSets:\n  hub:\n    labels:\n{}",
        labels("stable-4.18", "stable-6.3", acm)
    );
    let sandbox = format!("hubClusterSets:\n  hubsbx:\n    labels:\n{}", labels("stable-4.17", "stable-6.2", ""));
    let said = crate::with(&[("values.hub.yaml", &hub), ("values.sbx.yaml", &sandbox)], &Options::default());
    insta::assert_snapshot!(said, @r#"
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
        - name: advanced-cluster-management
          defaultChannel: release-2.14
          channels:
          - name: release-2.14
        - name: openshift-gitops-operator
          defaultChannel: latest
          channels:
          - name: latest
        - name: odf-operator
          defaultChannel: stable-4.18
          channels:
          - name: stable-4.18
          - name: stable-4.17
        - name: loki-operator
          defaultChannel: stable-6.3
          channels:
          - name: stable-6.3
          - name: stable-6.2
      additionalImages: []
      helm: {}
    "#);
}

#[test]
fn the_example_values_make_a_document() {
    let dir = repository().join("pipelines/oc-mirror-deployment-pipeline/examples");
    insta::assert_snapshot!(shown(generate(&read(&dir, &["values.hub.yaml"]), &Options::default())), @r#"
    apiVersion: mirror.openshift.io/v2alpha1
    kind: ImageSetConfiguration
    archiveSize: 4
    mirror:
      platform:
        channels:
        - name: stable-4.17
          minVersion: "4.17.30"
          maxVersion: "4.17.30"
        - name: stable-4.18
          minVersion: "4.18.22"
          maxVersion: "4.18.22"
        graph: true
      operators:
      - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.17
        packages:
        - name: odf-operator
          defaultChannel: stable-4.17
          channels:
          - name: stable-4.17
        - name: compliance-operator
          defaultChannel: stable
          channels:
          - name: stable
        - name: lvms-operator
          defaultChannel: stable-4.17
          channels:
          - name: stable-4.17
      - catalog: registry.redhat.io/redhat/certified-operator-index:v4.17
        packages:
        - name: gpu-operator-certified
          defaultChannel: v25.3
          channels:
          - name: v25.3
      - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.18
        packages:
        - name: advanced-cluster-management
          defaultChannel: release-2.14
          channels:
          - name: release-2.14
        - name: openshift-gitops-operator
          defaultChannel: latest
          channels:
          - name: latest
        - name: odf-operator
          defaultChannel: stable-4.18
          channels:
          - name: stable-4.18
        - name: rhacs-operator
          defaultChannel: stable
          channels:
          - name: stable
      additionalImages: []
      helm: {}
    "#);
}
