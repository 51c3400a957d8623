//! Steps that pull from and push to the cluster's registry.

use e2e::{Bed, Namespace};
use registry::artifact::{FileRef, PushOptions, push};
use registry::{Client, ImageRef, Location, Reference, client};
use serde_json::{Value, json};
use step::Cancel;

/// Plain http is what the cluster's registry speaks.
fn registry_client() -> Client {
    Client::new(client::Options { verify: false, ..client::Options::default() }, Cancel::new())
}

#[test]
fn an_image_goes_from_repository_to_repository() {
    let bed = Bed::get();
    let namespace = Namespace::new("copy");
    let pin = bed.pins.of("copy-image").unwrap();
    let destination: ImageRef = format!("{}/{}/copied:1", bed.registry, namespace.name()).parse().unwrap();

    let (source, to) = (format!("source={pin}"), format!("destinations={destination}"));
    let ended = namespace.start(&["copy-image", "-p", &source, "-p", &to, "-p", "tls-verify=false"]).expect(0);

    let digest = pin.digest().unwrap();
    assert_eq!(ended.result("IMAGE_DIGEST"), digest.as_str());
    assert_eq!(ended.result("IMAGE_URL"), destination.to_string());
    assert_eq!(ended.result("IMAGES"), format!("{destination}@{digest}"));
    assert_eq!(ended.result("BYTES_COPIED"), "0", "the registry has it in another repository");
    let copied = registry_client().pull(&destination).unwrap().digest(&Reference::of(&destination)).unwrap();
    assert_eq!(copied.as_ref(), Some(digest));
    assert_eq!(namespace.one_pod_and_one_step_each(&ended.name), 1);
}

/// A UID as OpenShift gives one to a namespace.
const UID: u64 = 1_000_730_000;

#[test]
fn a_volume_is_written_and_read_by_any_user() {
    let namespace = Namespace::new("volume");
    let image = format!("{}/{}/catalog:1", Bed::get().registry, namespace.name());
    let artifact: Location = image.parse().unwrap();
    let files: [FileRef; 1] = ["community-v4.20".parse().unwrap()];
    let pushed = push(&registry_client(), &tests::shared("catalogs"), &files, &artifact, &PushOptions::default()).unwrap();

    let run = namespace.run(&json!({
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": { "generateName": "volume-" },
        "spec": {
            "pipelineSpec": {
                "workspaces": [{ "name": "data" }],
                "tasks": [
                    {
                        "name": "pull-artifact",
                        "taskRef": { "name": "pull-artifact" },
                        "params": [{ "name": "source", "value": image }, { "name": "tls-verify", "value": "false" }],
                        "workspaces": [{ "name": "output", "workspace": "data" }],
                    },
                    {
                        "name": "validate-catalog",
                        "taskRef": { "name": "validate-catalog" },
                        "runAfter": ["pull-artifact"],
                        "params": [{ "name": "catalog-dir", "value": "community-v4.20" }],
                        "workspaces": [{ "name": "source", "workspace": "data" }],
                    },
                ],
                "results": [
                    { "name": "DIGEST", "value": "$(tasks.pull-artifact.results.DIGEST)" },
                    { "name": "PACKAGES", "value": "$(tasks.validate-catalog.results.PACKAGES)" },
                ],
            },
            "workspaces": [{
                "name": "data",
                "volumeClaimTemplate": { "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": { "requests": { "storage": "64Mi" } },
                } },
            }],
            "taskRunTemplate": {
                "serviceAccountName": stepwright::catalog::ACCOUNT,
                "podTemplate": { "securityContext": { "runAsUser": UID, "fsGroup": UID, "runAsNonRoot": true } },
            },
            "timeouts": { "pipeline": "4m" },
        },
    }));

    assert_eq!(run["status"]["conditions"][0]["status"], "True", "{:#}", run["status"]);
    let packages = tests::shared("catalogs/community-v4.20").read_dir().unwrap().count();
    assert_eq!(
        run["status"]["results"],
        json!([{ "name": "DIGEST", "value": pushed.digest }, { "name": "PACKAGES", "value": packages.to_string() }])
    );
    let name = run["metadata"]["name"].as_str().unwrap();
    assert_eq!(namespace.one_pod_and_one_step_each(name), 2);
    for pod in
        namespace.cluster.list(&cluster::Resource::PODS, &format!("tekton.dev/pipelineRun={name},tekton.dev/taskRun")).unwrap()
    {
        assert_eq!(pod["spec"]["securityContext"]["runAsUser"], UID);
        let step = &pod["spec"]["containers"][0]["securityContext"];
        assert_eq!(step["readOnlyRootFilesystem"], true);
        assert_eq!(step["capabilities"], json!({ "drop": ["ALL"] }));
        assert_eq!(step["runAsUser"], Value::Null, "the step asks for no user of its own");
    }
}
