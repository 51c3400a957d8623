//! What a picture of a Pipeline shows, whatever draws it.

use std::collections::{BTreeMap, BTreeSet};

use tekton::graph::each_text;
use tekton::v1::{Matrix, OnError, PipelineSpec, PipelineTask, WhenExpression, WhenOperator};
use tekton::variable::{Variable, isolated, references};

/// A Pipeline as boxes and arrows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// The Pipeline's name.
    pub(super) name: String,
    /// Its tasks, then those in `finally`, then names that no task has.
    pub(super) boxes: Vec<TaskBox>,
    /// In the order of the boxes where they end.
    pub(super) arrows: Vec<Arrow>,
}

/// A task.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TaskBox {
    /// Letters, digits and `_`, another one for each box, and no keyword anywhere.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
    /// What else to know: the Task that it runs, its conditions, …
    pub(super) notes: Vec<String>,
    /// Where it stands in the Pipeline.
    pub(super) part: Part,
}

/// Where a task stands in its Pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Among the tasks.
    Tasks,
    /// Among those that run at the end.
    Finally,
    /// Nowhere: others refer to it, and it is not there.
    Nowhere,
}

/// One task comes after another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    /// The box that it starts at, by its index.
    pub(super) from: usize,
    /// The box that it ends at.
    pub(super) to: usize,
    /// The results that are handed over; without any it is only the order.
    pub(super) results: Vec<String>,
}

/// Longer texts are cut.
const MAX_NOTE: usize = 60;

impl Picture {
    /// Of a Pipeline.
    pub(super) fn of(name: &str, pipeline: &PipelineSpec) -> Self {
        let mut picture = Picture { name: name.to_owned(), boxes: Vec::new(), arrows: Vec::new() };
        for task in &pipeline.tasks {
            picture.add(task.name(), notes(task), Part::Tasks);
        }
        for task in &pipeline.finally {
            picture.add(task.name(), notes(task), Part::Finally);
        }
        for (to, task) in pipeline.tasks.iter().chain(&pipeline.finally).enumerate() {
            for (on, results) in sources(task) {
                let known = |known: &TaskBox| known.name == on && known.part != Part::Finally;
                let from = picture.boxes.iter().position(known);
                let from = from.unwrap_or_else(|| picture.add(on, vec!["there is no such task".to_owned()], Part::Nowhere));
                let results = results.into_iter().map(str::to_owned).collect();
                picture.arrows.push(Arrow { from, to, results });
            }
        }
        picture
    }

    fn add(&mut self, name: &str, notes: Vec<String>, part: Part) -> usize {
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let prefix = if part == Part::Finally { "finally" } else { "task" };
        let mut id = format!("{prefix}_{plain}");
        while self.boxes.iter().any(|known| known.id == id) {
            id.push('_');
        }
        self.boxes.push(TaskBox { id, name: name.to_owned(), notes, part });
        self.boxes.len() - 1
    }

    /// The boxes of one part, with their index.
    pub(super) fn part(&self, part: Part) -> impl Iterator<Item = (usize, &TaskBox)> {
        self.boxes.iter().enumerate().filter(move |(_, known)| known.part == part)
    }

    /// Boxes that nothing follows: where tasks end and `finally` begins.
    pub(super) fn last(&self) -> impl Iterator<Item = usize> {
        let has_finally = self.part(Part::Finally).next().is_some();
        let ends = move |index: &usize| has_finally && !self.arrows.iter().any(|arrow| arrow.from == *index);
        self.part(Part::Tasks).map(|(index, _)| index).filter(ends)
    }
}

/// The tasks before this one, and what it uses of each.
fn sources(task: &PipelineTask) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut sources: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for on in &task.run_after {
        sources.entry(on).or_default();
    }
    each_text(task, &mut |text| {
        for reference in references(text) {
            let (on, what) = match reference.variable {
                Variable::TaskResult { task, result, .. } => (task, result),
                Variable::MatrixLength { task, result } => (task, result.unwrap_or("number of runs")),
                Variable::TaskArtifact { task } => (task, "artifacts"),
                Variable::TaskStatus(task) => (task, "status"),
                Variable::TaskReason(task) => (task, "reason"),
                _ => continue,
            };
            sources.entry(on).or_default().insert(what);
        }
    });
    sources
}

