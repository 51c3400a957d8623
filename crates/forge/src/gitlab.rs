//! What is done with merge requests, except merging them.

use std::path::PathBuf;
use std::time::Duration;

use repo::BranchName;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use step::retry::{Failure, Policy};
use step::{Cancel, Error, Kind, Result};
use ureq::http::Method;

use crate::call::{Caller, IntoPermanent, Refusal};
use crate::project::percent;
use crate::{Iid, MergeRequest, Project, Proposal, State, Token};

/// How to speak to a GitLab.
#[derive(Clone, Debug)]
pub struct Options {
    /// A PEM file with certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one request with its answer may take.
    pub deadline: Duration,
    /// How often and how long to try.
    pub retry: Policy,
}

/// One project of a GitLab. Every call ends when the flag is raised that it was made with.
pub struct GitLab {
    pub(crate) caller: Caller,
    pub(crate) retry: Policy,
    pub(crate) cancel: Cancel,
}

impl Default for Options {
    /// A minute and a half of attempts: GitLab looks for conflicts in the background, and can take a while.
    fn default() -> Self {
        let retry = Policy { attempts: 8, first_pause: Duration::from_secs(1), ..Policy::default() };
        Options { ca_file: None, deadline: Duration::from_secs(60), retry }
    }
}

// === impl GitLab ===

impl GitLab {
    /// Asks nothing yet. Fails when the certificates cannot be read.
    pub fn new(project: Project, token: Token, options: Options, cancel: Cancel) -> Result<Self> {
        Ok(GitLab { caller: Caller::new(project, token, &options, cancel.clone())?, retry: options.retry, cancel })
    }

    /// The project.
    pub fn project(&self) -> &Project {
        self.caller.project()
    }

    /// Fails when the token does not count, or does not show the project's merge requests: asked before any work begins.
    ///
    /// Whether it may also write only writing shows.
    pub fn check(&self) -> Result<()> {
        let what = format!("asking {} for its merge requests", self.project());
        self.retry.run(&self.cancel, &what, || {
            self.ask::<Vec<MergeRequest>>(Method::GET, "/merge_requests?state=opened&per_page=1", None).map_err(Failure::from)
        })?;
        Ok(())
    }

    /// The merge request of these two branches: the one that is open, or a new one.
    ///
    /// So a second call, also after a crash, gives the same. One of a fork is never ours, whatever its branch is called.
    pub fn open(&self, proposal: &Proposal) -> Result<MergeRequest> {
        let what = format!("opening a merge request of {} in {}", proposal.source.as_str(), self.project());
        self.retry.run(&self.cancel, &what, || {
            if let Some(ours) = self.find_once(&proposal.source, &proposal.target)? {
                tracing::info!(url = ours.web_url, "the merge request {} is there", ours.iid);
                return Ok(ours);
            }
            match self.ask::<MergeRequest>(Method::POST, "/merge_requests", Some(&proposal.body())) {
                Ok(new) => {
                    tracing::info!(url = new.web_url, "opened the merge request {}", new.iid);
                    Ok(new)
                }
                // Somebody was faster, perhaps we: the next look will show it.
                Err(refusal) if refusal.status == Some(409) => Err(Failure::transient(refusal.into_error().0)),
                Err(refusal) => Err(refusal.failure),
            }
        })
    }

    /// The open merge request of these two branches, if there is one.
    pub fn find(&self, source: &BranchName, target: &BranchName) -> Result<Option<MergeRequest>> {
        let what = format!("looking for a merge request of {} in {}", source.as_str(), self.project());
        self.retry.run(&self.cancel, &what, || self.find_once(source, target).map_err(Failure::from))
    }

    fn find_once(&self, source: &BranchName, target: &BranchName) -> Result<Option<MergeRequest>, Refusal> {
        let (source, target) = (percent(source.as_str()), percent(target.as_str()));
        let rest = format!("/merge_requests?state=opened&source_branch={source}&target_branch={target}&per_page=100");
        let open: Vec<MergeRequest> = self.ask(Method::GET, &rest, None)?;
        Ok(open.into_iter().find(MergeRequest::is_of_project))
    }

    /// A merge request as it is now.
    pub fn get(&self, iid: Iid) -> Result<MergeRequest> {
        let what = format!("looking at {}", self.name(iid));
        self.retry.run(&self.cancel, &what, || self.look(iid).map_err(Failure::from))
    }

    pub(crate) fn look(&self, iid: Iid) -> Result<MergeRequest, Refusal> {
        self.ask(Method::GET, &format!("/merge_requests/{}", iid.0), None)
    }

    /// Closes a merge request, unless it is closed.
    ///
    /// One that is merged cannot be closed: that is a [`Kind::Conflict`].
    pub fn close(&self, iid: Iid) -> Result<MergeRequest> {
        let name = self.name(iid);
        self.retry.run(&self.cancel, &format!("closing {name}"), || {
            let rest = format!("/merge_requests/{}", iid.0);
            let answer = self.ask::<MergeRequest>(Method::PUT, &rest, Some(&json!({ "state_event": "close" })));
            let (request, refusal) = match answer {
                Ok(request) => (request, None),
                Err(refusal) if matches!(refusal.status, Some(401 | 403 | 404)) => return Err(refusal.failure),
                Err(refusal) => (self.look(iid)?, Some(refusal)),
            };
            match (request.state, refusal) {
                (State::Closed, _) => Ok(request),
                (State::Merged, _) => {
                    let error = Error::new(Kind::Conflict, format!("{name} is merged, and cannot be closed"));
                    Err(Failure::Permanent(error.hint("to take its changes back, revert its commit in the target branch")))
                }
                (_, Some(refusal)) => Err(refusal.failure),
                (state, None) => {
                    Err(Failure::transient(Error::new(Kind::Remote, format!("{name} was told to close, and is {state}"))))
                }
            }
        })
    }

    /// Deletes a branch, whatever is in it. Says whether it was there.
    pub fn delete_branch(&self, branch: &BranchName) -> Result<bool> {
        let name = branch.as_str();
        self.retry.run(&self.cancel, &format!("deleting the branch {name} of {}", self.project()), || {
            match self.caller.send(Method::DELETE, &format!("/repository/branches/{}", percent(name)), None) {
                Ok(_) => Ok(true),
                // Of a project that is missing it says so.
                Err(refusal) if refusal.status == Some(404) && refusal.says.contains("Branch") => Ok(false),
                Err(refusal) => Err(refusal.failure),
            }
        })
    }

    /// `https://git.example/group/name!7`.
    pub(crate) fn name(&self, iid: Iid) -> String {
        format!("{}{iid}", self.project())
    }

    pub(crate) fn ask<T: DeserializeOwned>(&self, method: Method, rest: &str, body: Option<&Value>) -> Result<T, Refusal> {
        let value = self.caller.send(method, rest, body)?;
        serde_json::from_value(value).map_err(|error| {
            Error::new(Kind::Remote, format!("{}: the server answers with something else than merge requests", self.project()))
                .because(error)
                .into_permanent()
        })
    }
}
