//! Strict decoding: from YAML with places to typed objects.
//!
//! What Kubernetes would drop without a word (a field that there is not) and what it would refuse (a number where a
//! string belongs) is reported with its place. All of it at once: decoding goes on without what is wrong, as far as
//! that makes sense.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};

use crate::finding::{Finding, Report, nearest};
use crate::moved;
use crate::node::{Data, Entry, Node};
use crate::rules::{self, Rule};
use crate::source::{Source, Span};

/// Decodes a document of `source`, and reports what is wrong with it. `None` when something is.
pub fn decode<T: DeserializeOwned>(node: &Node, source: &Source, report: &mut Report<'_>) -> Option<T> {
    let context = Context { source, unknown: RefCell::default(), odd: RefCell::default(), skipped: RefCell::default() };
    let mut value = None;
    let mut faults = Vec::new();
    // Each round ends at one fault, and the next leaves out what was at fault.
    while faults.len() < MAX_FAULTS {
        context.unknown.borrow_mut().clear();
        context.odd.borrow_mut().clear();
        match T::deserialize(Decoder { node, context: &context }) {
            Ok(decoded) => {
                value = Some(decoded);
                break;
            }
            Err(fault) => {
                let goes_on = fault.node.is_some_and(|node| context.skipped.borrow_mut().insert(node));
                // What is missing because it was left out was reported already.
                if faults.is_empty() || fault.rule().name != rules::MISSING_FIELD.name {
                    faults.push(fault);
                }
                if !goes_on {
                    break;
                }
            }
        }
    }
    let unknown = context.unknown.take();
    let good = unknown.is_empty() && faults.is_empty();
    for fault in unknown.into_iter().chain(faults).chain(context.odd.take()) {
        let span = fault.span.unwrap_or(node.span);
        report.push(Finding { hint: fault.hint.clone(), ..report.finding(fault.rule(), span, fault.to_string()) });
    }
    value.filter(|_| good)
}

/// After so many faults in one document the rest waits for the next time.
const MAX_FAULTS: usize = 20;

struct Context<'n> {
    source: &'n Source,
    unknown: RefCell<Vec<Fault>>,
    /// What is no error.
    odd: RefCell<Vec<Fault>>,
    /// Nodes that are left out, by address.
    skipped: RefCell<HashSet<usize>>,
}

/// Why a value is not what it has to be.
#[derive(Debug)]
struct Fault {
    rule: Option<&'static Rule>,
    /// The field that it is the value of.
    field: Option<String>,
    message: String,
    hint: Option<String>,
    span: Option<Span>,
    /// The address of the node.
    node: Option<usize>,
}

/// Where the value of a struct's field that has no default is missing, serde says so with this.
fn missing(field: &str) -> Fault {
    Fault { rule: Some(&rules::MISSING_FIELD), ..Fault::new(format!("the field `{field}` is missing")) }
}

#[derive(Clone, Copy)]
struct Decoder<'n> {
    node: &'n Node,
    context: &'n Context<'n>,
}

impl<'n> Decoder<'n> {
    fn wrong(&self, wanted: &str) -> Fault {
        let found = match &self.node.data {
            Data::Int(_) | Data::Uint(_) | Data::Float(_) => format!("the number {}", self.written()),
            Data::Bool(_) => format!("the boolean {}", self.written()),
            Data::Text(text) if text.len() > 60 => "a longer text".to_owned(),
            Data::Text(_) => format!("the string {}", self.node.data),
            Data::Null | Data::List(_) | Data::Map(_) => self.node.data.to_string(),
        };
        let hint = match (wanted, &self.node.data) {
            ("a list", Data::Text(text)) if text.len() <= 60 && !text.contains('\n') => Some(format!("write a list: [{text}]")),
            ("a list", Data::Map(_)) => Some("begin each item with `- `".to_owned()),
            ("a whole number", Data::Text(text)) if text.parse::<i64>().is_ok() => Some("write it without quotes".to_owned()),
            _ => None,
        };
        Fault { rule: Some(&rules::WRONG_TYPE), hint, ..Fault::new(format!("wants {wanted}, not {found}")) }
    }

