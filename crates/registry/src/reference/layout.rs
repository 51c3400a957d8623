//! Images in files: in an OCI layout, which is a directory, or in an archive as `docker save` writes it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{ImageRef, InvalidReference, LONGEST, Tag, check_path, check_text, newtype};
use crate::Digest;

/// The transport of layouts.
pub(super) const OCI: &str = "oci:";

/// The transport of archives.
pub(super) const ARCHIVE: &str = "docker-archive:";

/// The longest tag of a layout: a whole reference fits.
const LONGEST_TAG: usize = 1024;

/// An image in an OCI layout, or the layout: `oci:DIR[:TAG][@DIGEST]`.
///
/// The tag follows the first colon, as skopeo has it, since it may hold colons (`oci:DIR:quay.io/org/app:1`); so the
/// directory holds none. Displays with `oci:`, and parses with or without it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayoutRef {
    dir: PathBuf,
    tag: Option<LayoutTag>,
    digest: Option<Digest>,
}

newtype! {
    /// What an image is called in a layout (the annotation `org.opencontainers.image.ref.name`): a registry's tag, or
    /// what the image layout specification allows, which can be a whole reference.
    LayoutTag, "a tag of an OCI layout"
}

/// An image in an archive, or the archive: `docker-archive:FILE[:IMAGE]`.
///
/// The image has a tag, `latest` when none is given, and no digest. Displays with `docker-archive:`, and parses with or
/// without it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArchiveRef {
    path: PathBuf,
    image: Option<ImageRef>,
}

// === impl LayoutRef ===

impl LayoutRef {
    /// The layout's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the image is called there, if that is given.
    pub fn tag(&self) -> Option<&LayoutTag> {
        self.tag.as_ref()
    }

    /// The digest, if one is given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// With this tag in the place of any other.
    #[must_use]
    pub fn with_tag(self, tag: LayoutTag) -> Self {
        LayoutRef { tag: Some(tag), ..self }
    }

    /// With this digest in the place of any other.
    #[must_use]
    pub fn with_digest(self, digest: Digest) -> Self {
        LayoutRef { digest: Some(digest), ..self }
    }

    /// Without tag.
    #[must_use]
    pub fn without_tag(self) -> Self {
        LayoutRef { tag: None, ..self }
    }

    /// Without digest.
    #[must_use]
    pub fn without_digest(self) -> Self {
        LayoutRef { digest: None, ..self }
    }

    fn parsed(text: &str) -> Result<Self, InvalidReference> {
        check_path(text, LONGEST).map_err(InvalidReference::whole)?;
        if text.starts_with("//") {
            return Err(InvalidReference::whole("begins with oci://; write oci:DIR, or a registry's image without it"));
        }
        let (rest, digest) = split_digest(text)?;
        let (dir, tag) = match rest.split_once(':') {
            Some((dir, tag)) => (dir, Some(LayoutTag::parsed(tag)?)),
            None => (rest, None),
        };
        check_path(dir, LONGEST).map_err(|says| InvalidReference::part("directory", says))?;
        Ok(LayoutRef { dir: dir.into(), tag, digest })
    }
}

impl FromStr for LayoutRef {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        LayoutRef::parsed(text.strip_prefix(OCI).unwrap_or(text)).map_err(|invalid| invalid.of("a reference to an OCI layout"))
    }
}

impl fmt::Display for LayoutRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{OCI}{}", self.dir.display())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for LayoutRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

// === impl LayoutTag ===

impl LayoutTag {
    fn parsed(text: &str) -> Result<Self, InvalidReference> {
        let fault = |says| Err(InvalidReference::part("tag", says));
        check_text(text, LONGEST_TAG).map_err(|says| InvalidReference::part("tag", says))?;
        // Such a text would be read as tag and digest where both may stand.
        if !matches!(split_digest(text), Ok((_, None))) {
            return fault("ends in a digest");
        }
        if text.parse::<Tag>().is_err() && !text.split('/').all(is_component) {
            return fault("is not letters and digits with one of `-._:@+/` or `--` between");
        }
        Ok(LayoutTag(text.into()))
    }
}

impl From<Tag> for LayoutTag {
    fn from(tag: Tag) -> Self {
        LayoutTag(tag.as_str().into())
    }
}

// === impl ArchiveRef ===

impl ArchiveRef {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the image is called there, if that is given; with a tag.
    pub fn image(&self) -> Option<&ImageRef> {
        self.image.as_ref()
    }

    fn parsed(text: &str) -> Result<Self, InvalidReference> {
        check_path(text, LONGEST).map_err(InvalidReference::whole)?;
        let (path, image) = match text.split_once(':') {
            Some((_, number)) if number.starts_with('@') => {
                return Err(InvalidReference::part("image", "is a number; write its name"));
            }
            Some((path, image)) => (path, Some(ImageRef::parsed(image)?.or_latest())),
            None => (text, None),
        };
        if image.as_ref().is_some_and(|image| image.digest().is_some()) {
            return Err(InvalidReference::part("image", "has a digest, which archives do not keep"));
        }
        check_path(path, LONGEST).map_err(|says| InvalidReference::part("file", says))?;
        Ok(ArchiveRef { path: path.into(), image })
    }
}

impl FromStr for ArchiveRef {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        ArchiveRef::parsed(text.strip_prefix(ARCHIVE).unwrap_or(text))
            .map_err(|invalid| invalid.of("a reference to a docker archive"))
    }
}

impl fmt::Display for ArchiveRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ARCHIVE}{}", self.path.display())?;
        match &self.image {
            Some(image) => write!(f, ":{image}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ArchiveRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What stands before the digest at the end, and the digest. A directory and a tag may hold other `@`.
fn split_digest(text: &str) -> Result<(&str, Option<Digest>), InvalidReference> {
    match text.rsplit_once('@') {
        Some((_, end)) if end.starts_with("sha256:") || end.starts_with("sha512:") => {
            // Neither kind holds an `@`, so that the split is the same here.
            let at = text.len() - end.len() - 1;
            super::split_digest(&text[at..]).map(|(_, digest)| (&text[..at], digest))
        }
        _ => Ok((text, None)),
    }
}

/// Whether `text` is runs of letters and digits with one of `-._:@+`, or `--`, between each two. (OCI image
/// specification, annotations.md, `org.opencontainers.image.ref.name`.)
fn is_component(text: &str) -> bool {
    text.replace("--", "-")
        .split(['-', '.', '_', ':', '@', '+'])
        .all(|run| !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
