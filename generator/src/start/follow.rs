//! Following a run: one watch for it, one for its TaskRuns, a thread for each pod's log, and one place that tells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use cluster::{Cluster, Event, Resource, Select};
use serde_json::{Value, json};
use step::{Error, Kind, Result};

use super::screen::Screen;
use super::verdict::{self, Condition, Standing, text};
use crate::run::show::{label, seconds};

/// After the end of a run, logs have this long to come to theirs.
const LINGER: Duration = Duration::from_secs(10);

/// What happens.
#[derive(Debug)]
pub(super) enum Message {
    /// The run is this now.
    Run(Box<Value>),
    /// A TaskRun of it is this now.
    TaskRun(Box<Value>),
    /// A step has written a line.
    Line { task_run: String, step: String, text: String },
    /// The log of a pod of this TaskRun has ended, or there is none.
    LogEnded { task_run: String, why: Option<Error> },
    /// Ctrl-C.
    Interrupt,
    /// The run cannot be followed any more.
    Failed(Error),
    /// Its TaskRuns cannot.
    TaskRunsFailed(Error),
}

/// The end of a run.
#[derive(Debug)]
pub(super) struct End {
    pub(super) run: Value,
    pub(super) task_runs: Vec<Value>,
}

/// What was told of a TaskRun.
#[derive(Debug, Default)]
struct Seen {
    label: String,
    is_started: bool,
    attempts: usize,
    /// Why it waits.
    waits: String,
    pods: BTreeSet<String>,
    /// Logs that are being read.
    logs: usize,
    has_lines: bool,
    /// What is told of its end when its logs have ended.
    end: Vec<String>,
    has_ended: bool,
}

struct Follower<'f> {
    cluster: &'f Cluster,
    name: &'f str,
    sender: Sender<Message>,
    screen: &'f Screen,
    seen: BTreeMap<String, Seen>,
    skipped: BTreeSet<String>,
    interrupts: u32,
    /// Of logs that cannot be read it is told once.
    is_silent: bool,
}

/// Follows the run `name` to its end. `sender` is the other end of `messages`, on which interrupts come too.
pub(super) fn follow(
    cluster: &Cluster,
    name: &str,
    sender: Sender<Message>,
    messages: &Receiver<Message>,
    screen: &Screen,
) -> Result<End> {
    let run = Select::name(name);
    let tasks = Select::labels(&format!("tekton.dev/pipelineRun={name}"));
    watch(cluster, &sender, (Resource::PIPELINE_RUNS, run), Message::Run, Message::Failed)?;
    watch(cluster, &sender, (Resource::TASK_RUNS, tasks.clone()), Message::TaskRun, Message::TaskRunsFailed)?;
    let mut follower = Follower {
        cluster,
        name,
        sender,
        screen,
        seen: BTreeMap::new(),
        skipped: BTreeSet::new(),
        interrupts: 0,
        is_silent: false,
    };
    let run = follower.until_end(messages)?;
    // The watch of TaskRuns may be behind, and what was quick was never seen.
    let task_runs = match cluster.list(&Resource::TASK_RUNS, &format!("tekton.dev/pipelineRun={name}")) {
        Ok(task_runs) => task_runs,
        Err(error) if error.kind() == Kind::Unauthorized => Vec::new(),
        Err(error) => return Err(error),
    };
    task_runs.iter().for_each(|task_run| follower.task_run(task_run));
    follower.linger(messages)?;
    Ok(End { run, task_runs })
}

/// Watches in a thread of its own. Whoever does not listen any more has ended.
fn watch(
    cluster: &Cluster,
    sender: &Sender<Message>,
    (resource, select): (Resource, Select),
    is: fn(Box<Value>) -> Message,
    failed: fn(Error) -> Message,
) -> Result<()> {
    let (events, sender) = (cluster.watch(&resource, select), sender.clone());
    let is_run = resource == Resource::PIPELINE_RUNS;
    let work = move || {
        for event in events {
            let message = match event {
                Ok(Event::Applied(object)) => is(Box::new(object)),
                Ok(Event::Deleted(object)) if is_run => {
                    let name = text(&object["metadata"]["name"]).to_owned();
                    failed(Error::not_found(format!("somebody has deleted the PipelineRun {name}")))
                }
                Ok(Event::Deleted(_)) => continue,
                Err(error) => failed(error),
            };
            if sender.send(message).is_err() {
                return;
            }
        }
    };
    spawn("watch", work)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map(drop).map_err(|e| Error::io("cannot start a thread", e))
}

