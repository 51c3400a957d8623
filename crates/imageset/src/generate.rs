//! From values files to the document that says what to mirror.

use std::collections::{BTreeMap, HashMap, HashSet};

use step::{Error, Result};

use crate::delete::Keep;
use crate::document::{self, Catalog, ImageSet, Named, Package, ReleaseChannel};
use crate::extras::{AdditionalImage, Dependencies};
use crate::operators::{Broken, KnownPackages, Operator, View};
use crate::problem::{Problem, Problems, Warnings, shown};
use crate::sources::Sources;
use crate::values::{ClusterSet, Environment, Merge, Section, ValuesFile};
use crate::version::{Minor, Release, Version};

/// What is wanted besides what values files say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Counts instead of what the values files say.
    pub version: Option<Version>,
    /// Instead of the lowest release that is in use.
    pub min_version: Option<Release>,
    /// Instead of the highest release that is in use.
    pub max_version: Option<Release>,
    /// No releases.
    pub operators_only: bool,
    /// No operators.
    pub openshift_only: bool,
    /// How the files become one.
    pub merge: Merge,
    /// Which catalog a source stands for.
    pub sources: Sources,
    /// What packages need.
    pub dependencies: Dependencies,
    /// Images besides.
    pub additional_images: Vec<AdditionalImage>,
}

/// A document, and what there is to say about it.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The document.
    pub text: String,
    /// The versions of OpenShift that it is for, the lowest first.
    pub versions: Vec<Version>,
    /// What looks wrong and is none of our business.
    pub warnings: Vec<String>,
}

/// More labels than this are not looked at: those of a cluster set count once more for each cluster.
const MOST_LABELS: usize = 1_000_000;

/// More warnings are not kept.
const MOST_WARNINGS: usize = 50;

/// The document that says what to mirror so that every cluster of the values files finds it.
pub fn generate(files: &[ValuesFile], options: &Options) -> Result<Generated> {
    let mut warnings = Warnings::default();
    let fleet = Fleet::read(files, options, &mut warnings)?;
    let versions = fleet.versions(options)?;
    let catalogs = if options.openshift_only { Vec::new() } else { fleet.catalogs(options, &versions, &mut warnings)? };
    let channels = (!options.operators_only).then(|| release_channels(options, &versions)).transpose()?;
    for (package, catalog, other) in in_several(&catalogs) {
        warnings.push(format!("the package {package} is taken from two catalogs: {catalog} and {other}"));
    }
    let packages: HashSet<&str> = catalogs.iter().flat_map(|catalog| &catalog.packages).map(|package| &*package.name).collect();
    let is_wanted = |image: &&AdditionalImage| image.package.as_ref().is_none_or(|package| packages.contains(package.as_str()));
    let mut known = HashSet::new();
    let images = options.additional_images.iter().filter(is_wanted).filter(|image| known.insert(&*image.image));
    let images: Vec<Named> = images.map(|image| Named { name: image.image.clone() }).collect();
    if channels.is_none() && catalogs.is_empty() && images.is_empty() {
        return Err(Error::bad_input("there is nothing to mirror: no releases are wanted, and no operator is enabled")
            .hint("set operators-only or openshift-only to false, or enable operators in the values files"));
    }
    let set = ImageSet { channels, operators: catalogs, additional_images: images };
    Ok(Generated { text: set.to_yaml()?, versions, warnings: warnings.into_vec() })
}

/// The document that says which releases can be deleted from the mirror: of each minor version those below the lowest
/// that a cluster runs.
pub fn generate_delete(files: &[ValuesFile], options: &Options, keep: Keep) -> Result<Generated> {
    let mut warnings = Warnings::default();
    let versions = Fleet::read(files, options, &mut warnings)?.versions(options)?;
    let channels = keep.deleted(&versions, options.min_version, &mut warnings)?;
    Ok(Generated { text: document::delete_to_yaml(&channels)?, versions, warnings: warnings.into_vec() })
}

/// What values files say.
struct Fleet<'t> {
    environments: Vec<Environment<'t>>,
}

// === impl Fleet ===

