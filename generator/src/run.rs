//! `stepwright run`: a Pipeline or Task on this machine, without a cluster.
//!
//! What runs and how is the crate [`runner`]'s; here are the command line, where objects come from, and how a run looks.

pub(crate) mod input;
mod logs;
mod plan;
pub(crate) mod show;
mod tree;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum, value_parser};
use runner::{Binding, Foreign, Interrupts, Local, Options, OwnSteps, Plan, Source, State, Summary, Target};
use step::{Error, Kind, Result};

use self::logs::Logs;
use self::show::{Json, Plain};
use self::tree::Tree;

/// What standard output gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The results, as one JSON object, at the end. What happens goes to standard error.
    Text,
    /// One JSON object a line for everything that happens.
    Json,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  the check found errors, and nothing was started
    2  the command line is wrong
    3  parameters, workspaces or the Pipeline are wrong, or it cannot run here; nothing was started
    5  there is no such Pipeline, Task or file
    8  the time of the run, or of the task that failed, ran out
  143  cancelled by SIGTERM or SIGINT
A task that fails ends the run with its step's exit code if that is 1 to 8 or 70, else with 7.";

/// The command line.
pub(crate) fn command() -> Command {
    let files = |name: &'static str| Arg::new(name).long(name).value_parser(value_parser!(PathBuf)).action(ArgAction::Append);
    Command::new("run")
        .about("Runs a Pipeline or Task on this machine, without a cluster")
        .long_about(
            "Runs a Pipeline or Task on this machine, in Tekton's semantics and without a cluster.\n\nSteps of ours run as \
             processes of this very binary; other images run in containers, where podman or docker is there. Results are \
             printed as one JSON object; what happens is told on standard error. Ctrl-C stops the tasks and runs `finally`; \
             a second one ends everything.\n\nWhat only a cluster has (sidecars, resolvers, custom tasks, CSI volumes, …) is \
             an error before anything starts.",
        )
        .after_long_help(EXIT_CODES)
        .arg(Arg::new("what").value_name("PIPELINE|FILE").help(
            "A definition by name or directory, a file with Tekton YAML, or with -f the name of an object in the files; a step's \
             name is its Task",
        ))
        .arg(files("file").short('f').value_name("FILE|DIR").help("Tekton YAML with what runs and what it refers to"))
        .arg(
            Arg::new("param")
                .long("param")
                .short('p')
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .help("A parameter's value")
                .long_help(
                    "A parameter's value. A list is given as JSON (-p 'tags=[\"a\",\"b\"]') or by repeating it (-p tags=a -p \
                     tags=b), an object as JSON (-p 'image={\"url\":\"u\"}'). A comma is part of the value.",
                ),
        )
        .arg(
            files("params-file")
                .value_name("FILE")
                .help("Parameters' values as a YAML or JSON object, NAME: VALUE; -p comes before it"),
        )
        .arg(
            Arg::new("workspace")
                .long("workspace")
                .short('w')
                .value_name("NAME=DIR")
                .action(ArgAction::Append)
                .value_parser(clap::builder::NonEmptyStringValueParser::new().try_map(workspace))
                .help("A workspace's directory; NAME= is a new one, which all tasks share and the end removes"),
        )
        .arg(files("values").value_name("FILE").help("Values of a definition, as of render -f"))
        .arg(
            Arg::new("set")
                .long("set")
                .value_name("KEY=VALUE")
                .action(ArgAction::Append)
                .help("A value of a definition, as of render"),
        )
        .arg(Arg::new("name").long("name").value_name("NAME").help("What to run, where the files have several"))
        .arg(
            Arg::new("jobs")
                .long("jobs")
                .short('j')
                .value_name("N")
                .value_parser(value_parser!(u16).range(1..))
                .help("How many tasks run at once, at most; by default twice the processors"),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("DURATION")
                .value_parser(value_parser!(tekton::duration::Duration))
                .help("How long all of it may take, 1h30m, instead of what the run says or 1h; 0 is for ever"),
        )
        .arg(
            Arg::new("grace")
                .long("grace")
                .value_name("DURATION")
                .value_parser(value_parser!(tekton::duration::Duration))
                .default_value("20s")
                .help("How long a step has to end after SIGTERM, before SIGKILL"),
        )
        .arg(
            Arg::new("host")
                .long("host")
                .action(ArgAction::SetTrue)
                .help("Runs the commands of other images as processes of this machine: unprotected, with your files and rights"),
        )
        .arg(
            Arg::new("manifests")
                .long("manifests")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Manifests of the ConfigMaps and Secrets that are used"),
        )
        .arg(
            Arg::new("logs")
                .long("logs")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Where TASK.log goes for each task; by default a new temporary directory, which is kept"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Prints what would run, in order, and runs nothing"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_parser(value_parser!(Output))
                .default_value("text")
                .help("What standard output gets"),
        )
}

