//! Rules about the workspaces of a Pipeline and of its tasks.

use std::collections::HashSet;

use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Report, Severity};

pub(super) static RULES: &[&Rule] = &[&PIPELINE_WORKSPACE, &UNDECLARED_PIPELINE_WORKSPACE];

/// What workspaces are called.
static PIPELINE_WORKSPACE: Rule = Rule {
    name: "pipeline-workspace",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A workspace of a Pipeline has a name, and no two have the same; a task is given each of its own once.",
    explanation: "In `workspaces` of a task, `name` is the Task's name for it: a Task has one workspace of a name.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  workspaces:
  - name: source
  - name: source
    optional: true
  tasks:
  - name: compile
    workspaces:
    - name: source
    taskSpec:
      workspaces:
      - name: source
      steps:
      - image: example.com/make:1
        command: [/make]
        workingDir: $(workspaces.source.path)
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  workspaces:
  - name: source
  tasks:
  - name: compile
    workspaces:
    - name: source
    taskSpec:
      workspaces:
      - name: source
      steps:
      - image: example.com/make:1
        command: [/make]
        workingDir: $(workspaces.source.path)
",
    check: Some(pipeline_workspace),
};

fn pipeline_workspace(cx: &Cx<'_>, report: &mut Report<'_>) {
    for pipeline in cx.pipelines() {
        let mut seen = HashSet::new();
        for (index, workspace) in pipeline.spec.workspaces.iter().enumerate() {
            let place = pipeline.place.key("workspaces").index(index).key("name");
            let name = workspace.name.as_str();
            if name.is_empty() {
                report.at(&PIPELINE_WORKSPACE, place, "the workspace has an empty name").hint("give it a name");
            } else if !seen.insert(name) {
                let message = format!("there is another workspace {name:?} before");
                report.at(&PIPELINE_WORKSPACE, place, message).hint("leave one of them out, or rename it");
            }
        }
    }
    // Of Pipelines in runs Tekton does not ask.
    if !matches!(cx.object, Object::Pipeline(_)) {
        return;
    }
    for view in cx.pipelines().take(1).flat_map(|pipeline| pipeline.tasks()) {
        let mut seen = HashSet::new();
        for (index, binding) in view.task.workspaces.iter().enumerate() {
            if !seen.insert(&binding.name) {
                let place = view.place.key("workspaces").index(index).key("name");
                let message = format!("{:?} is given the workspace {:?} twice", view.task.name(), binding.name);
                report.at(&PIPELINE_WORKSPACE, place, message).hint("leave one of them out");
            }
        }
    }
}

/// A workspace that the Pipeline has not.
static UNDECLARED_PIPELINE_WORKSPACE: Rule = Rule {
    name: "undeclared-pipeline-workspace",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Tasks of a Pipeline are given only workspaces that the Pipeline declares.",
    explanation: "In `workspaces` of a task, `name` is the Task's name for it and `workspace` the Pipeline's; where they are the same, `name` is enough.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  workspaces:
  - name: shared
  tasks:
  - name: compile
    workspaces:
    - name: source
      workspace: shraed
    taskSpec:
      workspaces:
      - name: source
      steps:
      - image: example.com/make:1
        command: [/make]
        workingDir: $(workspaces.source.path)
  - name: test
    workspaces:
    - name: source
      workspace: shared
    taskSpec:
      workspaces:
      - name: source
      steps:
      - image: example.com/make:1
        command: [/make, test]
        workingDir: $(workspaces.source.path)
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  workspaces:
  - name: shared
  tasks:
  - name: compile
    workspaces:
    - name: source
      workspace: shared
    taskSpec:
      workspaces:
      - name: source
      steps:
      - image: example.com/make:1
        command: [/make]
        workingDir: $(workspaces.source.path)
",
    check: Some(undeclared_pipeline_workspace),
};

fn undeclared_pipeline_workspace(cx: &Cx<'_>, report: &mut Report<'_>) {
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
                report.at(&UNDECLARED_PIPELINE_WORKSPACE, place, message).did_you_mean(name, names.iter().copied(), &otherwise);
            }
        }
    }
}
