//! The pod that runs oc-mirror: under OpenShift's restricted-v2, with credentials where oc-mirror looks for them by itself.
//!
//! No variable of its environment may begin with `REGISTRY_`: oc-mirror's own registry takes it for its configuration and
//! panics. (openshift/oc-mirror#1453.)

use serde_json::{Value, json};

use crate::arguments::{CACHE, CONTENT};
use crate::plan::{CACHE_CLAIM, CONTENT_CLAIM};
use crate::{Mode, NAME, Plan, labels};

/// A directory that can be written, whoever the pod's user is.
const HOME: &str = "/workspace/home";
/// `XDG_RUNTIME_DIR`.
const RUN: &str = "/workspace/run";
/// Where extra certificate authorities are.
const CA: &str = "/workspace/ca";

/// The template of a workload's pods.
pub(crate) fn template(plan: &Plan) -> Value {
    let options = &plan.options;
    let is_toolbox = plan.mode() == Mode::Deployment;
    let mut spec = json!({
        "serviceAccountName": options.service_account.as_str(),
        // oc-mirror asks nothing of the Kubernetes API.
        "automountServiceAccountToken": false,
        // A Service named `registry` would become REGISTRY_SERVICE_HOST.
        "enableServiceLinks": false,
        "restartPolicy": if is_toolbox { "Always" } else { "Never" },
        "securityContext": {
            "runAsNonRoot": true,
            "seccompProfile": { "type": "RuntimeDefault" },
            // To look at every file of the archives would take longer than to mirror.
            "fsGroupChangePolicy": "OnRootMismatch",
        },
        "containers": [container(plan)],
        "volumes": volumes(plan),
    });
    if let Some(group) = options.fs_group {
        spec["securityContext"]["fsGroup"] = group.into();
    }
    if let Some(secrets) = &options.image_pull_secrets {
        spec["imagePullSecrets"] = secrets.iter().map(|name| json!({ "name": name.as_str() })).collect();
    }
    json!({ "metadata": { "labels": labels(plan.mode().component()) }, "spec": spec })
}

fn container(plan: &Plan) -> Value {
    let options = &plan.options;
    // A command of ours: what an image starts with by itself is nobody's promise.
    let command = match plan.mode() {
        Mode::Deployment => json!(["sleep", "infinity"]),
        _ => json!(["oc-mirror"]),
    };
    let mut env = vec![json!({ "name": "HOME", "value": HOME }), json!({ "name": "XDG_RUNTIME_DIR", "value": RUN })];
    if options.ca_configmap.is_some() {
        // Beside the image's own bundle, and not instead of it.
        env.push(json!({ "name": "SSL_CERT_DIR", "value": CA }));
    }
    let mut container = json!({
        "name": NAME,
        "image": plan.image.to_string(),
        "command": command,
        "env": env,
        "workingDir": HOME,
        "resources": {
            "requests": { "cpu": options.cpu_request.as_str(), "memory": options.memory_request.as_str() },
            "limits": { "memory": options.memory_limit.as_str() },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "runAsNonRoot": true,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "volumeMounts": mounts(plan),
    });
    if plan.mode() != Mode::Deployment {
        container["args"] = json!(plan.arguments());
    }
    container
}

fn mounts(plan: &Plan) -> Value {
    let mount = |name: &str, path: &str| json!({ "name": name, "mountPath": path });
    let read = |name: &str, path: &str| json!({ "name": name, "mountPath": path, "readOnly": true });
    // A toolbox is for every workflow, and so has the place of archives.
    let content = if plan.mode() == Mode::Deployment { CONTENT } else { plan.options.workflow.directory() };
    let mut mounts = vec![
        read("config", "/workspace/config"),
        mount("content", content),
        mount("cache", CACHE),
        mount("home", HOME),
        mount("run", RUN),
        mount("tmp", "/tmp"),
        // The two places where containers/image looks: the first was missed for some images until 4.18.
        read("auth", &format!("{RUN}/containers")),
        read("auth", &format!("{HOME}/.docker")),
    ];
    if plan.options.ca_configmap.is_some() {
        mounts.push(read("ca", CA));
    }
    mounts.into()
}

fn volumes(plan: &Plan) -> Value {
    let claim = |name: &str, claim: &str| json!({ "name": name, "persistentVolumeClaim": { "claimName": claim } });
    let scratch = |name: &str| json!({ "name": name, "emptyDir": {} });
    let file = |path: &str| json!({ "key": ".dockerconfigjson", "path": path });
    let mut volumes = vec![
        json!({ "name": "config", "configMap": { "name": plan.config.as_str() } }),
        // oc-mirror begins by deleting archives, also when it only says what it would do.
        if plan.has_content() { claim("content", CONTENT_CLAIM) } else { scratch("content") },
        claim("cache", CACHE_CLAIM),
        scratch("home"),
        scratch("run"),
        scratch("tmp"),
        json!({ "name": "auth", "secret": {
            "secretName": plan.options.pull_secret.as_str(),
            "items": [file("auth.json"), file("config.json")],
        } }),
    ];
    if let Some(name) = &plan.options.ca_configmap {
        let items = json!([{ "key": "ca-bundle.crt", "path": "ca-bundle.crt" }]);
        volumes.push(json!({ "name": "ca", "configMap": { "name": name.as_str(), "items": items } }));
    }
    volumes.into()
}
