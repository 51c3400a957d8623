//! How blobs get into registries: what is there already is not sent, what broke goes on where it can, and what is given up
//! leaves nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{assert_there, at, copied, layout, repository};
use registry::{Digest, MediaType};
use registry_testing::images::{Flavour, ImageBuilder, Sample};
use registry_testing::{Fault, FaultProxy, Recorder, Registry, Request, UploadServer, first};
use tempfile::TempDir;

/// A layout with an image that has a layer of `size` bytes.
fn layout_of(size: usize) -> (TempDir, Sample) {
    let dir = tempfile::tempdir().unwrap();
    let sample = ImageBuilder::new(Flavour::Oci).plain_layer(1, size).build();
    sample.write_layout(dir.path(), Some("1"));
    (dir, sample)
}

fn length(request: &Request) -> u64 {
    request.header("content-length").unwrap().parse().unwrap()
}

#[test]
fn a_few_bytes_are_pushed_once() {
    let registry = Registry::start();
    let proxy = FaultProxy::start(&registry, |_| Fault::Pass);
    let to = repository(proxy.host(), "a/b");
    for _ in 0..2 {
        let descriptor = to.push_bytes(MediaType::OCTET_STREAM, b"hello").unwrap();
        assert_eq!((&descriptor.digest, descriptor.size), (&Digest::of(b"hello"), 5));
    }
    assert_eq!(to.push_bytes(MediaType::OCTET_STREAM, b"").unwrap().size, 0);
    assert_eq!(proxy.bytes_up(), 5);
    assert_eq!(registry.blob("a/b", &Digest::of(b"hello")).unwrap(), b"hello");
    assert_eq!(registry.blob("a/b", &Digest::of(b"")).unwrap(), b"");
}

#[test]
fn a_registry_that_takes_only_small_requests_gets_pieces() {
    let (dir, sample) = layout_of(18 << 20);
    let registry = Registry::start();
    for (limit, pieces) in [(16_u64 << 20, 2), (1 << 20, 19)] {
        let proxy = FaultProxy::start(&registry, move |request| {
            let is_large = request.is_upload()
                && request.header("content-length").is_some_and(|length| length.parse::<u64>().unwrap() > limit);
            if is_large { Fault::status(413) } else { Fault::Pass }
        });
        let name = format!("limit-{limit}");
        copied(&layout(dir.path(), "1"), &at(proxy.host(), &format!("{name}:1"))).unwrap();
        assert_there(&registry, &name, &sample);
        let sent: Vec<u64> =
            proxy.requests().iter().filter(|request| request.method == "PATCH" && length(request) <= limit).map(length).collect();
        assert_eq!((sent.len(), sent.iter().sum()), (pieces, sample.blobs[1].bytes.len() as u64));
    }
    // One that takes nothing at all is told of.
    let proxy = FaultProxy::start(&registry, |request| if request.is_upload() { Fault::status(413) } else { Fault::Pass });
    let error = copied(&layout(dir.path(), "1"), &at(proxy.host(), "none:1")).unwrap_err();
    let text = common::said(&error, &[(&proxy.host(), "REGISTRY")]);
    assert!(text.starts_with("remote: REGISTRY takes nothing as large, asked to push sha256:"), "{text}");
    assert_eq!(registry.tags("none"), Vec::<String>::new());
}

#[test]
fn what_broke_goes_on_where_the_registry_can() {
    let (dir, sample) = layout_of(3 << 20);
    let layer = sample.blobs[1].bytes.len() as u64;
    // The connection breaks after so many bytes of the layer, once, twice, thrice.
    for breaks in [&[2_000_000_u64][..], &[1_000_000, 1_000_000, 500_000], &[layer]] {
        let server = UploadServer::start(breaks.to_vec());
        let done = copied(&layout(dir.path(), "1"), &at(server.host(), "a:1")).unwrap();
        assert_eq!(done.bytes, sample.blobs.iter().map(|blob| blob.bytes.len() as u64).sum::<u64>());
        assert_eq!(server.blob(sample.blobs[1].digest()).as_deref(), Some(&*sample.blobs[1].bytes));
        // Only what was missing came again: every byte once.
        assert_eq!(server.received(), done.bytes, "{breaks:?}");
        assert_eq!(server.sessions_left(), 0);
    }
}

#[test]
fn a_registry_that_has_forgotten_the_upload_gets_another() {
    let (dir, sample) = layout_of(100_000);
    let registry = Registry::start();
    let size = sample.blobs[1].bytes.len();
    let wanted = move |request: &Request| request.is_upload() && request.header("content-length") == Some(&size.to_string());
    let proxy = FaultProxy::start(&registry, first(2, wanted, Fault::ResetRequest(50_000)));
    copied(&layout(dir.path(), "1"), &at(proxy.host(), "a:1")).unwrap();
    assert_there(&registry, "a", &sample);
    let begun = proxy.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!(begun, 4);
}

#[test]
fn where_an_upload_goes_on_is_the_registrys_word() {
    // With relative locations.
    let (dir, sample) = layout_of(100);
    let relative = Registry::builder().relative_urls().start();
    copied(&layout(dir.path(), "1"), &at(relative.host(), "a:1")).unwrap();
    assert_there(&relative, "a", &sample);
    // At another host, which takes it without knowing who we are.
    let away = Recorder::start([]);
    for (location, error) in [
        ("file:///etc/passwd".to_owned(), "the registry names a URL that is malformed"),
        ("ftp://example.com/".to_owned(), "the registry names a URL that is neither http nor https"),
        ("http://user:hidden-0123@example.com/".to_owned(), "the registry names a URL that holds a password"),
    ] {
        let proxy = FaultProxy::start(&relative, move |request| match &*request.method {
            "POST" => Fault::status(202).header("Location", &location),
            _ => Fault::Pass,
        });
        let found = copied(&layout(dir.path(), "1"), &at(proxy.host(), "b:1")).unwrap_err();
        assert_eq!(format!("{found:?}"), format!("remote: uploading to {}/b: {error}", proxy.host()));
    }
    let nowhere = FaultProxy::start(&relative, |request| if request.method == "POST" { Fault::status(202) } else { Fault::Pass });
    let error = copied(&layout(dir.path(), "1"), &at(nowhere.host(), "b:1")).unwrap_err();
    assert_eq!(error.to_string(), format!("{}/b does not say where to upload to", nowhere.host()));
    assert!(away.requests().is_empty());
}
