//! What all tests of the API need.

use std::time::Duration;

use cluster::{Cluster, Options};
use cluster_testing::Fake;
use step::retry::Policy;
use step::{Cancel, Error};

/// A cluster whose pauses are short.
pub(crate) fn connect(fake: &Fake) -> Cluster {
    let options = Options { kubeconfig: Some(fake.kubeconfig()), ..Options::default() };
    let policy = Policy { first_pause: Duration::from_millis(1), ..Policy::default() };
    Cluster::connect(&options, Cancel::new()).unwrap().with_policy(policy)
}

/// An error as people see it, with its kind.
pub(crate) fn told(error: &Error) -> String {
    format!("{error:?}")
}
