//! What is wrong with what people wrote: every problem with its place and its way out, and all of them at once.

use std::fmt;
use std::sync::Arc;

use step::Error;

/// After so many problems the rest waits for the next time.
const SHOWN: usize = 50;

/// A longer text is cut in a message, in characters.
const LONGEST: usize = 60;

/// A file, and a line in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// What messages call the file: its path as it was given.
    pub file: Arc<str>,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What: one line that names the thing.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Problems in the order in which they were found, each once.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

/// What looks wrong and stops nothing: in the order in which it was found, each once, the first fifty.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Vec<String>);

// === impl Warnings ===

impl Warnings {
    pub(crate) fn push(&mut self, warning: impl AsRef<str>) {
        let warning = one_line(warning.as_ref());
        if self.0.len() < SHOWN && !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<String> {
        self.0
    }
}

// === impl Place ===

impl Place {
    pub(crate) fn problem(&self, message: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem { place: self.clone(), message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

// === impl Problem ===

/// On one line, whatever the file holds.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&format!("{}: {}", self.place, self.message)))
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Error::bad_input(problem.to_string()).hint(one_line(&problem.hint))
    }
}

// === impl Problems ===

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        // One more than is shown says that there are more.
        if self.0.len() <= SHOWN && !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// Whether looking for more is of use.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() > SHOWN
    }

    /// Fails when there is one. `what` is what they are in: `the values files`.
    pub(crate) fn into_result(mut self, what: &str) -> Result<(), Error> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(self.0.remove(0).into()),
            count => {
                let shown = self.0.iter().take(SHOWN);
                let mut lines: Vec<String> = shown.map(|p| format!("{p}; hint: {}", one_line(&p.hint))).collect();
                let count = if count > SHOWN { format!("more than {SHOWN}") } else { count.to_string() };
                if self.is_full() {
                    lines.push("…".into());
                }
                Err(Error::bad_input(format!("{count} problems in {what}"))
                    .details(lines.join("\n"))
                    .hint("mend what is listed above"))
            }
        }
    }
}

/// Escapes what would end the line or command a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// A text from a file as a message shows it: in quotes, cut.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}
