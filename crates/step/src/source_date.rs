//! The time of what is made reproducibly. (reproducible-builds.org, "SOURCE_DATE_EPOCH specification".)

use std::fmt;

use crate::{Error, Result};

/// A time in whole seconds; displayed as RFC 3339 has it, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceDate(u64);

// === impl SourceDate ===

impl SourceDate {
    /// What `SOURCE_DATE_EPOCH` says; `None` when it is not set. Fails as bad input when it is no time before the year 10000.
    pub fn of_process() -> Result<Option<Self>> {
        Self::parse(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())
    }

    /// What a text says that stands in the variable's place.
    pub fn parse(text: Option<&str>) -> Result<Option<Self>> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
        // Beyond it, a year has five digits.
        let seconds = text.parse::<u64>().ok().filter(|seconds| *seconds < 253_402_300_800);
        seconds.map(|seconds| Some(SourceDate(seconds))).ok_or_else(|| {
            Error::bad_input(format!("SOURCE_DATE_EPOCH is {text:?}")).hint("it is a number of seconds since 1970, or not set")
        })
    }

    /// Seconds since 1970.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SourceDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400, self.0 % 86_400);
        // Days since 0000-03-01, in eras of 400 years. (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".)
        let shifted = days + 719_468;
        let (era, day) = (shifted / 146_097, shifted % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, text) in [
            ("0", "1970-01-01T00:00:00Z"),
            ("951782399", "2000-02-28T23:59:59Z"),
            ("951868799", "2000-02-29T23:59:59Z"),
            ("1709164800", "2024-02-29T00:00:00Z"),
            ("4102444799", "2099-12-31T23:59:59Z"),
            ("253402300799", "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(SourceDate::parse(Some(seconds)).unwrap().unwrap().to_string(), text);
        }
        assert_eq!(SourceDate::parse(Some("")).unwrap(), None);
        for text in ["-1", "x", "253402300800", "1.5"] {
            assert!(SourceDate::parse(Some(text)).is_err(), "{text}");
        }
    }
}
