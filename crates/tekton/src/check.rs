//! Checks files: reads them, decodes what is Tekton's, and asks every rule.
mod world;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use self::world::Index;
pub use self::world::World;
use crate::decode::decode;
use crate::finding::{Advice, Finding, Place, Report};
use crate::node::{self, Node};
use crate::rules::{self, scope::Scope};
use crate::source::Source;
use crate::texts::Text;
use crate::v1::{
    EmbeddedTask, Pipeline, PipelineRun, PipelineRunSpec, PipelineSpec, PipelineTask, StepAction, Task, TaskRun, TaskRunSpec,
    TaskSpec,
};

/// What Tekton's `enable-api-fields` is set to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What will not change.
    Stable,
    /// Tekton's default.
    #[default]
    Beta,
    /// Everything, with the flags that stand for themselves: CEL in `when`, enums of parameters, artifacts, short
    /// resolvers.
    Alpha,
}

/// How to check.
#[derive(Debug, Default)]
pub struct Options {
    /// What the cluster allows.
    pub level: Level,
    /// Tasks that are there besides those in the files.
    pub known: Vec<Task>,
}

/// What a document holds.
#[derive(Clone, Debug)]
pub enum Object {
    /// A Task.
    Task(Box<Task>),
    /// A Pipeline.
    Pipeline(Box<Pipeline>),
    /// A TaskRun.
    TaskRun(Box<TaskRun>),
    /// A PipelineRun.
    PipelineRun(Box<PipelineRun>),
    /// A StepAction.
    StepAction(Box<StepAction>),
}

/// What was read and found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Tekton's objects that could be decoded, with the index of their source, in their order.
    pub objects: Vec<(usize, Object)>,
    /// What is wrong, in the order of the sources and the places in them.
    pub findings: Vec<Finding>,
}

/// A decoded document.
struct Document<'a> {
    source: usize,
    place: Place<'a>,
    object: Object,
}

/// What a rule looks at: one document, and all others.
pub struct Cx<'a> {
    /// What the cluster allows.
    pub level: Level,
    /// All documents.
    pub world: &'a World<'a>,
    /// The document.
    pub object: &'a Object,
    /// Where it is.
    pub place: Place<'a>,
    tasks: Vec<TaskView<'a>>,
    pipelines: Vec<PipelineView<'a>>,
    /// The texts of each of the tasks, when a rule has asked for them.
    texts: Vec<OnceCell<Vec<Text<'a>>>>,
    /// What the tasks of the first Pipeline may use, when a rule has asked for it.
    pub(crate) scope: OnceCell<Rc<Scope<'a>>>,
    by_name: OnceCell<HashMap<(*const PipelineSpec, &'a str), PipelineTaskView<'a>>>,
}

/// A Task wherever it is written: in its own document, in a TaskRun, in a Pipeline.
#[derive(Clone, Copy)]
pub struct TaskView<'a> {
    /// What it is.
    pub spec: &'a TaskSpec,
    /// Where that is.
    pub place: Place<'a>,
    /// Where it is written.
    pub owner: TaskOwner<'a>,
    index: usize,
}

/// Where a Task is written.
#[derive(Clone, Copy)]
pub enum TaskOwner<'a> {
    /// In a document of its own.
    Task(&'a Task),
    /// In a TaskRun.
    TaskRun(&'a TaskRunSpec),
    /// In a Pipeline, or in a PipelineRun's.
    PipelineTask {
        /// The Pipeline.
        pipeline: PipelineView<'a>,
        /// The task in it.
        task: &'a PipelineTask,
        /// Whether it is in `finally`.
        is_finally: bool,
        /// What is written there.
        embedded: &'a EmbeddedTask,
    },
}

/// A Pipeline wherever it is written: in its own document, or in a PipelineRun.
#[derive(Clone, Copy)]
pub struct PipelineView<'a> {
    /// What it is.
    pub spec: &'a PipelineSpec,
    /// Where that is.
    pub place: Place<'a>,
    /// The PipelineRun that it is written in, and where that one's `spec` is.
    pub run: Option<(&'a PipelineRunSpec, Place<'a>)>,
}

