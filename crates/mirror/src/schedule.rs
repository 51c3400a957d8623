//! When a CronJob runs: the five fields of cron, or a word for them, as Kubernetes reads them.

use std::fmt;
use std::str::FromStr;

use crate::InvalidName;

/// `0 2 * * 0`, `@weekly`, `@every 12h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(String);

/// A field's name, its least and greatest number, and words for its numbers from the least on.
type Field = (&'static str, u32, u32, &'static [&'static str]);

const FIELDS: [Field; 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    ("day of the week", 0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

// === impl Schedule ===

impl Schedule {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Schedule {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if let Some(time) = text.strip_prefix("@every ") {
            let is_time =
                time.parse::<tekton::duration::Duration>().is_ok() && time.starts_with(|c: char| ('1'..='9').contains(&c));
            return if is_time {
                Ok(Schedule(text.to_owned()))
            } else {
                Err(InvalidName::new("after @every comes a time such as 12h"))
            };
        }
        if text.starts_with('@') {
            let says = || InvalidName::new(format!("it is none of {} or @every TIME", WORDS.join(", ")));
            return WORDS.contains(&text).then(|| Schedule(text.to_owned())).ok_or_else(says);
        }
        let parts: Vec<&str> = text.split_ascii_whitespace().collect();
        if parts.len() != FIELDS.len() {
            let says = "a schedule has five fields: minute, hour, day of the month, month, day of the week";
            return Err(InvalidName::new(says));
        }
        for (part, field) in parts.iter().zip(&FIELDS) {
            check(part, field).map_err(|says| InvalidName::new(format!("the {}, {part:?}, {says}", field.0)))?;
        }
        Ok(Schedule(parts.join(" ")))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// `*`, `1`, `1-5`, `*/15`, `mon-fri`, and lists of these.
fn check(part: &str, field: &Field) -> Result<(), String> {
    for item in part.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        if step.is_some_and(|step| !step.bytes().all(|b| b.is_ascii_digit()) || step.parse::<u32>().unwrap_or(0) == 0) {
            return Err("has a step that is no number above 0".to_owned());
        }
        if matches!(range, "*" | "?") {
            continue;
        }
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (number(first, field)?, number(last, field)?),
            None => (number(range, field)?, number(range, field)?),
        };
        if first > last {
            return Err("has a range that ends before it begins".to_owned());
        }
    }
    Ok(())
}

fn number(text: &str, (_, least, greatest, words): &Field) -> Result<u32, String> {
    if let Some(at) = words.iter().position(|word| word.eq_ignore_ascii_case(text)) {
        return Ok(least + at as u32);
    }
    let is_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = is_digits.then(|| text.parse::<u32>().ok()).flatten();
    number.filter(|number| (least..=greatest).contains(&number)).ok_or_else(|| format!("is not of {least} to {greatest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_of_kubernetes() {
        for text in
            ["0 2 * * 0", "*/15 0-6/2 1,15 jan-JUN mon", "@weekly", "@every 12h", "@every 1h30m", "0  2 * * ?", "5/10 * * * *"]
        {
            assert!(text.parse::<Schedule>().is_ok(), "{text}");
        }
        let refused = [
            "",
            "0 2 * *",
            "0 2 * * 0 0",
            "60 2 * * 0",
            "0 24 * * *",
            "0 0 0 * *",
            "0 0 * 13 *",
            "0 0 * * 7",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "1, * * * *",
            "@often",
            "@every",
            "@every never",
            "@every -1h",
            "TZ=UTC 0 2 * * 0",
            "$(params.x) * * * *",
        ];
        let told = refused.map(|text| format!("{text:?}: {}", text.parse::<Schedule>().unwrap_err()));
        insta::assert_snapshot!(told.join("\n"), @r#"
        "": a schedule has five fields: minute, hour, day of the month, month, day of the week
        "0 2 * *": a schedule has five fields: minute, hour, day of the month, month, day of the week
        "0 2 * * 0 0": a schedule has five fields: minute, hour, day of the month, month, day of the week
        "60 2 * * 0": the minute, "60", is not of 0 to 59
        "0 24 * * *": the hour, "24", is not of 0 to 23
        "0 0 0 * *": the day of the month, "0", is not of 1 to 31
        "0 0 * 13 *": the month, "13", is not of 1 to 12
        "0 0 * * 7": the day of the week, "7", is not of 0 to 6
        "*/0 * * * *": the minute, "*/0", has a step that is no number above 0
        "5-1 * * * *": the minute, "5-1", has a range that ends before it begins
        "a * * * *": the minute, "a", is not of 0 to 59
        "1, * * * *": the minute, "1,", is not of 0 to 59
        "@often": it is none of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly or @every TIME
        "@every": it is none of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly or @every TIME
        "@every never": after @every comes a time such as 12h
        "@every -1h": after @every comes a time such as 12h
        "TZ=UTC 0 2 * * 0": a schedule has five fields: minute, hour, day of the month, month, day of the week
        "$(params.x) * * * *": the minute, "$(params.x)", is not of 0 to 59
        "#);
    }
}
