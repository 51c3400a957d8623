//! What people write, and what they are told: one change each to a Task that is right.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write;

use tekton::check::{Options, check};
use tekton::source::Source;

const TASK: &str = "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: make
spec:
  params:
  - name: target
    type: string
  workspaces:
  - name: source
  steps:
  - name: build
    image: example.com/make:1
    command: [/make]
    args: [--all, $(params.target)]
    workingDir: $(workspaces.source.path)
";

/// What is there, and what somebody writes instead.
const CHANGES: &[(&str, &str)] = &[
    ("$(params.target)", "$(param.target)"),
    ("$(params.target)", "$(params.Target)"),
    ("$(params.target)", "$(inputs.params.target)"),
    ("$(params.target)", "'$(params[target])'"),
    ("$(params.target)", "$( params.target )"),
    ("$(params.target)", "$(params.target"),
    ("$(params.target)", "'${params.target}'"),
    ("$(params.target)", "'{{params.target}}'"),
    ("$(params.target)", "'${{ params.target }}'"),
    ("$(params.target)", "$(context.taskrun.name)"),
    ("$(workspaces.source.path)", "$(workspaces.source)"),
    ("args: [--all, $(params.target)]", "args: $(params.target)"),
    ("    workingDir:", "    resources: {}\n    workingDir:"),
    ("  steps:", "steps:"),
    ("kind: Task", "kind: task"),
    ("  - name: build", "  - name: y"),
    ("args: [--all,", "args: [0644,"),
];

#[test]
fn everybody_is_told_what_to_write() {
    let told = |text: &str| check(&[Source::new("task.yaml", text)], &Options::default()).findings;
    assert!(told(TASK).is_empty());
    let mut shown = String::new();
    for (right, wrong) in CHANGES {
        assert!(TASK.contains(right), "{right}");
        // That a parameter is not used follows from its being written wrongly.
        let mut findings = told(&TASK.replacen(right, wrong, 1));
        findings.retain(|finding| finding.rule.name != "unused-param");
        writeln!(shown, "{}", wrong.trim()).unwrap();
        for finding in findings {
            writeln!(shown, "  {}: {} ({})", finding.rule.name, finding.message, finding.hint.unwrap_or_default()).unwrap();
        }
    }
    insta::assert_snapshot!(shown, @r#"
    $(param.target)
      unknown-variable: there is no variable $(param.target) (did you mean $(params.target)?)
    $(params.Target)
      undeclared-param: the parameter "Target" is not declared (did you mean "target"?)
    $(inputs.params.target)
      unknown-variable: there is no variable $(inputs.params.target) (did you mean $(params.target)?)
    '$(params[target])'
      unknown-variable: there is no variable $(params[target]) (did you mean $(params.target)?)
    $( params.target )
      unknown-variable: there is no variable $( params.target ) (did you mean $(params.target)?)
    $(params.target
      unknown-variable: $(params.target has no end (write $(params.target))
    '${params.target}'
      unknown-variable: ${params.target} is no variable of Tekton's (write $(params.target))
    '{{params.target}}'
      unknown-variable: {{params.target}} is no variable of Tekton's (write $(params.target))
    '${{ params.target }}'
      unknown-variable: ${{ params.target }} is no variable of Tekton's (write $(params.target))
    $(context.taskrun.name)
      unknown-context: there is no $(context.taskrun.name) (did you mean "taskRun"?)
    $(workspaces.source)
      unknown-variable: there is no variable $(workspaces.source) (write $(workspaces.NAME.path) or $(workspaces.NAME.bound))
    args: $(params.target)
      wrong-type: `args` wants a list, not the string "$(params.target)" (write a list: [$(params.target)])
    resources: {}
        workingDir:
      unknown-field: there is no field `resources` here (it is called `computeResources`)
    steps:
      unknown-field: there is no field `steps` here (it belongs into `spec`: indent it)
    kind: task
      unknown-kind: there is no task in tekton.dev/v1 (did you mean "Task"?)
    - name: y
      wrong-type: `name` wants a string, not the boolean y (write it in quotes: "y")
    args: [0644,
      wrong-type: wants a string, not the number 0644 (write it in quotes: "0644")
    "#);
}

#[test]
fn a_file_that_is_not_read_is_not_missed() {
    let pipeline = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n  tasks:\n  - name: a\n    taskRef: {name: make}\n";
    let sources = [Source::new("task.yaml", "kind: [\n"), Source::new("pipeline.yaml", pipeline)];
    let names: Vec<_> = check(&sources, &Options::default()).findings.iter().map(|finding| finding.rule.name).collect();
    assert_eq!(names, ["yaml-syntax"]);
}

#[test]
fn a_message_is_one_line_whatever_a_name_holds() {
    let told =
        check(&[Source::new("a", "apiVersion: tekton.dev/v1\nkind: Task\nspec: {\"a\\nb\\e[2J\": 1}\n")], &Options::default());
    let messages: Vec<_> = told.findings.iter().map(|finding| finding.message.as_str()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r"there is no field `a\nb\u{1b}[2J` here");
}
