//! References: what images are called, in registries, layouts and archives.
//!
//! Every type here holds only what is right: a text is parsed once, where it comes in. All refuse `$` (kubelet and
//! Tekton expand `$(…)` in what they pass on), control characters and, but for paths, white space. The grammar of images is that of
//! the `distribution/reference` library, with its rules for what is not said: `busybox` is `docker.io/library/busybox`.

mod layout;
mod location;
mod name;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

pub use layout::{ArchiveRef, LayoutRef, LayoutTag};
pub use location::{Location, Prefix};
pub use name::{Host, RepositoryName, Tag};

use crate::Digest;

/// The transport of registries, which may be written before an image.
const DOCKER: &str = "docker://";

/// The longest text that any of these is made from: a path's longest on Linux.
const LONGEST: usize = 4096;

/// An image in a registry, or its repository: `quay.io/org/app:1.2@sha256:…`.
///
/// Parses what `docker pull` takes, and that after `docker://`. Displays with everything that was left out.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageRef {
    host: Host,
    repository: RepositoryName,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// Why a text is not what it was parsed as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidReference {
    whole: &'static str,
    part: Option<&'static str>,
    says: Cow<'static, str>,
}

/// A type of text that was checked: how it is shown and parsed. The check is its function `parsed`.
macro_rules! newtype {
    ($(#[$meta:meta])* $name:ident, $whole:literal) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::reference::InvalidReference;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $name::parsed(text).map_err(|invalid| invalid.alone($whole))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
use newtype;

// === impl ImageRef ===

impl ImageRef {
    /// The repository, without tag and digest.
    pub fn new(host: Host, repository: RepositoryName) -> Self {
        ImageRef { host, repository, tag: None, digest: None }
    }

    /// The registry.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The repository in the registry.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// The tag, if one is given.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if one is given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Registry and repository: `quay.io/org/app`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// With this tag in the place of any other.
    #[must_use]
    pub fn with_tag(self, tag: Tag) -> Self {
        ImageRef { tag: Some(tag), ..self }
    }

    /// With this digest in the place of any other.
    #[must_use]
    pub fn with_digest(self, digest: Digest) -> Self {
        ImageRef { digest: Some(digest), ..self }
    }

    /// Without tag.
    #[must_use]
    pub fn without_tag(self) -> Self {
        ImageRef { tag: None, ..self }
    }

    /// Without digest.
    #[must_use]
    pub fn without_digest(self) -> Self {
        ImageRef { digest: None, ..self }
    }

    /// With the tag `latest`, when it has neither tag nor digest: what is meant when an image is to be read.
    #[must_use]
    pub fn or_latest(self) -> Self {
        if self.tag.is_none() && self.digest.is_none() { self.with_tag(Tag::latest()) } else { self }
    }

    fn parsed(text: &str) -> Result<Self, InvalidReference> {
        check_text(text, LONGEST).map_err(InvalidReference::whole)?;
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(InvalidReference::whole("is a local image's ID; write its name"));
        }
        let (host, rest) = split_host(text);
        let (rest, digest) = split_digest(rest)?;
        // A colon before a slash is not a tag's: such a path is refused below.
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(Tag::parsed(tag)?)),
            _ => (rest, None),
        };
        let host = host.map_or_else(|| Ok(Host::docker_hub()), Host::parsed)?;
        let repository = if host.is_docker_hub() && !path.contains('/') && !path.is_empty() {
            RepositoryName::parsed(&format!("library/{path}"))?
        } else {
            RepositoryName::parsed(path)?
        };
        Ok(ImageRef { host, repository, tag, digest })
    }
}

impl FromStr for ImageRef {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let text = text.strip_prefix(DOCKER).unwrap_or(text);
        let parsed = match text.split_once("://") {
            Some((transport, _)) => Err(unknown_transport(transport)),
            None => ImageRef::parsed(text),
        };
        parsed.map_err(|invalid| invalid.of("an image's reference"))
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

// === impl InvalidReference ===

impl InvalidReference {
    /// The text as a whole is wrong. `says` is what follows "it".
    fn whole(says: impl Into<Cow<'static, str>>) -> Self {
        InvalidReference { whole: "a reference", part: None, says: says.into() }
    }

    /// A part of the text is wrong.
    fn part(part: &'static str, says: impl Into<Cow<'static, str>>) -> Self {
        InvalidReference { whole: "a reference", part: Some(part), says: says.into() }
    }

    /// The same, said of `whole`.
    fn of(self, whole: &'static str) -> Self {
        InvalidReference { whole, ..self }
    }

    /// The same, where the part is all there is.
    fn alone(self, whole: &'static str) -> Self {
        InvalidReference { whole, part: None, ..self }
    }
}

impl fmt::Display for InvalidReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Some(part) => write!(f, "not {}: its {part} {}", self.whole, self.says),
            None => write!(f, "not {}: it {}", self.whole, self.says),
        }
    }
}

impl std::error::Error for InvalidReference {}

/// What no name may be or hold, as the predicate of an error.
fn check_text(text: &str, longest: usize) -> Result<(), Cow<'static, str>> {
    check_path(text, longest)?;
    if text.contains(char::is_whitespace) { Err("holds white space".into()) } else { Ok(()) }
}

/// What no path may be or hold either. White space at its ends is somebody's mistake, within it somebody's habit.
fn check_path(text: &str, longest: usize) -> Result<(), Cow<'static, str>> {
    let fault = if text.is_empty() {
        "is empty"
    } else if text.contains('$') {
        "holds `$`, which is not expanded here"
    } else if text.chars().any(char::is_control) {
        "holds a line break or control character"
    } else if text.trim() != text {
        "has white space at an end"
    } else if text.len() > longest {
        return Err(format!("is longer than {longest} bytes").into());
    } else {
        return Ok(());
    };
    Err(fault.into())
}

/// The host, when the text names one, and the rest. What stands before the first slash is a host when no repository of
/// Docker Hub could be called so: it has a dot, colon or capital letter, or is `localhost`.
fn split_host(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest)) if is_host_like(first) || first.chars().any(char::is_uppercase) => (Some(first), rest),
        _ => (None, text),
    }
}

fn is_host_like(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

/// What stands before the `@` of a digest, and the digest.
fn split_digest(text: &str) -> Result<(&str, Option<Digest>), InvalidReference> {
    let Some((rest, digest)) = text.split_once('@') else { return Ok((text, None)) };
    let says = "is not sha256: with 64 or sha512: with 128 digits 0-9, a-f";
    digest.parse().map(|digest| (rest, Some(digest))).map_err(|_| InvalidReference::part("digest", says))
}

/// What is said of a text that begins with another transport than those known here.
fn unknown_transport(transport: &str) -> InvalidReference {
    InvalidReference::whole(if transport.starts_with("http") {
        "is a URL; leave out http:// or https://"
    } else {
        "has a transport that is not known here; write docker://IMAGE, oci:DIR or docker-archive:FILE"
    })
}
