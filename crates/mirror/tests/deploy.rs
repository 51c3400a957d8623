//! Workloads, ConfigMaps and images, against an API server: what is asked, and what is said when it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use cluster::Target;
use cluster_testing::Answer;
use common::{Api, IMAGE, plan, told};
use mirror::config_maps::Configuration;
use mirror::image::{Built, Current};
use mirror::{Status, TargetNamespace};
use serde_json::{Value, json};
use step::Dir;

const JOB: &str = "/apis/batch/v1/namespaces/demo/jobs/oc-mirror-job-d290f1ee-6c54-4b01-90e6-d701748f0851";
const JOBS: &str = "/apis/batch/v1/namespaces/demo/jobs";
const CLAIMS: &str = "/api/v1/namespaces/demo/persistentvolumeclaims";

fn target(create_namespace: bool) -> TargetNamespace {
    TargetNamespace { namespace: "demo".parse().unwrap(), create_namespace, target: Target::default() }
}

/// What the API server says to somebody without rights.
fn forbidden(verb: &str, resource: &str, group: &str) -> Answer {
    let says = format!(
        "{resource} is forbidden: User \"system:serviceaccount:pipelines:bot\" cannot {verb} resource \"{resource}\" in API group \"{group}\" in the namespace \"demo\""
    );
    Answer::error(403, "Forbidden", &says, json!({ "kind": resource }))
}

