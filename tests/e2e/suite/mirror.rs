//! The steps that run oc-mirror, as TaskRuns of an account with the Roles that they declare; what they deploy runs a program
//! that minds what oc-mirror minds (tests/e2e/oc-mirror).

use std::time::Instant;

use cluster::{Event, Resource, Select};
use e2e::mirror::{Mirror, SMALL};
use e2e::{Bed, Namespace, PATIENCE, exit_code, result};
use serde_json::{Value, json};

const IMAGE_SET: &str = "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror: {}\n";
const UID: &str = "6f1c2a52-0a76-4a8e-9c30-2f3a6a1c9e10";

/// The account `mirror` may do in the target what `steps` declare.
fn mirror(test: &str, steps: &[&str]) -> Mirror {
    let mirror = Mirror::bare(test);
    let (pipelines, target) = (&mirror.pipelines, &mirror.target);
    pipelines.kubectl(&["create", "serviceaccount", "mirror"]);
    for step in stepwright::steps().iter().filter(|step| steps.contains(&step.about.name)) {
        let place = step.params.iter().find(|param| param.name == "namespace").unwrap().default.clone().unwrap();
        let roles = stepwright::task::rbac(step, pipelines.name()).unwrap();
        let (_, roles) = roles.split_once("---\n").unwrap();
        let roles = roles.replace(&format!("namespace: {place}\n"), &format!("namespace: {}\n", target.name()));
        let account = format!("- name: {}\n  kind: ServiceAccount", step.about.name);
        assert!(roles.contains(&account), "{roles}");
        Bed::get().apply(&roles.replace(&account, "- name: mirror\n  kind: ServiceAccount"));
    }
    mirror
}

/// Also with a configuration in the target, and more files beside it.
fn configured(test: &str, more: &[(&str, &str)]) -> Mirror {
    let mirror = mirror(test, &["deploy-workload"]);
    let mut data = json!({ "imageset.yaml": IMAGE_SET });
    for (key, text) in more {
        data[key] = (*text).into();
    }
    mirror
        .target
        .create(&json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "oc-mirror-config" }, "data": data }));
    mirror
}

/// Runs a step with these parameters as an account, and gives its TaskRun in the end.
fn run_as(mirror: &Mirror, account: &str, step: &str, params: &[(&str, &str)], workspaces: Value) -> Value {
    let target = [("namespace", mirror.target.name())];
    let params: Vec<Value> = params.iter().chain(&target).map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let run = json!({
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "metadata": { "generateName": format!("{step}-") },
        "spec": { "taskRef": { "name": step }, "serviceAccountName": account, "params": params, "workspaces": workspaces },
    });
    let made = mirror.pipelines.create(&run);
    let name = made["metadata"]["name"].as_str().unwrap();
    for event in mirror.pipelines.cluster.watch(&Resource::TASK_RUNS, Select::name(name)).until(Instant::now() + PATIENCE) {
        if let Event::Applied(run) = event.unwrap()
            && run["status"]["completionTime"].is_string()
        {
            return run;
        }
    }
    unreachable!("a watch ends with an error");
}

fn run_step(mirror: &Mirror, step: &str, params: &[(&str, &str)]) -> Value {
    run_as(mirror, "mirror", step, params, json!([]))
}

fn deploy(mirror: &Mirror, params: &[(&str, &str)]) -> Value {
    let (image, digest) = Bed::get().oc_mirror();
    let image = format!("{image}@{digest}");
    run_step(mirror, "deploy-workload", &[&SMALL[..], &[("image-url", &*image)], params].concat())
}

fn log(namespace: &Namespace, run: &Value) -> String {
    namespace.kubectl(&["logs", run["status"]["podName"].as_str().unwrap(), "--all-containers"])
}

#[test]
fn a_job_mirrors_and_is_found_again() {
    let mirror = configured("job", &[]);
    let params = [("run-uid", UID), ("wait", "true")];
    let run = deploy(&mirror, &params);
    assert_eq!(exit_code(&run), 0, "{run:#}");
    assert_eq!(result(&run, "STATUS"), "succeeded");
    let (name, there) = (format!("oc-mirror-job-{UID}"), mirror.target.name());
    assert_eq!(result(&run, "WORKLOAD_NAME"), name);
    let objects = format!(
        "created PersistentVolumeClaim {there}/oc-mirror-content\ncreated PersistentVolumeClaim {there}/oc-mirror-cache\ncreated Job {there}/{name}"
    );
    assert_eq!(result(&run, "OBJECTS"), objects);
    let said = log(&mirror.pipelines, &run);
    assert!(said.contains("1 archives in /workspace/content") && said.contains("credentials for 1 registries"), "{said}");

    let again = deploy(&mirror, &params);
    assert_eq!(exit_code(&again), 0, "{again:#}");
    assert_eq!(result(&again, "OBJECTS"), objects.replace("created", "kept"));

    let other = deploy(&mirror, &[("run-uid", UID), ("incremental-mode", "false")]);
    assert_eq!(exit_code(&other), 6, "{other:#}");
    assert!(result(&other, "ERROR").contains("was made with other parameters"), "{other:#}");

    // A dry run leaves the archive alone; Tekton says what run it is.
    let dry = deploy(&mirror, &[("dry-run", "true"), ("wait", "true")]);
    assert_eq!(exit_code(&dry), 0, "{dry:#}");
    assert!(result(&dry, "WORKLOAD_NAME").ends_with(dry["metadata"]["uid"].as_str().unwrap()), "{dry:#}");
    assert!(log(&mirror.pipelines, &dry).contains("0 archives in /workspace/content"));
    let from = deploy(&mirror, &[("workflow", "workflow-from-disk"), ("target-registry", "r.example/ocp"), ("wait", "true")]);
    assert_eq!(exit_code(&from), 0, "{from:#}");
    assert!(log(&mirror.pipelines, &from).contains("1 archives in /workspace/content"));
}

