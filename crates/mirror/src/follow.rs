//! A Job to its end: a watch of it, the log of each of its pods, and what the last one's exit code says.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cluster::{Cluster, Event, Resource, Select};
use serde_json::Value;
use step::{Error, Kind, Result};

use crate::{NAME, exit};

/// So many lines about errors are told again in the end.
const MOST_ERRORS: usize = 20;
/// A pod that takes longer to start wants looking after.
const SLOW: Duration = Duration::from_secs(90);

/// Waits for a Job, and shows the log of its pods. Fails as oc-mirror's exit code says, and as cancelled when we are told to
/// end: the Job then goes on.
pub fn follow(cluster: &Cluster, name: &str) -> Result<()> {
    let mut follower = Follower { cluster, name, shown: BTreeSet::new(), last: None };
    follower.run().map_err(|error| match error.kind() {
        Kind::Cancelled => {
            let namespace = cluster.namespace();
            let context = format!("the Job {namespace}/{name} goes on without us");
            Error::new(Kind::Cancelled, context).hint(format!(
                "`oc logs -f job/{name} -n {namespace}` shows it, and a run of this step with the same run-uid finds it"
            ))
        }
        _ => error,
    })
}

struct Follower<'c> {
    cluster: &'c Cluster,
    name: &'c str,
    /// UIDs of pods whose logs were shown.
    shown: BTreeSet<String>,
    /// The last pod that was shown.
    last: Option<Attempt>,
}

/// A pod that has run.
struct Attempt {
    pod: String,
    /// Lines of its log about errors.
    errors: Vec<String>,
    /// It told of images that it could not mirror.
    tells_of_errors: bool,
}

/// How a Job has ended.
enum End {
    Complete,
    Failed { reason: String, message: String },
}

// === impl Follower ===