fn notes(task: &PipelineTask) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(reference) = &task.task_ref {
        let param =
            |name| reference.params.iter().find(|param| param.name == name).and_then(|param| param.value.strings().next());
        let name = reference.name.as_deref().or_else(|| param("name")).or_else(|| param("pathInRepo"));
        match (&reference.resolver, name) {
            (Some(resolver), Some(name)) => notes.push(format!("runs {name} from {resolver}")),
            (Some(resolver), None) => notes.push(format!("runs a task from {resolver}")),
            (None, Some(name)) if name != task.name() => notes.push(format!("runs {name}")),
            (None, Some(_)) => {}
            (None, None) => notes.extend(reference.kind.as_ref().map(|kind| format!("runs a {kind}"))),
        }
    }
    if let Some(kind) =
        task.task_spec.as_ref().filter(|embedded| embedded.is_custom()).and_then(|embedded| embedded.kind.as_ref())
    {
        notes.push(format!("runs a {kind}"));
    }
    if let Some(reference) = &task.pipeline_ref {
        notes.push(format!(
            "runs the pipeline {}",
            reference.name.as_deref().or(reference.resolver.as_deref()).unwrap_or_default()
        ));
    }
    if let Some(pipeline) = &task.pipeline_spec {
        notes.push(format!("runs a pipeline of {}", count(pipeline.tasks.len() + pipeline.finally.len(), "task")));
    }
    notes.extend(task.when.iter().enumerate().map(|(index, when)| {
        let word = if index == 0 { "when" } else { "and" };
        format!("{word} {}", condition(when))
    }));
    if let Some(Matrix { params, include }) = task.matrix.as_ref().filter(|_| task.is_matrixed()) {
        let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
        let mut parts = Vec::from_iter((!names.is_empty()).then(|| names.join(" × ")));
        parts.extend((!include.is_empty()).then(|| count(include.len(), "combination")));
        notes.push(format!("for each {}", parts.join(" and ")));
    }
    if task.retries > 0 {
        notes.push(format!("up to {}", count(task.retries.unsigned_abs() as usize + 1, "attempt")));
    }
    if task.on_error == Some(OnError::Continue) {
        notes.push("may fail".to_owned());
    }
    notes.iter().map(|note| cut(note)).collect()
}

fn condition(when: &WhenExpression) -> String {
    if let Some(cel) = when.cel.as_deref().filter(|cel| !cel.is_empty()) {
        return cel.to_owned();
    }
    let input = operand(when.input.as_deref().unwrap_or_default());
    let values: Vec<String> = when.values.iter().map(|value| operand(value)).collect();
    match (when.operator, &values[..]) {
        (Some(WhenOperator::NotIn), _) if when.values == [""] => format!("{input} is not empty"),
        (Some(WhenOperator::In), _) if when.values == [""] => format!("{input} is empty"),
        (Some(WhenOperator::NotIn), [value]) => format!("{input} ≠ {value}"),
        (Some(WhenOperator::NotIn), _) => format!("{input} not in {}", values.join(", ")),
        (_, [value]) => format!("{input} = {value}"),
        _ => format!("{input} in {}", values.join(", ")),
    }
}

/// A variable without the signs around it; an empty text visibly so.
fn operand(text: &str) -> String {
    match text {
        "" => "\"\"".to_owned(),
        _ if isolated(text).is_some() => text[2..text.len() - 1].to_owned(),
        _ => text.to_owned(),
    }
}

/// On one line that is not too long.
fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX_NOTE {
        return line;
    }
    line.chars().take(MAX_NOTE - 1).chain(['…']).collect()
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
