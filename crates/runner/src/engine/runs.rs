//! The runs of a task: the queue that they wait in, the threads that do them, and their attempts.

use std::thread::Scope as Threads;
use std::time::Instant;

use step::{Error, Result};
use tekton::v1::{ParamValue, PipelineTask, TaskSpec};

use super::{Engine, Message, Options, Phase};
use crate::event::{Event, Observer};
use crate::executor::{Control, Executor, Outcome, State, Stop};
use crate::local::stopped;
use crate::matrix::{self, Combination};
use crate::params;
use crate::plan::{Plan, PlannedTask, attempt_directory};
use crate::scope::Params;
use crate::task::{TaskRun, task_run};

/// One run of a task.
pub(super) struct Job {
    task: usize,
    run: usize,
    index: Option<usize>,
    pipeline_task: PipelineTask,
    spec: TaskSpec,
    given: Params,
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

impl<'a> Engine<'a> {
    /// Puts a task's runs into the queue.
    pub(super) fn start(&mut self, index: usize, pipeline_task: PipelineTask, spec: TaskSpec) {
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

    pub(super) fn launch<'s>(&mut self, threads: &'s Threads<'s, 'a>, job: Job) -> Result<()> {
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

    fn prepared(&self, job: &Job, attempt: u32) -> Result<TaskRun> {
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
