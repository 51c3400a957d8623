//! Finding a run and following it to its end, whatever happens to the connection in between.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cluster::{Cluster, Event as Change, Options, Resource, Select};
use serde_json::json;
use step::retry::{Failure, Policy};
use step::{Cancel, Error, Kind, Result};

use crate::run::Run;
use crate::{Event, Params, Timeout};

/// Where the cluster is, and who we are there.
pub(crate) struct Access {
    pub(crate) secret: Option<PathBuf>,
    pub(crate) namespace: Option<String>,
    pub(crate) cancel: Cancel,
}

/// Which run is wanted.
pub(crate) struct Wanted {
    by: By,
    event: Event,
}

enum By {
    Name(String),
    Labels { selector: String, commit: String },
}

/// A cluster that has accepted us, connected anew when it does not any more.
pub(crate) struct Waiter {
    access: Access,
    cluster: Cluster,
}

/// How long a refusal is waited for once we were accepted: a Secret that was renewed reaches its mounts within two minutes.
fn patience() -> Policy {
    Policy { attempts: u32::MAX, longest_pause: Duration::from_secs(10), budget: Duration::from_secs(180), ..Policy::default() }
}

/// A wait that was good for so long begins to count anew.
const GOOD: Duration = Duration::from_secs(60);

// === impl Access ===

impl Access {
    fn connect(&self) -> Result<Cluster> {
        match &self.secret {
            Some(secret) => Cluster::connect_by_secret(secret, self.namespace.as_deref(), self.cancel.clone()),
            None => {
                let options = Options { namespace: self.namespace.clone(), ..Options::default() };
                Cluster::connect(&options, self.cancel.clone())
            }
        }
    }
}

// === impl Wanted ===

impl Wanted {
    pub(crate) fn of(params: &Params) -> Result<Self> {
        let by = match (&params.pipelinerun, &params.commit) {
            (Some(name), _) => By::Name(name.clone()),
            (None, Some(commit)) => {
                let more = params.selector.as_ref().map_or(String::new(), |more| format!(",{more}"));
                By::Labels { selector: format!("{}={commit}{more}", params.label), commit: commit.to_string() }
            }
            (None, None) => {
                let error = Error::bad_input("neither commit nor pipelinerun is given");
                return Err(error.hint("give the commit that was pushed"));
            }
        };
        Ok(Wanted { by, event: params.event })
    }

    fn select(&self) -> Select {
        match &self.by {
            By::Name(name) => Select::name(name),
            By::Labels { selector, .. } => Select::labels(selector),
        }
    }

    fn is_it(&self, run: &Run) -> bool {
        matches!(self.by, By::Name(_)) || run.may_be_of(self.event)
    }

    fn what(&self) -> String {
        match &self.by {
            By::Name(name) => format!("PipelineRun {name}"),
            By::Labels { commit, .. } => format!("PipelineRun of the commit {commit}"),
        }
    }
}

// === impl Waiter ===

impl Waiter {
    pub(crate) fn connect(access: Access) -> Result<Self> {
        Ok(Waiter { cluster: access.connect()?, access })
    }

    /// The cluster, with the token that is there now: the one of the last wait may have expired meanwhile.
    pub(crate) fn renewed(&self) -> Cluster {
        self.access.connect().unwrap_or_else(|_| self.cluster.clone())
    }

    /// The run that is wanted, as soon as there is one. Fails at once when the cluster does not let us look.
    pub(crate) fn find(&mut self, wanted: &Wanted, timeout: Timeout) -> Result<Run> {
        let until = Instant::now() + timeout.0;
        let there = self.there(wanted)?;
        let mut others: Vec<String> = Vec::new();
        let mut see = |run: Run| {
            if wanted.is_it(&run) {
                return Some(run);
            }
            let other = format!("{} ({})", run.name(), run.started_by());
            if !others.contains(&other) {
                tracing::info!("not waiting for the PipelineRun {other}: something else has started it");
                others.push(other);
            }
            None
        };
        // Of several that are there the newest.
        let found = there.into_iter().filter_map(&mut see).max_by_key(Run::age);
        let (place, what) = (format!("in {} on {}", self.cluster.namespace(), self.cluster.server()), wanted.what());
        let found = match found {
            Some(run) => Ok(run),
            None => {
                tracing::info!("waiting {timeout} for a {what} {place}");
                self.wait(&wanted.select(), until, |change| match change {
                    Change::Applied(object) => Ok(see(Run::new(object))),
                    Change::Deleted(_) => Ok(None),
                })
            }
        };
        let run = found.map_err(|error| match error.kind() {
            Kind::TimedOut if Instant::now() >= until => {
                let error = Error::not_found(format!("there is no {what} {place}, after {timeout}"));
                if others.is_empty() {
                    return error.hint("has the push or merge request reached Pipelines as Code? If runs take longer to appear there, raise find-timeout");
                }
                error.hint(format!("there is {}, which something else has started; `event` says what must have", others.join(", ")))
            }
            _ => error,
        })?;
        tracing::info!(event = run.started_by(), "found the PipelineRun {}", run.place());
        Ok(run)
    }

