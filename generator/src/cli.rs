//! The command line of `stepwright`.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, ValueEnum, value_parser};
use clap_complete::Shell;
use step::{Declaration, Error, Kind, Result, files};

use crate::{catalog, check, graph, image, readme, render, run, start, steps, table, task};

/// What `stepwright task` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The Task, ready for `oc apply -f -`.
    Yaml,
    /// The ServiceAccount, Role and RoleBinding that it runs with.
    Rbac,
    /// The tables of its README.
    Readme,
}

/// Runs `stepwright` with a command line whose first element is the program's name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    step::report_panics();
    // A step parses its own command line, so that it is the same as its binary's in every corner.
    if let [_, verb, name, rest @ ..] = &args[..]
        && verb == "step"
        && let Some(step) = steps().into_iter().find(|step| name == step.about.name)
    {
        return step.run(std::iter::once(name.clone()).chain(rest.iter().cloned()).collect());
    }
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // Nothing can be done about a standard output that is closed.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return step::fail(&step::usage(&error).with_kind(Kind::Usage)),
    };
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => step::fail(&error),
    }
}

/// The whole command line, with every step's in it.
pub fn command() -> Command {
    let steps = steps();
    let names: Vec<&'static str> = steps.iter().map(|step| step.about.name).collect();
    let step_name = || Arg::new("name").value_name("STEP").value_parser(PossibleValuesParser::new(names.clone()));
    Command::new("stepwright")
        .bin_name("stepwright")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Tekton pipelines for operator catalogs, mirrors, images and packages, as small static steps")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(
            Command::new("step")
                .about("Runs a step here, with its binary's command line")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .disable_help_subcommand(true)
                .subcommands(steps.iter().map(Declaration::command)),
        )
        .subcommand(
            Command::new("task")
                .about("Prints a step's Task, and what belongs to it")
                .arg(step_name().required(true).help("The step"))
                .arg(
                    Arg::new("output")
                        .long("output")
                        .short('o')
                        .value_parser(value_parser!(Output))
                        .default_value("yaml")
                        .help("What to print"),
                )
                .arg(
                    Arg::new("images")
                        .long("images")
                        .value_name("REGISTRY/PREFIX")
                        .default_value(task::IMAGES)
                        .help("Where the step images are; the image is REGISTRY/PREFIX/STEP:VERSION"),
                )
                .arg(
                    Arg::new("namespace")
                        .long("namespace")
                        .short('n')
                        .value_name("NAME")
                        .default_value("stepwright")
                        .help("With --output=rbac: where the service account is, for Roles in other namespaces"),
                ),
        )
        .subcommand(render::command::command())
        .subcommand(table::command())
        .subcommand(check::command())
        .subcommand(check::explain_command())
        .subcommand(graph::command())
        .subcommand(run::command())
        .subcommand(start::command())
        .subcommand(image::command())
        .subcommand(catalog::command())
        .subcommand(
            Command::new("completions")
                .about("Prints the shell's completions for stepwright and all steps")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell)).help("The shell")),
        )
        .subcommand(
            Command::new("man").about("Writes the man pages of stepwright and all steps").arg(
                Arg::new("directory")
                    .value_name("DIR")
                    .required(true)
                    .value_parser(value_parser!(PathBuf))
                    .help("Where to write them; it is created"),
            ),
        )
}

fn run(matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("task", matches)) => print_task(matches),
        Some(("render", matches)) => render::command::run(matches),
        Some(("test", matches)) => table::run(matches),
        Some(("check", matches)) => check::run(matches),
        Some(("explain", matches)) => check::explain(matches),
        Some(("graph", matches)) => graph::run(matches),
        Some(("run", matches)) => run::run(matches),
        Some(("start", matches)) => start::run(matches),
        Some(("image", matches)) => image::run(matches),
        Some(("catalog", matches)) => catalog::run(matches),
        Some(("completions", matches)) => {
            let Some(shell) = matches.get_one::<Shell>("shell").copied() else { return Ok(()) };
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "stepwright", &mut script);
            print(&script)
        }
        Some(("man", matches)) => match matches.get_one::<PathBuf>("directory") {
            Some(directory) => write_man_pages(directory),
            None => Ok(()),
        },
        // A step's own line was taken before; clap only gets here for its help.
        _ => Ok(()),
    }
}

fn print_task(matches: &ArgMatches) -> Result<()> {
    let name = matches.get_one::<String>("name").map(String::as_str).unwrap_or_default();
    let images = matches.get_one::<String>("images").map(String::as_str).unwrap_or(task::IMAGES);
    let steps = steps();
    let Some(step) = steps.iter().find(|step| step.about.name == name) else {
        return Err(Error::not_found(format!("there is no step {name:?}")));
    };
    let text = match matches.get_one("output") {
        Some(Output::Readme) => readme::tables(step),
        Some(Output::Rbac) => task::rbac(step, matches.get_one::<String>("namespace").map_or("default", String::as_str))?,
        _ => task::yaml(step, images)?,
    };
    print(text.as_bytes())
}

fn write_man_pages(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(|e| Error::io(format_args!("cannot make {}", directory.display()), e))?;
    let mut pages = vec![command()];
    pages.extend(steps().iter().map(Declaration::command));
    for page in pages {
        let path = directory.join(format!("{}.1", page.get_name()));
        let mut text = Vec::new();
        clap_mangen::Man::new(page).render(&mut text).map_err(|e| Error::io("cannot make a man page", e))?;
        files::write_atomic(&path, &text)?;
    }
    Ok(())
}

/// Standard output may be closed early, by `| head`: that is not an error.
pub(crate) fn print(bytes: &[u8]) -> Result<()> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::io("cannot write to standard output", error)),
        _ => Ok(()),
    }
}
