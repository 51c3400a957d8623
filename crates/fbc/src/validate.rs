//! Reads a catalog's objects, and asks of them what opm asks.

use std::path::Path;
use std::sync::Arc;

use step::{Cancel, Error, Result};

use crate::convert::{BundleObject, ChannelObject, Deprecation, DeprecationsObject, Entry, Objects, PackageObject, Place};
use crate::decode::{TOO_MANY, Text, parse};
use crate::gotext::{Quoted, write_json};
use crate::opm::OpmVersion;
use crate::properties::Reader;
use crate::reference;
use crate::schema::{Bundle, Channel, Deprecations, Package};
use crate::stream::{self, Blob, Fault};
use crate::tree::{Content, Tree};
use crate::verdict::{Counts, Finding, Verdict};

/// What `opm validate` of version `opm` says about the catalog.
///
/// A catalog that opm would refuse is `Ok` with a [`Verdict`] that is not valid. Fails when there is no verdict: a file
/// cannot be read, exceeds a limit, or the work was cancelled.
pub fn validate(tree: &Tree, opm: OpmVersion, cancel: &Cancel) -> Result<Verdict> {
    let mut objects = Objects::default();
    let mut findings = Vec::new();
    let files = tree.for_each_file(cancel, |path, bytes| {
        let mut file =
            FileReader { tree, path: Arc::from(path), objects: Objects::default(), properties: Reader::new(opm, tree.limits()) };
        let read = stream::read(bytes, opm, tree.limits(), cancel, |blob| file.add(&blob));
        cancel.check()?;
        match read {
            Err(fault) if fault.limit => Err(fault.into_error(path)),
            read => Ok((file.objects, read.err().map(|fault| (file.path, fault)))),
        }
    })?;
    for (more, fault) in files {
        objects.append(more);
        findings.extend(fault.map(|(path, fault)| Finding {
            file: Some(path.to_path_buf()),
            line: fault.line,
            message: fault.message,
        }));
    }
    for (path, content) in &tree.files {
        if let Content::Unreadable(why) = content {
            findings.push(Finding { file: Some(path.clone()), line: None, message: why.clone() });
        }
    }
    let counts: Counts = objects.counts();
    if !findings.is_empty() {
        return Ok(Verdict::flat(counts, findings));
    }
    Ok(match objects.convert(opm) {
        Ok(model) => Verdict::tree(counts, model.check(opm)),
        Err(findings) => Verdict::flat(counts, findings),
    })
}

/// Collects a file's objects.
struct FileReader<'a> {
    tree: &'a Tree,
    path: Arc<Path>,
    objects: Objects,
    properties: Reader<'a>,
}

