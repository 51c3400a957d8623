//! OCI registries for tests: Debian's `docker-registry` as a child process, a token server, a proxy that misbehaves on
//! demand, sample images made without any tool, and other people's tools to compare with.
//!
//! ```
//! use registry_testing::{Fault, FaultProxy, Registry};
//!
//! let registry = Registry::start();
//! let proxy = FaultProxy::start(&registry, |request| match request.number {
//!     0 => Fault::status(503).header("Retry-After", "1"),
//!     _ => Fault::Pass,
//! });
//! assert_eq!(proxy.host().split(':').next(), Some("127.0.0.1"));
//! registry.fsck();
//! ```
//!
//! Everything here panics when it fails: it runs only in tests. In tests of the crate `registry` itself, use it from
//! `tests/`: unit tests see another `registry` than this crate does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test's helper fails by panicking, and its stderr is the test's"
)]

mod client;
mod config;
mod fault;
mod http;
pub mod images;
mod process;
mod proxy;
mod recorder;
mod referrers;
mod registry;
mod server;
mod storage;
mod tls;
mod token;
mod tools;
mod uploads;

pub use config::RegistryBuilder;
pub use fault::{Answer, Fault, Feature, first, without};
pub use http::Request;
pub use proxy::{FaultProxy, FaultProxyBuilder};
pub use recorder::Recorder;
pub use registry::Registry;
pub use token::{TokenRequest, TokenServer, TokenServerBuilder};
pub use tools::{Tool, tool};
pub use uploads::UploadServer;
