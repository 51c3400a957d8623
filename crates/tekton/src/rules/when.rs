//! Rules about `when`: the conditions of a Pipeline's tasks and of steps.

use super::levels::{Feature, require};
use super::{Rule, ToldBy, when_cel};
use crate::check::Cx;
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::WhenExpression;

pub(super) static RULES: &[&Rule] = &[&INCOMPLETE_WHEN, &CEL_EXPRESSION];

/// Half a condition.
static INCOMPLETE_WHEN: Rule = Rule {
    name: "incomplete-when",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A condition has an input, an operator and values, or an expression in CEL, and not both.",
    explanation: "The operator is `in` or `notin`. An empty string is an input and a value like any other.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  params:
  - name: mode
  tasks:
  - name: compile
    when:
    - input: $(params.mode)
      operator: notin
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  params:
  - name: mode
  tasks:
  - name: compile
    when:
    - input: $(params.mode)
      operator: notin
      values: [\"\"]
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    check: Some(incomplete_when),
};

fn incomplete_when(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (WhenExpression { input, operator, values, cel }, place) in conditions(cx) {
        let input = input.as_deref().unwrap_or_default();
        if cel.as_deref().is_some_and(|cel| !cel.is_empty()) {
            // Where it is wrong, that comes first.
            if cel.as_deref().is_some_and(|cel| when_cel::check(cel).is_ok()) {
                require(cx, Feature::CEL, "conditions in CEL", place.name_of("cel"), report);
            }
            if !input.is_empty() || operator.is_some() || !values.is_empty() {
                let message = "the condition has an expression in CEL, and more";
                let hint = "write it all in CEL, or leave cel out";
                report.at(&INCOMPLETE_WHEN, place.name_of("cel"), message).hint(hint);
            }
        } else if operator.is_none() {
            let message =
                if input.is_empty() && values.is_empty() { "the condition is empty" } else { "the condition has no operator" };
            report.at(&INCOMPLETE_WHEN, place, message).hint("there is: in, notin");
        } else if values.is_empty() {
            let message = "the condition has no values to look among";
            report.at(&INCOMPLETE_WHEN, place.name_of("values"), message).hint("for an empty string write values: [\"\"]");
        }
    }
}

/// Every condition, with its place.
fn conditions<'a>(cx: &Cx<'a>) -> impl Iterator<Item = (&'a WhenExpression, Place<'a>)> {
    let of_tasks = cx.pipeline_tasks().map(|(_, view)| (&view.task.when, view.place.key("when")));
    let steps =
        cx.tasks().flat_map(|view| view.spec.steps.iter().enumerate().map(move |(index, step)| (index, step, view.place)));
    let of_steps = steps.map(|(index, step, place)| (&step.when, place.key("steps").index(index).key("when")));
    let lists = of_tasks.chain(of_steps);
    lists.flat_map(|(list, place)| list.iter().enumerate().map(move |(index, when)| (when, place.index(index))))
}

/// Not CEL.
static CEL_EXPRESSION: Rule = Rule {
    name: "cel-expression",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "An expression of a condition is CEL without names of its own.",
    explanation: "Tekton replaces its variables before it looks at the expression, so they belong into quotes: `'$(params.mode)' == 'fast'`. Here the grammar and the names are checked, not the types.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  params:
  - name: mode
  tasks:
  - name: compile
    when:
    - cel: $(params.mode) == 'fast'
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  params:
  - name: mode
  tasks:
  - name: compile
    when:
    - input: $(params.mode)
      operator: in
      values: [fast]
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    check: Some(cel_expression),
};

fn cel_expression(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (when, place) in conditions(cx) {
        let Some(cel) = when.cel.as_deref().filter(|cel| !cel.is_empty()) else { continue };
        if let Err(why) = when_cel::check(cel) {
            let message = format!("{cel:?} is not an expression in CEL: {why}");
            report.at(&CEL_EXPRESSION, place.key("cel"), message).hint("put variables in quotes: '$(params.mode)' == 'fast'");
        }
    }
}
