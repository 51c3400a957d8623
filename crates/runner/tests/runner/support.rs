//! What the tests share: runs from YAML, and the table that answers for tasks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use runner::{
    Binding, Control, Event, Executor, Foreign, Given, Interrupts, Library, Local, Manifests, Observer, Options, Outcome,
    OwnSteps, Place, Plan, Seen, Source, State, Summary, Target, TaskRun,
};
use step::Result;
use tekton::v1::{ParamValue, Step, TaskSpec};

/// A run to make.
pub(crate) struct Case<'c> {
    pub(crate) yaml: &'c str,
    pub(crate) params: &'c [&'c str],
    pub(crate) workspaces: Vec<(&'c str, Source)>,
    pub(crate) jobs: usize,
}

pub(crate) fn case(yaml: &str) -> Case<'_> {
    Case { yaml, params: &[], workspaces: vec![], jobs: 8 }
}

pub(crate) fn library(yaml: &str) -> Library {
    let source = tekton::source::Source::new("test.yaml", yaml);
    let checked = tekton::check::check(&[source], &tekton::check::Options::default());
    let mut library = Library::new();
    assert!(!checked.objects.is_empty(), "{:?}", checked.findings);
    checked.objects.into_iter().for_each(|(_, object)| library.add(object));
    library
}

impl Case<'_> {
    pub(crate) fn plan(&self, executor: &dyn Executor) -> Result<Plan> {
        let library = library(self.yaml);
        let mut params = Given::default();
        self.params.iter().try_for_each(|param| params.add(param))?;
        let workspaces = self.workspaces.iter().map(|(name, source)| ((*name).to_owned(), Binding::new(source.clone())));
        let target = Target {
            request: library.request(None)?,
            params,
            workspaces: workspaces.collect(),
            timeout: None,
            name: Some("run".into()),
        };
        Plan::new(target, library, &Manifests::default(), executor)
    }

    /// Why it does not start.
    pub(crate) fn refusal(&self, executor: &dyn Executor) -> String {
        format!("{:?}", self.plan(executor).map(drop).unwrap_err())
    }

    /// With answers from a table, and what was asked of it.
    pub(crate) fn answered(&self, answers: &[(&str, Answer)]) -> (Summary, Vec<String>) {
        let table = Table::new(answers);
        let plan = self.plan(&table).unwrap_or_else(|error| panic!("{error:?}"));
        let options = Options { jobs: self.jobs, directory: PathBuf::from("/nowhere") };
        let summary = runner::run(&plan, &table, &(), &Interrupts::new(), &options).unwrap();
        (summary, table.asked.into_inner().unwrap())
    }

    /// With processes of this machine.
    pub(crate) fn hosted(&self) -> Hosted {
        self.hosted_with(&Interrupts::new(), |_, _| {})
    }

    /// The same, and `look` at every event.
    pub(crate) fn hosted_with(&self, interrupts: &Interrupts, look: impl Fn(&Event<'_>, &Interrupts) + Sync) -> Hosted {
        let executor = host(Duration::from_millis(300));
        let plan = self.plan(&executor).unwrap_or_else(|error| panic!("{error:?}"));
        let directory = tempfile::tempdir().unwrap();
        let options = Options { jobs: self.jobs, directory: directory.path().to_owned() };
        let lines = Lines { lines: Mutex::default(), look: Box::new(|event| look(event, interrupts)) };
        let summary = runner::run(&plan, &executor, &lines, interrupts, &options).unwrap();
        let lines = lines.lines.into_inner().unwrap();
        Hosted { summary, lines }
    }
}

pub(crate) fn host(grace: Duration) -> Local {
    Local::new(OwnSteps::default(), Foreign::Host, Manifests::default(), grace)
}

pub(crate) struct Hosted {
    pub(crate) summary: Summary,
    /// `task/step | text`, in time's order.
    pub(crate) lines: Vec<String>,
}

struct Lines<'l> {
    lines: Mutex<Vec<String>>,
    look: Box<dyn Fn(&Event<'_>) + Sync + 'l>,
}

