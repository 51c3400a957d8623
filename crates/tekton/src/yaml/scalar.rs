//! How a string or number has to be written so that no reader takes it for something else.

use std::fmt::Write;

use serde_json::Number;

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// As it is.
    Plain,
    /// In double quotes, on one line.
    Quoted,
    /// Line by line, after `|`.
    Block,
}

/// The style of a string where every style is possible: the most readable one that is safe.
pub(super) fn style(text: &str) -> Style {
    if is_plain(text) {
        Style::Plain
    } else if is_block(text) {
        Style::Block
    } else {
        Style::Quoted
    }
}

/// What some reader takes for a boolean, null or a number, in any case of its letters.
const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"];

/// Allows what is known to be harmless, rather than forbidding what is known to harm.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let starts_well = match (chars.next(), chars.next(), chars.next()) {
        (Some('/' | '$' | '(' | '_'), ..) => true,
        (Some('-'), Some('-'), third) => third.is_none_or(char::is_alphabetic),
        (Some('-'), Some(second), _) => second.is_alphabetic(),
        (Some('0'..='9'), ..) => !could_be_number(text),
        (Some(first), ..) => first.is_alphabetic(),
        (None, ..) => false,
    };
    starts_well
        && text.chars().all(|c| c == ' ' || (is_visible(c) && !c.is_whitespace()))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a text that starts with a digit has only what decimal, octal, hexadecimal, binary and sexagesimal numbers,
/// dates and times are made of. Versions such as `0.1.0` have no more than that either, and are better quoted anyway.
fn could_be_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit() || b" _.:,+-oOpPtTxXzZ".contains(&b))
}

fn is_block(text: &str) -> bool {
    text.contains('\n')
        && text.chars().all(|c| matches!(c, '\n' | '\t') || is_visible(c))
        && !text.chars().all(char::is_whitespace)
}

/// Whether YAML allows the character as it is, no reader takes it for a line break or drops it, and people see it: marks
/// that hide or reorder the text around them are escaped.
fn is_visible(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// Writes `text` in double quotes.
pub(super) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == ' ' || (is_visible(c) && !c.is_whitespace()) => out.push(c),
            // Writing to a string cannot fail.
            c if c <= '\u{ffff}' => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => drop(write!(out, "\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
}

/// Writes `text` as a block whose lines stand `columns` in, after `|`. Only for a text whose style is [`Style::Block`].
pub(super) fn block(out: &mut String, text: &str, columns: usize) {
    out.push('|');
    // Readers find the indentation by the first line that has something in it, unless it is told.
    if text.trim_start_matches('\n').starts_with([' ', '\t']) {
        out.push('2');
    }
    let body = match text.strip_suffix('\n') {
        None => {
            out.push('-');
            text
        }
        Some(body) => {
            if body.ends_with('\n') {
                out.push('+');
            }
            body
        }
    };
    out.push('\n');
    for line in body.split('\n') {
        if !line.is_empty() {
            indent(out, columns);
            out.push_str(line);
        }
        out.push('\n');
    }
}

pub(super) fn indent(out: &mut String, columns: usize) {
    out.extend(std::iter::repeat_n(' ', columns));
}

/// A number as JSON writes it; YAML 1.1 knows an exponent only after a point, and with its sign.
pub(super) fn number(number: &Number) -> String {
    let text = number.to_string();
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}
