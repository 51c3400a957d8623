//! `stepwright render`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use step::{Error, Result, files};

use super::{Definition, Options, Rendered, Values};
use crate::cli::print;

pub(crate) fn command() -> Command {
    Command::new("render")
        .about("Renders a pipeline: its Tasks and Pipelines, ready for `oc apply -f -`")
        .args(arguments())
        .arg(
            Arg::new("examples")
                .long("examples")
                .action(ArgAction::SetTrue)
                .help("Print the example runs instead, ready for `oc create -f -`"),
        )
        .arg(
            Arg::new("beside")
                .long("beside")
                .value_name("NAME")
                .conflicts_with("examples")
                .help("Print the objects of NAME.cluster.yaml.j2 instead, ready for `oc apply -f -`"),
        )
        .arg(
            Arg::new("directory")
                .long("output-dir")
                .short('o')
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with_all(["examples", "beside"])
                .help("Write files below DIR, laid out as a Tekton catalog, instead of printing"),
        )
}

/// What says which pipeline is rendered and how; for every command that renders one.
pub(crate) fn arguments() -> [Arg; 4] {
    [
        Arg::new("pipeline")
            .value_name("PIPELINE")
            .required(true)
            .help("The directory of a definition, or the name of one: in ./pipelines, else one that is built in"),
        Arg::new("values")
            .long("values")
            .short('f')
            .value_name("FILE")
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf))
            .help("A file of values (YAML); of several, later ones count"),
        Arg::new("set")
            .long("set")
            .value_name("NAME=VALUE")
            .action(ArgAction::Append)
            .help("A value, more than what files say; NAME.NAME=VALUE for one in an object"),
        Arg::new("images")
            .long("images")
            .value_name("REGISTRY/PREFIX")
            .help("Where the step images are; the image is REGISTRY/PREFIX/STEP:VERSION"),
    ]
}

/// The definition and the values that [`arguments`] give.
pub(crate) fn inputs(matches: &ArgMatches) -> Result<(Definition, Values, Options)> {
    let name = matches.get_one::<String>("pipeline").map(String::as_str).unwrap_or_default();
    let files: Vec<PathBuf> = matches.get_many("values").into_iter().flatten().cloned().collect();
    let sets: Vec<String> = matches.get_many("set").into_iter().flatten().cloned().collect();
    let definition = Definition::find(name)?;
    let values = definition.values(&files, &sets)?;
    let options = Options { images: matches.get_one("images").cloned(), ..Options::default() };
    Ok((definition, values, options))
}

pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let (definition, values, options) = inputs(matches)?;
    let rendered = definition.render(&values, &options)?;
    let warnings: String = rendered.warnings.iter().map(ToString::to_string).collect();
    say(&warnings);
    match matches.get_one::<PathBuf>("directory") {
        Some(directory) => write(&rendered, directory),
        None if matches.contains_id("beside") => print(beside(&definition, &rendered, matches)?.as_bytes()),
        None if matches.get_flag("examples") => print(rendered.examples_yaml()?.as_bytes()),
        None => print(rendered.to_yaml()?.as_bytes()),
    }
}

/// The objects beside Pipelines that are asked for.
fn beside(definition: &Definition, rendered: &Rendered, matches: &ArgMatches) -> Result<String> {
    let wanted = matches.get_one::<String>("beside").map(String::as_str).unwrap_or_default();
    if let Some(text) = rendered.beside_yaml(wanted)? {
        return Ok(text);
    }
    let known: Vec<&str> = rendered.beside().map(|(name, _)| name).collect();
    let hint = if known.is_empty() { "it has none".to_owned() } else { format!("there is: {}", known.join(", ")) };
    Err(Error::not_found(format!("the pipeline {} has no objects called {wanted:?}", definition.name())).hint(hint))
}

/// All files, and what they are.
fn write(rendered: &Rendered, directory: &Path) -> Result<()> {
    for (path, text) in rendered.files()? {
        let path = directory.join(path);
        let parent = path.parent().unwrap_or(directory);
        std::fs::create_dir_all(parent).map_err(|e| Error::io(format_args!("cannot make {}", parent.display()), e))?;
        files::write_atomic(&path, text.as_bytes())?;
        say(&format!("wrote {}\n", path.display()));
    }
    Ok(())
}

/// Nobody needs to be told that standard error is closed.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
