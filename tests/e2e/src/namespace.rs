//! A namespace of a test: made by it, and gone after it.

use std::fmt::Write;
use std::process::Command;
use std::time::Instant;

use cluster::{Cluster, Event, Resource, Select};
use serde_json::{Value, json};

use crate::{Bed, PATIENCE};

/// A namespace with Pod Security `restricted`. When its test fails, it tells what went on in it.
#[derive(Debug)]
pub struct Namespace {
    /// The cluster's API, for this namespace.
    pub cluster: Cluster,
}

// === impl Namespace ===

impl Namespace {
    /// One with nothing in it.
    pub fn bare(test: &str) -> Self {
        let object = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "generateName": format!("e2e-{test}-"),
                "labels": {
                    "pod-security.kubernetes.io/enforce": "restricted",
                    "pod-security.kubernetes.io/enforce-version": "latest",
                },
            },
        });
        let made = Bed::cluster(None).create(&object).unwrap();
        Namespace { cluster: Bed::cluster(made["metadata"]["name"].as_str()) }
    }

    /// A name for one that somebody else makes.
    pub fn named(test: &str) -> Self {
        let name = format!("e2e-{test}-{:08x}", fastrand::u32(..));
        Namespace { cluster: Bed::cluster(Some(&name)) }
    }

    /// One with the catalog, as a user installs it.
    pub fn new(test: &str) -> Self {
        let namespace = Namespace::bare(test);
        namespace.install();
        namespace
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.cluster.namespace()
    }

    /// Installs the catalog, and gives what kubectl says of it.
    pub fn install(&self) -> String {
        self.apply("catalog")
    }

    /// Creates an object.
    pub fn create(&self, object: &Value) -> Value {
        self.cluster.create(object).unwrap_or_else(|error| panic!("{error}: {object:#}"))
    }

    /// Applies a kustomization of the catalog to this namespace, as a kustomization of a user's does, and gives what kubectl
    /// says of it. `path` is `catalog`, or something in it.
    pub fn apply(&self, path: &str) -> String {
        let above = Bed::get().catalog.parent().unwrap();
        // Kustomize wants paths that lead from its file.
        let overlay = tempfile::tempdir_in(above).unwrap();
        let text = format!("namespace: {}\nresources: [../{path}]\n", self.name());
        std::fs::write(overlay.path().join("kustomization.yaml"), text).unwrap();
        self.kubectl(&["apply", "-k", overlay.path().to_str().unwrap()])
    }

    /// The PipelineRuns that are there, by name.
    pub fn runs(&self) -> Vec<String> {
        let runs = self.cluster.list(&Resource::PIPELINE_RUNS, "").unwrap();
        runs.iter().map(|run| run["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    /// `kubectl ARGS` in this namespace, and what it prints.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {}: {said}", args.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `kubectl ARGS` prints in this namespace, whatever its exit code is.
    pub fn kubectl_says(&self, args: &[&str]) -> String {
        String::from_utf8(self.command(args).output().unwrap().stdout).unwrap()
    }

    /// The TaskRuns of a run, in the order of their names.
    pub fn task_runs(&self, run: &str) -> Vec<Value> {
        self.cluster.list(&Resource::TASK_RUNS, &format!("tekton.dev/pipelineRun={run}")).unwrap()
    }

    /// The TaskRun of a run that has only one.
    pub fn task_run(&self, run: &str) -> Value {
        let mut all = self.task_runs(run);
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    /// Creates a PipelineRun, and gives it as it is when it has ended.
    pub fn run(&self, object: &Value) -> Value {
        let made = self.create(object);
        self.ended(made["metadata"]["name"].as_str().unwrap())
    }

    /// A PipelineRun as it is when it has ended.
    pub fn ended(&self, name: &str) -> Value {
        let changes = self.cluster.watch(&Resource::PIPELINE_RUNS, Select::name(name)).until(Instant::now() + PATIENCE);
        for event in changes {
            if let Event::Applied(run) = event.unwrap()
                && run["status"]["completionTime"].is_string()
            {
                return run;
            }
        }
        unreachable!("a watch ends with an error");
    }

    /// Fails unless every TaskRun of a run had one pod, with one step in it; gives how many there were.
    pub fn one_pod_and_one_step_each(&self, run: &str) -> usize {
        let task_runs = self.task_runs(run);
        let pods = self.cluster.list(&Resource::PODS, &format!("tekton.dev/pipelineRun={run},tekton.dev/taskRun")).unwrap();
        let steps = |pod: &Value| {
            let containers = pod["spec"]["containers"].as_array().unwrap().iter();
            containers.map(|container| container["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let mut of_pods: Vec<_> = pods.iter().map(|pod| (pod["metadata"]["name"].clone(), steps(pod))).collect();
        let mut wanted: Vec<_> = task_runs
            .iter()
            .map(|task_run| {
                let task = task_run["metadata"]["labels"]["tekton.dev/pipelineTask"].as_str().unwrap();
                (task_run["status"]["podName"].clone(), vec![format!("step-{task}")])
            })
            .collect();
        of_pods.sort_by_key(|(name, _)| name.to_string());
        wanted.sort_by_key(|(name, _)| name.to_string());
        assert_eq!(of_pods, wanted);
        pods.len()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&Bed::get().kubectl);
        command.args(["--namespace", self.name(), "--request-timeout", "60s"]).args(args);
        command
    }

    /// What a person would look at first.
    fn story(&self) -> String {
        let mut story = format!("--- namespace {}\n", self.name());
        let conditions = "-o=custom-columns=KIND:.kind,NAME:.metadata.name,REASON:.status.conditions[0].reason,MESSAGE:.status.conditions[0].message";
        for args in [
            &["get", "pipelineruns,taskruns", conditions][..],
            &["get", "pods", "-o=wide"],
            &["logs", "--prefix", "--all-containers", "--ignore-errors", "--tail=200", "-l", "tekton.dev/taskRun"],
            &["get", "events", "--sort-by=.lastTimestamp"],
        ] {
            let said = self.command(args).output().map(|output| {
                let text = [output.stdout, output.stderr].concat();
                String::from_utf8_lossy(&text).into_owned()
            });
            let _ = writeln!(story, "--- kubectl {}\n{}", args[..2].join(" "), said.unwrap_or_else(|e| e.to_string()));
        }
        story
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.story());
        }
        let _ = self.command(&["delete", "namespace", self.name(), "--wait=false"]).output();
    }
}
