//! `stepwright run` from the outside: its output, exit codes and signals; our own steps, and containers by a stand-in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

const PIPELINE: &str = r#"apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: greet
spec:
  params:
  - name: who
  - name: titles
    type: array
    default: []
  results:
  - name: greeting
    value: $(tasks.greet.results.greeting)
  tasks:
  - name: greet
    params:
    - name: who
      value: $(params.who)
    taskSpec:
      params:
      - name: who
      results:
      - name: greeting
      steps:
      - name: write
        image: busybox:1
        env:
        - name: WHO
          value: $(params.who)
        script: |
          echo "greeting $WHO"
          printf %s "Hello, $WHO" > $(results.greeting.path)
  - name: formal
    when:
    - input: $(params.who)
      operator: in
      values: [Countess]
    runAfter: [greet]
    taskSpec:
      steps:
      - name: bow
        image: busybox:1
        command: ["true"]
  finally:
  - name: leave
    retries: 1
    timeout: 1m
    params:
    - name: how
      value: $(tasks.status)
    taskSpec:
      params:
      - name: how
      steps:
      - name: say
        image: busybox:1
        command: [echo, $(params.how)]
"#;

/// `stepwright run` in a directory with the Pipeline, and nothing of who runs the tests.
struct Bench(TempDir);

