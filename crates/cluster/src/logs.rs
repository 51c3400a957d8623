//! A container's log from its first line to its last, over broken connections.
//!
//! Every line comes with the time at which the node has read it. After a break the log is asked for from the last line's
//! second on, and what was seen before is left out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use step::retry::{Attempts, Failure};
use step::{Error, Kind, Result};

use crate::call::Call;
use crate::watch::patient;
use crate::{Cluster, Event, Resource, Select};

/// After this much silence it is asked anew: a dead connection is as silent as a busy step.
const SILENCE: Duration = Duration::from_secs(60);
/// A stream that ends sooner, with nothing said, has failed.
const AT_ONCE: Duration = Duration::from_secs(1);
/// A longer line comes in parts.
const LONGEST_LINE: usize = 1 << 20;

/// The lines of a container, as an iterator that waits: for the container to start, for each line, and for its end.
///
/// It ends when the container has ended and all was read, when the pod is gone, or with an error.
#[derive(Debug)]
pub struct Logs {
    cluster: Cluster,
    pod: String,
    container: String,
    state: State,
    stream: Option<Open>,
    ready: VecDeque<String>,
    /// The time of the last line, and how many lines had it.
    last: Option<(Timestamp, usize)>,
    /// What was seen when the stream was opened: lines until there are left out.
    seen: Option<(Timestamp, usize)>,
    attempts: Attempts,
    has_ended: bool,
}

#[derive(Debug)]
struct Open {
    body: kube::client::Body,
    /// What has come of the next line.
    line: Vec<u8>,
    since: Instant,
    has_spoken: bool,
}

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Ended,
    /// It never started, and will not.
    Never,
}

// === impl Logs ===

impl Logs {
    pub(crate) fn new(cluster: Cluster, pod: &str, container: &str) -> Self {
        let attempts = patient(&cluster.policy).attempts();
        Logs {
            cluster,
            pod: pod.to_owned(),
            container: container.to_owned(),
            state: State::Waiting,
            stream: None,
            ready: VecDeque::new(),
            last: None,
            seen: None,
            attempts,
            has_ended: false,
        }
    }

    fn doing(&self) -> String {
        format!("reading the log of {}/{}, container {}", self.cluster.namespace(), self.pod, self.container)
    }

    fn advance(&mut self) -> Result<()> {
        let Some(open) = &mut self.stream else {
            if self.state == State::Waiting {
                self.state = self.started()?;
            }
            if self.state == State::Never {
                self.has_ended = true;
                return Ok(());
            }
            return self.connect();
        };
        match self.cluster.chunk(&mut open.body, SILENCE) {
            Ok(Some(bytes)) => {
                open.has_spoken = true;
                open.line.extend_from_slice(&bytes);
                self.attempts.progressed();
                self.hear();
                Ok(())
            }
            Ok(None) => self.end(),
            Err(fault) => {
                // It was good for a while: what breaks now is not the fault of before.
                if open.since.elapsed() > AT_ONCE {
                    self.attempts.progressed();
                }
                // Half a line is asked for again.
                self.stream = None;
                match fault.error.kind() {
                    Kind::TimedOut => Ok(()),
                    _ if fault.is_passing => {
                        self.attempts.after(Failure::transient(fault.error), &self.cluster.cancel, self.doing())
                    }
                    _ => Err(fault.error),
                }
            }
        }
    }

    /// Waits until there is a log.
    fn started(&self) -> Result<State> {
        let pod = self.cluster.get(&Resource::PODS, &self.pod)?;
        let state = state(&pod, &self.container)?;
        if state != State::Waiting {
            return Ok(state);
        }
        for event in self.cluster.watch(&Resource::PODS, Select::name(&self.pod)) {
            match event? {
                Event::Deleted(_) => return Ok(State::Never),
                Event::Applied(pod) => match state_of(&pod, &self.container) {
                    State::Waiting => {}
                    state => return Ok(state),
                },
            }
        }
        Ok(State::Never)
    }

