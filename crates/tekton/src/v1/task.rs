//! What a Task is, and a StepAction.

use k8s_openapi::api::core::v1::{EnvVar, SecurityContext, Volume, VolumeMount};

use super::{ParamSpec, Sidecar, Step, StepResult, StepTemplate, TaskResult, WorkspaceDeclaration};

object! {
    /// What a Task is, also where a Pipeline or TaskRun holds one without a name.
    TaskSpec {
        /// The name that people read.
        display_name: Option<String>,
        /// A summary in the first line; after an empty line, the rest.
        description: Option<String>,
        /// Parameters.
        params: Vec<ParamSpec>,
        /// Workspaces.
        workspaces: Vec<WorkspaceDeclaration>,
        /// Results.
        results: Vec<TaskResult>,
        /// Volumes that steps can mount.
        volumes: Vec<Volume>,
        /// What all steps have unless they say otherwise.
        step_template: Option<StepTemplate>,
        /// Containers that run one after another.
        steps: Vec<Step>,
        /// Containers that run beside the steps.
        sidecars: Vec<Sidecar>,
    }
}

object! {
    /// What a StepAction is: a step without what belongs to its Task.
    StepActionSpec {
        /// What it does.
        description: Option<String>,
        /// Parameters.
        params: Vec<ParamSpec>,
        /// Results.
        results: Vec<StepResult>,
        /// See [`Step::image`].
        image: Option<String>,
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
        /// See [`Step::security_context`].
        security_context: Option<SecurityContext>,
        /// See [`Step::volume_mounts`].
        volume_mounts: Vec<VolumeMount>,
    }
}
