//! Durations as Go writes them: `1h30m`, `90s`, `1.5h`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A duration of a timeout, kept as it was written.
///
/// ```
/// use tekton::duration::Duration;
/// let timeout: Duration = "1h30m".parse().unwrap();
/// assert_eq!(timeout.nanoseconds(), 5_400_000_000_000);
/// assert_eq!(
///     "1 hour".parse::<Duration>().unwrap_err().to_string(),
///     r#""1 hour" is not a duration: " hour" is no unit; write it like 1h30m, 90s or 500ms"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration {
    text: String,
    nanoseconds: i64,
}

/// A text that is not a duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDuration {
    text: String,
    why: String,
}

/// Go's units, in nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl Duration {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// In nanoseconds; may be negative.
    pub fn nanoseconds(&self) -> i64 {
        self.nanoseconds
    }

    /// As a length of time; `None` when it is negative.
    pub fn to_std(&self) -> Option<std::time::Duration> {
        u64::try_from(self.nanoseconds).ok().map(std::time::Duration::from_nanos)
    }
}

/// The grammar of Go's `time.ParseDuration`: a sign, then numbers with units.
fn parse(text: &str) -> Result<i64, String> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err("it is empty".into());
    }
    let mut total: u64 = 0;
    let limit = i64::MAX as u64 + u64::from(negative);
    let too_long = || "it is longer than 292 years".to_owned();
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return Err(format!("{rest:?} does not begin with a number"));
        }
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        if unit.is_empty() {
            return Err(format!("{number} has no unit"));
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("{unit:?} is no unit"));
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_long())? };
        let mut part = whole.checked_mul(*scale).ok_or_else(too_long)?;
        if !fraction.is_empty() {
            // As exact as Go's own: digits beyond the nanosecond are cut.
            let digits: String = fraction.chars().take(18).collect();
            let value: u128 = digits.parse().unwrap_or(0);
            let parts = value * u128::from(*scale) / 10u128.pow(digits.len() as u32);
            part = part.checked_add(u64::try_from(parts).map_err(|_| too_long())?).ok_or_else(too_long)?;
        }
        total = total.checked_add(part).filter(|total| *total <= limit).ok_or_else(too_long)?;
        rest = after;
    }
    Ok(if negative { 0i64.wrapping_sub_unsigned(total) } else { total as i64 })
}

// === impl Duration ===

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        match parse(text) {
            Ok(nanoseconds) => Ok(Duration { text: text.to_owned(), nanoseconds }),
            Err(why) => Err(InvalidDuration { text: text.to_owned(), why }),
        }
    }
}

impl TryFrom<String> for Duration {
    type Error = InvalidDuration;

    fn try_from(text: String) -> Result<Self, InvalidDuration> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> String {
        duration.text
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for InvalidDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a duration: {}; write it like 1h30m, 90s or 500ms", self.text, self.why)
    }
}

impl std::error::Error for InvalidDuration {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_go() {
        let read = |text: &str| text.parse::<Duration>().map(|d| d.nanoseconds()).map_err(|e| e.why);
        for (text, nanoseconds) in [
            ("0", 0),
            ("1h0m0s", 3_600_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("-3m", -180_000_000_000),
            ("+10ns", 10),
            ("1h1h", 7_200_000_000_000),
            ("2562047h47m16.854775807s", i64::MAX),
        ] {
            assert_eq!(read(text), Ok(nanoseconds), "{text}");
        }
        let errors: Vec<_> = ["", "-", "1", "1d", "h", "1h ", " 1h", "1..5h", ".h", "9999999h", "10m5"]
            .map(|text| format!("{text:?}: {}", read(text).unwrap_err()))
            .into();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        "": it is empty
        "-": it is empty
        "1": 1 has no unit
        "1d": "d" is no unit
        "h": "h" does not begin with a number
        "1h ": "h " is no unit
        " 1h": " 1h" does not begin with a number
        "1..5h": "1..5h" does not begin with a number
        ".h": ".h" does not begin with a number
        "9999999h": it is longer than 292 years
        "10m5": 5 has no unit
        "#);
    }
}
