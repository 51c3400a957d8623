//! A Job to its end: logs, exit codes, broken watches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use cluster_testing::{Answer, Fake, Gate, Part, Request};
use common::{connect, told};
use mirror::follow::follow;
use serde_json::{Value, json};
use step::{Cancel, Kind};

const JOB: &str = "oc-mirror-job-x";

/// A Job of this version, with this condition.
fn job(version: u32, condition: Option<(&str, &str)>) -> Value {
    let conditions: Vec<Value> = condition
        .map(|(kind, reason)| json!({ "type": kind, "status": "True", "reason": reason, "message": "says why" }))
        .into_iter()
        .collect();
    json!({ "metadata": { "name": JOB, "uid": "job", "resourceVersion": version.to_string() }, "status": { "conditions": conditions } })
}

/// A pod whose container is in this state.
fn pod(name: &str, state: Value) -> Value {
    json!({
        "metadata": { "name": name, "uid": name, "creationTimestamp": format!("2026-11-21T09:00:0{}Z", name.len()) },
        "spec": { "containers": [{ "name": "oc-mirror" }] },
        "status": { "phase": "Running", "containerStatuses": [{ "name": "oc-mirror", "state": state }] },
    })
}

fn ended(code: i64, reason: &str) -> Value {
    json!({ "terminated": { "exitCode": code, "reason": reason } })
}

