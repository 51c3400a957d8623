//! What a Pipeline does in a case: the runner's own engine carries it out, and tasks are answered for from the table.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use runner::{
    Binding, Control, Executor, Given as Params, Interrupts, Library, Manifests, Options, Outcome, Place, Plan, Request, Seen,
    Source, Summary, Target, TaskRun,
};
use step::Result;
use tekton::check::Object;
use tekton::v1::{ParamValue, Step, TaskSpec};

use super::file::{Case, End, Given};
use super::subject::Subject;

/// What came of a case.
#[derive(Debug)]
pub(super) struct Observed {
    /// How tasks and the run ended.
    pub(super) summary: Summary,
    /// Every attempt, in the order of tasks and combinations.
    pub(super) calls: Vec<Call>,
}

/// An attempt at a task.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) task: String,
    /// Which combination of a matrix.
    pub(super) index: usize,
    pub(super) attempt: u32,
    pub(super) params: BTreeMap<String, ParamValue>,
    /// The arguments of each step.
    pub(super) steps: Vec<(String, Vec<String>)>,
}

/// Runs a case.
///
/// # Errors
/// The run does not start; the message says why.
pub(super) fn simulate(subject: &Subject, case: &Case) -> Result<Observed> {
    let mut library = Library::new();
    for task in &subject.tasks {
        library.add(Object::Task(Box::new(task.clone())));
    }
    for action in &subject.step_actions {
        library.add(Object::StepAction(Box::new(action.clone())));
    }
    let mut params = Params::default();
    for (name, value) in &case.params {
        params.set(name, value.clone());
    }
    let target = Target {
        request: Request::Pipeline(Box::new(subject.pipeline.clone())),
        params,
        workspaces: case.workspaces.iter().map(|name| (name.clone(), Binding::new(Source::Fresh))).collect(),
        // The table answers at once.
        timeout: None,
        name: Some(subject.pipeline.name().to_owned()),
    };
    let table = Table { given: &case.given, calls: Mutex::default() };
    let plan = Plan::new(target, library, &Manifests::default(), &table)?;
    let options = Options { jobs: 1, directory: PathBuf::new() };
    let summary = runner::run(&plan, &table, &(), &Interrupts::default(), &options)?;
    let mut calls = table.calls.into_inner().unwrap_or_else(PoisonError::into_inner);
    calls.sort_by(|a, b| (&a.task, a.index, a.attempt).cmp(&(&b.task, b.index, b.attempt)));
    Ok(Observed { summary, calls })
}

/// Does no work, and says what came of it.
struct Table<'c> {
    given: &'c BTreeMap<String, Given>,
    calls: Mutex<Vec<Call>>,
}

impl Executor for Table<'_> {
    fn check(&self, _: Place<'_>, _: &TaskSpec, _: &Step) -> Result<()> {
        Ok(())
    }

    fn sees(&self, _: &Step) -> Seen {
        Seen::Container
    }

    fn describe(&self, step: &Step) -> String {
        step.name.clone().unwrap_or_default()
    }

    fn uses_files(&self) -> bool {
        false
    }

    fn run(&self, task: &TaskRun, _: &Control<'_>) -> Outcome {
        let steps = task.spec.steps.iter().map(|step| (step.name.clone().unwrap_or_default(), step.args.clone())).collect();
        let index = task.index.unwrap_or_default();
        let call = Call { task: task.task.clone(), index, attempt: task.attempt, params: task.params.clone(), steps };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        let Some(given) = self.given.get(&task.task) else { return Outcome::succeeded(BTreeMap::new()) };
        if task.attempt < given.failures {
            return Outcome::failed("Failed", "the case lets this attempt fail");
        }
        let results = given.each.get(index).unwrap_or(&given.results).clone();
        match given.status {
            End::Succeeded => Outcome::succeeded(results),
            End::Failed => Outcome { results, ..Outcome::failed("Failed", "the case lets it fail") },
        }
    }
}
