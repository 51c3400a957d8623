//! What is going to run: a request with its parameters and workspaces put in, after everything was refused that cannot be
//! done.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use step::{Error, Kind, Result};
use tekton::finding::nearest;
use tekton::graph::Graph;
use tekton::v1::{
    Param, PipelineResult, PipelineRunSpec, PipelineSpec, PipelineTask, PipelineWorkspaceDeclaration, Step, TaskRunSpec,
    TaskSpec, WorkspaceBinding, WorkspaceDeclaration,
};
use tekton::variable::references;

use crate::executor::{Executor, Place};
use crate::library::{Library, Request};
use crate::manifests::{Kind as Holder, Manifests};
use crate::params::{self, Given, with_defaults};
use crate::paths::workspace_mount;
use crate::scope::{Params, Scope};
use crate::task::{Identity, TaskRun, task_run};
use crate::workspace::{Binding, Bound, Source, below, make_dir, write};
use crate::{matrix, refuse, when};

/// The namespace that runs think they are in.
pub(crate) const NAMESPACE: &str = "default";

/// What Tekton gives a run that does not say how long it may take.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);

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

/// What the kinds of requests have in common.
struct Parts {
    pipeline: String,
    name: Option<String>,
    spec: PipelineSpec,
    task: Option<(String, TaskSpec, TaskRunSpec)>,
    timeouts: Timeouts,
    task_timeouts: BTreeMap<String, Option<Duration>>,
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
        let scope = run_scope(&parts, &values, &target.workspaces, &name, &uid);
        let mut plan = Plan {
            pipeline: parts.pipeline.clone(),
            name,
            uid,
            params: values,
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

    /// A Task that runs by itself, as the only task of a Pipeline.
    fn single(&self, name: &str, spec: TaskSpec, run: &TaskRunSpec) -> Result<PlannedTask> {
        error(refuse::task_run(run).into_iter().chain(refuse::task(name, &spec)).collect())?;
        let task = PipelineTask {
            name: Some(name.to_owned()),
            params: self.params.iter().map(|(name, value)| Param::new(name.clone(), value.clone())).collect(),
            retries: run.retries,
            ..PipelineTask::default()
        };
        let bound = spec.workspaces.iter().map(|declared| &declared.name).filter(|name| self.workspaces.contains_key(*name));
        let workspaces = bound.map(|name| (name.clone(), (name.clone(), None))).collect();
        Ok(PlannedTask { task, task_name: name.to_owned(), spec, finally: false, after: BTreeSet::new(), workspaces })
    }

    fn tasks_of(&self, parts: &Parts, scope: &Scope) -> Result<Vec<PlannedTask>> {
        let graph = Graph::of(&parts.spec);
        if let Some(cycle) = graph.cycle() {
            return Err(Error::bad_input(format!("the tasks {} wait for each other in a circle", cycle.join(" → "))));
        }
        let names: BTreeSet<&str> = parts.spec.tasks.iter().map(PipelineTask::name).collect();
        let (mut planned, mut faults) = (Vec::new(), Vec::new());
        let all = parts.spec.tasks.iter().map(|task| (task, false)).chain(parts.spec.finally.iter().map(|task| (task, true)));
        for (task, finally) in all {
            let refused = refuse::pipeline_task(task);
            if !refused.is_empty() {
                faults.extend(refused);
                continue;
            }
            let mut after = BTreeSet::new();
            for dependency in graph.of_task(task.name()).filter(|_| !finally) {
                if !names.contains(dependency.on) {
                    faults.push(format!(
                        "the task {} waits for {:?}, which is no task of the Pipeline",
                        task.name(),
                        dependency.on
                    ));
                }
                after.insert(dependency.on.to_owned());
            }
            match self.planned(task, finally, after, scope, parts) {
                Ok(one) => {
                    faults.extend(refuse::task(task.name(), &one.spec));
                    planned.push(one);
                }
                Err(error) => faults.push(sentence(&error.context(format_args!("the task {}", task.name())))),
            }
        }
        error(faults)?;
        Ok(planned)
    }

    fn planned(
        &self,
        task: &PipelineTask,
        finally: bool,
        after: BTreeSet<String>,
        scope: &Scope,
        parts: &Parts,
    ) -> Result<PlannedTask> {
        let mut task = in_pipeline(task, scope)?;
        // Retries are known already, and may stand in parameters.
        let retries = [("context.pipelineTask.retries".to_owned(), task.retries.max(0).to_string())].into();
        let retries = Scope { texts: retries, ..Scope::default() };
        task.params = retries.params(&task.params)?;
        if let Some(matrix) = &mut task.matrix {
            matrix.params = retries.params(&matrix.params)?;
            for include in &mut matrix.include {
                include.params = retries.params(&include.params)?;
            }
        }
        if let Some(timeout) = parts.task_timeouts.get(task.name()) {
            task.timeout = timeout.map(|timeout| format!("{}ns", timeout.as_nanos()).parse()).transpose().unwrap_or(None);
        }
        let (task_name, mut spec, inline) = match (&task.task_ref, &task.task_spec) {
            (Some(reference), _) => {
                let name = reference.name.clone().unwrap_or_default();
                let spec = self.library.task(&name)?.clone();
                (name, spec, false)
            }
            (None, Some(embedded)) => {
                // What the run knows reaches into Tasks that are written into the Pipeline; the task's own values come first.
                let mut inner = scope.clone();
                for param in &task.params {
                    if inner.params.contains_key(&param.name) {
                        inner.params.insert(param.name.clone(), param.value.clone());
                    }
                }
                (String::new(), crate::task::expand(&embedded.task, &[&inner])?, true)
            }
            (None, None) => return Err(Error::bad_input("has neither taskRef nor taskSpec")),
        };
        task.task_spec = None;
        let mut workspaces: BTreeMap<String, (String, Option<String>)> = (task.workspaces.iter())
            .map(|binding| {
                let name = binding.workspace.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| binding.name.clone());
                (binding.name.clone(), (name, binding.sub_path.clone().filter(|path| !path.is_empty())))
            })
            .collect();
        if inline {
            for name in self.workspaces.keys() {
                if !spec.workspaces.iter().any(|declared| declared.name == *name) && !workspaces.contains_key(name) {
                    spec.workspaces.push(WorkspaceDeclaration::new(name.clone()));
                }
                workspaces.entry(name.clone()).or_insert_with(|| (name.clone(), None));
            }
        }
        workspaces.retain(|_, (name, _)| self.workspaces.contains_key(name));
        let is_open = |declared: &&WorkspaceDeclaration| !declared.optional && !workspaces.contains_key(&declared.name);
        if let Some(declared) = spec.workspaces.iter().find(is_open) {
            return Err(Error::bad_input(format!(
                "its Task needs the workspace {:?}, and the Pipeline binds none to it",
                declared.name
            ))
            .hint(format!("bind it in the Pipeline, and give its directory with -w {}=DIR", declared.name)));
        }
        Ok(PlannedTask { task, task_name, spec, finally, after, workspaces })
    }