impl Bench {
    fn new(yaml: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("p.yaml"), yaml).unwrap();
        std::fs::create_dir(directory.path().join("bin")).unwrap();
        std::fs::create_dir(directory.path().join("tmp")).unwrap();
        // No podman and docker of this machine: only these, and what a test adds.
        for tool in ["sh", "echo", "true", "sleep"] {
            std::os::unix::fs::symlink(Path::new("/bin").join(tool), directory.path().join("bin").join(tool)).unwrap();
        }
        Bench(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepwright-under-test"));
        command.arg("run").args(args).current_dir(self.path()).env_clear().env("PATH", self.path().join("bin"));
        command.env("TMPDIR", self.path().join("tmp")).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap(), self)
    }

    fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// With names and times that are the same in every run.
    fn of(output: &Output, bench: &Bench) -> Self {
        let text = |bytes: &[u8]| plain(&String::from_utf8_lossy(bytes), bench);
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

fn plain(text: &str, bench: &Bench) -> String {
    let text = text.replace(&bench.path().display().to_string(), "DIR");
    let mut out = String::new();
    for line in text.lines() {
        let words = line.split_inclusive([' ', ',', '"', '}', ';', '/']).map(|word| {
            let (body, end) = word.split_at(word.trim_end_matches([' ', ',', '"', '}', ';', '/']).len());
            if body.starts_with("greet-run-") {
                format!("greet-run-XXXXX{end}")
            } else if body.starts_with("stepwright-greet-") {
                format!("LOGS{end}")
            } else if body.parse::<f64>().is_ok() && body.contains('.') && !body.starts_with('"') {
                format!("N{end}")
            } else {
                word.to_owned()
            }
        });
        let line: String = words.collect();
        let line = match line.split_once("\"milliseconds\":") {
            Some((before, after)) => {
                format!("{before}\"milliseconds\":N{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
            }
            None => line,
        };
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[test]
fn results_on_stdout_and_what_happens_on_stderr() {
    let bench = Bench::new(PIPELINE);
    let ran = bench.run(&["p.yaml", "--host", "-p", "who=Ada, of Lovelace", "--logs", "logs"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "{\"greeting\":\"Hello, Ada, of Lovelace\"}\n"), "{}", ran.stderr);
    insta::assert_snapshot!(ran.stderr, @"
    greet: started as greet-run-XXXXX
    greet: started
    greet/write | greeting Ada, of Lovelace
    greet: succeeded after N s
    formal: skipped: When Expressions evaluated to false
    leave: started
    leave/say | Completed
    leave: succeeded after N s

    greet   succeeded    N s  Succeeded
    formal  skipped          -  When Expressions evaluated to false
    leave   succeeded    N s  Succeeded
    succeeded (Completed) after N s; logs: logs
    ");
    let log = std::fs::read_to_string(bench.path().join("logs/greet.log")).unwrap();
    assert_eq!(log, "write | greeting Ada, of Lovelace\n");
    assert_eq!(std::fs::read_dir(bench.path().join("tmp")).unwrap().count(), 0, "nothing is left in TMPDIR");
}

#[test]
fn json_events() {
    let bench = Bench::new(PIPELINE);
    let ran = bench.run(&["p.yaml", "--host", "-p", "who=Ada", "-o", "json", "-j", "1"]);
    insta::assert_snapshot!(ran.stdout, @r#"
    {"event":"started","pipeline":"greet","run":"greet-run-XXXXX","directory":"DIR/tmp/LOGS","tasks":["greet","formal","leave"]}
    {"event":"task-started","task":"greet","attempt":0}
    {"event":"step-started","task":"greet","step":"write"}
    {"event":"step-finished","task":"greet","step":"write","state":"succeeded","exit-code":0,"milliseconds":N}
    {"event":"task-finished","task":"greet","state":"succeeded","reason":"Succeeded","milliseconds":N,"results":{"greeting":"Hello, Ada"}}
    {"event":"task-skipped","task":"formal","reason":"When Expressions evaluated to false"}
    {"event":"task-started","task":"leave","attempt":0}
    {"event":"step-started","task":"leave","step":"say"}
    {"event":"step-finished","task":"leave","step":"say","state":"succeeded","exit-code":0,"milliseconds":N}
    {"event":"task-finished","task":"leave","state":"succeeded","reason":"Succeeded","milliseconds":N,"results":{}}
    {"event":"finished","state":"succeeded","reason":"Completed","milliseconds":N,"results":{"greeting":"Hello, Ada"},"exit-code":0}
    "#);
    insta::assert_snapshot!(ran.stderr, @"
    greet/write | greeting Ada
    leave/say | Completed
    ");
}

#[test]
fn a_dry_run_shows_command_lines_and_does_nothing() {
    let bench = Bench::new(PIPELINE);
    let ran = bench.run(&["p.yaml", "--host", "--dry-run", "-p", "who=Ada"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!(ran.stdout, @r#"
    greet, as greet-run-XXXXX
    timeouts: all 1h

    wave 1
      greet
        write: /bin/sh SCRIPT

    wave 2
      formal
        after: greet
        when: "Ada" in ["Countess"]
        bow: true

    finally
      leave
        retries: 1
        timeout: 1m
        say: echo '$(tasks.status)'
    "#);
    assert_eq!(std::fs::read_dir(bench.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn what_keeps_it_from_starting() {
    let bench = Bench::new(PIPELINE);
    std::fs::write(bench.path().join("bad.yaml"), PIPELINE.replace("runAfter: [greet]", "runAfter: [great]")).unwrap();
    let cases: [(&[&str], i32); 8] = [
        (&["p.yaml", "-p", "who=Ada"], 3),
        (&["p.yaml", "--host", "-p", "whom=Ada"], 3),
        (&["p.yaml", "--host", "-p", "who"], 2),
        (&["p.yaml", "--host", "-w", "x=/nowhere", "-p", "who=Ada"], 3),
        (&["--file", "p.yaml", "gret", "--host"], 5),
        (&["no-such-pipeline"], 5),
        (&[], 2),
        (&["bad.yaml", "--host", "-p", "who=Ada"], 1),
    ];
    let mut said = String::new();
    for (args, code) in cases {
        let ran = bench.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{args:?}: {}", ran.stderr);
        said.push_str(&format!("$ run {}\n{}", args.join(" "), ran.stderr));
    }
    insta::assert_snapshot!(said, @r#"
    $ run p.yaml -p who=Ada
    the step write of the task greet needs a container of busybox:1, and podman is not on PATH, docker is not on PATH; install podman, or pass --host to run its command as a process of this machine, unprotected
    the step bow of the task formal needs a container of busybox:1, and podman is not on PATH, docker is not on PATH; install podman, or pass --host to run its command as a process of this machine, unprotected
    the step say of the task leave needs a container of busybox:1, and podman is not on PATH, docker is not on PATH; install podman, or pass --host to run its command as a process of this machine, unprotected
    error: 3 things keep this from running here
    $ run p.yaml --host -p whom=Ada
    the Pipeline greet has no parameter "whom"; did you mean "who"?
    the Pipeline greet needs the parameter "who"; give it with -p who=VALUE
    error: 2 parameters are wrong or missing
    $ run p.yaml --host -p who
    error: the parameter "who" is not NAME=VALUE; hint: write -p name=value; for a list repeat it, or write -p 'name=["a","b"]'
    $ run p.yaml --host -w x=/nowhere -p who=Ada
    the Pipeline greet has no workspace "x"; it has no workspaces
    the directory /nowhere of the workspace "x" is missing; make it, or give another
    error: 2 things keep this from running here
    $ run --file p.yaml gret --host
    error: there is no Pipeline or Task "gret"; hint: did you mean "greet"?
    $ run no-such-pipeline
    error: there is no pipeline, step or file "no-such-pipeline"; hint: there is: await-pipelinerun, copy-image, create-deployment-configmaps, create-index, deploy-workload, generate-imageset, get-current-image, inspect-image, oc-mirror-build-pipeline, oc-mirror-deployment-pipeline, plan-image-build, prepare-mirror, pull-artifact, push-artifact, remove-operators, update-image-configmap, validate-catalog
    $ run 
    error: nothing to run is given; hint: give a definition's name, a file with Tekton YAML, or a step's name
    $ run bad.yaml --host -p who=Ada
    bad.yaml:38:16: error[unknown-task]: no task is called "great"
        runAfter: [great]
                   ^
        hint: did you mean "greet"?
    error: 1 error, so nothing was started; hint: `stepwright explain unknown-task` says more of such a finding
    "#);
}

#[test]
fn parameters_from_a_file_and_the_command_line() {
    let yaml = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: echo}\nspec:\n  params: [{name: a}, {name: list, type: array}, {name: o, type: object, properties: {k: {}}}]\n  results: [{name: said}]\n  steps: [{name: s, image: i, script: 'printf \"%s\" \"$*\" > $(results.said.path)', args: [$(params.a), \"$(params.list[*])\", $(params.o.k)]}]\n";
    let bench = Bench::new(yaml);
    std::fs::write(bench.path().join("params.yaml"), "a: from file\nlist: [1x, two three]\no: {k: v}\n").unwrap();
    let ran = bench.run(&["p.yaml", "--host", "--params-file", "params.yaml", "-p", "a=from, here"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "{\"said\":\"from, here 1x two three v\"}\n"), "{}", ran.stderr);
}

#[test]
fn a_failure_shows_the_last_lines_and_has_the_steps_code() {
    let yaml = PIPELINE.replace("printf %s", "echo 'no greeting today'; exit 4; printf %s");
    let bench = Bench::new(&yaml);
    let ran = bench.run(&["p.yaml", "--host", "-p", "who=Ada"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (4, "{}\n"));
    insta::assert_snapshot!(ran.stderr, @r#"
    greet: started as greet-run-XXXXX
    greet: started
    greet/write | greeting Ada
    greet/write | no greeting today
    greet/write: failed with exit code 4
    greet: failed after N s: StepFailed: "step-write" exited with code 4
    formal: skipped: PipelineRun was stopping
    leave: started
    leave/say | Failed
    leave: succeeded after N s

    last lines of greet:
      write | greeting Ada
      write | no greeting today

    greet   failed       N s  StepFailed
    formal  skipped          -  PipelineRun was stopping
    leave   succeeded    N s  Succeeded
    failed after N s; logs: DIR/tmp/LOGS
    error: the run failed: the task greet: "step-write" exited with code 4; hint: the logs are in DIR/tmp/LOGS
    "#);
}

#[test]
fn secrets_stay_out_of_logs_and_results() {
    let yaml = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: leak}\nspec:\n  results: [{name: said}]\n  steps: [{name: s, image: i, env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: t, key: token}}}, {name: PLAIN, valueFrom: {configMapKeyRef: {name: c, key: k}}}], script: 'echo \"token $TOKEN $PLAIN\"; printf %s \"$TOKEN\" > $(results.said.path)'}]\n";
    let bench = Bench::new(yaml);
    let manifests = bench.path().join("cluster");
    std::fs::create_dir(&manifests).unwrap();
    std::fs::write(manifests.join("a.yaml"), "kind: Secret\nmetadata: {name: t}\nstringData: {token: hunter2hunter2}\n---\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: v}\n").unwrap();
    let ran = bench.run(&["p.yaml", "--host", "--manifests", "cluster", "--logs", "logs"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "{\"said\":\"***\"}\n"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(bench.path().join("logs/leak.log")).unwrap(), "s | token *** v\n");
    assert!(!ran.stderr.contains("hunter2"));
}

/// A stand-in for podman that says what it was asked for, and answers as the real one.
fn podman(bench: &Bench, script: &str) {
    let path = bench.path().join("bin/podman");
    std::fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn containers_have_tektons_paths() {
    let yaml = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: greet}\nspec:\n  workspaces: [{name: src, readOnly: true}]\n  results: [{name: r}]\n  volumes: [{name: cache, emptyDir: {}}]\n  steps:\n  - name: s\n    image: registry.example/tool:1\n    command: [tool, --quiet]\n    args: [$(workspaces.src.path), $(results.r.path)]\n    env: [{name: A, value: b c}]\n    workingDir: $(workspaces.src.path)\n    volumeMounts: [{name: cache, mountPath: /cache}]\n";
    let bench = Bench::new(yaml);
    podman(&bench, "test \"$1\" = version && exit 0; for arg; do echo \"$arg\"; done");
    std::fs::create_dir(bench.path().join("src")).unwrap();
    let ran = bench.run(&["p.yaml", "-w", "src=src"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let asked: Vec<_> = ran
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("greet/s | "))
        .map(|line| {
            // The run's directory has a new name each time.
            match (line.find("stepwright-run-"), line.find("/tasks/")) {
                (Some(start), Some(end)) => format!("{}RUN{}", &line[..start], &line[end..]),
                _ => line.to_owned(),
            }
        })
        .collect();
    insta::assert_snapshot!(asked.join("\n"), @"
    run
    --rm
    --name
    greet-run-XXXXX
    --volume
    DIR/tmp/RUN/tasks/greet.0/tekton/results:/tekton/results
    --volume
    DIR/tmp/RUN/tasks/greet.0/tekton/steps:/tekton/steps
    --volume
    DIR/tmp/RUN/tasks/greet.0/tekton/home:/tekton/home
    --volume
    DIR/tmp/RUN/tasks/greet.0/tekton/scripts:/tekton/scripts:ro
    --volume
    DIR/tmp/RUN/tasks/greet.0/workspace:/workspace
    --volume
    DIR/src:/workspace/src:ro
    --volume
    DIR/tmp/RUN/tasks/greet.0/volumes/cache:/cache
    --env
    A=b c
    --workdir
    /workspace/src
    --entrypoint
    tool
    registry.example/tool:1
    --quiet
    /workspace/src
    /tekton/results/r
    ");
}

#[test]
fn a_podman_that_does_not_work_is_told_of() {
    let bench = Bench::new(PIPELINE);
    podman(&bench, "echo 'Error: no user namespaces' >&2; exit 125");
    let ran = bench.run(&["p.yaml", "-p", "who=Ada"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("podman does not work (Error: no user namespaces)"), "{}", ran.stderr);
}

#[test]
fn a_step_of_ours_runs_without_an_image() {
    let bench = Bench::new(PIPELINE);
    let sample = tests::make_sample(&bench.path().join("sample")).unwrap();
    let workspace = format!("source={}", sample.work.display());
    let ran = bench.run(&["validate-catalog", "-w", &workspace]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let results: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_ne!(results["PACKAGES"].as_str().unwrap().parse::<u32>().unwrap(), 0);
    // The same by a definition, which has the step and others.
    let ran = bench.run(&["remove-operators", "-w", &workspace, "-p", "operators=chisel"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!sample.work.join("configs/chisel").exists());
}

fn slow(bench: &Bench) -> String {
    PIPELINE.replace("printf %s", &format!("echo $$ > {}/pid; echo ready; sleep 60; printf %s", bench.path().display())).replace(
        "command: [echo, $(params.how)]",
        "script: |\n          echo \"ready $(params.how)\"\n          test ! -e \"$HANG\" || sleep 60",
    )
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap().success());
}

/// Signals at every line with `ready` in it, and gives what was said and the exit code.
fn signalled(bench: &Bench, name: &str, hang: bool) -> (i32, String) {
    std::fs::write(bench.path().join("p.yaml"), slow(bench)).unwrap();
    let mut command = bench.command(&["p.yaml", "--host", "-p", "who=Ada"]);
    if hang {
        std::fs::write(bench.path().join("hang"), "").unwrap();
        command.env("HANG", bench.path().join("hang"));
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    let mut line = String::new();
    while stderr.read_line(&mut line).unwrap() > 0 {
        if line.contains("| ready") && (hang || !line.contains("leave")) {
            signal(&child, name);
        }
        said.push_str(&line);
        line.clear();
    }
    (child.wait().unwrap().code().unwrap_or(-1), plain(&said, bench))
}

#[test]
fn ctrl_c_stops_tasks_and_runs_finally() {
    let bench = Bench::new(PIPELINE);
    let (code, said) = signalled(&bench, "INT", false);
    assert_eq!(code, 143, "{said}");
    insta::assert_snapshot!(said, @"
    greet: started as greet-run-XXXXX
    greet: started
    greet/write | greeting Ada
    greet/write | ready
    warning: the run is cancelled: its tasks are being stopped, then finally runs; another Ctrl-C ends everything
    formal: skipped: PipelineRun was gracefully cancelled
    greet: cancelled after N s: TaskRunCancelled: the run was cancelled
    leave: started
    leave/say | ready Failed
    leave: succeeded after N s

    greet   cancelled    N s  TaskRunCancelled
    formal  skipped          -  PipelineRun was gracefully cancelled
    leave   succeeded    N s  Succeeded
    cancelled after N s; logs: DIR/tmp/LOGS
    error: the run was cancelled; hint: the logs are in DIR/tmp/LOGS
    ");
    let pid = std::fs::read_to_string(bench.path().join("pid")).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim()));
    assert!(status.map_or(true, |status| status.contains("State:\tZ")), "no child is left");
}

#[test]
fn a_second_signal_ends_finally() {
    let bench = Bench::new(PIPELINE);
    let (code, said) = signalled(&bench, "TERM", true);
    assert_eq!(code, 143, "{said}");
    assert!(said.contains("leave: cancelled after"), "{said}");
}

#[test]
fn a_closed_output_is_no_panic() {
    let bench = Bench::new(PIPELINE);
    let mut child = bench.start(&["p.yaml", "--host", "-p", "who=Ada", "-o", "json"]);
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
}