/// A task of a Pipeline.
#[derive(Clone, Copy)]
pub struct PipelineTaskView<'a> {
    /// The task.
    pub task: &'a PipelineTask,
    /// Where it is.
    pub place: Place<'a>,
    /// Whether it is in `finally`.
    pub is_finally: bool,
}

/// Reads and checks `sources`.
pub fn check(sources: &[Source], options: &Options) -> Checked {
    let mut findings = Vec::new();
    let mut nodes = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let mut report = Report::new(&mut findings, index);
        nodes.extend(node::read(source, &mut report).into_iter().map(|node| (index, node)));
    }
    // Of what could not be read nobody knows what is in it.
    let is_partial = findings.iter().any(|finding| finding.rule.name == rules::YAML_SYNTAX.name);
    let mut documents = Vec::new();
    let mut broken = Vec::new();
    for (index, node) in &nodes {
        let mut report = Report::new(&mut findings, *index);
        for node in members(node) {
            match object(node, &sources[*index], &mut report) {
                Decoded::Object(object) => {
                    documents.push(Document { source: *index, place: Place::new(&sources[*index], node), object });
                }
                Decoded::Broken(kind) => {
                    let name = node.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_text);
                    broken.extend(name.map(|name| (kind, name)));
                }
                Decoded::Foreign => {}
            }
        }
    }
    let index = Index::new(&documents, &options.known, broken, is_partial);
    let worlds: Vec<World<'_>> = (0..sources.len()).map(|source| World { index: &index, source }).collect();
    for document in &documents {
        let cx = Cx::new(document, &worlds[document.source], options.level);
        let mut report = Report::new(&mut findings, document.source);
        for rule in rules::all() {
            if let Some(check) = rule.check {
                check(&cx, &mut report);
            }
        }
    }
    findings.iter_mut().for_each(Finding::keep_to_one_line);
    findings.sort_by(|a, b| (a.source, a.span, a.rule.name, &a.message).cmp(&(b.source, b.span, b.rule.name, &b.message)));
    one_each(&mut findings);
    findings.dedup_by(|a, b| (a.source, a.span, a.rule.name, &a.message) == (b.source, b.span, b.rule.name, &b.message));
    let objects = documents.into_iter().map(|document| (document.source, document.object)).collect();
    Checked { objects, findings }
}

/// Of several findings at one place leaves out those that only follow from the others.
fn one_each(findings: &mut Vec<Finding>) {
    let mut told: Vec<bool> = vec![true; findings.len()];
    let mut at = 0;
    for group in findings.chunk_by(|a, b| (a.source, a.span) == (b.source, b.span)) {
        let has_cause = group.iter().any(|finding| !finding.rule.follows());
        for (index, finding) in group.iter().enumerate() {
            told[at + index] = !(has_cause && finding.rule.follows() && group.len() > 1);
        }
        at += group.len();
    }
    let mut told = told.into_iter();
    findings.retain(|_| told.next().unwrap_or(true));
}

/// The items of a `List`, as `kubectl get` prints one; else the document itself.
fn members(node: &Node) -> Vec<&Node> {
    let is_list = node.get("kind").and_then(Node::as_text) == Some("List");
    match node.get("items").map(|items| &items.data) {
        Some(node::Data::List(items)) if is_list => items.iter().collect(),
        _ => vec![node],
    }
}

enum Decoded<'n> {
    Object(Object),
    /// It is Tekton's, of this kind, and cannot be decoded.
    Broken(&'n str),
    /// It is not Tekton's.
    Foreign,
}

