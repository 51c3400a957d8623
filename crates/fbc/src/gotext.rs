//! Text as Go prints it: opm's messages are made with Go's format verbs.

use std::fmt::{self, Write};

use serde_json::Value;

/// Go's `%q`: a quoted string with Go's escapes.
pub(crate) struct Quoted<T>(pub T);

impl<T: AsRef<str>> fmt::Display for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.as_ref().chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\x07' => f.write_str("\\a")?,
                '\x08' => f.write_str("\\b")?,
                '\x0c' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\x0b' => f.write_str("\\v")?,
                c if printable(c) => f.write_char(c)?,
                c if (c as u32) < 0x80 => write!(f, "\\x{:02x}", c as u32)?,
                c if (c as u32) < 0x10000 => write!(f, "\\u{:04x}", c as u32)?,
                c => write!(f, "\\U{:08x}", c as u32)?,
            }
        }
        f.write_char('"')
    }
}

/// Go's `unicode.IsPrint`, near enough: what Rust would not escape, and the combining marks that only Rust escapes.
fn printable(c: char) -> bool {
    c == ' ' || (!c.is_control() && !c.is_whitespace() && (c.escape_debug().len() == 1 || c.is_alphabetic()))
}

/// Appends `text` as a JSON string the way Go's encoder writes it without HTML escapes.
pub(crate) fn write_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain = 0;
    for (i, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0..0x20 => b"",
            // U+2028 and U+2029 are escaped by Go, which changes nothing for whoever reads it.
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain..i]);
        if escape.is_empty() {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.extend_from_slice(escape);
        }
        plain = i + 1;
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

/// A finite number as Go's JSON encoder writes a `float64`.
pub(crate) fn json_float(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        };
    }
    format!("{number}")
}

/// A JSON value as Go writes a map that it decoded from it: keys sorted, numbers as `float64`.
pub(crate) fn write_json(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(json_float(number.as_f64().unwrap_or(0.0)).as_bytes()),
        Value::String(text) => write_json_string(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_json(out, item);
            }
            out.push(b']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_json_string(out, key);
                out.push(b':');
                write_json(out, value);
            }
            out.push(b'}');
        }
    }
}

/// Go's rule for the names of struct fields: equal, or equal but for case (with the two letters that fold to ASCII).
pub(crate) fn same_field(key: &str, name: &str) -> bool {
    key == name
        || key.eq_ignore_ascii_case(name)
        || (!key.is_ascii() && key.replace('\u{212a}', "k").replace('\u{17f}', "s").eq_ignore_ascii_case(name))
}

/// Unicode case folding, for telling which keys differ only in case.
pub(crate) fn fold(key: &str) -> String {
    if key.is_ascii() { key.to_ascii_lowercase() } else { key.to_uppercase().to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_like_go() {
        // As printed by fmt.Printf("%q") of Go 1.26.
        let cases = [
            ("a \"b\" \\", r#""a \"b\" \\""#),
            ("\x07\x08\x0c\n\r\t\x0b\0\x7f", r#""\a\b\f\n\r\t\v\x00\x7f""#),
            ("ä€😀\u{a0}\u{200b}\u{feff}\u{e000}", r#""ä€😀\u00a0\u200b\ufeff\ue000""#),
        ];
        for (text, quoted) in cases {
            assert_eq!(Quoted(text).to_string(), quoted);
        }
    }

    #[test]
    fn floats_like_go() {
        let cases = [
            (1.5, "1.5"),
            (100.0, "100"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.25e-7, "1.25e-7"),
            (0.000001, "0.000001"),
            (12345678901234567890.0, "12345678901234567000"),
        ];
        for (number, text) in cases {
            assert_eq!(json_float(number), text, "{number}");
        }
    }

    #[test]
    fn fields_match_by_case_folding() {
        for key in ["skipRange", "SKIPRANGE", "\u{17f}\u{212a}ipRange"] {
            assert!(same_field(key, "skipRange"), "{key}");
        }
        assert!(!same_field("skip_range", "skipRange"));
    }
}
