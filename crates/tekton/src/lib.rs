//! Typed `tekton.dev` objects and the one form of YAML that we write them in.
//!
//! - [`v1`]: the objects of the API group `tekton.dev/v1`. Parts of a pod are [`k8s_openapi`] types.
//! - [`names`]: names that cannot break Tekton's rules.
//! - [`yaml`]: canonical YAML, which every reader reads alike.

pub mod duration;
pub mod graph;
pub mod names;
pub mod v1;
pub mod variable;
pub mod yaml;
