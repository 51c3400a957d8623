//! The types against Tekton's own CRD and examples.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tekton::v1::*;

fn data(path: &str) -> PathBuf {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/tekton")).join(path);
    assert!(path.exists(), "test data is missing: {}", path.display());
    path
}

fn read(path: &Path) -> Vec<Value> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true, budget: None };
    let text = std::fs::read_to_string(path).unwrap();
    serde_saphyr::from_multiple_with_options(&text, options).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The fields that `T` knows, as its error about an unknown one lists them.
fn fields<T: DeserializeOwned>(valid: Value) -> BTreeSet<String> {
    let mut object = valid;
    object["no such field"] = Value::Null;
    let error = serde_json::from_value::<T>(object).err().expect("unknown fields are errors").to_string();
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_field_of_the_crd_and_no_other() {
    let crd = read(&data("crds/300-task.yaml"));
    let v1 = crd[0]["spec"]["versions"].as_array().unwrap().iter().find(|v| v["name"] == "v1").unwrap();
    let spec = &v1["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let of = |path: &str| -> BTreeSet<String> {
        let mut at = spec;
        for part in path.split('.').filter(|part| !part.is_empty()) {
            at = &at["properties"][part];
            if at["type"] == "array" {
                at = &at["items"];
            }
        }
        at["properties"].as_object().unwrap_or_else(|| panic!("{path}")).keys().cloned().collect()
    };
    let name = json!({"name": "a"});
    assert_eq!(fields::<TaskSpec>(json!({})), of(""));
    assert_eq!(fields::<ParamSpec>(name.clone()), of("params"));
    assert_eq!(fields::<TaskResult>(name.clone()), of("results"));
    assert_eq!(fields::<WorkspaceDeclaration>(name.clone()), of("workspaces"));
    assert_eq!(fields::<StepTemplate>(json!({})), of("stepTemplate"));
    assert_eq!(fields::<Step>(json!({})), of("steps"));
    assert_eq!(fields::<Sidecar>(name.clone()), of("sidecars"));
    assert_eq!(fields::<Ref>(json!({})), of("steps.ref"));
    assert_eq!(fields::<Param>(json!({"name": "a", "value": ""})), of("steps.params"));
    assert_eq!(fields::<StepResult>(name.clone()), of("steps.results"));
    assert_eq!(fields::<WhenExpression>(json!({})), of("steps.when"));
    assert_eq!(fields::<WorkspaceUsage>(name.clone()), of("steps.workspaces"));
    assert_eq!(fields::<StepOutputConfig>(json!({})), of("steps.stdoutConfig"));
}

fn task_specs(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if key == "taskSpec" && value.get("apiVersion").is_none() {
                    found.push(value.clone());
                }
                task_specs(value, found);
            }
            if map.get("kind") == Some(&json!("Task")) && map.contains_key("spec") {
                found.push(map["spec"].clone());
            }
        }
        Value::Array(list) => list.iter().for_each(|value| task_specs(value, found)),
        _ => (),
    }
}

#[test]
fn tektons_examples_survive() {
    let (mut specs, mut bad) = (Vec::new(), Vec::new());
    for kind in ["taskruns", "pipelineruns"] {
        let mut dirs = vec![data("examples").join(kind)];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else if path.extension().is_some_and(|e| e == "yaml") {
                    let mut found = Vec::new();
                    read(&path).iter().for_each(|value| task_specs(value, &mut found));
                    specs.extend(found.into_iter().map(|spec| (path.clone(), spec)));
                }
            }
        }
    }
    // What is not a TaskSpec alone: a Pipeline's has metadata. Go reads `mountpath` as `mountPath`; a boolean default becomes a string.
    let known = ["pipelinerun-with-pipelinespec-and-taskspec", "isolated-workspaces", "produce-consume-artifacts"];
    assert!(specs.len() > 150, "only {} specs", specs.len());
    for (path, spec) in specs.iter().filter(|(path, _)| !known.iter().any(|stem| path.file_stem().is_some_and(|s| s == *stem))) {
        match serde_json::from_value::<TaskSpec>(spec.clone()) {
            Err(e) => bad.push(format!("{}: {e}", path.display())),
            Ok(typed) => {
                let again = serde_json::to_value(&typed).unwrap();
                if &again != spec {
                    bad.push(format!("{}: changed\n{spec}\n{again}", path.display()));
                }
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
