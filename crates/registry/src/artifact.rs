//! Artifacts: files in a registry or layout, as `oras` pushes and pulls them.
//!
//! An artifact is a manifest with an empty configuration, whose layers are files: each with its name as its title. A
//! directory is a layer too, a tar with gzip that says of itself that it is to be unpacked.

mod directory;
mod pull;
mod push;
mod staging;
mod unpack;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path};
use std::str::FromStr;

use step::files::InvalidRelativePath;
use step::{Error, RelativePath, Result};

use crate::MediaType;
use crate::media_type::InvalidMediaType;

pub use pull::{PullOptions, Pulled, pull};
pub use push::{PushOptions, Pushed, Subject, push};

/// Annotation of a manifest: when it was made, as RFC 3339 writes it. (OCI annotations.)
pub const CREATED: &str = "org.opencontainers.image.created";

/// Annotation of a layer: whether it is a directory.
const UNPACK: &str = "io.deis.oras.content.unpack";

/// Annotation of a layer that is a directory: the digest of its tar, without the compression.
const CONTENT_DIGEST: &str = "io.deis.oras.content.digest";

/// The empty JSON object, which stands where a manifest must name something.
const EMPTY_JSON: &[u8] = b"{}";

/// How much is read and written at once, in bytes.
const BUFFER: usize = 128 << 10;

/// A file to push: `PATH[:MEDIA-TYPE]`. A path that holds a colon is written with one more behind it: `a:b:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef {
    path: RelativePath,
    media_type: Option<MediaType>,
}

/// Why a text is not a [`FileRef`].
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidFileRef(String);

/// An annotation: `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    key: String,
    value: String,
}

/// Why a text is not an [`Annotation`].
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidAnnotation(&'static str);

// === impl FileRef ===

impl FileRef {
    /// A file or directory, by its path below the directory that artifacts are pushed from.
    pub fn new(path: RelativePath, media_type: Option<MediaType>) -> Self {
        FileRef { path, media_type }
    }

    /// The path, which is also what the file will be called.
    pub fn path(&self) -> &RelativePath {
        &self.path
    }

    /// What it is, if that is given.
    pub fn media_type(&self) -> Option<&MediaType> {
        self.media_type.as_ref()
    }
}

impl FromStr for FileRef {
    type Err = InvalidFileRef;

    fn from_str(text: &str) -> Result<Self, InvalidFileRef> {
        let (path, media_type) = text.rsplit_once(':').unwrap_or((text, ""));
        let path: RelativePath = path.parse().map_err(|error: InvalidRelativePath| InvalidFileRef(error.to_string()))?;
        let media_type = match media_type {
            "" => None,
            given => Some(given.parse().map_err(|error: InvalidMediaType| {
                InvalidFileRef(format!("{error}; a path with a colon is written with one behind it"))
            })?),
        };
        check_title(path.as_path()).map_err(|why| InvalidFileRef(format!("its path {why}")))?;
        Ok(FileRef { path, media_type })
    }
}

impl fmt::Display for FileRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)?;
        match &self.media_type {
            Some(media_type) => write!(f, ":{media_type}"),
            None if self.path.to_string().contains(':') => f.write_str(":"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for InvalidFileRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not PATH[:MEDIA-TYPE]: {}", self.0)
    }
}

impl std::error::Error for InvalidFileRef {}

// === impl Annotation ===

impl Annotation {
    /// Annotations as a map. Fails as bad input when two have the same key.
    pub fn map(annotations: &[Annotation]) -> Result<BTreeMap<String, String>> {
        let mut map = BTreeMap::new();
        for Annotation { key, value } in annotations {
            if map.insert(key.clone(), value.clone()).is_some() {
                return Err(Error::bad_input(format!("the annotation {key} is given more than once")).hint("give it once"));
            }
        }
        Ok(map)
    }
}

impl FromStr for Annotation {
    type Err = InvalidAnnotation;

