//! Rules about what a Task speaks of and does not declare.

use super::{Rule, ToldBy, mounts, pipeline_workspaces};
use crate::check::{Cx, Object, TaskOwner, TaskView};
use crate::finding::{Advice, Report, Severity};
use crate::texts::{Text, beneath};
use crate::variable::{Variable, WorkspaceField};

pub(super) static RULES: &[&Rule] = &[&UNDECLARED_WORKSPACE, &UNDECLARED_RESULT, &UNDECLARED_VOLUME, &UNKNOWN_VARIABLE];

/// A workspace that is not declared.
pub(super) static UNDECLARED_WORKSPACE: Rule = Rule {
    name: "undeclared-workspace",
    severity: Severity::Error,
    told_by: ToldBy::Nobody,
    summary: "A Task or Pipeline declares the workspaces that it speaks of.",
    explanation: "Tekton leaves the variable as it is written, so the step gets the text `$(workspaces.x.path)` for a path.\n\nIn `workspaces` of a task of a Pipeline, `name` is the Task's name for it and `workspace` the Pipeline's; where they are the same, `name` is enough. There, and in `workspaces` of steps and sidecars, Tekton tells as well.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    workingDir: $(workspaces.source.path)\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  workspaces:\n  - name: source\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    workingDir: $(workspaces.source.path)\n",
    check: Some(undeclared_workspace),
};

fn undeclared_workspace(cx: &Cx<'_>, report: &mut Report<'_>) {
    pipeline_workspaces::undeclared(cx, report);
    mounts::undeclared(cx, report);
    for view in cx.tasks() {
        let mut names: Vec<&str> = view.spec.workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
        match view.owner {
            TaskOwner::Task(_) => {}
            TaskOwner::TaskRun(run) => names.extend(run.workspaces.iter().map(|binding| binding.name.as_str())),
            TaskOwner::PipelineTask { pipeline, task, .. } => {
                names.extend(task.workspaces.iter().map(|binding| binding.name.as_str()));
                names.extend(pipeline.spec.workspaces.iter().map(|workspace| workspace.name.as_str()));
                names.extend(pipeline.run.iter().flat_map(|(run, _)| &run.workspaces).map(|binding| binding.name.as_str()));
            }
        }
        for text in cx.texts_of(view) {
            for reference in text.references() {
                let Variable::Workspace { name, field } = reference.variable else { continue };
                if names.contains(&name) && field != WorkspaceField::Unknown {
                    continue;
                }
                let place = text.part(reference.range);
                if !names.contains(&name) {
                    let message = format!("the Task does not declare the workspace {name:?}");
                    let otherwise = format!("add to its workspaces: {{name: {name}}}");
                    report.at(&UNDECLARED_WORKSPACE, place, message).did_you_mean(name, names.iter().copied(), &otherwise);
                } else {
                    let message = format!("nothing of this name is known of the workspace {name:?}");
                    report.at(&UNDECLARED_WORKSPACE, place, message).hint("there is: path, bound, claim, volume");
                }
            }
        }
    }
}

/// A result that is not declared.
static UNDECLARED_RESULT: Rule = Rule {
    name: "undeclared-result",
    severity: Severity::Error,
    told_by: ToldBy::Nobody,
    summary: "A Task declares the results that it writes.",
    explanation: "Tekton leaves the variable as it is written, so the step writes to a file of the name `$(results.x.path)`, and nobody gets the result.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(results.IMAGE_DIGEST.path)]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  results:\n  - name: IMAGE_DIGEST\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(results.IMAGE_DIGEST.path)]\n",
    check: Some(undeclared_result),
};

fn undeclared_result(cx: &Cx<'_>, report: &mut Report<'_>) {
    for view in cx.tasks() {
        let names: Vec<&str> = view.spec.results.iter().map(|result| result.name.as_str()).collect();
        for text in cx.texts_of(view) {
            unknown_results("the Task", *text, &names, report, |variable| match variable {
                Variable::ResultPath(name) => Some(name),
                _ => None,
            });
        }
        let place = view.place.key("steps");
        for (index, step) in view.spec.steps.iter().enumerate() {
            let names: Vec<&str> = step.results.iter().map(|result| result.name.as_str()).collect();
            for text in beneath(place.index(index)) {
                unknown_results("the step", text, &names, report, step_result);
            }
        }
    }
    if let Object::StepAction(action) = cx.object {
        let names: Vec<&str> = action.spec.results.iter().map(|result| result.name.as_str()).collect();
        for text in beneath(cx.place.key("spec")) {
            unknown_results("the StepAction", text, &names, report, step_result);
        }
    }
}

