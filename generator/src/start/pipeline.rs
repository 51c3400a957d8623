//! Which Pipeline is started: one that is in the cluster, or a definition whose run carries it.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use cluster::{Cluster, Resource};
use serde_json::Value;
use step::{Error, Kind, Result};
use tekton::check::Object;
use tekton::finding::nearest;
use tekton::v1::{
    EmbeddedTask, ParamSpec, Pipeline, PipelineSpec, PipelineTask, PipelineTaskMetadata, PipelineWorkspaceDeclaration, Task,
};

use crate::render::{self, Definition};
use crate::run::input;
use crate::{steps, task};

/// The Pipeline that is started, as far as it is known here.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) params: Vec<ParamSpec>,
    pub(super) workspaces: Vec<PipelineWorkspaceDeclaration>,
    /// What the run carries; without it, it refers to the Pipeline by name.
    pub(super) inline: Option<Box<PipelineSpec>>,
}

/// Finds it; `connect` is only called when the cluster has to be asked.
pub(super) fn find(matches: &ArgMatches, is_created: bool, connect: impl FnOnce() -> Result<Cluster>) -> Result<Target> {
    let what = matches.get_one::<String>("pipeline").map(String::as_str).unwrap_or_default();
    let path = Path::new(what);
    if what.contains('/') && path.is_file() || what.ends_with(".yaml") || what.ends_with(".yml") {
        return of_file(path);
    }
    let has_values = ["values", "set", "images"].iter().any(|name| matches.contains_id(name));
    if matches.get_flag("inline") || has_values || what.contains(['/', '\\']) || matches!(what, "." | "..") {
        return of_definition(matches, true);
    }
    // Without a cluster a definition of this name has to do, and says what is in the cluster by that name.
    if !is_created && (Definition::embedded_names().any(|name| name == what) || is_definition_here(what)) {
        return of_definition(matches, false);
    }
    let near = || nearest(what, Definition::embedded_names());
    let cluster = connect().map_err(|error| match near() {
        Some(name) if !is_created => error.hint(format!("or did you mean the definition `{name}`?")),
        _ => error,
    })?;
    of_cluster(&cluster, what)
}

fn is_definition_here(name: &str) -> bool {
    Path::new("pipelines").join(name).join("pipeline.yaml.j2").is_file()
}

fn of_definition(matches: &ArgMatches, is_inline: bool) -> Result<Target> {
    let (definition, values, options) = render::command::inputs(matches)?;
    let rendered = definition.render(&values, &options)?;
    let mut pipelines = rendered.pipelines();
    let (Some(pipeline), None) = (pipelines.next(), pipelines.next()) else {
        let error = Error::bad_input(format!("the definition {} has several Pipelines", definition.name()));
        return Err(error.hint("apply what `stepwright render` prints, and start one of them by its name"));
    };
    let tasks: Vec<&Task> = rendered.all_tasks().collect();
    Target::new(pipeline, is_inline.then_some(&tasks[..]))
}

/// Tekton's YAML: one Pipeline, and Tasks that it refers to.
fn of_file(path: &Path) -> Result<Target> {
    let objects = input::checked(&[PathBuf::from(path)])?;
    let known: Vec<Task> = steps().iter().map(|step| task::task(step, task::IMAGES)).collect::<Result<_>>()?;
    let mut tasks: Vec<&Task> =
        objects.iter().filter_map(|object| if let Object::Task(task) = object { Some(&**task) } else { None }).collect();
    tasks.extend(&known);
    let mut pipelines =
        objects.iter().filter_map(|object| if let Object::Pipeline(pipeline) = object { Some(&**pipeline) } else { None });
    match (pipelines.next(), pipelines.next()) {
        (Some(pipeline), None) => Target::new(pipeline, Some(&tasks)),
        (None, _) => Err(Error::bad_input(format!("{} has no Pipeline", path.display()))),
        _ => Err(Error::bad_input(format!("{} has several Pipelines", path.display())).hint("give a file with one of them")),
    }
}

fn of_cluster(cluster: &Cluster, name: &str) -> Result<Target> {
    let pipeline = cluster.get(&Resource::PIPELINES, name).map_err(|error| {
        let is_missing = error.kind() == Kind::NotFound && error.to_string().starts_with("there is no Pipeline");
        match is_missing && (Definition::embedded_names().any(|known| known == name) || is_definition_here(name)) {
            true => error
                .hint(format!("`stepwright render {name} | kubectl apply -f -` puts it there, and --inline starts it without")),
            false if is_missing => error.hint("`kubectl get pipelines` shows what is there; --namespace chooses another place"),
            false => error,
        }
    })?;
    Ok(Target {
        name: name.to_owned(),
        params: declared(&pipeline["spec"]["params"], &["name", "type", "enum", "properties", "default"])?,
        workspaces: declared(&pipeline["spec"]["workspaces"], &["name", "optional"])?,
        inline: None,
    })
}

/// Declarations, as far as they concern us: a newer Tekton may say more in them.
fn declared<T: serde::de::DeserializeOwned>(list: &Value, fields: &[&str]) -> Result<Vec<T>> {
    let wrong = |e| Error::bad_input("the cluster's Pipeline cannot be read").because(e);
    let one = |item: &Value| {
        let kept = fields.iter().filter_map(|field| Some(((*field).to_owned(), item.get(*field)?.clone())));
        serde_json::from_value(Value::Object(kept.collect())).map_err(wrong)
    };
    list.as_array().into_iter().flatten().map(one).collect()
}

// === impl Target ===

impl Target {
    /// With Tasks the run carries the Pipeline, and these in it.
    fn new(pipeline: &Pipeline, tasks: Option<&[&Task]>) -> Result<Self> {
        let inline = match tasks {
            Some(tasks) => {
                let mut spec = pipeline.spec.clone();
                spec.tasks.iter_mut().chain(&mut spec.finally).for_each(|task| embed(task, tasks));
                Some(Box::new(spec))
            }
            None => None,
        };
        Ok(Target {
            name: pipeline.name().to_owned(),
            params: pipeline.spec.params.clone(),
            workspaces: pipeline.spec.workspaces.clone(),
            inline,
        })
    }
}

/// Puts the Task in the place of its name. What is not among `tasks` is left to the cluster.
fn embed(task: &mut PipelineTask, tasks: &[&Task]) {
    let Some(reference) = &task.task_ref else { return };
    let is_task = reference.resolver.is_none() && reference.kind.as_deref().is_none_or(|kind| kind == "Task");
    let Some(found) = tasks.iter().find(|known| is_task && reference.name.as_deref() == Some(known.name())) else { return };
    let metadata =
        PipelineTaskMetadata { labels: found.metadata.labels.clone().unwrap_or_default(), ..PipelineTaskMetadata::default() };
    task.task_spec = Some(EmbeddedTask { metadata, task: found.spec.clone(), ..EmbeddedTask::default() });
    task.task_ref = None;
}
