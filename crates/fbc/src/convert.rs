//! The first half of opm's validation: do the objects of a catalog fit together?
//!
//! opm stops at the first error. Here all are reported, but not what only follows from another: of an object its first
//! error, of a package that is not there its first object, of a package that is there twice neither channels nor bundles.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::gotext::Quoted;
use crate::opm::OpmVersion;
use crate::properties::PackageVersion;
use crate::verdict::{Counts, Finding};
use crate::version::{Identifier, Version};

/// Where an object stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: Arc<Path>,
    pub(crate) line: usize,
}

/// What is kept of a catalog's objects, in the order in which they were read.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) packages: Vec<(Place, PackageObject)>,
    pub(crate) channels: Vec<(Place, ChannelObject)>,
    pub(crate) bundles: Vec<(Place, BundleObject)>,
    pub(crate) deprecations: Vec<(Place, DeprecationsObject)>,
}

#[derive(Debug)]
pub(crate) struct PackageObject {
    pub(crate) name: String,
    pub(crate) default_channel: String,
}

#[derive(Debug)]
pub(crate) struct ChannelObject {
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) entries: Vec<Entry>,
}

/// A bundle's place in a channel.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) replaces: String,
    pub(crate) skips: Vec<String>,
    pub(crate) skip_range: String,
}

#[derive(Debug)]
pub(crate) struct BundleObject {
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) has_image: bool,
    pub(crate) has_objects: bool,
    /// The `olm.package` properties, or why the properties cannot be read.
    pub(crate) versions: Result<Vec<PackageVersion>, String>,
    /// The first image that is no pull spec.
    pub(crate) image_fault: Option<String>,
}

#[derive(Debug)]
pub(crate) struct DeprecationsObject {
    pub(crate) package: String,
    pub(crate) entries: Vec<Deprecation>,
}

#[derive(Debug)]
pub(crate) struct Deprecation {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) message: String,
}

/// A catalog whose objects fit together.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) packages: BTreeMap<String, Package>,
}

#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) default_channel: String,
    pub(crate) channels: BTreeMap<String, Channel>,
    pub(crate) bundles: HashMap<String, Bundle>,
    /// The message of its deprecation.
    pub(crate) deprecation: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Channel {
    /// Entries by their names, which are unique.
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) deprecation: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Bundle {
    pub(crate) has_image: bool,
    pub(crate) has_objects: bool,
    pub(crate) version: Version,
    pub(crate) release: Vec<Identifier>,
    pub(crate) deprecation: Option<String>,
}

// === impl Objects ===

impl Objects {
    /// Adds the objects of the next file.
    pub(crate) fn append(&mut self, mut more: Objects) {
        self.packages.append(&mut more.packages);
        self.channels.append(&mut more.channels);
        self.bundles.append(&mut more.bundles);
        self.deprecations.append(&mut more.deprecations);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { packages: self.packages.len(), channels: self.channels.len(), bundles: self.bundles.len() }
    }

    /// Fits the objects together.
    pub(crate) fn convert(self, opm: OpmVersion) -> Result<Model, Vec<Finding>> {
        let mut conversion = Conversion { opm, ..Conversion::default() };
        self.packages.into_iter().for_each(|(place, package)| conversion.package(&place, package));
        self.channels.into_iter().for_each(|(place, channel)| conversion.channel(&place, channel));
        self.bundles.into_iter().for_each(|(place, bundle)| conversion.bundle(&place, bundle));
        conversion.check_entries();
        conversion.add_default_channels();
        let mut deprecated = HashSet::new();
        for (i, (place, deprecations)) in self.deprecations.into_iter().enumerate() {
            conversion.deprecations(&place, i, deprecations, &mut deprecated);
        }
        if conversion.findings.is_empty() { Ok(conversion.model) } else { Err(conversion.findings) }
    }
}

#[derive(Default)]
struct Conversion {
    opm: OpmVersion,
    model: Model,
    /// Entries for which no bundle was seen, of the package's last channel only: that is all that opm remembers.
    missing: BTreeMap<String, BTreeSet<String>>,
    /// Packages of which no more needs to be said: they are not there, or there twice.
    done: HashSet<String>,
    findings: Vec<Finding>,
}

