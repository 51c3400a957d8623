//! JSON as Go's `encoding/json` decodes it into opm's types.
//!
//! What Go does and serde_json does not: names of fields match whatever their case, `null` is the empty value, a repeated
//! field counts the last time, text with broken UTF-8 or lone surrogates is mended, nesting ends at 10,000 levels.
//! Verdicts agree with Go's; where a *type* is wrong the text names the type but not Go's path to the field.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::gotext::{Quoted, fold, json_float, same_field};
use crate::opm::OpmVersion;
use crate::schema::OldMeta;

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

// === Metadata ===

/// All keys of an object, and what the three that count hold.
#[derive(Default)]
struct Keys<'a> {
    keys: Vec<(Cow<'a, str>, Value<'a>)>,
    null: bool,
}

/// A value of a key that should hold text.
enum Value<'a> {
    Text(Cow<'a, str>),
    /// Go's name of its type, and how Go prints it.
    Other(&'static str, String),
    Unread,
}

const META_KEYS: [&str; 3] = ["schema", "package", "name"];

impl<'a> Keys<'a> {
    fn into_meta(self, text: &str, opm: OpmVersion) -> Result<Meta<'a>, String> {
        if self.null {
            return Ok(Meta::default());
        }
        if opm < OpmVersion::FOLDED_KEYS {
            // Reads `properties` of every object, also of those whose schema it does not know.
            parse::<OldMeta<'_>>(text).map_err(|message| format!("unmarshal error: {message}"))?;
        } else {
            self.check_unique()?;
        }
        let mut meta = Meta::default();
        let fields = [&mut meta.schema, &mut meta.package, &mut meta.name];
        let mut keys = self.keys;
        for (name, field) in META_KEYS.into_iter().zip(fields) {
            let Some(index) = keys.iter().rposition(|(key, _)| fold_matches(key, name)) else { continue };
            match std::mem::replace(&mut keys[index].1, Value::Unread) {
                Value::Text(text) => *field = text,
                Value::Other(go_type, shown) if opm >= OpmVersion::FOLDED_KEYS => {
                    return Err(format!(
                        "expected value for key {} to be a string, got {}: {shown}",
                        Quoted(&keys[index].0),
                        // Go's `%t` of what is no bool complains.
                        if go_type == "bool" { shown.clone() } else { format!("%!t({go_type}={shown})") }
                            .replace("<nil>=<nil>", "<nil>"),
                    ));
                }
                _ => {}
            }
        }
        Ok(meta)
    }

    /// Two keys that differ only in case, of any kind, are an error; one that comes again counts the last time.
    fn check_unique(&self) -> Result<(), String> {
        let mut folded: Vec<(String, &str)> = self.keys.iter().map(|(key, _)| (fold(key), &**key)).collect();
        folded.sort_unstable();
        folded.dedup();
        let mut faults = Vec::new();
        for group in folded.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
            let keys: Vec<_> = group.iter().map(|(_, key)| *key).collect();
            faults.push(format!("duplicate keys for key {}: [{}]", Quoted(&group[0].0), keys.join(" ")));
        }
        match faults.as_slice() {
            [] => Ok(()),
            [one] => Err(one.clone()),
            several => Err(format!("[{}]", several.join(", "))),
        }
    }
}

fn fold_matches(key: &str, name: &str) -> bool {
    key == name || same_field(key, name)
}

impl<'de: 'a, 'a> Deserialize<'de> for Keys<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor(PhantomData))
    }
}

struct KeysVisitor<'a>(PhantomData<&'a ()>);

impl KeysVisitor<'_> {
    fn wrong<E: serde::de::Error>(what: &str) -> E {
        E::custom(format!("json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"))
    }
}

impl<'de: 'a, 'a> Visitor<'de> for KeysVisitor<'a> {
    type Value = Keys<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::with_capacity(8);
        while let Some(key) = map.next_key::<Text<'a>>()? {
            let value = if META_KEYS.iter().any(|name| fold_matches(&key.0, name)) {
                map.next_value_seed(ValueSeed(PhantomData))?
            } else {
                map.next_value::<IgnoredAny>()?;
                Value::Unread
            };
            if keys.len() == MAX_ITEMS {
                return Err(A::Error::custom(TOO_MANY));
            }
            keys.push((key.0, value));
        }
        Ok(Keys { keys, null: false })
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(Keys { null: true, ..Keys::default() })
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(Self::wrong("bool"))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(Self::wrong("number"))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(Self::wrong("number"))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(Self::wrong("number"))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(Self::wrong("string"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("json: cannot unmarshal array into Go value of type map[string]interface {}"))
    }
}

