//! What parameters come to: arguments, objects, refusals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{plan, told};
use proptest::prelude::*;
use serde_json::Value;

const TARGET: &str = "--target-registry=registry.example:8443/ocp";

fn yaml(value: &Value) -> String {
    tekton::yaml::to_string(value).unwrap()
}

#[test]
fn arguments_of_each_workflow() {
    let mut shown = Vec::new();
    for workflow in ["workflow-to-disk", "workflow-from-disk", "workflow-direct"] {
        for more in [&[][..], &["--incremental-mode=false"], &["--since-date=2026-11-01"], &["--dry-run=true"]] {
            let workflow_arg = format!("--workflow={workflow}");
            let mut args = vec![&*workflow_arg, TARGET];
            args.extend(more);
            let line = match plan(&args) {
                Ok(plan) => format!("oc-mirror {} (since {:?})", plan.arguments().join(" "), plan.since()),
                Err(error) => error.to_string(),
            };
            shown.push(format!("{workflow} {}\n    {line}", more.join(" ")));
        }
    }
    insta::assert_snapshot!(shown.join("\n"), @r#"
    workflow-to-disk 
        oc-mirror --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache file:///workspace/content (since None)
    workflow-to-disk --incremental-mode=false
        oc-mirror --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --since 1970-01-01 file:///workspace/content (since Some("1970-01-01"))
    workflow-to-disk --since-date=2026-11-01
        oc-mirror --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --since 2026-11-01 file:///workspace/content (since Some("2026-11-01"))
    workflow-to-disk --dry-run=true
        oc-mirror --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --dry-run file:///workspace/content (since None)
    workflow-from-disk 
        oc-mirror --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --from file:///workspace/content docker://registry.example:8443/ocp (since None)
    workflow-from-disk --incremental-mode=false
        oc-mirror --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --from file:///workspace/content docker://registry.example:8443/ocp (since None)
    workflow-from-disk --since-date=2026-11-01
        since-date is about archives, and workflow-from-disk makes none
    workflow-from-disk --dry-run=true
        oc-mirror --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --from file:///workspace/content --dry-run docker://registry.example:8443/ocp (since None)
    workflow-direct 
        oc-mirror --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --workspace file:///workspace/workspace docker://registry.example:8443/ocp (since None)
    workflow-direct --incremental-mode=false
        oc-mirror --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --workspace file:///workspace/workspace docker://registry.example:8443/ocp (since None)
    workflow-direct --since-date=2026-11-01
        since-date is about archives, and workflow-direct makes none
    workflow-direct --dry-run=true
        oc-mirror --v2 --config /workspace/config/imageset.yaml --cache-dir /workspace/cache --workspace file:///workspace/workspace --dry-run docker://registry.example:8443/ocp (since None)
    "#);
}

#[test]
fn a_job() {
    insta::assert_snapshot!(yaml(&plan(&[]).unwrap().workload()), @r#"
    apiVersion: batch/v1
    kind: Job
    metadata:
      name: oc-mirror-job-d290f1ee-6c54-4b01-90e6-d701748f0851
      namespace: demo
      labels:
        app.kubernetes.io/name: oc-mirror
        autoshift.io/component: oc-mirror-job
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: 86400
      template:
        metadata:
          labels:
            app.kubernetes.io/name: oc-mirror
            autoshift.io/component: oc-mirror-job
        spec:
          serviceAccountName: oc-mirror
          automountServiceAccountToken: false
          enableServiceLinks: false
          restartPolicy: Never
          securityContext:
            runAsNonRoot: true
            seccompProfile:
              type: RuntimeDefault
            fsGroupChangePolicy: OnRootMismatch
          containers:
          - name: oc-mirror
            image: quay.io/autoshift/oc-mirror@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            command:
            - oc-mirror
            env:
            - name: HOME
              value: /workspace/home
            - name: XDG_RUNTIME_DIR
              value: /workspace/run
            workingDir: /workspace/home
            resources:
              requests:
                cpu: 500m
                memory: 2Gi
              limits:
                memory: 8Gi
            securityContext:
              allowPrivilegeEscalation: false
              capabilities:
                drop:
                - ALL
              runAsNonRoot: true
              seccompProfile:
                type: RuntimeDefault
            volumeMounts:
            - name: config
              mountPath: /workspace/config
              readOnly: true
            - name: content
              mountPath: /workspace/content
            - name: cache
              mountPath: /workspace/cache
            - name: home
              mountPath: /workspace/home
            - name: run
              mountPath: /workspace/run
            - name: tmp
              mountPath: /tmp
            - name: auth
              mountPath: /workspace/run/containers
              readOnly: true
            - name: auth
              mountPath: /workspace/home/.docker
              readOnly: true
            args:
            - --v2
            - --config
            - /workspace/config/imageset.yaml
            - --cache-dir
            - /workspace/cache
            - file:///workspace/content
          volumes:
          - name: config
            configMap:
              name: oc-mirror-config
          - name: content
            persistentVolumeClaim:
              claimName: oc-mirror-content
          - name: cache
            persistentVolumeClaim:
              claimName: oc-mirror-cache
          - name: home
            emptyDir: {}
          - name: run
            emptyDir: {}
          - name: tmp
            emptyDir: {}
          - name: auth
            secret:
              secretName: oc-mirror-pull-secret
              items:
              - key: ".dockerconfigjson"
                path: auth.json
              - key: ".dockerconfigjson"
                path: config.json
      ttlSecondsAfterFinished: 604800
    "#);
}

#[test]
fn a_cronjob_that_mirrors_directly() {
    let args = [
        "--deploy-mode=cronjob",
        "--schedule=@daily",
        "--workflow=workflow-direct",
        TARGET,
        "--ca-configmap=trusted-ca",
        "--image-pull-secrets=quay-registry-auth\nother",
        "--fs-group=2000",
    ];
    insta::assert_snapshot!(yaml(&plan(&args).unwrap().workload()), @r#"
    apiVersion: batch/v1
    kind: CronJob
    metadata:
      name: oc-mirror-cronjob
      namespace: demo
      labels:
        app.kubernetes.io/name: oc-mirror
        autoshift.io/component: oc-mirror-cronjob
    spec:
      schedule: "@daily"
      concurrencyPolicy: Forbid
      successfulJobsHistoryLimit: 3
      failedJobsHistoryLimit: 1
      jobTemplate:
        metadata:
          labels:
            app.kubernetes.io/name: oc-mirror
            autoshift.io/component: oc-mirror-cronjob
        spec:
          backoffLimit: 2
          activeDeadlineSeconds: 86400
          template:
            metadata:
              labels:
                app.kubernetes.io/name: oc-mirror
                autoshift.io/component: oc-mirror-cronjob
            spec:
              serviceAccountName: oc-mirror
              automountServiceAccountToken: false
              enableServiceLinks: false
              restartPolicy: Never
              securityContext:
                runAsNonRoot: true
                seccompProfile:
                  type: RuntimeDefault
                fsGroupChangePolicy: OnRootMismatch
                fsGroup: 2000
              containers:
              - name: oc-mirror
                image: quay.io/autoshift/oc-mirror@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
                command:
                - oc-mirror
                env:
                - name: HOME
                  value: /workspace/home
                - name: XDG_RUNTIME_DIR
                  value: /workspace/run
                - name: SSL_CERT_DIR
                  value: /workspace/ca
                workingDir: /workspace/home
                resources:
                  requests:
                    cpu: 500m
                    memory: 2Gi
                  limits:
                    memory: 8Gi
                securityContext:
                  allowPrivilegeEscalation: false
                  capabilities:
                    drop:
                    - ALL
                  runAsNonRoot: true
                  seccompProfile:
                    type: RuntimeDefault
                volumeMounts:
                - name: config
                  mountPath: /workspace/config
                  readOnly: true
                - name: content
                  mountPath: /workspace/workspace
                - name: cache
                  mountPath: /workspace/cache
                - name: home
                  mountPath: /workspace/home
                - name: run
                  mountPath: /workspace/run
                - name: tmp
                  mountPath: /tmp
                - name: auth
                  mountPath: /workspace/run/containers
                  readOnly: true
                - name: auth
                  mountPath: /workspace/home/.docker
                  readOnly: true
                - name: ca
                  mountPath: /workspace/ca
                  readOnly: true
                args:
                - --v2
                - --config
                - /workspace/config/imageset.yaml
                - --cache-dir
                - /workspace/cache
                - --workspace
                - file:///workspace/workspace
                - docker://registry.example:8443/ocp
              volumes:
              - name: config
                configMap:
                  name: oc-mirror-config
              - name: content
                persistentVolumeClaim:
                  claimName: oc-mirror-content
              - name: cache
                persistentVolumeClaim:
                  claimName: oc-mirror-cache
              - name: home
                emptyDir: {}
              - name: run
                emptyDir: {}
              - name: tmp
                emptyDir: {}
              - name: auth
                secret:
                  secretName: oc-mirror-pull-secret
                  items:
                  - key: ".dockerconfigjson"
                    path: auth.json
                  - key: ".dockerconfigjson"
                    path: config.json
              - name: ca
                configMap:
                  name: trusted-ca
                  items:
                  - key: ca-bundle.crt
                    path: ca-bundle.crt
              imagePullSecrets:
              - name: quay-registry-auth
              - name: other
    "#);
}

#[test]
fn a_toolbox() {
    insta::assert_snapshot!(yaml(&plan(&["--deploy-mode=deployment"]).unwrap().workload()), @r#"
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: oc-mirror-deployment
      namespace: demo
      labels:
        app.kubernetes.io/name: oc-mirror
        autoshift.io/component: oc-mirror-deployment
    spec:
      replicas: 1
      selector:
        matchLabels:
          app.kubernetes.io/name: oc-mirror
          autoshift.io/component: oc-mirror-deployment
      strategy:
        type: Recreate
      template:
        metadata:
          labels:
            app.kubernetes.io/name: oc-mirror
            autoshift.io/component: oc-mirror-deployment
        spec:
          serviceAccountName: oc-mirror
          automountServiceAccountToken: false
          enableServiceLinks: false
          restartPolicy: Always
          securityContext:
            runAsNonRoot: true
            seccompProfile:
              type: RuntimeDefault
            fsGroupChangePolicy: OnRootMismatch
          containers:
          - name: oc-mirror
            image: quay.io/autoshift/oc-mirror@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            command:
            - sleep
            - "infinity"
            env:
            - name: HOME
              value: /workspace/home
            - name: XDG_RUNTIME_DIR
              value: /workspace/run
            workingDir: /workspace/home
            resources:
              requests:
                cpu: 500m
                memory: 2Gi
              limits:
                memory: 8Gi
            securityContext:
              allowPrivilegeEscalation: false
              capabilities:
                drop:
                - ALL
              runAsNonRoot: true
              seccompProfile:
                type: RuntimeDefault
            volumeMounts:
            - name: config
              mountPath: /workspace/config
              readOnly: true
            - name: content
              mountPath: /workspace/content
            - name: cache
              mountPath: /workspace/cache
            - name: home
              mountPath: /workspace/home
            - name: run
              mountPath: /workspace/run
            - name: tmp
              mountPath: /tmp
            - name: auth
              mountPath: /workspace/run/containers
              readOnly: true
            - name: auth
              mountPath: /workspace/home/.docker
              readOnly: true
          volumes:
          - name: config
            configMap:
              name: oc-mirror-config
          - name: content
            persistentVolumeClaim:
              claimName: oc-mirror-content
          - name: cache
            persistentVolumeClaim:
              claimName: oc-mirror-cache
          - name: home
            emptyDir: {}
          - name: run
            emptyDir: {}
          - name: tmp
            emptyDir: {}
          - name: auth
            secret:
              secretName: oc-mirror-pull-secret
              items:
              - key: ".dockerconfigjson"
                path: auth.json
              - key: ".dockerconfigjson"
                path: config.json
    "#);
}

#[test]
fn claims() {
    let args = ["--storage-class=fast", "--content-size=1Ti", "--cache-size=200Gi"];
    insta::assert_snapshot!(plan(&args).unwrap().claims().iter().map(yaml).collect::<Vec<_>>().join("---\n"), @"
    apiVersion: v1
    kind: PersistentVolumeClaim
    metadata:
      name: oc-mirror-content
      namespace: demo
      labels:
        app.kubernetes.io/name: oc-mirror
        autoshift.io/component: oc-mirror-data
    spec:
      accessModes:
      - ReadWriteOnce
      resources:
        requests:
          storage: 1Ti
      storageClassName: fast
    ---
    apiVersion: v1
    kind: PersistentVolumeClaim
    metadata:
      name: oc-mirror-cache
      namespace: demo
      labels:
        app.kubernetes.io/name: oc-mirror
        autoshift.io/component: oc-mirror-cache
    spec:
      accessModes:
      - ReadWriteOnce
      resources:
        requests:
          storage: 200Gi
      storageClassName: fast
    ");
}

/// What each volume is, and where it is.
fn volumes(args: &[&str]) -> String {
    let workload = plan(args).unwrap().workload();
    let pod = match workload["kind"].as_str() {
        Some("CronJob") => &workload["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        _ => &workload["spec"]["template"]["spec"],
    };
    let container = &pod["containers"][0];
    let content = pod["volumes"].as_array().unwrap().iter().find(|volume| volume["name"] == "content").unwrap();
    let mount = container["volumeMounts"].as_array().unwrap().iter().find(|mount| mount["name"] == "content").unwrap();
    let is_claim = content["persistentVolumeClaim"]["claimName"] == "oc-mirror-content";
    assert!(is_claim || content["emptyDir"].is_object());
    let claims: Vec<Value> = plan(args).unwrap().claims().iter().map(|claim| claim["metadata"]["name"].clone()).collect();
    assert_eq!(claims.contains(&"oc-mirror-content".into()), is_claim, "what is mounted is made, and nothing else");
    format!("{} {}", if is_claim { "claim" } else { "emptyDir" }, mount["mountPath"].as_str().unwrap())
}

#[test]
fn a_dry_run_never_writes_where_archives_lie() {
    let mut shown = Vec::new();
    for mode in ["job", "cronjob", "deployment"] {
        for workflow in ["workflow-to-disk", "workflow-from-disk", "workflow-direct"] {
            for dry_run in ["false", "true"] {
                let args = [format!("--deploy-mode={mode}"), format!("--workflow={workflow}"), format!("--dry-run={dry_run}")];
                let args: Vec<&str> = args.iter().map(String::as_str).chain([TARGET]).collect();
                shown.push(format!("{mode:<10} {workflow:<18} {dry_run:<5} {}", volumes(&args)));
            }
        }
    }
    insta::assert_snapshot!(shown.join("\n"), @"
    job        workflow-to-disk   false claim /workspace/content
    job        workflow-to-disk   true  emptyDir /workspace/content
    job        workflow-from-disk false claim /workspace/content
    job        workflow-from-disk true  claim /workspace/content
    job        workflow-direct    false claim /workspace/workspace
    job        workflow-direct    true  claim /workspace/workspace
    cronjob    workflow-to-disk   false claim /workspace/content
    cronjob    workflow-to-disk   true  emptyDir /workspace/content
    cronjob    workflow-from-disk false claim /workspace/content
    cronjob    workflow-from-disk true  claim /workspace/content
    cronjob    workflow-direct    false claim /workspace/workspace
    cronjob    workflow-direct    true  claim /workspace/workspace
    deployment workflow-to-disk   false claim /workspace/content
    deployment workflow-to-disk   true  claim /workspace/content
    deployment workflow-from-disk false claim /workspace/content
    deployment workflow-from-disk true  claim /workspace/content
    deployment workflow-direct    false claim /workspace/content
    deployment workflow-direct    true  claim /workspace/content
    ");
}

#[test]
fn what_cannot_work_is_refused() {
    let shown: Vec<String> = [
        &["--workflow=workflow-direct"][..],
        &["--workflow=workflow-from-disk", "--dry-run=true"],
        &["--workflow=workflow-direct", TARGET, "--since-date=2026-11-01"],
        &["--since-date=2026-11-01", "--incremental-mode=false"],
        &["--run-uid=$(context.taskRun.uid)"],
        &["--deploy-mode=cronjob", "--wait=true"],
        &["--deploy-mode=deployment", "--wait=true"],
        &["--memory-request=9Gi"],
    ]
    .iter()
    .map(|args| format!("{}\n{}", args.join(" "), told(&plan(args).unwrap_err())))
    .collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    --workflow=workflow-direct
    bad-input: target-registry is missing: workflow-direct mirrors to a registry
    hint: give a registry as registry.example:8443/ocp, or use workflow-to-disk
    --workflow=workflow-from-disk --dry-run=true
    bad-input: target-registry is missing: workflow-from-disk mirrors to a registry
    hint: give a registry as registry.example:8443/ocp, or use workflow-to-disk
    --workflow=workflow-direct --target-registry=registry.example:8443/ocp --since-date=2026-11-01
    bad-input: since-date is about archives, and workflow-direct makes none
    hint: leave since-date out, or use workflow-to-disk
    --since-date=2026-11-01 --incremental-mode=false
    bad-input: since-date is 2026-11-01, and incremental-mode false, which is a full archive
    hint: leave one of the two out
    --run-uid=$(context.taskRun.uid)
    bad-input: run-uid is missing: the Job is named after it
    hint: a pipeline passes $(context.pipelineRun.uid)
    --deploy-mode=cronjob --wait=true
    bad-input: wait is for deploy-mode job: a CronJob has no end
    hint: set wait to false, or deploy-mode to job
    --deploy-mode=deployment --wait=true
    bad-input: wait is for deploy-mode job: a Deployment has no end
    hint: set wait to false, or deploy-mode to job
    --memory-request=9Gi
    bad-input: memory-request is 9Gi, and memory-limit only 8Gi
    hint: ask for no more than the limit
    ");
    // Who is not called after a run needs none.
    plan(&["--deploy-mode=cronjob", "--run-uid=$(context.taskRun.uid)"]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// oc-mirror takes one way at a time, wants to be told that it is version 2, and panics on `REGISTRY_…`.
    #[test]
    fn oc_mirror_can_be_called_so(
        workflow in prop::sample::select(vec!["workflow-to-disk", "workflow-from-disk", "workflow-direct"]),
        mode in prop::sample::select(vec!["job", "cronjob"]),
        incremental in any::<bool>(),
        dry_run in any::<bool>(),
        since in prop::option::of("20[0-9]{2}-0[13-9]-[12][0-9]"),
        ca in any::<bool>(),
    ) {
        let mut args = vec![
            TARGET.to_owned(),
            format!("--workflow={workflow}"),
            format!("--deploy-mode={mode}"),
            format!("--incremental-mode={incremental}"),
            format!("--dry-run={dry_run}"),
        ];
        args.extend(since.map(|day| format!("--since-date={day}")));
        args.extend(ca.then(|| "--ca-configmap=ca".to_owned()));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let Ok(plan) = plan(&args) else { return Ok(()) };
        let list = plan.arguments();
        let has = |flag: &str| list.iter().any(|arg| arg == flag);
        let to_disk = list.last().unwrap().starts_with("file://");
        prop_assert!(list[0] == "--v2" && has("--config"));
        prop_assert_eq!(u8::from(to_disk) + u8::from(has("--from")) + u8::from(has("--workspace")), 1);
        prop_assert!(to_disk || list.last().unwrap().starts_with("docker://registry.example"));
        prop_assert!(!has("--since") || to_disk);
        prop_assert_eq!(has("--dry-run"), dry_run);
        let text = plan.workload().to_string();
        prop_assert!(!text.contains("\"REGISTRY_") && text.contains("\"enableServiceLinks\":false"));
        prop_assert!(!text.contains("runAsUser") && !text.contains('$'));
    }
}
