//! What a name refers to: all objects by kind and name, as one file sees them.

use std::collections::HashMap;

use super::{Document, Object};
use crate::finding::Place;
use crate::v1::{Pipeline, StepAction, Task};

/// All objects together, as one file sees them: what a name refers to. Of several objects of a name, the one in the same
/// file is meant, else the first.
pub struct World<'a> {
    pub(super) index: &'a Index<'a>,
    pub(super) source: usize,
}

/// A Pipeline, and where it is.
type Located<'a> = (&'a Pipeline, Place<'a>);

/// Objects by kind and name.
#[derive(Default)]
pub(super) struct Index<'a> {
    tasks: HashMap<&'a str, Vec<(usize, &'a Task)>>,
    pipelines: HashMap<&'a str, Vec<(usize, Located<'a>)>>,
    step_actions: HashMap<&'a str, Vec<(usize, &'a StepAction)>>,
    /// Places of names, by kind and namespace.
    places: HashMap<(&'static str, &'a str, &'a str), Vec<Place<'a>>>,
    /// Names of Tasks and so on that are there, but could not be decoded: nothing is known about what is in them.
    broken: Vec<(&'a str, &'a str)>,
    /// Whether there may be more.
    is_partial: bool,
}

/// The source of objects that are known without one.
const NOWHERE: usize = usize::MAX;

impl<'a> Index<'a> {
    pub(super) fn new(
        documents: &'a [Document<'a>],
        known: &'a [Task],
        broken: Vec<(&'a str, &'a str)>,
        is_partial: bool,
    ) -> Self {
        let mut index = Index { broken, is_partial, ..Index::default() };
        for document in documents {
            let (source, name) = (document.source, document.object.name());
            match &document.object {
                Object::Task(task) => index.tasks.entry(name).or_default().push((source, task)),
                Object::Pipeline(pipeline) => {
                    index.pipelines.entry(name).or_default().push((source, (pipeline, document.place)));
                }
                Object::StepAction(action) => index.step_actions.entry(name).or_default().push((source, action)),
                Object::TaskRun(_) | Object::PipelineRun(_) => {}
            }
            let metadata = document.object.metadata();
            if metadata.name.is_some() {
                let key = (document.object.kind(), metadata.namespace.as_deref().unwrap_or_default(), name);
                index.places.entry(key).or_default().push(document.place.key("metadata").key("name"));
            }
        }
        for task in known {
            index.tasks.entry(task.name()).or_default().push((NOWHERE, task));
        }
        index
    }
}

impl<'a> World<'a> {
    fn of<T: Copy>(&self, objects: Option<&Vec<(usize, T)>>) -> Option<T> {
        let objects = objects?;
        let here = objects.iter().find(|(source, _)| *source == self.source);
        here.or_else(|| objects.first()).map(|(_, object)| *object)
    }

    /// The Task of this name.
    pub fn task(&self, name: &str) -> Option<&'a Task> {
        self.of(self.index.tasks.get(name))
    }

    /// The Pipeline of this name, and where it is.
    pub fn pipeline(&self, name: &str) -> Option<(&'a Pipeline, Place<'a>)> {
        self.of(self.index.pipelines.get(name))
    }

    /// The StepAction of this name.
    pub fn step_action(&self, name: &str) -> Option<&'a StepAction> {
        self.of(self.index.step_actions.get(name))
    }

    /// Where the name of every object of this kind, namespace and name stands.
    pub fn places(&self, object: &'a Object) -> &'a [Place<'a>] {
        let namespace = object.metadata().namespace.as_deref().unwrap_or_default();
        self.index.places.get(&(object.kind(), namespace, object.name())).map_or(&[], Vec::as_slice)
    }

    /// The names of all objects of a kind: Task, Pipeline or StepAction.
    pub fn names(&self, kind: &str) -> Vec<&'a str> {
        let mut names: Vec<&str> = match kind {
            Task::KIND => self.index.tasks.keys().copied().collect(),
            Pipeline::KIND => self.index.pipelines.keys().copied().collect(),
            _ => self.index.step_actions.keys().copied().collect(),
        };
        names.extend(self.index.broken.iter().filter(|(of, _)| *of == kind).map(|(_, name)| *name));
        names.sort_unstable();
        names
    }

    /// Whether there is an object of a kind: Task, Pipeline or StepAction.
    pub fn has(&self, kind: &str, name: &str) -> bool {
        let is_there = match kind {
            Task::KIND => self.index.tasks.contains_key(name),
            Pipeline::KIND => self.index.pipelines.contains_key(name),
            _ => self.index.step_actions.contains_key(name),
        };
        is_there || self.is_broken(kind, name)
    }

    /// Whether there are objects that could not be read.
    pub fn is_partial(&self) -> bool {
        self.index.is_partial
    }

    /// Whether there is such an object, but one that could not be decoded.
    pub fn is_broken(&self, kind: &str, name: &str) -> bool {
        self.index.broken.contains(&(kind, name))
    }
}
