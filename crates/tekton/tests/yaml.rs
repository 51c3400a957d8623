//! The canonical form: what it looks like, and that every reader reads what was written.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::print_stdout, reason = "a test fails by panicking")]

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use serde_json::{Value, json};
use tekton::yaml::to_string;

#[test]
fn the_form() {
    let object = json!({
        "apiVersion": "tekton.dev/v1",
        "empty": {"map": {}, "list": [], "text": ""},
        "args": ["--branch=$(params.branch)", "--", "$(params.operators[*])", "-x", "a: b", "a #b", "100m"],
        "list of lists": [["a", ["b"]], [{"c": 1, "d": [2]}]],
        "words": ["yes", "NO", "null", "~", "on", "true", "y"],
        "numbers as text": ["0644", "1_000", "1e3", "0x1F", "12:30", "2001-01-01", ".5", ".inf", "1.2.3"],
        "numbers": [1, -1, 1.0, 0.5, 1e300, 1e-7, 18446744073709551615_u64],
        "script": "#!/bin/sh\n\tset -eu\n\necho \"$(params.x)\"  \n",
        "kept": "a\n\n",
        "chomped": "a\nb",
        "indented": "  a\nb\n",
        "only line breaks": "\n\n",
        "control": "a\u{1}\r\nb\u{2028}\u{feff}",
        "übung": "ä: ö",
    });
    insta::assert_snapshot!(to_string(&object).unwrap());
}

/// Strings that some reader takes for something else, alone and with something around them.
fn nasty() -> Vec<String> {
    let words = "yes no on off y n Y N true false True FALSE null Null ~ .inf -.inf +.INF .nan .NaN = << ! & * - ? : , [ ] { } # | > @ ` ' \" % \\ \
        0 00 0644 0o14 0x1F 0b11 1_000 1__0 1e3 1E400 -1 +1 .5 5. 1.5e+3 1:20 190:20:30 1:20.5 2001-01-01 2001-12-14t21:59:43.10-05:00 \
        --- ... -- --x -x --- x <<: =x !tag &a *a a:b a: a#b {{x}} $(params.x) ${x} %TAG @x `x` [a] {a} a,b \u{a0} \u{85} \u{2028} \u{2029} \u{feff} \
        \u{7f} \u{80} \u{1} \u{1f600} ä \u{fffd} \u{e000} \r \t é: nul";
    let words: Vec<&str> = words.split(' ').collect();
    let around = [
        |w: &str| w.to_owned(),
        |w: &str| format!(" {w}"),
        |w: &str| format!("{w} "),
        |w: &str| format!("{w}:"),
        |w: &str| format!("{w}: x"),
        |w: &str| format!("{w} #x"),
        |w: &str| format!("{w}\n"),
        |w: &str| format!("{w}\nx"),
        |w: &str| format!("\n{w}"),
        |w: &str| format!("\t{w}\nx\n"),
        |w: &str| format!("  {w}\n x\n"),
        |w: &str| format!("x\n\n  {w}\n\n"),
        |w: &str| format!("x\n {w} \n  \n"),
        |w: &str| format!("- {w}"),
        |w: &str| format!("{w}{w}"),
        |w: &str| format!("# {w}\n"),
    ];
    let mut all: Vec<String> = words.iter().flat_map(|word| around.iter().map(move |around| around(word))).collect();
    all.extend(["", " ", "\n", "\n\n", "\t", " \n", "\n "].map(str::to_owned));
    all.sort();
    all.dedup();
    all
}

/// What a reader in another language makes of `yaml`, as JSON.
fn read_by(program: &str, args: &[&str], yaml: &str) -> Option<Value> {
    let child = Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
    let mut child = child.ok()?;
    child.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Some(serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{program} cannot read what we wrote: {e}")))
}

#[test]
fn pyyaml_reads_every_string_and_key_back() {
    let nasty = nasty();
    let object = json!({
        "values": nasty.clone(),
        "keys": nasty.iter().map(|text| (text.clone(), Value::from(text.clone()))).collect::<serde_json::Map<_, _>>(),
        "nested": nasty.iter().map(|text| json!([[text], {"a": text}])).collect::<Vec<_>>(),
    });
    let script = "import sys, json, yaml; json.dump(yaml.safe_load(sys.stdin.buffer.read().decode()), sys.stdout)";
    // A developer's own Python may stand before Debian's on the path, without PyYAML.
    let has_yaml = |python: &&str| {
        Command::new(python).args(["-c", "import yaml"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    let python = ["python3", "/usr/bin/python3"].into_iter().find(has_yaml).expect("PyYAML must be there: Debian's python3-yaml");
    let read = read_by(python, &["-c", script], &to_string(&object).unwrap()).unwrap();
    for (part, value) in object.as_object().unwrap() {
        assert!(&read[part] == value, "{part}: PyYAML reads something else");
    }
}

/// kubectl reads as Go programs do. It is no Debian package: without it PyYAML alone decides.
#[test]
fn kubectl_reads_every_string_back() {
    let data: serde_json::Map<String, Value> =
        nasty().iter().enumerate().map(|(n, text)| (format!("k{n}"), text.as_str().into())).collect();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data});
    let args = ["label", "--local", "-f", "-", "-o", "json", "a=b"];
    match read_by("kubectl", &args, &to_string(&object).unwrap()) {
        Some(read) => {
            for (key, value) in &data {
                assert_eq!(&read["data"][key], value, "{key}");
            }
        }
        None => println!("kubectl is not there: not compared with it"),
    }
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![".{0,20}", "[ \t\n-:#a0]{0,12}", "(?s).{0,12}", proptest::sample::select(nasty())];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e15..1e15).prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((text.clone(), inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn serde_saphyr_reads_everything_back(value in value()) {
        let object = json!({"value": value});
        let yaml = to_string(&object).unwrap();
        let options = serde_saphyr::options! { legacy_octal_numbers: true };
        let read: Value = serde_saphyr::from_str_with_options(&yaml, options)
            .map_err(|e| TestCaseError::fail(format!("{e}\n{yaml}")))?;
        prop_assert_eq!(read, object, "{}", yaml);
    }
}
