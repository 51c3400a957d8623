//! `stepwright test`: cases of a Pipeline as tables. Given what tasks would have produced, which run, with what, in which
//! order, and what comes of it. The engine of `stepwright run` decides; nothing is executed.

mod compare;
mod file;
mod report;
mod simulate;
mod subject;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum, value_parser};
use serde_json::Value;
use step::{Error, Kind, Result};
use tekton::check::{Object, check};
use tekton::finding::Severity;
use tekton::source::Source;

use crate::cli::print;
use crate::render::{Definition, Fault, Options};
use file::File;
use report::{Checked, Tested};
use subject::Subject;

/// How the outcome is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Where definitions are, when nobody says where.
const PIPELINES: &str = "pipelines";

pub(crate) fn command() -> Command {
    Command::new("test")
        .about("Tests Pipelines against tables of cases, without executing anything")
        .long_about(
            "Tests Pipelines against tables of cases: given what tasks would have produced, which tasks run, with which \
             arguments, in which order, and what comes of it. Cases stand beside a definition, in tests.yaml and \
             *.test.yaml; docs/table-tests.md says how. Nothing is executed. The exit code is 1 when a case fails, and 3 \
             when the cases do not fit the Pipeline.",
        )
        .arg(
            Arg::new("pipeline")
                .value_name("PIPELINE|DIR")
                .action(ArgAction::Append)
                .help("A definition's name or directory, or a directory of Tekton YAML; without one, all in ./pipelines"),
        )
        .arg(Arg::new("filter").long("filter").value_name("TEXT").help("Only cases with TEXT in their names"))
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_parser(value_parser!(Output))
                .default_value("text")
                .help("How the outcome is printed"),
        )
}

pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let filter = matches.get_one::<String>("filter").map(String::as_str);
    let given: Vec<&String> = matches.get_many("pipeline").into_iter().flatten().collect();
    let directories = match given.is_empty() {
        true => all()?,
        false => given.into_iter().map(|name| directory(name)).collect::<Result<_>>()?,
    };
    let mut tested = Vec::new();
    for directory in directories {
        tested.extend(test(&directory, filter)?);
    }
    let (passed, failed) = report::count(&tested);
    if passed + failed == 0 {
        let what = filter
            .map_or_else(|| "there is no case".to_owned(), |filter| format!("there is no case with {filter:?} in its name"));
        return Err(Error::not_found(what));
    }
    let text = match matches.get_one("output") {
        Some(Output::Json) => report::json(&tested),
        _ => report::text(&tested),
    };
    print(text.as_bytes())?;
    match failed {
        0 => Ok(()),
        _ => Err(Error::new(Kind::Findings, format!("{failed} of {} cases failed", passed + failed))),
    }
}

/// Every directory in `./pipelines` that has cases.
fn all() -> Result<Vec<PathBuf>> {
    let hint = "give the directory of a definition, or run this where `pipelines` is";
    let failed = |e| Error::io(format_args!("cannot read {PIPELINES}"), e).hint(hint);
    let mut directories = Vec::new();
    for entry in std::fs::read_dir(PIPELINES).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && !tables(&path)?.is_empty() {
            directories.push(path);
        }
    }
    directories.sort();
    Ok(directories)
}

fn directory(name: &str) -> Result<PathBuf> {
    let candidates = [PathBuf::from(name), Path::new(PIPELINES).join(name)];
    candidates.into_iter().find(|path| path.is_dir()).ok_or_else(|| {
        Error::not_found(format!("there is no directory {name}, and no {PIPELINES}/{name}"))
            .hint("cases stand beside a definition: give its directory")
    })
}

/// The files of cases in a directory.
fn tables(directory: &Path) -> Result<Vec<PathBuf>> {
    files(directory, is_table)
}

fn is_table(name: &str) -> bool {
    name == "tests.yaml" || name.ends_with(".test.yaml")
}

fn files(directory: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io(format_args!("cannot read {}", directory.display()), e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_str().is_some_and(&is_wanted) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Source> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(format_args!("cannot read {}", path.display()), e))?;
    Ok(Source::new(path.display().to_string(), text))
}

