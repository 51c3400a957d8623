//! Where what runs comes from: definitions, files, directories, our own steps.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use runner::{Given, Library, Manifests, Request};
use serde_json::Value;
use step::{Error, Kind, Result};
use tekton::check::{Level, Object};
use tekton::finding::{Report, Severity};
use tekton::node::{self, Data, Node};
use tekton::source::Source;
use tekton::v1::ParamValue;

use crate::render::{self, Definition, Fault};
use crate::{steps, task};

/// All that a run is made of.
pub(super) struct Input {
    pub(super) request: Request,
    pub(super) library: Library,
    pub(super) params: Given,
    pub(super) manifests: Manifests,
}

pub(super) fn read(matches: &ArgMatches) -> Result<Input> {
    let mut library = Library::new();
    for step in &steps() {
        library.add_known(task::task(step, task::IMAGES)?);
    }
    let mut files: Vec<PathBuf> = matches.get_many("file").into_iter().flatten().cloned().collect();
    let mut wanted = matches.get_one::<String>("name").cloned();
    if let Some(what) = matches.get_one::<String>("what") {
        let path = Path::new(what);
        let is_definition = path.join("pipeline.yaml.j2").is_file();
        let is_step = steps().iter().any(|step| step.about.name == what);
        if !is_definition && path.exists() {
            files.insert(0, path.to_owned());
        } else if !files.is_empty() {
            wanted = wanted.or_else(|| Some(what.clone()));
        } else if is_definition || Definition::embedded_names().any(|name| name == what) || !is_step {
            let definition = Definition::find(what).map_err(|error| not_there(what, error))?;
            let name = add_definition(&definition, matches, &mut library)?;
            wanted = wanted.or(name);
        } else {
            wanted = Some(what.clone());
        }
    } else if files.is_empty() {
        return Err(Error::new(Kind::Usage, "nothing to run is given")
            .hint("give a definition's name, a file with Tekton YAML, or a step's name"));
    }
    for object in checked(&files)? {
        library.add(object);
    }
    let request = library.request(wanted.as_deref())?;
    let manifests = match matches.get_one::<PathBuf>("manifests") {
        Some(directory) => Manifests::read(directory, &documents)?,
        None => Manifests::default(),
    };
    Ok(Input { request, library, params: params(matches)?, manifests })
}

/// A name may be a step's as well.
fn not_there(what: &str, error: Error) -> Error {
    if error.kind() != Kind::NotFound || what.contains(['/', '.']) {
        return error;
    }
    let steps = steps();
    let names = Definition::embedded_names().chain(steps.iter().map(|step| step.about.name));
    let names: std::collections::BTreeSet<&str> = names.collect();
    let error = Error::not_found(format!("there is no pipeline, step or file {what:?}"));
    match render::advice(what, names.iter().copied()) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}

/// Renders a definition; the name of what runs is returned, if it has one Pipeline.
fn add_definition(definition: &Definition, matches: &ArgMatches, library: &mut Library) -> Result<Option<String>> {
    let values: Vec<PathBuf> = matches.get_many("values").into_iter().flatten().cloned().collect();
    let sets: Vec<String> = matches.get_many("set").into_iter().flatten().cloned().collect();
    let values = definition.values(&values, &sets)?;
    let rendered = definition.render(&values, &render::Options::default())?;
    for task in &rendered.tasks {
        library.add_known(task.clone());
    }
    let mut names = Vec::new();
    for pipeline in rendered.pipelines() {
        names.push(pipeline.name().to_owned());
        library.add(Object::Pipeline(Box::new(pipeline.clone())));
    }
    // Tasks besides those of steps, and not the examples of runs: those have parameters of their own.
    for object in rendered.objects().filter(|object| matches!(object, Object::Task(_) | Object::StepAction(_))) {
        library.add(object.clone());
    }
    Ok(if names.len() == 1 { names.pop() } else { None })
}

/// Reads and checks files; errors stop it.
pub(crate) fn checked(files: &[PathBuf]) -> Result<Vec<Object>> {
    let sources = sources(files)?;
    let known = steps().iter().map(|step| task::task(step, task::IMAGES)).collect::<Result<_>>()?;
    let checked = tekton::check::check(&sources, &tekton::check::Options { level: Level::Alpha, known });
    let errors: Vec<_> = checked.findings.iter().filter(|finding| finding.rule.severity == Severity::Error).collect();
    if errors.is_empty() {
        return Ok(checked.objects.into_iter().map(|(_, object)| object).collect());
    }
    let details = errors.iter().map(|finding| {
        let fault = Fault::at(&sources[finding.source], finding.span.start, finding.rule.name, finding.message.clone());
        Fault { hint: finding.hint.clone(), ..fault }.to_string()
    });
    let plural = if errors.len() == 1 { "" } else { "s" };
    Err(Error::new(Kind::Findings, format!("{} error{plural}, so nothing was started", errors.len()))
        .details(details.collect::<String>())
        .hint(format!("`stepwright explain {}` says more of such a finding", errors[0].rule.name)))
}

/// The files, and those of directories: `.yaml`, `.yml` and `.json`, in the order of their names.
fn sources(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        let failed = |e| Error::io(format_args!("cannot read {}", path.display()), e);
        let mut files = vec![path.clone()];
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(failed)?;
            files = entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect::<Result<_>>()?;
            files.retain(|file| file.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json"));
            files.sort();
        }
        for file in files {
            let bytes = std::fs::read(&file).map_err(|e| Error::io(format_args!("cannot read {}", file.display()), e))?;
            let text =
                String::from_utf8(bytes).map_err(|e| Error::bad_input(format!("{} is not UTF-8", file.display())).because(e))?;
            sources.push(Source::new(file.display().to_string(), text));
        }
    }
    Ok(sources)
}

