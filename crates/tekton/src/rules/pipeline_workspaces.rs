//! The workspaces that tasks of a Pipeline are given.

use super::ToldBy;
use super::declared::UNDECLARED_WORKSPACE;
use crate::check::{Cx, Object};
use crate::finding::{Advice, Report};

/// Reports workspaces that a Pipeline gives and has not.
pub(super) fn undeclared(cx: &Cx<'_>, report: &mut Report<'_>) {
    let (Object::Pipeline(_), Some(pipeline)) = (cx.object, cx.pipelines().next()) else { return };
    let names: Vec<&str> = pipeline.spec.workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
    for view in pipeline.tasks() {
        for (index, binding) in view.task.workspaces.iter().enumerate() {
            let place = view.place.key("workspaces").index(index);
            let (name, place) = match binding.workspace.as_deref() {
                Some(name) if !name.is_empty() => (name, place.key("workspace")),
                _ => (binding.name.as_str(), place.key("name")),
            };
            if !names.contains(&name) {
                let message = format!("the Pipeline does not declare the workspace {name:?}");
                let otherwise = match names[..] {
                    [only] => format!("add to this entry: `workspace: {only}`"),
                    _ => "declare it in the workspaces of the Pipeline, or name one of those with `workspace`".to_owned(),
                };
                report.at(&UNDECLARED_WORKSPACE, place, message).told_by(ToldBy::Admission).did_you_mean(
                    name,
                    names.iter().copied(),
                    &otherwise,
                );
            }
        }
    }
}
