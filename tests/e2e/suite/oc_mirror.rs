//! oc-mirror's pipelines as a platform engineer uses them: infrastructure and catalog are applied, Secrets are made, the
//! example runs are created. The cluster's own tasks and oc-mirror itself are stood in for.

mod build;
mod deployments;
mod figures;
mod starts;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::mirror::Mirror;
use serde_json::json;

#[test]
#[should_panic(expected = "tells ")]
fn a_password_within_a_text_in_base64_is_found() {
    let mirror = Mirror::bare("told");
    let text = STANDARD.encode(json!({ "auth": mirror.password("told") }).to_string());
    mirror.target.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "told" }, "data": { "text": text },
    }));
}
