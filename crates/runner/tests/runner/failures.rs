//! Failures, retries, `onError`.

use crate::support::{Answer, TASK, case, pipeline, shown, succeeds};

#[test]
fn what_runs_ends_and_nothing_else_starts() {
    let yaml = pipeline(
        r#"
tasks:
- {name: a, taskRef: {name: t}}
- {name: b, taskRef: {name: t}, runAfter: [a]}
- {name: c, taskRef: {name: t}, runAfter: [b]}
- {name: d, taskRef: {name: t}, params: [{name: args, value: [$(tasks.c.results.r)]}]}
results: [{name: of-a, value: $(tasks.a.results.r)}, {name: of-d, value: $(tasks.d.results.r)}]
"#,
    ) + TASK;
    let (summary, asked) = case(&yaml).answered(&[("a", succeeds(&[("r", "1")])), ("b", Answer::Fails(3))]);
    insta::assert_snapshot!(shown(&summary), @r#"
    a: succeeded (Succeeded) {"r":"1"}
    b: failed (StepFailed)
    c: skipped (PipelineRun was stopping)
    d: skipped (PipelineRun was stopping)
    = failed (Failed), exit 3 {"of-a":"1"}
    "#);
    assert_eq!(asked, ["a []", "b []"]);
    assert_eq!(summary.message, "failed: b");
}

#[test]
fn an_ignored_failure_stops_nothing() {
    let yaml = pipeline(
        r#"
tasks:
- {name: a, taskRef: {name: t}, onError: continue}
- {name: b, taskRef: {name: t}, runAfter: [a]}
- {name: c, taskRef: {name: t}, params: [{name: args, value: [$(tasks.a.results.r)]}]}
finally:
- {name: f, taskRef: {name: t}, params: [{name: args, value: [$(tasks.a.status), $(tasks.a.reason), $(tasks.status)]}]}
"#,
    ) + TASK;
    let left = Answer::FailsWith(vec![("r", "left".into())]);
    let (summary, asked) = case(&yaml).answered(&[("a", left)]);
    insta::assert_snapshot!(shown(&summary), @r#"
    a: failed (FailureIgnored) {"r":"left"}
    b: succeeded (Succeeded)
    c: succeeded (Succeeded)
    f: succeeded (Succeeded)
    = succeeded (Succeeded), exit 0
    "#);
    assert_eq!(asked.last().unwrap(), r#"f ["Failed", "FailureIgnored", "Failed"]"#);
    // Without the result, who uses it cannot even start, and that is not ignored.
    insta::assert_snapshot!(shown(&case(&yaml).answered(&[("a", Answer::Fails(1))]).0), @"
    a: failed (FailureIgnored)
    b: succeeded (Succeeded)
    c: failed (PipelineValidationFailed)
    f: succeeded (Succeeded)
    = failed (PipelineValidationFailed), exit 3
    ");
}

#[test]
fn a_success_that_does_not_write_its_result_fails_who_uses_it() {
    let yaml = pipeline(
        "tasks: [{name: a, taskRef: {name: t}}, {name: b, taskRef: {name: t}, params: [{name: args, value: [$(tasks.a.results.r)]}]}]\nfinally: [{name: f, taskRef: {name: t}}]",
    ) + TASK;
    let (summary, _) = case(&yaml).answered(&[]);
    insta::assert_snapshot!(shown(&summary), @"
    a: succeeded (Succeeded)
    b: failed (PipelineValidationFailed)
    f: succeeded (Succeeded)
    = failed (PipelineValidationFailed), exit 3
    ");
    assert_eq!(summary.tasks[1].message, "it uses the result r of the task a, which succeeded without writing it");
}

#[test]
fn retries_until_it_goes_well() {
    let yaml = pipeline(
        r#"
tasks:
- name: flaky
  retries: 3
  params: [{name: most, value: $(context.pipelineTask.retries)}]
  workspaces: [{name: w}]
  taskSpec:
    params: [{name: most}]
    workspaces: [{name: w}]
    results: [{name: count}]
    steps:
    - name: count
      image: busybox
      env: [{name: TRY, value: $(context.task.retry-count)}, {name: MOST, value: $(params.most)}, {name: DIR, value: $(workspaces.w.path)}]
      script: |
        echo x >> "$DIR/tries"
        printf %s "$TRY of $MOST" > $(results.count.path)
        test "$(wc -l < "$DIR/tries")" -eq 3
workspaces: [{name: w}]
results: [{name: count, value: $(tasks.flaky.results.count)}]
"#,
    );
    let directory = tempfile::tempdir().unwrap();
    let mut case = case(&yaml);
    case.workspaces = vec![("w", runner::Source::Directory(directory.path().to_owned()))];
    insta::assert_snapshot!(shown(&case.hosted().summary), @r#"
    flaky: succeeded (Succeeded) {"count":"2 of 3"}
    = succeeded (Succeeded), exit 0 {"count":"2 of 3"}
    "#);
    // Now it has been there three times already.
    insta::assert_snapshot!(shown(&case.hosted().summary), @r#"
    flaky: failed (StepFailed) {"count":"3 of 3"}
    = failed (Failed), exit 1 {"count":"3 of 3"}
    "#);
}
