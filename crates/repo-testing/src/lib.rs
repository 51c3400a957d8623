//! Git over HTTP for tests.
