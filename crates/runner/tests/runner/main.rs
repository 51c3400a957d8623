//! Runs of Pipelines against expectations worked out by hand from Tekton's documentation and reconciler: with answers from
//! a table where only the order and the values matter, with real processes where processes do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod conditions;
mod failures;
mod inputs;
mod processes;
mod refused;
mod results;
mod stops;
mod support;
