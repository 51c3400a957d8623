//! How the outcome of cases is printed.

use std::fmt::Write;

use serde_json::{Value, json};

use super::compare::Difference;

/// All cases of one Pipeline.
#[derive(Debug)]
pub(super) struct Tested {
    pub(super) pipeline: String,
    pub(super) cases: Vec<Checked>,
    /// Tasks that no case expects anything of.
    pub(super) uncovered: Vec<String>,
}

/// A case that was carried out.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) differences: Vec<Difference>,
}

/// For people: a line for each case, and what is not as expected.
pub(super) fn text(all: &[Tested]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    for tested in all {
        for case in &tested.cases {
            let word = if case.differences.is_empty() { "ok    " } else { "FAILED" };
            let _ = writeln!(out, "{word}  {}: {}", tested.pipeline, case.name);
            for Difference { position, what, expected, got } in &case.differences {
                let _ = writeln!(out, "    {}:{}:{}: {what}", case.file, position.line, position.column);
                for (sign, line) in diff(expected, got) {
                    let _ = writeln!(out, "      {sign} {line}");
                }
            }
        }
    }
    let (passed, failed) = count(all);
    let shown = |count: usize, what: &str| format!("{count} {what}");
    let _ = writeln!(out, "{}, {}", shown(passed, "passed"), shown(failed, "failed"));
    if failed > 0 {
        let _ = writeln!(out, "(- is what was expected, + what came of it)");
    }
    for tested in all.iter().filter(|tested| !tested.uncovered.is_empty()) {
        let _ = writeln!(out, "no case of {} expects anything of: {}", tested.pipeline, tested.uncovered.join(", "));
    }
    out
}

/// For programs.
pub(super) fn json(all: &[Tested]) -> String {
    let case = |tested: &Tested, case: &Checked| {
        let differences = case.differences.iter().map(|difference| {
            json!({
                "what": difference.what,
                "line": difference.position.line,
                "column": difference.position.column,
                "expected": difference.expected,
                "got": difference.got,
            })
        });
        json!({
            "pipeline": tested.pipeline,
            "file": case.file,
            "line": case.line,
            "name": case.name,
            "ok": case.differences.is_empty(),
            "differences": differences.collect::<Vec<Value>>(),
        })
    };
    let cases: Vec<Value> = all.iter().flat_map(|tested| tested.cases.iter().map(|checked| case(tested, checked))).collect();
    let uncovered = all.iter().filter(|tested| !tested.uncovered.is_empty());
    let uncovered: serde_json::Map<String, Value> =
        uncovered.map(|tested| (tested.pipeline.clone(), json!(tested.uncovered))).collect();
    let (passed, failed) = count(all);
    format!("{:#}\n", json!({ "passed": passed, "failed": failed, "cases": cases, "uncovered": uncovered }))
}

/// How many cases passed, and how many failed.
pub(super) fn count(all: &[Tested]) -> (usize, usize) {
    let cases = || all.iter().flat_map(|tested| &tested.cases);
    let failed = cases().filter(|case| !case.differences.is_empty()).count();
    (cases().count() - failed, failed)
}

/// Lines that are in one, in the other, or in both, by their longest common subsequence.
fn diff<'l>(expected: &'l [String], got: &'l [String]) -> Vec<(char, &'l str)> {
    // lengths[i][j]: what expected[i..] and got[j..] have in common.
    let mut lengths = vec![vec![0usize; got.len() + 1]; expected.len() + 1];
    for i in (0..expected.len()).rev() {
        for j in (0..got.len()).rev() {
            lengths[i][j] = match expected[i] == got[j] {
                true => lengths[i + 1][j + 1] + 1,
                false => lengths[i + 1][j].max(lengths[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < expected.len() || j < got.len() {
        if i < expected.len() && j < got.len() && expected[i] == got[j] {
            lines.push((' ', &*expected[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == got.len() || i < expected.len() && lengths[i + 1][j] >= lengths[i][j + 1] {
            lines.push(('-', &*expected[i]));
            i += 1;
        } else {
            lines.push(('+', &*got[j]));
            j += 1;
        }
    }
    lines
}
