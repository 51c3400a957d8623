//! Runs of Pipelines, a cluster that has them, and the step that waits for one.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cluster_testing::{Answer, Fake, Part, Request};
use serde_json::{Value, json};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(crate) const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The token of the test's kubeconfig.
pub(crate) const SECRET: &str = "a-token-that-is-secret";

pub(crate) fn step(secret: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_await-pipelinerun"));
    command.arg(format!("--cluster={}", secret.display())).args(args);
    command.env_remove("KUBECONFIG").env("HOME", "/nowhere").stdin(Stdio::null());
    command
}

/// What waits for the commit, on a cluster whose Secret is a kubeconfig.
pub(crate) fn wait(fake: &Fake, args: &[&str]) -> Output {
    let commit = format!("--commit={COMMIT}");
    step(fake.kubeconfig().parent().unwrap(), &[&[&*commit], args].concat()).output().unwrap()
}

/// What a server answers to a request.
pub(crate) type Script = fn(&Request) -> Answer;

/// Exit code, results and log, without times and places.
pub(crate) fn shown(fake: &Fake, output: &Output) -> String {
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
pub(crate) fn verdict(fake: &Fake, output: &Output) -> String {
    let shown = shown(fake, output);
    let (code, rest) = shown.split_once('\n').unwrap();
    format!("{code} {}", rest.lines().last().unwrap())
}

/// A run that goes on.
pub(crate) fn run(name: &str, version: u32, event: &str) -> Value {
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

pub(crate) fn with(mut run: Value, version: u32, status: &str, reason: &str, message: &str) -> Value {
    run["metadata"]["resourceVersion"] = version.to_string().into();
    run["status"]["conditions"] = json!([{ "type": "Succeeded", "status": status, "reason": reason, "message": message }]);
    run
}

/// The same run at its good end.
pub(crate) fn done(run: Value, version: u32) -> Value {
    let mut run = with(run, version, "True", "Completed", "Tasks Completed: 3 (Failed: 0, Cancelled 0), Skipped: 1");
    run["status"]["completionTime"] = "2026-11-21T09:12:34Z".into();
    run["status"]["results"] = json!([
        { "name": "IMAGE_URL", "value": "quay.example/tenant/index:0123456\n" },
        { "name": "IMAGE_DIGEST", "value": DIGEST },
    ]);
    run
}

pub(crate) fn event(kind: &str, object: Value) -> Value {
    json!({ "type": kind, "object": object })
}

pub(crate) fn list(runs: impl IntoIterator<Item = Value>) -> Answer {
    Answer::list("5", runs.into_iter().collect())
}

pub(crate) fn forbidden(verb: &str, resource: &str) -> Answer {
    let message = format!(
        "User \"system:serviceaccount:tenant:iib\" cannot {verb} resource \"{resource}\" in API group \"\" in the namespace \"demo\""
    );
    Answer::error(403, "Forbidden", &message, json!({}))
}

/// A server that answers lists of runs and watches of them in this order, the last list over and over; the rest is for `other`.
pub(crate) fn server(
    lists: Vec<Answer>,
    watches: Vec<Answer>,
    mut other: impl FnMut(&Request) -> Answer + Send + 'static,
) -> Fake {
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

pub(crate) fn nothing(request: &Request) -> Answer {
    panic!("nobody asks for {} {}", request.method, request.path)
}

pub(crate) fn asked(fake: &Fake) -> String {
    let asked = |request: &Request| {
        let path = request.path.replace("/apis/tekton.dev/v1/namespaces/demo/", "").replace("/api/v1/namespaces/demo/", "");
        let what = ["labelSelector", "fieldSelector", "resourceVersion"].map(|name| request.query(name).to_owned());
        let verb = if request.is_watch() { "WATCH" } else { &request.method };
        format!("{verb} {path} {}", what.join(" ").trim()).trim_end().to_owned()
    };
    fake.requests().iter().map(asked).collect::<Vec<_>>().join("\n")
}

/// A run that has failed with its TaskRuns, a pod and its log; `other` answers first.
pub(crate) fn failed(mut other: impl FnMut(&Request) -> Option<Answer> + Send + 'static) -> Fake {
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
