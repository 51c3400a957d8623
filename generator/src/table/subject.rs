//! What is tested: a Pipeline and the Tasks that it runs. And whether a case fits it: a case that gives what the Pipeline
//! does not take, or expects what cannot be, would test nothing.

use std::collections::{BTreeMap, BTreeSet};

use tekton::finding::Place;
use tekton::v1::{EmbeddedTask, ParamSpec, ParamType, ParamValue, Pipeline, PipelineTask, Step, StepAction, Task, TaskSpec};

use super::file::{Case, File};
use crate::render::Fault;

/// A Pipeline and the Tasks that it can refer to.
pub(super) struct Subject {
    pub(super) pipeline: Pipeline,
    pub(super) tasks: Vec<Task>,
    pub(super) step_actions: Vec<StepAction>,
}

impl Subject {
    /// Its tasks, then those in `finally`.
    pub(super) fn all(&self) -> impl Iterator<Item = &PipelineTask> + Clone {
        self.pipeline.spec.tasks.iter().chain(&self.pipeline.spec.finally)
    }

    fn is_finally(&self, task: &str) -> bool {
        self.pipeline.spec.finally.iter().any(|known| known.name() == task)
    }

    /// The Task that a task runs, if it is known.
    pub(super) fn spec<'s>(&'s self, task: &'s PipelineTask) -> Option<&'s TaskSpec> {
        if let Some(embedded) = &task.task_spec {
            return (!embedded.is_custom()).then_some(&embedded.task);
        }
        let reference = task.task_ref.as_ref().filter(|reference| reference.resolver.is_none())?;
        self.tasks.iter().find(|known| Some(known.name()) == reference.name.as_deref()).map(|known| &known.spec)
    }

    /// Puts what a file says of the Tasks of others in their places, and gives what does not fit. A parameter that the Pipeline passes
    /// and such a Task does not have is a fault, since Tekton ignores it without a word.
    pub(super) fn stand_in(&mut self, file: &File) -> Option<Fault> {
        for (name, spec) in &file.table.tasks {
            let place = file.top().key("tasks");
            let Some(task) = self.all().find(|task| task.name() == name) else {
                let message = format!("the pipeline {} has no task {name:?}", self.pipeline.name());
                let fault = file.fault(place.name_of(name), "unknown-task", message);
                return Some(fault.did_you_mean(name, self.all().map(PipelineTask::name)));
            };
            if self.spec(task).is_some() {
                let fault = file.fault(place.name_of(name), "impossible", format!("the Task of {name:?} is known"));
                return Some(fault.hint("say only what Tasks take and give that somebody else has"));
            }
            let of_matrix = task.matrix.iter().flat_map(|matrix| &matrix.params);
            let names = spec.params.iter().map(|param| param.name.as_str());
            for param in task.params.iter().chain(of_matrix) {
                if !names.clone().any(|known| known == param.name) {
                    let message = format!("the Task of {name:?} has no param {:?}, which the pipeline passes", param.name);
                    let fault = file.fault(place.name_of(name), "unknown-param", message);
                    return Some(fault.did_you_mean(&param.name, names));
                }
            }
            let mut spec = spec.clone();
            if spec.steps.is_empty() {
                spec.steps.push(Step { name: Some("step".into()), image: Some("image".into()), ..Step::default() });
            }
            let all = self.pipeline.spec.tasks.iter_mut().chain(&mut self.pipeline.spec.finally);
            for task in all.filter(|task| task.name() == name) {
                task.task_ref = None;
                task.task_spec = Some(EmbeddedTask { task: spec.clone(), ..EmbeddedTask::default() });
            }
        }
        None
    }

    /// All tasks that a task waits for, directly or through others.
    pub(super) fn before<'s>(&'s self, task: &'s str) -> BTreeSet<&'s str> {
        if self.is_finally(task) {
            return self.pipeline.spec.tasks.iter().map(PipelineTask::name).collect();
        }
        let graph = tekton::graph::Graph::of(&self.pipeline.spec);
        let mut before = BTreeSet::new();
        let mut next = vec![task];
        while let Some(task) = next.pop() {
            next.extend(graph.of_task(task).map(|dependency| dependency.on).filter(|on| before.insert(*on)));
        }
        before
    }

    /// What in a case does not fit.
    pub(super) fn faults(&self, file: &File, index: usize) -> Vec<Fault> {
        let mut faults = Faults { subject: self, file, found: Vec::new() };
        faults.case(&file.table.cases[index], file.case(index));
        faults.found.sort_by_key(|fault| fault.position);
        faults.found
    }
}

struct Faults<'s> {
    subject: &'s Subject,
    file: &'s File,
    found: Vec<Fault>,
}

impl<'s> Faults<'s> {
    fn push(&mut self, place: Place<'_>, rule: &'static str, message: String, hint: Option<String>) {
        let fault = self.file.fault(place, rule, message);
        self.found.push(Fault { hint, ..fault });
    }

    /// A name that has to be one of some; says so otherwise.
    fn known<'n>(
        &mut self,
        place: Place<'_>,
        rule: &'static str,
        what: &str,
        name: &str,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> bool {
        if names.clone().any(|known| known == name) {
            return true;
        }
        let fault = self.file.fault(place, rule, format!("{what} {name:?}"));
        self.found.push(fault.did_you_mean(name, names));
        false
    }

    fn kind(&mut self, place: Place<'_>, what: &str, wanted: ParamType, value: &ParamValue) {
        if value.kind() != wanted {
            self.push(place, "wrong-type", format!("{what} is {}, and this is {}", article(wanted), article(value.kind())), None);
        }
    }

