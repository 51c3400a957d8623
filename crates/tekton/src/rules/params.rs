//! Rules about declared parameters, wherever they are declared: in a Task, a StepAction or a Pipeline.

use super::levels::{Feature, require};
use super::{MISSING_FIELD, Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report, Severity};
use crate::node::Data;
use crate::v1::{ParamSpec, ParamType, ParamValue};

pub(super) static RULES: &[&Rule] = &[&PARAM_DEFAULT, &PARAM_ENUM];

/// The parameters that one Task, StepAction or Pipeline declares.
pub(super) struct Declarations<'a> {
    pub(super) params: &'a [ParamSpec],
    /// Where the list is.
    pub(super) place: Place<'a>,
    pub(super) of: DeclaredBy,
}

/// What declares parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DeclaredBy {
    Task,
    StepAction,
    Pipeline,
}

/// One declared parameter.
#[derive(Clone, Copy)]
pub(super) struct Declared<'a> {
    pub(super) spec: &'a ParamSpec,
    pub(super) place: Place<'a>,
}

/// Every list of declared parameters in a document.
pub(super) fn declarations<'a>(cx: &Cx<'a>) -> Vec<Declarations<'a>> {
    let list = |params, place: Place<'a>, of| Declarations { params, place: place.key("params"), of };
    let mut found: Vec<_> = cx.tasks().map(|view| list(&view.spec.params[..], view.place, DeclaredBy::Task)).collect();
    found.extend(cx.pipelines().map(|view| list(&view.spec.params[..], view.place, DeclaredBy::Pipeline)));
    if let Object::StepAction(action) = cx.object {
        found.push(list(&action.spec.params[..], cx.place.key("spec"), DeclaredBy::StepAction));
    }
    found
}

impl<'a> Declarations<'a> {
    /// Whether it belongs to a Pipeline in a Pipeline.
    pub(super) fn is_nested(&self, cx: &Cx<'_>) -> bool {
        let is_outer = |params: &[ParamSpec]| std::ptr::eq(params, self.params);
        let outer = cx.pipelines().next();
        let nested = cx.pipelines().skip(1).flat_map(|pipeline| pipeline.tasks());
        let in_nested = nested.filter_map(|view| view.task.task_spec.as_ref()).any(|task| is_outer(&task.task.params));
        outer.is_some() && (in_nested || cx.pipelines().skip(1).any(|pipeline| is_outer(&pipeline.spec.params)))
    }

    /// Its parameters, each with its place.
    pub(super) fn each(&self) -> impl Iterator<Item = Declared<'a>> {
        let place = self.place;
        self.params.iter().enumerate().map(move |(index, spec)| Declared { spec, place: place.index(index) })
    }
}

impl<'a> Declared<'a> {
    /// Its type. Empty `properties` say that it is an object, which the typed object alone does not tell.
    pub(super) fn kind(self) -> ParamType {
        match self.spec.type_ {
            None if has_properties(self.place) => ParamType::Object,
            _ => self.spec.kind(),
        }
    }

    /// The keys that an object has; `None` when none are declared.
    pub(super) fn keys(self) -> Option<Vec<&'a str>> {
        let keys: Vec<_> = self.spec.properties.keys().map(String::as_str).collect();
        Some(keys).filter(|keys| !keys.is_empty())
    }
}

/// Whether a parameter or result has `properties`, if only empty ones, so that it is an object if it does not say what it is.
pub(super) fn has_properties(place: Place<'_>) -> bool {
    let properties = place.node().and_then(|node| node.get("properties"));
    properties.is_some_and(|properties| !matches!(properties.data, Data::Null))
}

/// `a string`, `an array`, `an object`.
pub(super) fn with_article(kind: ParamType) -> &'static str {
    match kind {
        ParamType::String => "a string",
        ParamType::Array => "an array",
        ParamType::Object => "an object",
    }
}

