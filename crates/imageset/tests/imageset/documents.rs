//! Documents that people wrote: what oc-mirror v2 would refuse.

use imageset::{DocumentKind, check};

use crate::refused;

fn of(mirror: &str) -> String {
    let text = format!("apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n{mirror}");
    checked(&text, DocumentKind::ImageSet)
}

fn checked(text: &str, kind: DocumentKind) -> String {
    match check("imageset.yaml", text, kind) {
        Ok(checked) => format!("{checked:?}\n"),
        Err(error) => refused(&error),
    }
}

#[test]
fn a_document_with_everything() {
    let text = "
apiVersion: mirror.openshift.io/v2alpha1
kind: ImageSetConfiguration
ArchiveSize: 4
mirror:
  platform:
    graph: true
    architectures: [amd64, multi]
    kubeVirtContainer: true
    channels:
    - name: stable-4.18
      type: ocp
      minVersion: 4.18.1
      maxVersion: 4.18.22
      shortestPath: true
    - {name: candidate-4.20, minVersion: 4.20.0-rc.1, full: null}
  operators:
  - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.18
    targetCatalog: my/catalog
    targetTag: v1
    packages:
    - name: odf-operator
      defaultChannel: stable-4.18
      channels: [{name: stable-4.18, minVersion: 4.18.1-rhodf}, {name: stable-4.17}]
    - {name: aws, minVersion: 1.2.3}
  - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.18
    full: true
  - catalog: oci:///data/catalog
  additionalImages:
  - name: registry.redhat.io/ubi9/ubi:latest
    targetRepo: my/ubi
  - name: docker://quay.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000
  blockedImages: [{name: '.*/x$'}]
  helm:
    repositories: [{name: a, url: https://charts.example, charts: [{name: c, version: 1.2.3, imagePaths: ['{.a}']}]}]
    local: [{name: b, path: /x.tgz}]
";
    insta::assert_snapshot!(checked(text, DocumentKind::ImageSet), @r#"Checked { versions: [Version { minor: Minor { major: 4, minor: 18 }, patch: Some(1) }, Version { minor: Minor { major: 4, minor: 18 }, patch: Some(22) }, Version { minor: Minor { major: 4, minor: 20 }, patch: None }], releases: ["stable-4.18: 4.18.1 to 4.18.22", "candidate-4.20: 4.20.0-rc.1 to its head"], catalogs: [("registry.redhat.io/redhat/redhat-operator-index:v4.18", 2), ("registry.redhat.io/redhat/redhat-operator-index:v4.18", 0), ("oci:///data/catalog", 0)], additional_images: 2 }"#);
}

#[test]
fn documents_that_are_none() {
    let said = [
        "",
        "# only a comment\n",
        "hello",
        "{}",
        "kind: ImageSetConfiguration",
        "kind: ImageSetConfiguration\nmirror:",
        "kind: imagesetconfiguration\nmirror: {}",
        "kind: DeleteImageSetConfiguration\ndelete: {}",
        "kind: ImageSetConfiguration\nmirror: {}\ndelete: {}",
        "kind: ImageSetConfiguration\nmirror: {}\nmetadata: {name: x}",
        "kind: ImageSetConfiguration\nmirror: {}\nMirror: {}",
        "kind: ImageSetConfiguration\nmirror: {}\nmirror: {}",
        "apiVersion: v2\nkind: ImageSetConfiguration\nmirror: {}",
    ]
    .map(|text| format!("{text:?}\n{}", checked(text, DocumentKind::ImageSet)));
    insta::assert_snapshot!(said.concat(), @r##"
    ""
    error: imageset.yaml: it is empty; hint: write a document of the kind ImageSetConfiguration
    "# only a comment\n"
    error: imageset.yaml: it is empty; hint: write a document of the kind ImageSetConfiguration
    "hello"
    error: imageset.yaml:1: it is the text "hello"; hint: write a document of the kind ImageSetConfiguration
    "{}"
    imageset.yaml:1: configuration missing `kind`; hint: write kind: ImageSetConfiguration
    imageset.yaml:1: the field mirror is missing; hint: add mirror
    error: 2 problems in imageset.yaml; hint: mend what is listed above
    "kind: ImageSetConfiguration"
    error: imageset.yaml:1: the field mirror is missing; hint: add mirror
    "kind: ImageSetConfiguration\nmirror:"
    error: imageset.yaml:2: mirror: it is empty; hint: give it a value, or remove what it belongs to
    "kind: imagesetconfiguration\nmirror: {}"
    error: imageset.yaml:1: the kind is "imagesetconfiguration", not ImageSetConfiguration; hint: give the document that is meant for this
    "kind: DeleteImageSetConfiguration\ndelete: {}"
    error: imageset.yaml:1: the kind is "DeleteImageSetConfiguration", not ImageSetConfiguration; hint: give the document that is meant for this
    "kind: ImageSetConfiguration\nmirror: {}\ndelete: {}"
    error: imageset.yaml:3: unknown field "delete"; hint: here belong apiVersion, kind, archiveSize, mirror
    "kind: ImageSetConfiguration\nmirror: {}\nmetadata: {name: x}"
    error: imageset.yaml:3: unknown field "metadata"; hint: here belong apiVersion, kind, archiveSize, mirror
    "kind: ImageSetConfiguration\nmirror: {}\nMirror: {}"
    error: imageset.yaml:3: "Mirror" and "mirror" are the same field; hint: keep one of them
    "kind: ImageSetConfiguration\nmirror: {}\nmirror: {}"
    error: imageset.yaml:3: the key "mirror" is here twice: first in line 2; hint: keep one of them: tools differ in which of the two counts
    "apiVersion: v2\nkind: ImageSetConfiguration\nmirror: {}"
    error: imageset.yaml:1: the apiVersion is "v2"; hint: write mirror.openshift.io/v2alpha1
    "##);
}

#[test]
fn documents_of_v1_are_told_what_to_change() {
    let text = "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v1alpha2\nstorageConfig:\n  registry: {imageURL: localhost:5000/metadata:latest}\nmirror: {}\n";
    insta::assert_snapshot!(checked(text, DocumentKind::ImageSet), @r#"error: imageset.yaml:2: the apiVersion is "mirror.openshift.io/v1alpha2"; hint: this is a document of oc-mirror v1, which v2 refuses: set apiVersion to mirror.openshift.io/v2alpha1, and remove storageConfig (v2 keeps what it knows in its workspace and cache)"#);
    let text = text.replace("v1alpha2", "v2alpha1");
    insta::assert_snapshot!(checked(&text, DocumentKind::ImageSet), @r#"error: imageset.yaml:3: unknown field "storageConfig"; hint: this is a document of oc-mirror v1, which v2 refuses: set apiVersion to mirror.openshift.io/v2alpha1, and remove storageConfig (v2 keeps what it knows in its workspace and cache)"#);
}

#[test]
fn fields_and_their_values() {
    let said = of("
  platform:
    graph: 'true'
    channel: []
    channels:
    - {name: 4.18}
    - {minVersion: 4.18}
    - {name: stable-4.18, minVersion: '4.18', type: okdd}
    - null
    architectures: [x86]
  operators:
  - {catalog: 'registry.example/a b'}
  - {catalog: '', packages: [{name: }]}
  - {catalog: oci:relative, targetCatalog: 'a:b', packages: {name: x}}
  additionalImages: [quay.io/a/b, {name: \"quay.io/\\ta\"}]
  archiveSize: 4
");
    insta::assert_snapshot!(said, @r#"
    imageset.yaml:6: mirror.platform.graph: it is the text "true"; hint: it must be true or false
    imageset.yaml:7: mirror.platform: unknown field "channel"; hint: did you mean channels?
    imageset.yaml:9: mirror.platform.channels[0].name: cannot parse the number 4.18 as a text; hint: write it in quotes: '4.18'
    imageset.yaml:10: mirror.platform.channels[1].minVersion: cannot parse the number 4.18 as a text; hint: write it in quotes: '4.18'
    imageset.yaml:10: mirror.platform.channels[1]: the field name is missing; hint: add name
    imageset.yaml:11: mirror.platform.channels[2].minVersion: it cannot be "4.18": it must be a version X.Y.Z; hint: mend it
    imageset.yaml:11: mirror.platform.channels[2].type: it cannot be "okdd": it must be one of ocp, okd; hint: mend it
    imageset.yaml:12: mirror.platform.channels[3]: it is empty; hint: give it a value, or remove the item
    imageset.yaml:13: mirror.platform.architectures[0]: it cannot be "x86": it must be one of amd64, arm64, ppc64le, s390x, multi; hint: mend it
    imageset.yaml:15: mirror.operators[0].catalog: it cannot be "registry.example/a b": not an image's reference: it holds white space; hint: mend it
    imageset.yaml:16: mirror.operators[1].catalog: it is empty; hint: give it a value, or remove what it belongs to
    imageset.yaml:16: mirror.operators[1].packages[0].name: it is empty; hint: give it a value, or remove what it belongs to
    imageset.yaml:17: mirror.operators[2].targetCatalog: it cannot be "a:b": it must be the path of a repository, without tag and digest; hint: mend it
    imageset.yaml:17: mirror.operators[2].packages: it is a mapping; hint: it must be a list
    imageset.yaml:18: mirror.additionalImages[0]: it is the text "quay.io/a/b"; hint: it must be a mapping
    imageset.yaml:18: mirror.additionalImages[1].name: it cannot be "quay.io/\ta": it holds a control character; hint: mend it
    imageset.yaml:19: mirror: unknown field "archiveSize"; hint: here belong platform, operators, additionalImages, helm, samples, blockedImages
    error: 17 problems in imageset.yaml; hint: mend what is listed above
    "#);
}

#[test]
fn rules_between_fields() {
    let said = of("
  platform:
    platforms: [{os: linux, architecture: amd64}]
    architectures: [amd64]
    channels:
    - {name: stable-4.18, minVersion: 4.18.10, maxVersion: 4.18.9}
    - {name: stable-4.18}
  operators:
  - catalog: registry.example/a:v1
    full: true
    packages:
    - {name: a, minVersion: 1.0.0, channels: [{name: x, maxVersion: 2.0.0}, {name: x}]}
    - {name: a, defaultChannel: other, channels: [{name: x}]}
  - catalog: registry.example/a:v1
");
    insta::assert_snapshot!(said, @r#"
    imageset.yaml:9: mirror: release channel "stable-4.18": its minVersion 4.18.10 is above its maxVersion 4.18.9; hint: exchange them
    imageset.yaml:10: mirror: release channel "stable-4.18": duplicate found in configuration; hint: keep one of them
    imageset.yaml:6: mirror: platforms and architectures exclude each other; hint: keep platforms, or for older oc-mirrors architectures
    imageset.yaml:15: mirror: operator "a": duplicate channel entry "x"; hint: keep one of them
    imageset.yaml:15: mirror: operator "a": mixing both filtering by minVersion/maxVersion and filtering by channel minVersion/maxVersion is not allowed; hint: keep those of the channels
    imageset.yaml:15: mirror: operator "a": versions have no effect in a catalog that is full; hint: remove full, or the versions
    imageset.yaml:16: mirror: catalog "registry.example/a:v1": duplicate package entry "a"; hint: write its channels in one place
    imageset.yaml:16: mirror: operator "a": its defaultChannel "other" is not among its channels; hint: add the channel, or name one that is there
    imageset.yaml:17: mirror: catalog "registry.example/a:v1": duplicate found in configuration; hint: write its packages in one place
    error: 9 problems in imageset.yaml; hint: mend what is listed above
    "#);
}

#[test]
fn what_is_deleted_is_under_delete() {
    let good = "kind: DeleteImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\ndelete:\n  platform: {channels: [{name: stable-4.18, minVersion: 4.18.0, maxVersion: 4.18.21}]}\n";
    insta::assert_snapshot!(checked(good, DocumentKind::Delete), @r#"Checked { versions: [Version { minor: Minor { major: 4, minor: 18 }, patch: Some(0) }, Version { minor: Minor { major: 4, minor: 18 }, patch: Some(21) }], releases: ["stable-4.18: 4.18.0 to 4.18.21"], catalogs: [], additional_images: 0 }"#);
    insta::assert_snapshot!(checked(&(good.to_owned() + "  blockedImages: []\nmirror: {}\n"), DocumentKind::Delete), @r#"
    imageset.yaml:5: delete: unknown field "blockedImages"; hint: here belong platform, operators, additionalImages, helm, samples
    imageset.yaml:6: unknown field "mirror"; hint: here belong apiVersion, kind, delete
    error: 2 problems in imageset.yaml; hint: mend what is listed above
    "#);
}
