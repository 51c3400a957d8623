//! References beside those of the Go library, and what is said of wrong ones.

use std::fmt::Display;

use proptest::prelude::*;

use super::*;

const TABLE: &str = include_str!("../../tests/references.txt");
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What the Go library takes and we do not, and why.
const STRICTER: [(&str, &str); 7] = [
    ("a:65536/b", "no such port"),
    ("a:0/b", "no such port"),
    ("[1:2:3]/a", "no IPv6 address"),
    ("[::::]:1/a", "no IPv6 address"),
    ("a_b.c/d", "its host is empty there"),
    ("a__b.c/d", "its host is empty there"),
    ("quay.io/a@sha384:…", "we do not check this algorithm"),
];

fn verdict(text: &str) -> String {
    let Ok(image) = text.parse::<ImageRef>() else { return "no".into() };
    let tag = image.tag().map_or("-", Tag::as_str);
    let digest = image.digest().map_or("-", Digest::as_str);
    format!("{}\t{}\t{tag}\t{digest}", image.host(), image.repository())
}

#[test]
fn images_are_what_the_go_library_says() {
    let mut stricter = Vec::new();
    let mut cases = 0;
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let (text, expected) = line.split_once('\t').unwrap();
        let text: String = serde_json::from_str(text).unwrap();
        let found = verdict(&text);
        cases += 1;
        if found != expected {
            assert_eq!(found, "no", "{text:?}, for {expected}");
            stricter.push(text);
        }
    }
    assert!(cases >= 200, "{cases} cases");
    let expected = STRICTER.map(|(text, _)| text);
    let short = |text: &String| text.split_once("sha384:").map_or_else(|| text.clone(), |(start, _)| format!("{start}sha384:…"));
    assert_eq!(stricter.iter().map(short).collect::<Vec<_>>(), expected);
}

/// The texts, and what each is as `T`, one a line.
fn shown<T: FromStr<Err = InvalidReference> + Display>(texts: &[&str]) -> String {
    let mut lines = String::new();
    for text in texts {
        let short = |text: &str| text.replace(DIGEST, "sha256:…");
        let said = match text.parse::<T>() {
            Ok(value) => {
                let display = value.to_string();
                assert_eq!(display.parse::<T>().map(|again| again.to_string()).as_deref(), Ok(&*display));
                display
            }
            Err(invalid) => invalid.to_string(),
        };
        let text = if text.len() > 100 { format!("({} bytes)", text.len()) } else { format!("{text:?}") };
        lines.push_str(&format!("{}  →  {}\n", short(&text), short(&said)));
    }
    lines
}

