//! From a definition and values to Tekton's YAML.
//!
//! A definition ([`Definition`]) is a directory of templates with a declaration of their values. Rendering it is text in
//! and objects out: each template becomes text, in which values are data and never structure ([`bind`]); the text is
//! decoded and checked as any other YAML is; and the objects are written in canonical form. Whatever is wrong is said of
//! the template's line ([`origin`]), not of the text that nobody has seen.

mod beside;
mod bind;
pub(crate) mod command;
mod context;
mod definition;
mod fault;
mod origin;
pub mod readme;
mod template;
mod values;

use std::cell::OnceCell;
use std::path::PathBuf;

use minijinja::Value;
use step::Result;
use tekton::check::{Checked, Object};
use tekton::finding::{Report, Severity};
use tekton::node::{self, Data, Node};
use tekton::source::Source;
use tekton::v1::{Pipeline, PipelineSpec, Task};

use crate::task;

pub use definition::Definition;
pub use fault::Fault;
pub(crate) use fault::advice;
pub use values::{Declaration, Declarations, Kind, Values};

use bind::{Draft, Settled};
use context::Steps;
use definition::PIPELINE;
use origin::Origin;
use template::Engine;

/// The directory of a pipeline in a catalog that holds other objects than Tekton's.
pub(crate) const BESIDE: &str = "cluster";

/// How to render.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the step images are: `registry.example/prefix`. Without it the value `images` says so, if the definition
    /// declares one, and else it is [`task::IMAGES`].
    pub images: Option<String>,
    /// What the cluster allows.
    pub level: tekton::check::Level,
}

/// A rendered definition.
#[derive(Debug)]
pub struct Rendered {
    /// The definition's name.
    pub name: String,
    /// Its templates, the Pipeline's first.
    pub templates: Vec<Template>,
    /// The Tasks of steps that its Pipelines refer to, by name.
    pub tasks: Vec<Task>,
    /// What works and should not be done.
    pub warnings: Vec<Fault>,
}

/// A rendered template.
#[derive(Debug)]
pub struct Template {
    /// Its file's name in the definition.
    pub file: String,
    /// What it rendered, under the path of the template.
    pub source: Source,
    /// What that holds of Tekton's.
    pub objects: Vec<Object>,
    /// What a template of other objects holds: `NAME.cluster.yaml.j2`.
    pub others: Vec<serde_json::Value>,
}

/// All that has to be known for rendering, and for rendering again when something is wrong.
struct Work {
    templates: Vec<(String, Source)>,
    context: Value,
    steps: Steps,
    /// The templates with marks; `None` when they cannot have any.
    marked: OnceCell<Option<Engine>>,
}

/// A template between text with tokens and objects.
struct Text {
    /// The number of the template.
    template: usize,
    draft: Draft,
    settled: Settled,
}

/// Renders a definition.
fn render(definition: &Definition, values: &Values, options: &Options) -> Result<Rendered> {
    definition.try_render(values, options).map_err(|faults| definition.error("", faults))
}

impl Definition {
    /// Renders its templates; what is wrong comes as it is, to be shown together with what is wrong elsewhere.
    pub fn try_render(&self, values: &Values, options: &Options) -> Result<Rendered, Vec<Fault>> {
        let images = match (&options.images, values.get("images")) {
            (Some(images), _) => images,
            (None, Some(serde_json::Value::String(images))) => images,
            _ => task::IMAGES,
        };
        if !is_prefix(images) {
            let place = if options.images.is_some() { "--images" } else { "the value images" };
            let wrong = Fault::new(place, "invalid-images", format!("{images:?} is no place of images"));
            return Err(vec![wrong.hint("write REGISTRY/PREFIX, without a tag, as in ghcr.io/stepwright")]);
        }
        let mut values = values.clone();
        if let Some(value) = values.0.get_mut("images") {
            *value = images.into();
        }
        let steps = Steps::new(images);
        let context = Value::from_pairs([
            ("values", template::from_json(&serde_json::Value::Object(values.0))),
            ("steps", Value::from_object(steps.clone())),
            ("starter", template::from_json(&context::rules_of(crate::start::PERMISSIONS))),
            ("images", Value::from(images)),
            ("version", Value::from(env!("CARGO_PKG_VERSION"))),
        ]);
        Work { templates: self.templates(), context, steps, marked: OnceCell::new() }.render(self.name(), options)
    }
}

