//! `stepwright graph`: a picture of a Pipeline, in a language that others draw or as an SVG.

mod dot;
mod input;
mod mermaid;
mod picture;
mod svg;

use clap::{Arg, ArgMatches, Command, ValueEnum, value_parser};
use step::{Error, Kind, Result};
use tekton::v1::PipelineSpec;

use crate::cli::print;
use crate::render::command::arguments;
use picture::Picture;

/// In which form a picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Mermaid, which GitHub and GitLab show.
    Mermaid,
    /// Graphviz's language.
    Dot,
    /// A picture for light and dark pages.
    Svg,
}

/// A picture of a Pipeline. The same Pipeline gives the same bytes.
///
/// # Errors
/// None that depends on the Pipeline.
pub fn draw(name: &str, pipeline: &PipelineSpec, form: Form) -> Result<String> {
    let picture = Picture::of(name, pipeline);
    let drawn = match form {
        Form::Mermaid => mermaid::draw(&picture),
        Form::Dot => dot::draw(&picture),
        Form::Svg => svg::draw(&picture),
    };
    drawn.map_err(|error| Error::internal("cannot draw").because(error))
}

pub(crate) fn command() -> Command {
    Command::new("graph")
        .about("Draws a Pipeline: what runs, when, and what is handed over")
        .args(arguments())
        .mut_arg("pipeline", |arg| {
            arg.value_name("PIPELINE|FILE")
                .help("A definition's name or directory; or a file with a Pipeline or a PipelineRun that holds one; - is standard input")
        })
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_parser(value_parser!(Form))
                .default_value("mermaid")
                .help("The form of the picture"),
        )
        .arg(Arg::new("name").long("name").value_name("NAME").help("Which Pipeline, where there are several"))
}

pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let form = matches.get_one("output").copied().unwrap_or(Form::Mermaid);
    let from = matches.get_one::<String>("pipeline").map(String::as_str).unwrap_or_default();
    let pipelines = input::pipelines(from, matches)?;
    let from = if from == "-" { "standard input" } else { from };
    let names: Vec<&str> = pipelines.iter().map(|(name, _)| name.as_str()).collect();
    let there_is = format!("there is: {}", names.join(", "));
    let wanted = matches.get_one::<String>("name").map(String::as_str);
    let (name, pipeline) = match (wanted, &pipelines[..]) {
        (None, [only]) => only,
        (None, _) => {
            let error = Error::new(Kind::Usage, format!("{from} has {} Pipelines", names.len()));
            return Err(error.hint(format!("say which with --name; {there_is}")));
        }
        (Some(wanted), all) => match all.iter().find(|(name, _)| name == wanted) {
            Some(found) => found,
            None => {
                return Err(Error::not_found(format!("{from} has no Pipeline {wanted:?}")).hint(there_is));
            }
        },
    };
    print(draw(name, pipeline, form)?.as_bytes())
}
