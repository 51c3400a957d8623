//! The registry in each of its flavours does what it is there for, and refuses whom it should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::time::Duration;

use base64::Engine;
use registry::{Digest, MediaType};
use registry_testing::{Registry, TokenServer};
use serde_json::json;
use ureq::Agent;

use common::{get, send};

/// Pushes an artifact of one blob, and gives its manifest's digest and the blob's.
fn push(registry: &Registry, repository: &str, tag: &str) -> (Digest, Digest) {
    let blob = registry.put_blob(repository, format!("the content of {tag}").as_bytes());
    let config = registry.put_blob(repository, b"{}");
    let size = format!("the content of {tag}").len();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": {"mediaType": MediaType::EMPTY, "digest": config, "size": 2},
        "layers": [{"mediaType": MediaType::OCTET_STREAM, "digest": blob, "size": size}],
    });
    let bytes = manifest.to_string().into_bytes();
    (registry.put_manifest(repository, tag, &MediaType::OCI_MANIFEST, &bytes), blob)
}

#[test]
fn what_is_put_is_there() {
    let registry = Registry::start();
    let (manifest, blob) = push(&registry, "team/app", "1");
    assert_eq!(push(&registry, "team/app", "2").0, registry.manifest("team/app", "2").map(|(_, b)| Digest::of(&b)).unwrap());
    assert_eq!(registry.tags("team/app"), ["1", "2"]);
    assert_eq!(registry.tags("team/other"), [""; 0]);
    assert_eq!(registry.repositories(), ["team/app"]);
    assert_eq!(registry.blob("team/app", &blob).unwrap(), b"the content of 1");
    assert_eq!(registry.manifest("team/app", manifest.as_str()).unwrap().0, MediaType::OCI_MANIFEST);
    assert_eq!(registry.manifest("team/app", "3"), None);
    assert!(!registry.has_blob("team/other", &blob) && registry.blob("team/other", &blob).is_none());
    assert_eq!((registry.uploads_left(), registry.blobs_stored()), (0, 5));
    registry.fsck();
}

#[test]
fn what_is_begun_is_counted() {
    let registry = Registry::start();
    let session = send(registry.host(), "POST", "/v2/a/blobs/uploads/", &[], b"");
    assert_eq!((session.status(), registry.uploads_left()), (202, 1));
}

