//! The same run by `stepwright run` and by Tekton: what comes of it must be the same.
//!
//! Each `*.yaml` beside this file is a run of a small pipeline. All are created on the cluster at once, and while Tekton
//! works, they run here. What both did is told in the same words, and compared.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod here;
mod refused;
mod there;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What came of a run, in words that both sides share.
#[derive(Debug, Default)]
struct Told {
    /// How the run ended, and its results.
    run: String,
    /// Each task, and each run of a matrix.
    tasks: BTreeMap<String, String>,
    /// `a before b`, where the pipeline wants it so and both have run: whether it was.
    order: BTreeMap<String, bool>,
}

/// A run of a small pipeline.
struct Case {
    name: String,
    file: PathBuf,
    /// The run, and before it what it refers to.
    objects: Vec<Value>,
}

#[test]
fn what_runs_here_runs_as_on_tekton() {
    let cases = cases(directory());
    let namespace = there::Namespace::new();
    namespace.create(&cases);
    let mut here: Vec<Told> = cases.iter().map(here::told).collect();
    let mut all = String::new();
    let mut differences = String::new();
    for (case, here) in cases.iter().zip(&mut here) {
        let there = namespace.told(case).unwrap_or_else(|error| Told { run: error.to_string(), ..Told::default() });
        // When the time of the whole run is over, Tekton does not come to telling what it skipped.
        let is_skip = |told: &String| told.starts_with("skipped");
        if there.run.starts_with("PipelineRunTimeout") && !there.tasks.values().any(is_skip) {
            here.tasks.retain(|_, told| !is_skip(told));
        }
        let _ = writeln!(all, "{}\n{there}", case.name);
        differences.push_str(&difference(&case.name, &here.to_string(), &there.to_string()));
        for (side, told) in [("here", &*here), ("there", &there)] {
            let wrong = told.order.iter().filter(|(_, kept)| !**kept);
            differences.extend(wrong.map(|(order, _)| format!("{}: {side}: not {order}\n", case.name)));
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
    // So that a reader sees it, and that nothing is equal because it is not told.
    insta::with_settings!({ snapshot_path => ".", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("told", all);
    });
}

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/parity"))
}

/// The YAML files of a directory.
fn cases(directory: &Path) -> Vec<Case> {
    let mut files: Vec<PathBuf> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let case = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let objects = serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Case { name: file.file_stem().unwrap().to_string_lossy().into_owned(), file, objects }
    };
    files.into_iter().map(case).collect()
}

/// `stepwright ARGS`, where podman is the stand-in.
fn stepwright(home: &Path) -> Command {
    let program = std::env::var_os("STEPWRIGHT").expect("STEPWRIGHT is not set: run this by `make e2e`");
    let mut command = Command::new(program);
    command.current_dir(home).env_clear().env("TMPDIR", home);
    command.env("PATH", format!("{}:/usr/bin:/bin", directory().display()));
    command
}

/// The lines that only one side has.
fn difference(name: &str, here: &str, there: &str) -> String {
    let mut text = String::new();
    let mut only = |side: &str, own: &str, other: &str| {
        for line in own.lines().filter(|line| !other.lines().any(|other| other == *line)) {
            let _ = writeln!(text, "{name}: {side}: {}", line.trim());
        }
    };
    only("here ", here, there);
    only("there", there, here);
    text
}

impl Case {
    fn run(&self) -> &Value {
        self.objects.last().unwrap()
    }

    /// Pairs of tasks of which the first ends before the second begins: `runAfter`, and everything before `finally`.
    fn order(&self) -> Vec<(String, String)> {
        let mut spec = self.objects.iter().map(|object| match object["kind"].as_str() {
            Some("Pipeline") => &object["spec"],
            _ => &object["spec"]["pipelineSpec"],
        });
        let spec = spec.rfind(|spec| spec.is_object()).unwrap();
        let tasks = |field: &str| spec[field].as_array().cloned().unwrap_or_default();
        let name = |task: &Value| task["name"].as_str().unwrap().to_owned();
        let mut pairs = Vec::new();
        for task in tasks("tasks") {
            let before = task["runAfter"].as_array().cloned().unwrap_or_default();
            pairs.extend(before.iter().map(|before| (before.as_str().unwrap().to_owned(), name(&task))));
            pairs.extend(tasks("finally").iter().map(|last| (name(&task), name(last))));
        }
        pairs
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "  = {}", self.run)?;
        self.tasks.iter().try_for_each(|(name, told)| writeln!(f, "  {name}: {told}"))?;
        let pairs: Vec<_> = self.order.keys().map(String::as_str).collect();
        if pairs.is_empty() { Ok(()) } else { writeln!(f, "  order: {}", pairs.join(", ")) }
    }
}
