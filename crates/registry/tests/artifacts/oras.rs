//! What we push and `oras` pulls, and the other way round.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use registry::artifact::{Annotation, CREATED, PushOptions};
use registry::{Digest, Layout, Location, MediaType};
use registry_testing::images::{self, Flavour};
use registry_testing::{Fault, FaultProxy};
use serde_json::Value;
use step::Kind;

use super::common::{at, layout};
use super::{Bench, REGISTRY, here, tree};

fn manifest(repository: &str, reference: &str) -> String {
    String::from_utf8(REGISTRY.manifest(repository, reference).unwrap().1).unwrap()
}

fn annotated(annotations: &[&str]) -> PushOptions {
    let annotations: Vec<Annotation> = annotations.iter().map(|text| text.parse().unwrap()).collect();
    PushOptions { annotations: Annotation::map(&annotations).unwrap(), ..PushOptions::default() }
}

/// The manifest of `oras push`, and ours of the same, made at the same time.
fn both(bench: &Bench, repository: &str, files: &[&str], args: &[&str], options: PushOptions) -> (String, String) {
    let reference = format!("{}/{repository}:theirs", REGISTRY.host());
    bench.oras(&[&["push", "--plain-http", &reference], files, args].concat());
    let theirs = manifest(repository, "theirs");
    let created = serde_json::from_str::<Value>(&theirs).unwrap()["annotations"][CREATED].as_str().unwrap().to_owned();
    let mut options = options;
    options.annotations.insert(CREATED.to_owned(), created);
    let pushed = bench.push(files, &here(&format!("{repository}:ours")), &options).unwrap();
    let ours = manifest(repository, "ours");
    assert_eq!(pushed.digest, Digest::of(ours.as_bytes()));
    (theirs, ours)
}

#[test]
fn what_oras_makes_we_make_to_the_byte() {
    let bench = Bench::new();
    let typed = PushOptions { artifact_type: Some(MediaType::from("application/vnd.x")), ..PushOptions::default() };
    let annotations = ["request_id=7", "request_type=rm", "operators=a,b"];
    let given: Vec<&str> = annotations.iter().flat_map(|annotation| ["--annotation", annotation]).collect();
    for (name, files, args, options) in [
        ("same/iib", &["index.db:application/vnd.sqlite"][..], &given[..], annotated(&annotations)),
        ("same/typed", &["docs/a.md", "./empty", "a:b:"], &["--artifact-type=application/vnd.x"], typed.clone()),
        ("same/nothing", &[], &["--artifact-type=application/vnd.x"], typed),
        ("same/bare", &[], &[], PushOptions::default()),
    ] {
        let (theirs, ours) = both(&bench, name, files, args, options);
        assert_eq!(theirs, ours, "{name}");
    }
}

#[test]
fn the_artifact_of_an_index_database() {
    let bench = Bench::new();
    let to = here("iib/index-db:v4.19-7");
    let options = annotated(&["request_id=7", "request_type=rm", "operators=a,b"]);
    let pushed = bench.push(&["index.db:application/vnd.sqlite"], &to, &options).unwrap();
    insta::assert_snapshot!(manifest("iib/index-db", "v4.19-7"), @r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.unknown.artifact.v1","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"data":"e30="},"layers":[{"mediaType":"application/vnd.sqlite","digest":"sha256:2d2eef3e092af52b5837160fe2e3954907a4bfed1469edd2e6422749a6b16b7a","size":6,"annotations":{"org.opencontainers.image.title":"index.db"}}],"annotations":{"operators":"a,b","request_id":"7","request_type":"rm"}}"#);
    assert_eq!((pushed.url.to_string(), pushed.bytes, pushed.skipped), (to.to_string(), 8, 0));
    // Again: nothing is sent, and it is the same.
    let again = bench.push(&["index.db:application/vnd.sqlite"], &to, &options).unwrap();
    assert_eq!((again.digest, again.bytes, again.skipped), (pushed.digest, 0, 2));
    REGISTRY.fsck();
}