fn step_result<'t>(variable: &Variable<'t>) -> Option<&'t str> {
    match variable {
        Variable::StepResultPath(name) => Some(name),
        _ => None,
    }
}

fn unknown_results<'t>(
    owner: &str,
    text: Text<'t>,
    names: &[&str],
    report: &mut Report<'_>,
    name_of: impl Fn(&Variable<'t>) -> Option<&'t str>,
) {
    for reference in text.references() {
        let Some(name) = name_of(&reference.variable).filter(|name| !names.contains(name)) else { continue };
        let message = format!("{owner} does not declare the result {name:?}");
        let otherwise = format!("add to its results: {{name: {name}}}");
        report.at(&UNDECLARED_RESULT, text.part(reference.range), message).did_you_mean(name, names.iter().copied(), &otherwise);
    }
}

/// A volume that is not there.
static UNDECLARED_VOLUME: Rule = Rule {
    name: "undeclared-volume",
    severity: Severity::Error,
    told_by: ToldBy::Run,
    summary: "A Task has the volumes that its steps mount.",
    explanation: "Kubernetes refuses the pod. A volume of the Task, or of the run's pod template, is mounted by its name; a workspace's by `$(workspaces.x.volume)`.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    volumeMounts:\n    - name: cache\n      mountPath: /cache\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  volumes:\n  - name: cache\n    emptyDir: {}\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    volumeMounts:\n    - name: cache\n      mountPath: /cache\n",
    check: Some(undeclared_volume),
};

fn undeclared_volume(cx: &Cx<'_>, report: &mut Report<'_>) {
    for TaskView { spec, place, owner, .. } in cx.tasks() {
        // What a run's pod template brings may be known only there.
        let has_template = match owner {
            TaskOwner::Task(_) => false,
            TaskOwner::TaskRun(run) => run.pod_template.is_some(),
            TaskOwner::PipelineTask { pipeline, .. } => pipeline.run.is_some_and(|(run, _)| {
                run.task_run_template.pod_template.is_some() || run.task_run_specs.iter().any(|spec| spec.pod_template.is_some())
            }),
        };
        if has_template {
            continue;
        }
        let names: Vec<&str> = spec.volumes.iter().map(|volume| volume.name.as_str()).collect();
        let steps = spec.steps.iter().enumerate().map(|(index, step)| (&step.volume_mounts, place.key("steps").index(index)));
        let sidecars = spec.sidecars.iter().enumerate();
        let sidecars = sidecars.map(|(index, sidecar)| (&sidecar.volume_mounts, place.key("sidecars").index(index)));
        let template = spec.step_template.iter().map(|template| (&template.volume_mounts, place.key("stepTemplate")));
        for (mounts, place) in steps.chain(sidecars).chain(template) {
            for (index, mount) in mounts.iter().enumerate() {
                if !mount.name.contains("$(") && !names.contains(&mount.name.as_str()) {
                    let place = place.key("volumeMounts").index(index).key("name");
                    let message = format!("the Task has no volume {:?}", mount.name);
                    let otherwise = format!("add to its volumes: {{name: {}, emptyDir: {{}}}}", mount.name);
                    report.at(&UNDECLARED_VOLUME, place, message).did_you_mean(&mount.name, names.iter().copied(), &otherwise);
                }
            }
        }
    }
}

/// Almost a variable.
static UNKNOWN_VARIABLE: Rule = Rule {
    name: "unknown-variable",
    severity: Severity::Error,
    told_by: ToldBy::Nobody,
    summary: "What looks like a variable is one.",
    explanation: "Tekton replaces what it knows and leaves the rest as it is written. Scripts are not looked at: there `$(…)` is the shell's.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: target\n    default: all\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.target), $(parmas.target)]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: target\n    default: all\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.target)]\n",
    check: Some(unknown_variable),
};

/// What variables begin with.
const ROOTS: [&str; 10] =
    ["params", "tasks", "finally", "workspaces", "results", "context", "steps", "step", "artifacts", "credentials"];

