//! oc-mirror's pipelines in a cluster: two namespaces, what has to be in them, and Secrets whose content nobody may see.

use std::cell::RefCell;
use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use repo_testing::{Forge, Server, ServerBuilder};
use serde_json::{Value, json};

use crate::{Bed, Namespace};

/// The pipeline that runs oc-mirror.
pub const DEPLOYMENT: &str = "oc-mirror-deployment-pipeline";
/// The pipeline that builds its image.
pub const BUILD: &str = "oc-mirror-build-pipeline";
/// The values file that comes with the pipeline.
pub const VALUES: &str = include_str!("../../../pipelines/oc-mirror-deployment-pipeline/examples/values.hub.yaml");
/// The repository with values and Containerfile, as a server calls it.
pub const REPOSITORY: &str = "fleet.git";

/// A small workload, for a cluster whose volumes belong to root.
pub const SMALL: [(&str, &str); 7] = [
    ("fs-group", "65532"),
    ("cpu-request", "10m"),
    ("memory-request", "32Mi"),
    ("memory-limit", "64Mi"),
    ("content-size", "10Mi"),
    ("cache-size", "10Mi"),
    ("backoff-limit", "0"),
];

/// A namespace in which pipelines run, and the one in which oc-mirror does. A test that leaves something of a Secret's content
/// in them fails.
#[derive(Debug)]
pub struct Mirror {
    /// Where pipelines run.
    pub pipelines: Namespace,
    /// Where oc-mirror runs.
    pub target: Namespace,
    passwords: RefCell<Vec<String>>,
}

// === impl Mirror ===

impl Mirror {
    /// The Tasks, and an account and a Secret for oc-mirror; no account for pipelines.
    pub fn bare(test: &str) -> Self {
        let mirror = Mirror {
            pipelines: Namespace::new(test),
            target: Namespace::bare(&format!("{test}-target")),
            passwords: RefCell::default(),
        };
        mirror.target.kubectl(&["create", "serviceaccount", "oc-mirror"]);
        mirror.pull_secret(&mirror.target, "oc-mirror-pull-secret");
        mirror
    }

    /// Both pipelines and all that they need, as a user installs them, with the image that a build has recorded.
    pub fn installed(test: &str) -> Self {
        let mirror = Mirror {
            pipelines: Namespace::named(test),
            target: Namespace::named(&format!("{test}-target")),
            passwords: RefCell::default(),
        };
        Bed::get().apply(&mirror.beside(DEPLOYMENT, "infrastructure", &[]));
        for namespace in [&mirror.pipelines, &mirror.target] {
            namespace.kubectl(&[
                "label",
                "namespace",
                namespace.name(),
                "pod-security.kubernetes.io/enforce=restricted",
                "pod-security.kubernetes.io/enforce-version=latest",
            ]);
        }
        mirror.pipelines.install();
        mirror.pull_secret(&mirror.target, "oc-mirror-pull-secret");
        mirror.pull_secret(&mirror.pipelines, "quay-registry-auth");
        let (image, digest) = Bed::get().oc_mirror();
        let recorded = [format!("--from-literal=image-url={image}"), format!("--from-literal=image-digest={digest}")];
        mirror.pipelines.kubectl(&["create", "configmap", "oc-mirror-images", &recorded[0], &recorded[1]]);
        mirror
    }

    /// A password of a new Secret, which nobody may see from now on.
    pub fn password(&self, secret: &str) -> String {
        let password = format!("hunter2-of-{secret}-{:08x}", fastrand::u32(..));
        self.passwords.borrow_mut().push(password.clone());
        password
    }

