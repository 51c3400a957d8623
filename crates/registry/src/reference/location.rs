//! Where images are: in a registry, a layout or an archive; and the place that several go to.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use step::{Error, Result};

use super::layout::{ARCHIVE, OCI};
use super::{
    ArchiveRef, DOCKER, Host, ImageRef, InvalidReference, LONGEST, LayoutRef, RepositoryName, check_text, is_host_like,
    split_digest, unknown_transport,
};

/// Transports of other tools. A repository of Docker Hub with such a name is written with `docker://`.
const FOREIGN: [&str; 9] =
    ["atomic:", "containers-storage:", "dir:", "docker-daemon:", "http:", "https:", "oci-archive:", "ostree:", "sif:"];

/// What is said of a prefix that is an image's reference.
const NOT_ONE: &str = "has a tag or digest, so that it is the place of one image";

/// Where an image is: `docker://…` or a bare reference, `oci:DIR…`, `docker-archive:FILE…`.
///
/// Displays an image in a registry without `docker://`, as results and other tools have it, unless its registry is called as a
/// transport is (`docker://oci:5000/app`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// In a registry.
    Registry(ImageRef),
    /// In an OCI layout.
    Layout(LayoutRef),
    /// In an archive as `docker save` writes it.
    Archive(ArchiveRef),
}

/// Where images go together: a registry, with a path in it or not (`quay.io/org`, `localhost:5000`), or a directory of
/// layouts (`oci:ROOT`).
///
/// A registry is named with its host: `docker.io/org`, not `org`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(Place);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    Registry(Host, Option<RepositoryName>),
    Layouts(PathBuf),
}

// === impl Location ===

impl Location {
    /// The image, when it is in a registry.
    pub fn registry(&self) -> Option<&ImageRef> {
        match self {
            Location::Registry(image) => Some(image),
            Location::Layout(_) | Location::Archive(_) => None,
        }
    }
}

impl FromStr for Location {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.starts_with(OCI) {
            return text.parse().map(Location::Layout);
        }
        if text.starts_with(ARCHIVE) {
            return text.parse().map(Location::Archive);
        }
        check_transport(text).map_err(|invalid| invalid.of("an image's reference"))?;
        text.parse().map(Location::Registry)
    }
}

impl From<ImageRef> for Location {
    fn from(image: ImageRef) -> Self {
        Location::Registry(image)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Registry(image) => in_registry(f, &image.to_string()),
            Location::Layout(layout) => layout.fmt(f),
            Location::Archive(archive) => archive.fmt(f),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

// === impl Prefix ===

impl Prefix {
    /// The place of `name` here: `iib-build:7` is `quay.io/org/iib-build:7`, and in `oci:ROOT` the layout
    /// `ROOT/iib-build`, tag 7. A name is a repository's, with tag or digest or both.
    ///
    /// Fails as bad input when it is no such name, or too long with the prefix.
    pub fn join(&self, name: &str) -> Result<Location> {
        self.joined(name).map_err(|invalid| {
            Error::bad_input(format!("there is no place for {name:?} below {self}"))
                .because(invalid)
                .hint("a name is a repository with a tag, a digest or both, as in iib-build:7")
        })
    }

    fn joined(&self, name: &str) -> Result<Location, InvalidReference> {
        check_text(name, LONGEST).map_err(InvalidReference::whole)?;
        // For the part before, a name is a path and never a host.
        let (rest, _) = split_digest(name)?;
        let path = rest.split_once(':').map_or(rest, |(path, _)| path);
        RepositoryName::parsed(path)?;
        match &self.0 {
            Place::Registry(host, None) => ImageRef::parsed(&format!("{host}/{name}")).map(Location::Registry),
            Place::Registry(host, Some(path)) => ImageRef::parsed(&format!("{host}/{path}/{name}")).map(Location::Registry),
            Place::Layouts(_) => {
                // What a registry would refuse is refused here too: it must also work there.
                ImageRef::parsed(&format!("localhost/{name}"))?;
                let separator = if self.to_string().ends_with('/') { "" } else { "/" };
                format!("{self}{separator}{name}").parse().map(Location::Layout)
            }
        }
    }

    fn parsed(text: &str) -> Result<Self, InvalidReference> {
        if let Some(root) = text.strip_prefix(OCI) {
            let layout: LayoutRef = root.parse()?;
            if layout.tag().is_some() || layout.digest().is_some() {
                return Err(InvalidReference::whole(NOT_ONE));
            }
            return Ok(Prefix(Place::Layouts(layout.dir().to_owned())));
        }
        let text = text.strip_prefix(DOCKER).unwrap_or(text);
        check_text(text, LONGEST).map_err(InvalidReference::whole)?;
        check_transport(text)?;
        if text.starts_with(ARCHIVE) {
            return Err(InvalidReference::whole("is one archive; write a registry or oci:ROOT"));
        }
        let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
        if !is_host_like(host) {
            return Err(InvalidReference::whole("does not begin with a registry's host; write docker.io/… for Docker Hub"));
        }
        if path.is_some_and(|path| path.contains([':', '@'])) {
            return Err(InvalidReference::whole(NOT_ONE));
        }
        let path = path.map(RepositoryName::parsed).transpose();
        Ok(Prefix(Place::Registry(Host::parsed(host)?, path?)))
    }
}

impl FromStr for Prefix {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        Prefix::parsed(text).map_err(|invalid| invalid.of("a place for images"))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Registry(host, None) => in_registry(f, host.as_ref()),
            Place::Registry(host, Some(path)) => in_registry(f, &format!("{host}/{path}")),
            Place::Layouts(root) => write!(f, "{OCI}{}", root.display()),
        }
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Writes what is in a registry so that it is read as that.
fn in_registry(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let is_other = text.starts_with(OCI) || text.starts_with(ARCHIVE) || check_transport(text).is_err();
    if is_other { write!(f, "{DOCKER}{text}") } else { f.write_str(text) }
}

/// Fails when `text` is of another tool's transport.
fn check_transport(text: &str) -> Result<(), InvalidReference> {
    let foreign = FOREIGN.iter().find(|transport| text.starts_with(**transport)).copied();
    let transport = foreign.or_else(|| text.split_once("://").map(|(transport, _)| transport).filter(|name| *name != "docker"));
    transport.map_or(Ok(()), |transport| Err(unknown_transport(transport)))
}
