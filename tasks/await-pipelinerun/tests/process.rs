//! The step as a process, against an API server that does what a real one does not on demand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cluster_testing::{Answer, Fake, Gate, Part, Request};
use serde_json::{Value, json};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The token of the test's kubeconfig.
const SECRET: &str = "a-token-that-is-secret";

fn step(secret: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_await-pipelinerun"));
    command.arg(format!("--cluster={}", secret.display())).args(args);
    command.env_remove("KUBECONFIG").env("HOME", "/nowhere").stdin(Stdio::null());
    command
}

/// What waits for the commit, on a cluster whose Secret is a kubeconfig.
fn wait(fake: &Fake, args: &[&str]) -> Output {
    let commit = format!("--commit={COMMIT}");
    step(fake.kubeconfig().parent().unwrap(), &[&[&*commit], args].concat()).output().unwrap()
}

/// What a server answers to a request.
type Script = fn(&Request) -> Answer;

/// Exit code, results and log, without times and places.
fn shown(fake: &Fake, output: &Output) -> String {
    let text = |bytes: &[u8]| fake.stable(std::str::from_utf8(bytes).unwrap());
    let log: Vec<String> = text(&output.stderr)
        .lines()
        .map(|line| match line.split_once("Z ") {
            Some((time, rest)) if time.starts_with("20") => rest.trim_start().to_owned(),
            _ => line.to_owned(),
        })
        .map(|line| line.split_once(" pause=").map_or(line.clone(), |(before, _)| before.to_owned()))
        .collect();
    let shown = format!("{}\n{}{}", output.status.code().unwrap(), text(&output.stdout), log.join("\n"));
    assert!(!shown.contains(SECRET), "{shown}");
    shown
}

/// Exit code and last line.
fn verdict(fake: &Fake, output: &Output) -> String {
    let shown = shown(fake, output);
    let (code, rest) = shown.split_once('\n').unwrap();
    format!("{code} {}", rest.lines().last().unwrap())
}

/// A run that goes on.
fn run(name: &str, version: u32, event: &str) -> Value {
    let mut run = json!({
        "metadata": {
            "name": name, "namespace": "demo", "uid": format!("uid-{name}"), "resourceVersion": version.to_string(),
            "creationTimestamp": format!("2026-11-21T09:00:{version:02}Z"), "labels": {},
        },
        "spec": {},
        "status": { "startTime": "2026-11-21T09:00:00Z" },
    });
    if !event.is_empty() {
        run["metadata"]["labels"]["pipelinesascode.tekton.dev/event-type"] = event.into();
    }
    run
}

fn with(mut run: Value, version: u32, status: &str, reason: &str, message: &str) -> Value {
    run["metadata"]["resourceVersion"] = version.to_string().into();
    run["status"]["conditions"] = json!([{ "type": "Succeeded", "status": status, "reason": reason, "message": message }]);
    run
}

/// The same run at its good end.
fn done(run: Value, version: u32) -> Value {
    let mut run = with(run, version, "True", "Completed", "Tasks Completed: 3 (Failed: 0, Cancelled 0), Skipped: 1");
    run["status"]["completionTime"] = "2026-11-21T09:12:34Z".into();
    run["status"]["results"] = json!([
        { "name": "IMAGE_URL", "value": "quay.example/tenant/index:0123456\n" },
        { "name": "IMAGE_DIGEST", "value": DIGEST },
    ]);
    run
}

fn event(kind: &str, object: Value) -> Value {
    json!({ "type": kind, "object": object })
}

fn list(runs: impl IntoIterator<Item = Value>) -> Answer {
    Answer::list("5", runs.into_iter().collect())
}

fn forbidden(verb: &str, resource: &str) -> Answer {
    let message = format!(
        "User \"system:serviceaccount:tenant:iib\" cannot {verb} resource \"{resource}\" in API group \"\" in the namespace \"demo\""
    );
    Answer::error(403, "Forbidden", &message, json!({}))
}