impl FileReader<'_> {
    fn add(&mut self, blob: &Blob<'_>) -> Result<(), Fault> {
        let opm = self.properties.opm;
        let place = || Place { file: Arc::clone(&self.path), line: blob.line };
        match &*blob.meta.schema {
            "olm.package" => {
                let package: Package<'_> = decode(blob, "package")?;
                let object = PackageObject { name: owned(package.name), default_channel: owned(package.default_channel) };
                self.objects.packages.push((place(), object));
            }
            "olm.channel" => {
                let channel: Channel<'_> = decode(blob, "channel")?;
                let entries = channel.entries.0.into_iter().map(|entry| Entry {
                    name: owned(entry.name),
                    replaces: owned(entry.replaces),
                    skips: entry.skips.0.into_iter().map(owned).collect(),
                    skip_range: owned(entry.skip_range),
                });
                let entries = entries.collect();
                let object = ChannelObject { name: owned(channel.name), package: owned(channel.package), entries };
                self.objects.channels.push((place(), object));
            }
            "olm.bundle" => {
                let object = self.bundle(blob)?;
                let place = Place { file: Arc::clone(&self.path), line: blob.line };
                self.objects.bundles.push((place, object));
            }
            "olm.deprecations" if opm >= OpmVersion::DEPRECATIONS => {
                let deprecations: Deprecations<'_> = decode(blob, "deprecation")?;
                let entries = deprecations.entries.0.into_iter().map(|entry| Deprecation {
                    schema: owned(entry.reference.schema),
                    name: owned(entry.reference.name),
                    message: owned(entry.message),
                });
                let object = DeprecationsObject { entries: entries.collect(), package: owned(deprecations.package) };
                self.objects.deprecations.push((place(), object));
            }
            "" => return Err(blob.fault(format!("object '{}' is missing root schema field", shown(blob.json, opm)))),
            _ => {}
        }
        Ok(())
    }

    fn bundle(&mut self, blob: &Blob<'_>) -> Result<BundleObject, Fault> {
        let bundle: Bundle<'_> = decode(blob, "bundle")?;
        let (name, package) = (Quoted(&*bundle.name), Quoted(&*bundle.package));
        let (tree, path) = (self.tree, Arc::clone(&self.path));
        let properties = self.properties.read(&bundle.properties.0, &|reference| referenced(tree, &path, reference));
        let properties = properties.map_err(|fault| Fault {
            limit: fault.limit,
            ..blob.fault(format!("read bundle objects: package {package}, bundle {name}: {}", fault.message))
        })?;
        let image_fault = (self.properties.opm >= OpmVersion::PULL_SPECS).then(|| image_fault(&bundle)).flatten();
        Ok(BundleObject {
            has_image: !bundle.image.is_empty(),
            has_objects: properties.has_objects,
            versions: properties.packages,
            image_fault,
            name: owned(bundle.name),
            package: owned(bundle.package),
        })
    }
}

fn decode<'a, T: serde::Deserialize<'a>>(blob: &Blob<'a>, what: &str) -> Result<T, Fault> {
    parse(blob.json).map_err(|fault| Fault { limit: fault.contains(TOO_MANY), ..blob.fault(format!("parse {what}: {fault}")) })
}

fn owned(text: Text<'_>) -> String {
    text.0.into_owned()
}

/// The object as opm shows it: since 1.28 the map that it read, encoded again.
fn shown(json: &str, opm: OpmVersion) -> String {
    if opm < OpmVersion::FOLDED_KEYS {
        return json.to_owned();
    }
    match serde_json::from_str(json) {
        Ok(value) => {
            let mut out = Vec::new();
            write_json(&mut out, &value);
            out.push(b'\n');
            String::from_utf8_lossy(&out).into_owned()
        }
        Err(_) => json.to_owned(),
    }
}

/// The first image that is no pull spec. Empty ones are fine here.
fn image_fault(bundle: &Bundle<'_>) -> Option<String> {
    let fault = |what: String, image: &str| {
        let fault = reference::check(image).err().filter(|_| !image.is_empty())?;
        let (package, name) = (Quoted(&*bundle.package), Quoted(&*bundle.name));
        Some(format!("package {package} bundle {name} {what}: invalid image pull spec {}: {fault}", Quoted(image)))
    };
    fault("image".into(), &bundle.image).or_else(|| {
        let images = bundle.related_images.0.iter().enumerate();
        images.map(|(i, related)| fault(format!("relatedImages[{i}].image"), &related.image)).find_map(|fault| fault)
    })
}

/// The file that an old bundle object refers to, relative to its catalog file.
fn referenced(tree: &Tree, from: &Path, reference: &str) -> Result<Vec<u8>, String> {
    if Path::new(reference).is_absolute() {
        return Err("reference must be a relative path".into());
    }
    let mut path = std::path::PathBuf::new();
    for part in from.parent().unwrap_or(Path::new("")).join(reference).components() {
        match part {
            std::path::Component::ParentDir if !path.pop() => return Err(format!("open {reference}: invalid argument")),
            std::path::Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    match tree.file(&path) {
        Some(bytes) => bytes.map_err(|error: Error| error.to_string()),
        None => Err(format!("open {}: no such file or directory", path.display())),
    }
}
