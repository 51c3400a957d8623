//! Every fault really happens, as seen from a bare connection.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use registry::{Descriptor, Digest, Index, MediaType};
use registry_testing::images::{self, Flavour};
use registry_testing::{Fault, FaultProxy, Feature, Recorder, Registry, first, without};
use ureq::http::Request;

use common::{End, PATIENCE, Raw, get, read, read_status, send, send_for};

const SIZE: usize = 300_000;

fn content() -> Vec<u8> {
    (0..SIZE).map(|place| (place % 251) as u8).collect()
}

/// A registry with a blob, and where it is.
fn stored() -> (Registry, Descriptor, String) {
    let registry = Registry::start();
    let blob = registry.store_blob("a", MediaType::OCTET_STREAM, &content()[..]);
    let target = format!("/v2/a/blobs/{}", blob.digest);
    (registry, blob, target)
}

/// Status, what `Content-Length` says, how many bytes came, how many of them are wrong, how it ended.
fn summary(raw: &Raw) -> String {
    let wrong = content().iter().zip(&raw.body).filter(|(a, b)| a != b).count();
    let length = raw.header("content-length").unwrap_or("-");
    format!("{} said {length} got {} wrong {wrong} {:?}", raw.status(), raw.body.len(), raw.end)
}

#[test]
fn what_becomes_of_a_blob() {
    let (registry, _, target) = stored();
    let see = |fault: &Fault| {
        let silent = matches!(fault, Fault::Stall(_) | Fault::Drip(_) | Fault::Silence);
        let fault = fault.clone();
        let proxy = FaultProxy::start(&registry, move |_| fault.clone());
        send_for(if silent { Duration::from_millis(500) } else { PATIENCE }, &proxy.host(), "GET", &target, &[], b"")
    };
    let said = [
        Fault::Pass,
        Fault::ResetResponse(100_000),
        Fault::ResetResponse(0),
        Fault::Truncate(100_000),
        Fault::Stall(100_000),
        Fault::Flip(200_000),
        Fault::Flip(0),
        Fault::Lie(1),
        Fault::Lie(-1),
        Fault::Drip(Duration::from_secs(3600)),
        Fault::Close,
        Fault::Swallow,
        Fault::Silence,
    ]
    .map(|fault| format!("{fault:?}: {}", summary(&see(&fault))));
    insta::assert_snapshot!(said.join("\n"), @"
    Pass: 200 said 300000 got 300000 wrong 0 Closed
    ResetResponse(100000): 200 said 300000 got 100000 wrong 0 Reset
    ResetResponse(0): 200 said 300000 got 0 wrong 0 Reset
    Truncate(100000): 200 said 300000 got 100000 wrong 0 Closed
    Stall(100000): 200 said 300000 got 100000 wrong 0 Silent
    Flip(200000): 200 said 300000 got 300000 wrong 1 Closed
    Flip(0): 200 said 300000 got 300000 wrong 1 Closed
    Lie(1): 200 said 300001 got 300000 wrong 0 Closed
    Lie(-1): 200 said 299999 got 300000 wrong 0 Closed
    Drip(3600s): 200 said 300000 got 1 wrong 0 Silent
    Close: 0 said - got 0 wrong 0 Closed
    Swallow: 0 said - got 0 wrong 0 Closed
    Silence: 0 said - got 0 wrong 0 Silent
    ");
}

#[test]
fn a_slow_body_comes_byte_by_byte() {
    let (registry, _, target) = stored();
    let proxy = FaultProxy::start(&registry, |_| Fault::Drip(Duration::from_millis(2)));
    let mut stream = TcpStream::connect(proxy.host()).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let start = Instant::now();
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    while !got.ends_with(&content()[..20]) {
        let count = stream.read(&mut buffer).unwrap();
        got.extend_from_slice(&buffer[..count]);
    }
    assert!(start.elapsed() >= Duration::from_millis(38), "{:?}", start.elapsed());
}

#[test]
fn answers_of_its_own() {
    let (registry, _, target) = stored();
    let proxy = FaultProxy::start(&registry, |request| match request.number {
        0 => Fault::status(503).header("Retry-After", "1").body("busy"),
        1 => Fault::status(401).header("WWW-Authenticate", "Bearer realm=\"http://x/\""),
        _ => Fault::Redirect("http://localhost:1".to_owned()),
    });
    let first = get(&proxy.host(), &target);
    assert_eq!((first.status(), first.header("retry-after"), &first.body[..]), (503, Some("1"), &b"busy"[..]));
    let second = send(&proxy.host(), "PUT", &target, &[], &[0; SIZE]);
    assert_eq!((second.status(), second.header("www-authenticate")), (401, Some("Bearer realm=\"http://x/\"")));
    let third = send(&proxy.host(), "HEAD", &target, &[("Authorization", "Basic eDp5")], b"");
    assert_eq!((third.status(), third.header("location")), (307, Some(&*format!("http://localhost:1{target}"))));
    let seen: Vec<_> = proxy.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(seen, [None, None, Some("Basic eDp5".to_owned())]);
    assert_eq!(proxy.lines()[1], format!("PUT {target}"));
    assert_eq!(registry.log().matches("response completed").count(), 0, "the registry heard of it");
}

/// Begins an upload by way of the proxy, and gives its target.
fn session(proxy: &FaultProxy) -> String {
    let answer = send(&proxy.host(), "POST", "/v2/a/blobs/uploads/", &[], b"");
    let location = answer.header("location").unwrap();
    location.strip_prefix(&proxy.url()).unwrap_or_else(|| panic!("{location} leads past the proxy")).to_owned()
}

#[test]
fn an_upload_is_reset_in_the_middle() {
    let registry = Registry::start();
    let proxy = FaultProxy::start(&registry, |request| match &*request.method {
        "PATCH" => Fault::ResetRequest(100_000),
        _ => Fault::Pass,
    });
    let target = session(&proxy);
    let reset = send(&proxy.host(), "PATCH", &target, &[], &content());
    assert_eq!((&*reset.head, reset.end), ("", End::Reset));
    assert_eq!((proxy.bytes_up(), proxy.bytes_down()), (100_000, 0));
    assert_eq!(registry.uploads_left(), 1);
}

#[test]
fn work_is_done_and_nobody_told() {
    let registry = Registry::start();
    let proxy = FaultProxy::start(&registry, |request| if request.is_upload() { Fault::Swallow } else { Fault::Pass });
    let target = session(&proxy);
    let digest = Digest::of(&content());
    let swallowed = send(&proxy.host(), "PUT", &format!("{target}&digest={digest}"), &[], &content());
    assert_eq!((&*swallowed.head, swallowed.end), ("", End::Closed));
    assert!(registry.has_blob("a", &digest));
}

#[test]
fn a_connection_serves_many_requests_and_chunked_bodies_pass() {
    let registry = Registry::start();
    let proxy = FaultProxy::start(&registry, |_| Fault::Pass);
    let target = session(&proxy);
    let host = proxy.host();
    let mut stream = TcpStream::connect(&host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = format!("PATCH {target} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in content().chunks(70_000) {
        text.extend(format!("{:x}\r\n", piece.len()).bytes().chain(piece.iter().copied()).chain(*b"\r\n"));
    }
    text.extend(b"0\r\n\r\n");
    stream.write_all(&text).unwrap();
    stream.write_all(format!("GET /v2/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let both = read(&mut stream);
    assert_eq!((both.status(), both.header("range")), (202, Some(&*format!("0-{}", SIZE - 1))));
    assert!(both.body.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&both.body));
}

#[test]
fn a_client_that_waits_for_leave_gets_it_or_an_answer() {
    let registry = Registry::builder().htpasswd("alice", "secret").start();
    let proxy = FaultProxy::start(&registry, |_| Fault::Pass);
    let waits = |login: &str| {
        let mut stream = TcpStream::connect(proxy.host()).unwrap();
        let head = format!(
            "PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let first = read_status(&mut stream);
        let _ = stream.write_all(b"{}");
        (first, read_status(&mut stream))
    };
    assert_eq!(waits("YWxpY2U6d3Jvbmc="), (401, 0));
    assert_eq!(waits("YWxpY2U6c2VjcmV0"), (100, 400));
}

#[test]
fn features_are_missing_when_asked() {
    let (registry, blob, target) = stored();
    let all = [Feature::Mount, Feature::Patch, Feature::Referrers, Feature::Range, Feature::Delete];
    let mount = format!("/v2/b/blobs/uploads/?mount={}&from=a", blob.digest);
    let referrers = format!("/v2/a/referrers/{}", blob.digest);
    let try_all = |features: &[Feature]| {
        let proxy = FaultProxy::start(&registry, without(features));
        let upload = session(&proxy);
        [
            send(&proxy.host(), "POST", &mount, &[], b"").status(),
            send(&proxy.host(), "PATCH", &upload, &[], b"x").status(),
            get(&proxy.host(), &referrers).status(),
            send(&proxy.host(), "GET", &target, &[("Range", "bytes=5-")], b"").status(),
            send(&proxy.host(), "DELETE", &session(&proxy), &[], b"").status(),
        ]
    };
    assert_eq!(try_all(&all), [202, 405, 404, 200, 405]);
    assert_eq!(try_all(&[]), [201, 202, 404, 206, 204]);
}

#[test]
fn headers_may_say_something_else() {
    let (registry, _, target) = stored();
    let proxy = FaultProxy::start(&registry, |request| match request.number {
        0 => Fault::Header("Docker-Content-Digest", Some("sha256:0".to_owned())),
        _ => Fault::Header("Docker-Content-Digest", None),
    });
    let said = || get(&proxy.host(), &target).header("docker-content-digest").map(str::to_owned);
    assert_eq!([said(), said()], [Some("sha256:0".to_owned()), None]);
}

#[test]
fn only_the_first_fail() {
    let (registry, _, target) = stored();
    let proxy = FaultProxy::start(&registry, first(2, |request| request.is_blob(), Fault::status(500)));
    let targets = ["/v2/", &target, &target, &target];
    assert_eq!(targets.map(|target| get(&proxy.host(), target).status()), [200, 500, 500, 200]);
}

#[test]
fn referrers_are_listed_in_pages() {
    let registry = Registry::start();
    let proxy = FaultProxy::builder(&registry).referrers(2).start(|_| Fault::Pass);
    let subject = images::image(Flavour::Oci, 1);
    subject.push_to(&registry, "a", Some("1"));
    let types = ["application/x.sbom", "application/x.sbom", "application/x.signature"];
    let about = types.iter().zip(["1", "2", "3"]);
    let about: Vec<_> = about.map(|(kind, name)| images::artifact(kind, &[(name, b"")], Some(&subject))).collect();
    about.iter().for_each(|one| one.push_to(&registry, "a", None));
    let again = format!("/v2/a/manifests/{}", about[0].digest());
    let headers = [("Content-Type", MediaType::OCI_MANIFEST.to_string())];
    let pushed = send(&proxy.host(), "PUT", &again, &[(headers[0].0, &headers[0].1)], &about[0].manifest.bytes);
    assert_eq!((pushed.status(), pushed.header("oci-subject")), (201, Some(subject.digest().as_str())));

    let list = |target: &str| {
        let page = get(&proxy.host(), target);
        let index: Index = serde_json::from_slice(&page.body).unwrap();
        let next = page.header("link").map(|link| link[1..].split('>').next().unwrap().to_owned());
        (index.manifests, next, page.header("oci-filters-applied").map(str::to_owned))
    };
    let start = format!("/v2/a/referrers/{}", subject.digest());
    let (mut found, next, filters) = list(&start);
    assert_eq!((found.len(), filters), (2, None));
    let (rest, next, _) = list(&next.unwrap());
    assert_eq!((rest.len(), next), (1, None));
    found.extend(rest);
    for one in &about {
        assert!(found.iter().any(|entry| entry.digest == *one.digest() && entry.artifact_type.is_some()));
    }
    let (signatures, next, filters) = list(&format!("{start}?artifactType=application%2Fx.signature"));
    assert_eq!((signatures.len(), next, filters.as_deref()), (1, None, Some("artifactType")));
    assert_eq!(list(&format!("/v2/a/referrers/{}", about[0].digest())).0, []);
}

#[test]
fn tls_towards_clients_is_told_to_the_registry() {
    let (registry, _, target) = stored();
    let proxy = FaultProxy::builder(&registry).tls().start(|request| match request.number {
        2 => Fault::ResetResponse(10),
        _ => Fault::Pass,
    });
    let url = format!("{}{target}", proxy.url());
    let mut body = registry.agent().get(&url).call().unwrap().into_body();
    assert_eq!(body.read_to_vec().unwrap(), content());
    let request = Request::post(format!("{}/v2/a/blobs/uploads/", proxy.url())).body(()).unwrap();
    let answer = registry.agent().run(request).unwrap();
    assert!(answer.headers()["location"].to_str().unwrap().starts_with(&format!("https://{}/v2/a/", proxy.host())));
    assert!(registry.agent().get(&url).call().unwrap().into_body().read_to_vec().is_err());
}

#[test]
fn the_recorder_serves_blobs_and_remembers() {
    let recorder = Recorder::start([content()]);
    let digest = Digest::of(&content());
    let (registry, _, target) = stored();
    let elsewhere = recorder.other_url();
    let proxy = FaultProxy::start(&registry, move |_| Fault::Redirect(elsewhere.clone()));
    let location = get(&proxy.host(), &target).header("location").unwrap().to_owned();
    let path = location.strip_prefix(&recorder.other_url()).unwrap();
    assert_eq!(get(&recorder.host(), path).body, content());
    let part = send(&recorder.host(), "GET", path, &[("Range", "bytes=299990-"), ("Cookie", "x")], b"");
    assert_eq!((part.status(), part.header("content-range")), (206, Some("bytes 299990-299999/300000")));
    assert_eq!(part.body, content()[299_990..]);
    assert_eq!(get(&recorder.host(), "/other").status(), 404);
    assert_eq!(recorder.requests()[1].header("cookie"), Some("x"));
    assert!(recorder.requests()[0].target.ends_with(digest.as_str()));
}

#[test]
fn it_stops_whatever_its_clients_do() {
    let (registry, _, target) = stored();
    let proxy = FaultProxy::start(&registry, |request| match request.number {
        0 => Fault::Silence,
        1 => Fault::Stall(10),
        2 => Fault::Drip(Duration::from_secs(3600)),
        _ => Fault::Pass,
    });
    let host = proxy.host();
    let clients: Vec<TcpStream> = (0..4)
        .map(|number| {
            let mut stream = TcpStream::connect(&host).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
            assert_eq!(read(&mut stream).end, End::Silent, "{number}");
            stream
        })
        .collect();
    drop(proxy);
    for mut client in clients {
        assert_ne!(read(&mut client).end, End::Silent);
    }
    assert!(TcpStream::connect(&host).is_err());
}
