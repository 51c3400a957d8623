//! YAML to JSON: compared with what sigs.k8s.io/yaml makes of the same text, and with and without hoisting.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::gotext::write_json;

fn convert(text: &str, hoist: bool) -> Result<Vec<u8>, YamlFault> {
    let mut out = Vec::new();
    to_json_hoisting(text.as_bytes(), &Limits::default(), &mut out, hoist).map(|()| out)
}

fn canonical(json: &[u8]) -> String {
    let value: Value = serde_json::from_slice(json).unwrap();
    let mut out = Vec::new();
    write_json(&mut out, &value);
    String::from_utf8(out).unwrap()
}

/// `answers.jsonl` holds texts, each with the JSON that sigs.k8s.io/yaml 1.6 converted it to, or null where it refused:
/// random scalars, keys and documents, and the oddities that we know of.
#[test]
fn the_same_as_go() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("answers.jsonl").lines() {
        let (text, answer): (String, Option<String>) = serde_json::from_str(line).unwrap();
        count += 1;
        let ours = convert(&text, true).ok().map(|json| canonical(&json));
        let go = answer.map(|json| canonical(json.as_bytes()));
        if ours != go {
            wrong.push(format!("{text:?}\n  Go:   {go:?}\n  ours: {ours:?}"));
        }
    }
    assert!(count > 300, "only {count} answers");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_of_quoted_scalars_need_no_indent() {
    for (bare, indented) in [
        (
            "x:\n  y: \"a\nb \\\n\tc\n\n\td\"\n  z: 'e ''\nf'''\n",
            "x:\n  y: \"a\n    b \\\n    c\n\n    d\"\n  z: 'e ''\n    f'''\n",
        ),
        ("- # it's\n  !!str \"a\nb\"\n- 'c\nd'\n", "- !!str \"a b\"\n- 'c d'\n"),
    ] {
        let (bare, indented) = (convert(bare, true).unwrap(), convert(indented, true).unwrap());
        assert_eq!(String::from_utf8(bare), String::from_utf8(indented));
    }
}

/// Lines of YAML with long base64 text in every position that we could think of.
fn with_base64() -> impl Strategy<Value = String> {
    let long = || (250usize..300, prop::sample::select(vec!["QUJD", "A+/9", "1234", "+", "e9"])).prop_map(|(n, s)| s.repeat(n));
    let line = prop_oneof![
        4 => long().prop_map(|b| format!("data: {b}")),
        2 => long().prop_map(|b| format!("- data: {b}==")),
        1 => long().prop_map(|b| format!("k: \"x\n   y: {b}\n   \"")),
        1 => long().prop_map(|b| format!("# c: {b}")),
        1 => long().prop_map(|b| format!("d: |\n    e: {b}\n    f")),
        1 => long().prop_map(|b| format!("d: >-\n    e: {b}\n    f")),
        1 => long().prop_map(|b| format!("p: q\n    r: {b}")),
        1 => long().prop_map(|b| format!("{b}: {b}")),
        1 => long().prop_map(|b| format!("f: {{g: {b}")),
        1 => long().prop_map(|b| format!("f: [{{g: {b}\n    }}]")),
        1 => long().prop_map(|b| format!("f: &{b} {b}")),
        1 => long().prop_map(|b| format!("f: !!int {b}")),
        1 => long().prop_map(|b| format!("'f: {b}")),
        1 => long().prop_map(|b| format!("? {b}\n  : {b}")),
        1 => Just("k: Q0fbcHoisted0Q0".to_owned()),
        3 => "[a-c]: [a-z0-9]{0,5}",
    ];
    let indent = prop::sample::select(vec!["", "", "", "  ", "    ", "- "]);
    prop::collection::vec((indent, line), 1..6)
        .prop_map(|lines| lines.into_iter().map(|(indent, line)| format!("{indent}{line}\n")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hoisting_changes_nothing(text in with_base64()) {
        let (hoisted, plain) = (convert(&text, true), convert(&text, false));
        prop_assert_eq!(hoisted.is_ok(), plain.is_ok(), "{:?} {:?}", &hoisted, &plain);
        if let (Ok(hoisted), Ok(plain)) = (hoisted, plain) {
            prop_assert_eq!(hoisted, plain);
        }
    }
}
