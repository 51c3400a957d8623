//! The rule about parameters that are not there, wherever they are used.

use std::collections::HashSet;

use super::fields::steps_of;
use super::param_texts::{Holds, ParamText, each_text, is_replaced};
use super::references::found;
use super::scope::Reach;
use super::{Rule, ToldBy};
use crate::check::{Cx, TaskOwner};
use crate::finding::{Advice, Report, Severity};
use crate::names::ParamName;
use crate::variable::Variable;

pub(super) static RULES: &[&Rule] = &[&UNDECLARED_PARAM];

/// A parameter that is not there.
static UNDECLARED_PARAM: Rule = Rule {
    name: "undeclared-param",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Only parameters, and keys of objects, that are declared are used.",
    explanation: "A Task that is written into a Pipeline also has the Pipeline's parameters, and in a run those that the run gives. A name with dots in it needs brackets: `$(params[\"a.b\"])`.\n\nOf sidecars, volumes, conditions of steps, and what a StepAction is given, nobody else tells: Tekton leaves the variable as it is written.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: target
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [$(params.taregt)]
  - name: test
    image: example.com/make:1
    command: [/make]
    args: [$(params.target)]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: target
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [$(params.target)]
",
    check: Some(undeclared_param),
};

const FORMS: &str = "write $(params.NAME), $(params.NAME[*]), $(params.NAME[0]) or $(params.NAME.KEY)";

fn undeclared_param(cx: &Cx<'_>, report: &mut Report<'_>) {
    each_text(cx, &mut |text, reach| {
        for found in found(text.text, "params") {
            if found.plain_name().is_some_and(|name| reach.has(&name)) {
                continue;
            }
            let written = &text.text[found.range.clone()];
            let place = text.part(found.range.clone());
            let Some(name) = found.plain_name() else {
                if reach.is_known() || text.holds != Holds::Word {
                    let message = format!("{written} has more than a name and a key");
                    let hint = match reach.has(found.inner) {
                        true => format!("a name with dots goes into brackets: {}", variable(found.inner, "")),
                        false => "a parameter is $(params.NAME), a key of an object $(params.NAME.KEY)".to_owned(),
                    };
                    report.at(&UNDECLARED_PARAM, place, message).hint(hint);
                }
                continue;
            };
            if !reach.is_known() {
                continue;
            }
            if name.parse::<ParamName>().is_err() {
                let message = format!("{written} names no parameter");
                let hint =
                    quoted_key(&name).map_or_else(|| FORMS.to_owned(), |(name, key)| format!("write $(params.{name}.{key})"));
                report.at(&UNDECLARED_PARAM, place, message).hint(hint);
                continue;
            }
            let finding = report.at(&UNDECLARED_PARAM, place, format!("the parameter {name:?} is not declared"));
            if reach.has(found.inner) {
                finding.hint(format!("a name with dots goes into brackets: {}", variable(found.inner, "")));
            } else {
                finding.did_you_mean(&name, reach.names(), &format!("add to the params: {{name: {name}}}"));
            }
        }
        if text.holds != Holds::OneWhole && text.text.contains("$(params.") {
            undeclared_key(text, reach, report);
        }
    });
    unreplaced(cx, report);
}

/// A reference to a parameter as it has to be written.
pub(super) fn variable(name: &str, access: &str) -> String {
    if name.contains('.') { format!("$(params[\"{name}\"]{access})") } else { format!("$(params.{name}{access})") }
}

/// Name and key of `NAME["KEY"]`, which is a form of other languages.
fn quoted_key(text: &str) -> Option<(&str, &str)> {
    let (name, key) = text.strip_suffix(']')?.split_once('[')?;
    Some((name, key.trim_matches(['"', '\''])))
}

fn undeclared_key(text: ParamText<'_>, reach: &Reach<'_>, report: &mut Report<'_>) {
    for (object, keys) in reach.objects().filter(|(object, _)| text.text.contains(object)) {
        for found in found(text.text, &format!("params.{object}")) {
            // With more dots than that, the parameter is wrong already.
            let Some(key) = found.plain_name().filter(|key| !keys.contains(key.as_str())) else { continue };
            let message = format!("the object {object:?} has no key {key:?}");
            let otherwise = format!("add to its properties: {key}: {{}}");
            let place = text.part(found.range);
            report.at(&UNDECLARED_PARAM, place, message).did_you_mean(&key, keys.iter().copied(), &otherwise);
        }
    }
}

/// Where admission does not look, and nothing is put in a variable's place.
fn unreplaced(cx: &Cx<'_>, report: &mut Report<'_>) {
    for view in cx.tasks() {
        let reach = Reach::of_task(cx, view);
        let mut given: HashSet<&str> = HashSet::new();
        match view.owner {
            // Where admission does not know what there is, the run may still bring it along.
            TaskOwner::PipelineTask { .. } if reach.names().next().is_none() => continue,
            TaskOwner::PipelineTask { task, .. } => given.extend(task.params.iter().map(|param| param.name.as_str())),
            TaskOwner::Task(_) | TaskOwner::TaskRun(_) => {}
        }
        let asked = steps_of(view).into_iter().flat_map(|step| step.texts).filter(|text| is_replaced(text.field));
        let asked: HashSet<_> = asked.map(|text| text.place.span().start).collect();
        for text in cx.texts_of(view).iter().filter(|text| !asked.contains(&text.place.span().start)) {
            for reference in text.references() {
                let Variable::Param { name, .. } = reference.variable else { continue };
                if !reach.has(name) && !given.contains(name) {
                    let message = format!("the parameter {name:?} is not declared: nothing is put in its place");
                    let otherwise = format!("add to the params: {{name: {name}}}");
                    let names = reach.names().chain(given.iter().copied());
                    let finding = report.at(&UNDECLARED_PARAM, text.part(reference.range), message);
                    finding.told_by(ToldBy::Nobody).did_you_mean(name, names, &otherwise);
                }
            }
        }
    }
}