#[test]
fn oras_pulls_what_we_push() {
    let bench = Bench::new();
    bench
        .push(&["index.db:application/vnd.sqlite", "docs", "empty", "a:b:"], &here("to-oras:1"), &PushOptions::default())
        .unwrap();
    let output = bench.output().display().to_string();
    bench.oras(&["pull", "--plain-http", &format!("{}/to-oras:1", REGISTRY.host()), "-o", &output]);
    assert_eq!(bench.pulled(), tree(&bench.source()));
}

#[test]
fn we_pull_what_oras_pushes() {
    let bench = Bench::new();
    let reference = format!("{}/from-oras:1", REGISTRY.host());
    bench.oras(&["push", "--plain-http", &reference, "index.db:application/vnd.sqlite", "docs/", "empty", "a:b:"]);
    let pulled = bench.pull(&here("from-oras:1")).unwrap();
    let files: Vec<String> = pulled.files.iter().map(ToString::to_string).collect();
    assert_eq!(files, ["index.db", "docs", "empty", "a:b"]);
    assert_eq!(pulled.artifact_type, Some(MediaType::UNKNOWN_ARTIFACT));
    assert!(pulled.annotations.contains_key(CREATED));
    assert_eq!(bench.pulled(), tree(&bench.source()));
    // Over what is there, also when somebody has put a link there or another file into the directory.
    fs::remove_file(bench.output().join("index.db")).unwrap();
    symlink("/dev/null", bench.output().join("index.db")).unwrap();
    fs::write(bench.output().join("docs/mine"), "mine").unwrap();
    bench.pull(&here("from-oras:1")).unwrap();
    fs::write(bench.source().join("docs/mine"), "mine").unwrap();
    assert_eq!(bench.pulled(), tree(&bench.source()));
}

#[test]
fn a_whole_directory_that_oras_packs_is_unpacked_where_one_is() {
    let bench = Bench::new();
    bench.oras(&["push", "--plain-http", &format!("{}/dot:1", REGISTRY.host()), "."]);
    bench.pull(&here("dot:1")).unwrap();
    assert_eq!(bench.pulled(), tree(&bench.source()));
    let pushed = bench.push(&["."], &here("dot:2"), &PushOptions::default()).unwrap();
    bench.oras(&["pull", "--plain-http", &pushed.url.to_string(), "-o", &bench.dir.path().join("theirs").display().to_string()]);
    assert_eq!(tree(&bench.dir.path().join("theirs")), tree(&bench.source()));
}