    fn from_str(text: &str) -> Result<Self, InvalidAnnotation> {
        let (key, value) = text.split_once('=').ok_or(InvalidAnnotation("it has no `=`"))?;
        if key.is_empty() {
            return Err(InvalidAnnotation("its key is empty"));
        }
        // A value may be any text; what kubelet left of `$(…)` in it is the author's.
        if key.contains(|c: char| c == '$' || c.is_whitespace() || c.is_control()) {
            return Err(InvalidAnnotation("its key holds `$`, white space or a control character"));
        }
        Ok(Annotation { key: key.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

impl fmt::Display for InvalidAnnotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not KEY=VALUE: {}", self.0)
    }
}

impl std::error::Error for InvalidAnnotation {}

/// Two of the paths that cannot both be there: they are the same, or the second is in the first.
fn colliding<'a>(paths: impl Iterator<Item = &'a Path>) -> Option<(&'a Path, &'a Path)> {
    let mut paths: Vec<&Path> = paths.collect();
    // By their parts: what is in a directory follows it.
    paths.sort_unstable();
    let collide = |pair: &&[&Path]| pair[1].starts_with(pair[0]) || pair[0] == Path::new(".");
    paths.windows(2).find(collide).map(|pair| (pair[0], pair[1]))
}

/// Whether a link leads to nothing outside of the directory that it is `depth` directories below.
///
/// `..` counts only at the start: behind a name, which may be a link itself, it could lead anywhere. So a link that is
/// accepted stays inside as long as all others do.
fn stays_inside(depth: usize, target: &Path) -> bool {
    let mut parts = target.components().filter(|part| *part != Component::CurDir).peekable();
    let mut up = 0;
    while parts.next_if_eq(&Component::ParentDir).is_some() {
        up += 1;
    }
    up <= depth && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Fails when `path` cannot be what a file is called by all who may read it. The reason follows "it".
fn check_title(path: &Path) -> Result<(), &'static str> {
    match path.to_str() {
        None => Err("is not UTF-8"),
        Some(text) if text.chars().any(char::is_control) => Err("holds a control character"),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<T: FromStr<Err: fmt::Display> + fmt::Display>(cases: &[&str]) -> String {
        let say = |text: &&str| match text.parse::<T>() {
            Ok(parsed) => format!("{text:?} is {parsed}"),
            Err(error) => format!("{text:?} is {error}"),
        };
        cases.iter().map(say).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn files() {
        let cases = [
            "index.db:application/vnd.sqlite",
            "./a//b",
            "a:b:",
            "a:",
            "a:b",
            "a:b:text/plain",
            "",
            ":text/plain",
            "/etc/passwd",
            "../a",
            "a/../b",
            "$(params.x)",
            "a:text/",
            "a:text/a b",
            "a:$(x)/y",
            "a\tb",
            "a\nb",
            ".",
            "a:text/x;charset=utf-8",
        ];
        insta::assert_snapshot!(said::<FileRef>(&cases), @r#"
        "index.db:application/vnd.sqlite" is index.db:application/vnd.sqlite
        "./a//b" is a/b
        "a:b:" is a:b:
        "a:" is a
        "a:b" is not PATH[:MEDIA-TYPE]: not a media type: it is TYPE/SUBTYPE, as application/vnd.sqlite; a path with a colon is written with one behind it
        "a:b:text/plain" is a:b:text/plain
        "" is not PATH[:MEDIA-TYPE]: not a path below its directory: it is empty
        ":text/plain" is not PATH[:MEDIA-TYPE]: not a path below its directory: it is empty
        "/etc/passwd" is not PATH[:MEDIA-TYPE]: not a path below its directory: it is absolute
        "../a" is not PATH[:MEDIA-TYPE]: not a path below its directory: it holds `..`
        "a/../b" is not PATH[:MEDIA-TYPE]: not a path below its directory: it holds `..`
        "$(params.x)" is not PATH[:MEDIA-TYPE]: not a path below its directory: it holds `$`, a line break or a NUL
        "a:text/" is not PATH[:MEDIA-TYPE]: not a media type: it is TYPE/SUBTYPE, as application/vnd.sqlite; a path with a colon is written with one behind it
        "a:text/a b" is not PATH[:MEDIA-TYPE]: not a media type: it is TYPE/SUBTYPE, as application/vnd.sqlite; a path with a colon is written with one behind it
        "a:$(x)/y" is not PATH[:MEDIA-TYPE]: not a media type: it is TYPE/SUBTYPE, as application/vnd.sqlite; a path with a colon is written with one behind it
        "a\tb" is not PATH[:MEDIA-TYPE]: its path holds a control character
        "a\nb" is not PATH[:MEDIA-TYPE]: not a path below its directory: it holds `$`, a line break or a NUL
        "." is .
        "a:text/x;charset=utf-8" is not PATH[:MEDIA-TYPE]: not a media type: it is TYPE/SUBTYPE, as application/vnd.sqlite; a path with a colon is written with one behind it
        "#);
    }

    #[test]
    fn links() {
        for (depth, target, stays) in [
            (0, "a", true),
            (0, "./a/b", true),
            (0, ".", true),
            (1, "..", true),
            (2, "../../a", true),
            (0, "..", false),
            (1, "../..", false),
            (0, "/etc", false),
            (1, "a/..", false),
            (1, "../a/../..", false),
            (0, "./..", false),
        ] {
            assert_eq!(stays_inside(depth, Path::new(target)), stays, "{target} at {depth}");
        }
    }

    #[test]
    fn names_that_cannot_both_be() {
        let collide = |names: &[&str]| colliding(names.iter().map(Path::new)).is_some();
        assert!(collide(&["a", "b", "a"]) && collide(&["a/b/c", "a.b", "a"]) && collide(&["b", "."]));
        assert!(!collide(&["a", "a.b", "ab", "b/a"]) && !collide(&["."]) && !collide(&[]));
    }

    #[test]
    fn annotations() {
        let cases = ["request_id=7", "operators=a,b", "a==b", "a=", "a= $(x) ", "a", "", "=x", "a b=c", "$(a)=b"];
        insta::assert_snapshot!(said::<Annotation>(&cases), @r#"
        "request_id=7" is request_id=7
        "operators=a,b" is operators=a,b
        "a==b" is a==b
        "a=" is a=
        "a= $(x) " is a= $(x) 
        "a" is not KEY=VALUE: it has no `=`
        "" is not KEY=VALUE: it has no `=`
        "=x" is not KEY=VALUE: its key is empty
        "a b=c" is not KEY=VALUE: its key holds `$`, white space or a control character
        "$(a)=b" is not KEY=VALUE: its key holds `$`, white space or a control character
        "#);
        let twice = ["a=1", "b=", "a=1"].map(|text| text.parse().unwrap());
        insta::assert_snapshot!(Annotation::map(&twice).unwrap_err(), @"the annotation a is given more than once");
    }
}
