//! Where fields belong that people write elsewhere: as they were in v1beta1, or a level too far out.

/// What to do about `key`, which is none of `fields`.
pub(crate) fn hint(key: &str, fields: &[&'static str]) -> Option<String> {
    let has = |field: &str| fields.contains(&field);
    let place = match key {
        "resources" if has("computeResources") => "it is called `computeResources`",
        "timeout" if has("timeouts") => "write `timeouts: {pipeline: …}`",
        "serviceAccountName" if has("taskRunTemplate") => "it belongs into `taskRunTemplate`",
        "podTemplate" if has("taskRunTemplate") => "it belongs into `taskRunTemplate`",
        "taskPodTemplate" if has("podTemplate") => "it is called `podTemplate`",
        "taskServiceAccountName" if has("serviceAccountName") => "it is called `serviceAccountName`",
        "bundle" if has("resolver") => "write `resolver: bundles`, and the bundle as one of its params",
        "conditions" if has("when") => "write `when`",
        "finally" if has("runAfter") => "it belongs beside `tasks`, with a list of tasks in it",
        "name" | "generateName" | "namespace" | "labels" | "annotations" if has("apiVersion") => "it belongs into `metadata`",
        _ if has("apiVersion") && IN_SPEC.contains(&key) => "it belongs into `spec`: indent it",
        _ if has("generateName") && IN_SPEC.contains(&key) => "it belongs into `spec`, not into `metadata`",
        _ => return None,
    };
    Some(place.to_owned())
}

/// Fields of the `spec` of all kinds.
const IN_SPEC: [&str; 17] = [
    "description",
    "finally",
    "params",
    "pipelineRef",
    "pipelineSpec",
    "results",
    "serviceAccountName",
    "sidecars",
    "stepTemplate",
    "steps",
    "taskRef",
    "taskRunTemplate",
    "taskSpec",
    "tasks",
    "timeouts",
    "volumes",
    "workspaces",
];
