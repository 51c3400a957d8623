//! Files into a registry or layout.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Value, json};
use step::{Error, Kind, Progress, Result, SourceDate, Unit, files};

use super::{BUFFER, CONTENT_DIGEST, CREATED, EMPTY_JSON, FileRef, UNPACK, colliding, directory};
use crate::client::Client;
use crate::copy::{self, Blobs, Copied, Plan, Source, Stop, Target, Watch};
use crate::manifest::TITLE;
use crate::{Algorithm, Checked, Descriptor, Digest, Hasher, InvalidReference, Location, Manifest, MediaType, Tag};

/// What to push besides files.
#[derive(Clone, Debug, Default)]
pub struct PushOptions {
    /// What kind of artifact it is; [`MediaType::UNKNOWN_ARTIFACT`] when it is not given, as `oras` has it.
    pub artifact_type: Option<MediaType>,
    /// Annotations of the manifest.
    ///
    /// The time is no part of it unless [`CREATED`] is given: the same files then have the same digest, however often they
    /// are pushed.
    pub annotations: BTreeMap<String, String>,
    /// More tags.
    pub additional_tags: Vec<Tag>,
    /// What the artifact says something about. Without a tag, the artifact is found by way of it only.
    pub subject: Option<Subject>,
}

/// What an artifact says something about, which is in the repository that it goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// By its digest.
    Digest(Digest),
    /// By its name.
    Image(Location),
}

/// What was pushed.
pub type Pushed = Copied;

/// The blobs of an artifact, on disk.
struct Files {
    contents: HashMap<Digest, Content>,
}

/// Where a blob's content is.
enum Content {
    Empty,
    File(PathBuf),
    /// A directory, packed: a file without a name.
    Packed(File, String),
}

/// Pushes `files`, paths below `root`, as one artifact to a registry or layout.
///
/// Nothing is read into memory. The files must not change meanwhile; when one does, the push fails and moves no tag.
pub fn push(client: &Client, root: &Path, files: &[FileRef], destination: &Location, options: &PushOptions) -> Result<Pushed> {
    if let Location::Archive(_) = destination {
        return Err(Error::new(Kind::Usage, format!("{destination} is no place for an artifact"))
            .hint("give a registry's repository or a layout: oci:DIR:TAG"));
    }
    check_names(files)?;
    let subject = options.subject.as_ref().map(|subject| subject.find(client, destination)).transpose()?;
    let stop = Stop::new(client.cancel());
    let mut blobs = Files { contents: [(Digest::of(EMPTY_JSON), Content::Empty)].into() };
    let mut layers = Vec::new();
    for file in files {
        layers.push(blobs.add(root, file, &stop)?);
    }
    let manifest = manifest(&layers, subject.as_ref(), options)?;
    let image = manifest.image().ok_or_else(|| Error::internal("an artifact is no index"))?;
    let mut seen = HashSet::new();
    let planned = image.blobs().filter(|blob| seen.insert(&blob.digest)).cloned().collect();
    let plan = Plan { manifests: vec![manifest.clone()], blobs: planned, renamed: Vec::new() };

    let copying = copy::Options { additional_tags: options.additional_tags.clone(), ..copy::Options::default() };
    let mut target = Target::new(client, destination, &manifest, &copying)?;
    let has_name = match destination {
        Location::Registry(image) => image.tag().is_some(),
        _ => true,
    };
    if subject.is_some() && !has_name {
        target.tags = options.additional_tags.iter().map(ToString::to_string).collect();
    }
    let mut pushed =
        Copied { digest: manifest.digest().clone(), url: destination.clone(), images: Vec::new(), bytes: 0, skipped: 0 };
    let total = plan.blobs.iter().map(|blob| blob.size).sum();
    let progress = Progress::start("pushing", total, Unit::Bytes);
    target.fill(&blobs, &plan, &[], &copying, &Watch { progress: &progress, stop: &stop }, &mut pushed)?;
    drop(progress);
    let mut moved = Vec::new();
    target.tag(&manifest, &mut moved).map_err(|error| copy::told(error, &moved))?;
    pushed.url = match destination {
        Location::Registry(image) if target.tags.is_empty() => {
            Location::Registry(image.clone().with_digest(manifest.digest().clone()))
        }
        // The destination's own tag is moved last.
        _ => moved.last().cloned().unwrap_or(pushed.url),
    };
    pushed.images = moved;
    Ok(pushed)
}

// === impl PushOptions ===

impl PushOptions {
    /// Adds the time that `SOURCE_DATE_EPOCH` gives, where no other is given. Fails as bad input when that is no time.
    pub fn dated(mut self) -> Result<Self> {
        if let Some(date) = SourceDate::of_process()? {
            self.annotations.entry(CREATED.to_owned()).or_insert_with(|| date.to_string());
        }
        Ok(self)
    }
}

// === impl Subject ===

