//! What generators that read values files line by line got wrong, case by case.

use imageset::Options;

use crate::{brief, of, refused, with};

/// A hub of 4.18.22 with these labels.
fn hub(labels: &str) -> String {
    format!("hubClusterSets:\n  hub:\n    labels:\n      openshift-version: '4.18.22'\n{labels}")
}

/// The labels of an operator.
fn operator(label: &str, package: &str, channel: &str, source: &str) -> String {
    format!(
        "      {label}: 'true'\n      {label}-subscription-name: {package}\n      {label}-channel: {channel}\n      {label}-source: {source}\n"
    )
}

const REDHAT: &str = "redhat-operators";

#[test]
fn line_ends_of_windows_are_line_ends() {
    let unix = hub(&operator("vault", "vault-op", "stable", "community-operators"));
    assert_eq!(of(&unix.replace('\n', "\r\n")), of(&unix));
    insta::assert_snapshot!(of(&unix), @r#"
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
      - catalog: registry.redhat.io/redhat/community-operator-index:v4.18
        packages:
        - name: vault-op
          defaultChannel: stable
          channels:
          - name: stable
      additionalImages: []
      helm: {}
    "#);
}

#[test]
fn without_operators_there_is_no_catalog() {
    insta::assert_snapshot!(of(&hub("")), @r#"
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
      operators: []
      additionalImages: []
      helm: {}
    "#);
}

#[test]
fn comments_are_no_values() {
    let labels = operator("vault", "vault-op", "stable # pinned for now", REDHAT);
    insta::assert_snapshot!(brief(&of(&hub(&labels).replace("'4.18.22'", "'4.18.22' # comment"))), @"
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      vault-op stable
    ");
}

#[test]
fn a_label_without_a_value_ends_nothing() {
    let text = "hubClusterSets:\n  hub:\n    labels:\n      metallb-quota-memory:\n      openshift-version: '4.18.22'\n";
    insta::assert_snapshot!(brief(&of(text)), @"stable-4.18 4.18.22 4.18.22");
}

#[test]
fn a_minor_version_is_a_version() {
    insta::assert_snapshot!(brief(&of(&hub("").replace("'4.18.22'", "'4.18'"))), @"stable-4.18 4.18.0 4.18.999");
    insta::assert_snapshot!(brief(&of(&hub("").replace("'4.18.22'", "4.18"))), @"stable-4.18 4.18.0 4.18.999");
    // To Helm, and so to every other reader of the file, this is 4.2.
    insta::assert_snapshot!(of(&hub("").replace("'4.18.22'", "4.20")), @"error: values.yaml:4: openshift-version is the number 4.20, which Helm writes in another way; hint: write it in quotes: '4.20'");
}

#[test]
fn each_cluster_set_has_channels_of_its_own() {
    let managed = operator("odf", "odf-operator", "stable-4.17", REDHAT);
    let text = hub(&operator("odf", "odf-operator", "stable-4.18", REDHAT))
        + "managedClusterSets:\n  managed:\n    labels:\n"
        + &managed;
    insta::assert_snapshot!(brief(&of(&text)), @"
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      odf-operator stable-4.18 stable-4.17
    ");
}

#[test]
fn what_one_set_disables_another_may_enable() {
    let off =
        "managedClusterSets:\n  managed:\n    labels:\n      quay: 'false'\n      quay-channel: ''\n      quay-source: ''\n";
    let text = off.to_owned() + &hub(&operator("quay", "quay-operator", "stable-3.13", REDHAT));
    insta::assert_snapshot!(brief(&of(&text)), @"
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      quay-operator stable-3.13
    ");
}

#[test]
fn the_last_line_counts_without_a_line_end_and_before_a_comment() {
    let text = hub(&operator("odf", "odf-operator", "s", REDHAT));
    assert_eq!(of(text.trim_end()), of(&text));
    assert_eq!(of(&(text.clone() + "#managedClusterSets:\n#  managed:\n")), of(&text));
}

#[test]
fn only_true_is_true() {
    let text = hub(&operator("gpu", "gpu-operator-certified", "v25.3", REDHAT));
    for (value, is_enabled) in [
        ("'true'", true),
        ("\"true\"", true),
        ("true", true),
        // The boolean of YAML 1.1, as Helm reads it.
        ("True", true),
        ("'True'", false),
        ("trueish", false),
        ("'yes'", false),
        ("'false'", false),
        ("false", false),
        ("1", false),
        ("''", false),
        ("", false),
    ] {
        let document = of(&text.replace("gpu: 'true'", &format!("gpu: {value}")));
        assert_eq!(document.contains("name: gpu-operator-certified"), is_enabled, "{value}");
    }
    insta::assert_snapshot!(brief(&of(&text.replace("gpu: 'true'", "gpu: trueish"))), @r#"
    warning: values.yaml:5: hubClusterSets.hub: gpu is "trueish", which is not 'true': it is not enabled
    stable-4.18 4.18.22 4.18.22
    "#);
}

#[test]
fn a_package_of_two_catalogs_is_in_both() {
    let labels = operator("op1", "op1", "stable", "certified-operators") + &operator("op2", "op1", "fast", "community-operators");
    insta::assert_snapshot!(brief(&of(&hub(&labels))), @"
    warning: the package op1 is taken from two catalogs: registry.redhat.io/redhat/community-operator-index:v4.18 and registry.redhat.io/redhat/certified-operator-index:v4.18
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/community-operator-index:v4.18
      op1 fast
    registry.redhat.io/redhat/certified-operator-index:v4.18
      op1 stable
    ");
}

#[test]
fn every_minor_version_has_a_channel_and_catalogs() {
    let labels = operator("odf", "odf-operator", "stable-4.17", REDHAT);
    let managed = format!("managedClusterSets:\n  m:\n    labels:\n      openshift-version: '4.17.30'\n{labels}");
    let text = hub(&operator("odf", "odf-operator", "stable-4.18", REDHAT)) + &managed;
    insta::assert_snapshot!(of(&text), @r#"
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
      - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.18
        packages:
        - name: odf-operator
          defaultChannel: stable-4.18
          channels:
          - name: stable-4.18
      additionalImages: []
      helm: {}
    "#);
}

#[test]
fn what_is_missing_is_told() {
    let labels = "      a: 'true'\n      a-subscription-name: a\n      a-source: redhat-operators\n\
                  \x20     b: 'true'\n      b-subscription-name: b\n      b-channel: x\n\
                  \x20     c: 'true'\n      c-channel: x\n      c-source: redhat-operators\n\
                  \x20     d: 'true'\n      d-subscription-name: d\n      d-channel: x\n      d-source: nowhere\n\
                  \x20     e: 'true'\n      e-subscription-name: $(x)\n      e-channel: x y\n      e-source: redhat-operators\n\
                  \x20     storage-size: 'true'\n";
    insta::assert_snapshot!(of(&hub(labels)), @r#"
    values.yaml:5: hubClusterSets.hub: a is enabled, and a-channel is missing; hint: add a-channel, or set a to 'false'
    values.yaml:8: hubClusterSets.hub: b is enabled, and b-source is missing; hint: add b-source, or set b to 'false'
    values.yaml:11: hubClusterSets.hub: c is enabled, and c-subscription-name is missing; hint: add c-subscription-name, the operator's package in its catalog, or set c to 'false'
    values.yaml:14: hubClusterSets.hub: the catalog source "nowhere" of d is not known; hint: map it with a line nowhere=REGISTRY/REPOSITORY in sources; known are redhat-operators, community-operators, certified-operators, redhat-marketplace
    values.yaml:19: hubClusterSets.hub: e-subscription-name cannot be "$(x)": "$(x)" is not a package name: it may hold only a-z, 0-9, `.` and `-`; hint: mend e-subscription-name
    error: 5 problems in the values files; hint: mend what is listed above
    "#);
}

#[test]
fn a_range_that_is_none_is_refused() {
    let options = Options { min_version: Some("4.18.23".parse().unwrap()), ..Options::default() };
    insta::assert_snapshot!(with(&[("hub.yaml", &hub(""))], &options), @"error: the channel stable-4.18 would begin at 4.18.23 and end at 4.18.22; hint: set min-version to what is not above max-version, nor above the releases that the values files name");
    insta::assert_snapshot!(of(&hub("").replace("4.18.22", "v4.19")), @r#"error: values.yaml:4: hubClusterSets.hub: openshift-version cannot be "v4.19"; hint: it must be X.Y or X.Y.Z, without the v"#);
    let options =
        Options { version: Some("4.18".parse().unwrap()), max_version: Some("4.19.1".parse().unwrap()), ..Options::default() };
    insta::assert_snapshot!(with(&[("hub.yaml", &hub(""))], &options), @"error: max-version 4.19.1 is not in the channel stable-4.18, the highest that is mirrored; hint: set openshift-version to 4.19, or a lower max-version");
}

#[test]
fn what_a_cluster_says_is_laid_on_its_set() {
    let text = hub(&operator("odf", "odf-operator", "stable-4.18", REDHAT))
        + "clusters:\n  c1:\n    labels:\n      odf-channel: stable-4.17\n";
    insta::assert_snapshot!(brief(&of(&text)), @"
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      odf-operator stable-4.18 stable-4.17
    ");
    let text = hub(&operator("odf", "odf-operator", "stable-4.18", REDHAT))
        + "clusters:\n  c1:\n    labels:\n      openshift-version: 4.17.9\n";
    insta::assert_snapshot!(brief(&of(&text)), @"
    stable-4.17 4.17.9 4.17.9
    stable-4.18 4.18.22 4.18.22
    registry.redhat.io/redhat/redhat-operator-index:v4.17
      odf-operator stable-4.18
    registry.redhat.io/redhat/redhat-operator-index:v4.18
      odf-operator stable-4.18
    ");
}

#[test]
fn a_package_has_its_name_from_a_label() {
    let labels = "      gitops: 'true'\n      gitops-channel: latest\n      gitops-source: redhat-operators\n";
    insta::assert_snapshot!(of(&hub(labels)), @"error: values.yaml:5: hubClusterSets.hub: gitops is enabled, and gitops-subscription-name is missing; hint: add gitops-subscription-name, the operator's package in its catalog, or set gitops to 'false'");
}

#[test]
fn the_same_bytes_for_the_same_values() {
    let text = hub(&operator("odf", "odf-operator", "s", REDHAT));
    assert_eq!(of(&text), of(&text));
    assert!(!of(&text).contains("Generated"));
}

#[test]
fn a_file_that_is_none_of_ours() {
    let cases: &[(&str, &str)] = &[
        ("nothing", ""),
        ("text", "hello"),
        ("list", "- a\n"),
        ("no section", "a: b\n"),
        ("no version", "hubClusterSets:\n  hub:\n    labels:\n      a: b\n"),
        ("sets are a list", "hubClusterSets: [a]\n"),
        ("labels are a text", "hubClusterSets:\n  hub:\n    labels: x\n"),
        ("two documents", "a: b\n---\nc: d\n"),
        ("no YAML", "a: [b\n"),
        ("no YAML 2", "a: b\n  c: d\n"),
        ("twice", "hubClusterSets:\n  hub: {}\n  hub: {}\n"),
        ("a template", "hubClusterSets: {{ .Values.x }}\n"),
        ("control characters", "hubClusterSets:\n  \"a\\e[31m\\n\": [x]\n"),
    ];
    let said: String = cases.iter().map(|(name, text)| format!("{name}: {}", of(text))).collect();
    insta::assert_snapshot!(said, @r#"
    nothing: error: no cluster set and no cluster in values.yaml; hint: give values files with hubClusterSets, managedClusterSets or clusters
    text: error: values.yaml:1: the file is the text "hello", not a mapping; hint: write keys and values, as in a values file of cluster sets
    list: error: values.yaml:1: the file is a list, not a mapping; hint: write keys and values, as in a values file of cluster sets
    no section: error: no cluster set and no cluster in values.yaml; hint: give values files with hubClusterSets, managedClusterSets or clusters
    no version: error: no cluster set says its openshift-version; hint: add the label openshift-version to a cluster set, or set the parameter openshift-version
    sets are a list: error: values.yaml:1: hubClusterSets is a list, not a mapping; hint: write keys and values, as in a values file of cluster sets
    labels are a text: error: values.yaml:3: hubClusterSets.hub.labels is the text "x", not a mapping; hint: write keys and values, as in a values file of cluster sets
    two documents: error: values.yaml:2: a second document starts here; hint: write one document a file: remove the `---` and what follows it
    no YAML: error: values.yaml:1: this is not YAML: unclosed bracket '['; hint: mend the file here or just above
    no YAML 2: error: values.yaml:2: this is not YAML: mapping values are not allowed in this context; hint: mend the file here or just above
    twice: error: values.yaml:3: the key "hub" is here twice: first in line 2; hint: keep one of them: tools differ in which of the two counts
    a template: error: values.yaml:1: this is not YAML: a collection cannot be a key; hint: mend the file here or just above
    control characters: error: values.yaml:2: hubClusterSets.a\u{1b}[31m\n is a list, not a mapping; hint: write keys and values, as in a values file of cluster sets
    "#);
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let bomb = (1..10).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        format!("{text}a{n}: &a{n} [{aliases}]\n")
    });
    let deep = "a: ".to_owned() + &"[".repeat(10_000);
    let blocks: String = (0..1000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let large = "a".repeat(5 << 20);
    let many: String = (0..300_000).map(|n| format!("k{n}: v\n")).collect();
    let crowd = (0..2000).fold(hub("") + "clusters:\n", |text, n| format!("{text}  c{n}: {{labels: {{}}}}\n"));
    let crowd = (0..600).fold(crowd + "managedClusterSets:\n", |text, n| format!("{text}  m{n}: {{labels: {{a: b}}}}\n"));
    let cases = [("aliases", bomb), ("deep", deep), ("blocks", blocks), ("large", large), ("many", many), ("crowd", crowd)];
    let said: String = cases.iter().map(|(name, text)| format!("{name}: {}", of(text))).collect();
    insta::assert_snapshot!(said, @"
    aliases: error: values.yaml:6: more than 500000 values in one file, what aliases repeat included; hint: no values file has that many
    deep: error: values.yaml:1: this is not YAML: recursion limit exceeded; hint: mend the file here or just above
    blocks: error: values.yaml:65: this is not YAML: recursion limit exceeded; hint: mend the file here or just above
    large: error: values.yaml: it is larger than 4194304 bytes; hint: no values file is that large
    many: error: values.yaml:250001: more than 500000 values in one file, what aliases repeat included; hint: no values file has that many
    crowd: error: 3607202 labels, those of its cluster sets counted for every cluster; hint: more than 1000000 are too many; give fewer files at once
    ");
}

#[test]
fn bytes_that_are_no_text() {
    let error = imageset::Dependencies::read("d.json", b"a: [b]\nb: \xff\n".to_vec()).unwrap_err();
    insta::assert_snapshot!(refused(&error), @"error: d.json:2: this is not UTF-8; hint: save the file as UTF-8");
}
