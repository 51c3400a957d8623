//! What copying promises: the same bytes everywhere, all of an image or the part that is asked for, and not a byte twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{assert_tag, assert_there, at, client, copied, count, image, layout, repository, said};
use registry::copy::Options;
use registry::{Copied, Digest, Format, Location, MediaType, copy};
use registry_testing::images::{Content, Flavour, ImageBuilder, Sample, artifact, index, index_of};
use registry_testing::{Fault, FaultProxy, Registry, images, without};
use serde_json::{Value, json};

/// The sample with another manifest, which `change` makes of the first.
fn changed(mut sample: Sample, change: impl FnOnce(&mut Value)) -> Sample {
    let mut manifest: Value = serde_json::from_slice(&sample.manifest.bytes).unwrap();
    change(&mut manifest);
    // As no tool of ours would write it.
    let text = serde_json::to_string_pretty(&manifest).unwrap() + "\n";
    let platform = sample.manifest.descriptor.platform.take();
    sample.manifest = Content::new(sample.manifest.descriptor.media_type.clone(), text);
    sample.manifest.descriptor.platform = platform;
    sample
}

/// One of every kind.
fn kinds() -> Vec<(&'static str, Sample)> {
    let oci = |seed| images::image(Flavour::Oci, seed);
    let nested = index_of(Flavour::Oci, vec![index(Flavour::Oci, &["linux/amd64", "linux/s390x"]), oci(5)]);
    vec![
        ("docker", images::image(Flavour::Docker, 1)),
        ("docker-list", index(Flavour::Docker, &["linux/amd64", "linux/arm64/v8"])),
        ("oci", oci(2)),
        ("oci-index", index(Flavour::Oci, &["linux/amd64", "linux/arm/v7", "windows/amd64"])),
        ("mixed", index_of(Flavour::Oci, vec![images::image(Flavour::Docker, 3), oci(4)])),
        ("nested", nested),
        ("artifact", artifact("application/vnd.example+type", &[("a.txt", b"a"), ("b", b"")], None)),
        ("empty-artifact", artifact("text/x", &[], None)),
        ("empty-index", index_of(Flavour::Oci, vec![])),
        ("zero-byte-layer", ImageBuilder::new(Flavour::Oci).empty_layer().layer(6, 10).build()),
        ("no-layers", ImageBuilder::new(Flavour::Docker).build()),
        ("twice", ImageBuilder::new(Flavour::Oci).layer(7, 10).layer(7, 10).build()),
        ("foreign", ImageBuilder::new(Flavour::Docker).layer(8, 10).foreign_layer(9, 10, "https://example.com/f").build()),
        (
            "unknown-fields",
            changed(oci(10), |manifest| {
                manifest["annotations"] = json!({"org.example": "ä\u{2028}<&>", "empty": ""});
                manifest["future"] = json!({"deep": [1.0, 1e300, null]});
                manifest["layers"][0]["annotations"] = json!({"a": "b"});
                manifest["layers"][0]["newField"] = json!(true);
            }),
        ),
        ("without-media-type", changed(oci(11), |manifest| drop(manifest.as_object_mut().unwrap().remove("mediaType")))),
        (
            "index-with-more",
            changed(index(Flavour::Oci, &["linux/amd64"]), |manifest| {
                manifest["annotations"] = json!({"a": "b"});
                manifest["manifests"][0]["data"] = json!("e30=");
                manifest["manifests"][0]["platform"]["os.features"] = json!(["win32k"]);
            }),
        ),
    ]
}

#[test]
fn every_kind_of_manifest_arrives_byte_for_byte() {
    let (from, to) = (Registry::start(), Registry::start());
    let dir = tempfile::tempdir().unwrap();
    let mut layers = 0;
    for (name, sample) in kinds() {
        sample.push_to(&from, name, Some("1"));
        let there = dir.path().join(name);
        let ways = [
            (at(from.host(), &format!("{name}:1")), at(to.host(), &format!("direct/{name}:1"))),
            (at(from.host(), &format!("{name}@{}", sample.digest())), layout(&there, "x")),
            (layout(&there, "x"), at(to.host(), &format!("by-layout/{name}:1"))),
        ];
        for (from, to) in ways {
            let done = copied(&from, &to).unwrap_or_else(|error| panic!("{name}: {from} to {to}: {error:?}"));
            assert_eq!(done.digest, *sample.digest(), "{name}");
        }
        for repository in ["direct", "by-layout"] {
            assert_there(&to, &format!("{repository}/{name}"), &sample);
            assert_tag(&to, &format!("{repository}/{name}"), "1", &sample);
        }
        layers += sample.blobs.len();
        // What may not be distributed is not.
        assert!(sample.foreign.iter().all(|foreign| !to.has_blob(&format!("direct/{name}"), foreign.digest())));
    }
    assert!(layers > 20, "{layers}");
    to.fsck();
    assert_eq!(to.uploads_left(), 0);
}

