//! Carries out a plan: starts what can start, decides what is skipped, and stops what has to stop, as Tekton's reconciler
//! does.

mod decide;
mod finish;
mod runs;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Scope as Threads;
use std::time::{Duration, Instant};

use step::{Error, Result};
use tekton::v1::OnError;

use self::runs::Job;
use crate::event::{Event, Observer};
use crate::executor::{Executor, Outcome, Stop, Why};
use crate::interrupt::Interrupts;
use crate::plan::{Plan, PlannedTask};
use crate::state::{self, Skip, Summary};

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
}
