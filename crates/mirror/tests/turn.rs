//! Two runs at the same moment, against an API server: the claim is one's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use cluster_testing::Answer;
use common::{Api, UID, plan, told};
use mirror::Status;
use serde_json::json;

const JOBS: &str = "/apis/batch/v1/namespaces/demo/jobs";
const CLAIM: &str = "/api/v1/namespaces/demo/persistentvolumeclaims/oc-mirror-content";

#[test]
fn of_two_runs_that_look_at_once_one_gets_the_claim() {
    let ours = format!("oc-mirror-job-{UID}");
    let now = jiff::Timestamp::now().to_string();
    let taken = |since: &str| json!({ "metadata": { "resourceVersion": "8", "annotations": { "autoshift.io/job": "oc-mirror-job-other", "autoshift.io/job-since": since } } });
    let conflict = || Answer::error(409, "Conflict", "the object has been modified", json!({ "name": "oc-mirror-content" }));
    // Somebody else takes it between our look and our patch; its Job is there soon after.
    let (by_other, mut is_first) = (taken(&now), true);
    let api = Api::with(move |request, kept| {
        let is_lost = request.method == "PATCH" && request.path == CLAIM && std::mem::take(&mut is_first);
        is_lost.then(|| {
            kept.insert(CLAIM.to_owned(), by_other.clone());
            conflict()
        })
    });
    let error = plan(&[]).unwrap().deploy(&api.objects()).unwrap_err();
    insta::assert_snapshot!(told(&error), @"
    conflict: the Job demo/oc-mirror-job-other has just taken the claim oc-mirror-content
    hint: run again when it has ended; a run that died before its Job was there is waited for no longer than a minute
    ");
    assert!(!api.asked().contains(&format!("POST {JOBS}")), "{}", api.asked());

    // It was only bound to its volume meanwhile.
    let mut is_first = true;
    let api = Api::with(move |request, _| {
        (request.method == "PATCH" && request.path == CLAIM && std::mem::take(&mut is_first)).then(conflict)
    });
    assert_eq!(plan(&[]).unwrap().deploy(&api.objects()).unwrap().status, Status::Created);

    // Who had it has ended, or died before its Job was there, or is this run.
    let mut ended = plan(&["--run-uid=other"]).unwrap().workload();
    ended["status"] = json!({ "conditions": [{ "type": "Failed", "status": "True" }] });
    let us = json!({ "metadata": { "annotations": { "autoshift.io/job": ours, "autoshift.io/job-since": now } } });
    for (claim, job) in [(taken(&now), Some(ended)), (taken("2020-02-29T09:00:00Z"), None), (us, None)] {
        let api = Api::ready();
        api.put(CLAIM, claim);
        job.into_iter().for_each(|job| api.put(&format!("{JOBS}/oc-mirror-job-other"), job));
        assert_eq!(plan(&[]).unwrap().deploy(&api.objects()).unwrap().status, Status::Created);
        assert_eq!(api.kept.lock().unwrap()[CLAIM]["metadata"]["annotations"]["autoshift.io/job"], ours);
    }
}
