//! The licences of what is in a binary: every crate that a step is linked with, and the text it comes with.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use step::{Error, Result};

use super::binary::output;

/// What cargo says of the workspace.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<String>,
    source: Option<String>,
    manifest_path: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// `None` for a normal one: `build` and `dev` are not in the binary.
    kind: Option<String>,
}

/// For each step, the text for its image: which crates are in it, under which licences, and the texts, each once.
pub(super) fn of(source: &Path, steps: &[&str]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut command = Command::new("cargo");
    command.current_dir(source).args([
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform=x86_64-unknown-linux-musl",
    ]);
    let text = output(&mut command).map_err(|error| {
        error
            .context("asking cargo for the licences of what is in the steps")
            .hint("run this in a checkout, or give --source DIR")
    })?;
    let metadata: Metadata =
        serde_json::from_str(&text).map_err(|e| Error::internal("cargo's metadata makes no sense").because(e))?;
    let packages: HashMap<&str, &Package> = metadata.packages.iter().map(|package| (&*package.id, package)).collect();
    let nodes: HashMap<&str, &Node> = metadata.resolve.nodes.iter().map(|node| (&*node.id, node)).collect();
    let mut all = BTreeMap::new();
    for step in steps {
        let has = |package: &&Package| {
            package.targets.iter().any(|target| target.name == *step && target.kind.iter().any(|kind| kind == "bin"))
        };
        let root = metadata.packages.iter().filter(|package| package.source.is_none()).find(has);
        let root = root.ok_or_else(|| Error::not_found(format!("no package here has a binary {step}")))?;
        let (mut linked, mut open) = (BTreeSet::new(), vec![&*root.id]);
        while let Some(id) = open.pop() {
            if linked.insert(id) {
                let normal = |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
                open.extend(
                    nodes.get(id).into_iter().flat_map(|node| node.deps.iter().filter(normal).map(|dependency| &*dependency.pkg)),
                );
            }
        }
        let theirs = linked.iter().filter_map(|id| packages.get(id)).filter(|package| package.source.is_some());
        all.insert((*step).to_owned(), text_of(theirs.copied())?);
    }
    Ok(all)
}

fn text_of<'a>(packages: impl Iterator<Item = &'a Package>) -> Result<Vec<u8>> {
    let mut packages: Vec<&Package> = packages.collect();
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    let mut text = String::from("This program contains the following software.\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        let licence = package.license.as_deref().unwrap_or("see its text");
        let name = format!("{} {}", package.name, package.version);
        text.push_str(&format!("{name}: {licence}\n"));
        for found in texts_in(package)? {
            texts.entry(found).or_default().push(name.clone());
        }
    }
    let mut texts: Vec<(Vec<String>, String)> = texts.into_iter().map(|(text, names)| (names, text)).collect();
    texts.sort();
    for (names, licence) in texts {
        text.push_str(&format!("\n{}\n{}\n\n{}\n", "-".repeat(80), names.join(", "), licence.trim_end()));
    }
    Ok(text.into_bytes())
}

/// The texts of licences in a package's directory.
fn texts_in(package: &Package) -> Result<Vec<String>> {
    let manifest = Path::new(&package.manifest_path);
    let dir = manifest.parent().unwrap_or(Path::new("."));
    let failed = |e| Error::io(format_args!("cannot read {}", dir.display()), e);
    let mut names: Vec<String> = package.license_file.iter().cloned().collect();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let upper = name.to_uppercase();
        if ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"].iter().any(|start| upper.starts_with(start))
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names.sort();
    let mut texts = Vec::new();
    for name in names {
        if let Ok(Some(bytes)) = step::files::read_regular(&dir.join(name), 1 << 20) {
            texts.push(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"));
        }
    }
    Ok(texts)
}
