//! The steps that run oc-mirror, as TaskRuns of an account with the Roles that they declare; what they deploy runs a program
//! that minds what oc-mirror minds (tests/e2e/oc-mirror).

use std::io::Write as _;
use std::time::Instant;

use cluster::{Event, Resource, Select};
use e2e::{Bed, Namespace, PATIENCE};
use serde_json::{Value, json};

/// A password of a Secret, which nobody may see.
const PASSWORD: &str = "hunter2-of-the-pull-secret";
const IMAGE_SET: &str = "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror: {}\n";
const UID: &str = "6f1c2a52-0a76-4a8e-9c30-2f3a6a1c9e10";

/// A namespace with the Tasks, and another one in which the mirror runs.
struct Mirror {
    pipelines: Namespace,
    target: Namespace,
}

impl Mirror {
    /// The account `mirror` may do in the target what `steps` declare.
    fn new(test: &str, steps: &[&str]) -> Self {
        let mirror = Mirror { pipelines: Namespace::new(test), target: Namespace::bare(&format!("{test}-target")) };
        let (pipelines, target) = (&mirror.pipelines, &mirror.target);
        pipelines.kubectl(&["create", "serviceaccount", "mirror"]);
        for step in stepwright::steps().iter().filter(|step| steps.contains(&step.about.name)) {
            let place = step.params.iter().find(|param| param.name == "namespace").unwrap().default.clone().unwrap();
            let roles = stepwright::task::rbac(step, pipelines.name()).unwrap();
            let (_, roles) = roles.split_once("---\n").unwrap();
            let roles = roles.replace(&format!("namespace: {place}\n"), &format!("namespace: {}\n", target.name()));
            let account = format!("- name: {}\n  kind: ServiceAccount", step.about.name);
            assert!(roles.contains(&account), "{roles}");
            apply(target, &roles.replace(&account, "- name: mirror\n  kind: ServiceAccount"));
        }
        target.kubectl(&["create", "serviceaccount", "oc-mirror"]);
        let auth = json!({ "auths": { "r.example": { "auth": "", "password": PASSWORD } } });
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "oc-mirror-pull-secret" },
            "type": "kubernetes.io/dockerconfigjson", "stringData": { ".dockerconfigjson": auth.to_string() },
        });
        apply(target, &secret.to_string());
        mirror
    }

    /// Also with a configuration in the target, and more files beside it.
    fn configured(test: &str, more: &[(&str, &str)]) -> Self {
        let mirror = Mirror::new(test, &["deploy-workload"]);
        let mut data = json!({ "imageset.yaml": IMAGE_SET });
        for (key, text) in more {
            data[key] = (*text).into();
        }
        let config = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "oc-mirror-config" }, "data": data });
        apply(&mirror.target, &config.to_string());
        mirror
    }

    /// Runs a step with these parameters as an account, and gives its TaskRun in the end.
    fn run_as(&self, account: &str, step: &str, params: &[(&str, &str)], workspaces: Value) -> Value {
        let target = [("namespace", self.target.name())];
        let params: Vec<Value> =
            params.iter().chain(&target).map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let run = json!({
            "apiVersion": "tekton.dev/v1",
            "kind": "TaskRun",
            "metadata": { "generateName": format!("{step}-") },
            "spec": { "taskRef": { "name": step }, "serviceAccountName": account, "params": params, "workspaces": workspaces },
        });
        let made = self.pipelines.cluster.create(&run).unwrap();
        let name = made["metadata"]["name"].as_str().unwrap();
        for event in self.pipelines.cluster.watch(&Resource::TASK_RUNS, Select::name(name)).until(Instant::now() + PATIENCE) {
            if let Event::Applied(run) = event.unwrap()
                && run["status"]["completionTime"].is_string()
            {
                assert!(!run.to_string().contains(PASSWORD));
                return run;
            }
        }
        unreachable!("a watch ends with an error");
    }

    fn run(&self, step: &str, params: &[(&str, &str)]) -> Value {
        self.run_as("mirror", step, params, json!([]))
    }

    fn deploy(&self, params: &[(&str, &str)]) -> Value {
        let image = format!("{}/stepwright/oc-mirror:1", Bed::get().registry);
        // Small, and for a cluster whose volumes belong to root.
        let all = [
            ("image-url", &*image),
            ("fs-group", "65532"),
            ("cpu-request", "10m"),
            ("memory-request", "32Mi"),
            ("memory-limit", "64Mi"),
            ("content-size", "10Mi"),
            ("cache-size", "10Mi"),
            ("backoff-limit", "0"),
        ];
        self.run("deploy-workload", &[&all[..], params].concat())
    }
}

fn apply(namespace: &Namespace, text: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    namespace.kubectl(&["apply", "-f", file.path().to_str().unwrap()]);
}

