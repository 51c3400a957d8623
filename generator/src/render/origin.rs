//! Which line of which template a piece of rendered text comes from.
//!
//! Only when something is wrong, the templates are rendered once more with a mark before each line's first text. What
//! is between two marks comes from the first one's line, or was inserted there.

use tekton::source::{Position, Source};

/// Starts a mark. These and the two that bind values are noncharacters: Unicode promises that they are no text.
const OPEN: char = '\u{FFFFE}';
/// Ends a mark.
const CLOSE: char = '\u{FFFFF}';

/// What is said of a text that holds one of these.
pub(super) const RESERVED: &str = "this character (U+FFFFE, U+FFFFF, U+10FFFE or U+10FFFF) is no text to Unicode";

/// Whether Unicode keeps the character for uses such as here.
pub(super) fn is_reserved(c: char) -> bool {
    matches!(c, OPEN | CLOSE | super::bind::OPEN | super::bind::CLOSE)
}

/// Where a template's text went.
#[derive(Debug)]
pub(super) struct Origin {
    /// Offsets in the rendered text with template and line, ascending.
    marks: Vec<(usize, usize, usize)>,
}

/// `text`, the template number `template`, with marks.
///
/// A mark stands right before a line's first visible character, so that it changes nothing about the white space that
/// tags take away. A line that starts with a statement has it behind the statement.
pub(super) fn mark(text: &str, template: usize) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut line, mut at) = (1, 0);
    let (mut unmarked, mut is_raw) = (true, false);
    let put = |out: &mut String, line: usize, unmarked: &mut bool| {
        if std::mem::take(unmarked) {
            out.push_str(&format!("{OPEN}{template}.{line}{CLOSE}"));
        }
    };
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let is_tag = match is_raw {
            true => rest.starts_with("[%") && statement(rest) == "endraw",
            false => rest.starts_with("[[") || rest.starts_with("[%") || rest.starts_with("[#"),
        };
        if is_tag {
            if rest.starts_with("[[") && !rest.starts_with("[[-") {
                put(&mut out, line, &mut unmarked);
            }
            is_raw = rest.starts_with("[%") && statement(rest) == "raw";
            let tag = &rest[..tag_length(rest)];
            let breaks = tag.matches('\n').count();
            line += breaks;
            unmarked |= breaks > 0;
            out.push_str(tag);
            at += tag.len();
            continue;
        }
        if c == '\n' {
            line += 1;
            unmarked = true;
        } else if !c.is_whitespace() {
            put(&mut out, line, &mut unmarked);
        }
        out.push(c);
        at += c.len_utf8();
    }
    out
}

/// The first word of a statement.
fn statement(tag: &str) -> &str {
    let inner = tag[2..].trim_start_matches(['-', '+']).trim_start();
    inner.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
}

/// How long the tag is that `text` starts with. Its end does not count within a string or between brackets.
fn tag_length(text: &str) -> usize {
    let end = match &text[..2] {
        "[#" => return text.find("#]").map_or(text.len(), |at| at + 2),
        "[%" => "%]",
        _ => "]]",
    };
    let (mut depth, mut quote) = (0usize, None);
    let mut chars = text.char_indices().skip(2);
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(chars.next()),
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, _) if depth == 0 && text[at..].starts_with(end) => return at + 2,
            (None, '[' | '(' | '{') => depth += 1,
            (None, ']' | ')' | '}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    text.len()
}

impl Origin {
    /// From the text rendered with marks. `None` when it is not `plain` but for them: some template looks at its own text.
    pub(super) fn new(marked: &str, plain: &str) -> Option<Self> {
        let mut marks = Vec::new();
        let (mut stripped, mut rest) = (String::with_capacity(plain.len()), marked);
        while let Some((before, after)) = rest.split_once(OPEN) {
            stripped.push_str(before);
            let (mark, after) = after.split_once(CLOSE)?;
            let (template, line) = mark.split_once('.')?;
            marks.push((stripped.len(), template.parse().ok()?, line.parse().ok()?));
            rest = after;
        }
        stripped.push_str(rest);
        (stripped == plain).then_some(Origin { marks })
    }

    /// The template that the byte of the rendered text comes from, and the place in it.
    ///
    /// The column is exact where the line up to it was rendered as it stands in the template; else it is that of the
    /// first tag which made the difference.
    pub(super) fn locate(&self, rendered: &Source, offset: usize, templates: &[Source]) -> Option<(usize, Position)> {
        let index = self.marks.partition_point(|(at, ..)| *at <= offset).max(1) - 1;
        let (_, template, line) = *self.marks.get(index)?;
        let place = rendered.position(offset);
        let source = templates.get(template)?.line(line);
        let alike = source.chars().zip(rendered.line(place.line).chars()).take_while(|(a, b)| a == b).count();
        Some((template, Position { line, column: place.column.min(alike + 1) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_before_text_and_behind_statements() {
        let marked = |text| mark(text, 0).replace([OPEN, CLOSE], "|").replace("|0.", "|");
        insta::assert_snapshot!(marked("a: 1\n  b: [[ x ]]\n"), @"
        |1|a: 1
          |2|b: [[ x ]]
        ");
        insta::assert_snapshot!(marked("[% if x %]\n  [%- for y in x -%] a\n\n   b[% endfor %]\n[# c\nd #] e\n"), @"
        [% if x %]
          [%- for y in x -%] |2|a

           |4|b[% endfor %]
        [# c
        d #] |6|e
        ");
        insta::assert_snapshot!(marked("[[ x['%]'][y[0]] ]]\n[[- z\n]]w\n[% set a = '%]' %]\n"), @"
        |1|[[ x['%]'][y[0]] ]]
        [[- z
        ]]|3|w
        [% set a = '%]' %]
        ");
        insta::assert_snapshot!(marked("[% raw %]\n [[ a\n[% if %]\n[% endraw %]x [% b"), @"
        [% raw %]
         |2|[[ a
        |3|[% if %]
        [% endraw %]|4|x [% b
        ");
    }
}
