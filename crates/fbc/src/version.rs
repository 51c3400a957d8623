//! Semantic versions with the rules and the messages of github.com/blang/semver, which opm uses.
//!
//! Not the `semver` crate: its messages differ, and so does what it accepts (numbers above 2^64, empty build parts).

use std::cmp::Ordering;
use std::fmt;

use crate::gotext::Quoted;

/// A version as opm sees it. The default is 0.0.0, which opm gives to a bundle that it has not seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    pre: Vec<Identifier>,
    build: Vec<String>,
}

/// One part of a pre-release, or of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Identifier {
    Number(u64),
    Text(String),
}

// === impl Version ===

impl Version {
    /// Parses a strict version: no `v`, three numbers without leading zeros. The error is blang/semver's text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("Version string empty".into());
        }
        let mut parts = text.splitn(3, '.');
        let (Some(major), Some(minor), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("No Major.Minor.Patch elements found".into());
        };
        let major = number(major, "Major", "major")?;
        let minor = number(minor, "Minor", "minor")?;
        let (rest, build) = rest.split_once('+').map_or((rest, None), |(rest, build)| (rest, Some(build)));
        let (patch, pre) = rest.split_once('-').map_or((rest, None), |(patch, pre)| (patch, Some(pre)));
        let patch = number(patch, "Patch", "patch")?;
        let pre = pre.map_or(Ok(Vec::new()), |pre| pre.split('.').map(Identifier::parse).collect())?;
        let build = build.map_or(Ok(Vec::new()), |build| build.split('.').map(build_part).collect())?;
        Ok(Version { major, minor, patch, pre, build })
    }

    /// Whether there is build metadata.
    pub(crate) fn has_build(&self) -> bool {
        !self.build.is_empty()
    }

    /// Order of precedence: build metadata does not count.
    pub(crate) fn precedence(&self, other: &Self) -> Ordering {
        let numbers = |v: &Self| (v.major, v.minor, v.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre.cmp(&other.pre),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        for (i, part) in self.pre.iter().enumerate() {
            write!(f, "{}{part}", if i == 0 { '-' } else { '.' })?;
        }
        for (i, part) in self.build.iter().enumerate() {
            write!(f, "{}{part}", if i == 0 { '+' } else { '.' })?;
        }
        Ok(())
    }
}

fn number(text: &str, upper: &str, lower: &str) -> Result<u64, String> {
    if let Some(wrong) = (!digits(text)).then_some(text) {
        return Err(format!("Invalid character(s) found in {lower} number {}", Quoted(wrong)));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(format!("{upper} number must not contain leading zeroes {}", Quoted(text)));
    }
    parse_uint(text)
}

/// Go's `strconv.ParseUint` of a text of digits.
fn parse_uint(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| {
        let why = if text.is_empty() { "invalid syntax" } else { "value out of range" };
        format!("strconv.ParseUint: parsing {}: {why}", Quoted(text))
    })
}

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn alphanumeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn build_part(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("Build meta data is empty".into());
    }
    if !alphanumeric(text) {
        return Err(format!("Invalid character(s) found in build meta data {}", Quoted(text)));
    }
    Ok(text.to_owned())
}

// === impl Identifier ===

impl Identifier {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Err("Prerelease is empty".into())
        } else if digits(text) {
            if text.len() > 1 && text.starts_with('0') {
                return Err(format!("Numeric PreRelease version must not contain leading zeroes {}", Quoted(text)));
            }
            parse_uint(text).map(Identifier::Number)
        } else if alphanumeric(text) {
            Ok(Identifier::Text(text.to_owned()))
        } else {
            Err(format!("Invalid character(s) found in prerelease {}", Quoted(text)))
        }
    }

    /// Parses a release: identifiers with dots between, at most 20 characters; empty is no release.
    pub(crate) fn parse_release(text: &str) -> Result<Vec<Self>, String> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        if text.len() > 20 {
            return Err(format!("invalid release {}: exceeds maximum length of 20 characters", Quoted(text)));
        }
        let mut release = Vec::new();
        let mut faults = Vec::new();
        for (i, segment) in text.split('.').enumerate() {
            match Identifier::parse(segment) {
                Ok(identifier) => release.push(identifier),
                Err(fault) => faults.push(format!("segment {i}: {fault}")),
            }
        }
        if faults.is_empty() { Ok(release) } else { Err(format!("invalid release {}: {}", Quoted(text), faults.join("\n"))) }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identifier::Number(number) => number.fmt(f),
            Identifier::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_their_faults() {
        // As the Go package of opm 1.73 answers.
        let cases = [
            "1.2.3",
            "1.2.3-rc.1+b.01",
            "",
            "1.2",
            "v1.2.3",
            "01.2.3",
            "1.x.3",
            "1..3",
            "1.2.3.4",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a_b",
            "1.2.3+",
            "1.2.3+a_b",
            "99999999999999999999.0.0",
        ];
        let answers = cases.map(|text| match Version::parse(text) {
            Ok(version) => format!("{text:?} is {version}"),
            Err(fault) => format!("{text:?}: {fault}"),
        });
        insta::assert_snapshot!(answers.join("\n"), @r#"
        "1.2.3" is 1.2.3
        "1.2.3-rc.1+b.01" is 1.2.3-rc.1+b.01
        "": Version string empty
        "1.2": No Major.Minor.Patch elements found
        "v1.2.3": Invalid character(s) found in major number "v1"
        "01.2.3": Major number must not contain leading zeroes "01"
        "1.x.3": Invalid character(s) found in minor number "x"
        "1..3": strconv.ParseUint: parsing "": invalid syntax
        "1.2.3.4": Invalid character(s) found in patch number "3.4"
        "1.2.3-": Prerelease is empty
        "1.2.3-01": Numeric PreRelease version must not contain leading zeroes "01"
        "1.2.3-a_b": Invalid character(s) found in prerelease "a_b"
        "1.2.3+": Build meta data is empty
        "1.2.3+a_b": Invalid character(s) found in build meta data "a_b"
        "99999999999999999999.0.0": strconv.ParseUint: parsing "99999999999999999999": value out of range
        "#);
    }

    #[test]
    fn precedence() {
        let sorted = ["1.0.0-1", "1.0.0-2", "1.0.0-a", "1.0.0-a.1", "1.0.0-a.b", "1.0.0", "1.0.1", "1.10.0"];
        for pair in sorted.windows(2) {
            let [low, high] = [pair[0], pair[1]].map(|text| Version::parse(text).unwrap());
            assert_eq!(low.precedence(&high), Ordering::Less, "{pair:?}");
        }
    }
}