    fn pull_secret(&self, namespace: &Namespace, name: &str) {
        let login = format!("robot:{}", self.password(name));
        // The password is in it twice: in base64 with the user's name, and as it is.
        let auth = json!({ "auth": STANDARD.encode(&login), "username": "robot", "password": login.split_once(':').unwrap().1 });
        let config = json!({ "auths": { (&Bed::get().registry): auth } });
        namespace.create(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name },
            "type": "kubernetes.io/dockerconfigjson", "stringData": { ".dockerconfigjson": config.to_string() },
        }));
    }

    /// `stepwright render`, with the namespaces of this test.
    pub fn render(&self, pipeline: &str, args: &[&str]) -> String {
        let namespace = format!("namespace={}", self.pipelines.name());
        let target = format!("target_namespace={}", self.target.name());
        let mut all = vec!["render", pipeline, "--set", &namespace];
        if pipeline == DEPLOYMENT {
            all.extend(["--set", &target]);
        }
        Bed::get().stepwright(&[&all[..], args].concat())
    }

    /// What `stepwright render --beside` gives, with images as they are in this cluster.
    pub fn beside(&self, pipeline: &str, name: &str, args: &[&str]) -> String {
        Bed::get().pinned(&self.render(pipeline, &[&["--beside", name], args].concat()))
    }

    /// An example run, by what its name begins with.
    pub fn sample(&self, pipeline: &str, name: &str, sets: &[String]) -> Value {
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let text = self.render(pipeline, &["--examples"].into_iter().chain(sets).collect::<Vec<_>>());
        let mut runs =
            text.split("---\n").filter(|text| !text.trim().is_empty()).map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
        let is_it =
            |run: &Value| run["metadata"]["generateName"] == format!("{name}-") && run["metadata"]["annotations"].is_null();
        runs.find(is_it).unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// An example run of oc-mirror, small, with this repository's values and more parameters.
    pub fn deployment(&self, name: &str, server: &Server, params: &[(&str, &str)]) -> Value {
        let mut run = self.sample(DEPLOYMENT, &format!("oc-mirror-{name}"), &[format!("values_url={}", server.url(REPOSITORY))]);
        set_params(&mut run, &SMALL);
        set_params(&mut run, params);
        run
    }

    /// Creates a run, and gives it when it has ended well.
    pub fn succeeds(&self, run: &Value) -> Value {
        let ended = self.pipelines.run(run);
        assert!(crate::succeeded(&ended), "{:#}", ended["status"]);
        ended
    }

    /// The TaskRun of a task of a run.
    pub fn task(&self, run: &Value, task: &str) -> Value {
        let all = self.pipelines.task_runs(run["metadata"]["name"].as_str().unwrap());
        let is_it = |task_run: &&Value| task_run["metadata"]["labels"]["tekton.dev/pipelineTask"] == task;
        all.iter().find(is_it).unwrap_or_else(|| panic!("no {task} in {all:#?}")).clone()
    }

    /// The log of a Job in the target, when it is complete.
    pub fn job(&self, name: &str) -> String {
        let job = format!("job/{name}");
        self.target.kubectl(&["wait", &job, "--for=condition=complete", "--timeout=55s"]);
        self.target.kubectl(&["logs", &job])
    }

    /// Fails when something of a Secret's content is in a log, or in an object that is no Secret.
    fn nobody_tells(&self) {
        let kinds = self.target.kubectl(&["api-resources", "--namespaced", "--verbs=list", "--output=name"]);
        let kinds: Vec<&str> = kinds.lines().filter(|kind| *kind != "secrets").collect();
        let needles: BTreeSet<String> = self.passwords.borrow().iter().flat_map(|password| forms(password)).collect();
        for namespace in [&self.pipelines, &self.target] {
            let objects = namespace.kubectl(&["get", &kinds.join(","), "--output=json"]);
            let logs = namespace.kubectl_says(&[
                "logs",
                "--selector=!none",
                "--all-containers",
                "--ignore-errors",
                "--prefix",
                "--tail=-1",
            ]);
            for needle in &needles {
                for text in [&objects, &logs] {
                    let line = text.lines().find(|line| line.contains(needle));
                    assert!(line.is_none(), "{} tells {needle}: {line:?}", namespace.name());
                }
            }
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.nobody_tells();
        }
    }
}

/// The repository of a fleet: its values, and what an image is built of.
pub fn fleet() -> Forge {
    let forge = Forge::new();
    let files = [("autoshift/values.hub.yaml", VALUES), ("oc-mirror/Containerfile", "FROM scratch\n")];
    forge.create(REPOSITORY, "main", &files);
    forge
}

/// A server of it that pods reach.
pub fn serve(forge: &Forge) -> ServerBuilder {
    Server::builder(forge.path()).listen(Bed::get().address)
}

/// Sets parameters of a run, in the place of those that it has already.
pub fn set_params(run: &mut Value, params: &[(&str, &str)]) {
    let all = run["spec"]["params"].as_array_mut().unwrap();
    for (name, value) in params {
        all.retain(|param| param["name"] != *name);
        all.push(json!({ "name": name, "value": value }));
    }
}

/// A password as it is, and as it looks within longer texts in base64: there are three ways to begin.
fn forms(password: &str) -> impl Iterator<Item = String> {
    let encoded = (0..3).map(|before| {
        let text = STANDARD.encode([&b"   "[..before], password.as_bytes()].concat());
        // What its neighbours have a part in.
        let (from, to) = ((before * 8).div_ceil(6), (before + password.len()) * 8 / 6);
        text[from..to].to_owned()
    });
    encoded.chain([password.to_owned()]).collect::<Vec<_>>().into_iter()
}