#[test]
fn a_packed_directory_has_the_same_bytes_whatever_its_times_and_owners() {
    let (one, other) = (Bench::new(), Bench::new());
    fs::set_permissions(other.source().join("docs/a.md"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::File::open(other.source().join("docs/a.md")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let digest = |bench: &Bench| bench.push(&["docs"], &layout(&bench.output(), "1"), &PushOptions::default()).unwrap().digest;
    assert_eq!(digest(&one), digest(&other));
}

#[test]
fn layouts_are_for_artifacts_too() {
    let bench = Bench::new();
    let store = bench.dir.path().join("layout");
    let options = PushOptions { additional_tags: vec!["more".parse().unwrap()], ..PushOptions::default() };
    let pushed = bench.push(&["index.db", "docs"], &layout(&store, "1"), &options).unwrap();
    let tags: Vec<String> = Layout::open(&store).unwrap().tags().unwrap().into_iter().map(|(tag, _)| tag).collect();
    assert_eq!(tags, ["1", "more"]);
    let pulled = bench.pull(&layout(&store, "more")).unwrap();
    assert_eq!(pulled.digest, pushed.digest);
    assert_eq!(bench.pulled()["docs/api/run.sh"], "\"#!/bin/sh\\n\"*");
    let theirs = bench.dir.path().join("theirs");
    bench.oras(&["pull", "--oci-layout", &format!("{}:1", store.display()), "-o", &theirs.display().to_string()]);
    assert_eq!(tree(&theirs), bench.pulled());
}

#[test]
fn what_is_said_about_an_image_is_found_with_it() {
    let bench = Bench::new();
    images::image(Flavour::Oci, 1).push_to(&REGISTRY, "said", Some("1"));
    let subject = |text: &str| PushOptions {
        artifact_type: Some(MediaType::from("application/vnd.sbom")),
        subject: Some(text.parse().unwrap()),
        ..PushOptions::default()
    };
    let name = format!("{}/said:1", REGISTRY.host());
    let pushed = bench.push(&["docs/a.md"], &here("said"), &subject(&name)).unwrap();
    assert_eq!(pushed.url.to_string(), format!("{}/said@{}", REGISTRY.host(), pushed.digest));
    let digest = images::image(Flavour::Oci, 1).digest().to_string();
    let named = bench.push(&["empty"], &here("said:note"), &subject(&digest)).unwrap();
    assert_eq!(named.images, [here("said:note")]);
    let fallback = digest.replace(':', "-");
    assert_eq!(REGISTRY.tags("said"), ["1", "note", &*fallback]);
    let found: Value = serde_json::from_str(&bench.oras(&["discover", "--plain-http", "--format=json", &name])).unwrap();
    let found: Vec<&str> = found["referrers"].as_array().unwrap().iter().map(|found| found["digest"].as_str().unwrap()).collect();
    assert_eq!(found, [pushed.digest.as_str(), named.digest.as_str()]);
    let error = bench.push(&["empty"], &here("elsewhere:1"), &subject(&name)).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    let error = bench.push(&["empty"], &here("said"), &subject(Digest::of(b"none").as_str())).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

#[test]
fn a_file_that_changes_meanwhile_moves_no_tag() {
    let bench = Bench::new();
    let path = bench.source().join("index.db");
    // Same length, other content: after it was looked at, before it is sent.
    let proxy = FaultProxy::start(&REGISTRY, move |_| {
        fs::write(&path, "sqlite").unwrap();
        Fault::Pass
    });
    let error = bench.push(&["index.db", "empty"], &at(proxy.host(), "changing:1"), &PushOptions::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput);
    assert!(error.to_string().contains("/index.db should be sha256:"), "{error}");
    assert!(REGISTRY.tags("changing").is_empty());
}

#[test]
fn what_is_not_pushed() {
    let bench = Bench::new();
    symlink("/etc", bench.source().join("etc")).unwrap();
    symlink("/etc/passwd", bench.source().join("docs/passwd")).unwrap();
    std::process::Command::new("mkfifo").arg(bench.source().join("pipe")).status().unwrap();
    let digest = Digest::of(b"another");
    let to = here(&format!("not@{digest}"));
    let said = |files: &[&str], to: &Location| {
        let error = bench.push(files, to, &PushOptions::default()).unwrap_err();
        let text = format!("{}: {error}; {}", error.kind().name(), error.hint_text().unwrap_or_default());
        text.replace(&bench.dir.path().display().to_string(), "DIR").replace(REGISTRY.host(), "HOST")
    };
    let not = here("not:1");
    let archive: Location = "docker-archive:/tmp/x".parse().unwrap();
    insta::assert_snapshot!([
        said(&["none"], &not), said(&["etc/passwd"], &not), said(&["docs"], &not), said(&["pipe"], &not),
        said(&["empty", "./empty"], &not), said(&["docs", "docs/a.md"], &not), said(&["empty"], &to), said(&["empty"], &archive),
    ].join("\n"), @"
    not-found: cannot open DIR/source/none: No such file or directory (os error 2); 
    bad-input: DIR/source/etc/passwd leads out of DIR/source (to /etc/passwd); remove the symbolic link, or copy what it points to into the tree
    bad-input: DIR/source/docs/passwd may lead out of docs (to /etc/passwd); replace the link by what it leads to, or leave it out
    bad-input: DIR/source/pipe is neither a regular file nor a directory; 
    bad-input: the file empty is given more than once; give it once
    bad-input: docs/a.md is a part of docs, which is given too; give one of them
    conflict: HOST/not@sha256:ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5 is to be sha256:ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5, and what would be copied is sha256:5a6e661d8ece434973dce515e0a70a09be9c28aaef2623a23dfde15654410843; leave the digest out of the destination, or correct it
    usage: docker-archive:/tmp/x is no place for an artifact; give a registry's repository or a layout: oci:DIR:TAG
    ");
    assert!(REGISTRY.tags("not").is_empty());
}
