//! PipelineRuns, TaskRuns, Tasks and StepActions as what is run.

use crate::support::{TASK, case, pipeline, shown};

#[test]
fn a_task_by_itself_gives_its_results() {
    let yaml = r#"
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: greet}
spec:
  params: [{name: who}, {name: greeting, default: Hello}]
  workspaces: [{name: w, optional: true}]
  results: [{name: text}, {name: never}]
  steps: [{name: s, image: i, script: 'printf "%s" "$(params.greeting), $(params.who)$(workspaces.w.path)! $(context.taskRun.name) $(context.task.name)" > $(results.text.path)'}]
"#;
    let mut case = case(yaml);
    case.params = &["who=Ada"];
    insta::assert_snapshot!(shown(&case.hosted().summary), @r#"
    greet: succeeded (Succeeded) {"text":"Hello, Ada! run greet"}
    = succeeded (Succeeded), exit 0 {"text":"Hello, Ada! run greet"}
    "#);
}

#[test]
fn a_task_run_says_what_it_wants_and_the_command_line_more() {
    let yaml = r#"
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {generateName: greet-}
spec:
  retries: 1
  timeout: 30s
  params: [{name: who, value: Ada}, {name: from, value: file}]
  workspaces: [{name: w, emptyDir: {}}]
  taskSpec:
    params: [{name: who}, {name: from}]
    workspaces: [{name: w}]
    results: [{name: text}]
    steps: [{name: s, image: i, script: 'touch $(workspaces.w.path)/x; printf "%s" "$(params.who) $(params.from) $(context.task.retry-count)" > $(results.text.path); test $(context.task.retry-count) = 1'}]
"#;
    let mut case = case(yaml);
    case.params = &["from=command line"];
    insta::assert_snapshot!(shown(&case.hosted().summary), @r#"
    greet: succeeded (Succeeded) {"text":"Ada command line 1"}
    = succeeded (Succeeded), exit 0 {"text":"Ada command line 1"}
    "#);
}

#[test]
fn a_pipeline_run_refers_to_its_pipeline() {
    let run = "---\napiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {name: my-run}\nspec: {pipelineRef: {name: p}, params: [{name: x, value: given}], taskRunSpecs: [{pipelineTaskName: a, timeout: 10s}]}\n";
    let yaml = pipeline(
        "params: [{name: x}]\ntasks: [{name: a, taskRef: {name: t}, params: [{name: args, value: [$(params.x), $(context.pipelineRun.name), $(context.pipeline.name)]}]}]",
    ) + TASK
        + run;
    let (_, asked) = case(&yaml).answered(&[]);
    assert_eq!(asked, [r#"a ["given", "run", "p"]"#]);
}

#[test]
fn step_actions_have_parameters_and_results_of_their_own() {
    let yaml = r#"
apiVersion: tekton.dev/v1beta1
kind: StepAction
metadata: {name: shout}
spec:
  params: [{name: text}, {name: mark, default: "!"}]
  results: [{name: loud}]
  image: i
  env: [{name: TEXT, value: "$(params.text)$(params.mark)"}]
  script: printf %s "$TEXT" | tr a-z A-Z > $(step.results.loud.path)
---
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: t}
spec:
  params: [{name: who, default: ada}]
  results: [{name: out, value: $(steps.first.results.loud)}]
  steps:
  - {name: first, ref: {name: shout}, params: [{name: text, value: $(params.who)}]}
  - {name: again, ref: {name: shout}, params: [{name: text, value: "$(steps.first.results.loud) and more"}, {name: mark, value: ""}]}
  - {name: show, image: i, command: [echo, $(steps.again.results.loud)]}
"#;
    let run = case(yaml).hosted();
    insta::assert_snapshot!(shown(&run.summary), @r#"
    t: succeeded (Succeeded) {"out":"ADA!"}
    = succeeded (Succeeded), exit 0 {"out":"ADA!"}
    "#);
    assert_eq!(run.lines, ["t/show | ADA! AND MORE"]);
}
