//! JSON as Go's `encoding/json` reads and writes it, as far as catalogs show the difference.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Error;
use serde_json::value::RawValue;

/// A JSON object whose values are looked at only when asked for. `null` is an object without fields.
#[derive(Debug, Default)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

// === impl Object ===

impl<'a> Object<'a> {
    pub(crate) fn read(value: &'a RawValue) -> Result<Self, Error> {
        let object: Option<Object<'a>> = serde_json::from_str(value.get())?;
        Ok(object.unwrap_or_default())
    }

    /// The field `name`. As in Go the last of several counts, and a name that differs only in case is as good.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().rev().find(|(key, value)| folds(key, name) && value.get() != "null");
        found.map(|(_, value)| *value)
    }

    /// As [`Object::get`], but `null` is a value too.
    pub(crate) fn get_or_null(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| folds(key, name)).map(|(_, value)| *value)
    }

    /// The object in field `name`, without fields where there is none.
    pub(crate) fn object(&self, name: &str) -> Result<Object<'a>, Error> {
        self.get(name).map_or_else(|| Ok(Object::default()), Object::read)
    }

    /// The list in field `name`, empty where there is none.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<&'a RawValue>, Error> {
        self.get(name).map_or_else(|| Ok(Vec::new()), |value| serde_json::from_str(value.get()))
    }

    /// The text in field `name`, empty where there is none.
    pub(crate) fn string(&self, name: &str) -> Result<String, Error> {
        self.get(name).map_or_else(|| Ok(String::new()), text)
    }

    /// All fields, in the order of the text.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), *value))
    }
}

