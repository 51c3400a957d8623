//! `stepwright check` and `stepwright explain` as people meet them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const PIPELINE: &str = "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: clean
spec:
  params:
  - name: unwanted
    type: string
  workspaces:
  - name: catalog
  tasks:
  - name: remove
    taskRef:
      name: remove-operators
    params:
    - name: operator
      value: $(params.unwanted)
    - name: configs-dir
      value: $(params.dir)
    workspaces:
    - name: source
      workspace: catalog
";

/// What a run printed: standard output, standard error, exit code.
fn stepwright(directory: &Path, args: &[&str], stdin: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepwright"));
    command.args(args).current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    format!("{out}---\n{err}[{}]", output.status.code().unwrap())
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

#[test]
fn findings_name_the_place_and_the_way_out() {
    let directory = directory(&[("pipeline.yaml", PIPELINE)]);
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "pipeline.yaml"], ""), @r#"
    pipeline.yaml:16:13: error[unknown-param]: the Task "remove-operators" has no parameter "operator"
        - name: operator
                ^
        hint: did you mean "operators"?
    pipeline.yaml:19:14: error[undeclared-param]: the parameter "dir" is not declared
        value: $(params.dir)
               ^
        hint: add to the params: {name: dir}
    ---
    error: 1 object in 1 file: 2 errors; hint: `stepwright explain unknown-param` says more of such a finding
    [1]
    "#);
}

#[test]
fn good_files_are_counted() {
    let good = PIPELINE.replace("operator\n", "operators\n").replace("$(params.unwanted)", "[$(params.unwanted)]");
    let good = good.replace("$(params.dir)", "configs");
    let directory =
        directory(&[("a.yaml", &good), ("b/config.yaml", "kind: ConfigMap\n"), ("b/.hidden.yaml", "{"), ("c.txt", "{")]);
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "."], ""), @"
    ---
    1 object in 2 files: nothing found
    [0]
    ");
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "a.yaml", "a.yaml", "b/config.yaml"], ""), @"
    ---
    1 object in 2 files: nothing found
    [0]
    ");
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "-"], &good), @"
    ---
    1 object in 1 file: nothing found
    [0]
    ");
}

#[test]
fn warnings_count_when_they_are_denied() {
    let text = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec:\n  params: [{name: jobs, default: 4}]\n  steps: [{image: example.com/make:1, command: [/make], args: [$(params.jobs)]}]\n";
    let directory = directory(&[("t.yaml", text)]);
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "t.yaml"], ""), @r#"
    t.yaml:5:34: warning[value-not-string]: 4 is not a string, but becomes one
        params: [{name: jobs, default: 4}]
                                       ^
        hint: write it in quotes: "4"
    ---
    1 object in 1 file: 1 warning
    [0]
    "#);
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "--deny=warnings", "t.yaml"], ""), @r#"
    t.yaml:5:34: warning[value-not-string]: 4 is not a string, but becomes one
        params: [{name: jobs, default: 4}]
                                       ^
        hint: write it in quotes: "4"
    ---
    error: 1 object in 1 file: 1 warning; hint: `stepwright explain value-not-string` says more of such a finding
    [1]
    "#);
}

#[test]
fn the_level_decides_about_features() {
    let text = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec:\n  steps: [{name: s, image: example.com/make:1, command: [/make], stdoutConfig: {path: /tmp/out}}]\n";
    let directory = directory(&[("t.yaml", text)]);
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "t.yaml"], ""), @"
    t.yaml:5:66: error[feature-level]: copies of a step's output are not enabled on the cluster
        steps: [{name: s, image: example.com/make:1, command: [/make], stdoutConfig: {path: /tmp/out}}]
                                                                       ^
        hint: they need enable-api-fields: alpha in its ConfigMap feature-flags
    ---
    error: 1 object in 1 file: 1 error; hint: `stepwright explain feature-level` says more of such a finding
    [1]
    ");
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "--level=alpha", "t.yaml"], ""), @"
    ---
    1 object in 1 file: nothing found
    [0]
    ");
}

