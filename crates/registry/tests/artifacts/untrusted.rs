//! Artifacts that mean harm, or are damaged, or are not what was asked for: what is pulled from them, and what is said.

use std::fs;
use std::os::unix::fs::symlink;

use registry::artifact::{PullOptions, pull};
use registry::{Digest, MediaType};
use registry_testing::images::{self, Flavour, gzip};
use serde_json::{Value, json};
use tar::{EntryType, Header};

use super::common::client;
use super::{Bench, REGISTRY, here, tree};

/// Puts an artifact with these layers into `repository`, and gives what pulling it says.
fn pulling(bench: &Bench, repository: &str, layers: &[(&[u8], Value)], options: &PullOptions) -> String {
    let config = REGISTRY.put_blob(repository, b"{}");
    let layers: Vec<Value> = layers
        .iter()
        .map(|(bytes, annotations)| {
            let digest = REGISTRY.put_blob(repository, bytes);
            json!({"mediaType": "application/x", "digest": digest, "size": bytes.len(), "annotations": annotations})
        })
        .collect();
    let config = json!({"mediaType": MediaType::EMPTY, "digest": config, "size": 2});
    let manifest = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": layers});
    REGISTRY.put_manifest(repository, "1", &MediaType::OCI_MANIFEST, manifest.to_string().as_bytes());
    match pull(&client(), &here(&format!("{repository}:1")), &bench.output(), options) {
        Ok(pulled) => format!("pulled {:?}", pulled.files.iter().map(ToString::to_string).collect::<Vec<_>>()),
        Err(error) => format!("{}: {error}", error.kind().name()).replace(REGISTRY.host(), "HOST"),
    }
}

fn title(title: &str) -> Value {
    json!({"org.opencontainers.image.title": title})
}

