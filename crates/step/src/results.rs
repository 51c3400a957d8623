//! Results: what a step tells the pipeline, as Tekton takes it.
//!
//! Verbatim bytes without a final line break, each file whole or absent, all of them only after the work is done.
//! Tekton carries them in the container's termination message, 4,096 bytes of JSON for all together, so every result
//! declares how long it can get *there*, and lists are cut to that with a count.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;

use crate::{Error, Kind, Result, files};

/// One declared result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultSpec {
    /// Its name. What Tekton Chains reads keeps Chains' spelling: `IMAGE_URL`, `IMAGE_DIGEST`.
    pub name: &'static str,
    /// What it says, as the doc comment stands in the source; see [`ResultSpec::text`].
    pub description: &'static str,
    /// The longest it can get in the termination message, in bytes (see [`wire_len`]).
    pub max: usize,
    /// Whether it is a list for Tekton: `$(tasks.x.results.NAME[*])`.
    pub is_array: bool,
}

/// The result of a step that failed: why. Every step has it.
pub const ERROR: ResultSpec = ResultSpec {
    name: "ERROR",
    description: "Why the step failed, cut to 2,000 bytes; written only on failure.",
    max: 2000,
    is_array: false,
};

/// A struct of results, made by [`crate::results!`].
pub trait Results {
    /// What can be in it, in order.
    const SPECS: &'static [ResultSpec];

    /// The values, in the order of [`Self::SPECS`], each within its bound.
    fn values(&self) -> Vec<String>;
}

/// A type that can be a result.
pub trait ResultValue {
    /// Whether it is a list for Tekton.
    const IS_ARRAY: bool = false;

    /// The value's text, at most `max` bytes on the wire.
    fn text(&self, max: usize) -> String;
}

/// A result of type `array`, which another task takes element by element, as a matrix does. It cannot be cut: the step sees to
/// it that its elements are few and short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array<T>(pub Vec<T>);

