//! A file as opm reads it: a stream of JSON objects, or of YAML documents between `---` lines, each a blob of metadata.
//!
//! The framing is that of `YAMLOrJSONDecoder` in k8s.io/apimachinery with its oddities, since they decide verdicts: an
//! empty document is skipped only where the separator lines happen to swallow it, a document of nothing but comments is
//! `null`, text after `---` on its line is an error, and since opm 1.56 a stream that stops being JSON within its first
//! two objects is read on as YAML.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use step::{Cancel, Error};

use crate::decode::{self, Meta};
use crate::opm::OpmVersion;
use crate::tree::Limits;
use crate::yaml;

/// One object of a catalog file.
pub(crate) struct Blob<'a> {
    pub(crate) meta: Meta<'a>,
    /// The object as JSON text: the file's own, or converted from YAML.
    pub(crate) json: &'a str,
    /// Where it stands in the file, with what must go when it goes: blanks and its separator line before it, and the blanks
    /// after it on its line. Nothing lies between the ranges of two objects, so that any of them may go.
    pub(crate) range: Range<usize>,
    /// Line of its start, from 1.
    pub(crate) line: usize,
}

/// Why a file is not what it should be.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// opm's text, or ours where there is no use in copying Go's.
    pub(crate) message: String,
    /// Line in the file, from 1.
    pub(crate) line: Option<usize>,
    /// Whether it was a limit of ours: then there is no verdict.
    pub(crate) limit: bool,
}

// === impl Blob ===

impl Blob<'_> {
    /// The package that the object belongs to: its `package`, or its `name` if it is an `olm.package`.
    pub(crate) fn package(&self) -> Option<&str> {
        let name = if self.meta.schema == "olm.package" { &self.meta.name } else { &self.meta.package };
        (!name.is_empty()).then_some(&**name)
    }

    /// A fault of this object.
    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { message: message.into(), line: Some(self.line), limit: false }
    }
}

// === impl Fault ===

impl Fault {
    /// The fault as an error that names the file.
    pub(crate) fn into_error(self, path: &Path) -> Error {
        let place = self.line.map_or(String::new(), |line| format!(":{line}"));
        let error = Error::bad_input(format!("{}{place}: {}", path.display(), self.message.trim_end()));
        if self.limit { error.hint("look whether the file belongs into a catalog, or raise the limit") } else { error }
    }
}

/// Tells the lines of ever later bytes.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn at(&mut self, at: usize) -> usize {
        self.line += memchr::memchr_iter(b'\n', &self.bytes[self.at..at]).count();
        self.at = at;
        self.line
    }
}

/// The line, from 1, that the byte at `at` stands on.
fn line_of(bytes: &[u8], at: usize) -> usize {
    memchr::memchr_iter(b'\n', &bytes[..at.min(bytes.len())]).count() + 1
}

/// Hands every object of a file to `visit`, in order, until one is at fault. Stops early when the work is cancelled, for
/// which the caller has to look.
pub(crate) fn read(
    bytes: &[u8],
    opm: OpmVersion,
    limits: &Limits,
    cancel: &Cancel,
    mut visit: impl FnMut(Blob<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut visit = |blob: Blob<'_>| match cancel.is_cancelled() {
        true => Err(Fault { message: "cancelled".into(), line: None, limit: true }),
        false => visit(blob),
    };
    if !starts_like_json(bytes) {
        return read_yaml(bytes, 0..0, opm, limits, &mut visit);
    }
    let text = decode::go_text(bytes);
    let mut at = 0;
    // End of the last object's range, which is the start of the next one's.
    let mut cut = 0;
    let mut count = 0;
    let mut lines = Lines { bytes, at: 0, line: 1 };
    loop {
        let start = at + blanks(&bytes[at..]);
        if start == bytes.len() {
            return Ok(());
        }
        match decode::first(&text[start..], opm) {
            Ok((meta, length)) => {
                let end = start + length;
                let next = after_blank_line(&text[end..]).map_or(bytes.len(), |blank| end + blank);
                let json = decode::replace_escapes(&text[start..end], opm);
                let meta = match &json {
                    Cow::Borrowed(_) => meta,
                    Cow::Owned(json) => decode::whole(json, opm).map_err(|message| Fault {
                        message,
                        line: Some(line_of(bytes, start)),
                        limit: false,
                    })?,
                };
                visit(Blob { meta, json: &json, range: cut..next, line: lines.at(start) })?;
                at = end;
                cut = next;
                count += 1;
            }
            Err(fault) => {
                let unambiguous = opm >= OpmVersion::MIXED_STREAMS && count > 1;
                let stopped = start + fault.offset;
                let message = match fault.syntax && !unambiguous {
                    true => format!("json: offset {stopped}: {}", fault.message),
                    false => fault.message,
                };
                let line = line_of(bytes, stopped.saturating_sub(1).max(start));
                let too_deep = message.contains(decode::TOO_DEEP);
                let fault = Fault { message, line: Some(line), limit: fault.limit };
                if opm < OpmVersion::MIXED_STREAMS || unambiguous || fault.limit || too_deep {
                    return Err(fault);
                }
                let Some(rest) = after_blank_line(&text[at..]).map(|blank| at + blank) else { return Err(fault) };
                let mut first = Some(fault);
                let read = read_yaml(bytes, cut..rest, opm, limits, &mut |blob: Blob<'_>| {
                    first = None;
                    visit(blob)
                });
                return read.map_err(|again| if again.limit { again } else { first.unwrap_or(again) });
            }
        }
    }
}

