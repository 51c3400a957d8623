//! Copying images: from anywhere to anywhere, whole or not at all.
//!
//! Every blob is at every destination before a manifest is, every manifest before a tag. A copy that ends early leaves
//! blobs without a name; running it again finds them there.

mod convert;
mod parallel;
mod plan;
mod referring;
mod store;

use std::collections::BTreeSet;

use step::{Error, Kind, Progress, Result, Unit};

use self::referring::Referring;
use self::store::Sink;
use crate::client::{Client, Pushed, Repository};
use crate::{ArchiveRef, ArchiveWriter, Digest, ImageRef, Layout, Location, Manifest, Platform, Tag};

pub(crate) use self::parallel::{Stop, each};
pub(crate) use self::plan::{Config, Plan};
pub(crate) use self::store::{Blobs, Source, Watch, Watched};

/// What to copy of an image, and in which form.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only the images for these platforms; empty means all.
    pub platforms: Vec<Platform>,
    /// The format of the manifests.
    pub format: Format,
    /// What the source must be, as it is there.
    pub digest: Option<Digest>,
    /// More tags for each destination.
    pub additional_tags: Vec<Tag>,
    /// Whether signatures, SBOMs and attestations travel.
    pub with_referrers: bool,
    /// Whether signatures stay behind, and what is about an image whose digest changes.
    pub remove_signatures: bool,
    /// How many blobs are transferred at once.
    pub jobs: usize,
}

/// The format of manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// As they are: digests stay.
    #[default]
    AsIs,
    /// OCI.
    Oci,
    /// Docker, version 2 schema 2.
    Docker,
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The digest of what the destinations have now.
    pub digest: Digest,
    /// The first destination, with the tag it has now.
    pub url: Location,
    /// What the destinations are called now, tag by tag.
    pub images: Vec<Location>,
    /// How many bytes of blobs were sent.
    pub bytes: u64,
    /// How many blobs did not have to be sent.
    pub skipped: u64,
}

/// A destination that is ready.
pub(crate) struct Target<'a> {
    location: &'a Location,
    sink: Sink,
    pub(crate) tags: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            platforms: Vec::new(),
            format: Format::AsIs,
            digest: None,
            additional_tags: Vec::new(),
            with_referrers: false,
            remove_signatures: false,
            jobs: 4,
        }
    }
}

/// Copies the image at `source` to all `destinations`.
///
/// Fails as a conflict when the source is not the digest it must be, and in every case before a tag is moved unless moving
/// tags is what fails: then the error's details say which have moved.
pub fn copy(client: &Client, source: &Location, destinations: &[Location], options: &Options) -> Result<Copied> {
    let stop = Stop::new(client.cancel());
    let what = source.to_string();
    let (from, root) = Source::open(client, source)?;
    if let Some(wanted) = options.digest.as_ref().filter(|wanted| *wanted != root.digest()) {
        return Err(Error::new(Kind::Conflict, format!("{what} should be {wanted}, and is {}", root.digest()))
            .hint("it changed meanwhile: look at it, and start again with the digest that is right"));
    }
    let mut plan = Plan::make(&from, root, &what, options, &stop)?;
    let Some(root) = plan.manifests.last().cloned() else {
        return Err(Error::internal(format!("nothing of {what} was planned")));
    };
    let referring = if options.with_referrers { referring::plan(&from, &mut plan, &what, options, &stop)? } else { Vec::new() };

    let (archives, rest): (Vec<&Location>, Vec<&Location>) =
        destinations.iter().partition(|location| matches!(location, Location::Archive(_)));
    let targets = rest.into_iter().map(|location| Target::new(client, location, &root, options)).collect::<Result<Vec<_>>>()?;
    let Some(first) = destinations.first() else {
        return Err(Error::new(Kind::Usage, "there is no destination").hint("give at least one"));
    };
    let url = match first {
        Location::Registry(image) => Location::Registry(image.clone().or_latest().without_digest()),
        other => other.clone(),
    };
    let mut copied = Copied { digest: root.digest().clone(), url, images: Vec::new(), bytes: 0, skipped: 0 };
    // Sizes are somebody's word.
    let total = plan.blobs.iter().fold(0, |sum: u64, blob| sum.saturating_add(blob.size));
    let total = total.saturating_mul(destinations.len() as u64);
    let progress = Progress::start("copying", total, Unit::Bytes);
    let watch = Watch { progress: &progress, stop: &stop };
    let mut nearest = match &from {
        Source::Registry(repository) => vec![repository.clone()],
        _ => Vec::new(),
    };
    for target in &targets {
        target.fill(&from, &plan, &nearest, options, &watch, &mut copied)?;
        if let Sink::Registry(repository) = &target.sink {
            nearest.push(repository.clone());
        }
    }
    for location in &archives {
        let Location::Archive(place) = location else { continue };
        write_archive(&from, &plan, place, &watch, &mut copied)?;
    }
    drop(progress);
    stop.check()?;
    let mut moved = Vec::new();
    for target in &targets {
        target.list(&referring)?;
        target.tag(&root, &mut moved).map_err(|error| told(error, &moved))?;
    }
    copied.images = moved;
    copied.images.extend(archives.into_iter().cloned());
    Ok(copied)
}

/// An error that comes after tags were moved says which.
pub(crate) fn told(error: Error, moved: &[Location]) -> Error {
    if moved.is_empty() {
        return error;
    }
    let moved: Vec<String> = moved.iter().map(ToString::to_string).collect();
    let details = format!("{}\ntags that were moved before: {}", error.details_text(), moved.join(", "));
    error.details(details.trim_start()).hint("run it again: what is done is not done twice")
}

