//! Rules about a PipelineRun by itself: what it runs, until when, and how it ends.

use super::levels::{Feature, require};
use super::{Rule, ToldBy, taskruns};
use crate::check::{Cx, Object};
use crate::duration::Duration;
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::{PipelineRunSpec, PipelineTaskRunSpec, TimeoutFields};

pub(super) static RULES: &[&Rule] = &[&RUN_STATUS, &RUN_TIMEOUT, &TASK_RUN_SPEC];

fn of_run<'a>(cx: &Cx<'a>) -> Option<(&'a PipelineRunSpec, Place<'a>)> {
    match cx.object {
        Object::PipelineRun(run) => Some((&run.spec, cx.place.key("spec"))),
        _ => None,
    }
}

/// What it is told to do.
pub(super) static RUN_STATUS: Rule = Rule {
    name: "run-status",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "The `status` in the spec of a run is one of the wishes that Tekton knows.",
    explanation: "`PipelineRunPending` keeps it from starting, and nothing can be pending that has started; `Cancelled`, `CancelledRunFinally` and `StoppedRunFinally` end it. For a TaskRun there is `TaskRunPending` and `TaskRunCancelled`, with a `statusMessage` that says why. What has become of a run Tekton writes elsewhere.",
    bad: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  status: Canceled
  pipelineSpec:
    tasks:
    - name: compile
      taskSpec:
        steps:
        - image: example.com/make:1
          command: [/make, all]
",
    good: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  status: Cancelled
  pipelineSpec:
    tasks:
    - name: compile
      taskSpec:
        steps:
        - image: example.com/make:1
          command: [/make, all]
",
    check: Some(run_status),
};

const PENDING: &str = "PipelineRunPending";

fn run_status(cx: &Cx<'_>, report: &mut Report<'_>) {
    taskruns::status(cx, report);
    let Object::PipelineRun(run) = cx.object else { return };
    let statuses = ["Cancelled", "CancelledRunFinally", "StoppedRunFinally", PENDING];
    let status = run.spec.status.as_deref().unwrap_or_default();
    let place = cx.place.key("spec").key("status");
    if !status.is_empty() && !statuses.contains(&status) {
        let otherwise = format!("there is: {}", statuses.join(", "));
        report.at(&RUN_STATUS, place, format!("there is no status {status:?}")).did_you_mean(status, statuses, &otherwise);
    }
    let has_started = run.status.as_ref().and_then(|status| status.get("startTime")).is_some_and(|time| !time.is_null());
    if status == PENDING && has_started {
        report.at(&RUN_STATUS, place, "the run is to wait and has started").hint("leave out the status that Tekton has written");
    }
}

/// Until when.
static RUN_TIMEOUT: Rule = Rule {
    name: "run-timeout",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "The timeouts of a PipelineRun are not negative, and those of its parts fit into that of the whole.",
    explanation: "Without `timeouts.pipeline` the whole has 1h. A timeout of 0 means none: if the whole has one, its parts cannot have none. `tasks` and `finally` together must fit, too.",
    bad: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  timeouts:
    tasks: 2h
  pipelineSpec:
    tasks:
    - name: compile
      taskSpec:
        steps:
        - image: example.com/make:1
          command: [/make, all]
",
    good: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  timeouts:
    pipeline: 2h15m
    tasks: 2h
  pipelineSpec:
    tasks:
    - name: compile
      taskSpec:
        steps:
        - image: example.com/make:1
          command: [/make, all]
",
    check: Some(run_timeout),
};

/// Tekton's default for a whole run: an hour.
const DEFAULT: i64 = 3_600_000_000_000;

