//! One attempt at one run of a task: the Task with everything put in that is known before its first step starts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use step::{Error, Result};
use tekton::v1::{ParamValue, Step, StepTemplate, TaskSpec};

use crate::executor::{Executor, Seen};
use crate::library::Library;
use crate::params::{with_defaults, with_task_defaults};
use crate::paths::{HOME, RESULTS, STEPS, container_name, directory, step_name};
use crate::scope::{Params, Scope};
use crate::workspace::Bound;

/// One attempt at one run of a task.
#[derive(Clone, Debug)]
pub struct TaskRun {
    /// The task of the Pipeline.
    pub task: String,
    /// Which of a matrix, counted from 0.
    pub index: Option<usize>,
    /// The name of the TaskRun.
    pub name: String,
    /// How often it was tried before.
    pub attempt: u32,
    /// The parameters, defaults included.
    pub params: Params,
    /// The workspaces, by the Task's names for them.
    pub workspaces: BTreeMap<String, Bound>,
    /// The Task. Steps have names and what the step template says; only results of earlier steps still stand as
    /// references in them.
    pub spec: TaskSpec,
    /// Its directory: results, scripts, volumes.
    pub directory: PathBuf,
}

/// What of a Task has variables.
const FIELDS: [&str; 4] = ["steps", "stepTemplate", "sidecars", "volumes"];

/// The Task with what the scopes know put in, one after another.
pub(crate) fn expand(spec: &TaskSpec, scopes: &[&Scope]) -> Result<TaskSpec> {
    let mut json = to_json(spec)?;
    let mut changed = false;
    for scope in scopes {
        for field in FIELDS {
            if let Some(value) = json.get_mut(field) {
                changed |= scope.json(value)?;
            }
        }
    }
    // Decoding is the dear part.
    if changed { from_json(json) } else { Ok(spec.clone()) }
}

fn expand_step(step: Step, scope: &Scope) -> Result<Step> {
    let mut json = to_json(&step)?;
    if scope.json(&mut json)? { from_json(json) } else { Ok(step) }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::internal("cannot handle a Task as JSON").because(e))
}

fn from_json<T: serde::de::DeserializeOwned>(json: Value) -> Result<T> {
    serde_json::from_value(json).map_err(|e| Error::bad_input("what variables stand for makes the Task invalid").because(e))
}

/// The steps as they run: what they refer to in their place, with names, and with what the template says.
pub(crate) fn steps(spec: &TaskSpec, library: &Library) -> Result<Vec<Step>> {
    let mut steps = Vec::with_capacity(spec.steps.len());
    for (index, step) in spec.steps.iter().enumerate() {
        let mut step = match step.ref_.as_ref().and_then(|reference| reference.name.as_deref()) {
            Some(action) => from_action(step, action, library)?,
            None => step.clone(),
        };
        step.name = Some(step_name(index, &step));
        if let Some(template) = &spec.step_template {
            merge(&mut step, template);
        }
        steps.push(step);
    }
    Ok(steps)
}

fn from_action(step: &Step, name: &str, library: &Library) -> Result<Step> {
    let action = library.step_action(name)?;
    let given: Params = step.params.iter().map(|param| (param.name.clone(), param.value.clone())).collect();
    let owner = format!("the StepAction {name}");
    crate::params::error(crate::params::faults(&given, &action.params, &owner))?;
    let scope = Scope { params: with_defaults(given, &action.params)?, ..Scope::default() };
    let does = Step {
        image: action.image.clone(),
        working_dir: action.working_dir.clone(),
        command: action.command.clone(),
        args: action.args.clone(),
        script: action.script.clone(),
        env: action.env.clone(),
        security_context: action.security_context.clone(),
        volume_mounts: action.volume_mounts.clone(),
        results: action.results.clone(),
        ..Step::default()
    };
    let does = expand_step(does, &scope)?;
    // What the Task says besides stays: its name, conditions, timeout and the like.
    Ok(Step {
        image: does.image,
        working_dir: does.working_dir.or_else(|| step.working_dir.clone()),
        command: does.command,
        args: does.args,
        script: does.script,
        env: step.env.iter().cloned().chain(does.env).collect(),
        security_context: does.security_context,
        volume_mounts: does.volume_mounts.into_iter().chain(step.volume_mounts.iter().cloned()).collect(),
        results: does.results,
        ref_: None,
        params: vec![],
        ..step.clone()
    })
}

fn merge(step: &mut Step, template: &StepTemplate) {
    fn or<T: Clone>(own: &mut Option<T>, other: &Option<T>) {
        if own.is_none() {
            own.clone_from(other);
        }
    }
    or(&mut step.image, &template.image);
    or(&mut step.working_dir, &template.working_dir);
    or(&mut step.security_context, &template.security_context);
    // A script is a command of its own.
    if step.command.is_empty() && step.script.as_deref().is_none_or(str::is_empty) {
        step.command.clone_from(&template.command);
    }
    if step.args.is_empty() {
        step.args.clone_from(&template.args);
    }
    let own = std::mem::take(&mut step.env);
    step.env = template.env.iter().filter(|env| own.iter().all(|other| other.name != env.name)).cloned().collect();
    step.env.extend(own);
    step.env_from.splice(0..0, template.env_from.iter().cloned());
    for mount in &template.volume_mounts {
        if step.volume_mounts.iter().all(|own| own.mount_path != mount.mount_path) {
            step.volume_mounts.push(mount.clone());
        }
    }
}

