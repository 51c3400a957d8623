//! What a deployment costs, beside five tasks that do nothing: `tests/e2e/run --ignored --nocapture figures`.

use std::time::{Duration, Instant};

use cluster::Resource;
use e2e::mirror::{Mirror, fleet, serve};
use serde_json::{Value, json};

const RUNS: usize = 5;

#[test]
#[ignore = "it measures: nothing else may run"]
fn figures() {
    let forge = fleet();
    let server = serve(&forge).start();
    let mirror = Mirror::installed("figures");
    // A dry run has nothing to do with the Jobs of other runs.
    let deployment = mirror.deployment("to-disk", &server, &[("dry-run", "true")]);
    let empty = five_empty_tasks();
    let mut measured = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        for (run, times) in [&deployment, &empty].into_iter().zip(&mut measured) {
            times.push(measure(&mirror, run));
        }
    }
    for (what, mut times) in
        ["the deployment pipeline, a job that is not waited for", "five tasks that do nothing"].into_iter().zip(measured)
    {
        times.sort();
        let (time, pods) = times[RUNS / 2];
        eprintln!(
            "{what}: {:.1} s ({:.1} to {:.1}), {pods} pods",
            seconds(time),
            seconds(times[0].0),
            seconds(times[RUNS - 1].0)
        );
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// How long a run takes, and how many pods it has.
fn measure(mirror: &Mirror, run: &Value) -> (Duration, usize) {
    let begin = Instant::now();
    let ended = mirror.succeeds(run);
    let time = begin.elapsed();
    let selector = format!("tekton.dev/pipelineRun={}", ended["metadata"]["name"].as_str().unwrap());
    (time, mirror.pipelines.cluster.list(&Resource::PODS, &selector).unwrap().len())
}

fn five_empty_tasks() -> Value {
    let step = json!({
        "name": "nothing",
        "image": "stepwright.test/busybox:1",
        "command": ["/bin/busybox"],
        "args": ["true"],
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "runAsNonRoot": true,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
    });
    let tasks = (1..=5).map(|number| {
        let before: Vec<String> = (1..number).last().map(|before| format!("task-{before}")).into_iter().collect();
        json!({ "name": format!("task-{number}"), "runAfter": before, "taskSpec": { "steps": [step] } })
    });
    json!({
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": { "generateName": "nothing-" },
        "spec": { "pipelineSpec": { "tasks": tasks.collect::<Vec<_>>() } },
    })
}