    fn connect(&mut self) -> Result<()> {
        let mut call = Call::get(&Resource::PODS, Some(self.cluster.namespace()), &self.pod)?
            .part("log")
            .query("container", &self.container)
            .query("timestamps", "true");
        if self.state == State::Running {
            call = call.query("follow", "true");
        }
        if let Some((time, _)) = self.last {
            call = call.query("sinceTime", time.to_string());
        }
        self.seen = self.last;
        match self.cluster.open(&call) {
            Ok(response) => {
                let body = response.into_body();
                self.stream = Some(Open { body, line: Vec::new(), since: Instant::now(), has_spoken: false });
                Ok(())
            }
            // With its pod the log is gone.
            Err(fault) if fault.error.kind() == Kind::NotFound => {
                self.has_ended = true;
                Ok(())
            }
            // The node is not as far as the API.
            Err(fault) if fault.is_passing || fault.error.kind() == Kind::BadInput => {
                self.attempts.after(Failure::transient(fault.error), &self.cluster.cancel, self.doing())
            }
            Err(fault) => Err(fault.error),
        }
    }

    /// The stream has ended: with the container, or because somebody in between has restarted.
    fn end(&mut self) -> Result<()> {
        let Some(open) = self.stream.take() else { return Ok(()) };
        let is_last = self.state == State::Ended || {
            self.state = match self.cluster.get(&Resource::PODS, &self.pod) {
                Ok(pod) => state_of(&pod, &self.container),
                Err(error) if error.kind() == Kind::NotFound => State::Never,
                Err(error) => return Err(error),
            };
            self.state == State::Never
        };
        if is_last {
            self.has_ended = true;
            if !open.line.is_empty() {
                self.line(&open.line);
            }
            return Ok(());
        }
        // One that has ended by now is read to its end without following; what came between is not lost.
        if self.state == State::Ended || open.has_spoken || open.since.elapsed() > AT_ONCE {
            return Ok(());
        }
        let error = Error::new(Kind::Remote, format!("{} ends the log at once", self.cluster.server()));
        self.attempts.after(Failure::transient(error), &self.cluster.cancel, self.doing())
    }

    fn hear(&mut self) {
        let Some(open) = &mut self.stream else { return };
        let end = match open.line.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if open.line.len() > LONGEST_LINE => open.line.len(),
            None => return,
        };
        let rest = open.line.split_off(end);
        let lines = std::mem::replace(&mut open.line, rest);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.line(line.strip_suffix(b"\n").unwrap_or(line));
        }
    }

    fn line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let Some((time, text)) = text.split_once(' ').and_then(|(time, text)| Some((time.parse::<Timestamp>().ok()?, text)))
        else {
            // What the node itself has to say has no time.
            return self.ready.push_back(text.into_owned());
        };
        match &mut self.seen {
            Some((seen, _)) if time < *seen => return,
            Some((seen, count)) if time == *seen && *count > 0 => {
                *count -= 1;
                return;
            }
            _ => {}
        }
        self.last = match self.last {
            Some((last, count)) if last == time => Some((last, count + 1)),
            _ => Some((time, 1)),
        };
        self.ready.push_back(text.to_owned());
    }
}

impl Iterator for Logs {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(Ok(line));
            }
            if self.has_ended {
                return None;
            }
            if let Err(error) = self.advance() {
                self.has_ended = true;
                return Some(Err(error));
            }
        }
    }
}

/// As [`state_of`]; fails when the pod has no such container.
fn state(pod: &Value, container: &str) -> Result<State> {
    let all = ["initContainers", "containers"];
    let names: Vec<&str> =
        all.iter().flat_map(|list| list_of(&pod["spec"][*list])).filter_map(|item| item["name"].as_str()).collect();
    if !names.contains(&container) {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let error = Error::not_found(format!("the Pod {name} has no container {container:?}"));
        return Err(error.hint(format!("there is: {}", names.join(", "))));
    }
    Ok(state_of(pod, container))
}

fn state_of(pod: &Value, container: &str) -> State {
    let status = &pod["status"];
    let mut all = ["initContainerStatuses", "containerStatuses"].iter().flat_map(|list| list_of(&status[*list]));
    match all.find(|item| item["name"] == container).map(|item| &item["state"]) {
        Some(state) if state["running"].is_object() => State::Running,
        // Without an identity it was never there.
        Some(state) if state["terminated"].is_object() => State::Ended,
        _ if status["phase"] == "Failed" || status["phase"] == "Succeeded" => State::Never,
        _ => State::Waiting,
    }
}

fn list_of(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
