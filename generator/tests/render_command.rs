//! `stepwright render` as people call it: what it prints and writes, and its exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs `stepwright` in an empty directory.
fn stepwright(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stepwright")).args(args).current_dir(directory).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}exit code {}\n", String::from_utf8_lossy(&output.stderr), output.status.code().unwrap())
}

#[test]
fn what_is_printed_can_be_applied() {
    let directory = tempfile::tempdir().unwrap();
    let kinds = |args: &[&str]| {
        let output = stepwright(directory.path(), args);
        assert!(output.status.success(), "{}", said(&output));
        assert!(output.stderr.is_empty(), "{}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let documents = text.split("---\n").map(|document| {
            let line = |start| document.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
            format!("{} {}", line("kind: "), line("  name: "))
        });
        documents.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(kinds(&["render", "remove-operators"]), @"
    kind: Task   name: remove-operators
    kind: Task   name: validate-catalog
    kind: Pipeline   name: remove-operators
    ");
    insta::assert_snapshot!(kinds(&["render", "remove-operators", "--examples"]), @"
    kind: PipelineRun 
    kind: PipelineRun
    ");
}

#[test]
fn files_are_laid_out_as_a_catalog() {
    let directory = tempfile::tempdir().unwrap();
    let args = ["render", "remove-operators", "-o", "catalog", "--images", "registry.example:5000/steps"];
    insta::assert_snapshot!(said(&stepwright(directory.path(), &args)), @"
    wrote catalog/task/remove-operators/remove-operators.yaml
    wrote catalog/task/validate-catalog/validate-catalog.yaml
    wrote catalog/pipeline/remove-operators/remove-operators.yaml
    wrote catalog/pipeline/remove-operators/samples/pipelinerun-git.yaml
    wrote catalog/pipeline/remove-operators/samples/pipelinerun.yaml
    exit code 0
    ");
    let read = |path: &str| std::fs::read_to_string(directory.path().join("catalog").join(path)).unwrap();
    let task = stepwright(directory.path(), &["task", "validate-catalog", "--images", "registry.example:5000/steps"]);
    assert_eq!(read("task/validate-catalog/validate-catalog.yaml"), String::from_utf8(task.stdout).unwrap());
    let whole = String::from_utf8(stepwright(directory.path(), &[&args[..2], &args[4..]].concat()).stdout).unwrap();
    assert!(whole.ends_with(&read("pipeline/remove-operators/remove-operators.yaml")));
}

#[test]
fn a_definition_here_comes_before_the_one_in_the_binary() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().join("pipelines/remove-operators");
    std::fs::create_dir_all(&here).unwrap();
    std::fs::write(here.join("pipeline.yaml.j2"), "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: [[ name ]]\n")
        .unwrap();
    insta::assert_snapshot!(said(&stepwright(directory.path(), &["render", "remove-operators"])), @"
    pipelines/remove-operators/pipeline.yaml.j2:4:12: error[undefined]: `name` is undefined
        name: [[ name ]]
                 ^
        hint: a template knows `values`, `steps`, `images` and `version`, and what it sets itself
    error: pipeline remove-operators: 1 error
    exit code 3
    ");
    insta::assert_snapshot!(said(&stepwright(&here, &["render", "."])), @"
    ./pipeline.yaml.j2:4:12: error[undefined]: `name` is undefined
        name: [[ name ]]
                 ^
        hint: a template knows `values`, `steps`, `images` and `version`, and what it sets itself
    error: pipeline remove-operators: 1 error
    exit code 3
    ");
}

#[test]
fn what_cannot_be_rendered_is_told_with_an_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("prod.yaml"), "git:\n  ulr: x\n").unwrap();
    let said = |args: &[&str]| said(&stepwright(directory.path(), args));
    insta::assert_snapshot!(said(&["render", "remove-operator"]), @r#"
    error: there is no pipeline "remove-operator"; hint: did you mean `remove-operators`?
    exit code 5
    "#);
    insta::assert_snapshot!(said(&["render", "."]), @"
    error: . has no pipeline.yaml.j2; hint: give the directory of one definition; pipelines/README.md says what belongs there
    exit code 5
    ");
    insta::assert_snapshot!(said(&["render", "no/where"]), @r#"
    error: there is no pipeline "no/where"; hint: give the directory of a definition, or the name of one
    exit code 5
    "#);
    insta::assert_snapshot!(said(&["render", "remove-operators", "-f", "prod.yaml", "--set", "retries=two"]), @r#"
    --set retries=two: error[wrong-type]: retries is an integer, not the string "two"
    prod.yaml:2:3: error[unknown-value]: there is no value git.ulr
        ulr: x
        ^
        hint: there is: url, branch, secret
    error: values of pipeline remove-operators: 2 errors
    exit code 3
    "#);
    insta::assert_snapshot!(said(&["render", "remove-operators", "--set", "retries=", "--set", "=1", "--set", "git..url=x"]), @"
    --set =1: error[invalid-argument]: a name is empty
        hint: write --set NAME=VALUE
    --set git..url=x: error[invalid-argument]: a name is empty
        hint: write --set NAME=VALUE
    --set retries=: error[wrong-type]: retries is an integer, not nothing
    error: values of pipeline remove-operators: 3 errors
    exit code 3
    ");
    for images in
        ["", "a b", "ghcr.io/x:tag", "ghcr.io/x/", "ghcr.io/x@sha256:0", "/x", "ghcr.io//x", "ghcr.io:port/x", "ghcr.io/X"]
    {
        let said = said(&["render", "remove-operators", "--images", images]);
        assert!(said.contains(&format!("--images: error[invalid-images]: {images:?} is no place of images")), "{said}");
    }
    insta::assert_snapshot!(said(&["render", "remove-operators", "--set", "images=a b"]), @r#"
    the value images: error[invalid-images]: "a b" is no place of images
        hint: write REGISTRY/PREFIX, without a tag, as in ghcr.io/stepwright
    error: pipeline remove-operators: 1 error
    exit code 3
    "#);
    insta::assert_snapshot!(said(&["render", "remove-operators", "-f", "dev.yaml"]), @"
    error: cannot read dev.yaml: No such file or directory (os error 2)
    exit code 5
    ");
    insta::assert_snapshot!(said(&["render", "remove-operators", "-o", "x", "--examples"]), @"
    error: the argument '--output-dir <DIR>' cannot be used with '--examples'; hint: --help shows all parameters
    exit code 2
    ");
}
