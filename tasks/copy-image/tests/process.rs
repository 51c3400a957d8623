//! Copies as processes: killed at any moment, they leave registries whole; told to end, they tidy up; however large the
//! image, they stay small.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../../../crates/registry/tests/common/mod.rs"]
mod common;

use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::{assert_tag, assert_there, assert_uploads_ended, at};
use registry::{Location, MediaType};
use registry_testing::images::{Content, Flavour, ImageBuilder, image, index_of};
use registry_testing::{Fault, FaultProxy, Registry};
use serde_json::json;

/// `make soak` sets the variable.
fn soak() -> bool {
    std::env::var_os("STEPWRIGHT_SOAK").is_some()
}

fn start(from: &Location, to: &Location) -> Child {
    Command::new(env!("CARGO_BIN_EXE_copy-image"))
        .args([&format!("--source={from}"), "--", &to.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Its exit code, and what it said.
fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A part between 0 and 1 that differs from round to round and run to run.
fn random() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[test]
fn a_copy_that_is_killed_leaves_no_tag_without_its_image_and_ends_right_the_next_time() {
    let (from, to) = (Registry::start(), Registry::start());
    let one = |seed, platform| {
        ImageBuilder::new(Flavour::Oci).platform(platform).layer(seed, 2_000_000).layer(seed + 1, 500_000).build()
    };
    let sample = index_of(Flavour::Oci, vec![one(1, "linux/amd64"), one(11, "linux/arm64"), one(21, "linux/s390x")]);
    let old = image(Flavour::Oci, 99);
    sample.push_to(&from, "a", Some("1"));
    let source = at(from.host(), "a:1");
    let began = Instant::now();
    let (code, said) = end(start(&source, &at(to.host(), "whole:1")));
    assert_eq!(code, Some(0), "{said}");
    let whole = began.elapsed();
    let mut killed = 0;
    for round in 0..if soak() { 50 } else { 5 } {
        let name = format!("round-{round}");
        old.push_to(&to, &name, Some("1"));
        let place = at(to.host(), &format!("{name}:1"));
        let mut child = start(&source, &place);
        // The random moment is the point of the test, so here is its one sleep.
        std::thread::sleep(whole.mul_f64(random()));
        child.kill().unwrap();
        let (code, _) = end(child);
        killed += usize::from(code.is_none());
        to.fsck();
        let tag = to.manifest(&name, "1").unwrap().1;
        assert!([&old, &sample].iter().any(|known| known.manifest.bytes == tag), "{name}");
        let (code, said) = end(start(&source, &place));
        assert_eq!(code, Some(0), "{said}");
        assert_there(&to, &name, &sample);
        assert_tag(&to, &name, "1", &sample);
    }
    assert!(killed > 0, "every copy was faster than its end");
    to.fsck();
}

#[test]
fn a_copy_that_is_told_to_end_gives_its_uploads_up() {
    let (from, to) = (Registry::start(), Registry::start());
    let sample = ImageBuilder::new(Flavour::Oci).layer(1, 10).layer(2, 300_000).build();
    sample.push_to(&from, "a", Some("1"));
    let old = image(Flavour::Oci, 99);
    old.push_to(&to, "a", Some("1"));
    let layer = sample.blobs[2].digest().clone();
    let source = FaultProxy::start(&from, move |request| match request.is_blob() && request.path().ends_with(layer.as_str()) {
        true => Fault::Stall(100_000),
        false => Fault::Pass,
    });
    let (begun, wait) = channel();
    let size = sample.blobs[2].bytes.len().to_string();
    let proxy = FaultProxy::start(&to, move |request| {
        if request.is_upload() && request.header("content-length") == Some(&size) {
            let _ = begun.send(());
        }
        Fault::Pass
    });
    let child = start(&at(source.host(), "a:1"), &at(proxy.host(), "a:1"));
    wait.recv_timeout(Duration::from_secs(20)).unwrap();
    let began = Instant::now();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let (code, said) = end(child);
    assert_eq!(code, Some(143), "{said}");
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert_uploads_ended(&proxy, &to, "a", &sample);
    assert_tag(&to, "a", "1", &old);
}

#[test]
fn a_large_layer_takes_no_memory() {
    let (from, to) = (Registry::start(), Registry::start());
    let size = if soak() { 2 << 30 } else { 256 << 20 };
    let layer = from.store_blob("a", MediaType::OCI_LAYER, io::Read::take(io::repeat(0), size));
    let config = Content::new(MediaType::OCI_CONFIG, r#"{"os":"linux","architecture":"amd64"}"#);
    from.put_blob("a", &config.bytes);
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config.descriptor, "layers": [layer]});
    from.put_manifest("a", "1", &MediaType::OCI_MANIFEST, manifest.to_string().as_bytes());
    let mut child = start(&at(from.host(), "a:1"), &at(to.host(), "a:1"));
    // The peak so far, as often as it can be asked: it only grows.
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(line.unwrap_or_default());
        std::thread::yield_now();
    }
    let (code, said) = end(child);
    assert_eq!(code, Some(0), "{said}");
    assert!(peak > 0);
    assert!(peak < 40 << 10, "{peak} kB");
    assert!(to.has_blob("a", &layer.digest));
}
