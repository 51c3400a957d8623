//! What registries say may be anything: sizes that are not true, lists without an end, indexes without a bottom. It costs
//! them more than us, and the error says what is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{at, client, copied, layout, options, repository, said};
use registry::copy::Options;
use registry::{Client, Digest, MediaType, copy};
use registry_testing::images::{self, Content, Flavour, Sample, index, index_of};
use registry_testing::{Fault, FaultProxy, Recorder, Registry};
use serde_json::{Value, json};
use step::Cancel;

/// The manifest with a change, put behind the registry's back where it would refuse it.
fn changed(sample: &Sample, change: impl FnOnce(&mut Value)) -> Content {
    let mut manifest: Value = serde_json::from_slice(&sample.manifest.bytes).unwrap();
    change(&mut manifest);
    Content::new(sample.manifest.descriptor.media_type.clone(), manifest.to_string())
}

/// A proxy whose registry has this manifest under `a:1`.
fn with_manifest(registry: &Registry, manifest: Content) -> FaultProxy {
    FaultProxy::start(registry, move |request| match request.is_manifest() && request.path().ends_with("/manifests/1") {
        true => Fault::status(200)
            .header("Content-Type", &manifest.descriptor.media_type)
            .header("Docker-Content-Digest", manifest.digest())
            .body(manifest.bytes.clone()),
        false => Fault::Pass,
    })
}

