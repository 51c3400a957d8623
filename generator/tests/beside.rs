//! Objects beside Pipelines, `NAME.cluster.yaml.j2`: what they render to, and that they are held to their kinds' fields.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::Command;

use stepwright::render::{Definition, Options, Rendered};

/// A Pipeline that says little.
const PIPELINE: &str = "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: p
spec:
  workspaces:
  - name: source
  tasks:
  - name: validate
    taskRef:
      name: validate-catalog
    workspaces:
    - name: source
";

fn render(beside: &str) -> (tempfile::TempDir, step::Result<Rendered>) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("pipeline.yaml.j2"), PIPELINE).unwrap();
    std::fs::write(directory.path().join("around.cluster.yaml.j2"), beside).unwrap();
    let definition = Definition::open(directory.path()).unwrap();
    let rendered = definition.render(&definition.values(&[], &[]).unwrap(), &Options::default());
    (directory, rendered)
}

/// All that is said about a template of other objects, without the name of its directory.
fn refused(beside: &str) -> String {
    let (directory, rendered) = render(beside);
    let Err(error) = rendered else { panic!("it renders:\n{beside}") };
    let path = format!("{}/", directory.path().display());
    error.details_text().replace(&path, "")
}

fn infrastructure(sets: &[&str]) -> String {
    let definition = Definition::embedded("oc-mirror-deployment-pipeline").unwrap().unwrap();
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let rendered = definition.render(&definition.values(&[], &sets).unwrap(), &Options::default()).unwrap();
    rendered.beside_yaml("infrastructure").unwrap().unwrap()
}

#[test]
fn the_infrastructure_of_oc_mirror() {
    insta::assert_snapshot!(infrastructure(&[]));
}

#[test]
fn another_target_namespace_has_all_that_the_default_one_has() {
    let other = infrastructure(&["target_namespace=mirror-prod"]);
    // The account is called oc-mirror wherever it is, and labels name the product.
    let same = infrastructure(&[])
        .replace("namespace: oc-mirror\n", "namespace: mirror-prod\n")
        .replace("kind: Namespace\nmetadata:\n  name: oc-mirror\n", "kind: Namespace\nmetadata:\n  name: mirror-prod\n")
        .replace("app.kubernetes.io/name: oc-mirror\n", "app.kubernetes.io/name: mirror-prod\n");
    assert_eq!(other, same);
    assert_eq!(other.matches("namespace: mirror-prod\n").count(), 3, "its account, Role and RoleBinding:\n{other}");
}

#[test]
fn one_namespace_for_both_is_there_once() {
    let text = infrastructure(&["target_namespace=oc-mirror-pipeline", "storage_class=fast"]);
    assert_eq!(text.matches("kind: Namespace\n").count(), 1, "{text}");
    assert!(text.contains("storageClassName: fast"), "{text}");
}

/// The rights that it gives are those that steps declare: no Secret, no wildcard, nothing for the whole cluster.
#[test]
fn rights_are_few() {
    let text = infrastructure(&[]);
    for word in ["secrets", "\"*\"", "'*'", "ClusterRole", "escalate", "impersonate"] {
        assert!(!text.contains(word), "{word}:\n{text}");
    }
    assert_eq!(text.matches("automountServiceAccountToken: false").count(), 1, "the workload's account has no token");
}

