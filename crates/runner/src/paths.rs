//! Tekton's paths and what they are on this machine.

use std::path::{Path, PathBuf};

use tekton::v1::{Step, TaskSpec};

use crate::executor::Seen;
use crate::task::TaskRun;

/// Where containers have the directories of a run of a task.
pub(crate) const RESULTS: &str = "/tekton/results";
pub(crate) const STEPS: &str = "/tekton/steps";
pub(crate) const HOME: &str = "/tekton/home";
pub(crate) const SCRIPTS: &str = "/tekton/scripts";
pub(crate) const WORKSPACE: &str = "/workspace";

/// A directory that containers see under another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) container: String,
    pub(crate) host: PathBuf,
    pub(crate) read_only: bool,
}

/// The name of the container of a step.
pub(crate) fn container_name(step: &str) -> String {
    format!("step-{step}")
}

/// The steps' names; Tekton gives one to those that have none.
pub(crate) fn step_name(index: usize, step: &Step) -> String {
    match step.name.as_deref() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("unnamed-{index}"),
    }
}

/// The directory of `name`, one of the constants here.
pub(crate) fn directory(seen: Seen, base: &Path, name: &'static str) -> String {
    match seen {
        Seen::Container => name.to_owned(),
        Seen::Host => base.join(name.trim_start_matches('/')).display().to_string(),
    }
}

/// Where a Task's workspaces are mounted.
pub(crate) fn workspace_mount(task: &TaskSpec, name: &str) -> String {
    let declared = task.workspaces.iter().find(|workspace| workspace.name == name);
    declared.and_then(|workspace| workspace.mount_path.clone()).unwrap_or_else(|| format!("{WORKSPACE}/{name}"))
}

/// Every directory that the steps of a run see.
pub(crate) fn mounts(run: &TaskRun) -> Vec<Mount> {
    let own = [RESULTS, STEPS, HOME, SCRIPTS, WORKSPACE].map(|name| Mount {
        container: name.to_owned(),
        host: run.directory.join(name.trim_start_matches('/')),
        read_only: name == SCRIPTS,
    });
    let workspaces = run.workspaces.values().filter_map(|bound| {
        let host = bound.host.clone()?;
        Some(Mount { container: bound.mount.clone(), host, read_only: bound.read_only })
    });
    own.into_iter().chain(workspaces).collect()
}

/// A path that begins with a container's directory, as this machine has it; any other text stays.
pub(crate) fn to_host(text: &str, mounts: &[Mount]) -> String {
    let rest = |mount: &Mount| {
        let rest = text.strip_prefix(mount.container.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/').to_owned())
    };
    let longest = mounts.iter().filter(|mount| rest(mount).is_some()).max_by_key(|mount| mount.container.len());
    match longest.and_then(|mount| Some((mount, rest(mount)?))) {
        Some((mount, rest)) if rest.is_empty() => mount.host.display().to_string(),
        Some((mount, rest)) => mount.host.join(rest).display().to_string(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_directories_only() {
        let mount = |container: &str, host: &str| Mount { container: container.into(), host: host.into(), read_only: false };
        let mounts = [mount("/workspace", "/run/w"), mount("/workspace/src", "/home/me"), mount("/tekton/home", "/run/h")];
        let cases = [
            ("/workspace/src/a/b", "/home/me/a/b"),
            ("/workspace/src", "/home/me"),
            ("/workspace/source", "/run/w/source"),
            ("/tekton/homes", "/tekton/homes"),
            ("/tekton/home/", "/run/h"),
            ("x/workspace/src", "x/workspace/src"),
        ];
        for (text, expected) in cases {
            assert_eq!(to_host(text, &mounts), expected, "{text}");
        }
    }
}
