//! The parameters of a workload, for every step that deploys one: `#[command(flatten)] pub options: mirror::Options`.

use step::Lines;

use crate::{ObjectName, Quantity, RunUid, Schedule, SinceDate, TargetRegistry, Workflow};

/// What oc-mirror does, when, and with what.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// As what oc-mirror runs: once, by a schedule, or not at all, in a toolbox to be entered with `oc exec`.
    #[arg(long, value_enum, default_value = "job", value_name = "MODE")]
    pub deploy_mode: Mode,

    /// When a `cronjob` runs: five fields of cron, `@weekly` and the like, or `@every 12h`.
    #[arg(long, value_name = "CRON", default_value = "0 2 * * 0")]
    pub schedule: Schedule,

    /// From where to where images are mirrored: to archives, from archives to `target-registry`, or directly to it.
    #[arg(long, value_enum, default_value = "workflow-to-disk", value_name = "WORKFLOW")]
    pub workflow: Workflow,

    /// Whether an archive has only what the archives before it have not.
    ///
    /// That is what oc-mirror does by itself. `false` is a full archive: `--since 1970-01-01`. Only `workflow-to-disk` makes archives.
    #[arg(long, default_value = "true", action = clap::ArgAction::Set)]
    pub incremental_mode: bool,

    /// Everything that was mirrored on this day or later is in the archive again: `YYYY-MM-DD`. For `workflow-to-disk`.
    #[arg(long, value_name = "DATE")]
    pub since_date: Option<SinceDate>,

    /// The registry to mirror to, with a path or not: `registry.example:8443/ocp`. Needed unless archives are made.
    #[arg(long, value_name = "REGISTRY")]
    pub target_registry: Option<TargetRegistry>,

    /// Whether oc-mirror only says what it would do.
    ///
    /// A dry run of `workflow-to-disk` has a directory of its own for that, since oc-mirror begins by deleting archives.
    #[arg(long, default_value = "false", action = clap::ArgAction::Set)]
    pub dry_run: bool,

    /// What the Job is called after, so that the step finds it when it runs again. A pipeline passes `$(context.pipelineRun.uid)`.
    #[arg(long, value_name = "UID", default_value = RunUid::TASK_RUN)]
    pub run_uid: RunUid,

    /// Whether the step waits for the Job, shows its log and fails when it fails.
    #[arg(long, default_value = "false", action = clap::ArgAction::Set)]
    pub wait: bool,

    /// The service account of the workload. It needs no rights.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror")]
    pub service_account: ObjectName,

    /// The Secret of the type `kubernetes.io/dockerconfigjson` with the credentials for all registries. Only the workload reads it.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror-pull-secret")]
    pub pull_secret: ObjectName,

    /// Secrets to pull the image of oc-mirror with, one a line. Not given: those of the service account.
    #[arg(long, value_name = "LINES")]
    pub image_pull_secrets: Option<Lines<ObjectName>>,

    /// A ConfigMap with `ca-bundle.crt`: more certificate authorities for oc-mirror to trust.
    #[arg(long, value_name = "NAME")]
    pub ca_configmap: Option<ObjectName>,

    /// The size of the claim `oc-mirror-content`, where archives are. One that is there is never changed.
    #[arg(long, value_name = "QUANTITY", default_value = "100Gi")]
    pub content_size: Quantity,

    /// The size of the claim `oc-mirror-cache`, where oc-mirror keeps what it has fetched. One that is there is never changed.
    #[arg(long, value_name = "QUANTITY", default_value = "50Gi")]
    pub cache_size: Quantity,

    /// The storage class of new claims. Not given: the cluster's default.
    #[arg(long, value_name = "NAME")]
    pub storage_class: Option<ObjectName>,

    /// The CPU that the workload asks for. It has no limit.
    #[arg(long, value_name = "QUANTITY", default_value = "500m")]
    pub cpu_request: Quantity,

    /// The memory that the workload asks for.
    #[arg(long, value_name = "QUANTITY", default_value = "2Gi")]
    pub memory_request: Quantity,

    /// The memory that the workload may use.
    #[arg(long, value_name = "QUANTITY", default_value = "8Gi")]
    pub memory_limit: Quantity,

    /// How long a Job may take with all its attempts, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(1..))]
    pub active_deadline_seconds: u32,

    /// How long a `job` stays after its end, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 604_800)]
    pub ttl_seconds_after_finished: u32,

    /// How often a Job tries again.
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=10))]
    pub backoff_limit: u32,

    /// The group that volumes are given to. Not given: what the cluster says, which on OpenShift is right.
    #[arg(long, value_name = "GID")]
    pub fs_group: Option<u32>,
}

/// As what oc-mirror runs.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Once.
    Job,
    /// By a schedule.
    #[value(name = "cronjob")]
    CronJob,
    /// Not at all: a pod with everything in it, to be entered.
    Deployment,
}

// === impl Mode ===

impl Mode {
    /// The kind of its object.
    pub fn kind(self) -> &'static str {
        match self {
            Mode::Job => "Job",
            Mode::CronJob => "CronJob",
            Mode::Deployment => "Deployment",
        }
    }

    /// The name of its object, a Job's without the run; also its label.
    pub(crate) fn component(self) -> &'static str {
        match self {
            Mode::Job => "oc-mirror-job",
            Mode::CronJob => "oc-mirror-cronjob",
            Mode::Deployment => "oc-mirror-deployment",
        }
    }
}