#[test]
fn fsck_finds_every_damage() {
    let registry = Registry::builder().delete_enabled().start();
    let [whole, flipped, lost, unlinked, gone] =
        ["whole", "flipped", "lost", "unlinked", "gone"].map(|tag| push(&registry, tag, tag));
    registry.damage(&flipped.1);
    registry.lose(&lost.1);
    registry.delete_blob("unlinked", &unlinked.1);
    registry.lose(&gone.0);
    let mut faults = registry.faults().join("\n");
    for (digest, name) in [(flipped.1, "FLIPPED"), (lost.1, "LOST"), (unlinked.1, "UNLINKED"), (gone.0, "GONE")] {
        faults = faults.replace(digest.as_str(), name);
    }
    insta::assert_snapshot!(faults, @"
    flipped:flipped names FLIPPED, which has another content
    gone:gone names GONE, which is not there
    lost:lost names LOST, which is not there
    unlinked:unlinked names the blob UNLINKED, which the repository has not
    ");
    registry.delete_manifest("whole", &whole.0);
    assert_eq!(registry.tags("whole"), [""; 0]);
}

#[test]
fn an_index_is_looked_into() {
    let registry = Registry::builder().delete_enabled().start();
    let (child, blob) = push(&registry, "a", "child");
    let (_, bytes) = registry.manifest("a", "child").unwrap();
    let entry = json!({"mediaType": MediaType::OCI_MANIFEST, "digest": child, "size": bytes.len()});
    let index = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": [entry]}).to_string();
    registry.put_manifest("a", "index", &MediaType::OCI_INDEX, index.as_bytes());
    registry.delete_manifest("a", &child);
    insta::assert_snapshot!(registry.faults().join("\n"), @"a:index > sha256:d38dfcea74ef names the manifest sha256:d38dfcea74ef71e7e5c6df57ce27c550fca0a8c2f7af82131c56ed58403dbb53, which the repository has not");
    registry.put_manifest("a", child.as_str(), &MediaType::OCI_MANIFEST, &bytes);
    registry.fsck();
    registry.damage(&blob);
    insta::assert_snapshot!(registry.faults().join("\n"), @"a:index > sha256:d38dfcea74ef names sha256:a0c10b406fc5cec8828f73038d85e24275d3242c373d6e86508012181303bf00, which has another content");
}

#[test]
fn a_blob_stored_behind_its_back_is_served() {
    let registry = Registry::start();
    let blob = registry.store_blob("a", MediaType::OCTET_STREAM, &b"content"[..]);
    assert_eq!((blob.size, blob.digest.clone()), (7, Digest::of(b"content")));
    assert_eq!(registry.blob("a", &blob.digest).unwrap(), b"content");
}

#[test]
fn htpasswd_lets_in_whom_it_knows() {
    let registry = Registry::builder().htpasswd("alice", "a very: långt pässword").start();
    push(&registry, "a", "1");
    registry.fsck();
    let refused = get(registry.host(), "/v2/a/tags/list");
    assert_eq!((refused.status(), refused.header("www-authenticate")), (401, Some("Basic realm=\"a test's registry\"")));
    let wrong = base64::engine::general_purpose::STANDARD.encode("alice:wrong");
    let wrong = send(registry.host(), "GET", "/v2/", &[("Authorization", &format!("Basic {wrong}"))], b"");
    assert_eq!(wrong.status(), 401);
}

#[test]
fn tls_is_of_the_tests_authority() {
    let registry = Registry::builder().tls().htpasswd("alice", "secret").start();
    push(&registry, "a", "1");
    assert!(registry.url().starts_with("https://127.0.0.1:"));
    assert!(std::fs::read_to_string(registry.ca_file()).unwrap().starts_with("-----BEGIN CERTIFICATE"));
    let stranger = Agent::config_builder().proxy(None).build().new_agent();
    assert!(stranger.get(format!("{}/v2/", registry.url())).call().unwrap_err().to_string().contains("certificate"));
}

#[test]
fn client_certificates_are_asked_for() {
    let registry = Registry::builder().client_certificate().start();
    push(&registry, "a", "1");
    assert!(registry.client_pem().1.contains("PRIVATE KEY"));
    let strangers = Registry::builder().tls().start();
    // The same authority, and no certificate to show.
    let url = format!("{}/v2/", registry.url());
    let agent = strangers.agent();
    assert!(agent.get(url).call().is_err(), "{agent:?}");
    assert_eq!(agent.get(format!("{}/v2/", strangers.url())).call().unwrap().status(), 200);
}

#[test]
fn locations_may_be_relative() {
    let location = |registry: &Registry| {
        send(registry.host(), "POST", "/v2/a/blobs/uploads/", &[], b"").header("location").unwrap().to_owned()
    };
    let registry = Registry::builder().relative_urls().start();
    assert!(location(&registry).starts_with("/v2/a/blobs/uploads/"));
    push(&registry, "a", "1");
    let registry = Registry::start();
    assert!(location(&registry).starts_with(registry.url()));
}

#[test]
fn a_full_disk_is_full_and_others_are_not() {
    let registry = Registry::builder().disk(1 << 20).start();
    push(&registry, "a", "1");
    registry.store_blob("a", MediaType::OCTET_STREAM, &b"content"[..]);
    registry.fsck();
    let session = send(registry.host(), "POST", "/v2/a/blobs/uploads/", &[], b"");
    let target = session.header("location").unwrap().strip_prefix(registry.url()).unwrap().to_owned();
    let full = send(registry.host(), "PATCH", &target, &[("Content-Type", "application/octet-stream")], &[7; 2 << 20]);
    assert_eq!(full.status(), 500);
    assert!(String::from_utf8(full.body).unwrap().contains("no space left on device"));
    registry.fsck();
}

#[test]
fn a_killed_registry_answers_nobody_until_it_is_back() {
    let mut registry = Registry::start();
    push(&registry, "a", "1");
    registry.kill();
    assert!(std::net::TcpStream::connect(registry.host()).is_err());
    registry.fsck();
    registry.restart();
    assert_eq!(registry.tags("a"), ["1"]);
}

/// What a token server gives for `query`, and what the registry says to it.
fn token(server: &TokenServer, query: &str, login: Option<&str>) -> (u16, serde_json::Value) {
    let login = login.map(|login| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login)));
    let headers: Vec<(&str, &str)> = login.iter().map(|login| ("Authorization", login.as_str())).collect();
    let answer = send(&server.host(), "GET", &format!("/token?service=x&{query}"), &headers, b"");
    (answer.status(), serde_json::from_slice(&answer.body).unwrap())
}

fn try_with(registry: &Registry, method: &str, target: &str, token: &serde_json::Value) -> u16 {
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    send(registry.host(), method, target, &[("Authorization", &bearer)], b"").status()
}

