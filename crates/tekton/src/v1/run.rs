//! What a TaskRun and a PipelineRun are.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, CSIVolumeSource, ConfigMapVolumeSource, EmptyDirVolumeSource, EnvVar, HostAlias, LocalObjectReference,
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, PodDNSConfig, PodSecurityContext, ProjectedVolumeSource,
    ResourceRequirements, SecretVolumeSource, Toleration, TopologySpreadConstraint, Volume,
};

use super::{Param, PipelineRef, PipelineSpec, PipelineTaskMetadata, TaskRef, TaskSpec};
use crate::duration::Duration;

object! {
    /// What a PipelineRun is.
    PipelineRunSpec {
        /// The Pipeline that it runs.
        pipeline_ref: Option<PipelineRef>,
        /// The Pipeline that it runs, written here.
        pipeline_spec: Option<PipelineSpec>,
        /// Values for the Pipeline's parameters.
        params: Vec<Param>,
        /// What the Pipeline's workspaces are.
        workspaces: Vec<WorkspaceBinding>,
        /// When it is stopped.
        timeouts: Option<TimeoutFields>,
        /// What holds for all its TaskRuns.
        task_run_template: PipelineTaskRunTemplate,
        /// What holds for the TaskRuns of some of its tasks.
        task_run_specs: Vec<PipelineTaskRunSpec>,
        /// A wish: `Cancelled`, `CancelledRunFinally`, `StoppedRunFinally`, `PipelineRunPending`.
        status: Option<String>,
        /// Who carries it out, if not Tekton.
        managed_by: Option<String>,
    }
}

object! {
    /// When a PipelineRun and its parts are stopped; zero means never.
    TimeoutFields {
        /// All of it.
        pipeline: Option<Duration>,
        /// Its tasks but those in `finally`.
        tasks: Option<Duration>,
        /// Its tasks in `finally`.
        finally: Option<Duration>,
    }
}

object! {
    /// What holds for all TaskRuns of a PipelineRun.
    PipelineTaskRunTemplate {
        /// The account that they run as.
        service_account_name: Option<String>,
        /// What holds for their pods.
        pod_template: Option<PodTemplate>,
    }
}

object! {
    /// What holds for the TaskRun of one task of a PipelineRun.
    PipelineTaskRunSpec {
        /// The task.
        pipeline_task_name: Option<String>,
        /// See [`PipelineTaskRunTemplate::service_account_name`].
        service_account_name: Option<String>,
        /// See [`PipelineTaskRunTemplate::pod_template`].
        pod_template: Option<PodTemplate>,
        /// Requests and limits of steps.
        step_specs: Vec<TaskRunStepSpec>,
        /// Requests and limits of sidecars.
        sidecar_specs: Vec<TaskRunStepSpec>,
        /// Labels and annotations.
        metadata: Option<PipelineTaskMetadata>,
        /// Requests and limits of the whole pod.
        compute_resources: Option<ResourceRequirements>,
        /// When it is stopped.
        timeout: Option<Duration>,
    }
}

object! {
    /// Requests and limits of one step or sidecar.
    TaskRunStepSpec {
        /// The step or sidecar.
        name: String,
        ..
        /// Its requests and limits.
        compute_resources: ResourceRequirements,
    }
}

object! {
    /// What a TaskRun is.
    TaskRunSpec {
        /// The Task that it runs.
        task_ref: Option<TaskRef>,
        /// The Task that it runs, written here.
        task_spec: Option<TaskSpec>,
        /// Values for the Task's parameters.
        params: Vec<Param>,
        /// What the Task's workspaces are.
        workspaces: Vec<WorkspaceBinding>,
        /// The account that it runs as.
        service_account_name: Option<String>,
        /// How often it is tried again.
        retries: i32,
        /// When it is stopped.
        timeout: Option<Duration>,
        /// What holds for its pod.
        pod_template: Option<PodTemplate>,
        /// Requests and limits of steps.
        step_specs: Vec<TaskRunStepSpec>,
        /// Requests and limits of sidecars.
        sidecar_specs: Vec<TaskRunStepSpec>,
        /// Requests and limits of the whole pod.
        compute_resources: Option<ResourceRequirements>,
        /// A wish: `TaskRunCancelled`.
        status: Option<String>,
        /// The reason of the wish.
        status_message: Option<String>,
        /// Where it stops for a person to look.
        debug: Option<TaskRunDebug>,
        /// Who carries it out, if not Tekton.
        managed_by: Option<String>,
    }
}

object! {
    /// Where a TaskRun stops for a person to look (alpha).
    TaskRunDebug {
        /// The places.
        breakpoints: Option<TaskBreakpoints>,
    }
}

object! {
    /// Places where a TaskRun stops.
    TaskBreakpoints {
        /// `enabled`: when a step has failed.
        on_failure: Option<String>,
        /// Before these steps.
        before_steps: Vec<String>,
    }
}

object! {
    /// What a workspace is in a run: one of these sources.
    WorkspaceBinding {
        /// The workspace.
        name: String,
        ..
        /// The directory in the volume that is the workspace.
        sub_path: Option<String>,
        /// A claim made for this run.
        volume_claim_template: Option<PersistentVolumeClaim>,
        /// A claim that is there.
        persistent_volume_claim: Option<PersistentVolumeClaimVolumeSource>,
        /// An empty directory, for one TaskRun.
        empty_dir: Option<EmptyDirVolumeSource>,
        /// A ConfigMap's keys as files.
        config_map: Option<ConfigMapVolumeSource>,
        /// A Secret's keys as files.
        secret: Option<SecretVolumeSource>,
        /// Several of these.
        projected: Option<ProjectedVolumeSource>,
        /// What a storage driver gives.
        csi: Option<CSIVolumeSource>,
    }
}

object! {
    /// What holds for a pod.
    PodTemplate {
        /// Labels of the nodes that it may run on.
        node_selector: BTreeMap<String, String>,
        /// Environment variables of all containers.
        env: Vec<EnvVar>,
        /// Taints that it tolerates.
        tolerations: Vec<Toleration>,
        /// Where it would rather run.
        affinity: Option<Affinity>,
        /// What it may do.
        security_context: Option<PodSecurityContext>,
        /// Volumes besides the Task's.
        volumes: Vec<Volume>,
        /// Its runtime class.
        runtime_class_name: Option<String>,
        /// Whether it gets its account's token.
        automount_service_account_token: Option<bool>,
        /// How it resolves names.
        dns_policy: Option<String>,
        /// With what it resolves names.
        dns_config: Option<PodDNSConfig>,
        /// Whether it gets the namespace's services as environment variables.
        enable_service_links: Option<bool>,
        /// Its priority class.
        priority_class_name: Option<String>,
        /// Its scheduler.
        scheduler_name: Option<String>,
        /// Secrets to pull images with.
        image_pull_secrets: Vec<LocalObjectReference>,
        /// Lines for its hosts file.
        host_aliases: Vec<HostAlias>,
        /// It uses the node's network.
        host_network: bool,
        /// Whether it uses the node's users.
        host_users: Option<bool>,
        /// How its like are spread.
        topology_spread_constraints: Vec<TopologySpreadConstraint>,
    }
}
