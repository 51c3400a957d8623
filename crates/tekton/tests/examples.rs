//! The verdicts of Tekton about its own examples, and what is found in files with one defect each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use tekton::check::{Level, Options, check};
use tekton::finding::Severity;
use tekton::rules::ToldBy;
use tekton::source::Source;

fn data(path: &str) -> PathBuf {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/tekton"));
    assert!(root.is_dir(), "the test data is missing: {} has to be beside the repository", root.display());
    root.join(path)
}

fn source(path: &Path) -> Source {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Source::new(path.file_name().unwrap().to_str().unwrap(), text)
}

/// Tekton's examples of which we say something else, and why.
const KNOWN: &[(&str, &str)] = &[];

#[test]
fn examples_of_tekton_are_refused_when_it_refuses_them() {
    let table = std::fs::read_to_string(data("examples/verdicts.tsv")).unwrap();
    let mut wrong = String::new();
    let mut count = 0;
    for line in table.lines().skip(1) {
        let [file, stable, beta, alpha] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        count += 1;
        let sources = [source(&data("examples").join(file))];
        let mut disagrees = false;
        for (level, verdict) in [(Level::Stable, stable), (Level::Beta, beta), (Level::Alpha, alpha)] {
            let findings = check(&sources, &Options { level, ..Options::default() }).findings;
            let told = findings.iter().filter(|finding| finding.told_by == ToldBy::Admission);
            // Where Tekton has nothing to say, neither may we, not even a warning.
            let told: Vec<_> = match verdict {
                "ok" => told.collect(),
                _ => told.filter(|finding| finding.rule.severity == Severity::Error).collect(),
            };
            if told.is_empty() == (verdict == "ok") {
                continue;
            }
            disagrees = true;
            if KNOWN.iter().all(|(known, _)| *known != file) {
                writeln!(wrong, "{file} {level:?}\n  Tekton: {verdict}").unwrap();
                for finding in told {
                    let line = sources[0].position(finding.span.start).line;
                    writeln!(wrong, "  we: {line}: {}: {}", finding.rule.name, finding.message).unwrap();
                }
            }
        }
        if !disagrees && KNOWN.iter().any(|(known, _)| *known == file) {
            writeln!(wrong, "{file} is a known disagreement, and there is none").unwrap();
        }
    }
    assert_eq!(count, 101, "there are other examples than there were");
    assert!(wrong.is_empty(), "{wrong}");
}

/// Files with one defect, where it is, and the rule that finds it.
const DEFECTS: &[(&str, &[(usize, &str)])] = &[
    ("00-good.yaml", &[]),
    ("01-typo-optional-param.yaml", &[(28, "unknown-param")]),
    ("02-missing-required-param.yaml", &[(26, "missing-param")]),
    ("04-unknown-result.yaml", &[(32, "unknown-result")]),
    ("05-missing-workspace.yaml", &[(26, "unbound-workspace")]),
    ("06-undeclared-pipeline-param.yaml", &[(28, "undeclared-param")]),
    ("08-cycle.yaml", &[(28, "task-cycle")]),
    ("09-unknown-field.yaml", &[(28, "unknown-field")]),
    ("10-bad-runafter.yaml", &[(28, "unknown-task")]),
    ("11-finally-ref-unknown-result.yaml", &[(33, "unknown-result")]),
    ("13-when-bad-op.yaml", &[(28, "unknown-value")]),
    ("14-string-to-array-ref.yaml", &[(28, "param-type")]),
    ("15-bad-timeout.yaml", &[(28, "invalid-value")]),
    ("17-ws-typo.yaml", &[(29, "unknown-workspace")]),
    ("20-task-undeclared-param.yaml", &[(8, "undeclared-param")]),
    ("22-task-undeclared-workspace.yaml", &[(8, "undeclared-workspace")]),
    ("23-task-undeclared-volume.yaml", &[(8, "undeclared-volume")]),
    ("25-task-bad-quantity.yaml", &[(8, "invalid-quantity")]),
    ("27-task-invalid-image.yaml", &[(6, "image-reference")]),
    ("28-long-name.yaml", &[(3, "object-name"), (6, "invalid-name")]),
    ("31-bool-param-value.yaml", &[(5, "value-not-string")]),
];

#[test]
fn defects_are_found_in_their_lines() {
    let mut wrong = String::new();
    let mut files: Vec<_> = std::fs::read_dir(data("defects")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    for path in &files {
        let sources = [source(path)];
        let name = sources[0].name();
        let mut found: Vec<_> = check(&sources, &Options::default()).findings;
        found.sort_by_key(|finding| finding.span);
        let found: Vec<_> =
            found.iter().map(|finding| (sources[0].position(finding.span.start).line, finding.rule.name)).collect();
        match DEFECTS.iter().find(|(file, _)| *file == name) {
            Some((_, [])) if found.is_empty() => {}
            Some((_, expected)) if !expected.is_empty() && expected.iter().all(|one| found.contains(one)) => {}
            Some((_, expected)) => writeln!(wrong, "(\"{name}\", &{found:?}), // not {expected:?}").unwrap(),
            None => writeln!(wrong, "(\"{name}\", &{found:?}), // is not in the table").unwrap(),
        }
    }
    assert_eq!(files.len(), DEFECTS.len(), "there are other files than in the table\n{wrong}");
    assert!(wrong.is_empty(), "{wrong}");
}
