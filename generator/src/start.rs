//! `stepwright start`: a run of a Pipeline in a cluster, created, followed to its end, and cancelled by Ctrl-C.

mod follow;
mod interrupt;
mod object;
mod pipeline;
mod screen;
mod verdict;
mod workspace;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::mpsc::channel;

use clap::builder::TypedValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use cluster::Cluster;
use serde_json::Value;
use step::{Cancel, Error, Permission, Place, Result};
use tekton::v1::PipelineRun;

use self::interrupt::Interrupts;
use self::screen::Screen;
use crate::cli::print;
use crate::run::{input, show};
use crate::{render, task};

/// What whoever starts runs and follows them asks of the Kubernetes API.
pub const PERMISSIONS: &[Permission] = &[
    Permission { place: Place::Run, api_group: "tekton.dev", resources: &["pipelines"], verbs: &["get"] },
    Permission {
        place: Place::Run,
        api_group: "tekton.dev",
        resources: &["pipelineruns"],
        verbs: &["create", "get", "list", "patch", "watch"],
    },
    Permission { place: Place::Run, api_group: "tekton.dev", resources: &["taskruns"], verbs: &["list", "watch"] },
    Permission { place: Place::Run, api_group: "", resources: &["pods"], verbs: &["get", "list", "watch"] },
    Permission { place: Place::Run, api_group: "", resources: &["pods/log"], verbs: &["get"] },
];

const EXIT_CODES: &str = "\
Exit codes:
    0  done
    2  the command line is wrong
    3  parameters, workspaces or the Pipeline are wrong, or the cluster refuses the run
    4  you may not
    5  there is no such Pipeline, namespace or file
    7  the cluster cannot be reached, or a task failed with a code that is none of these
    8  the time of the run, or of the task that failed, ran out
  143  the run was cancelled, or is left to itself
A task that fails ends the run with its step's exit code if that is 1 to 8 or 70, else with 7.";

/// The command line.
pub(crate) fn command() -> Command {
    let text = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let switch = |name: &'static str| {
        let values = value_parser!(bool);
        Arg::new(name)
            .long(name)
            .num_args(0..=1)
            .require_equals(true)
            .value_parser(values)
            .default_missing_value("true")
            .default_value("true")
    };
    Command::new("start")
        .about("Starts a Pipeline in a cluster, and follows it to its end")
        .long_about(
            "Creates a PipelineRun, prints its name, and follows it: steps' logs and the starts and ends of tasks go to \
             standard error, the results as one JSON object to standard output. Ctrl-C cancels the run, so that finally tasks \
             run; a second one leaves it to itself.\n\nPIPELINE is the name of a Pipeline in the cluster. A definition's \
             directory, a file with Tekton YAML, or a definition's name with --inline, --set or --values is carried by the run \
             itself, with its Tasks, so that nothing has to be in the cluster.\n\nThe cluster is the current context of \
             KUBECONFIG or ~/.kube/config, or in a pod the one it runs in.",
        )
        .after_long_help(EXIT_CODES)
        .args(render::command::arguments())
        .mut_arg("pipeline", |arg| {
            arg.help("A Pipeline's name in the cluster; the directory of a definition; a file with Tekton YAML")
        })
        .arg(
            Arg::new("inline")
                .long("inline")
                .action(ArgAction::SetTrue)
                .help("The run carries the definition, and refers to nothing"),
        )
        .arg(text("param", "NAME=VALUE").short('p').action(ArgAction::Append).help("A parameter's value").long_help(
            "A parameter's value. A list is given as JSON (-p 'tags=[\"a\",\"b\"]') or by repeating it (-p tags=a -p \
                     tags=b), an object as JSON (-p 'image={\"url\":\"u\"}'). A comma is part of the value.",
        ))
        .arg(
            text("params-file", "FILE")
                .value_parser(value_parser!(PathBuf))
                .action(ArgAction::Append)
                .help("Parameters' values as a YAML or JSON object, NAME: VALUE; -p comes before it"),
        )
        .arg(
            text("workspace", "name=NAME,…")
                .short('w')
                .action(ArgAction::Append)
                .value_parser(clap::builder::StringValueParser::new().try_map(|text| {
                    // The hint is part of the error here, since clap knows no other place for it.
                    workspace::parse(&text).map_err(|e| format!("{e}; {}", e.hint_text().unwrap_or_default()))
                }))
                .help("What a workspace is: claimName=PVC[,subPath=DIR], secret=NAME, config=NAME, emptyDir= or size=1Gi"),
        )
        .arg(
            text("serviceaccount", "NAME")
                .short('s')
                .value_parser(dns_name)
                .help("The account that its pods run as; by default the namespace's"),
        )
        .arg(
            text("timeout", "DURATION")
                .value_parser(value_parser!(tekton::duration::Duration))
                .help("How long all of it may take, 1h30m, instead of the cluster's default; 0 is for ever"),
        )
        .arg(text("namespace", "NAME").short('n').value_parser(dns_name).help("The namespace, instead of the context's"))
        .arg(text("context", "NAME").help("The context of the kubeconfig, instead of its current one"))
        .arg(text("kubeconfig", "FILE").value_parser(value_parser!(PathBuf)).help("The kubeconfig"))
        .arg(switch("watch").help("--watch=false ends when the run is created"))
        .arg(switch("create").help("--create=false prints the PipelineRun instead, ready for `oc create -f -`"))
}

