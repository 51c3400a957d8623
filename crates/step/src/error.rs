//! The one error type: what kind it is, which thing it names, why, and the way out.

use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

/// What every fallible function here returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is. The kind alone decides the exit code, the same in every binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The thing that was examined has faults (`check`, `validate-catalog`).
    Findings = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The input data is wrong: a catalog, a database, a parameter's value.
    BadInput = 3,
    /// Credentials are missing or refused, or a permission is.
    Unauthorized = 4,
    /// A file, branch, repository, image or object does not exist.
    NotFound = 5,
    /// It changed under us, and going on would lose somebody's work.
    Conflict = 6,
    /// The other side failed, also after retries.
    Remote = 7,
    /// Time ran out.
    TimedOut = 8,
    /// This machine failed (disk full, I/O error), or there is a bug here.
    Internal = 70,
    /// SIGTERM or SIGINT: the work was rolled back or finished.
    Cancelled = 143,
}

/// An error: kind, a message that names the thing, its cause, details to print before it, hints to print with it.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    details: String,
    hint: Option<String>,
}

// === impl Kind ===

impl Kind {
    /// Every kind, by exit code.
    pub const ALL: [Kind; 10] = [
        Kind::Findings,
        Kind::Usage,
        Kind::BadInput,
        Kind::Unauthorized,
        Kind::NotFound,
        Kind::Conflict,
        Kind::Remote,
        Kind::TimedOut,
        Kind::Internal,
        Kind::Cancelled,
    ];

    /// What the exit code tells, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Kind::Findings => "what was examined has faults",
            Kind::Usage => "the command line is wrong",
            Kind::BadInput => "the input data is wrong",
            Kind::Unauthorized => "not authorised",
            Kind::NotFound => "not found",
            Kind::Conflict => "it changed under us",
            Kind::Remote => "the other side failed, also after retries",
            Kind::TimedOut => "time ran out",
            Kind::Internal => "this machine failed (disk full), or there is a bug here",
            Kind::Cancelled => "cancelled by SIGTERM or SIGINT",
        }
    }

    /// The process exit code.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind's name as it stands in JSON logs and documentation.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Findings => "findings",
            Kind::Usage => "usage",
            Kind::BadInput => "bad-input",
            Kind::Unauthorized => "unauthorized",
            Kind::NotFound => "not-found",
            Kind::Conflict => "conflict",
            Kind::Remote => "remote",
            Kind::TimedOut => "timed-out",
            Kind::Internal => "internal",
            Kind::Cancelled => "cancelled",
        }
    }
}

impl From<Kind> for ExitCode {
    fn from(kind: Kind) -> Self {
        kind.code().into()
    }
}

// === impl Error ===

impl Error {
    /// An error of `kind`. The message is lower case, names the thing and has no full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), source: None, details: String::new(), hint: None }))
    }

    /// A [`Kind::BadInput`] error.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Error::new(Kind::BadInput, message)
    }

    /// A [`Kind::NotFound`] error.
    pub fn not_found(message: impl Into<String>) -> Self {
        Error::new(Kind::NotFound, message)
    }

    /// A [`Kind::Internal`] error.
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(Kind::Internal, message)
    }

    /// An I/O error. `what` says what was being done to which path: `cannot read configs/a/catalog.json`.
    pub fn io(what: impl fmt::Display, error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, hint) = match error.kind() {
            Io::NotFound => (Kind::NotFound, None),
            Io::PermissionDenied | Io::ReadOnlyFilesystem => {
                (Kind::Unauthorized, Some("give this user access to it (images run as any UID in group 0)"))
            }
            Io::StorageFull | Io::QuotaExceeded => {
                (Kind::Internal, Some("free space there or use a larger volume, then run again"))
            }
            Io::TimedOut => (Kind::TimedOut, None),
            // ELOOP: somebody's data, and not our machine.
            _ if error.raw_os_error() == Some(40) => (Kind::BadInput, Some("remove the symbolic link that leads to itself")),
            _ => (Kind::Internal, None),
        };
        let error = Error::new(kind, what.to_string()).because(error);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the way out: what the reader can do about it. A second hint follows the first.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        self.0.hint = Some(match self.0.hint.take() {
            Some(first) => format!("{first}; {hint}"),
            None => hint,
        });
        self
    }

    /// Adds lines to print before the message: a tree of findings, a server's answer.
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Self {
        self.0.details = details.into();
        self
    }

    /// What was being done, put before the message.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    /// The same error under another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The lines to print before the message; often empty.
    pub fn details_text(&self) -> &str {
        &self.0.details
    }

    /// The way out, if one is known.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

/// The message and its causes on one line, without details and hint.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        let mut source = self.source();
        while let Some(cause) = source {
            // A cause that prints its own causes would print them twice.
            let text = cause.to_string();
            write!(f, ": {}", text.trim_end().replace('\n', " "))?;
            source = if cause.is::<Error>() { None } else { cause.source() };
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.kind.name())?;
        if !self.0.details.is_empty() {
            write!(f, "\n{}", self.0.details)?;
        }
        match &self.0.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_names_thing_and_causes() {
        let io = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Error::io("cannot write configs/a/catalog.json", io).context("migrating index.db").hint("or use --x");
        insta::assert_snapshot!(error, @"migrating index.db: cannot write configs/a/catalog.json: no storage space");
        insta::assert_snapshot!(format!("{error:?}"), @r"
        internal: migrating index.db: cannot write configs/a/catalog.json: no storage space
        hint: free space there or use a larger volume, then run again; or use --x
        ");
    }

    #[test]
    fn an_error_as_cause_prints_once() {
        let inner = Error::bad_input("b").because(std::fmt::Error);
        let outer = Error::internal("a").because(inner);
        insta::assert_snapshot!(outer, @"a: b: an error occurred when formatting an argument");
    }

    #[test]
    fn exit_codes_are_the_contract() {
        assert_eq!(Kind::ALL.map(Kind::code), [1, 2, 3, 4, 5, 6, 7, 8, 70, 143]);
    }
}