#[test]
fn an_archive_gives_back_the_blobs_of_an_image() {
    let registry = Registry::start();
    let dir = tempfile::tempdir().unwrap();
    let sample = images::image(Flavour::Docker, 1);
    sample.push_to(&registry, "a", Some("1"));
    let archive: Location = format!("docker-archive:{}:example.com/b:2", dir.path().join("a.tar").display()).parse().unwrap();
    let done = copied(&at(registry.host(), "a:1"), &archive).unwrap();
    assert_eq!(done.images, std::slice::from_ref(&archive));
    copied(&archive, &at(registry.host(), "c:1")).unwrap();
    // Its layers are unpacked in it, so that the manifest is another; the configuration is the same, and names the contents.
    assert_eq!(registry.blob("c", sample.blobs[0].digest()).unwrap(), sample.blobs[0].bytes);
    registry.fsck();

    let list = index(Flavour::Docker, &["linux/amd64", "linux/arm64"]);
    list.push_to(&registry, "list", Some("1"));
    let error = copied(&at(registry.host(), "list:1"), &archive).unwrap_err();
    insta::assert_snapshot!(said(&error, &[(registry.host(), "REGISTRY")]), @"
    bad-input: an archive holds one image, and there are 2 to copy
    hint: set `platforms` to one platform
    ");
}

/// An index as BuildKit makes it: each image with its attestation.
fn attested() -> Sample {
    let images = [("linux/amd64", 1), ("linux/arm64", 2)]
        .map(|(platform, seed)| ImageBuilder::new(Flavour::Oci).platform(platform).layer(seed, 100).build());
    let mut children = images.to_vec();
    for image in &images {
        let mut about =
            artifact("application/vnd.docker.attestation.manifest.v1+json", &[(image.digest().as_str(), b"in-toto")], None);
        about.manifest.descriptor.platform = Some("unknown/unknown".parse().unwrap());
        about.manifest.descriptor = about
            .manifest
            .descriptor
            .annotated("vnd.docker.reference.type", "attestation-manifest")
            .annotated("vnd.docker.reference.digest", image.digest().as_str());
        children.push(about);
    }
    index_of(Flavour::Oci, children)
}

#[test]
fn of_some_platforms_there_are_the_images_with_their_attestations() {
    let registry = Registry::start();
    let sample = attested();
    sample.push_to(&registry, "a", Some("1"));
    let options = |platforms: &[&str]| Options {
        platforms: platforms.iter().map(|platform| platform.parse().unwrap()).collect(),
        ..Options::default()
    };
    let done = copy(&client(), &at(registry.host(), "a:1"), &[at(registry.host(), "b:1")], &options(&["linux/arm64"])).unwrap();
    let (media_type, bytes) = registry.manifest("b", "1").unwrap();
    assert_eq!((media_type, Digest::of(&bytes)), (MediaType::OCI_INDEX, done.digest));
    let (now, was): (Value, Value) =
        (serde_json::from_slice(&bytes).unwrap(), serde_json::from_slice(&sample.manifest.bytes).unwrap());
    // The entries stay as they were, in their order.
    assert_eq!(now["manifests"], json!([was["manifests"][1], was["manifests"][3]]));
    assert_there(&registry, "b", &sample.children[1]);
    assert_there(&registry, "b", &sample.children[3]);
    assert!(registry.manifest("b", sample.children[0].digest().as_str()).is_none());
    assert!(!registry.has_blob("b", sample.children[0].blobs[1].digest()));

    // All of them is the same index; so is one image that is no index.
    let all =
        copy(&client(), &at(registry.host(), "a:1"), &[at(registry.host(), "c:1")], &options(&["linux/amd64", "linux/arm64"]));
    assert_eq!(all.unwrap().digest, *sample.digest());
    images::image(Flavour::Oci, 9).push_to(&registry, "one", Some("1"));
    let one = copy(&client(), &at(registry.host(), "one:1"), &[at(registry.host(), "d:1")], &options(&["linux/amd64"])).unwrap();
    assert_eq!(one.digest, *images::image(Flavour::Oci, 9).digest());

    let mut errors = Vec::new();
    for (source, platforms) in [("a:1", &["linux/s390x", "linux/arm64"][..]), ("one:1", &["linux/ppc64le"][..])] {
        let error =
            copy(&client(), &at(registry.host(), source), &[at(registry.host(), "e:1")], &options(platforms)).unwrap_err();
        errors.push(said(&error, &[(registry.host(), "REGISTRY")]));
    }
    insta::assert_snapshot!(errors.join("\n"), @"
    not-found: REGISTRY/a:1 is not there for linux/s390x
    hint: there is linux/amd64, linux/arm64
    not-found: REGISTRY/one:1 is not there for linux/ppc64le
    hint: there is linux/amd64
    ");
    assert!(registry.tags("e").is_empty());
}

#[test]
fn what_has_no_docker_form_is_refused_before_anything_is_sent() {
    let registry = Registry::start();
    let image = images::image(Flavour::Oci, 1);
    let zstd =
        changed(images::image(Flavour::Oci, 2), |manifest| manifest["layers"][0]["mediaType"] = json!(MediaType::OCI_LAYER_ZSTD));
    let hostile =
        changed(images::image(Flavour::Oci, 3), |manifest| manifest["layers"][0]["mediaType"] = json!("a\nb\u{1b}[31m\u{202e}c"));
    let samples = [
        ("artifact", artifact("application/vnd.example", &[("a", b"a")], None)),
        ("zstd", zstd),
        ("hostile", hostile),
        ("subject", ImageBuilder::new(Flavour::Oci).subject(&image).build()),
        ("nested", index_of(Flavour::Oci, vec![index(Flavour::Oci, &["linux/amd64"])])),
    ];
    let mut errors = Vec::new();
    for (name, sample) in &samples {
        sample.push_to(&registry, name, Some("1"));
        let options = Options { format: Format::Docker, ..Options::default() };
        let error =
            copy(&client(), &at(registry.host(), &format!("{name}:1")), &[at(registry.host(), "to:1")], &options).unwrap_err();
        errors.push(said(&error, &[(registry.host(), "REGISTRY")]));
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    bad-input: REGISTRY/artifact:1 cannot be a Docker image: it is an artifact of the type "application/vnd.example"
    hint: set `format` to `oci` or `as-is`
    bad-input: REGISTRY/zstd:1 cannot be a Docker image: its layer sha256:2ea17712f6b4 is "application/vnd.oci.image.layer.v1.tar+zstd"
    hint: set `format` to `oci` or `as-is`
    bad-input: REGISTRY/hostile:1 cannot be a Docker image: its layer sha256:2a43aadcf8a9 is "a\nb\u{1b}[31m\u{202e}c"
    hint: set `format` to `oci` or `as-is`
    bad-input: REGISTRY/subject:1 cannot be a Docker image: it says something about another image (`subject`)
    hint: set `format` to `oci` or `as-is`
    bad-input: REGISTRY/nested:1 cannot be a Docker manifest list: it holds another index
    hint: set `format` to `oci` or `as-is`
    "#);
    assert!(!registry.repositories().contains(&"to".to_owned()));
}

/// An image with a signature, an SBOM, a signature of the SBOM, and cosign's tags.
fn signed(registry: &Registry, name: &str) -> (Sample, Vec<(&'static str, Sample)>) {
    let image = index(Flavour::Oci, &["linux/amd64", "linux/arm64"]);
    let sbom = artifact("application/spdx+json", &[("sbom", b"{}")], Some(&image));
    let about = vec![
        ("signature", artifact("application/vnd.cncf.notary.signature", &[("s", b"signature")], Some(&image))),
        ("signature of sbom", artifact("application/vnd.cncf.notary.signature", &[("s", b"another")], Some(&sbom))),
        ("sbom", sbom),
        ("sbom of amd64", artifact("application/spdx+json", &[("sbom", b"{\"of\": 1}")], Some(&image.children[0]))),
        ("cosign", images::image(Flavour::Oci, 77)),
    ];
    image.push_to(registry, name, Some("1"));
    for (what, sample) in &about {
        let tag = (*what == "cosign").then(|| format!("{}.sig", image.digest().as_str().replace(':', "-")));
        sample.push_to(registry, name, tag.as_deref());
    }
    (image, about)
}

/// Which of them are in the repository, and what the client finds about the image there.
fn found(registry: &Registry, host: &str, name: &str, image: &Sample, about: &[(&'static str, Sample)]) -> String {
    let there = about.iter().filter(|(_, sample)| registry.manifest(name, sample.digest().as_str()).is_some());
    let listed = repository(host, name).referrers(image.digest()).unwrap();
    let tags = registry.tags(name).iter().map(|tag| tag.replace(image.digest().hex(), "IMAGE")).collect::<Vec<_>>();
    let tags: Vec<&str> = tags.iter().map(|tag| if tag.len() > 64 { "OTHER" } else { tag }).collect();
    let there: Vec<&str> = there.map(|(what, _)| *what).collect();
    format!("{}; {} listed; tags {}", there.join(", "), listed.len(), tags.join(" "))
}

#[test]
fn signatures_and_sboms_travel_when_they_are_asked_for() {
    let registry = Registry::start();
    let api = FaultProxy::builder(&registry).referrers(1).start(|_| Fault::Pass);
    let (image, about) = signed(&registry, "a");
    let mut lines = Vec::new();
    for (name, with, without_signatures) in [("none", false, false), ("all", true, false), ("unsigned", true, true)] {
        for (kind, host) in [("api", api.host()), ("fallback", registry.host().to_owned())] {
            // From a registry that lists them to one that does, and to one that does not.
            let options = Options { with_referrers: with, remove_signatures: without_signatures, ..Options::default() };
            let to = format!("{name}-{kind}");
            copy(&client(), &at(api.host(), "a:1"), &[at(&host, &format!("{to}:1"))], &options).unwrap();
            lines.push(format!("{to}: {}", found(&registry, &host, &to, &image, &about)));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    none-api: ; 0 listed; tags 1
    none-fallback: ; 0 listed; tags 1
    all-api: signature, signature of sbom, sbom, sbom of amd64, cosign; 2 listed; tags 1 sha256-IMAGE.sig
    all-fallback: signature, signature of sbom, sbom, sbom of amd64, cosign; 2 listed; tags 1 sha256-IMAGE sha256-IMAGE.sig OTHER OTHER
    unsigned-api: sbom, sbom of amd64; 1 listed; tags 1
    unsigned-fallback: sbom, sbom of amd64; 1 listed; tags 1 sha256-IMAGE OTHER
    ");
    // From the index under the fallback tag to a layout and back.
    let dir = tempfile::tempdir().unwrap();
    let options = Options { with_referrers: true, ..Options::default() };
    copy(&client(), &at(registry.host(), "all-fallback:1"), &[layout(dir.path(), "1")], &options).unwrap();
    copy(&client(), &layout(dir.path(), "1"), &[at(registry.host(), "back:1")], &options).unwrap();
    insta::assert_snapshot!(found(&registry, registry.host(), "back", &image, &about), @"signature, signature of sbom, sbom, sbom of amd64, cosign; 2 listed; tags 1 sha256-IMAGE sha256-IMAGE.sig OTHER OTHER");
    registry.fsck();
}

#[test]
fn what_is_about_an_image_cannot_follow_it_to_another_digest() {
    let registry = Registry::start();
    let api = FaultProxy::builder(&registry).referrers(9).start(|_| Fault::Pass);
    let (image, about) = signed(&registry, "a");
    let options = Options { with_referrers: true, format: Format::Docker, ..Options::default() };
    let error = copy(&client(), &at(api.host(), "a:1"), &[at(api.host(), "b:1")], &options).unwrap_err();
    let names = [(&*api.host(), "REGISTRY"), (image.digest().as_str(), "IMAGE"), (about[0].1.digest().as_str(), "SIGNATURE")];
    let masked = said(&error, &names)
        .split(' ')
        .map(|word| if word.starts_with("sha256:") { "DIGEST" } else { word })
        .collect::<Vec<_>>()
        .join(" ");
    insta::assert_snapshot!(masked, @"
    bad-input: DIGEST is about DIGEST of REGISTRY/a:1, which would get another digest
    hint: leave `format` and `platforms` as they are, or set `remove-signatures` to leave it out
    ");
    assert!(registry.tags("b").is_empty());
    let options = Options { remove_signatures: true, ..options };
    copy(&client(), &at(api.host(), "a:1"), &[at(api.host(), "b:1")], &options).unwrap();
    assert_eq!(registry.tags("b"), ["1"]);
    assert_eq!(registry.manifest("b", "1").unwrap().0, MediaType::DOCKER_LIST);
}

#[test]
fn three_hundred_tags_are_set_and_listed_page_by_page() {
    let registry = Registry::start();
    images::image(Flavour::Oci, 1).push_to(&registry, "a", Some("1"));
    let mut tags: Vec<String> = (0..300).map(|number| format!("v{number:03}")).collect();
    let options = Options { additional_tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(), ..Options::default() };
    let done = copy(&client(), &at(registry.host(), "a:1"), &[at(registry.host(), "b:own")], &options).unwrap();
    assert_eq!(done.images.len(), 301);
    assert_eq!(done.images.last().unwrap().to_string(), format!("{}/b:own", registry.host()));
    tags.insert(0, "own".to_owned());
    assert_eq!(registry.tags("b"), tags);

    // The pages of a registry that gives a hundred at once, whatever is asked for.
    let pages = {
        let tags = tags.clone();
        FaultProxy::start(&registry, move |request| {
            if !request.path().ends_with("/tags/list") {
                return Fault::Pass;
            }
            let from = request.query("last").pop().map_or(0, |last| tags.iter().position(|tag| *tag == last).unwrap() + 1);
            let to = (from + 100).min(tags.len());
            let answer = Fault::status(200).body(json!({"name": "b", "tags": tags[from..to]}).to_string());
            match to < tags.len() {
                true => answer.header("Link", format!("<{}?last={}&n=100>; rel=\"next\"", request.path(), tags[to - 1])),
                false => answer,
            }
        })
    };
    assert_eq!(repository(pages.host(), "b").tags().unwrap(), tags);
    assert_eq!(count(&pages, "GET", "/tags/list"), 4);
    let mut listed = repository(registry.host(), "b").tags().unwrap();
    // This registry does not sort them.
    listed.sort_unstable();
    assert_eq!(listed, tags);
}

#[test]
fn within_a_registry_no_byte_of_a_blob_moves() {
    let registry = Registry::start();
    let proxy = FaultProxy::start(&registry, |_| Fault::Pass);
    let sample = index(Flavour::Oci, &["linux/amd64", "linux/arm64"]);
    sample.push_to(&registry, "a", Some("1"));
    let Copied { bytes, skipped, .. } = copied(&at(proxy.host(), "a:1"), &at(proxy.host(), "b/c:1")).unwrap();
    assert_eq!((bytes, skipped), (0, 5));
    assert_eq!(proxy.requests().iter().filter(|request| request.is_blob() || request.is_upload()).count(), 0);
    assert_there(&registry, "b/c", &sample);

    // And from one destination to the next, when the source is elsewhere.
    let source = Registry::start();
    let other = images::image(Flavour::Docker, 50);
    other.push_to(&source, "a", Some("1"));
    let done = copy(
        &client(),
        &at(source.host(), "a:1"),
        &[at(proxy.host(), "first:1"), at(proxy.host(), "second:1")],
        &Options::default(),
    );
    assert_eq!(done.unwrap().skipped, 3);
    assert_eq!(proxy.requests().iter().filter(|request| request.is_upload()).count(), 3);
    assert_there(&registry, "second", &other);

    // A registry that mounts nothing is sent everything.
    let deaf = FaultProxy::start(&registry, without(&[registry_testing::Feature::Mount]));
    let done = copied(&at(deaf.host(), "a:1"), &at(deaf.host(), "d:1")).unwrap();
    assert_eq!(done.skipped, 0);
    assert_there(&registry, "d", &sample);
    assert_eq!(registry.uploads_left(), 0);
}

#[test]
fn what_is_there_is_not_sent_again() {
    let (from, to) = (Registry::start(), Registry::start());
    let source = FaultProxy::start(&from, |_| Fault::Pass);
    let proxy = FaultProxy::start(&to, |_| Fault::Pass);
    index(Flavour::Oci, &["linux/amd64", "linux/arm64"]).push_to(&from, "a", Some("1"));
    let first = copied(&at(source.host(), "a:1"), &at(proxy.host(), "a:1")).unwrap();
    assert_eq!(first.skipped, 0);
    assert_eq!(first.bytes, proxy.bytes_up() - manifests(&proxy), "bytes are counted once");
    let (read, sent) = (source.requests().len(), proxy.requests().len());
    let again = copied(&at(source.host(), "a:1"), &at(proxy.host(), "a:1")).unwrap();
    assert_eq!((again.bytes, again.skipped, &again.digest), (0, 5, &first.digest));
    assert!(!source.requests()[read..].iter().any(registry_testing::Request::is_blob));
    assert!(!proxy.requests()[sent..].iter().any(|request| request.is_upload() || request.method == "POST"));
}

/// How many bytes of manifests were sent.
fn manifests(proxy: &FaultProxy) -> u64 {
    let puts = proxy.requests().into_iter().filter(|request| request.method == "PUT" && request.path().contains("/manifests/"));
    puts.map(|request| request.header("content-length").unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn tags_move_last_and_an_error_tells_which_have_moved() {
    let (source, to) = (Registry::start(), Registry::start());
    images::image(Flavour::Oci, 1).push_to(&source, "a", Some("1"));
    // The second destination takes blobs, and no manifest.
    let blobs =
        FaultProxy::start(&to, |request| match request.method == "PUT" && request.path().contains("/second/manifests/") {
            true => Fault::status(403)
                .body(r#"{"errors":[{"code":"DENIED","message":"quota"}]}"#)
                .header("Content-Type", "application/json"),
            false => Fault::Pass,
        });
    let from = at(source.host(), "a:1");
    let error =
        copy(&client(), &from, &[at(blobs.host(), "first:1"), at(blobs.host(), "second:1")], &Options::default()).unwrap_err();
    assert!(to.tags("first").is_empty(), "{error:?}");

    // The second destination takes all but the tag.
    let tags =
        FaultProxy::start(&to, |request| match request.method == "PUT" && request.path().ends_with("/third/manifests/2") {
            true => Fault::status(403),
            false => Fault::Pass,
        });
    let options = Options { additional_tags: vec!["more".parse().unwrap()], ..Options::default() };
    let error = copy(&client(), &from, &[at(tags.host(), "first:1"), at(tags.host(), "third:2")], &options).unwrap_err();
    insta::assert_snapshot!(said(&error, &[(&tags.host(), "REGISTRY")]), @"
    unauthorized: REGISTRY does not allow anonymous users to push REGISTRY/third:2 (403)
    tags that were moved before: REGISTRY/first:more, REGISTRY/first:1, REGISTRY/third:more
    hint: bind a Secret of type kubernetes.io/dockerconfigjson to the step's workspace for registry credentials, or log in with `podman login`; run it again: what is done is not done twice
    ");
    assert_eq!((to.tags("first"), to.tags("third")), (vec!["1".to_owned(), "more".to_owned()], vec!["more".to_owned()]));
    to.fsck();
}

#[test]
fn an_image_that_is_not_what_it_must_be_is_a_conflict() {
    let registry = Registry::start();
    let sample = images::image(Flavour::Oci, 1);
    sample.push_to(&registry, "a", Some("1"));
    let other = Digest::of(b"other");
    let mut errors = Vec::new();
    let options = Options { digest: Some(other.clone()), ..Options::default() };
    errors.push(copy(&client(), &at(registry.host(), "a:1"), &[at(registry.host(), "b:1")], &options).unwrap_err());
    errors.push(copied(&at(registry.host(), "a:1"), &at(registry.host(), &format!("b@{other}"))).unwrap_err());
    let errors: Vec<String> = errors.iter().map(|error| said(error, &[(registry.host(), "REGISTRY")])).collect();
    insta::assert_snapshot!(errors.join("\n"), @"
    conflict: REGISTRY/a:1 should be sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, and is sha256:30bc87d887cd30093e5dadcfc2eac2beccdb9e1633c11b813f596fcfdb597fd7
    hint: it changed meanwhile: look at it, and start again with the digest that is right
    conflict: REGISTRY/b@sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa is to be sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, and what would be copied is sha256:30bc87d887cd30093e5dadcfc2eac2beccdb9e1633c11b813f596fcfdb597fd7
    hint: leave the digest out of the destination, or correct it
    ");
    assert!(!registry.repositories().contains(&"b".to_owned()));
    // By digest, without a tag.
    let done = copied(&at(registry.host(), "a:1"), &at(registry.host(), &format!("b@{}", sample.digest()))).unwrap();
    assert_eq!(done.digest, *sample.digest());
    assert_there(&registry, "b", &sample);
    assert!(registry.tags("b").is_empty());
    assert_eq!(image(registry.host(), "b").to_string(), format!("{}/b", registry.host()));
}
