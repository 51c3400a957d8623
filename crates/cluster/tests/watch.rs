//! Watches: over ends, breaks, expired versions and restarts, nothing is lost and nothing told twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use cluster::{Event, Resource, Select, Watch};
use cluster_testing::{Answer, Fake, Part};
use common::{connect, told};
use serde_json::{Value, json};
use step::Kind;

fn pod(name: &str, version: &str) -> Value {
    json!({ "metadata": { "name": name, "uid": format!("uid-{name}"), "resourceVersion": version } })
}

fn event(kind: &str, object: Value) -> Value {
    json!({ "type": kind, "object": object })
}

fn shown(event: &Event) -> String {
    let (what, object) = match event {
        Event::Applied(object) => ("applied", object),
        Event::Deleted(object) => ("deleted", object),
    };
    assert_eq!(object["kind"], "Pod");
    let metadata = &object["metadata"];
    format!("{what} {} {}", metadata["name"].as_str().unwrap(), metadata["resourceVersion"].as_str().unwrap())
}

/// So many events, and then an end of the watch that a test did not ask for.
fn take(watch: &mut Watch, count: usize) -> String {
    watch.take(count).map(|event| shown(&event.unwrap())).collect::<Vec<_>>().join("\n")
}

/// A server that lists, and then answers watches, one after the other; the versions asked for are its requests'.
fn fake(lists: Vec<Answer>, watches: Vec<Answer>) -> Fake {
    let (mut lists, mut watches) = (lists.into_iter(), watches.into_iter());
    Fake::start(move |request| {
        if request.is_watch() { watches.next().unwrap_or(Answer::Silence) } else { lists.next().unwrap_or(Answer::Silence) }
    })
}

fn asked(fake: &Fake) -> String {
    let asked = |r: &cluster_testing::Request| match r.is_watch() {
        true => format!("watch {}", r.query("resourceVersion")),
        false => "list".to_owned(),
    };
    fake.requests().iter().map(asked).collect::<Vec<_>>().join(", ")
}

#[test]
fn after_an_end_or_a_break_it_goes_on_where_it_was() {
    let text = |event: Value| Part::Text(format!("{event}\n"));
    let half = event("MODIFIED", pod("a", "9")).to_string();
    let fake = fake(
        vec![Answer::list("5", vec![pod("a", "3")])],
        vec![
            Answer::Stream(vec![text(event("ADDED", pod("b", "6")))]),
            Answer::Close,
            Answer::Stream(vec![text(event("BOOKMARK", pod("", "8"))), Part::Text(half[..20].to_owned()), Part::Break]),
            Answer::Stream(vec![Part::Text(half[..20].to_owned()), Part::Text(format!("{}\n", &half[20..])), Part::Hold]),
        ],
    );
    let mut watch = connect(&fake).watch(&Resource::PODS, Select::labels("app=x"));
    insta::assert_snapshot!(take(&mut watch, 3), @"
    applied a 3
    applied b 6
    applied a 9
    ");
    insta::assert_snapshot!(asked(&fake), @"list, watch 5, watch 6, watch 6, watch 8");
    assert!(fake.requests().iter().all(|request| request.query("labelSelector") == "app%3Dx"));
}

#[test]
fn an_expired_version_is_listed_anew_and_only_what_is_new_is_told() {
    let gone = |message: &str| event("ERROR", json!({ "code": 410, "reason": "Expired", "message": message }));
    let fake = fake(
        vec![
            Answer::list("5", vec![pod("a", "3"), pod("b", "4")]),
            Answer::list("20", vec![pod("a", "3"), pod("c", "19")]),
            Answer::list("30", vec![pod("a", "3"), pod("c", "29")]),
        ],
        vec![
            Answer::events(&[gone("too old resource version")]),
            Answer::error(410, "Expired", "too old resource version", json!({})),
            Answer::events(&[event("MODIFIED", pod("c", "29")), event("DELETED", pod("c", "31"))]),
        ],
    );
    let mut watch = connect(&fake).watch(&Resource::PODS, Select::labels(""));
    insta::assert_snapshot!(take(&mut watch, 6), @"
    applied a 3
    applied b 4
    applied c 19
    deleted b 4
    applied c 29
    deleted c 31
    ");
    insta::assert_snapshot!(asked(&fake), @"list, watch 5, list, watch 20, list, watch 30");
}

#[test]
fn a_server_that_starts_again_is_waited_for() {
    let forbidden = || Answer::error(403, "Forbidden", "User \"bot\" cannot watch resource \"pods\"", json!({}));
    let unavailable = || Answer::Text(503, vec![("Retry-After", "0".into())], "starting\n".into());
    let mut watches = vec![Answer::Stream(vec![Part::Break]), Answer::Close];
    watches.extend((0..12).map(|_| unavailable()));
    watches.extend([forbidden(), Answer::Text(404, vec![], "404 page not found\n".into())]);
    watches.push(Answer::events(&[event("ADDED", pod("b", "6"))]));
    let fake = fake(vec![Answer::list("5", vec![])], watches);
    let cluster = connect(&fake)
        .with_policy(step::retry::Policy { first_pause: Duration::from_micros(1), ..step::retry::Policy::default() });
    let mut watch = cluster.watch(&Resource::PODS, Select::name("b"));
    insta::assert_snapshot!(take(&mut watch, 1), @"applied b 6");
    assert_eq!(fake.requests().len(), 18);
}

#[test]
fn what_is_refused_from_the_start_or_for_good_is_an_error() {
    let forbidden = || Answer::error(403, "Forbidden", "User \"bot\" cannot watch resource \"pods\"", json!({}));
    let list = || Answer::list("5", vec![]);
    let mut shown = Vec::new();
    for (lists, watches) in [
        (vec![forbidden()], vec![]),
        (vec![list()], vec![forbidden(); 20]),
        (vec![Answer::Text(404, vec![], "404 page not found\n".into())], vec![]),
    ] {
        let fake = fake(lists, watches);
        let mut watch = connect(&fake).watch(&Resource::PODS, Select::name("b"));
        shown.push(fake.stable(&told(&watch.next().unwrap().unwrap_err())));
        assert!(watch.next().is_none());
    }
    insta::assert_snapshot!(shown.join("\n"), @r#"
    unauthorized: cannot list Pods in demo: bot may not
    User "bot" cannot watch resource "pods"
    hint: it needs a Role in demo with the verb `list` on `pods`
    unauthorized: watching Pods in demo (tried 5 times): cannot watch Pods in demo: bot may not
    User "bot" cannot watch resource "pods"
    hint: it needs a Role in demo with the verb `watch` on `pods`
    not-found: the cluster does not know Pod of v1
    "#);
}

#[test]
fn it_ends_when_the_time_is_up() {
    let fake = fake(vec![Answer::list("5", vec![pod("a", "3")])], vec![Answer::events(&[])]);
    let watch = connect(&fake).watch(&Resource::PODS, Select::name("a"));
    let until = Instant::now() + Duration::from_millis(100);
    let error = watch.until(until).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), Kind::TimedOut);
    assert!(Instant::now() >= until);
    insta::assert_snapshot!(error, @"time ran out while watching Pods in demo");
}