impl Conversion {
    fn found(&mut self, place: &Place, message: String) {
        let file: PathBuf = place.file.to_path_buf();
        self.findings.push(Finding { file: Some(file), line: Some(place.line), message });
    }

    fn package(&mut self, place: &Place, package: PackageObject) {
        let name = package.name;
        if name.is_empty() {
            return self.found(place, "config contains package with no name".into());
        }
        if self.model.packages.contains_key(&name) {
            self.found(place, format!("duplicate package {}", Quoted(&name)));
            self.done.insert(name);
            return;
        }
        if self.opm >= OpmVersion::PACKAGE_NAME
            && let Some(faults) = label_faults(&name)
        {
            self.found(place, format!("invalid package name {}: [{faults}]", Quoted(&name)));
        }
        self.model.packages.insert(name, Package { default_channel: package.default_channel, ..Package::default() });
    }

    fn channel(&mut self, place: &Place, channel: ChannelObject) {
        let ChannelObject { name, package: package_name, entries } = channel;
        let Some(package) = self.model.packages.get_mut(&package_name) else {
            if self.done.insert(package_name.clone()) {
                self.found(place, format!("unknown package {} for channel {}", Quoted(&package_name), Quoted(&name)));
            }
            return;
        };
        if name.is_empty() {
            return self.found(place, format!("package {} contains channel with no name", Quoted(&package_name)));
        }
        if package.channels.contains_key(&name) {
            if !self.done.contains(&package_name) {
                self.found(place, format!("package {} has duplicate channel {}", Quoted(&package_name), Quoted(&name)));
            }
            return;
        }
        let mut duplicate = None;
        let channel = package.channels.entry(name.clone()).or_default();
        for entry in entries {
            if channel.entries.contains_key(&entry.name) {
                duplicate.get_or_insert(entry.name);
            } else {
                channel.entries.insert(entry.name.clone(), entry);
            }
        }
        self.missing.insert(package_name.clone(), channel.entries.keys().cloned().collect());
        if let Some(entry) = duplicate {
            let (package, channel) = (Quoted(&package_name), Quoted(&name));
            self.found(place, format!("invalid package {package}, channel {channel}: duplicate entry {}", Quoted(&entry)));
        }
    }

    fn bundle(&mut self, place: &Place, object: BundleObject) {
        if let Some(message) = self.add_bundle(object) {
            self.found(place, message);
        }
    }

    fn add_bundle(&mut self, object: BundleObject) -> Option<String> {
        let BundleObject { name, package: package_name, .. } = object;
        if package_name.is_empty() {
            return Some(format!("package name must be set for bundle {}", Quoted(&name)));
        }
        let Some(package) = self.model.packages.get_mut(&package_name) else {
            let message = format!("unknown package {} for bundle {}", Quoted(&package_name), Quoted(&name));
            return self.done.insert(package_name).then_some(message);
        };
        if package.bundles.contains_key(&name) {
            let message = format!("package {} has duplicate bundle {}", Quoted(&package_name), Quoted(&name));
            return (!self.done.contains(&package_name)).then_some(message);
        }
        if let Some(missing) = self.missing.get_mut(&package_name) {
            missing.remove(&name);
        }
        let bundle = package.bundles.entry(name.clone()).or_default();
        bundle.has_image = object.has_image;
        bundle.has_objects = object.has_objects;
        let versions = match object.versions {
            Ok(versions) => versions,
            Err(fault) => return Some(format!("parse properties for bundle {}: {fault}", Quoted(&name))),
        };
        let [found] = versions.as_slice() else {
            return Some(format!(
                "package {} bundle {} must have exactly 1 \"olm.package\" property, found {}",
                Quoted(&package_name),
                Quoted(&name),
                versions.len()
            ));
        };
        if found.package != package_name {
            return Some(format!(
                "package {} does not match \"olm.package\" property {}",
                Quoted(&package_name),
                Quoted(&found.package)
            ));
        }
        if object.image_fault.is_some() {
            return object.image_fault;
        }
        match Version::parse(&found.version) {
            Ok(version) => bundle.version = version,
            Err(fault) => {
                return Some(format!("error parsing bundle {} version {}: {fault}", Quoted(&name), Quoted(&found.version)));
            }
        }
        match Identifier::parse_release(&found.release) {
            Ok(release) => bundle.release = release,
            Err(fault) => {
                return Some(format!(
                    "error parsing bundle {} release version {}: {fault}",
                    Quoted(&name),
                    Quoted(&found.release)
                ));
            }
        }
        if !package.channels.values().any(|channel| channel.entries.contains_key(&name)) {
            return Some(format!("package {}, bundle {} not found in any channel entries", Quoted(&package_name), Quoted(&name)));
        }
        None
    }

