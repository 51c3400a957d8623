//! Runs Tekton Pipelines and Tasks on this machine, in Tekton's semantics.
//!
//! From objects to a run: a [`Library`] has what files hold and what is known anyway; a [`Request`] says what to run with
//! which parameters and workspaces; a [`Plan`] is both together, with everything refused that cannot be done here;
//! [`run`] carries it out. Who does a task's work is an [`Executor`]: [`Local`] runs processes and containers, a test may
//! answer from a table. What happens is told to an [`Observer`].
//!
//! What this does not do is listed in the README of this crate, and is an error before anything starts.

mod container;
mod engine;
mod event;
mod executor;
mod interrupt;
mod library;
mod local;
mod manifests;
mod matrix;
mod params;
mod paths;
mod plan;
mod process;
mod refuse;
mod results;
mod scope;
mod state;
mod task;
mod when;
mod workspace;

pub use container::Runtime;
pub use engine::{Options, run};
pub use event::{Event, Observer};
pub use executor::{Control, Executor, Outcome, Place, Seen, State, StepOutcome, Stop, Why};
pub use interrupt::Interrupts;
pub use library::{Library, Request};
pub use local::{Foreign, Local, OwnSteps};
pub use manifests::Manifests;
pub use matrix::{Combination, combinations};
pub use params::{Given, typed};
pub use plan::{Plan, PlannedTask, Target, Timeouts};
pub use scope::{Params, Results, Scope};
pub use state::{Skip, Summary, TaskSummary, duration};
pub use task::TaskRun;
pub use when::describe;
pub use workspace::{Binding, Bound, Source};
