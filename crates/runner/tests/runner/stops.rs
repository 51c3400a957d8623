//! Timeouts, cancellation, and that nothing is left behind.

use std::path::Path;
use std::time::{Duration, Instant};

use runner::{Event, Interrupts};

use crate::support::{Hosted, case, pipeline, read, shown};

/// Whether the process, whose number a step has written, ends: who was killed may need a moment for it, and a zombie runs
/// no more.
fn is_gone(pid: &Path) -> bool {
    let status = Path::new("/proc").join(read(pid).trim()).join("status");
    let started = Instant::now();
    while std::fs::read_to_string(&status).is_ok_and(|status| !status.contains("State:\tZ")) {
        if started.elapsed() > Duration::from_secs(10) {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// A step that says `ready` and then waits, with a child; both ignore SIGTERM if `trap` says so.
fn waits(directory: &Path, trap: &str) -> String {
    let directory = directory.display();
    format!(
        "{trap}; echo $$ > {directory}/pid; sleep 60 & echo $! > {directory}/child; echo ready; while :; do wait || :; sleep 0.05 || :; done"
    )
}

fn took(run: &Hosted, at_most: u64) {
    assert!(run.summary.duration < Duration::from_secs(at_most), "{:?}", run.summary.duration);
}

#[test]
fn a_task_runs_out_of_time_and_its_children_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = pipeline(&format!(
        "tasks: [{{name: slow, timeout: 200ms, taskSpec: {{steps: [{{name: s, image: i, script: '{}'}}]}}}}]\nfinally: [{{name: f, taskSpec: {{steps: [{{name: s, image: i, command: [echo, $(tasks.slow.reason)]}}]}}}}]",
        waits(directory.path(), ":")
    ));
    let yaml = yaml.replace(
        "command: [echo, $(tasks.slow.reason)]}]}",
        "command: [echo], args: [$(params.r)]}], params: [{name: r}]}, params: [{name: r, value: $(tasks.slow.reason)}]",
    );
    let run = case(&yaml).hosted();
    insta::assert_snapshot!(shown(&run.summary), @"
    slow: timed out (TaskRunTimeout)
    f: succeeded (Succeeded)
    = failed (Failed), exit 8
    ");
    assert_eq!(run.lines.last().unwrap(), "f/s | TaskRunTimeout");
    assert!(is_gone(&directory.path().join("pid")) && is_gone(&directory.path().join("child")));
}

#[test]
fn who_ignores_sigterm_is_killed_after_the_grace() {
    let directory = tempfile::tempdir().unwrap();
    let script = waits(directory.path(), "trap \"echo not me\" TERM");
    let yaml = pipeline(&format!(
        "tasks: [{{name: slow, timeout: 200ms, taskSpec: {{steps: [{{name: s, image: i, script: '{script}'}}]}}}}]"
    ));
    let started = Instant::now();
    let run = case(&yaml).hosted();
    assert!(run.lines.contains(&"slow/s | not me".to_owned()), "{:?}", run.lines);
    assert!(started.elapsed() >= Duration::from_millis(500), "it had its grace of 300 ms after 200 ms");
    took(&run, 20);
    assert!(is_gone(&directory.path().join("pid")) && is_gone(&directory.path().join("child")));
}

#[test]
fn who_writes_without_end_runs_out_of_time_too() {
    let line = "y".repeat(1000);
    let yaml = pipeline(&format!(
        "tasks: [{{name: a, timeout: 200ms, taskSpec: {{steps: [{{name: s, image: i, command: [\"yes\", {line}]}}]}}}}]"
    ));
    let started = Instant::now();
    let run = case(&yaml).hosted_with(&Interrupts::new(), |event, interrupts| {
        if let Event::Line { .. } = event {
            // Slower than `yes`, so that there is always one more line.
            let until = Instant::now() + Duration::from_micros(200);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            if started.elapsed() > Duration::from_secs(10) {
                interrupts.interrupt();
            }
        }
    });
    assert_eq!(run.summary.tasks[0].reason, "TaskRunTimeout");
}

#[test]
fn who_waits_for_a_place_uses_no_time() {
    let task =
        |name: &str| format!("  - {{name: {name}, taskSpec: {{steps: [{{name: s, image: i, command: [sleep, \"0.3\"]}}]}}}}\n");
    let yaml = pipeline(&format!("tasks:\n{}{}{}", task("a"), task("b"), task("c")));
    let mut case = case(&yaml);
    case.jobs = 1;
    let run = case.hosted();
    assert!(run.summary.duration >= Duration::from_millis(900), "one after another: {:?}", run.summary.duration);
    for task in &run.summary.tasks {
        assert!(task.duration < Duration::from_millis(600), "{}: {:?}", task.task, task.duration);
    }
}

#[test]
fn who_ends_well_on_sigterm_had_its_time_for_it() {
    let yaml = pipeline(
        "tasks: [{name: slow, timeout: 200ms, taskSpec: {steps: [{name: s, image: i, script: 'trap \"echo tidy; exit 0\" TERM; echo ready; while :; do sleep 0.02 || :; done'}]}}]",
    );
    let run = case(&yaml).hosted();
    assert_eq!(run.lines.last().unwrap(), "slow/s | tidy");
    assert_eq!(run.summary.tasks[0].reason, "TaskRunTimeout");
}

#[test]
fn a_step_runs_out_of_time() {
    let yaml = pipeline(
        "tasks: [{name: a, taskSpec: {steps: [{name: quick, image: i, command: [\"true\"]}, {name: slow, image: i, timeout: 100ms, command: [sleep, \"60\"]}, {name: never, image: i, command: [\"true\"]}]}}]",
    );
    let run = case(&yaml).hosted();
    insta::assert_snapshot!(shown(&run.summary), @"
    a: failed (StepFailed)
    = failed (Failed), exit 8
    ");
    insta::assert_snapshot!(run.summary.tasks[0].message, @r#""step-slow" exited because the step exceeded the specified timeout limit"#);
}

fn timed(timeouts: &str) -> String {
    let step = "steps: [{name: s, image: i, command: [sleep, \"60\"]}]";
    format!(
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {{name: run}}\nspec:\n  timeouts: {timeouts}\n  pipelineSpec:\n    tasks: [{{name: slow, taskSpec: {{{step}}}}}, {{name: next, runAfter: [slow], taskSpec: {{{step}}}}}]\n    finally: [{{name: f, taskSpec: {{steps: [{{name: s, image: i, command: [\"true\"]}}]}}}}]\n"
    )
}

#[test]
fn the_tasks_run_out_of_time_and_finally_runs() {
    let run = case(&timed("{pipeline: 60s, tasks: 200ms, finally: 50s}")).hosted();
    insta::assert_snapshot!(shown(&run.summary), @"
    slow: cancelled (TaskRunCancelled)
    next: skipped (PipelineRun was stopping)
    f: succeeded (Succeeded)
    = timed out (PipelineRunTimeout), exit 8
    ");
    took(&run, 20);
    // What is left for the tasks follows from the other two.
    let run = case(&timed("{pipeline: 60200ms, finally: 60s}")).hosted();
    assert_eq!(run.summary.reason, "PipelineRunTimeout");
    took(&run, 20);
}

#[test]
fn the_run_runs_out_of_time_and_finally_with_it() {
    let run = case(&timed("{pipeline: 200ms}")).hosted();
    insta::assert_snapshot!(shown(&run.summary), @"
    slow: cancelled (TaskRunCancelled)
    next: skipped (PipelineRun was stopping)
    f: skipped (PipelineRun timeout has been reached)
    = timed out (PipelineRunTimeout), exit 8
    ");
    insta::assert_snapshot!(run.summary.message, @"the run did not finish within 200ms");
}

#[test]
fn finally_runs_out_of_time() {
    let yaml = "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {name: run}\nspec:\n  timeouts: {finally: 200ms}\n  pipelineSpec:\n    tasks: [{name: a, taskSpec: {steps: [{name: s, image: i, command: [\"true\"]}]}}]\n    finally: [{name: f, taskSpec: {steps: [{name: s, image: i, command: [sleep, \"60\"]}]}}]\n";
    insta::assert_snapshot!(shown(&case(yaml).hosted().summary), @"
    a: succeeded (Succeeded)
    f: cancelled (TaskRunCancelled)
    = failed (Failed), exit 8
    ");
}

fn cancellable(directory: &Path) -> String {
    pipeline(&format!(
        "tasks: [{{name: slow, taskSpec: {{steps: [{{name: s, image: i, script: '{}'}}]}}}}, {{name: next, runAfter: [slow], taskSpec: {{steps: [{{name: s, image: i, command: [\"true\"]}}]}}}}]\nfinally: [{{name: f, params: [{{name: x, value: $(tasks.slow.status) $(tasks.slow.reason)}}], taskSpec: {{params: [{{name: x}}], steps: [{{name: s, image: i, script: 'echo $(params.x); echo ready; test ! -e {}/hang || exec sleep 60'}}]}}}}]",
        waits(directory, ":"),
        directory.display()
    ))
}

/// Interrupts when a task's step says that it is ready.
fn on_ready(tasks: &'static [&'static str]) -> impl Fn(&Event<'_>, &Interrupts) + Sync {
    move |event, interrupts| {
        if let Event::Line { task, text: "ready", .. } = event
            && tasks.contains(task)
        {
            interrupts.interrupt();
        }
    }
}

#[test]
fn one_interrupt_stops_tasks_and_runs_finally() {
    let directory = tempfile::tempdir().unwrap();
    let run = case(&cancellable(directory.path())).hosted_with(&Interrupts::new(), on_ready(&["slow"]));
    insta::assert_snapshot!(shown(&run.summary), @"
    slow: cancelled (TaskRunCancelled)
    next: skipped (PipelineRun was gracefully cancelled)
    f: succeeded (Succeeded)
    = cancelled (Cancelled), exit 143
    ");
    insta::assert_snapshot!(run.lines.join("\n"), @"
    slow/s | ready
    f/s | Failed TaskRunCancelled
    f/s | ready
    ");
    assert!(is_gone(&directory.path().join("pid")) && is_gone(&directory.path().join("child")));
}

#[test]
fn a_second_interrupt_ends_finally_too() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("hang"), "").unwrap();
    let run = case(&cancellable(directory.path())).hosted_with(&Interrupts::new(), on_ready(&["slow", "f"]));
    insta::assert_snapshot!(shown(&run.summary), @"
    slow: cancelled (TaskRunCancelled)
    next: skipped (PipelineRun was gracefully cancelled)
    f: cancelled (TaskRunCancelled)
    = cancelled (Cancelled), exit 143
    ");
    took(&run, 20);
}

#[test]
fn who_interrupts_reads_what_comes_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let warnings = std::sync::Mutex::new(Vec::new());
    case(&cancellable(directory.path())).hosted_with(&Interrupts::new(), |event, interrupts| {
        on_ready(&["slow"])(event, interrupts);
        if let Event::Warning { message } = event {
            warnings.lock().unwrap().push((*message).to_owned());
        }
    });
    insta::assert_snapshot!(warnings.into_inner().unwrap().join("\n"), @"the run is cancelled: its tasks are being stopped, then finally runs; another Ctrl-C ends everything");
}

#[test]
fn two_interrupts_at_once_give_no_grace() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = pipeline(&format!(
        "tasks: [{{name: slow, taskSpec: {{steps: [{{name: s, image: i, script: '{}'}}]}}}}]\nfinally: [{{name: f, taskSpec: {{steps: [{{name: s, image: i, command: [\"true\"]}}]}}}}]",
        waits(directory.path(), "trap \"\" TERM")
    ));
    let run = case(&yaml).hosted_with(&Interrupts::new(), on_ready(&["slow"]));
    assert_eq!(run.summary.reason, "Cancelled");
    let twice = |event: &Event<'_>, interrupts: &Interrupts| {
        on_ready(&["slow"])(event, interrupts);
        on_ready(&["slow"])(event, interrupts);
    };
    let run = case(&yaml).hosted_with(&Interrupts::new(), twice);
    insta::assert_snapshot!(shown(&run.summary), @"
    slow: cancelled (TaskRunCancelled)
    f: skipped (PipelineRun was gracefully cancelled)
    = cancelled (Cancelled), exit 143
    ");
    assert!(is_gone(&directory.path().join("pid")) && is_gone(&directory.path().join("child")));
}

#[test]
fn what_a_step_leaves_running_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = pipeline(&format!(
        "tasks: [{{name: a, taskSpec: {{steps: [{{name: s, image: i, script: 'sleep 60 & echo $! > {}/child'}}]}}}}]",
        directory.path().display()
    ));
    let run = case(&yaml).hosted();
    assert_eq!(run.summary.exit_code, 0);
    took(&run, 20);
    assert!(is_gone(&directory.path().join("child")));
}