/// Starts it. An error has the exit code of what failed.
pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let given = input::params(matches)?;
    let is_created = matches.get_flag("create");
    let cancel = Cancel::new();
    let interrupts = Interrupts::on_signals(cancel.clone())?;
    // Asked for twice, it logs in once.
    let connected = OnceCell::new();
    let connect = || match connected.get() {
        Some(cluster) => Ok(Cluster::clone(cluster)),
        None => Cluster::connect(&options(matches), cancel.clone()).inspect(|cluster| drop(connected.set(cluster.clone()))),
    };
    let target = pipeline::find(matches, is_created, connect)?;
    let namespace = matches.get_one::<String>("namespace").map(String::as_str);
    let run = object::make(&target, &given, matches, namespace)?;
    if !is_created {
        return print(task::emit(&run)?.as_bytes());
    }
    start(&connect()?, &run, &interrupts, matches.get_flag("watch"))
}

/// What Kubernetes calls namespaces and service accounts.
fn dns_name(text: &str) -> Result<String, &'static str> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let is_outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = text.chars().all(is_inner) && text.starts_with(is_outer) && text.ends_with(is_outer) && text.len() <= 253;
    if is_name { Ok(text.to_owned()) } else { Err("lower-case letters, digits, `-` and `.` make a name") }
}

fn options(matches: &ArgMatches) -> cluster::Options {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    cluster::Options {
        kubeconfig: matches.get_one::<PathBuf>("kubeconfig").cloned(),
        context: text("context"),
        namespace: text("namespace"),
    }
}

fn start(cluster: &Cluster, run: &PipelineRun, interrupts: &Interrupts, is_watched: bool) -> Result<()> {
    let object = serde_json::to_value(run).map_err(|e| Error::internal("cannot write the run").because(e))?;
    let (sender, messages) = channel();
    // Whoever interrupts us now means the run: whether it is there is not certain until the answer has come.
    interrupts.tell(sender.clone());
    let created = cluster.create(&object)?;
    let name = verdict::text(&created["metadata"]["name"]);
    print(format!("{name}\n").as_bytes())?;
    if !is_watched {
        return Ok(());
    }
    let screen = Screen::new();
    let end = follow::follow(cluster, name, sender, &messages, &screen)?;
    tell(&end.run, &screen)?;
    verdict::of(&end.run, &end.task_runs, cluster.namespace())
}

/// The end of the run, and its results.
fn tell(run: &Value, screen: &Screen) -> Result<()> {
    let condition = verdict::Condition::of(run);
    let word = verdict::word(condition);
    let time = follow::duration(run).map_or(String::new(), |time| format!(" after {}", show::seconds(time)));
    screen.say(&format!("{}: {word}{time}: {}", verdict::text(&run["metadata"]["name"]), condition.message));
    print(format!("{}\n", step::redact::text(&verdict::results(run).to_string())).as_bytes())
}
