//! `stepwright test` of Pipelines whose Tasks somebody else has: what cases say of these stands in for them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::process::Command;

const PIPELINE: &str = "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  params:
  - {name: url, default: https://git.example.com/a.git}
  results:
  - {name: COMMIT, value: $(tasks.clone.results.commit)}
  tasks:
  - name: clone
    taskRef:
      resolver: cluster
      params:
      - {name: kind, value: task}
      - {name: name, value: git-clone}
      - {name: namespace, value: tools}
    params:
    - {name: url, value: $(params.url)}
  - name: tell
    taskSpec:
      params: [{name: commit}]
      steps: [{name: tell, image: example/tell, command: [tell], args: [$(params.commit)]}]
    params:
    - {name: commit, value: $(tasks.clone.results.commit)}
";

const CASE: &str = "\
cases:
- name: what is cloned is told
  given: {clone: {results: {commit: c0ffee}}}
  expect:
    results: {COMMIT: c0ffee}
    runs:
      clone: {params: {url: https://git.example.com/a.git}}
      tell: {args: [c0ffee]}
";

/// What is said of the Pipeline with these stand-ins, and the exit code.
fn test(tasks: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("pipeline.yaml"), PIPELINE).unwrap();
    std::fs::write(directory.path().join("tests.yaml"), format!("{tasks}{CASE}")).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_stepwright")).args(["test", "."]).current_dir(directory.path()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}exit {}", text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

#[test]
fn what_is_said_of_a_task_stands_in_for_it() {
    insta::assert_snapshot!(test("tasks: {clone: {params: [{name: url}], results: [{name: commit}]}}\n"), @"
    ok      p: what is cloned is told
    1 passed, 0 failed
    exit 0
    ");
    // The whole spec of the real one will do.
    let spec = "tasks: {clone: {description: clones, params: [{name: url}, {name: depth, default: '1'}], results: [{name: commit}], \
        steps: [{name: clone, image: example/git, script: git clone}]}}\n";
    assert!(test(spec).ends_with("exit 0"), "{}", test(spec));
}

#[test]
fn without_it_there_is_nothing_to_test() {
    insta::assert_snapshot!(test(""), @"
    FAILED  p: what is cloned is told
        ./tests.yaml:2:3: the run
          - starts
          + the task clone takes its Task from the resolver cluster, which is not asked here
          + hint: give the Task's file with -f and refer to it by name
    0 passed, 1 failed
    (- is what was expected, + what came of it)
    error: 1 of 1 cases failed
    exit 1
    ");
}

#[test]
fn a_stand_in_that_does_not_fit_is_told() {
    insta::assert_snapshot!(test("tasks: {clon: {}}\n"), @r#"
    ./tests.yaml:1:9: error[unknown-task]: the pipeline p has no task "clon"
        tasks: {clon: {}}
                ^
        hint: did you mean `clone`?
    error: cases in .: 1 error
    exit 3
    "#);
    insta::assert_snapshot!(test("tasks: {tell: {}}\n"), @r#"
    ./tests.yaml:1:9: error[impossible]: the Task of "tell" is known
        tasks: {tell: {}}
                ^
        hint: say only what Tasks take and give that somebody else has
    error: cases in .: 1 error
    exit 3
    "#);
    insta::assert_snapshot!(test("tasks: {clone: {params: [{name: uri}], results: [{name: commit}]}}\n"), @r#"
    ./tests.yaml:1:9: error[unknown-param]: the Task of "clone" has no param "url", which the pipeline passes
        tasks: {clone: {params: [{name: uri}], results: [{name: commit}]}}
                ^
        hint: did you mean `uri`?
    error: cases in .: 1 error
    exit 3
    "#);
    insta::assert_snapshot!(test("tasks: {clone: {params: [{name: url}], results: [{name: COMMIT}]}}\n"), @r#"
    ./tests.yaml:4:29: error[unknown-result]: the Task of "clone" has no result "commit"
        given: {clone: {results: {commit: c0ffee}}}
                                  ^
        hint: did you mean `COMMIT`?
    error: cases in .: 1 error
    exit 3
    "#);
    insta::assert_snapshot!(test("tasks: {clone: {param: [{name: url}]}}\n"), @"
    ./tests.yaml:1:17: error[unknown-field]: there is no field `param` here
        tasks: {clone: {param: [{name: url}]}}
                        ^
        hint: did you mean `params`?
    error: cases in .: 1 error
    exit 3
    ");
}