    /// Asks whether all of it can run, as far as this is known before.
    fn check(&self, executor: &dyn Executor) -> Result<()> {
        let mut faults = Vec::new();
        for planned in &self.tasks {
            let name = planned.task.name();
            let owner = match planned.task_name.as_str() {
                "" => format!("the task {name}"),
                task => format!("the Task {task} (task {name})"),
            };
            let (given, open) = self.known_params(planned);
            let mut wrong = params::faults(&given, &planned.spec.params, &owner);
            wrong.retain(|fault| !open.iter().any(|name| fault.contains(&format!("needs the parameter {name:?}"))));
            faults.extend(wrong);
            for condition in planned.task.when.iter().filter_map(|when| when.cel.as_deref()).filter(|cel| !cel.is_empty()) {
                if let Err(error) = when::cel(condition) {
                    faults.push(sentence(&error.context(format_args!("the task {name}"))));
                }
            }
            match self.preview(planned, executor) {
                Ok(run) => {
                    for step in &run.spec.steps {
                        let place = Place { task: name, step: step.name.as_deref().unwrap_or_default() };
                        if let Err(error) = executor.check(place, &run.spec, step) {
                            faults.push(sentence(&error));
                        }
                    }
                }
                Err(error) if faults.is_empty() => faults.push(sentence(&error.context(format_args!("the task {name}")))),
                Err(_) => {}
            }
        }
        error(faults)
    }

