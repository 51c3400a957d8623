//! What is to be copied: which manifests, in which form and order, and which blobs.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;
use step::{Error, Result};

use super::parallel::{Stop, each};
use super::store::Source;
use super::{Format, Options, convert};
use crate::{Descriptor, Digest, Image, Index, Manifest, ManifestKind, Platform};

/// Indexes in indexes in indexes: no deeper.
const DEEPEST: usize = 4;

/// All manifests of one copy together are no larger than this, in bytes.
pub(super) const LARGEST_TREE: u64 = 64 << 20;

/// Annotation of an index's entry that says something about another entry: that entry's digest. (BuildKit.)
const ABOUT: &str = "vnd.docker.reference.digest";

/// What is to be copied.
#[derive(Default)]
pub(crate) struct Plan {
    /// Children before parents, the one that is asked for last, each once.
    pub(crate) manifests: Vec<Manifest>,
    /// Each once; none that may not be distributed.
    pub(crate) blobs: Vec<Descriptor>,
    /// What became of the source's manifests: the digest there, the digest here.
    pub(crate) renamed: Vec<(Digest, Digest)>,
}

/// Makes a [`Plan`].
pub(crate) struct Planner<'a> {
    source: &'a Source,
    options: &'a Options,
    stop: &'a Stop<'a>,
    plan: Plan,
    /// Digests at the source, and what they became.
    done: HashMap<Digest, Option<Manifest>>,
    /// The manifests of the plan, and its blobs.
    planned: HashSet<Digest>,
    blobs: HashSet<Digest>,
    /// Which of the wanted platforms were found, and which others are there.
    found: HashSet<Platform>,
    offered: Vec<Platform>,
    bytes: u64,
}

/// The fields of an image's configuration that say what it runs on.
#[derive(Default, Deserialize)]
pub(crate) struct Config {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    os_version: Option<String>,
}

// === impl Config ===

impl From<Config> for Platform {
    fn from(config: Config) -> Self {
        let known = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
        Platform {
            os: known(config.os),
            architecture: known(config.architecture),
            variant: config.variant.filter(|variant| !variant.is_empty()),
            os_version: config.os_version.filter(|version| !version.is_empty()),
        }
    }
}

// === impl Plan ===

impl Plan {
    /// What is to be copied of `root`, which `what` names.
    pub(crate) fn make(source: &Source, root: Manifest, what: &str, options: &Options, stop: &Stop<'_>) -> Result<Self> {
        let mut planner = Planner::new(source, options, stop);
        let whole = match root.kind() {
            ManifestKind::Image(image) if !options.platforms.is_empty() => planner.is_wanted(&platform(source, image)?),
            _ => true,
        };
        let planned = if whole { planner.add(root, what, 0)? } else { None };
        let missing: Vec<String> =
            options.platforms.iter().filter(|wanted| !planner.found.contains(wanted)).map(ToString::to_string).collect();
        if !missing.is_empty() || planned.is_none() {
            let offered: Vec<String> =
                planner.offered.iter().map(|platform| platform.to_string().escape_debug().to_string()).collect();
            let hint = if offered.is_empty() {
                "it says of no image what it is for".to_owned()
            } else {
                format!("there is {}", offered.join(", "))
            };
            return Err(Error::not_found(format!("{what} is not there for {}", missing.join(", "))).hint(hint));
        }
        Ok(planner.plan)
    }

    /// More manifests with all they refer to, as they are.
    pub(crate) fn extend<'a>(
        &mut self,
        source: &Source,
        manifests: impl IntoIterator<Item = &'a Manifest>,
        what: &str,
        stop: &Stop<'_>,
    ) -> Result<()> {
        let options = Options::default();
        let mut planner = Planner::new(source, &options, stop);
        planner.done = self.manifests.iter().map(|manifest| (manifest.digest().clone(), Some(manifest.clone()))).collect();
        planner.planned = planner.done.keys().cloned().collect();
        planner.blobs = self.blobs.iter().map(|blob| blob.digest.clone()).collect();
        planner.plan = std::mem::take(self);
        let added = manifests.into_iter().try_for_each(|manifest| planner.add(manifest.clone(), what, 0).map(drop));
        *self = planner.plan;
        added
    }
}

// === impl Planner ===

impl<'a> Planner<'a> {
    fn new(source: &'a Source, options: &'a Options, stop: &'a Stop<'a>) -> Self {
        Planner {
            source,
            options,
            stop,
            plan: Plan::default(),
            done: HashMap::new(),
            planned: HashSet::new(),
            blobs: HashSet::new(),
            found: HashSet::new(),
            offered: Vec::new(),
            bytes: 0,
        }
    }

    /// Plans a manifest with all it refers to. What it becomes; `None` when nothing of it is wanted.
    fn add(&mut self, manifest: Manifest, what: &str, depth: usize) -> Result<Option<Manifest>> {
        if let Some(known) = self.done.get(manifest.digest()) {
            return Ok(known.clone());
        }
        self.bytes += manifest.bytes().len() as u64;
        if self.bytes > LARGEST_TREE {
            return Err(too_large(what));
        }
        let now = match manifest.kind() {
            ManifestKind::Image(image) => Some(self.image(&manifest, image, what)?),
            ManifestKind::Index(index) => self.index(&manifest, index, what, depth)?,
        };
        if let Some(now) = &now {
            self.plan.renamed.push((manifest.digest().clone(), now.digest().clone()));
            if self.planned.insert(now.digest().clone()) {
                self.plan.manifests.push(now.clone());
            }
        }
        self.done.insert(manifest.digest().clone(), now.clone());
        Ok(now)
    }