impl<'t> Fleet<'t> {
    fn read(files: &'t [ValuesFile], options: &Options, warnings: &mut Warnings) -> Result<Self> {
        let mut problems = Problems::default();
        let environments = Environment::read(files, options.merge, &mut problems, warnings);
        problems.into_result("the values files")?;
        if environments.iter().all(|environment| environment.sets.is_empty()) {
            return Err(Error::bad_input(format!("no cluster set and no cluster in {}", names(files)))
                .hint("give values files with hubClusterSets, managedClusterSets or clusters"));
        }
        let fleet = Fleet { environments };
        let labels = fleet.environments.iter().map(labels_to_read).fold(0, usize::saturating_add);
        if labels > MOST_LABELS {
            return Err(Error::bad_input(format!("{labels} labels, those of its cluster sets counted for every cluster"))
                .hint(format!("more than {MOST_LABELS} are too many; give fewer files at once")));
        }
        Ok(fleet)
    }

    /// The versions that clusters run, the lowest first.
    fn versions(&self, options: &Options) -> Result<Vec<Version>> {
        if let Some(version) = options.version {
            return Ok(vec![version]);
        }
        let (mut problems, mut versions) = (Problems::default(), Vec::new());
        for environment in &self.environments {
            views(environment, |view| match version(view) {
                Ok(version) => versions.extend(version),
                Err(problem) => problems.push(problem),
            });
        }
        problems.into_result("the values files")?;
        versions.sort_unstable();
        versions.dedup();
        if versions.is_empty() {
            return Err(Error::bad_input("no cluster set says its openshift-version")
                .hint("add the label openshift-version to a cluster set, or set the parameter openshift-version"));
        }
        Ok(versions)
    }

    /// The catalogs with the packages that cluster sets enable. One that does not say its version counts for the highest.
    fn catalogs(&self, options: &Options, versions: &[Version], warnings: &mut Warnings) -> Result<Vec<Catalog>> {
        let highest = versions.last().map(|version| version.minor);
        let known = KnownPackages::of(&self.environments);
        let mut problems = Problems::default();
        let mut chosen = Chosen::default();
        for environment in &self.environments {
            let mut of_cluster: Option<(&ClusterSet<'_>, Attempts<'_>)> = None;
            views(environment, |view| {
                if problems.is_full() {
                    return;
                }
                let minor = options.version.or_else(|| version(view).ok().flatten()).map(|version| version.minor).or(highest);
                let Some(minor) = minor else { return };
                let cluster = view.cluster.unwrap_or(view.set);
                let (of, mut attempts) = of_cluster.take().unwrap_or_else(|| (cluster, Attempts::default()));
                if !std::ptr::eq(of, cluster) {
                    std::mem::take(&mut attempts).end(&mut problems);
                }
                for operator in view.operators(&known, warnings) {
                    let label = operator.as_ref().map_or_else(|broken| broken.label, |operator| operator.label);
                    if view.is_second_choice && (attempts.good.contains(label) || !view.touches(label)) {
                        continue;
                    }
                    let added = operator.and_then(|operator| chosen.add(minor, &operator, options).map(|()| operator.label));
                    attempts.push(added);
                }
                of_cluster = Some((cluster, attempts));
            });
            if let Some((_, attempts)) = of_cluster {
                attempts.end(&mut problems);
            }
        }
        problems.into_result("the values files")?;
        Ok(chosen.catalogs(&options.dependencies))
    }
}

/// What became of the operators of a cluster, in each of the sets that it may belong to.
#[derive(Default)]
struct Attempts<'v> {
    good: HashSet<&'v str>,
    /// Each once: a cluster's own fault is one with every set.
    broken: Vec<Broken<'v>>,
    told: HashSet<Problem>,
}

// === impl Attempts ===

impl<'v> Attempts<'v> {
    fn push(&mut self, attempt: std::result::Result<&'v str, Broken<'v>>) {
        match attempt {
            Ok(label) => drop(self.good.insert(label)),
            Err(broken) => {
                if self.told.insert(broken.problem.clone()) {
                    self.broken.push(broken);
                }
            }
        }
    }

    fn end(self, problems: &mut Problems) {
        let broken = self.broken.into_iter().filter(|broken| !self.good.contains(broken.label));
        broken.for_each(|broken| problems.push(broken.problem));
    }
}

