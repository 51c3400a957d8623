//! opm's recorded verdicts on small catalogs, each a rule or an oddity.
//!
//! Some lie in `fbc-cases` of the shared test data: ours must be the same to the letter. The others, in `opm-answers.jsonl`
//! beside this file, were made for this test: one catalog per line, and what the real opm 1.26.4, 1.51.0 and 1.73.0
//! answered to it: `true` (valid), its message (sorted, and ours is the same), or `false` (invalid, and our text differs,
//! which it may where opm prints an error of a Go library, or one of several errors).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fbc::{Limits, OpmVersion, Tree, validate};
use step::Cancel;

fn cases() -> PathBuf {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/fbc-cases"));
    assert!(dir.is_dir(), "the shared test data is missing: {} is not a directory", dir.display());
    dir.to_owned()
}

/// Exit code and message by case.
fn recorded(file: &str) -> BTreeMap<String, (bool, String)> {
    let path = cases().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{} cannot be read: {e}", path.display()));
    let mut answers = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines() {
        if let Some((case, code)) = line.strip_prefix('[').and_then(|line| line.split_once("] rc=")) {
            last = case.to_owned();
            answers.insert(last.clone(), (code == "0", String::new()));
        } else if let Some(message) = line.strip_prefix("level=fatal msg=") {
            // logrus quotes as Go does, and all that occurs here is JSON, too.
            answers.get_mut(&last).unwrap().1 = serde_json::from_str(message).unwrap();
        }
    }
    answers
}

/// The tree with the siblings of every level sorted, since opm's are in random order.
fn sorted(message: &str) -> String {
    fn level(lines: &[&str], indent: usize, out: &mut String) {
        let depth = |line: &str| line.chars().take_while(|c| " │├└─".contains(*c)).count();
        let starts: Vec<usize> = (0..lines.len()).filter(|i| depth(lines[*i]) == indent).collect();
        let mut groups: Vec<&[&str]> =
            starts.iter().enumerate().map(|(n, from)| &lines[*from..*starts.get(n + 1).unwrap_or(&lines.len())]).collect();
        let bare = |line: &str| line.trim_start_matches([' ', '│', '├', '└', '─']).to_owned();
        groups.sort_by_key(|group| bare(group[0]));
        for group in groups {
            out.push_str(&format!("{}{}\n", " ".repeat(indent), bare(group[0])));
            level(&group[1..], indent + 4, out);
        }
    }
    if !message.starts_with("invalid index:\n") {
        return message.to_owned();
    }
    let mut out = String::new();
    level(&message.lines().collect::<Vec<_>>(), 0, &mut out);
    out
}

fn check_recorded(file: &str, opm: OpmVersion) {
    let recorded = recorded(file);
    assert!(recorded.len() > 30, "{file} holds only {} cases", recorded.len());
    let mut wrong = Vec::new();
    for (case, (valid, message)) in recorded {
        let tree = Tree::read(&cases().join(&case), &Limits::default()).unwrap();
        let verdict = validate(&tree, opm, &Cancel::new()).unwrap();
        if (verdict.is_valid(), sorted(&verdict.to_string())) != (valid, sorted(&message)) {
            wrong.push(format!("{case}\n  opm:  {message:?}\n  ours: {:?}", verdict.to_string()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn verdicts_of_opm_1_26() {
    check_recorded("opm-1.26.4.txt", OpmVersion::new(1, 26, 4));
}

#[test]
fn verdicts_of_opm_1_51() {
    check_recorded("opm-1.51.txt", OpmVersion::new(1, 51, 0));
}

#[derive(serde::Deserialize)]
struct Answered {
    name: String,
    files: BTreeMap<String, String>,
    opm: BTreeMap<String, serde_json::Value>,
}

#[test]
fn answers_of_three_versions_to_many_small_catalogs() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("opm-answers.jsonl").lines() {
        let answered: Answered = serde_json::from_str(line).unwrap();
        let tree = Tree::from_files(answered.files);
        for (version, answer) in answered.opm {
            count += 1;
            let verdict = validate(&tree, version.parse().unwrap(), &Cancel::new()).unwrap();
            let ours = sorted(&verdict.to_string());
            let same = match &answer {
                serde_json::Value::Bool(valid) => verdict.is_valid() == *valid,
                message => message.as_str() == Some(ours.trim_end()),
            };
            if !same {
                wrong.push(format!("{} {version}\n  opm:  {answer:?}\n  ours: {ours:?}", answered.name));
            }
        }
    }
    assert!(count > 1000, "only {count} answers");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
