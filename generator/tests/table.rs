//! `stepwright test`: what cases that hold, fail, and do not fit look like.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// What a command prints in a directory, and its exit code.
fn test(directory: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_stepwright")).arg("test").args(arguments).current_dir(directory).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    format!("{}{}exit {}", text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

fn here() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/table"))
}

/// The Pipeline `release` with other cases.
fn release(cases: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in ["pipeline.yaml", "tasks.yaml"] {
        std::fs::copy(here().join("release").join(file), directory.path().join(file)).unwrap();
    }
    std::fs::write(directory.path().join("tests.yaml"), cases).unwrap();
    directory
}

#[test]
fn cases_that_hold() {
    insta::assert_snapshot!(test(here(), &["release"]), @"
    ok      release: all goes well
    ok      release: nothing is pushed
    ok      release: a build fails
    3 passed, 0 failed
    exit 0
    ");
}

#[test]
fn the_cases_of_the_pipelines_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    insta::assert_snapshot!(test(&root, &[]), @"
    ok      copy-image: an image is copied to two registries
    ok      copy-image: what can be said of a copy goes to the task
    ok      copy-image: registries that anybody may use need no workspace
    ok      copy-image: a copy whose pod was lost goes on in another one
    ok      copy-image: without retries a failed copy is the end
    ok      copy-image: destinations are data and never flags
    ok      oc-mirror-build-pipeline: one platform is one build
    ok      oc-mirror-build-pipeline: two platforms are two builds, and one image of both
    ok      oc-mirror-build-pipeline: platforms that cannot be built are refused before anything is
    ok      oc-mirror-build-pipeline: a build that fails moves no tag and records nothing
    ok      oc-mirror-deployment-pipeline: what the defaults say
    ok      oc-mirror-deployment-pipeline: the parameters of the original's document go where they belong
    ok      oc-mirror-deployment-pipeline: the image runs by its digest, and the ConfigMap is the one that was written
    ok      oc-mirror-deployment-pipeline: a run that waits ends as oc-mirror does
    ok      oc-mirror-deployment-pipeline: nothing is deployed of what cannot be mirrored
    ok      oc-mirror-deployment-pipeline: values files of a directory, and manifests in the place of a cluster
    ok      oc-mirror-deployment-pipeline: rendered for a fleet, its repository is the default
    ok      remove-operators: a catalog in a directory is validated, then edited
    ok      remove-operators: what both steps take, both get
    ok      remove-operators: a catalog on a branch is not here to be validated before
    ok      remove-operators: nothing is validated when nobody wants it
    ok      remove-operators: a catalog that is broken already is not touched
    ok      remove-operators: without retries a failed removal is the end
    ok      remove-operators: a removal whose pod was lost is tried again
    ok      remove-operators: operators are data and never flags
    25 passed, 0 failed
    exit 0
    ");
}

#[test]
fn one_case_is_asked_for() {
    insta::assert_snapshot!(test(here(), &["release", "--filter", "pushed"]), @"
    ok      release: nothing is pushed
    1 passed, 0 failed
    exit 0
    ");
    insta::assert_snapshot!(test(here(), &["release", "--filter", "nowhere"]), @r#"
    error: there is no case with "nowhere" in its name
    exit 5
    "#);
}

const FAILING: &str = "\
cases:
- name: everything is otherwise
  params: {platforms: [amd64, arm64], push: 'true'}
  workspaces: [source]
  given:
    clone: {failures: 1, results: {COMMIT: c0ffee}}
    build: {each: [{IMAGE: a}, {IMAGE: b}]}
  expect:
    status: Completed
    results: {COMMIT: decaf}
    skipped: {announce: when}
    runs:
      clone: {attempts: 1, after: [push]}
      build:
        args: [--commit=c0ffee, --platform=amd64]
        each: [{platform: amd64}, {platform: s390x}, {platform: arm64}]
      push:
        after: [announce]
        params: {images: [a]}
        args: ['--message=built from c0ffee', --, a, c, b]
- name: what was to run is skipped
  params: {platforms: []}
  workspaces: [source]
  given: {clone: {results: {COMMIT: c0ffee}}}
  expect:
    runs: {build: {}}
    skipped: {push: any}
- name: a result that nobody writes
  params: {platforms: [amd64]}
  workspaces: [source]
- name: more than there is
  params: {platforms: [amd64]}
  workspaces: [source]
  given: {clone: {results: {COMMIT: a}}, build: {each: [{IMAGE: a}, {IMAGE: b}]}}
";

#[test]
fn cases_that_fail() {
    let directory = release(FAILING);
    insta::assert_snapshot!(test(directory.path(), &["."]), @r#"
    FAILED  release: everything is otherwise
        ./tests.yaml:9:13: status
          - Completed
          + Succeeded
        ./tests.yaml:10:23: result COMMIT
          - decaf
          + c0ffee
        ./tests.yaml:11:25: announce
          - skipped: when
          + runs
        ./tests.yaml:13:25: clone: attempts
          - 1
          + 2
        ./tests.yaml:13:36: clone: order
          - waits for push
          + waits for nothing
        ./tests.yaml:15:15: build[1]: args
            --commit=c0ffee
          - --platform=amd64
          + --platform=arm64
        ./tests.yaml:16:15: build: combinations
            platform=amd64
          - platform=s390x
            platform=arm64
        ./tests.yaml:18:17: push: order
          - waits for announce
          + waits for build, clone
        ./tests.yaml:19:26: push: param images
          - ["a"]
          + ["a","b"]
        ./tests.yaml:20:15: push: args
          - --message=built from c0ffee
          + --message=built\nfrom c0ffee
            --
            a
          - c
            b
    FAILED  release: what was to run is skipped
        ./tests.yaml:26:19: build
          - runs
          + skipped: empty-matrix
    FAILED  release: a result that nobody writes
        ./tests.yaml:28:3: status
          - Succeeded or Completed
          + PipelineValidationFailed: failed: build
          + build: it uses the result COMMIT of the task clone, which succeeded without writing it
    FAILED  release: more than there is
        ./tests.yaml:34:56: build: combinations
          - 2
          + 1
    0 passed, 4 failed
    (- is what was expected, + what came of it)
    no case of release expects anything of: notify
    error: 4 of 4 cases failed
    exit 1
    "#);
}

#[test]
fn cases_that_fail_in_json() {
    let directory = release(FAILING);
    insta::assert_snapshot!(test(directory.path(), &[".", "-o", "json", "--filter", "was to run"]), @r#"
    {
      "passed": 0,
      "failed": 1,
      "cases": [
        {
          "pipeline": "release",
          "file": "./tests.yaml",
          "line": 21,
          "name": "what was to run is skipped",
          "ok": false,
          "differences": [
            {
              "what": "build",
              "line": 26,
              "column": 19,
              "expected": [
                "runs"
              ],
              "got": [
                "skipped: empty-matrix"
              ]
            }
          ]
        }
      ],
      "uncovered": {
        "release": [
          "notify"
        ]
      }
    }
    error: 1 of 1 cases failed
    exit 1
    "#);
}

/// A test that says of a Task what is not so would be worse than none.
#[test]
fn cases_that_do_not_fit() {
    let directory = release(
        "\
cases:
- name: names
  params: {platform: [amd64], push: [a]}
  workspaces: [sources]
  given:
    clone: {failures: 3, results: {COMIT: a}}
    biuld: {}
    build: {each: [{IMAGE: [a]}]}
    push: {each: [{}]}
  expect:
    results: {COMMITS: a}
    skipped: {push: any, pusch: when}
    runs:
      push: {params: {image: a, images: text}}
      build: {after: [klone], steps: {built: []}}
      announce: {args: [hello]}
      notify: {each: [{stat: a}]}
",
    );
    insta::assert_snapshot!(test(directory.path(), &["."]), @r#"
    ./tests.yaml:3:11: error[missing-param]: the param "platforms" has no default and is not given
        params: {platform: [amd64], push: [a]}
                ^
        hint: give it in `params`
    ./tests.yaml:3:12: error[unknown-param]: the pipeline release has no param "platform"
        params: {platform: [amd64], push: [a]}
                 ^
        hint: did you mean `platforms`?
    ./tests.yaml:3:37: error[wrong-type]: the param "push" is a string, and this is an array
        params: {platform: [amd64], push: [a]}
                                          ^
    ./tests.yaml:4:15: error[missing-workspace]: the workspace "source" is not optional and is not bound
        workspaces: [sources]
                    ^
        hint: name it in `workspaces`
    ./tests.yaml:4:16: error[unknown-workspace]: the pipeline release has no workspace "sources"
        workspaces: [sources]
                     ^
        hint: did you mean `source`?
    ./tests.yaml:6:23: error[impossible]: 3 failures are more than its 2 retries
        clone: {failures: 3, results: {COMIT: a}}
                          ^
        hint: write `status: Failed` for one that never succeeds
    ./tests.yaml:6:36: error[unknown-result]: the Task of "clone" has no result "COMIT"
        clone: {failures: 3, results: {COMIT: a}}
                                       ^
        hint: did you mean `COMMIT`?
    ./tests.yaml:7:5: error[unknown-task]: the pipeline release has no task "biuld"
        biuld: {}
        ^
        hint: did you mean `build`?
    ./tests.yaml:8:28: error[wrong-type]: the result "IMAGE" is a string, and this is an array
        build: {each: [{IMAGE: [a]}]}
                               ^
    ./tests.yaml:9:12: error[impossible]: the task "push" has no matrix
        push: {each: [{}]}
               ^
        hint: write `results`
    ./tests.yaml:11:15: error[unknown-result]: the pipeline release has no result "COMMITS"
        results: {COMMITS: a}
                  ^
        hint: did you mean `COMMIT`?
    ./tests.yaml:12:15: error[impossible]: the task "push" cannot both run and be skipped
        skipped: {push: any, pusch: when}
                  ^
    ./tests.yaml:12:26: error[unknown-task]: the pipeline release has no task "pusch"
        skipped: {push: any, pusch: when}
                             ^
        hint: did you mean `push`?
    ./tests.yaml:14:23: error[unknown-param]: the Task of "push" has no param "image"
        push: {params: {image: a, images: text}}
                        ^
        hint: did you mean `images`?
    ./tests.yaml:14:41: error[wrong-type]: the param "images" is an array, and this is a string
        push: {params: {image: a, images: text}}
                                          ^
    ./tests.yaml:15:23: error[unknown-task]: the pipeline release has no task "klone"
        build: {after: [klone], steps: {built: []}}
                        ^
        hint: did you mean `clone`?
    ./tests.yaml:15:39: error[unknown-step]: the Task of "build" has no step "built"
        build: {after: [klone], steps: {built: []}}
                                        ^
        hint: did you mean `build`?
    ./tests.yaml:16:18: error[impossible]: the Task of "announce" has 2 steps
        announce: {args: [hello]}
                   ^
        hint: write `steps: {NAME: […]}`
    ./tests.yaml:17:24: error[unknown-param]: the Task of "notify" has no param "stat"
        notify: {each: [{stat: a}]}
                         ^
        hint: did you mean `status`?
    error: cases in .: 19 errors
    exit 3
    "#);
}

#[test]
fn files_that_are_not_cases() {
    let wrong = |cases: &str| {
        let directory = release(cases);
        test(directory.path(), &["."])
    };
    insta::assert_snapshot!(wrong("cases:\n- name: a\n  param: {}\n  expect:\n    skiped: {}\n    status: Fine\n"), @r#"
    ./tests.yaml:3:3: error[unknown-field]: there is no field `param` here
        param: {}
        ^
        hint: did you mean `params`?
    ./tests.yaml:5:5: error[unknown-field]: there is no field `skiped` here
        skiped: {}
        ^
        hint: did you mean `skipped`?
    ./tests.yaml:6:13: error[unknown-value]: `status` wants "Succeeded", "Completed" or "Failed", not "Fine"
        status: Fine
                ^
    error: cases in .: 3 errors
    exit 3
    "#);
    insta::assert_snapshot!(wrong("cases:\n- name: a\n  workspaces: [source]\n  params: {platforms: [a]}\n  expect: {skipped: {push: whim}}\n"), @r#"
    ./tests.yaml:5:28: error[unknown-value]: `push` wants "any", "when", "parent", "missing-result", "stopping", "timed-out" or "empty-matrix", not "whim"
        expect: {skipped: {push: whim}}
                                 ^
    error: cases in .: 1 error
    exit 3
    "#);
    insta::assert_snapshot!(wrong("pipeline: relase\ncases:\n- name: a\n  values: {x: 1}\n- name: b\n"), @r#"
    ./tests.yaml:4:3: error[impossible]: there is no template here that takes values
        values: {x: 1}
        ^
    ./tests.yaml:1:11: error[unknown-pipeline]: there is no Pipeline "relase"
        pipeline: relase
                  ^
        hint: did you mean `release`?
    error: cases in .: 2 errors
    exit 3
    "#);
    insta::assert_snapshot!(wrong("cases:\n- name: a\n- name: a\n"), @r#"
    ./tests.yaml:3:9: error[duplicate-name]: there is a case "a" already
        - name: a
                ^
    error: cases in .: 1 error
    exit 3
    "#);
    insta::assert_snapshot!(wrong("cases: [\n"), @"
    ./tests.yaml:1:8: error[yaml-syntax]: this is not YAML: unclosed bracket '['
        cases: [
               ^
    error: cases in .: 1 error
    exit 3
    ");
    insta::assert_snapshot!(wrong(""), @"
    ./tests.yaml:1:1: error[missing-field]: there are no cases
    error: cases in .: 1 error
    exit 3
    ");
}

#[test]
fn where_there_are_no_cases() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("empty")).unwrap();
    insta::assert_snapshot!(test(directory.path(), &["empty"]), @"
    error: empty has no tests.yaml and no *.test.yaml; hint: write one; docs/table-tests.md says how
    exit 5
    ");
    insta::assert_snapshot!(test(directory.path(), &["nothing"]), @"
    error: there is no directory nothing, and no pipelines/nothing; hint: cases stand beside a definition: give its directory
    exit 5
    ");
    insta::assert_snapshot!(test(directory.path(), &[]), @"
    error: cannot read pipelines: No such file or directory (os error 2); hint: give the directory of a definition, or run this where `pipelines` is
    exit 5
    ");
}

#[test]
fn values_of_a_case_go_to_the_templates() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("p")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join("p").join(name), text).unwrap();
    write("values.yaml", "retries: {type: integer, default: 0}\n");
    write(
        "pipeline.yaml.j2",
        "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n  tasks:\n  - name: t\n    retries: [[ values.retries ]]\n    \
         taskSpec: {steps: [{name: s, image: example/i, command: [a]}]}\n",
    );
    write(
        "retries.test.yaml",
        "cases:\n- name: once\n  expect: {runs: {t: {attempts: 1}}}\n- name: again\n  values: {retries: 1}\n  given: {t: {failures: 1}}\n  \
         expect: {runs: {t: {attempts: 2}}}\n",
    );
    insta::assert_snapshot!(test(directory.path(), &["p"]), @"
    ok      p: once
    ok      p: again
    2 passed, 0 failed
    exit 0
    ");
    write("wrong.test.yaml", "cases:\n- name: wrong\n  values: {retrys: 1}\n");
    insta::assert_snapshot!(test(directory.path(), &["p"]), @r#"
    --set retrys=1: error[unknown-value]: there is no value retrys
        hint: did you mean `retries`?
    error: case "wrong": values of pipeline p: 1 error
    exit 3
    "#);
}