#[test]
fn names_that_lead_out_are_not_written() {
    let bench = Bench::new();
    let file: &[u8] = b"x";
    let mut said = Vec::new();
    for name in ["../x", "/tmp/x", "a/../../x", "a\nb", "\u{1b}[2J", "$(x)", ".", "./x"] {
        said.push(format!("{name:?}: {}", pulling(&bench, "names/one", &[(file, title(name))], &PullOptions::default())));
    }
    for names in [["a", "a"], ["a", "a/b"], ["a/b", "./a//b"]] {
        let layers = names.map(|name| (file, title(name)));
        said.push(format!("{names:?}: {}", pulling(&bench, "names/two", &layers, &PullOptions::default())));
    }
    said.push(pulling(&bench, "names/none", &[(file, json!({}))], &PullOptions::default()));
    said.push(pulling(&bench, "names/some", &[(file, json!({})), (file, title("named"))], &PullOptions::default()));
    insta::assert_snapshot!(said.join("\n"), @r#"
    "../x": bad-input: HOST/names/one:1 holds a file called "../x", which is not written: not a path below its directory: it holds `..`
    "/tmp/x": bad-input: HOST/names/one:1 holds a file called "/tmp/x", which is not written: not a path below its directory: it is absolute
    "a/../../x": bad-input: HOST/names/one:1 holds a file called "a/../../x", which is not written: not a path below its directory: it holds `..`
    "a\nb": bad-input: HOST/names/one:1 holds a file called "a\nb", which is not written: not a path below its directory: it holds `$`, a line break or a NUL
    "\u{1b}[2J": bad-input: HOST/names/one:1 holds a file called "\u{1b}[2J", which is not written: it holds a control character
    "$(x)": bad-input: HOST/names/one:1 holds a file called "$(x)", which is not written: not a path below its directory: it holds `$`, a line break or a NUL
    ".": bad-input: HOST/names/one:1 holds a file called ".", which is not written: it is a directory's name
    "./x": pulled ["x"]
    ["a", "a"]: bad-input: HOST/names/two:1 holds a and a, which cannot both be
    ["a", "a/b"]: bad-input: HOST/names/two:1 holds a and a/b, which cannot both be
    ["a/b", "./a//b"]: bad-input: HOST/names/two:1 holds a/b and a/b, which cannot both be
    bad-input: HOST/names/none:1 holds no files: its files have no names
    pulled ["named"]
    "#);
    assert_eq!(tree(bench.dir.path()).keys().filter(|path| path.ends_with('x')).collect::<Vec<_>>(), ["output/x"]);
}

/// A tar of these entries, each with a link's target or a file's content.
fn tar_of(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (kind, name, content) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        // `set_path` would refuse what these tests are about.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o755);
        let is_file = matches!(kind, EntryType::Regular | EntryType::GNULongName);
        header.set_size(if is_file { content.len() as u64 } else { 0 });
        if !is_file {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_cksum();
        tar.extend(header.as_bytes());
        if is_file {
            tar.extend(content.as_bytes());
            tar.resize(tar.len().next_multiple_of(512), 0);
        }
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// The annotations of a packed directory called `d`.
fn packed(tar: &[u8]) -> Value {
    json!({
        "org.opencontainers.image.title": "d",
        "io.deis.oras.content.unpack": "true",
        "io.deis.oras.content.digest": Digest::of(tar),
    })
}

#[test]
fn directories_that_lead_out_are_not_unpacked() {
    use EntryType::{Block, Directory, Fifo, Link, Regular, Symlink};
    let bench = Bench::new();
    fs::create_dir_all(bench.output()).unwrap();
    let long = "n".repeat(70_000);
    let cases: &[&[(EntryType, &str, &str)]] = &[
        &[(Regular, "d/../../x", "evil")],
        &[(Regular, "/d/x", "evil")],
        &[(Regular, "x", "evil")],
        &[(Regular, "dd/x", "evil")],
        &[(Symlink, "d/l", "/etc")],
        &[(Symlink, "d/l", "..")],
        &[(Symlink, "d", "..")],
        &[(Symlink, "d/l", "")],
        &[(Directory, "d/s", ""), (Symlink, "d/s/up", ".."), (Symlink, "d/out", "s/up/../..")],
        &[(Symlink, "d/l", "s"), (Regular, "d/l/x", "through")],
        &[(Directory, "d/s", ""), (Symlink, "d/l", "s"), (Regular, "d/l/x", "through")],
        &[(Symlink, "d/l", "x"), (Regular, "d/l", "through")],
        &[(Link, "d/h", "/etc/passwd")],
        &[(Link, "d/h", "d/../../etc/passwd")],
        &[(Link, "d/h", "d/none")],
        &[(Symlink, "d/l", "f"), (Link, "d/h", "d/l")],
        &[(Block, "d/b", "")],
        &[(Fifo, "d/p", "")],
        &[(Regular, "d/f", "1"), (Regular, "d/f", "2")],
        &[(Regular, "d/f", "1"), (Regular, "d/f/x", "2")],
        &[(EntryType::GNULongName, "././@LongLink", &long), (Regular, "d/f", "1")],
    ];
    let mut said = Vec::new();
    for entries in cases {
        let tar = tar_of(entries);
        let names: Vec<String> =
            entries.iter().map(|(_, name, link)| format!("{name} {}", &link[..link.len().min(12)])).collect();
        let result = pulling(&bench, "directories", &[(&gzip(&tar), packed(&tar))], &PullOptions::default());
        said.push(format!("[{}] {result}", names.join(", ")));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    [d/../../x evil] bad-input: d is not unpacked: it holds "d/../../x", which is not in d
    [/d/x evil] bad-input: d is not unpacked: it holds "/d/x", which is not in d
    [x evil] bad-input: d is not unpacked: it holds "x", which is not in d
    [dd/x evil] bad-input: d is not unpacked: it holds "dd/x", which is not in d
    [d/l /etc] bad-input: d is not unpacked: the link "d/l" may lead out of it (to "/etc")
    [d/l ..] bad-input: d is not unpacked: the link "d/l" may lead out of it (to "..")
    [d ..] bad-input: d is not unpacked: the link "d" may lead out of it (to "..")
    [d/l ] bad-input: d is not unpacked: the link "d/l" may lead out of it (to "")
    [d/s , d/s/up .., d/out s/up/../..] bad-input: d is not unpacked: the link "d/out" may lead out of it (to "s/up/../..")
    [d/l s, d/l/x through] bad-input: the artifact holds "d/l" more than once, or something within what is no directory
    [d/s , d/l s, d/l/x through] bad-input: the artifact holds "d/l" more than once, or something within what is no directory
    [d/l x, d/l through] bad-input: the artifact holds "d/l" more than once, or something within what is no directory
    [d/h /etc/passwd] bad-input: d is not unpacked: it holds "/etc/passwd", which is not in d
    [d/h d/../../etc/] bad-input: d is not unpacked: it holds "d/../../etc/passwd", which is not in d
    [d/h d/none] bad-input: "d/h" of the artifact is a link to no file of it
    [d/l f, d/h d/l] bad-input: "d/h" of the artifact is a link to no file of it
    [d/b ] bad-input: d is not unpacked: "d/b" is neither a file, a directory nor a link
    [d/p ] bad-input: d is not unpacked: "d/p" is neither a file, a directory nor a link
    [d/f 1, d/f 2] bad-input: the artifact holds "d/f" more than once, or something within what is no directory
    [d/f 1, d/f/x 2] bad-input: the artifact holds "d/f" more than once, or something within what is no directory
    [././@LongLink nnnnnnnnnnnn, d/f 1] bad-input: d cannot be unpacked: a name is too long
    "#);
    assert!(bench.pulled().is_empty(), "{:?}", bench.pulled());
}

#[test]
fn directories_with_links_and_long_names_are_unpacked() {
    use EntryType::{Directory, Link, Regular, Symlink};
    let bench = Bench::new();
    let long = format!("d/{}", "n".repeat(200));
    let tar = tar_of(&[
        (Directory, "d/", ""),
        (Regular, "./d/f", "content"),
        (Symlink, "d/s/up", "../f"),
        (Link, "d/h", "d/f"),
        (EntryType::XGlobalHeader, "pax_global_header", ""),
        (EntryType::GNULongName, "././@LongLink", &long),
        (Regular, "d/cut", "long"),
    ]);
    let said = pulling(&bench, "links", &[(&gzip(&tar), packed(&tar))], &PullOptions::default());
    assert_eq!(said, r#"pulled ["d"]"#);
    let mut pulled = bench.pulled();
    assert_eq!(pulled.remove(&long).unwrap(), "\"long\"*");
    insta::assert_debug_snapshot!(pulled, @r#"
    {
        "d": "directory",
        "d/f": "\"content\"*",
        "d/h": "\"content\"*",
        "d/s": "directory",
        "d/s/up": "-> ../f",
    }
    "#);
}

#[test]
fn damaged_directories_are_told_and_leave_nothing() {
    let bench = Bench::new();
    fs::create_dir_all(bench.output()).unwrap();
    let tar = tar_of(&[(EntryType::Regular, "d/f", "content")]);
    let (whole, bomb) = (gzip(&tar), gzip(&[tar.clone(), vec![0; 1 << 20]].concat()));
    let mut wrong = packed(&tar);
    wrong["io.deis.oras.content.digest"] = json!(Digest::of(b"other"));
    let mut strange = packed(&tar);
    strange["io.deis.oras.content.digest"] = json!("md5:0");
    let small = PullOptions { max_size: 100_000, ..PullOptions::default() };
    let large = vec![0; 100_001];
    let said = [
        pulling(&bench, "damaged", &[(&whole, wrong)], &small),
        pulling(&bench, "damaged", &[(&whole, strange)], &small),
        pulling(&bench, "damaged", &[(b"no gzip", packed(&tar))], &small),
        pulling(&bench, "damaged", &[(&whole[..whole.len() - 9], packed(&tar))], &small),
        pulling(&bench, "damaged", &[(&gzip(&tar[..700]), packed(&tar[..700]))], &small),
        pulling(&bench, "damaged", &[(&gzip(&tar[..600]), packed(&tar[..600]))], &small),
        pulling(&bench, "damaged", &[(&gzip(&[7; 512]), packed(&[7; 512]))], &small),
        pulling(&bench, "damaged", &[(&bomb, packed(&tar))], &small),
        pulling(&bench, "damaged", &[(&large, title("large")), (b"x", title("x"))], &small),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    bad-input: the tar in d should be sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, and is sha256:c5ff0935b3fb098e0a6bff455f4d6991d6da698aa1b04ef867515a00c086583c
    bad-input: HOST/damaged:1 holds a file called "d", which is not written: its annotation io.deis.oras.content.digest is not a digest: its algorithm is neither sha256 nor sha512
    bad-input: d cannot be unpacked: it is no gzip, or damaged: unexpected end of file
    bad-input: d cannot be unpacked: it is no gzip, or damaged: incomplete deflate stream
    bad-input: d cannot be unpacked: it is cut short
    bad-input: d cannot be unpacked: it is cut short
    bad-input: d cannot be unpacked: a header is none
    bad-input: the artifact has more than 100000 bytes, unpacked
    bad-input: the artifact has more than 100000 bytes, unpacked
    "#);
    assert!(bench.pulled().is_empty());
}

#[test]
fn nothing_is_moved_when_something_is_in_the_way() {
    let bench = Bench::new();
    fs::create_dir_all(bench.output().join("b")).unwrap();
    symlink("b", bench.output().join("link")).unwrap();
    let file: &[u8] = b"x";
    let before = bench.pulled();
    let said = ["b", "link/x"].map(|name| {
        let said = pulling(&bench, "way", &[(file, title("a")), (file, title(name))], &PullOptions::default());
        said.replace(&bench.dir.path().display().to_string(), "DIR")
    });
    insta::assert_snapshot!(said.join("\n"), @"
    bad-input: DIR/output/b is to be a file and is a directory
    bad-input: DIR/output/link is to be a directory and is none
    ");
    assert_eq!(bench.pulled(), before);
    // What a killed pull left is removed by the next one; what one that runs has is not.
    let (abandoned, held) = (bench.output().join(".stepwright-abandoned"), bench.output().join(".stepwright-held"));
    fs::create_dir(&abandoned).unwrap();
    fs::create_dir(&held).unwrap();
    let lock = fs::File::open(&held).unwrap();
    lock.lock().unwrap();
    assert_eq!(pulling(&bench, "way", &[(file, title("a"))], &PullOptions::default()), r#"pulled ["a"]"#);
    assert!(!abandoned.exists() && held.exists());
}

#[test]
fn files_are_asked_for_by_name_and_sources_by_digest() {
    let bench = Bench::new();
    images::artifact("application/vnd.x", &[("a", b"1"), ("b/c", b"2")], None).push_to(&REGISTRY, "asked", Some("1"));
    images::index(Flavour::Oci, &["linux/amd64", "linux/arm64"]).push_to(&REGISTRY, "asked", Some("index"));
    images::image(Flavour::Docker, 1).push_to(&REGISTRY, "asked", Some("image"));
    let pull = |tag: &str, files: &[&str], digest: Option<Digest>| {
        let files = files.iter().map(|file| file.parse().unwrap()).collect();
        let options = PullOptions { files, digest, ..PullOptions::default() };
        match pull(&client(), &here(&format!("asked:{tag}")), &bench.output(), &options) {
            Ok(pulled) => pulled.files.iter().map(ToString::to_string).collect(),
            Err(error) => format!("{}: {error}; {}", error.kind().name(), error.hint_text().unwrap_or_default())
                .replace(REGISTRY.host(), "HOST"),
        }
    };
    insta::assert_snapshot!([
        pull("1", &["b/c"], None),
        pull("1", &["a", "index.db"], None),
        pull("1", &[], Some(Digest::of(b"other"))),
        pull("index", &[], None),
        pull("image", &[], None),
        pull("none", &[], None),
    ].join("\n"), @"
    b/c
    not-found: HOST/asked:1 has no file index.db; it has a, b/c
    conflict: HOST/asked:1 should be sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, and is sha256:b77ef5455011d87fedec45952b45ad084e55297c7ef9f22a7451524c1b8df924; it changed meanwhile: look at it, and start again with the digest that is right
    bad-input: HOST/asked:index is an index of 2 manifests, and no artifact; give the digest of one of them instead of the tag: sha256:698d0da00563cd381f67111eaba8c9044c3685538d19ad1bb19400f00df33e43, sha256:e714d8cd3d7acf3498a71945b7ce0b337ee3ec8d7146d8476a791edcbd2f67c9
    bad-input: HOST/asked:image holds no files: it may be an image; a file is a layer with the annotation org.opencontainers.image.title; images are copied with copy-image
    not-found: there is no image HOST/asked:none; check name and tag; some registries also say so when credentials are missing
    ");
    assert_eq!(bench.pulled(), [("b".to_owned(), "directory".to_owned()), ("b/c".to_owned(), "\"2\"".to_owned())].into());
}
