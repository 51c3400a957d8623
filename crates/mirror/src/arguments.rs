//! oc-mirror's command line. (openshift/oc-mirror, v2: one of three ways, each with its own arguments.)

use crate::TargetRegistry;

/// Where the ImageSetConfiguration is for oc-mirror.
const CONFIG: &str = "/workspace/config/imageset.yaml";
/// Where archives and their working directory are.
pub(crate) const CONTENT: &str = "/workspace/content";
/// Where oc-mirror keeps what it has fetched.
pub(crate) const CACHE: &str = "/workspace/cache";
/// The working directory of a mirror without archives.
pub(crate) const WORKSPACE: &str = "/workspace/workspace";

/// A day before the first of all histories.
const BEFORE_ALL: &str = "1970-01-01";

/// From where to where images are mirrored.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
#[value(rename_all = "kebab-case")]
pub enum Workflow {
    /// From registries to archives.
    WorkflowToDisk,
    /// From archives to a registry.
    WorkflowFromDisk,
    /// From registries to a registry.
    WorkflowDirect,
}

/// What is in a new archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// What the archives before do not have: what oc-mirror does when nothing is said.
    Last,
    /// What was mirrored on that day and after it.
    Day(String),
    /// All of it.
    Ever,
}

/// The arguments of one run.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) workflow: Workflow,
    pub(crate) target: Option<TargetRegistry>,
    pub(crate) since: Since,
    pub(crate) dry_run: bool,
}

// === impl Workflow ===

impl Workflow {
    /// Its name, as the parameter has it.
    pub fn name(self) -> &'static str {
        match self {
            Workflow::WorkflowToDisk => "workflow-to-disk",
            Workflow::WorkflowFromDisk => "workflow-from-disk",
            Workflow::WorkflowDirect => "workflow-direct",
        }
    }

    /// Where the volume with the content is mounted.
    pub(crate) fn directory(self) -> &'static str {
        match self {
            Workflow::WorkflowToDisk | Workflow::WorkflowFromDisk => CONTENT,
            Workflow::WorkflowDirect => WORKSPACE,
        }
    }
}

// === impl Since ===

impl Since {
    /// The value of `--since`.
    pub(crate) fn date(&self) -> Option<&str> {
        match self {
            Since::Last => None,
            Since::Day(day) => Some(day),
            // oc-mirror takes the newest history before the day: there is none.
            Since::Ever => Some(BEFORE_ALL),
        }
    }
}

// === impl Arguments ===

impl Arguments {
    /// What follows `oc-mirror`.
    pub(crate) fn list(&self) -> Vec<String> {
        // From 4.21 on it has to be said that this is version 2.
        let mut list =
            vec!["--v2".to_owned(), "--config".to_owned(), CONFIG.to_owned(), "--cache-dir".to_owned(), CACHE.to_owned()];
        match self.workflow {
            Workflow::WorkflowToDisk => {
                if let Some(date) = self.since.date() {
                    list.extend(["--since".to_owned(), date.to_owned()]);
                }
            }
            Workflow::WorkflowFromDisk => list.extend(["--from".to_owned(), format!("file://{CONTENT}")]),
            Workflow::WorkflowDirect => list.extend(["--workspace".to_owned(), format!("file://{WORKSPACE}")]),
        }
        if self.dry_run {
            list.push("--dry-run".to_owned());
        }
        list.push(match (&self.target, self.workflow) {
            (_, Workflow::WorkflowToDisk) | (None, _) => format!("file://{CONTENT}"),
            (Some(target), _) => target.url(),
        });
        list
    }
}
