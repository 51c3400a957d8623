//! Agreement with Tekton's admission about Pipelines and PipelineRuns, case by case.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Deserialize;
use tekton::check::{Level, Options, check};
use tekton::finding::Severity;
use tekton::rules::ToldBy;
use tekton::source::Source;

#[derive(Deserialize)]
struct Case {
    name: String,
    yaml: String,
    stable: String,
    beta: String,
    alpha: String,
}

/// Cases in which we say something else than Tekton, and why.
const KNOWN: &[(&str, &str)] = &[
    ("pipeline/param-values", NO_VALUE),
    ("pipeline/param-without-name", NO_NAME),
    ("pipeline/result/name-absent", NO_NAME),
    ("matrix/beside-params~drop-name", NO_NAME),
    ("pipelinetask/workspace-name-absent-but-mapped", NO_NAME),
    ("pipeline/result/type-unknown", "nobody could use a result of a type that there is not"),
    ("pipelinetask/custom-spec-with-bad-param", "who runs a custom task may know other types, we read only Tekton's"),
    ("pipelinetask/on-error-param", ON_ERROR),
    ("pipelinetask/on-error-param-with-retries", ON_ERROR),
];

const NO_NAME: &str = "the CRD requires the name";
const NO_VALUE: &str = "the CRD requires the value";
const ON_ERROR: &str = "the typed object knows no parameter there";

/// The errors that Tekton or Kubernetes would tell of, as `rule: message`.
fn refusals(yaml: &str, level: Level) -> Vec<String> {
    let sources = [Source::new("case.yaml", yaml)];
    let checked = check(&sources, &Options { level, ..Options::default() });
    let told = checked
        .findings
        .iter()
        .filter(|finding| finding.rule.severity == Severity::Error && finding.told_by == ToldBy::Admission);
    told.map(|finding| format!("{}: {}", finding.rule.name, finding.message)).collect()
}

fn cases() -> Vec<Case> {
    let texts = [include_str!("admission.jsonl"), include_str!("admission-mutants.jsonl")];
    let cases = texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str::<Case>(line).unwrap());
    cases.filter(|case| case.yaml.lines().any(|line| matches!(line, "kind: Pipeline" | "kind: PipelineRun"))).collect()
}

#[test]
fn pipelines_are_refused_when_tekton_refuses_them() {
    let cases = cases();
    assert!(cases.len() > 500, "only {} cases are about Pipelines", cases.len());
    let mut wrong = String::new();
    let mut unknown = BTreeSet::new();
    let mut disagree: BTreeSet<&str> = BTreeSet::new();
    for case in &cases {
        for (level, verdict) in [(Level::Stable, &case.stable), (Level::Beta, &case.beta), (Level::Alpha, &case.alpha)] {
            let refusals = refusals(&case.yaml, level);
            if refusals.is_empty() == (verdict == "ok") {
                continue;
            }
            disagree.insert(&case.name);
            if KNOWN.iter().all(|(name, _)| *name != case.name) {
                unknown.insert(&case.name);
                writeln!(wrong, "{} {level:?}\n  Tekton: {verdict}\n  we: {}", case.name, refusals.join("; ")).unwrap();
            }
        }
    }
    let settled: Vec<_> = KNOWN.iter().filter(|(name, _)| !disagree.contains(name)).collect();
    assert!(settled.is_empty(), "these are known disagreements no more: {settled:?}");
    assert!(unknown.is_empty(), "{} of {} cases disagree:\n{wrong}", unknown.len(), cases.len());
}