#[test]
fn fields_that_there_are_not_are_told_at_their_line() {
    insta::assert_snapshot!(refused("\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: a
rules:
- apiGroups: [\"\"]
  resources: [configmaps]
  verb: [get]
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: b
spec:
  schedule: '@daily'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          serviceaccountName: b
          containers:
          - name: c
            image: c
            securityContext:
              runAsNonroot: true
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: d
spec:
  accessModes: [ReadWriteOnce]
  storageClass: fast
  resources:
    requests:
      storage: 1Gi
"), @"
    around.cluster.yaml.j2:8:3: error[unknown-field]: there is no field `verb` here
        verb: [get]
        ^
    around.cluster.yaml.j2:21:11: error[unknown-field]: there is no field `serviceaccountName` here
        serviceaccountName: b
        ^
    around.cluster.yaml.j2:26:15: error[unknown-field]: there is no field `runAsNonroot` here
        runAsNonroot: true
        ^
    around.cluster.yaml.j2:34:3: error[unknown-field]: there is no field `storageClass` here
        storageClass: fast
        ^
    ");
}

#[test]
fn what_is_no_object_or_none_that_belongs_here_is_refused() {
    insta::assert_snapshot!(refused("\
[% set name = 'token' %]
apiVersion: v1
kind: Secret
metadata:
  name: [[ name ]]
stringData:
  token: abc
---
apiVersion: v1
kind: ReplicationController
metadata:
  name: a
---
apiVersion: v1
kind: ServiceAccount
metadata:
  namespace: a
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: a
spec:
  replicas: two
---
metadata:
  name: a
---
just: text
kind: Namespace
"), @r#"
    around.cluster.yaml.j2:3:1: error[secret-content]: a Secret does not belong into templates
        kind: Secret
        ^
        hint: name it, say what belongs into it, and leave making it to whoever has that
    around.cluster.yaml.j2:10:1: error[misplaced-kind]: v1 ReplicationController is not known here
        kind: ReplicationController
        ^
    around.cluster.yaml.j2:14:1: error[missing-name]: a ServiceAccount needs `metadata.name`
        apiVersion: v1
        ^
    around.cluster.yaml.j2:24:3: error[wrong-type]: invalid type: string "two", expected i32
        replicas: two
        ^
    around.cluster.yaml.j2:26:1: error[misplaced-kind]: what has no `apiVersion` and `kind` does not belong here
        metadata:
        ^
    around.cluster.yaml.j2:29:1: error[misplaced-kind]: what has no `apiVersion` and `kind` does not belong here
        just: text
        ^
    "#);
}

#[test]
fn kinds_of_others_are_left_alone_and_empty_documents_are_none() {
    let text = "\
---
apiVersion: route.openshift.io/v1
kind: Route
metadata:
  name: a
spec:
  whatever: [1]
---
apiVersion: v1
kind: ConfigMap
metadata:
  generateName: a-
data: {}
";
    let (_directory, rendered) = render(text);
    let yaml = rendered.unwrap().beside_yaml("around").unwrap().unwrap();
    insta::assert_snapshot!(yaml, @"
    apiVersion: route.openshift.io/v1
    kind: Route
    metadata:
      name: a
    spec:
      whatever:
      - 1
    ---
    apiVersion: v1
    kind: ConfigMap
    metadata:
      generateName: a-
    data: {}
    ");
}

#[test]
fn a_trigger_template_makes_runs_that_tekton_takes() {
    let template = "\
apiVersion: triggers.tekton.dev/v1beta1
kind: TriggerTemplate
metadata:
  name: a
spec:
  params:
  - name: operator
  resourcetemplates:
  - apiVersion: v1
    kind: ConfigMap
    metadata:
      generateName: a-
  - apiVersion: tekton.dev/v1
    kind: PipelineRun
    metadata:
      generateName: a-
    spec:
      pipelineRef:
        name: p
      taskRunTemplate:
        serviceAccountName: a
      params:
      - name: operator
        value: $(tt.params.operator)
";
    assert!(render(template).1.is_ok());
    let wrong = template.replace("taskRunTemplate:\n        serviceAccountName: a", "serviceAccountName: a");
    insta::assert_snapshot!(refused(&wrong), @"
    around.cluster.yaml.j2:13:5: error[unknown-field]: there is no field `serviceAccountName` here
        - apiVersion: tekton.dev/v1
          ^
        hint: it belongs into `taskRunTemplate`
    ");
    insta::assert_snapshot!(refused(&template.replace("- name: operator\n        value", "- naem: operator\n        value")), @"
    around.cluster.yaml.j2:13:5: error[missing-field]: the field `name` is missing
        - apiVersion: tekton.dev/v1
          ^
    ");
}

fn stepwright(directory: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_stepwright")).args(args).current_dir(directory).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}exit code {}\n", text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

#[test]
fn render_prints_those_that_are_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let said = |args: &[&str]| stepwright(directory.path(), args);
    let infrastructure = infrastructure(&[]);
    assert_eq!(
        said(&["render", "oc-mirror-deployment-pipeline", "--beside", "infrastructure"]),
        format!("{infrastructure}exit code 0\n")
    );
    insta::assert_snapshot!([
        said(&["render", "oc-mirror-deployment-pipeline", "--beside", "nothing"]),
        said(&["render", "copy-image", "--beside", "infrastructure"]),
        said(&["render", "copy-image", "--beside", "infrastructure", "--examples"]),
    ].concat(), @r#"
    error: the pipeline oc-mirror-deployment-pipeline has no objects called "nothing"; hint: there is: infrastructure, schedule, triggers
    exit code 5
    error: the pipeline copy-image has no objects called "infrastructure"; hint: it has none
    exit code 5
    error: the argument '--beside <NAME>' cannot be used with '--examples'; hint: --help shows all parameters
    exit code 2
    "#);
}

/// Beside the Pipeline in the catalog, and not among what is applied with it.
#[test]
fn a_catalog_has_them_in_a_directory_of_their_own() {
    let catalog = stepwright::catalog::catalog(&stepwright::catalog::Options::default()).unwrap();
    let place = Path::new("pipeline/oc-mirror-deployment-pipeline/cluster");
    let names: Vec<String> =
        catalog.keys().filter_map(|path| path.strip_prefix(place).ok()).map(|path| path.display().to_string()).collect();
    assert_eq!(names, ["infrastructure.yaml", "schedule.yaml", "triggers.yaml"]);
    assert!(!catalog[Path::new("kustomization.yaml")].contains("cluster/"));
}
