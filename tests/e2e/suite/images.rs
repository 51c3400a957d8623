//! The images that the cluster pulls.

use std::fmt::Write;
use std::io;

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
