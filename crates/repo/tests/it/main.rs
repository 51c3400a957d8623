//! Against real repositories, served by git itself, and against servers that no git would be.

mod checkout;
mod common;
mod hostile;
mod http;
mod local;
mod races;