/// Calls `see` for each cluster set, and for each cluster on top of each set that it may belong to.
///
/// Nobody says to which it does. A cluster that is listed is one of the managed ones, and one whose version is that of a
/// set is likely to be of that set. Hub sets are looked at for what those do not know of the operators that it changes.
fn views<'v, 't>(environment: &'v Environment<'t>, mut see: impl FnMut(View<'v, 't>)) {
    let of = |section: Section| environment.sets.iter().filter(move |set| set.section == section);
    let alone = |set: &'v ClusterSet<'t>| View { set, cluster: None, is_second_choice: false };
    of(Section::Hub).chain(of(Section::Managed)).for_each(|set| see(alone(set)));
    let minor = |set: &'v ClusterSet<'t>| version(alone(set)).ok().flatten().map(|version| version.minor);
    for cluster in of(Section::Clusters) {
        let on_top = |set: &'v ClusterSet<'t>, is_second_choice| View { set, cluster: Some(cluster), is_second_choice };
        let own = minor(cluster);
        let is_like = |set: &&'v ClusterSet<'t>| minor(set) == own;
        let alike = own.is_some() && of(Section::Managed).any(|set| is_like(&set));
        let mut has_managed = false;
        for set in of(Section::Managed).filter(|set| !alike || is_like(set)) {
            has_managed = true;
            see(on_top(set, false));
        }
        of(Section::Hub).for_each(|set| see(on_top(set, has_managed)));
        if !has_managed && of(Section::Hub).next().is_none() {
            see(alone(cluster));
        }
    }
}

/// How many labels there are, those of sets counted once more for each cluster, and sets and clusters as one each.
fn labels_to_read(environment: &Environment<'_>) -> usize {
    let (clusters, sets): (Vec<_>, Vec<_>) = environment.sets.iter().partition(|set| set.section == Section::Clusters);
    let size = |sets: &[&ClusterSet<'_>]| sets.iter().map(|set| 1 + set.labels.len()).sum::<usize>();
    let of_sets = size(&sets).saturating_mul(1 + clusters.len());
    of_sets.saturating_add(size(&clusters).saturating_mul(sets.len().max(1)))
}

fn version(view: View<'_, '_>) -> std::result::Result<Option<Version>, Problem> {
    let Some((label, text)) = view.get("openshift-version")? else { return Ok(None) };
    text.parse().map(Some).map_err(|error| {
        let whose = view.whose(label);
        let message = format!("{whose}: openshift-version cannot be {}", shown(text));
        label.place.problem(message, format!("{error}"))
    })
}

/// The packages that were chosen, by catalog.
#[derive(Default)]
struct Chosen {
    /// By minor version, the source's place in the order, and the catalog itself.
    catalogs: BTreeMap<(Minor, usize), (String, Packages)>,
}

#[derive(Default)]
struct Packages {
    list: Vec<(Package, bool)>,
    index: HashMap<String, usize>,
    /// Channels that are there, by the package's place.
    channels: HashSet<(usize, String)>,
}

// === impl Chosen ===

impl Chosen {
    fn add<'v>(&mut self, minor: Minor, operator: &Operator<'v>, options: &Options) -> std::result::Result<(), Broken<'v>> {
        let Some((place, catalog)) = options.sources.find(operator.source) else {
            let (label, whose) = (operator.label, operator.whose);
            let message = format!("{whose}: the catalog source {} of {label} is not known", shown(operator.source));
            let hint = format!(
                "map it with a line {}=REGISTRY/REPOSITORY in sources; known are {}",
                operator.source,
                options.sources.names()
            );
            return Err(Broken { label, problem: operator.place.problem(message, hint) });
        };
        let (_, packages) =
            self.catalogs.entry((minor, place)).or_insert_with(|| (catalog.for_minor(minor), Packages::default()));
        packages.add(operator.package.as_str(), Some(operator.channel.as_str()), operator.is_acm);
        Ok(())
    }

    fn catalogs(self, dependencies: &Dependencies) -> Vec<Catalog> {
        // A source with a tag of its own has one catalog for all minor versions.
        let mut catalogs: Vec<(String, Packages)> = Vec::new();
        for (catalog, packages) in self.catalogs.into_values() {
            match catalogs.iter_mut().find(|(known, _)| *known == catalog) {
                Some((_, known)) => known.extend(packages),
                None => catalogs.push((catalog, packages)),
            }
        }
        for (_, packages) in &mut catalogs {
            let names: Vec<fbc::PackageName> =
                packages.list.iter().filter_map(|(package, _)| package.name.parse().ok()).collect();
            for needed in names.iter().flat_map(|name| dependencies.of(name)) {
                packages.add(needed.as_str(), None, false);
            }
        }
        let finished = catalogs.into_iter().map(|(catalog, packages)| Catalog { catalog, packages: packages.finish() });
        finished.collect()
    }
}

