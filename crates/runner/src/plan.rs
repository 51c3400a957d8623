//! What is going to run: a request with its parameters and workspaces put in, after everything was refused that cannot be
//! done.

mod faults;
mod parts;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use step::Result;
use tekton::v1::{PipelineResult, PipelineTask, Step, TaskSpec};

use self::faults::check_workspaces;
use self::parts::Parts;
pub(crate) use self::tasks::in_pipeline;
use crate::executor::Executor;
use crate::library::{Library, Request};
use crate::manifests::Manifests;
use crate::matrix;
use crate::params::{self, Given, with_defaults};
use crate::paths::workspace_mount;
use crate::scope::{Params, Scope};
use crate::task::{Identity, TaskRun, task_run};
use crate::workspace::{Binding, Bound, Source, below, make_dir, write};

/// The namespace that runs think they are in.
pub(crate) const NAMESPACE: &str = "default";

/// What to run, and with what.
#[derive(Clone, Debug)]
pub struct Target {
    /// What to run.
    pub request: Request,
    /// Values for its parameters.
    pub params: Given,
    /// Its workspaces.
    pub workspaces: BTreeMap<String, Binding>,
    /// How long all of it may take, instead of what the run says; zero is for ever.
    pub timeout: Option<Duration>,
    /// The run's name; one is made up if there is none.
    pub name: Option<String>,
}

/// What is going to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The Pipeline's or Task's name.
    pub pipeline: String,
    /// The run's name.
    pub name: String,
    /// Its unique identifier.
    pub uid: String,
    /// The parameters, defaults included.
    pub params: Params,
    /// The workspaces.
    pub workspaces: BTreeMap<String, Binding>,
    /// The tasks, those of `finally` last.
    pub tasks: Vec<PlannedTask>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// The results of the Pipeline.
    pub results: Vec<PipelineResult>,
    /// It is a Task that runs by itself, whose results are the run's.
    pub is_task: bool,
    pub(crate) library: Library,
}

/// A task that is going to run.
#[derive(Clone, Debug)]
pub struct PlannedTask {
    /// What the Pipeline says of it, with what is known put in.
    pub task: PipelineTask,
    /// The Task's name; empty if it is written into the Pipeline.
    pub task_name: String,
    /// The Task.
    pub spec: TaskSpec,
    /// It is one of `finally`.
    pub finally: bool,
    /// The tasks that it waits for.
    pub after: BTreeSet<String>,
    /// The workspaces that its Task gets, by the Task's names: which of the run's, and the directory in it.
    pub workspaces: BTreeMap<String, (String, Option<String>)>,
}

/// How long a run and its parts may take; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// All of it.
    pub pipeline: Option<Duration>,
    /// Its tasks but those of `finally`.
    pub tasks: Option<Duration>,
    /// Those of `finally`.
    pub finally: Option<Duration>,
}

impl Plan {
    /// Puts everything together.
    ///
    /// # Errors
    /// Something is missing, wrong, or cannot be done here; all of it is named.
    pub fn new(mut target: Target, library: Library, manifests: &Manifests, executor: &dyn Executor) -> Result<Plan> {
        let mut parts = Parts::of(&mut target, &library, manifests)?;
        if let Some(timeout) = target.timeout {
            parts.timeouts.pipeline = Some(timeout).filter(|timeout| !timeout.is_zero());
        }
        let owner = match &parts.task {
            Some(_) => format!("the Task {}", parts.pipeline),
            None => format!("the Pipeline {}", parts.pipeline),
        };
        let values = params::typed(&target.params, &parts.spec.params, &owner)?;
        let values = with_defaults(values, &parts.spec.params)?;
        let name = target.name.or(parts.name.clone()).unwrap_or_else(|| format!("{}-run-{}", parts.pipeline, &random()[..5]));
        let uid = random();
        check_workspaces(&parts, &target.workspaces, &owner)?;
        let mut scope = run_scope(&parts, &target.workspaces, &name, &uid);
        if parts.task.is_none() {
            // As the run's values are put in before its contexts, a context in them is one, too.
            scope.params = values.iter().map(|(name, value)| Ok((name.clone(), scope.value(value)?))).collect::<Result<_>>()?;
        }
        let mut plan = Plan {
            pipeline: parts.pipeline.clone(),
            name,
            uid,
            params: if parts.task.is_none() { scope.params.clone() } else { values },
            workspaces: target.workspaces,
            tasks: Vec::new(),
            timeouts: parts.timeouts,
            results: parts.spec.results.clone(),
            is_task: parts.task.is_some(),
            library,
        };
        plan.tasks = match parts.task.take() {
            Some((name, spec, run)) => vec![plan.single(&name, spec, &run)?],
            None => plan.tasks_of(&parts, &scope)?,
        };
        plan.check(executor)?;
        Ok(plan)
    }

