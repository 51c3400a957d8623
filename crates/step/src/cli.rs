//! From a command line to an exit code: what every step's `main` is.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Command, FromArgMatches};

use crate::declaration::{Step, is_workspace, name};
use crate::results::{Destination, ERROR};
use crate::{Cancel, Error, Kind, Result, log, redact};

/// What a step works with besides its parameters.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Raised on SIGTERM and SIGINT.
    pub cancel: Cancel,
}

/// The parameters of every step.
#[derive(Args, Debug)]
struct Common {
    /// How much is logged.
    #[arg(long, value_enum, default_value = "info", value_name = "LEVEL")]
    log_level: log::Level,

    /// How log lines look.
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    log_format: log::Format,

    /// Where the result NAME goes: Tekton's path for it. Without any, results are printed as one JSON object.
    #[arg(long = "result", value_name = "NAME=PATH", value_parser = result_file, hide = true)]
    results: Vec<(String, PathBuf)>,
}

fn result_file(text: &str) -> Result<(String, PathBuf), &'static str> {
    let (name, path) = text.split_once('=').ok_or("it must be NAME=PATH")?;
    Ok((name.to_owned(), path.into()))
}

/// What a step's binary does.
pub fn main<S: Step>() -> ExitCode {
    report_panics();
    execute::<S>(std::env::args_os().collect())
}

/// The command line of `S`.
pub(crate) fn command<S: Step>() -> Command {
    let about = &S::ABOUT;
    let exits: String = Kind::ALL.iter().map(|kind| format!("\n  {:>3}  {}", kind.code(), kind.meaning())).collect();
    // After the parameters: a derived struct's doc comment would become the command's text.
    let command = Common::augment_args(S::Params::augment_args(Command::new(about.name)))
        .version(about.version)
        .about(about.summary)
        .long_about(format!("{}\n\n{}", about.summary, about.description))
        .after_long_help(format!("An empty value means \"not given\".\n\nExit codes:\n    0  done{exits}"))
        .disable_help_subcommand(true);
    command.mut_args(|arg| {
        let heading = match name(&arg).as_str() {
            "log-level" | "log-format" => "Logging",
            _ if is_workspace(arg.get_value_parser()) => "Workspaces",
            "help" | "version" => return arg,
            _ => "Parameters",
        };
        arg.help_heading(heading)
    })
}

/// Runs `S` with a command line whose first element is the program's name.
pub(crate) fn execute<S: Step>(args: Vec<OsString>) -> ExitCode {
    let mut command = command::<S>();
    let error_file = error_file(&args);
    // Who reads the TaskRun learns why also when the parameters were wrong.
    let refuse = |error: &clap::Error| {
        let error = usage(error);
        if let Some(path) = &error_file {
            let _nobody_to_tell =
                Destination::Files(vec![(ERROR.name.to_owned(), path.clone())]).publish_error(&error_result(&error));
        }
        report(&error, log::Format::Text)
    };
    let matches = match command.try_get_matches_from_mut(given(args)) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // Nothing can be done about a standard output that is closed.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return refuse(&error),
    };
    let parsed = Common::from_arg_matches(&matches).and_then(|common| Ok((common, S::Params::from_arg_matches(&matches)?)));
    let (common, params) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return refuse(&error),
    };
    log::start(common.log_format, common.log_level);
    let destination = if common.results.is_empty() { Destination::Stdout } else { Destination::Files(common.results.clone()) };
    match work::<S>(params, &destination) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Err(second) = destination.publish_error(&error_result(&error)) {
                tracing::error!("publishing the result ERROR: {second}");
            }
            report(&error, common.log_format)
        }
    }
}

fn work<S: Step>(params: S::Params, destination: &Destination) -> Result<()> {
    let cx = Context { cancel: Cancel::on_signals()? };
    // Work whose results cannot be published would be done for nothing: look first.
    destination.check::<S::Results>()?;
    let results = S::run(params, &cx)?;
    destination.publish(&results).map_err(|error| error.context("the work is done, but its results are not published"))
}