fn folds(key: &str, name: &str) -> bool {
    key == name || key.eq_ignore_ascii_case(name)
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The text of a JSON string; `null` is empty. Half a surrogate pair becomes U+FFFD, as in Go, instead of an error.
pub(crate) fn text(value: &RawValue) -> Result<String, Error> {
    match serde_json::from_str::<Option<String>>(value.get()) {
        Ok(text) => Ok(text.unwrap_or_default()),
        Err(error) if value.get().starts_with('"') => {
            serde_json::from_str(&without_lone_surrogates(value.get())).map_err(|_| error)
        }
        Err(error) => Err(error),
    }
}

fn without_lone_surrogates(json: &str) -> String {
    let unit = |text: &str| text.get(2..6).filter(|_| text.starts_with("\\u")).and_then(|hex| u16::from_str_radix(hex, 16).ok());
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (text, length) = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (&escape[..12], 12),
            (Some(0xd800..=0xdfff), _) => ("\u{fffd}", 6),
            (Some(_), _) => (&escape[..6], 6),
            // Two bytes, or all that is left of a string that ends early.
            (None, _) => (escape.get(..2).unwrap_or(escape), escape.len().min(2)),
        };
        out.push_str(text);
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Appends `text` as a JSON string, with Go's escapes: `<`, `>` and `&` as they are, U+2028 and U+2029 escaped.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    let quoted = serde_json::Value::String(text.to_owned()).to_string();
    let mut rest = quoted.as_str();
    while let Some(at) = rest.find(['\u{2028}', '\u{2029}']) {
        let (before, separator) = rest.split_at(at);
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(if separator.starts_with('\u{2028}') { b"\\u2028" } else { b"\\u2029" });
        rest = separator.get(3..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Appends valid JSON without the blanks between its tokens.
pub(crate) fn push_compact(out: &mut Vec<u8>, json: &str) {
    let mut in_string = false;
    let mut escaped = false;
    for byte in json.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
}

/// How deeply JSON may nest: Go's limit.
const MAX_DEPTH: usize = 10_000;

/// Appends compact JSON with four blanks for each level and a line break at the end.
///
/// Fails where it nests too deeply, or when `out` grows larger than a catalog's file may be: indented, a few megabytes
/// of brackets would be more than any memory.
pub(crate) fn push_indented(out: &mut Vec<u8>, compact: &[u8]) -> Result<(), Error> {
    let max_size = fbc::Limits::default().max_file_size;
    let line = |out: &mut Vec<u8>, depth: usize| {
        if depth > MAX_DEPTH {
            return Err(Error::custom("exceeded max depth"));
        }
        if out.len() as u64 > max_size {
            return Err(Error::custom(format_args!("the catalog of its package would have more than {max_size} bytes")));
        }
        out.push(b'\n');
        out.resize(out.len() + 4 * depth, b' ');
        Ok(())
    };
    out.reserve(compact.len() + compact.len() / 8);
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = compact.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let start = at - 1;
                let mut escaped = false;
                while let Some(&byte) = compact.get(at) {
                    at += 1;
                    if byte == b'"' && !escaped {
                        break;
                    }
                    escaped = !escaped && byte == b'\\';
                }
                out.extend_from_slice(&compact[start..at]);
            }
            b'{' | b'[' if matches!(compact.get(at), Some(b'}' | b']')) => {
                out.extend([byte, compact[at]]);
                at += 1;
            }
            b'{' | b'[' => {
                depth += 1;
                out.push(byte);
                line(out, depth)?;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(out, depth)?;
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(out, depth)?;
            }
            b':' => out.extend_from_slice(b": "),
            byte => out.push(byte),
        }
    }
    line(out, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn fields_are_found_as_go_finds_them() {
        let object = Object::read(raw(r#"{"NAME": "a", "name": "b", "none": null, "\u006eum": 1, "Name": null}"#)).unwrap();
        assert_eq!(object.string("name").unwrap(), "b");
        assert_eq!(object.string("none").unwrap(), "");
        assert_eq!(object.get_or_null("none").unwrap().get(), "null");
        assert_eq!(object.get("num").unwrap().get(), "1");
        assert!(object.get("other").is_none());
        assert!(Object::read(raw("null")).unwrap().get("name").is_none());
        assert!(Object::read(raw("[]")).is_err());
        assert!(object.string("num").is_err());
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        let table = [
            (r#""a\ud83d\ude00b""#, "a\u{1f600}b"),
            (r#""a\ud83db""#, "a\u{fffd}b"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""\ud83d\n\u0041""#, "\u{fffd}\nA"),
        ];
        for (json, expected) in table {
            assert_eq!(text(raw(json)).unwrap(), expected, "{json}");
        }
        assert!(text(raw("7")).is_err());
    }

    #[test]
    fn strings_are_escaped_as_in_go() {
        let mut out = Vec::new();
        push_string(&mut out, "<a & \"b\" \\ \u{2028}\u{2029}\u{8}\u{c}\n\r\t\u{1}\u{7f}é>");
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#""<a & \"b\" \\ \u2028\u2029\b\f\n\r\t\u0001é>""#);
    }

    #[test]
    fn layout() {
        let (mut compact, mut indented) = (Vec::new(), Vec::new());
        push_compact(&mut compact, "{ \"a b\" : [ 1.50 , { } , [ ] ],\n\"\\\" [ \" : \"\\\\\" }");
        push_indented(&mut indented, &compact).unwrap();
        insta::assert_snapshot!(String::from_utf8(compact).unwrap(), @r#"{"a b":[1.50,{},[]],"\" [ ":"\\"}"#);
        insta::assert_snapshot!(String::from_utf8(indented).unwrap(), @r#"
        {
            "a b": [
                1.50,
                {},
                []
            ],
            "\" [ ": "\\"
        }
        "#);
    }

    #[test]
    fn brackets_are_bounded() {
        let nested = |depth| "[".repeat(depth) + "1" + &"]".repeat(depth);
        let refused = |json: String| push_indented(&mut Vec::new(), json.as_bytes()).unwrap_err().to_string();
        push_indented(&mut Vec::new(), nested(1_000).as_bytes()).unwrap();
        insta::assert_snapshot!(refused(nested(10_001)), @"exceeded max depth");
        insta::assert_snapshot!(refused(format!("[{}]", vec![nested(5_000); 100].join(","))), @"the catalog of its package would have more than 268435456 bytes");
    }
}
