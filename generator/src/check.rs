//! `stepwright check` and `stepwright explain`: what is wrong with Tekton YAML, ours or not.

mod files;
mod output;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum, value_parser};
use step::{Error, Kind, Result};
use tekton::check::{Checked, Level};
use tekton::finding::{Finding, Severity};
use tekton::rules;
use tekton::source::{Position, Source};

use crate::render::{self, Fault};
use crate::{steps, task};

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people: place, rule, message, the line, a hint.
    Text,
    /// One JSON array.
    Json,
    /// SARIF 2.1.0, for forges and editors.
    Sarif,
}

/// What the cluster's `enable-api-fields` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fields {
    /// What will not change.
    Stable,
    /// Tekton's default.
    Beta,
    /// Everything.
    Alpha,
}

/// The command line of `check`.
pub(crate) fn command() -> Command {
    Command::new("check")
        .about("Checks Tekton YAML harder than Tekton does")
        .long_about(
            "Checks Tekton YAML harder than Tekton does: what Kubernetes and Tekton would refuse, what would fail when it \
             runs, and what they ignore without a word.\n\nFiles that are given together are checked together: what a \
             Pipeline gives to a Task in another file has to fit. In a directory all .yaml, .yml and .json files are \
             read, and definitions of pipelines (pipeline.yaml.j2) are rendered and checked. The exit code is 1 when \
             there are errors.",
        )
        .arg(
            Arg::new("files")
                .value_name("FILE")
                .required(true)
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("Files and directories; - is standard input"),
        )
        .arg(
            Arg::new("level")
                .long("level")
                .value_parser(value_parser!(Fields))
                .default_value("beta")
                .help("What the cluster's enable-api-fields says"),
        )
        .arg(Arg::new("deny").long("deny").value_parser(["warnings"]).help("What counts as an error besides errors"))
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_parser(value_parser!(Output))
                .default_value("text")
                .help("How findings are printed"),
        )
}

/// The command line of `explain`.
pub(crate) fn explain_command() -> Command {
    Command::new("explain")
        .about("Explains a rule of check, with an example; without a rule, lists them")
        .arg(Arg::new("rule").value_name("RULE").help("The rule: what stands in brackets in a finding"))
}

/// What was found in all files, and how much was looked at.
struct Found {
    faults: Vec<Fault>,
    files: usize,
    objects: usize,
}

pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let paths: Vec<PathBuf> = matches.get_many("files").into_iter().flatten().cloned().collect();
    let level = match matches.get_one("level") {
        Some(Fields::Stable) => Level::Stable,
        Some(Fields::Alpha) => Level::Alpha,
        _ => Level::Beta,
    };
    let found = check(&files::inputs(&paths)?, level)?;
    let text = match matches.get_one("output") {
        Some(Output::Json) => output::json(&found.faults)?,
        Some(Output::Sarif) => output::sarif(&found.faults)?,
        _ => found.faults.iter().map(ToString::to_string).collect(),
    };
    crate::cli::print(text.as_bytes())?;
    verdict(&found, matches.contains_id("deny"))
}

fn check(inputs: &files::Inputs, level: Level) -> Result<Found> {
    let mut found = Found { faults: Vec::new(), files: inputs.sources.len(), objects: 0 };
    for definition in &inputs.definitions {
        let values = definition.values(&[], &[])?;
        let options = render::Options { level, ..render::Options::default() };
        match definition.try_render(&values, &options) {
            Ok(rendered) => {
                found.objects += rendered.objects().count();
                found.files += rendered.templates.len();
                found.faults.extend(rendered.warnings);
            }
            Err(faults) => {
                let files: BTreeSet<&str> = faults.iter().map(|fault| fault.file.as_str()).collect();
                found.files += files.len();
                found.faults.extend(faults);
            }
        }
    }
    let known = steps().iter().map(|step| task::task(step, task::IMAGES)).collect::<Result<_>>()?;
    let Checked { objects, findings } = tekton::check::check(&inputs.sources, &tekton::check::Options { level, known });
    found.objects += objects.len();
    found.faults.extend(findings.iter().map(|finding| fault(finding, &inputs.sources[finding.source])));
    Ok(found)
}

fn fault(finding: &Finding, source: &Source) -> Fault {
    let position: Position = source.position(finding.span.start);
    Fault {
        file: source.name().to_owned(),
        position: Some(position),
        line: source.line(position.line).to_owned(),
        severity: finding.rule.severity,
        rule: finding.rule.name,
        message: finding.message.clone(),
        hint: finding.hint.clone(),
    }
}

/// The last word: how much was checked, or how many errors there are.
fn verdict(found: &Found, deny_warnings: bool) -> Result<()> {
    let count = |severity| found.faults.iter().filter(|fault| fault.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let checked = format!("{} in {}", plural(found.objects, "object"), plural(found.files, "file"));
    let summary = match (errors, warnings) {
        (0, 0) => format!("{checked}: nothing found"),
        (0, _) => format!("{checked}: {}", plural(warnings, "warning")),
        (_, 0) => format!("{checked}: {}", plural(errors, "error")),
        _ => format!("{checked}: {}, {}", plural(errors, "error"), plural(warnings, "warning")),
    };
    if errors > 0 || (deny_warnings && warnings > 0) {
        let rule = found.faults.iter().map(|fault| fault.rule).find(|rule| rules::find(rule).is_some());
        let error = Error::new(Kind::Findings, summary);
        return Err(match rule {
            Some(rule) => error.hint(format!("`stepwright explain {rule}` says more of such a finding")),
            None => error,
        });
    }
    // Nobody needs to be told that standard error is closed.
    let _ = writeln!(std::io::stderr(), "{summary}");
    Ok(())
}

pub(crate) fn explain(matches: &ArgMatches) -> Result<()> {
    let Some(name) = matches.get_one::<String>("rule") else { return crate::cli::print(output::listed().as_bytes()) };
    let Some(rule) = rules::find(name) else {
        let error = Error::not_found(format!("there is no rule {name:?}"));
        return Err(match tekton::finding::nearest(name, rules::all().map(|rule| rule.name)) {
            Some(rule) => error.hint(format!("did you mean {rule:?}?")),
            None => error.hint("`stepwright explain` lists them"),
        });
    };
    crate::cli::print(output::explained(rule).as_bytes())
}