#[test]
fn programs_read_json_and_sarif() {
    let directory = directory(&[("a file.yaml", "apiVersion: tekton.dev/v1\nkind: Taks\nmetadata: {name: t}\n")]);
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "--output=json", "a file.yaml"], ""), @r#"
    [
      {
        "file": "a file.yaml",
        "line": 2,
        "column": 7,
        "severity": "error",
        "rule": "unknown-kind",
        "message": "there is no Taks in tekton.dev/v1",
        "hint": "did you mean \"Task\"?"
      }
    ]
    ---
    error: 0 objects in 1 file: 1 error; hint: `stepwright explain unknown-kind` says more of such a finding
    [1]
    "#);
    let sarif = stepwright(directory.path(), &["check", "--output=sarif", "a file.yaml"], "");
    let (sarif, _) = sarif.split_once("---\n").unwrap();
    let mut sarif: serde_json::Value = serde_json::from_str(sarif).unwrap();
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].take();
    assert!(rules.as_array().unwrap().iter().all(|rule| rule["id"].is_string() && rule["fullDescription"]["text"].is_string()));
    insta::assert_snapshot!(serde_json::to_string_pretty(&sarif["runs"][0]["results"]).unwrap(), @r#"
    [
      {
        "ruleId": "unknown-kind",
        "level": "error",
        "message": {
          "text": "there is no Taks in tekton.dev/v1; hint: did you mean \"Task\"?"
        },
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "a%20file.yaml"
              },
              "region": {
                "startLine": 2,
                "startColumn": 7
              }
            }
          }
        ],
        "ruleIndex": 2
      }
    ]
    "#);
}

#[test]
fn definitions_are_rendered_and_checked_where_they_are() {
    let pipeline = PIPELINE.replace("name: clean\n", "name: [[ values.name ]]\n");
    let directory = directory(&[
        ("pipelines/clean/pipeline.yaml.j2", pipeline.as_str()),
        ("pipelines/clean/values.yaml", "name: {type: string, default: clean, description: Its name.}\n"),
    ]);
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "pipelines"], ""), @r#"
    pipelines/clean/pipeline.yaml.j2:16:13: error[unknown-param]: the Task "remove-operators" has no parameter "operator"
        - name: operator
                ^
        hint: did you mean "operators"?
    pipelines/clean/pipeline.yaml.j2:19:14: error[undeclared-param]: the parameter "dir" is not declared
        value: $(params.dir)
               ^
        hint: add to the params: {name: dir}
    ---
    error: 0 objects in 1 file: 2 errors; hint: `stepwright explain unknown-param` says more of such a finding
    [1]
    "#);
}

#[test]
fn what_cannot_be_read_is_told() {
    let directory = directory(&[("bad.yaml", "a: [\n")]);
    std::fs::write(directory.path().join("latin1.yaml"), b"a: 1\nb: \xe9\n").unwrap();
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "nope.yaml"], ""), @"
    ---
    error: there is no file nope.yaml
    [5]
    ");
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "latin1.yaml"], ""), @"
    ---
    error: latin1.yaml:2 is not UTF-8; hint: save it as UTF-8 text
    [3]
    ");
    insta::assert_snapshot!(stepwright(directory.path(), &["check", "bad.yaml"], ""), @"
    bad.yaml:1:4: error[yaml-syntax]: this is not YAML: unclosed bracket '['
        a: [
           ^
    ---
    error: 0 objects in 1 file: 1 error; hint: `stepwright explain yaml-syntax` says more of such a finding
    [1]
    ");
    insta::assert_snapshot!(stepwright(directory.path(), &["check"], ""), @"
    ---
    error: the following required arguments were not provided: <FILE>...; hint: --help shows all parameters
    [2]
    ");
}

#[test]
fn a_rule_is_explained() {
    insta::assert_snapshot!(stepwright(Path::new("."), &["explain", "unknown-param"], ""), @r#"
    error[unknown-param]: A value is given only for a parameter that there is.

    Tekton ignores other values by design, so a misspelt optional parameter keeps its default, and nobody is told.

    Nobody else tells.

    For example:

        apiVersion: tekton.dev/v1
        kind: Task
        metadata:
          name: make
        spec:
          params:
          - name: target
            default: all
          steps:
          - image: example.com/make:1
            command: [/make]
            args: [$(params.target)]
        ---
        apiVersion: tekton.dev/v1
        kind: Pipeline
        metadata:
          name: build
        spec:
          tasks:
          - name: compile
            taskRef:
              name: make
            params:
            - name: tagret
              value: docs

        example.yaml:24:13: error[unknown-param]: the Task "make" has no parameter "tagret"
            - name: tagret
                    ^
            hint: did you mean "target"?

    Mended:

        apiVersion: tekton.dev/v1
        kind: Task
        metadata:
          name: make
        spec:
          params:
          - name: target
            default: all
          steps:
          - image: example.com/make:1
            command: [/make]
            args: [$(params.target)]
        ---
        apiVersion: tekton.dev/v1
        kind: Pipeline
        metadata:
          name: build
        spec:
          tasks:
          - name: compile
            taskRef:
              name: make
            params:
            - name: target
              value: docs
    ---
    [0]
    "#);
    insta::assert_snapshot!(stepwright(Path::new("."), &["explain", "unknown-parm"], ""), @r#"
    ---
    error: there is no rule "unknown-parm"; hint: did you mean "unknown-param"?
    [5]
    "#);
    let list = stepwright(Path::new("."), &["explain"], "");
    assert_eq!(list.lines().count(), tekton::rules::all().count() + 4, "{list}");
}
