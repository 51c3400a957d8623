//! The values that the run is found by: they cannot be wrong.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A commit's id: 40 hexadecimal digits, or 64 in a repository with SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit(String);

/// The key of a label: `pipelinesascode.tekton.dev/sha`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

/// A label selector, as `kubectl get -l` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(String);

/// A length of time, more than none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub Duration);

/// What starts a run.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A merge request, pull request, or a comment on one.
    MergeRequest,
    /// A push.
    Push,
    /// Whatever it was.
    Any,
}

/// Why a text is not the value it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalid(String);

impl FromStr for Commit {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_id = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_id {
            return Err(Invalid("it is no commit id: all of its 40 (or 64) hexadecimal digits".into()));
        }
        Ok(Commit(text.to_ascii_lowercase()))
    }
}

impl FromStr for Label {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
        let is_plain = |part: &str, longest: usize, more: &[u8]| {
            part.len() <= longest
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.ends_with(|c: char| c.is_ascii_alphanumeric())
        };
        if !is_plain(name, 63, b"-_.") || prefix.is_some_and(|prefix| !is_plain(prefix, 253, b"-.")) {
            return Err(Invalid("it is no key of a label, as pipelinesascode.tekton.dev/sha is one".into()));
        }
        Ok(Label(text.to_owned()))
    }
}

impl FromStr for Selector {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // The cluster knows the rest of the grammar.
        if text.contains('$') || text.chars().any(char::is_control) || text.trim().trim_matches(',').is_empty() {
            return Err(Invalid("it is no label selector, as a=b,c!=d is one".into()));
        }
        Ok(Selector(text.trim().trim_matches(',').to_owned()))
    }
}

impl FromStr for Timeout {
    type Err = Box<dyn Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let duration: tekton::duration::Duration = text.parse()?;
        match duration.to_std() {
            Some(time) if !time.is_zero() => Ok(Timeout(time)),
            _ => Err("it must be more than no time".into()),
        }
    }
}

macro_rules! shown {
    ($($name:ident),*) => {
        $(impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        })*
    };
}

shown!(Commit, Label, Selector, Invalid);

impl Error for Invalid {}

/// `5m`, `1h30m`, `90s`.
impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
        if seconds == 0 {
            return write!(f, "{:?}", self.0);
        }
        parts.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_read_as_they_are_written() {
        for (text, shown) in [("90s", "1m30s"), ("2h", "2h"), ("100ms", "100ms"), ("1h0m5s", "1h5s")] {
            assert_eq!(text.parse::<Timeout>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn keys_of_labels() {
        for (text, is) in [
            ("pipelinesascode.tekton.dev/sha", true),
            ("app", true),
            ("a.b/c_d.e-f", true),
            ("", false),
            ("/sha", false),
            ("a/", false),
            ("a=b", false),
            ("a/b/c", false),
            ("$(x)", false),
            ("a,b", false),
        ] {
            assert_eq!(text.parse::<Label>().is_ok(), is, "{text:?}");
        }
    }
}
