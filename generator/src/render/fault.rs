//! What is wrong with a definition, with values, or with what was rendered of them, and where.

use std::fmt;

use step::{Error, Kind};
use tekton::finding::Severity;
use tekton::source::{Position, Source};

/// One fault at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, or the argument of the command line.
    pub file: String,
    /// Where in the file, if it is known.
    pub position: Option<Position>,
    /// The text of that line.
    pub line: String,
    /// How bad it is.
    pub severity: Severity,
    /// The rule that it breaks.
    pub rule: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Fault {
    /// In a file, at an unknown place.
    pub(crate) fn new(file: impl Into<String>, rule: &'static str, message: impl Into<String>) -> Self {
        let (file, message) = (file.into(), message.into());
        Fault { file, position: None, line: String::new(), severity: Severity::Error, rule, message, hint: None }
    }

    /// At a byte of a source.
    pub(crate) fn at(source: &Source, offset: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Fault::new(source.name(), rule, message).position(source, source.position(offset))
    }

    /// At this place of a source.
    pub(crate) fn position(mut self, source: &Source, position: Position) -> Self {
        self.line = source.line(position.line).to_owned();
        self.position = Some(position);
        self
    }

    /// With advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the nearest of `names` as advice; where none is near, with what there is.
    pub(crate) fn did_you_mean<'a>(self, written: &str, names: impl Iterator<Item = &'a str> + Clone) -> Self {
        match advice(written, names) {
            Some(advice) => self.hint(advice),
            None => self,
        }
    }
}

/// What somebody who wrote `written` may have meant: the nearest of `names`, or a choice of all of them.
pub(crate) fn advice<'a>(written: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = tekton::finding::nearest(written, names.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let all: Vec<&str> = names.collect();
    (!all.is_empty()).then(|| format!("there is: {}", all.join(", ")))
}

/// The faults as one error, in the order of their places.
pub(crate) fn error(what: &str, mut faults: Vec<Fault>) -> Error {
    let key = |fault: &Fault| (fault.file.clone(), fault.position);
    faults.sort_by_key(key);
    faults.dedup();
    let count = match faults.len() {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    };
    let details: String = faults.iter().map(Fault::to_string).collect();
    Error::new(Kind::BadInput, format!("{what}: {count}")).details(details)
}

/// `FILE:LINE:COLUMN: error[RULE]: MESSAGE`, the line, and the hint.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(position) = self.position {
            write!(f, ":{}:{}", position.line, position.column)?;
        }
        writeln!(f, ": {}[{}]: {}", self.severity, self.rule, self.message)?;
        if let Some(position) = self.position
            && !self.line.trim().is_empty()
        {
            let line = self.line.trim_start();
            let cut = self.line.chars().count() - line.chars().count();
            let column = position.column.saturating_sub(cut + 1);
            // A terminal takes no commands from a file.
            let line = line.trim_end().replace(|c: char| c.is_control() && c != '\t', "\u{fffd}");
            writeln!(f, "    {line}")?;
            writeln!(f, "    {:column$}^", "")?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "    hint: {hint}"),
            None => Ok(()),
        }
    }
}
