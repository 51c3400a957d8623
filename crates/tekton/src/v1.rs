//! Objects of the API group `tekton.dev`: Task, Pipeline, TaskRun and PipelineRun of `v1`, StepAction of `v1beta1`.
//!
//! Fields have the names and meanings of Tekton's API reference, and stand in the order in which they are written. An
//! unknown field is an error. What is absent is `None`, empty or `false`, and is not written.
//!
//! Names and references are strings here, because this is what a file may say; [`crate::rules`] has what they must be, and
//! who makes an object takes its names from [`crate::names`].

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
mod pipeline;
mod run;
mod task;

pub use container::{Param, Ref, Sidecar, Step, StepOutputConfig, StepTemplate, WhenExpression, WhenOperator, WorkspaceUsage};
pub use param::{
    ParamSpec, ParamType, ParamValue, PropertySpec, ResultType, ResultValue, StepResult, TaskResult, WorkspaceDeclaration,
};
pub use pipeline::{
    EmbeddedTask, IncludeParams, Matrix, OnError, PipelineRef, PipelineResult, PipelineSpec, PipelineTask, PipelineTaskMetadata,
    PipelineWorkspaceDeclaration, TaskRef, WorkspacePipelineTaskBinding,
};
pub use run::{
    PipelineRunSpec, PipelineTaskRunSpec, PipelineTaskRunTemplate, PodTemplate, TaskBreakpoints, TaskRunDebug, TaskRunSpec,
    TaskRunStepSpec, TimeoutFields, WorkspaceBinding,
};
pub use task::{StepActionSpec, TaskSpec};

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Declares an object with a name of its own.
macro_rules! root {
    ($(#[$about:meta])* $name:ident($version:literal, $spec:ty) $(, $status:ident)?) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            api_version: String,
            kind: String,
            /// Name, labels, annotations.
            #[serde(default)]
            pub metadata: ObjectMeta,
            /// What it is.
            pub spec: $spec,
            $(
                /// What Tekton has written into it.
                #[serde(default, skip_serializing_if = "is_default")]
                pub $status: Option<Value>,
            )?
        }

        impl $name {
            /// The `apiVersion` of such an object.
            pub const API_VERSION: &str = $version;
            /// The `kind` of such an object.
            pub const KIND: &str = stringify!($name);

            /// With a name, without labels and annotations. A run may be named by `metadata.generateName` instead.
            pub fn new(name: TaskName, spec: $spec) -> Self {
                let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
                $name { api_version: $version.into(), kind: Self::KIND.into(), metadata, spec $(, $status: None)? }
            }

            /// Its name, or what its name begins with; empty when it has neither.
            pub fn name(&self) -> &str {
                self.metadata.name.as_deref().or(self.metadata.generate_name.as_deref()).unwrap_or_default()
            }
        }
    };
}

root! {
    /// Steps that run in one pod, with declared parameters, workspaces and results.
    Task("tekton.dev/v1", TaskSpec)
}

root! {
    /// Tasks that run in the order of what they need of each other.
    Pipeline("tekton.dev/v1", PipelineSpec)
}

root! {
    /// A run of a Task.
    TaskRun("tekton.dev/v1", TaskRunSpec), status
}

root! {
    /// A run of a Pipeline.
    PipelineRun("tekton.dev/v1", PipelineRunSpec), status
}

root! {
    /// A step that Tasks can refer to.
    StepAction("tekton.dev/v1beta1", StepActionSpec)
}