#[test]
fn a_job_is_created_once_and_found_again() {
    let api = Api::ready();
    let deployed = plan(&[]).unwrap().deploy(&api.objects()).unwrap();
    insta::assert_snapshot!(api.asked(), @"
    GET /api/v1/namespaces/demo/configmaps/oc-mirror-config
    GET /api/v1/namespaces/demo/serviceaccounts/oc-mirror
    GET /apis/batch/v1/namespaces/demo/jobs/oc-mirror-job-d290f1ee-6c54-4b01-90e6-d701748f0851
    GET /apis/batch/v1/namespaces/demo/jobs?labelSelector=app.kubernetes.io%2Fname%3Doc-mirror&limit=500
    GET /api/v1/namespaces/demo/persistentvolumeclaims/oc-mirror-content
    GET /api/v1/namespaces/demo/persistentvolumeclaims/oc-mirror-cache
    POST /api/v1/namespaces/demo/persistentvolumeclaims?fieldManager=stepwright
    POST /api/v1/namespaces/demo/persistentvolumeclaims?fieldManager=stepwright
    GET /api/v1/namespaces/demo/persistentvolumeclaims/oc-mirror-content
    GET /apis/batch/v1/namespaces/demo/jobs?labelSelector=app.kubernetes.io%2Fname%3Doc-mirror&limit=500
    PATCH /api/v1/namespaces/demo/persistentvolumeclaims/oc-mirror-content?fieldManager=stepwright
    POST /apis/batch/v1/namespaces/demo/jobs?fieldManager=stepwright
    ");
    insta::assert_snapshot!(deployed.objects.join("\n"), @"
    created PersistentVolumeClaim demo/oc-mirror-content
    created PersistentVolumeClaim demo/oc-mirror-cache
    created Job demo/oc-mirror-job-d290f1ee-6c54-4b01-90e6-d701748f0851
    ");
    assert_eq!(deployed.status, Status::Created);

    // As the cluster has completed it.
    let mut job = api.kept.lock().unwrap()[JOB].clone();
    job["spec"]["completionMode"] = "NonIndexed".into();
    job["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst".into();
    job["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent".into();
    api.put(JOB, job);
    let again = plan(&[]).unwrap().deploy(&api.objects()).unwrap();
    insta::assert_snapshot!(again.objects.join("\n"), @"
    kept PersistentVolumeClaim demo/oc-mirror-content
    kept PersistentVolumeClaim demo/oc-mirror-cache
    kept Job demo/oc-mirror-job-d290f1ee-6c54-4b01-90e6-d701748f0851
    ");

    let error = plan(&["--memory-limit=4Gi", "--dry-run=true"]).unwrap().deploy(&api.objects()).unwrap_err();
    insta::assert_snapshot!(told(&error), @r#"
    conflict: the Job demo/oc-mirror-job-d290f1ee-6c54-4b01-90e6-d701748f0851 is there, and was made with other parameters
    spec.template.spec.containers[0].resources.limits.memory is "8Gi", and not "4Gi"
    spec.template.spec.containers[0].args is ["--v2","--config","/workspace/config/imageset.yaml","--cache-dir","/workspace/cache","file:///workspace/content"], and not ["--v2","--config","/workspace/config/imageset.yaml","--cache-dir","/workspace/cache","--dry-run","file:///workspace/content"]
    hint: start a new run, or `oc delete job oc-mirror-job-d290f1ee-6c54-4b01-90e6-d701748f0851 -n demo` first
    "#);
}

#[test]
fn cronjobs_and_deployments_are_applied() {
    let api = Api::ready();
    for mode in ["cronjob", "deployment"] {
        let deployed = plan(&[&format!("--deploy-mode={mode}")]).unwrap().deploy(&api.objects()).unwrap();
        assert_eq!(deployed.status, Status::Applied);
    }
    insta::assert_snapshot!(api.asked(), @"
    GET /api/v1/namespaces/demo/configmaps/oc-mirror-config
    GET /api/v1/namespaces/demo/serviceaccounts/oc-mirror
    GET /api/v1/namespaces/demo/persistentvolumeclaims/oc-mirror-content
    GET /api/v1/namespaces/demo/persistentvolumeclaims/oc-mirror-cache
    POST /api/v1/namespaces/demo/persistentvolumeclaims?fieldManager=stepwright
    POST /api/v1/namespaces/demo/persistentvolumeclaims?fieldManager=stepwright
    PATCH /apis/batch/v1/namespaces/demo/cronjobs/oc-mirror-cronjob?fieldManager=stepwright
    GET /api/v1/namespaces/demo/configmaps/oc-mirror-config
    GET /api/v1/namespaces/demo/serviceaccounts/oc-mirror
    GET /api/v1/namespaces/demo/persistentvolumeclaims/oc-mirror-content
    GET /api/v1/namespaces/demo/persistentvolumeclaims/oc-mirror-cache
    PATCH /apis/apps/v1/namespaces/demo/deployments/oc-mirror-deployment?fieldManager=stepwright
    ");

    let taken = json!({ "causes": [{ "reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\"", "field": ".spec.schedule" }] });
    let api = Api::with(move |request, _| {
        (request.method == "PATCH").then(|| Answer::error(409, "Conflict", "Apply failed", taken.clone()))
    });
    let error = plan(&["--deploy-mode=cronjob"]).unwrap().deploy(&api.objects()).unwrap_err();
    insta::assert_snapshot!(told(&error), @r#"
    conflict: cannot patch the CronJob demo/oc-mirror-cronjob: others have set fields of it to something else
    .spec.schedule is set by "kubectl-edit"

    hint: leave these out, or let their owner change them
    "#);
}

#[test]
fn claims_that_are_there_stay_as_they_are() {
    let api = Api::ready();
    let claim = json!({ "spec": { "resources": { "requests": { "storage": "50Gi" } } } });
    api.put(&format!("{CLAIMS}/oc-mirror-content"), claim.clone());
    let deployed = plan(&["--content-size=200Gi"]).unwrap().deploy(&api.objects()).unwrap();
    assert!(deployed.objects[0].starts_with("kept PersistentVolumeClaim demo/oc-mirror-content"), "{:?}", deployed.objects);
    assert_eq!(api.kept.lock().unwrap()[&format!("{CLAIMS}/oc-mirror-content")]["spec"], claim["spec"]);

    let api = Api::ready();
    api.put(&format!("{CLAIMS}/oc-mirror-cache"), json!({ "metadata": { "deletionTimestamp": "2026-11-21T09:00:00Z" } }));
    let error = plan(&[]).unwrap().deploy(&api.objects()).unwrap_err();
    insta::assert_snapshot!(told(&error), @"
    conflict: the PersistentVolumeClaim demo/oc-mirror-cache is being deleted
    hint: run again when it is gone
    ");
    assert!(!api.asked().contains("POST"), "{}", api.asked());
}

#[test]
fn nothing_is_created_that_cannot_work() {
    let prepared: [fn(&Api); 4] = [
        |api: &Api| api.remove("/api/v1/namespaces/demo/configmaps/oc-mirror-config"),
        |api: &Api| api.put("/api/v1/namespaces/demo/configmaps/oc-mirror-config", json!({ "data": { "values.yaml": "" } })),
        |api: &Api| api.remove("/api/v1/namespaces/demo/serviceaccounts/oc-mirror"),
        |api: &Api| {
            let mut other = plan(&["--run-uid=other"]).unwrap().workload();
            other["status"] = json!({ "active": 1 });
            api.put("/apis/batch/v1/namespaces/demo/jobs/oc-mirror-job-other", other);
        },
    ];
    let shown = prepared.map(|prepare| {
        let api = Api::ready();
        prepare(&api);
        let error = plan(&[]).unwrap().deploy(&api.objects()).unwrap_err();
        assert!(!api.asked().contains("POST"), "{}", api.asked());
        told(&error)
    });
    insta::assert_snapshot!(shown.join("\n"), @"
    not-found: there is no ConfigMap oc-mirror-config in the namespace demo
    hint: create-deployment-configmaps makes it
    bad-input: the ConfigMap demo/oc-mirror-config has no imageset.yaml, which oc-mirror needs
    hint: create-deployment-configmaps makes it
    not-found: there is no ServiceAccount oc-mirror in the namespace demo
    hint: `oc create serviceaccount oc-mirror -n demo`; it needs no rights
    conflict: the Job demo/oc-mirror-job-other is at work on the claim oc-mirror-content
    hint: run again when it has ended, or `oc delete job oc-mirror-job-other -n demo`
    ");
}

#[test]
fn mirrors_that_are_in_nobodys_way_do_not_matter() {
    let ended = json!({ "conditions": [{ "type": "Complete", "status": "True" }] });
    let cases: [(&[&str], Value, &[&str]); 3] = [
        (&["--run-uid=other"], ended, &[]),
        (&["--run-uid=other", "--dry-run=true"], json!({}), &[]),
        (&["--run-uid=other"], json!({}), &["--dry-run=true"]),
    ];
    for (theirs, status, ours) in cases {
        let api = Api::ready();
        let mut other = plan(theirs).unwrap().workload();
        other["status"] = status;
        api.put(&format!("{JOBS}/oc-mirror-job-other"), other);
        assert_eq!(plan(ours).unwrap().deploy(&api.objects()).unwrap().status, Status::Created, "{theirs:?} {ours:?}");
    }
}

#[test]
fn a_refusal_names_verb_resource_namespace_and_account() {
    let cases: [(&str, &str, &str, &str, &[&str]); 6] = [
        ("GET", "/configmaps/", "get", "configmaps", &[]),
        ("POST", "/persistentvolumeclaims", "create", "persistentvolumeclaims", &[]),
        ("PATCH", "/persistentvolumeclaims/", "patch", "persistentvolumeclaims", &[]),
        ("POST", "/jobs", "create", "jobs", &[]),
        ("PATCH", "/cronjobs/", "patch", "cronjobs", &["--deploy-mode=cronjob"]),
        ("PATCH", "/deployments/", "create", "deployments", &["--deploy-mode=deployment"]),
    ];
    let mut shown = Vec::new();
    for (method, path, verb, resource, args) in cases {
        let group = match resource {
            "deployments" => "apps",
            "jobs" | "cronjobs" => "batch",
            _ => "",
        };
        let api = Api::with(move |request, _| {
            (request.method == method && request.path.contains(path)).then(|| forbidden(verb, resource, group))
        });
        let error = plan(args).unwrap().deploy(&api.objects()).unwrap_err();
        assert_eq!(error.kind().code(), 4);
        shown.push(format!("{error}\n{}", error.hint_text().unwrap()));
    }
    insta::assert_snapshot!(shown.join("\n"), @"
    cannot get the ConfigMap demo/oc-mirror-config: system:serviceaccount:pipelines:bot may not
    it needs a Role in demo with the verb `get` on `configmaps`
    cannot create the PersistentVolumeClaim demo/oc-mirror-content: system:serviceaccount:pipelines:bot may not
    it needs a Role in demo with the verb `create` on `persistentvolumeclaims`
    cannot patch the PersistentVolumeClaim demo/oc-mirror-content: system:serviceaccount:pipelines:bot may not
    it needs a Role in demo with the verb `patch` on `persistentvolumeclaims`
    cannot create the Job demo/oc-mirror-job-d290f1ee-6c54-4b01-90e6-d701748f0851: system:serviceaccount:pipelines:bot may not
    it needs a Role in demo with the verb `create` on `jobs.batch`
    cannot patch the CronJob demo/oc-mirror-cronjob: system:serviceaccount:pipelines:bot may not
    it needs a Role in demo with the verb `patch` on `cronjobs.batch`
    cannot patch the Deployment demo/oc-mirror-deployment: system:serviceaccount:pipelines:bot may not
    it needs a Role in demo with the verb `create` on `deployments.apps`
    ");

    // Rights that only make messages better may be missing.
    let api = Api::with(|request, _| {
        let is_extra = request.path.contains("/serviceaccounts/") || request.path == "/api/v1/namespaces/demo";
        is_extra.then(|| forbidden("get", "serviceaccounts", ""))
    });
    assert!(!target(false).ensure(&api.objects()).unwrap());
    plan(&[]).unwrap().deploy(&api.objects()).unwrap();
}

#[test]
fn what_passes_is_waited_for() {
    let mut count = 0;
    // Every other request fails.
    let api = Api::with(move |request, _| {
        count += 1;
        (count % 2 == 1 && request.method == "GET").then(|| Answer::Text(500, vec![], "etcdserver: leader changed".into()))
    });
    plan(&[]).unwrap().deploy(&api.objects()).unwrap();

    // The Job is made, and the answer is lost; or the Job is not made.
    for is_made in [true, false] {
        let api = Api::with(move |request, kept| {
            let is_job = request.method == "POST" && request.path == JOBS;
            if is_job && is_made {
                kept.insert(JOB.to_owned(), request.body.clone());
            }
            is_job.then_some(Answer::Close)
        });
        let deployed = plan(&[]).unwrap().deploy(&api.objects());
        assert_eq!(
            deployed.map(|deployed| deployed.status).map_err(|error| error.kind()).ok(),
            is_made.then_some(Status::Created)
        );
    }
}

#[test]
fn namespaces() {
    let api = Api::ready();
    assert!(!target(false).ensure(&api.objects()).unwrap());
    api.remove("/api/v1/namespaces/demo");
    let missing = target(false).ensure(&api.objects()).unwrap_err();
    assert!(target(true).ensure(&api.objects()).unwrap());
    assert!(!target(true).ensure(&api.objects()).unwrap());
    insta::assert_snapshot!(api.kept.lock().unwrap()["/api/v1/namespaces/demo"], @r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"demo","labels":{"app.kubernetes.io/name":"demo","autoshift.io/component":"oc-mirror"},"resourceVersion":"7"}}"#);
    api.put("/api/v1/namespaces/demo", json!({ "metadata": { "name": "demo", "deletionTimestamp": "2026-11-21T09:00:00Z" } }));
    let going = target(true).ensure(&api.objects()).unwrap_err();
    let api =
        Api::with(|request, _| request.path.starts_with("/api/v1/namespaces").then(|| forbidden("create", "namespaces", "")));
    let refused = target(true).ensure(&api.objects()).unwrap_err();
    insta::assert_snapshot!([missing, going, refused].map(|error| told(&error)).join("\n"), @r#"
    not-found: there is no namespace demo
    hint: `oc create namespace demo`, and give it its service account, Roles and pull secret
    conflict: the namespace demo is being deleted
    hint: run again when it is gone, with create-namespace=true, or choose another
    unauthorized: cannot create the Namespace demo: system:serviceaccount:pipelines:bot may not
    namespaces is forbidden: User "system:serviceaccount:pipelines:bot" cannot create resource "namespaces" in API group "" in the namespace "demo"
    hint: it needs a ClusterRole with the verb `create` on `namespaces`
    "#);
}

#[test]
fn the_image_that_was_built() {
    let api = Api::ready();
    let built = Built {
        name: "oc-mirror-autoshift".parse().unwrap(),
        url: "quay.io/autoshift/oc-mirror-autoshift:latest".parse().unwrap(),
        digest: IMAGE.split_once('@').unwrap().1.parse().unwrap(),
        revision: "b5c37ff".parse().unwrap(),
    };
    built.record(&api.objects(), &"oc-mirror-images".parse().unwrap()).unwrap();
    let request = api.fake.requests().pop().unwrap();
    assert_eq!(request.query("force"), "true");
    let mut body = request.body;
    let now = body["data"]["build-timestamp"].as_str().unwrap().to_owned();
    assert!(now.len() == 20 && now.ends_with('Z') && body["metadata"]["annotations"]["autoshift.io/last-build"] == now.as_str());
    body["data"]["build-timestamp"] = "NOW".into();
    body["metadata"]["annotations"]["autoshift.io/last-build"] = "NOW".into();
    insta::assert_snapshot!(tekton::yaml::to_string(&body).unwrap(), @"
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: oc-mirror-images
      namespace: demo
      annotations:
        autoshift.io/last-build: NOW
        autoshift.io/git-revision: b5c37ff
    data:
      image-name: oc-mirror-autoshift
      image-url: quay.io/autoshift/oc-mirror-autoshift:latest
      image-digest: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      git-revision: b5c37ff
      build-timestamp: NOW
    ");

    let current = Current::read(&api.objects(), &"oc-mirror-images".parse().unwrap(), None).unwrap();
    assert_eq!(current.image.to_string(), format!("quay.io/autoshift/oc-mirror-autoshift@{}", built.digest));
    assert_eq!((current.revision.as_str(), current.built.as_str()), ("b5c37ff", now.as_str()));
}

#[test]
fn the_image_that_is_current() {
    let digest = IMAGE.split_once('@').unwrap().1;
    let other = format!("sha256:{}", "0".repeat(64));
    let fallback = "quay.io/autoshift/fallback:latest".parse().unwrap();
    let cases = [
        ("only the URL", json!({ "image-url": "quay.io/a/b:1" })),
        ("with digest", json!({ "image-url": "quay.io/a/b:1", "image-digest": digest, "git-revision": "main" })),
        ("no digest", json!({ "image-url": "quay.io/a/b:1", "image-digest": "pending" })),
        ("a digest in the URL", json!({ "image-url": format!("quay.io/a/b:1@{digest}"), "image-digest": digest })),
        ("two digests", json!({ "image-url": format!("quay.io/a/b@{digest}"), "image-digest": other })),
        ("no URL", json!({ "image-digest": digest })),
        ("no image", json!({ "image-url": "$(params.x)" })),
    ];
    let mut shown = Vec::new();
    let name = "oc-mirror-images".parse().unwrap();
    for (what, data) in cases {
        let api = Api::ready();
        api.put("/api/v1/namespaces/demo/configmaps/oc-mirror-images", json!({ "data": data }));
        let said = match Current::read(&api.objects(), &name, Some(&fallback)) {
            Ok(current) => format!("{} (digest {:?}, revision {:?})", current.image, current.digest, current.revision),
            Err(error) => told(&error),
        };
        shown.push(format!("{what}: {said}"));
    }
    let read = |api: &Api, fallback| match Current::read(&api.objects(), &name, fallback) {
        Ok(current) => format!("{} (digest {:?})", current.image, current.digest),
        Err(error) => told(&error),
    };
    shown.push(format!("no ConfigMap: {}", read(&Api::ready(), Some(&fallback))));
    shown.push(format!("no ConfigMap, no fallback: {}", read(&Api::ready(), None)));
    let api = Api::with(|_, _| Some(forbidden("get", "configmaps", "")));
    shown.push(format!("no right: {}", read(&api, Some(&fallback))));
    let api = Api::with(|_, _| Some(Answer::Text(500, vec![], "no".into())));
    shown.push(api.fake.stable(&format!("no answer: {}", read(&api, Some(&fallback)))));
    insta::assert_snapshot!(shown.join("\n").replace(digest, "DIGEST"), @r#"
    only the URL: quay.io/a/b:1 (digest "", revision "")
    with digest: quay.io/a/b@DIGEST (digest "DIGEST", revision "main")
    no digest: quay.io/a/b:1 (digest "pending", revision "")
    a digest in the URL: quay.io/a/b@DIGEST (digest "DIGEST", revision "")
    two digests: bad-input: the ConfigMap demo/oc-mirror-images contradicts itself: image-url has the digest DIGEST, and image-digest is sha256:0000000000000000000000000000000000000000000000000000000000000000
    hint: run the build pipeline again
    no URL: bad-input: the ConfigMap demo/oc-mirror-images has no image-url
    hint: run the build pipeline, or set it to an image
    no image: bad-input: image-url of the ConfigMap demo/oc-mirror-images is "$(params.x)": not an image's reference: it holds `$`, which is not expanded here
    no ConfigMap: quay.io/autoshift/fallback:latest (digest "unknown")
    no ConfigMap, no fallback: not-found: there is no ConfigMap oc-mirror-images in the namespace demo
    hint: run the build pipeline first, or give a fallback-image
    no right: unauthorized: cannot get the ConfigMap demo/oc-mirror-images: system:serviceaccount:pipelines:bot may not
    configmaps is forbidden: User "system:serviceaccount:pipelines:bot" cannot get resource "configmaps" in API group "" in the namespace "demo"
    hint: it needs a Role in demo with the verb `get` on `configmaps`
    no answer: remote: cannot get the ConfigMap demo/oc-mirror-images (tried 5 times): http://SERVER answers 500: no
    "#);
}

fn configuration(values: &str, image_set: &str) -> Configuration {
    Configuration {
        name: "oc-mirror-config".parse().unwrap(),
        values: values.to_owned(),
        image_set: image_set.to_owned(),
        values_file: "autoshift/values.hub.yaml".to_owned(),
    }
}

#[test]
fn three_config_maps() {
    let api = Api::ready();
    let names = configuration("hubClusterSets: {}\n", "kind: ImageSetConfiguration\n").write(&api.objects()).unwrap();
    assert_eq!(names, ["oc-mirror-config", "oc-mirror-imageset", "oc-mirror-values"]);
    let bodies = api.fake.requests().into_iter().map(|request| {
        assert_eq!((request.method.as_str(), request.query("force")), ("PATCH", "true"));
        let mut body = request.body;
        if let Some(time) = body["metadata"].get_mut("annotations").and_then(|all| all.get_mut("autoshift.io/created-at")) {
            *time = "NOW".into();
        }
        tekton::yaml::to_string(&body).unwrap()
    });
    insta::assert_snapshot!(bodies.collect::<Vec<_>>().join("---\n"), @"
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: oc-mirror-values
      namespace: demo
      labels:
        app.kubernetes.io/name: oc-mirror
        autoshift.io/component: oc-mirror
        autoshift.io/config-type: values-only
    data:
      values.yaml: |
        hubClusterSets: {}
    ---
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: oc-mirror-imageset
      namespace: demo
      labels:
        app.kubernetes.io/name: oc-mirror
        autoshift.io/component: oc-mirror
        autoshift.io/config-type: imageset-only
    data:
      imageset.yaml: |
        kind: ImageSetConfiguration
    ---
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: oc-mirror-config
      namespace: demo
      labels:
        app.kubernetes.io/name: oc-mirror
        autoshift.io/component: oc-mirror
        autoshift.io/config-type: deployment
      annotations:
        autoshift.io/created-by: oc-mirror-deployment-pipeline
        autoshift.io/created-at: NOW
        autoshift.io/values-file: autoshift/values.hub.yaml
    data:
      values.yaml: |
        hubClusterSets: {}
      imageset.yaml: |
        kind: ImageSetConfiguration
    ");
}

#[test]
fn sizes_are_checked_before_anything_is_written() {
    let api = Api::ready();
    let half = "x".repeat(1 << 19);
    configuration(&half, &half).write(&api.objects()).unwrap();
    let asked = api.fake.requests().len();
    let error = configuration(&half, &format!("{half}x")).write(&api.objects()).unwrap_err();
    assert_eq!(api.fake.requests().len(), asked);
    insta::assert_snapshot!(told(&error), @"
    bad-input: the ConfigMap demo/oc-mirror-config would have 1048577 bytes (values.yaml 524288, imageset.yaml 524289), and Kubernetes takes 1048576
    hint: give a values file with less in it: comments and unused cluster sets count too
    ");
    let error = Configuration { name: "oc-mirror-values".parse().unwrap(), ..configuration("", "") }.write(&api.objects());
    insta::assert_snapshot!(told(&error.unwrap_err()), @"
    bad-input: configmap-name is oc-mirror-values, which is the name of one of the other two ConfigMaps
    hint: leave it out, or choose another
    ");
}

#[test]
fn a_directory_stands_in_for_the_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let target = TargetNamespace { target: Target { manifests: Some(Dir::from(dir.path().to_owned())) }, ..target(true) };
    let (objects, is_new) = target.open(&step::Cancel::new()).unwrap();
    assert!(is_new && !target.ensure(&objects).unwrap());
    configuration("a: 1\n", "kind: ImageSetConfiguration\n").write(&objects).unwrap();
    for mode in ["job", "cronjob", "deployment"] {
        for expected in [[Status::Created, Status::Applied], [Status::Kept, Status::Applied]] {
            let status = plan(&[&format!("--deploy-mode={mode}")]).unwrap().deploy(&objects).unwrap().status;
            assert!(expected.contains(&status), "{mode} {status:?}");
        }
    }
    let mut files: Vec<String> = ["", "demo"]
        .iter()
        .flat_map(|below| std::fs::read_dir(dir.path().join(below)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| path.strip_prefix(dir.path()).unwrap().display().to_string())
        .collect();
    files.sort();
    insta::assert_snapshot!(files.join("\n"), @"
    demo/configmap-oc-mirror-config.yaml
    demo/configmap-oc-mirror-imageset.yaml
    demo/configmap-oc-mirror-values.yaml
    demo/cronjob-oc-mirror-cronjob.yaml
    demo/deployment-oc-mirror-deployment.yaml
    demo/job-oc-mirror-job-d290f1ee-6c54-4b01-90e6-d701748f0851.yaml
    demo/persistentvolumeclaim-oc-mirror-cache.yaml
    demo/persistentvolumeclaim-oc-mirror-content.yaml
    namespace-demo.yaml
    ");
}
