//! JSON as Go's `encoding/json` decodes it into opm's types.
//!
//! What Go does and serde_json does not: names of fields match whatever their case, `null` is the empty value, a repeated
//! field counts the last time, text with broken UTF-8 or lone surrogates is mended, nesting ends at 10,000 levels.
//! Verdicts agree with Go's; where a *type* is wrong the text names the type but not Go's path to the field.

mod meta;
mod types;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::error::Category;

use crate::gotext::Quoted;
use crate::opm::OpmVersion;
use meta::Keys;
pub(crate) use types::{Bool, Bytes, CheckedBytes, Int, List, OldInt, Text, TextMap, go_struct, set};

/// How deep JSON may nest: Go's own limit.
const MAX_DEPTH: usize = 10_000;

/// How many items a list, or keys an object, may have: more is no catalog, but an attempt on our memory.
const MAX_ITEMS: usize = 1_000_000;
/// The fault of more than [`MAX_ITEMS`].
pub(crate) const TOO_MANY: &str = "more than 1000000 items";

/// The fault of nesting deeper than [`MAX_DEPTH`].
pub(crate) const TOO_DEEP: &str = "exceeded max depth";

/// The fields of a blob that opm looks at before it knows what the blob is.
#[derive(Debug, Default)]
pub(crate) struct Meta<'a> {
    pub(crate) schema: Cow<'a, str>,
    pub(crate) package: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
}

/// Why there is no object at the start of a text.
pub(crate) struct JsonFault {
    pub(crate) message: String,
    /// How much of the text was read, in bytes.
    pub(crate) offset: usize,
    pub(crate) limit: bool,
    /// Whether the text is no JSON, so that it may be YAML yet.
    pub(crate) syntax: bool,
}

/// The bytes of a JSON file as text of the same length, mended where Go would: broken UTF-8 and lone surrogates.
pub(crate) fn go_text(bytes: &[u8]) -> Cow<'_, str> {
    let text: Cow<'_, str> = match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        // Go puts U+FFFD for each bad byte; one byte in its place keeps all offsets.
        Err(_) => bytes
            .utf8_chunks()
            .fold(String::with_capacity(bytes.len()), |mut text, chunk| {
                text.push_str(chunk.valid());
                text.extend(chunk.invalid().iter().map(|_| '?'));
                text
            })
            .into(),
    };
    mend_surrogates(text)
}

/// Replaces `\u` escapes of surrogates that are no pair by that of U+FFFD.
fn mend_surrogates(text: Cow<'_, str>) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let suspects = |escape: &[u8]| memchr::memmem::find(bytes, escape).is_some();
    if !suspects(b"\\ud") && !suspects(b"\\uD") {
        return text;
    }
    let unit = |at: usize| -> Option<u32> {
        let hex = text.get(at..at + 6)?.strip_prefix("\\u")?;
        hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(hex, 16).ok())?
    };
    let mut lone = Vec::new();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        at += found;
        match unit(at) {
            Some(0xd800..0xdc00) if unit(at + 6).is_some_and(|low| (0xdc00..0xe000).contains(&low)) => at += 12,
            Some(0xd800..0xe000) => {
                lone.push(at);
                at += 6;
            }
            _ => at += 2,
        }
        if at >= bytes.len() {
            break;
        }
    }
    if lone.is_empty() {
        return text;
    }
    let mut mended = String::with_capacity(text.len());
    let mut copied = 0;
    for at in lone {
        mended.push_str(&text[copied..at]);
        mended.push_str("\\ufffd");
        copied = at + 6;
    }
    mended.push_str(&text[copied..]);
    mended.into()
}