/// Whether `/NAME:VERSION` makes a reference of it: a host, with a port or without, and a path.
fn is_prefix(images: &str) -> bool {
    let is_part = |part: &str| {
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        part.chars().all(is_inner)
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let (host, path) = images.split_once('/').map_or((images, None), |(host, path)| (host, Some(path)));
    let (host, port) = host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port)));
    is_part(&host.to_ascii_lowercase())
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
        && path.is_none_or(|path| path.split('/').all(is_part))
}

impl Work {
    fn render(&self, name: &str, options: &Options) -> Result<Rendered, Vec<Fault>> {
        let texts = self.texts()?;
        let path = |text: &Text| self.templates[text.template].1.name().to_owned();
        let sources: Vec<Source> = texts.iter().map(|text| Source::new(path(text), &*text.settled.text)).collect();
        let known = self.steps.tasks().map_err(|error| vec![Fault::new("steps", "internal", error.to_string())])?;
        let check = tekton::check::Options { level: options.level, known: known.to_vec() };
        // A source keeps its number: in the place of what is no business of Tekton's stands nothing.
        let is_beside = |text: &Text| self.templates[text.template].0.ends_with(beside::SUFFIX);
        let of_tekton = |(text, source): (&Text, &Source)| match is_beside(text) {
            true => Source::new(source.name(), ""),
            false => source.clone(),
        };
        let of_tekton: Vec<Source> = texts.iter().zip(&sources).map(of_tekton).collect();
        let Checked { objects, findings } = tekton::check::check(&of_tekton, &check);
        let mut others: Vec<Vec<serde_json::Value>> = Vec::new();
        let mut found: Vec<Found> = Vec::new();
        for (index, (text, source)) in texts.iter().zip(&sources).enumerate() {
            let (objects, wrong) = if is_beside(text) { beside::read(index, source, &check) } else { Default::default() };
            others.push(objects);
            found.extend(wrong);
        }

        let is_sound = findings.iter().all(|finding| finding.rule.severity != Severity::Error);
        for finding in findings {
            let rule = finding.rule.name;
            // What is rendered together is applied together: one of two objects would be lost.
            let severity = if rule == "duplicate-object" { Severity::Error } else { finding.rule.severity };
            let at = (finding.source, finding.span.start);
            found.push(Found { at, severity, rule, message: finding.message, hint: finding.hint });
        }
        if is_sound {
            for (index, text) in texts.iter().enumerate().filter(|(_, text)| !is_beside(text)) {
                found.extend(misplaced(&self.templates[text.template].0, index, &sources[index], &self.steps));
            }
        }
        let is_bad = found.iter().any(|found| found.severity == Severity::Error);
        let faults = self.faults(&texts, found);
        if is_bad {
            return Err(faults);
        }
        let mut templates: Vec<Template> = Vec::with_capacity(texts.len());
        for ((text, source), others) in texts.iter().zip(sources).zip(others) {
            let file = self.templates[text.template].0.clone();
            templates.push(Template { file, source, objects: Vec::new(), others });
        }
        for (index, object) in objects {
            templates[index].objects.push(object);
        }
        let mut rendered = Rendered { name: name.to_owned(), templates, tasks: Vec::new(), warnings: faults };
        let mut names = Vec::new();
        rendered.pipelines().for_each(|pipeline| referred(&pipeline.spec, &mut names));
        rendered.tasks = known.iter().filter(|task| names.iter().any(|name| name == task.name())).cloned().collect();
        Ok(rendered)
    }

    /// What the templates render that hold objects; others are there to be imported.
    fn texts(&self) -> Result<Vec<Text>, Vec<Fault>> {
        let engine = Engine::new(&self.templates, |text, _| text.to_owned())?;
        let mut texts = Vec::new();
        let mut faults = Vec::new();
        for (index, (name, _)) in self.templates.iter().enumerate().filter(|(_, (name, _))| name.ends_with(".yaml.j2")) {
            let draft = match engine.render(name, &self.context, &self.templates) {
                Ok(draft) => draft,
                Err(fault) => {
                    faults.push(*fault);
                    continue;
                }
            };
            match bind::settle(&draft) {
                Ok(settled) => texts.push(Text { template: index, draft, settled }),
                Err(wrong) => {
                    let fault = self.locate(index, &draft, wrong.offset, wrong.rule, wrong.message);
                    faults.push(Fault { hint: wrong.hint.map(str::to_owned), ..fault });
                }
            }
        }
        if faults.is_empty() { Ok(texts) } else { Err(faults) }
    }