/// Decodes a document, if it is Tekton's.
fn object<'n>(node: &'n Node, source: &Source, report: &mut Report<'_>) -> Decoded<'n> {
    let text = |key| node.get(key).and_then(Node::as_text);
    let (Some(version), Some(kind)) = (text("apiVersion"), text("kind")) else { return Decoded::Foreign };
    let Some(version) = version.strip_prefix("tekton.dev/") else { return Decoded::Foreign };
    let at = |key: &str| node.get(key).map_or(node.span, |value| value.span);
    let object = match (version, kind) {
        ("v1", Task::KIND) => decode(node, source, report).map(|object| Object::Task(Box::new(object))),
        ("v1", Pipeline::KIND) => decode(node, source, report).map(|object| Object::Pipeline(Box::new(object))),
        ("v1", TaskRun::KIND) => decode(node, source, report).map(|object| Object::TaskRun(Box::new(object))),
        ("v1", PipelineRun::KIND) => decode(node, source, report).map(|object| Object::PipelineRun(Box::new(object))),
        ("v1alpha1" | "v1beta1", StepAction::KIND) => {
            decode(node, source, report).map(|object| Object::StepAction(Box::new(object)))
        }
        ("v1beta1" | "v1alpha1", Task::KIND | Pipeline::KIND | TaskRun::KIND | PipelineRun::KIND) => {
            let message = format!("{version} of a {kind} is deprecated and is not checked");
            let finding = report.finding(&rules::OLD_API_VERSION, at("apiVersion"), message);
            report.push(finding.hint("write it as tekton.dev/v1"));
            return Decoded::Broken(kind);
        }
        ("v1", StepAction::KIND) => {
            let finding = report.finding(&rules::UNKNOWN_KIND, at("apiVersion"), "a StepAction is of tekton.dev/v1beta1, not v1");
            report.push(finding.hint("write apiVersion: tekton.dev/v1beta1"));
            return Decoded::Broken(kind);
        }
        ("v1alpha1", "VerificationPolicy") | ("v1beta1", "CustomRun" | "ResolutionRequest") => return Decoded::Foreign,
        _ => {
            let kinds = [Task::KIND, Pipeline::KIND, TaskRun::KIND, PipelineRun::KIND, StepAction::KIND];
            let message = format!("there is no {kind} in tekton.dev/{version}");
            let finding = report.finding(&rules::UNKNOWN_KIND, at("kind"), message);
            report.push(finding);
            if let Some(last) = report.last() {
                last.did_you_mean(kind, kinds, "");
            }
            return Decoded::Broken(crate::finding::nearest(kind, kinds).unwrap_or(kind));
        }
    };
    object.map_or(Decoded::Broken(kind), Decoded::Object)
}

// === impl Object ===

impl Object {
    /// Its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Object::Task(_) => Task::KIND,
            Object::Pipeline(_) => Pipeline::KIND,
            Object::TaskRun(_) => TaskRun::KIND,
            Object::PipelineRun(_) => PipelineRun::KIND,
            Object::StepAction(_) => StepAction::KIND,
        }
    }

    /// Its name, or what its name begins with.
    pub fn name(&self) -> &str {
        match self {
            Object::Task(object) => object.name(),
            Object::Pipeline(object) => object.name(),
            Object::TaskRun(object) => object.name(),
            Object::PipelineRun(object) => object.name(),
            Object::StepAction(object) => object.name(),
        }
    }

    /// Name, labels, annotations.
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Object::Task(object) => &object.metadata,
            Object::Pipeline(object) => &object.metadata,
            Object::TaskRun(object) => &object.metadata,
            Object::PipelineRun(object) => &object.metadata,
            Object::StepAction(object) => &object.metadata,
        }
    }

    /// It in canonical YAML.
    ///
    /// # Errors
    /// As [`crate::yaml::to_string`].
    pub fn to_yaml(&self) -> Result<String, serde_json::Error> {
        match self {
            Object::Task(object) => crate::yaml::to_string(object),
            Object::Pipeline(object) => crate::yaml::to_string(object),
            Object::TaskRun(object) => crate::yaml::to_string(object),
            Object::PipelineRun(object) => crate::yaml::to_string(object),
            Object::StepAction(object) => crate::yaml::to_string(object),
        }
    }
}

// === impl Checked ===

impl Checked {
    /// Whether anything is an error.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.rule.severity == crate::finding::Severity::Error)
    }
}

// === impl Cx ===

impl<'a> Cx<'a> {
    fn new(document: &'a Document<'a>, world: &'a World<'a>, level: Level) -> Self {
        let place = document.place;
        let spec = place.key("spec");
        let mut cx = Cx {
            level,
            world,
            object: &document.object,
            place,
            tasks: Vec::new(),
            pipelines: Vec::new(),
            texts: Vec::new(),
            scope: OnceCell::new(),
            by_name: OnceCell::new(),
        };
        match &document.object {
            Object::Task(task) => cx.add_task(&task.spec, spec, TaskOwner::Task(task)),
            Object::TaskRun(run) => {
                if let Some(task) = &run.spec.task_spec {
                    cx.add_task(task, spec.key("taskSpec"), TaskOwner::TaskRun(&run.spec));
                }
            }
            Object::Pipeline(pipeline) => cx.add_pipeline(PipelineView { spec: &pipeline.spec, place: spec, run: None }),
            Object::PipelineRun(run) => {
                if let Some(pipeline) = &run.spec.pipeline_spec {
                    let place = spec.key("pipelineSpec");
                    cx.add_pipeline(PipelineView { spec: pipeline, place, run: Some((&run.spec, spec)) });
                }
            }
            Object::StepAction(_) => {}
        }
        cx
    }

