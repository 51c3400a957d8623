//! Where Pipelines to draw come from: definitions, which are rendered, and files.

use std::io::Read;
use std::path::Path;

use clap::ArgMatches;
use step::{Error, Result};
use tekton::check::{Object, check};
use tekton::finding::Severity;
use tekton::source::Source;
use tekton::v1::PipelineSpec;

use crate::render::Fault;
use crate::render::command::inputs;

/// The Pipelines in a file (`-` is standard input), or those of a definition, with their names. A PipelineRun's own
/// Pipeline has the run's name.
pub(super) fn pipelines(from: &str, matches: &ArgMatches) -> Result<Vec<(String, PipelineSpec)>> {
    if from != "-" && !Path::new(from).is_file() {
        let (definition, values, options) = inputs(matches)?;
        let rendered = definition.render(&values, &options)?;
        return Ok(rendered.pipelines().map(|pipeline| (pipeline.name().to_owned(), pipeline.spec.clone())).collect());
    }
    let sources = [read(from)?];
    let checked = check(&sources, &tekton::check::Options::default());
    let pipelines: Vec<_> = checked.objects.into_iter().filter_map(|(_, object)| pipeline(object)).collect();
    if !pipelines.is_empty() {
        return Ok(pipelines);
    }
    // What is wrong matters here only when it is why there is nothing to draw.
    let findings = checked.findings.into_iter().filter(|finding| finding.rule.severity == Severity::Error);
    let faults = findings.map(|finding| {
        let fault = Fault::at(&sources[0], finding.span.start, finding.rule.name, finding.message);
        Fault { hint: finding.hint, ..fault }.to_string()
    });
    let error =
        Error::bad_input(format!("{} has no Pipeline that can be drawn", sources[0].name())).details(faults.collect::<String>());
    Err(error.hint("give a file with a Pipeline or a PipelineRun that holds one, or a definition's name"))
}

fn pipeline(object: Object) -> Option<(String, PipelineSpec)> {
    match object {
        Object::Pipeline(pipeline) => Some((pipeline.name().to_owned(), pipeline.spec)),
        Object::PipelineRun(run) => Some((run.name().to_owned(), run.spec.pipeline_spec?)),
        _ => None,
    }
}

fn read(path: &str) -> Result<Source> {
    let name = if path == "-" { "standard input" } else { path };
    let mut bytes = Vec::new();
    let read = match path {
        "-" => std::io::stdin().lock().read_to_end(&mut bytes).map(drop),
        _ => std::fs::read(path).map(|read| bytes = read),
    };
    read.map_err(|e| Error::io(format_args!("cannot read {name}"), e))?;
    let text = String::from_utf8(bytes).map_err(|e| Error::bad_input(format!("{name} is not UTF-8")).because(e))?;
    Ok(Source::new(name, text))
}
