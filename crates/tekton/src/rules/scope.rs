//! The parameters that may be used at a place.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::run_params;
use crate::check::{Cx, Object, TaskOwner, TaskView};
use crate::v1::{ParamSpec, ParamType, ParamValue, TaskRunSpec, TaskSpec};

/// Declared parameters.
#[derive(Debug, Default)]
pub(crate) struct Scope<'a> {
    pub(super) types: BTreeMap<&'a str, ParamType>,
    /// The keys of objects that have declared ones.
    pub(super) keys: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

/// What may be used at a place, from one scope or several.
pub(super) struct Reach<'a> {
    /// Where arrays are declared that must not be used in a string.
    arrays: Vec<Rc<Scope<'a>>>,
    /// All that there are; `None` where nobody can know.
    known: Option<Vec<Rc<Scope<'a>>>>,
}

// === impl Scope ===

impl<'a> Scope<'a> {
    /// The parameters declared here.
    pub(super) fn of(params: &'a [ParamSpec]) -> Self {
        let mut scope = Scope::default();
        for param in params {
            scope.types.insert(&param.name, param.kind());
            if param.kind() == ParamType::Object && !param.properties.is_empty() {
                scope.keys.insert(&param.name, param.properties.keys().map(String::as_str).collect());
            }
        }
        scope
    }

    /// What the tasks of the outermost Pipeline of a document may use.
    fn of_pipeline(cx: &Cx<'a>) -> Rc<Self> {
        let collect = || match (cx.object, cx.pipelines().next()) {
            (Object::PipelineRun(run), Some(pipeline)) => run_params::scope(&run.spec, pipeline.spec, cx.place.key("spec")),
            (_, Some(pipeline)) => Scope::of(&pipeline.spec.params),
            (_, None) => Scope::default(),
        };
        Rc::clone(cx.scope.get_or_init(|| Rc::new(collect())))
    }
}

// === impl Reach ===

impl<'a> Reach<'a> {
    /// What a Task or StepAction may use that knows only its own parameters.
    pub(super) fn of_own(params: &'a [ParamSpec]) -> Self {
        let scope = Rc::new(Scope::of(params));
        Reach { arrays: vec![Rc::clone(&scope)], known: Some(vec![scope]) }
    }

    /// What the tasks of the outermost Pipeline of a document may use.
    pub(super) fn of_pipeline(cx: &Cx<'a>) -> Self {
        let scope = Scope::of_pipeline(cx);
        Reach { arrays: vec![Rc::clone(&scope)], known: Some(vec![scope]) }
    }

    /// What the steps of a Task may use.
    pub(super) fn of_task(cx: &Cx<'a>, view: TaskView<'a>) -> Self {
        let own = || Rc::new(Scope::of(&view.spec.params));
        match view.owner {
            TaskOwner::Task(_) => Reach::of_own(&view.spec.params),
            TaskOwner::TaskRun(run) => {
                let given = Rc::new(of_run(run, view.spec));
                Reach { arrays: vec![own(), Rc::clone(&given)], known: Some(vec![given]) }
            }
            TaskOwner::PipelineTask { pipeline, is_finally, .. } => {
                // What reaches a Pipeline in a Pipeline is not looked at before it runs.
                let is_outer = cx.pipelines().next().is_some_and(|outer| std::ptr::eq(outer.spec, pipeline.spec));
                match pipeline.run.filter(|_| is_outer) {
                    // Of `finally` in a run nothing is looked at either.
                    Some(_) if !is_finally => {
                        let scope = Scope::of_pipeline(cx);
                        Reach { arrays: vec![own(), Rc::clone(&scope)], known: Some(vec![scope]) }
                    }
                    None if is_outer => {
                        let own = own();
                        Reach { arrays: vec![Rc::clone(&own)], known: Some(vec![own, Scope::of_pipeline(cx)]) }
                    }
                    _ => Reach { arrays: vec![own()], known: None },
                }
            }
        }
    }

    /// Whether anything is known.
    pub(super) fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// Whether there is a parameter of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.known.iter().flatten().any(|scope| scope.types.contains_key(name))
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.known.iter().flatten().flat_map(|scope| scope.types.keys().copied())
    }

    /// Whether it is an array that must not be used in a string.
    pub(super) fn is_array(&self, name: &str) -> bool {
        self.arrays.iter().any(|scope| scope.types.get(name) == Some(&ParamType::Array))
    }

    /// The keys of an object, as each that declares it has them.
    pub(super) fn keys(&self, name: &str) -> impl Iterator<Item = &BTreeSet<&'a str>> {
        self.known.iter().flatten().filter_map(move |scope| scope.keys.get(name))
    }

    /// The objects that have declared keys.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&'a str, &BTreeSet<&'a str>)> {
        self.known.iter().flatten().flat_map(|scope| scope.keys.iter().map(|(name, keys)| (*name, keys)))
    }
}

/// What a TaskRun with a Task of its own brings together: the type of a value counts more than the declared one.
fn of_run<'a>(run: &'a TaskRunSpec, task: &'a TaskSpec) -> Scope<'a> {
    let mut scope = Scope::of(&task.params);
    for param in &run.params {
        let kind = param.value.kind();
        scope.types.insert(&param.name, kind);
        match &param.value {
            ParamValue::Object(object) => {
                scope.keys.entry(&param.name).or_insert_with(|| object.keys().map(String::as_str).collect());
            }
            _ => drop(scope.keys.remove(param.name.as_str())),
        }
    }
    scope
}
