//! What the kinds of requests have in common: a Task, a Pipeline and the runs of both, as one.

use std::collections::BTreeMap;
use std::time::Duration;

use step::{Error, Result};
use tekton::v1::{
    PipelineRunSpec, PipelineSpec, PipelineWorkspaceDeclaration, TaskRunSpec, TaskSpec, WorkspaceBinding, WorkspaceDeclaration,
};

use super::faults::error;
use super::{Target, Timeouts, random};
use crate::library::{Library, Request};
use crate::manifests::{Kind as Holder, Manifests};
use crate::refuse;
use crate::workspace::{Binding, Source};

/// What Tekton gives a run that does not say how long it may take.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// What the kinds of requests have in common.
pub(super) struct Parts {
    pub(super) pipeline: String,
    pub(super) name: Option<String>,
    pub(super) spec: PipelineSpec,
    pub(super) task: Option<(String, TaskSpec, TaskRunSpec)>,
    pub(super) timeouts: Timeouts,
    pub(super) task_timeouts: BTreeMap<String, Option<Duration>>,
}

impl Parts {
    pub(super) fn of(target: &mut Target, library: &Library, manifests: &Manifests) -> Result<Self> {
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
