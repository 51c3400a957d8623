//! `stepwright catalog`: everything that a user applies, laid out as a Tekton catalog.
//!
//! The root kustomization is what belongs into one namespace: Tasks, Pipelines, and the account that they run as. Example
//! runs are beside it: they are created, not applied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use step::{Declaration, Error, Kind, Permission, Result, files};
use tekton::names::NamespaceName;

use crate::cli::print;
use crate::image::Pins;
use crate::render::{self, Definition};
use crate::{readme, start, steps, task};

/// The account of the catalog's pipelines.
pub const ACCOUNT: &str = "stepwright";

/// The value of definitions that names the account of runs.
const SERVICE_ACCOUNT: &str = "service_account";

/// The account of those who only start runs.
pub const STARTER: &str = "stepwright-starter";

const KUSTOMIZATION: &str = "kustomization.yaml";

/// The namespace that the catalog installs into, unless its kustomization is told another.
const NAMESPACE: &str = "stepwright";

const OVERVIEW: &str = "\
# Catalog

`stepwright catalog` writes this directory from the steps' declarations and the pipelines' definitions: edit those.

```
oc create namespace stepwright
oc apply -k catalog/
```

Another namespace is one line: `namespace` in `kustomization.yaml`, or in a kustomization of yours that names this directory.
Samples are created, not applied: `oc create -f catalog/pipeline/NAME/samples/FILE`. What a pipeline needs or is started by beyond its
namespace is in `catalog/pipeline/NAME/cluster/`. `oc apply -k catalog/starter/` makes
an account that may start runs and follow them, and nothing else.

";

/// The directory of a pipeline's example runs.
const SAMPLES: &str = "samples";

/// The first line of our kustomization: a directory with it is ours to tidy up.
const MARK: &str = "# Written by `stepwright catalog`.";

/// What a catalog is made with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the step images are; [`task::IMAGES`] unless somebody says otherwise.
    pub images: Option<String>,
    /// The digests of the images.
    pub pins: Pins,
    /// The namespace that it installs into; `stepwright` unless somebody says otherwise.
    pub namespace: Option<NamespaceName>,
}

/// The command line.
pub(crate) fn command() -> Command {
    Command::new("catalog")
        .about("Writes the catalog: Tasks, Pipelines, RBAC and samples, for `oc apply -k`")
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_name("DIR")
                .default_value("catalog")
                .value_parser(value_parser!(PathBuf))
                .help("Where it goes; it is created"),
        )
        .arg(
            Arg::new("images")
                .long("images")
                .value_name("REGISTRY/PREFIX")
                .help("Where the step images are; the image is REGISTRY/PREFIX/STEP:VERSION"),
        )
        .arg(
            Arg::new("pin")
                .long("pin")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Name images by tag and digest, as in FILE, which `image push --pins` writes"),
        )
        .arg(
            Arg::new("namespace")
                .long("namespace")
                .short('n')
                .value_name("NAME")
                .value_parser(value_parser!(NamespaceName))
                .help("The namespace that `oc apply -k` installs into [default: stepwright]"),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Write nothing: fail with 1 when DIR is not what would be written"),
        )
}

/// Does what the command line says.
pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let Some(directory) = matches.get_one::<PathBuf>("output") else { return Ok(()) };
    let pins = match matches.get_one::<PathBuf>("pin") {
        Some(path) => {
            let bytes =
                files::read_regular(path, 1 << 20)?.ok_or_else(|| Error::not_found(format!("there is no {}", path.display())))?;
            let text = String::from_utf8(bytes).map_err(|_| Error::bad_input(format!("{} is not UTF-8", path.display())))?;
            text.parse::<Pins>().map_err(|error| error.context(path.display()))?
        }
        None => Pins::default(),
    };
    let (images, namespace) = (matches.get_one("images").cloned(), matches.get_one("namespace").cloned());
    let wanted = catalog(&Options { images, pins, namespace })?;
    let stale = differences(directory, &wanted)?;
    if matches.get_flag("check") {
        if stale.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = stale.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::new(Kind::Findings, format!("{} is stale in {} places", directory.display(), stale.len()))
            .details(list.join("\n"))
            .hint("run `stepwright catalog` and commit what it writes"));
    }
    for path in &stale {
        let target = directory.join(path);
        let done = match wanted.get(path) {
            Some(text) => {
                let parent = target.parent().unwrap_or(directory);
                std::fs::create_dir_all(parent).map_err(|e| Error::io(format_args!("cannot make {}", parent.display()), e))?;
                files::write_atomic(&target, text.as_bytes())?;
                "wrote"
            }
            None => {
                std::fs::remove_file(&target).map_err(|e| Error::io(format_args!("cannot remove {}", target.display()), e))?;
                "removed"
            }
        };
        print(format!("{done} {}\n", target.display()).as_bytes())?;
    }
    Ok(())
}

