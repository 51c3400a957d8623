//! How tasks and the run end: outcomes, the results of the Pipeline, and the summary.

use std::collections::BTreeMap;
use std::time::Duration;

use step::Kind;
use tekton::v1::{OnError, ParamType, ParamValue};
use tekton::variable::{Variable, references};

use super::{Engine, Phase, Task};
use crate::event::Event;
use crate::executor::{Outcome, State};
use crate::scope::Scope;
use crate::state::{Skip, Summary, TaskSummary, exit_code};

impl Engine<'_> {
    pub(super) fn one_done(&mut self, index: usize, run: usize, outcome: Outcome) {
        if !outcome.is_success() && outcome.state != State::Cancelled {
            let code = match outcome.state {
                State::TimedOut => Kind::TimedOut.code(),
                _ => exit_code(outcome.exit_code),
            };
            let ignored = self.tasks[index].planned.task.on_error == Some(OnError::Continue);
            if !ignored {
                self.failures.push(code);
            }
        }
        let task = &mut self.tasks[index];
        task.runs[run] = Some(outcome);
        if task.runs.iter().all(Option::is_some) {
            let outcome = merged(task);
            self.finish(index, outcome);
        }
    }

    pub(super) fn finish(&mut self, index: usize, outcome: Outcome) {
        let task = &mut self.tasks[index];
        task.phase = Phase::Done;
        task.duration = task.started.map_or(Duration::ZERO, |started| started.elapsed());
        let outcome = task.outcome.insert(outcome);
        let Outcome { state, reason, message, results, .. } = outcome;
        let milliseconds = milliseconds(task.duration);
        let event = Event::TaskFinished { task: task.planned.task.name(), state: *state, reason, message, milliseconds, results };
        self.observer.event(&event);
    }

    pub(super) fn summary(&self) -> Summary {
        let ignored = |task: &Task<'_>| !task.invalid && task.planned.task.on_error == Some(OnError::Continue);
        let failed: Vec<&str> = self.tasks.iter().filter(|task| task.has_failed() && !ignored(task)).map(Task::name).collect();
        let any_skipped = |of: &dyn Fn(Skip) -> bool| self.tasks.iter().any(|task| task.skip.is_some_and(of));
        let (results, fault) = self.results();
        let (state, reason, message, exit) = if self.cancelled {
            (State::Cancelled, "Cancelled", "the run was cancelled".to_owned(), Kind::Cancelled.code())
        } else if let Some(message) = &self.timed_out {
            (State::TimedOut, "PipelineRunTimeout", message.clone(), Kind::TimedOut.code())
        } else if !failed.is_empty() || any_skipped(&Skip::is_timeout) {
            let invalid = self.tasks.iter().any(|task| task.invalid);
            let reason = if invalid { "PipelineValidationFailed" } else { "Failed" };
            let message = match failed.is_empty() {
                true => "the time of finally ran out".to_owned(),
                false => format!("failed: {}", failed.join(", ")),
            };
            // Without a failure of its own, a task was stopped because the time of finally ran out.
            let exit = self.failures.first().copied().unwrap_or(Kind::TimedOut.code());
            (State::Failed, reason, message, exit)
        } else if let Some(fault) = fault {
            (State::Failed, "CouldntGetPipelineResult", fault, Kind::BadInput.code())
        } else if any_skipped(&|_| true) {
            (State::Succeeded, "Completed", String::new(), 0)
        } else {
            (State::Succeeded, "Succeeded", String::new(), 0)
        };
        let tasks = self.tasks.iter().map(summary_of).collect();
        let duration = self.started.elapsed();
        let summary = Summary { state, reason: reason.to_owned(), message, tasks, results, exit_code: exit, duration };
        self.observer.event(&Event::Finished {
            state,
            reason,
            message: &summary.message,
            milliseconds: milliseconds(duration),
            results: &summary.results,
            exit_code: exit,
        });
        summary
    }

    /// The run's results: those whose parts are all there, and what is wrong with others.
    fn results(&self) -> (BTreeMap<String, ParamValue>, Option<String>) {
        if self.plan.is_task {
            let outcome = self.tasks.first().and_then(|task| task.outcome.as_ref());
            return (outcome.map(|outcome| outcome.results.clone()).unwrap_or_default(), None);
        }
        let mut scope = Scope::default();
        for task in self.tasks.iter().filter(|task| task.has_run()) {
            for (name, value) in task.outcome.iter().flat_map(|outcome| &outcome.results) {
                scope.results.insert((task.name().to_owned(), name.clone()), value.clone());
            }
        }
        let (mut values, mut faults) = (BTreeMap::new(), Vec::new());
        for result in &self.plan.results {
            let mut complete = true;
            for reference in result.value.strings().flat_map(references) {
                if scope.knows(&reference.variable) {
                    continue;
                }
                complete = false;
                let task = match reference.variable {
                    Variable::TaskResult { task, .. } | Variable::FinallyResult { task, .. } => task,
                    _ => continue,
                };
                let giver = self.tasks.iter().find(|other| other.name() == task);
                // A task that did not succeed owes nothing.
                if giver.is_none_or(|giver| giver.outcome.as_ref().is_some_and(Outcome::is_success)) {
                    faults.push(result.name.clone());
                }
            }
            match scope.value(&result.value) {
                Ok(value) if complete => drop(values.insert(result.name.clone(), value)),
                Ok(_) => {}
                Err(_) => faults.push(result.name.clone()),
            }
        }
        faults.dedup();
        let fault = (!faults.is_empty())
            .then(|| format!("the results {} of the Pipeline refer to results that no task has written", faults.join(", ")));
        (values, fault)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn summary_of(task: &Task<'_>) -> TaskSummary {
    let (state, reason, message, results) = match (&task.outcome, task.skip) {
        (Some(outcome), _) => (outcome.state, outcome.reason.clone(), outcome.message.clone(), outcome.results.clone()),
        (None, skip) => (State::Skipped, skip.map_or("", Skip::reason).to_owned(), String::new(), BTreeMap::new()),
    };
    let (name, finally) = (task.name().to_owned(), task.planned.finally);
    TaskSummary { task: name, finally, state, reason, message, results, duration: task.duration }
}

/// The outcome of all runs of a task: bad if one is; a matrix's results are lists.
fn merged(task: &mut Task<'_>) -> Outcome {
    let matrixed = task.planned.task.is_matrixed();
    let runs: Vec<&Outcome> = task.runs.iter().flatten().collect();
    let mut outcome = match runs.iter().find(|outcome| !outcome.is_success()).or(runs.first()) {
        Some(first) => (*first).clone(),
        None => Outcome::succeeded(BTreeMap::new()),
    };
    // Tekton says so of what happened in a pod, and not of results that are not as declared.
    let is_of_steps = outcome.state == State::Failed && outcome.reason != "TaskRunValidationFailed";
    if is_of_steps && task.planned.task.on_error == Some(OnError::Continue) {
        outcome.reason = "FailureIgnored".to_owned();
    }
    if matrixed {
        // Tekton sorts the runs by their names, in which 10 comes before 2.
        let mut order: Vec<usize> = (0..runs.len()).collect();
        order.sort_by_key(usize::to_string);
        let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for run in order.iter().filter_map(|index| runs.get(*index)) {
            for (name, value) in &run.results {
                let text = if value.kind() == ParamType::String { value.strings().next().unwrap_or_default() } else { "" };
                lists.entry(name.clone()).or_default().push(text.to_owned());
            }
        }
        outcome.results = lists.into_iter().map(|(name, list)| (name, ParamValue::Array(list))).collect();
    }
    outcome
}
