//! From parameters to a checked document: finds the values files, or the document that somebody wrote.

use std::path::{Path, PathBuf};

use registry::Digest;
use repo::{CloneLimits, CommitId, Credentials, Remote};
use serde_json::Value;
use step::{Cancel, Error, Kind, Progress, RelativePath, Result, Unit, files};

use crate::check::{Checked, check};
use crate::delete::Keep;
use crate::document::DocumentKind;
use crate::extras::Dependencies;
use crate::generate::{Generated, Options, generate, generate_delete};
use crate::problem::Place;
use crate::sources::Sources;
use crate::values::ValuesFile;
use crate::version::Version;
use crate::yaml::{self, LARGEST_FILE};
use crate::{ImageSetParams, ObjectName, ValuesSource};

/// The key of a ConfigMap that holds a document.
const KEY: &str = "imageset.yaml";

/// What is wanted, and from where.
#[derive(Clone)]
pub struct Request<'r> {
    /// Where the values files are.
    pub values: &'r ValuesSource,
    /// What to make of them.
    pub imageset: &'r ImageSetParams,
    /// More values files, after those of [`ValuesSource::values_file_path`].
    pub more_files: &'r [RelativePath],
    /// Where paths begin when there is no repository.
    pub workspace: Option<&'r Path>,
    /// A PEM file with certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// What the document is for.
    pub wanted: Wanted,
    /// Whether values files are read, where there are any, also when the document comes from a ConfigMap.
    pub always_read_values: bool,
    /// Gets a ConfigMap; [`Kind::NotFound`] when there is none.
    pub config_map: &'r dyn Fn(&ObjectName) -> Result<Value>,
}

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What to mirror.
    ImageSet,
    /// What to delete from the mirror.
    Delete(Keep),
}

/// Where a document comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// From values files.
    Generated,
    /// From a ConfigMap.
    ConfigMap,
}

/// A document that oc-mirror takes, and where it comes from.
#[derive(Clone, Debug)]
pub struct Obtained {
    /// The document.
    pub text: String,
    /// Where it comes from.
    pub method: Method,
    /// The versions of OpenShift that it is for, the lowest first; none where a ConfigMap's document says none.
    pub versions: Vec<Version>,
    /// The values files that were read.
    pub values: Vec<ValuesFile>,
    /// The commit that they are of, when they were cloned.
    pub commit: Option<CommitId>,
    /// What is in the document.
    pub checked: Checked,
    /// What looks wrong and stopped nothing.
    pub warnings: Vec<String>,
}

/// Finds or makes the document. Nothing that it returns is unchecked.
///
/// Fails as not found when a file, branch or ConfigMap is missing, and as bad input with everything that is wrong in
/// the values files or the document.
pub fn obtain(request: &Request<'_>, cancel: &Cancel) -> Result<Obtained> {
    let given = request.imageset;
    let read = if given.imageset_configmap.is_none() || request.always_read_values {
        Input::read(request, cancel)?
    } else {
        Input::default()
    };
    let (name, method, generated) = match &given.imageset_configmap {
        Some(name) => {
            let text = of_config_map(name, &(request.config_map)(name)?)?;
            let generated = Generated { text, versions: Vec::new(), warnings: Vec::new() };
            (format!("{KEY} of the ConfigMap {name}"), Method::ConfigMap, generated)
        }
        None => ("the generated document".to_owned(), Method::Generated, read.generate(request)?),
    };
    let Generated { text, versions, warnings } = generated;
    let checked = check(&name, &text, request.wanted.kind()).map_err(|error| match method {
        // A user's document is a user's to mend; one of ours is a bug of ours.
        Method::ConfigMap => error,
        Method::Generated => error.with_kind(Kind::Internal),
    })?;
    let versions = if method == Method::Generated { versions } else { checked.versions.clone() };
    Ok(Obtained { text, method, versions, values: read.values, commit: read.commit, checked, warnings })
}

/// What was read.
#[derive(Default)]
struct Input {
    values: Vec<ValuesFile>,
    dependencies: Dependencies,
    commit: Option<CommitId>,
}

// === impl Input ===

impl Input {
    fn read(request: &Request<'_>, cancel: &Cancel) -> Result<Self> {
        let (given, source) = (request.imageset, request.values);
        let named = source.values_file_path.as_deref().unwrap_or_default();
        let paths: Vec<&RelativePath> = named.iter().chain(request.more_files).collect();
        if paths.is_empty() {
            if given.imageset_configmap.is_some() {
                return Ok(Input::default());
            }
            return Err(usage("there is no values file to read", "set values-file-path or values-files, or imageset-configmap"));
        }
        let mut input = Input::default();
        let cloned;
        let root = match (&source.values_git_url, request.workspace) {
            (Some(_), _) => {
                let wanted: Vec<&Path> =
                    paths.iter().copied().chain(&given.dependencies_file).map(RelativePath::as_path).collect();
                let (directory, commit) = clone(request, &wanted, cancel)?;
                input.commit = Some(commit);
                cloned = directory;
                cloned.path()
            }
            (None, Some(workspace)) => workspace,
            (None, None) => {
                return Err(usage("there is nowhere to read values files", "set values-git-url, or bind the workspace"));
            }
        };
        for path in paths {
            cancel.check()?;
            let name = path.to_string();
            let text = yaml::text(&name.as_str().into(), input.file(request, root, path)?)?;
            input.values.push(ValuesFile { path: name, text });
        }
        if let Some(path) = &given.dependencies_file {
            input.dependencies = Dependencies::read(&path.to_string(), input.file(request, root, path)?)?;
        }
        Ok(input)
    }

