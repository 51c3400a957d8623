//! The step as a process: exit codes, results, signals, and what it never prints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use cluster_testing::{Answer, Fake, Part, Request};
use serde_json::{Value, json};

const ARGS: [&str; 3] = ["--image-url=quay.io/a/oc-mirror:1", "--run-uid=x", "--namespace=demo"];
/// The token of the test's kubeconfig.
const SECRET: &str = "a-token-that-is-secret";

fn step(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deploy-workload"));
    command.args(ARGS).args(args).env_remove("KUBECONFIG").env("HOME", "/nowhere").stdin(Stdio::null());
    command
}

/// With a cluster.
fn with(fake: &Fake, args: &[&str]) -> Command {
    let mut command = step(args);
    command.env("KUBECONFIG", fake.kubeconfig());
    command
}

/// Exit code, results and log, without times and places.
fn shown(output: &Output, dir: &Path) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(&dir.display().to_string(), "DIR");
    let log: Vec<String> = text(&output.stderr)
        .lines()
        .map(|line| match line.split_once("Z ") {
            Some((time, rest)) if time.starts_with("20") => rest.trim_start().to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    format!("{}\n{}{}", output.status.code().unwrap(), text(&output.stdout), log.join("\n"))
}

/// A namespace with everything, a Job that is there when it is made, and one pod of it.
fn cluster(log: &'static str, condition: Value, code: i64, has_end: bool) -> Fake {
    let (mut created, mut is_claimed) = (json!(null), false);
    Fake::start(move |request: &Request| {
        assert!(!request.path.contains("secret"));
        let last = request.path.rsplit('/').next().unwrap_or_default();
        let status = json!({ "containerStatuses": [{ "name": "oc-mirror", "state": { "terminated": { "exitCode": code, "reason": "Error" } } }] });
        let pod = json!({ "metadata": { "name": "pod-a", "uid": "a" }, "spec": { "containers": [{ "name": "oc-mirror" }] }, "status": status });
        match (request.method.as_str(), last) {
            ("POST", "persistentvolumeclaims") => {
                is_claimed = true;
                Answer::Json(201, request.body.clone())
            }
            ("GET" | "PATCH", "oc-mirror-content") if is_claimed => Answer::Json(200, json!({ "metadata": { "name": last } })),
            ("POST", _) => {
                created = request.body.clone();
                created["metadata"]["uid"] = "1".into();
                Answer::Json(201, created.clone())
            }
            (_, "oc-mirror-config") => Answer::Json(200, json!({ "data": { "imageset.yaml": "kind: X" } })),
            (_, "oc-mirror" | "demo") => Answer::Json(200, json!({ "metadata": { "name": last } })),
            (_, "jobs") if request.is_watch() && !has_end => Answer::events(&[]),
            (_, "jobs") if request.is_watch() => {
                created["status"]["conditions"] = json!([condition]);
                created["metadata"]["resourceVersion"] = "2".into();
                Answer::events(&[json!({ "type": "MODIFIED", "object": created })])
            }
            (_, "jobs") => Answer::list("1", if created["kind"] == "Job" { vec![created.clone()] } else { vec![] }),
            (_, "pods") => Answer::list("1", if has_end { vec![pod] } else { vec![] }),
            (_, "pod-a") => Answer::Json(200, pod),
            (_, "log") => Answer::Stream(vec![Part::Text(log.to_owned())]),
            _ => Answer::error(404, "NotFound", "not found", json!({ "name": last })),
        }
    })
}

#[test]
fn a_laptop_without_a_cluster() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("demo")).unwrap();
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: oc-mirror-config}\ndata: {imageset.yaml: x}\n";
    std::fs::write(dir.path().join("demo/configmap-oc-mirror-config.yaml"), config).unwrap();
    let manifests = format!("--manifests={}", dir.path().display());
    let run = |more: &[&str]| shown(&step(&[&[manifests.as_str()], more].concat()).output().unwrap(), dir.path());
    insta::assert_snapshot!(run(&["--log-level=warn"]), @r#"
    0
    {
      "WORKLOAD_KIND": "Job",
      "WORKLOAD_NAME": "oc-mirror-job-x",
      "NAMESPACE": "demo",
      "STATUS": "created",
      "OBJECTS": "created PersistentVolumeClaim demo/oc-mirror-content\ncreated PersistentVolumeClaim demo/oc-mirror-cache\ncreated Job demo/oc-mirror-job-x",
      "SINCE": "",
      "IMAGE_REF": "quay.io/a/oc-mirror:1"
    }
    "#);
    assert!(run(&[]).contains(r#""STATUS": "kept""#));
    insta::assert_snapshot!(run(&["--memory-limit=4Gi"]), @r#"
    6
    spec.template.spec.containers[0].resources.limits.memory is "8Gi", and not "4Gi"
    error: the Job demo/oc-mirror-job-x is there, and was made with other parameters; hint: start a new run, or `oc delete job oc-mirror-job-x -n demo` first
    "#);
    insta::assert_snapshot!(run(&["--wait=true"]), @"
    3
    error: wait is true, and a directory of manifests runs nothing; hint: leave wait out, or unbind the workspace manifests
    ");
}

#[test]
fn parameters_are_refused_by_their_grammar() {
    let said: Vec<String> = [
        "--namespace=$(params.x)",
        "--since-date=2026-02-30",
        "--since-date=2026-11-01T00:00:00Z",
        "--schedule=61 * * * *",
        "--content-size=many",
        "--target-registry=https://r.example",
        "--pull-secret=$(x)",
        "--run-uid=$(context.pipelineRun.uid)",
        "--workflow=mirror",
        "--wait=yes",
    ]
    .iter()
    .map(|arg| {
        shown(&Command::new(env!("CARGO_BIN_EXE_deploy-workload")).args([ARGS[0], arg]).output().unwrap(), Path::new("/none"))
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    3
    error: invalid value '$(params.x)' for '--namespace <NAME>': it is no name of a namespace: at most 63 lower-case letters, digits and `-`
    3
    error: invalid value '2026-02-30' for '--since-date <DATE>': the calendar has no such day
    3
    error: invalid value '2026-11-01T00:00:00Z' for '--since-date <DATE>': a date is written YYYY-MM-DD, without a time
    3
    error: invalid value '61 * * * *' for '--schedule <CRON>': the minute, "61", is not of 0 to 59
    3
    error: invalid value 'many' for '--content-size <QUANTITY>': it is no quantity; write it as 100Gi or 500m
    3
    error: invalid value 'https://r.example' for '--target-registry <REGISTRY>': not a place for images: it is a URL; leave out http:// or https://
    3
    error: invalid value '$(x)' for '--pull-secret <NAME>': it is no name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
    3
    error: invalid value '$(context.pipelineRun.uid)' for '--run-uid <UID>': it is no UID: at most 48 lower-case letters, digits and `-`
    3
    error: invalid value 'mirror' for '--workflow <WORKFLOW>' [possible values: workflow-to-disk, workflow-from-disk, workflow-direct]
    3
    error: invalid value 'yes' for '--wait <WAIT>' [possible values: true, false]
    "#);
}

#[test]
fn a_job_that_fails_fails_the_step() {
    let log = "2026-11-21T09:00:00Z pulling with a-token-that-is-secret from https://bot:hunter2@r.example/x\n\
        2026-11-21T09:00:01Z  [ERROR] cannot mirror with a-token-that-is-secret\n";
    let failed = json!({ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" });
    let fake = cluster(log, failed, 20, true);
    let output = with(&fake, &["--wait=true"]).output().unwrap();
    let said = shown(&output, Path::new("/none"));
    assert!(!said.contains(SECRET) && !said.contains("hunter2"), "{said}");
    insta::assert_snapshot!(said, @r#"
    7
     INFO created PersistentVolumeClaim demo/oc-mirror-content
     INFO created PersistentVolumeClaim demo/oc-mirror-cache
     INFO created Job demo/oc-mirror-job-x
     INFO waiting for its end job="oc-mirror-job-x"
     INFO oc-mirror's pod pod="pod-a"
     INFO pulling with *** from https://***@r.example/x
     INFO  [ERROR] cannot mirror with ***
     [ERROR] cannot mirror with ***
    error: the Job demo/oc-mirror-job-x: oc-mirror could not mirror everything: operators, helm charts failed (exit code 20); hint: working-dir/logs/mirroring_errors_*.txt on the volume lists them; run again when they can be had, or take them out of the ImageSetConfiguration
    "#);
}

#[test]
fn a_job_that_is_done() {
    let done = json!({ "type": "Complete", "status": "True" });
    let fake = cluster("2026-11-21T09:00:00Z hello\n", done, 0, true);
    let output = with(&fake, &["--wait=true"]).output().unwrap();
    insta::assert_snapshot!(shown(&output, Path::new("/none")), @r#"
    0
    {
      "WORKLOAD_KIND": "Job",
      "WORKLOAD_NAME": "oc-mirror-job-x",
      "NAMESPACE": "demo",
      "STATUS": "succeeded",
      "OBJECTS": "created PersistentVolumeClaim demo/oc-mirror-content\ncreated PersistentVolumeClaim demo/oc-mirror-cache\ncreated Job demo/oc-mirror-job-x",
      "SINCE": "",
      "IMAGE_REF": "quay.io/a/oc-mirror:1"
    }
     INFO created PersistentVolumeClaim demo/oc-mirror-content
     INFO created PersistentVolumeClaim demo/oc-mirror-cache
     INFO created Job demo/oc-mirror-job-x
     INFO waiting for its end job="oc-mirror-job-x"
     INFO oc-mirror's pod pod="pod-a"
     INFO hello
     INFO the Job demo/oc-mirror-job-x is done
    "#);
}

#[test]
fn told_to_end_it_leaves_the_job() {
    let fake = cluster("", json!({}), 0, false);
    let mut child = with(&fake, &["--wait=true"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !fake.requests().iter().any(Request::is_watch) {
        assert!(child.try_wait().unwrap().is_none(), "it waits for the Job");
        std::thread::yield_now();
    }
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    insta::assert_snapshot!(shown(&output, Path::new("/none")), @r#"
    143
     INFO created PersistentVolumeClaim demo/oc-mirror-content
     INFO created PersistentVolumeClaim demo/oc-mirror-cache
     INFO created Job demo/oc-mirror-job-x
     INFO waiting for its end job="oc-mirror-job-x"
    error: the Job demo/oc-mirror-job-x goes on without us; hint: `oc logs -f job/oc-mirror-job-x -n demo` shows it, and a run of this step with the same run-uid finds it
    "#);
    assert!(fake.requests().iter().all(|request| matches!(&*request.method, "GET" | "POST" | "PATCH")), "nothing is deleted");
}
