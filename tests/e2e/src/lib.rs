//! The cluster that `tests/e2e/run` has made ready, namespaces in it, and runs of pipelines.
//!
//! Everything here panics when it fails: it runs only in tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod namespace;
mod start;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use step::Cancel;
use stepwright::image::Pins;

pub use namespace::Namespace;
pub use start::{Ended, Started};

/// No run of a test takes longer, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// What the suite works with.
#[derive(Debug)]
pub struct Bed {
    /// Where pods and this machine find images, over plain http.
    pub registry: String,
    /// This machine, as pods see it.
    pub address: IpAddr,
    /// What the step images are called.
    pub pins: Pins,
    /// The directory of their layouts.
    pub images: PathBuf,
    /// The catalog that names them.
    pub catalog: PathBuf,
    /// Our command.
    pub stepwright: PathBuf,
    /// Kubernetes' command.
    pub kubectl: PathBuf,
    /// Tekton's command.
    pub tkn: PathBuf,
}

impl Bed {
    /// The only one.
    pub fn get() -> &'static Self {
        static BED: OnceLock<Bed> = OnceLock::new();
        BED.get_or_init(Bed::of_environment)
    }

    fn of_environment() -> Self {
        let text = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this by `make e2e`"));
        let directory = PathBuf::from(text("E2E_DIR"));
        let programs = PathBuf::from(text("CLUSTER_BIN"));
        let program = |path: &str, name: &str| match programs.join(path) {
            own if own.is_file() => own,
            _ => on_path(name),
        };
        Bed {
            registry: text("REGISTRY"),
            address: text("NODE_IP").parse().expect("NODE_IP is an address"),
            pins: std::fs::read_to_string(directory.join("pins")).unwrap().parse().unwrap(),
            images: directory.join("images"),
            catalog: directory.join("catalog"),
            stepwright: text("STEPWRIGHT").into(),
            kubectl: program("k8s/kubectl", "kubectl"),
            tkn: program("tkn/tkn", "tkn"),
        }
    }

    fn cluster(namespace: Option<&str>) -> cluster::Cluster {
        let options = cluster::Options { namespace: namespace.map(str::to_owned), ..cluster::Options::default() };
        cluster::Cluster::connect(&options, Cancel::new()).unwrap()
    }
}

fn on_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|place| place.join(name));
    places.find(|place| place.is_file()).unwrap_or_else(|| panic!("{name} is not on PATH"))
}