fn result<'r>(run: &'r Value, name: &str) -> &'r str {
    let results = run["status"]["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = results.iter().find(|result| result["name"] == name).unwrap_or_else(|| panic!("no {name} in {run:#}"));
    found["value"].as_str().unwrap()
}

fn exit_code(run: &Value) -> &Value {
    &run["status"]["steps"][0]["terminated"]["exitCode"]
}

fn log(namespace: &Namespace, run: &Value) -> String {
    let log = namespace.kubectl(&["logs", run["status"]["podName"].as_str().unwrap(), "--all-containers"]);
    assert!(!log.contains(PASSWORD), "{log}");
    log
}

#[test]
fn a_job_mirrors_and_is_found_again() {
    let mirror = Mirror::configured("job", &[]);
    let params = [("run-uid", UID), ("wait", "true")];
    let run = mirror.deploy(&params);
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

    let again = mirror.deploy(&params);
    assert_eq!(exit_code(&again), 0, "{again:#}");
    assert_eq!(result(&again, "OBJECTS"), objects.replace("created", "kept"));

    let other = mirror.deploy(&[("run-uid", UID), ("incremental-mode", "false")]);
    assert_eq!(exit_code(&other), 6, "{other:#}");
    assert!(result(&other, "ERROR").contains("was made with other parameters"), "{other:#}");

    // A dry run leaves the archive alone; Tekton says what run it is.
    let dry = mirror.deploy(&[("dry-run", "true"), ("wait", "true")]);
    assert_eq!(exit_code(&dry), 0, "{dry:#}");
    assert!(result(&dry, "WORKLOAD_NAME").ends_with(dry["metadata"]["uid"].as_str().unwrap()), "{dry:#}");
    assert!(log(&mirror.pipelines, &dry).contains("0 archives in /workspace/content"));
    let from = mirror.deploy(&[("workflow", "workflow-from-disk"), ("target-registry", "r.example/ocp"), ("wait", "true")]);
    assert_eq!(exit_code(&from), 0, "{from:#}");
    assert!(log(&mirror.pipelines, &from).contains("1 archives in /workspace/content"));
}

#[test]
fn what_oc_mirror_could_not_mirror_is_said() {
    let mirror = Mirror::configured("bits", &[("exit-code", "20")]);
    let run = mirror.deploy(&[("workflow", "workflow-direct"), ("target-registry", "r.example/ocp"), ("wait", "true")]);
    assert_eq!(exit_code(&run), 7, "{run:#}");
    let error = result(&run, "ERROR");
    assert!(error.contains("operators, helm charts failed (exit code 20)") && error.contains("[ERROR]"), "{error}");
}

#[test]
fn a_cronjob_and_a_toolbox() {
    let mirror = Mirror::configured("modes", &[]);
    let there = &mirror.target;
    for _ in 0..2 {
        let run = mirror.deploy(&[("deploy-mode", "cronjob"), ("schedule", "@yearly")]);
        assert_eq!(exit_code(&run), 0, "{run:#}");
        assert_eq!((result(&run, "WORKLOAD_KIND"), result(&run, "WORKLOAD_NAME")), ("CronJob", "oc-mirror-cronjob"));
    }
    there.kubectl(&["create", "job", "by-hand", "--from=cronjob/oc-mirror-cronjob"]);
    there.kubectl(&["wait", "job/by-hand", "--for=condition=complete", "--timeout=55s"]);

    let run = mirror.deploy(&[("deploy-mode", "deployment")]);
    assert_eq!(exit_code(&run), 0, "{run:#}");
    there.kubectl(&["wait", "deployment/oc-mirror-deployment", "--for=condition=available", "--timeout=55s"]);
}

#[test]
fn who_has_no_rights_learns_which() {
    let mirror = Mirror::configured("rights", &[]);
    let image = ("image-url", "r.example/oc-mirror:1");
    let run = mirror.run_as("default", "deploy-workload", &[image], json!([]));
    assert_eq!(exit_code(&run), 4, "{run:#}");
    let (error, there) = (result(&run, "ERROR"), mirror.target.name());
    let account = format!("system:serviceaccount:{}:default may not", mirror.pipelines.name());
    let role = format!("it needs a Role in {there} with the verb `get` on `configmaps`");
    assert!(error.contains(&account) && error.contains(&role), "{error}");
    assert_eq!(mirror.target.kubectl(&["get", "jobs,pvc", "-o=name"]), "");
}

#[test]
fn a_mirror_at_work_is_not_disturbed() {
    let mirror = Mirror::configured("busy", &[("wait", "")]);
    let first = mirror.deploy(&[]);
    assert_eq!(exit_code(&first), 0, "{first:#}");
    let second = mirror.deploy(&[]);
    assert_eq!(exit_code(&second), 6, "{second:#}");
    assert!(result(&second, "ERROR").contains(result(&first, "WORKLOAD_NAME")), "{second:#}");
    let late = mirror.deploy(&[("dry-run", "true"), ("active-deadline-seconds", "3"), ("wait", "true")]);
    assert_eq!(exit_code(&late), 8, "{late:#}");
}

#[test]
fn config_maps_of_images_and_deployments() {
    let steps = ["update-image-configmap", "get-current-image", "create-deployment-configmaps"];
    let mirror = Mirror::new("config", &steps);
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
    let run = mirror.run("update-image-configmap", &built);
    assert_eq!(exit_code(&run), 0, "{run:#}");
    assert!(result(&run, "RESOURCE_VERSION").parse::<u64>().is_ok(), "{run:#}");
    let run = mirror.run("get-current-image", &[]);
    assert_eq!(result(&run, "IMAGE_REF"), format!("quay.io/a/new@{digest}"));
    let run = mirror.run("get-current-image", &[("image-configmap", "none"), ("fallback-image", "none")]);
    assert_eq!(exit_code(&run), 5, "{run:#}");

    let files = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "files" },
        "data": { "values": "hubClusterSets: {}\n", "imageset": IMAGE_SET },
    });
    apply(&mirror.pipelines, &files.to_string());
    let items = json!([
        { "key": "values", "path": "values-repo/autoshift/values.hub.yaml" },
        { "key": "imageset", "path": "imageset-config.yaml" },
    ]);
    let workspaces = json!([{ "name": "workspace", "configMap": { "name": "files", "items": items } }]);
    for _ in 0..2 {
        let values = ("values-file-path", "autoshift/values.hub.yaml");
        let run = mirror.run_as("mirror", "create-deployment-configmaps", &[values], workspaces.clone());
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