struct ValueSeed<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> DeserializeSeed<'de> for ValueSeed<'a> {
    type Value = Value<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for ValueSeed<'a> {
    type Value = Value<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(text.to_owned().into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Other("<nil>", "<nil>".into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Other("bool", value.to_string()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Other("float64", json_float(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other("[]interface {}", "[…]".into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other("map[string]interface {}", "map[…]".into()))
    }
}

// === Go's types ===

/// A Go `string`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for TextVisitor<'a> {
            type Value = Text<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(text.to_owned().into()))
            }
        }

        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

/// A Go `bool`, whose value nobody asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bool;

impl<'de> Deserialize<'de> for Bool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bool::deserialize(deserializer).map(|_| Bool)
    }
}

/// A Go integer of `BITS` bits, whose value nobody asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Int<const BITS: u32>;

impl<'de, const BITS: u32> Deserialize<'de> for Int<BITS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        // opm has decoded numbers as float64 before: 3.0 is 3, and 1e21 is printed with an exponent, which is no integer.
        let bound = 2f64.powi(BITS as i32 - 1);
        if number.fract() == 0.0 && number >= -bound && number < bound {
            return Ok(Int);
        }
        Err(D::Error::custom(format!("json: cannot unmarshal number {} into Go value of type int", json_float(number))))
    }
}

/// A Go `int` before opm decoded numbers as float64 first: its text must be that of an integer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OldInt;

impl<'de> Deserialize<'de> for OldInt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(|_| OldInt)
    }
}

/// A Go map from strings to strings.
#[derive(Debug, Default)]
pub(crate) struct TextMap;

impl<'de> Deserialize<'de> for TextMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor;

        impl<'de> Visitor<'de> for MapVisitor {
            type Value = TextMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("map[string]string")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<Text<'_>, Option<Text<'_>>>()?.is_some() {}
                Ok(TextMap)
            }
        }

        deserializer.deserialize_map(MapVisitor)
    }
}

/// A Go slice.
#[derive(Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<Option<T>>()? {
                    if items.len() == MAX_ITEMS {
                        return Err(A::Error::custom(TOO_MANY));
                    }
                    items.push(item.unwrap_or_default());
                }
                Ok(List(items))
            }
        }

        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

/// A Go `[]byte`: base64 text, or an array of small numbers.
#[derive(Debug)]
pub(crate) enum Bytes<'a> {
    Base64(Cow<'a, str>),
    Raw(Vec<u8>),
}

impl Default for Bytes<'_> {
    fn default() -> Self {
        Bytes::Raw(Vec::new())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for BytesVisitor<'a> {
            type Value = Bytes<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[]uint8")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Bytes::Base64(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Bytes::Base64(text.to_owned().into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element::<Option<u8>>()? {
                    bytes.push(byte.unwrap_or_default());
                }
                Ok(Bytes::Raw(bytes))
            }
        }

        deserializer.deserialize_any(BytesVisitor(PhantomData))
    }
}

/// A base64 text that is checked and then forgotten: an icon.
#[derive(Debug, Default)]
pub(crate) struct CheckedBytes;

impl<'de> Deserialize<'de> for CheckedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if let Bytes::Base64(text) = Bytes::deserialize(deserializer)? {
            crate::base64::decode(&text, &mut Vec::new()).map_err(D::Error::custom)?;
        }
        Ok(CheckedBytes)
    }
}

/// Declares a struct that is decoded as Go decodes its namesake. A field that is absent or `null` is empty.
macro_rules! go_struct {
    ($(#[$doc:meta])* $name:ident<$life:lifetime> as $go:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty = $key:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        #[allow(dead_code, reason = "some fields are decoded only because opm looks at their types")]
        pub(crate) struct $name<$life> {
            $($(#[$field_doc])* pub(crate) $field: $type,)*
            marker: std::marker::PhantomData<&$life ()>,
        }

        impl<'de: $life, $life> serde::Deserialize<'de> for $name<$life> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct StructVisitor<$life>(std::marker::PhantomData<&$life ()>);

                impl<'de: $life, $life> serde::de::Visitor<'de> for StructVisitor<$life> {
                    type Value = $name<$life>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($go)
                    }

                    fn visit_unit<E>(self) -> Result<Self::Value, E> {
                        Ok($name::default())
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut found = $name::default();
                        while let Some(key) = map.next_key::<$crate::decode::Text<$life>>()? {
                            $(if $crate::gotext::same_field(&key, $key) {
                                found.$field = map.next_value::<Option<$type>>()?.unwrap_or_default();
                                continue;
                            })*
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                        Ok(found)
                    }
                }

                deserializer.deserialize_any(StructVisitor(std::marker::PhantomData))
            }
        }
    };
}
pub(crate) use go_struct;
