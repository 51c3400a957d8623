//! Git over HTTP for tests: bare repositories made with the `git` binary, served by `git http-backend` behind a small
//! HTTP server that can ask for credentials, speak TLS and misbehave on demand.
//!
//! Everything here panics when it fails: it runs only in tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helper fails by panicking")]

mod cgi;
mod forge;
mod server;
mod tls;

pub use forge::{Forge, git, git_ok};
pub use server::{Answer, Request, Server, ServerBuilder};
pub use tls::Tls;