/// What opm does to find YAML after JSON: skips blanks to the end of the line. `None` at the end of the file.
fn after_blank_line(text: &str) -> Option<usize> {
    for (i, c) in text.char_indices() {
        if c == '\n' {
            return Some(i + 1);
        }
        if !c.is_whitespace() {
            return Some(i);
        }
    }
    None
}

/// opm looks for an opening brace in the first 4096 bytes.
fn starts_like_json(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(4096)];
    let valid = head.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    valid.trim_start().starts_with('{')
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// Reads from the end of `skipped` on, which goes with the first document.
fn read_yaml(
    bytes: &[u8],
    skipped: Range<usize>,
    opm: OpmVersion,
    limits: &Limits,
    visit: &mut dyn FnMut(Blob<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut json = Vec::new();
    let mut lines = Lines { bytes, at: 0, line: 1 };
    let mut documents = Documents { bytes, at: skipped.end, cut: skipped.start, started: false };
    while let Some(document) = documents.next()? {
        let start = lines.at(document.text.start);
        let at = |line: Option<usize>| Some(start + line.map_or(0, |line| line.saturating_sub(1)));
        json.clear();
        yaml::to_json(&without_carriage_returns(&bytes[document.text.clone()]), limits, &mut json).map_err(|fault| Fault {
            message: format!("error converting YAML to JSON: {}", fault.message),
            line: at(fault.line),
            limit: fault.limit,
        })?;
        let fault = |message| Fault { message, line: at(None), limit: false };
        let text = String::from_utf8_lossy(&json);
        let text = decode::replace_escapes(&text, opm);
        let meta = match &*text {
            // Go leaves the object alone that it decodes null into, and so opm sees one without any text.
            "null" => None,
            text => Some(decode::whole(text, opm).map_err(|message| {
                fault(if opm < OpmVersion::FOLDED_KEYS {
                    message
                } else {
                    format!("error unmarshaling JSON: while decoding JSON: {message}")
                })
            })?),
        };
        let (meta, text) = match meta {
            Some(meta) => (meta, &*text),
            None if opm < OpmVersion::FOLDED_KEYS => {
                return Err(fault("unmarshal error: unexpected end of JSON input at offset 0 (indicated by <==)\n  <== ".into()));
            }
            None => (Meta::default(), ""),
        };
        visit(Blob { meta, json: text, range: document.range, line: start })?;
    }
    Ok(())
}

/// Lines end with `\n` alone when opm is done with them.
fn without_carriage_returns(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memmem::find(text, b"\r\n").is_none() {
        return Cow::Borrowed(text);
    }
    let mut bare = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
        bare.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
    }
    bare.extend_from_slice(rest);
    Cow::Owned(bare)
}

/// Splits YAML at its separator lines.
struct Documents<'a> {
    bytes: &'a [u8],
    at: usize,
    /// End of the last document's range.
    cut: usize,
    /// Whether a document was found, so that the stream stands at the separator line that ended it.
    started: bool,
}

struct DocumentPlace {
    /// What is cut out with the document: see [`Blob::range`].
    range: Range<usize>,
    /// What is parsed. A separator line is part of it where opm's reader leaves it in.
    text: Range<usize>,
}

impl Documents<'_> {
    /// The next document. Its range ends before a separator line, which belongs to the document after it. Of two in a row
    /// the first belongs to the document before, as does one at the end of the stream: two of them at either end would be
    /// an empty document to opm.
    fn next(&mut self) -> Result<Option<DocumentPlace>, Fault> {
        let start = self.at;
        // opm has read the separator line that ended the document before, so that it is no part of this one.
        let text_start = if self.started { self.line_end(start) } else { start };
        self.started = true;
        if text_start >= self.bytes.len() {
            return Ok(None);
        }
        let mut line = text_start;
        if self.is_separator(line) {
            // A second separator line in a row stays in the text, to the YAML parser's liking.
            self.check_separator(line)?;
            line = self.line_end(line);
        }
        let end = self.next_separator(line);
        if end < self.bytes.len() {
            self.check_separator(end)?;
        }
        self.at = end;
        let after = self.line_end(end);
        let cut = if after == self.bytes.len() || self.is_separator(after) { after } else { end };
        let range = std::mem::replace(&mut self.cut, cut)..cut;
        Ok(Some(DocumentPlace { range, text: text_start..end }))
    }

    fn is_separator(&self, at: usize) -> bool {
        self.bytes[at..].starts_with(b"---")
    }

    /// Start of the first separator line at or after the line that starts at `line`; the end of the stream without one.
    fn next_separator(&self, line: usize) -> usize {
        if line < self.bytes.len() && self.is_separator(line) {
            return line;
        }
        memchr::memmem::find(&self.bytes[line.min(self.bytes.len())..], b"\n---").map_or(self.bytes.len(), |at| line + at + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        memchr::memchr(b'\n', &self.bytes[at..]).map_or(self.bytes.len(), |length| at + length + 1)
    }

    fn check_separator(&self, at: usize) -> Result<(), Fault> {
        let rest = String::from_utf8_lossy(&self.bytes[at + 3..self.line_end(at)]);
        let rest = rest.trim();
        if rest.is_empty() || rest.starts_with('#') {
            return Ok(());
        }
        Err(Fault {
            message: format!("invalid Yaml document separator: {rest}"),
            line: Some(line_of(self.bytes, at)),
            limit: false,
        })
    }
}