    /// A boolean or number as it is written: `y` and `0644` are others than they look like.
    fn written(&self) -> &'n str {
        self.context.source.slice(self.node.span)
    }

    fn text(&self) -> Result<&'n str, Fault> {
        match &self.node.data {
            Data::Text(text) => Ok(text),
            Data::Null => Ok(""),
            Data::Bool(_) | Data::Int(_) | Data::Uint(_) | Data::Float(_) => {
                let hint = format!("write it in quotes: \"{}\"", self.written());
                Err(Fault { hint: Some(hint), ..self.wrong("a string") })
            }
            Data::List(_) | Data::Map(_) => Err(self.wrong("a string")),
        }
    }

    fn entries(&self) -> Result<&'n [Entry], Fault> {
        match &self.node.data {
            Data::Map(entries) => Ok(entries),
            Data::Null => Ok(&[]),
            _ => Err(self.wrong("a mapping")),
        }
    }

    fn items(&self) -> Result<&'n [Node], Fault> {
        match &self.node.data {
            Data::List(items) => Ok(items),
            Data::Null => Ok(&[]),
            _ => Err(self.wrong("a list")),
        }
    }

    fn integer<T: TryFrom<i64> + TryFrom<u64>>(&self) -> Result<T, Fault> {
        let fits = match &self.node.data {
            Data::Int(number) => T::try_from(*number).ok(),
            Data::Uint(number) => T::try_from(*number).ok(),
            // JSON, which Kubernetes makes of it, knows no difference.
            Data::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => T::try_from(*number as i64).ok(),
            Data::Null => T::try_from(0i64).ok(),
            Data::Float(_) => None,
            _ => return Err(self.wrong("a whole number")),
        };
        fits.ok_or_else(|| self.wrong("a whole number that is not as large"))
    }

    fn at(&self, mut fault: Fault) -> Fault {
        if fault.span.is_none() {
            fault.span = Some(self.node.span);
        }
        if fault.node.is_none() {
            fault.node = Some(std::ptr::from_ref(self.node).addr());
        }
        fault
    }

    fn is_skipped(&self, node: &Node) -> bool {
        let skipped = self.context.skipped.borrow();
        !skipped.is_empty() && skipped.contains(&std::ptr::from_ref(node).addr())
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.integer::<$type>()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.data {
            Data::Null => visitor.visit_unit(),
            Data::Bool(bool) => visitor.visit_bool(*bool),
            Data::Int(number) => visitor.visit_i64(*number),
            Data::Uint(number) => visitor.visit_u64(*number),
            Data::Float(number) => visitor.visit_f64(*number),
            Data::Text(text) => visitor.visit_str(text),
            Data::List(_) => self.deserialize_seq(visitor),
            Data::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.data {
            Data::Bool(bool) => visitor.visit_bool(*bool),
            Data::Null => visitor.visit_bool(false),
            _ => Err(self.wrong("true or false")),
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.data {
            Data::Float(number) => visitor.visit_f64(*number),
            _ => visitor.visit_f64(self.integer::<i64>()? as f64),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.data {
            Data::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        if name != "Quantity" {
            return visitor.visit_newtype_struct(self);
        }
        let text = match &self.node.data {
            Data::Text(text) => text.clone(),
            number @ (Data::Int(_) | Data::Uint(_) | Data::Float(_)) => number.to_string(),
            _ => return Err(self.wrong("a quantity")),
        };
        if !crate::quantity::is_quantity(&text) {
            let fault = Fault::new(format!("{text:?} is not a quantity"));
            let hint = "write a number and a unit of Kubernetes: 500m, 2, 64Mi, 1.5Gi".to_owned();
            return Err(Fault { rule: Some(&rules::INVALID_QUANTITY), hint: Some(hint), ..fault });
        }
        let text: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
        visitor.visit_newtype_struct(text)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(Items { items: self.items()?, decoder: self })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Entries { entries: self.entries()?, fields: None, current: None, decoder: self })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let entries = self.entries()?;
        visitor.visit_map(Entries { entries, fields: Some(fields), current: None, decoder: self })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let text = self.text()?;
        if variants.contains(&text) {
            return visitor.visit_enum(Variant(text));
        }
        let words: Vec<String> = variants.iter().map(|variant| format!("{variant:?}")).collect();
        let list = match words.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => words.join(""),
        };
        let hint = nearest(text, variants.iter().copied()).map(|variant| format!("did you mean {variant:?}?"));
        Err(Fault { rule: Some(&rules::UNKNOWN_VALUE), hint, ..Fault::new(format!("wants {list}, not {text:?}")) })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

struct Items<'n> {
    items: &'n [Node],
    decoder: Decoder<'n>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        while let Some((node, rest)) = self.items.split_first() {
            self.items = rest;
            if self.decoder.is_skipped(node) {
                continue;
            }
            let decoder = Decoder { node, ..self.decoder };
            return seed.deserialize(decoder).map(Some).map_err(|fault| decoder.at(fault));
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'n> {
    entries: &'n [Entry],
    /// Of a struct: the fields that there are.
    fields: Option<&'static [&'static str]>,
    current: Option<&'n Entry>,
    decoder: Decoder<'n>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        while let Some((entry, rest)) = self.entries.split_first() {
            self.entries = rest;
            if self.decoder.is_skipped(&entry.value) {
                continue;
            }
            let mut name = entry.key.as_str();
            if let Some(fields) = self.fields {
                let Some(field) = fields.iter().find(|field| field.eq_ignore_ascii_case(&entry.key)) else {
                    self.decoder.context.unknown.borrow_mut().push(unknown_field(entry, fields));
                    continue;
                };
                if *field != entry.key {
                    self.decoder.context.odd.borrow_mut().push(field_case(entry, field));
                }
                // To Kubernetes a null field is one that is not there.
                if matches!(entry.value.data, Data::Null) {
                    continue;
                }
                name = field;
            }
            self.current = Some(entry);
            let key: StrDeserializer<'_, Fault> = name.into_deserializer();
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(entry) = self.current.take() else { return Err(Fault::new("a value without a key".into())) };
        let decoder = Decoder { node: &entry.value, ..self.decoder };
        seed.deserialize(decoder).map_err(|mut fault| {
            if fault.span.is_none() && fault.field.is_none() {
                fault.field = Some(entry.key.clone());
            }
            decoder.at(fault)
        })
    }
}

