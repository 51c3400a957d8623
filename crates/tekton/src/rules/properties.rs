//! The rule about the keys of objects, parameters and results alike.

use std::collections::BTreeMap;

use super::fields::{StepView, steps_of};
use super::params::{Declarations, DeclaredBy, declarations, has_properties};
use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::{ParamType, ParamValue, PropertySpec, StepResult, TaskResult};

pub(super) static RULES: &[&Rule] = &[&OBJECT_PROPERTIES];

/// An object without keys.
static OBJECT_PROPERTIES: Rule = Rule {
    name: "object-properties",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A parameter or result of type object declares its keys in `properties`, each of them a string.",
    explanation: "A property may leave its type out, except in a result of a step: there Tekton wants `type: string` to be written.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: source
    type: object
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [$(params.source.url)]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: source
    type: object
    properties:
      url: {}
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [$(params.source.url)]
",
    check: Some(object_properties),
};

fn object_properties(cx: &Cx<'_>, report: &mut Report<'_>) {
    let lists = declarations(cx);
    for param in lists.iter().flat_map(Declarations::each) {
        types(&param.spec.properties, param.place, report, |kind| kind.is_none_or(|kind| kind == ParamType::String));
    }
    for param in lists.iter().filter(|list| needs_properties(cx, list)).flat_map(Declarations::each) {
        // A value of a run has the last word on the type, but not on the keys.
        let given = match cx.object {
            Object::TaskRun(run) => run.spec.params.iter().find(|given| given.name == param.spec.name),
            _ => None,
        };
        let kind = given.map_or(param.kind(), |given| given.value.kind());
        let has_object = kind == ParamType::Object || matches!(param.spec.default, Some(ParamValue::Object(_)));
        if has_object && param.keys().is_none() {
            missing(&param.spec.name, param.place, report);
        }
    }
    for view in cx.tasks() {
        for (index, result) in view.spec.results.iter().enumerate() {
            let TaskResult { name, type_, properties, .. } = result;
            let place = view.place.key("results").index(index);
            let type_ = type_.or(has_properties(place).then_some(ParamType::Object));
            of_result(name, type_, properties, place, report, |kind| kind.is_none_or(|kind| kind == ParamType::String));
        }
        for StepView { step, place, .. } in steps_of(view) {
            for (index, StepResult { name, type_, properties, .. }) in step.results.iter().enumerate() {
                let place = place.key("results").index(index);
                of_result(name, *type_, properties, place, report, |kind| kind == Some(ParamType::String));
            }
        }
    }
    if let Object::StepAction(action) = cx.object {
        for (index, StepResult { name, type_, properties, .. }) in action.spec.results.iter().enumerate() {
            let place = cx.place.key("spec").key("results").index(index);
            let type_ = type_.or(has_properties(place).then_some(ParamType::Object));
            of_result(name, type_, properties, place, report, |kind| kind.is_none_or(|kind| kind == ParamType::String));
        }
    }
}

/// Whether the objects in a list must have properties: where steps see them.
fn needs_properties(cx: &Cx<'_>, list: &Declarations<'_>) -> bool {
    let has_task = || cx.pipelines().next().is_some_and(|pipeline| pipeline.tasks().any(|view| view.task.task_spec.is_some()));
    match (cx.object, list.of) {
        (Object::PipelineRun(_), _) => false,
        (Object::Pipeline(_), _) => has_task() && !list.is_nested(cx),
        (Object::TaskRun(_), DeclaredBy::Task) => cx.tasks().any(|view| !view.spec.steps.is_empty()),
        _ => true,
    }
}

fn of_result(
    name: &str,
    kind: Option<ParamType>,
    properties: &BTreeMap<String, PropertySpec>,
    place: Place<'_>,
    report: &mut Report<'_>,
    is_fine: impl Fn(Option<ParamType>) -> bool,
) {
    if kind == Some(ParamType::Object) {
        if properties.is_empty() {
            missing(name, place, report);
        }
        types(properties, place, report, is_fine);
    }
}

fn missing(name: &str, place: Place<'_>, report: &mut Report<'_>) {
    let message = format!("the object {name:?} declares no keys");
    report.at(&OBJECT_PROPERTIES, place.key("name"), message).hint("add: properties: {KEY: {type: string}}");
}

fn types(
    properties: &BTreeMap<String, PropertySpec>,
    place: Place<'_>,
    report: &mut Report<'_>,
    is_fine: impl Fn(Option<ParamType>) -> bool,
) {
    for (key, property) in properties.iter().filter(|(_, property)| !is_fine(property.type_)) {
        let place = place.key("properties");
        let (place, message) = match property.type_ {
            Some(kind) => (place.key(key).key("type"), format!("the key {key:?} cannot be an {kind}")),
            None => (place.name_of(key), format!("the key {key:?} has no type")),
        };
        report.at(&OBJECT_PROPERTIES, place, message).hint("write type: string");
    }
}
