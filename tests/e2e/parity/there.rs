//! What Tekton does on the cluster, from the states of its objects.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cluster::{Cluster, Event, Options, Resource, Select};
use serde_json::{Map, Value, json};
use step::Cancel;

use crate::here::{is_stopped, text};
use crate::{Case, Told};

/// Longer no run takes on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(240);

/// A namespace of the test, gone after it.
pub(crate) struct Namespace {
    pub(crate) cluster: Cluster,
    /// Nothing is waited for after it.
    until: Instant,
    /// Set while the namespace is there.
    _cel: Flag,
}

/// A feature flag of Tekton's, set; afterwards it is as it was.
struct Flag {
    cluster: Cluster,
    name: &'static str,
    before: Value,
}

// === impl Namespace ===

impl Namespace {
    pub(crate) fn new() -> Self {
        let connect = |namespace| Cluster::connect(&Options { namespace, ..Options::default() }, Cancel::new()).unwrap();
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "parity-"}});
        let made = connect(None).create(&object).unwrap();
        let cluster = connect(Some(text(&made["metadata"]["name"]).to_owned()));
        let until = Instant::now() + PATIENCE;
        let namespace = Namespace { until, _cel: Flag::set(&cluster, "enable-cel-in-whenexpression"), cluster };
        // Pods are refused until it is there.
        let account = namespace.cluster.resource("v1", "ServiceAccount").unwrap();
        namespace.when(&account, "default", |_| true).unwrap();
        namespace
    }

    /// Creates all objects, those that need a flag of Tekton's last.
    pub(crate) fn create(&self, cases: &[Case]) {
        let (cel, others): (Vec<_>, _) =
            cases.iter().flat_map(|case| &case.objects).partition(|o| text(&o["metadata"]["name"]) == "cel");
        others
            .into_iter()
            .for_each(|object| drop(self.cluster.create(object).unwrap_or_else(|error| panic!("{object:#}: {error}"))));
        for object in cel {
            // The webhook has heard of the flag as soon as it admits what needs it.
            while let Err(error) = self.cluster.create(object) {
                assert!(Instant::now() < self.until && error.to_string().contains("feature flag"), "{error}");
            }
        }
    }

    /// The object, as soon as it is as wanted.
    fn when(&self, resource: &Resource, name: &str, wanted: impl Fn(&Value) -> bool) -> step::Result<Value> {
        for event in self.cluster.watch(resource, Select::name(name)).until(self.until) {
            match event.map_err(|error| error.context(name))? {
                Event::Applied(object) if wanted(&object) => return Ok(object),
                _ => {}
            }
        }
        unreachable!("a watch ends with an error")
    }

    /// Waits for a run's end, and tells.
    pub(crate) fn told(&self, case: &Case) -> step::Result<Told> {
        let ended = |object: &Value| object["status"]["completionTime"].is_string();
        let run = self.when(&Resource::PIPELINE_RUNS, text(&case.run()["metadata"]["name"]), ended)?;
        let status = &run["status"];
        let mut told = Told { run: format!("{} {}", reason(&run), results(status)), ..Told::default() };
        for skipped in list(&status["skippedTasks"]) {
            told.tasks.insert(text(&skipped["name"]).to_owned(), format!("skipped, {}", text(&skipped["reason"])));
        }
        let mut runs: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for child in list(&status["childReferences"]) {
            let task_run = self.when(&Resource::TASK_RUNS, text(&child["name"]), ended)?;
            runs.entry(text(&child["pipelineTaskName"]).to_owned()).or_default().push(task_run);
        }
        for (task, runs) in &mut runs {
            // As Tekton does, where results of a matrix become lists: 10 is before 2.
            runs.sort_by_key(|run| text(&run["metadata"]["name"]).to_owned());
            let name = |run: &Value| text(&run["metadata"]["name"]).to_owned();
            let own = format!("{}-{task}", text(&run["metadata"]["name"]));
            let is_matrix = name(&runs[0]) != own;
            for task_run in runs.iter() {
                let index = name(task_run);
                let attempts = 1 + list(&task_run["status"]["retriesStatus"]).len();
                let label = format!("{task}{}, attempt {attempts}", index.strip_prefix(&own).unwrap_or(&index));
                let steps = if is_stopped(reason(task_run)) { "stopped".to_owned() } else { steps(&task_run["status"]) };
                told.tasks.insert(label, steps);
            }
            let line = if is_matrix {
                let good = runs.iter().all(|run| run["status"]["conditions"][0]["status"] == "True");
                let reason = if good { "all of a matrix succeeded" } else { "one of a matrix failed" };
                format!("{reason} {}", together(runs))
            } else {
                format!("{} {}", reason(&runs[0]), results(&runs[0]["status"]))
            };
            told.tasks.insert(task.clone(), line);
        }
        let times = |task: &str, field: &str| -> Option<Vec<String>> {
            Some(runs.get(task)?.iter().map(|run| text(&run["status"][field]).to_owned()).collect())
        };
        for (before, after) in case.order() {
            if let (Some(ended), Some(began)) = (times(&before, "completionTime"), times(&after, "startTime")) {
                told.order.insert(format!("{before} before {after}"), ended.iter().max() <= began.iter().min());
            }
        }
        Ok(told)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.cluster.resource("v1", "Namespace").and_then(|kind| self.cluster.delete(&kind, self.cluster.namespace()));
    }
}

// === impl Flag ===

impl Flag {
    fn set(cluster: &Cluster, name: &'static str) -> Self {
        let cluster = cluster.in_namespace("tekton-pipelines");
        let flags = cluster.resource("v1", "ConfigMap").and_then(|kind| cluster.get(&kind, "feature-flags")).unwrap();
        let flag = Flag { before: flags["data"][name].clone(), cluster, name };
        flag.patch(&"true".into()).unwrap();
        flag
    }

    fn patch(&self, value: &Value) -> step::Result<()> {
        let patch = json!({"data": {self.name: value}});
        self.cluster.patch(&self.cluster.resource("v1", "ConfigMap")?, "feature-flags", &patch).map(drop)
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        let _ = self.patch(&self.before);
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn reason(object: &Value) -> &str {
    text(&object["status"]["conditions"][0]["reason"])
}

/// Results by name, in the order of their names.
fn results(status: &Value) -> Value {
    let by_name: BTreeMap<_, _> = list(&status["results"]).iter().map(|r| (text(&r["name"]).to_owned(), &r["value"])).collect();
    Value::Object(by_name.into_iter().map(|(name, value)| (name, value.clone())).collect::<Map<_, _>>())
}

/// The results of the runs of a matrix: lists.
fn together(runs: &[Value]) -> Value {
    let mut lists: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for run in runs {
        let Value::Object(own) = results(&run["status"]) else { continue };
        own.into_iter().for_each(|(name, value)| lists.entry(name).or_default().push(value));
    }
    Value::Object(lists.into_iter().map(|(name, list)| (name, list.into())).collect())
}

/// The exit codes of the steps that ran.
fn steps(status: &Value) -> String {
    let ran = list(&status["steps"]).iter().filter(|step| step["terminationReason"] != "Skipped");
    // The code of a step whose time ran out is Tekton's own.
    let ran = ran.filter(|step| step["terminationReason"] != "TimeoutExceeded");
    let codes: Vec<_> = ran.map(|step| format!("{}={}", text(&step["name"]), step["terminated"]["exitCode"])).collect();
    codes.join(", ")
}