    /// What was found, at its places in the templates.
    fn faults(&self, texts: &[Text], found: Vec<Found>) -> Vec<Fault> {
        let fault = |mut found: Found| {
            // A line of rendered text that a message names is one that nobody has seen.
            let named = found.message.trim_end_matches(|c: char| c.is_ascii_digit());
            let line = found.message[named.len()..].parse::<usize>().unwrap_or_default();
            let path = |text: &&Text| named.ends_with(&format!("{}:", self.templates[text.template].1.name()));
            let other = if named.ends_with(" line ") { texts.get(found.at.0) } else { texts.iter().find(path) };
            if let Some(other) = other {
                let text = &other.settled.text;
                let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
                let indent = text[start..].len() - text[start..].trim_start().len();
                let offset = other.settled.draft_offset(start + indent);
                let first = self.locate(other.template, &other.draft, offset, found.rule, String::new());
                if let Some(position) = first.position {
                    found.message = format!("{named}{}", position.line);
                }
            }
            let (text, offset) = (&texts[found.at.0], found.at.1);
            let offset = text.settled.draft_offset(offset);
            let fault = self.locate(text.template, &text.draft, offset, found.rule, found.message);
            Fault { hint: found.hint, severity: found.severity, ..fault }
        };
        found.into_iter().map(fault).collect()
    }

    /// A fault at the place in the templates that a byte of a draft comes from.
    fn locate(&self, template: usize, draft: &Draft, offset: usize, rule: &'static str, message: String) -> Fault {
        let (name, source) = &self.templates[template];
        let sources: Vec<Source> = self.templates.iter().map(|(_, source)| source.clone()).collect();
        let origin = self
            .marked
            .get_or_init(|| Engine::new(&self.templates, origin::mark).ok())
            .as_ref()
            .and_then(|engine| engine.render(name, &self.context, &self.templates).ok())
            .and_then(|marked| Origin::new(&marked.text, &draft.text));
        let place = origin.and_then(|origin| origin.locate(&Source::new("", &*draft.text), offset, &sources));
        match place {
            Some((index, position)) => {
                let source = &self.templates[index].1;
                Fault::new(source.name(), rule, message).position(source, position)
            }
            None => Fault::new(source.name(), rule, message),
        }
    }
}

/// What is wrong with a rendered text.
struct Found {
    /// Which text, and which byte of it.
    at: (usize, usize),
    severity: Severity,
    rule: &'static str,
    message: String,
    hint: Option<String>,
}

/// Documents that do not belong where they are: of another kind, or in the place of a step's Task.
fn misplaced(file: &str, index: usize, source: &Source, steps: &Steps) -> Vec<Found> {
    let kinds: &[&str] = if file == PIPELINE { &["Pipeline", "Task", "StepAction"] } else { &["PipelineRun", "TaskRun"] };
    let mut ignored = Vec::new();
    let documents = node::read(source, &mut Report::new(&mut ignored, 0));
    let mut found = Vec::new();
    let mut push = |at: &Node, rule, message: String, hint: Option<String>| {
        found.push(Found { at: (index, at.span.start), severity: Severity::Error, rule, message, hint });
    };
    let mut has_pipeline = false;
    for document in documents.iter().filter(|document| !matches!(document.data, Data::Null)) {
        let text = |key| document.get(key).and_then(Node::as_text).unwrap_or_default();
        let kind = text("kind");
        if !kinds.contains(&kind) || !text("apiVersion").starts_with("tekton.dev/") {
            let at = document.get("kind").unwrap_or(document);
            let hint = format!("{file} holds: {}", kinds.join(", "));
            let shown = if kind.is_empty() { "what has no `kind`" } else { kind };
            push(at, "misplaced-kind", format!("{shown} does not belong here"), Some(hint));
            continue;
        }
        has_pipeline |= kind == "Pipeline";
        let Some(name) = document.get("metadata").and_then(|metadata| metadata.get("name")) else { continue };
        let name_text = name.as_text().unwrap_or_default();
        if kind == "Task" && steps.has(name_text) {
            let hint = "its Task comes by itself where a Pipeline refers to it; give yours another name";
            push(name, "duplicate-object", format!("{name_text} is the name of a step"), Some(hint.to_owned()));
        }
    }
    if file == PIPELINE && found.is_empty() && !has_pipeline {
        let hint = Some("write one: apiVersion: tekton.dev/v1, kind: Pipeline".to_owned());
        let message = "it renders no Pipeline".to_owned();
        found.push(Found { at: (index, 0), severity: Severity::Error, rule: "no-pipeline", message, hint });
    }
    found
}

