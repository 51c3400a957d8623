//! Package names that are safe to join to a path and to hand to another program.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name: that of a DNS subdomain.
const MAX_LENGTH: usize = 253;

/// An operator package's name: `^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$`, at most 253 characters.
///
/// opm before 1.41 accepts any text as a name; this is the stricter rule for names that people hand to us.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageName(String);

/// Why a text is not a [`PackageName`]: the rule that it breaks and the text, shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPackageName {
    value: String,
    rule: &'static str,
}

// === impl PackageName ===

impl PackageName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PackageName {
    type Err = InvalidPackageName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let rule = if text.is_empty() {
            "it is empty"
        } else if text.len() > MAX_LENGTH {
            "it is longer than 253 characters"
        } else if !text.chars().all(|c| alphanumeric(c) || c == '.' || c == '-') {
            "it may hold only a-z, 0-9, `.` and `-`"
        } else if !text.starts_with(alphanumeric) || !text.ends_with(alphanumeric) {
            "it must start and end with a-z or 0-9"
        } else {
            return Ok(PackageName(text.to_owned()));
        };
        let mut value: String = text.chars().take(40).collect();
        if value.len() < text.len() {
            value.push('…');
        }
        Err(InvalidPackageName { value, rule })
    }
}

impl TryFrom<String> for PackageName {
    type Error = InvalidPackageName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PackageName> for String {
    fn from(name: PackageName) -> String {
        name.0
    }
}

impl AsRef<str> for PackageName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl InvalidPackageName ===

impl fmt::Display for InvalidPackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a package name: {}", self.value, self.rule)
    }
}

impl std::error::Error for InvalidPackageName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["a", "3scale-operator", "a.b-c", &"x".repeat(253)] {
            assert_eq!(name.parse::<PackageName>().unwrap().as_str(), name);
        }
        let refused = ["", "..", ".", "a/b", "--force", "-a", "a-", "A", "$(x)", "a b", "ä", "a\n", &"x".repeat(300)];
        let errors: Vec<_> = refused.map(|text| text.parse::<PackageName>().unwrap_err().to_string()).to_vec();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        "" is not a package name: it is empty
        ".." is not a package name: it must start and end with a-z or 0-9
        "." is not a package name: it must start and end with a-z or 0-9
        "a/b" is not a package name: it may hold only a-z, 0-9, `.` and `-`
        "--force" is not a package name: it must start and end with a-z or 0-9
        "-a" is not a package name: it must start and end with a-z or 0-9
        "a-" is not a package name: it must start and end with a-z or 0-9
        "A" is not a package name: it may hold only a-z, 0-9, `.` and `-`
        "$(x)" is not a package name: it may hold only a-z, 0-9, `.` and `-`
        "a b" is not a package name: it may hold only a-z, 0-9, `.` and `-`
        "ä" is not a package name: it may hold only a-z, 0-9, `.` and `-`
        "a\n" is not a package name: it may hold only a-z, 0-9, `.` and `-`
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" is not a package name: it is longer than 253 characters
        "#);
    }
}
