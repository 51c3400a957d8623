//! Whose turn it is on the claim with the archives: two Jobs at once would delete one another's.
//!
//! That no Job is at work says too little, since two runs may both look before either has created its Job. So a run writes the
//! name of its Job onto the claim, which succeeds only when the claim is as it was before the run has looked.

use cluster::{Cluster, Resource};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use step::{Error, Kind, Result};

use crate::Plan;
use crate::deploy::is_active;
use crate::plan::CONTENT_CLAIM;

/// The annotation with the Job that has the claim.
const JOB: &str = "autoshift.io/job";
/// The annotation that says since when.
const SINCE: &str = "autoshift.io/job-since";
/// After this time a Job is there, or its run has died: others need not wait for it.
const GRACE: SignedDuration = SignedDuration::from_secs(60);
/// A claim changes for other reasons too: a few times while it is bound to its volume.
const ATTEMPTS: usize = 20;

// === impl Plan ===

impl Plan {
    /// Takes the claim for the Job of this run, which is not there yet. That others have it is a conflict.
    pub(crate) fn take_turn(&self, cluster: &Cluster) -> Result<()> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let claim = cluster.get(&Resource::PERSISTENT_VOLUME_CLAIMS, CONTENT_CLAIM)?;
            // Looked for after the claim was read: who takes it from now on makes the patch fail.
            self.check_others(cluster)?;
            self.check_holder(cluster, &claim["metadata"]["annotations"])?;
            let annotations = json!({ JOB: self.name(), SINCE: Timestamp::now().to_string() });
            let version = &claim["metadata"]["resourceVersion"];
            let patch = json!({ "metadata": { "resourceVersion": version, "annotations": annotations } });
            match cluster.patch(&Resource::PERSISTENT_VOLUME_CLAIMS, CONTENT_CLAIM, &patch) {
                Err(error) if error.kind() == Kind::Conflict => last = Some(error),
                taken => return taken.map(drop),
            }
        }
        Err(last.unwrap_or_else(|| Error::internal("nothing was tried")))
    }

    fn check_holder(&self, cluster: &Cluster, annotations: &Value) -> Result<()> {
        let (holder, since) = (annotations[JOB].as_str().unwrap_or_default(), annotations[SINCE].as_str().unwrap_or_default());
        let is_old = since.parse::<Timestamp>().map_or(true, |since| Timestamp::now().duration_since(since).abs() > GRACE);
        if holder.is_empty() || holder == self.name() || is_old {
            return Ok(());
        }
        match cluster.get(&Resource::JOBS, holder) {
            Ok(job) if !is_active(&job) => Ok(()),
            Err(error) if error.kind() != Kind::NotFound => Err(error),
            _ => {
                let message = format!("the Job {}/{holder} has just taken the claim {CONTENT_CLAIM}", self.namespace);
                Err(Error::new(Kind::Conflict, message).hint(
                    "run again when it has ended; a run that died before its Job was there is waited for no longer than a minute",
                ))
            }
        }
    }
}
