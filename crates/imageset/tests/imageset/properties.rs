//! Whatever values files say: an error, or a document that is good.

use imageset::{DocumentKind, Keep, Merge, Options, ValuesFile, check, generate, generate_delete};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn label() -> impl Strategy<Value = (String, String)> {
    let operator = prop_oneof![Just("acm"), Just("odf"), Just("x"), Just("X_y"), Just("")];
    let part = prop_oneof![Just(""), Just("-subscription-name"), Just("-channel"), Just("-source")];
    let value = prop_oneof![
        4 => prop_oneof![Just("'true'"), Just("true"), Just("redhat-operators"), Just("stable"), Just("a-b")].prop_map(str::to_owned),
        1 => prop_oneof![Just("''"), Just("false"), Just("null"), Just("4.20"), Just("[a]"), Just("{a: b}"), Just("$(x)")].prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| serde_json::Value::String(text).to_string()),
    ];
    let version = prop_oneof![Just("4.18.22"), Just("'4.18'"), Just("4.17.1"), Just("4.9.3"), Just("''"), Just("v4")];
    prop_oneof![
        6 => (operator, part, value).prop_map(|(operator, part, value)| (format!("{operator}{part}"), value)),
        2 => version.prop_map(|version| ("openshift-version".to_owned(), version.to_owned())),
    ]
}

fn values() -> impl Strategy<Value = ValuesFile> {
    let labels = proptest::collection::vec(label(), 0..12);
    let sets = proptest::collection::vec((prop_oneof![Just("a"), Just("b")], labels), 0..4);
    let section = prop_oneof![Just("hubClusterSets"), Just("managedClusterSets"), Just("clusters"), Just("else")];
    proptest::collection::vec((section, sets), 0..4).prop_map(|sections| {
        let mut text = String::new();
        let mut seen = std::collections::BTreeSet::new();
        for (section, sets) in sections.into_iter().filter(|(section, _)| seen.insert(*section)) {
            text.push_str(&format!("{section}:\n"));
            let mut seen = std::collections::BTreeSet::new();
            for (set, labels) in sets.into_iter().filter(|(set, _)| seen.insert(*set)) {
                text.push_str(&format!("  {set}:\n    labels:\n"));
                let mut seen = std::collections::BTreeSet::new();
                for (key, value) in labels.into_iter().filter(|(key, _)| seen.insert(key.clone())) {
                    text.push_str(&format!("      \"{key}\": {value}\n"));
                }
            }
        }
        ValuesFile { path: "values.yaml".into(), text }
    })
}

/// What comes of them is right; how many documents there were.
fn holds(files: &[ValuesFile], options: &Options) -> usize {
    let documents = [
        (DocumentKind::ImageSet, generate(files, options)),
        (DocumentKind::Delete, generate_delete(files, options, Keep::IN_USE)),
    ];
    let mut good = 0;
    for (kind, generated) in documents {
        match generated {
            Ok(generated) => {
                good += 1;
                if let Err(error) = check("it", &generated.text, kind) {
                    panic!("{error}\n{}\n{}\n{files:?}", error.details_text(), generated.text);
                }
                assert!(!generated.text.contains('$'));
            }
            Err(error) => {
                assert_eq!(error.kind(), step::Kind::BadInput);
                assert!(error.hint_text().is_some_and(|hint| !hint.is_empty()), "{error}");
                assert!(!error.to_string().contains(char::is_control), "{error}");
            }
        }
    }
    good
}

#[test]
fn an_error_or_a_good_document() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (proptest::collection::vec(values(), 1..3), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let mut good = 0;
    for _ in 0..2000 {
        let (files, helm, operators_only, openshift_only, is_given) = strategy.new_tree(&mut runner).unwrap().current();
        let merge = if helm { Merge::Helm } else { Merge::Union };
        let version = is_given.then(|| "4.18.3".parse().unwrap());
        good += holds(&files, &Options { merge, operators_only, openshift_only, version, ..Options::default() });
    }
    // Else it proves nothing.
    assert!(good > 200, "only {good} documents");
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        holds(&[ValuesFile { path: "v".into(), text: text.clone() }], &Options::default());
        let _ = check("it", &text, DocumentKind::ImageSet);
    }

    #[test]
    fn any_text_as_a_label(key in any::<String>(), value in any::<String>()) {
        let text = serde_json::json!({ "hubClusterSets": { "hub": { "labels": {
            "openshift-version": "4.18.22", &key: &value, "x": "true", "x-subscription-name": &value, "x-channel": &value, "x-source": &value,
        }}}}).to_string();
        holds(&[ValuesFile { path: "v".into(), text }], &Options::default());
    }
}
