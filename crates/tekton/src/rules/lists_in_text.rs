//! The rule about arrays and objects where a string has to be.

use super::param_texts::{Holds, each_text};
use super::references::found;
use super::undeclared_params::variable;
use super::{Rule, ToldBy};
use crate::check::Cx;
use crate::finding::{Advice, Report, Severity};

pub(super) static RULES: &[&Rule] = &[&LIST_IN_TEXT];

/// An array or object where a string has to be.
static LIST_IN_TEXT: Rule = Rule {
    name: "list-in-text",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "An array or object is not put into a string.",
    explanation: "In a step, an array stands alone in `command` or `args`, as `$(params.x[*])`; each element becomes an argument of its own, so nothing can stand beside it. In a task of a Pipeline, an array or object stands alone, with `[*]`, as the whole value of a parameter; an array also as an item of a list, or as one of the values of a condition. One element, `$(params.x[0])`, and one value of an object, `$(params.x.key)`, are strings and can be used in any text.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  params:
  - name: targets
    type: array
  steps:
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [\"--targets=$(params.targets[*])\"]
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
  - name: compile
    image: example.com/make:1
    command: [/make]
    args: [\"$(params.targets[*])\"]
",
    check: Some(list_in_text),
};

fn list_in_text(cx: &Cx<'_>, report: &mut Report<'_>) {
    each_text(cx, &mut |text, reach| {
        if matches!(text.holds, Holds::Word | Holds::OneWhole) {
            return;
        }
        let all = found(text.text, "params");
        // Tekton compares with the first reference only; a second one makes the text longer all the same.
        let is_alone = all.first().is_some_and(|first| first.range.len() == text.text.len());
        for reference in &all {
            let whole = without_star(reference.inner);
            let name = without_star(reference.name().unwrap_or_default());
            if let Some(keys) = reach.keys(whole).next() {
                let key = keys.first().copied().unwrap_or("KEY");
                let message = format!("the object {whole:?} cannot be used as a whole here");
                let hint = format!("write one of its keys: $(params.{whole}.{key})");
                report.at(&LIST_IN_TEXT, text.part(reference.range.clone()), message).hint(hint);
            } else if reach.is_array(name) && !(text.holds == Holds::Arrays && is_alone) {
                let (message, hint) = match text.holds {
                    Holds::Arrays => (
                        format!("the array {name:?} cannot stand beside other text"),
                        format!("write {} as an element of its own", variable(name, "[*]")),
                    ),
                    _ => (
                        format!("the array {name:?} cannot stand in a string"),
                        format!("write one element: {}, or {} where a list can be", variable(name, "[0]"), variable(name, "[*]")),
                    ),
                };
                report.at(&LIST_IN_TEXT, text.part(reference.range.clone()), message).hint(hint);
            }
        }
    });
}

fn without_star(name: &str) -> &str {
    name.strip_suffix("[*]").unwrap_or(name)
}
