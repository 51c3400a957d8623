//! `-w`: what a workspace is in a run, as `tkn` writes it.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, PersistentVolumeClaim, PersistentVolumeClaimSpec,
    PersistentVolumeClaimVolumeSource, SecretVolumeSource, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use step::{Error, Kind, Result};
use tekton::finding::nearest;
use tekton::v1::WorkspaceBinding;

/// What is said of a workspace besides its name.
const KEYS: [&str; 8] = ["claimName", "subPath", "secret", "config", "emptyDir", "size", "storageClass", "name"];

/// `name=data,claimName=pvc[,subPath=x]`, `name=x,secret=s`, `name=x,config=c`, `name=x,emptyDir=[Memory]`,
/// `name=x,size=1Gi[,storageClass=c]`.
pub(super) fn parse(text: &str) -> Result<WorkspaceBinding> {
    let wrong = |what: String| {
        Error::new(Kind::Usage, format!("the workspace {text:?} {what}"))
            .hint("write name=NAME and what it is: claimName=PVC[,subPath=DIR], size=1Gi, emptyDir=, secret=NAME or config=NAME")
    };
    let mut values: Vec<(&str, &str)> = Vec::new();
    for part in text.split(',') {
        let Some((key, value)) = part.split_once('=') else { return Err(wrong(format!("has {part:?}, which is not KEY=VALUE"))) };
        if !KEYS.contains(&key) {
            let error = wrong(format!("has the unknown key {key:?}"));
            return Err(match nearest(key, KEYS) {
                Some(near) => Error::new(Kind::Usage, error.to_string()).hint(format!("did you mean {near:?}?")),
                None => error,
            });
        }
        if values.iter().any(|(known, _)| *known == key) {
            return Err(wrong(format!("has {key} twice")));
        }
        if value.is_empty() && key != "emptyDir" {
            return Err(wrong(format!("has an empty {key}")));
        }
        values.push((key, value));
    }
    let value = |key: &str| values.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned());
    let Some(name) = value("name") else { return Err(wrong("has no name".into())) };
    let sources = values.iter().filter(|(key, _)| ["claimName", "secret", "config", "emptyDir", "size"].contains(key));
    match sources.count() {
        0 => return Err(wrong("does not say what it is".into())),
        1 => {}
        _ => return Err(wrong("is two things at once".into())),
    }
    if value("storageClass").is_some() && value("size").is_none() {
        return Err(wrong("has a storageClass without a size".into()));
    }
    let mut binding = WorkspaceBinding::new(name);
    binding.sub_path = value("subPath");
    if let Some(claim_name) = value("claimName") {
        binding.persistent_volume_claim = Some(PersistentVolumeClaimVolumeSource { claim_name, read_only: None });
    }
    binding.secret = value("secret").map(|name| SecretVolumeSource { secret_name: Some(name), ..SecretVolumeSource::default() });
    binding.config_map = value("config").map(|name| ConfigMapVolumeSource { name, ..ConfigMapVolumeSource::default() });
    if let Some(medium) = value("emptyDir") {
        // What a shell leaves of `emptyDir=""` in quotes.
        let medium = Some(medium.trim_matches('"').to_owned()).filter(|medium| !medium.is_empty());
        binding.empty_dir = Some(EmptyDirVolumeSource { medium, size_limit: None });
    }
    if let Some(size) = value("size") {
        if tekton::quantity::value(&size).is_none_or(|bytes| bytes <= 0.0) {
            return Err(wrong(format!("has the size {size:?}, which is none")));
        }
        binding.volume_claim_template = Some(claim(size, value("storageClass")));
    }
    Ok(binding)
}

/// A claim of this size, for this run alone.
fn claim(size: String, storage_class_name: Option<String>) -> PersistentVolumeClaim {
    let resources = VolumeResourceRequirements {
        requests: Some([("storage".to_owned(), Quantity(size))].into()),
        ..VolumeResourceRequirements::default()
    };
    PersistentVolumeClaim {
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            resources: Some(resources),
            storage_class_name,
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspaces_are_written_as_tkn_writes_them() {
        let shown: Vec<String> = [
            "name=data,claimName=pvc,subPath=a/b",
            "name=x,secret=s",
            "name=x,config=c",
            "name=x,emptyDir=",
            "name=x,emptyDir=\"\"",
            "emptyDir=Memory,name=x",
            "name=x,size=1Gi,storageClass=fast",
            "data",
            "name=x",
            "name=x,claim=pvc",
            "name=x,claimname=pvc",
            "name=x,secret=",
            "name=x,secret=s,config=c",
            "name=x,secret=s,secret=t",
            "name=x,size=big",
            "name=x,secret=s,storageClass=c",
            "claimName=pvc",
            "",
        ]
        .into_iter()
        .map(|text| match parse(text) {
            Ok(binding) => serde_json::to_string(&binding).unwrap(),
            Err(error) => format!("{error}; {}", error.hint_text().unwrap_or_default()),
        })
        .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        {"name":"data","subPath":"a/b","persistentVolumeClaim":{"claimName":"pvc"}}
        {"name":"x","secret":{"secretName":"s"}}
        {"name":"x","configMap":{"name":"c"}}
        {"name":"x","emptyDir":{}}
        {"name":"x","emptyDir":{}}
        {"name":"x","emptyDir":{"medium":"Memory"}}
        {"name":"x","volumeClaimTemplate":{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}},"storageClassName":"fast"}}}
        the workspace "data" has "data", which is not KEY=VALUE; write name=NAME and what it is: claimName=PVC[,subPath=DIR], size=1Gi, emptyDir=, secret=NAME or config=NAME
        the workspace "name=x" does not say what it is; write name=NAME and what it is: claimName=PVC[,subPath=DIR], size=1Gi, emptyDir=, secret=NAME or config=NAME
        the workspace "name=x,claim=pvc" has the unknown key "claim"; did you mean "claimName"?
        the workspace "name=x,claimname=pvc" has the unknown key "claimname"; did you mean "claimName"?
        the workspace "name=x,secret=" has an empty secret; write name=NAME and what it is: claimName=PVC[,subPath=DIR], size=1Gi, emptyDir=, secret=NAME or config=NAME
        the workspace "name=x,secret=s,config=c" is two things at once; write name=NAME and what it is: claimName=PVC[,subPath=DIR], size=1Gi, emptyDir=, secret=NAME or config=NAME
        the workspace "name=x,secret=s,secret=t" has secret twice; write name=NAME and what it is: claimName=PVC[,subPath=DIR], size=1Gi, emptyDir=, secret=NAME or config=NAME
        the workspace "name=x,size=big" has the size "big", which is none; write name=NAME and what it is: claimName=PVC[,subPath=DIR], size=1Gi, emptyDir=, secret=NAME or config=NAME
        the workspace "name=x,secret=s,storageClass=c" has a storageClass without a size; write name=NAME and what it is: claimName=PVC[,subPath=DIR], size=1Gi, emptyDir=, secret=NAME or config=NAME
        the workspace "claimName=pvc" has no name; write name=NAME and what it is: claimName=PVC[,subPath=DIR], size=1Gi, emptyDir=, secret=NAME or config=NAME
        the workspace "" has "", which is not KEY=VALUE; write name=NAME and what it is: claimName=PVC[,subPath=DIR], size=1Gi, emptyDir=, secret=NAME or config=NAME
        "#);
    }
}
