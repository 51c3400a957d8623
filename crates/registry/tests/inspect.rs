//! What an image is said to be: by us, and by skopeo.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::LazyLock;

use common::{at, client, layout};
use registry::{Inspected, Location, inspect};
use registry_testing::images::{self, Flavour, ImageBuilder, Sample};
use registry_testing::{Fault, FaultProxy, Registry, Tool};
use serde_json::Value;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::start);

fn index(flavour: Flavour) -> Sample {
    let image = |platform: &str, seed| {
        ImageBuilder::new(flavour).platform(platform).layer(seed, 1000).label("for", platform).label("version", "v4.19").build()
    };
    let mut attestation = image("linux/amd64", 9);
    attestation.manifest.descriptor.platform = Some("unknown/unknown".parse().unwrap());
    let of_old = image("windows/amd64", 1);
    images::index_of(flavour, vec![attestation, of_old, image("linux/arm64/v8", 2), image("linux/amd64", 3)])
}

fn said(location: &Location, platform: Option<&str>) -> String {
    let platform = platform.map(|platform| platform.parse().unwrap());
    match inspect(&client(), location, platform.as_ref()) {
        Ok(Inspected { media_type, artifact_type, platforms, labels, created, .. }) => {
            let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
            let kind = artifact_type.map(|kind| kind.to_string());
            format!("{media_type} {kind:?} {} {labels:?} {created:?}", platforms.join(" "))
        }
        Err(error) => format!("{}: {error}; {}", error.kind().name(), error.hint_text().unwrap_or_default())
            .replace(REGISTRY.host(), "HOST"),
    }
}

#[test]
fn images_indexes_and_artifacts() {
    for (name, sample) in [
        ("docker-list", index(Flavour::Docker)),
        ("oci-index", index(Flavour::Oci)),
        ("nested", images::index_of(Flavour::Oci, vec![index(Flavour::Docker)])),
        ("empty", images::index_of(Flavour::Oci, vec![])),
        ("image", images::image(Flavour::Docker, 5)),
        ("artifact", images::artifact("application/vnd.x", &[("a", b"1")], None)),
    ] {
        sample.push_to(&REGISTRY, "kinds", Some(name));
    }
    let at = |tag: &str| at(REGISTRY.host(), &format!("kinds:{tag}"));
    insta::assert_snapshot!([
        said(&at("docker-list"), None),
        said(&at("oci-index"), Some("linux/arm64")),
        said(&at("oci-index"), Some("linux/s390x")),
        said(&at("nested"), None),
        said(&at("empty"), None),
        said(&at("image"), None),
        said(&at("image"), Some("linux/amd64")),
        said(&at("image"), Some("linux/arm64")),
        said(&at("artifact"), None),
        said(&at("none"), None),
    ].join("\n"), @r#"
    application/vnd.docker.distribution.manifest.list.v2+json None windows/amd64 linux/arm64/v8 linux/amd64 {"for": "linux/amd64", "version": "v4.19"} Some("1970-01-01T00:00:00Z")
    application/vnd.oci.image.index.v1+json None windows/amd64 linux/arm64/v8 linux/amd64 {"for": "linux/arm64/v8", "version": "v4.19"} Some("1970-01-01T00:00:00Z")
    not-found: HOST/kinds:oci-index is not there for linux/s390x; there is windows/amd64, linux/arm64/v8, linux/amd64
    application/vnd.oci.image.index.v1+json None  {"for": "linux/amd64", "version": "v4.19"} Some("1970-01-01T00:00:00Z")
    application/vnd.oci.image.index.v1+json None  {} None
    application/vnd.docker.distribution.manifest.v2+json None linux/amd64 {"seed": "5"} Some("1970-01-01T00:00:00Z")
    application/vnd.docker.distribution.manifest.v2+json None linux/amd64 {"seed": "5"} Some("1970-01-01T00:00:00Z")
    not-found: HOST/kinds:image is not there for linux/arm64; there is linux/amd64
    application/vnd.oci.image.manifest.v1+json Some("application/vnd.x")  {} Some("1970-01-01T00:00:00Z")
    not-found: there is no image HOST/kinds:none; check name and tag; some registries also say so when credentials are missing
    "#);
}

#[test]
fn skopeo_says_the_same() {
    let skopeo = Tool::skopeo();
    for (flavour, repository) in [(Flavour::Docker, "skopeo/docker"), (Flavour::Oci, "skopeo/oci")] {
        index(flavour).push_to(&REGISTRY, repository, Some("1"));
        let ours = inspect(&client(), &at(REGISTRY.host(), &format!("{repository}:1")), None).unwrap();
        let name = format!("docker://{}/{repository}:1", REGISTRY.host());
        let args = ["--override-os=linux", "--override-arch=amd64", "inspect", "--tls-verify=false", &name];
        let theirs: Value = serde_json::from_str(&skopeo.run(&args)).unwrap();
        assert_eq!(theirs["Digest"], ours.digest.as_str());
        assert_eq!(theirs["Labels"], serde_json::json!(ours.labels));
        assert_eq!(theirs["Created"], ours.created.unwrap().as_str());
    }
}

#[test]
fn layouts_are_looked_at_too() {
    let dir = tempfile::tempdir().unwrap();
    index(Flavour::Oci).write_layout(dir.path(), Some("1"));
    let ours = inspect(&client(), &layout(dir.path(), "1"), None).unwrap();
    assert_eq!((&ours.digest, ours.platforms.len()), (index(Flavour::Oci).digest(), 3));
}

#[test]
fn three_answers_are_enough() {
    index(Flavour::Oci).push_to(&REGISTRY, "few", Some("1"));
    let proxy = FaultProxy::start(&REGISTRY, |_| Fault::Pass);
    inspect(&client(), &at(proxy.host(), "few:1"), None).unwrap();
    let asked: Vec<String> = proxy
        .requests()
        .iter()
        .map(|request| format!("{} {}", request.method, request.path().split("sha256").next().unwrap()))
        .collect();
    insta::assert_snapshot!(asked.join("\n"), @"
    GET /v2/
    GET /v2/few/manifests/1
    GET /v2/few/manifests/
    GET /v2/few/blobs/
    ");
}
