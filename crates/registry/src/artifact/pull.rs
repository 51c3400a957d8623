//! Files out of a registry, layout or archive.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use step::files::InvalidRelativePath;
use step::{Error, Kind, Progress, RelativePath, Result, Unit};

use super::staging::Staging;
use super::{BUFFER, CONTENT_DIGEST, UNPACK, check_title, colliding, unpack};
use crate::checked::own_error;
use crate::client::Client;
use crate::copy::{Blobs, Source, Stop, Watch, Watched, each};
use crate::manifest::TITLE;
use crate::{Descriptor, Digest, Image, Location, Manifest, ManifestKind, MediaType};

/// What to pull of an artifact.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// What the artifact must be.
    pub digest: Option<Digest>,
    /// Only these files, each of which must be there; empty means all.
    pub files: Vec<RelativePath>,
    /// The most that is written, in bytes.
    pub max_size: u64,
    /// How many files are fetched at once.
    pub jobs: usize,
}

/// What was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The artifact's digest.
    pub digest: Digest,
    /// What kind of artifact it is.
    pub artifact_type: Option<MediaType>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// The files and directories, below where they were pulled to, in the artifact's order.
    pub files: Vec<RelativePath>,
}

/// A layer that is a file or directory.
struct Titled<'a> {
    path: RelativePath,
    layer: &'a Descriptor,
    /// It is a directory: with the digest of its tar, where that is known.
    directory: Option<Option<Digest>>,
}

impl Default for PullOptions {
    fn default() -> Self {
        PullOptions { digest: None, files: Vec::new(), max_size: 16 << 30, jobs: 4 }
    }
}

/// Pulls the files of the artifact at `source` into the directory `dir`, which is made when it is missing.
///
/// All of them are fetched and checked before the first is put in its place, over what had its name; directories are
/// merged with those that are there. A layer without a name is no file and is passed over.
///
/// The names are the artifact's and not trusted: nothing is written outside of `dir`, nor through a link in it.
pub fn pull(client: &Client, source: &Location, dir: &Path, options: &PullOptions) -> Result<Pulled> {
    let stop = Stop::new(client.cancel());
    let (from, manifest) = Source::open(client, source)?;
    if let Some(wanted) = options.digest.as_ref().filter(|wanted| *wanted != manifest.digest()) {
        return Err(Error::new(Kind::Conflict, format!("{source} should be {wanted}, and is {}", manifest.digest()))
            .hint("it changed meanwhile: look at it, and start again with the digest that is right"));
    }
    let image = one(&manifest, source)?;
    let wanted = wanted(image, source, options)?;
    fs::create_dir_all(dir).map_err(|e| Error::io(format_args!("cannot make {}", dir.display()), e))?;
    let staging = Staging::new(dir, options.max_size)?;
    let total = wanted.iter().try_fold(0_u64, |sum, titled| sum.checked_add(titled.layer.size));
    let plain = wanted.iter().filter(|titled| titled.directory.is_none());
    // What is announced is refused before it is fetched.
    staging.spend(plain.fold(0, |sum: u64, titled| sum.saturating_add(titled.layer.size)))?;
    let progress = Progress::start("pulling", total.unwrap_or_default(), Unit::Bytes);
    let watch = Watch { progress: &progress, stop: &stop };
    // The largest first: at the end nobody waits for one.
    let mut order: Vec<&Titled<'_>> = wanted.iter().collect();
    order.sort_by_key(|titled| std::cmp::Reverse(titled.layer.size));
    each(options.jobs, &order, &stop, |titled| fetch(&from, titled, &staging, &watch))?;
    drop(progress);
    stop.check()?;
    staging.install()?;
    Ok(Pulled {
        digest: manifest.digest().clone(),
        artifact_type: manifest.artifact_type().cloned(),
        annotations: image.annotations.clone(),
        files: wanted.into_iter().map(|titled| titled.path).collect(),
    })
}

/// The artifact, which must be one and not several.
fn one<'a>(manifest: &'a Manifest, source: &Location) -> Result<&'a Image> {
    match manifest.kind() {
        ManifestKind::Image(image) => Ok(image),
        ManifestKind::Index(index) => {
            let entries: Vec<String> = index.manifests.iter().take(5).map(|entry| entry.digest.to_string()).collect();
            let more = if index.manifests.len() > entries.len() { ", …" } else { "" };
            Err(Error::bad_input(format!("{source} is an index of {} manifests, and no artifact", index.manifests.len()))
                .hint(format!("give the digest of one of them instead of the tag: {}{more}", entries.join(", "))))
        }
    }
}

