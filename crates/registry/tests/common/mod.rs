//! What the tests of copying share: clients that do not wait long, names of images, errors in a form that stays the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use registry::client::Options;
use registry::{Client, Copied, Credentials, Environment, ImageRef, Location, Repository, copy};
use registry_testing::images::Sample;
use registry_testing::{FaultProxy, Registry};
use step::retry::Policy;
use step::{Cancel, Error, Result};

/// Everything as it is, except that pauses are short.
pub fn options() -> Options {
    let retry = Policy {
        attempts: 4,
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_secs(2),
        budget: Duration::from_secs(30),
    };
    Options { retry, silence: Duration::from_secs(20), ..Options::default() }
}

/// One that nobody knows.
pub fn client() -> Client {
    Client::new(options(), Cancel::new())
}

/// One that these files of credentials know: key, user, password.
pub fn client_of(logins: &[(&str, &str, &str)]) -> Client {
    Client::new(Options { credentials: credentials(logins), ..options() }, Cancel::new())
}

/// What a Secret with these entries says: key, user, password.
pub fn credentials(logins: &[(&str, &str, &str)]) -> Credentials {
    use base64::Engine;
    let auths: serde_json::Map<String, serde_json::Value> = logins
        .iter()
        .map(|(key, user, password)| {
            let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            ((*key).to_owned(), serde_json::json!({"auth": auth}))
        })
        .collect();
    credentials_in(&serde_json::json!({"auths": auths}))
}

/// The credentials of this `config.json`.
pub fn credentials_in(config: &serde_json::Value) -> Credentials {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    Credentials::find(Some(dir.path()), &Environment::default()).unwrap()
}

/// A location in a registry: `at(registry.host(), "a/b:1")`.
pub fn at(host: impl AsRef<str>, rest: &str) -> Location {
    format!("{}/{rest}", host.as_ref()).parse().unwrap()
}

/// A location in an OCI layout.
pub fn layout(dir: &Path, tag: &str) -> Location {
    format!("oci:{}:{tag}", dir.display()).parse().unwrap()
}

pub fn image(host: impl AsRef<str>, rest: &str) -> ImageRef {
    format!("{}/{rest}", host.as_ref()).parse().unwrap()
}

/// A repository to read from and write to.
pub fn repository(host: impl AsRef<str>, name: &str) -> Repository {
    client().push(&image(host, name)).unwrap()
}

/// Copies with the default options.
pub fn copied(from: &Location, to: &Location) -> Result<Copied> {
    copy(&client(), from, std::slice::from_ref(to), &Default::default())
}

/// All of `sample` is in the repository, byte for byte.
pub fn assert_there(registry: &Registry, repository: &str, sample: &Sample) {
    let found = registry.manifest(repository, sample.digest().as_str());
    let (media_type, bytes) = found.unwrap_or_else(|| panic!("{repository} lacks {}", sample.digest()));
    assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&sample.manifest.bytes));
    assert_eq!(media_type, sample.manifest.descriptor.media_type);
    for blob in &sample.blobs {
        assert_eq!(registry.blob(repository, blob.digest()).as_deref(), Some(&*blob.bytes), "{}", blob.digest());
    }
    sample.children.iter().for_each(|child| assert_there(registry, repository, child));
}

/// The tag names this manifest.
pub fn assert_tag(registry: &Registry, repository: &str, tag: &str, sample: &Sample) {
    let found = registry.manifest(repository, tag).unwrap_or_else(|| panic!("{repository} has no tag {tag}"));
    assert_eq!(registry::Digest::of(&found.1), *sample.digest(), "{repository}:{tag}");
}

/// The error as the user sees it, with names in the place of hosts.
pub fn said(error: &Error, names: &[(&str, &str)]) -> String {
    let mut text = format!("{error:?}");
    for (host, name) in names {
        text = text.replace(host, name);
        if let Some(port) = host.strip_prefix("127.0.0.1:") {
            text = text.replace(&format!("localhost:{port}"), &format!("{name}.localhost"));
        }
    }
    text
}

/// How many requests a proxy saw of a method whose path holds `part`.
pub fn count(proxy: &FaultProxy, method: &str, part: &str) -> usize {
    proxy.requests().iter().filter(|request| request.method == method && request.path().contains(part)).count()
}

/// Every upload that was begun there has ended: with a blob of `sample` in the repository, or by being cancelled. (A
/// docker-registry 2.8 keeps some of the cancelled ones all the same, when bytes came of which it did not tell.)
pub fn assert_uploads_ended(proxy: &FaultProxy, registry: &Registry, repository: &str, sample: &Sample) {
    let requests = proxy.requests();
    let begun = requests.iter().filter(|request| request.method == "POST").count();
    let stored = sample.blobs.iter().filter(|blob| registry.has_blob(repository, blob.digest())).count();
    let of_upload = |request: &&registry_testing::Request| request.method == "DELETE" && request.path().contains("/uploads/");
    let cancelled: BTreeSet<&str> = requests.iter().filter(of_upload).map(|request| request.path()).collect();
    assert!(begun <= stored + cancelled.len(), "{begun} begun, {stored} stored: {:#?}", proxy.lines());
}
