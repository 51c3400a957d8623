//! Go's types, decoded as Go decodes them. Those whose values nobody asks for are checked and forgotten.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{MAX_ITEMS, TOO_MANY};
use crate::gotext::json_float;

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

/// Sets a field to a value found under `key`. Of keys that differ only in case, the last in alphabetical order counts, since
/// opm has sorted them before it decodes; of equal ones the last. A `null` only takes an equal key's value away.
pub(crate) fn set<'a, T: Default>(field: &mut T, set_by: &mut Option<Text<'a>>, key: Text<'a>, value: Option<T>) {
    match value {
        Some(value) if set_by.as_ref().is_none_or(|other| **other <= *key) => {
            *field = value;
            *set_by = Some(key);
        }
        None if set_by.as_ref() == Some(&key) => {
            *field = T::default();
            *set_by = None;
        }
        _ => {}
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
                        $(let mut $field: Option<$crate::decode::Text<$life>> = None;)*
                        while let Some(key) = map.next_key::<$crate::decode::Text<$life>>()? {
                            $(if $crate::gotext::same_field(&key, $key) {
                                let value = map.next_value::<Option<$type>>()?;
                                $crate::decode::set(&mut found.$field, &mut $field, key, value);
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
