//! What templates know of the steps: `steps["remove-operators"].params`.

use std::sync::{Arc, OnceLock};

use minijinja::value::{Object, Value};
use serde_json::{Value as Json, json};
use step::{Permission, Place, Result};
use tekton::v1::Task;

use super::fault::advice;
use super::template::{from_json, wrong};
use crate::task;

/// The steps by name. Nothing is made before it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Steps(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    images: String,
    tasks: OnceLock<Vec<Task>>,
}

impl Steps {
    /// `images` is where their images are.
    pub(super) fn new(images: &str) -> Self {
        Steps(Arc::new(Inner { images: images.to_owned(), tasks: OnceLock::new() }))
    }

    /// The Task of every step.
    pub(super) fn tasks(&self) -> Result<&[Task]> {
        if let Some(tasks) = self.0.tasks.get() {
            return Ok(tasks);
        }
        let tasks = crate::steps().iter().map(|step| task::task(step, &self.0.images)).collect::<Result<_>>()?;
        Ok(self.0.tasks.get_or_init(|| tasks))
    }

    /// Whether there is a step of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tasks().is_ok_and(|tasks| tasks.iter().any(|task| task.name() == name))
    }
}

impl Object for Steps {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let tasks = match self.tasks() {
            Ok(tasks) => tasks,
            Err(error) => return Some(wrong(error, None).into()),
        };
        let name = key.as_str()?;
        let Some(task) = tasks.iter().find(|task| task.name() == name) else {
            let advice = advice(name, tasks.iter().map(Task::name));
            return Some(wrong(format_args!("there is no step {name:?}"), advice).into());
        };
        // What a Pipeline can say of a workspace; that one is read-only or where it is mounted is the Task's own business.
        let workspaces = task.spec.workspaces.iter().map(|workspace| {
            let mut declared = json!({ "name": workspace.name, "description": workspace.description });
            if workspace.optional {
                declared["optional"] = true.into();
            }
            declared
        });
        let rules = crate::steps().into_iter().find(|step| step.about.name == name).map(|step| rules(step.about.permissions));
        Some(from_json(&json!({
            "name": name,
            "rules": rules,
            "description": task.spec.description,
            "params": task.spec.params,
            "workspaces": workspaces.collect::<Vec<_>>(),
            "results": task.spec.results,
        })))
    }
}

/// The rules of Roles by the parameter that names the namespace; `run` for the one that the step runs in.
fn rules(permissions: &[Permission]) -> Json {
    let place = |permission: &Permission| match permission.place {
        Place::Run => "run",
        Place::Param(name) => name,
    };
    let mut rules = serde_json::Map::new();
    for name in permissions.iter().map(place) {
        let here: Vec<Permission> = permissions.iter().filter(|permission| place(permission) == name).copied().collect();
        rules.insert(name.to_owned(), rules_of(&here));
    }
    Json::Object(rules)
}

/// The rules of a Role.
pub(super) fn rules_of(permissions: &[Permission]) -> Json {
    let rule = |permission: &Permission| json!({ "apiGroups": [permission.api_group], "resources": permission.resources, "verbs": permission.verbs });
    permissions.iter().map(rule).collect()
}
