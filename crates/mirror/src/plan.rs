//! What is to be deployed, checked before anything is created; and the objects of it.

use registry::ImageRef;
use serde_json::{Value, json};
use step::{Error, Result};

use crate::arguments::{Arguments, Since, Workflow};
use crate::{Mode, NAME, Namespace, ObjectName, Options, Quantity, labels, pod};

/// The name of the claim with archives.
pub(crate) const CONTENT_CLAIM: &str = "oc-mirror-content";
/// The name of the claim with what oc-mirror has fetched.
pub(crate) const CACHE_CLAIM: &str = "oc-mirror-cache";

/// A workload that can work, as far as its parameters say.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) options: Options,
    pub(crate) image: ImageRef,
    pub(crate) namespace: Namespace,
    pub(crate) config: ObjectName,
    pub(crate) arguments: Arguments,
    name: String,
}

// === impl Plan ===

impl Plan {
    /// Fails as bad input, with what to change, when the parameters contradict one another or leave something out.
    pub fn new(options: Options, image: ImageRef, namespace: Namespace, config: ObjectName) -> Result<Self> {
        let mode = options.deploy_mode;
        let name = match (mode, options.run_uid.known()) {
            (Mode::Job, None) => {
                let error = Error::bad_input("run-uid is missing: the Job is named after it");
                return Err(error.hint("a pipeline passes $(context.pipelineRun.uid)"));
            }
            (Mode::Job, Some(uid)) => format!("{}-{uid}", mode.component()),
            _ => mode.component().to_owned(),
        };
        if options.wait && mode != Mode::Job {
            let error = Error::bad_input(format!("wait is for deploy-mode job: a {} has no end", mode.kind()));
            return Err(error.hint("set wait to false, or deploy-mode to job"));
        }
        if options.memory_request.value() > options.memory_limit.value() {
            let (request, limit) = (&options.memory_request, &options.memory_limit);
            let error = Error::bad_input(format!("memory-request is {request}, and memory-limit only {limit}"));
            return Err(error.hint("ask for no more than the limit"));
        }
        let arguments = Arguments {
            workflow: options.workflow,
            target: options.target_registry.clone(),
            since: since(&options)?,
            dry_run: options.dry_run,
        };
        if mode != Mode::Deployment && options.workflow != Workflow::WorkflowToDisk && options.target_registry.is_none() {
            let workflow = options.workflow.name();
            let error = Error::bad_input(format!("target-registry is missing: {workflow} mirrors to a registry"));
            return Err(error.hint("give a registry as registry.example:8443/ocp, or use workflow-to-disk"));
        }
        Ok(Plan { options, image, namespace, config, arguments, name })
    }

    /// The workload's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As what it runs.
    pub fn mode(&self) -> Mode {
        self.options.deploy_mode
    }

    /// The image that it runs.
    pub fn image(&self) -> &ImageRef {
        &self.image
    }

    /// The value of `--since`; `None` when oc-mirror finds the day itself.
    pub fn since(&self) -> Option<&str> {
        (self.options.workflow == Workflow::WorkflowToDisk).then(|| self.arguments.since.date()).flatten()
    }

    /// What oc-mirror is called with; empty for a toolbox.
    pub fn arguments(&self) -> Vec<String> {
        if self.mode() == Mode::Deployment { Vec::new() } else { self.arguments.list() }
    }

    /// Whether archives lie where it writes.
    pub(crate) fn has_content(&self) -> bool {
        self.mode() == Mode::Deployment || !(self.options.dry_run && self.options.workflow == Workflow::WorkflowToDisk)
    }

    /// The claims that it mounts.
    pub fn claims(&self) -> Vec<Value> {
        let content = self.has_content().then(|| self.claim(CONTENT_CLAIM, "oc-mirror-data", &self.options.content_size));
        let cache = self.claim(CACHE_CLAIM, CACHE_CLAIM, &self.options.cache_size);
        content.into_iter().chain([cache]).collect()
    }

    fn claim(&self, name: &str, component: &str, size: &Quantity) -> Value {
        let mut claim = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": { "name": name, "namespace": self.namespace.as_str(), "labels": labels(component) },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": size.as_str() } } },
        });
        if let Some(class) = &self.options.storage_class {
            claim["spec"]["storageClassName"] = class.as_str().into();
        }
        claim
    }

    /// The Job, CronJob or Deployment.
    pub fn workload(&self) -> Value {
        let mode = self.mode();
        let labels = labels(mode.component());
        let (api_version, spec) = match mode {
            Mode::Job => {
                let mut spec = self.job();
                spec["ttlSecondsAfterFinished"] = self.options.ttl_seconds_after_finished.into();
                ("batch/v1", spec)
            }
            Mode::CronJob => (
                "batch/v1",
                json!({
                    "schedule": self.options.schedule.as_str(),
                    "concurrencyPolicy": "Forbid",
                    "successfulJobsHistoryLimit": 3,
                    "failedJobsHistoryLimit": 1,
                    "jobTemplate": { "metadata": { "labels": labels }, "spec": self.job() },
                }),
            ),
            Mode::Deployment => (
                "apps/v1",
                json!({
                    "replicas": 1,
                    "selector": { "matchLabels": labels },
                    // Its volumes are for one pod at a time.
                    "strategy": { "type": "Recreate" },
                    "template": pod::template(self),
                }),
            ),
        };
        json!({
            "apiVersion": api_version,
            "kind": mode.kind(),
            "metadata": { "name": self.name, "namespace": self.namespace.as_str(), "labels": labels },
            "spec": spec,
        })
    }

    fn job(&self) -> Value {
        json!({
            "backoffLimit": self.options.backoff_limit,
            "activeDeadlineSeconds": self.options.active_deadline_seconds,
            "template": pod::template(self),
        })
    }

    /// The label selector of everything that runs oc-mirror.
    pub(crate) fn selector() -> String {
        format!("app.kubernetes.io/name={NAME}")
    }
}

fn since(options: &Options) -> Result<Since> {
    let makes_archives = options.workflow == Workflow::WorkflowToDisk;
    match (&options.since_date, options.incremental_mode) {
        (Some(_), _) if !makes_archives => {
            let workflow = options.workflow.name();
            let error = Error::bad_input(format!("since-date is about archives, and {workflow} makes none"));
            Err(error.hint("leave since-date out, or use workflow-to-disk"))
        }
        (Some(day), false) => {
            let error = Error::bad_input(format!("since-date is {day}, and incremental-mode false, which is a full archive"));
            Err(error.hint("leave one of the two out"))
        }
        (Some(day), true) => Ok(Since::Day(day.to_string())),
        (None, false) if makes_archives => Ok(Since::Ever),
        (None, _) => Ok(Since::Last),
    }
}
