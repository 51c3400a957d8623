//! Rules about the parameters of a PipelineRun, and what of them reaches the Pipeline that is written in it.

use std::collections::{BTreeMap, BTreeSet};

use super::params::Declared;
use super::pipeline_text::of_value;
use super::scope::Scope;
use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::{Param, ParamSpec, ParamType, ParamValue, PipelineRunSpec, PipelineSpec};

pub(super) static RULES: &[&Rule] = &[&RESULT_IN_RUN, &PROPAGATED_PARAM];

/// A result before anything has run.
static RESULT_IN_RUN: Rule = Rule {
    name: "result-in-run",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "The parameters of a PipelineRun have no results of tasks in them.",
    explanation: "They are what the run begins with.",
    bad: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  params:
  - name: target
    value: $(tasks.choose.results.target)
  pipelineSpec:
    params:
    - name: target
    tasks:
    - name: compile
      taskSpec:
        params:
        - name: target
        steps:
        - image: example.com/make:1
          command: [/make]
          args: [$(params.target)]
      params:
      - name: target
        value: $(params.target)
",
    good: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  params:
  - name: target
    value: all
  pipelineSpec:
    params:
    - name: target
    tasks:
    - name: compile
      taskSpec:
        params:
        - name: target
        steps:
        - image: example.com/make:1
          command: [/make]
          args: [$(params.target)]
      params:
      - name: target
        value: $(params.target)
",
    check: Some(result_in_run),
};

fn result_in_run(cx: &Cx<'_>, report: &mut Report<'_>) {
    let Object::PipelineRun(run) = cx.object else { return };
    for (index, param) in run.spec.params.iter().enumerate() {
        let place = cx.place.key("spec").key("params").index(index).key("value");
        for text in of_value(&param.value, place) {
            for expression in text.expressions().filter(|expression| expression.result().is_some()) {
                let message = format!("there is no result of a task when the run begins: $({})", expression.body);
                report
                    .at(&RESULT_IN_RUN, expression.place, message)
                    .hint("use the result in the params of the task that needs it");
            }
        }
    }
}

/// A parameter that cannot be passed down.
static PROPAGATED_PARAM: Rule = Rule {
    name: "propagated-param",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "In a PipelineRun with a Pipeline of its own, parameters of all places fit together.",
    explanation: "There all steps see all parameters: the run's, the Pipeline's, and those that any task is given. So an object has declared `properties` wherever it is declared, a parameter is not an object in one place and something else in another, and all have names that steps can use: letters, digits, '-', '_' and '.', without '.' for objects and their keys.",
    bad: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  params:
  - name: image
    value:
      name: example.com/app
  pipelineSpec:
    params:
    - name: image
      type: object
    tasks:
    - name: compile
      params:
      - name: target
        value: $(params.image.name)
      taskSpec:
        params:
        - name: target
        steps:
        - image: example.com/make:1
          command: [/make]
          args: [$(params.target)]
",
    good: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  params:
  - name: image
    value:
      name: example.com/app
  pipelineSpec:
    params:
    - name: image
      type: object
      properties:
        name: {}
    tasks:
    - name: compile
      params:
      - name: target
        value: $(params.image.name)
      taskSpec:
        params:
        - name: target
        steps:
        - image: example.com/make:1
          command: [/make]
          args: [$(params.target)]
",
    check: Some(propagated_param),
};

/// What is known of a parameter of a run, collected from all places that give or declare it.
struct Known<'a> {
    type_: ParamType,
    keys: BTreeSet<&'a str>,
    /// Whether it has a default or value that is an object.
    has_object: bool,
    has_default: bool,
    place: Place<'a>,
}

/// The parameters of a run and of the Pipeline in it, one by one as Tekton collects them.
struct Collector<'a, 'f> {
    known: BTreeMap<&'a str, Known<'a>>,
    fault: &'f mut dyn FnMut(Place<'a>, String),
}