/// The layers to fetch, with what they are called.
fn wanted<'a>(image: &'a Image, source: &Location, options: &PullOptions) -> Result<Vec<Titled<'a>>> {
    let mut titled = Vec::new();
    for layer in &image.layers {
        match layer.annotations.get(TITLE).filter(|title| !title.is_empty()) {
            Some(title) => titled.push(Titled::new(title, layer, source)?),
            None => tracing::debug!(digest = %layer.digest, "a layer without a name is passed over"),
        }
    }
    if titled.is_empty() && image.layers.iter().any(|layer| layer.media_type != MediaType::EMPTY) {
        let what = if image.config.media_type == MediaType::EMPTY { "its files have no names" } else { "it may be an image" };
        return Err(Error::bad_input(format!("{source} holds no files: {what}"))
            .hint(format!("a file is a layer with the annotation {TITLE}; images are copied with copy-image")));
    }
    let chosen = chosen(titled, source, options)?;
    match colliding(chosen.iter().map(|titled| titled.path.as_path())) {
        Some((one, other)) => {
            Err(Error::bad_input(format!("{source} holds {} and {}, which cannot both be", one.display(), other.display()))
                .hint("name the files to pull, or push it again under other names"))
        }
        None => Ok(chosen),
    }
}

/// Those of the files that are asked for.
fn chosen<'a>(titled: Vec<Titled<'a>>, source: &Location, options: &PullOptions) -> Result<Vec<Titled<'a>>> {
    if options.files.is_empty() {
        return Ok(titled);
    }
    if let Some(missing) = options.files.iter().find(|file| !titled.iter().any(|titled| titled.path == **file)) {
        let there: Vec<String> = titled.iter().map(|titled| titled.path.to_string()).collect();
        return Err(Error::not_found(format!("{source} has no file {missing}")).hint(match &*there {
            [] => "it has no files at all".to_owned(),
            there => format!("it has {}", crate::layout::listed(there)),
        }));
    }
    Ok(titled.into_iter().filter(|titled| options.files.contains(&titled.path)).collect())
}

/// Puts one file or directory into the tree.
fn fetch(from: &Source, titled: &Titled<'_>, staging: &Staging, watch: &Watch<'_>) -> Result<()> {
    let (path, layer) = (titled.path.as_path(), titled.layer);
    let mut reader = Watched { inner: from.open_blob(layer)?, watch };
    if let Some(content) = &titled.directory {
        return unpack::unpack(reader, path, content.as_ref(), staging, &titled.path.to_string());
    }
    let failed = |e| Error::io(format_args!("cannot write {}", titled.path), e);
    let mut file = staging.file(path, 0o644)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return file.sync_all().map_err(failed),
            Ok(read) => file.write_all(&buffer[..read]).map_err(failed)?,
            Err(error) => return Err(own_error(&format!("{} of {from}", titled.path), error)),
        }
    }
}

// === impl Titled ===

impl<'a> Titled<'a> {
    fn new(title: &str, layer: &'a Descriptor, source: &Location) -> Result<Self> {
        let refused = |why: String| {
            Error::bad_input(format!("{source} holds a file called {title:?}, which is not written: {why}"))
                .hint("do not trust where it comes from, or push it again under another name")
        };
        let path: RelativePath = title.parse().map_err(|error: InvalidRelativePath| refused(error.to_string()))?;
        check_title(path.as_path()).map_err(|why| refused(format!("it {why}")))?;
        let directory = (layer.annotations.get(UNPACK).map(String::as_str) == Some("true"))
            .then(|| {
                let content = layer.annotations.get(CONTENT_DIGEST).map(|digest| digest.parse::<Digest>()).transpose();
                content.map_err(|error| refused(format!("its annotation {CONTENT_DIGEST} is {error}")))
            })
            .transpose()?;
        if directory.is_none() && path.as_path() == Path::new(".") {
            return Err(refused("it is a directory's name".to_owned()));
        }
        Ok(Titled { path, layer, directory })
    }
}
