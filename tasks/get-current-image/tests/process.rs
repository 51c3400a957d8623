//! The step as a process: the fallback, and what is no reason for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::process::Command;

use cluster_testing::{Answer, Fake};
use serde_json::json;

fn run(fake: &Fake, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_get-current-image"));
    let output = command.args(args).arg("--log-level=error").env("KUBECONFIG", fake.kubeconfig()).output().unwrap();
    let text = |bytes: &[u8]| fake.stable(std::str::from_utf8(bytes).unwrap());
    format!("{}\n{}{}", output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn only_what_is_missing_has_a_fallback() {
    let missing =
        || Answer::error(404, "NotFound", "configmaps \"oc-mirror-images\" not found", json!({ "name": "oc-mirror-images" }));
    let fake = Fake::start(move |_| missing());
    let mut said = vec![run(&fake, &[]), run(&fake, &["--fallback-image=none"])];
    let forbidden = "configmaps \"oc-mirror-images\" is forbidden: User \"system:serviceaccount:oc-mirror-pipeline:bot\" cannot get resource \
        \"configmaps\" in API group \"\" in the namespace \"oc-mirror-pipeline\"";
    let fake = Fake::start(move |_| Answer::error(403, "Forbidden", forbidden, json!({})));
    said.push(run(&fake, &[]));
    insta::assert_snapshot!(said.join("\n"), @r#"
    0
    {
      "IMAGE_REF": "quay.io/autoshift/oc-mirror-autoshift:latest",
      "IMAGE_URL": "quay.io/autoshift/oc-mirror-autoshift:latest",
      "IMAGE_DIGEST": "unknown",
      "GIT_REVISION": "unknown",
      "BUILD_TIMESTAMP": "unknown"
    }

    5
    error: there is no ConfigMap oc-mirror-images in the namespace oc-mirror-pipeline; hint: run the build pipeline first, or give a fallback-image

    4
    configmaps "oc-mirror-images" is forbidden: User "system:serviceaccount:oc-mirror-pipeline:bot" cannot get resource "configmaps" in API group "" in the namespace "oc-mirror-pipeline"
    error: cannot get the ConfigMap oc-mirror-pipeline/oc-mirror-images: system:serviceaccount:oc-mirror-pipeline:bot may not; hint: it needs a Role in oc-mirror-pipeline with the verb `get` on `configmaps`
    "#);
}