/// Who a run of a task is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The task of the Pipeline.
    pub(crate) task: String,
    /// Which of a matrix.
    pub(crate) index: Option<usize>,
    /// The name of the TaskRun.
    pub(crate) name: String,
    /// The name of the Task; empty when it has none.
    pub(crate) task_name: String,
    /// Its unique identifier.
    pub(crate) uid: String,
    pub(crate) attempt: u32,
}

/// Puts everything together. `given` are the parameters' values, complete and of the right types.
pub(crate) fn task_run(
    identity: Identity,
    spec: &TaskSpec,
    given: Params,
    workspaces: BTreeMap<String, Bound>,
    directory: PathBuf,
    library: &Library,
    executor: &dyn Executor,
) -> Result<TaskRun> {
    let params = with_task_defaults(given, &spec.params)?;
    // Two rounds, as in Tekton: a parameter's value may have a context in it.
    let of_params = Scope { params: params.clone(), ..Scope::default() };
    let of_contexts = Scope { texts: contexts(&identity), ..Scope::default() };
    let mut expanded = expand(spec, &[&of_params, &of_contexts])?;
    let mut own = steps(&expanded, library)?;
    let names: Vec<String> = own.iter().filter_map(|step| step.name.clone()).collect();
    for step in &mut own {
        let texts = path_texts(executor.sees(step), &expanded, &names, step, &workspaces, &directory);
        *step = expand_step(std::mem::take(step), &Scope { texts, ..Scope::default() })?;
    }
    expanded.steps = own;
    expanded.step_template = None;
    let Identity { task, index, name, attempt, .. } = identity;
    Ok(TaskRun { task, index, name, attempt, params, workspaces, spec: expanded, directory })
}

fn contexts(identity: &Identity) -> BTreeMap<String, String> {
    let attempt = identity.attempt.to_string();
    let pairs = [
        ("context.taskRun.name", identity.name.as_str()),
        ("context.taskRun.namespace", crate::plan::NAMESPACE),
        ("context.taskRun.uid", identity.uid.as_str()),
        ("context.task.name", identity.task_name.as_str()),
        ("context.task.retry-count", attempt.as_str()),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// What the paths of a Task are to one of its steps.
fn path_texts(
    seen: Seen,
    spec: &TaskSpec,
    steps: &[String],
    step: &Step,
    workspaces: &BTreeMap<String, Bound>,
    base: &std::path::Path,
) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let results = directory(seen, base, RESULTS);
    for result in &spec.results {
        texts.insert(format!("results.{}.path", result.name), format!("{results}/{}", result.name));
    }
    let step_dir = |step: &str| format!("{}/{}", directory(seen, base, STEPS), container_name(step));
    for result in &step.results {
        let path = format!("{}/results/{}", step_dir(step.name.as_deref().unwrap_or_default()), result.name);
        texts.insert(format!("step.results.{}.path", result.name), path);
    }
    for name in steps {
        texts.insert(format!("steps.{}.exitCode.path", container_name(name)), format!("{}/exitCode", step_dir(name)));
    }
    for (name, bound) in workspaces {
        // A step that asks for the workspace under another path has it there.
        let usage = step.workspaces.iter().find(|usage| usage.name == *name).and_then(|usage| usage.mount_path.as_deref());
        let path = match (seen, &bound.host) {
            (_, None) => String::new(),
            (Seen::Host, Some(host)) => host.display().to_string(),
            (Seen::Container, Some(_)) => usage.unwrap_or(&bound.mount).to_owned(),
        };
        texts.insert(format!("workspaces.{name}.path"), path);
        texts.insert(format!("workspaces.{name}.bound"), bound.host.is_some().to_string());
        texts.insert(format!("workspaces.{name}.claim"), String::new());
        let volume = bound.host.as_ref().map_or(String::new(), |_| format!("ws-{name}"));
        texts.insert(format!("workspaces.{name}.volume"), volume);
    }
    texts.insert("credentials.path".into(), directory(seen, base, HOME));
    texts
}

impl TaskRun {
    /// The name in logs: the task, and which of a matrix.
    pub fn label(&self) -> String {
        label(&self.task, self.index)
    }

    /// A parameter's value.
    pub fn param(&self, name: &str) -> Option<&ParamValue> {
        self.params.get(name)
    }
}

/// `TASK`, or `TASK-INDEX` in a matrix.
pub(crate) fn label(task: &str, index: Option<usize>) -> String {
    match index {
        Some(index) => format!("{task}-{index}"),
        None => task.to_owned(),
    }
}
