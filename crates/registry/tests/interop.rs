//! Other people's tools and we understand each other: what they make we copy to the byte, and they read what we make.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{assert_there, at, client, copied, layout};
use registry::copy::Options;
use registry::{Digest, Format, MediaType, copy};
use registry_testing::images::{Flavour, ImageBuilder, Sample, image, index, index_of};
use registry_testing::{Registry, Tool};
use serde_json::Value;

const PLAIN: &str = "--tls-verify=false";

/// What skopeo says that the digest is.
fn inspected(skopeo: &Tool, name: &str) -> String {
    let raw = skopeo.command(&["inspect", "--raw", PLAIN, name]).output().unwrap();
    assert!(raw.status.success(), "{name}: {}", String::from_utf8_lossy(&raw.stderr));
    Digest::of(&raw.stdout).to_string()
}

#[test]
fn skopeo_reads_what_we_copied_and_we_what_it_copied() {
    let (ours, theirs) = (Registry::start(), Registry::start());
    let skopeo = Tool::skopeo();
    let dir = skopeo.home().join("layout");
    for (name, sample) in [
        ("docker", image(Flavour::Docker, 1)),
        ("oci", image(Flavour::Oci, 2)),
        ("list", index(Flavour::Docker, &["linux/amd64", "linux/arm64"])),
        ("index", index(Flavour::Oci, &["linux/amd64", "linux/s390x"])),
    ] {
        sample.push_to(&ours, name, Some("1"));
        // By us to a layout and to a registry, by skopeo on to another.
        copied(&at(ours.host(), &format!("{name}:1")), &at(ours.host(), &format!("copied/{name}:1"))).unwrap();
        copied(&at(ours.host(), &format!("{name}:1")), &layout(&dir, name)).unwrap();
        let from = format!("docker://{}/copied/{name}:1", ours.host());
        let to = format!("docker://{}/{name}:1", theirs.host());
        skopeo.run(&["copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", &from, &to]);
        assert_there(&theirs, name, &sample);
        // (In a layout it finds OCI's kinds only.)
        if matches!(name, "oci" | "index") {
            let from_layout = format!("oci:{}:{name}", dir.display());
            let to = format!("docker://{}/by-layout/{name}:1", theirs.host());
            skopeo.run(&["copy", "--all", "--preserve-digests", "--dest-tls-verify=false", &from_layout, &to]);
            assert_there(&theirs, &format!("by-layout/{name}"), &sample);
        }
        // By skopeo to a layout, by us from there.
        let made = skopeo.home().join(format!("made-{name}"));
        let place = format!("oci:{}:x", made.display());
        skopeo.run(&["copy", "--all", "--src-tls-verify=false", &from, &place]);
        let done = copied(&layout(&made, "x"), &at(ours.host(), &format!("back/{name}:1"))).unwrap();
        assert_eq!(done.digest.to_string(), inspected(&skopeo, &format!("docker://{}/back/{name}:1", ours.host())));
    }
    ours.fsck();
    theirs.fsck();
}

#[test]
fn archives_are_the_same_to_skopeo() {
    let registry = Registry::start();
    let skopeo = Tool::skopeo();
    let sample = image(Flavour::Docker, 1);
    sample.push_to(&registry, "a", Some("1"));
    let config = sample.blobs[0].digest();
    let ours = skopeo.home().join("ours.tar");
    copied(&at(registry.host(), "a:1"), &format!("docker-archive:{}:example.com/a:1", ours.display()).parse().unwrap()).unwrap();
    skopeo.run(&[
        "copy",
        "--dest-tls-verify=false",
        &format!("docker-archive:{}:example.com/a:1", ours.display()),
        &format!("docker://{}/theirs:1", registry.host()),
    ]);
    let theirs = skopeo.home().join("theirs.tar");
    skopeo.run(&[
        "copy",
        "--src-tls-verify=false",
        &format!("docker://{}/a:1", registry.host()),
        &format!("docker-archive:{}:example.com/a:1", theirs.display()),
    ]);
    copied(&format!("docker-archive:{}:example.com/a:1", theirs.display()).parse().unwrap(), &at(registry.host(), "ours:1"))
        .unwrap();
    for name in ["theirs", "ours"] {
        let (_, manifest) = registry.manifest(name, "1").unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["config"]["digest"], config.as_str(), "{name}");
    }
    registry.fsck();
}

