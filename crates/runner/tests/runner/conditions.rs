//! `when`, skipped tasks, `finally`.

use crate::support::{Answer, TASK, case, pipeline, shown, succeeds};

#[test]
fn a_task_skipped_by_when_skips_only_those_that_need_its_results() {
    let yaml = pipeline(
        r#"
params: [{name: go, default: "no"}]
tasks:
- {name: a, taskRef: {name: t}, when: [{input: $(params.go), operator: in, values: ["yes"]}]}
- {name: ordered, taskRef: {name: t}, runAfter: [a]}
- {name: resourced, taskRef: {name: t}, params: [{name: args, value: [$(tasks.a.results.r)]}]}
- {name: after-resourced, taskRef: {name: t}, runAfter: [resourced]}
- {name: other, taskRef: {name: t}, when: [{input: $(params.go), operator: notin, values: ["yes"]}]}
finally:
- {name: f, taskRef: {name: t}, params: [{name: args, value: [$(tasks.status), $(tasks.a.status), "$(tasks.a.reason)", $(tasks.ordered.status)]}]}
"#,
    ) + TASK;
    let (summary, asked) = case(&yaml).answered(&[]);
    insta::assert_snapshot!(shown(&summary), @"
    a: skipped (When Expressions evaluated to false)
    ordered: succeeded (Succeeded)
    resourced: skipped (Results were missing)
    after-resourced: skipped (Parent Tasks were skipped)
    other: succeeded (Succeeded)
    f: succeeded (Succeeded)
    = succeeded (Completed), exit 0
    ");
    assert_eq!(asked.last().unwrap(), r#"f ["Completed", "None", "", "Succeeded"]"#);
    let (summary, _) = case(&yaml).answered(&[("a", succeeds(&[("r", "x")]))]);
    assert_eq!(summary.reason, "Completed");
}

#[test]
fn conditions_with_results_arrays_and_cel() {
    let yaml = pipeline(
        r#"
params: [{name: list, type: array, default: [a, b]}, {name: branch, default: main}]
tasks:
- {name: giver, taskRef: {name: t}}
- {name: by-result, taskRef: {name: t}, when: [{input: $(tasks.giver.results.r), operator: in, values: ["yes"]}]}
- {name: by-array, taskRef: {name: t}, when: [{input: b, operator: in, values: ["$(params.list[*])"]}]}
- {name: by-results, taskRef: {name: t}, when: [{input: c, operator: notin, values: ["$(tasks.giver.results.list[*])"]}]}
- {name: by-cel, taskRef: {name: t}, when: [{cel: "'$(params.branch)' == 'main' && '$(tasks.giver.results.r)'.startsWith('y')"}]}
- {name: not-by-cel, taskRef: {name: t}, when: [{cel: "'$(params.branch)' in ['dev', 'test']"}]}
- {name: both, taskRef: {name: t}, when: [{input: a, operator: in, values: [a]}, {cel: "1 > 2"}]}
"#,
    ) + TASK;
    let giver = Answer::Succeeds(vec![("r", "yes".into()), ("list", vec!["c".to_owned()].into())]);
    insta::assert_snapshot!(shown(&case(&yaml).answered(&[("giver", giver)]).0), @r#"
    giver: succeeded (Succeeded) {"list":["c"],"r":"yes"}
    by-result: succeeded (Succeeded)
    by-array: succeeded (Succeeded)
    by-results: skipped (When Expressions evaluated to false)
    by-cel: succeeded (Succeeded)
    not-by-cel: skipped (When Expressions evaluated to false)
    both: skipped (When Expressions evaluated to false)
    = succeeded (Completed), exit 0
    "#);
}

#[test]
fn finally_runs_after_failure_and_sees_how_tasks_ended() {
    let yaml = pipeline(
        r#"
tasks:
- {name: good, taskRef: {name: t}}
- {name: bad, taskRef: {name: t}, runAfter: [good]}
- {name: never, taskRef: {name: t}, runAfter: [bad]}
finally:
- {name: told, taskRef: {name: t}, params: [{name: args, value: [$(tasks.status), $(tasks.good.status), $(tasks.bad.status), $(tasks.bad.reason), $(tasks.never.status)]}]}
- {name: only-on-failure, taskRef: {name: t}, when: [{input: $(tasks.status), operator: in, values: [Failed]}]}
- {name: only-on-success, taskRef: {name: t}, when: [{input: $(tasks.status), operator: in, values: [Succeeded]}]}
- {name: uses-good, taskRef: {name: t}, params: [{name: args, value: [$(tasks.good.results.r)]}]}
- {name: uses-bad, taskRef: {name: t}, params: [{name: args, value: [$(tasks.bad.results.r)]}]}
- {name: uses-left, taskRef: {name: t}, params: [{name: args, value: ["$(tasks.bad.results.list[*])"]}]}
"#,
    ) + TASK;
    let bad = Answer::FailsWith(vec![("list", vec!["left".to_owned()].into())]);
    let (summary, asked) = case(&yaml).answered(&[("good", succeeds(&[("r", "x")])), ("bad", bad)]);
    insta::assert_snapshot!(shown(&summary), @r#"
    good: succeeded (Succeeded) {"r":"x"}
    bad: failed (StepFailed) {"list":["left"]}
    never: skipped (PipelineRun was stopping)
    told: succeeded (Succeeded)
    only-on-failure: succeeded (Succeeded)
    only-on-success: skipped (When Expressions evaluated to false)
    uses-good: succeeded (Succeeded)
    uses-bad: skipped (Results were missing)
    uses-left: succeeded (Succeeded)
    = failed (Failed), exit 1
    "#);
    let mut finally = asked[2..].to_vec();
    finally.sort();
    insta::assert_snapshot!(finally.join("\n"), @r#"
    only-on-failure []
    told ["Failed", "Succeeded", "Failed", "StepFailed", "None"]
    uses-good ["x"]
    uses-left ["left"]
    "#);
}

#[test]
fn a_failure_in_finally_fails_the_run() {
    let yaml = pipeline(
        "tasks: [{name: a, taskRef: {name: t}}]\nfinally: [{name: f, taskRef: {name: t}}, {name: g, taskRef: {name: t}}]",
    ) + TASK;
    insta::assert_snapshot!(shown(&case(&yaml).answered(&[("f", Answer::Fails(4))]).0), @"
    a: succeeded (Succeeded)
    f: failed (StepFailed)
    g: succeeded (Succeeded)
    = failed (Failed), exit 4
    ");
}

#[test]
fn optional_workspaces_in_conditions() {
    let yaml = pipeline(
        r#"
workspaces: [{name: cache, optional: true}]
tasks:
- {name: with, taskRef: {name: t}, when: [{input: $(workspaces.cache.bound), operator: in, values: ["true"]}]}
- {name: without, taskRef: {name: t}, when: [{input: $(workspaces.cache.bound), operator: in, values: ["false"]}]}
"#,
    ) + TASK;
    let mut case = case(&yaml);
    insta::assert_snapshot!(shown(&case.answered(&[]).0), @"
    with: skipped (When Expressions evaluated to false)
    without: succeeded (Succeeded)
    = succeeded (Completed), exit 0
    ");
    case.workspaces = vec![("cache", runner::Source::Fresh)];
    insta::assert_snapshot!(shown(&case.answered(&[]).0), @"
    with: succeeded (Succeeded)
    without: skipped (When Expressions evaluated to false)
    = succeeded (Completed), exit 0
    ");
}
