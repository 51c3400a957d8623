//! Sample images are what other people's tools take them for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use registry_testing::images::{self, Content, Flavour, ImageBuilder, Sample};
use registry_testing::{Registry, Tool};

const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm/v7", "linux/arm64"];

fn samples() -> Vec<(&'static str, Sample)> {
    let image = images::image(Flavour::Oci, 1);
    let foreign = |flavour| ImageBuilder::new(flavour).layer(1, 10).foreign_layer(2, 10, "http://127.0.0.1:1").build();
    vec![
        ("docker-image", images::image(Flavour::Docker, 1)),
        ("docker-list", images::index(Flavour::Docker, &PLATFORMS)),
        ("docker-foreign", foreign(Flavour::Docker)),
        ("oci-index", images::index(Flavour::Oci, &PLATFORMS)),
        ("oci-foreign", foreign(Flavour::Oci)),
        ("nested", images::index_of(Flavour::Oci, vec![images::index(Flavour::Oci, &PLATFORMS[..1]), image.clone()])),
        ("plain", ImageBuilder::new(Flavour::Oci).plain_layer(3, 600).label("a", "b").build()),
        ("empty", ImageBuilder::new(Flavour::Oci).empty_layer().build()),
        ("artifact", images::artifact("application/vnd.x.sbom", &[("a.txt", b"a"), ("b.txt", b"b")], Some(&image))),
        ("about", ImageBuilder::new(Flavour::Oci).subject(&image).build()),
        ("oci-image", image),
    ]
}

#[test]
fn a_registry_takes_them_all() {
    let registry = Registry::start();
    for (name, sample) in samples() {
        sample.push_to(&registry, "samples", Some(name));
        let stored = registry.manifest("samples", name).unwrap();
        assert_eq!(Content::new(stored.0, stored.1).digest(), sample.digest(), "{name}");
        sample.store_in(&registry, "stored", Some(name));
    }
    registry.fsck();
    let about = registry.referrers("samples", images::image(Flavour::Oci, 1).digest());
    let types: Vec<_> = about.iter().map(|one| one.artifact_type.as_ref().map(|t| t.as_str())).collect();
    assert!(types.len() == 2 && types.contains(&Some("application/vnd.x.sbom")), "{types:?}");
}

#[test]
fn they_are_the_same_each_time() {
    let digests: Vec<String> = samples().iter().map(|(name, sample)| format!("{name} {}", sample.digest())).collect();
    insta::assert_snapshot!(digests.join("\n"), @"
    docker-image sha256:028282812c2c99e16626ff4f33428b27677f64d173bef4df28d7417947f648aa
    docker-list sha256:8404777ee7891360fa12e37fffe9b7dd04168b0110b87d23703578f9609f2bd3
    docker-foreign sha256:c8a3d46a973b43fbab3bda0f33f28180f6e0f5c2cbd96ee48eaa25c281e796ec
    oci-index sha256:a84d5f7961ce88b187572ee3b671d7f9772c88fa5dc88c523343d8bd7b66d15e
    oci-foreign sha256:a1857a69c2f3a3598cba22d3f525a6977c109fc73510b1bfcb08af8da365c5b6
    nested sha256:6cc344a8189a020edba7ec161710ac43bc19103ac414759527bda99aa3d7d5f0
    plain sha256:6f6169606a950b763e9d7f457e3a5a2b7e5111965527a202b34146d192f01cd7
    empty sha256:eab04fa83663d9dca62cde76de6a1fdca5ad1b52ec3a9c071f3dd0a5554f3061
    artifact sha256:09216ad54380c373774b4d7309e40281d2207ef52ce72edfa8f9682a15c5303d
    about sha256:56ee3a083811a9748464a3aa6d934c8dfed4e1a5d48d54644a3f428b04e4d40b
    oci-image sha256:30bc87d887cd30093e5dadcfc2eac2beccdb9e1633c11b813f596fcfdb597fd7
    ");
}

#[test]
fn skopeo_reads_them_from_a_layout() {
    let skopeo = Tool::skopeo();
    for (name, sample) in samples() {
        // To skopeo 1.9 a layout holds no Docker manifests, an artifact is no image, and an index names images only.
        if name.starts_with("docker") || matches!(name, "artifact" | "oci-foreign" | "nested") {
            continue;
        }
        let dir = skopeo.home().join(name);
        sample.write_layout(&dir, Some("1"));
        let (from, to) = (format!("oci:{}:1", dir.display()), format!("dir:{}", skopeo.home().join("out").display()));
        skopeo.run(&["copy", "--all", "--preserve-digests", &from, &to]);
        let inspected = skopeo.run(&["inspect", "--raw", &from]);
        assert_eq!(inspected.as_bytes(), sample.manifest.bytes, "{name}");
    }
}

#[test]
fn layers_are_tars() {
    let tar = images::layer(7, 1_000);
    assert_eq!(tar.len(), 512 + 1024 + 1024);
    let mut archive = tar::Archive::new(&tar[..]);
    let entries: Vec<_> = archive.entries().unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!((entries.len(), entries[0].size()), (1, 1_000));
    assert_eq!(entries[0].path().unwrap().to_str(), Some("layer-7"));
    assert!(images::gzip(&tar).len() > 1_000, "it compresses");
}

#[test]
fn a_large_image_is_right_to_its_diff_ids() {
    let registry = Registry::start();
    let manifest = images::store_large(&registry, "large", "1", 3, 1 << 20);
    registry.fsck();
    let skopeo = Tool::skopeo();
    // Unpacking checks each layer's diff_id.
    let from = format!("docker://{}/large:1", registry.host());
    let to = format!("docker-archive:{}:large:1", skopeo.home().join("large.tar").display());
    skopeo.run(&["copy", "--src-tls-verify=false", &from, &to]);
    assert_eq!(manifest.descriptor.size, manifest.bytes.len() as u64);
}
