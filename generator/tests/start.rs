//! `stepwright start`: what is created, what a person sees, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cluster_testing::{Answer, Fake, Gate, Part, Request};
use serde_json::{Value, json};

fn stepwright(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepwright"));
    command.arg("start").args(args).env_remove("KUBECONFIG").env_remove("KUBERNETES_SERVICE_HOST").env("HOME", "/nowhere");
    command
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    format!("{}\n--\n{}\n-- {}", text(&output.stdout), text(&output.stderr), output.status.code().unwrap_or(-1))
}

/// Without a cluster.
fn printed(args: &[&str]) -> String {
    said(&stepwright(args).args(["--create=false"]).output().unwrap())
}

const COPY: [&str; 5] = ["copy-image", "-p", "source=registry.example/a:1", "-p", "destinations=registry.example/b:1"];

#[test]
fn without_a_cluster_the_run_of_a_definition_is_printed() {
    let mut args = COPY.to_vec();
    args.extend(["-s", "builder", "--timeout", "30m", "-n", "demo", "-w", "name=registry-credentials,secret=login"]);
    insta::assert_snapshot!(printed(&args), @"
    apiVersion: tekton.dev/v1
    kind: PipelineRun
    metadata:
      generateName: copy-image-
      namespace: demo
    spec:
      pipelineRef:
        name: copy-image
      params:
      - name: source
        value: registry.example/a:1
      - name: destinations
        value:
        - registry.example/b:1
      workspaces:
      - name: registry-credentials
        secret:
          secretName: login
      timeouts:
        pipeline: 30m
      taskRunTemplate:
        serviceAccountName: builder
    --

    -- 0
    ");
}

#[test]
fn a_run_can_carry_the_definition() {
    let mut args = COPY.to_vec();
    args.push("--inline");
    let text = printed(&args);
    for part in ["  pipelineSpec:\n", "taskSpec:\n", "command:\n", "/copy-image:", "generateName: copy-image-\n"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("taskRef") && !text.contains("pipelineRef"), "{text}");
}

#[test]
fn a_run_can_carry_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("p.yaml");
    std::fs::write(&file, FILE).unwrap();
    insta::assert_snapshot!(printed(&[file.to_str().unwrap(), "-p", "tags=a,b", "-p", "tags=c", "-w", "name=data,size=1Gi"]), @"
    apiVersion: tekton.dev/v1
    kind: PipelineRun
    metadata:
      generateName: build-
    spec:
      pipelineSpec:
        params:
        - name: tags
          type: array
        - name: mode
          enum:
          - fast
          - slow
          default: fast
        workspaces:
        - name: data
        - name: ca
          optional: true
        tasks:
        - name: say
          taskSpec:
            params:
            - name: tags
              type: array
            workspaces:
            - name: data
            steps:
            - name: say
              image: busybox
              command:
              - echo
              args:
              - $(params.tags[*])
          params:
          - name: tags
            value:
            - $(params.tags[*])
          workspaces:
          - name: data
      params:
      - name: tags
        value:
        - a,b
        - c
      workspaces:
      - name: data
        volumeClaimTemplate:
          apiVersion: v1
          kind: PersistentVolumeClaim
          metadata: {}
          spec:
            accessModes:
            - ReadWriteOnce
            resources:
              requests:
                storage: 1Gi
    --

    -- 0
    ");
}

const FILE: &str = "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: build}
spec:
  params: [{name: tags, type: array}, {name: mode, default: fast, enum: [fast, slow]}]
  workspaces: [{name: data}, {name: ca, optional: true}]
  tasks:
  - name: say
    taskRef: {name: say}
    params: [{name: tags, value: [\"$(params.tags[*])\"]}]
    workspaces: [{name: data}]
---
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: say}
spec:
  params: [{name: tags, type: array}]
  workspaces: [{name: data}]
  steps: [{name: say, image: busybox, command: [echo], args: [\"$(params.tags[*])\"]}]
";

#[test]
fn what_is_wrong_is_told_before_anything_is_created() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("p.yaml");
    std::fs::write(&file, FILE).unwrap();
    let file = file.to_str().unwrap();
    let data = ["-w", "name=data,emptyDir="];
    let good = [&[file, "-p", "tags=a"][..], &data].concat();
    let cases: Vec<Vec<&str>> = vec![
        [&[file][..], &data].concat(),
        [&good[..], &["-p", "tag=b"]].concat(),
        [&good[..], &["-p", "mode=faster"]].concat(),
        [&good[..], &["-p", "mode"]].concat(),
        vec![file, "-p", "tags=a"],
        [&good[..], &["-w", "name=date,secret=x"]].concat(),
        [&good[..], &["-w", "name=data,secret=x"]].concat(),
        [&good[..], &["-w", "name=ca,secrets=x"]].concat(),
        [&good[..], &["--timeout", "1 hour"]].concat(),
        [&good[..], &["--create=maybe"]].concat(),
        [&good[..], &["-n", "Not A Name"]].concat(),
        [&good[..], &["-s", "bad_account"]].concat(),
        vec!["./nowhere"],
        vec!["nowhere.yaml"],
        vec!["copy-imgae"],
        vec![],
    ];
    let shown: Vec<String> = cases.iter().map(|args| printed(args).trim_start_matches("\n--\n").to_owned()).collect();
    let place = directory.path().display().to_string();
    insta::assert_snapshot!(shown.join("\n").replace(&place, "DIR"), @r#"
    error: the Pipeline build needs the parameter "tags"; hint: give it with -p tags='["VALUE"]'
    -- 3
    error: the Pipeline build has no parameter "tag"; hint: did you mean "tags"?
    -- 3
    error: the parameter "mode" of the Pipeline build does not allow "faster"; hint: allowed is fast, slow
    -- 3
    error: the parameter "mode" is not NAME=VALUE; hint: write -p name=value; for a list repeat it, or write -p 'name=["a","b"]'
    -- 2
    error: the Pipeline build needs the workspace "data"; hint: give it with -w name=data,claimName=PVC, or size=1Gi
    -- 3
    error: the Pipeline build has no workspace "date"; hint: did you mean "data"?
    -- 3
    error: the workspace "data" is given twice
    -- 2
    error: invalid value 'name=ca,secrets=x' for '--workspace <name=NAME,…>': the workspace "name=ca,secrets=x" has the unknown key "secrets"; did you mean "secret"?
    -- 2
    error: invalid value '1 hour' for '--timeout <DURATION>': "1 hour" is not a duration: " hour" is no unit; write it like 1h30m, 90s or 500ms
    -- 2
    error: invalid value 'maybe' for '--create[=<create>]' [possible values: true, false]
    -- 2
    error: invalid value 'Not A Name' for '--namespace <NAME>': lower-case letters, digits, `-` and `.` make a name
    -- 2
    error: invalid value 'bad_account' for '--serviceaccount <NAME>': lower-case letters, digits, `-` and `.` make a name
    -- 2
    error: there is no pipeline "./nowhere"; hint: give the directory of a definition, or the name of one
    -- 5
    error: cannot read nowhere.yaml: No such file or directory (os error 2)
    -- 5
    error: no cluster is configured: there is no kubeconfig, and this is no pod; hint: write ~/.kube/config (`oc login` does), or name a file with --kubeconfig or KUBECONFIG; or did you mean the definition `copy-image`?
    -- 5
    error: the following required arguments were not provided: <PIPELINE>; hint: --help shows all parameters
    -- 2
    "#);
}

// --- with a cluster ---

const TEKTON: &str = "/apis/tekton.dev/v1/namespaces/demo/";

fn pipeline() -> Value {
    json!({ "metadata": { "name": "build" }, "spec": {
        "params": [{ "name": "tags", "type": "array", "fromTheFuture": true }, { "name": "mode", "default": "fast" }],
        "workspaces": [{ "name": "ca", "optional": true }],
        "future": 1,
    }})
}

/// The run at some point of its life.
fn run(version: &str, status: &str, reason: &str, results: &Value) -> Value {
    json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": { "name": "build-x7k2p", "uid": "r", "resourceVersion": version },
        "status": {
            "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:01:05Z", "results": results,
            "skippedTasks": if status == "Unknown" { json!([]) } else { json!([{ "name": "publish", "reason": "When Expressions evaluated to false" }]) },
            "conditions": [{ "type": "Succeeded", "status": status, "reason": reason, "message": "Tasks Completed: 1" }],
        },
    })
}

fn task_run(version: &str, status: &str, reason: &str, more: &Value) -> Value {
    let mut task_run = json!({
        "metadata": {
            "name": "build-x7k2p-say", "uid": "t", "resourceVersion": version, "labels": { "tekton.dev/pipelineTask": "say" },
        },
        "status": {
            "startTime": "2026-01-01T00:00:01Z", "completionTime": "2026-01-01T00:00:05Z", "podName": "build-x7k2p-say-pod",
            "conditions": [{ "type": "Succeeded", "status": status, "reason": reason, "message": "\"step-say\" exited with code 4" }],
        },
    });
    for (name, value) in more.as_object().unwrap() {
        task_run["status"][name] = value.clone();
    }
    task_run
}

fn pod() -> Value {
    json!({
        "metadata": { "name": "build-x7k2p-say-pod", "uid": "p", "resourceVersion": "1" },
        "spec": { "containers": [{ "name": "step-say" }, { "name": "sidecar-x" }] },
        "status": { "containerStatuses": [{ "name": "step-say", "state": { "terminated": { "exitCode": 0 } } }] },
    })
}

fn changed(object: &Value) -> Part {
    Part::Text(format!("{}\n", json!({ "type": "MODIFIED", "object": object })))
}

/// A cluster with a Pipeline whose run ends as `end` and whose one TaskRun ends as `task_end`. It ends when its log was
/// read, or else when somebody cancels it.
fn cluster(end: Value, task_end: Value, is_cancelled: bool) -> Fake {
    let gate = Gate::default();
    Fake::start(move |request: &Request| {
        let what = request.path.strip_prefix(TEKTON).unwrap_or(&request.path);
        let running = run("1", "Unknown", "Running", &json!([]));
        match (&*request.method, what) {
            ("GET", "pipelines/build") => Answer::Json(200, pipeline()),
            ("POST", "pipelineruns") => Answer::Json(201, running),
            ("PATCH", "pipelineruns/build-x7k2p") => {
                gate.open();
                Answer::Json(200, running)
            }
            ("GET", "pipelineruns") if request.is_watch() => {
                Answer::Stream(vec![Part::Until(gate.clone()), changed(&end), Part::Hold])
            }
            ("GET", "pipelineruns") => Answer::list("1", vec![running]),
            ("GET", "taskruns") if request.is_watch() => Answer::Silence,
            ("GET", "taskruns") if request.query("fieldSelector").is_empty() => Answer::list("1", vec![task_end.clone()]),
            ("GET", path) if path.ends_with("/pods/build-x7k2p-say-pod") => Answer::Json(200, pod()),
            ("GET", path) if path.ends_with("/log") => {
                if !is_cancelled {
                    gate.open();
                }
                Answer::Text(200, vec![], "2026-01-01T00:00:02Z hello\n2026-01-01T00:00:03Z a-token-that-is-secret\n".into())
            }
            _ => Answer::Text(404, vec![], "404 page not found\n".into()),
        }
    })
}

fn start(fake: &Fake, args: &[&str]) -> Command {
    let mut command = stepwright(&["build", "-p", "tags=a"]);
    command.args(args).arg("--kubeconfig").arg(fake.kubeconfig());
    command
}

#[test]
fn a_run_is_created_and_followed_to_its_end() {
    let results = json!([{ "name": "url", "value": "registry.example/b" }, { "name": "all", "value": ["x", "y"] }]);
    let end = run("9", "True", "Completed", &results);
    let fake = cluster(end, task_run("8", "True", "Succeeded", &json!({})), false);
    insta::assert_snapshot!(but_skipped(&said(&start(&fake, &[]).output().unwrap())), @r#"
    build-x7k2p
    {"url":"registry.example/b","all":["x","y"]}
    --
    say: started
    [say : say] hello
    [say : say] ***
    say: succeeded after 4.0 s
    build-x7k2p: succeeded after 1 m 05 s: Tasks Completed: 1
    -- 0
    "#);
    let requests = fake.requests();
    let created = requests.iter().find(|request| request.method == "POST").unwrap();
    let mut body = created.body.clone();
    assert!(body["metadata"]["name"].take().as_str().unwrap().starts_with("build-"));
    insta::assert_snapshot!(body, @r#"{"apiVersion":"tekton.dev/v1","kind":"PipelineRun","metadata":{"generateName":"build-","name":null},"spec":{"pipelineRef":{"name":"build"},"params":[{"name":"tags","value":["a"]}]}}"#);
    // What is printed is what is created.
    let printed = start(&fake, &["--create=false"]).output().unwrap();
    insta::assert_snapshot!(said(&printed), @"
    apiVersion: tekton.dev/v1
    kind: PipelineRun
    metadata:
      generateName: build-
    spec:
      pipelineRef:
        name: build
      params:
      - name: tags
        value:
        - a
    --

    -- 0
    ");
}

#[test]
fn a_task_that_fails_says_why_and_ends_with_its_code() {
    let more = json!({
        "steps": [{ "name": "say", "terminationReason": "Error", "terminated": { "exitCode": 4 } }],
        "results": [{ "name": "ERROR", "value": "the token is refused; hint: ask for another\nmore" }],
    });
    let fake = cluster(run("9", "False", "Failed", &json!([])), task_run("8", "False", "Failed", &more), false);
    insta::assert_snapshot!(but_skipped(&said(&start(&fake, &[]).output().unwrap())), @r#"
    build-x7k2p
    {}
    --
    say: started
    [say : say] hello
    [say : say] ***
    say: failed after 4.0 s: Failed: "step-say" exited with code 4
    say: ERROR: the token is refused; hint: ask for another
    say: ERROR: more
    build-x7k2p: failed after 1 m 05 s: Tasks Completed: 1
    error: the task say of build-x7k2p failed: the token is refused; hint: ask for another; `kubectl describe pipelinerun build-x7k2p -n demo` says more
    -- 4
    "#);
}

#[test]
fn it_need_not_be_followed() {
    let fake = cluster(json!({}), json!({}), false);
    insta::assert_snapshot!(said(&start(&fake, &["--watch=false"]).output().unwrap()), @"
    build-x7k2p
    --

    -- 0
    ");
    let asked: Vec<String> = fake.requests().iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    insta::assert_snapshot!(asked.join("\n"), @"
    GET /apis/tekton.dev/v1/namespaces/demo/pipelines/build
    POST /apis/tekton.dev/v1/namespaces/demo/pipelineruns
    ");
}

#[test]
fn refusals_end_it() {
    let refusing = |method: &'static str, answer: Answer| {
        Fake::start(move |request| match &*request.method {
            own if own == method => answer.clone(),
            _ => Answer::Json(200, pipeline()),
        })
    };
    let denied =
        "admission webhook \"validation.webhook.pipeline.tekton.dev\" denied the request: validation failed: invalid value";
    let forbidden = "User \"bot\" cannot create resource \"pipelineruns\" in API group \"tekton.dev\" in the namespace \"demo\"";
    let missing = Answer::error(404, "NotFound", "pipelines.tekton.dev \"build\" not found", json!({ "name": "build" }));
    let mut shown = Vec::new();
    for fake in [
        refusing("POST", Answer::error(400, "BadRequest", denied, json!({}))),
        refusing("POST", Answer::error(403, "Forbidden", forbidden, json!({}))),
        refusing("GET", missing),
        refusing("GET", Answer::Text(404, vec![], "404 page not found\n".into())),
    ] {
        shown.push(fake.stable(&said(&start(&fake, &[]).output().unwrap())).trim_start_matches("\n--\n").to_owned());
    }
    shown.push(said(&stepwright(&["build"]).output().unwrap()).trim_start_matches("\n--\n").to_owned());
    insta::assert_snapshot!(shown.join("\n"), @r#"
    error: cannot create the PipelineRun demo/build-*: admission webhook "validation.webhook.pipeline.tekton.dev" denied the request: validation failed: invalid value
    -- 3
    User "bot" cannot create resource "pipelineruns" in API group "tekton.dev" in the namespace "demo"
    error: cannot create the PipelineRun demo/build-*: bot may not; hint: it needs a Role in demo with the verb `create` on `pipelineruns.tekton.dev`
    -- 4
    error: there is no Pipeline build in the namespace demo; hint: `kubectl get pipelines` shows what is there; --namespace chooses another place
    -- 5
    error: the cluster does not know Pipeline of tekton.dev/v1; hint: is Tekton installed there, in a version that serves it?
    -- 5
    error: no cluster is configured: there is no kubeconfig, and this is no pod; hint: write ~/.kube/config (`oc login` does), or name a file with --kubeconfig or KUBECONFIG
    -- 5
    "#);
}

/// A process that has said the name of its run.
struct Started {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
    /// What it has said on standard error.
    said: String,
}

fn started(fake: &Fake) -> Started {
    let mut child = start(fake, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut name = String::new();
    out.read_line(&mut name).unwrap();
    if name.is_empty() {
        err.read_to_string(&mut name).unwrap();
    }
    assert_eq!(name, "build-x7k2p\n");
    Started { child, out, err, said: String::new() }
}

impl Started {
    /// Waits for a line that begins so.
    fn says(&mut self, start: &str) {
        loop {
            let mut line = String::new();
            assert!(self.err.read_line(&mut line).unwrap() > 0, "{start:?} in {}", self.said);
            self.said += &line;
            if line.starts_with(start) {
                return;
            }
        }
    }

    fn end(mut self) -> String {
        let mut stdout = Vec::new();
        self.out.read_to_end(&mut stdout).unwrap();
        self.err.read_to_string(&mut self.said).unwrap();
        said(&Output { status: self.child.wait().unwrap(), stdout, stderr: self.said.into_bytes() })
    }
}

/// That a task was skipped is told when the run says so, before or after what its tasks say.
fn but_skipped(text: &str) -> String {
    let skipped = "publish: skipped: When Expressions evaluated to false\n";
    assert_eq!(text.matches(skipped).count(), 1, "{text}");
    text.replace(skipped, "")
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

fn wait_for(fake: &Fake, what: impl Fn(&Request) -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !fake.requests().iter().any(&what) {
        assert!(Instant::now() < until, "{:?}", fake.requests());
        std::thread::yield_now();
    }
}

#[test]
fn ctrl_c_cancels_the_run_and_goes_on_following() {
    let end = run("9", "False", "CancelledRunFinally", &json!([]));
    let fake = cluster(end, task_run("8", "False", "TaskRunCancelled", &json!({})), true);
    let mut started = started(&fake);
    started.says("say: cancelled");
    interrupt(&started.child);
    insta::assert_snapshot!(but_skipped(&started.end()), @r#"
    {}
    --
    say: started
    [say : say] hello
    [say : say] ***
    say: cancelled after 4.0 s: TaskRunCancelled: "step-say" exited with code 4
    cancelling build-x7k2p: finally tasks still run; Ctrl-C again leaves it to itself
    build-x7k2p: cancelled after 1 m 05 s: Tasks Completed: 1
    error: build-x7k2p was cancelled: Tasks Completed: 1; hint: `kubectl describe pipelinerun build-x7k2p -n demo` says more
    -- 143
    "#);
    let patches: Vec<String> = fake
        .requests()
        .iter()
        .filter(|r| r.method == "PATCH")
        .map(|r| format!("{} {}", r.header("content-type"), r.body))
        .collect();
    insta::assert_snapshot!(patches.join("\n"), @r#"application/merge-patch+json {"spec":{"status":"CancelledRunFinally"}}"#);
}

#[test]
fn ctrl_c_twice_leaves_the_run() {
    let answer = Answer::Json(200, json!({}));
    let fake = Fake::start(move |request| match &*request.method {
        "POST" => Answer::Json(201, run("1", "Unknown", "Running", &json!([]))),
        "PATCH" => answer.clone(),
        _ if request.path.ends_with("/build") => Answer::Json(200, pipeline()),
        _ if request.is_watch() => Answer::Silence,
        _ => Answer::list("1", vec![]),
    });
    let started = started(&fake);
    interrupt(&started.child);
    wait_for(&fake, |request| request.method == "PATCH");
    interrupt(&started.child);
    insta::assert_snapshot!(started.end(), @"

    --
    cancelling build-x7k2p: finally tasks still run; Ctrl-C again leaves it to itself
    error: build-x7k2p is left to itself in the cluster; hint: `kubectl get pipelinerun build-x7k2p -n demo` shows how it goes
    -- 143
    ");
}

#[test]
fn ctrl_c_before_there_is_a_run_ends_it() {
    let fake = Fake::start(|_| Answer::Silence);
    let child = start(&fake, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&fake, |_| true);
    interrupt(&child);
    insta::assert_snapshot!(said(&child.wait_with_output().unwrap()), @"

    --
    error: cancelled; hint: run it again to finish the work
    -- 143
    ");
}
