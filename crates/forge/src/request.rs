//! A merge request: what we ask for, and what GitLab says that it is.

use std::fmt;

use repo::{BranchName, CommitId};
use serde::Deserialize;
use serde_json::{Value, json};

/// A merge request's number in its project: `!7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct Iid(pub u64);

/// A merge request as GitLab has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MergeRequest {
    /// Its number.
    pub iid: Iid,
    /// Where people look at it.
    #[serde(default)]
    pub web_url: String,
    /// Whether it is open.
    pub state: State,
    /// The commit at the head of its source branch, of a merged one the commit that was merged. Empty while GitLab has not looked.
    #[serde(default, deserialize_with = "or_default")]
    pub sha: String,
    /// The commit that it became in the target branch.
    #[serde(default)]
    pub merge_commit_sha: Option<String>,
    /// The one that its commits were squashed to; in the target branch where merging makes no commit of its own.
    #[serde(default)]
    pub squash_commit_sha: Option<String>,
    /// What stands between it and a merge, in GitLab's words: `mergeable`, `checking`, `conflict`, `draft_status`.
    #[serde(default, deserialize_with = "or_default")]
    pub detailed_merge_status: String,
    /// The same in the words of versions before 15.6: `can_be_merged`, `cannot_be_merged`, `unchecked`.
    #[serde(default, deserialize_with = "or_default")]
    merge_status: String,
    /// Why the last merge failed.
    #[serde(default, deserialize_with = "or_default")]
    merge_error: String,
    #[serde(default)]
    source_project_id: u64,
    #[serde(default)]
    target_project_id: u64,
}

/// What a merge request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Open.
    Opened,
    /// Closed without having been merged.
    Closed,
    /// Being merged.
    Locked,
    /// Merged.
    Merged,
}

/// What a merge request is to be opened with.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The branch with the commits.
    pub source: BranchName,
    /// The branch that they are for.
    pub target: BranchName,
    /// Its title.
    pub title: String,
    /// Its text.
    pub description: String,
    /// Whether its commits become one.
    pub squash: bool,
    /// Whether the source branch goes with the merge.
    pub remove_source: bool,
}

/// Why a merge request is not merged.
pub(crate) enum Obstacle {
    /// GitLab has not looked yet, or is at it.
    Passing,
    /// Its commits do not fit the target branch.
    Conflict,
    /// Something that people, or a setting, must do first.
    Standing(&'static str),
    /// Nothing that it tells.
    None,
}

// === impl MergeRequest ===

impl MergeRequest {
    /// The commit that it became in the target branch, of one that is merged.
    pub fn merged_as(&self) -> Option<&str> {
        self.merge_commit_sha.as_deref().or(self.squash_commit_sha.as_deref())
    }

    /// Whether its source branch is in the project itself: a fork may have a branch of any name.
    pub(crate) fn is_of_project(&self) -> bool {
        self.source_project_id == self.target_project_id
    }

    /// Whether its head is another commit, as far as GitLab knows.
    pub(crate) fn has_moved_from(&self, head: CommitId) -> bool {
        !self.sha.is_empty() && self.sha != head.to_string()
    }

    pub(crate) fn obstacle(&self) -> Obstacle {
        match (&*self.detailed_merge_status, &*self.merge_status) {
            ("unchecked" | "checking" | "preparing" | "approvals_syncing", _) => Obstacle::Passing,
            ("", "unchecked" | "checking" | "cannot_be_merged_recheck" | "cannot_be_merged_rechecking") => Obstacle::Passing,
            ("conflict" | "broken_status" | "need_rebase", _) | ("", "cannot_be_merged") => Obstacle::Conflict,
            ("ci_must_pass", _) => Obstacle::Standing("the project asks for a pipeline that passes"),
            ("ci_still_running", _) => Obstacle::Standing("its pipeline still runs, and the project asks for one that passes"),
            ("commits_status", _) => Obstacle::Standing("its source branch is gone, or has no commits of its own"),
            ("draft_status", _) => Obstacle::Standing("it is a draft"),
            ("discussions_not_resolved", _) => Obstacle::Standing("it has threads that are not resolved"),
            ("not_approved" | "requested_changes", _) => Obstacle::Standing("the project asks for approvals"),
            ("merge_request_blocked", _) => Obstacle::Standing("another merge request must be merged before"),
            ("status_checks_must_pass" | "external_status_checks", _) => Obstacle::Standing("status checks must pass"),
            ("locked_paths" | "locked_lfs_files", _) => Obstacle::Standing("somebody has locked files of it"),
            _ => Obstacle::None,
        }
    }

    /// What it says of its merge, in GitLab's words.
    pub(crate) fn status(&self) -> String {
        let word = [&self.detailed_merge_status, &self.merge_status].into_iter().find(|word| !word.is_empty());
        let mut text = format!("state {}", self.state);
        for more in word.into_iter().chain(Some(&self.merge_error).filter(|error| !error.is_empty())) {
            text = format!("{text}, {}", transport::excerpt(more.as_bytes(), 200));
        }
        text
    }
}

// === impl Proposal ===

impl Proposal {
    /// One of `source` for `target`, squashed, whose source branch goes with the merge.
    pub fn new(source: BranchName, target: BranchName, title: impl Into<String>) -> Self {
        Proposal { source, target, title: title.into(), description: String::new(), squash: true, remove_source: true }
    }

    /// With a text.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        Proposal { description: description.into(), ..self }
    }

    pub(crate) fn body(&self) -> Value {
        json!({
            "source_branch": self.source.as_str(),
            "target_branch": self.target.as_str(),
            "title": self.title,
            "description": self.description,
            "squash": self.squash,
            "remove_source_branch": self.remove_source,
        })
    }
}

impl fmt::Display for Iid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "!{}", self.0)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Opened => "opened",
            State::Closed => "closed",
            State::Locked => "locked",
            State::Merged => "merged",
        })
    }
}

/// GitLab says `null` of what it does not know yet.
fn or_default<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
