//! A run on a terminal: every task on a line, with how long it has been running.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use runner::{Event, Observer, Plan, State};

use super::show::{label, seconds, word};

/// The live tree of tasks.
pub(super) struct Tree {
    lines: HashMap<String, ProgressBar>,
    width: usize,
    /// Runs of a matrix that are under way, by task.
    steps: Mutex<HashMap<String, String>>,
}

impl Tree {
    pub(super) fn new(plan: &Plan) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let shown = |task: &runner::PlannedTask| match task.finally {
            true => format!("{} (finally)", task.task.name()),
            false => task.task.name().to_owned(),
        };
        let width = plan.tasks.iter().map(|task| shown(task).chars().count()).max().unwrap_or(0);
        let lines = plan.tasks.iter().map(|planned| {
            let name = planned.task.name().to_owned();
            let line = all.add(ProgressBar::new_spinner());
            line.set_style(style("  {prefix} {msg}"));
            line.set_prefix(format!("{:width$}", shown(planned)));
            line.set_message("waiting");
            (name, line)
        });
        Tree { lines: lines.collect(), width, steps: Mutex::default() }
    }

    /// Leaves the terminal to others.
    pub(super) fn close(&self) {
        self.lines.values().for_each(ProgressBar::abandon);
    }

    fn shows(&self, task: &str, step: Option<String>) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            Some(step) => drop(steps.insert(task.to_owned(), step)),
            None => drop(steps.remove(task)),
        }
        if let (Some(line), Some(step)) = (self.lines.get(task), steps.get(task)) {
            line.set_message(step.clone());
        }
    }

    fn ends(&self, task: &str, mark: &str, message: String) {
        if let Some(line) = self.lines.get(task) {
            line.set_style(style(&format!("{mark} {{prefix}} {{msg}}")));
            line.finish_with_message(message);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Observer for Tree {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::TaskStarted { task, index, attempt } => {
                if let Some(line) = self.lines.get(*task) {
                    line.set_style(style("{spinner} {prefix} {elapsed:>4} {msg}"));
                    if *attempt == 0 && index.unwrap_or(0) == 0 {
                        line.reset_elapsed();
                    }
                    line.enable_steady_tick(Duration::from_millis(100));
                }
                let again = if *attempt > 0 { format!("try {}", attempt + 1) } else { String::new() };
                self.shows(task, Some(again));
            }
            Event::StepStarted { task, index, step } => self.shows(task, Some(label(step, *index))),
            Event::Line { task, step, text, .. } => {
                let room = 60usize.saturating_sub(self.width / 2);
                let text: String = text.chars().filter(|c| !c.is_control()).take(room).collect();
                self.shows(task, Some(format!("{step} | {text}")));
            }
            Event::TaskSkipped { task, reason } => self.ends(task, "-", format!("skipped: {reason}")),
            Event::TaskFinished { task, state, milliseconds, .. } => {
                let mark = match state {
                    State::Succeeded => "✓",
                    State::Failed | State::TimedOut => "✗",
                    State::Cancelled | State::Skipped => "-",
                };
                self.shows(task, None);
                self.ends(task, mark, format!("{} after {}", word(*state), seconds(Duration::from_millis(*milliseconds))));
            }
            _ => {}
        }
    }
}
