//! Definitions of pipelines: where they are found, and what files they are made of.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use step::{Error, Result};
use tekton::source::Source;

use super::fault::{self, Fault, advice};
use super::values::{Declarations, Values};
use super::{Options, Rendered};

/// The template of the Pipeline itself; every definition has one.
pub(super) const PIPELINE: &str = "pipeline.yaml.j2";
/// What declares the values.
const VALUES: &str = "values.yaml";
/// Where definitions are looked for by name.
const DIRECTORY: &str = "pipelines";
/// A larger file is not a part of a definition.
const MAX_FILE: u64 = 4 << 20;

/// A definition: templates, and the declaration of their values.
#[derive(Clone, Debug)]
pub struct Definition {
    name: String,
    directory: PathBuf,
    /// Texts by file name.
    files: BTreeMap<String, Cow<'static, str>>,
    declarations: Declarations,
}

/// The names and texts of the files of definitions that are in the binary.
macro_rules! embedded {
    ($($name:literal: $($file:literal),*;)*) => {
        &[$(($name, &[$(($file, include_str!(concat!("../../../pipelines/", $name, "/", $file)))),*])),*]
    };
}

/// A definition in the binary: its name, and its files.
type Embedded = (&'static str, &'static [(&'static str, &'static str)]);

/// The definitions of this repository. A new one's line goes here.
const EMBEDDED: &[Embedded] = embedded! {
    "copy-image": "values.yaml", "pipeline.yaml.j2", "pipelinerun.yaml.j2";
    "oc-mirror-build-pipeline": "values.yaml", "pipeline.yaml.j2", "task.j2", "pipelinerun.yaml.j2", "pipelinerun-pac.yaml.j2";
    "oc-mirror-deployment-pipeline": "values.yaml", "pipeline.yaml.j2", "run.j2", "pipelinerun.yaml.j2", "pipelinerun-since.yaml.j2",
        "pipelinerun-direct.yaml.j2", "pipelinerun-from-disk.yaml.j2", "pipelinerun-imageset.yaml.j2", "pipelinerun-cronjob.yaml.j2",
        "pipelinerun-toolbox.yaml.j2", "pipelinerun-dry-run.yaml.j2", "pipelinerun-pac.yaml.j2", "infrastructure.cluster.yaml.j2", "schedule.cluster.yaml.j2",
        "triggers.cluster.yaml.j2";
    "remove-operators": "values.yaml", "pipeline.yaml.j2", "pipelinerun.yaml.j2", "pipelinerun-git.yaml.j2";
};

// === impl Definition ===

impl Definition {
    /// The definition in a directory; else the one of this name in `./pipelines`, or in the binary.
    pub fn find(name_or_directory: &str) -> Result<Self> {
        let path = Path::new(name_or_directory);
        if path.join(PIPELINE).is_file() {
            return Definition::open(path);
        }
        let is_name = !name_or_directory.contains(['/', '\\']) && !matches!(name_or_directory, "." | "..");
        if is_name {
            let path = Path::new(DIRECTORY).join(name_or_directory);
            if path.join(PIPELINE).is_file() {
                return Definition::open(&path);
            }
            if let Some(definition) = Definition::embedded(name_or_directory) {
                return definition;
            }
        }
        if path.is_dir() {
            return Err(Error::not_found(format!("{name_or_directory} has no {PIPELINE}"))
                .hint("give the directory of one definition; pipelines/README.md says what belongs there"));
        }
        let names = EMBEDDED.iter().map(|(name, _)| *name);
        let error = Error::not_found(format!("there is no pipeline {name_or_directory:?}"));
        Err(match advice(name_or_directory, names) {
            Some(advice) if is_name => error.hint(advice),
            _ => error.hint("give the directory of a definition, or the name of one"),
        })
    }

    /// The definition in a directory.
    pub fn open(directory: &Path) -> Result<Self> {
        let failed = |e| Error::io(format_args!("cannot read {}", directory.display()), e);
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !(name.ends_with(".j2") || name.ends_with(".yaml")) || name.starts_with('.') {
                continue;
            }
            files.insert(name, Cow::Owned(read(&entry.path())?));
        }
        let real = directory.canonicalize().map_err(failed)?;
        let name = real.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        Definition::new(name, directory.to_owned(), files)
    }

    /// The definition of this name in the binary.
    pub fn embedded(name: &str) -> Option<Result<Self>> {
        let (name, files) = EMBEDDED.iter().find(|(known, _)| *known == name)?;
        let files = files.iter().map(|(file, text)| ((*file).to_owned(), Cow::Borrowed(*text))).collect();
        Some(Definition::new((*name).to_owned(), Path::new(DIRECTORY).join(name), files))
    }

    /// The names of the definitions in the binary.
    pub fn embedded_names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    fn new(name: String, directory: PathBuf, files: BTreeMap<String, Cow<'static, str>>) -> Result<Self> {
        let path = directory.join(VALUES).display().to_string();
        let source = Source::new(path, files.get(VALUES).map_or("", |text| &**text));
        let declarations = Declarations::read(source).map_err(|faults| fault::error(&format!("pipeline {name}"), faults))?;
        if !files.contains_key(PIPELINE) {
            return Err(Error::not_found(format!("{} has no {PIPELINE}", directory.display())));
        }
        Ok(Definition { name, directory, files, declarations })
    }

    /// Its name: that of its directory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of one of its files, as messages write it.
    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// The text of one of its files: templates and YAML.
    pub fn file(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(|text| &**text)
    }

    /// What values it declares.
    pub fn declarations(&self) -> &Declarations {
        &self.declarations
    }

    /// Its values: what `files` give, a later one more than an earlier, then what `sets` give (`name=value`,
    /// `object.name=value`), and for all else the defaults.
    pub fn values(&self, files: &[PathBuf], sets: &[String]) -> Result<Values> {
        let source = |path: &PathBuf| Ok(Source::new(path.display().to_string(), read(path)?));
        let files: Vec<Source> = files.iter().map(source).collect::<Result<_>>()?;
        self.declarations.values(&files, sets).map_err(|faults| self.error("values of", faults))
    }

    /// Renders its templates.
    pub fn render(&self, values: &Values, options: &Options) -> Result<Rendered> {
        super::render(self, values, options)
    }

    /// Its templates by file name, the Pipeline's first.
    pub(super) fn templates(&self) -> Vec<(String, Source)> {
        let source = |name: &String, text: &str| (name.clone(), Source::new(self.path(name).display().to_string(), text));
        let mut templates: Vec<_> =
            self.files.iter().filter(|(name, _)| name.ends_with(".j2")).map(|(name, text)| source(name, text)).collect();
        templates.sort_by_key(|(name, _)| name != PIPELINE);
        templates
    }

    pub(super) fn error(&self, what: &str, faults: Vec<Fault>) -> Error {
        fault::error(format!("{what} pipeline {}", self.name).trim_start(), faults)
    }
}

fn read(path: &Path) -> Result<String> {
    let failed = |e| Error::io(format_args!("cannot read {}", path.display()), e);
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.len() > MAX_FILE {
        return Err(Error::bad_input(format!("{} is larger than {MAX_FILE} bytes", path.display())));
    }
    String::from_utf8(std::fs::read(path).map_err(failed)?)
        .map_err(|e| Error::bad_input(format!("{} is not UTF-8", path.display())).because(e))
}