/// Declares a struct of results. A field's doc comment is the result's description.
///
/// ```
/// step::results! {
///     /// What counting found.
///     pub struct Counted {
///         /// How many lines there are.
///         #[result("LINES", max = 20)]
///         pub lines: u64,
///         /// The files that were read, one a line.
///         #[result("FILES", max = 1000)]
///         pub files: Vec<String>,
///     }
/// }
/// let counted = Counted { lines: 3, files: vec!["a".into(), "b".into()] };
/// assert_eq!(step::Results::values(&counted), ["3", "a\nb"]);
/// ```
#[macro_export]
macro_rules! results {
    (
        $(#[doc = $about:literal])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                #[result($result:literal, max = $max:expr)]
                $field_vis:vis $field:ident : $type:ty
            ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis struct $name {
            $($(#[doc = $doc])* $field_vis $field: $type),*
        }

        impl $crate::Results for $name {
            const SPECS: &'static [$crate::results::ResultSpec] = &[
                $($crate::results::ResultSpec {
                    name: $result,
                    description: concat!($($doc, "\n"),*),
                    max: $max,
                    is_array: <$type as $crate::results::ResultValue>::IS_ARRAY,
                }),*
            ];

            fn values(&self) -> Vec<String> {
                vec![$($crate::results::ResultValue::text(&self.$field, $max)),*]
            }
        }
    };
}

/// Where results go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// One file each, as Tekton names them.
    Files(Vec<(String, PathBuf)>),
    /// One JSON object on standard output.
    Stdout,
}

// === impl ResultSpec ===

impl ResultSpec {
    /// What it says, on one line.
    pub fn text(&self) -> String {
        self.description.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

// === impl Destination ===

impl Destination {
    /// Fails when results cannot be published there, as far as that can be known before.
    pub(crate) fn check<R: Results>(&self) -> Result<()> {
        let Destination::Files(files) = self else { return Ok(()) };
        for (name, path) in files {
            if !R::SPECS.iter().chain([&ERROR]).any(|spec| spec.name == name) {
                return Err(Error::new(Kind::Usage, format!("the step has no result {name}")));
            }
            let publishing =
                |what: &str| Error::new(Kind::Usage, format!("the result {name} cannot be {}: {what}", path.display()));
            if path.is_dir() {
                return Err(publishing("that is a directory"));
            }
            if !files::parent(path).is_dir() {
                return Err(publishing("its directory does not exist"));
            }
        }
        Ok(())
    }

    /// Publishes the results of a step that did its work: all of them, or none.
    pub(crate) fn publish<R: Results>(&self, results: &R) -> Result<()> {
        let named = R::SPECS.iter().zip(results.values());
        match self {
            Destination::Stdout => {
                let value = |spec: &ResultSpec, text: String| match spec.is_array {
                    true => serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)),
                    false => text.into(),
                };
                let object: serde_json::Map<_, _> = named.map(|(spec, text)| (spec.name.to_owned(), value(spec, text))).collect();
                print(&serde_json::Value::Object(object))
            }
            Destination::Files(files) => {
                let mut written: Vec<&PathBuf> = Vec::new();
                for (ResultSpec { name, .. }, value) in named {
                    let Some((_, path)) = files.iter().find(|(given, _)| given == name) else { continue };
                    if let Err(error) = files::write_atomic(path, value.as_bytes()) {
                        for path in written {
                            // What cannot be written can hardly be removed; the error that follows says why.
                            let _ = std::fs::remove_file(path);
                        }
                        return Err(error.context(format_args!("publishing the result {name}")));
                    }
                    written.push(path);
                }
                Ok(())
            }
        }
    }

    /// Says why the step failed, for `finally` tasks and people. Outside Tekton standard error has said it.
    pub(crate) fn publish_error(&self, message: &str) -> Result<()> {
        if let Destination::Files(files) = self
            && let Some((_, path)) = files.iter().find(|(name, _)| name == ERROR.name)
        {
            files::write_atomic(path, cut(message, ERROR.max).as_bytes())?;
        }
        Ok(())
    }
}

fn print(value: &serde_json::Value) -> Result<()> {
    writeln!(std::io::stdout(), "{value:#}").map_err(|e| Error::io("cannot write the results to standard output", e))
}

/// How many bytes `text` takes inside the termination message: Go's JSON, which also escapes `<`, `>`, `&`.
pub fn wire_len(text: &str) -> usize {
    text.chars().map(wire_len_of).sum()
}

fn wire_len_of(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        // Backspace and form feed are shorter since Go 1.22, and this holds for older Tektons as well.
        '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        c => c.len_utf8(),
    }
}

/// What Kubernetes keeps of a container's termination message, in bytes: the room for all results of a one-step Task.
pub const MESSAGE_LIMIT: usize = 4096;

/// The size of the termination message with results of these names and sizes (on the wire), in bytes.
///
/// Tekton's entrypoint writes a JSON array with one object a result, and one with the time of the start.
pub fn message_size<'a>(results: impl IntoIterator<Item = (&'a str, usize)>) -> usize {
    let entry = |key: usize, value: usize| r#"{"key":"","value":"","type":1},"#.len() + key + value;
    let started = entry("StartedAt".len(), "2006-01-02T15:04:05.000Z".len());
    "[]".len() - ",".len() + started + results.into_iter().map(|(name, size)| entry(wire_len(name), size)).sum::<usize>()
}

/// `text` cut to `max` bytes on the wire, with `…` where something is missing.
pub fn cut(text: &str, max: usize) -> String {
    if wire_len(text) <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub('…'.len_utf8());
    let mut used = 0;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            used += wire_len_of(*c);
            used <= room
        })
        .collect();
    kept.push('…');
    kept
}

// === impl ResultValue ===

macro_rules! scalar {
    ($($type:ty),*) => {
        $(impl ResultValue for $type {
            fn text(&self, max: usize) -> String {
                cut(&self.to_string(), max)
            }
        })*
    };
}

scalar!(bool, u32, u64, usize, String);

impl<T: Display> ResultValue for Option<T> {
    fn text(&self, max: usize) -> String {
        self.as_ref().map(|value| cut(&value.to_string(), max)).unwrap_or_default()
    }
}