/// NAME=DIR.
fn workspace(text: String) -> Result<(String, Option<PathBuf>), &'static str> {
    let (name, directory) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("it must be NAME=DIR")?;
    Ok((name.to_owned(), (!directory.is_empty()).then(|| PathBuf::from(directory))))
}

/// Runs it. An error has the exit code of what failed.
pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let input = input::read(matches)?;
    let workspaces = workspaces(matches)?;
    let duration = |name: &str| matches.get_one::<tekton::duration::Duration>(name).and_then(|duration| duration.to_std());
    let executor = Local::new(
        own_steps()?,
        if matches.get_flag("host") { Foreign::Host } else { Foreign::Contained },
        input.manifests.clone(),
        duration("grace").unwrap_or(Duration::from_secs(20)),
    );
    let target = Target { request: input.request, params: input.params, workspaces, timeout: duration("timeout"), name: None };
    let plan = Plan::new(target, input.library, &input.manifests, &executor)?;
    if matches.get_flag("dry-run") {
        return crate::cli::print(plan::text(&plan, &executor)?.as_bytes());
    }
    carry_out(&plan, &executor, matches)
}

fn carry_out(plan: &Plan, executor: &Local, matches: &ArgMatches) -> Result<()> {
    let interrupts = Interrupts::on_signals()?;
    // The logs stay; all else of a run goes with it.
    let work =
        tempfile::Builder::new().prefix("stepwright-run-").tempdir().map_err(|e| Error::io("cannot make a directory", e))?;
    let logs = Logs::new(matches.get_one("logs").cloned(), plan)?;
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let jobs = matches.get_one::<u16>("jobs").map_or(2 * processors, |jobs| usize::from(*jobs));
    let options = Options { jobs, directory: work.path().to_owned() };
    let is_json = matches.get_one("output") == Some(&Output::Json);
    let run = |observer: &dyn runner::Observer| {
        let observer = logs.before(observer);
        runner::run(plan, executor, &observer, &interrupts, &options)
    };
    let summary = if is_json {
        run(&Json::new(logs.directory()))?
    } else if std::io::stderr().is_terminal() {
        let tree = Tree::new(plan);
        let summary = run(&tree);
        tree.close();
        summary?
    } else {
        run(&Plain::default())?
    };
    if let Err(error) = work.close() {
        show::say(&format!("warning: cannot remove a temporary directory: {error}"));
    }
    if !is_json {
        show::say(&show::summary(&summary, &logs));
        crate::cli::print(format!("{}\n", show::results(&summary)?).as_bytes())?;
    }
    verdict(&summary, &logs)
}

/// The end of the run as our exit code.
fn verdict(summary: &Summary, logs: &Logs) -> Result<()> {
    let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.code() == summary.exit_code) else { return Ok(()) };
    let what = match summary.state {
        State::Cancelled | State::TimedOut => summary.message.clone(),
        _ => format!("the run failed: {}", first_failure(summary)),
    };
    Err(Error::new(kind, what).hint(format!("the logs are in {}", logs.directory().display())))
}

fn first_failure(summary: &Summary) -> String {
    let failed =
        |task: &&runner::TaskSummary| matches!(task.state, State::Failed | State::TimedOut) && task.reason != "FailureIgnored";
    match summary.tasks.iter().find(failed) {
        Some(task) if !task.message.is_empty() => format!("the task {}: {}", task.task, task.message),
        Some(task) => format!("the task {}: {}", task.task, task.reason),
        None => summary.message.clone(),
    }
}

fn workspaces(matches: &ArgMatches) -> Result<BTreeMap<String, Binding>> {
    let mut workspaces = BTreeMap::new();
    for (name, directory) in matches.get_many::<(String, Option<PathBuf>)>("workspace").into_iter().flatten() {
        let source = match directory {
            // Steps have working directories of their own.
            Some(directory) => Source::Directory(
                std::path::absolute(directory).map_err(|e| Error::io(format_args!("cannot find {}", directory.display()), e))?,
            ),
            None => Source::Fresh,
        };
        if workspaces.insert(name.clone(), Binding::new(source)).is_some() {
            return Err(Error::new(Kind::Usage, format!("the workspace {name:?} is given twice")));
        }
    }
    Ok(workspaces)
}

fn own_steps() -> Result<OwnSteps> {
    let program = std::env::current_exe().map_err(|e| Error::io("cannot find this very program", e))?;
    let names = crate::steps().iter().map(|step| step.about.name.to_owned()).collect();
    Ok(OwnSteps { command: vec![program.into(), OsString::from("step")], names })
}