#[test]
fn what_oc_mirror_could_not_mirror_is_said() {
    let mirror = configured("bits", &[("exit-code", "20")]);
    let run = deploy(&mirror, &[("workflow", "workflow-direct"), ("target-registry", "r.example/ocp"), ("wait", "true")]);
    assert_eq!(exit_code(&run), 7, "{run:#}");
    let error = result(&run, "ERROR");
    assert!(error.contains("operators, helm charts failed (exit code 20)") && error.contains("[ERROR]"), "{error}");
}

#[test]
fn a_cronjob_and_a_toolbox() {
    let mirror = configured("modes", &[]);
    let there = &mirror.target;
    for _ in 0..2 {
        let run = deploy(&mirror, &[("deploy-mode", "cronjob"), ("schedule", "@yearly")]);
        assert_eq!(exit_code(&run), 0, "{run:#}");
        assert_eq!((result(&run, "WORKLOAD_KIND"), result(&run, "WORKLOAD_NAME")), ("CronJob", "oc-mirror-cronjob"));
    }
    there.kubectl(&["create", "job", "by-hand", "--from=cronjob/oc-mirror-cronjob"]);
    there.kubectl(&["wait", "job/by-hand", "--for=condition=complete", "--timeout=55s"]);

    let run = deploy(&mirror, &[("deploy-mode", "deployment")]);
    assert_eq!(exit_code(&run), 0, "{run:#}");
    there.kubectl(&["wait", "deployment/oc-mirror-deployment", "--for=condition=available", "--timeout=55s"]);
}

#[test]
fn who_has_no_rights_learns_which() {
    let mirror = configured("rights", &[]);
    let image = ("image-url", "r.example/oc-mirror:1");
    let run = run_as(&mirror, "default", "deploy-workload", &[image], json!([]));
    assert_eq!(exit_code(&run), 4, "{run:#}");
    let (error, there) = (result(&run, "ERROR"), mirror.target.name());
    let account = format!("system:serviceaccount:{}:default may not", mirror.pipelines.name());
    let role = format!("it needs a Role in {there} with the verb `get` on `configmaps`");
    assert!(error.contains(&account) && error.contains(&role), "{error}");
    assert_eq!(mirror.target.kubectl(&["get", "jobs,pvc", "-o=name"]), "");
}

#[test]
fn a_mirror_at_work_is_not_disturbed() {
    let mirror = configured("busy", &[("wait", "")]);
    let first = deploy(&mirror, &[]);
    assert_eq!(exit_code(&first), 0, "{first:#}");
    let second = deploy(&mirror, &[]);
    assert_eq!(exit_code(&second), 6, "{second:#}");
    assert!(result(&second, "ERROR").contains(result(&first, "WORKLOAD_NAME")), "{second:#}");
    let late = deploy(&mirror, &[("dry-run", "true"), ("active-deadline-seconds", "3"), ("wait", "true")]);
    assert_eq!(exit_code(&late), 8, "{late:#}");
}

#[test]
fn config_maps_of_images_and_deployments() {
    let steps = ["update-image-configmap", "get-current-image", "create-deployment-configmaps"];
    let mirror = mirror("config", &steps);
    let there = &mirror.target;
    // As the original's pipeline has left it.
    there.kubectl(&["create", "configmap", "oc-mirror-images", "--from-literal=image-url=quay.io/a/old:1", "--save-config"]);
    let digest = format!("sha256:{}", "a".repeat(64));
    let built = [
        ("image-name", "oc-mirror-autoshift"),
        ("image-url", "quay.io/a/new:latest"),
        ("image-digest", &*digest),
        ("git-revision", "b5c37ff"),
    ];
    let run = run_step(&mirror, "update-image-configmap", &built);
    assert_eq!(exit_code(&run), 0, "{run:#}");
    assert!(result(&run, "RESOURCE_VERSION").parse::<u64>().is_ok(), "{run:#}");
    let run = run_step(&mirror, "get-current-image", &[]);
    assert_eq!(result(&run, "IMAGE_REF"), format!("quay.io/a/new@{digest}"));
    let run = run_step(&mirror, "get-current-image", &[("image-configmap", "none"), ("fallback-image", "none")]);
    assert_eq!(exit_code(&run), 5, "{run:#}");

    let files = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "files" },
        "data": { "values": "hubClusterSets: {}\n", "imageset": IMAGE_SET },
    });
    mirror.pipelines.create(&files);
    let items = json!([
        { "key": "values", "path": "values-repo/autoshift/values.hub.yaml" },
        { "key": "imageset", "path": "imageset-config.yaml" },
    ]);
    let workspaces = json!([{ "name": "workspace", "configMap": { "name": "files", "items": items } }]);
    for _ in 0..2 {
        let values = ("values-file-path", "autoshift/values.hub.yaml");
        let run = run_as(&mirror, "mirror", "create-deployment-configmaps", &[values], workspaces.clone());
        assert_eq!(exit_code(&run), 0, "{run:#}");
        assert_eq!(result(&run, "CONFIGMAPS"), "oc-mirror-config\noc-mirror-imageset\noc-mirror-values");
    }
    let labels = ["get", "configmaps", "-l=app.kubernetes.io/name=oc-mirror", "-o=name"];
    insta::assert_snapshot!(there.kubectl(&labels).trim(), @"
    configmap/oc-mirror-config
    configmap/oc-mirror-imageset
    configmap/oc-mirror-values
    ");
}
