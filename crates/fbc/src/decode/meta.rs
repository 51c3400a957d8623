//! The fields that every object has: schema, package and name, by opm's rules for their spelling.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::types::Text;
use super::{MAX_ITEMS, Meta, TOO_MANY, parse};
use crate::gotext::{Quoted, fold, json_float, same_field};
use crate::opm::OpmVersion;
use crate::schema::OldMeta;

/// All keys of an object, and what the three that count hold.
#[derive(Default)]
pub(super) struct Keys<'a> {
    keys: Vec<(Cow<'a, str>, Value<'a>)>,
    null: bool,
}

/// A value of a key that should hold text.
enum Value<'a> {
    Text(Cow<'a, str>),
    Other(serde_json::Value),
    Unread,
}

const META_KEYS: [&str; 3] = ["schema", "package", "name"];

impl<'a> Keys<'a> {
    pub(super) fn into_meta(self, text: &str, opm: OpmVersion) -> Result<Meta<'a>, String> {
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
                Value::Other(value) if opm >= OpmVersion::FOLDED_KEYS => {
                    let got = if value.is_null() { "%!t(<nil>)".into() } else { go_value(&value, true) };
                    return Err(format!(
                        "expected value for key {} to be a string, got {got}: {}",
                        Quoted(&keys[index].0),
                        go_value(&value, false),
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

/// A value as Go's `%v` prints it, or `%t`, which is for bools and complains of each value that is none.
fn go_value(value: &serde_json::Value, complain: bool) -> String {
    let leaf = |go_type, text: String| if complain { format!("%!t({go_type}={text})") } else { text };
    match value {
        serde_json::Value::Null => "<nil>".into(),
        serde_json::Value::Bool(value) => value.to_string(),
        serde_json::Value::Number(number) => leaf("float64", json_float(number.as_f64().unwrap_or_default())),
        serde_json::Value::String(text) => leaf("string", text.clone()),
        serde_json::Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| go_value(item, complain)).collect();
            format!("[{}]", items.join(" "))
        }
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            let entry = |(key, value): (&String, _)| format!("{}:{}", leaf("string", key.clone()), go_value(value, complain));
            let entries: Vec<_> = entries.into_iter().map(entry).collect();
            format!("map[{}]", entries.join(" "))
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
        Ok(Value::Other(serde_json::Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Other(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Other(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        serde_json::Value::deserialize(SeqAccessDeserializer::new(seq)).map(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        serde_json::Value::deserialize(MapAccessDeserializer::new(map)).map(Value::Other)
    }
}