#[test]
fn sizes_that_are_not_true() {
    let registry = Registry::start();
    let sample = images::image(Flavour::Oci, 1);
    sample.push_to(&registry, "a", Some("1"));
    let list = index(Flavour::Oci, &["linux/amd64", "linux/arm64"]);
    list.push_to(&registry, "a", Some("list"));
    let huge = 1_u64 << 63;
    let cases = [
        ("larger", changed(&sample, |manifest| manifest["layers"][0]["size"] = json!(1_000_000))),
        ("smaller", changed(&sample, |manifest| manifest["layers"][0]["size"] = json!(7))),
        ("nothing", changed(&sample, |manifest| manifest["layers"][0]["size"] = json!(0))),
        ("2^63, twice", changed(&sample, |manifest| (0..2).for_each(|layer| manifest["layers"][layer]["size"] = json!(huge)))),
        ("negative", changed(&sample, |manifest| manifest["layers"][0]["size"] = json!(-1))),
        ("2^64", changed(&sample, |manifest| manifest["layers"][0]["size"] = json!(18_446_744_073_709_551_616.0))),
        ("manifests of 2^63", changed(&list, |list| (0..2).for_each(|entry| list["manifests"][entry]["size"] = json!(huge)))),
        ("manifest smaller", changed(&list, |list| list["manifests"][0]["size"] = json!(7))),
        (
            "10,000 manifests",
            changed(&list, |list| {
                let entry = json!({"mediaType": MediaType::OCI_MANIFEST, "size": 4 << 20, "digest": sample.digest()});
                list["manifests"] = (0..10_000).map(|_| entry.clone()).collect();
            }),
        ),
        ("digest", changed(&sample, |manifest| manifest["layers"][0]["digest"] = json!("sha256:../../../etc/passwd"))),
        ("both", changed(&sample, |manifest| manifest["manifests"] = json!([]))),
    ];
    let mut lines = Vec::new();
    for (number, (name, manifest)) in cases.into_iter().enumerate() {
        let proxy = with_manifest(&registry, manifest);
        let mut options = options();
        options.retry.attempts = 2;
        let client = Client::new(options, Cancel::new());
        // One blob after the other, so that it is always the same that fails first.
        let one = Options { jobs: 1, ..Options::default() };
        let began = Instant::now();
        let error = copy(&client, &at(proxy.host(), "a:1"), &[at(registry.host(), &format!("to-{number}:1"))], &one).unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(10), "{name}");
        assert!(proxy.requests().len() < 20, "{name}: {}", proxy.requests().len());
        lines.push(format!("{name}: {}", said(&error, &[(&proxy.host(), "FROM"), (registry.host(), "TO")])));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    larger: remote: reading sha256:60f189a1ee4a2e5b3bf3aac168e415268037b336aa9fedf16df81d2f0c8795ba of FROM/a (tried 2 times): FROM/a says that sha256:60f189a1ee4a2e5b3bf3aac168e415268037b336aa9fedf16df81d2f0c8795ba has 3251 bytes, and its manifest says 1000000
    hint: one of the two is wrong: push the image again
    smaller: remote: reading sha256:60f189a1ee4a2e5b3bf3aac168e415268037b336aa9fedf16df81d2f0c8795ba of FROM/a (tried 2 times): FROM/a says that sha256:60f189a1ee4a2e5b3bf3aac168e415268037b336aa9fedf16df81d2f0c8795ba has 3251 bytes, and its manifest says 7
    hint: one of the two is wrong: push the image again
    nothing: bad-input: the blob sha256:60f189a1ee4a2e5b3bf3aac168e415268037b336aa9fedf16df81d2f0c8795ba of FROM/a should be sha256:60f189a1ee4a2e5b3bf3aac168e415268037b336aa9fedf16df81d2f0c8795ba, and is sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    hint: what is stored there is damaged or was changed: push it again
    2^63, twice: remote: reading sha256:60f189a1ee4a2e5b3bf3aac168e415268037b336aa9fedf16df81d2f0c8795ba of FROM/a (tried 2 times): FROM/a says that sha256:60f189a1ee4a2e5b3bf3aac168e415268037b336aa9fedf16df81d2f0c8795ba has 3251 bytes, and its manifest says 9223372036854775808
    hint: one of the two is wrong: push the image again
    negative: bad-input: the manifest of FROM/a:1 is malformed: invalid value: integer `-1`, expected u64 at line 1 column 397
    2^64: bad-input: the manifest of FROM/a:1 is malformed: invalid type: floating point `1.8446744073709552e+19`, expected u64 at line 1 column 417
    manifests of 2^63: bad-input: the manifests of FROM/a:1 are larger than 67108864 bytes together
    manifest smaller: bad-input: the manifest sha256:698d0da00563cd381f67111eaba8c9044c3685538d19ad1bb19400f00df33e43 of FROM/a has 559 bytes, and its index says 7
    10,000 manifests: bad-input: the manifests of FROM/a:1 are larger than 67108864 bytes together
    digest: bad-input: the manifest of FROM/a:1 is malformed: not a digest: sha256: has 64 digits at line 1 column 342
    both: bad-input: the manifest of FROM/a:1 is an index and an image at once
    ");
    registry.fsck();
}

#[test]
fn ten_thousand_entries_are_copied_and_ten_levels_are_not() {
    let registry = Registry::start();
    let child = images::image(Flavour::Oci, 1);
    child.push_to(&registry, "a", None);
    // The same image ten thousand times over.
    let entry = json!(child.manifest.descriptor);
    let entries: Vec<&Value> = (0..10_000).map(|_| &entry).collect();
    let many = Content::new(
        MediaType::OCI_INDEX,
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries}).to_string(),
    );
    registry.put_manifest("a", "many", &MediaType::OCI_INDEX, &many.bytes);
    let proxy = FaultProxy::start(&registry, |_| Fault::Pass);
    let done = copied(&at(proxy.host(), "a:many"), &at(registry.host(), "b:1")).unwrap();
    assert_eq!(done.digest, *many.digest());
    assert_eq!(proxy.requests().iter().filter(|request| request.is_manifest()).count(), 2, "each is read once");

    let deep = (0..10).fold(child, |inner, _| index_of(Flavour::Oci, vec![inner]));
    deep.push_to(&registry, "deep", Some("1"));
    let error = copied(&at(registry.host(), "deep:1"), &at(registry.host(), "c:1")).unwrap_err();
    let text = said(&error, &[(registry.host(), "REGISTRY")]);
    assert!(
        text.starts_with("bad-input: sha256:") && text.ends_with("of REGISTRY/deep:1 is an index of indexes, more than 4 deep"),
        "{text}"
    );
}