#[test]
fn buildah_and_skopeo_take_turns_with_us() {
    let registry = Registry::start();
    let buildah = Tool::buildah();
    let container = buildah.run(&["from", "scratch"]);
    std::fs::write(buildah.home().join("file"), "content").unwrap();
    buildah.run(&["copy", &container, "file", "/file"]);
    buildah.run(&["config", "--label", "made=by buildah", &container]);
    for (format, media_type) in [("oci", MediaType::OCI_MANIFEST), ("docker", MediaType::DOCKER_MANIFEST)] {
        let name = format!("{}/{format}:1", registry.host());
        buildah.run(&["commit", "--quiet", "--format", format, PLAIN, &container, &format!("docker://{name}")]);
        let done =
            copied(&at(registry.host(), &format!("{format}:1")), &at(registry.host(), &format!("copied/{format}:1"))).unwrap();
        let (found, bytes) = registry.manifest(&format!("copied/{format}"), "1").unwrap();
        assert_eq!((found, Digest::of(&bytes)), (media_type, done.digest));
        assert_eq!(registry.manifest(format, "1").unwrap().1, bytes);
        buildah.run(&["pull", "--quiet", PLAIN, &format!("docker://{}/copied/{format}:1", registry.host())]);
    }
    registry.fsck();
}

/// An index whose images have labels: without one, skopeo writes another configuration, where ours stays what it was.
fn labelled(flavour: Flavour) -> Sample {
    let image = |platform| ImageBuilder::new(flavour).platform(platform).layer(1, 100).label("a", "b").build();
    index_of(flavour, vec![image("linux/amd64"), image("linux/arm64")])
}

/// A manifest, with the manifests that it names in the place of their digests.
fn tree(registry: &Registry, repository: &str, reference: &str) -> Value {
    let (_, bytes) = registry.manifest(repository, reference).unwrap();
    let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
    for entry in manifest["manifests"].as_array_mut().into_iter().flatten() {
        entry["digest"] = tree(registry, repository, entry["digest"].as_str().unwrap());
    }
    manifest
}

#[test]
fn formats_are_converted_as_skopeo_does() {
    let (ours, theirs) = (Registry::start(), Registry::start());
    let skopeo = Tool::skopeo();
    let mut lines = Vec::new();
    for (name, sample, format, word) in [
        ("docker-to-oci", image(Flavour::Docker, 1), Format::Oci, "oci"),
        ("oci-to-docker", image(Flavour::Oci, 2), Format::Docker, "v2s2"),
        ("list-to-index", labelled(Flavour::Docker), Format::Oci, "oci"),
        ("index-to-list", labelled(Flavour::Oci), Format::Docker, "v2s2"),
        ("oci-to-oci", image(Flavour::Oci, 3), Format::Oci, "oci"),
    ] {
        sample.push_to(&ours, name, Some("1"));
        let from = format!("docker://{}/{name}:1", ours.host());
        let to = format!("docker://{}/{name}:1", theirs.host());
        skopeo.run(&["copy", "--all", "--format", word, "--src-tls-verify=false", "--dest-tls-verify=false", &from, &to]);
        let options = Options { format, ..Options::default() };
        let done = copy(&client(), &at(ours.host(), &format!("{name}:1")), &[at(ours.host(), &format!("to/{name}:1"))], &options)
            .unwrap();
        let (media_type, bytes) = ours.manifest(&format!("to/{name}"), "1").unwrap();
        let (expected_type, expected) = theirs.manifest(name, "1").unwrap();
        assert_eq!(media_type, expected_type, "{name}");
        assert_eq!(Digest::of(&bytes), done.digest);
        // What differs is the order in which a Docker descriptor has its fields.
        let same = if bytes == expected { "the same digest" } else { "the same content" };
        lines.push(format!("{name}: {same}"));
        assert_eq!(tree(&ours, &format!("to/{name}"), "1"), tree(&theirs, name, "1"), "{name}");
        // There and back again is the same image: skopeo takes ours for whole.
        skopeo.run(&["inspect", PLAIN, &format!("docker://{}", done.url)]);
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    docker-to-oci: the same digest
    oci-to-docker: the same content
    list-to-index: the same content
    index-to-list: the same content
    oci-to-oci: the same digest
    ");
    ours.fsck();
}
