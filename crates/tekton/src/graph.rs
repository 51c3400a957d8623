//! The order of a Pipeline's tasks: who waits for whom, and why.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::v1::{Matrix, Param, PipelineSpec, PipelineTask, WhenExpression};
use crate::variable::{Variable, references};

/// Why a task waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// `runAfter`: the other must have ended well, or have been skipped by its own conditions.
    Order,
    /// It uses a result of the other: without the result it cannot run.
    Result,
}

/// One task waits for another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependency<'p> {
    /// The task that is waited for.
    pub on: &'p str,
    /// Why.
    pub reason: Reason,
}

/// What each task of a Pipeline waits for. Tasks in `finally` wait for all others and for nothing else.
#[derive(Clone, Debug, Default)]
pub struct Graph<'p> {
    dependencies: BTreeMap<&'p str, BTreeSet<Dependency<'p>>>,
}

/// What a task waits for by itself: its `runAfter`, and the results in its parameters, matrix, conditions, workspaces and
/// inline steps.
pub fn dependencies(task: &PipelineTask) -> BTreeSet<Dependency<'_>> {
    let mut found: BTreeSet<_> = task.run_after.iter().map(|on| Dependency { on, reason: Reason::Order }).collect();
    each_text(task, &mut |text| {
        let awaited = references(text).filter_map(|reference| reference.variable.awaited_task());
        found.extend(awaited.map(|on| Dependency { on, reason: Reason::Result }));
    });
    found
}

/// Calls `visit` with every text of a task in which Tekton replaces results of other tasks.
pub fn each_text<'p>(task: &'p PipelineTask, visit: &mut dyn FnMut(&'p str)) {
    task.params.iter().for_each(|param| each_string(param, visit));
    if let Some(Matrix { params, include }) = &task.matrix {
        params.iter().chain(include.iter().flat_map(|include| &include.params)).for_each(|param| each_string(param, visit));
    }
    for WhenExpression { input, values, cel, .. } in &task.when {
        input.iter().chain(values).chain(cel).for_each(|text| visit(text));
    }
    task.workspaces.iter().filter_map(|workspace| workspace.sub_path.as_deref()).for_each(&mut *visit);
    for reference in task.task_ref.iter() {
        reference.params.iter().for_each(|param| each_string(param, visit));
    }
    let Some(embedded) = &task.task_spec else { return };
    for step in &embedded.task.steps {
        step.params.iter().for_each(|param| each_string(param, visit));
        let texts = [&step.image, &step.script, &step.working_dir].into_iter().flatten();
        texts.chain(&step.command).chain(&step.args).for_each(|text| visit(text));
        step.env.iter().filter_map(|env| env.value.as_deref()).for_each(&mut *visit);
        step.when.iter().flat_map(|when| when.input.iter().chain(&when.values)).for_each(|text| visit(text));
    }
    for sidecar in &embedded.task.sidecars {
        let texts = [&sidecar.image, &sidecar.script, &sidecar.working_dir].into_iter().flatten();
        texts.chain(&sidecar.command).chain(&sidecar.args).for_each(|text| visit(text));
        sidecar.env.iter().filter_map(|env| env.value.as_deref()).for_each(&mut *visit);
    }
}

fn each_string<'p>(param: &'p Param, visit: &mut dyn FnMut(&'p str)) {
    param.value.strings().for_each(visit);
}

// === impl Graph ===

impl<'p> Graph<'p> {
    /// The graph of a Pipeline's `tasks`. What they refer to need not exist.
    pub fn of(pipeline: &'p PipelineSpec) -> Self {
        let dependencies = pipeline.tasks.iter().map(|task| (task.name(), dependencies(task))).collect();
        Graph { dependencies }
    }