    /// The values that are known before the run, and the names of those that are not.
    fn known_params(&self, planned: &PlannedTask) -> (Params, BTreeSet<String>) {
        let (mut known, mut open) = (Params::new(), BTreeSet::new());
        for param in &planned.task.params {
            let is_open = |text: &str| references(text).any(|reference| reference.variable.is_of_run());
            match param.value.strings().any(is_open) {
                true => drop(open.insert(param.name.clone())),
                false => drop(known.insert(param.name.clone(), param.value.clone())),
            }
        }
        let matrix = planned.task.matrix.iter();
        let names = matrix.flat_map(|m| m.params.iter().chain(m.include.iter().flat_map(|include| &include.params)));
        open.extend(names.map(|param| param.name.clone()));
        (known, open)
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
        Identity {
            task: planned.task.name().to_owned(),
            index,
            name: if self.is_task { self.name.clone() } else { format!("{}-{label}", self.name) },
            task_name: planned.task_name.clone(),
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

// === impl Parts ===

impl Parts {
    fn of(target: &mut Target, library: &Library, manifests: &Manifests) -> Result<Self> {
        let parts = |pipeline: &str, spec: PipelineSpec| Parts {
            pipeline: pipeline.to_owned(),
            name: None,
            spec,
            task: None,
            timeouts: Timeouts { pipeline: Some(DEFAULT_TIMEOUT), ..Timeouts::default() },
            task_timeouts: BTreeMap::new(),
        };
        match target.request.clone() {
            Request::Pipeline(pipeline) => Ok(parts(pipeline.name(), pipeline.spec.clone())),
            Request::PipelineRun(run) => {
                error(refuse::pipeline_run(&run.spec))?;
                let (name, spec) = match (&run.spec.pipeline_spec, &run.spec.pipeline_ref) {
                    (Some(spec), _) => (run.name().trim_end_matches('-').to_owned(), spec.clone()),
                    (None, Some(reference)) => {
                        let pipeline = library.pipeline(reference.name.as_deref().unwrap_or_default())?;
                        (pipeline.name().to_owned(), pipeline.spec.clone())
                    }
                    (None, None) => return Err(Error::bad_input(format!("the PipelineRun {} has no Pipeline", run.name()))),
                };
                target.params.set_missing(&run.spec.params);
                bindings(&run.spec.workspaces, &mut target.workspaces, manifests)?;
                let mut parts = parts(&name, spec);
                parts.name = Some(run_name(run.metadata.name.as_deref(), run.metadata.generate_name.as_deref(), &name));
                parts.timeouts = timeouts(&run.spec);
                let specs = run.spec.task_run_specs.iter().filter(|spec| spec.timeout.is_some());
                parts.task_timeouts = specs
                    .map(|spec| (spec.pipeline_task_name.clone().unwrap_or_default(), spec.timeout.as_ref().and_then(limit)))
                    .collect();
                Ok(parts)
            }
            Request::Task(task) => {
                let mut parts = parts(task.name(), as_pipeline(&task.spec));
                parts.task = Some((task.name().to_owned(), task.spec.clone(), TaskRunSpec::default()));
                Ok(parts)
            }
            Request::TaskRun(run) => {
                let (name, spec) = match (&run.spec.task_spec, &run.spec.task_ref) {
                    (Some(spec), _) => (run.name().trim_end_matches('-').to_owned(), spec.clone()),
                    (None, Some(reference)) => {
                        let name = reference.name.clone().unwrap_or_default();
                        (name.clone(), library.task(&name)?.clone())
                    }
                    (None, None) => return Err(Error::bad_input(format!("the TaskRun {} has no Task", run.name()))),
                };
                target.params.set_missing(&run.spec.params);
                bindings(&run.spec.workspaces, &mut target.workspaces, manifests)?;
                let mut parts = parts(&name, as_pipeline(&spec));
                parts.name = Some(run_name(run.metadata.name.as_deref(), run.metadata.generate_name.as_deref(), &name));
                if let Some(timeout) = &run.spec.timeout {
                    parts.timeouts.pipeline = limit(timeout);
                }
                parts.task = Some((name, spec, run.spec.clone()));
                Ok(parts)
            }
        }
    }
}

/// What a Task declares, as a Pipeline of it would.
fn as_pipeline(task: &TaskSpec) -> PipelineSpec {
    let workspace = |declared: &WorkspaceDeclaration| PipelineWorkspaceDeclaration {
        optional: declared.optional,
        ..PipelineWorkspaceDeclaration::new(declared.name.clone())
    };
    PipelineSpec {
        params: task.params.clone(),
        workspaces: task.workspaces.iter().map(workspace).collect(),
        ..PipelineSpec::default()
    }
}

fn run_name(name: Option<&str>, prefix: Option<&str>, pipeline: &str) -> String {
    match (name, prefix) {
        (Some(name), _) => name.to_owned(),
        (None, Some(prefix)) => format!("{prefix}{}", &random()[..5]),
        (None, None) => format!("{pipeline}-run-{}", &random()[..5]),
    }
}

fn limit(duration: &tekton::duration::Duration) -> Option<Duration> {
    duration.to_std().filter(|duration| !duration.is_zero())
}

fn timeouts(run: &PipelineRunSpec) -> Timeouts {
    let Some(fields) = &run.timeouts else { return Timeouts { pipeline: Some(DEFAULT_TIMEOUT), ..Timeouts::default() } };
    let minus = |whole: Option<Duration>, part: Option<Duration>| Some(whole?.saturating_sub(part?));
    let whole = fields.pipeline.as_ref().and_then(limit);
    let part = |own: &Option<tekton::duration::Duration>, other: &Option<tekton::duration::Duration>| match own {
        Some(own) => limit(own),
        None => minus(whole, other.as_ref().and_then(limit)),
    };
    Timeouts {
        pipeline: if fields.pipeline.is_some() { whole } else { Some(DEFAULT_TIMEOUT) },
        tasks: part(&fields.tasks, &fields.finally),
        finally: part(&fields.finally, &fields.tasks),
    }
}

/// What a run itself binds, where nobody binds anything else.
fn bindings(own: &[WorkspaceBinding], bound: &mut BTreeMap<String, Binding>, manifests: &Manifests) -> Result<()> {
    for binding in own {
        if bound.contains_key(&binding.name) {
            continue;
        }
        let name = &binding.name;
        let files = |kind, object: &str, items: Option<&Vec<k8s_openapi::api::core::v1::KeyToPath>>, optional| {
            let data = manifests.data(kind, object, optional)?.cloned().unwrap_or_default();
            Ok::<_, Error>(Source::Files(crate::local::items(data, items)))
        };
        let source = if binding.volume_claim_template.is_some() {
            Source::Fresh
        } else if binding.empty_dir.is_some() {
            Source::PerTask
        } else if let Some(map) = &binding.config_map {
            files(Holder::ConfigMap, &map.name, map.items.as_ref(), map.optional == Some(true))?
        } else if let Some(secret) = &binding.secret {
            let object = secret.secret_name.as_deref().unwrap_or_default();
            files(Holder::Secret, object, secret.items.as_ref(), secret.optional == Some(true))?
        } else {
            let kind = match binding {
                WorkspaceBinding { persistent_volume_claim: Some(claim), .. } => format!("the volume claim {}", claim.claim_name),
                WorkspaceBinding { projected: Some(_), .. } => "a projected volume".to_owned(),
                WorkspaceBinding { csi: Some(_), .. } => "a CSI volume".to_owned(),
                _ => "nothing".to_owned(),
            };
            return Err(Error::bad_input(format!(
                "the run binds the workspace {name:?} to {kind}, which is not on this machine"
            ))
            .hint(format!("give its directory with -w {name}=DIR, or an empty one with -w {name}=")));
        };
        bound.insert(name.clone(), Binding { source, sub_path: binding.sub_path.clone() });
    }
    Ok(())
}

fn check_workspaces(parts: &Parts, bound: &BTreeMap<String, Binding>, owner: &str) -> Result<()> {
    let declared: Vec<&str> = parts.spec.workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
    let inline = |name: &str| {
        let tasks = parts.spec.tasks.iter().chain(&parts.spec.finally).filter_map(|task| task.task_spec.as_ref());
        // What is not declared may still be used by Tasks that are written into the Pipeline.
        tasks.into_iter().any(|task| {
            serde_json::to_string(&task.task).is_ok_and(|text| text.contains(&format!("workspaces.{name}.")))
                || task.task.workspaces.iter().any(|workspace| workspace.name == name)
        })
    };
    let mut faults = Vec::new();
    for (name, binding) in bound {
        if !declared.contains(&name.as_str()) && !inline(name) {
            let hint = match nearest(name, declared.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None if declared.is_empty() => "it has no workspaces".to_owned(),
                None => format!("there is: {}", declared.join(", ")),
            };
            faults.push(format!("{owner} has no workspace {name:?}; {hint}"));
        }
        match &binding.source {
            Source::Directory(path) if !path.is_dir() => {
                let (exists, path) = (path.exists(), path.display());
                faults.push(match exists {
                    true => format!("{path} of the workspace {name:?} is no directory; give one"),
                    false => format!("the directory {path} of the workspace {name:?} is missing; make it, or give another"),
                });
            }
            _ => {}
        }
    }
    for workspace in parts.spec.workspaces.iter().filter(|own| !own.optional && !bound.contains_key(&own.name)) {
        let name = &workspace.name;
        faults.push(format!(
            "{owner} needs the workspace {name:?}; give its directory with -w {name}=DIR, or an empty one with -w {name}="
        ));
    }
    error(faults)
}

fn run_scope(parts: &Parts, params: &Params, bound: &BTreeMap<String, Binding>, name: &str, uid: &str) -> Scope {
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
    Scope { params: params.clone(), texts, ..Scope::default() }
}

/// What a Pipeline says of a task, with what is known put in.
pub(crate) fn in_pipeline(task: &PipelineTask, scope: &Scope) -> Result<PipelineTask> {
    let mut task = task.clone();
    task.params = scope.params(&task.params)?;
    if let Some(matrix) = &mut task.matrix {
        matrix.params = scope.params(&matrix.params)?;
        for include in &mut matrix.include {
            include.params = scope.params(&include.params)?;
        }
    }
    task.when = when::expand(&task.when, scope)?;
    for workspace in &mut task.workspaces {
        workspace.sub_path = workspace.sub_path.as_deref().map(|path| scope.text(path)).transpose()?;
    }
    if let Some(name) = task.task_ref.as_mut().and_then(|reference| reference.name.as_mut()) {
        *name = scope.text(name)?;
    }
    task.display_name = task.display_name.as_deref().map(|name| scope.text(name)).transpose()?;
    Ok(task)
}

fn sentence(error: &Error) -> String {
    match error.hint_text() {
        _ if !error.details_text().is_empty() => format!("{error}: {}", error.details_text().replace('\n', ", ")),
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

/// Several faults as one error.
fn error(faults: Vec<String>) -> Result<()> {
    match &faults[..] {
        [] => Ok(()),
        [one] => Err(match one.split_once("; ") {
            Some((message, hint)) => Error::new(Kind::BadInput, message).hint(hint),
            None => Error::bad_input(one),
        }),
        many => Err(Error::bad_input(format!("{} things keep this from running here", many.len())).details(many.join("\n"))),
    }
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