/// An API server with a Job that ends so, and its pods with their logs.
fn cluster(condition: Option<(&'static str, &'static str)>, pods: Vec<(Value, &'static str)>) -> Fake {
    let mut breaks = 0;
    Fake::start(move |request| {
        let last = request.path.rsplit('/').next().unwrap_or_default();
        let find = |name: &str| pods.iter().find(|(pod, _)| pod["metadata"]["name"] == name).cloned();
        match last {
            "jobs" if request.is_watch() => {
                breaks += 1;
                // The first connections break, the last in the middle of a line.
                let event = format!("{}\n", json!({ "type": "MODIFIED", "object": job(9, condition) }));
                match breaks {
                    1 => Answer::Close,
                    2 => Answer::Stream(vec![Part::Text(event[..40].to_owned()), Part::Break]),
                    _ => Answer::Stream(vec![Part::Text(event), Part::Hold]),
                }
            }
            "jobs" => Answer::list("1", vec![job(1, None)]),
            "pods" if request.is_watch() => Answer::events(&[]),
            "pods" => match request.query("fieldSelector").strip_prefix("metadata.name%3D") {
                Some(name) => Answer::list("1", find(name).map(|(pod, _)| pod).into_iter().collect()),
                None => Answer::list("1", pods.iter().map(|(pod, _)| pod.clone()).collect()),
            },
            "log" => {
                let name = request.path.rsplit('/').nth(1).unwrap_or_default();
                let lines = find(name).unwrap().1.lines().map(|line| format!("2026-11-21T09:00:00Z {line}\n"));
                Answer::Text(200, vec![], lines.collect())
            }
            name => find(name).map_or_else(
                || Answer::error(404, "NotFound", "pods not found", json!({ "name": name })),
                |(pod, _)| Answer::Json(200, pod),
            ),
        }
    })
}

fn asks_for_secrets(request: &Request) -> bool {
    request.path.contains("secret")
}

/// What comes of it.
fn outcome(fake: &Fake) -> String {
    let cluster = connect(fake, &Cancel::new());
    let said = match follow(&cluster, JOB) {
        Ok(()) => "done".to_owned(),
        Err(error) => format!("{} {}", error.kind().code(), told(&error)),
    };
    assert!(!fake.requests().iter().any(asks_for_secrets));
    fake.stable(&said)
}

#[test]
fn a_job_that_is_done() {
    let fake = cluster(Some(("Complete", "")), vec![(pod("a", ended(0, "Completed")), "hello\nGoodbye")]);
    assert_eq!(outcome(&fake), "done");
    let logs = fake.requests().iter().filter(|request| request.path.ends_with("/log")).count();
    assert_eq!(logs, 1, "a log is shown once, however often the watch breaks");
}

#[test]
fn a_job_that_failed_says_why() {
    let failed = Some(("Failed", "BackoffLimitExceeded"));
    let mut shown = Vec::new();
    for code in [1, 2, 4, 8, 16, 20, 255] {
        let log = " [INFO] mirroring\n [ERROR] cannot mirror x\n";
        shown.push(outcome(&cluster(failed, vec![(pod("a", ended(code, "Error")), log)])));
    }
    shown.push(outcome(&cluster(failed, vec![(pod("a", ended(137, "OOMKilled")), "")])));
    // The last attempt counts.
    let attempts = vec![(pod("a", ended(1, "Error")), " [ERROR] first"), (pod("bb", ended(4, "Error")), " [ERROR] second")];
    shown.push(outcome(&cluster(failed, attempts)));
    shown.push(outcome(&cluster(failed, vec![])));
    shown.push(outcome(&cluster(Some(("Failed", "DeadlineExceeded")), vec![])));
    let log = "some errors occurred, see working-dir/logs/mirroring_errors_20261121_090000.txt";
    shown.push(outcome(&cluster(Some(("Complete", "")), vec![(pod("a", ended(0, "Completed")), log)])));
    insta::assert_snapshot!(shown.join("\n"), @"
    3 bad-input: the Job demo/oc-mirror-job-x: oc-mirror could not do its work (exit code 1): its configuration, its credentials or its disk
     [ERROR] cannot mirror x
    hint: the last lines of its log say which
    7 remote: the Job demo/oc-mirror-job-x: oc-mirror could not mirror everything: release images failed (exit code 2)
     [ERROR] cannot mirror x
    hint: working-dir/logs/mirroring_errors_*.txt on the volume lists them; run again when they can be had, or take them out of the ImageSetConfiguration
    7 remote: the Job demo/oc-mirror-job-x: oc-mirror could not mirror everything: operators failed (exit code 4)
     [ERROR] cannot mirror x
    hint: working-dir/logs/mirroring_errors_*.txt on the volume lists them; run again when they can be had, or take them out of the ImageSetConfiguration
    7 remote: the Job demo/oc-mirror-job-x: oc-mirror could not mirror everything: additional images failed (exit code 8)
     [ERROR] cannot mirror x
    hint: working-dir/logs/mirroring_errors_*.txt on the volume lists them; run again when they can be had, or take them out of the ImageSetConfiguration
    7 remote: the Job demo/oc-mirror-job-x: oc-mirror could not mirror everything: helm charts failed (exit code 16)
     [ERROR] cannot mirror x
    hint: working-dir/logs/mirroring_errors_*.txt on the volume lists them; run again when they can be had, or take them out of the ImageSetConfiguration
    7 remote: the Job demo/oc-mirror-job-x: oc-mirror could not mirror everything: operators, helm charts failed (exit code 20)
     [ERROR] cannot mirror x
    hint: working-dir/logs/mirroring_errors_*.txt on the volume lists them; run again when they can be had, or take them out of the ImageSetConfiguration
    7 remote: the Job demo/oc-mirror-job-x: oc-mirror failed with exit code 255, Error
     [ERROR] cannot mirror x
    hint: the last lines of its log say why
    7 remote: the Job demo/oc-mirror-job-x: oc-mirror ran out of memory
    hint: raise memory-limit: large catalogs take several GiB
    7 remote: the Job demo/oc-mirror-job-x: oc-mirror could not mirror everything: operators failed (exit code 4)
     [ERROR] second
    hint: working-dir/logs/mirroring_errors_*.txt on the volume lists them; run again when they can be had, or take them out of the ImageSetConfiguration
    7 remote: the Job demo/oc-mirror-job-x has failed without a pod (BackoffLimitExceeded): says why
    hint: `oc describe job oc-mirror-job-x` says more
    8 timed-out: the Job demo/oc-mirror-job-x has taken longer than active-deadline-seconds
    hint: raise it; what was fetched is in the cache, so that the next run goes on from there
    7 remote: the Job demo/oc-mirror-job-x: oc-mirror exits 0, and its log tells of images that it could not mirror
    hint: releases of 4.18 before the mend of openshift/oc-mirror#1153 do that: see the log, and use a newer oc-mirror
    ");
}

#[test]
fn a_pod_that_goes_before_its_log_is_read() {
    let fake = Fake::start(|request| match request.path.rsplit('/').next() {
        Some("jobs") if request.is_watch() => {
            Answer::events(&[json!({ "type": "MODIFIED", "object": job(2, Some(("Failed", "DeadlineExceeded"))) })])
        }
        Some("jobs") => Answer::list("1", vec![job(1, None)]),
        Some("pods") => Answer::list("1", vec![pod("a", ended(137, "ContainerStatusUnknown"))]),
        _ => Answer::error(404, "NotFound", "pods \"a\" not found", json!({ "name": "a" })),
    });
    assert!(outcome(&fake).starts_with("8 "), "{}", outcome(&fake));
    assert!(fake.requests().iter().any(|request| request.path.ends_with("/pods/a")));
}

#[test]
fn a_job_that_is_deleted() {
    let fake = Fake::start(|request| match request.path.rsplit('/').next() {
        Some("jobs") if request.is_watch() => Answer::events(&[json!({ "type": "DELETED", "object": job(2, None) })]),
        Some("jobs") => Answer::list("1", vec![job(1, None)]),
        _ => Answer::list("1", vec![]),
    });
    insta::assert_snapshot!(outcome(&fake), @"
    5 not-found: the Job demo/oc-mirror-job-x is gone
    hint: somebody has deleted it; run again
    ");
}

#[test]
fn whoever_is_told_to_end_leaves_the_job_alone() {
    let (cancel, gate) = (Cancel::new(), Gate::default());
    let (raised, opened) = (cancel.clone(), gate.clone());
    let fake = Fake::start(move |request| match request.path.rsplit('/').next() {
        Some("jobs") if request.is_watch() => {
            raised.cancel();
            Answer::Stream(vec![Part::Until(opened.clone())])
        }
        Some("jobs") => Answer::list("1", vec![job(1, None)]),
        _ => Answer::list("1", vec![]),
    });
    let error = follow(&connect(&fake, &cancel), JOB).unwrap_err();
    gate.open();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(fake.requests().iter().all(|request| request.method == "GET"), "nothing is deleted");
    insta::assert_snapshot!(told(&error), @"
    cancelled: the Job demo/oc-mirror-job-x goes on without us
    hint: `oc logs -f job/oc-mirror-job-x -n demo` shows it, and a run of this step with the same run-uid finds it
    ");
}
