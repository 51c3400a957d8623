//! oc-mirror in a cluster: which image runs, what it is configured with, and the workload that runs it.
//!
//! - [`image`]: the ConfigMap that says which image is current.
//! - [`config_maps`]: the ConfigMaps with values and ImageSetConfiguration.
//! - [`Options`] and [`Plan`]: what oc-mirror shall do, checked, as a Job, a CronJob or a Deployment. [`Plan::deploy`] creates it.
//! - [`follow`](follow::follow): a Job to its end, with its log, and what oc-mirror's exit code says.
//!
//! Nothing here reads a Secret: the workload mounts the one that it is told by name. The names of objects, keys and labels are
//! those that AutoShift's pipelines have given them.

mod arguments;
pub mod config_maps;
mod deploy;
mod differences;
mod exit;
pub mod follow;
pub mod image;
mod names;
mod namespace;
mod options;
mod plan;
mod pod;
mod schedule;
mod time;
mod turn;

pub use arguments::Workflow;
pub use deploy::{Deployed, Status};
pub use names::{InvalidName, Namespace, ObjectName, Quantity, RunUid, SinceDate, TargetRegistry, Word};
pub use namespace::TargetNamespace;
pub use options::{Mode, Options};
pub use plan::Plan;
pub use schedule::Schedule;

/// `app.kubernetes.io/name` of everything that belongs to oc-mirror.
pub const NAME: &str = "oc-mirror";

/// The label that says what of oc-mirror it is.
const COMPONENT: &str = "autoshift.io/component";

/// The labels of an object.
fn labels(component: &str) -> serde_json::Value {
    serde_json::json!({ "app.kubernetes.io/name": NAME, COMPONENT: component })
}
