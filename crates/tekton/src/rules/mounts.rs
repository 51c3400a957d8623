//! Rules about where the workspaces of a Task come to lie.

use super::declared::UNDECLARED_WORKSPACE;
use super::levels::{Feature, require};
use super::{Rule, ToldBy};
use crate::check::Cx;
use crate::finding::{Advice, Report, Severity};
use crate::v1::WorkspaceUsage;

pub(super) static RULES: &[&Rule] = &[&MOUNT_CONFLICT];

/// Two things at one path.
static MOUNT_CONFLICT: Rule = Rule {
    name: "mount-conflict",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Every workspace of a Task is at a path of its own.",
    explanation: "A workspace without mountPath is at /workspace/NAME. No other workspace and no volume of a step or of the stepTemplate can be there.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  workspaces:
  - name: source
  - name: output
    mountPath: /workspace/source
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [$(workspaces.source.path), $(workspaces.output.path)]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  workspaces:
  - name: source
  - name: output
    mountPath: /workspace/output
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [$(workspaces.source.path), $(workspaces.output.path)]
",
    check: Some(mount_conflict),
};

fn mount_conflict(cx: &Cx<'_>, report: &mut Report<'_>) {
    for view in cx.tasks() {
        let mounts = view.spec.steps.iter().flat_map(|step| &step.volume_mounts);
        let mounts = mounts.chain(view.spec.step_template.iter().flat_map(|template| &template.volume_mounts));
        let mut taken: Vec<(String, String)> =
            mounts.map(|mount| (clean(&mount.mount_path), format!("the volume {:?}", mount.name))).collect();
        for (index, workspace) in view.spec.workspaces.iter().enumerate() {
            let given = workspace.mount_path.as_deref().filter(|path| !path.is_empty());
            let path = given.map_or_else(|| clean(&format!("/workspace/{}", workspace.name)), clean);
            // Of two with one name another rule tells.
            let is_twice = view.spec.workspaces[..index].iter().any(|other| other.name == workspace.name);
            if let Some((_, other)) = taken.iter().find(|(other, _)| *other == path && !is_twice) {
                let place = view.place.key("workspaces").index(index);
                let place = if given.is_some() { place.key("mountPath") } else { place.key("name") };
                let message = format!("the workspace {:?} is at {path}, where {other} is", workspace.name);
                report.at(&MOUNT_CONFLICT, place, message).hint("give one of them another mountPath");
            }
            taken.push((path, format!("the workspace {:?}", workspace.name)));
        }
    }
}

/// Go's `filepath.Clean`: without `.`, `..` and slashes that change nothing.
pub(super) fn clean(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if is_absolute => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Reports workspaces that a step asks for and the Task has not.
pub(super) fn undeclared(cx: &Cx<'_>, report: &mut Report<'_>) {
    for view in cx.tasks() {
        let declared: Vec<&str> = view.spec.workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
        let steps = view.spec.steps.iter().map(|step| &step.workspaces).enumerate();
        let steps = steps.map(|(index, list)| ("workspaces of steps", list, view.place.key("steps").index(index)));
        let sidecars = view.spec.sidecars.iter().map(|sidecar| &sidecar.workspaces).enumerate();
        let sidecars = sidecars.map(|(index, list)| ("workspaces of sidecars", list, view.place.key("sidecars").index(index)));
        for (what, list, place) in steps.chain(sidecars).filter(|(_, list, _)| !list.is_empty()) {
            require(cx, Feature::BETA, what, place.name_of("workspaces"), report);
            for (index, WorkspaceUsage { name, .. }) in list.iter().enumerate() {
                if !declared.contains(&name.as_str()) {
                    let place = place.key("workspaces").index(index).key("name");
                    let message = format!("the Task has no workspace {name:?}");
                    let otherwise = format!("add to its workspaces: {{name: {name}}}");
                    report.at(&UNDECLARED_WORKSPACE, place, message).told_by(ToldBy::Admission).did_you_mean(
                        name,
                        declared.iter().copied(),
                        &otherwise,
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        let paths = ["/a", "/a/", "//a/./b/../c", "/..", "", ".", "a/..", "../a", "a/../../b", "/tekton/../x"].map(clean);
        assert_eq!(paths, ["/a", "/a", "/a/c", "/", ".", ".", ".", "../a", "../b", "/x"]);
    }
}
