//! Watching objects: what is there, then every change, over broken connections, expired versions and restarts of the API.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::Value;
use step::retry::{Attempts, Failure, Policy};
use step::{Error, Kind, Result};

use crate::call::Call;
use crate::error::Fault;
use crate::{Cluster, Resource};

/// So long the server keeps one watch open, in seconds. Short, because a connection that died in silence looks like one
/// on which nothing happens; going on from a known version costs one request.
const OPEN: u64 = 60;
/// After this much silence the connection is taken for dead.
const SILENCE: Duration = Duration::from_secs(OPEN + 15);
/// A watch that ends sooner, with nothing said, has failed.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Which objects to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    labels: String,
    fields: String,
}

/// What has happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It is there, and this is how it is now.
    Applied(Value),
    /// It is gone, and this is how it was.
    Deleted(Value),
}

/// What is there, and then every change of it, as an iterator that waits.
///
/// Changes that follow one another quickly may come as one, and none is told twice. It ends only with an error: the flag
/// was raised, the time is up, or the cluster refuses.
#[derive(Debug)]
pub struct Watch {
    cluster: Cluster,
    resource: Resource,
    select: Select,
    until: Option<Instant>,
    /// Of the cluster's state that is known here; `None` when it has to be listed.
    version: Option<String>,
    /// By UID.
    known: HashMap<String, Value>,
    ready: VecDeque<Event>,
    stream: Option<Open>,
    /// Broken connections.
    attempts: Attempts,
    /// Refusals of what was allowed before: an API server that starts knows neither roles nor kinds at first.
    refusals: Attempts,
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

/// An API server that restarts is waited for; one that was never there is not.
pub(crate) fn patient(policy: &Policy) -> Policy {
    Policy { attempts: u32::MAX, longest_pause: Duration::from_secs(10), budget: Duration::from_secs(15 * 60), ..policy.clone() }
}

// === impl Select ===

impl Select {
    /// The object of this name, whether it is there yet or not.
    pub fn name(name: &str) -> Self {
        Select { labels: String::new(), fields: format!("metadata.name={name}") }
    }

    /// Those that a label selector selects: `app=x,!old`; empty: all.
    pub fn labels(selector: &str) -> Self {
        Select { labels: selector.to_owned(), fields: String::new() }
    }

    pub(crate) fn on(&self, mut call: Call) -> Call {
        if !self.labels.is_empty() {
            call = call.query("labelSelector", &self.labels);
        }
        if !self.fields.is_empty() {
            call = call.query("fieldSelector", &self.fields);
        }
        call
    }
}

// === impl Watch ===

impl Watch {
    pub(crate) fn new(cluster: Cluster, resource: Resource, select: Select) -> Self {
        let policy = cluster.policy.clone();
        Watch {
            cluster,
            resource,
            select,
            until: None,
            version: None,
            known: HashMap::new(),
            ready: VecDeque::new(),
            stream: None,
            attempts: patient(&policy).attempts(),
            refusals: policy.attempts(),
            has_ended: false,
        }
    }

    /// Ends with [`Kind::TimedOut`] at this time.
    #[must_use]
    pub fn until(self, until: Instant) -> Self {
        Watch { until: Some(until), ..self }
    }

    fn doing(&self) -> String {
        format!("watching {}s in {}", self.resource.kind(), self.cluster.namespace())
    }

    /// One step: list, connect, or read.
    fn advance(&mut self) -> Result<()> {
        let left = match self.until.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return Err(Error::new(Kind::TimedOut, format!("time ran out while {}", self.doing()))),
            left => left.unwrap_or(SILENCE),
        };
        if self.version.is_none() {
            return self.list();
        }
        let Some(open) = &mut self.stream else { return self.connect() };
        match self.cluster.chunk(&mut open.body, SILENCE.min(left)) {
            Ok(Some(bytes)) => {
                open.has_spoken = true;
                self.attempts.progressed();
                self.hear(&bytes)
            }
            // The server's time is up.
            Ok(None) if open.has_spoken || open.since.elapsed() > AT_ONCE => {
                self.stream = None;
                Ok(())
            }
            Ok(None) => {
                self.stream = None;
                let error = Error::new(Kind::Remote, format!("{} ends the watch at once", self.cluster.server()));
                self.attempts.after(Failure::transient(error), &self.cluster.cancel, self.doing())
            }
            Err(fault) if fault.error.kind() == Kind::TimedOut => {
                self.stream = None;
                Ok(())
            }
            Err(fault) => {
                // It was good for a while: what breaks now is not the fault of before.
                if open.since.elapsed() > AT_ONCE {
                    self.attempts.progressed();
                }
                self.stream = None;
                self.failed(fault)
            }
        }
    }