#[test]
fn lists_end() {
    let registry = Registry::start();
    let away = Recorder::start([]);
    let elsewhere = away.url();
    let page = json!({"tags": vec!["a".repeat(100); 40_000]}).to_string();
    let endless = FaultProxy::start(&registry, move |request| {
        let number = request.query("page").pop().map_or(0, |page| page.parse::<u32>().unwrap());
        let (next, tags) = match request.path().split('/').nth(2).unwrap() {
            // New pages, new ones, new ones.
            "endless" => (format!("?page={}", number + 1), page.clone()),
            // Two that lead to each other.
            "loop" => (format!("?page={}", (number + 1) % 2), json!({"tags": [number.to_string()]}).to_string()),
            // Elsewhere.
            "away" => (format!("{elsewhere}/tags"), json!({"tags": ["1"]}).to_string()),
            "empty" => (format!("?page={}", number + 1), json!({"tags": null}).to_string()),
            _ => return Fault::Pass,
        };
        Fault::status(200)
            .header("Link", format!("<{}{next}>; rel=\"next\"", if next.starts_with('?') { request.path() } else { "" }))
            .body(tags)
    });
    let host = endless.host();
    let error = repository(&host, "endless").tags().unwrap_err();
    insta::assert_snapshot!(said(&error, &[(&host, "REGISTRY")]), @"remote: the list of the tags of REGISTRY/endless does not end after 17 pages (70040170 bytes)");
    assert_eq!(repository(&host, "loop").tags().unwrap(), ["0", "1", "0"]);
    assert_eq!(repository(&host, "away").tags().unwrap(), ["1"]);
    assert_eq!(repository(&host, "empty").tags().unwrap(), [""; 0]);
    assert!(away.requests().is_empty());
    assert!(endless.requests().len() < 40);
    let error = repository(&host, "none").tags().unwrap_err();
    insta::assert_snapshot!(said(&error, &[(&host, "REGISTRY")]), @r#"
    not-found: there is no repository REGISTRY/none
    registry: NAME_UNKNOWN: repository name not known to registry ({"name":"none"})
    hint: check the name; some registries want a repository to be made before anything is pushed
    "#);
}

#[test]
fn referrers_that_are_too_many_are_refused_before_they_are_read() {
    let registry = Registry::start();
    let sample = images::image(Flavour::Oci, 1);
    sample.push_to(&registry, "a", Some("1"));
    let entries: Vec<Value> = (0..100)
        .map(|number: u32| json!({"mediaType": MediaType::OCI_MANIFEST, "size": 4 << 20, "digest": Digest::of(&number.to_be_bytes())}))
        .collect();
    let list = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries}).to_string();
    let empty = MediaType::OCI_MANIFEST;
    let proxy = FaultProxy::start(&registry, move |request| {
        if request.path().contains("/referrers/") {
            return Fault::status(200).header("Content-Type", MediaType::OCI_INDEX).body(list.clone());
        }
        match request.is_manifest() && !request.path().ends_with("/1") {
            // Nothing is what it should be, but how should one know before it is read?
            true => Fault::status(200).header("Content-Type", &empty).body(vec![b' '; 4 << 20]),
            false => Fault::Pass,
        }
    });
    let options = Options { with_referrers: true, ..Options::default() };
    let dir = tempfile::tempdir().unwrap();
    copy(&client(), &at(proxy.host(), "a:1"), &[layout(dir.path(), "1")], &options).unwrap_err();
    assert!(proxy.requests().len() < 25, "{}", proxy.requests().len());
}
