//! Rules about the workspaces that one object gives to another that it refers to.

use std::collections::BTreeSet;

use super::calls::{task_name, there_is};
use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Place, Report, Severity};
use crate::v1::TaskSpec;

pub(super) static RULES: &[&Rule] = &[&UNKNOWN_WORKSPACE, &UNBOUND_WORKSPACE];

/// A workspace that the callee does not have.
static UNKNOWN_WORKSPACE: Rule = Rule {
    name: "unknown-workspace",
    severity: Severity::Error,
    told_by: ToldBy::Run,
    summary: "A workspace is given only to a Task or Pipeline that declares it.",
    explanation: "Tekton ignores it, or fails the run, depending on where it is written.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  workspaces:\n  - name: source\n    optional: true\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    workingDir: $(workspaces.source.path)\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  workspaces:\n  - name: shared\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n    workspaces:\n    - name: soruce\n      workspace: shared\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  workspaces:\n  - name: source\n    optional: true\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    workingDir: $(workspaces.source.path)\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  workspaces:\n  - name: shared\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n    workspaces:\n    - name: source\n      workspace: shared\n",
    check: Some(unknown_workspace),
};

/// A workspace that is needed and not given.
static UNBOUND_WORKSPACE: Rule = Rule {
    name: "unbound-workspace",
    severity: Severity::Error,
    told_by: ToldBy::Run,
    summary: "Every workspace that is not optional is given.",
    explanation: "The run would fail before it starts.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  workspaces:\n  - name: source\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    workingDir: $(workspaces.source.path)\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  workspaces:\n  - name: source\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    workingDir: $(workspaces.source.path)\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  workspaces:\n  - name: source\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n    workspaces:\n    - name: source\n",
    check: Some(unbound_workspace),
};

/// Workspaces of a callee and those given to it.
struct Bindings<'a> {
    callee: String,
    /// Names, and whether it can do without.
    declared: Vec<(&'a str, bool)>,
    given: Vec<(&'a str, Place<'a>)>,
    place: Place<'a>,
    is_inline: bool,
    /// What comes to it by its name if it is inline.
    scope: BTreeSet<&'a str>,
}

fn bindings<'a>(cx: &Cx<'a>) -> Vec<Bindings<'a>> {
    let of_task = |spec: &'a TaskSpec| spec.workspaces.iter().map(|workspace| (&*workspace.name, workspace.optional)).collect();
    let mut found = Vec::new();
    for (pipeline, view) in cx.pipeline_tasks() {
        let Some(spec) = view.task_spec(cx.world) else { continue };
        let place = view.place.key("workspaces");
        let given = view.task.workspaces.iter().enumerate().map(|(index, binding)| (&*binding.name, place.index(index)));
        let mut scope: BTreeSet<_> = pipeline.spec.workspaces.iter().map(|workspace| &*workspace.name).collect();
        scope.extend(pipeline.run.iter().flat_map(|(run, _)| &run.workspaces).map(|binding| &*binding.name));
        found.push(Bindings {
            callee: task_name(view)
                .map_or_else(|| format!("the Task of {:?}", view.task.name()), |(name, _)| format!("the Task {name:?}")),
            declared: of_task(spec),
            given: given.collect(),
            place: view.place.name_of("workspaces"),
            is_inline: view.task.task_spec.is_some(),
            scope,
        });
    }
    let place = cx.place.key("spec");
    let (callee, declared, bound, is_inline) = match cx.object {
        Object::TaskRun(run) => {
            let name =
                run.spec.task_ref.as_ref().filter(|reference| reference.resolver.is_none()).and_then(|r| r.name.as_deref());
            match (&run.spec.task_spec, name.and_then(|name| cx.world.task(name))) {
                (Some(spec), _) => ("its Task".to_owned(), of_task(spec), &run.spec.workspaces, true),
                (None, Some(task)) => (format!("the Task {:?}", task.name()), of_task(&task.spec), &run.spec.workspaces, false),
                (None, None) => return found,
            }
        }
        Object::PipelineRun(run) => {
            let reference = run.spec.pipeline_ref.as_ref().filter(|reference| reference.resolver.is_none());
            let pipeline = reference.and_then(|reference| cx.world.pipeline(reference.name.as_deref()?));
            let (callee, spec) = match (&run.spec.pipeline_spec, pipeline) {
                (Some(spec), _) => ("its Pipeline".to_owned(), spec),
                (None, Some((pipeline, _))) => (format!("the Pipeline {:?}", pipeline.name()), &pipeline.spec),
                (None, None) => return found,
            };
            let declared = spec.workspaces.iter().map(|workspace| (&*workspace.name, workspace.optional)).collect();
            (callee, declared, &run.spec.workspaces, run.spec.pipeline_spec.is_some())
        }
        _ => return found,
    };
    let given = bound.iter().enumerate().map(|(index, binding)| (&*binding.name, place.key("workspaces").index(index))).collect();
    let place = place.name_of("workspaces");
    found.push(Bindings { callee, declared, given, place, is_inline, scope: BTreeSet::new() });
    found
}

fn unknown_workspace(cx: &Cx<'_>, report: &mut Report<'_>) {
    for Bindings { callee, declared, given, is_inline, .. } in bindings(cx) {
        let strays = given.iter().filter(|(name, _)| !is_inline && declared.iter().all(|(declared, _)| declared != name));
        for (name, place) in strays {
            let names: Vec<&str> = declared.iter().map(|(name, _)| *name).collect();
            let free = names.iter().copied().filter(|name| given.iter().all(|(given, _)| given != name));
            let otherwise = there_is(names.iter().copied());
            let message = format!("{callee} has no workspace {name:?}");
            report.at(&UNKNOWN_WORKSPACE, place.key("name"), message).did_you_mean(name, free, &otherwise);
        }
    }
}

fn unbound_workspace(cx: &Cx<'_>, report: &mut Report<'_>) {
    for Bindings { callee, declared, given, place, is_inline, scope } in bindings(cx) {
        for (name, _) in declared.iter().filter(|(_, optional)| !optional) {
            let comes_by_itself = is_inline && scope.contains(name);
            // A misspelt one is told of by the rule about unknown workspaces.
            let strays = given.iter().map(|(given, _)| *given).filter(|given| declared.iter().all(|(name, _)| name != given));
            let is_misspelt = !is_inline && crate::finding::nearest(name, strays).is_some();
            if !given.iter().any(|(given, _)| given == name) && !comes_by_itself && !is_misspelt {
                let message = format!("{callee} needs its workspace {name:?}");
                report.at(&UNBOUND_WORKSPACE, place, message).hint(format!("add to its workspaces: {{name: {name}, …}}"));
            }
        }
    }
}
