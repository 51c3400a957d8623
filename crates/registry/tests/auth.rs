//! Who we are to registries: asked for as little as is needed, told to nobody else, and in words that help when it fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{assert_there, at, client, client_of, credentials, credentials_in, options, said};
use registry::client::Options;
use registry::{Client, Location, copy};
use registry_testing::images::{Flavour, image, index};
use registry_testing::{Fault, FaultProxy, Registry, TokenServer, first};
use serde_json::json;
use step::{Cancel, Kind, Result};
use tempfile::TempDir;

const PASSWORD: &str = "correct-horse-0123";

fn copied(client: &Client, from: &Location, to: &Location) -> Result<()> {
    copy(client, from, std::slice::from_ref(to), &Default::default()).map(drop)
}

/// A token server that knows kim, who may do everything in `team/`, and read `read/`.
fn server() -> registry_testing::TokenServerBuilder {
    TokenServer::builder()
        .user("kim", PASSWORD)
        .allow("kim", "team/*", &["pull", "push"])
        .allow("kim", "read/*", &["pull"])
        .anonymous_pull("public/*")
}

#[test]
fn a_token_is_asked_for_what_is_done_and_no_more() {
    let tokens = server().start();
    let registry = Registry::builder().token(&tokens).start();
    let sample = index(Flavour::Oci, &["linux/amd64", "linux/arm64"]);
    sample.push_to(&registry, "team/a", Some("1"));
    let kim = || client_of(&[(registry.host(), "kim", PASSWORD)]);
    let asked = |from: usize| {
        let requests = tokens.requests();
        let mut lines: Vec<String> =
            requests[from..].iter().map(|asked| format!("{} {} {}", asked.method, asked.grant, asked.scopes.join(" "))).collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    // Reading.
    let before = tokens.requests().len();
    let dir = tempfile::tempdir().unwrap();
    copied(&kim(), &at(registry.host(), "team/a:1"), &common::layout(dir.path(), "1")).unwrap();
    insta::assert_snapshot!(asked(before), @"GET basic repository:team/a:pull");
    // Writing.
    let before = tokens.requests().len();
    copied(&kim(), &common::layout(dir.path(), "1"), &at(registry.host(), "team/b:1")).unwrap();
    insta::assert_snapshot!(asked(before), @"GET basic repository:team/b:pull,push");
    // From one repository to another.
    let before = tokens.requests().len();
    copied(&kim(), &at(registry.host(), "team/a:1"), &at(registry.host(), "team/c:1")).unwrap();
    insta::assert_snapshot!(asked(before), @"
    GET basic repository:team/a:pull
    GET basic repository:team/c:pull,push
    GET basic repository:team/c:pull,push repository:team/a:pull
    ");
    assert_there(&registry, "team/c", &sample);
    assert!(tokens.requests().iter().all(|asked| asked.status == 200 && asked.service == tokens.service()));
    // Anonymous, where that is enough.
    sample.push_to(&registry, "public/a", Some("1"));
    let before = tokens.requests().len();
    copied(&client(), &at(registry.host(), "public/a:1"), &common::layout(dir.path(), "2")).unwrap();
    insta::assert_snapshot!(asked(before), @"GET anonymous repository:public/a:pull");
}

#[test]
fn an_identity_token_is_posted() {
    let tokens = server().identity_tokens().start();
    let registry = Registry::builder().token(&tokens).start();
    image(Flavour::Oci, 1).push_to(&registry, "team/a", Some("1"));
    let identity = tokens.identity_token("kim");
    let config = json!({"auths": {registry.host(): {"identitytoken": identity, "auth": "PHRva2VuPjo="}}});
    let client = || Client::new(Options { credentials: credentials_in(&config), ..options() }, Cancel::new());
    copied(&client(), &at(registry.host(), "team/a:1"), &at(registry.host(), "team/b:1")).unwrap();
    let requests = tokens.http_requests();
    assert!(
        !requests.is_empty() && requests.iter().all(|request| request.method == "POST" && !request.target.contains("identity"))
    );
    assert!(tokens.requests().iter().all(|asked| asked.grant == "refresh_token" && asked.user.as_deref() == Some("kim")));
    // Taken back, it is refused in words.
    tokens.revoke_identity_tokens();
    let error = copied(&client(), &at(registry.host(), "team/a:1"), &at(registry.host(), "team/c:1")).unwrap_err();
    insta::assert_snapshot!(said(&error, &[(registry.host(), "REGISTRY"), (&tokens.host(), "TOKENS")]), @"
    unauthorized: the token server http://TOKENS/token of REGISTRY refuses the credentials (401)
    registry: UNAUTHORIZED: who are you?
    hint: is the password right, the token expired? Log in to REGISTRY again
    ");
}

#[test]
fn tokens_that_live_a_second_are_renewed() {
    let tokens = server().lifetime(Duration::from_secs(1)).start();
    let registry = Registry::builder().token(&tokens).start();
    let sample = index(Flavour::Oci, &["linux/amd64", "linux/arm64", "linux/s390x", "linux/ppc64le"]);
    let source = Registry::start();
    sample.push_to(&source, "a", Some("1"));
    // Slow enough that the first token does not last.
    let began = Instant::now();
    let slow =
        FaultProxy::start(&source, move |request| match request.is_blob() && began.elapsed() < Duration::from_millis(1500) {
            true => Fault::Drip(Duration::from_micros(100)),
            false => Fault::Pass,
        });
    let client = client_of(&[(registry.host(), "kim", PASSWORD)]);
    copied(&client, &at(slow.host(), "a:1"), &at(registry.host(), "team/a:1")).unwrap();
    assert_there(&registry, "team/a", &sample);
    assert!(tokens.requests().len() >= 2, "{:?}", tokens.requests());
}

#[test]
fn a_401_in_mid_copy_is_answered_with_a_new_token() {
    let tokens = server().start();
    let source = Registry::start();
    let sample = index(Flavour::Oci, &["linux/amd64", "linux/arm64"]);
    sample.push_to(&source, "a", Some("1"));
    let registry = Registry::builder().token(&tokens).start();
    type Wanted = fn(&registry_testing::Request) -> bool;
    let steps: [(&str, Wanted); 5] = [
        ("head", |request| request.method == "HEAD"),
        ("begin", |request| request.method == "POST"),
        ("send", |request| request.is_upload()),
        ("manifest", |request| request.method == "PUT" && request.path().contains("/manifests/sha256:")),
        ("tag", |request| request.method == "PUT" && request.path().ends_with("/manifests/1")),
    ];
    for (step, wanted) in steps {
        let challenge = format!(r#"Bearer realm="{}",service="{}",error="invalid_token""#, tokens.realm(), tokens.service());
        let proxy = FaultProxy::start(&registry, first(1, wanted, Fault::status(401).header("WWW-Authenticate", challenge)));
        let client = client_of(&[(&proxy.host(), "kim", PASSWORD)]);
        copied(&client, &at(source.host(), "a:1"), &at(proxy.host(), &format!("team/{step}:1")))
            .unwrap_or_else(|error| panic!("{step}: {error:?}"));
        assert_there(&registry, &format!("team/{step}"), &sample);
    }
}

#[test]
fn an_upload_is_given_up_with_the_right_to_delete() {
    let tokens = TokenServer::builder().user("kim", PASSWORD).allow("kim", "team/*", &["pull", "push", "delete"]).start();
    let registry = Registry::builder().token(&tokens).start();
    let source = Registry::start();
    let sample = image(Flavour::Oci, 1);
    sample.push_to(&source, "a", Some("1"));
    let proxy = FaultProxy::start(&registry, |request| if request.is_upload() { Fault::status(400) } else { Fault::Pass });
    let client = client_of(&[(&proxy.host(), "kim", PASSWORD)]);
    copied(&client, &at(source.host(), "a:1"), &at(proxy.host(), "team/a:1")).unwrap_err();
    assert!(proxy.requests().iter().any(|request| request.method == "POST"));
    assert_eq!(registry.uploads_left(), 0);
}

#[test]
fn who_may_not_is_told_by_whom_and_what_to_do() {
    let tokens = server().start();
    let token = Registry::builder().token(&tokens).start();
    let basic = Registry::builder().htpasswd("kim", PASSWORD).start();
    let open = Registry::start();
    let sample = image(Flavour::Oci, 1);
    for (registry, repository) in [(&token, "team/a"), (&token, "read/a"), (&basic, "a"), (&open, "a")] {
        sample.push_to(registry, repository, Some("1"));
    }
    let names = [(token.host(), "TOKEN"), (basic.host(), "BASIC"), (open.host(), "OPEN"), (&*tokens.host(), "SERVER")];
    let kim = client_of(&[(token.host(), "kim", PASSWORD), (basic.host(), "kim", PASSWORD)]);
    let wrong = client_of(&[(token.host(), "kim", "wrong-horse-0123"), (basic.host(), "kim", "wrong-horse-0123")]);
    let nobody = client();
    let cases = [
        ("wrong password", &wrong, at(basic.host(), "a:1"), at(open.host(), "b:1"), Kind::Unauthorized),
        ("wrong password for a token", &wrong, at(token.host(), "team/a:1"), at(open.host(), "b:1"), Kind::Unauthorized),
        ("wrong password to push", &wrong, at(open.host(), "a:1"), at(basic.host(), "b:1"), Kind::Unauthorized),
        ("no login", &nobody, at(basic.host(), "a:1"), at(open.host(), "b:1"), Kind::Unauthorized),
        ("no login for a token", &nobody, at(token.host(), "team/a:1"), at(open.host(), "b:1"), Kind::Unauthorized),
        ("no login to push", &nobody, at(open.host(), "a:1"), at(basic.host(), "b:1"), Kind::Unauthorized),
        ("may not read", &kim, at(token.host(), "secret/a:1"), at(open.host(), "b:1"), Kind::Unauthorized),
        ("may not push", &kim, at(open.host(), "a:1"), at(token.host(), "read/b:1"), Kind::Unauthorized),
        ("no repository", &nobody, at(open.host(), "none:1"), at(open.host(), "b:1"), Kind::NotFound),
        ("no tag", &kim, at(basic.host(), "a:none"), at(open.host(), "b:1"), Kind::NotFound),
        (
            "no digest",
            &nobody,
            at(open.host(), &format!("a@{}", registry::Digest::of(b"none"))),
            at(open.host(), "b:1"),
            Kind::NotFound,
        ),
        ("nobody there", &nobody, at("127.0.0.1:1", "a:1"), at(open.host(), "b:1"), Kind::Remote),
    ];
    let mut lines = Vec::new();
    for (name, client, from, to, kind) in cases {
        let error = copied(client, &from, &to).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error:?}");
        // Which blob is looked for first is left to chance.
        let text = sample.blobs.iter().fold(said(&error, &names), |text, blob| text.replace(blob.digest().as_str(), "BLOB"));
        lines.push(format!("== {name}\n{text}"));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    == wrong password
    unauthorized: BASIC refuses the credentials, asked to read BASIC/a:1 (401)
    registry: UNAUTHORIZED: authentication required ([{"Type":"repository","Class":"","Name":"a","Action":"pull"}])
    hint: is the password right, the token expired? Log in to BASIC again
    == wrong password for a token
    unauthorized: the token server http://SERVER/token of TOKEN refuses the credentials (401)
    registry: UNAUTHORIZED: who are you?
    hint: is the password right, the token expired? Log in to TOKEN again
    == wrong password to push
    unauthorized: BASIC refuses the credentials, asked to look for BLOB in BASIC/b (401)
    hint: is the password right, the token expired? Log in to BASIC again
    == no login
    unauthorized: BASIC asks for credentials to read BASIC/a:1 (401)
    registry: UNAUTHORIZED: authentication required ([{"Type":"repository","Class":"","Name":"a","Action":"pull"}])
    hint: bind a Secret of type kubernetes.io/dockerconfigjson to the step's workspace for registry credentials, or log in with `podman login`
    == no login for a token
    unauthorized: TOKEN does not allow anonymous users to read TOKEN/team/a:1 (401)
    registry: UNAUTHORIZED: authentication required ([{"Type":"repository","Class":"","Name":"team/a","Action":"pull"}])
    hint: bind a Secret of type kubernetes.io/dockerconfigjson to the step's workspace for registry credentials, or log in with `podman login`
    == no login to push
    unauthorized: BASIC asks for credentials to look for BLOB in BASIC/b (401)
    hint: bind a Secret of type kubernetes.io/dockerconfigjson to the step's workspace for registry credentials, or log in with `podman login`
    == may not read
    unauthorized: TOKEN does not allow this user to read TOKEN/secret/a:1 (401)
    registry: UNAUTHORIZED: authentication required ([{"Type":"repository","Class":"","Name":"secret/a","Action":"pull"}])
    hint: give the account read access to TOKEN/secret/a
    == may not push
    unauthorized: TOKEN does not allow this user to push to TOKEN/read/b (401)
    registry: UNAUTHORIZED: authentication required ([{"Type":"repository","Class":"","Name":"read/b","Action":"pull"},{"Type":"repository","Class":"","Name":"read/b","Action":"push"}])
    hint: give the account write access to TOKEN/read/b
    == no repository
    not-found: there is no image OPEN/none:1
    hint: check name and tag; some registries also say so when credentials are missing
    == no tag
    not-found: there is no image BASIC/a:none
    hint: check name and tag, and that the credentials may see it: some registries hide what they may not
    == no digest
    not-found: there is no image OPEN/a@sha256:140bedbf9c3f6d56a9846d2ba7088798683f4da0c248231336e6a05679e4fdfe
    hint: check name and tag; some registries also say so when credentials are missing
    == nobody there
    remote: asking 127.0.0.1:1 (tried 4 times): cannot reach http://127.0.0.1:1/v2/: Connection refused (os error 111)
    "#);
    assert!(open.tags("b").is_empty());
}

#[test]
fn token_servers_that_fail() {
    let registry = Registry::start();
    image(Flavour::Oci, 1).push_to(&registry, "a", Some("1"));
    let down = "http://127.0.0.1:1/token".to_owned();
    let html = Fault::status(200).header("Content-Type", "text/html").body("<html>");
    let answers: Vec<(&str, Result<Fault, String>)> = vec![
        ("down", Err(down)),
        ("file", Err("file:///etc/passwd".to_owned())),
        ("password", Err("http://u:hidden-0123@127.0.0.1:1/".to_owned())),
        ("500", Ok(Fault::status(500))),
        ("403", Ok(Fault::status(403).header("Content-Type", "application/json").body(r#"{"details":"no"}"#))),
        ("html", Ok(html)),
        ("empty", Ok(Fault::status(200).body("{}"))),
        ("newline", Ok(Fault::status(200).body(r#"{"token":"a\r\nX: y"}"#))),
        ("huge", Ok(Fault::status(200).body(vec![b' '; 2 << 20]))),
        ("lifetime", Ok(Fault::status(200).body(r#"{"token":"abcd-token","expires_in":-1e308}"#))),
        ("redirect", Ok(Fault::status(302).header("Location", "http://169.254.169.254/"))),
    ];
    let mut lines = Vec::new();
    for (name, answer) in answers {
        let (realm, fault) = match answer {
            Err(realm) => (realm, Fault::Pass),
            Ok(fault) => (String::new(), fault),
        };
        let tokens = FaultProxy::start(&registry, move |_| fault.clone());
        let realm = if realm.is_empty() { format!("{}/token", tokens.url()) } else { realm };
        let challenge = format!(r#"Bearer realm="{realm}",service="s""#);
        let proxy = FaultProxy::start(&registry, move |_| Fault::status(401).header("WWW-Authenticate", &challenge));
        let client = client_of(&[(&proxy.host(), "kim", PASSWORD)]);
        let error = copied(&client, &at(proxy.host(), "a:1"), &at(registry.host(), "b:1")).unwrap_err();
        let text = said(&error, &[(&proxy.host(), "REGISTRY"), (&tokens.host(), "TOKENS")]);
        assert!(!text.contains("hidden-0123") && !text.contains(PASSWORD), "{text}");
        assert!(proxy.requests().len() + tokens.requests().len() < 30, "{name}");
        lines.push(format!("{name}: {text}"));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    down: remote: reading REGISTRY/a:1 (tried 4 times): cannot reach http://127.0.0.1:1/token: Connection refused (os error 111)
    file: remote: REGISTRY and its token server: the registry names a URL that is malformed
    password: remote: REGISTRY and its token server: the registry names a URL that holds a password
    500: remote: reading REGISTRY/a:1 (tried 4 times): the token server http://TOKENS/token of REGISTRY answers 500 (internal server error)
    403: unauthorized: the token server http://TOKENS/token of REGISTRY refuses the credentials (403)
    registry: {"details":"no"}
    hint: is the password right, the token expired? Log in to REGISTRY again
    html: remote: the token server http://TOKENS/token of REGISTRY answers with something that is no token
    empty: remote: the token server http://TOKENS/token of REGISTRY answers with something that is no token
    newline: remote: the token server http://TOKENS/token of REGISTRY answers with something that is no token
    huge: remote: the answer of the token server http://TOKENS/token of REGISTRY is larger than 1048576 bytes, more than is read
    lifetime: unauthorized: REGISTRY refuses the credentials, asked to read REGISTRY/a:1 (401)
    hint: is the password right, the token expired? Log in to REGISTRY again
    redirect: remote: the token server http://TOKENS/token of REGISTRY answers 302 (found)
    "#);
}

/// A file with a certificate that signed nothing here.
fn other_ca(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("other.crt");
    fs::write(&path, repo_testing::Tls::new().ca_pem()).unwrap();
    path
}

#[test]
fn certificates_count() {
    let registry = Registry::builder().tls().start();
    let closed = Registry::builder().client_certificate().start();
    let (dir, layout) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sample = image(Flavour::Oci, 1);
    sample.push_to(&registry, "a", Some("1"));
    sample.push_to(&closed, "a", Some("1"));
    let (certificates, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
    let (certificate, private) = closed.client_pem();
    fs::write(&certificates, certificate).unwrap();
    fs::write(&key, private).unwrap();
    let us = transport::ClientCertificate { certificates, key };
    let with = |change: &dyn Fn(&mut Options)| {
        let mut options = options();
        options.retry.attempts = 2;
        change(&mut options);
        Client::new(options, Cancel::new())
    };
    let read = |client: &Client, from: &Registry, tag: &str| {
        copied(client, &at(from.host(), "a:1"), &common::layout(layout.path(), tag))
    };
    read(&with(&|options| options.ca_file = Some(registry.ca_file())), &registry, "own").unwrap();
    read(&with(&|options| options.verify = false), &registry, "unverified").unwrap();
    let shown =
        |options: &mut Options| (options.ca_file, options.client_certificate) = (Some(registry.ca_file()), Some(us.clone()));
    read(&with(&shown), &closed, "client").unwrap();
    let mut lines = Vec::new();
    for (name, client, from) in [
        ("unknown authority", with(&|_| {}), &registry),
        ("other authority", with(&|options| options.ca_file = Some(other_ca(&dir))), &registry),
        ("no client certificate", with(&|options| options.ca_file = Some(registry.ca_file())), &closed),
    ] {
        let error = read(&client, from, "none").unwrap_err();
        lines.push(format!("{name}: {}", said(&error, &[(registry.host(), "REGISTRY"), (closed.host(), "CLOSED")])));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    unknown authority: remote: cannot reach https://REGISTRY/v2/: invalid peer certificate: UnknownIssuer
    hint: if a private authority signed it, give that as `ca-bundle.crt` in the `ca` workspace
    other authority: remote: cannot reach https://REGISTRY/v2/: invalid peer certificate: BadSignature
    hint: if a private authority signed it, give that as `ca-bundle.crt` in the `ca` workspace
    no client certificate: unauthorized: cannot reach https://CLOSED/v2/: received fatal alert: BadCertificate
    hint: it wants a client certificate that counts there: `tls.crt` and `tls.key`
    ");
}

/// Writes all that is traced into a string.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_secret_is_in_logs_errors_and_debug_texts() {
    let log = Log::default();
    let writer = log.clone();
    // The threads of a copy have no subscriber of their own: it is for the whole process.
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let tokens = server().start();
    let registry = Registry::builder().token(&tokens).start();
    let basic = Registry::builder().htpasswd("kim", PASSWORD).start();
    image(Flavour::Oci, 1).push_to(&registry, "team/a", Some("1"));
    // What it was sent comes back in its answer.
    let echo = FaultProxy::start(&basic, |request| match (request.header("authorization"), request.method == "PUT") {
        (Some(header), true) => {
            Fault::status(500).header("Content-Type", "text/plain").body(format!("you sent {header} {PASSWORD}"))
        }
        _ => Fault::Pass,
    });
    let client = client_of(&[(registry.host(), "kim", PASSWORD), (&echo.host(), "kim", PASSWORD)]);
    let error = copied(&client, &at(registry.host(), "team/a:1"), &at(echo.host(), "b:1")).unwrap_err();
    let logins = credentials(&[(registry.host(), "kim", PASSWORD)]);
    let shown =
        format!("{error:?}\n{error}\n{client:?}\n{logins:?}\n{:?}", client.push(&common::image(registry.host(), "team/a")));
    assert!(shown.contains("you sent"), "{shown}");
    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap() + &shown;
    assert!(said.contains("will try again") && said.contains("the registry answers"), "{said}");
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("kim:{PASSWORD}"));
    for secret in [PASSWORD, &basic, "eyJ"] {
        let place = said.find(secret).map(|at| &said[at.saturating_sub(200)..at + 20]);
        assert_eq!(place, None);
    }
}
