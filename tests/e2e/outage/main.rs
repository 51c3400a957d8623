//! The API server is killed while a run is at work, and comes back. Nothing else may use the cluster meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use e2e::mirror::{Mirror, fleet, serve};
use e2e::{PATIENCE, exit_code, result};
use repo_testing::Answer;
use serde_json::json;

#[test]
fn a_run_outlives_the_api_server() {
    let forge = fleet();
    // oc-mirror asks whether it may go on, which is answered when the API server is back.
    let (asks, asked) = channel();
    let (goes, go) = channel::<()>();
    let (asks, go) = (Mutex::new(asks), Mutex::new(go));
    let server = serve(&forge)
        .answer(move |request| {
            if request.target != "/go" {
                return Answer::Git;
            }
            asks.lock().unwrap().send(()).unwrap();
            let _ = go.lock().unwrap().recv();
            Answer::Fixed(200, vec![], vec![])
        })
        .start();
    let mirror = Mirror::installed("outage");
    mirror.target.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "oc-mirror-config" }, "data": { "wait": server.url("go") },
    }));
    let made = mirror.pipelines.create(&mirror.deployment("to-disk", &server, &[("wait", "true")]));
    asked.recv_timeout(PATIENCE).expect("oc-mirror runs");
    kill_api_server();
    goes.send(()).unwrap();
    up();

    let run = mirror.pipelines.ended(made["metadata"]["name"].as_str().unwrap());
    assert!(e2e::succeeded(&run), "{run:#}");
    assert_eq!(result(&run, "STATUS"), "succeeded");
    let deploy = mirror.task(&run, "deploy-workload");
    assert_eq!(*exit_code(&deploy), 0, "{deploy:#}");
    // It was followed by the pod that was there before, to the end.
    assert!(deploy["status"]["retriesStatus"].is_null(), "{deploy:#}");
    let log = mirror.pipelines.kubectl(&["logs", deploy["status"]["podName"].as_str().unwrap(), "--all-containers"]);
    assert!(log.contains("1 archives in /workspace/content"), "{log}");
    assert_eq!(mirror.target.kubectl(&["get", "jobs", "-o=name"]).lines().count(), 1);
}

fn tests_cluster() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cluster")
}

/// As a crash does it.
fn kill_api_server() {
    let state = Path::new(&std::env::var("KUBECONFIG").unwrap()).parent().unwrap().to_owned();
    let file = std::fs::read_to_string(state.join("run/kube-apiserver.pid")).unwrap();
    let killed = Command::new("/bin/kill").args(["-KILL", file.split(' ').next().unwrap()]).status().unwrap();
    assert!(killed.success());
}

fn up() {
    let output = Command::new(tests_cluster().join("up")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
