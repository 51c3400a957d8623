//! Properties of reader and editor, whatever the input.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use fbc::{Edit, OpmVersion, PackageName, SCRATCH, Tree, validate};
use proptest::prelude::*;
use step::Cancel;

/// Bytes that look like a catalog more or less: pieces of one in any order, with noise.
fn catalog_like() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "{\"schema\":\"olm.package\",\"name\":\"a\"}",
        "{\"schema\":\"olm.channel\",\"package\":\"a\",\"entries\":[",
        "]}",
        "{",
        "}",
        "\"",
        "\\u003c",
        "\\ud800",
        "null",
        "\n",
        "\r\n",
        "---\n",
        "--- x\n",
        "...\n",
        "schema: olm.bundle\n",
        "package: a\n",
        "- ",
        "&a ",
        "*a",
        "<<: *a\n",
        "{{",
        "[",
        ": ",
        "  ",
        "\t",
        "# c\n",
        "!!binary ",
        "'",
        "|\n",
        "1e999",
        "0x",
        "\u{feff}",
        "\u{85}",
        "properties:\n- type: olm.bundle.object\n  value:\n    data: ",
        "QUJD",
        "%%",
        ",",
    ]);
    prop::collection::vec(
        prop_oneof![8 => pieces.prop_map(|p| p.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..6)],
        0..40,
    )
    .prop_map(|pieces| pieces.concat())
}

/// An object of a package, in some form, and whether it is YAML.
#[derive(Clone, Debug)]
struct Object {
    package: usize,
    text: String,
}

const PACKAGES: [&str; 4] = ["a", "b-b", "c.c", "d"];

fn object(yaml: bool) -> impl Strategy<Value = Object> {
    (0..PACKAGES.len(), 0..6usize, "[ -~]{0,12}", any::<bool>()).prop_map(move |(package, form, noise, quoted)| {
        let name = PACKAGES[package];
        let noise = serde_json::to_string(&noise).unwrap();
        let text = match (yaml, form) {
            (false, 0) => format!("{{\"schema\":\"olm.package\",\"name\":\"{name}\"}}"),
            (false, 1) => format!("{{ \"x\": {noise},\n \"package\":\"{name}\", \"schema\": \"olm.bundle\"}} \n\n"),
            (false, 2) => format!("{{\"PACKAGE\":\"{name}\",\"schema\":\"custom\",\"x\":[{{\"package\":\"z\"}}]}}\t"),
            (false, _) => format!("{{\"schema\":\"olm.channel\",\"package\":\"{name}\",\"name\":{noise}}}\n"),
            (true, 0) => format!("schema: olm.package\nname: {name}\n"),
            (true, 1) => format!("# about {name}\nx: {noise}\npackage: {name}\nschema: olm.bundle"),
            (true, 2) => format!(
                "x: |\n  package: z\n  --- no separator\nschema: custom\npackage: {}{name}{0}\r\n",
                if quoted { "'" } else { "\"" }
            ),
            (true, _) => format!("{{\"schema\":\"olm.channel\",\"package\":\"{name}\",\"name\":{noise}}}\n"),
        };
        Object { package, text }
    })
}

/// Several files of several objects: a file's path, its objects, and what stands between them.
fn catalog() -> impl Strategy<Value = Vec<(String, bool, Vec<Object>)>> {
    let file = any::<bool>().prop_flat_map(|yaml| {
        let path = prop::sample::select(vec![
            "x",
            "a/catalog",
            "a/more",
            "b-b/catalog",
            "shared/deep/one",
            "_operator-deprecations-content/a/d",
        ]);
        (path, Just(yaml), prop::collection::vec(object(yaml), 1..6))
    });
    prop::collection::vec(file, 1..6).prop_map(|files| {
        let named = files.into_iter().enumerate();
        named
            .map(|(i, (path, yaml, objects))| (format!("{path}{i}.{}", if yaml { "yaml" } else { "json" }), yaml, objects))
            .collect()
    })
}

fn text(yaml: bool, objects: &[&Object]) -> String {
    match yaml {
        false => objects.iter().map(|object| object.text.as_str()).collect(),
        true => objects
            .iter()
            .map(|object| format!("---\n{}{}", object.text, if object.text.ends_with('\n') { "" } else { "\n" }))
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_an_answer(bytes in catalog_like(), minor in 26u32..80) {
        let tree = Tree::from_files([("x", bytes)]);
        let cancel = Cancel::new();
        if let Ok(verdict) = validate(&tree, OpmVersion::new(1, minor, 0), &cancel) {
            prop_assert_eq!(verdict.is_valid(), verdict.to_string().is_empty());
            prop_assert_eq!(verdict.is_valid(), verdict.findings().is_empty());
        }
        let mut edit = Edit::new(&tree);
        if edit.remove_packages(&BTreeSet::from(["a".parse().unwrap()]), &cancel).is_ok() {
            prop_assert!(!edit.tree().packages(&cancel).unwrap().contains("a"));
        }
    }

    #[test]
    fn removing_packages_leaves_exactly_the_others_verbatim(
        files in catalog(),
        gone in prop::collection::btree_set(0..PACKAGES.len(), 0..3),
    ) {
        let cancel = Cancel::new();
        let all = |keep: &dyn Fn(&Object) -> bool| -> Vec<(String, Vec<u8>)> {
            files
                .iter()
                .map(|(path, yaml, objects)| (path.clone(), *yaml, objects.iter().filter(|o| keep(o)).collect::<Vec<_>>()))
                .filter(|(_, _, objects)| !objects.is_empty())
                .map(|(path, yaml, objects)| (path, text(yaml, &objects).into_bytes()))
                .collect()
        };
        let tree = Tree::from_files(all(&|_| true));
        let present: BTreeSet<usize> = files.iter().flat_map(|(_, _, objects)| objects).map(|o| o.package).collect();
        let names: BTreeSet<PackageName> = gone.iter().map(|i| PACKAGES[*i].parse().unwrap()).collect();
        let found: BTreeSet<PackageName> = gone.intersection(&present).map(|i| PACKAGES[*i].parse().unwrap()).collect();

        let dir = tempfile::tempdir().unwrap();
        let mut edit = Edit::new(&tree);
        prop_assert_eq!(edit.remove_packages(&names, &cancel).unwrap(), found);
        let after = edit.tree();
        let expected: BTreeSet<String> = present.difference(&gone).map(|i| PACKAGES[*i].to_owned()).collect();
        prop_assert_eq!(after.packages(&cancel).unwrap(), expected);

        // Written down, each file holds what was written of the kept objects, byte for byte.
        for (path, bytes) in all(&|_| true) {
            std::fs::create_dir_all(dir.path().join(&path).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(&path), bytes).unwrap();
        }
        edit.apply(dir.path(), &dir.path().join(SCRATCH), &cancel).unwrap();
        for (path, _, objects) in &files {
            let written = std::fs::read_to_string(dir.path().join(path)).unwrap_or_default();
            let kept: Vec<_> = objects.iter().filter(|object| !gone.contains(&object.package)).collect();
            let mut rest = written.as_str();
            for object in &kept {
                let at = rest.find(object.text.trim_end());
                prop_assert!(at.is_some(), "{path}: {:?} is not in {rest:?}", object.text);
                rest = &rest[at.unwrap() + object.text.trim_end().len()..];
            }
            if kept.is_empty() {
                prop_assert!(!dir.path().join(path).exists());
            }
        }
    }
}
