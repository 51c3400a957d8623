//! Against real repositories, served by git itself, and against servers that no git would be.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

mod checkout;
mod common;
mod hostile;
mod http;
mod local;
mod races;
mod revisions;
mod scope;