#[test]
fn hosts() {
    insta::assert_snapshot!(shown::<Host>(&["quay.io", "localhost:5000", "[::1]:5000", "index.docker.io", "a", "", "a/b", "a:x", "::1", "[::1", "a_b", "u:pass-word-of-u@a", "$(h)", "a b", &"a".repeat(300)]), @r#"
    "quay.io"  →  quay.io
    "localhost:5000"  →  localhost:5000
    "[::1]:5000"  →  [::1]:5000
    "index.docker.io"  →  docker.io
    "a"  →  a
    ""  →  not the host of a registry: it is empty
    "a/b"  →  not the host of a registry: it is not letters, digits and dashes between dots
    "a:x"  →  not the host of a registry: it has a port that is not a number from 1 to 65535
    "::1"  →  not the host of a registry: it is an IPv6 address without brackets; write [::1]:5000
    "[::1"  →  not the host of a registry: it is not an IPv6 address in brackets, as in [::1]:5000
    "a_b"  →  not the host of a registry: it is not letters, digits and dashes between dots
    "u:pass-word-of-u@a"  →  not the host of a registry: it holds a user; credentials go into a file, as in ~/.docker/config.json
    "$(h)"  →  not the host of a registry: it holds `$`, which is not expanded here
    "a b"  →  not the host of a registry: it holds white space
    (300 bytes)  →  not the host of a registry: it is longer than 259 bytes
    "#);
    assert_eq!(step::redact::text("cannot read u:pass-word-of-u@a"), "cannot read u:***@a");
    let loopback = ["localhost", "LocalHost:1", "127.0.0.1", "127.1.2.3:5000", "[::1]", "[0:0:0:0:0:0:0:1]:5000"];
    let elsewhere = ["quay.io", "x.localhost", "localhost.example", "128.0.0.1", "127.0.0.1.example", "[::2]", "127.1"];
    for (hosts, expected) in [(&loopback[..], true), (&elsewhere[..], false)] {
        for host in hosts {
            assert_eq!(host.parse::<Host>().unwrap().is_loopback(), expected, "{host}");
        }
    }
    for (host, api) in
        [("docker.io", "registry-1.docker.io"), ("index.docker.io", "registry-1.docker.io"), ("quay.io:443", "quay.io:443")]
    {
        assert_eq!(host.parse::<Host>().unwrap().api(), api);
    }
}

#[test]
fn repositories_and_tags() {
    insta::assert_snapshot!(shown::<RepositoryName>(&["library/busybox", "a.b", "A", "a//b", "a/..", "a:1", "", &"a".repeat(256)]), @r#"
    "library/busybox"  →  library/busybox
    "a.b"  →  a.b
    "A"  →  not the name of a repository: it has capital letters
    "a//b"  →  not the name of a repository: it has an empty part: a slash too many
    "a/.."  →  not the name of a repository: it is not a-z and 0-9, with single `.`, `_`, `__` or dashes between, in parts separated by slashes
    "a:1"  →  not the name of a repository: it is not a-z and 0-9, with single `.`, `_`, `__` or dashes between, in parts separated by slashes
    ""  →  not the name of a repository: it is empty
    (256 bytes)  →  not the name of a repository: it is longer than 255 bytes
    "#);
    insta::assert_snapshot!(shown::<Tag>(&["v1.0_x-", "_", "", "-x", "a/b", "a:b", "$(t)", &"a".repeat(129)]), @r#"
    "v1.0_x-"  →  v1.0_x-
    "_"  →  _
    ""  →  not a tag: it is empty
    "-x"  →  not a tag: it begins with a dot or dash
    "a/b"  →  not a tag: it has other characters than letters, digits, `_`, `.` and `-`
    "a:b"  →  not a tag: it has other characters than letters, digits, `_`, `.` and `-`
    "$(t)"  →  not a tag: it holds `$`, which is not expanded here
    (129 bytes)  →  not a tag: it is longer than 128 bytes
    "#);
}

#[test]
fn locations() {
    let with_digest = |text: &str| text.replace("DIGEST", DIGEST);
    insta::assert_snapshot!(shown::<Location>(&[
        "docker://quay.io/a/b:1",
        "busybox",
        "docker:24",
        &with_digest("quay.io/a:1@DIGEST"),
        "docker://oci:x",
        "oci:dir",
        "oci:/a/dir:v1",
        "oci:../dir:v1",
        "oci:./a@b/dir/:v1-",
        "oci:dir:quay.io/org/app:1.2",
        "oci:dir:a+b--c",
        "oci:/home/me/My Images/app:1",
        &with_digest("oci:dir@DIGEST"),
        &with_digest("oci:dir:v1@DIGEST"),
        "docker-archive:a.tar",
        "docker-archive:/a/b.tar:app",
        "docker-archive:b.tar:localhost:5000/app:1",
    ]), @r#"
    "docker://quay.io/a/b:1"  →  quay.io/a/b:1
    "busybox"  →  docker.io/library/busybox
    "docker:24"  →  docker.io/library/docker:24
    "quay.io/a:1@sha256:…"  →  quay.io/a:1@sha256:…
    "docker://oci:x"  →  docker.io/library/oci:x
    "oci:dir"  →  oci:dir
    "oci:/a/dir:v1"  →  oci:/a/dir:v1
    "oci:../dir:v1"  →  oci:../dir:v1
    "oci:./a@b/dir/:v1-"  →  oci:./a@b/dir/:v1-
    "oci:dir:quay.io/org/app:1.2"  →  oci:dir:quay.io/org/app:1.2
    "oci:dir:a+b--c"  →  oci:dir:a+b--c
    "oci:/home/me/My Images/app:1"  →  oci:/home/me/My Images/app:1
    "oci:dir@sha256:…"  →  oci:dir@sha256:…
    "oci:dir:v1@sha256:…"  →  oci:dir:v1@sha256:…
    "docker-archive:a.tar"  →  docker-archive:a.tar
    "docker-archive:/a/b.tar:app"  →  docker-archive:/a/b.tar:docker.io/library/app:latest
    "docker-archive:b.tar:localhost:5000/app:1"  →  docker-archive:b.tar:localhost:5000/app:1
    "#);
}

#[test]
fn what_is_no_location() {
    let with_digest = |text: &str| text.replace("DIGEST", DIGEST);
    insta::assert_snapshot!(shown::<Location>(&[
        "",
        "https://quay.io/a",
        "http://localhost:5000/a",
        "dir:/tmp/x",
        "containers-storage:a",
        "oci-archive:x.tar",
        "ftp://a/b",
        "oci://quay.io/a",
        "oci:",
        "oci::v1",
        "oci:dir:",
        "oci:dir:a b",
        "oci:dir:a@@b",
        "oci:dir:@0",
        "oci:$(workspaces.x.path)/a",
        &with_digest("oci:@DIGEST"),
        &with_digest("oci:dir:a@DIGEST@DIGEST"),
        "oci:dir@sha256:0",
        "oci:a\nb",
        "oci:dir ",
        "oci:dir :a",
        "docker-archive:",
        "docker-archive::a",
        "docker-archive:a.tar:@0",
        "docker-archive:a.tar:A",
        &with_digest("docker-archive:a.tar:a@DIGEST"),
        "quay.io/$(params.x)",
        "quay.io/App",
        "quay.io/a:",
        "quay.io/a@sha256:0",
        "quay.io/a\tb",
        "user:password@quay.io/a",
        &DIGEST["sha256:".len()..],
        &"a/".repeat(2500),
    ]), @r#"
    ""  →  not an image's reference: it is empty
    "https://quay.io/a"  →  not an image's reference: it is a URL; leave out http:// or https://
    "http://localhost:5000/a"  →  not an image's reference: it is a URL; leave out http:// or https://
    "dir:/tmp/x"  →  not an image's reference: it has a transport that is not known here; write docker://IMAGE, oci:DIR or docker-archive:FILE
    "containers-storage:a"  →  not an image's reference: it has a transport that is not known here; write docker://IMAGE, oci:DIR or docker-archive:FILE
    "oci-archive:x.tar"  →  not an image's reference: it has a transport that is not known here; write docker://IMAGE, oci:DIR or docker-archive:FILE
    "ftp://a/b"  →  not an image's reference: it has a transport that is not known here; write docker://IMAGE, oci:DIR or docker-archive:FILE
    "oci://quay.io/a"  →  not a reference to an OCI layout: it begins with oci://; write oci:DIR, or a registry's image without it
    "oci:"  →  not a reference to an OCI layout: it is empty
    "oci::v1"  →  not a reference to an OCI layout: its directory is empty
    "oci:dir:"  →  not a reference to an OCI layout: its tag is empty
    "oci:dir:a b"  →  not a reference to an OCI layout: its tag holds white space
    "oci:dir:a@@b"  →  not a reference to an OCI layout: its tag is not letters and digits with one of `-._:@+/` or `--` between
    "oci:dir:@0"  →  not a reference to an OCI layout: its tag is not letters and digits with one of `-._:@+/` or `--` between
    "oci:$(workspaces.x.path)/a"  →  not a reference to an OCI layout: it holds `$`, which is not expanded here
    "oci:@sha256:…"  →  not a reference to an OCI layout: its directory is empty
    (153 bytes)  →  not a reference to an OCI layout: its tag ends in a digest
    "oci:dir@sha256:0"  →  not a reference to an OCI layout: its digest is not sha256: with 64 or sha512: with 128 digits 0-9, a-f
    "oci:a\nb"  →  not a reference to an OCI layout: it holds a line break or control character
    "oci:dir "  →  not a reference to an OCI layout: it has white space at an end
    "oci:dir :a"  →  not a reference to an OCI layout: its directory has white space at an end
    "docker-archive:"  →  not a reference to a docker archive: it is empty
    "docker-archive::a"  →  not a reference to a docker archive: its file is empty
    "docker-archive:a.tar:@0"  →  not a reference to a docker archive: its image is a number; write its name
    "docker-archive:a.tar:A"  →  not a reference to a docker archive: its repository has capital letters
    "docker-archive:a.tar:a@sha256:…"  →  not a reference to a docker archive: its image has a digest, which archives do not keep
    "quay.io/$(params.x)"  →  not an image's reference: it holds `$`, which is not expanded here
    "quay.io/App"  →  not an image's reference: its repository has capital letters
    "quay.io/a:"  →  not an image's reference: its tag is empty
    "quay.io/a@sha256:0"  →  not an image's reference: its digest is not sha256: with 64 or sha512: with 128 digits 0-9, a-f
    "quay.io/a\tb"  →  not an image's reference: it holds a line break or control character
    "user:password@quay.io/a"  →  not an image's reference: its host holds a user; credentials go into a file, as in ~/.docker/config.json
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  →  not an image's reference: it is a local image's ID; write its name
    (5000 bytes)  →  not an image's reference: it is longer than 4096 bytes
    "#);
}

#[test]
fn places_for_images() {
    insta::assert_snapshot!(shown::<Prefix>(&[
        "quay.io/org",
        "docker://localhost:5000",
        "docker.io",
        "[::1]:5000/a/b",
        "oci:/srv/images",
        "oci:.",
        "org",
        "org/team",
        "quay.io/org/",
        "quay.io/org:1",
        "oci:root:1",
        "https://quay.io",
        "docker-archive:x",
        "",
        "$(params.registry)",
    ]), @r#"
    "quay.io/org"  →  quay.io/org
    "docker://localhost:5000"  →  localhost:5000
    "docker.io"  →  docker.io
    "[::1]:5000/a/b"  →  [::1]:5000/a/b
    "oci:/srv/images"  →  oci:/srv/images
    "oci:."  →  oci:.
    "org"  →  not a place for images: it does not begin with a registry's host; write docker.io/… for Docker Hub
    "org/team"  →  not a place for images: it does not begin with a registry's host; write docker.io/… for Docker Hub
    "quay.io/org/"  →  not a place for images: its repository has an empty part: a slash too many
    "quay.io/org:1"  →  not a place for images: it has a tag or digest, so that it is the place of one image
    "oci:root:1"  →  not a place for images: it has a tag or digest, so that it is the place of one image
    "https://quay.io"  →  not a place for images: it is a URL; leave out http:// or https://
    "docker-archive:x"  →  not a place for images: it is one archive; write a registry or oci:ROOT
    ""  →  not a place for images: it is empty
    "$(params.registry)"  →  not a place for images: it holds `$`, which is not expanded here
    "#);
}

#[test]
fn names_are_joined_to_places() {
    let with_digest = |text: &str| text.replace("DIGEST", DIGEST);
    let mut lines = Vec::new();
    for (prefix, name) in [
        ("quay.io/org", "iib-build:7"),
        ("localhost:5000", "a/b@DIGEST"),
        ("docker.io", "busybox:1"),
        ("oci:ROOT", "iib-build:7"),
        ("oci:/srv/", "index-db:v4.19-7"),
        ("oci:ROOT", "quay.io/a:1@DIGEST"),
        ("oci:ROOT", "a:_x-"),
        ("quay.io", "other.example:5000/a:1"),
        ("oci:ROOT", "../a:1"),
        ("oci:ROOT", "/a"),
        ("oci:ROOT", "a:b:c"),
        ("oci:ROOT", "A:1"),
        ("oci:ROOT", "a:$(x)"),
        ("quay.io/a", ""),
        ("quay.io/a", "a@sha256:0"),
    ] {
        let place: Prefix = prefix.parse().unwrap();
        let said = place.join(&with_digest(name)).map_or_else(|error| error.to_string(), |location| format!("{location:?}"));
        lines.push(format!("{prefix} + {name}  →  {}", said.replace(DIGEST, "DIGEST")));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    quay.io/org + iib-build:7  →  quay.io/org/iib-build:7
    localhost:5000 + a/b@DIGEST  →  localhost:5000/a/b@DIGEST
    docker.io + busybox:1  →  docker.io/library/busybox:1
    oci:ROOT + iib-build:7  →  oci:ROOT/iib-build:7
    oci:/srv/ + index-db:v4.19-7  →  oci:/srv/index-db:v4.19-7
    oci:ROOT + quay.io/a:1@DIGEST  →  oci:ROOT/quay.io/a:1@DIGEST
    oci:ROOT + a:_x-  →  oci:ROOT/a:_x-
    quay.io + other.example:5000/a:1  →  there is no place for "other.example:5000/a:1" below quay.io: not a reference: its repository is not a-z and 0-9, with single `.`, `_`, `__` or dashes between, in parts separated by slashes
    oci:ROOT + ../a:1  →  there is no place for "../a:1" below oci:ROOT: not a reference: its repository is not a-z and 0-9, with single `.`, `_`, `__` or dashes between, in parts separated by slashes
    oci:ROOT + /a  →  there is no place for "/a" below oci:ROOT: not a reference: its repository has an empty part: a slash too many
    oci:ROOT + a:b:c  →  there is no place for "a:b:c" below oci:ROOT: not a reference: its repository is not a-z and 0-9, with single `.`, `_`, `__` or dashes between, in parts separated by slashes
    oci:ROOT + A:1  →  there is no place for "A:1" below oci:ROOT: not a reference: its repository has capital letters
    oci:ROOT + a:$(x)  →  there is no place for "a:$(x)" below oci:ROOT: not a reference: it holds `$`, which is not expanded here
    quay.io/a +   →  there is no place for "" below quay.io/a: not a reference: it is empty
    quay.io/a + a@sha256:0  →  there is no place for "a@sha256:0" below quay.io/a: not a reference: its digest is not sha256: with 64 or sha512: with 128 digits 0-9, a-f
    "#);
    let long: Prefix = format!("quay.io/{}", "a".repeat(250)).parse().unwrap();
    assert!(long.join("bcdef:1").is_err());
}

#[test]
fn parts_are_exchanged() {
    let digest: Digest = DIGEST.parse().unwrap();
    let image: ImageRef = "busybox:1".parse().unwrap();
    assert_eq!(image.name(), "docker.io/library/busybox");
    let pinned = image.clone().with_digest(digest.clone());
    assert_eq!(pinned.to_string(), format!("docker.io/library/busybox:1@{DIGEST}"));
    assert_eq!(pinned.clone().without_digest(), image);
    assert_eq!(pinned.without_tag().or_latest().to_string(), format!("docker.io/library/busybox@{DIGEST}"));
    assert_eq!(image.without_tag().or_latest().to_string(), "docker.io/library/busybox:latest");
    let layout: LayoutRef = "oci:dir".parse().unwrap();
    let tagged = layout.clone().with_tag("__x--".parse::<Tag>().unwrap().into()).with_digest(digest);
    assert_eq!(tagged.to_string(), format!("oci:dir:__x--@{DIGEST}"));
    assert_eq!(tagged.to_string().parse(), Ok(tagged.clone()));
    assert_eq!(tagged.without_tag().without_digest(), layout);
}

/// Texts that are nearly references: what the grammars are made of, in any order.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("docker://".to_owned()),
        Just("oci:".to_owned()),
        Just("docker-archive:".to_owned()),
        Just(format!("@{DIGEST}")),
        Just("localhost".to_owned()),
        Just("[::1]".to_owned()),
        "[a-zA-Z0-9]{1,3}",
        "[-._:@+/$ ]{1,2}",
        ".",
    ];
    prop::collection::vec(piece, 1..9).prop_map(|pieces| pieces.concat())
}

fn check_round_trip<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str) -> Result<(), TestCaseError> {
    if let Ok(value) = text.parse::<T>() {
        prop_assert!(!text.contains(['$', '\n']));
        prop_assert_eq!(value.to_string().parse::<T>().ok(), Some(value));
    }
    Ok(())
}

#[test]
fn a_registry_that_is_called_as_a_transport_is_told_from_it() {
    for text in ["docker://oci:5000/app:1", "docker://dir:5000/app:1"] {
        let location: Location = text.parse().unwrap();
        assert_eq!(location.to_string(), text);
        assert!(location.registry().is_some());
    }
    let prefix: Prefix = "docker://oci:5000".parse().unwrap();
    assert_eq!(prefix.to_string(), "docker://oci:5000");
    assert_eq!(prefix.join("app:1").unwrap().to_string(), "docker://oci:5000/app:1");
    assert_eq!("docker://quay.io/app:1".parse::<Location>().unwrap().to_string(), "quay.io/app:1");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_is_read_as_the_same(text in nearly()) {
        check_round_trip::<Location>(&text)?;
        check_round_trip::<ImageRef>(&text)?;
        check_round_trip::<LayoutRef>(&text)?;
        check_round_trip::<ArchiveRef>(&text)?;
        check_round_trip::<Prefix>(&text)?;
        check_round_trip::<Host>(&text)?;
        check_round_trip::<LayoutTag>(&text)?;
    }

    #[test]
    fn what_has_the_form_is_read(
        text in "([a-z]{1,5}\\.io|localhost)(:[1-9][0-9]{0,3})?(/[a-z0-9]{1,4}((_|__|\\.|-{1,3})[a-z0-9]{1,4}){0,2}){1,3}(:[0-9A-Za-z_][-._0-9A-Za-z]{0,9})?",
    ) {
        let image: ImageRef = text.parse()?;
        prop_assert_eq!(image.to_string(), text);
    }

    #[test]
    fn joining_puts_the_name_at_the_end(name in "[a-z0-9]{1,4}(/[a-z]{1,3}){0,2}:[0-9a-z]{1,4}") {
        for prefix in ["quay.io/org", "localhost:5000", "oci:root"] {
            let place: Prefix = prefix.parse()?;
            let location = place.join(&name).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(location.to_string(), format!("{prefix}/{name}"));
        }
    }
}
