//! What is sent, what comes back, and what a refusal says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cluster::{Cluster, Resource};
use cluster_testing::{Answer, Fake, Part, Request};
use common::{connect, told};
use serde_json::json;
use step::{Cancel, Kind};

#[test]
fn fields_that_nobody_knows_pass_through() {
    let object = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": { "name": "x", "futureMetadata": { "a": [1] } },
        "spec": { "futureField": { "z": 1, "a": null } },
    });
    let answer = object.clone();
    let fake = Fake::start(move |request| match &*request.path {
        "/apis/apps/v1" => {
            Answer::Json(200, json!({ "resources": [{ "name": "statefulsets", "kind": "StatefulSet", "namespaced": true }] }))
        }
        _ => Answer::Json(200, answer.clone()),
    });
    let cluster = connect(&fake);
    assert_eq!(cluster.apply(&object).unwrap(), object);
    assert_eq!(cluster.apply(&object).unwrap().to_string(), object.to_string(), "also their order");
    let shown = |request: &Request| {
        format!("{} {}?{} {} {}", request.method, request.path, request.query, request.header("content-type"), request.body)
    };
    let sent: Vec<String> = fake.requests().iter().map(shown).collect();
    insta::assert_snapshot!(sent.join("\n"), @r#"
    GET /apis/apps/v1?  null
    PATCH /apis/apps/v1/namespaces/demo/statefulsets/x?fieldManager=stepwright application/apply-patch+yaml {"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"x","futureMetadata":{"a":[1]}},"spec":{"futureField":{"z":1,"a":null}}}
    PATCH /apis/apps/v1/namespaces/demo/statefulsets/x?fieldManager=stepwright application/apply-patch+yaml {"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"x","futureMetadata":{"a":[1]}},"spec":{"futureField":{"z":1,"a":null}}}
    "#);
    assert_eq!(fake.requests()[0].header("authorization"), "Bearer a-token-that-is-secret");
    assert!(!format!("{cluster:?}").contains("secret"));
    assert_eq!(step::redact::text("a-token-that-is-secret"), "***");
}

#[test]
fn lists_come_in_pages_and_say_what_they_hold() {
    let mut asked = 0;
    let fake = Fake::start(move |request| {
        let (next, name) = match request.query("continue") {
            "" if asked == 0 => ("expired", "lost"),
            "" => ("more%", "a"),
            "expired" => return Answer::error(410, "Expired", "The provided continue parameter is too old", json!({})),
            _ => ("", "b"),
        };
        asked += 1;
        Answer::Json(200, json!({ "metadata": { "continue": next }, "items": [{ "metadata": { "name": name } }] }))
    });
    let pods = connect(&fake).list(&Resource::PODS, "app in (x, y)").unwrap();
    insta::assert_snapshot!(json!(pods), @r#"[{"metadata":{"name":"a"},"apiVersion":"v1","kind":"Pod"},{"metadata":{"name":"b"},"apiVersion":"v1","kind":"Pod"}]"#);
    let queries: Vec<String> = fake.requests().into_iter().map(|request| request.query).collect();
    insta::assert_snapshot!(queries.join("\n"), @"
    labelSelector=app%20in%20%28x%2C%20y%29&limit=500
    labelSelector=app%20in%20%28x%2C%20y%29&limit=500&continue=expired
    labelSelector=app%20in%20%28x%2C%20y%29&limit=500
    labelSelector=app%20in%20%28x%2C%20y%29&limit=500&continue=more%25
    ");
}

/// What is said of each answer to a call.
fn refusals(call: impl Fn(&Cluster) -> step::Result<()>, answers: Vec<Answer>) -> String {
    let mut shown = Vec::new();
    for answer in answers {
        let fake = Fake::start(move |_| answer.clone());
        shown.push(fake.stable(&told(&call(&connect(&fake)).unwrap_err())));
    }
    shown.join("\n")
}

#[test]
fn refusals_name_the_thing_and_the_way_out() {
    let create = |cluster: &Cluster| {
        let run = json!({ "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": { "generateName": "build-" } });
        cluster.create(&run).map(drop)
    };
    let shown = refusals(
        create,
        vec![
            Answer::error(401, "Unauthorized", "Unauthorized", json!({})),
            Answer::error(
                403,
                "Forbidden",
                "pipelineruns.tekton.dev is forbidden: User \"system:serviceaccount:demo:bot\" cannot create resource \"pipelineruns\" in API group \"tekton.dev\" in the namespace \"demo\"",
                json!({ "group": "tekton.dev", "kind": "pipelineruns" }),
            ),
            Answer::error(
                403,
                "Forbidden",
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"",
                json!({ "name": "x" }),
            ),
            Answer::error(404, "NotFound", "namespaces \"demo\" not found", json!({ "name": "demo", "kind": "namespaces" })),
            Answer::Text(404, vec![], "404 page not found\n".into()),
            Answer::error(
                400,
                "BadRequest",
                "admission webhook \"validation.webhook.pipeline.tekton.dev\" denied the request: validation failed: missing field(s): spec.pipelineRef",
                json!({}),
            ),
            Answer::error(422, "Invalid", "PipelineRun.tekton.dev \"x\" is invalid:\n spec: Required", json!({ "name": "x" })),
            Answer::error(413, "RequestEntityTooLarge", "etcdserver: request is too large", json!({})),
            Answer::Text(418, vec![], "<html>\n".into()),
            Answer::Text(500, vec![], "boom\u{1b}[2J token a-token-that-is-secret\n".into()),
            Answer::Close,
            Answer::Text(503, vec![("Retry-After", "0".into())], "not now\n".into()),
        ],
    );
    insta::assert_snapshot!(shown, @r#"
    unauthorized: cannot create the PipelineRun demo/build-*: http://SERVER does not know us: Unauthorized
    hint: log in again (`oc login`), or see the `users` of the kubeconfig
    unauthorized: cannot create the PipelineRun demo/build-*: system:serviceaccount:demo:bot may not
    pipelineruns.tekton.dev is forbidden: User "system:serviceaccount:demo:bot" cannot create resource "pipelineruns" in API group "tekton.dev" in the namespace "demo"
    hint: it needs a Role in demo with the verb `create` on `pipelineruns.tekton.dev`
    unauthorized: cannot create the PipelineRun demo/build-*: pods "x" is forbidden: violates PodSecurity "restricted:latest"
    not-found: there is no namespace demo
    not-found: the cluster does not know PipelineRun of tekton.dev/v1
    hint: is Tekton installed there, in a version that serves it?
    bad-input: cannot create the PipelineRun demo/build-*: admission webhook "validation.webhook.pipeline.tekton.dev" denied the request: validation failed: missing field(s): spec.pipelineRef
    bad-input: cannot create the PipelineRun demo/build-*: PipelineRun.tekton.dev "x" is invalid: spec: Required
    bad-input: cannot create the PipelineRun demo/build-*: it is too large: etcdserver: request is too large
    remote: cannot create the PipelineRun demo/build-*: http://SERVER answers 418: 418 I'm a teapot
    remote: cannot create the PipelineRun demo/build-* (tried 5 times): http://SERVER answers 500: boom[2J token ***
    remote: cannot create the PipelineRun demo/build-* (tried 5 times): cannot reach http://SERVER: connection closed before message completed
    remote: cannot create the PipelineRun demo/build-* (tried 5 times): http://SERVER answers 503: not now
    "#);
}

#[test]
fn refusals_of_an_object() {
    let get = |cluster: &Cluster| cluster.get(&Resource::CONFIG_MAPS, "ca").map(drop);
    let apply = |cluster: &Cluster| {
        cluster.apply(&json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "ca" } })).map(drop)
    };
    let missing = Answer::error(404, "NotFound", "configmaps \"ca\" not found", json!({ "name": "ca", "kind": "configmaps" }));
    let forbidden = "configmaps \"ca\" is forbidden: User \"bot\" cannot patch resource \"configmaps\" in API group \"\" in the namespace \"demo\"";
    let taken = json!({ "name": "ca", "causes": [
        { "reason": "FieldManagerConflict", "message": "conflict with \"kubectl\" using v1", "field": ".data.a" },
        { "reason": "FieldManagerConflict", "message": "conflict with \"argo\"", "field": ".data.b" },
    ]});
    let create = |cluster: &Cluster| {
        cluster.create(&json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "ca" } })).map(drop)
    };
    let exists = Answer::error(409, "AlreadyExists", "configmaps \"ca\" already exists", json!({ "name": "ca" }));
    let mut shown = refusals(get, vec![missing]);
    shown.push('\n');
    shown += &refusals(create, vec![exists, Answer::Text(500, vec![], "boom".into()), Answer::Close]);
    shown.push('\n');
    shown += &refusals(
        apply,
        vec![
            Answer::error(403, "Forbidden", forbidden, json!({ "name": "ca", "kind": "configmaps" })),
            Answer::error(409, "Conflict", "Apply failed with 2 conflicts", taken),
            Answer::error(409, "Conflict", "the object has been modified", json!({ "name": "ca" })),
            Answer::Text(200, vec![], "<html>".into()),
        ],
    );
    insta::assert_snapshot!(shown, @r#"
    not-found: there is no ConfigMap ca in the namespace demo
    conflict: cannot create the ConfigMap demo/ca: it is already there
    remote: cannot create the ConfigMap demo/ca: http://SERVER answers 500: boom
    hint: it may have been done all the same: look before you run it again
    remote: cannot create the ConfigMap demo/ca: cannot reach http://SERVER: connection closed before message completed
    hint: it may have been done all the same: look before you run it again
    unauthorized: cannot patch the ConfigMap demo/ca: bot may not
    configmaps "ca" is forbidden: User "bot" cannot patch resource "configmaps" in API group "" in the namespace "demo"
    hint: it needs a Role in demo with the verb `patch` on `configmaps`
    conflict: cannot patch the ConfigMap demo/ca: others have set fields of it to something else
    .data.a is set by "kubectl" using v1
    .data.b is set by "argo"

    hint: leave these out, or let their owner change them
    conflict: cannot patch the ConfigMap demo/ca: the object has been modified
    hint: read it again, and then change it
    remote: cannot patch the ConfigMap demo/ca: the answer is not JSON: expected value at line 1 column 1
    "#);
}