/// A default of another type.
static PARAM_DEFAULT: Rule = Rule {
    name: "param-default",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "The default of a parameter is of its type.",
    explanation: "Without `type` a parameter has the type of its `default`, or is an object if it has `properties`. A default that is a number or a boolean is a string to Tekton; of a list with a number in it Tekton makes the string of its JSON.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: targets
    type: array
    default: all
  steps:
  - image: example.com/make:1
    command: [/make]
    args: [\"$(params.targets[*])\"]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: targets
    type: array
    default: [all]
  steps:
  - image: example.com/make:1
    command: [/make]
    args: [\"$(params.targets[*])\"]
",
    check: Some(param_default),
};

fn param_default(cx: &Cx<'_>, report: &mut Report<'_>) {
    // In a Pipeline in a Pipeline, Tekton infers no types.
    for nested in cx.pipelines().skip(1) {
        for (index, param) in nested.spec.params.iter().enumerate().filter(|(_, param)| param.type_.is_none()) {
            let message = format!("the parameter {:?} of a Pipeline in a Pipeline has no type", param.name);
            let place = nested.place.key("params").index(index).key("name");
            report.at(&MISSING_FIELD, place, message).hint("add type: string, array or object");
        }
    }
    for param in declarations(cx).iter().flat_map(Declarations::each) {
        let Some(default) = &param.spec.default else { continue };
        let (wanted, found) = (param.kind(), default.kind());
        if wanted == found {
            continue;
        }
        let message = format!("{:?} is {}, but its default is {}", param.spec.name, with_article(wanted), with_article(found));
        let finding = report.at(&PARAM_DEFAULT, param.place.key("default"), message);
        match (wanted, default) {
            (ParamType::Array, ParamValue::String(text)) if text.starts_with('[') => {
                finding.hint("it is a list of strings only if each element is one: put quotes around the others");
            }
            (ParamType::Array, ParamValue::String(text)) if text.is_empty() => finding.hint("the empty array is []"),
            (ParamType::Array, ParamValue::String(_)) => finding.hint("write it as a list"),
            (ParamType::String, _) => finding.hint(format!("write type: {found}, if that is what it is")),
            _ => {}
        }
    }
}

/// An enum that cannot be.
static PARAM_ENUM: Rule = Rule {
    name: "param-enum",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Only a string has an `enum`, with each value once, and its default among them.",
    explanation: "The check of enums in the cluster needs the flag enable-param-enum besides.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: targets
    type: array
    enum: [all, docs]
  steps:
  - image: example.com/make:1
    command: [/make]
    args: [\"$(params.targets[*])\"]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: targets
    type: array
  steps:
  - image: example.com/make:1
    command: [/make]
    args: [\"$(params.targets[*])\"]
",
    check: Some(param_enum),
};

fn param_enum(cx: &Cx<'_>, report: &mut Report<'_>) {
    // Tekton looks at enums neither when a StepAction is made nor when it runs.
    for list in declarations(cx).iter().filter(|list| list.of != DeclaredBy::StepAction) {
        for Declared { spec, place } in list.each().filter(|param| !param.spec.enum_.is_empty()) {
            let kind = Declared { spec, place }.kind();
            if kind != ParamType::String {
                let message = format!("{:?} is {}, which cannot have an enum", spec.name, with_article(kind));
                report.at(&PARAM_ENUM, place.name_of("enum"), message);
                continue;
            }
            require(cx, Feature::PARAM_ENUM, "enums of parameters", place.name_of("enum"), report);
            for (index, value) in spec.enum_.iter().enumerate() {
                if spec.enum_[..index].contains(value) {
                    let message = format!("the value {value:?} is twice in the enum of {:?}", spec.name);
                    report.at(&PARAM_ENUM, place.key("enum").index(index), message);
                }
            }
            if let Some(ParamValue::String(default)) = &spec.default
                && !default.is_empty()
                && !spec.enum_.contains(default)
            {
                let message = format!("the default {default:?} is not in the enum of {:?}", spec.name);
                let values = spec.enum_.iter().map(String::as_str);
                let otherwise = format!("it takes: {}", spec.enum_.join(", "));
                report.at(&PARAM_ENUM, place.key("default"), message).did_you_mean(default, values, &otherwise);
            }
        }
    }
}
