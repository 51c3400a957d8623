//! Logs: every line once, in their order, over whatever breaks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use cluster_testing::{Answer, Fake, Part, Request};
use common::{connect, told};
use serde_json::{Value, json};

const PART: &str = "/api/v1/namespaces/demo/pods/x/log";

fn pod(version: &str, state: Value) -> Value {
    let statuses = if state.is_null() { json!([]) } else { json!([{ "name": "step-a", "state": state }]) };
    json!({
        "metadata": { "name": "x", "uid": "1", "resourceVersion": version },
        "spec": { "containers": [{ "name": "step-a" }] },
        "status": { "phase": "Pending", "containerStatuses": statuses },
    })
}

fn running() -> Value {
    json!({ "running": {} })
}

fn ended() -> Value {
    json!({ "terminated": { "exitCode": 0 } })
}

/// A pod in these states, one a request, and a log in these answers.
fn fake(pods: Vec<Value>, logs: Vec<Answer>) -> Fake {
    let (mut pods, mut logs) = (pods.into_iter(), logs.into_iter());
    Fake::start(move |request| match &*request.path {
        PART => logs.next().unwrap_or(Answer::Silence),
        _ if request.is_watch() => Answer::Silence,
        _ => Answer::Json(200, pods.next().unwrap()),
    })
}

fn text(lines: &str) -> Part {
    Part::Text(lines.to_owned())
}

fn read(fake: &Fake) -> String {
    let lines = connect(fake).logs("x", "step-a");
    lines.map(|line| line.unwrap_or_else(|error| fake.stable(&told(&error)))).collect::<Vec<_>>().join("\n")
}

fn asked(fake: &Fake) -> String {
    let shown = |request: &Request| match request.path == PART {
        true => format!("log {}", request.query.trim_start_matches("container=step-a&timestamps=true")),
        false => request.path.rsplit('/').next().unwrap().to_owned(),
    };
    fake.requests().iter().map(shown).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_log_is_followed_over_breaks_and_read_to_its_end() {
    let fake = fake(
        vec![pod("1", running()), pod("1", running()), pod("2", ended())],
        vec![
            Answer::Stream(vec![
                text("2026-01-01T00:00:01.5Z one\n2026-01-01T00:00:02.000000001Z two\n2026-01-01T00:00:02.000000001Z t"),
                text("wo\n2026-01-01T00:00:03Z thr"),
                Part::Break,
            ]),
            Answer::Close,
            // From the second on, and the same time a third time.
            Answer::Stream(vec![text(
                "2026-01-01T00:00:02Z too early\n2026-01-01T00:00:02.000000001Z two\n2026-01-01T00:00:02.000000001Z two\n2026-01-01T00:00:02.000000001Z two again\n2026-01-01T01:00:03+01:00 three\n",
            )]),
            // Ended well in the middle: somebody in between has restarted.
            Answer::Stream(vec![text("2026-01-01T00:00:03Z three\n2026-01-01T00:00:04Z four\n")]),
            // Without following, after the container has ended.
            Answer::Stream(vec![text(
                "2026-01-01T00:00:04Z four\nnode: disk is full\n2026-01-01T00:00:05Z \n2026-01-01T00:00:06Z no newline",
            )]),
        ],
    );
    insta::assert_snapshot!(read(&fake), @"
    one
    two
    two
    two again
    three
    four
    node: disk is full

    no newline
    ");
    insta::assert_snapshot!(asked(&fake), @"
    x
    log &follow=true
    log &follow=true&sinceTime=2026-01-01T00%3A00%3A02.000000001Z
    log &follow=true&sinceTime=2026-01-01T00%3A00%3A02.000000001Z
    x
    log &follow=true&sinceTime=2026-01-01T00%3A00%3A03Z
    x
    log &sinceTime=2026-01-01T00%3A00%3A04Z
    ");
}

#[test]
fn a_container_that_waits_is_waited_for() {
    let started = json!({ "type": "MODIFIED", "object": pod("7", ended()) });
    let mut gets = 0;
    let fake = Fake::start(move |request| match &*request.path {
        PART => Answer::Text(200, vec![], "2026-01-01T00:00:01Z one\n".into()),
        _ if request.is_watch() => Answer::events(std::slice::from_ref(&started)),
        path if path.ends_with("/pods") => Answer::list("5", vec![pod("1", Value::Null)]),
        _ => {
            gets += 1;
            assert_eq!(gets, 1);
            Answer::Json(200, pod("1", json!({ "waiting": { "reason": "ContainerCreating" } })))
        }
    });
    assert_eq!(read(&fake), "one");
    insta::assert_snapshot!(asked(&fake), @"
    x
    pods
    pods
    log
    ");
}

#[test]
fn without_a_container_there_is_no_log() {
    let missing = || Answer::error(404, "NotFound", "pods \"x\" not found", json!({ "name": "x" }));
    let mut failed = pod("1", Value::Null);
    failed["status"]["phase"] = "Failed".into();
    assert_eq!(read(&fake(vec![failed], vec![])), "");
    // The pod goes while it is read.
    let mut gets = 0;
    let fake_gone = Fake::start(move |request| match &*request.path {
        PART => Answer::Text(200, vec![], "2026-01-01T00:00:01Z one\n2026-01-01T00:00:02Z last".into()),
        _ => {
            gets += 1;
            if gets == 1 { Answer::Json(200, pod("1", running())) } else { missing() }
        }
    });
    assert_eq!(read(&fake_gone), "one\nlast");
    // Deleted before it has started.
    let deleted = json!({ "type": "DELETED", "object": pod("7", Value::Null) });
    let fake_deleted = Fake::start(move |request| match request.is_watch() {
        true => Answer::events(std::slice::from_ref(&deleted)),
        false if request.path.ends_with("/pods") => Answer::list("5", vec![pod("1", Value::Null)]),
        false => Answer::Json(200, pod("1", Value::Null)),
    });
    assert_eq!(read(&fake_deleted), "");

    let fake = Fake::start(move |_| missing());
    let error = read(&fake);
    let fake = self::fake(vec![pod("1", running())], vec![]);
    let other = connect(&fake).logs("x", "step-b").next().unwrap().unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", told(&other)), @r#"
    not-found: there is no Pod x in the namespace demo
    not-found: the Pod x has no container "step-b"
    hint: there is: step-a
    "#);
}

#[test]
fn a_log_that_is_refused_is_an_error() {
    let message =
        "pods \"x\" is forbidden: User \"bot\" cannot get resource \"pods/log\" in API group \"\" in the namespace \"demo\"";
    let fake = fake(vec![pod("1", running())], vec![Answer::error(403, "Forbidden", message, json!({ "name": "x" }))]);
    insta::assert_snapshot!(read(&fake), @r#"
    unauthorized: cannot get the log of the Pod demo/x: bot may not
    pods "x" is forbidden: User "bot" cannot get resource "pods/log" in API group "" in the namespace "demo"
    hint: it needs a Role in demo with the verb `get` on `pods/log`
    "#);
}