// === impl Follower ===

impl Follower<'_> {
    /// Until the run has ended.
    fn until_end(&mut self, messages: &Receiver<Message>) -> Result<Value> {
        while let Ok(message) = messages.recv() {
            match message {
                Message::Run(run) => {
                    self.skipped(&run);
                    if Condition::of(&run).standing != Standing::Running {
                        return Ok(*run);
                    }
                }
                other => self.hear(other)?,
            }
        }
        Err(Error::internal("nobody tells how the run goes"))
    }

    /// Until the logs have ended, too.
    fn linger(&mut self, messages: &Receiver<Message>) -> Result<()> {
        let until = Instant::now() + LINGER;
        while self.seen.values().any(|seen| seen.logs > 0) {
            match messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
                // What is known here by now is the end.
                Ok(Message::TaskRun(_) | Message::Run(_) | Message::Failed(_) | Message::TaskRunsFailed(_)) => {}
                // There is nothing left to cancel.
                Ok(Message::Interrupt) => break,
                Ok(other) => self.hear(other)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        for seen in self.seen.values_mut() {
            std::mem::take(&mut seen.end).iter().for_each(|line| self.screen.say(line));
        }
        Ok(())
    }

    fn hear(&mut self, message: Message) -> Result<()> {
        match message {
            Message::TaskRun(task_run) => self.task_run(&task_run),
            Message::Line { task_run, step, text } => {
                if let Some(seen) = self.seen.get_mut(&task_run) {
                    seen.has_lines = true;
                    self.screen.line(&seen.label, &step, &text);
                }
            }
            Message::LogEnded { task_run, why } => self.log_ended(&task_run, why),
            Message::Interrupt => return self.interrupt(),
            Message::Failed(error) if error.kind() == Kind::Cancelled => return Err(self.left()),
            Message::Failed(error) => {
                let is_gone = error.kind() == Kind::NotFound;
                return Err(if is_gone { error } else { error.hint(format!("the run {} goes on in the cluster", self.name)) });
            }
            Message::TaskRunsFailed(error) if error.kind() == Kind::Cancelled => {}
            Message::TaskRunsFailed(error) => self.screen.warn(&format!("tasks and logs cannot be shown: {error}"), &error),
            Message::Run(_) => {}
        }
        Ok(())
    }

    fn interrupt(&mut self) -> Result<()> {
        self.interrupts += 1;
        if self.interrupts > 1 {
            return Err(self.left());
        }
        self.screen.say(&format!("cancelling {}: finally tasks still run; Ctrl-C again leaves it to itself", self.name));
        let patch = json!({ "spec": { "status": "CancelledRunFinally" } });
        match self.cluster.patch(&Resource::PIPELINE_RUNS, self.name, &patch) {
            Err(error) if error.kind() == Kind::Cancelled => Err(self.left()),
            Err(error) => {
                self.screen.warn(&format!("it is not cancelled: {error}"), &error);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    fn left(&self) -> Error {
        let namespace = self.cluster.namespace();
        Error::new(Kind::Cancelled, format!("{} is left to itself in the cluster", self.name))
            .hint(format!("`kubectl get pipelinerun {} -n {namespace}` shows how it goes", self.name))
    }

    /// Tells of tasks that were skipped.
    fn skipped(&mut self, run: &Value) {
        for task in run["status"]["skippedTasks"].as_array().into_iter().flatten() {
            let name = text(&task["name"]);
            if self.skipped.insert(name.to_owned()) {
                self.screen.say(&format!("{name}: skipped: {}", text(&task["reason"])));
            }
        }
    }

    /// Tells what is new of a TaskRun, and reads the log of its pod.
    fn task_run(&mut self, task_run: &Value) {
        let name = text(&task_run["metadata"]["name"]);
        let seen = self.seen.entry(name.to_owned()).or_default();
        if seen.has_ended {
            return;
        }
        let status = &task_run["status"];
        if seen.label.is_empty() {
            seen.label = label_of(task_run, self.name);
        }
        if !seen.is_started && status["startTime"].is_string() {
            seen.is_started = true;
            self.screen.say(&format!("{}: started", seen.label));
        }
        let attempts = status["retriesStatus"].as_array().map_or(0, Vec::len);
        if attempts > seen.attempts {
            seen.attempts = attempts;
            self.screen.say(&format!("{}: failed, and is tried again (attempt {})", seen.label, attempts + 1));
        }
        let condition = Condition::of(task_run);
        let is_usual = matches!(condition.reason, "" | "Started" | "Running" | "Pending" | "ToBeRetried");
        if condition.standing == Standing::Running && !is_usual && seen.waits != condition.reason {
            seen.waits = condition.reason.to_owned();
            self.screen.say(&format!("{}: waits: {}: {}", seen.label, condition.reason, condition.message));
        }
        let pod = text(&status["podName"]);
        if !pod.is_empty() && seen.pods.insert(pod.to_owned()) {
            let (cluster, sender) = (self.cluster.clone(), self.sender.clone());
            let (pod, task_run) = (pod.to_owned(), name.to_owned());
            seen.logs += usize::from(spawn("log", move || read(&cluster, &pod, &task_run, &sender)).is_ok());
        }
        if condition.standing != Standing::Running {
            seen.has_ended = true;
            seen.end = ending(task_run, &seen.label);
            if seen.logs == 0 {
                std::mem::take(&mut seen.end).iter().for_each(|line| self.screen.say(line));
            }
        }
    }

    fn log_ended(&mut self, task_run: &str, why: Option<Error>) {
        let Some(seen) = self.seen.get_mut(task_run) else { return };
        seen.logs = seen.logs.saturating_sub(1);
        if seen.logs == 0 {
            std::mem::take(&mut seen.end).iter().for_each(|line| self.screen.say(line));
        }
        let Some(error) = why else { return };
        match error.kind() {
            Kind::Cancelled => {}
            // The pod of a task that was cancelled or timed out is deleted.
            Kind::NotFound if seen.has_lines => {}
            Kind::NotFound => self.screen.say(&format!("{}: its pod is gone, and its log with it", seen.label)),
            _ if self.is_silent => {}
            _ => {
                self.is_silent = error.kind() == Kind::Unauthorized;
                self.screen.warn(&format!("a log cannot be shown: {error}"), &error);
            }
        }
    }
}

/// What is told of the end of a task.
fn ending(task_run: &Value, label: &str) -> Vec<String> {
    let condition = Condition::of(task_run);
    let time = duration(task_run).map_or(String::new(), |time| format!(" after {}", seconds(time)));
    let word = verdict::word(condition);
    if condition.standing == Standing::Succeeded {
        return vec![format!("{label}: {word}{time}")];
    }
    let mut lines = vec![format!("{label}: {word}{time}: {}: {}", condition.reason, condition.message)];
    if let Some(error) = verdict::error_result(task_run) {
        lines.extend(error.lines().map(|line| format!("{label}: ERROR: {line}")));
    }
    lines
}

/// How long a run or TaskRun took.
pub(super) fn duration(object: &Value) -> Option<Duration> {
    let time = |name: &str| text(&object["status"][name]).parse::<jiff::Timestamp>().ok();
    time("completionTime")?.duration_since(time("startTime")?).try_into().ok()
}

/// The task of the Pipeline, with the index of its run in a matrix.
fn label_of(task_run: &Value, run: &str) -> String {
    let metadata = &task_run["metadata"];
    let name = text(&metadata["name"]);
    match text(&metadata["labels"]["tekton.dev/pipelineTask"]) {
        "" => name.to_owned(),
        task => {
            let rest = name.strip_prefix(run).and_then(|rest| rest.strip_prefix('-')?.strip_prefix(task)?.strip_prefix('-'));
            label(task, rest.and_then(|index| index.parse().ok()))
        }
    }
}

/// Reads the logs of a pod's steps, one after the other, as they run.
fn read(cluster: &Cluster, pod: &str, task_run: &str, sender: &Sender<Message>) {
    let why = read_steps(cluster, pod, task_run, sender).err();
    // Whoever does not listen any more has ended.
    let _ = sender.send(Message::LogEnded { task_run: task_run.to_owned(), why });
}

fn read_steps(cluster: &Cluster, pod: &str, task_run: &str, sender: &Sender<Message>) -> Result<()> {
    let object = cluster.get(&Resource::PODS, pod)?;
    let containers = object["spec"]["containers"].as_array().into_iter().flatten();
    for container in containers.map(|container| text(&container["name"])) {
        let Some(step) = container.strip_prefix("step-") else { continue };
        for line in cluster.logs(pod, container) {
            let line = Message::Line { task_run: task_run.to_owned(), step: step.to_owned(), text: line? };
            if sender.send(line).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
