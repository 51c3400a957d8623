//! What can be run and referred to: Tasks, Pipelines and StepActions by name.

use std::collections::BTreeMap;

use step::{Error, Result};
use tekton::check::Object;
use tekton::finding::nearest;
use tekton::v1::{Pipeline, PipelineRun, StepActionSpec, Task, TaskRun, TaskSpec};

/// Objects by name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    tasks: BTreeMap<String, Task>,
    /// Tasks that are there without being given.
    known: BTreeMap<String, Task>,
    pipelines: BTreeMap<String, Pipeline>,
    step_actions: BTreeMap<String, StepActionSpec>,
    pipeline_runs: Vec<PipelineRun>,
    task_runs: Vec<TaskRun>,
}

/// What to run: an object, or one of a library by name.
#[derive(Clone, Debug)]
pub enum Request {
    /// A Pipeline.
    Pipeline(Box<Pipeline>),
    /// A PipelineRun with what it says itself.
    PipelineRun(Box<PipelineRun>),
    /// A Task.
    Task(Box<Task>),
    /// A TaskRun with what it says itself.
    TaskRun(Box<TaskRun>),
}

impl Library {
    /// Without anything in it.
    pub fn new() -> Self {
        Library::default()
    }

    /// Adds an object; a later one replaces one of the same name.
    pub fn add(&mut self, object: Object) {
        match object {
            Object::Task(task) => drop(self.tasks.insert(task.name().to_owned(), *task)),
            Object::Pipeline(pipeline) => drop(self.pipelines.insert(pipeline.name().to_owned(), *pipeline)),
            Object::StepAction(action) => drop(self.step_actions.insert(action.name().to_owned(), action.spec)),
            Object::PipelineRun(run) => self.pipeline_runs.push(*run),
            Object::TaskRun(run) => self.task_runs.push(*run),
        }
    }

    /// Adds a Task that can be referred to although nobody gave it.
    pub fn add_known(&mut self, task: Task) {
        self.known.insert(task.name().to_owned(), task);
    }

    /// The Task of this name.
    pub fn task(&self, name: &str) -> Result<&TaskSpec> {
        let found = self.tasks.get(name).or_else(|| self.known.get(name)).map(|task| &task.spec);
        found.ok_or_else(|| absent("Task", name, self.tasks.keys().chain(self.known.keys())))
    }

    pub(crate) fn pipeline(&self, name: &str) -> Result<&Pipeline> {
        self.pipelines.get(name).ok_or_else(|| absent("Pipeline", name, self.pipelines.keys()))
    }

    pub(crate) fn step_action(&self, name: &str) -> Result<&StepActionSpec> {
        self.step_actions.get(name).ok_or_else(|| absent("StepAction", name, self.step_actions.keys()))
    }

    /// What to run: of all objects the one called `name`, else the only one that there is. A PipelineRun comes before a
    /// Pipeline, a Pipeline before a TaskRun, a TaskRun before a Task.
    ///
    /// # Errors
    /// There is nothing of that name, or several things could be meant.
    pub fn request(&self, name: Option<&str>) -> Result<Request> {
        let wanted = |own: &str| name.is_none_or(|name| name == own);
        let mut found: Vec<Vec<(String, Request)>> = vec![
            (self.pipeline_runs.iter()).map(|run| (run.name().to_owned(), Request::PipelineRun(Box::new(run.clone())))).collect(),
            (self.pipelines.values()).map(|it| (it.name().to_owned(), Request::Pipeline(Box::new(it.clone())))).collect(),
            (self.task_runs.iter()).map(|run| (run.name().to_owned(), Request::TaskRun(Box::new(run.clone())))).collect(),
            (self.tasks.values()).map(|it| (it.name().to_owned(), Request::Task(Box::new(it.clone())))).collect(),
        ];
        let names: Vec<String> = found.iter().flatten().map(|(name, _)| name.clone()).collect();
        found.iter_mut().for_each(|kind| kind.retain(|(name, _)| wanted(name)));
        match found.into_iter().find(|kind| !kind.is_empty()) {
            None if name.is_some_and(|name| self.known.contains_key(name)) => {
                let known = name.and_then(|name| self.known.get(name)).cloned();
                known.map(|task| Request::Task(Box::new(task))).ok_or_else(|| Error::internal("a known Task is gone"))
            }
            None => Err(match name {
                Some(name) => absent("Pipeline or Task", name, names.iter().chain(self.known.keys())),
                None => Error::not_found("there is no Pipeline, PipelineRun, Task or TaskRun in what was given"),
            }),
            Some(kind) if kind.len() > 1 && name.is_none() => {
                let names: Vec<_> = kind.iter().map(|(name, _)| name.as_str()).collect();
                Err(Error::new(step::Kind::Usage, format!("there are several to run: {}", names.join(", ")))
                    .hint("say which with --name NAME"))
            }
            Some(mut kind) => Ok(kind.swap_remove(0).1),
        }
    }
}

fn absent<'a>(kind: &str, name: &str, names: impl Iterator<Item = &'a String> + Clone) -> Error {
    let error = Error::not_found(format!("there is no {kind} {name:?}"));
    match nearest(name, names.clone().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean {near:?}?")),
        None => {
            let names: Vec<_> = names.map(String::as_str).collect();
            match names.is_empty() {
                true => error.hint("give the file that has it with -f FILE"),
                false => error.hint(format!("there is: {}; give the file that has it with -f FILE", names.join(", "))),
            }
        }
    }
}