#[test]
fn what_is_not_an_object_or_a_name_is_not_sent() {
    let fake = Fake::start(|_| Answer::Close);
    let cluster = connect(&fake);
    let mut shown = vec![
        told(&cluster.get(&Resource::PODS, "../secrets").unwrap_err()),
        told(&cluster.in_namespace("a/b").get(&Resource::PODS, "x").unwrap_err()),
        told(&cluster.create(&json!({ "kind": "Pod" })).unwrap_err()),
        told(&cluster.apply(&json!({ "apiVersion": "v1", "kind": "Pod" })).unwrap_err()),
        told(&cluster.resource("../../x", "X").unwrap_err()),
    ];
    shown.push(format!("{} requests", fake.requests().len()));
    insta::assert_snapshot!(shown.join("\n"), @r#"
    bad-input: "../secrets" is no name
    hint: lower-case letters, digits, `-` and `.`
    bad-input: "a/b" is no namespace
    hint: lower-case letters, digits, `-` and `.`
    bad-input: an object without `apiVersion` or `kind` cannot be sent to the cluster
    bad-input: a Pod without metadata.name cannot be applied
    bad-input: ".." is no apiVersion
    hint: lower-case letters, digits, `-` and `.`
    0 requests
    "#);
}

#[test]
fn what_passes_is_tried_again_when_that_is_safe() {
    let pod = || json!({ "metadata": { "name": "x" } });
    let webhook = "Internal error occurred: failed calling webhook \"w\": connect: connection refused";
    let late = |answers: Vec<Answer>| {
        let mut answers = answers.into_iter();
        Fake::start(move |_| answers.next().unwrap_or_else(|| Answer::Json(200, pod())))
    };
    let cut = Answer::Stream(vec![Part::Text("{\"metadata\"".into()), Part::Break]);
    let fake = late(vec![Answer::Text(503, vec![("Retry-After", "0".into())], String::new()), Answer::Close, cut.clone()]);
    assert_eq!(connect(&fake).get(&Resource::PODS, "x").unwrap(), pod());
    assert_eq!(fake.requests().len(), 4);

    let new = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "x" } });
    let fake = late(vec![Answer::Text(429, vec![], String::new()), Answer::error(500, "InternalError", webhook, json!({}))]);
    assert_eq!(connect(&fake).create(&new).unwrap(), pod());
    assert_eq!(fake.requests().len(), 3);

    // It may have been created, and by whom nobody could tell.
    for answer in [Answer::Close, cut] {
        let fake = late(vec![answer]);
        assert_eq!(connect(&fake).create(&new).unwrap_err().kind(), Kind::Remote);
        assert_eq!(fake.requests().len(), 1);
    }
}