impl Observer for Lines<'_> {
    fn event(&self, event: &Event<'_>) {
        if let Event::Line { task, index, step, text } = event {
            let index = index.map_or(String::new(), |index| format!("-{index}"));
            self.lines.lock().unwrap().push(format!("{task}{index}/{step} | {text}"));
        }
        (self.look)(event);
    }
}

/// What the table says of a task.
#[derive(Clone)]
pub(crate) enum Answer {
    Succeeds(Vec<(&'static str, ParamValue)>),
    Fails(i32),
    /// Fails, and has written results before.
    FailsWith(Vec<(&'static str, ParamValue)>),
}

pub(crate) fn succeeds(results: &[(&'static str, &str)]) -> Answer {
    Answer::Succeeds(results.iter().map(|(name, value)| (*name, (*value).into())).collect())
}

pub(crate) struct Table {
    answers: BTreeMap<String, Answer>,
    asked: Mutex<Vec<String>>,
}

impl Table {
    pub(crate) fn new(answers: &[(&str, Answer)]) -> Self {
        let answers = answers.iter().map(|(task, answer)| ((*task).to_owned(), answer.clone())).collect();
        Table { answers, asked: Mutex::default() }
    }
}

impl Executor for Table {
    fn check(&self, _: Place<'_>, _: &TaskSpec, _: &Step) -> Result<()> {
        Ok(())
    }

    fn sees(&self, _: &Step) -> Seen {
        Seen::Container
    }

    fn describe(&self, step: &Step) -> String {
        step.args.join(" ")
    }

    fn uses_files(&self) -> bool {
        false
    }

    fn run(&self, task: &TaskRun, _: &Control<'_>) -> Outcome {
        let args: Vec<String> = task.spec.steps.iter().map(|step| format!("{:?}", step.args)).collect();
        self.asked.lock().unwrap().push(format!("{} {}", task.label(), args.join(" ")));
        let map = |results: Vec<(&'static str, ParamValue)>| results.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        match self.answers.get(&task.label()).or_else(|| self.answers.get(&task.task)).cloned() {
            None => Outcome::succeeded(BTreeMap::new()),
            Some(Answer::Succeeds(results)) => Outcome::succeeded(map(results)),
            Some(Answer::Fails(code)) => Outcome { exit_code: Some(code), ..Outcome::failed("StepFailed", "it failed") },
            Some(Answer::FailsWith(results)) => {
                Outcome { results: map(results), exit_code: Some(1), ..Outcome::failed("StepFailed", "it failed") }
            }
        }
    }
}

/// A summary as lines: each task, then the run.
pub(crate) fn shown(summary: &Summary) -> String {
    let mut lines: Vec<String> = (summary.tasks.iter())
        .map(|task| {
            let results = if task.results.is_empty() { String::new() } else { format!(" {}", json(&task.results)) };
            format!("{}: {} ({}){results}", task.task, word(task.state), task.reason)
        })
        .collect();
    let results = if summary.results.is_empty() { String::new() } else { format!(" {}", json(&summary.results)) };
    lines.push(format!("= {} ({}), exit {}{results}", word(summary.state), summary.reason, summary.exit_code));
    lines.join("\n")
}

pub(crate) fn word(state: State) -> &'static str {
    match state {
        State::Succeeded => "succeeded",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
        State::TimedOut => "timed out",
        State::Skipped => "skipped",
    }
}

fn json(results: &BTreeMap<String, ParamValue>) -> String {
    serde_json::to_string(results).unwrap()
}

/// A Pipeline of inline tasks: YAML of its spec, without `apiVersion` and so on.
pub(crate) fn pipeline(spec: &str) -> String {
    let indented: String = spec.trim_matches('\n').lines().map(|line| format!("  {line}\n")).collect();
    format!("apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {{name: p}}\nspec:\n{indented}")
}

/// A Task that takes `args` as parameter and gives some results.
pub(crate) const TASK: &str = "
---
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: t}
spec:
  params: [{name: args, type: array, default: []}]
  results: [{name: r}, {name: list, type: array}, {name: map, type: object, properties: {k: {}, m: {}}}]
  steps: [{name: s, image: i, command: [c], args: ['$(params.args[*])']}]
";

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}
