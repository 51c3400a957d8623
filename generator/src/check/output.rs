//! Findings and rules as text for people and programs.

use std::fmt::Write;

use serde_json::{Value, json};
use step::{Error, Result};
use tekton::finding::Severity;
use tekton::rules::{self, Rule, ToldBy};
use tekton::source::{Position, Source};

use crate::render::Fault;

/// `[{file, line, column, severity, rule, message, hint}]`, with `null` for what is not known.
pub(super) fn json(faults: &[Fault]) -> Result<String> {
    let list: Vec<Value> = faults
        .iter()
        .map(|fault| {
            json!({
                "file": fault.file,
                "line": fault.position.map(|position| position.line),
                "column": fault.position.map(|position| position.column),
                "severity": fault.severity.to_string(),
                "rule": fault.rule,
                "message": fault.message,
                "hint": fault.hint,
            })
        })
        .collect();
    pretty(&Value::Array(list))
}

/// SARIF 2.1.0, one run.
pub(super) fn sarif(faults: &[Fault]) -> Result<String> {
    let known: Vec<Value> = rules::all()
        .map(|rule| {
            json!({
                "id": rule.name,
                "shortDescription": {"text": rule.summary},
                "fullDescription": {"text": rule.explanation},
                "defaultConfiguration": {"level": rule.severity.to_string()},
            })
        })
        .collect();
    let results: Vec<Value> = faults.iter().map(result).collect();
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "stepwright",
                    "version": env!("CARGO_PKG_VERSION"),
                    "informationUri": env!("CARGO_PKG_REPOSITORY"),
                    "rules": known,
                },
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn result(fault: &Fault) -> Value {
    let text = match &fault.hint {
        Some(hint) => format!("{}; hint: {hint}", fault.message),
        None => fault.message.clone(),
    };
    let mut place = json!({"artifactLocation": {"uri": uri(&fault.file)}});
    if let Some(Position { line, column }) = fault.position {
        place["region"] = json!({"startLine": line, "startColumn": column});
    }
    let mut result = json!({
        "ruleId": fault.rule,
        "level": fault.severity.to_string(),
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    });
    if let Some(index) = rules::all().position(|rule| rule.name == fault.rule) {
        result["ruleIndex"] = index.into();
    }
    result
}

/// A path as a relative or absolute URI reference.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(byte.into()),
            // Writing to a string cannot fail.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    if path.starts_with('/') { format!("file://{uri}") } else { uri }
}

fn pretty(value: &Value) -> Result<String> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::internal("cannot write JSON").because(e))?;
    Ok(text + "\n")
}

/// All that is to be said of a rule.
pub(super) fn explained(rule: &Rule) -> String {
    let told_by = match rule.told_by {
        ToldBy::Admission => "Kubernetes or Tekton refuse it when it is applied.",
        ToldBy::Run => "Nobody tells before it runs, and fails.",
        ToldBy::Nobody => "Nobody else tells.",
    };
    let source = Source::new("example.yaml", rule.bad);
    let checked = tekton::check::check(std::slice::from_ref(&source), &tekton::check::Options::default());
    let findings: String = checked.findings.iter().map(|finding| super::fault(finding, &source).to_string()).collect();
    format!(
        "{}[{}]: {}\n\n{}\n\n{told_by}\n\nFor example:\n\n{}\n{}\nMended:\n\n{}",
        rule.severity,
        rule.name,
        rule.summary,
        rule.explanation,
        indented(rule.bad),
        indented(&findings),
        indented(rule.good),
    )
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

/// Every rule on a line.
pub(super) fn listed() -> String {
    let width = rules::all().map(|rule| rule.name.len()).max().unwrap_or_default();
    let line = |rule: &Rule| format!("{:width$}  {:7}  {}\n", rule.name, rule.severity.to_string(), rule.summary);
    let count = |severity| rules::all().filter(|rule| rule.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let lines: String = rules::all().map(line).collect();
    format!("{lines}\n{errors} errors, {warnings} warnings; `stepwright explain RULE` says more of one.\n")
}
