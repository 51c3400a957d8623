//! Agreement with Tekton's admission about Tasks, TaskRuns and StepActions, case by case.
//!
//! The cases and Tekton's answers are in `admission.jsonl` and `admission-mutants.jsonl`; `tests/admission` made them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Deserialize;
use tekton::check::{Level, Options, check};
use tekton::finding::{Finding, Severity};
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

/// Cases in which we say something else than Tekton, with their mutants, and why.
const KNOWN: &[(&str, &str)] = &[
    ("decode/step/quantity-null", QUANTITY),
    ("decode/step/quantity-dot-alone", QUANTITY),
    ("decode/step/quantity-sign-alone", QUANTITY),
    ("decode/step/quantity-trailing-space", QUANTITY),
    ("decode/document/anchors-overridden", "kubectl reads it; only the strict reader that the oracle uses does not"),
    ("taskrun/param-value-null", "a value of null is none, and hardly what was meant"),
    ("params/task/type-empty", EMPTY_TYPE),
    ("results/task/type-empty", EMPTY_TYPE),
    ("results/task/array-with-properties", "no type has that name, even where Tekton does not look at it"),
    ("variables/declared-results/step-prefix-any-character", "Tekton means step.results, but any character will do for the dot"),
];

const QUANTITY: &str = "the webhook reads it as zero, or cuts it; nobody means that";
const EMPTY_TYPE: &str = "an empty type counts as none; it is a gap that somebody forgot to fill";

/// What the webhook does not mind, but the CRDs in front of it do.
const NAMELESS: &str = "the field `name` is missing";

/// Rules that Tekton shares in part: they count where it refuses an object, but not where it admits one.
const SHARED: &[&str] = &["undeclared-result"];

fn cases() -> Vec<Case> {
    let texts = [include_str!("admission.jsonl"), include_str!("admission-mutants.jsonl")];
    let cases = texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str::<Case>(line).unwrap());
    // What has no kind may be anything, and is not ours to check.
    let is_ours = |case: &Case| {
        let mut kinds = case.yaml.lines().filter_map(|line| line.strip_prefix("kind: "));
        kinds.next().is_some_and(|kind| !matches!(kind, "Pipeline" | "PipelineRun"))
    };
    cases.filter(is_ours).collect()
}

fn errors(yaml: &str, level: Level) -> Vec<Finding> {
    let sources = [Source::new("case.yaml", yaml)];
    let mut findings = check(&sources, &Options { level, ..Options::default() }).findings;
    findings.retain(|finding| finding.rule.severity == Severity::Error);
    findings
}

#[test]
fn tasks_are_refused_when_tekton_refuses_them() {
    let cases = cases();
    assert!(cases.len() > 800, "only {} cases are about Tasks", cases.len());
    let mut wrong = String::new();
    let mut unknown: BTreeSet<&str> = BTreeSet::new();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for case in &cases {
        for (level, verdict) in [(Level::Stable, &case.stable), (Level::Beta, &case.beta), (Level::Alpha, &case.alpha)] {
            let errors = errors(&case.yaml, level);
            let is_ok = verdict == "ok";
            let counts = |finding: &&Finding| match finding.told_by {
                ToldBy::Admission => !(is_ok && finding.message == NAMELESS),
                ToldBy::Run | ToldBy::Nobody => !is_ok && SHARED.contains(&finding.rule.name),
            };
            let refusals: Vec<&Finding> = errors.iter().filter(counts).collect();
            if refusals.is_empty() == is_ok {
                continue;
            }
            if let Some((known, _)) = KNOWN.iter().find(|(known, _)| case.name.split('~').next() == Some(known)) {
                used.insert(known);
                continue;
            }
            unknown.insert(&case.name);
            let ours: Vec<_> = refusals.iter().map(|finding| format!("{}: {}", finding.rule.name, finding.message)).collect();
            writeln!(wrong, "{} {level:?}\n  Tekton: {verdict}\n  we: {}\n{}", case.name, ours.join("; "), case.yaml).unwrap();
        }
    }
    assert!(unknown.is_empty(), "{} of {} cases disagree:\n{wrong}", unknown.len(), cases.len());
    let settled: Vec<_> = KNOWN.iter().filter(|(name, _)| !used.contains(name)).collect();
    assert!(settled.is_empty(), "these are known disagreements no more: {settled:?}");
}

#[test]
fn messages_name_the_place_and_the_way_out() {
    let text = r#"apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: target
  - name: git.url
  - name: flags
    type: array
  - name: source
    properties:
      url: {}
  results:
  - name: image-digest
  stepTemplate:
    env:
    - name: FLAGS
      value: $(params.flags[*])
  steps:
  - name: clone
    image: example.com/git:1
    command: [/clone, $(params.taregt), $(params.git.url), $(params.source.ur1), $(params.source)]
    args:
    - --target=$(params.target)
    - --flags=$(params.flags[*])
    - $(context.task.uid)
    - $(params.a.b.c)
    onError: Continue
  - name: build
    script: make > $(results.image.digest.path)
    image: example.com/make:$(params.git.url)
  sidecars:
  - name: proxy
    image: example.com/proxy:$(params.target)
    args: [$(params.targte)]
"#;
    let source = Source::new("build.yaml", text);
    let mut shown = String::new();
    for finding in errors(text, Level::Beta) {
        let place = source.position(finding.span.start);
        let hint = finding.hint.unwrap_or_default();
        writeln!(shown, "{}:{}: {}: {}\n    {hint}", place.line, place.column, finding.rule.name, finding.message).unwrap();
    }
    insta::assert_snapshot!(shown, @r#"
    19:14: list-in-text: the array "flags" cannot stand in a string
        write one element: $(params.flags[0]), or $(params.flags[*]) where a list can be
    23:23: undeclared-param: the parameter "taregt" is not declared
        did you mean "target"?
    23:41: undeclared-param: the parameter "git" is not declared
        a name with dots goes into brackets: $(params["git.url"])
    23:60: undeclared-param: the object "source" has no key "ur1"
        did you mean "url"?
    23:82: list-in-text: the object "source" cannot be used as a whole here
        write one of its keys: $(params.source.url)
    26:15: list-in-text: the array "flags" cannot stand beside other text
        write $(params.flags[*]) as an element of its own
    27:7: unknown-context: there is no $(context.task.uid)
        did you mean $(context.taskRun.uid)?
    28:7: undeclared-param: $(params.a.b.c) has more than a name and a key
        a parameter is $(params.NAME), a key of an object $(params.NAME.KEY)
    29:14: on-error: the failure of a step cannot mean "Continue"
        did you mean "continue"?
    31:20: undeclared-result: the Task does not declare the result "image.digest"
        did you mean "image-digest"?
    32:29: undeclared-param: the parameter "git" is not declared
        a name with dots goes into brackets: $(params["git.url"])
    36:12: undeclared-param: the parameter "targte" is not declared: nothing is put in its place
        did you mean "target"?
    "#);
}
