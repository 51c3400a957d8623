//! What a step says about itself, once, and the data form of it that everything else is derived from.
//!
//! The parameters are a clap-derived struct, so a field with its doc comment *is* the parameter: command line, `--help`,
//! man page, Task parameter and README row come from it. A field's type says what it is: [`Dir`] and [`ReadOnlyDir`] are
//! workspaces, `bool` takes `true` or `false`, a `Vec` of values without a flag is the one array parameter.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use clap::builder::ValueParser;

use crate::results::{ResultSpec, Results};
use crate::{Context, Result};

/// A step: its declaration and its work. A binary's `main` is `step::main::<ThisStep>()`.
pub trait Step: 'static {
    /// The parameters and workspaces: a struct with `#[derive(clap::Args)]`.
    type Params: Args;
    /// What the step tells the pipeline: a struct made by [`crate::results!`].
    type Results: Results;
    /// Name, texts, needs.
    const ABOUT: About;

    /// Does the whole job. Results are published only when this returns them.
    fn run(params: Self::Params, cx: &Context) -> Result<Self::Results>;
}

/// The constant part of a declaration.
#[derive(Debug)]
pub struct About {
    /// The step's name: DNS-1123 label, also its binary's, image's and Task's.
    pub name: &'static str,
    /// Semantic version of the step.
    pub version: &'static str,
    /// The name people read: `Remove operators`.
    pub display_name: &'static str,
    /// One sentence, no line break.
    pub summary: &'static str,
    /// What it does and promises; paragraphs are separated by an empty line.
    pub description: &'static str,
    /// Categories of the Tekton catalog, from its own list.
    pub categories: &'static [&'static str],
    /// Free tags for search.
    pub tags: &'static [&'static str],
    /// What the step asks of the Kubernetes API; its Role holds this and nothing more.
    pub permissions: &'static [Permission],
    /// Memory request and limit, a Kubernetes quantity such as `256Mi`.
    pub memory: &'static str,
    /// CPU request, a Kubernetes quantity such as `100m`. There is no CPU limit: throttling helps nobody.
    pub cpu: &'static str,
}

/// One rule of the Role that a step needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Where it is needed.
    pub place: Place,
    /// API group; empty for core.
    pub api_group: &'static str,
    /// Resources, plural, lower case: `configmaps`.
    pub resources: &'static [&'static str],
    /// Verbs: `get`, `patch`, `watch`.
    pub verbs: &'static [&'static str],
}

/// The namespace that a [`Permission`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The one that the step runs in.
    Run,
    /// The one that this parameter names.
    Param(&'static str),
}

/// A step's whole declaration as data.
pub struct Declaration {
    /// The constant part.
    pub about: &'static About,
    /// Parameters, in the order of the struct; the array parameter, if any, is last.
    pub params: Vec<Param>,
    /// Workspaces, in the order of the struct.
    pub workspaces: Vec<Workspace>,
    /// Results, in the order of the struct, then `ERROR`.
    pub results: Vec<ResultSpec>,
    command: fn() -> clap::Command,
    run: fn(Vec<OsString>) -> ExitCode,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// kebab-case name.
    pub name: String,
    /// What Tekton calls its type.
    pub kind: ParamKind,
    /// Without a default and not optional.
    pub required: bool,
    /// The default; `None` means required, or an empty string, which means "not given".
    pub default: Option<String>,
    /// The only values allowed; empty when any may be given.
    pub choices: Vec<String>,
    /// Its first sentence.
    pub summary: String,
    /// Its whole text.
    pub description: String,
}

/// Tekton's parameter types that steps use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// A string.
    String,
    /// A list of strings. A step has at most one, passed last, after `--`.
    Array,
}

/// One workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// kebab-case name.
    pub name: String,
    /// May be left unbound.
    pub optional: bool,
    /// The step only reads it: a Secret or ConfigMap will do.
    pub read_only: bool,
    /// What belongs there.
    pub description: String,
}

/// A workspace that the step writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dir(PathBuf);

/// A workspace that the step only reads: a Secret, a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOnlyDir(PathBuf);

/// The certificate authorities of every step that talks TLS: `#[command(flatten)] pub tls: step::Tls`.
#[derive(Args, Clone, Debug, Default)]
pub struct Tls {
    /// Extra certificate authorities to trust: a ConfigMap or Secret with the file `ca-bundle.crt` (PEM).
    #[arg(long, value_name = "DIR")]
    pub ca: Option<ReadOnlyDir>,
}

// === impl Declaration ===

