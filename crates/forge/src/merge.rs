//! Merging: asked for until the merge request says itself that it is merged, or that it will not be.

use repo::CommitId;
use serde_json::{Value, json};
use step::retry::Failure;
use step::{Error, Kind, Result};
use ureq::http::Method;

use crate::call::Refusal;
use crate::request::Obstacle;
use crate::{GitLab, Iid, MergeRequest, State};

/// How a merge request is to be merged.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The commit that its source branch must be at: what we have built and tested, and nothing that came after it.
    pub head: CommitId,
    /// Whether its commits become one.
    pub squash: bool,
    /// Whether the source branch goes with it.
    pub remove_source: bool,
}

// === impl Merge ===

impl Merge {
    /// Of this commit, squashed, and the source branch goes with it.
    pub fn of(head: CommitId) -> Self {
        Merge { head, squash: true, remove_source: true }
    }

    fn body(&self) -> Value {
        json!({ "sha": self.head.to_string(), "squash": self.squash, "should_remove_source_branch": self.remove_source })
    }
}

impl GitLab {
    /// Merges a merge request; one that is merged with this head already is merged.
    ///
    /// [`Kind::Conflict`] when its head is another commit, when it is closed, and when its commits do not fit the target
    /// branch. What can pass is tried again: 406, 409, 423, 429, 5xx, a lost answer, a check for conflicts that is not done, and an
    /// answer of 200 for a merge that has not happened.
    pub fn merge(&self, iid: Iid, merge: &Merge) -> Result<MergeRequest> {
        let (name, body) = (self.name(iid), merge.body());
        self.retry.run(&self.cancel, &format!("merging {name}"), || {
            let answer = self.ask::<MergeRequest>(Method::PUT, &format!("/merge_requests/{}/merge", iid.0), Some(&body));
            let refusal = match answer {
                Ok(request) if request.state == State::Merged => return verdict(&name, request, None, merge),
                Ok(_) => None,
                Err(refusal) if may_be_known(&refusal) => Some(refusal),
                Err(refusal) => return Err(refusal.failure),
            };
            // Only the merge request itself says what has become of it.
            verdict(&name, self.look(iid)?, refusal, merge)
        })
    }
}

/// What a look at the merge request says of an attempt to merge it.
fn verdict(name: &str, request: MergeRequest, refusal: Option<Refusal>, merge: &Merge) -> Result<MergeRequest, Failure> {
    let conflict = |why: String| Error::new(Kind::Conflict, format!("{name} {why}"));
    if request.has_moved_from(merge.head) {
        let what = if request.state == State::Merged { "was merged with" } else { "is at" };
        let error = conflict(format!("{what} {}, and not {}", transport::excerpt(request.sha.as_bytes(), 64), merge.head));
        return Err(Failure::Permanent(error.hint("somebody has pushed to its branch: run again from the start")));
    }
    match request.state {
        State::Merged => return Ok(request),
        State::Closed => {
            let error = conflict("is closed".to_owned());
            return Err(Failure::Permanent(error.hint("somebody has closed it: reopen it, or run again from the start")));
        }
        State::Opened | State::Locked => {}
    }
    let status = request.status();
    let Some(refusal) = refusal else {
        let error = Error::new(Kind::Remote, format!("{name} was accepted, and is not merged: {status}"));
        return Err(Failure::transient(match request.obstacle() {
            Obstacle::Standing(why) => error.hint(why),
            _ => error.hint("see the merge request"),
        }));
    };
    let may_pass = is_passing(&refusal);
    let (error, retry_after) = refusal.into_error();
    let text = format!("{error} ({status})");
    match request.obstacle() {
        Obstacle::Passing => Err(Failure::Transient { error: Error::new(Kind::Remote, text), retry_after }),
        Obstacle::Conflict => {
            let error = Error::new(Kind::Conflict, format!("{text}: it does not fit its target branch"));
            Err(Failure::Permanent(error.hint("the target branch has moved: run again from the start")))
        }
        Obstacle::Standing(why) => Err(Failure::Permanent(Error::new(Kind::Conflict, text).hint(why))),
        Obstacle::None if may_pass => Err(Failure::Transient { error: Error::new(error.kind(), text), retry_after }),
        Obstacle::None => Err(Failure::Permanent(Error::new(Kind::Conflict, text).hint("the merge request says why"))),
    }
}

/// Whether another attempt may be answered otherwise.
fn is_passing(refusal: &Refusal) -> bool {
    matches!(refusal.status, Some(406 | 409)) || matches!(refusal.failure, Failure::Transient { .. })
}

/// Whether the merge request may tell more: it was merged before, or by an attempt whose answer was lost.
fn may_be_known(refusal: &Refusal) -> bool {
    matches!(refusal.status, Some(400 | 405 | 422)) || is_passing(refusal)
}