    fn check_entries(&mut self) {
        for (package, entries) in std::mem::take(&mut self.missing) {
            if !entries.is_empty() {
                let entries: Vec<_> = entries.into_iter().collect();
                let message = format!(
                    "no olm.bundle blobs found in package {} for olm.channel entries [{}]",
                    Quoted(&package),
                    entries.join(" ")
                );
                self.findings.push(Finding { file: None, line: None, message });
            }
        }
    }

    /// A default channel that is not there becomes an empty one, which breaks a rule later.
    fn add_default_channels(&mut self) {
        for package in self.model.packages.values_mut() {
            if !package.default_channel.is_empty() {
                package.channels.entry(package.default_channel.clone()).or_default();
            }
        }
    }

    fn deprecations(&mut self, place: &Place, index: usize, object: DeprecationsObject, seen: &mut HashSet<String>) {
        let name = object.package;
        if name.is_empty() {
            return self.found(place, format!("package name must be set for deprecation item {index}"));
        }
        if !self.model.packages.contains_key(&name) {
            return self.found(place, format!("cannot apply deprecations to an unknown package {}", Quoted(&name)));
        }
        if !seen.insert(name.clone()) {
            return self.found(place, format!("expected a maximum of one deprecation per package: {}", Quoted(&name)));
        }
        let mut references = HashSet::new();
        for (i, entry) in object.entries.into_iter().enumerate() {
            let first = references.insert((entry.schema.clone(), entry.name.clone()));
            if let Some(message) = self.deprecate(&name, i, entry, first) {
                self.found(place, message);
            }
        }
    }

    fn deprecate(&mut self, name: &str, index: usize, entry: Deprecation, first: bool) -> Option<String> {
        let package = self.model.packages.get_mut(name)?;
        let Deprecation { schema, name: target, message } = entry;
        let name = Quoted(name);
        // Go's `%#v`.
        let shown = format!("declcfg.PackageScopedReference{{Schema:{}, Name:{}}}", Quoted(&schema), Quoted(&target));
        if schema.is_empty() {
            return Some(format!("schema must be set for deprecation entry [{index}] for package {name}"));
        }
        if !first {
            return Some(format!("duplicate deprecation entry {shown} for package {name}"));
        }
        let target_shown = Quoted(&target);
        match schema.as_str() {
            "olm.bundle" => match package.bundles.get_mut(&target) {
                Some(bundle) => bundle.deprecation = Some(message),
                None => return Some(format!("cannot deprecate bundle {target_shown} for package {name}: bundle not found")),
            },
            "olm.channel" => match package.channels.get_mut(&target) {
                Some(channel) => channel.deprecation = Some(message),
                None => return Some(format!("cannot deprecate channel {target_shown} for package {name}: channel not found")),
            },
            "olm.package" if target.is_empty() => package.deprecation = Some(message),
            "olm.package" => {
                return Some(format!("package name must be empty for deprecated package {name} (specified {target_shown})"));
            }
            _ => {
                return Some(format!(
                    "cannot deprecate object {shown} referenced by entry {index} for package {name}: object schema unknown"
                ));
            }
        }
        None
    }
}

/// Why a name is no DNS-1123 label, in the words of k8s.io/apimachinery.
fn label_faults(name: &str) -> Option<String> {
    let is_label = |label: &str| {
        let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        label.starts_with(alphanumeric) && label.ends_with(alphanumeric) && label.chars().all(|c| alphanumeric(c) || c == '-')
    };
    let mut faults = Vec::new();
    if name.len() > 63 {
        faults.push("must be no more than 63 characters");
    }
    if !is_label(name) {
        faults.push(if name.split('.').all(is_label) {
            "must not contain dots"
        } else {
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an \
             alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        });
    }
    (!faults.is_empty()).then(|| faults.join(" "))
}
