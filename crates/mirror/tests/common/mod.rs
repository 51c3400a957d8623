//! What the tests of workloads need: parameters as a command line gives them, and an API server that keeps objects.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::{Args, FromArgMatches};
use cluster::{Cluster, Objects};
use cluster_testing::{Answer, Fake, Request};
use mirror::{Options, Plan};
use serde_json::{Value, json};
use step::retry::Policy;
use step::{Cancel, Error, Result};

/// The UID of a run.
pub(crate) const UID: &str = "d290f1ee-6c54-4b01-90e6-d701748f0851";
/// An image by digest.
pub(crate) const IMAGE: &str =
    "quay.io/autoshift/oc-mirror@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Parameters as a command line gives them; the run is known.
pub(crate) fn options(args: &[&str]) -> Options {
    let command = Options::augment_args(clap::Command::new("deploy").no_binary_name(true));
    let uid = format!("--run-uid={UID}");
    let is_given = args.iter().any(|arg| arg.starts_with("--run-uid"));
    let all = args.iter().copied().chain((!is_given).then_some(uid.as_str()));
    Options::from_arg_matches(&command.try_get_matches_from(all).unwrap()).unwrap()
}

/// What they come to.
pub(crate) fn plan(args: &[&str]) -> Result<Plan> {
    Plan::new(options(args), IMAGE.parse().unwrap(), "demo".parse().unwrap(), "oc-mirror-config".parse().unwrap())
}

/// A cluster whose pauses are short.
pub(crate) fn connect(fake: &Fake, cancel: &Cancel) -> Cluster {
    let options = cluster::Options { kubeconfig: Some(fake.kubeconfig()), ..cluster::Options::default() };
    let policy = Policy { first_pause: Duration::from_millis(1), ..Policy::default() };
    Cluster::connect(&options, cancel.clone()).unwrap().with_policy(policy)
}

/// An error as people see it, with its kind.
pub(crate) fn told(error: &Error) -> String {
    format!("{error:?}")
}

/// An API server that keeps what it is sent, by path; a fault may be in the way.
pub(crate) struct Api {
    pub(crate) fake: Fake,
    pub(crate) kept: Arc<Mutex<Kept>>,
}

pub(crate) type Kept = BTreeMap<String, Value>;
type Fault = dyn FnMut(&Request, &mut Kept) -> Option<Answer> + Send;

impl Api {
    /// With a namespace that has all that a mirror needs.
    pub(crate) fn ready() -> Self {
        Api::with(|_, _| None)
    }

    pub(crate) fn with(fault: impl FnMut(&Request, &mut Kept) -> Option<Answer> + Send + 'static) -> Self {
        let there = [
            ("/api/v1/namespaces/demo", json!({ "kind": "Namespace", "metadata": { "name": "demo" } })),
            ("/api/v1/namespaces/demo/serviceaccounts/oc-mirror", json!({ "metadata": { "name": "oc-mirror" } })),
            ("/api/v1/namespaces/demo/configmaps/oc-mirror-config", json!({ "data": { "imageset.yaml": "kind: X\n" } })),
        ];
        let kept: Arc<Mutex<Kept>> = Arc::new(Mutex::new(there.map(|(path, object)| (path.to_owned(), object)).into()));
        let shared = kept.clone();
        let mut fault: Box<Fault> = Box::new(fault);
        let fake = Fake::start(move |request| {
            let mut kept = shared.lock().unwrap();
            fault(request, &mut kept).unwrap_or_else(|| answer(&mut kept, request))
        });
        Api { fake, kept }
    }

    pub(crate) fn objects(&self) -> Objects {
        Objects::Api(connect(&self.fake, &Cancel::new()))
    }

    pub(crate) fn put(&self, path: &str, object: Value) {
        self.kept.lock().unwrap().insert(path.to_owned(), object);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.kept.lock().unwrap().remove(path).unwrap();
    }

    /// What was asked, a line each. Nobody may ask for Secrets.
    pub(crate) fn asked(&self) -> String {
        let requests = self.fake.requests();
        assert!(!requests.iter().any(|request| request.path.contains("secret")), "a Secret is none of our business");
        let line = |request: &Request| {
            let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
            format!("{} {}{query}", request.method, request.path)
        };
        requests.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn answer(kept: &mut Kept, request: &Request) -> Answer {
    let name = request.body["metadata"]["name"].as_str().unwrap_or_default();
    let path = match &*request.method {
        "POST" => format!("{}/{name}", request.path),
        _ => request.path.clone(),
    };
    let last = path.rsplit('/').next().unwrap_or_default().to_owned();
    match &*request.method {
        "GET" if matches!(&*last, "jobs" | "pods") => {
            let below = format!("{path}/");
            let items = kept.iter().filter(|(key, _)| key.starts_with(&below)).map(|(_, object)| object.clone());
            Answer::list("1", items.collect())
        }
        "GET" => match kept.get(&path) {
            Some(object) => Answer::Json(200, object.clone()),
            None => {
                Answer::error(404, "NotFound", &format!("things {last:?} not found"), json!({ "name": last, "kind": "things" }))
            }
        },
        "POST" if kept.contains_key(&path) => {
            Answer::error(409, "AlreadyExists", &format!("things {last:?} already exists"), json!({ "name": last }))
        }
        _ => {
            let mut object = kept.get(&path).cloned().unwrap_or_default();
            merge(&mut object, &request.body);
            object["metadata"]["resourceVersion"] = "7".into();
            kept.insert(path, object.clone());
            Answer::Json(200, object)
        }
    }
}

/// As a merge patch does it, and near enough to server-side apply.
fn merge(object: &mut Value, patch: &Value) {
    match patch {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| merge(&mut object[name], field)),
        other => *object = other.clone(),
    }
}
