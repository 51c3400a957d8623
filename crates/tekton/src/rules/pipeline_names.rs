//! Names in Pipelines and PipelineRuns: what tasks are called, and that nothing is there twice.

use std::collections::HashSet;

use super::identifiers::{DUPLICATE_NAME, INVALID_NAME};
use super::pipeline_tasks::is_custom;
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report};
use crate::names::TaskName;
use crate::v1::{Matrix, Param};

/// Reports names that nothing can have.
pub(super) fn invalid(cx: &Cx<'_>, report: &mut Report<'_>) {
    let hint = "use at most 63 lower-case letters, digits and '-', with a letter or digit at both ends";
    for (_, view) in cx.pipeline_tasks() {
        let name = view.task.name();
        if name.is_empty() {
            report.at(&INVALID_NAME, view.place, "the task has no name").hint("give it a name");
        } else if name.parse::<TaskName>().is_err() {
            let message = format!("{name:?} is not a name of a task");
            report.at(&INVALID_NAME, view.place.key("name"), message).hint(hint);
        }
    }
    for pipeline in cx.pipelines() {
        for (index, _) in pipeline.spec.workspaces.iter().enumerate().filter(|(_, workspace)| workspace.name.is_empty()) {
            let place = pipeline.place.key("workspaces").index(index).key("name");
            report.at(&INVALID_NAME, place, "the workspace has an empty name").hint("give it a name");
        }
    }
}

/// Reports names that are there already.
pub(super) fn duplicates(cx: &Cx<'_>, report: &mut Report<'_>) {
    of_pipelines(cx, report);
    of_runs(cx, report);
}

fn of_pipelines(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (index, pipeline) in cx.pipelines().enumerate() {
        let mut once = Once { what: "task", ..Once::default() };
        // That one has no name is told already.
        for view in pipeline.tasks().filter(|view| !view.task.name().is_empty()) {
            once.see(view.task.name(), view.place.key("name"), report);
        }
        let place = pipeline.place.key("workspaces");
        let mut once = Once { what: "workspace", ..Once::default() };
        for (index, workspace) in pipeline.spec.workspaces.iter().enumerate() {
            once.see(&workspace.name, place.index(index).key("name"), report);
        }
        for view in pipeline.tasks() {
            let (task, place) = (view.task, view.place);
            params(&task.params, place.key("params"), false, report);
            if let Some(Matrix { params: lists, include }) = &task.matrix {
                let place = place.key("matrix");
                params(lists, place.key("params"), false, report);
                for (index, include) in include.iter().enumerate() {
                    params(&include.params, place.key("include").index(index).key("params"), false, report);
                }
            }
            if let Some(reference) = task.task_ref.as_ref().filter(|_| !is_custom(task)) {
                params(&reference.params, place.key("taskRef").key("params"), true, report);
            }
            if let Some(reference) = &task.pipeline_ref {
                params(&reference.params, place.key("pipelineRef").key("params"), true, report);
            }
            // Of Pipelines in runs, and in Pipelines, Tekton does not ask this.
            if index > 0 || pipeline.run.is_some() {
                continue;
            }
            let place = place.key("workspaces");
            let mut once = Once { what: "workspace", ..Once::default() };
            for (index, binding) in task.workspaces.iter().enumerate() {
                once.see(&binding.name, place.index(index).key("name"), report);
            }
        }
    }
}

fn of_runs(cx: &Cx<'_>, report: &mut Report<'_>) {
    let Object::PipelineRun(run) = cx.object else { return };
    let place = cx.place.key("spec");
    params(&run.spec.params, place.key("params"), true, report);
    if let Some(reference) = &run.spec.pipeline_ref {
        params(&reference.params, place.key("pipelineRef").key("params"), true, report);
    }
    let mut once = Once { what: "workspace", ..Once::default() };
    for (index, binding) in run.spec.workspaces.iter().enumerate() {
        once.see(&binding.name, place.key("workspaces").index(index).key("name"), report);
    }
    for (index, spec) in run.spec.task_run_specs.iter().enumerate() {
        let place = place.key("taskRunSpecs").index(index);
        for (key, specs) in [("stepSpecs", &spec.step_specs), ("sidecarSpecs", &spec.sidecar_specs)] {
            let mut once = Once { what: "entry", ignores_case: true, ..Once::default() };
            for (index, spec) in specs.iter().enumerate().filter(|(_, spec)| !spec.name.is_empty()) {
                once.see(&spec.name, place.key(key).index(index).key("name"), report);
            }
        }
    }
}

fn params(params: &[Param], place: Place<'_>, ignores_case: bool, report: &mut Report<'_>) {
    let mut once = Once { what: "value", ignores_case, ..Once::default() };
    for (index, param) in params.iter().enumerate() {
        once.see(&param.name, place.index(index).key("name"), report);
    }
}

/// Names of which each may be seen once.
#[derive(Default)]
struct Once {
    seen: HashSet<String>,
    what: &'static str,
    ignores_case: bool,
}

impl Once {
    fn see(&mut self, name: &str, place: Place<'_>, report: &mut Report<'_>) {
        let key = if self.ignores_case { name.to_lowercase() } else { name.to_owned() };
        if !self.seen.insert(key) {
            let article = if self.what == "entry" { "an" } else { "a" };
            let message = format!("there is already {article} {} {name:?}", self.what);
            report.at(&DUPLICATE_NAME, place, message).hint("give one of them another name, or remove it");
        }
    }
}
