//! Objects of the API group `tekton.dev/v1`: so far the Task and all that is in it.
//!
//! Fields have the names and meanings of Tekton's API reference, and stand in the order in which they are written. An
//! unknown field is an error. What is absent is `None`, empty or `false`, and is not written.

use k8s_openapi::api::core::v1::Volume;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::names::TaskName;

/// Declares a struct of the API: fields before `..` are required, the others may be absent.
macro_rules! object {
    (
        $(#[$about:meta])*
        $name:ident {
            $($(#[$required_doc:meta])* $required:ident: $required_type:ty,)*
            ..
            $($(#[$doc:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            $($(#[$required_doc])* pub $required: $required_type,)*
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "crate::v1::is_default")]
                pub $field: $type,
            )*
        }

        impl $name {
            /// With what is required, and nothing else.
            pub fn new($($required: $required_type),*) -> Self {
                $name { $($required,)* $($field: Default::default()),* }
            }
        }
    };
    // Nothing is required.
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $crate::v1::object! { $(#[$about])* #[derive(Default)] $name { .. $($(#[$doc])* $field: $type,)* } }
    };
}
use object;

mod container;
mod param;

pub use container::{Param, Ref, Sidecar, Step, StepOutputConfig, StepTemplate, WhenExpression, WhenOperator, WorkspaceUsage};
pub use param::{
    ParamSpec, ParamType, ParamValue, PropertySpec, ResultType, ResultValue, StepResult, TaskResult, WorkspaceDeclaration,
};

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Steps that run in one pod, with declared parameters, workspaces and results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Task {
    api_version: ApiVersion,
    kind: TaskKind,
    /// Name, labels, annotations.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What it is.
    pub spec: TaskSpec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum ApiVersion {
    #[serde(rename = "tekton.dev/v1")]
    V1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum TaskKind {
    Task,
}

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

// === impl Task ===

impl Task {
    /// A Task of this name, without labels and annotations.
    pub fn new(name: TaskName, spec: TaskSpec) -> Self {
        let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
        Task { api_version: ApiVersion::V1, kind: TaskKind::Task, metadata, spec }
    }
}
