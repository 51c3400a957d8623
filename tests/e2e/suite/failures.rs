//! What goes wrong in a step is known outside of its pod.

use e2e::Namespace;
use serde_json::Value;

use crate::git::{Forge, arguments, url};

/// The exit code of a TaskRun's step, and the result ERROR.
fn failure(task_run: &Value) -> (&Value, &str) {
    let results = task_run["status"]["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let error = results.iter().find(|result| result["name"] == "ERROR").unwrap_or_else(|| panic!("no ERROR in {task_run:#}"));
    (&task_run["status"]["steps"][0]["terminated"]["exitCode"], error["value"].as_str().unwrap())
}

#[test]
fn the_exit_code_and_the_error_of_a_step_reach_its_taskrun_and_whoever_started_it() {
    let forge = Forge::new();
    let server = forge.server().start();
    let namespace = Namespace::new("failure");
    let (before, url) = (forge.head(), url(&server));
    let mut args = arguments(&url, r#"operators=["kube-green"]"#);
    args.iter_mut().filter(|arg| **arg == "branch=main").for_each(|arg| *arg = "branch=no-such-branch");

    let ended = namespace.start(&args).expect(5);

    let task_run = namespace.task_run(&ended.name);
    let (code, error) = failure(&task_run);
    assert_eq!(code, 5);
    assert!(error.contains("has no branch no-such-branch"), "{error}");
    assert!(ended.told.lines().last().is_some_and(|line| !line.is_empty()), "{}", ended.told);
    assert!(ended.told.contains(error.lines().next().unwrap()), "{error} in {}", ended.told);
    assert_eq!(forge.head(), before);
}

#[test]
fn what_looks_like_a_flag_is_an_operator_s_name_and_none() {
    let forge = Forge::new();
    let server = forge.server().start();
    let namespace = Namespace::new("flag");
    let (before, url) = (forge.head(), url(&server));

    let ended = namespace.start(&arguments(&url, r#"operators=["kube-green", "--validate=false"]"#)).expect(3);

    let task_run = namespace.task_run(&ended.name);
    assert_eq!(task_run["status"]["steps"][0]["terminated"]["exitCode"], 3);
    assert!(ended.told.contains("\"--validate=false\" is not a package name"), "{}", ended.told);
    assert_eq!(forge.head(), before);
}

#[test]
fn what_looks_like_a_variable_is_data_or_refused() {
    let forge = Forge::new();
    let server = forge.server().start();
    let namespace = Namespace::new("variable");
    let (before, url) = (forge.head(), url(&server));

    // Tekton puts the run's name in its place, which is then a name as any other: no operator is called that.
    let ended = namespace.start(&arguments(&url, r#"operators=["$(context.pipelineRun.name)"]"#)).expect(0);
    assert_eq!(ended.result("NOT_FOUND"), ended.name);
    assert_eq!(ended.result("CHANGED"), "false");

    // A kubelet that expanded it would give a directory's name, Tekton a URL: neither is a package's, and neither comes.
    for operator in ["$(HOME)", "$(params.git-url)"] {
        let ended = namespace.start(&arguments(&url, &format!(r#"operators=["kube-green", "{operator}"]"#))).expect(3);
        let is_refused = ended.told.contains(&format!("\"{operator}\" is not a package name"));
        assert!(is_refused || ended.told.contains("invalid variable reference"), "{}", ended.told);
    }
    assert_eq!(forge.head(), before);
}
