//! What cannot be done on this machine, each as a sentence: a run with any of it does not start.

use k8s_openapi::api::core::v1::{EnvVar, Volume};
use tekton::v1::{PipelineRunSpec, PipelineTask, Step, TaskRunSpec, TaskSpec};
use tekton::variable::{Variable, references};

/// What of a task of a Pipeline cannot be done, besides its Task.
pub(crate) fn pipeline_task(task: &PipelineTask) -> Vec<String> {
    let mut faults = Vec::new();
    let mut refuse = |what: &str| faults.push(format!("the task {} {what}", task.name()));
    if task.pipeline_ref.is_some() || task.pipeline_spec.is_some() {
        refuse("is a Pipeline in a Pipeline, which does not run here; run that Pipeline by itself");
    }
    if let Some(reference) = &task.task_ref {
        if let Some(resolver) = reference.resolver.as_deref().filter(|resolver| !resolver.is_empty()) {
            refuse(&format!(
                "takes its Task from the resolver {resolver}, which is not asked here; give the Task's file with -f and refer to it by name"
            ));
        }
        let other = |text: &Option<String>, own: &[&str]| text.as_deref().is_some_and(|t| !t.is_empty() && !own.contains(&t));
        if other(&reference.kind, &["Task"]) || other(&reference.api_version, &["tekton.dev/v1", "tekton.dev/v1beta1"]) {
            refuse("is a custom task, which only its controller on a cluster runs");
        }
    }
    if task.task_spec.as_ref().is_some_and(|embedded| embedded.is_custom()) {
        refuse("is a custom task, which only its controller on a cluster runs");
    }
    faults
}

/// What of a Task cannot be done.
pub(crate) fn task(name: &str, spec: &TaskSpec) -> Vec<String> {
    let mut faults = Vec::new();
    if !spec.sidecars.is_empty() {
        faults.push(format!(
            "the task {name} has sidecars, which do not run here; start what they serve before, and pass its address"
        ));
    }
    for volume in &spec.volumes {
        if let Some(kind) = unknown_volume(volume) {
            faults.push(format!(
                "the task {name} has the {kind} volume {}, which is not to be had here; there are emptyDir, configMap and secret",
                volume.name
            ));
        }
    }
    for (index, step) in spec.steps.iter().enumerate() {
        let step_name = crate::paths::step_name(index, step);
        faults.extend(of_step(step).into_iter().map(|what| format!("the step {step_name} of the task {name} {what}")));
    }
    faults
}

fn of_step(step: &Step) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(resolver) = step.ref_.as_ref().and_then(|reference| reference.resolver.as_deref()) {
        faults.push(format!("takes its StepAction from the resolver {resolver}, which is not asked here; give its file with -f"));
    }
    if !step.volume_devices.is_empty() {
        faults.push("has block devices, which are not to be had here".to_owned());
    }
    if step.stdout_config.is_some() || step.stderr_config.is_some() {
        faults.push(
            "writes its output to a file by stdoutConfig or stderrConfig, which is not done here; redirect it in a script".into(),
        );
    }
    for env in &step.env {
        if let Some(kind) = unknown_source(env) {
            faults.push(format!(
                "takes the environment variable {} from {kind}, which is not to be had here; there are configMapKeyRef and secretKeyRef",
                env.name
            ));
        }
    }
    let texts = step.script.iter().chain(&step.command).chain(&step.args);
    let texts = texts.map(String::as_str).chain(step.env.iter().filter_map(|env| env.value.as_deref()));
    for text in texts {
        for reference in references(text) {
            let is_artifact = matches!(
                reference.variable,
                Variable::ArtifactsPath | Variable::TaskArtifact { .. } | Variable::StepArtifact { .. }
            );
            if is_artifact {
                faults.push(format!("uses artifacts ({}), which are not kept here; use results", &text[reference.range]));
            }
        }
    }
    faults
}

fn unknown_volume(volume: &Volume) -> Option<String> {
    if volume.empty_dir.is_some() || volume.config_map.is_some() || volume.secret.is_some() {
        return None;
    }
    // The name of the source is the one field besides the volume's name.
    let json = serde_json::to_value(volume).unwrap_or_default();
    let kind = json.as_object().and_then(|map| map.keys().find(|key| *key != "name").cloned());
    Some(kind.unwrap_or_else(|| "empty".to_owned()))
}

fn unknown_source(env: &EnvVar) -> Option<&'static str> {
    let source = env.value_from.as_ref()?;
    if source.config_map_key_ref.is_some() || source.secret_key_ref.is_some() {
        return None;
    }
    Some(if source.field_ref.is_some() { "a field of its pod" } else { "its pod's resources" })
}

/// What of a PipelineRun cannot be done.
pub(crate) fn pipeline_run(run: &PipelineRunSpec) -> Vec<String> {
    let mut faults = Vec::new();
    let resolver = run.pipeline_ref.as_ref().and_then(|reference| reference.resolver.as_deref());
    if let Some(resolver) = resolver.filter(|resolver| !resolver.is_empty()) {
        faults.push(format!(
            "the PipelineRun takes its Pipeline from the resolver {resolver}, which is not asked here; give the Pipeline's file with -f \
             and refer to it by name"
        ));
    }
    if let Some(status) = run.status.as_deref().filter(|status| !status.is_empty()) {
        faults.push(format!("the PipelineRun has the status {status}, with which it does not run; remove spec.status"));
    }
    let templates = run.task_run_template.pod_template.iter();
    for template in templates.chain(run.task_run_specs.iter().filter_map(|spec| spec.pod_template.as_ref())) {
        if !template.env.is_empty() || !template.volumes.is_empty() {
            faults.push(
                "the PipelineRun's podTemplate has env or volumes, which do not reach steps here; put them into the Task".into(),
            );
        }
    }
    faults
}

/// What of a TaskRun cannot be done.
pub(crate) fn task_run(run: &TaskRunSpec) -> Vec<String> {
    let mut faults = Vec::new();
    let resolver = run.task_ref.as_ref().and_then(|reference| reference.resolver.as_deref());
    if let Some(resolver) = resolver.filter(|resolver| !resolver.is_empty()) {
        faults.push(format!(
            "the TaskRun takes its Task from the resolver {resolver}, which is not asked here; give the Task's file with -f"
        ));
    }
    if let Some(status) = run.status.as_deref().filter(|status| !status.is_empty()) {
        faults.push(format!("the TaskRun has the status {status}, with which it does not run; remove spec.status"));
    }
    if run.debug.is_some() {
        faults.push("the TaskRun has breakpoints, which are not kept here; remove spec.debug".to_owned());
    }
    if run.pod_template.as_ref().is_some_and(|template| !template.env.is_empty() || !template.volumes.is_empty()) {
        faults.push("the TaskRun's podTemplate has env or volumes, which do not reach steps here; put them into the Task".into());
    }
    faults
}
