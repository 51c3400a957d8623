//! Steps for images and artifacts in registries. They share a crate because they share everything but a few lines; each is
//! a binary, an image and a Task of its own.

mod copy_image;
mod create_index;
mod inspect_image;
mod plan_image_build;
mod pull_artifact;
mod push_artifact;

pub use copy_image::CopyImage;
pub use create_index::CreateIndex;
pub use inspect_image::InspectImage;
pub use plan_image_build::PlanImageBuild;
pub use pull_artifact::PullArtifact;
pub use push_artifact::PushArtifact;
