//! The deployment pipeline by its documented runs.

use e2e::mirror::{Mirror, REPOSITORY, SMALL, fleet, serve, set_params};
use e2e::{exit_code, result, succeeded};
use repo_testing::{Server, git};
use serde_json::{Value, json};

/// What oc-mirror was called with.
fn command(log: &str) -> &str {
    let line = log.lines().find_map(|line| line.split_once(": oc-mirror "));
    line.unwrap_or_else(|| panic!("{log}")).1
}

/// What the original's documentation starts, with its account in the place where v1 has it, and without its annotation
/// `pipeline.tekton.dev/affinity-assistant: disabled`: that is no switch but the name of a pod to be beside, and no pod is called
/// that. Of a task without a volume it keeps the pod from ever being scheduled.
fn original(mirror: &Mirror, server: &Server) -> Value {
    let claim = |name: &str, claim: &str| json!({ "name": name, "persistentVolumeClaim": { "claimName": claim } });
    json!({
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "generateName": "oc-mirror-deployment-",
            "labels": { "app.kubernetes.io/name": "oc-mirror-deployment", "autoshift.io/component": "oc-mirror" },
        },
        "spec": {
            "pipelineRef": { "name": "oc-mirror-deployment-pipeline" },
            "taskRunTemplate": { "serviceAccountName": "oc-mirror-pipeline" },
            "params": [
                { "name": "values-git-url", "value": server.url(REPOSITORY) },
                { "name": "values-git-revision", "value": "main" },
                { "name": "values-file-path", "value": "autoshift/values.hub.yaml" },
                { "name": "image-configmap", "value": "oc-mirror-images" },
                { "name": "imageset-configmap", "value": "" },
                { "name": "deploy-mode", "value": "job" },
                { "name": "schedule", "value": "0 2 * * 0" },
                { "name": "workflow", "value": "workflow-to-disk" },
                { "name": "incremental-mode", "value": "true" },
                { "name": "since-date", "value": "" },
                { "name": "openshift-version", "value": "" },
                { "name": "operators-only", "value": "false" },
                { "name": "target-registry", "value": "" },
                { "name": "namespace", "value": mirror.target.name() },
                { "name": "dry-run", "value": "false" },
            ],
            "workspaces": [claim("shared-workspace", "oc-mirror-shared-workspace"), claim("mirror-data", "oc-mirror-workspace")],
            "timeouts": { "pipeline": "3h", "tasks": "2h30m" },
        },
    })
}

#[test]
fn archives_are_made_shipped_and_left_alone() {
    let forge = fleet();
    let server = serve(&forge).start();
    let mirror = Mirror::installed("to-disk");
    mirror.pipelines.create(&json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "oc-mirror-workspace" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "200Gi" } } },
    }));
    let mut run = original(&mirror, &server);
    set_params(&mut run, &SMALL);
    let run = mirror.succeeds(&run);
    assert_eq!(mirror.pipelines.one_pod_and_one_step_each(run["metadata"]["name"].as_str().unwrap()), 2);
    let job = result(&run, "WORKLOAD_NAME");
    assert_eq!(job, format!("oc-mirror-job-{}", run["metadata"]["uid"].as_str().unwrap()));
    assert_eq!(result(&run, "GENERATION_METHOD"), "generated");
    assert_eq!(result(&run, "OPENSHIFT_VERSION"), "4.18.22");
    assert_eq!(result(&run, "COMMIT"), git(&forge.path().join(REPOSITORY), &["rev-parse", "main"]));
    let log = mirror.job(job);
    insta::assert_snapshot!(command(&log), @"--v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache file:///workspace/content");
    assert!(log.contains("1 archives in /workspace/content") && log.contains("credentials for 1 registries"), "{log}");
    let image_set = mirror.target.kubectl(&["get", "configmap", "oc-mirror-config", r"-o=jsonpath={.data.imageset\.yaml}"]);
    let catalogs: Vec<&str> = image_set.lines().filter(|line| line.contains("catalog:")).map(str::trim).collect();
    insta::assert_snapshot!(catalogs.join("\n"), @"
    - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.17
    - catalog: registry.redhat.io/redhat/certified-operator-index:v4.17
    - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.18
    ");

    // Over what is there.
    let mut told = String::new();
    for name in ["since", "dry-run", "from-disk"] {
        let run = mirror.succeeds(&mirror.deployment(name, &server, &[("wait", "true")]));
        assert_eq!(result(&run, "STATUS"), "succeeded");
        let objects: Vec<&str> = result(&run, "OBJECTS").lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(objects.last(), Some(&"created"), "{objects:?}");
        assert!(objects[..objects.len() - 1].iter().all(|status| *status == "kept"), "{objects:?}");
        let log = mirror.job(result(&run, "WORKLOAD_NAME"));
        told.push_str(&format!("{name}: {}\n", command(&log)));
        // What a dry run has left is there to be shipped.
        assert_eq!(log.contains("1 archives in /workspace/content"), name != "dry-run", "{log}");
    }
    insta::assert_snapshot!(told, @"
    since: --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --since 2026-01-31 file:///workspace/content
    dry-run: --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --dry-run file:///workspace/content
    from-disk: --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --from file:///workspace/content docker://registry.example.com:8443/openshift
    ");
}

#[test]
fn a_registry_is_mirrored_to_and_a_document_of_ones_own_is_used() {
    let forge = fleet();
    let server = serve(&forge).start();
    let mirror = Mirror::installed("direct");
    let run = mirror.succeeds(&mirror.deployment("direct", &server, &[("target-registry", "r.example/ocp")]));
    insta::assert_snapshot!(command(&mirror.job(result(&run, "WORKLOAD_NAME"))), @"--v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --workspace file:///workspace/workspace docker://r.example/ocp");

    let document = mirror.target.kubectl(&["get", "configmap", "oc-mirror-imageset", r"-o=jsonpath={.data.imageset\.yaml}"]);
    let document = document.replace("archiveSize: 4", "archiveSize: 8");
    mirror.target.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "my-imageset" }, "data": { "imageset.yaml": document },
    }));
    let run = mirror.succeeds(&mirror.deployment("imageset", &server, &[]));
    assert_eq!(result(&run, "GENERATION_METHOD"), "configmap");
    mirror.job(result(&run, "WORKLOAD_NAME"));
    let used = mirror.target.kubectl(&["get", "configmap", "oc-mirror-config", r"-o=jsonpath={.data.imageset\.yaml}"]);
    assert_eq!(used, document);
    assert!(used.contains("archiveSize: 8"), "{used}");
}

