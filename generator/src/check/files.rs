//! What is checked: files, directories, definitions of pipelines.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use step::{Error, Result};
use tekton::source::Source;

use crate::render::Definition;

/// A larger file is not Kubernetes YAML: etcd takes 1.5 MB for an object.
const MAX_FILE: u64 = 64 << 20;

/// What the arguments name.
#[derive(Default)]
pub(super) struct Inputs {
    pub(super) sources: Vec<Source>,
    pub(super) definitions: Vec<Definition>,
}

/// Reads what the arguments name, each file once.
pub(super) fn inputs(paths: &[PathBuf]) -> Result<Inputs> {
    let mut inputs = Inputs::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.sources.push(read("standard input", std::io::stdin().lock())?);
        } else if path.is_dir() {
            directory(path, &mut inputs, &mut seen)?;
        } else {
            file(path, &mut inputs, &mut seen)?;
        }
    }
    Ok(inputs)
}

fn file(path: &Path, inputs: &mut Inputs, seen: &mut BTreeSet<PathBuf>) -> Result<()> {
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Error::not_found(format!("there is no file {}", path.display())),
        _ => Error::io(format_args!("cannot read {}", path.display()), e),
    };
    let real = path.canonicalize().map_err(failed)?;
    if seen.insert(real) {
        let file = std::fs::File::open(path).map_err(failed)?;
        inputs.sources.push(read(&path.display().to_string(), file)?);
    }
    Ok(())
}

fn read(name: &str, from: impl Read) -> Result<Source> {
    let mut bytes = Vec::new();
    from.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| Error::io(format_args!("cannot read {name}"), e))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::bad_input(format!("{name} is larger than {} MiB", MAX_FILE >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Error::bad_input(format!("{name}:{line} is not UTF-8")).hint("save it as UTF-8 text")
    })?;
    Ok(Source::new(name, text))
}

/// All of a directory, in the order of names. What is hidden is left out, and what a definition is made of is not YAML
/// of its own.
fn directory(path: &Path, inputs: &mut Inputs, seen: &mut BTreeSet<PathBuf>) -> Result<()> {
    let failed = |e| Error::io(format_args!("cannot read {}", path.display()), e);
    if !seen.insert(path.canonicalize().map_err(failed)?) {
        return Ok(());
    }
    if path.join("pipeline.yaml.j2").is_file() {
        inputs.definitions.push(Definition::open(path)?);
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let is_yaml = path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
        if path.is_dir() {
            directory(&path, inputs, seen)?;
        } else if is_yaml {
            file(&path, inputs, seen)?;
        }
    }
    Ok(())
}