    fn image(&mut self, manifest: &Manifest, image: &Image, what: &str) -> Result<Manifest> {
        let now = convert::image(manifest, image, self.options.format, what)?;
        for blob in image.blobs().filter(|blob| !blob.media_type.is_foreign()) {
            if self.blobs.insert(blob.digest.clone()) {
                self.plan.blobs.push(blob.clone());
            }
        }
        Ok(now)
    }

    fn index(&mut self, manifest: &Manifest, index: &Index, what: &str, depth: usize) -> Result<Option<Manifest>> {
        if depth == DEEPEST {
            return Err(Error::bad_input(format!("{what} is an index of indexes, more than {DEEPEST} deep")));
        }
        let wanted = self.wanted(index);
        let bytes = wanted.iter().fold(0, |sum: u64, place| sum.saturating_add(index.manifests[*place].size));
        if bytes > LARGEST_TREE {
            return Err(too_large(what));
        }
        // One may be named often, and is read once.
        let key = |place: usize| (&index.manifests[place].digest, index.manifests[place].size);
        let mut seen = HashSet::new();
        let distinct: Vec<usize> = wanted.iter().copied().filter(|place| seen.insert(key(*place))).collect();
        let children = each(self.options.jobs, &distinct, self.stop, |place| self.source.manifest(&index.manifests[*place]))?;
        let children: HashMap<_, _> = distinct.into_iter().map(key).zip(children).collect();
        let content = manifest.content()?;
        let mut entries: Vec<(Value, Manifest)> = Vec::new();
        let mut changed = wanted.len() < index.manifests.len() || !convert::is_in(manifest, self.options.format);
        for place in wanted {
            let entry = &index.manifests[place];
            let Some(child) = children.get(&key(place)) else { continue };
            if !self.is_entry_wanted(entry, child)? {
                changed = true;
                continue;
            }
            if let Some(of) = entry.annotations.get(ABOUT)
                && (self.options.format != Format::AsIs && !convert::is_in(manifest, self.options.format))
            {
                tracing::warn!("{what}: the attestation {} is left out, because {of:?} gets another digest", entry.digest);
                changed = true;
                continue;
            }
            let shown = match &entry.platform {
                Some(platform) => format!("{what} for {}", platform.to_string().escape_debug()),
                None => format!("{} of {what}", entry.digest.short()),
            };
            let Some(now) = self.add(child.clone(), &shown, depth + 1)? else {
                changed = true;
                continue;
            };
            if self.options.format == Format::Docker && now.index().is_some() {
                return Err(Error::bad_input(format!("{what} cannot be a Docker manifest list: it holds another index"))
                    .hint("set `format` to `oci` or `as-is`"));
            }
            changed |= now.digest() != &entry.digest;
            entries.push((content["manifests"][place].clone(), now));
        }
        if !changed {
            return Ok(Some(manifest.clone()));
        }
        if entries.is_empty() && !index.manifests.is_empty() {
            return Ok(None);
        }
        let entries = entries.iter().map(|(entry, now)| (entry.clone(), now)).collect();
        convert::index(manifest, entries, self.options.format).map(Some)
    }

    /// The places of the entries to look at: those for a wanted platform, what says something about them, and those that do
    /// not say what they are for.
    fn wanted(&mut self, index: &Index) -> Vec<usize> {
        let mut kept = HashSet::new();
        let mut places: Vec<usize> = Vec::new();
        if self.options.platforms.is_empty() {
            return (0..index.manifests.len()).collect();
        }
        for (place, entry) in index.manifests.iter().enumerate().filter(|(_, entry)| !entry.annotations.contains_key(ABOUT)) {
            if entry.platform.as_ref().is_none_or(|platform| self.is_wanted(platform)) {
                kept.insert(&entry.digest);
                places.push(place);
            }
        }
        for (place, entry) in index.manifests.iter().enumerate() {
            let about = entry.annotations.get(ABOUT).and_then(|of| of.parse::<Digest>().ok());
            if about.is_some_and(|of| kept.contains(&of)) {
                places.push(place);
            }
        }
        places.sort_unstable();
        places
    }

    /// An entry that does not say what it is for is asked itself.
    fn is_entry_wanted(&mut self, entry: &Descriptor, child: &Manifest) -> Result<bool> {
        let says_nothing =
            entry.platform.is_none() && !entry.annotations.contains_key(ABOUT) && !self.options.platforms.is_empty();
        match child.image() {
            Some(image) if says_nothing => {
                let platform = platform(self.source, image)?;
                Ok(self.is_wanted(&platform))
            }
            _ => Ok(true),
        }
    }

    fn is_wanted(&mut self, platform: &Platform) -> bool {
        if !self.offered.contains(platform) {
            self.offered.push(platform.clone());
        }
        let wanted: Vec<&Platform> = self.options.platforms.iter().filter(|wanted| wanted.takes(platform)).collect();
        self.found.extend(wanted.iter().copied().cloned());
        !wanted.is_empty()
    }
}

pub(super) fn too_large(what: &str) -> Error {
    Error::bad_input(format!("the manifests of {what} are larger than {LARGEST_TREE} bytes together"))
}

/// What an image is for, by its configuration.
pub(crate) fn platform(source: &Source, image: &Image) -> Result<Platform> {
    // An artifact's configuration may be anything.
    let config: Option<Config> = serde_json::from_slice(&source.small_blob(&image.config)?).ok();
    Ok(config.unwrap_or_default().into())
}
