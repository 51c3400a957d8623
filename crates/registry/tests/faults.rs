//! What networks and servers do, and what a copy makes of it: the image arrives whole, or an error says who is to blame,
//! and no tag names what is not there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{assert_tag, assert_there, assert_uploads_ended, at, copied, options, said};
use registry::client::Options;
use registry::{Client, Digest, copy};
use registry_testing::images::{Flavour, ImageBuilder, Sample, index};
use registry_testing::{Fault, FaultProxy, Feature, Recorder, Registry, Request, first, without};
use step::{Cancel, Kind};

/// An image whose second layer is large enough to break in the middle of.
fn sample() -> Sample {
    ImageBuilder::new(Flavour::Oci).layer(1, 10).layer(2, 300_000).build()
}

/// The layer that faults are done to.
fn large(sample: &Sample) -> Digest {
    sample.blobs[2].digest().clone()
}

fn json_error(status: u16, code: &str, message: &str) -> Fault {
    let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
    Fault::status(status).header("Content-Type", "application/json").body(body)
}

type Wanted = dyn Fn(&Request) -> bool + Send + Sync;

#[test]
fn what_passes_is_tried_again_when_reading() {
    let (from, to) = (Registry::start(), Registry::start());
    let sample = sample();
    sample.push_to(&from, "a", Some("1"));
    let layer = large(&sample);
    let of_layer = move |request: &Request| request.is_blob() && request.path().ends_with(layer.as_str());
    let faults: Vec<(&str, Fault)> = vec![
        ("500", json_error(500, "UNKNOWN", "oops")),
        ("502", Fault::status(502)),
        ("503", Fault::status(503).header("Retry-After", "0")),
        ("reset", Fault::ResetResponse(200)),
        ("truncated", Fault::Truncate(300)),
        ("flip", Fault::Flip(150)),
        ("long", Fault::Lie(10)),
        ("short", Fault::Lie(-10)),
        ("close", Fault::Close),
    ];
    let mut requests = Vec::new();
    for (name, fault) in faults {
        let of_layer = of_layer.clone();
        let ways: [(&str, Box<Wanted>); 2] = [("blob", Box::new(of_layer)), ("manifest", Box::new(Request::is_manifest))];
        for (part, wanted) in ways {
            let wanted: Arc<Wanted> = wanted.into();
            let proxy = FaultProxy::start(
                &from,
                first(
                    1,
                    {
                        let wanted = wanted.clone();
                        move |request| wanted(request)
                    },
                    fault.clone(),
                ),
            );
            let name = format!("{name}-{part}");
            match copied(&at(proxy.host(), "a:1"), &at(to.host(), &format!("{name}:1"))) {
                Ok(_) => {
                    assert_there(&to, &name, &sample);
                    let asked = proxy.requests().into_iter().filter(|request| wanted(request));
                    let asked: Vec<String> = asked.map(|request| request.header("range").unwrap_or("all").to_owned()).collect();
                    requests.push(format!("{name}: {}", asked.join(", ")));
                }
                Err(error) => requests.push(format!("{name}: {}", said(&error, &[(&proxy.host(), "FROM"), (to.host(), "TO")]))),
            }
        }
    }
    insta::assert_snapshot!(requests.join("\n"), @r#"
    500-blob: all, all
    500-manifest: all, all
    502-blob: all, all
    502-manifest: all, all
    503-blob: all, all
    503-manifest: all, all
    reset-blob: all, bytes=200-
    reset-manifest: all, all
    truncated-blob: all, bytes=300-
    truncated-manifest: all, all
    flip-blob: bad-input: TO answers 400 (bad request) when asked to push sha256:4802aac0ecf4d167048a764a480c4c068c3ee89cb8a0d4c3f11e7f7d51d8ae4d to TO/flip-blob
    registry: DIGEST_INVALID: provided digest did not match uploaded content ({"Digest":"sha256:4802aac0ecf4d167048a764a480c4c068c3ee89cb8a0d4c3f11e7f7d51d8ae4d","Reason":{}})
    hint: it is right where it comes from, so that it was damaged on the way: run it again
    flip-manifest: bad-input: the manifest of FROM/a:1 should be sha256:67d5253fd84240940e3da9d0d3e0f1997bda132d848eaaa4af47784178a91d93, and is sha256:56dcef94fa3928f39ca3d6bc2dfbae981f43985c3ee159b9fa957651695c66ec
    hint: what is stored there is damaged or was changed: push it again
    long-blob: all, all
    long-manifest: all, all
    short-blob: all, all
    short-manifest: bad-input: the manifest of FROM/a:1 should be sha256:67d5253fd84240940e3da9d0d3e0f1997bda132d848eaaa4af47784178a91d93, and is sha256:24aaea9b2847d2a158d561e6768373028e4a45f7716183a26bf4523573387c0e
    hint: what is stored there is damaged or was changed: push it again
    close-blob: all, all
    close-manifest: all, all
    "#);
    to.fsck();
}

#[test]
fn what_passes_is_tried_again_when_writing() {
    let (from, to) = (Registry::start(), Registry::start());
    let sample = sample();
    sample.push_to(&from, "a", Some("1"));
    let faults: Vec<(&str, Fault)> = vec![
        ("500", json_error(500, "UNKNOWN", "oops")),
        ("503", Fault::status(503).header("Retry-After", "0")),
        ("reset-request", Fault::ResetRequest(100_000)),
        ("reset-answer", Fault::ResetResponse(0)),
        ("swallow", Fault::Swallow),
        ("close", Fault::Close),
        ("404", json_error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")),
    ];
    type Wanted = fn(&Request) -> bool;
    let steps: [(&str, Wanted); 4] = [
        ("begin", |request| request.method == "POST"),
        ("send", |request| request.is_upload()),
        ("manifest", |request| request.method == "PUT" && request.path().contains("/manifests/sha256:")),
        ("tag", |request| request.method == "PUT" && request.path().ends_with("/manifests/1")),
    ];
    let mut lines = Vec::new();
    for (name, fault) in faults {
        for (step, wanted) in steps {
            let proxy = FaultProxy::start(&to, first(1, wanted, fault.clone()));
            let name = format!("{name}-{step}");
            match copied(&at(from.host(), "a:1"), &at(proxy.host(), &format!("{name}:1"))) {
                Ok(done) => {
                    assert_there(&to, &name, &sample);
                    assert_tag(&to, &name, "1", &sample);
                    assert_eq!(done.bytes, sample.blobs.iter().map(|blob| blob.bytes.len() as u64).sum::<u64>(), "{name}");
                }
                Err(error) => lines.push(format!("{name}: {}", said(&error, &[(&proxy.host(), "TO"), (from.host(), "FROM")]))),
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    404-begin: not-found: TO does not find what is needed to push to TO/404-begin (404)
    registry: BLOB_UPLOAD_UNKNOWN: blob upload unknown to registry
    hint: check the name
    404-manifest: not-found: TO does not find what is needed to push TO/404-manifest@sha256:67d5253fd84240940e3da9d0d3e0f1997bda132d848eaaa4af47784178a91d93 (404)
    registry: BLOB_UPLOAD_UNKNOWN: blob upload unknown to registry
    hint: check the name
    404-tag: not-found: TO does not find what is needed to push TO/404-tag:1 (404)
    registry: BLOB_UPLOAD_UNKNOWN: blob upload unknown to registry
    hint: check the name
    ");
    to.fsck();
}

#[test]
fn who_is_to_blame_for_a_wrong_content_is_said() {
    let (from, to) = (Registry::start(), Registry::start());
    let sample = sample();
    let mut lines = Vec::new();
    let layer = large(&sample);
    let names = |from: &str, to: &str, error| said(&error, &[(from, "FROM"), (to, "TO"), (layer.as_str(), "LAYER")]);

    // The blob is damaged where it comes from.
    sample.push_to(&from, "damaged", Some("1"));
    let of_layer = {
        let layer = layer.clone();
        move |request: &Request| request.is_blob() && request.path().ends_with(layer.as_str())
    };
    let flips = {
        let of_layer = of_layer.clone();
        FaultProxy::start(&from, move |request| if of_layer(request) { Fault::Flip(5) } else { Fault::Pass })
    };
    lines.push(names(&flips.host(), to.host(), copied(&at(flips.host(), "damaged:1"), &at(to.host(), "damaged:1")).unwrap_err()));
    // To a layout as well.
    let dir = tempfile::tempdir().unwrap();
    lines.push(names(
        &flips.host(),
        to.host(),
        copied(&at(flips.host(), "damaged:1"), &common::layout(dir.path(), "1")).unwrap_err(),
    ));
    assert!(copied(&common::layout(dir.path(), "1"), &at(to.host(), "x:1")).is_err());
    // The manifest is.
    let flips = FaultProxy::start(&from, |request| if request.is_manifest() { Fault::Flip(9) } else { Fault::Pass });
    let error = copied(&at(flips.host(), "damaged:1"), &at(to.host(), "damaged:1")).unwrap_err();
    lines.push(names(&flips.host(), to.host(), error).split(", and is").next().unwrap().to_owned());
    // A blob is not there.
    let gone = {
        let of_layer = of_layer.clone();
        FaultProxy::start(
            &from,
            move |request| if of_layer(request) { json_error(404, "BLOB_UNKNOWN", "blob unknown") } else { Fault::Pass },
        )
    };
    lines.push(names(&gone.host(), to.host(), copied(&at(gone.host(), "damaged:1"), &at(to.host(), "damaged:1")).unwrap_err()));
    // All the time less than there is, or announced as more.
    for (fault, rest) in [
        (Fault::Truncate(100), "damaged"),
        (Fault::Lie(7), "damaged"),
        (Fault::Lie(-7), "damaged"),
        (Fault::ResetResponse(7), "damaged"),
    ] {
        let of_layer = of_layer.clone();
        let short = FaultProxy::start(&from, move |request| if of_layer(request) { fault.clone() } else { Fault::Pass });
        let error = copied(&at(short.host(), &format!("{rest}:1")), &at(to.host(), "damaged:1")).unwrap_err();
        lines.push(names(&short.host(), to.host(), error));
    }
    // The destination says that it got something else.
    let other = Digest::of(b"other");
    for (what, header) in [("blob", other.to_string()), ("manifest", other.to_string())] {
        let lies = FaultProxy::start(&to, move |request| match (what, request.is_upload(), request.method == "PUT") {
            ("blob", true, _) | ("manifest", false, true) => Fault::Header("docker-content-digest", Some(header.clone())),
            _ => Fault::Pass,
        });
        let error = copied(&at(from.host(), "damaged:1"), &at(lies.host(), &format!("lies-{what}:1"))).unwrap_err();
        let masked = names(from.host(), &lies.host(), error).replace("LAYER", "sha256:");
        lines.push(
            masked
                .replace(other.as_str(), "OTHER")
                .split("sha256:")
                .map(|part| part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
                .collect::<Vec<_>>()
                .join("DIGEST"),
        );
        assert!(to.tags(&format!("lies-{what}")).is_empty());
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    bad-input: the blob LAYER of FROM/damaged should be LAYER, and is sha256:6bb7c0ae71abfdb74e5ac2af8d143ba8f4f822e0ad252aa2ef4b8dbc9fd77864
    hint: what is stored there is damaged or was changed: push it again
    bad-input: the blob LAYER of FROM/damaged should be LAYER, and is sha256:6bb7c0ae71abfdb74e5ac2af8d143ba8f4f822e0ad252aa2ef4b8dbc9fd77864
    hint: what is stored there is damaged or was changed: push it again
    bad-input: the manifest of FROM/damaged:1 should be sha256:67d5253fd84240940e3da9d0d3e0f1997bda132d848eaaa4af47784178a91d93
    not-found: FROM/damaged has no blob LAYER, which its manifest names
    hint: push the image again, or delete its tag
    remote: reading LAYER of FROM/damaged (tried 4 times): the server's answer is cut off: Peer disconnected
    remote: reading LAYER of FROM/damaged (tried 4 times): FROM/damaged says that LAYER has 316490 bytes, and its manifest says 316483
    hint: one of the two is wrong: push the image again
    remote: reading LAYER of FROM/damaged (tried 4 times): FROM/damaged says that LAYER has 316476 bytes, and its manifest says 316483
    hint: one of the two is wrong: push the image again
    remote: reading LAYER of FROM/damaged (tried 4 times): the server's answer is cut off: Peer disconnected
    remote: TO/lies-blob was given DIGEST and stored OTHER
    remote: TO/lies-manifest was given DIGEST and stored OTHER
    ");
    assert!(to.tags("damaged").is_empty());
    to.fsck();
}

#[test]
fn a_registry_that_confirms_nothing_is_read_back() {
    let (from, to) = (Registry::start(), Registry::start());
    let sample = sample();
    sample.push_to(&from, "a", Some("1"));
    let mute = FaultProxy::start(&to, |_| Fault::Header("docker-content-digest", None));
    copied(&at(from.host(), "a:1"), &at(mute.host(), "a:1")).unwrap();
    assert_eq!(mute.requests().iter().filter(|request| request.is_blob()).count(), 3);
    assert_there(&to, "a", &sample);
    // And read: it has stored something else.
    let layer = large(&sample);
    let lies = FaultProxy::start(&to, move |request| match request.is_blob() && request.path().ends_with(layer.as_str()) {
        true => Fault::Flip(3),
        false => Fault::Header("docker-content-digest", None),
    });
    let error = copied(&at(from.host(), "a:1"), &at(lies.host(), "b:1")).unwrap_err();
    let error = said(&error, &[(&lies.host(), "TO"), (from.host(), "FROM"), (large(&sample).as_str(), "LAYER")]);
    insta::assert_snapshot!(error.split(", and is").next().unwrap(), @"bad-input: the blob LAYER of TO/b should be LAYER");
    assert!(to.tags("b").is_empty());
}

#[test]
fn registries_without_this_or_that() {
    let (from, to) = (Registry::start(), Registry::start());
    let sample = sample();
    sample.push_to(&from, "a", Some("1"));
    let layer = large(&sample);
    // No ranges: what was read before comes again, and is skipped.
    let broken = AtomicBool::new(false);
    let plain = FaultProxy::start(&from, move |request| match request.is_blob() && request.path().ends_with(layer.as_str()) {
        true if !broken.swap(true, Ordering::SeqCst) => Fault::ResetResponse(200_000),
        true => Fault::Without(Feature::Range),
        false => Fault::Pass,
    });
    let poor = FaultProxy::start(&to, without(&[Feature::Mount, Feature::Patch, Feature::Referrers, Feature::Delete]));
    copied(&at(plain.host(), "a:1"), &at(poor.host(), "a:1")).unwrap();
    assert_there(&to, "a", &sample);
    assert_eq!(to.uploads_left(), 0);
}

#[test]
fn credentials_go_to_nobody_else() {
    let from = Registry::builder().htpasswd("kim", "pass-word-0123").start();
    let to = Registry::start();
    let sample = sample();
    sample.push_to(&from, "a", Some("1"));
    let elsewhere = Recorder::start(sample.blobs.iter().map(|blob| blob.bytes.clone()));
    for (name, other) in [("by-port", elsewhere.url()), ("by-name", elsewhere.other_url())] {
        let proxy =
            FaultProxy::start(&from, move |request| if request.is_blob() { Fault::Redirect(other.clone()) } else { Fault::Pass });
        let client = common::client_of(&[(&proxy.host(), "kim", "pass-word-0123")]);
        copy(&client, &at(proxy.host(), "a:1"), &[at(to.host(), &format!("{name}:1"))], &Default::default()).unwrap();
        assert!(proxy.requests().iter().any(|request| request.is_blob() && request.header("authorization").is_some()));
        assert_there(&to, name, &sample);
    }
    assert!(elsewhere.requests().len() >= 3);
    for request in elsewhere.requests() {
        assert_eq!(request.header("authorization"), None, "{}", request.target);
        assert_eq!(request.header("cookie"), None);
    }
    // An upload that goes on elsewhere goes there without them, too.
    let away = Recorder::start([]);
    let url = away.other_url();
    let proxy = FaultProxy::start(&to, move |request| match &*request.method {
        "POST" => Fault::status(202).header("Location", format!("{url}/upload?signature=x")),
        _ => Fault::Pass,
    });
    let client = common::client_of(&[(from.host(), "kim", "pass-word-0123"), (&proxy.host(), "kim", "pass-word-0123")]);
    let error = copy(&client, &at(from.host(), "a:1"), &[at(proxy.host(), "b:1")], &Default::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "{error:?}");
    assert!(!format!("{error:?}").contains("signature"), "{error:?}");
    assert!(away.requests().iter().any(|request| request.method == "PUT"));
    assert!(away.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn a_registry_that_wants_quiet_gets_it_from_every_thread() {
    let (from, to) = (Registry::start(), Registry::start());
    let sample = index(Flavour::Oci, &["linux/amd64", "linux/arm64", "linux/s390x", "linux/ppc64le"]);
    sample.push_to(&from, "a", Some("1"));
    // From its first blob on it wants a second.
    let until: Arc<std::sync::Mutex<Option<Instant>>> = Arc::default();
    let early = Arc::new(AtomicUsize::new(0));
    let proxy = {
        let (until, early) = (until.clone(), early.clone());
        FaultProxy::start(&from, move |request| {
            let mut until = until.lock().unwrap();
            match *until {
                None if request.is_blob() => {
                    *until = Some(Instant::now() + Duration::from_secs(1));
                    Fault::status(429).header("Retry-After", "1")
                }
                // Those that were on their way.
                Some(end) if Instant::now() + Duration::from_millis(700) < end => Fault::Pass,
                Some(end) if Instant::now() + Duration::from_millis(20) < end => {
                    early.fetch_add(1, Ordering::SeqCst);
                    Fault::Pass
                }
                _ => Fault::Pass,
            }
        })
    };
    let began = Instant::now();
    copied(&at(proxy.host(), "a:1"), &at(to.host(), "a:1")).unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(early.load(Ordering::SeqCst), 0);
    assert_there(&to, "a", &sample);
}

#[test]
fn nobody_keeps_us_waiting_for_ever() {
    let (from, to) = (Registry::start(), Registry::start());
    let sample = sample();
    sample.push_to(&from, "a", Some("1"));
    type Wanted = fn(&Request) -> bool;
    let cases: Vec<(&str, Wanted, Fault)> = vec![
        ("silent blob", |request| request.is_blob(), Fault::Silence),
        ("stalled blob", |request| request.is_blob(), Fault::Stall(100)),
        ("dripping blob", |request| request.is_blob(), Fault::Drip(Duration::from_millis(20))),
        ("silent manifest", |request| request.is_manifest(), Fault::Silence),
        ("dripping manifest", |request| request.is_manifest(), Fault::Drip(Duration::from_millis(20))),
    ];
    let mut lines = Vec::new();
    for (name, wanted, fault) in cases {
        let proxy = FaultProxy::start(&from, move |request| if wanted(request) { fault.clone() } else { Fault::Pass });
        let mut options = Options { silence: Duration::from_millis(300), ..options() };
        options.retry.attempts = 2;
        let client = Client::new(options, Cancel::new());
        let began = Instant::now();
        let error = copy(&client, &at(proxy.host(), "a:1"), &[at(to.host(), "b:1")], &Default::default()).unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(8), "{name}: {:?}", began.elapsed());
        let digests: Vec<&str> = sample.blobs.iter().map(|blob| blob.digest().as_str()).collect();
        let mut text = said(&error, &[(&proxy.host(), "FROM"), (to.host(), "TO")]);
        for digest in digests {
            text = text.replace(digest, "BLOB");
        }
        lines.push(format!("{name}: {text}"));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    silent blob: timed-out: reading BLOB of FROM/a (tried 2 times): cannot reach http://FROM/v2/a/blobs/BLOB: no data
    stalled blob: timed-out: reading BLOB of FROM/a (tried 2 times): the server's answer is cut off: no data
    dripping blob: timed-out: reading BLOB of FROM/a (tried 2 times): the server sends less than 16384 bytes in 300ms
    silent manifest: timed-out: reading FROM/a:1 (tried 2 times): cannot reach http://FROM/v2/a/manifests/1: no data
    dripping manifest: timed-out: reading FROM/a:1 (tried 2 times): the server sends less than 16384 bytes in 300ms
    ");
    assert!(to.tags("b").is_empty());
}

#[test]
fn a_cancelled_copy_ends_at_once_and_leaves_nothing() {
    let (from, to) = (Registry::start(), Registry::start());
    let sample = sample();
    sample.push_to(&from, "a", Some("1"));
    // It is cancelled when the large layer has begun to flow, and never comes to an end.
    let cancel = Cancel::new();
    let layer = large(&sample);
    let source = {
        let cancel = cancel.clone();
        FaultProxy::start(&from, move |request| match request.is_blob() && request.path().ends_with(layer.as_str()) {
            true => {
                let cancel = cancel.clone();
                std::thread::spawn(move || cancel.cancel());
                Fault::Stall(100_000)
            }
            false => Fault::Pass,
        })
    };
    let client = Client::new(options(), cancel);
    let began = Instant::now();
    let proxy = FaultProxy::start(&to, |_| Fault::Pass);
    let error = copy(&client, &at(source.host(), "a:1"), &[at(proxy.host(), "b:1")], &Default::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled, "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert_uploads_ended(&proxy, &to, "b", &sample);
    assert!(to.tags("b").is_empty());
}

#[test]
fn a_failed_copy_leaves_no_upload_and_goes_on_the_next_time() {
    let (from, to) = (Registry::start(), Registry::start());
    let sample = sample();
    sample.push_to(&from, "a", Some("1"));
    let layer = large(&sample);
    let refuses = FaultProxy::start(&to, move |request| {
        match request.is_upload() && request.query("digest").first().is_some_and(|digest| *digest == layer.as_str()) {
            true => json_error(403, "DENIED", "quota exceeded"),
            false => Fault::Pass,
        }
    });
    let error = copied(&at(from.host(), "a:1"), &at(refuses.host(), "b:1")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert_uploads_ended(&refuses, &to, "b", &sample);
    assert!(to.tags("b").is_empty());
    let done = copied(&at(from.host(), "a:1"), &at(to.host(), "b:1")).unwrap();
    let sizes = sample.blobs.iter().map(|blob| blob.bytes.len() as u64).sum::<u64>();
    assert!(done.bytes <= sizes && done.skipped as usize <= sample.blobs.len(), "{done:?}");
    assert_there(&to, "b", &sample);
}

#[test]
fn a_full_disk_on_the_other_side_is_said() {
    let from = Registry::start();
    let to = Registry::builder().disk(600_000).start();
    let sample = ImageBuilder::new(Flavour::Oci).layer(1, 10).layer(2, 2_000_000).build();
    sample.push_to(&from, "a", Some("1"));
    let error = copied(&at(from.host(), "a:1"), &at(to.host(), "b:1")).unwrap_err();
    let text = said(&error, &[(from.host(), "FROM"), (to.host(), "TO"), (sample.blobs[2].digest().as_str(), "LAYER")]);
    assert_eq!(error.kind(), Kind::Remote, "{text}");
    assert!(text.contains("TO/b") && text.ends_with("hint: the registry's disk is full: free space there"), "{text}");
    assert!(to.tags("b").is_empty());
}

#[test]
fn what_a_registry_says_moves_no_cursor_and_is_not_long() {
    let registry = Registry::start();
    let said_by = [
        ("ansi", json_error(403, "DENIED\u{1b}[2J", &format!("no\nnew\u{9b}31m line{}", "x".repeat(5000)))),
        ("text", Fault::status(500).header("Content-Type", "text/plain").body("a\u{1b}]0;title\u{7}b\r\n\tc")),
        ("html", Fault::status(502).header("Content-Type", "text/html").body("<html>proxy</html>")),
        (
            "gzip",
            Fault::status(500)
                .header("Content-Type", "application/json")
                .header("Content-Encoding", "gzip")
                .body(registry_testing::images::gzip(b"{}")),
        ),
        ("teapot", Fault::status(418)),
        (
            "too large",
            Fault::status(200).header("Content-Type", "application/vnd.oci.image.manifest.v1+json").body(vec![b' '; 5 << 20]),
        ),
        ("no json", Fault::status(200).header("Content-Type", "application/vnd.oci.image.manifest.v1+json").body("{")),
        (
            "schema 1",
            Fault::status(200)
                .header("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
                .body(r#"{"schemaVersion":1}"#),
        ),
        ("flood", { (0..2000).fold(Fault::status(200), |fault, number| fault.header(&format!("x-{number}"), "x".repeat(100))) }),
        ("loop", Fault::status(302).header("Location", "/v2/a/manifests/1")),
        ("file", Fault::status(302).header("Location", "file:///etc/passwd")),
        ("nowhere", Fault::status(302)),
    ];
    let mut lines = Vec::new();
    for (name, fault) in said_by {
        let proxy = FaultProxy::start(&registry, move |request| if request.is_manifest() { fault.clone() } else { Fault::Pass });
        let mut options = options();
        options.retry.attempts = 2;
        let client = Client::new(options, Cancel::new());
        let error = copy(&client, &at(proxy.host(), "a:1"), &[at(registry.host(), "b:1")], &Default::default()).unwrap_err();
        let text = said(&error, &[(&proxy.host(), "FROM")]);
        assert!(text.len() < 1600, "{name}: {}", text.len());
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(text.contains("FROM/a:1") || text.contains("FROM/v2/a/manifests/1"), "{name}: {text}");
        assert!(proxy.requests().len() < 20, "{name}");
        lines.push(format!("{name}: {}", text.replace(&"x".repeat(900), "")));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    ansi: unauthorized: FROM does not allow anonymous users to read FROM/a:1 (403)
    registry: DENIED [2J: no new 31m linexxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    hint: bind a Secret of type kubernetes.io/dockerconfigjson to the step's workspace for registry credentials, or log in with `podman login`
    text: remote: reading FROM/a:1 (tried 2 times): FROM answers 500 (internal server error) when asked to read FROM/a:1
    registry: a ]0;title b   c
    html: remote: reading FROM/a:1 (tried 2 times): FROM answers 502 (bad gateway) when asked to read FROM/a:1
    gzip: remote: reading FROM/a:1 (tried 2 times): FROM answers 500 (internal server error) when asked to read FROM/a:1
    teapot: remote: FROM answers 418 (i'm a teapot) when asked to read FROM/a:1
    too large: remote: the manifest of FROM/a:1 is larger than 4194304 bytes, more than is read
    no json: bad-input: the manifest of FROM/a:1 is malformed: EOF while parsing an object at line 1 column 1
    schema 1: bad-input: FROM/a:1 is a Docker schema 1 image, which is not supported
    hint: build and push it again: Docker has not made such images since 2017
    flood: remote: reading FROM/a:1 (tried 2 times): cannot reach http://FROM/v2/a/manifests/1: protocol: http parse resulted in too many headers
    loop: remote: FROM/a redirects from http://FROM/v2/a/manifests/1 more than 5 times
    file: remote: FROM/a redirects from http://FROM/v2/a/manifests/1 elsewhere: the registry names a URL that is malformed
    nowhere: remote: FROM/a redirects from http://FROM/v2/a/manifests/1 to nowhere
    ");
}