    fn add_task(&mut self, spec: &'a TaskSpec, place: Place<'a>, owner: TaskOwner<'a>) {
        self.tasks.push(TaskView { spec, place, owner, index: self.tasks.len() });
        self.texts.push(OnceCell::new());
    }

    fn add_pipeline(&mut self, pipeline: PipelineView<'a>) {
        self.pipelines.push(pipeline);
        for view in pipeline.tasks() {
            if let Some(embedded) = view.task.task_spec.as_ref().filter(|embedded| !embedded.is_custom()) {
                let owner = TaskOwner::PipelineTask { pipeline, task: view.task, is_finally: view.is_finally, embedded };
                self.add_task(&embedded.task, view.place.key("taskSpec"), owner);
            }
            if let Some(spec) = &view.task.pipeline_spec {
                self.add_pipeline(PipelineView { spec, place: view.place.key("pipelineSpec"), run: pipeline.run });
            }
        }
    }

    /// Every Task that is written in this document.
    pub fn tasks(&self) -> impl Iterator<Item = TaskView<'a>> {
        self.tasks.iter().copied()
    }

    /// [`TaskView::texts`] of a Task in this document.
    pub(crate) fn texts_of(&self, view: TaskView<'a>) -> &[Text<'a>] {
        self.texts.get(view.index).map_or(&[], |texts| texts.get_or_init(|| view.texts()))
    }

    /// The task of this name in a Pipeline in this document.
    pub(crate) fn task_of(&self, pipeline: PipelineView<'a>, name: &str) -> Option<PipelineTaskView<'a>> {
        let by_name = self.by_name.get_or_init(|| {
            let mut by_name = HashMap::new();
            for (pipeline, view) in self.pipeline_tasks() {
                by_name.entry((std::ptr::from_ref(pipeline.spec), view.task.name())).or_insert(view);
            }
            by_name
        });
        by_name.get(&(std::ptr::from_ref(pipeline.spec), name)).copied()
    }

    /// Every Pipeline that is written in this document.
    pub fn pipelines(&self) -> impl Iterator<Item = PipelineView<'a>> {
        self.pipelines.iter().copied()
    }

    /// Every task of every Pipeline that is written in this document.
    pub fn pipeline_tasks(&self) -> impl Iterator<Item = (PipelineView<'a>, PipelineTaskView<'a>)> {
        self.pipelines().flat_map(|pipeline| pipeline.tasks().map(move |task| (pipeline, task)))
    }
}

impl<'a> PipelineView<'a> {
    /// Its tasks, then those in `finally`.
    pub fn tasks(self) -> impl Iterator<Item = PipelineTaskView<'a>> {
        let view =
            |is_finally, place: Place<'a>| move |(index, task)| PipelineTaskView { task, place: place.index(index), is_finally };
        let tasks = self.spec.tasks.iter().enumerate().map(view(false, self.place.key("tasks")));
        tasks.chain(self.spec.finally.iter().enumerate().map(view(true, self.place.key("finally"))))
    }
}

impl<'a> PipelineTaskView<'a> {
    /// The Task that it runs: the one written here, or the one that it names, if that is known.
    pub fn task_spec(self, world: &World<'a>) -> Option<&'a TaskSpec> {
        if let Some(embedded) = &self.task.task_spec {
            return (!embedded.is_custom()).then_some(&embedded.task);
        }
        let reference = self.task.task_ref.as_ref().filter(|reference| reference.resolver.is_none())?;
        let is_task = matches!(reference.kind.as_deref(), None | Some("" | Task::KIND)) && reference.api_version.is_none();
        world.task(reference.name.as_deref().filter(|_| is_task)?).map(|task| &task.spec)
    }
}