impl<'a> Collector<'a, '_> {
    fn given(&mut self, Param { name, value, .. }: &'a Param, place: Place<'a>) {
        let place = place.key("name");
        let keys = match value {
            ParamValue::Object(map) => map.keys().map(String::as_str).collect(),
            _ => BTreeSet::new(),
        };
        let has_object = value.kind() == ParamType::Object;
        self.known.insert(name, Known { type_: value.kind(), keys, has_object, has_default: true, place });
    }

    fn declared(&mut self, spec: &'a ParamSpec, declaration: Place<'a>) {
        let place = declaration.key("name");
        let name = spec.name.as_str();
        let keys: BTreeSet<&str> = spec.properties.keys().map(String::as_str).collect();
        let has_object = matches!(spec.default, Some(ParamValue::Object(_)));
        let Some(known) = self.known.get_mut(name) else {
            let has_default = spec.default.is_some();
            self.known.insert(
                name,
                Known { type_: Declared { spec, place: declaration }.kind(), keys, has_object, has_default, place },
            );
            return;
        };
        if has_object && !known.has_default {
            (self.fault)(place, format!("the default of {name:?} is an object, and other places know nothing of it"));
            return;
        }
        if has_object || known.type_ == ParamType::Object {
            known.has_object |= has_object;
            if keys.is_empty() {
                (self.fault)(place, format!("the object {name:?} has no properties here"));
            } else if known.type_ == ParamType::Object {
                known.keys = keys;
            }
        }
    }

    fn passed(&mut self, param: &'a Param, place: Place<'a>) {
        let Some(known) = self.known.get_mut(param.name.as_str()) else { return self.given(param, place) };
        let ParamValue::Object(map) = &param.value else { return };
        let place = place.key("name");
        // Tekton's webhook itself fails here, and with it the request.
        if !map.is_empty() && (!known.has_object || known.keys.is_empty()) {
            (self.fault)(place, format!("{:?} is given an object here, and is none in other places", param.name));
        } else {
            known.keys.extend(map.keys().map(String::as_str));
        }
    }
}

fn collect<'a>(
    run: &'a PipelineRunSpec,
    spec: &'a PipelineSpec,
    place: Place<'a>,
    fault: &mut dyn FnMut(Place<'a>, String),
) -> BTreeMap<&'a str, Known<'a>> {
    let mut collector = Collector { known: BTreeMap::new(), fault };
    let at = |place: Place<'a>, index| place.key("params").index(index);
    for (index, param) in run.params.iter().enumerate() {
        collector.given(param, at(place, index));
    }
    let place = place.key("pipelineSpec");
    for (index, param) in spec.params.iter().enumerate() {
        collector.declared(param, at(place, index));
    }
    // Of `finally` it knows nothing.
    for (index, task) in spec.tasks.iter().enumerate() {
        let place = place.key("tasks").index(index);
        for (index, param) in task.params.iter().enumerate() {
            collector.passed(param, at(place, index));
        }
        for (index, param) in task.task_spec.iter().flat_map(|embedded| &embedded.task.params).enumerate() {
            collector.declared(param, at(place.key("taskSpec"), index));
        }
    }
    collector.known
}

/// The parameters that tasks and steps of the Pipeline in a run may use; `place` is that of the run's `spec`.
pub(super) fn scope<'a>(run: &'a PipelineRunSpec, spec: &'a PipelineSpec, place: Place<'a>) -> Scope<'a> {
    let mut scope = Scope::default();
    for (name, known) in collect(run, spec, place, &mut |_, _| {}) {
        scope.types.insert(name, known.type_);
        if known.type_ == ParamType::Object && !known.keys.is_empty() {
            scope.keys.insert(name, known.keys);
        }
    }
    scope
}

fn propagated_param(cx: &Cx<'_>, report: &mut Report<'_>) {
    let Object::PipelineRun(run) = cx.object else { return };
    let Some(spec) = &run.spec.pipeline_spec else { return };
    let mut faults = Vec::new();
    let known = collect(&run.spec, spec, cx.place.key("spec"), &mut |place, message| faults.push((place, message)));
    let has_steps = spec.tasks.iter().filter_map(|task| task.task_spec.as_ref()).any(|embedded| !embedded.task.steps.is_empty());
    for (name, Known { type_, keys, place, .. }) in known.iter().filter(|_| has_steps) {
        let is_object = *type_ == ParamType::Object;
        if is_object && keys.is_empty() {
            faults.push((*place, format!("the object {name:?} has no properties")));
        }
        if !is_name(name, is_object) {
            faults.push((*place, format!("{name:?} is not a name of {}", if is_object { "an object" } else { "a parameter" })));
        }
        for key in keys.iter().filter(|key| is_object && !is_name(key, true)) {
            faults.push((*place, format!("{key:?} is not a name of a key of an object")));
        }
    }
    for (place, message) in faults {
        let hint =
            if message.contains("name of") { "use letters, digits, '-' and '_'" } else { "declare its keys in properties" };
        report.at(&PROPAGATED_PARAM, place, message).hint(hint);
    }
}

fn is_name(text: &str, is_object: bool) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-') || b == b'.' && !is_object;
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.bytes().all(inner)
}
