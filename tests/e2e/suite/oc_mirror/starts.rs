//! What starts runs: a schedule, and pushes to a repository.

use std::time::Instant;

use cluster::{Event, Resource, Select};
use e2e::mirror::{DEPLOYMENT, Mirror, REPOSITORY, SMALL, fleet, serve};
use e2e::{Bed, PATIENCE, result, succeeded};
use repo_testing::git;
use ring::hmac;
use serde_json::{Value, json};

#[test]
fn a_cluster_starts_runs_by_schedule() {
    let forge = fleet();
    let server = serve(&forge).start();
    let mirror = Mirror::installed("schedule");
    let text = mirror.beside(DEPLOYMENT, "schedule", &["--set", &format!("values_url={}", server.url(REPOSITORY))]);
    for text in text.split("---\n").filter(|text| !text.trim().is_empty()) {
        let mut object: Value = serde_saphyr::from_str(text).unwrap();
        if object["kind"] == "CronJob" {
            let args = object["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"].as_array_mut().unwrap();
            args.extend(SMALL.iter().map(|(name, value)| Value::from(format!("--param={name}={value}"))));
        }
        mirror.pipelines.create(&object);
    }
    mirror.pipelines.kubectl(&["create", "job", "now", "--from=cronjob/oc-mirror-schedule"]);
    let run = first_run(&mirror, "");
    let name = run["metadata"]["name"].as_str().unwrap();
    let run = mirror.pipelines.ended(name);
    mirror.pipelines.kubectl(&["wait", "job/now", "--for=condition=complete", "--timeout=55s"]);
    assert_eq!(mirror.pipelines.runs(), [name]);
    assert!(succeeded(&run), "{run:#}");
    assert_eq!(result(&run, "STATUS"), "succeeded");
    let said = mirror.pipelines.kubectl(&["logs", "job/now"]);
    // Its own log, oc-mirror's, and the results.
    for text in [name, "1 archives in /workspace/content", "\"WORKLOAD_KIND\":\"Job\""] {
        assert!(said.contains(text), "{said}");
    }
}

#[test]
fn a_signed_push_to_the_branch_starts_the_run_that_it_concerns_and_no_other_push_does() {
    let forge = fleet();
    let server = serve(&forge).start();
    let mirror = Mirror::installed("push");
    let token = mirror.password("oc-mirror-webhook");
    let secret = [format!("--from-literal=token={token}")];
    mirror.pipelines.kubectl(&["create", "secret", "generic", "oc-mirror-webhook", &secret[0]]);
    let url = server.url(REPOSITORY);
    Bed::get().apply(&mirror.beside(DEPLOYMENT, "triggers", &["--set", &format!("values_url={url}")]));
    let listener = Listener::of(&mirror);
    let commit = git(&forge.path().join(REPOSITORY), &["rev-parse", "main"]);
    let push = |branch: &str, url: &str, path: &str| {
        json!({
            "ref": format!("refs/heads/{branch}"),
            "after": commit,
            "repository": { "clone_url": url },
            "commits": [{ "added": [], "modified": [path], "removed": [] }],
        })
    };
    let values = push("main", &url, "autoshift/values.hub.yaml");
    let others = [
        ("unsigned", listener.send(&values, None)),
        ("signed with another key", listener.send(&values, Some("another"))),
        ("another branch", listener.send(&push("develop", &url, "autoshift/values.hub.yaml"), Some(&token))),
        (
            "another repository",
            listener.send(&push("main", "https://git.example/a.git", "autoshift/values.hub.yaml"), Some(&token)),
        ),
        ("another file", listener.send(&push("main", &url, "README.md"), Some(&token))),
    ];
    let deployment = first_run(&mirror, &listener.send(&values, Some(&token)));
    let build = first_run(&mirror, &listener.send(&push("main", &url, "oc-mirror/Containerfile"), Some(&token)));
    let param = |run: &Value, name: &str| {
        let params = run["spec"]["params"].as_array().unwrap();
        params.iter().find(|param| param["name"] == name).unwrap_or_else(|| panic!("no {name}: {run:#}"))["value"].clone()
    };
    assert_eq!(build["spec"]["pipelineRef"]["name"], "oc-mirror-build-pipeline");
    assert_eq!((param(&build, "git-url"), param(&build, "git-revision")), (json!(url), json!(commit)));
    assert_eq!(deployment["spec"]["pipelineRef"]["name"], "oc-mirror-deployment-pipeline");
    assert_eq!(
        (param(&deployment, "values-git-url"), param(&deployment, "namespace")),
        (json!(url), json!(mirror.target.name()))
    );
    let deployment = mirror.pipelines.ended(deployment["metadata"]["name"].as_str().unwrap());
    assert!(succeeded(&deployment), "{deployment:#}");
    assert_eq!((result(&deployment, "NAMESPACE"), result(&deployment, "COMMIT")), (mirror.target.name(), &*commit));

    // By now the listener is long done with all of them.
    for (why, event) in others {
        assert_eq!(listener.runs(&event), [] as [Value; 0], "{why}");
    }
    assert_eq!(mirror.pipelines.runs().len(), 2);
}

/// The EventListener of a test, when it listens.
struct Listener<'m> {
    mirror: &'m Mirror,
    url: String,
}

// === impl Listener ===

impl<'m> Listener<'m> {
    fn of(mirror: &'m Mirror) -> Self {
        let there = &mirror.pipelines;
        there.kubectl(&["wait", "deployment/el-oc-mirror", "--for=create", "--timeout=55s"]);
        there.kubectl(&["wait", "deployment/el-oc-mirror", "--for=condition=available", "--timeout=55s"]);
        let address = there.kubectl(&["get", "service/el-oc-mirror", "-o=jsonpath={.spec.clusterIP}:{.spec.ports[0].port}"]);
        Listener { mirror, url: format!("http://{address}/") }
    }

    /// Sends a push as GitHub does, and gives the label of what comes of it.
    fn send(&self, body: &Value, key: Option<&str>) -> String {
        let body = body.to_string();
        let mut request = ureq::post(&self.url).header("content-type", "application/json").header("x-github-event", "push");
        if let Some(key) = key {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), body.as_bytes());
            let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            request = request.header("x-hub-signature-256", format!("sha256={hex}"));
        }
        let answer = request.send(&body).unwrap().body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        format!("triggers.tekton.dev/triggers-eventid={}", answer["eventID"].as_str().unwrap_or_else(|| panic!("{answer}")))
    }

    /// What has come of an event by now.
    fn runs(&self, event: &str) -> Vec<Value> {
        self.mirror.pipelines.cluster.list(&Resource::PIPELINE_RUNS, event).unwrap()
    }
}

/// What comes of something that starts a run with these labels.
fn first_run(mirror: &Mirror, labels: &str) -> Value {
    let changes = mirror.pipelines.cluster.watch(&Resource::PIPELINE_RUNS, Select::labels(labels));
    for event in changes.until(Instant::now() + PATIENCE) {
        if let Event::Applied(run) = event.unwrap() {
            return run;
        }
    }
    unreachable!("a watch ends with an error");
}
