//! `stepwright image`: what a step image is made of, put together here: no daemon, no root, no base image.
//!
//! An image has two layers. The lower one is what all have in common, certificate authorities and a directory for
//! temporary files, so that a node pulls it once; the upper one is the step: its binary, and the licences of what is in it.

mod assemble;
mod binary;
mod containerfile;
mod content;
mod licences;
mod push;

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use registry::Prefix;
use step::{About, Cancel, Error, Kind, Result, SourceDate};

use crate::cli::print;
use crate::{start, steps};

pub use containerfile::containerfile;
pub use push::Pins;

/// The command itself, in an image of its own: a cluster starts runs with it, by schedule.
const STEPWRIGHT: About = About {
    name: "stepwright",
    version: env!("CARGO_PKG_VERSION"),
    display_name: "Stepwright",
    summary: "Starts pipelines in a cluster and follows them.",
    description: "The stepwright command with all steps and pipelines in it. A CronJob runs `stepwright start` from this image.",
    categories: &["CLI"],
    tags: &["tekton", "cli"],
    permissions: start::PERMISSIONS,
    memory: "64Mi",
    cpu: "50m",
};

/// What there are images of.
pub(crate) fn all() -> Vec<&'static About> {
    steps().iter().map(|step| step.about).chain([&STEPWRIGHT]).collect()
}

/// The command line of `stepwright image`.
pub(crate) fn command() -> Command {
    let names: Vec<&'static str> = all().iter().map(|about| about.name).collect();
    Command::new("image")
        .about("Builds and pushes the images of steps")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(
            Command::new("build")
                .about("Builds images of steps, as OCI layouts")
                .long_about(
                    "Builds images of steps, as OCI layouts.\n\nIt compiles the steps with cargo, statically, and puts each \
                     into an image from scratch. The same sources give the same digest: times are SOURCE_DATE_EPOCH, or 1970.",
                )
                .arg(
                    Arg::new("steps")
                        .value_name("STEP")
                        .action(ArgAction::Append)
                        .value_parser(clap::builder::PossibleValuesParser::new(names))
                        .help("The steps; all, when none is given"),
                )
                .arg(
                    Arg::new("output")
                        .long("output")
                        .short('o')
                        .required(true)
                        .value_name("DIR")
                        .value_parser(value_parser!(PathBuf))
                        .help("Where the layouts go, DIR/STEP each; it is created"),
                )
                .arg(
                    Arg::new("binary")
                        .long("binary")
                        .value_name("ARCH=PATH")
                        .action(ArgAction::Append)
                        .value_parser(binary::given)
                        .help("A binary, or a directory of binaries named like their steps, for an architecture: it is not compiled. With several architectures an image is an index"),
                )
                .arg(
                    Arg::new("unpacked")
                        .long("unpacked")
                        .action(ArgAction::SetTrue)
                        .help("Write the files that images hold, for another builder, to DIR/STEP each"),
                )
                .arg(
                    Arg::new("source")
                        .long("source")
                        .value_name("DIR")
                        .default_value(".")
                        .value_parser(value_parser!(PathBuf))
                        .help("The checkout to compile"),
                ),
        )
        .subcommand(
            Command::new("push")
                .about("Pushes the images that were built, and says what they are called now")
                .arg(
                    Arg::new("directory")
                        .value_name("DIR")
                        .required(true)
                        .value_parser(value_parser!(PathBuf))
                        .help("What `image build` wrote"),
                )
                .arg(
                    Arg::new("prefix")
                        .value_name("REGISTRY/PREFIX")
                        .required(true)
                        .value_parser(value_parser!(Prefix))
                        .help("Where they go: STEP:VERSION below it"),
                )
                .arg(
                    Arg::new("pins")
                        .long("pins")
                        .value_name("FILE")
                        .value_parser(value_parser!(PathBuf))
                        .help("Also write what is printed to FILE, for `catalog --pin`"),
                )
                .arg(
                    Arg::new("tls-verify")
                        .long("tls-verify")
                        .value_name("BOOL")
                        .default_value("true")
                        .action(ArgAction::Set)
                        .value_parser(value_parser!(bool))
                        .help("Whether the registry must be reached by https and have a certificate that counts"),
                ),
        )
        .subcommand(Command::new("containerfile").about("Prints the Containerfile that builds the same images with buildah"))
}

/// Does what the command line says.
pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let cancel = Cancel::on_signals()?;
    match matches.subcommand() {
        Some(("build", matches)) => build(matches, &cancel),
        Some(("push", matches)) => {
            let (Some(directory), Some(prefix)) = (matches.get_one::<PathBuf>("directory"), matches.get_one("prefix")) else {
                return Ok(());
            };
            let pins = push::push(directory, prefix, matches.get_flag("tls-verify"), &cancel)?;
            if let Some(path) = matches.get_one::<PathBuf>("pins") {
                step::files::write_atomic(path, pins.to_string().as_bytes())?;
            }
            print(pins.to_string().as_bytes())
        }
        Some(("containerfile", _)) => print(containerfile().as_bytes()),
        _ => Ok(()),
    }
}

fn build(matches: &ArgMatches, cancel: &Cancel) -> Result<()> {
    let wanted: Vec<&String> = matches.get_many("steps").into_iter().flatten().collect();
    let given: Vec<binary::Given> = matches.get_many("binary").into_iter().flatten().cloned().collect();
    let (Some(output), Some(source)) = (matches.get_one::<PathBuf>("output"), matches.get_one::<PathBuf>("source")) else {
        return Ok(());
    };
    let mut chosen = all();
    chosen.retain(|about| wanted.is_empty() || wanted.iter().any(|name| *name == about.name));
    if let Some(file) = given.iter().find(|given| given.path.is_file()).filter(|_| chosen.len() > 1) {
        return Err(Error::new(
            Kind::Usage,
            format!("{} is one binary, and there are {} steps", file.path.display(), chosen.len()),
        )
        .hint("name one step, or give a directory of binaries"));
    }
    let names: Vec<&str> = chosen.iter().map(|about| about.name).collect();
    let built = binary::all(&names, &given, source, cancel)?;
    let licences = licences::of(source, &names)?;
    let date = SourceDate::of_process()?.unwrap_or_default();
    let revision = content::revision(source);
    for about in chosen {
        cancel.check()?;
        let (Some(binaries), Some(licences)) = (built.get(about.name), licences.get(about.name)) else {
            return Err(Error::internal(format!("nothing was built for {}", about.name)));
        };
        let image = assemble::Image { step: about, binaries, licences, date, revision: revision.as_deref() };
        if matches.get_flag("unpacked") {
            image.unpack(&output.join(about.name))?;
            continue;
        }
        let made = image.write(&output.join(about.name))?;
        let line = format!(
            "oci:{}:{}@{}  {:.1} MB, unpacked {:.1} MB\n",
            output.join(about.name).display(),
            about.version,
            made.digest,
            made.compressed as f64 / 1e6,
            made.unpacked as f64 / 1e6
        );
        print(line.as_bytes())?;
    }
    Ok(())
}