/// Where the result `ERROR` goes, by a command line that may be wrong in all else.
fn error_file(args: &[OsString]) -> Option<PathBuf> {
    let flags = args.iter().take_while(|arg| *arg != "--").filter_map(|arg| arg.to_str());
    let paths = flags.filter_map(|flag| flag.strip_prefix("--result=")?.strip_prefix(ERROR.name)?.strip_prefix('='));
    paths.last().filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The command line without what was not given: Tekton cannot leave a parameter out, it passes it empty.
fn given(args: Vec<OsString>) -> Vec<OsString> {
    let mut flags = true;
    let mut kept: Vec<OsString> = Vec::with_capacity(args.len());
    for arg in args {
        flags &= arg != "--";
        let is_flag = |arg: &OsStr| arg.as_encoded_bytes().starts_with(b"--");
        let empty_here = flags && is_flag(&arg) && arg.as_encoded_bytes().ends_with(b"=") && {
            arg.as_encoded_bytes().iter().filter(|byte| **byte == b'=').count() == 1
        };
        if empty_here {
            continue;
        }
        if flags && arg.is_empty() && kept.last().is_some_and(|last| is_flag(last) && !last.as_encoded_bytes().contains(&b'=')) {
            kept.pop();
            continue;
        }
        kept.push(arg);
    }
    kept
}

/// A longer value is cut in an error, in characters.
const LONGEST_VALUE: usize = 80;

/// clap's error as ours, for programs that are not steps: a wrong value is bad input (it came from a pipeline's parameter), all else is usage.
pub fn usage(error: &clap::Error) -> Error {
    let text = error.to_string();
    let mut message = String::new();
    let mut paragraphs = text.trim().split("\n\n");
    for line in paragraphs.next().unwrap_or_default().lines() {
        if !message.is_empty() {
            message.push(' ');
        }
        message.push_str(line.trim());
    }
    let mut message = message.strip_prefix("error: ").unwrap_or(&message).to_owned();
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue)
        && let Some((end, _)) = value.char_indices().nth(LONGEST_VALUE)
    {
        message = message.replace(value, &format!("{}…", &value[..end]));
    }
    let kind = match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => Kind::BadInput,
        _ => Kind::Usage,
    };
    let mut ours = Error::new(kind, message);
    for context in [ContextKind::SuggestedArg, ContextKind::SuggestedValue, ContextKind::SuggestedSubcommand] {
        if let Some(value) = error.get(context) {
            ours = ours.hint(format!("did you mean {value}?"));
        }
    }
    if kind == Kind::Usage { ours.hint("--help shows all parameters") } else { ours }
}

/// What happened and what to do, on one line.
fn last_line(error: &Error) -> String {
    match error.hint_text() {
        Some(hint) => format!("{error}; hint: {hint}"),
        None => error.to_string(),
    }
}

/// The result `ERROR`: what is cut away is at the end of the details.
fn error_result(error: &Error) -> String {
    let text = format!("{}\n{}", last_line(error), error.details_text());
    redact::text(text.trim_end()).into_owned()
}

/// Says on standard error why the program fails, and gives its exit code. For programs that are not steps.
pub fn fail(error: &Error) -> ExitCode {
    report(error, log::Format::Text)
}

/// Says why on standard error; the last line is what happened and what to do.
fn report(error: &Error, format: log::Format) -> ExitCode {
    match format {
        log::Format::Json => {
            let (kind, hint) = (error.kind().name(), error.hint_text().unwrap_or_default());
            tracing::error!(kind, hint, details = error.details_text(), "{error}");
        }
        log::Format::Text => {
            let details = error.details_text().trim_end();
            if !details.is_empty() {
                redact::stderr(&format!("{details}\n"));
            }
            redact::stderr(&format!("error: {}\n", last_line(error)));
        }
    }
    error.kind().into()
}

/// From now on a panic, which is a bug of ours, is one line on standard error and exit code 70.
#[expect(clippy::exit, reason = "the last word of the process")]
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("panic");
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
        redact::stderr(&format!("error: this is a bug in the step: {text}{place}; hint: report it with the command line\n"));
        std::process::exit(Kind::Internal.code().into());
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_was_not_given() {
        for (line, kept) in [
            ("s --a= --b=x", "s --b=x"),
            ("s --a  --b x", "s --b x"),
            ("s --a=b= -- ", "s --a=b= -- "),
            ("s -- --a= --b", "s -- --a= --b"),
            ("s --a=x  y", "s --a=x  y"),
        ] {
            let args = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
            assert_eq!(given(args(line)), args(kept), "{line:?}");
        }
    }

    #[test]
    fn the_error_result_begins_with_what_happened() {
        let error = Error::bad_input("2 errors in configs").details("├── a\n└── b").hint("mend them");
        assert_eq!(error_result(&error), "2 errors in configs; hint: mend them\n├── a\n└── b");
    }
}