// === impl Target ===

impl<'a> Target<'a> {
    pub(crate) fn new(client: &Client, location: &'a Location, root: &Manifest, options: &Options) -> Result<Self> {
        let wrong_digest = |digest: &Digest| {
            Error::new(Kind::Conflict, format!("{location} is to be {digest}, and what would be copied is {}", root.digest()))
                .hint("leave the digest out of the destination, or correct it")
        };
        let more = options.additional_tags.iter().map(ToString::to_string);
        match location {
            Location::Registry(image) => {
                if let Some(digest) = image.digest().filter(|digest| *digest != root.digest()) {
                    return Err(wrong_digest(digest));
                }
                let own = match (image.tag(), image.digest()) {
                    (Some(tag), _) => Some(tag.clone()),
                    (None, Some(_)) => None,
                    (None, None) => Some(Tag::latest()),
                };
                let tags = more.chain(own.map(|tag| tag.to_string())).collect();
                Ok(Target { location, sink: Sink::Registry(client.push(image)?), tags })
            }
            Location::Layout(place) => {
                if let Some(digest) = place.digest().filter(|digest| *digest != root.digest()) {
                    return Err(wrong_digest(digest));
                }
                let tags = more.chain(place.tag().map(|tag| tag.to_string())).collect();
                Ok(Target { location, sink: Sink::Layout(Layout::create(place.dir())?), tags })
            }
            Location::Archive(_) => Err(Error::internal("an archive is no such destination")),
        }
    }

    /// Puts all blobs there, and then all manifests.
    pub(crate) fn fill(
        &self,
        from: &dyn Blobs,
        plan: &Plan,
        nearest: &[Repository],
        options: &Options,
        watch: &Watch<'_>,
        copied: &mut Copied,
    ) -> Result<()> {
        let mount = match &self.sink {
            Sink::Registry(to) => nearest.iter().rfind(|from| from.host() == to.host()),
            Sink::Layout(_) => None,
        };
        // The largest first: at the end nobody waits for one.
        let mut blobs: Vec<_> = plan.blobs.iter().collect();
        blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
        let pushed = each(options.jobs, &blobs, watch.stop, |blob| {
            let pushed = self.sink.push_blob(blob, from, mount, watch)?;
            if pushed != Pushed::Sent {
                watch.progress.advance(blob.size);
            }
            tracing::debug!(digest = %blob.digest, size = blob.size, to = %self.location, ?pushed, "blob");
            Ok(pushed)
        })?;
        for (blob, pushed) in blobs.iter().zip(pushed) {
            match pushed {
                Pushed::Sent => copied.bytes += blob.size,
                Pushed::Present | Pushed::Mounted => copied.skipped += 1,
            }
        }
        for manifest in &plan.manifests {
            watch.stop.check()?;
            let listed = self.sink.put_manifest(manifest)?;
            if let (false, Sink::Registry(repository), Some(subject)) = (listed, &self.sink, manifest.subject()) {
                repository.list_under(&subject.digest, manifest)?;
            }
        }
        Ok(())
    }

    /// Makes what says something about the image to be found there.
    fn list(&self, referring: &[Referring]) -> Result<()> {
        referring.iter().try_for_each(|referring| self.sink.tag(&referring.manifest, referring.tag.as_deref()))
    }

    /// Moves the tags, the destination's own last.
    pub(crate) fn tag(&self, root: &Manifest, moved: &mut Vec<Location>) -> Result<()> {
        if self.tags.is_empty() {
            self.sink.tag(root, None)?;
            moved.push(match self.location {
                Location::Registry(image) => Location::Registry(image.clone().without_digest()),
                other => other.clone(),
            });
        }
        let mut done = BTreeSet::new();
        for tag in self.tags.iter().filter(|tag| done.insert(*tag)) {
            self.sink.tag(root, Some(tag))?;
            moved.push(self.named(tag)?);
        }
        Ok(())
    }

    /// The destination with another tag.
    fn named(&self, tag: &str) -> Result<Location> {
        let wrong = |error: crate::InvalidReference| Error::bad_input(format!("{tag:?} cannot be a tag")).because(error);
        Ok(match self.location {
            Location::Registry(image) => {
                let image: ImageRef = image.clone().without_digest();
                Location::Registry(image.with_tag(tag.parse().map_err(wrong)?))
            }
            Location::Layout(place) => Location::Layout(place.clone().without_digest().with_tag(tag.parse().map_err(wrong)?)),
            Location::Archive(_) => self.location.clone(),
        })
    }
}

/// Writes the one image of the plan to an archive.
fn write_archive(from: &Source, plan: &Plan, place: &ArchiveRef, watch: &Watch<'_>, copied: &mut Copied) -> Result<()> {
    let images: Vec<_> = plan.manifests.iter().filter(|manifest| manifest.image().is_some()).collect();
    let [image] = *images else {
        return Err(Error::bad_input(format!("an archive holds one image, and there are {} to copy", images.len()))
            .hint("set `platforms` to one platform"));
    };
    let mut archive = ArchiveWriter::create(place.path())?;
    let name = place.image().map(|name| name.clone().or_latest().to_string());
    archive.image(image, name.as_deref(), |blob| {
        copied.bytes += blob.size;
        Ok(Watched { inner: from.open_blob(blob)?, watch })
    })?;
    archive.finish()
}
