//! Real processes: steps of one task, workspaces, scripts, results in files.

use runner::Source;

use crate::support::{case, pipeline, read, shown};

#[test]
fn steps_share_results_workspaces_and_their_own_results() {
    let yaml = pipeline(
        r#"
params: [{name: words, type: array, default: [a, "b c"]}]
tasks:
- name: t
  taskSpec:
    params: [{name: words, type: array}]
    results: [{name: out}, {name: list, type: array}]
    stepTemplate:
      env: [{name: GREETING, value: hello}, {name: TARGET, value: template}]
    steps:
    - name: first
      image: busybox
      env: [{name: TARGET, value: step}, {name: BOTH, value: "$(GREETING) $(TARGET)"}]
      args: ["$(params.words[*])"]
      results: [{name: mine}, {name: many, type: array}]
      script: |
        #!/bin/bash
        echo "$BOTH, $# args, last $2, shell ${BASH##*/}"
        printf %s "from first" > $(step.results.mine.path)
        printf '["x","y z"]' > $(step.results.many.path)
        printf '["1"]' > $(results.list.path)
    - name: second
      image: busybox
      onError: continue
      command: [sh, -c, 'echo "$0 $# $1 $2"; echo to stderr >&2; exit 5']
      args: [$(steps.first.results.mine), "$(steps.first.results.many[*])"]
    - image: busybox
      workingDir: sub/dir
      script: |
        printf %s "$(cat $(steps.step-second.exitCode.path)) in ${PWD##*workspace/}" > $(results.out.path)
    - name: not-this-one
      image: busybox
      when: [{input: $(steps.first.results.mine), operator: notin, values: [from first]}]
      script: exit 1
  params: [{name: words, value: ["$(params.words[*])"]}]
results: [{name: out, value: $(tasks.t.results.out)}, {name: list, value: "$(tasks.t.results.list[*])"}]
"#,
    );
    let run = case(&yaml).hosted();
    insta::assert_snapshot!(shown(&run.summary), @r#"
    t: succeeded (Succeeded) {"list":["1"],"out":"5 in sub/dir"}
    = succeeded (Succeeded), exit 0 {"list":["1"],"out":"5 in sub/dir"}
    "#);
    insta::assert_snapshot!(run.lines.join("\n"), @"
    t/first | hello step, 2 args, last b c, shell bash
    t/second | from first 2 x y z
    t/second | to stderr
    ");
}

#[test]
fn two_tasks_write_one_workspace() {
    let yaml = pipeline(
        r#"
workspaces: [{name: shared}]
tasks:
- &writer
  name: a
  workspaces: [{name: w, workspace: shared, subPath: a/b}]
  taskSpec: &spec
    workspaces: [{name: w}]
    steps: [{name: s, image: i, script: 'printf %s "$(context.taskRun.name)" > "$(workspaces.w.path)/file-$(context.taskRun.name)"'}]
- name: b
  workspaces: [{name: w, workspace: shared, subPath: a/b}]
  taskSpec: *spec
- name: c
  runAfter: [a, b]
  workspaces: [{name: shared}]
  taskSpec:
    workspaces: [{name: shared}]
    results: [{name: seen}]
    steps: [{name: s, image: i, script: 'cd $(workspaces.shared.path) && printf %s "$(echo */*/*)" > $(results.seen.path)'}]
results: [{name: seen, value: $(tasks.c.results.seen)}]
"#,
    );
    let directory = tempfile::tempdir().unwrap();
    let mut case = case(&yaml);
    case.workspaces = vec![("shared", Source::Directory(directory.path().to_owned()))];
    let run = case.hosted();
    insta::assert_snapshot!(shown(&run.summary), @r#"
    a: succeeded (Succeeded)
    b: succeeded (Succeeded)
    c: succeeded (Succeeded) {"seen":"a/b/file-run-a a/b/file-run-b"}
    = succeeded (Succeeded), exit 0 {"seen":"a/b/file-run-a a/b/file-run-b"}
    "#);
    assert_eq!(read(directory.path().join("a/b/file-run-a")), "run-a");
}

#[test]
fn kinds_of_workspaces() {
    let yaml = pipeline(
        r#"
workspaces: [{name: fresh}, {name: each}, {name: config}, {name: unbound, optional: true}]
tasks:
- name: a
  workspaces: [{name: fresh}, {name: each}, {name: config}, {name: unbound}]
  taskSpec: &spec
    workspaces: [{name: fresh}, {name: each}, {name: config}, {name: unbound, optional: true}]
    results: [{name: seen}]
    steps:
    - name: s
      image: i
      script: |
        touch $(workspaces.fresh.path)/$(context.taskRun.name) $(workspaces.each.path)/$(context.taskRun.name)
        printf %s "$(ls -x $(workspaces.fresh.path)) | $(ls -x $(workspaces.each.path)) | $(cat $(workspaces.config.path)/key) | <$(workspaces.unbound.path)> $(workspaces.unbound.bound)" > $(results.seen.path)
- {name: b, runAfter: [a], workspaces: [{name: fresh}, {name: each}, {name: config}], taskSpec: *spec}
results: [{name: a, value: $(tasks.a.results.seen)}, {name: b, value: $(tasks.b.results.seen)}]
"#,
    );
    let mut case = case(&yaml);
    let files = [("key".to_owned(), b"value".to_vec())].into();
    case.workspaces = vec![("fresh", Source::Fresh), ("each", Source::PerTask), ("config", Source::Files(files))];
    insta::assert_snapshot!(shown(&case.hosted().summary).replace("  ", " "), @r#"
    a: succeeded (Succeeded) {"seen":"run-a | run-a | value | <> false"}
    b: succeeded (Succeeded) {"seen":"run-a run-b | run-b | value | <> false"}
    = succeeded (Succeeded), exit 0 {"a":"run-a | run-a | value | <> false","b":"run-a run-b | run-b | value | <> false"}
    "#);
}

#[test]
fn a_subpath_does_not_lead_out() {
    let yaml = pipeline(
        r#"
workspaces: [{name: w}]
params: [{name: path}]
tasks: [{name: a, workspaces: [{name: w, subPath: $(params.path)}], taskSpec: {workspaces: [{name: w}], steps: [{name: s, image: i, command: ["true"]}]}}]
"#,
    );
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/", directory.path().join("link")).unwrap();
    for (path, expected) in
        [("path=../x", "leads out of its workspace"), ("path=link/tmp", "by a symbolic link"), ("path=in/side", "")]
    {
        let params = [path];
        let mut case = case(&yaml);
        case.workspaces = vec![("w", Source::Directory(directory.path().to_owned()))];
        case.params = &params;
        let message = case.hosted().summary.tasks[0].message.clone();
        assert!(message.contains(expected) && message.is_empty() == expected.is_empty(), "{path}: {message}");
    }
}

#[test]
fn results_that_are_too_large_or_of_another_type() {
    let yaml = pipeline(
        r#"
tasks:
- name: large
  onError: continue
  taskSpec:
    results: [{name: SMALL}, {name: LARGE}]
    steps: [{name: s, image: i, script: "printf x > $(results.SMALL.path); head -c 4000 /dev/zero | tr '\\0' '<' > $(results.LARGE.path)"}]
- name: mistyped
  onError: continue
  taskSpec:
    results: [{name: list, type: array}]
    steps: [{name: s, image: i, script: "printf x > $(results.list.path)"}]
- name: fits
  taskSpec:
    results: [{name: R}]
    steps: [{name: s, image: i, script: "head -c 3990 /dev/zero | tr '\\0' x > $(results.R.path)"}]
"#,
    );
    let summary = case(&yaml).hosted().summary;
    let of = |index: usize| (summary.tasks[index].reason.clone(), summary.tasks[index].message.clone());
    insta::assert_snapshot!(of(0).1, @"the results after step s take 24138 bytes of the 4096 that Tekton carries: LARGE 24000, SMALL 1 bytes; write what is long to a workspace, and its path or digest as the result");
    insta::assert_snapshot!(of(1).1, @r#"the result "list" is declared as array, and its file is no such JSON as ["a","b"]"#);
    assert_eq!(summary.tasks[2].reason, "Succeeded", "{}", summary.tasks[2].message);
    assert_eq!(summary.tasks[0].results.len(), 0);
}

#[test]
fn results_that_are_no_files_do_not_hold_up_the_run() {
    let task = |name: &str, script: &str| {
        format!(
            "- {{name: {name}, onError: continue, taskSpec: {{results: [{{name: R}}], steps: [{{name: s, image: i, script: '{script}'}}]}}}}\n"
        )
    };
    let yaml = pipeline(&format!(
        "tasks:\n{}{}{}",
        task("pipe", "mkfifo $(results.R.path)"),
        task("directory", "mkdir $(results.R.path)"),
        task("huge", "truncate -s 1T $(results.R.path)"),
    ));
    let summary = case(&yaml).hosted().summary;
    let told: Vec<_> = (summary.tasks.iter())
        .map(|task| format!("{} {}", task.reason, task.message.rsplit_once("/R").map_or("", |(_, message)| message)))
        .collect();
    assert_eq!(
        told,
        ["TaskRunValidationFailed  is no regular file", "TaskRunValidationFailed  is no regular file", "FailureIgnored "]
    );
    assert!(summary.tasks[2].message.starts_with("the results after step s take "), "{}", summary.tasks[2].message);
}

#[test]
fn scripts_of_many_tasks_at_once_can_all_start() {
    // Without care the system calls some of them busy: 300 were enough to see it every time.
    let task = |n: usize| format!("- {{name: t{n}, taskSpec: {{steps: [{{name: s, image: i, script: 'true'}}]}}}}\n");
    let yaml = pipeline(&format!("tasks:\n{}", (0..300).map(task).collect::<String>()));
    let mut case = case(&yaml);
    case.jobs = 16;
    let summary = case.hosted().summary;
    let failed: Vec<_> = summary.tasks.iter().map(|task| &task.message).filter(|message| !message.is_empty()).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn what_cannot_start_says_so() {
    let yaml = pipeline(
        "tasks: [{name: a, taskSpec: {steps: [{name: s, image: i, command: [no-such-program]}, {name: never, image: i, command: [\"true\"]}]}}]",
    );
    let summary = case(&yaml).hosted().summary;
    insta::assert_snapshot!(shown(&summary), @"
    a: failed (StepFailed)
    = failed (Failed), exit 7
    ");
    insta::assert_snapshot!(summary.tasks[0].message, @"cannot start no-such-program: No such file or directory (os error 2); it is not on this machine's PATH; install it, or let a container run the step");
}

#[test]
fn a_long_line_and_bytes_that_are_no_text() {
    let yaml = pipeline(
        r#"tasks: [{name: a, taskSpec: {steps: [{name: s, image: i, script: "head -c 200000 /dev/zero | tr '\\0' x; echo; printf '\\377\\r\\n'; printf end"}]}}]"#,
    );
    let run = case(&yaml).hosted();
    let lengths: Vec<_> = run.lines.iter().map(|line| line.len() - "a/s | ".len()).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 200_000 + "\u{fffd}".len() + 3);
    assert_eq!(run.lines[run.lines.len() - 2..], ["a/s | \u{fffd}", "a/s | end"]);
}