/// A server that answers lists of runs and watches of them in this order, the last list over and over; the rest is for `other`.
fn server(lists: Vec<Answer>, watches: Vec<Answer>, mut other: impl FnMut(&Request) -> Answer + Send + 'static) -> Fake {
    let (mut lists, mut watches) = (VecDeque::from(lists), VecDeque::from(watches));
    Fake::start(move |request| {
        if !request.path.contains("/pipelineruns") || request.method != "GET" {
            return other(request);
        }
        if request.is_watch() {
            return watches.pop_front().unwrap_or_else(|| Answer::events(&[]));
        }
        if lists.len() > 1 { lists.pop_front().unwrap() } else { lists[0].clone() }
    })
}

fn nothing(request: &Request) -> Answer {
    panic!("nobody asks for {} {}", request.method, request.path)
}

fn asked(fake: &Fake) -> String {
    let asked = |request: &Request| {
        let path = request.path.replace("/apis/tekton.dev/v1/namespaces/demo/", "").replace("/api/v1/namespaces/demo/", "");
        let what = ["labelSelector", "fieldSelector", "resourceVersion"].map(|name| request.query(name).to_owned());
        let verb = if request.is_watch() { "WATCH" } else { &request.method };
        format!("{verb} {path} {}", what.join(" ").trim()).trim_end().to_owned()
    };
    fake.requests().iter().map(asked).collect::<Vec<_>>().join("\n")
}

