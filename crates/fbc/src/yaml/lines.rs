//! What YAML 1.1 has of lines and the parser, one of YAML 1.2, has not, put in terms that it knows.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle};

/// The characters that break lines in YAML 1.1 only.
const OLD_BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// How many quoted scalars of a document are mended: each costs a pass over the document.
const MENDS: usize = 100;

/// The text with line breaks where YAML 1.1 has them. In quoted scalars the characters stay: there they are part of the
/// value, and decide nothing.
pub(super) fn with_breaks(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(OLD_BREAKS) {
        return text;
    }
    let mut broken = String::with_capacity(text.len());
    let mut copied = 0;
    for range in Scan::new(&text).quoted {
        broken.push_str(&text[copied..range.start].replace(OLD_BREAKS, "\n"));
        broken.push_str(&text[range.clone()]);
        copied = range.end;
    }
    broken.push_str(&text[copied..].replace(OLD_BREAKS, "\n"));
    broken.into()
}

/// The text without what only YAML 1.2 refuses: lines of quoted scalars that are not indented, and byte order marks in a
/// document's middle. Nothing when there is nothing to mend.
pub(super) fn mended(text: &str) -> Option<String> {
    let mut mended: Option<String> = None;
    for _ in 0..MENDS {
        let now = mended.as_deref().unwrap_or(text);
        let scan = Scan::new(now);
        let better = match scan.error {
            Some(ErrorKind::InvalidQuotedScalarIndent | ErrorKind::TabInIndentation) => indent_quoted(now, scan.end),
            // To go-yaml the mark is a letter, and so is this one, which nobody uses.
            Some(ErrorKind::BomInsideDocument) => {
                let first = now.chars().next().map_or(0, char::len_utf8);
                Some(format!("{}{}", &now[..first], now[first..].replace('\u{feff}', "\u{e000}")))
            }
            _ => None,
        };
        match better.filter(|better| better != now) {
            Some(better) => mended = Some(better),
            None => break,
        }
    }
    mended
}

/// How far the parser comes.
struct Scan {
    quoted: Vec<Range<usize>>,
    /// End of the last token that was read.
    end: usize,
    error: Option<ErrorKind>,
}

impl Scan {
    fn new(text: &str) -> Self {
        let mut scan = Scan { quoted: Vec::new(), end: 0, error: None };
        let mut parser = Parser::new_from_str_with_options(text, granit_parser::options! { emit_comments: false });
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => {
                    let range = span.byte_range().unwrap_or_default();
                    scan.end = scan.end.max(range.end);
                    if matches!(event, Event::Scalar(_, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, ..)) {
                        scan.quoted.push(range);
                    }
                }
                Err(error) => {
                    scan.error = Some(error.kind().clone());
                    break;
                }
            }
        }
        scan
    }
}

/// Indents the lines of the first quoted scalar at or after `at`, where a token has ended. The blanks that such a line
/// starts with are no part of the value.
fn indent_quoted(text: &str, at: usize) -> Option<String> {
    let start = at + opening_quote(&text[at..])?;
    let column = start - text[..start].rfind('\n').map_or(0, |at| at + 1);
    let end = start + 1 + quoted_length(&text[start + 1..], text.as_bytes()[start])?;
    let mut lines = text[start..end].split('\n');
    let mut mended = text[..start].to_owned();
    mended.push_str(lines.next()?);
    for line in lines {
        let marker = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
        if marker.is_some_and(|rest| rest.trim_start().len() < rest.len() || rest.is_empty()) {
            return None;
        }
        mended.push('\n');
        mended.extend(std::iter::repeat_n(' ', column + 1));
        mended.push_str(line.trim_start_matches([' ', '\t']));
    }
    mended.push_str(&text[end..]);
    Some(mended)
}

/// Where the first quoted scalar starts, if only indicators, anchors, tags and comments stand before it.
fn opening_quote(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    let mut blank = false;
    while let Some((at, c)) = chars.next() {
        let is_start = |c: char| c.is_ascii_whitespace();
        match c {
            '"' | '\'' => return Some(at),
            '#' if blank => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
            '&' | '!' => while chars.next_if(|(_, c)| !is_start(*c)).is_some() {},
            ':' | '-' | '?' | ',' => {}
            c if is_start(c) => {}
            _ => return None,
        }
        blank = is_start(c);
    }
    None
}

/// Length of what stands between the quotes.
fn quoted_length(text: &str, quote: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match (*bytes.get(at)?, bytes.get(at + 1)) {
            (b'\\', _) if quote == b'"' => at += 2,
            (b'\'', Some(b'\'')) if quote == b'\'' => at += 2,
            (byte, _) if byte == quote => return Some(at),
            _ => at += 1,
        }
    }
}