pub(crate) fn params(matches: &ArgMatches) -> Result<Given> {
    let mut given = Given::default();
    for path in matches.get_many::<PathBuf>("params-file").into_iter().flatten() {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(format_args!("cannot read {name}"), e))?;
        add_file(&mut given, &Source::new(&*name, text))?;
    }
    matches.get_many::<String>("param").into_iter().flatten().try_for_each(|text| given.add(text))?;
    Ok(given)
}

/// Adds what a file says of parameters.
fn add_file(given: &mut Given, source: &Source) -> Result<()> {
    let nodes = nodes(source)?;
    let Some([Node { data: Data::Map(entries), .. }]) = nodes.get(..).filter(|nodes| nodes.len() == 1) else {
        return Err(
            Error::bad_input(format!("{} is not an object of parameters", source.name())).hint("write NAME: VALUE, one a line")
        );
    };
    for entry in entries {
        let place = |node: &Node, what: String| {
            let position = source.position(node.span.start);
            Error::bad_input(format!(
                "{}:{}:{}: the parameter {:?} {what}",
                source.name(),
                position.line,
                position.column,
                entry.key
            ))
        };
        let scalar = |node: &Node| match &node.data {
            Data::Text(text) => Ok(text.clone()),
            Data::Null => Err(place(node, "has no value".into()).hint("write \"\" for an empty one")),
            Data::List(_) | Data::Map(_) => Err(place(node, format!("holds {} where only a string may be", node.data))),
            data => {
                // 1.10 is read as 1.1, yes as true: only what stays as it is may go without quotes.
                let (read, written) = (data.to_string(), source.slice(node.span).trim());
                let changed = || {
                    place(node, format!("is {written}, which YAML reads as {read}"))
                        .hint(format!("write it in quotes: \"{written}\""))
                };
                if read == written { Ok(read) } else { Err(changed()) }
            }
        };
        let value = match &entry.value.data {
            Data::List(items) => ParamValue::Array(items.iter().map(scalar).collect::<Result<_>>()?),
            Data::Map(keys) => {
                let pairs = keys.iter().map(|own| Ok((own.key.clone(), scalar(&own.value)?)));
                ParamValue::Object(pairs.collect::<Result<_>>()?)
            }
            _ => ParamValue::String(scalar(&entry.value)?),
        };
        given.set(&*entry.key, value);
    }
    Ok(())
}

/// The documents of a YAML file as JSON.
fn documents(name: &str, text: &str) -> Result<Vec<Value>> {
    Ok(nodes(&Source::new(name, text))?.iter().map(Value::from).collect())
}

/// The documents of a YAML file.
fn nodes(source: &Source) -> Result<Vec<Node>> {
    let mut findings = Vec::new();
    let nodes = node::read(source, &mut Report::new(&mut findings, 0));
    match findings.first() {
        None => Ok(nodes),
        Some(finding) => {
            let position = source.position(finding.span.start);
            Err(Error::bad_input(format!("{}:{}:{}: {}", source.name(), position.line, position.column, finding.message)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let mut given = Given::default();
        match add_file(&mut given, &Source::new("params.yaml", text)) {
            Ok(()) => format!("{given:?}"),
            Err(error) => format!("{error}; {}", error.hint_text().unwrap_or_default()),
        }
    }

    #[test]
    fn a_file_gives_parameters_of_every_type() {
        let given = told("a: x,y\nb: 5\nc: true\nd: [a, 3]\ne: {k: 1, l: \"\"}\nf: '1.10'\n");
        for value in [
            r#""a": [Typed(String("x,y"))]"#,
            r#""b": [Typed(String("5"))]"#,
            r#""c": [Typed(String("true"))]"#,
            r#""d": [Typed(Array(["a", "3"]))]"#,
            r#""e": [Typed(Object({"k": "1", "l": ""}))]"#,
            r#""f": [Typed(String("1.10"))]"#,
        ] {
            assert!(given.contains(value), "{value} in {given}");
        }
    }

    #[test]
    fn what_yaml_would_change_is_told_where_it_stands() {
        let cases = ["a: 1.10", "a: yes", "a: 0644", "a:", "b: x\na: [x, [y]]", "a: {k: {l: m}}", "- a", "", "a: b\n---\na: b"];
        let told: Vec<String> = cases.into_iter().map(told).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        params.yaml:1:4: the parameter "a" is 1.10, which YAML reads as 1.1; write it in quotes: "1.10"
        params.yaml:1:4: the parameter "a" is yes, which YAML reads as true; write it in quotes: "yes"
        params.yaml:1:4: the parameter "a" is 0644, which YAML reads as 420; write it in quotes: "0644"
        params.yaml:1:2: the parameter "a" has no value; write "" for an empty one
        params.yaml:2:8: the parameter "a" holds a list where only a string may be; 
        params.yaml:1:8: the parameter "a" holds a mapping where only a string may be; 
        params.yaml is not an object of parameters; write NAME: VALUE, one a line
        params.yaml is not an object of parameters; write NAME: VALUE, one a line
        params.yaml is not an object of parameters; write NAME: VALUE, one a line
        "#);
    }
}