/// The catalog's files by their paths in it.
pub fn catalog(options: &Options) -> Result<BTreeMap<PathBuf, String>> {
    let images = options.images.as_deref().unwrap_or(task::IMAGES);
    let steps = steps();
    let mut catalog = BTreeMap::new();
    let mut applied = BTreeSet::new();
    let mut pipelines = Vec::new();
    for step in &steps {
        let mut task = task::task(step, images)?;
        if let (Some(pin), Some(the_step)) = (options.pins.of(step.about.name), task.spec.steps.first_mut()) {
            the_step.image = Some(pin.to_string());
        }
        let path = PathBuf::from(format!("task/{0}/{0}.yaml", step.about.name));
        catalog.insert(path.with_file_name("README.md"), task_readme(step));
        catalog.insert(path.clone(), task::emit(&task)?);
        applied.insert(path);
    }
    for name in Definition::embedded_names() {
        let Some(definition) = Definition::embedded(name).transpose()? else { continue };
        let mut sets = Vec::new();
        if definition.declarations().get(SERVICE_ACCOUNT).is_some() {
            sets.push(format!("{SERVICE_ACCOUNT}={ACCOUNT}"));
        }
        let values = definition.values(&[], &sets)?;
        let rendered =
            definition.render(&values, &render::Options { images: Some(images.to_owned()), ..render::Options::default() })?;
        for (path, text) in rendered.files()? {
            // The Tasks of steps are there, pinned.
            if catalog.contains_key(&path) {
                continue;
            }
            // Tasks are pinned as objects; what else names an image of ours is text by now.
            let text = options.pins.iter().fold(text, |text, (name, pin)| {
                text.replace(&format!("image: {images}/{name}:{}\n", env!("CARGO_PKG_VERSION")), &format!("image: {pin}\n"))
            });
            if !path.components().any(|part| [SAMPLES, render::BESIDE].iter().any(|dir| part.as_os_str() == *dir)) {
                applied.insert(path.clone());
            }
            catalog.insert(path, text);
        }
        for pipeline in rendered.pipelines() {
            let description = pipeline.spec.description.clone().unwrap_or_default();
            let text = format!("# {name}\n\n{}\n\n{}", description.trim_end(), render::readme::tables(&definition, &rendered));
            let directory = PathBuf::from(format!("pipeline/{}", pipeline.name()));
            let summary = description.split("\n\n").next().unwrap_or_default().replace('\n', " ");
            pipelines.push((pipeline.name().to_owned(), summary));
            catalog.insert(directory.join("README.md"), tidy(&text));
            let mut listed = pipeline.clone();
            listed.metadata.annotations.get_or_insert_default().extend(task::artifact_hub());
            catalog.insert(directory.join(format!("{}.yaml", pipeline.name())), task::emit(&listed)?);
        }
    }
    let permissions: Vec<Permission> = steps.iter().flat_map(|step| step.about.permissions.iter().copied()).collect();
    let path = PathBuf::from("rbac/stepwright.yaml");
    catalog.insert(path.clone(), task::account(ACCOUNT, env!("CARGO_PKG_VERSION"), &permissions)?);
    applied.insert(path);
    let namespace = options.namespace.as_ref().map_or(NAMESPACE, NamespaceName::as_str);
    catalog.insert(KUSTOMIZATION.into(), kustomization(namespace, &applied));
    // Beside what is applied: in most clusters people start runs, with rights that they have already.
    let starter = PathBuf::from("starter");
    catalog.insert(starter.join("rbac.yaml"), task::account(STARTER, env!("CARGO_PKG_VERSION"), start::PERMISSIONS)?);
    catalog.insert(starter.join(KUSTOMIZATION), kustomization(namespace, &BTreeSet::from(["rbac.yaml".into()])));
    catalog.insert(
        "artifacthub-repo.yaml".into(),
        "# What Artifact Hub shows of this repository.\nowners:\n- name: Stepwright\n".to_owned(),
    );
    catalog.insert("README.md".into(), overview(&steps, &pipelines));
    Ok(catalog)
}

fn kustomization(namespace: &str, applied: &BTreeSet<PathBuf>) -> String {
    // A namespace on kubectl's command line would not reach whom the Roles are bound to.
    let mut text =
        format!("{MARK}\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: {namespace}\nresources:\n");
    for path in applied {
        text.push_str(&format!("- {}\n", path.display()));
    }
    text
}

fn task_readme(step: &Declaration) -> String {
    let about = step.about;
    tidy(&format!("# {}\n\n{}\n\n{}\n\n{}", about.name, about.summary, about.description, readme::tables(step)))
}

fn overview(steps: &[Declaration], pipelines: &[(String, String)]) -> String {
    let mut text = String::from(OVERVIEW);
    readme::table(
        &mut text,
        "Tasks",
        ["Name", "What it does"],
        steps.iter().map(|step| [format!("[{0}](task/{0}/README.md)", step.about.name), step.about.summary.to_owned()]),
    );
    let rows = pipelines.iter().map(|(name, summary)| [format!("[{name}](pipeline/{name}/README.md)"), summary.clone()]);
    readme::table(&mut text, "Pipelines", ["Name", "What it does"], rows);
    tidy(&text)
}

/// One line break at the end.
fn tidy(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

/// The files that are missing, different, or too many.
fn differences(directory: &Path, wanted: &BTreeMap<PathBuf, String>) -> Result<BTreeSet<PathBuf>> {
    let mut stale = BTreeSet::new();
    for (path, text) in wanted {
        let there = files::read_regular(&directory.join(path), 64 << 20)?;
        if there.as_deref() != Some(text.as_bytes()) {
            stale.insert(path.clone());
        }
    }
    // In a directory that is not ours, files that we know nothing of are none of our business.
    let ours = files::read_regular(&directory.join(KUSTOMIZATION), 1 << 20)?;
    if ours.is_some_and(|text| text.starts_with(MARK.as_bytes())) {
        for kind in ["task", "pipeline", "stepaction", "rbac", "starter"] {
            walk(directory, Path::new(kind), &mut |path| {
                if !wanted.contains_key(path) {
                    stale.insert(path.to_owned());
                }
            })?;
        }
    }
    Ok(stale)
}

fn walk(root: &Path, below: &Path, found: &mut impl FnMut(&Path)) -> Result<()> {
    let directory = root.join(below);
    if !directory.is_dir() {
        return Ok(());
    }
    let failed = |e| Error::io(format_args!("cannot read {}", directory.display()), e);
    for entry in std::fs::read_dir(&directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = below.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(root, &path, found)?;
        } else {
            found(&path);
        }
    }
    Ok(())
}