fn run_timeout(cx: &Cx<'_>, report: &mut Report<'_>) {
    let Some((run, place)) = of_run(cx) else { return };
    let none = TimeoutFields::default();
    let timeouts = run.timeouts.as_ref().unwrap_or(&none);
    let at = place.key("timeouts");
    let whole = timeouts.pipeline.as_ref().map_or(DEFAULT, Duration::nanoseconds);
    let whole_text = timeouts.pipeline.as_ref().map_or("1h", |timeout| timeout.as_str());
    let hint = format!("raise timeouts.pipeline (now {whole_text}), or lower this one");
    for (key, timeout) in [("pipeline", &timeouts.pipeline), ("tasks", &timeouts.tasks), ("finally", &timeouts.finally)] {
        let Some(timeout) = timeout else { continue };
        let (place, nanoseconds) = (at.key(key), timeout.nanoseconds());
        if nanoseconds < 0 {
            report.at(&RUN_TIMEOUT, place, format!("the timeout {timeout} is negative")).hint("for none write 0");
        } else if key != "pipeline" && whole != 0 {
            if nanoseconds > whole {
                let message = format!("{key} may take {timeout}, and the whole run only {whole_text}");
                report.at(&RUN_TIMEOUT, place, message).hint(&hint);
            } else if nanoseconds == 0 {
                let message = format!("{key} have no timeout, and the whole run has {whole_text}");
                report.at(&RUN_TIMEOUT, place, message).hint("write timeouts.pipeline: \"0\" as well, or give a timeout");
            }
        }
    }
    if let (Some(tasks), Some(finally)) = (&timeouts.tasks, &timeouts.finally)
        // Tekton adds like this, and does not take a whole of 0 for none here.
        && tasks.nanoseconds().wrapping_add(finally.nanoseconds()) > whole
        && tasks.nanoseconds().max(finally.nanoseconds()) <= whole.max(if whole == 0 { i64::MAX } else { 0 })
    {
        let message = match whole {
            0 => "tasks and finally cannot both have a timeout when the whole run has none".to_owned(),
            _ => format!("tasks may take {tasks} and finally {finally}, together more than {whole_text}"),
        };
        report.at(&RUN_TIMEOUT, at.key("finally"), message).hint("leave one of tasks and finally out: it gets what is left");
    }
    // Of a task: no more than all tasks have, or else the whole run.
    let (limit, limit_text) = timeouts.tasks.as_ref().map_or((whole, whole_text), |tasks| (tasks.nanoseconds(), tasks.as_str()));
    for (index, spec) in run.task_run_specs.iter().enumerate() {
        let Some(timeout) = &spec.timeout else { continue };
        let place = place.key("taskRunSpecs").index(index).key("timeout");
        if timeout.nanoseconds() < 0 {
            report.at(&RUN_TIMEOUT, place, format!("the timeout {timeout} is negative")).hint("for none write 0");
        } else if limit > 0 && timeout.nanoseconds() > limit {
            let task = spec.pipeline_task_name.as_deref().unwrap_or_default();
            let message = format!("{task:?} may take {timeout}, and all tasks together only {limit_text}");
            report.at(&RUN_TIMEOUT, place, message).hint("raise timeouts.tasks or timeouts.pipeline, or lower this one");
        }
    }
}

/// What single tasks get.
static TASK_RUN_SPEC: Rule = Rule {
    name: "task-run-spec",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "In `taskRunSpecs` steps and sidecars are named, and requests are given for steps or for the whole pod.",
    explanation: "Requests of the whole pod are shared out among its steps.",
    bad: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  taskRunSpecs:
  - pipelineTaskName: compile
    computeResources:
      requests:
        memory: 1Gi
    stepSpecs:
    - name: make
      computeResources:
        requests:
          memory: 1Gi
  pipelineSpec:
    tasks:
    - name: compile
      taskSpec:
        steps:
        - name: make
          image: example.com/make:1
          command: [/make, all]
",
    good: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  taskRunSpecs:
  - pipelineTaskName: compile
    stepSpecs:
    - name: make
      computeResources:
        requests:
          memory: 1Gi
  pipelineSpec:
    tasks:
    - name: compile
      taskSpec:
        steps:
        - name: make
          image: example.com/make:1
          command: [/make, all]
",
    check: Some(task_run_spec),
};

fn task_run_spec(cx: &Cx<'_>, report: &mut Report<'_>) {
    let Some((run, place)) = of_run(cx) else { return };
    for (index, spec) in run.task_run_specs.iter().enumerate() {
        let place = place.key("taskRunSpecs").index(index);
        let PipelineTaskRunSpec { step_specs, sidecar_specs, compute_resources, .. } = spec;
        for (key, specs) in [("stepSpecs", step_specs), ("sidecarSpecs", sidecar_specs)] {
            if !specs.is_empty() {
                require(cx, Feature::BETA, "requests for single steps and sidecars", place.name_of(key), report);
            }
            for (index, _) in specs.iter().enumerate().filter(|(_, spec)| spec.name.is_empty()) {
                let place = place.key(key).index(index).key("name");
                report.at(&TASK_RUN_SPEC, place, "the name of a step is empty").hint("name the step");
            }
        }
        if compute_resources.is_none() {
            continue;
        }
        require(cx, Feature::BETA, "requests for whole pods", place.name_of("computeResources"), report);
        if step_specs.iter().any(|spec| spec.compute_resources != Default::default()) {
            let message = "there are requests for the whole pod and for its steps";
            report.at(&TASK_RUN_SPEC, place.name_of("computeResources"), message).hint("leave one of them out");
        }
    }
}