/// The names of Tasks of the cluster that a Pipeline refers to.
fn referred(spec: &PipelineSpec, names: &mut Vec<String>) {
    for task in spec.tasks.iter().chain(&spec.finally) {
        if let Some(reference) = &task.task_ref
            && reference.resolver.is_none()
            && reference.kind.as_deref().is_none_or(|kind| kind.is_empty() || kind == "Task")
        {
            names.extend(reference.name.clone());
        }
        if let Some(spec) = &task.pipeline_spec {
            referred(spec, names);
        }
    }
}

// === impl Rendered ===

impl Rendered {
    /// What the template of the Pipeline rendered.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.templates.iter().filter(|template| template.file == PIPELINE).flat_map(|template| &template.objects)
    }

    /// The Pipelines.
    pub fn pipelines(&self) -> impl Iterator<Item = &Pipeline> {
        self.objects().filter_map(|object| match object {
            Object::Pipeline(pipeline) => Some(&**pipeline),
            _ => None,
        })
    }

    /// All Tasks: those of steps, and those that the definition has itself.
    pub fn all_tasks(&self) -> impl Iterator<Item = &Task> {
        let own = self.objects().filter_map(|object| match object {
            Object::Task(task) => Some(&**task),
            _ => None,
        });
        self.tasks.iter().chain(own)
    }

    /// The example runs by template.
    pub fn examples(&self) -> impl Iterator<Item = &Template> {
        self.templates.iter().filter(|template| template.file != PIPELINE && template.others.is_empty())
    }

    /// What templates of other objects than Tekton's hold, by what they are called without `.cluster.yaml.j2`.
    pub fn beside(&self) -> impl Iterator<Item = (&str, &[serde_json::Value])> {
        self.templates.iter().filter_map(|template| Some((template.file.strip_suffix(beside::SUFFIX)?, &*template.others)))
    }

    /// What `oc apply -f -` takes of one of them; `None` when there is none of that name.
    pub fn beside_yaml(&self, name: &str) -> Result<Option<String>> {
        let Some((_, objects)) = self.beside().find(|(known, _)| *known == name) else { return Ok(None) };
        Ok(Some(objects.iter().map(task::emit).collect::<Result<Vec<_>>>()?.join("---\n")))
    }

    /// What `oc apply -f -` takes: the Tasks, then what the template of the Pipeline rendered.
    pub fn to_yaml(&self) -> Result<String> {
        let tasks = self.tasks.iter().map(task::emit);
        Ok(tasks.chain(self.objects().map(object_yaml)).collect::<Result<Vec<_>>>()?.join("---\n"))
    }

    /// What `oc create -f -` takes: the example runs.
    pub fn examples_yaml(&self) -> Result<String> {
        let objects = self.examples().flat_map(|template| &template.objects);
        Ok(objects.map(object_yaml).collect::<Result<Vec<_>>>()?.join("---\n"))
    }

    /// The files of a catalog, relative to its root: `task/NAME/NAME.yaml`, `pipeline/NAME/NAME.yaml`,
    /// `pipeline/NAME/samples/FILE.yaml`.
    pub fn files(&self) -> Result<Vec<(PathBuf, String)>> {
        let path = |kind: &str, name: &str| PathBuf::from(format!("{kind}/{name}/{name}.yaml"));
        let mut files = Vec::new();
        for task in &self.tasks {
            files.push((path("task", task.name()), task::emit(task)?));
        }
        for object in self.objects() {
            let path = match object {
                Object::Task(task) => path("task", task.name()),
                Object::Pipeline(pipeline) => path("pipeline", pipeline.name()),
                Object::StepAction(action) => path("stepaction", action.name()),
                Object::TaskRun(_) | Object::PipelineRun(_) => continue,
            };
            files.push((path, object_yaml(object)?));
        }
        let owner = self.pipelines().next().map_or(&*self.name, Pipeline::name);
        for template in self.examples().filter(|template| !template.objects.is_empty()) {
            let name = template.file.trim_end_matches(".j2");
            let documents = template.objects.iter().map(object_yaml).collect::<Result<Vec<_>>>()?;
            files.push((format!("pipeline/{owner}/samples/{name}").into(), documents.join("---\n")));
        }
        for (name, _) in self.beside() {
            let text = self.beside_yaml(name)?.unwrap_or_default();
            files.push((format!("pipeline/{owner}/{BESIDE}/{name}.yaml").into(), text));
        }
        Ok(files)
    }
}

/// An object as canonical YAML.
fn object_yaml(object: &Object) -> Result<String> {
    match object {
        Object::Task(task) => task::emit(task),
        Object::Pipeline(pipeline) => task::emit(pipeline),
        Object::TaskRun(run) => task::emit(run),
        Object::PipelineRun(run) => task::emit(run),
        Object::StepAction(action) => task::emit(action),
    }
}
