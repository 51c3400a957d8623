//! The `stepwright` command: any step's command line from one binary, and what follows from the steps' declarations.

pub mod catalog;
mod check;
mod cli;
pub mod graph;
pub mod image;
pub mod readme;
pub mod render;
mod run;
pub mod start;
mod table;
pub mod task;

use step::Declaration;

pub use cli::{command, main};

/// Every step there is, by name. A new step's line goes here.
pub fn steps() -> Vec<Declaration> {
    vec![
        Declaration::of::<await_pipelinerun::AwaitPipelinerun>(),
        Declaration::of::<copy_image::CopyImage>(),
        Declaration::of::<copy_image::CreateIndex>(),
        Declaration::of::<copy_image::InspectImage>(),
        Declaration::of::<copy_image::PlanImageBuild>(),
        Declaration::of::<copy_image::PullArtifact>(),
        Declaration::of::<copy_image::PushArtifact>(),
        Declaration::of::<create_deployment_configmaps::CreateDeploymentConfigmaps>(),
        Declaration::of::<deploy_workload::DeployWorkload>(),
        Declaration::of::<generate_imageset::GenerateImageset>(),
        Declaration::of::<get_current_image::GetCurrentImage>(),
        Declaration::of::<prepare_mirror::PrepareMirror>(),
        Declaration::of::<remove_operators::RemoveOperators>(),
        Declaration::of::<update_image_configmap::UpdateImageConfigmap>(),
        Declaration::of::<validate_catalog::ValidateCatalog>(),
    ]
}
