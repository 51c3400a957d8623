//! Typed `tekton.dev` objects: reading them strictly, checking them, and the one form of YAML that we write them in.
//!
//! - [`v1`]: the objects of the API group `tekton.dev`. Parts of a pod are [`k8s_openapi`] types.
//! - [`names`], [`duration`], [`quantity`]: values that cannot break Tekton's rules.
//! - [`variable`]: `$(params.x)` and the like. [`graph`]: which task waits for which.
//! - [`source`], [`node`], [`decode`]: from a file to objects, with the place of everything.
//! - [`texts`]: every string of an object, for rules about variables.
//! - [`check`], [`rules`], [`finding`]: what is wrong with files.
//! - [`yaml`]: canonical YAML, which every reader reads alike.

pub mod check;
pub mod decode;
pub mod duration;
pub mod finding;
pub mod graph;
mod moved;
pub mod names;
pub mod node;
pub mod quantity;
pub mod rules;
pub mod source;
pub mod texts;
pub mod v1;
pub mod variable;
pub mod yaml;
