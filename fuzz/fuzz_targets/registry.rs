//! What registries, layouts and archives give us ends in a value or an error: references, manifests, tars.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::{Archive, ImageRef, Layout, Location, Manifest, ManifestKind};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(location) = text.parse::<Location>() {
            assert_eq!(location.to_string().parse::<Location>().as_ref(), Ok(&location), "{text:?}");
        }
        if let Ok(image) = text.parse::<ImageRef>() {
            assert_eq!(image.to_string().parse::<ImageRef>().as_ref(), Ok(&image), "{text:?}");
        }
    }
    if let Ok(manifest) = Manifest::parse("a", bytes.to_vec(), None) {
        assert_eq!(manifest.bytes(), bytes);
        assert_eq!(manifest.media_type().is_index(), matches!(manifest.kind(), ManifestKind::Index(_)));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    std::fs::write(&path, bytes).unwrap();
    if let Ok(archive) = Archive::open(&path) {
        for reference in archive.references().iter().map(|name| Some(name.as_str())).chain([None]) {
            if let Ok(manifest) = archive.resolve(reference) {
                for blob in manifest.image().into_iter().flat_map(|image| image.blobs()) {
                    let _ = archive.open_blob(blob).map(|reader| reader.into_bytes());
                }
            }
        }
    }
    std::fs::write(dir.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::fs::write(dir.path().join("index.json"), bytes).unwrap();
    if let Ok(layout) = Layout::open(dir.path()) {
        let _ = layout.resolve(None, None);
        let _ = layout.tags();
    }
});
