//! Carries out a plan: starts what can start, decides what is skipped, and stops what has to stop, as Tekton's reconciler
//! does.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Scope as Threads;
use std::time::{Duration, Instant};

use step::{Error, Kind, Result};
use tekton::v1::{OnError, ParamType, ParamValue, PipelineTask, TaskSpec};
use tekton::variable::{Variable, references};

use crate::event::{Event, Observer};
use crate::executor::{Control, Executor, Outcome, State, Stop, Why};
use crate::interrupt::Interrupts;
use crate::local::stopped;
use crate::matrix::{self, Combination};
use crate::params;
use crate::plan::{Plan, PlannedTask, attempt_directory, in_pipeline};
use crate::scope::{Params, Results, Scope};
use crate::state::{self, Skip, Summary, TaskSummary, exit_code};
use crate::task::{expand, task_run};
use crate::when;

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many tasks run at once, at most.
    pub jobs: usize,
    /// The run's directory. It is created, and `tasks` and `workspaces` in it are the run's.
    pub directory: PathBuf,
}

/// Runs the plan to its end.
///
/// # Errors
/// This machine fails. What happens to tasks is in the summary, and no error.
pub fn run(
    plan: &Plan,
    executor: &dyn Executor,
    observer: &dyn Observer,
    interrupts: &Interrupts,
    options: &Options,
) -> Result<Summary> {
    let (sender, messages) = channel();
    let interrupted = sender.clone();
    interrupts.listen(move |why| drop(interrupted.send(Message::Interrupt(why))));
    let tasks = plan.tasks.iter().map(Task::new).collect();
    let started = Instant::now();
    let mut engine = Engine {
        plan,
        executor,
        observer,
        options,
        tasks,
        queue: VecDeque::new(),
        running: 0,
        sender,
        started,
        finally_started: None,
        cancelled: false,
        ended: false,
        timed_out: None,
        stop_tasks: Stop::default(),
        stop_finally: Stop::default(),
        failures: Vec::new(),
    };
    let names = plan.tasks.iter().map(|planned| planned.task.name()).collect();
    observer.event(&Event::Started { pipeline: &plan.pipeline, run: &plan.name, directory: &options.directory, tasks: names });
    std::thread::scope(|threads| engine.until_done(threads, &messages))?;
    Ok(engine.summary())
}

enum Message {
    Done { task: usize, run: usize, outcome: Outcome },
    Interrupt(Why),
}

struct Engine<'a> {
    plan: &'a Plan,
    executor: &'a dyn Executor,
    observer: &'a dyn Observer,
    options: &'a Options,
    tasks: Vec<Task<'a>>,
    /// Runs that wait for a free place.
    queue: VecDeque<Job>,
    running: usize,
    sender: Sender<Message>,
    started: Instant,
    finally_started: Option<Instant>,
    /// Somebody wants tasks to stop.
    cancelled: bool,
    /// Somebody wants everything to stop.
    ended: bool,
    /// Which time ran out: Tekton's words for a person.
    timed_out: Option<String>,
    stop_tasks: Stop,
    stop_finally: Stop,
    /// The exit codes of what failed, in time's order.
    failures: Vec<u8>,
}

struct Task<'a> {
    planned: &'a PlannedTask,
    phase: Phase,
    started: Option<Instant>,
    duration: Duration,
    /// The outcomes of its runs: one, or one for each combination of its matrix.
    runs: Vec<Option<Outcome>>,
    /// All of them together.
    outcome: Option<Outcome>,
    skip: Option<Skip>,
    /// It could not even start.
    invalid: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Done,
}

/// One run of a task.
struct Job {
    task: usize,
    run: usize,
    index: Option<usize>,
    pipeline_task: PipelineTask,
    spec: TaskSpec,
    given: Params,
}

impl<'a> Task<'a> {
    fn new(planned: &'a PlannedTask) -> Self {
        Task {
            planned,
            phase: Phase::Waiting,
            started: None,
            duration: Duration::ZERO,
            runs: Vec::new(),
            outcome: None,
            skip: None,
            invalid: false,
        }
    }

    fn name(&self) -> &'a str {
        self.planned.task.name()
    }

    fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    fn has_failed(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| !outcome.is_success())
    }

    fn failure_stops(&self) -> bool {
        self.has_failed() && (self.invalid || self.planned.task.on_error != Some(OnError::Continue))
    }

    /// It has run, well or badly: what it gave can be used.
    fn has_run(&self) -> bool {
        self.outcome.is_some() && !self.invalid
    }
}

