//! What a Pipeline is.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Volume;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Param, ParamSpec, ResultType, ResultValue, Sidecar, Step, StepTemplate, TaskResult, TaskSpec, WhenExpression,
    WorkspaceDeclaration,
};
use crate::duration::Duration;

object! {
    /// What a Pipeline is, also where a PipelineRun holds one without a name.
    PipelineSpec {
        /// The name that people read.
        display_name: Option<String>,
        /// A summary in the first line; after an empty line, the rest.
        description: Option<String>,
        /// Parameters.
        params: Vec<ParamSpec>,
        /// Workspaces.
        workspaces: Vec<PipelineWorkspaceDeclaration>,
        /// Results.
        results: Vec<PipelineResult>,
        /// Tasks that run in the order of what they need of each other.
        tasks: Vec<PipelineTask>,
        /// Tasks that run at the end, whatever happened.
        finally: Vec<PipelineTask>,
    }
}

object! {
    /// A task of a Pipeline: what runs, with what, and when.
    PipelineTask {
        /// Its name in the Pipeline.
        name: Option<String>,
        /// The name that people read.
        display_name: Option<String>,
        /// What it is there for.
        description: Option<String>,
        /// The Task that it runs.
        task_ref: Option<TaskRef>,
        /// The Task that it runs, written here.
        task_spec: Option<EmbeddedTask>,
        /// The Pipeline that it runs (alpha).
        pipeline_ref: Option<PipelineRef>,
        /// The Pipeline that it runs, written here (alpha).
        pipeline_spec: Option<PipelineSpec>,
        /// It runs only when all of these hold.
        when: Vec<WhenExpression>,
        /// Tasks that must have ended well before, besides those whose results it uses.
        run_after: Vec<String>,
        /// Values for the Task's parameters.
        params: Vec<Param>,
        /// It runs once for each combination of these (beta).
        matrix: Option<Matrix>,
        /// The Pipeline's workspaces that it gets, by the Task's names for them.
        workspaces: Vec<WorkspacePipelineTaskBinding>,
        /// How often it is tried again.
        retries: i32,
        /// When it is stopped.
        timeout: Option<Duration>,
        /// What its failure means for the Pipeline (beta).
        on_error: Option<OnError>,
    }
}

/// What the failure of a task means for its Pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnError {
    /// The others go on, and the run succeeds.
    Continue,
    /// No more tasks start, and the run fails.
    StopAndFail,
}

object! {
    /// Which Task a task of a Pipeline runs.
    TaskRef {
        /// Its name in the namespace.
        name: Option<String>,
        /// `Task`, or the kind of a custom task.
        kind: Option<String>,
        /// The API version of a custom task.
        api_version: Option<String>,
        /// What finds it elsewhere: `git`, `bundles`, `hub`, `cluster`, `http`.
        resolver: Option<String>,
        /// What the resolver needs to know.
        params: Vec<Param>,
    }
}

object! {
    /// Which Pipeline a run runs.
    PipelineRef {
        /// Its name in the namespace.
        name: Option<String>,
        /// Tekton's own API version.
        api_version: Option<String>,
        /// What finds it elsewhere: `git`, `bundles`, `hub`, `cluster`, `http`.
        resolver: Option<String>,
        /// What the resolver needs to know.
        params: Vec<Param>,
    }
}

object! {
    /// What a task runs for each of.
    Matrix {
        /// Lists; it runs for each combination of their elements.
        params: Vec<Param>,
        /// Combinations to add, or to say more about.
        include: Vec<IncludeParams>,
    }
}

object! {
    /// One combination of a matrix.
    IncludeParams {
        /// What people call it.
        name: Option<String>,
        /// Its values.
        params: Vec<Param>,
    }
}

object! {
    /// The declaration of a workspace of a Pipeline.
    PipelineWorkspaceDeclaration {
        /// Its name.
        name: String,
        ..
        /// What belongs there.
        description: Option<String>,
        /// It may be left unbound.
        optional: bool,
    }
}

