//! What users apply and start, on a real cluster.
//!
//! The names of the modules say what a test needs: `admission` and `images` no pods, all others that pods run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod admission;
mod failures;
mod git;
mod images;
mod mirror;
mod oc_mirror;
mod readme;
mod registries;
