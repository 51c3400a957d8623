//! The build pipeline, and a deployment of what it has built.

use std::process::Command;

use e2e::mirror::{BUILD, Mirror, REPOSITORY, fleet, serve, set_params};
use e2e::{Bed, exit_code, result};
use repo_testing::{Answer, Forge, Request, Server, git};
use serde_json::{Value, json};

/// The tasks of a cluster with OpenShift Pipelines, in its namespace of them.
fn install_cluster_tasks(mirror: &Mirror) {
    let bed = Bed::get();
    for text in [include_str!("git-clone.yaml"), include_str!("buildah.yaml")] {
        let text = text.replace("COPY_IMAGE", &bed.pins.of("copy-image").unwrap().to_string()).replace("REGISTRY", &bed.registry);
        // The namespace of oc-mirror has none of ours.
        mirror.target.create(&serde_saphyr::from_str(&text).unwrap());
    }
}

/// A server that also packs archives of commits, as forges do.
fn serve_archives(forge: &Forge) -> Server {
    let repository = forge.path().join(REPOSITORY);
    git(&repository, &["update-server-info"]);
    let answer = move |request: &Request| {
        let Some((_, commit)) = request.target.split_once("/archive/") else { return Answer::Git };
        let commit = commit.trim_end_matches(".tar");
        let packed = Command::new("git").current_dir(&repository).args(["archive", commit]).output().unwrap();
        Answer::Fixed(200, vec![("content-type", "application/x-tar".into())], packed.stdout)
    };
    serve(forge).answer(answer).start()
}

#[test]
fn an_image_for_two_platforms_is_built_recorded_and_runs() {
    let forge = fleet();
    let server = serve_archives(&forge);
    let mirror = Mirror::installed("build");
    install_cluster_tasks(&mirror);
    mirror.pipelines.kubectl(&["delete", "configmap", "oc-mirror-images"]);
    let tasks = format!("namespace={}", mirror.target.name());
    let sets = [format!("clone.{tasks}"), format!("build.{tasks}")];
    let rendered = mirror.render(BUILD, &["--set", &sets[0], "--set", &sets[1]]);
    let pipeline = rendered.split("---\n").map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
    let pipeline = pipeline.into_iter().find(|object| object["kind"] == "Pipeline").unwrap();
    mirror.pipelines.cluster.overwrite(&pipeline).unwrap();
    knows_no_other_parameters(&mirror, &pipeline);

    let registry = format!("{}/{}", Bed::get().registry, mirror.pipelines.name());
    let mut run =
        mirror.sample(BUILD, "oc-mirror-build", &[format!("git_url={}", server.url(REPOSITORY)), format!("registry={registry}")]);
    set_params(&mut run, &[("tls-verify", "false")]);
    run["spec"]["params"].as_array_mut().unwrap().push(json!({ "name": "build-args", "value": ["OC_MIRROR_VERSION=4.20"] }));
    run["spec"]["taskRunTemplate"]["podTemplate"] = json!({ "securityContext": { "fsGroup": 65532 } });
    let run = mirror.succeeds(&run);

    let name = format!("{registry}/oc-mirror-autoshift");
    assert_eq!(result(&run, "IMAGE_URL"), format!("{name}:latest"));
    assert_eq!(result(&run, "ARCHES"), "linux/amd64\nlinux/arm64");
    let digest = result(&run, "IMAGE_DIGEST");
    let inspected = Bed::get().stepwright(&["step", "inspect-image", "--tls-verify=false", &format!("--image={name}:latest")]);
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["DIGEST"], digest, "{inspected}");

    let recorded = mirror.pipelines.cluster.get(&cluster::Resource::CONFIG_MAPS, "oc-mirror-images").unwrap();
    let mut data = recorded["data"].clone();
    let built_at = data.as_object_mut().unwrap().remove("build-timestamp").unwrap();
    assert!(built_at.as_str().unwrap().ends_with('Z'), "{built_at}");
    let commit = git(&forge.path().join(REPOSITORY), &["rev-parse", "main"]);
    let wanted = json!({
        "image-name": "oc-mirror-autoshift",
        "image-url": format!("{name}:latest"),
        "image-digest": digest,
        "git-revision": commit,
    });
    assert_eq!(data, wanted);
    assert_eq!(recorded["metadata"]["annotations"]["autoshift.io/git-revision"], commit.as_str());

    let run = mirror.succeeds(&mirror.deployment("to-disk", &server, &[("wait", "true")]));
    assert_eq!(result(&run, "IMAGE_REF"), format!("{name}@{digest}"));
    assert_eq!(*exit_code(&mirror.task(&run, "deploy-workload")), 0);
    let jobs = mirror.target.kubectl(&["get", "jobs", "-o=jsonpath={.items[*].spec.template.spec.containers[*].image}"]);
    assert_eq!(jobs, format!("{name}@{digest}"));
}

/// Tekton ignores parameters that a Task does not have, and says nothing.
fn knows_no_other_parameters(mirror: &Mirror, pipeline: &Value) {
    let names = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    let resource = mirror.target.cluster.resource("tekton.dev/v1", "Task").unwrap();
    let mut seen = 0;
    for task in pipeline["spec"]["tasks"].as_array().unwrap().iter().filter(|task| task["taskRef"]["resolver"] == "cluster") {
        let named = task["taskRef"]["params"].as_array().unwrap().iter().find(|param| param["name"] == "name").unwrap();
        let spec = mirror.target.cluster.get(&resource, named["value"].as_str().unwrap()).unwrap()["spec"].take();
        for (passed, known) in [
            (names(&task["params"]), names(&spec["params"])),
            (names(&task["matrix"]["params"]), names(&spec["params"])),
            (names(&task["workspaces"]), names(&spec["workspaces"])),
        ] {
            let unknown: Vec<_> = passed.iter().filter(|name| !known.contains(name)).collect();
            assert!(unknown.is_empty(), "{unknown:?} of {named}");
        }
        seen += 1;
    }
    assert_eq!(seen, 2);
}
