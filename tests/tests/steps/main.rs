//! The product as its users meet it: command lines, directories, repositories, databases.

mod bad_input;
mod branch;
mod commands;
mod crash;
mod directory;
mod http;
mod readme;
mod real;
mod support;
