//! Parameters, results and matrices: what reaches whom as what.

use std::collections::BTreeSet;

use tekton::v1::ParamValue;

use crate::support::{Answer, TASK, case, pipeline, shown, succeeds};

#[test]
fn values_of_every_type_reach_the_command_line() {
    let yaml = pipeline(
        r#"
params:
- {name: s}
- {name: list, type: array, default: [one, "two three"]}
- {name: o, type: object, properties: {url: {}, tag: {}}, default: {url: u, tag: latest}}
- {name: derived, default: "$(params.s)-$(context.pipeline.name)"}
tasks:
- name: a
  taskRef: {name: t}
  params: [{name: args, value: ["s=$(params.s)", "$(params.list[*])", "$(params.list[1])", $(params.o.tag), "$(params['o'].url)", $(params.derived)]}]
- name: whole
  taskRef: {name: t}
  params: [{name: args, value: "$(params.list[*])"}]
- name: given
  taskRef: {name: t}
  params: [{name: args, value: [$(tasks.a.results.r), "$(tasks.a.results.list[*])", "$(tasks.a.results.list[0])", $(tasks.a.results.map.k)]}]
results:
- {name: string, value: "<$(tasks.a.results.r)>"}
- {name: list, value: ["$(tasks.a.results.list[*])"]}
- {name: all, value: "$(tasks.a.results.list[*])"}
- {name: map, value: "$(tasks.a.results.map[*])"}
- {name: key, value: $(tasks.a.results.map.m)}
"#,
    ) + TASK;
    let map = [("k".to_owned(), "v w".to_owned()), ("m".to_owned(), "1".to_owned())].into();
    let answer = Answer::Succeeds(vec![
        ("r", "$(params.s) {{ ä \"q\" }}".into()),
        ("list", vec!["x".to_owned(), "".to_owned()].into()),
        ("map", ParamValue::Object(map)),
    ]);
    let mut case = case(&yaml);
    case.params = &["s=a, b $HOME\n*", "o={\"url\":\"U\"}"];
    case.jobs = 1;
    let (summary, asked) = case.answered(&[("a", answer)]);
    insta::assert_snapshot!(asked.join("\n"), @r#"
    a ["s=a, b $HOME\n*", "one", "two three", "two three", "latest", "U", "a, b $HOME\n*-p"]
    whole ["one", "two three"]
    given ["$(params.s) {{ ä \"q\" }}", "x", "", "x", "v w"]
    "#);
    insta::assert_snapshot!(shown(&summary), @r#"
    a: succeeded (Succeeded) {"list":["x",""],"map":{"k":"v w","m":"1"},"r":"$(params.s) {{ ä \"q\" }}"}
    whole: succeeded (Succeeded)
    given: succeeded (Succeeded)
    = succeeded (Succeeded), exit 0 {"all":["x",""],"key":"1","list":["x",""],"map":{"k":"v w","m":"1"},"string":"<$(params.s) {{ ä \"q\" }}>"}
    "#);
}

#[test]
fn inline_tasks_see_the_parameters_of_the_run() {
    let yaml = pipeline(
        r#"
params: [{name: who, default: world}, {name: own, default: outer}]
tasks:
- name: a
  params: [{name: own, value: inner}]
  taskSpec:
    steps: [{name: s, image: i, command: [c], args: [$(params.who), $(params.own), $(context.pipelineRun.name), $(context.taskRun.name)]}]
- name: b
  runAfter: [a]
  taskSpec:
    steps: [{name: s, image: i, command: [c], args: [$(params.own)]}]
"#,
    );
    let (_, asked) = case(&yaml).answered(&[]);
    assert_eq!(asked, [r#"a ["world", "inner", "run", "run-a"]"#, r#"b ["outer"]"#]);
}

#[test]
fn a_matrix_runs_each_combination_and_gives_lists() {
    let yaml = pipeline(
        r#"
params: [{name: os, type: array, default: [linux, mac]}]
tasks:
- name: build
  matrix:
    params: [{name: os, value: ["$(params.os[*])"]}, {name: arch, value: [amd64, arm64]}]
    include:
    - {name: fast, params: [{name: os, value: linux}, {name: flags, value: -O3}]}
    - {name: extra, params: [{name: os, value: plan9}, {name: arch, value: "386"}]}
  taskSpec:
    params: [{name: os}, {name: arch}, {name: flags, default: none}]
    results: [{name: r}]
    steps: [{name: s, image: i, command: [c], args: [$(params.os), $(params.arch), $(params.flags)]}]
- name: collect
  taskRef: {name: t}
  params:
  - {name: args, value: ["$(tasks.build.results.r[*])", "$(tasks.build.results.r[0])", $(tasks.build.matrix.length), $(tasks.build.matrix.r.length)]}
"#,
    ) + TASK;
    let mut case = case(&yaml);
    case.jobs = 1;
    let answers = ["0", "1", "2", "3", "4"].map(|n| (format!("build-{n}"), succeeds(&[("r", n)])));
    let answers: Vec<_> = answers.iter().map(|(name, answer)| (name.as_str(), answer.clone())).collect();
    let (summary, asked) = case.answered(&answers);
    insta::assert_snapshot!(asked.join("\n"), @r#"
    build-0 ["linux", "mac", "amd64", "-O3"]
    build-1 ["linux", "mac", "amd64", "none"]
    build-2 ["linux", "mac", "arm64", "-O3"]
    build-3 ["linux", "mac", "arm64", "none"]
    build-4 ["linux", "mac", "386", "none"]
    collect ["0", "1", "2", "3", "4", "0", "5", "5"]
    "#);
    insta::assert_snapshot!(shown(&summary), @r#"
    build: succeeded (Succeeded) {"r":["0","1","2","3","4"]}
    collect: succeeded (Succeeded)
    = succeeded (Succeeded), exit 0
    "#);
    case.params = &["os=[]"];
    insta::assert_snapshot!(shown(&case.answered(&[]).0), @"
    build: skipped (Matrix Parameters have an empty array)
    collect: skipped (Parent Tasks were skipped)
    = succeeded (Completed), exit 0
    ");
}

#[test]
fn one_bad_combination_fails_the_task() {
    let yaml = pipeline(
        "tasks: [{name: m, matrix: {params: [{name: x, value: [a, b]}]}, taskSpec: {params: [{name: x}], results: [{name: r}], steps: [{name: s, image: i, command: [c]}]}}]",
    );
    insta::assert_snapshot!(shown(&case(&yaml).answered(&[("m-0", succeeds(&[("r", "ok")])), ("m-1", Answer::Fails(9))]).0), @r#"
    m: failed (StepFailed) {"r":["ok"]}
    = failed (Failed), exit 7
    "#);
}

#[test]
fn a_result_of_a_pipeline_that_nobody_wrote_fails_it() {
    let yaml = pipeline("tasks: [{name: a, taskRef: {name: t}}]\nresults: [{name: x, value: $(tasks.a.results.r)}]") + TASK;
    let (summary, _) = case(&yaml).answered(&[]);
    insta::assert_snapshot!(shown(&summary), @"
    a: succeeded (Succeeded)
    = failed (CouldntGetPipelineResult), exit 3
    ");
    insta::assert_snapshot!(summary.message, @"the results x of the Pipeline refer to results that no task has written");
}

#[test]
fn a_task_called_as_one_of_a_matrix_has_results_of_its_own() {
    let write = |word: &str| {
        let script = format!("dirname $(results.r.path); printf %s {word} > $(results.r.path)");
        format!("results: [{{name: r}}], steps: [{{name: s, image: i, script: '{script}'}}]")
    };
    let yaml = pipeline(&format!(
        "tasks:\n- {{name: build, matrix: {{params: [{{name: os, value: [a, b]}}]}}, taskSpec: {{params: [{{name: os}}], {}}}}}\n- {{name: build-0, taskSpec: {{{}}}}}",
        write("matrix"),
        write("other"),
    ));
    let run = case(&yaml).hosted();
    insta::assert_snapshot!(shown(&run.summary), @r#"
    build: succeeded (Succeeded) {"r":["matrix","matrix"]}
    build-0: succeeded (Succeeded) {"r":"other"}
    = succeeded (Succeeded), exit 0
    "#);
    // They may run at once, so that good results are not enough.
    let directories: BTreeSet<_> = run.lines.iter().filter_map(|line| line.split_once(" | ")).map(|(_, path)| path).collect();
    assert_eq!(directories.len(), 3, "{directories:?}");
}
