//! Versions of opm, and which of them brought which rule.

use std::fmt;
use std::str::FromStr;

/// A version of opm whose verdict is asked for. The default is the newest whose rules are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpmVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

/// Why a text is not an [`OpmVersion`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOpmVersion(String);

/// The first version with each rule, found by reading its tags.
impl OpmVersion {
    const OLDEST: OpmVersion = OpmVersion::new(1, 26, 0);

    /// Metadata keys are matched by Unicode case folding and may not repeat; objects are re-encoded before they are
    /// decoded; `olm.csv.metadata` is decoded; the textual replacement of `\u003c` and bundle object references are gone.
    pub(crate) const FOLDED_KEYS: OpmVersion = OpmVersion::new(1, 28, 0);
    /// `olm.deprecations` is decoded and checked.
    pub(crate) const DEPRECATIONS: OpmVersion = OpmVersion::new(1, 32, 0);
    /// A package's name is a DNS-1123 label.
    pub(crate) const PACKAGE_NAME: OpmVersion = OpmVersion::new(1, 41, 0);
    /// No two bundles of a package have the same version.
    pub(crate) const UNIQUE_VERSIONS: OpmVersion = OpmVersion::new(1, 47, 0);
    /// A stream that starts like JSON may turn out to be YAML.
    pub(crate) const MIXED_STREAMS: OpmVersion = OpmVersion::new(1, 56, 0);
    /// `replaces` of a skipped entry ends the chain.
    pub(crate) const SKIPPED_REPLACES: OpmVersion = OpmVersion::new(1, 58, 0);
    /// `olm.package` properties have a release, which the bundle's name must show.
    pub(crate) const RELEASES: OpmVersion = OpmVersion::new(1, 62, 0);
    /// Image pull specs are parsed.
    pub(crate) const PULL_SPECS: OpmVersion = OpmVersion::new(1, 64, 0);
    /// `skipRange` is parsed.
    pub(crate) const SKIP_RANGES: OpmVersion = OpmVersion::new(1, 69, 0);
    /// The newest version whose rules are known.
    pub(crate) const NEWEST: OpmVersion = OpmVersion::new(1, 73, 0);

    /// Version `major.minor.patch`.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        OpmVersion { major, minor, patch }
    }
}

impl Default for OpmVersion {
    fn default() -> Self {
        OpmVersion::NEWEST
    }
}

/// Reads `1.48.0`, `v1.48.0`, `opm-v1.48.0` and `opm-1.48.0`.
impl FromStr for OpmVersion {
    type Err = InvalidOpmVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix("opm-").unwrap_or(text);
        let bare = bare.strip_prefix('v').unwrap_or(bare);
        let number = |part: Option<&str>| part.filter(|p| p.bytes().all(|b| b.is_ascii_digit())).and_then(|p| p.parse().ok());
        let mut parts = bare.split('.');
        let version = match (number(parts.next()), number(parts.next()), number(parts.next()), parts.next()) {
            (Some(major), Some(minor), Some(patch), None) => OpmVersion { major, minor, patch },
            _ => {
                let shown: String = text.chars().take(40).collect();
                return Err(InvalidOpmVersion(format!("{shown:?} is not a version of opm: write it as v1.48.0")));
            }
        };
        if version < OpmVersion::OLDEST {
            return Err(InvalidOpmVersion(format!(
                "the rules of opm {version} are not known: the oldest known is {}",
                OpmVersion::OLDEST
            )));
        }
        Ok(version)
    }
}

impl fmt::Display for OpmVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for InvalidOpmVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidOpmVersion {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for text in ["1.48.0", "v1.48.0", "opm-v1.48.0", "opm-1.48.0"] {
            assert_eq!(text.parse::<OpmVersion>().unwrap(), OpmVersion::new(1, 48, 0), "{text}");
        }
        assert_eq!("2.0.0".parse::<OpmVersion>().unwrap().to_string(), "v2.0.0");
        let refused = ["", "opm", "1.48", "1.48.0.1", "v1.-4.0", "+1.48.0", "vv1.48.0", "1.25.9", "latest"];
        let errors = refused.map(|text| text.parse::<OpmVersion>().unwrap_err().to_string()).join("\n");
        insta::assert_snapshot!(errors, @r#"
        "" is not a version of opm: write it as v1.48.0
        "opm" is not a version of opm: write it as v1.48.0
        "1.48" is not a version of opm: write it as v1.48.0
        "1.48.0.1" is not a version of opm: write it as v1.48.0
        "v1.-4.0" is not a version of opm: write it as v1.48.0
        "+1.48.0" is not a version of opm: write it as v1.48.0
        "vv1.48.0" is not a version of opm: write it as v1.48.0
        the rules of opm v1.25.9 are not known: the oldest known is v1.26.0
        "latest" is not a version of opm: write it as v1.48.0
        "#);
    }
}
