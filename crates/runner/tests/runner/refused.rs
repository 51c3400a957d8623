//! What does not start, and what it says.

use runner::{Binding, Event, Foreign, Given, Library, Local, Manifests, Observer, OwnSteps, Plan, Source, Target};
use std::time::Duration;
use tekton::v1::{Pipeline, PipelineSpec, Task, TaskSpec};

use crate::support::{TASK, Table, case, host, library, pipeline};

fn refusal(yaml: &str) -> String {
    case(yaml).refusal(&host(Duration::ZERO))
}

#[test]
fn parameters_and_workspaces() {
    let yaml = pipeline(
        "params: [{name: packages, type: array}, {name: branch}]\nworkspaces: [{name: source}]\ntasks: [{name: a, taskRef: {name: t}}]",
    ) + TASK;
    let mut case = case(&yaml);
    case.params = &["pakages=x", "branch=a", "branch=b"];
    insta::assert_snapshot!(case.refusal(&Table::new(&[])), @r#"
    bad-input: 3 parameters are wrong or missing
    the parameter "branch" of the Pipeline p is a string and is given 2 times; give it once
    the Pipeline p has no parameter "pakages"; did you mean "packages"?
    the Pipeline p needs the parameter "packages"; give it with -p packages='["VALUE"]'
    "#);
    case.params = &["packages=x", "branch=main"];
    case.workspaces = vec![("sauce", Source::Fresh)];
    insta::assert_snapshot!(case.refusal(&Table::new(&[])), @r#"
    bad-input: 2 things keep this from running here
    the Pipeline p has no workspace "sauce"; did you mean "source"?
    the Pipeline p needs the workspace "source"; give its directory with -w source=DIR, or an empty one with -w source=
    "#);
    case.workspaces = vec![("source", Source::Directory("/no/such/directory".into()))];
    insta::assert_snapshot!(case.refusal(&Table::new(&[])), @r#"
    bad-input: the directory /no/such/directory of the workspace "source" is missing
    hint: make it, or give another
    "#);
    case.workspaces = vec![("source", Source::Directory("/dev/null".into()))];
    insta::assert_snapshot!(case.refusal(&Table::new(&[])), @r#"
    bad-input: /dev/null of the workspace "source" is no directory
    hint: give one
    "#);
}

#[test]
fn tasks_that_do_not_fit() {
    let task = "---\napiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: u}\nspec: {params: [{name: must}, {name: list, type: array, default: []}], workspaces: [{name: w}], steps: [{name: s, image: i, command: [c]}]}\n";
    let with = |tasks: &str| refusal(&(pipeline(tasks) + TASK + task));
    insta::assert_snapshot!(with("tasks: [{name: a, taskRef: {name: tt}}]"), @r#"
    bad-input: the task a: there is no Task "tt"
    hint: did you mean "t"?
    "#);
    insta::assert_snapshot!(with("tasks: [{name: a, taskRef: {name: u}}]"), @r#"
    bad-input: the task a: its Task needs the workspace "w", and the Pipeline binds none to it
    hint: bind it in the Pipeline, and give its directory with -w w=DIR
    "#);
    insta::assert_snapshot!(with("workspaces: [{name: x}]\ntasks: [{name: a, taskRef: {name: t}, params: [{name: args, value: text}]}]"), @r#"
    bad-input: the Pipeline p needs the workspace "x"
    hint: give its directory with -w x=DIR, or an empty one with -w x=
    "#);
    insta::assert_snapshot!(with("tasks: [{name: a, taskRef: {name: t}, runAfter: [b]}, {name: b, taskRef: {name: t}, runAfter: [a]}]"), @"bad-input: the tasks a → b wait for each other in a circle");
    insta::assert_snapshot!(with("params: [{name: l, type: array, default: [x]}]\ntasks: [{name: a, taskRef: {name: t}, params: [{name: args, value: [\"$(params.l[3])\"]}]}]"), @"bad-input: the task a: $(params.l[3]) is out of bounds: the parameter l has 1 element");
    insta::assert_snapshot!(with("tasks: [{name: a, taskRef: {name: t}, when: [{cel: \"size('x') ==\"}]}, {name: b, taskRef: {name: t}, when: [{cel: \"quote('x') == 'x'\"}]}]"), @"
    bad-input: 2 things keep this from running here
    the task a: the CEL expression `size('x') ==` cannot be evaluated: ERROR: <input>:1:13: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER} | size('x') == | ............^; put references in quotes, '$(params.x)' == 'a', and use CEL's standard functions and macros only
    the task b: the CEL expression `quote('x') == 'x'` cannot be evaluated: Undeclared reference to 'quote'; put references in quotes, '$(params.x)' == 'a', and use CEL's standard functions and macros only
    ");
}

#[test]
fn what_only_a_cluster_has() {
    let cases = [
        "tasks: [{name: a, taskRef: {resolver: git, params: [{name: url, value: u}]}}]",
        "tasks: [{name: a, taskRef: {apiVersion: example.dev/v1, kind: Wait, name: w}}]",
        "tasks: [{name: a, taskSpec: {apiVersion: example.dev/v1, kind: Wait, spec: {}}}]",
        "tasks: [{name: a, pipelineRef: {name: p}}]",
        "tasks: [{name: a, taskSpec: {sidecars: [{name: db, image: postgres}], steps: [{name: s, image: i, command: [c]}]}}]",
        "tasks: [{name: a, taskSpec: {volumes: [{name: v, csi: {driver: d}}, {name: h, hostPath: {path: /}}], steps: [{name: s, image: i, command: [c]}]}}]",
        "tasks: [{name: a, taskSpec: {steps: [{name: s, image: i, command: [c], env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}]}}]",
        "tasks: [{name: a, taskSpec: {steps: [{name: s, image: i, command: [c], env: [{name: NAME, valueFrom: {secretKeyRef: {name: tokens, key: k}}}]}]}}]",
        "tasks: [{name: a, taskSpec: {volumes: [{name: v, configMap: {name: settings}}], steps: [{name: s, image: i, command: [c]}]}}]",
        "tasks: [{name: a, taskSpec: {volumes: [{name: v, emptyDir: {}}], steps: [{name: s, image: i, command: [c], volumeMounts: [{name: v, mountPath: /cache}]}]}}]",
        "tasks: [{name: a, taskSpec: {steps: [{name: s, image: i, command: [c, $(artifacts.path)], stdoutConfig: {path: /x}}]}}]",
        "tasks: [{name: a, taskSpec: {steps: [{name: s, image: i}]}}]",
    ];
    let said: Vec<_> = cases.map(|tasks| refusal(&pipeline(tasks))).into();
    insta::assert_snapshot!(said.join("\n"), @r#"
    bad-input: the task a takes its Task from the resolver git, which is not asked here
    hint: give the Task's file with -f and refer to it by name
    bad-input: the task a is a custom task, which only its controller on a cluster runs
    bad-input: the task a is a custom task, which only its controller on a cluster runs
    bad-input: the task a is a Pipeline in a Pipeline, which does not run here
    hint: run that Pipeline by itself
    bad-input: the task a has sidecars, which do not run here
    hint: start what they serve before, and pass its address
    bad-input: 2 things keep this from running here
    the task a has the csi volume v, which is not to be had here; there are emptyDir, configMap and secret
    the task a has the hostPath volume h, which is not to be had here; there are emptyDir, configMap and secret
    bad-input: the step s of the task a takes the environment variable NAME from a field of its pod, which is not to be had here
    hint: there are configMapKeyRef and secretKeyRef
    bad-input: the step s of the task a: there is no Secret "tokens" here
    hint: give a directory with a manifest of it: --manifests DIR
    bad-input: the step s of the task a: the volume v: there is no ConfigMap "settings" here
    hint: give a directory with a manifest of it: --manifests DIR
    bad-input: the step s of the task a mounts the volume v at /cache, where a process of this machine cannot have it
    hint: pass what it needs in a workspace, or let a container run it
    bad-input: 2 things keep this from running here
    the step s of the task a writes its output to a file by stdoutConfig or stderrConfig, which is not done here; redirect it in a script
    the step s of the task a uses artifacts ($(artifacts.path)), which are not kept here; use results
    bad-input: the step s of the task a has no command, only its image i knows what it runs
    hint: write its command into the Task, or run it in a container
    "#);
    let run = "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {name: r}\nspec: {status: PipelineRunPending, pipelineRef: {resolver: hub}}\n";
    insta::assert_snapshot!(refusal(run), @"
    bad-input: 2 things keep this from running here
    the PipelineRun takes its Pipeline from the resolver hub, which is not asked here; give the Pipeline's file with -f and refer to it by name
    the PipelineRun has the status PipelineRunPending, with which it does not run; remove spec.status
    ");
    let run = "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {name: r}\nspec: {pipelineSpec: {workspaces: [{name: w}], tasks: [{name: a, taskSpec: {steps: [{name: s, image: i, command: [c]}]}}]}, workspaces: [{name: w, persistentVolumeClaim: {claimName: data}}]}\n";
    insta::assert_snapshot!(refusal(run), @r#"
    bad-input: the run binds the workspace "w" to the volume claim data, which is not on this machine
    hint: give its directory with -w w=DIR, or an empty one with -w w=
    "#);
}

/// The table in the README names a run for each row; a test on a cluster shows that Tekton admits them.
#[test]
fn the_table_in_the_readme() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(here.join("README.md")).unwrap();
    let links = readme
        .lines()
        .filter(|line| line.starts_with("| ["))
        .filter_map(|line| line.split(['(', ')']).find(|part| part.ends_with(".yaml")));
    let mut rows: Vec<_> = links.map(|link| here.join(link).canonicalize().unwrap()).collect();
    rows.sort();
    let directory = here.join("../../tests/e2e/parity/refused").canonicalize().unwrap();
    let mut files: Vec<_> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(rows, files);
    for file in files {
        let refused = refusal(&std::fs::read_to_string(&file).unwrap());
        assert!(refused.starts_with("bad-input: "), "{}: {refused}", file.display());
    }
}

#[test]
fn values_that_look_like_variables() {
    let yaml =
        pipeline("params: [{name: p}]\ntasks: [{name: a, taskRef: {name: t}, params: [{name: args, value: [$(params.p)]}]}]")
            + TASK;
    let mut case = case(&yaml);
    case.params = &["p=$(date)"];
    insta::assert_snapshot!(case.refusal(&Table::new(&[])), @r#"
    bad-input: the task a gets a value with $(date), which Tekton takes for a variable and does not know
    hint: write it in another way
    "#);
    case.params = &["p=${DATE} $5 $(a b) $(tasks"];
    assert!(case.plan(&Table::new(&[])).is_ok());
}

#[test]
fn names() {
    let library = library(&(pipeline("tasks: [{name: a, taskRef: {name: t}}]") + TASK));
    insta::assert_snapshot!(format!("{:?}", library.request(Some("tt")).map(drop).unwrap_err()), @r#"
    not-found: there is no Pipeline or Task "tt"
    hint: did you mean "t"?
    "#);
    insta::assert_snapshot!(format!("{:?}", Library::new().request(None).map(drop).unwrap_err()), @"not-found: there is no Pipeline, PipelineRun, Task or TaskRun in what was given");
    let mut two = library;
    two.add(tekton::check::Object::Pipeline(Box::new(Pipeline::new("q".parse().unwrap(), PipelineSpec::default()))));
    insta::assert_snapshot!(format!("{:?}", two.request(None).map(drop).unwrap_err()), @"
    usage: there are several to run: p, q
    hint: say which with --name NAME
    ");
    assert!(two.request(Some("q")).is_ok());
}

/// Public types can be used as the documentation says: a plan without YAML, an observer.
#[test]
fn a_plan_by_hand() {
    struct Silent;
    impl Observer for Silent {
        fn event(&self, _: &Event<'_>) {}
    }
    let step =
        tekton::v1::Step { name: Some("s".into()), image: Some("i".into()), command: vec!["true".into()], ..Default::default() };
    let task = Task::new("t".parse().unwrap(), TaskSpec { steps: vec![step], ..TaskSpec::default() });
    let target = Target {
        request: runner::Request::Task(Box::new(task)),
        params: Given::default(),
        workspaces: [("w".to_owned(), Binding::new(Source::Fresh))].into(),
        timeout: Some(Duration::ZERO),
        name: None,
    };
    let local = Local::new(OwnSteps::default(), Foreign::Host, Manifests::default(), Duration::from_secs(1));
    let refused = Plan::new(target.clone(), Library::new(), &Manifests::default(), &local).unwrap_err();
    assert_eq!(refused.to_string(), "the Task t has no workspace \"w\"");
    let plan =
        Plan::new(Target { workspaces: Default::default(), ..target }, Library::new(), &Manifests::default(), &local).unwrap();
    assert_eq!(plan.timeouts.pipeline, None);
    let directory = tempfile::tempdir().unwrap();
    let options = runner::Options { jobs: 1, directory: directory.path().to_owned() };
    assert_eq!(runner::run(&plan, &local, &Silent, &runner::Interrupts::new(), &options).unwrap().exit_code, 0);
}