#[test]
fn what_gets_its_name_from_us_is_created_once() {
    let taken = || Answer::error(409, "AlreadyExists", "pods already exists", json!({ "name": "x" }));
    let new = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "generateName": "x-" } });
    // The answer is lost, and then the name is taken: by ourselves.
    let mut answers = vec![Answer::Close, taken(), Answer::Json(200, json!({ "is": "there" }))].into_iter();
    let fake = Fake::start(move |_| answers.next().unwrap());
    assert_eq!(connect(&fake).create(&new).unwrap(), json!({ "is": "there" }));
    let requests = fake.requests();
    let name = requests[0].body["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("x-") && requests[1].body["metadata"]["name"] == name);
    assert_eq!((&*requests[2].method, &*requests[2].path), ("GET", &*format!("/api/v1/namespaces/demo/pods/{name}")));

    // Somebody else has it: another name.
    let mut answers = vec![taken(), Answer::Text(503, vec![], String::new()), taken(), Answer::Json(201, json!({}))].into_iter();
    let fake = Fake::start(move |_| answers.next().unwrap());
    connect(&fake).create(&new).unwrap();
    let requests = fake.requests();
    let names: BTreeSet<&str> = requests.iter().map(|r| r.body["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!((requests.len(), names.len()), (4, 3));
}

#[test]
fn what_was_deleted_is_deleted() {
    let fake = Fake::start(|_| Answer::error(404, "NotFound", "pods \"x\" not found", json!({ "name": "x" })));
    assert!(!connect(&fake).delete(&Resource::PODS, "x").unwrap());
    let fake = Fake::start(|_| Answer::Json(200, json!({})));
    assert!(connect(&fake).delete(&Resource::PODS, "x").unwrap());
}

#[test]
fn cancelling_ends_every_wait() {
    let fake = Fake::start(|_| Answer::Silence);
    let cancel = Cancel::new();
    let cluster = connect(&fake).with_cancel(cancel.clone());
    let started = Instant::now();
    std::thread::scope(|scope| {
        let waits: Vec<_> = [
            Box::new(|| cluster.get(&Resource::PODS, "x").unwrap_err()) as Box<dyn Fn() -> step::Error + Send + Sync>,
            Box::new(|| cluster.watch(&Resource::PODS, cluster::Select::name("x")).next().unwrap().unwrap_err()),
            Box::new(|| cluster.logs("x", "step-a").next().unwrap().unwrap_err()),
        ]
        .into_iter()
        .map(|wait| scope.spawn(move || wait().kind()))
        .collect();
        // All three wait for the server.
        while fake.requests().len() < 3 {
            std::thread::yield_now();
        }
        cancel.cancel();
        for wait in waits {
            assert_eq!(wait.join().unwrap(), Kind::Cancelled);
        }
    });
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_connection_that_has_died_meanwhile_is_not_used() {
    let fake = Fake::start(|_| Answer::Unannounced(201, json!({ "metadata": { "name": "x-1" } })));
    let cluster = connect(&fake);
    let new = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "x" } });
    for _ in 0..20 {
        // Nothing may be created twice, so this is not tried again: it has to work the first time.
        cluster.create(&new).unwrap();
        // The server's end of the connection arrives while nobody waits for the network.
        fake.settle();
    }
    assert_eq!(fake.requests().len(), 20);
}
