//! How a run ends, and what is said then.

use std::process::{Command, Stdio};

use cluster_testing::{Answer, Gate, Part, Request};
use serde_json::{Value, json};

use crate::support::*;

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
