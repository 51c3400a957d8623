//! Input that is broken, hostile or too much: an error or a verdict in bounded time and memory, never a panic.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::symlink;

use fbc::{Limits, OpmVersion, Tree, Verdict, validate};
use step::{Cancel, Kind, Result};

fn verdict(files: &[(&str, &[u8])], limits: &Limits) -> Result<Verdict> {
    let dir = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        fs::write(dir.path().join(path), bytes).unwrap();
    }
    validate(&Tree::read(dir.path(), limits)?, OpmVersion::default(), &Cancel::new())
}

/// The error or the finding, without the directory.
fn answer(text: &[u8]) -> String {
    match verdict(&[("a/catalog.yaml", text)], &Limits::default()) {
        Ok(verdict) if verdict.is_valid() => "valid".into(),
        Ok(verdict) => {
            let shown: Vec<_> = verdict.findings().iter().map(ToString::to_string).collect();
            format!("invalid: {}", shown.join("; "))
        }
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn bombs() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..10 {
        let alias = format!("*a{}", i - 1);
        laughs.push_str(&format!("a{i}: &a{i} [{}]\n", [alias.as_str(); 10].join(", ")));
    }
    let long = format!("schema: &a {}\nb:\n{}", "x".repeat(100_000), "- *a\n".repeat(20_000));
    let bombs = [
        ("many aliases", laughs),
        ("long aliases", long),
        ("an alias in itself", "schema: x\na: &a [*a]\n".into()),
        ("flow depth", "[".repeat(100_000)),
        ("block depth", format!("{}x\n", "- ".repeat(100_000))),
        ("indented depth", (0..3000).map(|i| format!("{}a:\n", " ".repeat(i))).collect()),
        ("JSON depth", format!("{{\"schema\":\"x\",\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000))),
        ("open JSON depth", format!("{{\"a\":{}", "[".repeat(100_000))),
        ("depth that opm takes, too", format!("{{\"schema\":\"x\",\"a\":{}{}}}", "[".repeat(9_000), "]".repeat(9_000))),
        ("depth without a schema", format!("{{\"a\":{}{}}}", "[".repeat(130), "]".repeat(130))),
    ];
    let answers = bombs.map(|(name, text)| format!("{name}: {}", answer(text.as_bytes())));
    insta::assert_snapshot!(answers.join("\n"), @r#"
    many aliases: invalid: a/catalog.yaml:1: error converting YAML to JSON: yaml: document contains excessive aliasing
    long aliases: bad-input: a/catalog.yaml:1: error converting YAML to JSON: yaml: aliases expand to more than 67108864 bytes
    hint: look whether the file belongs into a catalog, or raise the limit
    an alias in itself: invalid: a/catalog.yaml:1: error converting YAML to JSON: yaml: anchor value contains itself
    flow depth: bad-input: a/catalog.yaml:1: error converting YAML to JSON: yaml: line 1: collections nest deeper than 255 levels
    hint: look whether the file belongs into a catalog, or raise the limit
    block depth: bad-input: a/catalog.yaml:1: error converting YAML to JSON: yaml: line 1: collections nest deeper than 255 levels
    hint: look whether the file belongs into a catalog, or raise the limit
    indented depth: bad-input: a/catalog.yaml:256: error converting YAML to JSON: yaml: line 256: collections nest deeper than 255 levels
    hint: look whether the file belongs into a catalog, or raise the limit
    JSON depth: invalid: a/catalog.yaml:1: json: offset 0: exceeded max depth
    open JSON depth: bad-input: a/catalog.yaml:1: error converting YAML to JSON: yaml: line 1: collections nest deeper than 255 levels
    hint: look whether the file belongs into a catalog, or raise the limit
    depth that opm takes, too: valid
    depth without a schema: invalid: a/catalog.yaml:1: object '{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}' is missing root schema field
    "#);
}

#[test]
fn hostile_sizes_are_refused() {
    let limits = Limits { max_yaml_nodes: 1000, max_file_size: 10_000, ..Limits::default() };
    let error = verdict(&[("x.yaml", "- a\n".repeat(1001).as_bytes())], &limits).unwrap_err();
    insta::assert_snapshot!(format!("{error:?}"), @r"
    bad-input: x.yaml:1000: error converting YAML to JSON: yaml: more than 1000 scalars and collections in one document
    hint: look whether the file belongs into a catalog, or raise the limit
    ");
    let error = verdict(&[("x.yaml", &[b' '; 10_001])], &limits).unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput);
    let text = format!("{error:?}");
    insta::assert_snapshot!(&text[text.find("x.yaml").unwrap()..], @r"
    x.yaml has 10001 bytes or more, the limit is 10000 bytes
    hint: split the file, or raise max-file-size if it is meant to be this large
    ");
    let entries = format!("{{\"schema\":\"olm.channel\",\"entries\":[{}{{}}]}}", "{},".repeat(1_000_000));
    let error = verdict(&[("x.json", entries.as_bytes())], &Limits::default()).unwrap_err();
    insta::assert_snapshot!(error, @"x.json:1: parse channel: more than 1000000 items");
}

#[test]
fn broken_files() {
    let texts: [(&str, &[u8]); 8] = [
        ("binary", b"\x7fELF\x02\x01\x01\0\0"),
        ("not UTF-8", b"schema: x\nname: \xff\xfe\n"),
        ("cut off JSON", b"{\"schema\":\"olm.package\",\"na"),
        ("cut off YAML", b"schema: x\nname: \"a\n"),
        ("tab", b"schema: x\na:\n\tb: c\n"),
        ("text", b"# Read me\n\nThis is no catalog.\n"),
        ("HTML", b"<html><body>502 Bad Gateway</body></html>\n"),
        ("conflict markers", b"<<<<<<< HEAD\nschema: x\n=======\nschema: y\n>>>>>>> main\n"),
    ];
    let answers = texts.map(|(name, text)| format!("{name}: {}", answer(text)));
    insta::assert_snapshot!(answers.join("\n"), @r"
    binary: invalid: a/catalog.yaml:1: error converting YAML to JSON: yaml: control characters are not allowed
    not UTF-8: invalid: a/catalog.yaml:2: error converting YAML to JSON: yaml: invalid leading UTF-8 octet
    cut off JSON: invalid: a/catalog.yaml:1: unexpected EOF
    cut off YAML: invalid: a/catalog.yaml:3: error converting YAML to JSON: yaml: line 3: invalid indentation in multiline quoted scalar
    tab: invalid: a/catalog.yaml:3: error converting YAML to JSON: yaml: line 3: tabs disallowed within this context (block indentation)
    text: invalid: a/catalog.yaml:1: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go value of type map[string]interface {}
    HTML: invalid: a/catalog.yaml:1: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go value of type map[string]interface {}
    conflict markers: invalid: a/catalog.yaml:2: error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context
    ");
}

#[test]
fn all_errors_at_once_with_their_places() {
    let verdict = verdict(
        &[
            ("a.json", b"{\n  \"schema\": \"x\"\n}\n{\n  \"name\": \"a\"\n}\n"),
            ("b.yaml", b"schema: x\n---\na: b: c\n"),
            ("c.yaml", b""),
        ],
        &Limits::default(),
    );
    insta::assert_snapshot!(verdict.unwrap(), @r#"
    invalid index:
    ├── a.json:4: object '{"name":"a"} ' is missing root schema field
    └── b.yaml:3: error converting YAML to JSON: yaml: line 1: mapping values are not allowed in this context
    "#);
}

#[test]
fn paths() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("configs");
    let read = || Tree::read(&root, &Limits::default());
    assert_eq!(read().unwrap_err().kind(), Kind::NotFound);
    fs::write(&root, "").unwrap();
    assert_eq!(read().unwrap_err().kind(), Kind::BadInput);
    fs::remove_file(&root).unwrap();
    fs::create_dir_all(root.join("a")).unwrap();
    fs::write(root.join("a/x.yaml"), "schema: x\n").unwrap();
    fs::write(dir.path().join("secret"), "schema: y\n").unwrap();

    // As opm: a link to a file is followed, one to a directory or to nothing is an error of the catalog.
    symlink("a/x.yaml", root.join("link")).unwrap();
    let valid = |tree: &Tree| validate(tree, OpmVersion::default(), &Cancel::new()).unwrap();
    assert!(valid(&read().unwrap()).is_valid());
    symlink("nowhere", root.join("dangling")).unwrap();
    insta::assert_snapshot!(valid(&read().unwrap()), @"open dangling: no such file or directory");
    fs::remove_file(root.join("dangling")).unwrap();
    symlink("a", root.join("dir")).unwrap();
    assert!(valid(&read().unwrap()).to_string().ends_with("configs/dir: is a directory"));
    fs::remove_file(root.join("dir")).unwrap();

    for target in ["../secret", "/etc/hostname", "/etc"] {
        symlink(target, root.join("out")).unwrap();
        let error = read().unwrap_err();
        assert_eq!(error.kind(), Kind::BadInput, "{target}");
        assert!(error.to_string().contains("configs/out leads out of"), "{error}");
        fs::remove_file(root.join("out")).unwrap();
    }
}
