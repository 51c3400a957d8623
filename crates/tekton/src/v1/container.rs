//! What runs: steps and sidecars. Their fields are a container's, as far as Tekton lets them through.

use k8s_openapi::api::core::v1::{
    ContainerPort, EnvFromSource, EnvVar, Lifecycle, Probe, ResourceRequirements, SecurityContext, VolumeDevice, VolumeMount,
};
use serde::{Deserialize, Serialize};

use super::{ParamValue, StepResult};
use crate::duration::Duration;

object! {
    /// One container of a Task; steps run one after another.
    Step {
        /// Its name ([`StepName`](crate::names::StepName)); Tekton gives it one where it has none.
        name: Option<String>,
        /// The name that people read.
        display_name: Option<String>,
        /// The StepAction that it is instead of a container of its own.
        ref_: Option<Ref>,
        /// Values for the StepAction's parameters.
        params: Vec<Param>,
        /// It runs only when all of these hold.
        when: Vec<WhenExpression>,
        /// Its image, pinned: `name:tag@sha256:…`.
        image: Option<String>,
        /// `Always`, `IfNotPresent` or `Never`.
        image_pull_policy: Option<String>,
        /// Its working directory. A relative one costs the pod another container.
        working_dir: Option<String>,
        /// Its program, as an absolute path. Without it Tekton has to ask the registry what the image would run.
        command: Vec<String>,
        /// The program's arguments.
        args: Vec<String>,
        /// A script to run instead of a command. It costs the pod another container.
        script: Option<String>,
        /// Environment variables.
        env: Vec<EnvVar>,
        /// Where more environment variables come from.
        env_from: Vec<EnvFromSource>,
        /// Requests and limits. A pod's requests are the sum of its steps'.
        compute_resources: Option<ResourceRequirements>,
        /// What it may do.
        security_context: Option<SecurityContext>,
        /// Where it sees the Task's volumes.
        volume_mounts: Vec<VolumeMount>,
        /// Where it sees the Task's block devices.
        volume_devices: Vec<VolumeDevice>,
        /// The workspaces that only this step sees.
        workspaces: Vec<WorkspaceUsage>,
        /// Its own results.
        results: Vec<StepResult>,
        /// When it is stopped: a duration as Go writes it, `1h30m`.
        timeout: Option<Duration>,
        /// `continue`, `stopAndFail`, or a parameter that says which.
        on_error: Option<String>,
        /// Where its standard output is also written.
        stdout_config: Option<StepOutputConfig>,
        /// Where its standard error is also written.
        stderr_config: Option<StepOutputConfig>,
    }
}

object! {
    /// What all steps of a Task have unless they say otherwise.
    StepTemplate {
        /// See [`Step::image`].
        image: Option<String>,
        /// See [`Step::image_pull_policy`].
        image_pull_policy: Option<String>,
        /// See [`Step::working_dir`].
        working_dir: Option<String>,
        /// See [`Step::command`].
        command: Vec<String>,
        /// See [`Step::args`].
        args: Vec<String>,
        /// See [`Step::env`].
        env: Vec<EnvVar>,
        /// See [`Step::env_from`].
        env_from: Vec<EnvFromSource>,
        /// See [`Step::compute_resources`].
        compute_resources: Option<ResourceRequirements>,
        /// See [`Step::security_context`].
        security_context: Option<SecurityContext>,
        /// See [`Step::volume_mounts`].
        volume_mounts: Vec<VolumeMount>,
        /// See [`Step::volume_devices`].
        volume_devices: Vec<VolumeDevice>,
    }
}

object! {
    /// A container that runs beside the steps.
    Sidecar {
        /// Its name. One without it may be there, as Tekton fills it in as empty before Kubernetes asks.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        name: String,
        ..
        /// See [`Step::image`].
        image: Option<String>,
        /// See [`Step::image_pull_policy`].
        image_pull_policy: Option<String>,
        /// See [`Step::working_dir`].
        working_dir: Option<String>,
        /// See [`Step::command`].
        command: Vec<String>,
        /// See [`Step::args`].
        args: Vec<String>,
        /// See [`Step::script`].
        script: Option<String>,
        /// See [`Step::env`].
        env: Vec<EnvVar>,
        /// See [`Step::env_from`].
        env_from: Vec<EnvFromSource>,
        /// Ports that it listens on.
        ports: Vec<ContainerPort>,
        /// See [`Step::compute_resources`].
        compute_resources: Option<ResourceRequirements>,
        /// See [`Step::security_context`].
        security_context: Option<SecurityContext>,
        /// See [`Step::volume_mounts`].
        volume_mounts: Vec<VolumeMount>,
        /// See [`Step::volume_devices`].
        volume_devices: Vec<VolumeDevice>,
        /// See [`Step::workspaces`].
        workspaces: Vec<WorkspaceUsage>,
        /// Whether it has started.
        startup_probe: Option<Probe>,
        /// Whether steps can start.
        readiness_probe: Option<Probe>,
        /// Whether it is to be started anew.
        liveness_probe: Option<Probe>,
        /// What to do after its start and before its end.
        lifecycle: Option<Lifecycle>,
        /// `Always` makes it a sidecar to Kubernetes as well.
        restart_policy: Option<String>,
        /// Where it writes why it ended.
        termination_message_path: Option<String>,
        /// `File` or `FallbackToLogsOnError`.
        termination_message_policy: Option<String>,
        /// It has a standard input.
        stdin: bool,
        /// Its standard input is closed after the first who attached.
        stdin_once: bool,
        /// It has a terminal.
        tty: bool,
    }
}

object! {
    /// Which StepAction a step is.
    Ref {
        /// Its name in the Task's namespace.
        name: Option<String>,
        /// What finds it elsewhere: `git`, `bundles`, `hub`, `cluster`, `http`.
        resolver: Option<String>,
        /// What the resolver needs to know.
        params: Vec<Param>,
    }
}

object! {
    /// A value for a parameter.
    Param {
        /// The parameter's name.
        name: String,
        /// Its value.
        value: ParamValue,
        ..
    }
}

object! {
    /// A condition.
    WhenExpression {
        /// The value to look for.
        input: Option<String>,
        /// What has to be true of it.
        operator: Option<WhenOperator>,
        /// The values to look among.
        values: Vec<String>,
        /// An expression instead of all this. Tekton knows it behind the flag `enable-cel-in-whenexpression`.
        cel: Option<String>,
    }
}

/// What has to be true of the input of a [`WhenExpression`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenOperator {
    /// It is among the values.
    In,
    /// It is not.
    NotIn,
}

object! {
    /// A workspace that only the steps see which ask for it.
    WorkspaceUsage {
        /// Its name.
        name: String,
        ..
        /// Where they see it. The CRD requires it; Tekton and its own examples do not.
        mount_path: Option<String>,
    }
}

object! {
    /// Where an output of a step is also written.
    StepOutputConfig {
        /// The file.
        path: Option<String>,
    }
}