impl<T: Display> ResultValue for Array<T> {
    const IS_ARRAY: bool = true;

    fn text(&self, _: usize) -> String {
        serde_json::Value::from(self.0.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string()
    }
}

/// One element a line. What does not fit is counted in a last line `+12 more`, which no element can look like.
impl<T: Display> ResultValue for Vec<T> {
    fn text(&self, max: usize) -> String {
        let lines: Vec<String> = self.iter().map(ToString::to_string).collect();
        let whole = lines.join("\n");
        if wire_len(&whole) <= max {
            return whole;
        }
        let more = |left: usize| format!("+{left} more");
        let room = max.saturating_sub(more(lines.len()).len());
        let mut used = 0;
        let fitting = lines
            .iter()
            .take_while(|line| {
                used += wire_len(line) + 2;
                used <= room
            })
            .count();
        let mut kept = lines[..fitting].to_vec();
        kept.push(more(lines.len() - fitting));
        kept.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::results! {
        /// For tests.
        struct Sample {
            /// A list,
            /// in two lines.
            #[result("LIST", max = 30)]
            list: Vec<String>,
            /// A flag.
            #[result("FLAG", max = 5)]
            flag: bool,
            /// May be missing.
            #[result("MAYBE", max = 8)]
            maybe: Option<String>,
        }
    }

    #[test]
    fn descriptions_are_the_doc_comments() {
        assert_eq!(Sample::SPECS[0].text(), "A list, in two lines.");
    }

    #[test]
    fn lists_are_cut_with_a_count() {
        let list: Vec<String> = (0..100).map(|n| format!("package-{n}")).collect();
        let sample = Sample { list, flag: true, maybe: None };
        assert_eq!(sample.values(), ["package-0\n+99 more", "true", ""]);
        assert!(sample.values().iter().zip(Sample::SPECS).all(|(value, spec)| wire_len(value) <= spec.max));
    }

    #[test]
    fn texts_are_cut_by_their_length_on_the_wire() {
        for text in ["<<<<<<<<", "ääää\n\n\n\u{1}", "\"\"\"\"\"\"\"\"\"\"\"\""] {
            for max in 3..40 {
                assert!(wire_len(&cut(text, max)) <= max, "{text:?} cut to {max}: {:?}", cut(text, max));
            }
        }
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "lo…");
    }

    #[test]
    fn the_message_as_tekton_writes_it() {
        assert_eq!(message_size([]), 65);
        let message =
            r#"[{"key":"COMMIT","value":"0123","type":1},{"key":"StartedAt","value":"2026-11-21T09:00:00.000Z","type":3}]"#;
        assert_eq!(message_size([("COMMIT", 4)]), message.len());
        let digest = format!("sha256:{}", "0".repeat(64));
        let size = |name, value: &str| (name, wire_len(value));
        let (url, image) = ("quay.io/acme/index", format!("quay.io/acme/index@{digest}"));
        assert_eq!(message_size([size("IMAGE_URL", url), size("IMAGE_DIGEST", &digest), size("IMAGE_REF", &image)]), 367);
        let images =
            |count: usize| message_size([size("IMAGES", &vec![format!("quay.io/acme/index/a@{digest}"); count].join("\n"))]);
        assert!(images(42) <= MESSAGE_LIMIT && images(43) > MESSAGE_LIMIT);
        assert_eq!(wire_len("a\"\\\n\r\t<>&\u{1}\u{7f}\u{2028}ä"), 1 + 2 * 5 + 6 * 3 + 6 + 1 + 6 + 2);
    }

    #[test]
    fn all_files_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let files = vec![("LIST".into(), dir.path().join("LIST")), ("FLAG".into(), dir.path().join("no/such/dir"))];
        let sample = Sample { list: vec!["a".into()], flag: false, maybe: None };
        let error = Destination::Files(files).publish(&sample).unwrap_err();
        assert!(error.to_string().starts_with("publishing the result FLAG"), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
