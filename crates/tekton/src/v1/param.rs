//! What a Task takes and gives: parameters, workspaces, results.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

object! {
    /// The declaration of a parameter.
    ParamSpec {
        /// Its name.
        name: String,
        ..
        /// Its type. Without one, Tekton takes it from `properties` or `default`, and else it is a string.
        type_: Option<ParamType>,
        /// What it means.
        description: Option<String>,
        /// The only values allowed. Tekton knows this behind the flag `enable-param-enum`.
        enum_: Vec<String>,
        /// The keys of an object.
        properties: BTreeMap<String, PropertySpec>,
        /// Its value where none is given. Without one it has to be given.
        default: Option<ParamValue>,
    }
}

object! {
    /// The declaration of a key of an object.
    PropertySpec {
        /// Its type: Tekton has only strings here.
        type_: Option<ParamType>,
    }
}

object! {
    /// The declaration of a result of a Task.
    TaskResult {
        /// Its name.
        name: String,
        ..
        /// Its type; without one, string.
        type_: Option<ResultType>,
        /// What it means, to the byte.
        description: Option<String>,
        /// The keys of an object.
        properties: BTreeMap<String, PropertySpec>,
        /// Where it comes from, if from a step's own result.
        value: Option<ResultValue>,
    }
}

object! {
    /// The declaration of a result of a step.
    StepResult {
        /// Its name.
        name: String,
        ..
        /// Its type; without one, string.
        type_: Option<ResultType>,
        /// What it means, to the byte.
        description: Option<String>,
        /// The keys of an object.
        properties: BTreeMap<String, PropertySpec>,
    }
}

object! {
    /// The declaration of a workspace.
    WorkspaceDeclaration {
        /// Its name.
        name: String,
        ..
        /// What belongs there.
        description: Option<String>,
        /// Where it is mounted, if not at `/workspace/NAME`.
        mount_path: Option<String>,
        /// It may be left unbound.
        optional: bool,
        /// It is mounted read-only.
        read_only: bool,
    }
}

/// The type of a parameter or result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    /// A string.
    #[default]
    String,
    /// A list of strings.
    Array,
    /// Strings by name.
    Object,
}

/// The type of a result.
pub type ResultType = ParamType;

/// The value of a parameter or result.
///
/// What is neither (a boolean, a number, a list of numbers) is read as the string that Tekton makes of it: its JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// A string.
    String(String),
    /// A list of strings.
    Array(Vec<String>),
    /// Strings by name.
    Object(BTreeMap<String, String>),
}

/// The value of a result.
pub type ResultValue = ParamValue;

// === impl ParamValue ===

impl From<String> for ParamValue {
    fn from(text: String) -> Self {
        ParamValue::String(text)
    }
}

impl From<&str> for ParamValue {
    fn from(text: &str) -> Self {
        ParamValue::String(text.to_owned())
    }
}

impl From<Vec<String>> for ParamValue {
    fn from(list: Vec<String>) -> Self {
        ParamValue::Array(list)
    }
}

impl ParamValue {
    /// The type that a value of this shape has.
    pub fn kind(&self) -> ParamType {
        match self {
            ParamValue::String(_) => ParamType::String,
            ParamValue::Array(_) => ParamType::Array,
            ParamValue::Object(_) => ParamType::Object,
        }
    }

    /// Every string in it, in order.
    pub fn strings(&self) -> impl Iterator<Item = &str> {
        let (one, list, map) = match self {
            ParamValue::String(text) => (Some(text), None, None),
            ParamValue::Array(list) => (None, Some(list), None),
            ParamValue::Object(map) => (None, None, Some(map)),
        };
        one.into_iter().chain(list.into_iter().flatten()).chain(map.into_iter().flat_map(BTreeMap::values)).map(String::as_str)
    }
}

impl ParamSpec {
    /// Its type: the one it says, else what Tekton infers from its properties and its default.
    pub fn kind(&self) -> ParamType {
        match (&self.type_, &self.default) {
            (Some(kind), _) => *kind,
            (None, _) if !self.properties.is_empty() => ParamType::Object,
            (None, Some(default)) => default.kind(),
            (None, None) => ParamType::String,
        }
    }
}

impl fmt::Display for ParamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParamType::String => "string",
            ParamType::Array => "array",
            ParamType::Object => "object",
        })
    }
}

/// A list's item or an object's value, as far as Tekton takes it for one: null is the empty string.
fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => Some(String::new()),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for ParamValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;

        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = ParamValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a list of strings, or an object of strings")
            }

            fn visit_str<E>(self, text: &str) -> Result<ParamValue, E> {
                Ok(text.into())
            }

            fn visit_bool<E>(self, bool: bool) -> Result<ParamValue, E> {
                Ok(bool.to_string().into())
            }

            fn visit_i64<E>(self, number: i64) -> Result<ParamValue, E> {
                Ok(number.to_string().into())
            }

            fn visit_u64<E>(self, number: u64) -> Result<ParamValue, E> {
                Ok(number.to_string().into())
            }

            fn visit_f64<E>(self, number: f64) -> Result<ParamValue, E> {
                Ok(number.to_string().into())
            }

            fn visit_unit<E>(self) -> Result<ParamValue, E> {
                Ok("".into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ParamValue, A::Error> {
                let items = Vec::<Value>::deserialize(SeqAccessDeserializer::new(list))?;
                let strings = items.iter().map(string).collect::<Option<_>>();
                Ok(strings.map_or_else(|| Value::Array(items).to_string().into(), ParamValue::Array))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ParamValue, A::Error> {
                let map = Map::deserialize(MapAccessDeserializer::new(map))?;
                let strings = map.iter().map(|(key, value)| Some((key.clone(), string(value)?))).collect::<Option<_>>();
                Ok(strings.map_or_else(|| Value::Object(map).to_string().into(), ParamValue::Object))
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}