fn unknown_variable(cx: &Cx<'_>, report: &mut Report<'_>) {
    let of_pipelines = cx.pipeline_tasks().flat_map(|(_, view)| view.texts());
    let of_tasks = cx.tasks().flat_map(|view| cx.texts_of(view).iter().copied());
    for text in of_pipelines.chain(of_tasks).filter(|text| text.field != "script") {
        other_notation(text, report);
    }
    let of_pipelines = cx.pipeline_tasks().flat_map(|(_, view)| view.texts());
    let of_tasks = cx.tasks().flat_map(|view| cx.texts_of(view).iter().copied());
    for text in of_pipelines.chain(of_tasks).filter(|text| text.field != "script") {
        for reference in text.references() {
            let place = || text.part(reference.range.clone());
            let Variable::Other(body) = reference.variable else { continue };
            if let Some(meant) = respelt(body) {
                let message = format!("there is no variable $({body})");
                report.at(&UNKNOWN_VARIABLE, place(), message).hint(format!("did you mean $({meant})?"));
                continue;
            }
            // Without a dot it is an environment variable, which Kubernetes replaces.
            let Some((root, rest)) = body.split_once('.') else { continue };
            let is_path = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.[]*\"'".contains(c));
            if !is_path(body) {
                continue;
            }
            let message = format!("there is no variable $({body})");
            if ROOTS.contains(&root) {
                // Tekton's own check tells of a context.
                if root != "context" {
                    report.at(&UNKNOWN_VARIABLE, place(), message).hint(form(root));
                }
            } else if let Some(meant) = crate::finding::nearest(root, ROOTS) {
                report.at(&UNKNOWN_VARIABLE, place(), message).hint(format!("did you mean $({meant}.{rest})?"));
            }
        }
    }
}

/// The variable that somebody meant who wrote spaces, forgot the quotes of a name, or remembers v1alpha1.
fn respelt(body: &str) -> Option<String> {
    let trimmed = body.trim();
    let trimmed = trimmed.strip_prefix("inputs.").filter(|rest| rest.starts_with("params.")).unwrap_or(trimmed);
    let unquoted = trimmed.strip_prefix("params[").and_then(|rest| rest.strip_suffix(']')).filter(|name| is_word(name));
    let meant = unquoted.map_or_else(|| trimmed.to_owned(), |name| format!("params.{name}"));
    (meant != body && !matches!(Variable::parse(&meant), Variable::Other(_))).then_some(meant)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Reports parameters and workspaces in the notation of other tools, and such as do not end.
fn other_notation(text: Text<'_>, report: &mut Report<'_>) {
    let openings = [("${{", "}}"), ("{{", "}}"), ("${", "}"), ("$(", ")")];
    for root in ["params.", "workspaces."] {
        for (at, _) in text.text.match_indices(root) {
            let before = text.text[..at].trim_end_matches(' ');
            let rest = &text.text[at..];
            let body =
                &rest[..rest.find(|c: char| !is_word(c.encode_utf8(&mut [0; 4])) && !"[]*\"'".contains(c)).unwrap_or(rest.len())];
            let Some((open, close)) = openings.iter().find(|(open, _)| before.ends_with(open)) else { continue };
            let is_closed = rest[body.len()..].trim_start_matches(' ').starts_with(close);
            if *open == "$(" && is_closed || *open != "$(" && !is_closed {
                continue;
            }
            let start = before.len() - open.len();
            let end = at + body.len() + if is_closed { rest[body.len()..].find(close).unwrap_or(0) + close.len() } else { 0 };
            let written = &text.text[start..end];
            let message = match is_closed {
                true => format!("{written} is no variable of Tekton's"),
                false => format!("{written} has no end"),
            };
            report.at(&UNKNOWN_VARIABLE, text.part(start..end), message).hint(format!("write $({body})"));
        }
    }
}

fn form(root: &str) -> &'static str {
    match root {
        "params" => "write $(params.NAME), $(params.NAME[*]), $(params.NAME[0]) or $(params.NAME.KEY)",
        "tasks" | "finally" => "write $(tasks.TASK.results.NAME), $(tasks.TASK.status) or $(tasks.status)",
        "workspaces" => "write $(workspaces.NAME.path) or $(workspaces.NAME.bound)",
        "results" => "write $(results.NAME.path)",
        "steps" => "write $(steps.STEP.results.NAME) or $(steps.step-STEP.exitCode.path)",
        "step" => "write $(step.results.NAME.path)",
        _ => "write $(artifacts.path) or $(credentials.path)",
    }
}
