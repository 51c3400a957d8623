//! Every rule by its own examples, and `docs/rules.md`, which shows them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use tekton::check::{Level, Options, check};
use tekton::finding::{Finding, Severity};
use tekton::rules::{Rule, ToldBy, all};
use tekton::source::Source;

fn findings(text: &str) -> (Source, Vec<Finding>) {
    let source = Source::new("example.yaml", text);
    let options = Options { level: Level::Beta, ..Options::default() };
    let checked = check(std::slice::from_ref(&source), &options);
    (source, checked.findings)
}

fn shown(source: &Source, finding: &Finding) -> String {
    let place = source.position(finding.span.start);
    let Finding { rule, message, hint, .. } = finding;
    let mut text = format!("example.yaml:{}:{}: {}[{}]: {message}\n", place.line, place.column, rule.severity, rule.name);
    if let Some(hint) = hint {
        writeln!(text, "  hint: {hint}").unwrap();
    }
    text
}

#[test]
fn bad_examples_break_their_rule_and_no_other_and_good_ones_none() {
    let mut wrong = String::new();
    for rule in all() {
        let (source, found) = findings(rule.bad);
        if found.is_empty() || found.iter().any(|finding| finding.rule.name != rule.name) {
            writeln!(wrong, "{}: its bad example gives:", rule.name).unwrap();
            found.iter().for_each(|finding| wrong.push_str(&shown(&source, finding)));
        }
        let (source, found) = findings(rule.good);
        if !found.is_empty() {
            writeln!(wrong, "{}: its good example gives:", rule.name).unwrap();
            found.iter().for_each(|finding| wrong.push_str(&shown(&source, finding)));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn names_are_unique_and_texts_are_sentences() {
    let names: BTreeSet<_> = all().map(|rule| rule.name).collect();
    assert_eq!(names.len(), all().count());
    for rule in all() {
        assert!(rule.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", rule.name);
        assert!(rule.summary.ends_with('.') && rule.explanation.ends_with('.'), "{}", rule.name);
    }
}

#[test]
fn the_documentation_shows_every_rule() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let text = documentation();
    if std::env::var_os("STEPWRIGHT_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "docs/rules.md is stale: run STEPWRIGHT_UPDATE=1 cargo test -p tekton");
}

fn documentation() -> String {
    let count = |severity| all().filter(|rule| rule.severity == severity).count();
    let mut text = format!(
        "# Rules of `stepwright check`\n\nThis page is made from the rules themselves (`crates/tekton/src/rules`), messages included, by a test. There are {} errors\nand {} warnings; `--deny warnings` makes the latter count, and `stepwright explain RULE` shows one rule.\n\n| rule | severity | who else would tell | |\n| --- | --- | --- | --- |\n",
        count(Severity::Error),
        count(Severity::Warning)
    );
    for Rule { name, severity, told_by, summary, .. } in all() {
        let told_by = match told_by {
            ToldBy::Admission => "Kubernetes or Tekton, when it is applied",
            ToldBy::Run => "the run, which fails",
            ToldBy::Nobody => "nobody",
        };
        writeln!(text, "| [{name}](#{name}) | {severity} | {told_by} | {summary} |").unwrap();
    }
    for rule in all() {
        let (source, found) = findings(rule.bad);
        let messages: String = found.iter().map(|finding| shown(&source, finding)).collect();
        write!(
            text,
            "\n## {}\n\n{}\n\n{}\n\n```yaml\n{}```\n\n```text\n{messages}```\n\nMended:\n\n```yaml\n{}```\n",
            rule.name, rule.summary, rule.explanation, rule.bad, rule.good
        )
        .unwrap();
    }
    text
}
