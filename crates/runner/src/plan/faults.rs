//! What keeps a plan from running here: everything that is known before it starts, as one error.

use std::collections::{BTreeMap, BTreeSet};

use step::{Error, Kind, Result};
use tekton::finding::nearest;
use tekton::variable::{Variable, references};

use super::parts::Parts;
use super::{Plan, PlannedTask};
use crate::executor::{Executor, Place};
use crate::scope::Params;
use crate::workspace::{Binding, Source};
use crate::{params, when};

impl Plan {
    /// Asks whether all of it can run, as far as this is known before.
    pub(super) fn check(&self, executor: &dyn Executor) -> Result<()> {
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
            faults.extend(no_variables(planned));
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
}

pub(super) fn check_workspaces(parts: &Parts, bound: &BTreeMap<String, Binding>, owner: &str) -> Result<()> {
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

/// What looks like a variable in the values that a task gets, and is none: Tekton refuses such a run.
fn no_variables(planned: &PlannedTask) -> Vec<String> {
    const PREFIXES: [&str; 6] = ["params", "tasks", "finally", "context", "workspaces", "results"];
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let task = &planned.task;
    let matrix = task.matrix.iter().flat_map(|matrix| matrix.params.iter().chain(matrix.include.iter().flat_map(|i| &i.params)));
    let values = task.params.iter().chain(matrix).flat_map(|param| param.value.strings());
    let when = task.when.iter().flat_map(|when| when.input.as_deref().into_iter().chain(when.values.iter().map(String::as_str)));
    let mut faults = Vec::new();
    for text in values.chain(when) {
        for reference in references(text) {
            let Variable::Other(body) = reference.variable else { continue };
            let name = body.split('[').next().unwrap_or_default();
            if !name.is_empty() && name.chars().all(is_plain) && !PREFIXES.contains(&name.split('.').next().unwrap_or_default()) {
                faults.push(format!(
                    "the task {} gets a value with $({body}), which Tekton takes for a variable and does not know; write it in another way",
                    task.name()
                ));
            }
        }
    }
    faults
}

pub(super) fn sentence(error: &Error) -> String {
    match error.hint_text() {
        _ if !error.details_text().is_empty() => format!("{error}: {}", error.details_text().replace('\n', ", ")),
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

/// Several faults as one error.
pub(super) fn error(faults: Vec<String>) -> Result<()> {
    match &faults[..] {
        [] => Ok(()),
        [one] => Err(match one.split_once("; ") {
            Some((message, hint)) => Error::new(Kind::BadInput, message).hint(hint),
            None => Error::bad_input(one),
        }),
        many => Err(Error::bad_input(format!("{} things keep this from running here", many.len())).details(many.join("\n"))),
    }
}