    /// What a task's first run would be; results of other tasks still stand as references in it. Nothing is created.
    pub fn preview(&self, planned: &PlannedTask, executor: &dyn Executor) -> Result<TaskRun> {
        let mut given: Params = planned.task.params.iter().map(|p| (p.name.clone(), p.value.clone())).collect();
        let is_matrixed = planned.task.is_matrixed();
        if let Some(matrix) = planned.task.matrix.as_ref().filter(|_| is_matrixed) {
            let first = matrix::combinations(matrix).into_iter().next().unwrap_or_default();
            given.extend(first.into_iter().map(|(name, value)| (name, value.into())));
        }
        let directory = Path::new("RUN").join(planned.task.name());
        let workspaces = self.bind(planned, &directory, Path::new("RUN"), false)?;
        let identity = self.identity(planned, is_matrixed.then_some(0), 0);
        task_run(identity, &planned.spec, given, workspaces, directory, &self.library, executor)
    }

    pub(crate) fn identity(&self, planned: &PlannedTask, index: Option<usize>, attempt: u32) -> Identity {
        let label = crate::task::label(planned.task.name(), index);
        let name = if self.is_task { self.name.clone() } else { format!("{}-{label}", self.name) };
        Identity {
            task: planned.task.name().to_owned(),
            index,
            // A Task without a name of its own is called as its run.
            task_name: if planned.task_name.is_empty() { name.clone() } else { planned.task_name.clone() },
            name,
            uid: format!("{}-{label}", self.uid),
            attempt,
        }
    }

    /// A task's workspaces. `directory` is the attempt's, `run` the run's; with `create` directories and files are made.
    pub(crate) fn bind(
        &self,
        planned: &PlannedTask,
        directory: &Path,
        run: &Path,
        create: bool,
    ) -> Result<BTreeMap<String, Bound>> {
        let mut bound = BTreeMap::new();
        for declared in &planned.spec.workspaces {
            let name = &declared.name;
            let mount = workspace_mount(&planned.spec, name);
            let binding =
                planned.workspaces.get(name).and_then(|(of_run, sub)| Some((of_run, sub, self.workspaces.get(of_run)?)));
            let Some((of_run, sub_path, binding)) = binding else {
                bound.insert(name.clone(), Bound { host: None, mount, read_only: declared.read_only });
                continue;
            };
            let base = match &binding.source {
                Source::Directory(path) => path.clone(),
                Source::Fresh => run.join("workspaces").join(of_run),
                Source::PerTask | Source::Files(_) => directory.join("workspaces").join(name),
            };
            if create {
                make_dir(&base)?;
                if let Source::Files(files) = &binding.source {
                    files.iter().try_for_each(|(key, bytes)| write(&base.join(key), bytes))?;
                }
            }
            let mut host = base;
            for sub_path in [&binding.sub_path, sub_path].into_iter().flatten() {
                host = if create { below(&host, sub_path)? } else { host.join(sub_path) };
            }
            let read_only = declared.read_only || matches!(binding.source, Source::Files(_));
            bound.insert(name.clone(), Bound { host: Some(host), mount, read_only });
        }
        Ok(bound)
    }

    /// The steps of a task as a person reads them before the run.
    pub fn steps(&self, planned: &PlannedTask, executor: &dyn Executor) -> Result<Vec<Step>> {
        Ok(self.preview(planned, executor)?.spec.steps)
    }

    /// The tasks in waves: each waits only for those of earlier ones. Those of `finally` are not among them.
    pub fn waves(&self) -> Vec<Vec<&PlannedTask>> {
        let mut waves: Vec<Vec<&PlannedTask>> = Vec::new();
        let mut done = BTreeSet::new();
        loop {
            let is_next = |task: &&PlannedTask| {
                !task.finally && !done.contains(task.task.name()) && task.after.iter().all(|on| done.contains(on.as_str()))
            };
            let wave: Vec<_> = self.tasks.iter().filter(is_next).collect();
            if wave.is_empty() {
                return waves;
            }
            done.extend(wave.iter().map(|task| task.task.name()));
            waves.push(wave);
        }
    }
}

fn run_scope(parts: &Parts, bound: &BTreeMap<String, Binding>, name: &str, uid: &str) -> Scope {
    let mut texts: BTreeMap<String, String> = [
        ("context.pipelineRun.name", name),
        ("context.pipelineRun.namespace", NAMESPACE),
        ("context.pipelineRun.uid", uid),
        ("context.pipeline.name", parts.pipeline.as_str()),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    for workspace in &parts.spec.workspaces {
        texts.insert(format!("workspaces.{}.bound", workspace.name), bound.contains_key(&workspace.name).to_string());
    }
    Scope { texts, ..Scope::default() }
}

/// Sixteen characters that no other run has.
fn random() -> String {
    // The keys of a new hasher are random.
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// The directory of an attempt below the run's.
pub(crate) fn attempt_directory(run: &Path, label: &str, attempt: u32) -> PathBuf {
    run.join("tasks").join(format!("{label}.{attempt}"))
}