    /// The runs that are there: what says whether the cluster knows us, and lets us look.
    fn there(&self, wanted: &Wanted) -> Result<Vec<Run>> {
        let runs = match &wanted.by {
            By::Labels { selector, .. } => self.cluster.list(&Resource::PIPELINE_RUNS, selector)?,
            By::Name(name) => match self.cluster.get(&Resource::PIPELINE_RUNS, name) {
                Err(error) if error.kind() == Kind::NotFound => Vec::new(),
                run => vec![run?],
            },
        };
        Ok(runs.into_iter().map(Run::new).collect())
    }

    /// The run as it is when it has ended.
    pub(crate) fn follow(&mut self, run: Run, params: &Params) -> Result<Run> {
        if run.end().is_some() {
            return Ok(run);
        }
        let (place, uid, timeout) = (run.place(), run.uid().to_owned(), params.run_timeout);
        let until = Instant::now() + timeout.0;
        let gone = || Error::not_found(format!("the PipelineRun {place} was deleted before its end")).hint("run again");
        let mut told = String::new();
        let ended = self.wait(&Select::name(run.name()), until, |change| {
            let (run, is_gone) = match change {
                Change::Applied(object) => (Run::new(object), false),
                Change::Deleted(object) => (Run::new(object), true),
            };
            // One of the same name that came after ours is another.
            let is_ours = run.uid() == uid;
            if is_ours && run.end().is_some() {
                return Ok(Some(run));
            }
            if is_gone || !is_ours {
                return Err(gone());
            }
            let progress = run.progress();
            if progress != told {
                tracing::info!("{}: {progress}", run.name());
                told = progress;
            }
            Ok(None)
        });
        ended.map_err(|error| match error.kind() {
            Kind::TimedOut if Instant::now() >= until => self.timed_out(&run, params, &told),
            Kind::Cancelled => Error::new(Kind::Cancelled, format!("the PipelineRun {place} goes on without us"))
                .hint("a run of this step with the same parameters finds it again"),
            _ => error,
        })
    }

    fn timed_out(&self, run: &Run, params: &Params, told: &str) -> Error {
        let (place, timeout) = (run.place(), params.run_timeout);
        let error = Error::new(Kind::TimedOut, format!("the PipelineRun {place} has not ended after {timeout}: {told}"));
        if !params.cancel_on_timeout {
            return error.hint("it goes on: raise run-timeout, or set cancel-on-timeout");
        }
        // The UID keeps one of the same name that came after it from being cancelled.
        let patch = json!({ "metadata": { "uid": run.uid() }, "spec": { "status": "CancelledRunFinally" } });
        match self.renewed().patch(&Resource::PIPELINE_RUNS, run.name(), &patch) {
            Ok(_) => {
                tracing::info!("cancelled the PipelineRun {place}");
                error.hint("it was cancelled: raise run-timeout")
            }
            Err(refused) => {
                let hint = refused.hint_text().map_or(String::new(), |hint| format!(" ({hint})"));
                error.hint(format!("it goes on: it could not be cancelled: {refused}{hint}"))
            }
        }
    }

    /// Watches until `see` has found something, over everything that can pass: a cluster that has let us look before is asked
    /// again, with the token that is there by then.
    fn wait<T>(&mut self, select: &Select, until: Instant, mut see: impl FnMut(Change) -> Result<Option<T>>) -> Result<T> {
        let mut attempts = patience().attempts();
        loop {
            let began = Instant::now();
            // A refusal is looked into here, where a new token is read.
            let cluster = self.cluster.with_policy(Policy { attempts: 1, ..Policy::default() });
            let mut failure = None;
            for change in cluster.watch(&Resource::PIPELINE_RUNS, select.clone()).until(until) {
                match change {
                    Ok(change) => {
                        attempts.progressed();
                        if let Some(found) = see(change)? {
                            return Ok(found);
                        }
                    }
                    Err(error) => failure = Some(error),
                }
            }
            let error = failure.unwrap_or_else(|| Error::new(Kind::Remote, "the watch has ended"));
            if !matches!(error.kind(), Kind::Unauthorized | Kind::Remote | Kind::TimedOut) || Instant::now() >= until {
                return Err(error);
            }
            if began.elapsed() > GOOD {
                attempts.progressed();
            }
            attempts.after(Failure::transient(error), &self.access.cancel, "looking for the PipelineRun again")?;
            match self.access.connect() {
                Ok(cluster) => self.cluster = cluster,
                // A Secret that is being renewed is not whole.
                Err(error) => tracing::warn!(%error, "cannot connect anew"),
            }
        }
    }
}