fn field_case(entry: &Entry, field: &str) -> Fault {
    let fault = Fault::new(format!("the field `{}` is written `{field}`", entry.key));
    Fault { rule: Some(&rules::FIELD_CASE), span: Some(entry.key_span), ..fault }
}

fn unknown_field(entry: &Entry, fields: &[&'static str]) -> Fault {
    let nearest = || nearest(&entry.key, fields.iter().copied()).map(|field| format!("did you mean `{field}`?"));
    let hint = moved::hint(&entry.key, fields).or_else(nearest);
    let hint = hint.or_else(|| match fields.len() {
        0..=8 => Some(format!("there is: {}", fields.join(", "))),
        _ => None,
    });
    let fault = Fault::new(format!("there is no field `{}` here", entry.key));
    Fault { rule: Some(&rules::UNKNOWN_FIELD), hint, span: Some(entry.key_span), ..fault }
}

struct Variant<'n>(&'n str);

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Fault;
    type Variant = Unit;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Unit), Fault> {
        let name: StrDeserializer<'_, Fault> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, Unit))
    }
}

/// A variant without anything in it: there are no others.
struct Unit;

impl<'de> de::VariantAccess<'de> for Unit {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Fault> {
        Err(Fault::new("wants a string".into()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(Fault::new("wants a string".into()))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Fault> {
        Err(Fault::new("wants a string".into()))
    }
}

// === impl Fault ===

impl Fault {
    fn new(message: String) -> Self {
        Fault { rule: None, field: None, message, hint: None, span: None, node: None }
    }

    /// What a type says of itself, rather than this decoder, is about its value.
    fn rule(&self) -> &'static Rule {
        self.rule.unwrap_or(&rules::INVALID_VALUE)
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        // What our own types say is one line with the way out behind a semicolon.
        match text.split_once("; ") {
            Some((message, hint)) => Fault { hint: Some(hint.to_owned()), ..Fault::new(message.to_owned()) },
            None => Fault::new(text),
        }
    }

    fn invalid_type(found: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        Fault { rule: Some(&rules::WRONG_TYPE), ..Fault::new(format!("wants {wanted}, not {found}")) }
    }

    fn missing_field(field: &'static str) -> Self {
        missing(field)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) if self.message.starts_with("wants") => write!(f, "`{field}` {}", self.message),
            Some(field) => write!(f, "`{field}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Fault {}
