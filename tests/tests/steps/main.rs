//! The product as its users meet it: command lines, directories, repositories, databases.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helper fails by panicking")]

mod artifacts;
mod bad_input;
mod branch;
mod building;
mod commands;
mod crash;
mod directory;
mod http;
mod readme;
mod real;
mod support;
