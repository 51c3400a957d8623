//! The rule about parameters that nobody replaces, and nobody tells of.

use std::collections::HashSet;

use super::fields::steps_of;
use super::variables::{Reach, is_replaced};
use super::{Rule, ToldBy};
use crate::check::{Cx, TaskOwner};
use crate::finding::{Advice, Report, Severity};
use crate::variable::Variable;

pub(super) static RULES: &[&Rule] = &[&UNREPLACED_PARAM];

/// A parameter that is not declared, where admission does not look.
static UNREPLACED_PARAM: Rule = Rule {
    name: "unreplaced-param",
    severity: Severity::Error,
    told_by: ToldBy::Nobody,
    summary: "Sidecars, volumes, conditions, and what a StepAction is given, use only parameters that are declared.",
    explanation: "There Tekton does not ask when it admits the object, and leaves the variable as it is written.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: secret
  volumes:
  - name: token
    secret:
      secretName: $(params.scret)
  steps:
  - name: push
    image: example.com/push:1
    command: [/push]
    args: [$(params.secret)]
    volumeMounts:
    - name: token
      mountPath: /token
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: secret
  volumes:
  - name: token
    secret:
      secretName: $(params.secret)
  steps:
  - name: push
    image: example.com/push:1
    command: [/push]
    volumeMounts:
    - name: token
      mountPath: /token
",
    check: Some(unreplaced_param),
};

fn unreplaced_param(cx: &Cx<'_>, report: &mut Report<'_>) {
    for view in cx.tasks() {
        let mut names = Reach::of(cx, view).names();
        match view.owner {
            // Where admission does not know what there is, the run may still bring it along.
            TaskOwner::PipelineTask { .. } if names.is_empty() => continue,
            TaskOwner::PipelineTask { task, .. } => names.extend(task.params.iter().map(|param| param.name.as_str())),
            TaskOwner::Task(_) | TaskOwner::TaskRun(_) => {}
        }
        let asked = steps_of(view).into_iter().flat_map(|step| step.texts).filter(|text| is_replaced(text.field));
        let asked: HashSet<_> = asked.map(|text| text.place.span().start).collect();
        for text in view.texts().into_iter().filter(|text| !asked.contains(&text.place.span().start)) {
            for (reference, place) in text.references() {
                let Variable::Param { name, .. } = reference.variable else { continue };
                if !names.contains(name) {
                    let message = format!("the parameter {name:?} is not declared: nothing is put in its place");
                    let otherwise = format!("add to the params: {{name: {name}}}");
                    report.at(&UNREPLACED_PARAM, place, message).did_you_mean(name, names.iter().copied(), &otherwise);
                }
            }
        }
    }
}
