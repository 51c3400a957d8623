//! Who does a task's work: the interface, and what is said over it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use step::{Error, Result};
use tekton::v1::{ParamValue, Step, TaskSpec};

use crate::event::{Event, Observer};
use crate::task::TaskRun;

/// Does the work of tasks.
pub trait Executor: Sync {
    /// Whether a step can run here, asked before anything starts. References to results of other tasks may still stand in
    /// it.
    ///
    /// # Errors
    /// It cannot; the error says why and names the way out.
    fn check(&self, place: Place<'_>, task: &TaskSpec, step: &Step) -> Result<()>;

    /// Which paths a step sees.
    fn sees(&self, step: &Step) -> Seen;

    /// How a step would be run, as a person would type it.
    fn describe(&self, step: &Step) -> String;

    /// Whether it works with files of this machine, so that directories are needed. One that only answers does not.
    fn uses_files(&self) -> bool {
        true
    }

    /// Makes one attempt at a task, and returns when nothing of it runs any more.
    fn run(&self, task: &TaskRun, control: &Control<'_>) -> Outcome;
}

/// Where a step stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The task of the Pipeline.
    pub task: &'a str,
    /// The step.
    pub step: &'a str,
}

/// Which paths a step sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// This machine's directories.
    Host,
    /// Those that Tekton mounts: `/workspace/NAME`, `/tekton/results/NAME`.
    Container,
}

/// How a task or step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Well.
    Succeeded,
    /// Badly.
    Failed,
    /// It was stopped because somebody or a timeout of the run wanted so.
    Cancelled,
    /// Its own time ran out.
    TimedOut,
    /// It did not run.
    Skipped,
}

/// How one attempt at a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How.
    pub state: State,
    /// Tekton's word for why: `Succeeded`, `Failed`, `TaskRunTimeout`.
    pub reason: String,
    /// What a person reads about it; empty when all is well.
    pub message: String,
    /// Results, also those of a task that failed.
    pub results: BTreeMap<String, ParamValue>,
    /// The exit code of the step that failed.
    pub exit_code: Option<i32>,
    /// Its steps.
    pub steps: Vec<StepOutcome>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutcome {
    /// The step.
    pub step: String,
    /// How.
    pub state: State,
    /// Its exit code, if it ended by itself.
    pub exit_code: Option<i32>,
    /// How long it ran.
    pub duration: Duration,
}

/// What an executor hears and says while it works.
pub struct Control<'c> {
    /// Tells when to stop.
    pub stop: Stop,
    /// When the attempt's time is over.
    pub deadline: Option<Instant>,
    /// Who is told what happens.
    pub observer: &'c dyn Observer,
}

/// Why to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Somebody cancelled the run.
    Cancelled,
    /// A timeout of the run has passed.
    RunTimedOut,
    /// At once: there is no grace.
    Now,
}

/// A request to stop that many can listen to. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Mutex<Listeners>>);

#[derive(Debug, Default)]
struct Listeners {
    why: Vec<Why>,
    wakers: Vec<Waker>,
}

struct Waker(Box<dyn Fn(Why) + Send>);

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waker")
    }
}

// === impl Stop ===

impl Stop {
    /// Asks to stop. A second request may be [`Why::Now`].
    pub fn request(&self, why: Why) {
        let mut listeners = self.lock();
        if !listeners.why.contains(&why) {
            listeners.why.push(why);
            listeners.wakers.iter().for_each(|waker| (waker.0)(why));
        }
    }

    /// Why to stop, if somebody asked.
    pub fn requested(&self) -> Option<Why> {
        self.lock().why.first().copied()
    }

    /// Calls `wake` on every request, those of the past included; it must not wait for long.
    pub fn listen(&self, wake: impl Fn(Why) + Send + 'static) {
        let waker = Waker(Box::new(wake));
        let mut listeners = self.lock();
        listeners.why.iter().for_each(|why| (waker.0)(*why));
        listeners.wakers.push(waker);
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Control ===

impl Control<'_> {
    /// Tells the observer.
    pub fn tell(&self, event: &Event<'_>) {
        self.observer.event(event);
    }
}

// === impl Outcome ===

impl Outcome {
    /// Well, with results.
    pub fn succeeded(results: BTreeMap<String, ParamValue>) -> Self {
        Outcome {
            state: State::Succeeded,
            reason: "Succeeded".into(),
            message: String::new(),
            results,
            exit_code: None,
            steps: vec![],
        }
    }

    /// Badly, for a reason in Tekton's words.
    pub fn failed(reason: impl Into<String>, message: impl Into<String>) -> Self {
        let (reason, message) = (reason.into(), message.into());
        Outcome { state: State::Failed, reason, message, results: BTreeMap::new(), exit_code: None, steps: vec![] }
    }

    /// Badly, because of an error of ours or in what somebody gave.
    pub fn error(reason: &str, error: &Error) -> Self {
        let message = match error.hint_text() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        Outcome { exit_code: Some(error.kind().code().into()), ..Outcome::failed(reason, message) }
    }

    /// Whether it went well.
    pub fn is_success(&self) -> bool {
        self.state == State::Succeeded
    }
}
