//! The tasks of a plan: those of a Pipeline, each with its Task, or a Task by itself.

use std::collections::{BTreeMap, BTreeSet};

use step::{Error, Result};
use tekton::graph::Graph;
use tekton::v1::{Param, PipelineTask, TaskRunSpec, TaskSpec, WorkspaceDeclaration};

use super::faults::{error, sentence};
use super::parts::Parts;
use super::{Plan, PlannedTask};
use crate::scope::Scope;
use crate::{refuse, when};

impl Plan {
    /// A Task that runs by itself, as the only task of a Pipeline.
    pub(super) fn single(&self, name: &str, spec: TaskSpec, run: &TaskRunSpec) -> Result<PlannedTask> {
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

    pub(super) fn tasks_of(&self, parts: &Parts, scope: &Scope) -> Result<Vec<PlannedTask>> {
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