#[test]
fn one_that_appears_late_is_followed_to_its_end() {
    let new = run("index-x7k", 7, "Merge_Request");
    let running =
        with(new.clone(), 8, "Unknown", "Running", "Tasks Completed: 1 (Failed: 0, Cancelled 0), Incomplete: 2, Skipped: 0");
    let fake = server(
        vec![list([]), list([]), list([new.clone()])],
        vec![
            Answer::events(&[event("ADDED", new.clone())]),
            Answer::events(&[event("MODIFIED", running), event("MODIFIED", done(new, 9))]),
        ],
        nothing,
    );
    let output = wait(&fake, &[]);
    insta::assert_snapshot!(shown(&fake, &output), @r#"
    0
    {
      "STATE": "Completed",
      "IMAGE_URL": "quay.example/tenant/index:0123456",
      "IMAGE_DIGEST": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "DURATION": "754",
      "PIPELINERUN": "index-x7k"
    }
     INFO waiting 5m for a PipelineRun of the commit 0123456789abcdef0123456789abcdef01234567 in demo on http://SERVER
     INFO found the PipelineRun demo/index-x7k event="Merge_Request"
     INFO index-x7k: it has not begun
     INFO index-x7k: Tasks Completed: 1 (Failed: 0, Cancelled 0), Incomplete: 2, Skipped: 0
     INFO the PipelineRun demo/index-x7k is done state="Completed" seconds=754
    "#);
    insta::assert_snapshot!(asked(&fake), @"
    GET pipelineruns pipelinesascode.tekton.dev%2Fsha%3D0123456789abcdef0123456789abcdef01234567
    GET pipelineruns pipelinesascode.tekton.dev%2Fsha%3D0123456789abcdef0123456789abcdef01234567
    WATCH pipelineruns pipelinesascode.tekton.dev%2Fsha%3D0123456789abcdef0123456789abcdef01234567  5
    GET pipelineruns metadata.name%3Dindex-x7k
    WATCH pipelineruns metadata.name%3Dindex-x7k 5
    ");
}

#[test]
fn of_several_the_newest_of_the_merge_request_is_taken() {
    let runs = || {
        vec![
            done(run("of-the-retest", 4, "retest-all-comment"), 4),
            done(run("of-the-push", 9, "push"), 9),
            done(run("of-the-request", 3, "pull_request"), 3),
        ]
    };
    let mut retest = runs();
    retest[0]["metadata"]["labels"]["pipelinesascode.tekton.dev/pull-request"] = "7".into();
    let mut said = Vec::new();
    for args in [vec![], vec!["--event=push"], vec!["--event=any"], vec!["--pipelinerun=of-the-push"]] {
        let by_name = args.iter().any(|arg| arg.contains("pipelinerun"));
        let fake =
            server(vec![if by_name { Answer::Json(200, runs()[1].clone()) } else { list(retest.clone()) }], vec![], nothing);
        let output =
            if by_name { step(fake.kubeconfig().parent().unwrap(), &args).output().unwrap() } else { wait(&fake, &args) };
        let shown = shown(&fake, &output);
        said.push(format!("{args:?} {}", shown.lines().find(|line| line.contains("PIPELINERUN")).unwrap()));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    []   "PIPELINERUN": "of-the-retest"
    ["--event=push"]   "PIPELINERUN": "of-the-push"
    ["--event=any"]   "PIPELINERUN": "of-the-push"
    ["--pipelinerun=of-the-push"]   "PIPELINERUN": "of-the-push"
    "#);
}

#[test]
fn a_commit_that_starts_nothing() {
    let empty = server(vec![list([])], vec![], nothing);
    let other = server(vec![list([run("of-the-push", 3, "push")])], vec![], nothing);
    let said = [&empty, &other].map(|fake| shown(fake, &wait(fake, &["--find-timeout=200ms", "--selector=app=index"])));
    insta::assert_snapshot!(said.join("\n"), @"
    5
     INFO waiting 200ms for a PipelineRun of the commit 0123456789abcdef0123456789abcdef01234567 in demo on http://SERVER
    error: there is no PipelineRun of the commit 0123456789abcdef0123456789abcdef01234567 in demo on http://SERVER, after 200ms; hint: has the push or merge request reached Pipelines as Code? If runs take longer to appear there, raise find-timeout
    5
     INFO not waiting for the PipelineRun of-the-push (push): something else has started it
     INFO waiting 200ms for a PipelineRun of the commit 0123456789abcdef0123456789abcdef01234567 in demo on http://SERVER
    error: there is no PipelineRun of the commit 0123456789abcdef0123456789abcdef01234567 in demo on http://SERVER, after 200ms; hint: there is of-the-push (push), which something else has started; `event` says what must have
    ");
    assert!(empty.requests().iter().all(|request| request.query("labelSelector").ends_with("%2Capp%3Dindex")));
}

/// A run that has failed with its TaskRuns, a pod and its log; `other` answers first.
fn failed(mut other: impl FnMut(&Request) -> Option<Answer> + Send + 'static) -> Fake {
    let mut run = with(
        run("index-x7k", 9, "pull_request"),
        9,
        "False",
        "Failed",
        "Tasks Completed: 2 (Failed: 1, Cancelled 1), Skipped: 1",
    );
    run["status"]["childReferences"] = json!([
        { "name": "index-x7k-clone", "pipelineTaskName": "clone" },
        { "name": "index-x7k-build", "pipelineTaskName": "build" },
    ]);
    let task_run = |task: &str, status: &str, reason: &str, message: &str, at: &str| {
        json!({
            "metadata": { "name": format!("index-x7k-{task}"), "labels": { "tekton.dev/pipelineTask": task } },
            "status": {
                "podName": format!("index-x7k-{task}-pod"), "completionTime": at,
                "conditions": [{ "type": "Succeeded", "status": status, "reason": reason, "message": message }],
                "steps": [
                    { "name": "prepare", "container": "step-prepare", "terminated": { "exitCode": 0 } },
                    { "name": "opm", "container": "step-opm", "terminated": { "exitCode": 1 } },
                ],
            },
        })
    };
    let task_runs = vec![
        task_run("scan", "False", "TaskRunCancelled", "TaskRun was cancelled", "2026-11-21T09:05:00Z"),
        task_run("build", "False", "Failed", "\"step-opm\" exited with code 1", "2026-11-21T09:05:01Z"),
        task_run("clone", "True", "Succeeded", "", "2026-11-21T09:04:00Z"),
    ];
    let log: String = (1..40).map(|n| format!("2026-11-21T09:04:{n:02}Z line {n} {SECRET}\u{1b}[31m\n")).collect();
    server(vec![list([run])], vec![], move |request| {
        if let Some(answer) = other(request) {
            return answer;
        }
        match request.path.rsplit('/').next().unwrap() {
            "taskruns" => list(task_runs.clone()),
            "log" => Answer::Stream(vec![Part::Text(log.clone())]),
            "index-x7k-build-pod" => Answer::Json(
                200,
                json!({
                    "metadata": { "name": "index-x7k-build-pod" },
                    "spec": { "containers": [{ "name": "step-opm" }] },
                    "status": { "containerStatuses": [{ "name": "step-opm", "state": { "terminated": { "exitCode": 1 } } }] },
                }),
            ),
            _ => nothing(request),
        }
    })
}

#[test]
fn a_failure_is_shown_with_its_task_run_and_the_end_of_its_log() {
    let fake = failed(|_| None);
    insta::assert_snapshot!(shown(&fake, &wait(&fake, &[])), @r#"
    7
     INFO found the PipelineRun demo/index-x7k event="pull_request"
    the TaskRun index-x7k-build (build) has failed: "step-opm" exited with code 1
    the last lines of its step opm:
      line 20 *** [31m
      line 21 *** [31m
      line 22 *** [31m
      line 23 *** [31m
      line 24 *** [31m
      line 25 *** [31m
      line 26 *** [31m
      line 27 *** [31m
      line 28 *** [31m
      line 29 *** [31m
      line 30 *** [31m
      line 31 *** [31m
      line 32 *** [31m
      line 33 *** [31m
      line 34 *** [31m
      line 35 *** [31m
      line 36 *** [31m
      line 37 *** [31m
      line 38 *** [31m
      line 39 *** [31m
    after it: index-x7k-scan
    error: the PipelineRun demo/index-x7k has failed (Failed): Tasks Completed: 2 (Failed: 1, Cancelled 1), Skipped: 1; hint: mend what its log shows, and run again
    "#);
    insta::assert_snapshot!(asked(&fake), @"
    GET pipelineruns pipelinesascode.tekton.dev%2Fsha%3D0123456789abcdef0123456789abcdef01234567
    GET taskruns tekton.dev%2FpipelineRun%3Dindex-x7k
    GET pods/index-x7k-build-pod
    GET pods/index-x7k-build-pod/log
    ");
}

#[test]
fn what_the_role_does_not_show_is_said() {
    let cases: [(&str, Script); 3] = [
        ("taskruns", |_| forbidden("list", "taskruns")),
        ("log", |_| forbidden("get", "pods/log")),
        ("index-x7k-build-pod", |_| Answer::error(404, "NotFound", "pods not found", json!({ "name": "index-x7k-build-pod" }))),
    ];
    let said = cases.map(|(refused, answer)| {
        let fake = failed(move |request| request.path.ends_with(refused).then(|| answer(request)));
        shown(&fake, &wait(&fake, &["--log-level=warn"]))
    });
    insta::assert_snapshot!(said.join("\n\n"), @r#"
    7
    its TaskRuns are index-x7k-clone (clone), index-x7k-build (build); which of them failed cannot be shown: cannot list TaskRuns in demo: system:serviceaccount:tenant:iib may not; it needs a Role in demo with the verb `list` on `taskruns.tekton.dev`
    error: the PipelineRun demo/index-x7k has failed (Failed): Tasks Completed: 2 (Failed: 1, Cancelled 1), Skipped: 1; hint: mend what its log shows, and run again

    7
    the TaskRun index-x7k-build (build) has failed: "step-opm" exited with code 1
    the log of its step opm cannot be shown: cannot get the log of the Pod demo/index-x7k-build-pod: system:serviceaccount:tenant:iib may not; it needs a Role in demo with the verb `get` on `pods/log`
    after it: index-x7k-scan
    error: the PipelineRun demo/index-x7k has failed (Failed): Tasks Completed: 2 (Failed: 1, Cancelled 1), Skipped: 1; hint: mend what its log shows, and run again

    7
    the TaskRun index-x7k-build (build) has failed: "step-opm" exited with code 1
    the log of its step opm cannot be shown: there is no Pod index-x7k-build-pod in the namespace demo
    after it: index-x7k-scan
    error: the PipelineRun demo/index-x7k has failed (Failed): Tasks Completed: 2 (Failed: 1, Cancelled 1), Skipped: 1; hint: mend what its log shows, and run again
    "#);
}

#[test]
fn ends_of_a_run() {
    let base = || run("index-x7k", 9, "");
    let with_result = |name: &str, value: Value| {
        let mut run = done(base(), 9);
        let results = run["status"]["results"].as_array_mut().unwrap();
        results.retain(|result| result["name"] != name);
        results.push(json!({ "name": name, "value": value }));
        run
    };
    let mut old = done(base(), 9);
    old["status"]["pipelineResults"] = old["status"]["results"].take();
    let said: Vec<String> = [
        with(base(), 9, "False", "Cancelled", "PipelineRun \"index-x7k\" was cancelled"),
        with(base(), 9, "False", "PipelineRunTimeout", "PipelineRun \"index-x7k\" failed to finish within \"1h0m0s\""),
        with(base(), 9, "False", "CouldntGetTask", "cannot retrieve the Task \u{1b}[31mx"),
        with(base(), 9, "True", "Succeeded", "Tasks Completed: 3"),
        with_result("IMAGE_URL", json!(["a", "b"])),
        with_result("IMAGE_URL", json!("https://quay.example/x")),
        with_result("IMAGE_URL", json!("quay.example/$(params.x)")),
        with_result("IMAGE_DIGEST", json!("sha256:12")),
        old,
    ]
    .into_iter()
    .map(|run| {
        let fake = server(vec![list([run])], vec![], |_| list([]));
        verdict(&fake, &wait(&fake, &[]))
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    7 error: the PipelineRun demo/index-x7k was cancelled: PipelineRun "index-x7k" was cancelled; hint: somebody has cancelled it; run again
    8 error: the PipelineRun demo/index-x7k took longer than its own timeout: PipelineRun "index-x7k" failed to finish within "1h0m0s"; hint: raise `timeouts` there
    7 error: the PipelineRun demo/index-x7k has failed (CouldntGetTask): cannot retrieve the Task  [31mx; hint: mend what its log shows, and run again
    5 error: the PipelineRun demo/index-x7k has succeeded without the result IMAGE_URL; hint: its Pipeline must have it among its results; if it builds no image, set require-image to false
    5 error: the PipelineRun demo/index-x7k has succeeded without the result IMAGE_URL; hint: its Pipeline must have it among its results; if it builds no image, set require-image to false
    3 error: the result IMAGE_URL of the PipelineRun demo/index-x7k is wrong: not an image's reference: it is a URL; leave out http:// or https://
    3 error: the result IMAGE_URL of the PipelineRun demo/index-x7k is wrong: not an image's reference: it holds `$`, which is not expanded here
    3 error: the result IMAGE_DIGEST of the PipelineRun demo/index-x7k is wrong: not a digest: sha256: has 64 digits
    0  INFO the PipelineRun demo/index-x7k is done state="Completed" seconds=754
    "#);
    let fake = server(vec![list([with(base(), 9, "True", "Succeeded", "")])], vec![], nothing);
    insta::assert_snapshot!(shown(&fake, &wait(&fake, &["--require-image=false", "--log-level=warn"])), @r#"
    0
    {
      "STATE": "Succeeded",
      "IMAGE_URL": "",
      "IMAGE_DIGEST": "",
      "DURATION": "",
      "PIPELINERUN": "index-x7k"
    }
    "#);
}

#[test]
fn one_that_is_deleted() {
    let going = || run("index-x7k", 7, "pull_request");
    let mut again = done(going(), 9);
    again["metadata"]["uid"] = "another".into();
    let said: Vec<String> = [event("DELETED", going()), event("DELETED", done(going(), 9)), event("ADDED", again)]
        .into_iter()
        .map(|event| {
            let fake = server(vec![list([going()])], vec![Answer::events(&[event])], nothing);
            verdict(&fake, &wait(&fake, &[]))
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    5 error: the PipelineRun demo/index-x7k was deleted before its end; hint: run again
    0  INFO the PipelineRun demo/index-x7k is done state="Completed" seconds=754
    5 error: the PipelineRun demo/index-x7k was deleted before its end; hint: run again
    "#);
}

#[test]
fn one_that_takes_too_long_is_cancelled_only_when_asked_for() {
    let running = with(run("index-x7k", 7, "pull_request"), 7, "Unknown", "Running", "Tasks Completed: 1, Incomplete: 2");
    let answers: [(&[&str], Script); 3] = [
        (&[], nothing),
        (&["--cancel-on-timeout=true"], |request| Answer::Json(200, request.body.clone())),
        (&["--cancel-on-timeout=true"], |_| forbidden("patch", "pipelineruns")),
    ];
    let said = answers.map(|(args, other)| {
        let fake = server(vec![list([running.clone()])], vec![], other);
        let said = verdict(&fake, &wait(&fake, &[&["--run-timeout=200ms"], args].concat()));
        let requests = fake.requests();
        let patches = requests
            .iter()
            .filter(|request| request.method == "PATCH")
            .map(|request| format!("\n  {} {}", request.path, request.body));
        format!("{said}{}", patches.collect::<String>())
    });
    insta::assert_snapshot!(said.join("\n"), @r#"
    8 error: the PipelineRun demo/index-x7k has not ended after 200ms: Tasks Completed: 1, Incomplete: 2; hint: it goes on: raise run-timeout, or set cancel-on-timeout
    8 error: the PipelineRun demo/index-x7k has not ended after 200ms: Tasks Completed: 1, Incomplete: 2; hint: it was cancelled: raise run-timeout
      /apis/tekton.dev/v1/namespaces/demo/pipelineruns/index-x7k {"metadata":{"uid":"uid-index-x7k"},"spec":{"status":"CancelledRunFinally"}}
    8 error: the PipelineRun demo/index-x7k has not ended after 200ms: Tasks Completed: 1, Incomplete: 2; hint: it goes on: it could not be cancelled: cannot patch the PipelineRun demo/index-x7k: system:serviceaccount:tenant:iib may not (it needs a Role in demo with the verb `patch` on `pipelineruns.tekton.dev`)
      /apis/tekton.dev/v1/namespaces/demo/pipelineruns/index-x7k {"metadata":{"uid":"uid-index-x7k"},"spec":{"status":"CancelledRunFinally"}}
    "#);
}

#[test]
fn what_passes_is_waited_for() {
    let new = run("index-x7k", 7, "pull_request");
    let unavailable = || Answer::Text(503, vec![("Retry-After", "0".into())], "starting\n".into());
    let half = format!("{}\n", event("MODIFIED", done(new.clone(), 9)));
    let fake = server(
        vec![
            Answer::Text(500, vec![("Retry-After", "0".into())], "etcd has no leader\n".into()),
            list([new.clone()]),
            list([new]),
        ],
        vec![
            Answer::Close,
            Answer::Stream(vec![Part::Text(half[..50].to_owned()), Part::Break]),
            unavailable(),
            forbidden("watch", "pipelineruns"),
            Answer::events(&[event("ERROR", json!({ "code": 410, "reason": "Expired" }))]),
            Answer::Stream(vec![Part::Text(half), Part::Hold]),
        ],
        nothing,
    );
    let output = wait(&fake, &["--log-level=error"]);
    assert!(shown(&fake, &output).contains(r#""PIPELINERUN": "index-x7k""#), "{}", shown(&fake, &output));
    let watches = fake.requests().iter().filter(|request| request.is_watch()).count();
    assert_eq!(watches, 6);
}

#[test]
fn a_token_that_is_renewed_is_read_again() {
    let secret = tempfile::tempdir().unwrap();
    let write = |key: &str, text: &str| std::fs::write(secret.path().join(key), text).unwrap();
    let new = run("index-x7k", 7, "pull_request");
    let token = secret.path().join("token");
    let (mut has_watched, expired) = (false, Answer::error(401, "Unauthorized", "Unauthorized", json!({})));
    let fake = Fake::start(move |request| match (request.header("authorization"), request.is_watch()) {
        ("Bearer first-token", true) if !has_watched => {
            has_watched = true;
            Answer::Stream(vec![Part::Break])
        }
        ("Bearer first-token", false) if !has_watched => list([new.clone()]),
        ("Bearer first-token", _) => {
            std::fs::write(&token, "second-token").unwrap();
            expired.clone()
        }
        ("Bearer second-token", true) => Answer::events(&[event("MODIFIED", done(new.clone(), 9))]),
        ("Bearer second-token", false) => list([new.clone()]),
        (other, _) => panic!("who is {other}?"),
    });
    write("url", &fake.url());
    write("token", "first-token\n");
    write("namespace", "demo");
    let output = step(secret.path(), &["--commit", COMMIT]).output().unwrap();
    let said = shown(&fake, &output);
    assert!(!said.contains("first-token") && !said.contains("second-token"), "{said}");
    insta::assert_snapshot!(said, @r#"
    0
    {
      "STATE": "Completed",
      "IMAGE_URL": "quay.example/tenant/index:0123456",
      "IMAGE_DIGEST": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "DURATION": "754",
      "PIPELINERUN": "index-x7k"
    }
     INFO found the PipelineRun demo/index-x7k event="pull_request"
     INFO index-x7k: it has not begun
     WARN watching PipelineRuns in demo: will try again error=http://SERVER breaks off its answer: unexpected EOF during chunk size line attempt=1
     WARN looking for the PipelineRun again: will try again error=watching PipelineRuns in demo (tried once): cannot watch PipelineRuns in demo: http://SERVER does not know us: Unauthorized attempt=1
     INFO the PipelineRun demo/index-x7k is done state="Completed" seconds=754
    "#);
}

#[test]
fn who_we_are_is_asked_before_anything_is_waited_for() {
    let answers: [fn() -> Answer; 3] = [
        || Answer::error(401, "Unauthorized", "Unauthorized", json!({})),
        || forbidden("list", "pipelineruns"),
        || Answer::Text(404, vec![], "404 page not found\n".into()),
    ];
    let mut said: Vec<String> = answers
        .iter()
        .map(|answer| {
            let fake = server(vec![answer()], vec![], nothing);
            let said = verdict(&fake, &wait(&fake, &[]));
            assert_eq!(fake.requests().len(), 1);
            said
        })
        .collect();
    let fake = Fake::start(nothing);
    let empty = tempfile::tempdir().unwrap();
    let output = step(empty.path(), &["--commit", COMMIT]).output().unwrap();
    said.push(verdict(&fake, &output).replace(&empty.path().display().to_string(), "DIR"));
    insta::assert_snapshot!(said.join("\n"), @"
    4 error: cannot list PipelineRuns in demo: http://SERVER does not know us: Unauthorized; hint: log in again (`oc login`), or see the `users` of the kubeconfig
    4 error: cannot list PipelineRuns in demo: system:serviceaccount:tenant:iib may not; hint: it needs a Role in demo with the verb `list` on `pipelineruns.tekton.dev`
    5 error: the cluster does not know PipelineRun of tekton.dev/v1; hint: is Tekton installed there, in a version that serves it?
    3 error: the Secret in DIR has no `url`; hint: give it the keys `url`, `token` and `ca.crt`, or `kubeconfig`
    ");
}

#[test]
fn told_to_end_it_leaves_the_run() {
    let gate = Gate::default();
    let fake = server(vec![list([run("index-x7k", 7, "pull_request")])], vec![Answer::Stream(vec![Part::Until(gate)])], nothing);
    let child = step(fake.kubeconfig().parent().unwrap(), &["--commit", COMMIT])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !fake.requests().iter().any(Request::is_watch) {
        std::thread::yield_now();
    }
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    insta::assert_snapshot!(shown(&fake, &output), @r#"
    143
     INFO found the PipelineRun demo/index-x7k event="pull_request"
     INFO index-x7k: it has not begun
    error: the PipelineRun demo/index-x7k goes on without us; hint: a run of this step with the same parameters finds it again
    "#);
}

#[test]
fn parameters_are_refused_by_their_grammar() {
    let fake = Fake::start(nothing);
    let said: Vec<String> = [
        &["--commit=main"][..],
        &["--commit=$(params.commit)"],
        &["--label=a=b"],
        &["--selector=$(params.x)"],
        &["--find-timeout=5"],
        &["--run-timeout=0s"],
        &["--run-timeout=-1m"],
        &["--event=tag"],
        &["--namespace=../x", "--commit", COMMIT],
        &["--pipelinerun=x", "--commit", COMMIT],
        &["--pipelinerun=../x"],
        &[],
    ]
    .into_iter()
    .map(|args| verdict(&fake, &step(fake.kubeconfig().parent().unwrap(), args).output().unwrap()))
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    3 error: invalid value 'main' for '--commit <SHA>': it is no commit id: all of its 40 (or 64) hexadecimal digits
    3 error: invalid value '$(params.commit)' for '--commit <SHA>': it is no commit id: all of its 40 (or 64) hexadecimal digits
    3 error: invalid value 'a=b' for '--label <LABEL>': it is no key of a label, as pipelinesascode.tekton.dev/sha is one
    3 error: invalid value '$(params.x)' for '--selector <SELECTOR>': it is no label selector, as a=b,c!=d is one
    3 error: invalid value '5' for '--find-timeout <DURATION>': "5" is not a duration: 5 has no unit; write it like 1h30m, 90s or 500ms
    3 error: invalid value '0s' for '--run-timeout <DURATION>': it must be more than no time
    3 error: invalid value '-1m' for '--run-timeout <DURATION>': it must be more than no time
    3 error: invalid value 'tag' for '--event <EVENT>' [possible values: merge-request, push, any]
    3 error: "../x" is no namespace; hint: lower-case letters, digits, `-` and `.`
    2 error: the argument '--pipelinerun <NAME>' cannot be used with '--commit <SHA>'; hint: --help shows all parameters
    3 error: "../x" is no name; hint: lower-case letters, digits, `-` and `.`
    3 error: neither commit nor pipelinerun is given; hint: give the commit that was pushed
    "#);
}

/// What a Role must allow for a request: `get tekton.dev/pipelineruns`.
fn right(request: &Request) -> String {
    let (before, after) = request.path.split_once("/namespaces/demo/").unwrap();
    let group = before.strip_prefix("/apis/").map_or("", |group| group.split('/').next().unwrap());
    let parts: Vec<&str> = after.split('/').collect();
    let resource = if parts.len() == 3 { format!("{}/{}", parts[0], parts[2]) } else { parts[0].to_owned() };
    let verb = match (&*request.method, request.is_watch(), parts.len()) {
        ("GET", true, _) => "watch",
        ("GET", _, 1) => "list",
        ("GET", ..) => "get",
        ("PATCH", ..) => "patch",
        (other, ..) => other,
    };
    format!("{verb} {group}/{resource}")
}

#[test]
fn the_role_in_the_readme_is_what_is_asked_for() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let yaml = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let role: Value =
        serde_saphyr::from_str(yaml.split("---\n").find(|document| document.contains("kind: Role\n")).unwrap()).unwrap();
    let strings =
        |value: &Value| value.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let mut granted = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        for resource in strings(&rule["resources"]) {
            granted.extend(
                strings(&rule["verbs"]).iter().map(|verb| format!("{verb} {}/{resource}", strings(&rule["apiGroups"])[0])),
            );
        }
    }
    let found = failed(|_| None);
    wait(&found, &[]);
    let going = run("index-x7k", 7, "pull_request");
    let named = server(vec![Answer::Json(200, going.clone()), list([going])], vec![], |_| Answer::Json(200, json!({})));
    let args = ["--pipelinerun=index-x7k", "--run-timeout=200ms", "--cancel-on-timeout=true"];
    step(named.kubeconfig().parent().unwrap(), &args).output().unwrap();
    let mut asked: Vec<String> = found.requests().iter().chain(&named.requests()).map(right).collect();
    for list in [&mut granted, &mut asked] {
        list.sort();
        list.dedup();
    }
    assert_eq!(granted, asked);
}
