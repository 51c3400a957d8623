//! Creating a workload: first what could keep it from working is looked at, then claims, then the workload.

use cluster::{Cluster, Objects, Resource};
use serde_json::Value;
use step::{Error, Kind, Result};

use crate::config_maps::IMAGE_SET;
use crate::differences::differences;
use crate::plan::CONTENT_CLAIM;
use crate::{Mode, Plan};

/// What was deployed.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// What happened to the workload.
    pub status: Status,
    /// Every object, with what happened to it: `created PersistentVolumeClaim oc-mirror/oc-mirror-cache`.
    pub objects: Vec<String>,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was not there.
    Created,
    /// It was there, or not, and now says what was asked for.
    Applied,
    /// It was there.
    Kept,
}

// === impl Status ===

impl Status {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Applied => "applied",
            Status::Kept => "kept",
        }
    }
}

// === impl Plan ===

impl Plan {
    /// Creates the claims that are missing, and the workload. A Job of this run that is there is found again; one that was
    /// made otherwise is a conflict.
    pub fn deploy(&self, objects: &Objects) -> Result<Deployed> {
        self.check_config(objects)?;
        self.check_account(objects)?;
        let there = self.job_there(objects)?;
        // In a directory of manifests nothing is at work.
        let shared = objects.cluster().filter(|_| self.mode() == Mode::Job && self.has_content() && there.is_none());
        if let Some(cluster) = shared {
            self.check_others(cluster)?;
        }
        let claims = self.claims();
        let are_there = claims.iter().map(|claim| is_claimed(objects, claim)).collect::<Result<Vec<_>>>()?;
        let mut told = Vec::new();
        for (claim, is_there) in claims.iter().zip(are_there) {
            let status = if is_there { Status::Kept } else { claimed(objects, claim)? };
            told.push(line(status, claim));
        }
        if let Some(cluster) = shared {
            self.take_turn(cluster)?;
        }
        let workload = self.workload();
        let status = match self.mode() {
            Mode::Job if there.is_some() => Status::Kept,
            Mode::Job => self.create_job(objects, &workload)?,
            Mode::CronJob | Mode::Deployment => {
                objects.apply(&workload)?;
                Status::Applied
            }
        };
        told.push(line(status, &workload));
        for line in &told {
            tracing::info!("{line}");
        }
        Ok(Deployed { status, objects: told })
    }

    fn check_config(&self, objects: &Objects) -> Result<()> {
        let hint = "create-deployment-configmaps makes it";
        let found = match objects.get(&Resource::CONFIG_MAPS, self.config.as_str()) {
            Err(error) if error.kind() == Kind::NotFound => return Err(error.hint(hint)),
            found => found?,
        };
        if found["data"][IMAGE_SET].as_str().unwrap_or_default().trim().is_empty() {
            let place = format!("the ConfigMap {}/{}", self.namespace, self.config);
            return Err(Error::bad_input(format!("{place} has no {IMAGE_SET}, which oc-mirror needs")).hint(hint));
        }
        Ok(())
    }

    /// A workload of an account that is missing gets no pod, and nothing says so.
    fn check_account(&self, objects: &Objects) -> Result<()> {
        let Some(cluster) = objects.cluster() else { return Ok(()) };
        match cluster.get(&Resource::SERVICE_ACCOUNTS, self.options.service_account.as_str()) {
            Err(error) if error.kind() == Kind::NotFound => {
                let (account, namespace) = (&self.options.service_account, &self.namespace);
                Err(error.hint(format!("`oc create serviceaccount {account} -n {namespace}`; it needs no rights")))
            }
            // Who may not look learns it from the workload.
            Err(error) if error.kind() == Kind::Unauthorized => Ok(()),
            found => found.map(drop),
        }
    }

    /// The Job of this run, when it is there and as it was asked for.
    fn job_there(&self, objects: &Objects) -> Result<Option<Value>> {
        if self.mode() != Mode::Job {
            return Ok(None);
        }
        match objects.get(&Resource::JOBS, self.name()) {
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            found => {
                let found = found?;
                self.check_same(&found)?;
                Ok(Some(found))
            }
        }
    }

