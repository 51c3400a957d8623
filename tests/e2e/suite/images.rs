//! The images that the cluster pulls.

use std::fmt::Write;
use std::io::{self, Read};
use std::path::Path;
use std::process::Command;

use e2e::Bed;
use flate2::read::GzDecoder;
use registry::Layout;

/// What a node pulls for a step, in bytes.
const COMPRESSED: u64 = 6_000_000;
/// What it then keeps.
const UNPACKED: u64 = 14_000_000;

#[test]
fn every_image_is_small_and_is_what_was_pushed() {
    let mut table = String::new();
    let mut too_large = Vec::new();
    for step in stepwright::steps() {
        let name = step.about.name;
        let layout = Layout::open(&Bed::get().images.join(name)).unwrap();
        let manifest = layout.resolve(Some(step.about.version), None).unwrap();
        assert_eq!(Bed::get().pins.of(name).unwrap().digest(), Some(manifest.digest()), "{name}");
        let image = manifest.image().unwrap();
        let compressed: u64 = image.blobs().map(|blob| blob.size).sum();
        let unpacked: u64 = image
            .layers
            .iter()
            .map(|layer| io::copy(&mut GzDecoder::new(layout.open_blob(layer).unwrap()), &mut io::sink()).unwrap())
            .sum();
        writeln!(table, "{name:20} {:5.2} MB {:5.2} MB", compressed as f64 / 1e6, unpacked as f64 / 1e6).unwrap();
        if compressed > COMPRESSED || unpacked > UNPACKED {
            too_large.push(name);
        }
    }
    assert!(too_large.is_empty(), "too large: {}\n{table}", too_large.join(", "));
}

#[test]
fn every_binary_says_what_is_in_it() {
    for step in stepwright::steps() {
        let name = step.about.name;
        let layout = Layout::open(&Bed::get().images.join(name)).unwrap();
        let manifest = layout.resolve(Some(step.about.version), None).unwrap();
        let image = manifest.image().unwrap();
        let binary = image.layers.iter().find_map(|layer| {
            let mut archive = tar::Archive::new(GzDecoder::new(layout.open_blob(layer).unwrap()));
            archive.entries().unwrap().find_map(|entry| {
                let mut entry = entry.unwrap();
                let mut bytes = Vec::new();
                let is_it = entry.path().unwrap().file_name().is_some_and(|file| file == name);
                is_it.then(|| entry.read_to_end(&mut bytes).map(|_| bytes).unwrap())
            })
        });
        // As scanners read it.
        let list = auditable_info::audit_info_from_slice(&binary.unwrap(), 8 << 20).unwrap();
        let packages: Vec<&str> = list.packages.iter().map(|package| package.name.as_str()).collect();
        assert!(packages.contains(&"step") && packages.contains(&"clap"), "{name}: {packages:?}");
        assert!(!packages.contains(&"insta"), "{name}: what only tests need is not in it");
        // A binary links only what its step needs; that one speaks to another cluster, where a Role of ours means nothing.
        let talks_to_clusters = !step.about.permissions.is_empty() || name == "await-pipelinerun";
        assert_eq!(packages.contains(&"kube-client"), talks_to_clusters, "{name}: {packages:?}");
        assert_eq!(packages.contains(&"rusqlite"), name == "remove-operators", "{name}");
    }
}

#[test]
fn another_checkout_on_another_path_gives_the_same_image() {
    const STEP: &str = "validate-catalog";
    let place = Bed::get().images.with_file_name("another").join("path");
    let checkout = place.join("checkout");
    if checkout.exists() {
        std::fs::remove_dir_all(&checkout).unwrap();
    }
    std::fs::create_dir_all(&place).unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    // With what is not committed yet: then an image names no commit.
    let copy = r#"git clone --quiet . "$0" && git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$0""#;
    let copied = Command::new("sh").args(["-c", copy]).arg(&checkout).current_dir(root).status().unwrap();
    assert!(copied.success());
    let output = Command::new(&Bed::get().stepwright)
        .args(["image", "build", STEP, "--output", "images"])
        .current_dir(&checkout)
        // What is compiled is kept between runs: only the path counts.
        .env("CARGO_TARGET_DIR", place.join("target"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let digest = |images: &Path| Layout::open(&images.join(STEP)).unwrap().resolve(None, None).unwrap().digest().clone();
    assert_eq!(digest(&checkout.join("images")), digest(&Bed::get().images));
}
