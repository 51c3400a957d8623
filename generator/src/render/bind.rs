//! Values in rendered text: data, never structure.
//!
//! A template does not write a value into its text. It writes a token, and when the text is read as YAML, the token is
//! found in some scalar: that scalar becomes one with the value in it, quoted as it has to be. A line break, a `: ` or a
//! quote in a value can therefore change nothing around it, wherever the template has put it.

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

/// Starts a token.
pub(super) const OPEN: char = '\u{10FFFE}';
/// Ends a token.
pub(super) const CLOSE: char = '\u{10FFFF}';

/// What a token stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    /// A value: itself where it is all there is, its text within other text.
    Value(Value),
    /// The same, with JSON as its text.
    Json(Value),
}

/// The text for the token of the value number `index`.
pub(super) fn token(index: usize) -> String {
    format!("{OPEN}{index}{CLOSE}")
}

/// What a template rendered.
#[derive(Debug)]
pub(super) struct Draft {
    /// Text with tokens.
    pub(super) text: String,
    /// What they stand for.
    pub(super) bound: Vec<Bound>,
}

/// Text with values instead of tokens.
#[derive(Debug)]
pub(super) struct Settled {
    /// The text.
    pub(super) text: String,
    /// Where it differs from the draft: ranges of the draft, and how long what stands there now is.
    edits: Vec<(std::ops::Range<usize>, usize)>,
}

/// Why a draft cannot be settled, with the place in it.
#[derive(Debug)]
pub(super) struct Misplaced {
    /// The byte of the draft.
    pub(super) offset: usize,
    /// The rule.
    pub(super) rule: &'static str,
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: Option<&'static str>,
}

/// Puts the values where their tokens are.
pub(super) fn settle(draft: &Draft) -> Result<Settled, Misplaced> {
    let text = &*draft.text;
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    let mut scalars: Vec<std::ops::Range<usize>> = Vec::new();
    if !draft.bound.is_empty() {
        let mut parser = Parser::new_from_str_with_options(text, granit_parser::options! { emit_comments: false });
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| Misplaced {
                offset: error.marker().byte_offset().unwrap_or_default(),
                rule: tekton::rules::YAML_SYNTAX.name,
                message: format!("what it renders is not YAML: {}", error.info()),
                hint: None,
            })?;
            let Event::Scalar(value, style, ..) = event else { continue };
            let mut range = span.byte_range().unwrap_or_default();
            if value.contains(OPEN) && matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                range.start = header(text, scalars.last().map_or(0, |last| last.end), range.start);
                // The parser counts the next line's indentation as well.
                range.end = text[..range.end].trim_end_matches(' ').len();
            }
            if value.contains(OPEN) {
                let scalar = scalar(&draft.bound, &value, style).map_err(|(message, hint)| Misplaced {
                    offset: text[range.clone()].find(OPEN).map_or(range.start, |at| range.start + at),
                    rule: "misplaced-value",
                    message,
                    hint: Some(hint),
                })?;
                let line_break = if text[range.clone()].ends_with('\n') { "\n" } else { "" };
                edits.push((range.clone(), scalar + line_break));
            }
            scalars.push(range);
        }
        comments(draft, &scalars, &mut edits)?;
    }
    let mut settled = Settled { text: String::with_capacity(text.len() * 2), edits: Vec::with_capacity(edits.len()) };
    let mut done = 0;
    for (range, replacement) in edits {
        settled.text.push_str(&text[done..range.start]);
        settled.text.push_str(&replacement);
        done = range.end;
        settled.edits.push((range, replacement.len()));
    }
    settled.text.push_str(&text[done..]);
    Ok(settled)
}

impl Settled {
    /// The byte of the draft that became the byte at `offset`.
    pub(super) fn draft_offset(&self, offset: usize) -> usize {
        let (mut draft, mut settled) = (0, 0);
        for (range, length) in &self.edits {
            let start = settled + (range.start - draft);
            if offset < start {
                break;
            }
            if offset < start + length {
                return range.start;
            }
            (draft, settled) = (range.end, start + length);
        }
        draft + (offset - settled)
    }
}

