//! The cluster that `tests/e2e/run` has made ready, namespaces in it, and runs of pipelines.
//!
//! Everything here panics when it fails: it runs only in tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

pub mod mirror;
mod namespace;
mod start;
mod status;

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use step::Cancel;
use stepwright::image::Pins;

pub use namespace::Namespace;
pub use start::{Ended, Started};
pub use status::{exit_code, result, succeeded};

/// No run of a test takes longer, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// What the suite works with.
#[derive(Debug)]
pub struct Bed {
    /// Where pods and this machine find images, over plain http.
    pub registry: String,
    /// This machine, as pods see it.
    pub address: IpAddr,
    /// The directory with what `run` has made.
    pub directory: PathBuf,
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
    /// Pipelines-as-Code's command.
    pub tkn_pac: PathBuf,
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
            tkn_pac: program("tkn-pac/tkn-pac", "tkn-pac"),
            directory,
        }
    }

    /// The image that stands in for oc-mirror on this machine, and its digest.
    pub fn oc_mirror(&self) -> (String, String) {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let copied = std::fs::read(self.directory.join(format!("oc-mirror-{architecture}.json"))).unwrap();
        let copied: Value = serde_json::from_slice(&copied).unwrap();
        let text = |name: &str| copied[name].as_str().unwrap().to_owned();
        (text("IMAGE_URL"), text("IMAGE_DIGEST"))
    }

    /// A text with our images named by digest, as they are in this cluster: a node keeps what it has pulled by tag.
    pub fn pinned(&self, text: &str) -> String {
        self.pins.iter().fold(text.to_owned(), |text, (name, pin)| {
            text.replace(&format!("{}/{name}:{}\n", stepwright::task::IMAGES, env!("CARGO_PKG_VERSION")), &format!("{pin}\n"))
        })
    }

    /// What `stepwright ARGS` prints.
    pub fn stepwright(&self, args: &[&str]) -> String {
        let output = Command::new(&self.stepwright).args(args).output().unwrap();
        assert!(output.status.success(), "stepwright {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// `kubectl apply` of objects that say in which namespace they are.
    pub fn apply(&self, text: &str) -> String {
        let mut child = Command::new(&self.kubectl)
            .args(["apply", "--request-timeout=60s", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
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