/// What is decided about a task that waits.
enum Decision {
    Wait,
    Skip(Skip),
    Invalid { reason: &'static str, message: String },
    Start(Box<PipelineTask>, Box<TaskSpec>),
}

impl<'a> Engine<'a> {
    fn until_done<'s>(&mut self, threads: &'s Threads<'s, 'a>, messages: &Receiver<Message>) -> Result<()> {
        loop {
            self.advance();
            while self.running < self.options.jobs.max(1)
                && let Some(job) = self.queue.pop_front()
            {
                self.launch(threads, job)?;
            }
            if self.running == 0 && self.queue.is_empty() && self.tasks.iter().all(Task::is_done) {
                return Ok(());
            }
            let deadline = self.next_deadline();
            let message = match deadline {
                Some(deadline) => messages.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Done { task, run, outcome }) => {
                    self.running -= 1;
                    self.one_done(task, run, outcome);
                }
                Ok(Message::Interrupt(why)) => self.interrupt(why),
                Err(RecvTimeoutError::Timeout) => self.time_out(),
                Err(RecvTimeoutError::Disconnected) => return Err(Error::internal("the tasks' threads are gone")),
            }
        }
    }

    fn interrupt(&mut self, why: Why) {
        if !self.cancelled {
            let message = "the run is cancelled: its tasks are being stopped, then finally runs; another Ctrl-C ends everything";
            self.observer.event(&Event::Warning { message });
        }
        self.cancelled = true;
        self.stop_tasks.request(why);
        if why == Why::Now {
            self.ended = true;
            self.stop_finally.request(why);
        }
    }

    /// The ends of times that are not over yet.
    fn next_deadline(&self) -> Option<Instant> {
        let timeouts = self.plan.timeouts;
        let of_run = timeouts.pipeline.map(|timeout| self.started + timeout);
        let of_tasks = timeouts.tasks.filter(|_| self.finally_started.is_none()).map(|timeout| self.started + timeout);
        let of_finally = self.finally_started.zip(timeouts.finally).map(|(started, timeout)| started + timeout);
        let stopped = |stop: &Stop| stop.requested().is_some();
        let of_tasks = [of_run, of_tasks].into_iter().flatten().min().filter(|_| !stopped(&self.stop_tasks));
        let of_finally = [of_run, of_finally].into_iter().flatten().min().filter(|_| !stopped(&self.stop_finally));
        if self.finally_started.is_some() { of_finally } else { of_tasks }
    }

    fn time_out(&mut self) {
        let now = Instant::now();
        let is_over = |timeout: Option<Duration>, start: Instant| timeout.is_some_and(|timeout| now >= start + timeout);
        let limit = |timeout: Option<Duration>| state::duration(timeout.unwrap_or_default());
        let timeouts = self.plan.timeouts;
        if is_over(timeouts.pipeline, self.started) {
            self.timed_out = Some(format!("the run did not finish within {}", limit(timeouts.pipeline)));
            self.stop_tasks.request(Why::RunTimedOut);
            self.stop_finally.request(Why::RunTimedOut);
        } else if self.finally_started.is_none() && is_over(timeouts.tasks, self.started) {
            self.timed_out = Some(format!("its tasks did not finish within {}", limit(timeouts.tasks)));
            self.stop_tasks.request(Why::RunTimedOut);
        } else if self.finally_started.is_some_and(|started| is_over(timeouts.finally, started)) {
            self.stop_finally.request(Why::RunTimedOut);
        }
    }

    /// Decides about every task that waits, until nothing changes.
    fn advance(&mut self) {
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

    /// Puts a task's runs into the queue.
    fn start(&mut self, index: usize, pipeline_task: PipelineTask, spec: TaskSpec) {
        let task = &mut self.tasks[index];
        if task.planned.finally {
            self.finally_started.get_or_insert_with(Instant::now);
        }
        task.phase = Phase::Running;
        let combinations: Vec<(Option<usize>, Combination)> = match &pipeline_task.matrix {
            Some(matrix) if pipeline_task.is_matrixed() => {
                matrix::combinations(matrix).into_iter().enumerate().map(|(index, one)| (Some(index), one)).collect()
            }
            _ => vec![(None, Combination::new())],
        };
        task.runs = vec![None; combinations.len()];
        for (run, (matrix_index, combination)) in combinations.into_iter().enumerate() {
            let mut given: Params = pipeline_task.params.iter().map(|p| (p.name.clone(), p.value.clone())).collect();
            given.extend(combination.into_iter().map(|(name, value)| (name, ParamValue::String(value))));
            let (pipeline_task, spec) = (pipeline_task.clone(), spec.clone());
            self.queue.push_back(Job { task: index, run, index: matrix_index, pipeline_task, spec, given });
        }
    }

    fn launch<'s>(&mut self, threads: &'s Threads<'s, 'a>, job: Job) -> Result<()> {
        let planned = self.tasks[job.task].planned;
        // To wait for a free place is no work.
        self.tasks[job.task].started.get_or_insert_with(Instant::now);
        let stop = if planned.finally { self.stop_finally.clone() } else { self.stop_tasks.clone() };
        let worker =
            Worker { plan: self.plan, planned, executor: self.executor, observer: self.observer, options: self.options, stop };
        let sender = self.sender.clone();
        let work = move || {
            let (task, run) = (job.task, job.run);
            let outcome = worker.run(job);
            // The engine waits for every job, so that somebody listens.
            let _ = sender.send(Message::Done { task, run, outcome });
        };
        let spawned = std::thread::Builder::new().name(planned.task.name().to_owned()).spawn_scoped(threads, work);
        spawned.map_err(|e| Error::io("cannot start a thread", e))?;
        self.running += 1;
        Ok(())
    }

    fn one_done(&mut self, index: usize, run: usize, outcome: Outcome) {
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

    fn finish(&mut self, index: usize, outcome: Outcome) {
        let task = &mut self.tasks[index];
        task.phase = Phase::Done;
        task.duration = task.started.map_or(Duration::ZERO, |started| started.elapsed());
        let outcome = task.outcome.insert(outcome);
        let Outcome { state, reason, message, results, .. } = outcome;
        let milliseconds = milliseconds(task.duration);
        let event = Event::TaskFinished { task: task.planned.task.name(), state: *state, reason, message, milliseconds, results };
        self.observer.event(&event);
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

    fn summary(&self) -> Summary {
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

fn start_unless_empty((task, spec): (PipelineTask, TaskSpec)) -> Decision {
    match &task.matrix {
        Some(matrix) if matrix::is_empty(matrix) => Decision::Skip(Skip::EmptyMatrix),
        _ => Decision::Start(Box::new(task), Box::new(spec)),
    }
}

fn invalid(reason: &'static str, error: &Error) -> Decision {
    Decision::Invalid { reason, message: error.to_string() }
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
    if outcome.state == State::Failed && task.planned.task.on_error == Some(OnError::Continue) {
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

/// What a thread needs to run a job.
struct Worker<'a> {
    plan: &'a Plan,
    planned: &'a PlannedTask,
    executor: &'a dyn Executor,
    observer: &'a dyn Observer,
    options: &'a Options,
    stop: Stop,
}

impl Worker<'_> {
    /// Tries until it goes well, or not again.
    fn run(&self, job: Job) -> Outcome {
        let retries = u32::try_from(job.pipeline_task.retries).unwrap_or(0);
        let mut attempt = 0;
        loop {
            if let Some(why) = self.stop.requested() {
                return stopped(why);
            }
            let outcome = self.attempt(&job, attempt);
            let ends = outcome.is_success() || outcome.state == State::Cancelled || attempt >= retries;
            if ends || self.stop.requested().is_some() {
                return outcome;
            }
            let (task, index) = (self.planned.task.name(), job.index);
            let (reason, message) = (outcome.reason.as_str(), outcome.message.as_str());
            self.observer.event(&Event::TaskRetried { task, index, attempt, reason, message });
            attempt += 1;
        }
    }

    fn attempt(&self, job: &Job, attempt: u32) -> Outcome {
        let task = self.planned.task.name();
        self.observer.event(&Event::TaskStarted { task, index: job.index, attempt });
        match self.prepared(job, attempt) {
            Ok(run) => {
                let timeout = self.planned.task.timeout.as_ref().and_then(|timeout| timeout.to_std()).filter(|t| !t.is_zero());
                let deadline = timeout.map(|timeout| Instant::now() + timeout);
                let control = Control { stop: self.stop.clone(), deadline, observer: self.observer };
                self.executor.run(&run, &control)
            }
            Err(error) => Outcome::error("TaskRunValidationFailed", &error),
        }
    }

    fn prepared(&self, job: &Job, attempt: u32) -> Result<crate::task::TaskRun> {
        let name = self.planned.task.name();
        let faults = params::faults(&job.given, &job.spec.params, &format!("the task {name}"));
        params::error(faults)?;
        let base = &self.options.directory;
        // A task may be called `build-0`, as the first of the matrix `build` is; none has a dot in its name.
        let directory = match job.index {
            Some(index) => attempt_directory(base, &format!("{name}.{index}"), attempt),
            None => attempt_directory(base, name, attempt),
        };
        // Directories in workspaces may be named by results.
        let mut planned = self.planned.clone();
        for binding in &job.pipeline_task.workspaces {
            if let Some((_, sub_path)) = planned.workspaces.get_mut(&binding.name) {
                *sub_path = binding.sub_path.clone().filter(|path| !path.is_empty());
            }
        }
        let workspaces = self.plan.bind(&planned, &directory, base, self.executor.uses_files())?;
        let identity = self.plan.identity(&planned, job.index, attempt);
        task_run(identity, &job.spec, job.given.clone(), workspaces, directory, &self.plan.library, self.executor)
    }
}