    /// What `task` waits for.
    pub fn of_task(&self, task: &str) -> impl Iterator<Item = &Dependency<'p>> {
        self.dependencies.get(task).into_iter().flatten()
    }

    /// Every task that waits for `task`, directly.
    pub fn waiting_for(&self, task: &str) -> impl Iterator<Item = &'p str> {
        let waits = move |(name, on): (&&'p str, &BTreeSet<Dependency<'p>>)| on.iter().any(|d| d.on == task).then_some(*name);
        self.dependencies.iter().filter_map(waits)
    }

    /// A cycle: tasks of which each waits for the next, and the last for the first.
    pub fn cycle(&self) -> Option<Vec<&'p str>> {
        // What is in no wave goes in circles, or waits for what does.
        let done: BTreeSet<&str> = self.waves().into_iter().flatten().collect();
        let left: BTreeMap<&'p str, BTreeSet<&'p str>> = (self.dependencies.iter())
            .filter(|(task, _)| !done.contains(*task))
            .map(|(task, on)| (*task, self.known(on).filter(|on| !done.contains(on)).collect()))
            .collect();
        let mut path = vec![*left.keys().next()?];
        // Where in the path each is.
        let mut steps: HashMap<&str, usize> = path.iter().map(|task| (*task, 0)).collect();
        loop {
            let next = *left.get(path.last()?)?.iter().next()?;
            if let Some(at) = steps.insert(next, path.len()) {
                path.drain(..at);
                return Some(path);
            }
            path.push(next);
        }
    }

    /// The tasks in waves: each waits only for tasks of earlier ones. What is in a cycle, or waits for one, is left out.
    pub fn waves(&self) -> Vec<Vec<&'p str>> {
        let mut open: BTreeMap<&'p str, usize> = BTreeMap::new();
        let mut waiting: HashMap<&'p str, Vec<&'p str>> = HashMap::new();
        for (task, on) in &self.dependencies {
            let on: BTreeSet<&str> = self.known(on).collect();
            open.insert(task, on.len());
            on.into_iter().for_each(|on| waiting.entry(on).or_default().push(task));
        }
        let mut waves = Vec::new();
        let mut wave: Vec<&str> = open.iter().filter(|(_, open)| **open == 0).map(|(task, _)| *task).collect();
        while !wave.is_empty() {
            let mut next = Vec::new();
            for task in wave.iter().flat_map(|done| waiting.remove(done).unwrap_or_default()) {
                let Some(open) = open.get_mut(task) else { continue };
                *open -= 1;
                if *open == 0 {
                    next.push(task);
                }
            }
            next.sort_unstable();
            waves.push(std::mem::replace(&mut wave, next));
        }
        waves
    }

    /// Those of the tasks waited for that there are.
    fn known(&self, on: &BTreeSet<Dependency<'p>>) -> impl Iterator<Item = &'p str> {
        on.iter().map(|dependency| dependency.on).filter(|on| self.dependencies.contains_key(on))
    }
}

impl Variable<'_> {
    /// Whether Tekton knows its value only when the tasks have run.
    pub fn is_of_run(&self) -> bool {
        self.awaited_task().is_some() || matches!(self, Variable::TaskStatus(_) | Variable::TaskReason(_) | Variable::Status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(tasks: &[(&str, &[&str], &str)]) -> PipelineSpec {
        let task = |(name, run_after, value): &(&str, &[&str], &str)| PipelineTask {
            name: Some((*name).to_owned()),
            run_after: run_after.iter().map(|task| (*task).to_owned()).collect(),
            params: vec![Param::new("p".into(), (*value).into())],
            ..PipelineTask::default()
        };
        PipelineSpec { tasks: tasks.iter().map(task).collect(), ..PipelineSpec::default() }
    }

    #[test]
    fn tasks_wait_for_order_and_results() {
        let spec = pipeline(&[
            ("build", &[], "x"),
            ("test", &["build"], "x"),
            ("push", &["test"], "$(tasks.build.results.IMAGE)"),
            ("alone", &[], "$(params.x)"),
        ]);
        let graph = Graph::of(&spec);
        assert_eq!(graph.waves(), [vec!["alone", "build"], vec!["test"], vec!["push"]]);
        assert_eq!(graph.cycle(), None);
        assert_eq!(graph.waiting_for("build").collect::<Vec<_>>(), ["push", "test"]);
        let push: Vec<_> = graph.of_task("push").map(|d| (d.on, d.reason)).collect();
        assert_eq!(push, [("build", Reason::Result), ("test", Reason::Order)]);
    }

    #[test]
    fn a_cycle_is_told_without_what_leads_to_it() {
        let spec = pipeline(&[("in", &["a"], ""), ("a", &["c"], ""), ("b", &["a"], ""), ("c", &["b"], ""), ("free", &[], "")]);
        let graph = Graph::of(&spec);
        assert_eq!(graph.cycle(), Some(vec!["a", "c", "b"]));
        assert_eq!(graph.waves(), [["free"]]);
    }
}
