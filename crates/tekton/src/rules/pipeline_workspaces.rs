//! The rule about the workspaces that tasks of a Pipeline are given.

use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Report, Severity};

pub(super) static RULES: &[&Rule] = &[&UNDECLARED_PIPELINE_WORKSPACE];

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
