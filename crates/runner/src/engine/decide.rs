//! Decides about the tasks that wait: whether each starts, is skipped or cannot start, and what it sees of those before it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use step::{Error, Kind, Result};
use tekton::v1::{OnError, ParamValue, PipelineTask, TaskSpec};
use tekton::variable::{Variable, references};

use super::{Engine, Phase, Task};
use crate::event::Event;
use crate::executor::Outcome;
use crate::matrix;
use crate::plan::{PlannedTask, in_pipeline};
use crate::scope::{Results, Scope};
use crate::state::Skip;
use crate::task::expand;
use crate::when;

/// What is decided about a task that waits.
enum Decision {
    Wait,
    Skip(Skip),
    Invalid { reason: &'static str, message: String },
    Start(Box<PipelineTask>, Box<TaskSpec>),
}

impl Engine<'_> {
    /// Decides about every task that waits, until nothing changes.
    pub(super) fn advance(&mut self) {
        loop {
            let mut changed = false;
            for index in 0..self.tasks.len() {
                if self.tasks[index].phase != Phase::Waiting {
                    continue;
                }
                let decision = match self.tasks[index].planned.finally {
                    false => self.decide(index),
                    true if self.tasks_done() => self.decide_finally(index),
                    true => Decision::Wait,
                };
                changed |= self.carry_out(index, decision);
            }
            if !changed {
                return;
            }
        }
    }

    fn tasks_done(&self) -> bool {
        self.tasks.iter().filter(|task| !task.planned.finally).all(Task::is_done)
    }

    fn decide(&self, index: usize) -> Decision {
        let task = &self.tasks[index];
        if self.tasks.iter().any(|task| !task.planned.finally && task.failure_stops()) {
            return Decision::Skip(Skip::Stopping);
        }
        if self.cancelled {
            return Decision::Skip(Skip::Cancelled);
        }
        let parents = || self.tasks.iter().filter(|other| task.planned.after.contains(other.name()) && !other.planned.finally);
        let is_skipped = |other: &Task<'_>| other.skip.is_some_and(|skip| skip != Skip::When);
        if !parents().all(Task::is_done) {
            return if parents().any(is_skipped) { Decision::Skip(Skip::Parent) } else { Decision::Wait };
        }
        let (scope, missing) = match self.results_for(&task.planned.task) {
            Ok(results) => (Scope { results, ..Scope::default() }, None),
            Err(missing) => (Scope::default(), Some(missing)),
        };
        let filled = match self.filled(task.planned, &scope) {
            Ok(filled) => filled,
            Err(error) => return invalid("PipelineValidationFailed", &error),
        };
        match when::holds(&filled.0.when) {
            Ok(true) => {}
            Ok(false) => return Decision::Skip(Skip::When),
            Err(error) => return invalid("CELEvaluationFailed", &error),
        }
        if parents().any(is_skipped) {
            return Decision::Skip(Skip::Parent);
        }
        if let Some((of, message)) = missing {
            let giver = self.tasks.iter().find(|other| other.name() == of);
            let by_when = giver.is_some_and(|giver| giver.skip == Some(Skip::When));
            if by_when || task.planned.task.on_error == Some(OnError::Continue) {
                return Decision::Skip(Skip::MissingResults);
            }
            return Decision::Invalid { reason: "PipelineValidationFailed", message };
        }
        if self.is_over(self.plan.timeouts.pipeline, Some(self.started)) {
            return Decision::Skip(Skip::PipelineTimedOut);
        }
        if self.is_over(self.plan.timeouts.tasks, Some(self.started)) {
            return Decision::Skip(Skip::TasksTimedOut);
        }
        start_unless_empty(filled)
    }

    fn decide_finally(&self, index: usize) -> Decision {
        let task = &self.tasks[index];
        if self.ended {
            return Decision::Skip(Skip::Cancelled);
        }
        let results = match self.results_for(&task.planned.task) {
            Ok(results) => results,
            Err(_) => return Decision::Skip(Skip::MissingResults),
        };
        let scope = Scope { results, texts: self.statuses(), ..Scope::default() };
        let filled = match self.filled(task.planned, &scope) {
            Ok(filled) => filled,
            Err(error) => return invalid("PipelineValidationFailed", &error),
        };
        match when::holds(&filled.0.when) {
            Ok(true) => {}
            Ok(false) => return Decision::Skip(Skip::When),
            Err(error) => return invalid("CELEvaluationFailed", &error),
        }
        if self.is_over(self.plan.timeouts.pipeline, Some(self.started)) {
            return Decision::Skip(Skip::PipelineTimedOut);
        }
        if self.is_over(self.plan.timeouts.finally, self.finally_started) {
            return Decision::Skip(Skip::FinallyTimedOut);
        }
        start_unless_empty(filled)
    }

