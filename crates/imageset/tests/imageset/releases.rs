//! Which releases are mirrored, and which are deleted.

use imageset::{Keep, Options, Version, generate_delete};

use crate::{brief, files, shown, with};

fn sets(versions: &[&str]) -> String {
    let set = |(n, version): (usize, &&str)| format!("  s{n}: {{labels: {{openshift-version: '{version}'}}}}\n");
    format!("managedClusterSets:\n{}", versions.iter().enumerate().map(set).collect::<String>())
}

fn options(version: &str, min: &str, max: &str) -> Options {
    let release = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    Options {
        version: (!version.is_empty()).then(|| version.parse::<Version>().unwrap()),
        min_version: release(min),
        max_version: release(max),
        ..Options::default()
    }
}

#[test]
fn channels_of_versions() {
    let cases: &[(&[&str], &str, &str, &str)] = &[
        (&["4.18.22"], "", "", ""),
        (&["4.18"], "", "", ""),
        (&["4.18.22", "4.18.2", "4.18.10"], "", "", ""),
        (&["4.18.22", "4.17.30"], "", "", ""),
        (&["4.9.10", "4.18.2"], "", "", ""),
        (&["4.18.22", "4.17.30"], "4.19.1", "", ""),
        (&["4.18.22"], "", "4.18.10", "4.18.30"),
        (&["4.18.22"], "", "4.17.30", ""),
        (&["4.18.22", "4.17.30"], "", "4.17.1", "4.18.23"),
        (&["4.18.22", "4.17.30"], "", "4.18.1", ""),
        (&["4.18.22"], "", "", "4.18.1"),
    ];
    let mut said = String::new();
    for (versions, version, min, max) in cases {
        let document = with(&[("v.yaml", &sets(versions))], &options(version, min, max));
        said.push_str(&format!("{versions:?} {version} min {min} max {max}\n{}\n", brief(&document)));
    }
    insta::assert_snapshot!(said, @r#"
    ["4.18.22"]  min  max 
    stable-4.18 4.18.22 4.18.22
    ["4.18"]  min  max 
    stable-4.18 4.18.0 4.18.999
    ["4.18.22", "4.18.2", "4.18.10"]  min  max 
    stable-4.18 4.18.2 4.18.22
    ["4.18.22", "4.17.30"]  min  max 
    stable-4.17 4.17.30 4.17.30
    stable-4.18 4.18.22 4.18.22
    ["4.9.10", "4.18.2"]  min  max 
    stable-4.9 4.9.10 4.9.10
    stable-4.18 4.18.2 4.18.2
    ["4.18.22", "4.17.30"] 4.19.1 min  max 
    stable-4.19 4.19.1 4.19.1
    ["4.18.22"]  min 4.18.10 max 4.18.30
    stable-4.18 4.18.10 4.18.30
    ["4.18.22"]  min 4.17.30 max 
    stable-4.18 4.17.30 4.18.22
    ["4.18.22", "4.17.30"]  min 4.17.1 max 4.18.23
    stable-4.17 4.17.1 4.17.30
    stable-4.18 4.18.22 4.18.23
    ["4.18.22", "4.17.30"]  min 4.18.1 max 
    error: the channel stable-4.17 would begin at 4.18.1 and end at 4.17.30; hint: set min-version to what is not above max-version, nor above the releases that the values files name

    ["4.18.22"]  min  max 4.18.1
    error: the channel stable-4.18 would begin at 4.18.22 and end at 4.18.1; hint: set min-version to what is not above max-version, nor above the releases that the values files name
    "#);
}

#[test]
fn either_part_may_be_left_out() {
    let text = "hubClusterSets:\n  hub:\n    labels:\n      openshift-version: 4.18.22\n      acm-channel: release-2.14\n      acm-source: redhat-operators\n";
    let operators_only = Options { operators_only: true, ..Options::default() };
    insta::assert_snapshot!(with(&[("v.yaml", text)], &operators_only), @"
    apiVersion: mirror.openshift.io/v2alpha1
    kind: ImageSetConfiguration
    archiveSize: 4
    mirror:
      platform:
        channels: []
      operators:
      - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.18
        packages:
        - name: advanced-cluster-management
          defaultChannel: release-2.14
          channels:
          - name: release-2.14
      additionalImages: []
      helm: {}
    ");
    let openshift_only = Options { openshift_only: true, ..Options::default() };
    insta::assert_snapshot!(brief(&with(&[("v.yaml", text)], &openshift_only)), @"stable-4.18 4.18.22 4.18.22");
    let neither = Options { operators_only: true, openshift_only: true, ..Options::default() };
    insta::assert_snapshot!(with(&[("v.yaml", text)], &neither), @"error: there is nothing to mirror: no releases are wanted, and no operator is enabled; hint: set operators-only or openshift-only to false, or enable operators in the values files");
    let image = Options { additional_images: vec!["quay.io/a/b:1".parse().unwrap()], ..neither };
    insta::assert_snapshot!(with(&[("v.yaml", text)], &image), @"
    apiVersion: mirror.openshift.io/v2alpha1
    kind: ImageSetConfiguration
    archiveSize: 4
    mirror:
      platform:
        channels: []
      operators: []
      additionalImages:
      - name: quay.io/a/b:1
      helm: {}
    ");
}

#[test]
fn what_nobody_runs_can_be_deleted() {
    let delete = |versions: &[&str], keep: Keep, min: &str| {
        let document = shown(generate_delete(&files(&[("v.yaml", &sets(versions))]), &options("", min, ""), keep));
        format!("{versions:?} {keep:?} {min}\n{document}\n")
    };
    let age = |text: &str| Keep::younger_than(text.parse().unwrap());
    insta::assert_snapshot!(delete(&["4.18.22"], Keep::IN_USE, ""), @r#"
    ["4.18.22"] Keep(1) 
    apiVersion: mirror.openshift.io/v2alpha1
    kind: DeleteImageSetConfiguration
    delete:
      platform:
        channels:
        - name: stable-4.18
          minVersion: "4.18.0"
          maxVersion: "4.18.21"
    "#);
    let cases = [
        // The lowest in use counts, of each minor version.
        delete(&["4.18.22", "4.18.10", "4.17.3"], Keep::IN_USE, ""),
        delete(&["4.18.22"], Keep::last(5), ""),
        delete(&["4.18.22"], Keep::last(22), ""),
        delete(&["4.18.22"], Keep::last(23), ""),
        delete(&["4.18.0"], Keep::IN_USE, ""),
        // Three weeks a patch release; what is in use is kept however young the limit.
        delete(&["4.18.22"], age("90d"), ""),
        delete(&["4.18.22"], age("6m"), ""),
        delete(&["4.18.22"], age("2y"), ""),
        delete(&["4.18.22"], age("0d"), ""),
        // What is mirrored from a lower release on is not deleted.
        delete(&["4.18.22"], Keep::IN_USE, "4.18.15"),
        delete(&["4.18"], Keep::IN_USE, ""),
    ];
    insta::assert_snapshot!(cases.map(|case| case.replace("apiVersion: mirror.openshift.io/v2alpha1\nkind: DeleteImageSetConfiguration\n", "")).concat(), @r#"
    ["4.18.22", "4.18.10", "4.17.3"] Keep(1) 
    delete:
      platform:
        channels:
        - name: stable-4.17
          minVersion: "4.17.0"
          maxVersion: "4.17.2"
        - name: stable-4.18
          minVersion: "4.18.0"
          maxVersion: "4.18.9"

    ["4.18.22"] Keep(5) 
    delete:
      platform:
        channels:
        - name: stable-4.18
          minVersion: "4.18.0"
          maxVersion: "4.18.17"

    ["4.18.22"] Keep(22) 
    delete:
      platform:
        channels:
        - name: stable-4.18
          minVersion: "4.18.0"
          maxVersion: "4.18.0"

    ["4.18.22"] Keep(23) 
    warning: nothing of 4.18 can be deleted: 4.18.22 is needed, and the last 23 are kept
    delete:
      platform:
        channels: []

    ["4.18.0"] Keep(1) 
    warning: nothing of 4.18 can be deleted: 4.18.0 is needed
    delete:
      platform:
        channels: []

    ["4.18.22"] Keep(4) 
    delete:
      platform:
        channels:
        - name: stable-4.18
          minVersion: "4.18.0"
          maxVersion: "4.18.18"

    ["4.18.22"] Keep(8) 
    delete:
      platform:
        channels:
        - name: stable-4.18
          minVersion: "4.18.0"
          maxVersion: "4.18.14"

    ["4.18.22"] Keep(34) 
    warning: nothing of 4.18 can be deleted: 4.18.22 is needed, and the last 34 are kept
    delete:
      platform:
        channels: []

    ["4.18.22"] Keep(1) 
    delete:
      platform:
        channels:
        - name: stable-4.18
          minVersion: "4.18.0"
          maxVersion: "4.18.21"

    ["4.18.22"] Keep(1) 4.18.15
    delete:
      platform:
        channels:
        - name: stable-4.18
          minVersion: "4.18.0"
          maxVersion: "4.18.14"

    ["4.18"] Keep(1) 
    error: which release of 4.18 clusters run is not said: nothing can be told to be below it; hint: give openshift-version as X.Y.Z
    "#);
}
