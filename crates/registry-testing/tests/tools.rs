//! Other people's tools work with the registries here, and touch nothing of this machine's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use registry::{Digest, MediaType};
use registry_testing::images::{self, Flavour};
use registry_testing::{FaultProxy, Registry, TokenServer, Tool};

#[test]
fn skopeo_copies_with_tls_and_password() {
    let registry = Registry::builder().tls().htpasswd("alice", "secret").start();
    let image = images::image(Flavour::Oci, 1);
    image.push_to(&registry, "a", Some("1"));
    let skopeo = Tool::skopeo();
    let (from, to) = (format!("docker://{}/a:1", registry.host()), format!("docker://{}/b:1", registry.host()));
    let refused = skopeo.output(&["copy", &from, &to]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("authentication required"), "{refused:?}");
    skopeo.login(registry.host(), "alice", "secret");
    skopeo.run(&["copy", &from, &to]);
    assert_eq!(registry.manifest("b", "1").map(|(_, bytes)| Digest::of(&bytes)).as_ref(), Some(image.digest()));
    registry.fsck();
}

#[test]
fn skopeo_copies_with_tokens_by_way_of_the_proxy() {
    let server =
        TokenServer::builder().user("alice", "secret").allow("alice", "b", &["pull", "push"]).anonymous_pull("a").start();
    let registry = Registry::builder().token(&server).start();
    let proxy = FaultProxy::start(&registry, |_| registry_testing::Fault::Pass);
    let image = images::index(Flavour::Docker, &["linux/amd64", "linux/arm64"]);
    image.push_to(&registry, "a", Some("1"));
    let skopeo = Tool::skopeo();
    let host = proxy.host();
    skopeo.login(&host, "alice", "secret");
    skopeo.run(&[
        "copy",
        "--all",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        &format!("docker://{host}/a:1"),
        &format!("docker://{host}/b:1"),
    ]);
    assert_eq!(registry.manifest("b", "1").map(|(_, bytes)| Digest::of(&bytes)).as_ref(), Some(image.digest()));
    assert!(server.requests().iter().any(|asked| asked.user.as_deref() == Some("alice")));
    assert!(proxy.bytes_down() > 0);
    registry.fsck();
}

#[test]
fn buildah_builds_and_pushes() {
    let registry = Registry::start();
    let buildah = Tool::buildah();
    fs::write(buildah.home().join("file"), "content").unwrap();
    let container = buildah.run(&["from", "scratch"]);
    buildah.run(&["copy", &container, "file", "/file"]);
    buildah.run(&["config", "--label", "made=here", &container]);
    buildah.run(&["commit", &container, "sample"]);
    buildah.run(&["push", "--tls-verify=false", "sample", &format!("docker://{}/built:1", registry.host())]);
    assert_eq!(registry.manifest("built", "1").unwrap().0, MediaType::OCI_MANIFEST);
    registry.fsck();
    let inspected = Tool::skopeo().run(&["inspect", "--tls-verify=false", &format!("docker://{}/built:1", registry.host())]);
    assert!(inspected.contains(r#""made": "here""#), "{inspected}");
}

#[test]
fn oras_and_crane_read_what_is_made_here() {
    let registry = Registry::start();
    let host = registry.host();
    images::artifact("application/vnd.x", &[("a.txt", b"from here")], None).push_to(&registry, "a", Some("1"));
    let oras = Tool::oras();
    oras.run(&["pull", "--plain-http", &format!("{host}/a:1")]);
    assert_eq!(fs::read_to_string(oras.home().join("a.txt")).unwrap(), "from here");
    oras.run(&["push", "--plain-http", &format!("{host}/b:1"), "a.txt"]);
    assert!(registry.has_blob("b", &Digest::of(b"from here")));
    let crane = Tool::crane();
    crane.run(&["copy", &format!("{host}/b:1"), &format!("{host}/c:1")]);
    assert_eq!(crane.run(&["digest", &format!("{host}/c:1")]), crane.run(&["digest", &format!("{host}/b:1")]));
    registry.fsck();
}

/// Runs this very test program as a child that starts a registry and is killed: the registry goes too.
#[test]
fn no_registry_outlives_its_test() {
    let Some(file) = std::env::var_os("REGISTRY_TO_LEAVE") else {
        let dir = tempfile::tempdir().unwrap();
        for (number, how) in ["plain", "disk"].iter().enumerate() {
            let file = dir.path().join(how);
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "no_registry_outlives_its_test", "--nocapture"])
                .env("REGISTRY_TO_LEAVE", &file)
                .env("REGISTRY_DISK", number.to_string())
                .env("TMPDIR", dir.path())
                .spawn()
                .unwrap();
            let host = wait_for(&file);
            assert!(std::net::TcpStream::connect(&host).is_ok());
            child.kill().unwrap();
            child.wait().unwrap();
            // The kernel closes its socket after it is told to die: soon, but not at once.
            let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
            while std::net::TcpStream::connect(&host).is_ok() {
                assert!(std::time::Instant::now() < end, "{host} lives on");
                std::thread::yield_now();
            }
        }
        return;
    };
    let builder = Registry::builder();
    let disk = std::env::var("REGISTRY_DISK").unwrap() == "1";
    let registry = if disk { builder.disk(1 << 20).start() } else { builder.start() };
    fs::write(Path::new(&file).with_extension("new"), registry.host()).unwrap();
    fs::rename(Path::new(&file).with_extension("new"), &file).unwrap();
    loop {
        std::thread::park();
    }
}

fn wait_for(file: &Path) -> String {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        match fs::read_to_string(file) {
            Ok(text) => return text,
            Err(error) => assert!(std::time::Instant::now() < end, "{}: {error}", file.display()),
        }
        std::thread::yield_now();
    }
}
