//! Which releases a mirror can do without.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use step::{Error, Result};

use crate::document::ReleaseChannel;
use crate::problem::Warnings;
use crate::version::{Minor, Release, Version};

/// So often, in days, a minor version gets a patch release.
const DAYS_A_PATCH: u32 = 21;

/// How many patch releases stay, counted down from the lowest that a cluster runs, itself among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep(u16);

/// An age: `90d`, `6m`, `1y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    number: u16,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Days,
    Months,
    Years,
}

/// Why a text is no [`Age`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAge;

// === impl Keep ===

impl Keep {
    /// Only what clusters run.
    pub const IN_USE: Keep = Keep(1);

    /// The last `count`; at least what clusters run.
    pub fn last(count: u16) -> Self {
        Keep(count.max(1))
    }

    /// Those that are about as young as `age`, a patch release taken to come every three weeks.
    pub fn younger_than(age: Age) -> Self {
        Keep::last(u16::try_from(age.days() / DAYS_A_PATCH).unwrap_or(u16::MAX))
    }

    /// What is deleted of each minor version. What is mirrored from `min_version` on stays too.
    pub(crate) fn deleted(
        self,
        versions: &[Version],
        min_version: Option<Release>,
        warnings: &mut Warnings,
    ) -> Result<Vec<ReleaseChannel>> {
        let mut in_use: BTreeMap<Minor, u16> = BTreeMap::new();
        for version in versions {
            let Some(patch) = version.patch else {
                return Err(Error::bad_input(format!(
                    "which release of {version} clusters run is not said: nothing can be told to be below it"
                ))
                .hint("give openshift-version as X.Y.Z"));
            };
            let lowest = in_use.entry(version.minor).or_insert(patch);
            *lowest = patch.min(*lowest);
        }
        if let (Some(min), Some(mut first)) = (min_version, in_use.first_entry()) {
            let mirrored_from = if min.minor < *first.key() { 0 } else { min.patch };
            if min.minor <= *first.key() {
                let lowest = first.get_mut();
                *lowest = mirrored_from.min(*lowest);
            }
        }
        let mut channels = Vec::new();
        for (minor, lowest) in in_use {
            match lowest.checked_sub(self.0) {
                Some(last) => {
                    let release = |patch| Release { minor, patch };
                    channels.push(ReleaseChannel::new(minor.channel(), release(0), release(last)));
                }
                None => {
                    let kept = if self.0 == 1 { String::new() } else { format!(", and the last {} are kept", self.0) };
                    warnings.push(format!("nothing of {minor} can be deleted: {minor}.{lowest} is needed{kept}"));
                }
            }
        }
        Ok(channels)
    }
}

// === impl Age ===

impl Age {
    fn days(self) -> u32 {
        let days_each = match self.unit {
            Unit::Days => 1,
            Unit::Months => 30,
            Unit::Years => 365,
        };
        u32::from(self.number) * days_each
    }
}

impl FromStr for Age {
    type Err = InvalidAge;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidAge> {
        let unit = match text.chars().last() {
            Some('d') => Unit::Days,
            Some('m') => Unit::Months,
            Some('y') => Unit::Years,
            _ => return Err(InvalidAge),
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidAge);
        }
        Ok(Age { number: digits.parse().map_err(|_| InvalidAge)?, unit })
    }
}

impl fmt::Display for InvalidAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it must be a number and d, m or y: 90d, 6m, 1y")
    }
}

impl std::error::Error for InvalidAge {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let days = |text: &str| text.parse::<Age>().map(Age::days);
        assert_eq!((days("90d"), days("6m"), days("2y")), (Ok(90), Ok(180), Ok(730)));
        for bad in ["", "d", "90", "1w", "-1d", "+1d", "99999d", "1ä"] {
            assert_eq!(days(bad), Err(InvalidAge), "{bad}");
        }
    }
}