    /// A file's bytes; it must lie in `root` also after links are followed.
    fn file(&self, request: &Request<'_>, root: &Path, path: &RelativePath) -> Result<Vec<u8>> {
        let place = || match (&request.values.values_git_url, self.commit) {
            (Some(url), Some(commit)) => format!("{} of {url} ({commit})", request.values.values_git_revision),
            _ => root.display().to_string(),
        };
        let missing = || {
            let hint = "paths are relative, and begin at the repository or the workspace";
            Error::not_found(format!("there is no file {path} in {}", place())).hint(hint)
        };
        let real = files::contained(root, &root.join(path)).map_err(|error| match error.kind() {
            Kind::NotFound => missing(),
            _ => error,
        })?;
        if real.is_dir() {
            let error = Error::bad_input(format!("{path} is a directory in {}", place()));
            return Err(error.hint("name the files in it, one a line"));
        }
        files::read_regular(&real, LARGEST_FILE as u64)?.ok_or_else(missing)
    }

    fn generate(&self, request: &Request<'_>) -> Result<Generated> {
        let given = request.imageset;
        let options = Options {
            version: given.openshift_version,
            min_version: given.min_version,
            max_version: given.max_version,
            operators_only: given.operators_only,
            openshift_only: given.openshift_only,
            merge: given.merge,
            sources: Sources::with(given.sources.as_deref().unwrap_or_default()),
            dependencies: self.dependencies.clone(),
            additional_images: given.additional_images.as_deref().unwrap_or_default().to_vec(),
        };
        match request.wanted {
            Wanted::ImageSet => generate(&self.values, &options),
            Wanted::Delete(keep) => generate_delete(&self.values, &options, keep),
        }
    }
}

// === impl Obtained ===

impl Obtained {
    /// The digest of the document: `sha256:…`.
    pub fn digest(&self) -> String {
        Digest::of(self.text.as_bytes()).to_string()
    }

    /// Says in the log what was chosen.
    pub fn tell(&self) {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
        let versions: Vec<String> = self.versions.iter().map(ToString::to_string).collect();
        tracing::info!(method = self.method.as_str(), versions = versions.join(", "), "the document is good");
        for channel in &self.checked.releases {
            tracing::info!("releases of {channel}");
        }
        for (catalog, packages) in &self.checked.catalogs {
            let packages = if *packages == 0 { "all".to_owned() } else { packages.to_string() };
            tracing::info!(%catalog, packages, "operators");
        }
        if self.checked.additional_images > 0 {
            tracing::info!(images = self.checked.additional_images, "additional images");
        }
    }
}

// === impl Wanted ===

impl Wanted {
    /// The kind of document.
    pub fn kind(self) -> DocumentKind {
        match self {
            Wanted::ImageSet => DocumentKind::ImageSet,
            Wanted::Delete(_) => DocumentKind::Delete,
        }
    }
}

// === impl Method ===

impl Method {
    /// As the result GENERATION_METHOD says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Generated => "generated",
            Method::ConfigMap => "configmap",
        }
    }
}

/// Clones the revision into a directory that goes when it is dropped; only `paths` of it. Links are not followed out of it.
fn clone(request: &Request<'_>, paths: &[&Path], cancel: &Cancel) -> Result<(tempfile::TempDir, CommitId)> {
    let source = request.values;
    let Some(url) = &source.values_git_url else { return Err(Error::internal("there is no repository to clone")) };
    let credentials = source.git_credentials.as_ref().map(|dir| Credentials::from_dir(dir.path())).transpose()?;
    let options = repo::Options { credentials, ca_file: request.ca_file.clone(), ..repo::Options::default() };
    let remote = Remote::new(url.clone(), options, cancel.clone())?;
    let directory = tempfile::Builder::new()
        .prefix("stepwright-")
        .tempdir()
        .map_err(|e| Error::io("cannot make a temporary directory", e).hint("set TMPDIR to a directory that can be written"))?;
    let revision = &source.values_git_revision;
    tracing::info!(%url, %revision, "cloning");
    let _shown = Progress::start("cloning", 0, Unit::Items);
    let limits = CloneLimits { max_file_size: LARGEST_FILE as u64, ..CloneLimits::default() };
    let commit = remote.read_paths(revision, directory.path(), paths, &limits)?;
    Ok((directory, commit))
}

/// The document in a ConfigMap.
fn of_config_map(name: &ObjectName, object: &Value) -> Result<String> {
    let data = &object["data"];
    let wrong = match data[KEY].as_str() {
        Some(text) if !text.trim().is_empty() => return Ok(text.to_owned()),
        Some(_) => format!("the document under the key {KEY} is empty"),
        None => {
            let keys: Vec<&str> = data.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).take(10).collect();
            let there = if keys.is_empty() { "it is empty".to_owned() } else { format!("it has {}", keys.join(", ")) };
            format!("there is no document under the key {KEY}: {there}")
        }
    };
    let place = Place { file: format!("the ConfigMap {name}").into(), line: 0 };
    Err(place.problem(wrong, format!("put the document under {KEY}")).into())
}

fn usage(message: &str, hint: &str) -> Error {
    Error::new(Kind::Usage, message).hint(hint)
}