impl Subject {
    /// How the artifact refers to it. Fails when it is not where the artifact goes.
    fn find(&self, client: &Client, destination: &Location) -> Result<Descriptor> {
        let elsewhere = |image: &Location| {
            Error::new(
                Kind::Usage,
                format!("{image} is elsewhere than {destination}, so that nobody would find what is about it"),
            )
            .hint("give a destination in the repository of the subject")
        };
        let location = match (self, destination) {
            (Subject::Digest(digest), Location::Registry(image)) => {
                Location::Registry(image.clone().without_tag().with_digest(digest.clone()))
            }
            (Subject::Digest(digest), Location::Layout(place)) => {
                Location::Layout(place.clone().without_tag().with_digest(digest.clone()))
            }
            (Subject::Image(Location::Registry(image)), Location::Registry(to))
                if (image.host(), image.repository()) == (to.host(), to.repository()) =>
            {
                Location::Registry(image.clone())
            }
            (Subject::Image(Location::Layout(place)), Location::Layout(to)) if place.dir() == to.dir() => {
                Location::Layout(place.clone())
            }
            (Subject::Image(image), _) => return Err(elsewhere(image)),
            (Subject::Digest(_), Location::Archive(archive)) => {
                return Err(Error::internal(format!("{archive} was refused before")));
            }
        };
        Ok(Source::open(client, &location)?.1.descriptor())
    }
}

impl FromStr for Subject {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        text.parse().map(Subject::Digest).or_else(|_| text.parse().map(Subject::Image))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Digest(digest) => digest.fmt(f),
            Subject::Image(image) => image.fmt(f),
        }
    }
}

// === impl Files ===

impl Files {
    /// Adds a file or directory, and gives the layer that it is.
    fn add(&mut self, root: &Path, file: &FileRef, stop: &Stop<'_>) -> Result<Descriptor> {
        let title = file.path().to_string();
        let path = files::contained(root, &root.join(file.path()))?;
        if path.is_dir() {
            let packed = directory::pack(&path, file.path(), stop)?;
            let media_type = file.media_type().cloned().unwrap_or(MediaType::OCI_LAYER_GZIP);
            let layer = Descriptor::new(media_type, packed.digest.clone(), packed.size)
                .annotated(CONTENT_DIGEST, packed.content.as_str())
                .annotated(UNPACK, "true")
                .annotated(TITLE, &title);
            self.contents.entry(packed.digest).or_insert(Content::Packed(packed.file, title));
            return Ok(layer);
        }
        let media_type = file.media_type().cloned().unwrap_or(MediaType::OCI_LAYER);
        let (digest, size) = digest_of(&path, stop)?;
        self.contents.entry(digest.clone()).or_insert(Content::File(path));
        Ok(Descriptor::new(media_type, digest, size).annotated(TITLE, &title))
    }
}

impl Blobs for Files {
    fn open_blob<'a>(&'a self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send + 'a>> {
        match self.contents.get(&descriptor.digest) {
            Some(Content::Empty) => Ok(Box::new(EMPTY_JSON)),
            Some(Content::File(path)) => {
                let (file, _) = open_regular(path)?;
                Ok(Box::new(Checked::new(file, descriptor, path.display().to_string())))
            }
            Some(Content::Packed(file, title)) => {
                // Two clones share a position: one blob is read by one thread, from its start.
                let reader = file.try_clone().and_then(|mut file| file.rewind().map(|()| file));
                let reader = reader.map_err(|e| Error::io(format_args!("cannot read {title} as it was packed"), e))?;
                Ok(Box::new(Checked::new(reader, descriptor, format!("{title}, packed"))))
            }
            None => Err(Error::internal(format!("{} is no file of the artifact", descriptor.digest))),
        }
    }
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the files")
    }
}

/// Fails when two files have one name, or one has the name of another's directory: whoever pulls them could not have both.
fn check_names(files: &[FileRef]) -> Result<()> {
    match colliding(files.iter().map(|file| file.path().as_path())) {
        Some((outer, inner)) if outer == inner => {
            Err(Error::bad_input(format!("the file {} is given more than once", outer.display())).hint("give it once"))
        }
        Some((outer, inner)) => {
            let (outer, inner) = (outer.display(), inner.display());
            Err(Error::bad_input(format!("{inner} is a part of {outer}, which is given too")).hint("give one of them"))
        }
        None => Ok(()),
    }
}

/// The manifest as `oras` writes it, to the byte.
fn manifest(layers: &[Descriptor], subject: Option<&Descriptor>, options: &PushOptions) -> Result<Manifest> {
    let empty =
        json!({"mediaType": MediaType::EMPTY, "digest": Digest::of(EMPTY_JSON), "size": EMPTY_JSON.len(), "data": "e30="});
    let layers = if layers.is_empty() { vec![empty.clone()] } else { layers.iter().map(|layer| json!(layer)).collect() };
    let mut content = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "artifactType": options.artifact_type.as_ref().unwrap_or(&MediaType::UNKNOWN_ARTIFACT),
        "config": empty,
        "layers": layers,
    });
    if let Value::Object(content) = &mut content {
        if let Some(subject) = subject {
            content.insert("subject".to_owned(), json!(subject));
        }
        if !options.annotations.is_empty() {
            content.insert("annotations".to_owned(), json!(options.annotations));
        }
    }
    Manifest::write(&content)
}

fn digest_of(path: &Path, stop: &Stop<'_>) -> Result<(Digest, u64)> {
    let (mut file, _) = open_regular(path)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let (mut buffer, mut size) = (vec![0; BUFFER], 0);
    loop {
        stop.check()?;
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), size)),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                size += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(format_args!("cannot read {}", path.display()), error)),
        }
    }
}

/// The file, which must be a regular one, and its mode.
pub(super) fn open_regular(path: &Path) -> Result<(File, u32)> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    let failed = |e| Error::io(format_args!("cannot read {}", path.display()), e);
    // To open a pipe would wait for somebody to write to it.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() {
        return Ok((file, metadata.mode()));
    }
    Err(Error::bad_input(format!("{} is neither a regular file nor a directory", path.display())))
}
