//! Which catalog a catalog source of a cluster is filled from.

use std::fmt;
use std::str::FromStr;

use registry::ImageRef;

use crate::names::ObjectName;
use crate::version::Minor;

/// A catalog of operators: an image, or an OCI layout on disk (`oci:///path`). Without tag and digest, that of a minor
/// version of OpenShift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRef {
    text: String,
    is_whole: bool,
}

/// A line of the parameter `sources`: `my-source=registry.example/ns/my-index`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: ObjectName,
    catalog: CatalogRef,
}

/// The catalog sources that are known, in the order in which their catalogs are written.
#[derive(Clone, Debug)]
pub struct Sources(Vec<Source>);

/// Why a text is not a [`Source`] or a [`CatalogRef`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSource(String);

/// Those that OpenShift comes with.
const KNOWN: [(&str, &str); 4] = [
    ("redhat-operators", "registry.redhat.io/redhat/redhat-operator-index"),
    ("community-operators", "registry.redhat.io/redhat/community-operator-index"),
    ("certified-operators", "registry.redhat.io/redhat/certified-operator-index"),
    ("redhat-marketplace", "registry.redhat.io/redhat/redhat-marketplace-index"),
];

// === impl CatalogRef ===

impl CatalogRef {
    /// The reference for a minor version: `…:v4.18`, unless it says a tag or digest itself.
    pub fn for_minor(&self, minor: Minor) -> String {
        if self.is_whole { self.text.clone() } else { format!("{}:v{minor}", self.text) }
    }
}

impl FromStr for CatalogRef {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        if let Some(path) = text.strip_prefix("oci://") {
            let plain = path.starts_with('/') && !path.contains(|c: char| c == '$' || c.is_whitespace() || c.is_control());
            let invalid = || InvalidSource("an OCI layout is oci:// and an absolute path without white space and `$`".into());
            return if plain { Ok(CatalogRef { text: text.to_owned(), is_whole: true }) } else { Err(invalid()) };
        }
        if text.contains("://") {
            return Err(InvalidSource("a catalog is an image, or oci:// and the path of a layout".into()));
        }
        let image: ImageRef = text.parse().map_err(|error| InvalidSource(format!("{error}")))?;
        Ok(CatalogRef { text: text.to_owned(), is_whole: image.tag().is_some() || image.digest().is_some() })
    }
}

// === impl Source ===

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let (name, catalog) = text.split_once('=').ok_or_else(|| InvalidSource("it must be NAME=CATALOG".into()))?;
        let name = name.trim().parse().map_err(|error| InvalidSource(format!("the name: {error}")))?;
        Ok(Source { name, catalog: catalog.trim().parse()? })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.catalog.text)
    }
}

// === impl Sources ===

impl Default for Sources {
    fn default() -> Self {
        Sources(KNOWN.iter().filter_map(|(name, catalog)| format!("{name}={catalog}").parse().ok()).collect())
    }
}

impl Sources {
    /// These besides those that OpenShift comes with, or in their place.
    pub fn with(given: &[Source]) -> Self {
        let mut sources = Sources::default();
        for source in given {
            match sources.0.iter_mut().find(|known| known.name == source.name) {
                Some(known) => *known = source.clone(),
                None => sources.0.push(source.clone()),
            }
        }
        sources
    }

    /// The catalog of a source, and its place in the order.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &CatalogRef)> {
        let found = self.0.iter().enumerate().find(|(_, source)| source.name.as_str() == name);
        found.map(|(place, source)| (place, &source.catalog))
    }

    /// The names, for messages.
    pub(crate) fn names(&self) -> String {
        self.0.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

// === impl InvalidSource ===

impl fmt::Display for InvalidSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSource {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogs_of_sources() {
        let minor = "4.18".parse::<crate::Version>().unwrap().minor;
        let given = [
            "my-source=registry.example:5000/ns/my-index",
            "redhat-operators=mirror.example/redhat-operator-index",
            "pinned=quay.io/a/b:v1",
            "disk=oci:///data/catalog",
        ];
        let sources = Sources::with(&given.map(|line| line.parse().unwrap()));
        let of = |name: &str| sources.find(name).map(|(place, catalog)| (place, catalog.for_minor(minor)));
        assert_eq!(of("redhat-operators"), Some((0, "mirror.example/redhat-operator-index:v4.18".into())));
        assert_eq!(of("redhat-marketplace"), Some((3, "registry.redhat.io/redhat/redhat-marketplace-index:v4.18".into())));
        assert_eq!(of("my-source"), Some((4, "registry.example:5000/ns/my-index:v4.18".into())));
        assert_eq!(of("pinned"), Some((5, "quay.io/a/b:v1".into())));
        assert_eq!(of("disk"), Some((6, "oci:///data/catalog".into())));
        assert_eq!(of("none"), None);
    }

    #[test]
    fn what_is_no_source() {
        for bad in [
            "a",
            "=x",
            "A=quay.io/a/b",
            "a=",
            "a=docker://quay.io/a/b",
            "a=quay.io/A/b",
            "a=oci://b",
            "a=quay.io/$(x)/b",
            "a=oci:///$x",
        ] {
            assert!(bad.parse::<Source>().is_err(), "{bad}");
        }
    }
}