impl Follower<'_> {
    fn run(&mut self) -> Result<()> {
        let mut was_there = false;
        for event in self.cluster.watch(&Resource::JOBS, Select::name(self.name)) {
            let job = match event? {
                Event::Applied(job) => job,
                Event::Deleted(_) => return Err(self.gone()),
            };
            if !was_there {
                tracing::info!(job = self.name, "waiting for its end");
                was_there = true;
            }
            self.show_pods()?;
            if let Some(end) = end(&job) {
                return self.verdict(end);
            }
        }
        Err(self.gone())
    }

    fn gone(&self) -> Error {
        let error = Error::not_found(format!("the Job {}/{} is gone", self.cluster.namespace(), self.name));
        error.hint("somebody has deleted it; run again")
    }

    /// Shows the logs of pods that were not shown yet, each to its end. A Job has one pod at a time.
    fn show_pods(&mut self) -> Result<()> {
        let mut pods = self.cluster.list(&Resource::PODS, &format!("job-name={}", self.name))?;
        let created = |pod: &Value| pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
        pods.sort_by_key(created);
        for pod in pods {
            let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            if self.shown.insert(uid) {
                self.show(pod["metadata"]["name"].as_str().unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn show(&mut self, pod: &str) -> Result<()> {
        tracing::info!(pod, "oc-mirror's pod");
        let mut attempt = Attempt { pod: pod.to_owned(), errors: Vec::new(), tells_of_errors: false };
        if self.has_started(pod)? {
            for line in self.cluster.logs(pod, NAME) {
                let line = match line {
                    // At its deadline a Job deletes its pods.
                    Err(error) if error.kind() == Kind::NotFound => break,
                    line => line?,
                };
                tracing::info!(target: "oc_mirror", "{line}");
                attempt.tells_of_errors |= exit::tells_of_errors(&line);
                if line.contains("[ERROR]") {
                    attempt.errors.push(line);
                    if attempt.errors.len() > MOST_ERRORS {
                        attempt.errors.remove(0);
                    }
                }
            }
        }
        self.last = Some(attempt);
        Ok(())
    }

    /// Waits until the pod runs, and says what keeps it from it. `false` when it is gone, or never ran.
    fn has_started(&self, pod: &str) -> Result<bool> {
        let mut told = String::new();
        let mut changes = self.cluster.watch(&Resource::PODS, Select::name(pod)).until(Instant::now() + SLOW);
        let mut is_slow = false;
        while let Some(event) = changes.next() {
            let pod = match event {
                Ok(Event::Applied(pod)) => pod,
                Ok(Event::Deleted(_)) => return Ok(false),
                Err(error) if error.kind() == Kind::TimedOut && !is_slow => {
                    is_slow = true;
                    changes = self.cluster.watch(&Resource::PODS, Select::name(pod));
                    let namespace = self.cluster.namespace();
                    tracing::warn!(
                        "the pod does not start: is the pull secret there? `oc describe pod {pod} -n {namespace}` says why"
                    );
                    continue;
                }
                Err(error) => return Err(error),
            };
            let state = &status(&pod)["state"];
            if state["running"].is_object() || state["terminated"].is_object() {
                return Ok(true);
            }
            if matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded")) {
                return Ok(false);
            }
            let waits = waits_for(&pod);
            if !waits.is_empty() && waits != told {
                tracing::warn!("the pod waits: {waits}");
                told = waits;
            }
        }
        Ok(false)
    }

    fn verdict(&self, end: End) -> Result<()> {
        let place = format!("the Job {}/{}", self.cluster.namespace(), self.name);
        let attempt = self.last.as_ref();
        match end {
            End::Complete if attempt.is_some_and(|attempt| attempt.tells_of_errors) => Err(exit::silent_failure().context(place)),
            End::Complete => {
                tracing::info!("{place} is done");
                Ok(())
            }
            End::Failed { reason, .. } if reason == "DeadlineExceeded" => {
                let error = Error::new(Kind::TimedOut, format!("{place} has taken longer than active-deadline-seconds"));
                Err(error.hint("raise it; what was fetched is in the cache, so that the next run goes on from there"))
            }
            End::Failed { reason, message } => Err(self.failed(&place, &reason, &message)?),
        }
    }

    fn failed(&self, place: &str, reason: &str, message: &str) -> Result<Error> {
        let Some(attempt) = &self.last else {
            return Ok(Error::new(Kind::Remote, format!("{place} has failed without a pod ({reason}): {message}"))
                .hint(format!("`oc describe job {}` says more", self.name)));
        };
        let pod = match self.cluster.get(&Resource::PODS, &attempt.pod) {
            Err(error) if error.kind() == Kind::NotFound => Value::Null,
            pod => pod?,
        };
        let terminated = &status(&pod)["state"]["terminated"];
        let error = match terminated["exitCode"].as_i64() {
            Some(code) => exit::failure(code, terminated["reason"].as_str().unwrap_or(reason)),
            None => Error::new(Kind::Remote, format!("it failed ({reason}): {message}")),
        };
        Ok(error.context(place).details(attempt.errors.join("\n")))
    }
}

/// What a Job's conditions say of its end.
fn end(job: &Value) -> Option<End> {
    let conditions = job["status"]["conditions"].as_array()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    conditions.iter().filter(|condition| condition["status"] == "True").find_map(|condition| match condition["type"].as_str() {
        Some("Complete") => Some(End::Complete),
        Some("Failed") => Some(End::Failed { reason: text(&condition["reason"]), message: text(&condition["message"]) }),
        _ => None,
    })
}

/// The status of oc-mirror's container.
fn status(pod: &Value) -> &Value {
    let all = pod["status"]["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().find(|status| status["name"] == NAME).unwrap_or(&Value::Null)
}

/// Why a pod does not run yet, if it says so.
fn waits_for(pod: &Value) -> String {
    let waiting = &status(pod)["state"]["waiting"];
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let unscheduled = conditions.iter().find(|condition| condition["type"] == "PodScheduled" && condition["status"] == "False");
    let (reason, message) = match (waiting["reason"].as_str(), unscheduled) {
        (Some(reason), _) if !matches!(reason, "ContainerCreating" | "PodInitializing") => (reason, &waiting["message"]),
        (_, Some(condition)) => (condition["reason"].as_str().unwrap_or_default(), &condition["message"]),
        _ => return String::new(),
    };
    let message = message.as_str().unwrap_or_default();
    format!("{reason}: {message}").trim_end_matches(": ").to_owned()
}
