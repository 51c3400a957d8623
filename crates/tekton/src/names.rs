//! Names that cannot break Tekton's rules: a text is parsed once, where it comes in.
//!
//! ```
//! use tekton::names::TaskName;
//! let error = "Copy_Image".parse::<TaskName>().unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     r#"task name "Copy_Image" is not allowed: use at most 63 lower-case letters, digits and '-', with a letter or digit at both ends"#
//! );
//! ```

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not a name of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName {
    kind: &'static str,
    value: String,
    rule: &'static str,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $kind:literal, $is_valid:ident, $rule:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(try_from = "String", into = "String")]
            pub struct $name(String);

            impl $name {
                /// The name's text.
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl TryFrom<String> for $name {
                type Error = InvalidName;

                fn try_from(value: String) -> Result<Self, InvalidName> {
                    if $is_valid(&value) { Ok($name(value)) } else { Err(InvalidName { kind: $kind, value, rule: $rule }) }
                }
            }

            impl FromStr for $name {
                type Err = InvalidName;

                fn from_str(text: &str) -> Result<Self, InvalidName> {
                    text.to_owned().try_into()
                }
            }

            impl From<$name> for String {
                fn from(name: $name) -> String {
                    name.0
                }
            }

            impl AsRef<str> for $name {
                fn as_ref(&self) -> &str {
                    &self.0
                }
            }

            impl Borrow<str> for $name {
                fn borrow(&self) -> &str {
                    &self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }
        )*
    };
}

names! {
    /// The name of a Task: a DNS-1123 label.
    TaskName, "task name", is_label, LABEL;
    /// The name of a namespace: a DNS-1123 label.
    NamespaceName, "namespace name", is_label, LABEL;
    /// The name of a step or sidecar: a DNS-1123 label.
    StepName, "step name", is_label, LABEL;
    /// The name of a parameter. Tekton sets no limit to its length, and takes names that differ only in case for the same.
    ParamName, "parameter name", is_variable, VARIABLE;
    /// The name of a result, also the name of the file that the step writes.
    ResultName, "result name", is_result,
        "use letters, digits, '-', '_' and '.', with a letter or digit at both ends";
    /// The name of a workspace. Tekton takes any; it is mounted at `/workspace/NAME` and spoken of as
    /// `$(workspaces.NAME.path)`, so it has to be what a parameter's name is.
    WorkspaceName, "workspace name", is_variable, VARIABLE;
}

const LABEL: &str = "use at most 63 lower-case letters, digits and '-', with a letter or digit at both ends";
const VARIABLE: &str = "use letters, digits, '-', '_' and '.', with a letter or '_' first";

/// `[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?`, Kubernetes' `IsDNS1123Label`.
fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= 63 && text.bytes().all(inner) && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')
}

/// `[_a-zA-Z][_a-zA-Z0-9.-]*`, Tekton's `stringAndArrayVariableNameFormat`.
fn is_variable(text: &str) -> bool {
    text.bytes().all(is_word) && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`, Tekton's `ResultNameFormat`.
fn is_result(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.bytes().all(is_word) && text.starts_with(edge) && text.ends_with(edge)
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')
}

// === impl InvalidName ===

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} is not allowed: {}", self.kind, self.value, self.rule)
    }
}

impl std::error::Error for InvalidName {}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts<T: FromStr>(texts: &[&str]) -> String {
        texts.iter().map(|text| if text.parse::<T>().is_ok() { '+' } else { '-' }).collect()
    }

    #[test]
    fn the_rules_of_tekton() {
        let long = "a".repeat(63);
        let longer = "a".repeat(64);
        let texts = [
            "a", "a-b", "0", "A", "a_b", "a.b", "_a", "-a", "a-", "a.", ".", "..", "", " ", "ä", "a b", "a\n", "$(a)", "a/b",
            &long, &longer,
        ];
        insta::assert_snapshot!(verdicts::<TaskName>(&texts), @"+++----------------+-");
        insta::assert_snapshot!(verdicts::<StepName>(&texts), @"+++----------------+-");
        insta::assert_snapshot!(verdicts::<ParamName>(&texts), @"++-++++-++---------++");
        insta::assert_snapshot!(verdicts::<ResultName>(&texts), @"++++++-------------++");
        insta::assert_snapshot!(verdicts::<WorkspaceName>(&texts), @"++-++++-++---------++");
    }

    #[test]
    fn errors_name_the_value_and_the_rule() {
        let error = serde_json::from_str::<ResultName>(r#""IMAGE URL""#).unwrap_err();
        insta::assert_snapshot!(error, @r#"result name "IMAGE URL" is not allowed: use letters, digits, '-', '_' and '.', with a letter or digit at both ends"#);
    }
}