    fn case(&mut self, case: &Case, place: Place<'_>) {
        let subject = self.subject;
        let spec = &subject.pipeline.spec;
        let pipeline = subject.pipeline.name();
        self.params(place.key("params"), &format!("the pipeline {pipeline}"), &case.params, &spec.params);
        for param in spec.params.iter().filter(|param| param.default.is_none() && !case.params.contains_key(&param.name)) {
            let hint = Some("give it in `params`".to_owned());
            self.push(
                place.key("params"),
                "missing-param",
                format!("the param {:?} has no default and is not given", param.name),
                hint,
            );
        }
        let workspaces = spec.workspaces.iter().map(|workspace| workspace.name.as_str());
        for (index, name) in case.workspaces.iter().enumerate() {
            let what = format!("the pipeline {pipeline} has no workspace");
            self.known(place.key("workspaces").index(index), "unknown-workspace", &what, name, workspaces.clone());
        }
        for workspace in
            spec.workspaces.iter().filter(|workspace| !workspace.optional && !case.workspaces.contains(&workspace.name))
        {
            let message = format!("the workspace {:?} is not optional and is not bound", workspace.name);
            self.push(place.key("workspaces"), "missing-workspace", message, Some("name it in `workspaces`".to_owned()));
        }
        self.given(case, place.key("given"));
        self.expected(case, place.key("expect"));
    }

    fn params(&mut self, place: Place<'_>, of: &str, given: &BTreeMap<String, ParamValue>, declared: &[ParamSpec]) {
        let names = declared.iter().map(|param| param.name.as_str());
        for (name, value) in given {
            if self.known(place.name_of(name), "unknown-param", &format!("{of} has no param"), name, names.clone())
                && let Some(param) = declared.iter().find(|param| param.name == *name)
            {
                self.kind(place.key(name), &format!("the param {name:?}"), param.kind(), value);
            }
        }
    }

    /// Whether there is a task of this name.
    fn task(&mut self, place: Place<'_>, name: &str) -> Option<&'s PipelineTask> {
        let subject = self.subject;
        let what = format!("the pipeline {} has no task", subject.pipeline.name());
        self.known(place, "unknown-task", &what, name, subject.all().map(PipelineTask::name));
        subject.all().find(|task| task.name() == name)
    }

    fn given(&mut self, case: &Case, place: Place<'_>) {
        let subject = self.subject;
        for (name, given) in &case.given {
            let Some(task) = self.task(place.name_of(name), name) else { continue };
            let at = place.key(name);
            let attempts = u32::try_from(task.retries).unwrap_or_default();
            if given.failures > attempts {
                let message = format!("{} failures are more than its {attempts} retries", given.failures);
                self.push(
                    at.key("failures"),
                    "impossible",
                    message,
                    Some("write `status: Failed` for one that never succeeds".to_owned()),
                );
            }
            if !given.each.is_empty() && !task.is_matrixed() {
                self.push(
                    at.name_of("each"),
                    "impossible",
                    format!("the task {name:?} has no matrix"),
                    Some("write `results`".to_owned()),
                );
            }
            // Of a Task that somebody else has, nothing is known.
            let Some(spec) = subject.spec(task) else { continue };
            let declared = spec.results.iter().map(|result| result.name.as_str());
            let each = given.each.iter().enumerate().map(|(index, results)| (at.key("each").index(index), results));
            for (at, results) in each.chain([(at.key("results"), &given.results)]) {
                for (result, value) in results {
                    let what = format!("the Task of {name:?} has no result");
                    if self.known(at.name_of(result), "unknown-result", &what, result, declared.clone())
                        && let Some(declaration) = spec.results.iter().find(|known| known.name == *result)
                    {
                        let wanted = declaration.type_.unwrap_or_default();
                        self.kind(at.key(result), &format!("the result {result:?}"), wanted, value);
                    }
                }
            }
        }
    }

    fn expected(&mut self, case: &Case, place: Place<'_>) {
        let subject = self.subject;
        let results = subject.pipeline.spec.results.iter().map(|result| result.name.as_str());
        for name in case.expect.results.keys() {
            let what = format!("the pipeline {} has no result", subject.pipeline.name());
            self.known(place.key("results").name_of(name), "unknown-result", &what, name, results.clone());
        }
        for name in case.expect.skipped.keys() {
            let at = place.key("skipped").name_of(name);
            self.task(at, name);
            if case.expect.runs.contains_key(name) {
                self.push(at, "impossible", format!("the task {name:?} cannot both run and be skipped"), None);
            }
        }
        for (name, runs) in &case.expect.runs {
            let at = place.key("runs");
            let Some(task) = self.task(at.name_of(name), name) else { continue };
            let at = at.key(name);
            for (index, other) in runs.after.iter().enumerate() {
                self.task(at.key("after").index(index), other);
            }
            let Some(spec) = subject.spec(task) else { continue };
            let of = format!("the Task of {name:?}");
            self.params(at.key("params"), &of, &runs.params, &spec.params);
            for (index, combination) in runs.each.iter().flatten().enumerate() {
                self.params(at.key("each").index(index), &of, combination, &spec.params);
            }
            let steps = spec.steps.iter().filter_map(|step| step.name.as_deref());
            for step in runs.steps.keys() {
                self.known(at.key("steps").name_of(step), "unknown-step", &format!("{of} has no step"), step, steps.clone());
            }
            if runs.args.is_some() && spec.steps.len() != 1 {
                let hint = Some("write `steps: {NAME: […]}`".to_owned());
                self.push(at.name_of("args"), "impossible", format!("{of} has {} steps", spec.steps.len()), hint);
            }
        }
    }
}

fn article(kind: ParamType) -> &'static str {
    match kind {
        ParamType::String => "a string",
        ParamType::Array => "an array",
        ParamType::Object => "an object",
    }
}