/// A scalar with its values, as YAML on one line.
fn scalar(bound: &[Bound], text: &str, style: ScalarStyle) -> Result<String, (String, &'static str)> {
    let parts = split(bound, text);
    if let ([Part::Bound(Bound::Value(value) | Bound::Json(value))], ScalarStyle::Plain) = (&parts[..], style) {
        return Ok(json(value));
    }
    let mut all = String::new();
    for part in parts {
        match part {
            Part::Text(text) => all.push_str(text),
            Part::Bound(Bound::Value(Value::String(text))) => all.push_str(text),
            Part::Bound(Bound::Value(value @ (Value::Bool(_) | Value::Number(_)))) => all.push_str(&value.to_string()),
            Part::Bound(Bound::Json(value)) => all.push_str(&json(value)),
            Part::Bound(Bound::Value(value)) => {
                let what = match value {
                    Value::Array(_) => "a list",
                    Value::Object(_) => "an object",
                    _ => "none",
                };
                return Err((format!("{what} cannot stand within a text"), "write it by itself, or as JSON: [[ … | yaml ]]"));
            }
        }
    }
    Ok(json(&Value::String(all)))
}

enum Part<'t> {
    Text(&'t str),
    Bound(&'t Bound),
}

fn split<'t>(bound: &'t [Bound], text: &'t str) -> Vec<Part<'t>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        let (index, after) = after.split_once(CLOSE).unwrap_or((after, ""));
        parts.extend(index.parse().ok().and_then(|index: usize| bound.get(index)).map(Part::Bound));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// JSON on one line, in the part of it that is YAML to every reader.
pub(super) fn json(value: &Value) -> String {
    let mut out = String::new();
    for c in value.to_string().chars() {
        // JSON leaves these as they are, and some reader of YAML drops them or takes them for a line break.
        match c {
            '\u{7f}'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// Where the header of a block scalar starts whose text starts at `content`. No scalar before it ends later than `from`.
fn header(text: &str, from: usize, content: usize) -> usize {
    let before = text[..content].rfind('\n').map_or(0, |at| at);
    let end = text[..before].trim_end().len();
    let line = text[..end].rfind('\n').map_or(0, |at| at + 1).max(from);
    let is_header = |at: &usize| {
        let after = text[at + 1..end].trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
        text[..*at].ends_with(|c: char| c.is_whitespace()) && (after.is_empty() || after.trim_start().starts_with('#'))
    };
    text.get(line..end).unwrap_or_default().match_indices(['|', '>']).map(|(at, _)| line + at).find(is_header).unwrap_or(content)
}

/// Tokens outside of scalars: they may stand in comments, and nowhere else.
fn comments(
    draft: &Draft,
    scalars: &[std::ops::Range<usize>],
    edits: &mut Vec<(std::ops::Range<usize>, String)>,
) -> Result<(), Misplaced> {
    let text = &*draft.text;
    let within = |at: usize| {
        let index = scalars.partition_point(|range| range.end <= at);
        scalars.get(index).is_some_and(|range| range.contains(&at))
    };
    for (start, _) in text.match_indices(OPEN).filter(|(at, _)| !within(*at)) {
        let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let is_comment = |at: usize| !within(at) && (at == line || text[..at].ends_with([' ', '\t']));
        if !text[line..start].match_indices('#').any(|(at, _)| is_comment(line + at)) {
            return Err(Misplaced {
                offset: start,
                rule: "misplaced-value",
                message: "a value cannot stand here".to_owned(),
                hint: Some("values are data: keys, items, texts; not tags, anchors, or what else makes YAML"),
            });
        }
        let end = text[start..].find(CLOSE).map_or(text.len(), |at| start + at + CLOSE.len_utf8());
        let shown: String = split(&draft.bound, &text[start..end])
            .iter()
            .map(|part| match part {
                Part::Bound(Bound::Value(value) | Bound::Json(value)) => json(value),
                Part::Text(text) => (*text).to_owned(),
            })
            .collect();
        edits.push((start..end, shown));
    }
    edits.sort_by_key(|(range, _)| range.start);
    Ok(())
}