/// What opm before 1.28 does to an object's text before it reads it, also where that breaks it.
pub(crate) fn replace_escapes(text: &str, opm: OpmVersion) -> Cow<'_, str> {
    let escapes = [("\\u003c", "<"), ("\\u003e", ">"), ("\\u0026", "&")];
    if opm >= OpmVersion::FOLDED_KEYS || memchr::memmem::find(text.as_bytes(), b"\\u00").is_none() {
        return text.into();
    }
    if !escapes.iter().any(|(escape, _)| text.contains(escape)) {
        return text.into();
    }
    escapes.iter().fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain)).into()
}

/// Reads the object at the start of `text`: its metadata and its length in bytes.
pub(crate) fn first(text: &str, opm: OpmVersion) -> Result<(Meta<'_>, usize), JsonFault> {
    let fault = |message| JsonFault { message, offset: 0, limit: false, syntax: false };
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Keys<'_>>();
    let keys = match stream.next() {
        Some(Ok(keys)) => keys,
        Some(Err(error)) => {
            let offset = offset(text, &error);
            let message = plain_message(text, &error);
            let limit = message.contains(TOO_MANY);
            return Err(JsonFault { message, offset, limit, syntax: error.classify() == Category::Syntax });
        }
        None => return Err(fault("unexpected end of JSON input".into())),
    };
    let length = stream.byte_offset();
    if deeper_than(&text[..length], MAX_DEPTH) {
        return Err(JsonFault { syntax: true, ..fault(TOO_DEEP.into()) });
    }
    let meta = keys.into_meta(&text[..length], opm).map_err(fault)?;
    Ok((meta, length))
}

/// Reads the metadata of a text that is one object.
pub(crate) fn whole(text: &str, opm: OpmVersion) -> Result<Meta<'_>, String> {
    let keys = parse::<Keys<'_>>(text);
    let keys = keys.map_err(|fault| if opm < OpmVersion::FOLDED_KEYS { format!("unmarshal error: {fault}") } else { fault })?;
    keys.into_meta(text, opm)
}

/// Decodes a text as `T`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| plain_message(text, &error))
}

/// Where serde_json stopped: the offset behind the byte that it did not like.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    (lines.map(str::len).sum::<usize>() + error.column()).min(text.len())
}

/// An error as Go would put it, where that can be told from serde_json's; without the position.
fn plain_message(text: &str, error: &serde_json::Error) -> String {
    let shown = error.to_string();
    let message = shown.rsplit_once(" at line ").map_or(&*shown, |(message, _)| message);
    if error.classify() == Category::Eof {
        return if text.is_empty() { "unexpected end of JSON input" } else { "unexpected EOF" }.into();
    }
    let mut rest = text.get(offset(text, error).saturating_sub(1)..).unwrap_or_default().chars();
    let control = message.starts_with("control character");
    // serde_json may stand a little before a control character.
    let wrong = if control { rest.find(|c| c.is_control()) } else { rest.next() }.unwrap_or_default();
    let place = match message {
        "invalid escape" => "in string escape code",
        "expected value" => "looking for beginning of value",
        "key must be a string" => "looking for beginning of object key string",
        "expected `:`" => "after object key",
        "expected `,` or `}`" => "after object key:value pair",
        "expected `,` or `]`" => "after array element",
        "invalid number" => "in numeric literal",
        "trailing characters" => "after top-level value",
        "trailing comma" if wrong == '}' => "looking for beginning of object key string",
        "trailing comma" => "looking for beginning of value",
        _ if control => "in string literal",
        _ => return message.to_owned(),
    };
    let wrong = match wrong {
        '\'' => "\\'".to_owned(),
        '"' => "\"".to_owned(),
        other if other < ' ' && !"\x07\x08\x0c\n\r\t\x0b".contains(other) => format!("\\u{:04x}", other as u32),
        other => Quoted(other.to_string()).to_string().trim_matches('"').to_owned(),
    };
    format!("invalid character '{wrong}' {place}")
}

fn deeper_than(text: &str, limit: usize) -> bool {
    if memchr::memchr2_iter(b'[', b'{', text.as_bytes()).take(limit + 1).count() <= limit {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}