    fn is_over(&self, timeout: Option<Duration>, started: Option<Instant>) -> bool {
        timeout.zip(started).is_some_and(|(timeout, started)| started.elapsed() >= timeout)
    }

    fn carry_out(&mut self, index: usize, decision: Decision) -> bool {
        match decision {
            Decision::Wait => return false,
            Decision::Skip(skip) => {
                let task = &mut self.tasks[index];
                (task.phase, task.skip) = (Phase::Done, Some(skip));
                self.observer.event(&Event::TaskSkipped { task: task.name(), reason: skip.reason() });
            }
            Decision::Invalid { reason, message } => {
                self.tasks[index].invalid = true;
                self.failures.push(Kind::BadInput.code());
                self.finish(index, Outcome::failed(reason, message));
            }
            Decision::Start(pipeline_task, spec) => self.start(index, *pipeline_task, *spec),
        }
        true
    }

    /// The results that a task refers to: all of them, or the first that is missing, by its task.
    fn results_for(&self, task: &PipelineTask) -> Result<Results, (String, String)> {
        let mut found = Results::new();
        let mut missing = None;
        tekton::graph::each_text(task, &mut |text| {
            for reference in references(text) {
                let Variable::TaskResult { task: of, result, .. } = reference.variable else { continue };
                match self.result(of, result) {
                    Ok(value) => drop(found.insert((of.to_owned(), result.to_owned()), value)),
                    Err(message) => drop(missing.get_or_insert((of.to_owned(), message))),
                }
            }
        });
        missing.map_or(Ok(found), Err)
    }

    fn result(&self, task: &str, result: &str) -> Result<ParamValue, String> {
        let giver = self.tasks.iter().find(|other| other.name() == task && other.has_run());
        let Some(outcome) = giver.and_then(|giver| giver.outcome.as_ref()) else {
            return Err(format!("it uses the result {result} of the task {task}, which did not run"));
        };
        let how = if outcome.is_success() { "succeeded" } else { "failed" };
        let missing = || format!("it uses the result {result} of the task {task}, which {how} without writing it");
        outcome.results.get(result).cloned().ok_or_else(missing)
    }

    /// What the Pipeline says of a task, and its Task, with results and statuses put in.
    fn filled(&self, planned: &PlannedTask, scope: &Scope) -> Result<(PipelineTask, TaskSpec)> {
        let mut scope = scope.clone();
        for task in &self.tasks {
            if task.planned.task.is_matrixed() && task.is_done() {
                scope.texts.insert(format!("tasks.{}.matrix.length", task.name()), task.runs.len().to_string());
                for (name, value) in task.outcome.iter().flat_map(|outcome| &outcome.results) {
                    let length = value.strings().count();
                    scope.texts.insert(format!("tasks.{}.matrix.{name}.length", task.name()), length.to_string());
                }
            }
        }
        let pipeline_task = in_pipeline(&planned.task, &scope)?;
        // Results reach into the Task itself, wherever they come from.
        let results = self.tasks.iter().filter(|task| task.has_run()).flat_map(|task| {
            let results = task.outcome.iter().flat_map(|outcome| &outcome.results);
            results.map(|(name, value)| ((task.name().to_owned(), name.clone()), value.clone()))
        });
        let inner = Scope { results: results.collect(), ..Scope::default() };
        let spec = if inner.results.is_empty() { planned.spec.clone() } else { expand(&planned.spec, &[&inner])? };
        Ok((pipeline_task, spec))
    }

    /// `tasks.x.status`, `tasks.x.reason` and `tasks.status`.
    fn statuses(&self) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        let mut all = "Succeeded";
        for task in self.tasks.iter().filter(|task| !task.planned.finally) {
            let (status, reason) = match task.outcome.as_ref().filter(|_| task.has_run()) {
                Some(outcome) if outcome.is_success() => ("Succeeded", outcome.reason.as_str()),
                Some(outcome) => ("Failed", outcome.reason.as_str()),
                None => ("None", ""),
            };
            texts.insert(format!("tasks.{}.status", task.name()), status.to_owned());
            texts.insert(format!("tasks.{}.reason", task.name()), reason.to_owned());
            all = match all {
                "Failed" => all,
                _ if status == "Failed" => "Failed",
                _ if task.skip.is_some() => "Completed",
                _ => all,
            };
        }
        texts.insert("tasks.status".to_owned(), all.to_owned());
        texts
    }
}

fn start_unless_empty((task, spec): (PipelineTask, TaskSpec)) -> Decision {
    match &task.matrix {
        Some(matrix) if matrix::is_empty(matrix) => Decision::Skip(Skip::EmptyMatrix),
        _ => Decision::Start(Box::new(task), Box::new(spec)),
    }
}

fn invalid(reason: &'static str, error: &Error) -> Decision {
    Decision::Invalid { reason, message: error.to_string() }
}
