//! The command line of `stepwright` itself.

use crate::support::stepwright;

#[test]
fn help_lists_the_verbs() {
    insta::assert_snapshot!(stepwright(&["--help"]), @"
    exit code: 0
    ----- stdout
    Tekton pipelines for operator catalogs, mirrors, images and packages, as small static steps

    Usage: stepwright <COMMAND>

    Commands:
      step         Runs a step here, with its binary's command line
      task         Prints a step's Task, and what belongs to it
      render       Renders a pipeline: its Tasks and Pipelines, ready for `oc apply -f -`
      test         Tests Pipelines against tables of cases, without executing anything
      check        Checks Tekton YAML harder than Tekton does
      explain      Explains a rule of check, with an example; without a rule, lists them
      graph        Draws a Pipeline: what runs, when, and what is handed over
      run          Runs a Pipeline or Task on this machine, without a cluster
      start        Starts a Pipeline in a cluster, and follows it to its end
      image        Builds and pushes the images of steps
      catalog      Writes the catalog: Tasks, Pipelines, RBAC and samples, for `oc apply -k`
      completions  Prints the shell's completions for stepwright and all steps
      man          Writes the man pages of stepwright and all steps

    Options:
      -h, --help     Print help
      -V, --version  Print version
    ");
    insta::assert_snapshot!(stepwright(&["step", "--help"]), @"
    exit code: 0
    ----- stdout
    Runs a step here, with its binary's command line

    Usage: stepwright step <COMMAND>

    Commands:
      await-pipelinerun             Waits for the PipelineRun of a commit, on this or another cluster,
                                    and ends as it does.
      copy-image                    Copies an image to one or more registries.
      create-index                  Makes one image of several that were built for a platform each.
      inspect-image                 Says what an image is: digest, platforms, labels.
      plan-image-build              Says what a build task is told, once for each platform.
      pull-artifact                 Pulls the files of an artifact into a directory.
      push-artifact                 Pushes files to a registry as one artifact.
      create-deployment-configmaps  Writes the values file and the ImageSetConfiguration into the
                                    ConfigMaps that oc-mirror's workload reads.
      deploy-workload               Runs oc-mirror in the cluster: once, by a schedule, or as a toolbox.
      generate-imageset             Makes the ImageSetConfiguration that oc-mirror mirrors by.
      get-current-image             Says which image of oc-mirror is current.
      prepare-mirror                Makes ready what oc-mirror needs: its image, its
                                    ImageSetConfiguration, its ConfigMaps.
      remove-operators              Takes operators out of an operator catalog and its index database.
      update-image-configmap        Records in a ConfigMap which image of oc-mirror was built.
      validate-catalog              Says whether a file-based operator catalog is valid.

    Options:
      -h, --help  Print help
    ");
}

#[test]
fn a_misspelt_step_is_told_the_right_one() {
    insta::assert_snapshot!(stepwright(&["step", "remove-operator"]), @"
    exit code: 2
    ----- stderr
    error: unrecognized subcommand 'remove-operator'; hint: did you mean remove-operators?; --help shows all parameters
    ");
    insta::assert_snapshot!(stepwright(&["task", "remove-operator"]), @"
    exit code: 2
    ----- stderr
    error: invalid value 'remove-operator' for '<STEP>' [possible values: await-pipelinerun, copy-image, create-index, inspect-image, plan-image-build, pull-artifact, push-artifact, create-deployment-configmaps, deploy-workload, generate-imageset, get-current-image, prepare-mirror, remove-operators, update-image-configmap, validate-catalog]; hint: did you mean remove-operators?
    ");
}

#[test]
fn a_step_has_one_command_line_in_both_binaries() {
    let ran = stepwright(&["step", "validate-catalog", "--help"]);
    insta::assert_snapshot!(ran, @r#"
    exit code: 0
    ----- stdout
    Says whether a file-based operator catalog is valid.

    The verdict is that of `opm validate` in the version asked for. Where opm stops at the first error
    of some kinds, this step reports all of them at once, sorted, so that one run shows everything there
    is to mend. A catalog with errors fails the step with exit code 1.

    The directory is read as opm reads it: every file is part of the catalog, whatever its name, unless
    an `.indexignore` file says otherwise.

    Usage: validate-catalog [OPTIONS] --source <DIR>

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Parameters:
          --catalog-dir <PATH>
              The catalog's directory, below the workspace `source`
              
              [default: configs]

          --opm-version <VERSION>
              The opm version whose rules apply: `v1.48.0`, also written `opm-v1.48.0`
              
              [default: v1.73.0]

          --max-file-size <BYTES>
              The largest catalog file that is read, in bytes
              
              [default: 268435456]

    Workspaces:
          --source <DIR>
              Where the catalog is

    Logging:
          --log-level <LEVEL>
              How much is logged

              Possible values:
              - error: Only what ended the run
              - warn:  What may need attention too
              - info:  What is being done
              - debug: How it is done
              
              [default: info]

          --log-format <FORMAT>
              How log lines look

              Possible values:
              - text: Lines for people
              - json: One JSON object a line, with time, level, message and fields
              
              [default: text]

    An empty value means "not given".

    Exit codes:
        0  done
        1  what was examined has faults
        2  the command line is wrong
        3  the input data is wrong
        4  not authorised
        5  not found
        6  it changed under us
        7  the other side failed, also after retries
        8  time ran out
       70  this machine failed (disk full), or there is a bug here
      143  cancelled by SIGTERM or SIGINT
    "#);
}

#[test]
fn completions_know_the_parameters() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = stepwright(&["completions", shell]);
        assert!(ran.code == 0 && ran.stdout.contains("fail-if-missing"), "{shell}");
    }
}

#[test]
fn man_pages_are_written_for_every_step() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(stepwright(&["man", &dir.path().join("man").to_string_lossy()]).code, 0);
    let page = std::fs::read_to_string(dir.path().join("man/remove-operators.1")).unwrap();
    assert!(page.contains("fail\\-if\\-missing") && page.contains("143"), "{page}");
    assert!(dir.path().join("man/stepwright.1").exists());
}

#[test]
fn output_may_be_closed_early() {
    use std::process::Stdio;
    let mut child =
        crate::support::command(&["task", "remove-operators"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