object! {
    /// Which of the Pipeline's workspaces a task gets as what.
    WorkspacePipelineTaskBinding {
        /// The Task's name for it.
        name: String,
        ..
        /// The Pipeline's name for it; the same, if absent.
        workspace: Option<String>,
        /// The directory in it that the task gets.
        sub_path: Option<String>,
    }
}

object! {
    /// A result of a Pipeline, made of results of its tasks.
    PipelineResult {
        /// Its name.
        name: String,
        /// Where it comes from.
        value: ResultValue,
        ..
        /// Its type; without one, string.
        type_: Option<ResultType>,
        /// What it means.
        description: Option<String>,
    }
}

object! {
    /// Labels and annotations for what runs a task.
    PipelineTaskMetadata {
        /// Labels.
        labels: BTreeMap<String, String>,
        /// Annotations.
        annotations: BTreeMap<String, String>,
    }
}

/// A Task, or the object of a custom task, written into a Pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Embedded", rename_all = "camelCase")]
pub struct EmbeddedTask {
    /// The API version of a custom task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The kind of a custom task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What a custom task is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<Value>,
    /// Labels and annotations for what runs it.
    #[serde(skip_serializing_if = "crate::v1::is_default")]
    pub metadata: PipelineTaskMetadata,
    /// What the Task is.
    #[serde(flatten)]
    pub task: TaskSpec,
}

object! {
    /// An [`EmbeddedTask`] as it is read: one list of fields, so that an unknown one is seen.
    Embedded {
        /// See [`EmbeddedTask::api_version`].
        api_version: Option<String>,
        /// See [`EmbeddedTask::kind`].
        kind: Option<String>,
        /// See [`EmbeddedTask::spec`].
        spec: Option<Value>,
        /// See [`EmbeddedTask::metadata`].
        metadata: PipelineTaskMetadata,
        /// See [`TaskSpec::display_name`].
        display_name: Option<String>,
        /// See [`TaskSpec::description`].
        description: Option<String>,
        /// See [`TaskSpec::params`].
        params: Vec<ParamSpec>,
        /// See [`TaskSpec::workspaces`].
        workspaces: Vec<WorkspaceDeclaration>,
        /// See [`TaskSpec::results`].
        results: Vec<TaskResult>,
        /// See [`TaskSpec::volumes`].
        volumes: Vec<Volume>,
        /// See [`TaskSpec::step_template`].
        step_template: Option<StepTemplate>,
        /// See [`TaskSpec::steps`].
        steps: Vec<Step>,
        /// See [`TaskSpec::sidecars`].
        sidecars: Vec<Sidecar>,
    }
}

// === impl EmbeddedTask ===

impl From<Embedded> for EmbeddedTask {
    fn from(read: Embedded) -> Self {
        EmbeddedTask {
            api_version: read.api_version,
            kind: read.kind,
            spec: read.spec,
            metadata: read.metadata,
            task: TaskSpec {
                display_name: read.display_name,
                description: read.description,
                params: read.params,
                workspaces: read.workspaces,
                results: read.results,
                volumes: read.volumes,
                step_template: read.step_template,
                steps: read.steps,
                sidecars: read.sidecars,
            },
        }
    }
}

impl From<TaskSpec> for EmbeddedTask {
    fn from(task: TaskSpec) -> Self {
        EmbeddedTask { task, ..EmbeddedTask::default() }
    }
}

impl EmbeddedTask {
    /// Whether something other than Tekton runs it.
    pub fn is_custom(&self) -> bool {
        [&self.api_version, &self.kind].iter().all(|text| text.as_ref().is_some_and(|text| !text.is_empty()))
    }
}

impl PipelineTask {
    /// Its name; empty when it has none.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// Whether it runs once for each of several combinations.
    pub fn is_matrixed(&self) -> bool {
        self.matrix.as_ref().is_some_and(|matrix| !matrix.params.is_empty() || !matrix.include.is_empty())
    }
}
