//! One image of several, and what skopeo sees of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::LazyLock;

use common::{at, client};
use registry::{Digest, ImageRef, combine, inspect};
use registry_testing::images::{self, Flavour, ImageBuilder, Sample};
use registry_testing::{Registry, Tool};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::start);

fn image(flavour: Flavour, platform: &str, seed: u64) -> Sample {
    ImageBuilder::new(flavour).platform(platform).layer(seed, 1000).build()
}

fn reference(rest: &str) -> ImageRef {
    at(REGISTRY.host(), rest).registry().unwrap().clone()
}

fn pushed(repository: &str, samples: &[Sample]) -> Vec<Digest> {
    samples.iter().for_each(|sample| sample.push_to(&REGISTRY, repository, None));
    samples.iter().map(|sample| sample.digest().clone()).collect()
}

#[test]
fn images_for_several_platforms_become_one() {
    for (flavours, media_type) in [
        ([Flavour::Oci, Flavour::Oci], "application/vnd.oci.image.index.v1+json"),
        ([Flavour::Docker, Flavour::Docker], "application/vnd.docker.distribution.manifest.list.v2+json"),
        ([Flavour::Docker, Flavour::Oci], "application/vnd.oci.image.index.v1+json"),
    ] {
        let parts = [image(flavours[0], "linux/amd64", 1), image(flavours[1], "linux/arm64", 2)];
        let digests = pushed("several", &parts);
        let image = reference("several:1");
        let combined = combine(&client(), &image, &digests).unwrap();
        assert_eq!(combined.platforms.iter().map(ToString::to_string).collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
        assert_eq!(combine(&client(), &image, &digests).unwrap(), combined, "the same bytes");
        let inspected = inspect(&client(), &at(REGISTRY.host(), "several:1"), None).unwrap();
        assert_eq!((&inspected.digest, inspected.media_type.to_string()), (&combined.digest, media_type.to_owned()));

        let raw = Tool::skopeo().run(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{image}")]);
        let index: serde_json::Value = serde_json::from_str(&raw).unwrap();
        let listed: Vec<_> = index["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].clone()).collect();
        assert_eq!(listed, digests.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
}

#[test]
fn one_image_stays_what_it_is_and_an_index_stands_for_its_images() {
    let one = image(Flavour::Oci, "linux/s390x", 1);
    let digests = pushed("one", std::slice::from_ref(&one));
    assert_eq!(combine(&client(), &reference("one:latest"), &digests).unwrap().digest, *one.digest());
    // Given twice it is the same image.
    assert_eq!(combine(&client(), &reference("one"), &[digests[0].clone(), digests[0].clone()]).unwrap().digest, *one.digest());

    let two = images::index_of(Flavour::Oci, vec![image(Flavour::Oci, "linux/amd64", 2), image(Flavour::Oci, "linux/arm64", 3)]);
    let digests = pushed("one", &[two, one]);
    let combined = combine(&client(), &reference("one:3"), &digests).unwrap();
    assert_eq!(
        combined.platforms.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["linux/amd64", "linux/arm64", "linux/s390x"]
    );
}

#[test]
fn what_cannot_be_one_image_moves_no_tag() {
    let parts = [image(Flavour::Oci, "linux/amd64", 1), image(Flavour::Oci, "linux/amd64", 2)];
    let artifact = images::artifact("application/vnd.x", &[("a", b"1")], None);
    parts[0].push_to(&REGISTRY, "none", Some("another"));
    let absent: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    let twice = pushed("none", &parts);
    let artifact = pushed("none", &[artifact]);
    let said: Vec<String> = [&twice[..], &artifact, &[absent], &[]]
        .iter()
        .map(|digests| combine(&client(), &reference("none:1"), digests).unwrap_err())
        .map(|error| format!("{}: {error}; {}", error.kind().name(), error.hint_text().unwrap_or_default()))
        .map(|said| said.replace(REGISTRY.host(), "HOST"))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    bad-input: sha256:aa64cae304f68a597e5c011fba5553fba4c421e3967c3072ac57e7353f35b737 and sha256:48efe8766a0ccb137c62dec6c704a90b801734976b602e775487eca368d6858c are both for linux/amd64; give one image for each platform
    bad-input: HOST/none@sha256:3f3a1a9c946889efdaf1b3ccb4540cc27776f887ccbf507848eec61e3f3b3c51 is no image, so that it is for no platform; 
    not-found: there is no image HOST/none@sha256:0000000000000000000000000000000000000000000000000000000000000000; check name and tag; some registries also say so when credentials are missing
    bad-input: no image is given for HOST/none:1;
    ");
    assert_eq!(client().pull(&reference("none:1")).unwrap().tags().unwrap(), ["another"]);
}