impl Declaration {
    /// The declaration of `S`.
    pub fn of<S: Step>() -> Self {
        let command = crate::cli::command::<S>();
        let mut params = Vec::new();
        let mut workspaces = Vec::new();
        let is_shown = |arg: &&clap::Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
        for arg in command.get_arguments().filter(is_shown) {
            match workspace(arg) {
                Some(workspace) => workspaces.push(workspace),
                None => params.push(param(arg)),
            }
        }
        params.sort_by_key(|param| param.kind == ParamKind::Array);
        let results = S::Results::SPECS.iter().copied().chain([crate::results::ERROR]).collect();
        Declaration {
            about: const { &S::ABOUT },
            params,
            workspaces,
            results,
            command: crate::cli::command::<S>,
            run: crate::cli::execute::<S>,
        }
    }

    /// The command line, for completions and man pages.
    pub fn command(&self) -> clap::Command {
        (self.command)()
    }

    /// Runs the step with a command line whose first element is the program's name.
    pub fn run(&self, args: Vec<OsString>) -> ExitCode {
        (self.run)(args)
    }

    /// Breaches of the house rules for declarations, as sentences; empty when there are none. Each step's tests ask this.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let arrays = self.params.iter().filter(|param| param.kind == ParamKind::Array).count();
        if arrays > 1 {
            faults.push(format!("{arrays} array parameters; a Task has at most one, the others are newline lists"));
        }
        let writable = self.workspaces.iter().filter(|workspace| !workspace.read_only).count();
        if writable > 1 {
            faults.push(format!("{writable} writable workspaces; a Task has at most one"));
        }
        for permission in self.about.permissions {
            if let Place::Param(name) = permission.place
                && !self.params.iter().any(|param| param.name == name)
            {
                faults.push(format!("a permission is for the namespace in {name}, which is no parameter"));
            }
        }
        let described = (self.params.iter().map(|p| (&*p.name, &*p.description)))
            .chain(self.workspaces.iter().map(|w| (&*w.name, &*w.description)))
            .chain(self.results.iter().map(|r| (r.name, r.description)));
        for (name, description) in described {
            if description.trim().is_empty() {
                faults.push(format!("{name} has no description: give its field a doc comment"));
            }
        }
        for name in self.params.iter().map(|p| &p.name).chain(self.workspaces.iter().map(|w| &w.name)) {
            if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
                faults.push(format!("{name} is not kebab-case"));
            }
        }
        faults
    }
}

fn workspace(arg: &clap::Arg) -> Option<Workspace> {
    let value = arg.get_value_parser().type_id();
    let read_only = value == TypeId::of::<ReadOnlyDir>();
    if !read_only && value != TypeId::of::<Dir>() {
        return None;
    }
    Some(Workspace { name: name(arg), optional: !arg.is_required_set(), read_only, description: texts(arg).1 })
}

fn param(arg: &clap::Arg) -> Param {
    let kind = if arg.is_positional() { ParamKind::Array } else { ParamKind::String };
    let default = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
    let choices = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let (summary, description) = texts(arg);
    Param { name: name(arg), kind, required: arg.is_required_set(), default, choices, summary, description }
}

/// The kebab-case name of a flag or of the array parameter.
pub(crate) fn name(arg: &clap::Arg) -> String {
    arg.get_long().map_or_else(|| arg.get_id().as_str().replace('_', "-"), str::to_owned)
}

/// Summary and whole text. clap takes the full stop from texts of one paragraph; here they get it back.
fn texts(arg: &clap::Arg) -> (String, String) {
    let sentence = |mut text: String| {
        if text.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '`' | ')')) {
            text.push('.');
        }
        text
    };
    let summary = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let description = arg.get_long_help().map(ToString::to_string).unwrap_or_else(|| summary.clone());
    (sentence(summary), sentence(description))
}

/// Whether the argument is a workspace.
pub(crate) fn is_workspace(parser: &ValueParser) -> bool {
    parser.type_id() == TypeId::of::<Dir>() || parser.type_id() == TypeId::of::<ReadOnlyDir>()
}

// === impl Dir, ReadOnlyDir ===

macro_rules! directory {
    ($name:ident) => {
        impl $name {
            /// The directory.
            pub fn path(&self) -> &Path {
                &self.0
            }
        }

        impl AsRef<Path> for $name {
            fn as_ref(&self) -> &Path {
                &self.0
            }
        }

        impl From<PathBuf> for $name {
            fn from(path: PathBuf) -> Self {
                $name(path)
            }
        }

        impl FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok($name(text.into()))
            }
        }
    };
}

directory!(Dir);
directory!(ReadOnlyDir);

impl Tls {
    /// The PEM file to trust in addition to the usual ones.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.ca.as_ref().map(|dir| dir.path().join("ca-bundle.crt"))
    }
}