// === impl Packages ===

impl Packages {
    /// Adds a package, or a channel to it. Without channels a package has the heads of all.
    fn add(&mut self, name: &str, channel: Option<&str>, is_acm: bool) {
        let place = *self.index.entry(name.to_owned()).or_insert_with(|| {
            self.list.push((Package { name: name.to_owned(), default_channel: None, channels: Vec::new() }, false));
            self.list.len() - 1
        });
        let Some((package, first)) = self.list.get_mut(place) else { return };
        *first |= is_acm;
        if let Some(channel) = channel
            && self.channels.insert((place, channel.to_owned()))
        {
            package.channels.push(Named { name: channel.to_owned() });
        }
    }

    fn extend(&mut self, others: Packages) {
        for (package, is_acm) in others.list {
            for channel in &package.channels {
                self.add(&package.name, Some(&channel.name), is_acm);
            }
        }
    }

    fn finish(self) -> Vec<Package> {
        let mut list = self.list;
        list.sort_by_key(|(_, is_acm)| !is_acm);
        let finish = |mut package: Package| {
            // The catalog's own default may be a channel that is left out, and then oc-mirror fails.
            package.default_channel = package.channels.first().map(|channel| channel.name.clone());
            package
        };
        list.into_iter().map(|(package, _)| finish(package)).collect()
    }
}

/// Packages that are in two catalogs of one minor version, and those catalogs.
fn in_several(catalogs: &[Catalog]) -> Vec<(&str, &str, &str)> {
    let tag = |catalog: &str| catalog.rsplit_once(':').map(|(_, tag)| tag.to_owned());
    let mut seen: HashMap<(&str, Option<String>), &str> = HashMap::new();
    let mut several = Vec::new();
    for catalog in catalogs {
        for package in &catalog.packages {
            let key = (package.name.as_str(), tag(&catalog.catalog));
            match seen.insert(key, &catalog.catalog) {
                Some(other) if several.len() < MOST_WARNINGS => several.push((&*package.name, other, &*catalog.catalog)),
                _ => {}
            }
        }
    }
    several
}

/// A channel for each minor version, from the lowest release in use to the highest.
fn release_channels(options: &Options, versions: &[Version]) -> Result<Vec<ReleaseChannel>> {
    let mut ranges: BTreeMap<Minor, (Release, Release)> = BTreeMap::new();
    for version in versions {
        let range = ranges.entry(version.minor).or_insert((version.lowest(), version.highest()));
        *range = (range.0.min(version.lowest()), range.1.max(version.highest()));
    }
    let last = ranges.len().saturating_sub(1);
    let mut channels = Vec::new();
    for (place, (minor, (lowest, highest))) in ranges.into_iter().enumerate() {
        let name = minor.channel();
        let min = options.min_version.filter(|_| place == 0).unwrap_or(lowest);
        let max = options.max_version.filter(|_| place == last).unwrap_or(highest);
        if max.minor > minor {
            return Err(Error::bad_input(format!(
                "max-version {max} is not in the channel {name}, the highest that is mirrored"
            ))
            .hint(format!("set openshift-version to {}, or a lower max-version", max.minor)));
        }
        if min > max {
            return Err(Error::bad_input(format!("the channel {name} would begin at {min} and end at {max}"))
                .hint("set min-version to what is not above max-version, nor above the releases that the values files name"));
        }
        channels.push(ReleaseChannel::new(name, min, max));
    }
    Ok(channels)
}

fn names(files: &[ValuesFile]) -> String {
    let names: Vec<&str> = files.iter().map(|file| &*file.path).take(5).collect();
    let more = if files.len() > names.len() { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}