#[test]
fn tokens_open_what_they_are_for() {
    let server = TokenServer::builder()
        .user("alice", "secret")
        .allow("alice", "team/*", &["pull", "push"])
        .anonymous_pull("public/app")
        .start();
    let registry = Registry::builder().token(&server).start();
    push(&registry, "team/app", "1");
    push(&registry, "public/app", "1");
    registry.fsck();

    let refused = get(registry.host(), "/v2/team/app/tags/list");
    let asks = refused.header("www-authenticate").unwrap().replace(&server.host(), "HOST");
    insta::assert_snapshot!(asks, @r#"Bearer realm="http://HOST/token",service="a test's registry",scope="repository:team/app:pull""#);

    let (status, answer) =
        token(&server, "scope=repository:team/app:pull,push&scope=repository%3Aother%3Apull", Some("alice:secret"));
    assert_eq!((status, &answer["expires_in"]), (200, &json!(300)));
    let cases = [
        ("GET", "/v2/team/app/tags/list", 200),
        ("POST", "/v2/team/app/blobs/uploads/", 202),
        ("GET", "/v2/other/tags/list", 401),
        ("GET", "/v2/public/app/tags/list", 401),
    ];
    for (method, target, status) in cases {
        assert_eq!(try_with(&registry, method, target, &answer["token"]), status, "{method} {target}");
    }
    let (_, anonymous) = token(&server, "scope=repository:public/app:pull,push", None);
    assert_eq!(try_with(&registry, "GET", "/v2/public/app/tags/list", &anonymous["token"]), 200);
    assert_eq!(try_with(&registry, "POST", "/v2/public/app/blobs/uploads/", &anonymous["token"]), 401);
    assert_eq!(token(&server, "scope=repository:team/app:pull", Some("alice:wrong")).0, 401);

    let asked: Vec<String> = server.requests().iter().map(|asked| format!("{asked:?}")).collect();
    insta::assert_snapshot!(asked.join("\n"), @r#"
    TokenRequest { method: "GET", user: Some("alice"), grant: "basic", scopes: ["repository:team/app:pull,push", "repository:other:pull"], service: "x", status: 200 }
    TokenRequest { method: "GET", user: None, grant: "anonymous", scopes: ["repository:public/app:pull,push"], service: "x", status: 200 }
    TokenRequest { method: "GET", user: None, grant: "basic", scopes: ["repository:team/app:pull"], service: "x", status: 401 }
    "#);
}

#[test]
fn tokens_end() {
    for (lifetime, status) in [(0, 401), (60, 200)] {
        let server =
            TokenServer::builder().anonymous_pull("*").lifetime(Duration::from_secs(lifetime)).told_lifetime(None).start();
        let registry = Registry::builder().token(&server).start();
        push(&registry, "a", "1");
        let (_, answer) = token(&server, "scope=repository:a:pull", None);
        assert_eq!(answer.get("expires_in"), None);
        assert_eq!(try_with(&registry, "GET", "/v2/a/tags/list", &answer["token"]), status);
    }
}

#[test]
fn identity_tokens_stand_for_passwords() {
    let server = TokenServer::builder().user("alice", "secret").allow("alice", "a", &["pull"]).identity_tokens().start();
    let registry = Registry::builder().token(&server).start();
    push(&registry, "a", "1");
    let post = |form: &str| {
        let answer = send(&server.host(), "POST", "/token", &[], form.as_bytes());
        (answer.status(), serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap())
    };
    let (_, first) = token(&server, "scope=repository:a:pull&offline_token=true", Some("alice:secret"));
    let identity = first["refresh_token"].as_str().unwrap();
    let (status, answer) = post(&format!("grant_type=refresh_token&service=x&scope=repository:a:pull&refresh_token={identity}"));
    assert_eq!(status, 200);
    assert_eq!(try_with(&registry, "GET", "/v2/a/tags/list", &answer["access_token"]), 200);
    assert_eq!(post("grant_type=password&service=x&scope=&username=alice&password=secret").0, 200);
    assert_eq!(post("grant_type=refresh_token&refresh_token=made-up").0, 401);
    let own = server.identity_token("alice");
    server.revoke_identity_tokens();
    assert_eq!(post(&format!("grant_type=refresh_token&refresh_token={own}")).0, 401);
    let deaf = TokenServer::builder().without_oauth().start();
    assert_eq!(send(&deaf.host(), "POST", "/token", &[], b"grant_type=refresh_token").status(), 405);
}
