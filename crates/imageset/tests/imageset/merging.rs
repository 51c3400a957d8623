//! Several files, several sets, packages that need others.

use imageset::{Dependencies, Merge, Options, Sources};

use crate::{brief, with};

const BASE: &str = "
hubClusterSets:
  hub:
    labels:
      openshift-version: 4.18.22
      odf: 'true'
      odf-subscription-name: odf-operator
      odf-channel: stable-4.18
      odf-source: redhat-operators
      quay: 'true'
      quay-subscription-name: quay-operator
      quay-channel: stable-3.15
      quay-source: redhat-operators
managedClusterSets:
  old: {labels: {openshift-version: 4.16.1}}
";

const OVER: &str = "
hubClusterSets:
  hub:
    labels:
      odf-channel: stable-4.17
      quay: ''
      new: 'true'
      new-subscription-name: new-operator
      new-channel: stable
      new-source: redhat-operators
managedClusterSets:
  old: null
";

fn merged(merge: Merge) -> String {
    brief(&with(&[("base.yaml", BASE), ("over.yaml", OVER)], &Options { merge, ..Options::default() }))
}

#[test]
fn files_are_environments_or_layers() {
    insta::assert_snapshot!(merged(Merge::Union), @"
    stable-4.16 4.16.1 4.16.1
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      odf-operator stable-4.18
      quay-operator stable-3.15
      new-operator stable
    ");
    insta::assert_snapshot!(merged(Merge::Helm), @"
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      odf-operator stable-4.17
      new-operator stable
    ");
    // Helm's null of a whole section, and of labels.
    let options = Options { merge: Merge::Helm, ..Options::default() };
    insta::assert_snapshot!(brief(&with(&[("a", BASE), ("b", "hubClusterSets: null\n")], &options)), @"stable-4.16 4.16.1 4.16.1");
    insta::assert_snapshot!(brief(&with(&[("a", BASE), ("b", "hubClusterSets: {hub: {labels: null}}\n")], &options)), @"stable-4.16 4.16.1 4.16.1");
}

#[test]
fn a_file_without_a_version_counts_for_the_highest() {
    let other =
        BASE.replace("openshift-version: 4.18.22", "x: y").replace("stable-4.18", "stable-4.19").replace("4.16.1", "4.17.9");
    insta::assert_snapshot!(brief(&with(&[("a", BASE), ("b", &other)], &Options::default())), @"
    stable-4.16 4.16.1 4.16.1
    stable-4.17 4.17.9 4.17.9
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      odf-operator stable-4.18 stable-4.19
      quay-operator stable-3.15
    ");
}

#[test]
fn acm_is_on_every_hub_that_says_where_from_and_elsewhere_where_it_is_enabled() {
    let set = |section: &str, acm: &str| {
        format!(
            "{section}:\n  s:\n    labels: {{openshift-version: 4.18.1, a: 'true', a-subscription-name: a, a-channel: x, a-source: redhat-operators, acm: '{acm}', acm-channel: release-2.14, acm-source: redhat-operators}}\n"
        )
    };
    let mut said = String::new();
    for section in ["hubClusterSets", "managedClusterSets", "clusters"] {
        for acm in ["true", "false"] {
            said.push_str(&format!("{section} {acm}\n{}\n", brief(&with(&[("v", &set(section, acm))], &Options::default()))));
        }
    }
    insta::assert_snapshot!(said, @"
    hubClusterSets true
    stable-4.18 4.18.1 4.18.1
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      advanced-cluster-management release-2.14
      a x
    hubClusterSets false
    stable-4.18 4.18.1 4.18.1
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      advanced-cluster-management release-2.14
      a x
    managedClusterSets true
    stable-4.18 4.18.1 4.18.1
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      a x
      advanced-cluster-management release-2.14
    managedClusterSets false
    stable-4.18 4.18.1 4.18.1
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      a x
    clusters true
    stable-4.18 4.18.1 4.18.1
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      a x
      advanced-cluster-management release-2.14
    clusters false
    stable-4.18 4.18.1 4.18.1
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      a x
    ");
}

#[test]
fn what_packages_need_is_in_their_catalog() {
    let dependencies =
        Dependencies::read("d.json", br#"{"odf-operator": ["odf-dependencies", "quay-operator"], "none": ["x"]}"#.to_vec())
            .unwrap();
    let options = Options {
        dependencies,
        additional_images: ["quay.io/a/always:1", "odf-operator=quay.io/a/odf:1", "none=quay.io/a/none:1", "quay.io/a/always:1"]
            .map(|line| line.parse().unwrap())
            .to_vec(),
        ..Options::default()
    };
    insta::assert_snapshot!(with(&[("base.yaml", BASE)], &options), @r#"
    apiVersion: mirror.openshift.io/v2alpha1
    kind: ImageSetConfiguration
    archiveSize: 4
    mirror:
      platform:
        channels:
        - name: stable-4.16
          minVersion: "4.16.1"
          maxVersion: "4.16.1"
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
        - name: quay-operator
          defaultChannel: stable-3.15
          channels:
          - name: stable-3.15
        - name: odf-dependencies
      additionalImages:
      - name: quay.io/a/always:1
      - name: quay.io/a/odf:1
      helm: {}
    "#);
}

#[test]
fn a_catalog_with_a_tag_of_its_own_is_one_for_all_versions() {
    let other = BASE.replace("4.18.22", "4.19.1").replace("stable-4.18", "stable-4.19");
    let options = Options {
        sources: Sources::with(&["redhat-operators=mirror.example/index:pinned".parse().unwrap()]),
        ..Options::default()
    };
    insta::assert_snapshot!(brief(&with(&[("a", BASE), ("b", &other)], &options)), @"
    stable-4.16 4.16.1 4.16.1
    stable-4.18 4.18.22 4.18.22
    stable-4.19 4.19.1 4.19.1
    mirror.example/index:pinned
      odf-operator stable-4.18 stable-4.19
      quay-operator stable-3.15
    ");
}

#[test]
fn a_cluster_belongs_to_one_of_the_sets() {
    // Laid on `old`, odf has no source; laid on the hub, it is whole.
    let text = BASE.to_owned() + "clusters:\n  c1:\n    labels:\n      odf: 'true'\n      odf-channel: stable-4.15\n";
    insta::assert_snapshot!(brief(&with(&[("v.yaml", &text)], &Options::default())), @"
    stable-4.16 4.16.1 4.16.1
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      odf-operator stable-4.18 stable-4.15
      quay-operator stable-3.15
    ");
    let text =
        BASE.to_owned() + "clusters:\n  c1:\n    labels:\n      x: 'true'\n      x-subscription-name: x\n      x-channel: y\n";
    insta::assert_snapshot!(with(&[("v.yaml", &text)], &Options::default()), @"error: v.yaml:19: clusters.c1: x is enabled, and x-source is missing; hint: add x-source, or set x to 'false'");
}

#[test]
fn a_cluster_is_looked_for_among_the_managed_ones_first() {
    let set = |version: &str, odf: &str| {
        format!(
            "{{labels: {{openshift-version: {version}, odf: 'true', odf-subscription-name: odf-operator, odf-channel: {odf}, odf-source: redhat-operators}}}}"
        )
    };
    let text = format!(
        "hubClusterSets: {{hub: {}}}\nmanagedClusterSets:\n  a: {}\n  b: {}\nclusters: {{c1: {{labels: LABELS}}}}\n",
        set("4.18.22", "stable-4.18").replace("odf: ", "acm-channel: r-2.14, acm-source: redhat-operators, odf: "),
        set("4.17.30", "stable-4.17"),
        set("4.16.30", "stable-4.16"),
    );
    let of = |labels: &str| brief(&with(&[("v.yaml", &text.replace("LABELS", labels))], &Options::default()));
    // It may be of either, and what it does not change is that of its set.
    insta::assert_snapshot!(of("{odf-channel: other}"), @"
    stable-4.16 4.16.30 4.16.30
    stable-4.17 4.17.30 4.17.30
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.16
      odf-operator stable-4.16 other
    registry.redhat.io/redhat/redhat-operator-index:v4.17
      odf-operator stable-4.17 other
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      advanced-cluster-management r-2.14
      odf-operator stable-4.18
    ");
    // Its version tells.
    insta::assert_snapshot!(of("{odf-channel: other, openshift-version: 4.16.2}"), @"
    stable-4.16 4.16.2 4.16.30
    stable-4.17 4.17.30 4.17.30
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.16
      odf-operator stable-4.16 other
    registry.redhat.io/redhat/redhat-operator-index:v4.17
      odf-operator stable-4.17
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      advanced-cluster-management r-2.14
      odf-operator stable-4.18
    ");
    // Only the hub has what it changes.
    insta::assert_snapshot!(of("{acm-channel: r-2.13}"), @"
    stable-4.16 4.16.30 4.16.30
    stable-4.17 4.17.30 4.17.30
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.16
      odf-operator stable-4.16
    registry.redhat.io/redhat/redhat-operator-index:v4.17
      odf-operator stable-4.17
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      advanced-cluster-management r-2.14 r-2.13
      odf-operator stable-4.18
    ");
}

#[test]
fn anchors_and_merge_keys() {
    let text = "
x: &all {openshift-version: 4.18.22, odf: 'true', odf-subscription-name: odf-operator, odf-channel: a, odf-source: redhat-operators}
hubClusterSets: {hub: {labels: {<<: *all, odf-channel: b}}}
managedClusterSets: {m: {labels: *all}}
";
    insta::assert_snapshot!(brief(&with(&[("v.yaml", text)], &Options::default())), @"
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      odf-operator b a
    ");
}
