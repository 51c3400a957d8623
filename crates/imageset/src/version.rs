//! Versions of OpenShift: `4.18`, `4.18.22`.

use std::fmt;
use std::str::FromStr;

/// A minor version: `4.18`. A catalog is made for one, and a release channel named after one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Minor {
    major: u16,
    minor: u16,
}

/// A release: `4.18.22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Release {
    /// Of which it is a patch.
    pub minor: Minor,
    /// Its number there.
    pub patch: u16,
}

/// What a cluster set runs: a release, or any of a minor version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    /// The minor version.
    pub minor: Minor,
    /// `None` where only the minor version is said.
    pub patch: Option<u16>,
}

/// Why a text is no version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidVersion(&'static str);

/// What is above every patch that there will be.
const ANY_PATCH: u16 = 999;

// === impl Version ===

impl Version {
    /// The lowest release that it can be.
    pub fn lowest(self) -> Release {
        Release { minor: self.minor, patch: self.patch.unwrap_or(0) }
    }

    /// The highest release that it can be; for a minor version `X.Y.999`.
    pub fn highest(self) -> Release {
        Release { minor: self.minor, patch: self.patch.unwrap_or(ANY_PATCH) }
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let invalid = if text.starts_with(['v', 'V']) {
            InvalidVersion("it must be X.Y or X.Y.Z, without the v")
        } else {
            InvalidVersion("it must be X.Y or X.Y.Z, as in 4.18 or 4.18.22")
        };
        let mut numbers = [None; 3];
        for (place, part) in text.split('.').enumerate() {
            *numbers.get_mut(place).ok_or(invalid.clone())? = Some(number(part).ok_or(invalid.clone())?);
        }
        match numbers {
            [Some(major), Some(minor), patch] => Ok(Version { minor: Minor { major, minor }, patch }),
            _ => Err(invalid),
        }
    }
}

/// A number as semantic versions write it; four digits are more than there will be.
fn number(text: &str) -> Option<u16> {
    let plain = text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patch {
            Some(patch) => write!(f, "{}.{patch}", self.minor),
            None => self.minor.fmt(f),
        }
    }
}

// === impl Release ===

impl FromStr for Release {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        match text.parse()? {
            Version { minor, patch: Some(patch) } => Ok(Release { minor, patch }),
            Version { .. } => Err(InvalidVersion("it must be X.Y.Z, as in 4.18.22")),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.minor, self.patch)
    }
}

// === impl Minor ===

impl Minor {
    /// Its release channel: `stable-4.18`.
    pub fn channel(self) -> String {
        format!("stable-{self}")
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

// === impl InvalidVersion ===

impl fmt::Display for InvalidVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidVersion {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_and_not_text() {
        let mut versions: Vec<Version> = ["4.18.10", "4.9.10", "4.18", "4.17.44", "4.18.2"].map(|v| v.parse().unwrap()).to_vec();
        versions.sort();
        let sorted: Vec<String> = versions.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, ["4.9.10", "4.17.44", "4.18", "4.18.2", "4.18.10"]);
    }

    #[test]
    fn what_is_no_version() {
        for bad in
            ["", "4", "v4.19", "4.18.22.1", "4.18.", ".4", "4.x", "4.018", "4.18.22-rc.1", "4.18.22 ", "+4.1", "4.99999", "$(x)"]
        {
            assert!(bad.parse::<Version>().is_err(), "{bad:?}");
        }
        assert!("4.18".parse::<Release>().is_err());
        assert_eq!("v4.19".parse::<Version>().unwrap_err().to_string(), "it must be X.Y or X.Y.Z, without the v");
    }
}
