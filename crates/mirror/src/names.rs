//! Texts that were checked: names of objects, quantities, dates. All refuse `$`, since kubelet and Tekton expand `$(…)` in what
//! they pass on.

use std::fmt;
use std::str::FromStr;

use registry::Prefix;
use step::results::{ResultValue, cut};

/// Why a text is not what it was parsed as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName(String);

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidName {}

impl InvalidName {
    pub(crate) fn new(says: impl Into<String>) -> Self {
        InvalidName(says.into())
    }
}

macro_rules! newtype {
    ($(#[$meta:meta])* $name:ident, $check:path) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                $check(text)?;
                Ok($name(text.into()))
            }
        }

        impl ResultValue for $name {
            fn text(&self, max: usize) -> String {
                cut(&self.0, max)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

newtype!(
    /// The name of a namespace: an RFC 1123 label.
    Namespace,
    label
);
newtype!(
    /// The name of an object: an RFC 1123 subdomain.
    ObjectName,
    subdomain
);
newtype!(
    /// What tells one run from another: a UID of Kubernetes, `d290f1ee-6c54-4b01-90e6-d701748f0851`.
    RunUid,
    run_uid
);
newtype!(
    /// A positive quantity of Kubernetes: `100Gi`, `500m`.
    Quantity,
    quantity
);
newtype!(
    /// A day, `YYYY-MM-DD`, that is in the calendar.
    SinceDate,
    since_date
);
newtype!(
    /// A registry that oc-mirror mirrors to, with a path in it or not: `registry.example:8443/ocp`.
    TargetRegistry,
    target_registry
);
newtype!(
    /// A text for people, on one line: a name, a Git revision.
    Word,
    word
);

// === impl TargetRegistry ===

impl TargetRegistry {
    /// As oc-mirror wants it: `docker://registry.example:8443/ocp`.
    pub(crate) fn url(&self) -> String {
        format!("docker://{}", self.as_str().trim_start_matches("docker://"))
    }
}

// === impl RunUid ===

impl RunUid {
    /// What Tekton replaces by the UID of the TaskRun.
    pub(crate) const TASK_RUN: &str = "$(context.taskRun.uid)";

    /// The UID, if something has said it.
    pub(crate) fn known(&self) -> Option<&str> {
        Some(self.as_str()).filter(|text| *text != RunUid::TASK_RUN)
    }
}

// === impl Quantity ===

impl Quantity {
    /// What it comes to, in its base unit.
    pub(crate) fn value(&self) -> f64 {
        tekton::quantity::value(&self.0).unwrap_or_default()
    }
}

/// The longest name of an object, and of a label.
const LONGEST: (usize, usize) = (253, 63);

fn label(text: &str) -> Result<(), InvalidName> {
    if text.contains('.') || text.len() > LONGEST.1 {
        return Err(InvalidName::new("it is no name of a namespace: at most 63 lower-case letters, digits and `-`"));
    }
    subdomain(text)
}

fn subdomain(text: &str) -> Result<(), InvalidName> {
    let is_outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part =
        |part: &str| part.starts_with(is_outer) && part.ends_with(is_outer) && part.chars().all(|c| is_outer(c) || c == '-');
    if text.len() > LONGEST.0 || !text.split('.').all(is_part) {
        let says = "it is no name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends";
        return Err(InvalidName::new(says));
    }
    Ok(())
}

fn run_uid(text: &str) -> Result<(), InvalidName> {
    // What Tekton has not replaced: who needs a UID asks whether it has one.
    if text == RunUid::TASK_RUN {
        return Ok(());
    }
    // With `oc-mirror-job-` before it, it must still be a label.
    if text.len() > 48 || text.contains('.') || subdomain(text).is_err() {
        return Err(InvalidName::new("it is no UID: at most 48 lower-case letters, digits and `-`"));
    }
    Ok(())
}

fn quantity(text: &str) -> Result<(), InvalidName> {
    match tekton::quantity::value(text) {
        Some(value) if value > 0.0 && value.is_finite() => Ok(()),
        Some(_) => Err(InvalidName::new("it must be more than nothing")),
        None => Err(InvalidName::new("it is no quantity; write it as 100Gi or 500m")),
    }
}

fn since_date(text: &str) -> Result<(), InvalidName> {
    let is_form = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    if !is_form {
        return Err(InvalidName::new("a date is written YYYY-MM-DD, without a time"));
    }
    text.parse::<jiff::civil::Date>().map(drop).map_err(|_| InvalidName::new("the calendar has no such day"))
}

fn target_registry(text: &str) -> Result<(), InvalidName> {
    let prefix: Prefix = text.parse().map_err(|error| InvalidName::new(format!("{error}")))?;
    if prefix.to_string().starts_with("oci:") {
        return Err(InvalidName::new("oc-mirror mirrors to a registry, not to a layout"));
    }
    Ok(())
}

fn word(text: &str) -> Result<(), InvalidName> {
    if text.contains('$') || text.contains(char::is_control) {
        return Err(InvalidName::new("it holds `$` or a control character"));
    }
    if text.is_empty() || text.len() > 512 {
        return Err(InvalidName::new("it is empty, or longer than 512 bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<T: FromStr<Err = InvalidName> + fmt::Display>(texts: &[&str]) -> String {
        let told = texts.iter().map(|text| match text.parse::<T>() {
            Ok(value) => format!("{text:?}: {value}"),
            Err(error) => format!("{text:?} refused: {error}"),
        });
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn names() {
        insta::assert_snapshot!(told::<Namespace>(&["oc-mirror", "a.b", "A", "-a", "", "$(x)", &"x".repeat(64)]), @r#"
        "oc-mirror": oc-mirror
        "a.b" refused: it is no name of a namespace: at most 63 lower-case letters, digits and `-`
        "A" refused: it is no name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
        "-a" refused: it is no name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
        "" refused: it is no name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
        "$(x)" refused: it is no name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" refused: it is no name of a namespace: at most 63 lower-case letters, digits and `-`
        "#);
        insta::assert_snapshot!(told::<ObjectName>(&["a.b-c", "a..b", "a/b", "a_b", "$(params.x)"]), @r#"
        "a.b-c": a.b-c
        "a..b" refused: it is no name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
        "a/b" refused: it is no name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
        "a_b" refused: it is no name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
        "$(params.x)" refused: it is no name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
        "#);
        insta::assert_snapshot!(told::<RunUid>(&["d290f1ee-6c54-4b01-90e6-d701748f0851", "$(context.taskRun.uid)", "$(context.pipelineRun.uid)", "a.b", "X"]), @r#"
        "d290f1ee-6c54-4b01-90e6-d701748f0851": d290f1ee-6c54-4b01-90e6-d701748f0851
        "$(context.taskRun.uid)": $(context.taskRun.uid)
        "$(context.pipelineRun.uid)" refused: it is no UID: at most 48 lower-case letters, digits and `-`
        "a.b" refused: it is no UID: at most 48 lower-case letters, digits and `-`
        "X" refused: it is no UID: at most 48 lower-case letters, digits and `-`
        "#);
        insta::assert_snapshot!(told::<Word>(&["main", "refs/tags/v1", "$(x)", "a\nb"]), @r#"
        "main": main
        "refs/tags/v1": refs/tags/v1
        "$(x)" refused: it holds `$` or a control character
        "a\nb" refused: it holds `$` or a control character
        "#);
    }

    #[test]
    fn dates_are_days_of_the_calendar() {
        let texts = [
            "2024-02-29",
            "1970-01-01",
            "2023-02-29",
            "2024-13-01",
            "2024-1-1",
            "2024-01-01T00:00:00Z",
            "20240101",
            "+024-01-01",
        ];
        insta::assert_snapshot!(told::<SinceDate>(&texts), @r#"
        "2024-02-29": 2024-02-29
        "1970-01-01": 1970-01-01
        "2023-02-29" refused: the calendar has no such day
        "2024-13-01" refused: the calendar has no such day
        "2024-1-1" refused: a date is written YYYY-MM-DD, without a time
        "2024-01-01T00:00:00Z" refused: a date is written YYYY-MM-DD, without a time
        "20240101" refused: a date is written YYYY-MM-DD, without a time
        "+024-01-01" refused: a date is written YYYY-MM-DD, without a time
        "#);
    }

    #[test]
    fn quantities_are_more_than_nothing() {
        insta::assert_snapshot!(told::<Quantity>(&["100Gi", "500m", "1e3", "0", "-1Gi", "10GB", "", "$(x)"]), @r#"
        "100Gi": 100Gi
        "500m": 500m
        "1e3": 1e3
        "0" refused: it must be more than nothing
        "-1Gi" refused: it must be more than nothing
        "10GB" refused: it is no quantity; write it as 100Gi or 500m
        "" refused: it is no quantity; write it as 100Gi or 500m
        "$(x)" refused: it is no quantity; write it as 100Gi or 500m
        "#);
    }

    #[test]
    fn registries() {
        let texts = [
            "registry.example:8443/ocp",
            "docker://r.example",
            "oci:dir",
            "quay.io/a:tag",
            "org",
            "https://r.example",
            "r.example/$(x)",
        ];
        insta::assert_snapshot!(told::<TargetRegistry>(&texts), @r#"
        "registry.example:8443/ocp": registry.example:8443/ocp
        "docker://r.example": docker://r.example
        "oci:dir" refused: oc-mirror mirrors to a registry, not to a layout
        "quay.io/a:tag" refused: not a place for images: it has a tag or digest, so that it is the place of one image
        "org" refused: not a place for images: it does not begin with a registry's host; write docker.io/… for Docker Hub
        "https://r.example" refused: not a place for images: it is a URL; leave out http:// or https://
        "r.example/$(x)" refused: not a place for images: it holds `$`, which is not expanded here
        "#);
        assert_eq!("docker://r.example/a".parse::<TargetRegistry>().unwrap().url(), "docker://r.example/a");
        assert_eq!("r.example/a".parse::<TargetRegistry>().unwrap().url(), "docker://r.example/a");
    }
}