    fn check_same(&self, found: &Value) -> Result<()> {
        let mut wanted = self.workload();
        // By this name it was found.
        wanted["metadata"] = serde_json::json!({});
        let differences = differences(found, &wanted);
        if differences.is_empty() {
            return Ok(());
        }
        let (namespace, name) = (&self.namespace, self.name());
        let message = format!("the Job {namespace}/{name} is there, and was made with other parameters");
        let hint = format!("start a new run, or `oc delete job {name} -n {namespace}` first");
        Err(Error::new(Kind::Conflict, message).details(differences.join("\n")).hint(hint))
    }

    /// Two at once on the same volume would delete one another's archives.
    pub(crate) fn check_others(&self, cluster: &Cluster) -> Result<()> {
        let jobs = cluster.list(&Resource::JOBS, &Plan::selector())?;
        let Some(other) = jobs.iter().find(|job| is_active(job) && mounts_content(job)) else { return Ok(()) };
        let (name, namespace) = (other["metadata"]["name"].as_str().unwrap_or_default(), &self.namespace);
        let message = format!("the Job {namespace}/{name} is at work on the claim {CONTENT_CLAIM}");
        let hint = format!("run again when it has ended, or `oc delete job {name} -n {namespace}`");
        Err(Error::new(Kind::Conflict, message).hint(hint))
    }

    fn create_job(&self, objects: &Objects, workload: &Value) -> Result<Status> {
        match objects.create(workload) {
            Ok(_) => Ok(Status::Created),
            // The answer was lost, or somebody was quicker: what is there decides. No other run has this name.
            Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Remote | Kind::TimedOut) => {
                match self.job_there(objects) {
                    Ok(Some(_)) => Ok(Status::Created),
                    Err(conflict) if conflict.kind() == Kind::Conflict => Err(conflict),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether a claim is there to be used. Says when it has another size.
fn is_claimed(objects: &Objects, claim: &Value) -> Result<bool> {
    let name = claim["metadata"]["name"].as_str().unwrap_or_default();
    let found = match objects.get(&Resource::PERSISTENT_VOLUME_CLAIMS, name) {
        Err(error) if error.kind() == Kind::NotFound => return Ok(false),
        found => found?,
    };
    if found["metadata"]["deletionTimestamp"].is_string() {
        let message = format!("the PersistentVolumeClaim {}/{name} is being deleted", objects.namespace());
        return Err(Error::new(Kind::Conflict, message).hint("run again when it is gone"));
    }
    let size = |claim: &Value| claim["spec"]["resources"]["requests"]["storage"].as_str().unwrap_or_default().to_owned();
    let value = |text: &str| tekton::quantity::value(text).unwrap_or_default();
    let (there, wanted) = (size(&found), size(claim));
    if value(&there) != value(&wanted) {
        tracing::warn!(
            claim = name,
            "the claim has {there}, and stays so, though {wanted} was asked for: `oc edit pvc {name}` grows it where its class allows"
        );
    }
    Ok(true)
}

/// Creates a claim, unless somebody is quicker.
fn claimed(objects: &Objects, claim: &Value) -> Result<Status> {
    match objects.create(claim) {
        Err(error) if error.kind() == Kind::Conflict => Ok(Status::Kept),
        created => created.map(|_| Status::Created),
    }
}

fn line(status: Status, object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    format!("{} {} {}/{}", status.word(), text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
}

/// Whether a Job has not ended.
pub(crate) fn is_active(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has_ended =
        |condition: &Value| condition["status"] == "True" && (condition["type"] == "Complete" || condition["type"] == "Failed");
    job["spec"]["suspend"] != true && !conditions.iter().any(has_ended)
}

fn mounts_content(job: &Value) -> bool {
    let volumes = job["spec"]["template"]["spec"]["volumes"].as_array().map(Vec::as_slice).unwrap_or_default();
    volumes.iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == CONTENT_CLAIM)
}