    fn list(&mut self) -> Result<()> {
        let (objects, version) = match self.cluster.list_from(&self.resource, &self.select) {
            Err(error) if self.is_doubtful(&error) => return self.refused(error),
            other => other?,
        };
        self.heard_well();
        let mut gone = std::mem::take(&mut self.known);
        for object in objects {
            let uid = uid(&object);
            if gone.remove(&uid).is_none_or(|before| version_of(&before) != version_of(&object)) {
                self.ready.push_back(Event::Applied(object.clone()));
            }
            self.known.insert(uid, object);
        }
        self.ready.extend(gone.into_values().map(Event::Deleted));
        self.version = Some(version);
        Ok(())
    }

    fn connect(&mut self) -> Result<()> {
        let version = self.version.clone().unwrap_or_default();
        let namespace = self.cluster.namespace_of(&self.resource);
        let call = self
            .select
            .on(Call::new("watch", Method::GET, &self.resource, namespace, "")?)
            .query("watch", "true")
            .query("allowWatchBookmarks", "true")
            .query("timeoutSeconds", OPEN.to_string())
            .query("resourceVersion", version);
        match self.cluster.open(&call) {
            Ok(response) => {
                let body = response.into_body();
                self.stream = Some(Open { body, line: Vec::new(), since: Instant::now(), has_spoken: false });
                Ok(())
            }
            Err(fault) => self.failed(fault),
        }
    }

    /// It works: from here on a restart is waited for.
    fn heard_well(&mut self) {
        self.attempts.progressed();
        self.refusals.progressed();
        self.cluster.policy = patient(&self.cluster.policy);
    }

    fn failed(&mut self, fault: Fault) -> Result<()> {
        if fault.status.is_some_and(|status| status.as_u16() == 410) {
            self.version = None;
            return Ok(());
        }
        if fault.is_passing {
            return self.attempts.after(Failure::transient(fault.error), &self.cluster.cancel, self.doing());
        }
        if self.is_doubtful(&fault.error) { self.refused(fault.error) } else { Err(fault.error) }
    }

    /// Whether it refuses what it has allowed before.
    fn is_doubtful(&self, error: &Error) -> bool {
        self.version.is_some() && matches!(error.kind(), Kind::Unauthorized | Kind::NotFound)
            || !self.known.is_empty() && matches!(error.kind(), Kind::Unauthorized | Kind::NotFound)
    }

    fn refused(&mut self, error: Error) -> Result<()> {
        self.refusals.after(Failure::transient(error), &self.cluster.cancel, self.doing())
    }

    /// Whole lines are events.
    fn hear(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(open) = &mut self.stream else { return Ok(()) };
        open.line.extend_from_slice(bytes);
        let Some(end) = open.line.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let rest = open.line.split_off(end + 1);
        let lines = std::mem::replace(&mut open.line, rest);
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Value>(line) {
                Ok(event) => self.take(event)?,
                Err(error) => {
                    self.stream = None;
                    let error = Error::new(Kind::Remote, "what it says is no event").because(error);
                    return self.attempts.after(Failure::transient(error), &self.cluster.cancel, self.doing());
                }
            }
            if self.stream.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, mut event: Value) -> Result<()> {
        let object = event["object"].take();
        let kind = event["type"].as_str().unwrap_or_default();
        if kind == "ERROR" {
            self.stream = None;
            // The version is too old, or the server does not say what is wrong: look anew.
            self.version = None;
            if object["code"] == 410 {
                return Ok(());
            }
            let says = object["message"].as_str().unwrap_or("an error without a message").to_owned();
            let error = Error::new(Kind::Remote, says);
            return self.attempts.after(Failure::transient(error), &self.cluster.cancel, self.doing());
        }
        self.refusals.progressed();
        self.version = Some(version_of(&object).to_owned());
        let object = self.resource.named(object);
        match kind {
            "ADDED" | "MODIFIED" => {
                let before = self.known.insert(uid(&object), object.clone());
                if before.is_none_or(|before| version_of(&before) != version_of(&object)) {
                    self.ready.push_back(Event::Applied(object));
                }
            }
            "DELETED" => {
                self.known.remove(&uid(&object));
                self.ready.push_back(Event::Deleted(object));
            }
            // A bookmark only says how far we are.
            _ => {}
        }
        Ok(())
    }
}

impl Iterator for Watch {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
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

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn version_of(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap_or_default()
}
