//! What a person sees of a run: lines on standard error, in colour on a terminal.

use std::cell::RefCell;
use std::io::IsTerminal;

use step::Error;

use crate::run::show;

/// Cyan, yellow, green, magenta, blue: a task keeps its own.
const COLOURS: [u8; 5] = [36, 33, 32, 35, 34];

/// Where lines go.
#[derive(Debug)]
pub(super) struct Screen {
    is_coloured: bool,
    /// Tasks in the order in which they came.
    tasks: RefCell<Vec<String>>,
}

// === impl Screen ===

impl Screen {
    /// Standard error.
    pub(super) fn new() -> Self {
        let is_coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Screen { is_coloured, tasks: RefCell::default() }
    }

    /// What happens.
    pub(super) fn say(&self, text: &str) {
        show::say(&step::redact::text(text));
    }

    /// What is not as it should be, and what can be done about it.
    pub(super) fn warn(&self, text: &str, error: &Error) {
        match error.hint_text() {
            Some(hint) => self.say(&format!("warning: {text}; hint: {hint}")),
            None => self.say(&format!("warning: {text}")),
        }
    }

    /// What a step has written.
    pub(super) fn line(&self, task: &str, step: &str, text: &str) {
        self.say(&self.prefixed(task, step, text));
    }

    fn prefixed(&self, task: &str, step: &str, text: &str) -> String {
        let text = text.trim_end_matches('\r');
        if !self.is_coloured {
            return format!("[{task} : {step}] {text}");
        }
        let mut tasks = self.tasks.borrow_mut();
        let index = tasks.iter().position(|known| known == task).unwrap_or_else(|| {
            tasks.push(task.to_owned());
            tasks.len() - 1
        });
        // What a step has coloured and not ended ends with its line.
        format!("\u{1b}[{}m[{task} : {step}]\u{1b}[0m {text}\u{1b}[0m", COLOURS[index % COLOURS.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_keeps_its_colour() {
        let screen = Screen { is_coloured: true, tasks: RefCell::default() };
        let lines = [("a", "x"), ("b", "y"), ("a", "z")].map(|(task, text)| screen.prefixed(task, "s", text));
        assert_eq!(lines[0], "\u{1b}[36m[a : s]\u{1b}[0m x\u{1b}[0m");
        assert!(lines[1].starts_with("\u{1b}[33m[b") && lines[2].starts_with("\u{1b}[36m[a"));
        let plain = Screen { is_coloured: false, tasks: RefCell::default() };
        assert_eq!(plain.prefixed("a", "s", "x\r"), "[a : s] x");
    }
}
