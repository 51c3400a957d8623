//! Whatever is cut out of a stream, opm of every version class reads the rest as before.

use proptest::prelude::*;

use super::*;
use crate::gotext::write_json;
use crate::tree::Limits;

/// One of each class of versions that read streams in their own way.
const VERSIONS: [OpmVersion; 3] = [OpmVersion::new(1, 26, 4), OpmVersion::new(1, 51, 0), OpmVersion::NEWEST];
const PACKAGES: [&str; 3] = ["a", "b", "c"];

/// The objects of a stream with their packages, unless opm refuses it.
fn objects(bytes: &[u8], opm: OpmVersion) -> Option<Vec<(String, String)>> {
    let mut objects = Vec::new();
    let read = stream::read(bytes, opm, &Limits::default(), &Cancel::new(), |blob| {
        if blob.meta.schema.is_empty() {
            return Err(blob.fault("object '' is missing root schema field"));
        }
        let mut json = Vec::new();
        write_json(&mut json, &serde_json::from_str(blob.json).unwrap());
        objects.push((blob.package().unwrap_or_default().to_owned(), String::from_utf8(json).unwrap()));
        Ok(())
    });
    read.is_ok().then_some(objects)
}

/// Removes every subset of the packages; how many of the versions read the whole stream.
fn check_cuts(bytes: &[u8]) -> Result<usize, String> {
    let index = FileIndex::new(&Tree::from_files([("x", bytes)]), bytes, &Cancel::new()).unwrap();
    if index.fault.is_some() {
        return Ok(0);
    }
    let mut readers = 0;
    for opm in VERSIONS {
        let Some(all) = objects(bytes, opm) else { continue };
        readers += 1;
        for gone in 0..1 << PACKAGES.len() {
            let goes = |package: &str| PACKAGES.iter().position(|p| *p == package).is_some_and(|i| gone & (1 << i) != 0);
            let expected: Vec<_> = all.iter().filter(|(package, _)| !goes(package)).cloned().collect();
            if expected.is_empty() {
                continue;
            }
            let kept = index.kept(|piece| piece.package.as_deref().is_some_and(goes));
            let rest: Vec<u8> = kept.into_iter().flat_map(|range| bytes[range].to_vec()).collect();
            let found = objects(&rest, opm);
            if found.as_ref() != Some(&expected) {
                let (rest, text) = (String::from_utf8_lossy(&rest), String::from_utf8_lossy(bytes));
                return Err(format!("{opm}: {text:?} is cut to {rest:?}, which is {found:?}, not {expected:?}"));
            }
        }
    }
    Ok(readers)
}

#[test]
fn blanks_and_separators_go_with_the_object_that_needs_them() {
    // How many of the versions read the stream at all is what the real opm said.
    let cases = [
        ("\n{\"schema\":\"x\",\"package\":\"a\"}\n---\n{\"schema\":\"x\",\"package\":\"b\"}\n", 1),
        (" {\"schema\":\"x\",\"package\":\"a\"}\n---\n{\"schema\":\"x\",\"package\":\"b\"}\n", 1),
        ("\n{schema: x, package: a}\n---\n{schema: x, package: b}\n", 1),
        ("{\"schema\":\"x\",\"package\":\"a\"}\n  schema: x\n  package: b\n", 1),
        ("schema: x\npackage: a\n---\n---\nschema: x\npackage: b\n---\n---\nschema: x\npackage: c\n", 3),
    ];
    for (text, readers) in cases {
        assert_eq!(check_cuts(text.as_bytes()), Ok(readers), "{text:?}");
    }
}

fn object() -> impl Strategy<Value = String> {
    let forms = vec![
        "{\"schema\":\"x\",\"package\":\"P\"}",
        "{\n  \"schema\": \"x\",\n  \"package\": \"P\"\n}",
        "{schema: x, package: P}",
        "schema: x\npackage: P",
        "  schema: x\n  package: P # c",
        "# of P\nschema: x\n# c\npackage: P\ntext: |\n  ---\n  {",
        "{\"schema\":\"x\"}",
    ];
    (prop::sample::select(PACKAGES.to_vec()), prop::sample::select(forms)).prop_map(|(name, form)| form.replace('P', name))
}

/// Objects with what may stand between them: for most streams the same everywhere.
fn stream_text() -> impl Strategy<Value = String> {
    let starts = ["", "\n", " ", "\n\n", "\t\r\n", "---\n", "# c\n", "--- # c\n", "\n---\n", "---\n---\n", " \n\t"];
    let json = ["", " ", "\n", "\n\n", "\n \n"];
    let yaml = [
        "\n---\n",
        "\n---\n\n",
        "\n---\n---\n",
        "\n...\n---\n",
        "\n--- # c\n",
        "\n--- \n# c\n",
        "\n\n---\n",
        " # c\n---\n",
        "\n# c\n---\n---\n",
        "\n---\n \n",
        "---\n",
    ];
    let ends = ["", "\n", "\n---", "\n---\n", "\n...\n", "\n# c", " \n\n", "\n---\n---\n"];
    let between = prop_oneof![
        prop::sample::select(json.to_vec()).prop_map(|one| vec![one; 4]),
        prop::sample::select(yaml.to_vec()).prop_map(|one| vec![one; 4]),
        prop::collection::vec(prop::sample::select(yaml.to_vec()), 4),
        prop::collection::vec(prop::sample::select([json.as_slice(), &yaml].concat()), 4),
    ];
    let objects = prop_oneof![
        prop::collection::vec(object(), 1..5),
        prop::collection::vec(prop::sample::select(PACKAGES.to_vec()), 1..5)
            .prop_map(|names| { names.into_iter().map(|name| format!("{{\"schema\":\"x\",\"package\":\"{name}\"}}")).collect() }),
    ];
    let start = (any::<bool>(), prop::sample::select(starts.to_vec()));
    let end = (prop::sample::select(ends.to_vec()), any::<bool>());
    (start, objects, between, end).prop_map(|((mark, start), objects, between, (end, crlf))| {
        let mut text = format!("{}{start}", if mark && start.len() % 2 == 0 { "\u{feff}" } else { "" });
        for (i, object) in objects.iter().enumerate() {
            text.push_str(if i == 0 { "" } else { between[i - 1] });
            text.push_str(object);
        }
        text.push_str(end);
        if crlf { text.replace('\n', "\r\n") } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_objects_may_go(text in stream_text()) {
        prop_assert_eq!(check_cuts(text.as_bytes()).err(), None);
    }
}