/// All cases in a directory, by Pipeline.
fn test(directory: &Path, filter: Option<&str>) -> Result<Vec<Tested>> {
    let tables = tables(directory)?;
    if tables.is_empty() {
        let error = Error::not_found(format!("{} has no tests.yaml and no *.test.yaml", directory.display()));
        return Err(error.hint("write one; docs/table-tests.md says how"));
    }
    let mut faults = Vec::new();
    let mut files = Vec::new();
    for path in tables {
        match File::read(read(&path)?) {
            Ok(file) => files.push(file),
            Err(wrong) => faults.extend(wrong),
        }
    }
    let mut subjects = Subjects::of(directory)?;
    let mut all: BTreeMap<String, Tested> = BTreeMap::new();
    let mut covered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in &files {
        for (index, case) in file.table.cases.iter().enumerate() {
            let subject = match subjects.subject(file, index)? {
                Ok(subject) => subject,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let wrong = subject.faults(file, index);
            if !wrong.is_empty() {
                faults.extend(wrong);
                continue;
            }
            let pipeline = subject.pipeline.name().to_owned();
            let expects = covered.entry(pipeline.clone()).or_default();
            expects.extend(case.expect.runs.keys().chain(case.expect.skipped.keys()).cloned());
            let tested = all.entry(pipeline.clone()).or_insert_with(|| {
                let uncovered = subject.all().map(|task| task.name().to_owned()).collect();
                Tested { pipeline, cases: Vec::new(), uncovered }
            });
            if filter.is_some_and(|filter| !case.name.contains(filter)) {
                continue;
            }
            let differences = match simulate::simulate(&subject, case) {
                Ok(observed) => compare::compare(&subject, file, index, &observed),
                Err(why) => vec![compare::not_started(file, index, &why)],
            };
            let line = file.source.position(file.case(index).span().start).line;
            let (file, name) = (file.source.name().to_owned(), case.name.clone());
            tested.cases.push(Checked { file, line, name, differences });
        }
    }
    if !faults.is_empty() {
        faults.dedup();
        let count = if faults.len() == 1 { "1 error".to_owned() } else { format!("{} errors", faults.len()) };
        let error = Error::bad_input(format!("cases in {}: {count}", directory.display()));
        return Err(error.details(faults.iter().map(Fault::to_string).collect::<String>()));
    }
    for (pipeline, tested) in &mut all {
        let expects = &covered[pipeline];
        tested.uncovered.retain(|task| !expects.contains(task));
    }
    Ok(all.into_values().collect())
}

/// What is tested in a directory: a definition, rendered once for each set of values, or plain files.
struct Subjects {
    directory: PathBuf,
    definition: Option<Definition>,
    /// The objects by the values that they were rendered with.
    rendered: BTreeMap<String, Vec<Object>>,
}

impl Subjects {
    fn of(directory: &Path) -> Result<Self> {
        let is_definition = directory.join("pipeline.yaml.j2").is_file();
        let definition = if is_definition { Some(Definition::open(directory)?) } else { None };
        Ok(Subjects { directory: directory.to_owned(), definition, rendered: BTreeMap::new() })
    }

    /// What a case tests; the inner error is the case's.
    fn subject(&mut self, file: &File, index: usize) -> Result<std::result::Result<Subject, Fault>> {
        let case = &file.table.cases[index];
        let place = file.case(index);
        if self.definition.is_none() && !case.values.is_empty() {
            return Ok(Err(file.fault(place.name_of("values"), "impossible", "there is no template here that takes values")));
        }
        let sets: Vec<String> = case.values.iter().map(|(name, value)| set(name, value)).collect();
        let key = sets.join("\n");
        if !self.rendered.contains_key(&key) {
            let objects = match &self.definition {
                Some(definition) => {
                    let rendered =
                        definition.values(&[], &sets).and_then(|values| definition.render(&values, &Options::default()));
                    let rendered = rendered.map_err(|error| error.context(format_args!("case {:?}", case.name)))?;
                    let tasks = rendered.tasks.iter().cloned().map(|task| Object::Task(Box::new(task)));
                    tasks.chain(rendered.objects().cloned()).collect()
                }
                None => plain(&self.directory)?,
            };
            self.rendered.insert(key.clone(), objects);
        }
        let objects = &self.rendered[&key];
        let (mut pipelines, mut tasks, mut step_actions) = (Vec::new(), Vec::new(), Vec::new());
        for object in objects {
            match object {
                Object::Pipeline(pipeline) => pipelines.push(&**pipeline),
                Object::Task(task) => tasks.push((**task).clone()),
                Object::StepAction(action) => step_actions.push((**action).clone()),
                Object::TaskRun(_) | Object::PipelineRun(_) => {}
            }
        }
        let names = pipelines.iter().map(|pipeline| pipeline.name());
        let top = file.top();
        let found = match &file.table.pipeline {
            Some(name) => pipelines.iter().find(|pipeline| pipeline.name() == name).ok_or_else(|| {
                let fault = file.fault(top.key("pipeline"), "unknown-pipeline", format!("there is no Pipeline {name:?}"));
                fault.did_you_mean(name, names.clone())
            }),
            None if pipelines.len() == 1 => Ok(&pipelines[0]),
            None => {
                let fault = file.fault(top, "unknown-pipeline", format!("there are {} Pipelines", pipelines.len()));
                let names: Vec<&str> = names.clone().collect();
                Err(fault.hint(format!("say which with `pipeline: NAME`; there is: {}", names.join(", "))))
            }
        };
        let mut subject = match found {
            Ok(pipeline) => Subject { pipeline: (*pipeline).clone(), tasks, step_actions },
            Err(fault) => return Ok(Err(fault)),
        };
        Ok(subject.stand_in(file).map_or(Ok(subject), Err))
    }
}

/// A value as `--set` takes it.
fn set(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    }
}

/// The objects in a directory's YAML files. Whether they are in order is for `stepwright check`.
fn plain(directory: &Path) -> Result<Vec<Object>> {
    let is_yaml = |name: &str| (name.ends_with(".yaml") || name.ends_with(".yml")) && !is_table(name);
    let sources: Vec<Source> = files(directory, is_yaml)?.iter().map(|path| read(path)).collect::<Result<_>>()?;
    let checked = check(&sources, &tekton::check::Options::default());
    let faults: String = checked
        .findings
        .into_iter()
        .filter(|finding| finding.rule.severity == Severity::Error)
        .map(|finding| {
            let fault = Fault::at(&sources[finding.source], finding.span.start, finding.rule.name, finding.message);
            Fault { hint: finding.hint, ..fault }.to_string()
        })
        .collect();
    if !faults.is_empty() {
        return Err(Error::bad_input(format!("what is in {} cannot be tested", directory.display())).details(faults));
    }
    Ok(checked.objects.into_iter().map(|(_, object)| object).collect())
}