#[test]
fn a_cronjob_mirrors_and_a_toolbox_waits() {
    let forge = fleet();
    let server = serve(&forge).start();
    let mirror = Mirror::installed("cronjob");
    let run = mirror.succeeds(&mirror.deployment("cronjob", &server, &[]));
    assert_eq!((result(&run, "WORKLOAD_KIND"), result(&run, "WORKLOAD_NAME")), ("CronJob", "oc-mirror-cronjob"));
    let schedule = mirror.target.kubectl(&["get", "cronjob", "oc-mirror-cronjob", "-o=jsonpath={.spec.schedule}"]);
    assert_eq!(schedule, "0 2 * * 0");
    mirror.target.kubectl(&["create", "job", "now", "--from=cronjob/oc-mirror-cronjob"]);
    assert!(mirror.job("now").contains("1 archives"));

    let run = mirror.succeeds(&mirror.deployment("toolbox", &server, &[]));
    assert_eq!((result(&run, "WORKLOAD_KIND"), result(&run, "WORKLOAD_NAME")), ("Deployment", "oc-mirror-deployment"));
    mirror.target.kubectl(&["wait", "deployment/oc-mirror-deployment", "--for=condition=available", "--timeout=55s"]);
    let said = mirror.target.kubectl_says(&["exec", "deployment/oc-mirror-deployment", "--", "oc-mirror", "--v2"]);
    assert!(said.contains("use the --config flag"), "{said}");
}

#[test]
fn an_account_without_rights_learns_which_it_needs() {
    let forge = fleet();
    let server = serve(&forge).start();
    let mirror = Mirror::installed("no-rights");
    let run = mirror.deployment("to-disk", &server, &[]);

    // In the pipelines' namespace it may do nothing, and in oc-mirror's not any more.
    let mut of_default = run.clone();
    of_default["spec"]["taskRunTemplate"]["serviceAccountName"] = "default".into();
    mirror.target.kubectl(&["delete", "rolebinding", "oc-mirror-deployer"]);
    for (run, verb, namespace) in [(of_default, "get", mirror.pipelines.name()), (run, "patch", mirror.target.name())] {
        let run = mirror.pipelines.run(&run);
        assert!(!succeeded(&run));
        let prepare = mirror.task(&run, "prepare-mirror");
        assert_eq!(*exit_code(&prepare), 4, "{prepare:#}");
        let (error, wanted) =
            (result(&prepare, "ERROR"), format!("a Role in {namespace} with the verb `{verb}` on `configmaps`"));
        assert!(error.contains(&wanted), "{error}");
    }
    assert_eq!(mirror.target.kubectl(&["get", "jobs,pvc,configmaps", "-l=app.kubernetes.io/name=oc-mirror", "-o=name"]), "");
}

#[test]
fn of_two_runs_at_once_one_mirrors() {
    let forge = fleet();
    let server = serve(&forge).start();
    let mirror = Mirror::installed("two");
    // Until the test is over.
    mirror.target.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "oc-mirror-config" }, "data": { "wait": "" },
    }));
    let run = mirror.deployment("to-disk", &server, &[]);
    let names = [(); 2].map(|()| mirror.pipelines.create(&run)["metadata"]["name"].as_str().unwrap().to_owned());
    let runs = names.map(|name| mirror.pipelines.ended(&name));
    let (good, bad): (Vec<&Value>, Vec<&Value>) = runs.iter().partition(|run| succeeded(run));
    assert_eq!((good.len(), bad.len()), (1, 1), "{runs:#?}");
    let late = mirror.task(bad[0], "deploy-workload");
    assert_eq!(*exit_code(&late), 6, "{late:#}");
    let job = result(good[0], "WORKLOAD_NAME");
    assert!(result(&late, "ERROR").contains(job), "{late:#}");
    assert_eq!(mirror.target.kubectl(&["get", "jobs", "-o=name"]).trim(), format!("job.batch/{job}"));
}
