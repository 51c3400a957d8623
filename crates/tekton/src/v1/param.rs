//! What a Task takes and gives: parameters, workspaces, results.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::names::{ParamName, ResultName, WorkspaceName};

object! {
    /// The declaration of a parameter.
    ParamSpec {
        /// Its name.
        name: ParamName,
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
        name: ResultName,
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
        name: ResultName,
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
        name: WorkspaceName,
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
/// A boolean or number is read as the string that Tekton makes of it, and written as a string.
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

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ParamValue, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(ParamValue::Array)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ParamValue, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(ParamValue::Object)
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}
