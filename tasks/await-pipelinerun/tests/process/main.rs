//! The step as a process, against an API server that does what a real one does not on demand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod ending;
mod finding;
mod support;
