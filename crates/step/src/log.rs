//! Logs: what happens goes to standard error, as text for people or as JSON lines for machines.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

use crate::redact;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line, with time, level, message and fields.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Only what ended the run.
    Error,
    /// What may need attention too.
    Warn,
    /// What is being done.
    #[default]
    Info,
    /// How it is done.
    Debug,
}

/// Starts logging. A second call in one process changes nothing: the first decides.
pub(crate) fn start(format: Format, level: Level) {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let builder = fmt().with_max_level(level).with_writer(|| redact::Stderr).with_target(false);
    // A pod's log is stamped by whoever reads it (`kubectl logs --timestamps`); a person at a terminal has a clock.
    let started = match format {
        Format::Text => tracing::subscriber::set_global_default(
            builder.without_time().with_ansi(std::io::stderr().is_terminal()).compact().finish(),
        ),
        Format::Json => tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish()),
    };
    // Only an embedding program that logs already gets here with an error, and then its way of logging stands.
    let _ = started;
}
