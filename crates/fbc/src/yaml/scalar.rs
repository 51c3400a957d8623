//! What a scalar is when it has a tag, and how it is written as JSON: as go-yaml v2 does.

use std::borrow::Cow;

pub(super) use go_yaml::Scalar;
use go_yaml::{is_timestamp, resolve_plain};

use super::{YamlFault, fault};
use crate::gotext::json_float;

const PREFIX: &str = "tag:yaml.org,2002:";

/// Resolves a scalar that is plain, or has a tag. The error is go-yaml's text.
pub(super) fn resolve<'t>(tag: Option<&str>, text: Cow<'t, str>) -> Result<Scalar<'t>, String> {
    let Some(tag) = tag else { return Ok(resolve_plain(text)) };
    // A lone `!` is the non-specific tag: a string.
    let wanted = match tag.strip_prefix(PREFIX) {
        Some("str") => return Ok(Scalar::Text(text)),
        Some("binary") => {
            let mut bytes = Vec::new();
            crate::base64::decode(&text, &mut bytes).map_err(|_| "yaml: !!binary value contains invalid base64 data")?;
            return Ok(Scalar::Text(String::from_utf8_lossy(&bytes).into_owned().into()));
        }
        Some(wanted @ ("bool" | "int" | "float" | "null" | "timestamp")) => wanted,
        // A tag that means nothing to go-yaml leaves the text alone.
        _ => return Ok(Scalar::Text(text)),
    };
    let shown = text.clone().into_owned();
    let is_time = is_timestamp(&text);
    let (resolved, found) = match resolve_plain(text) {
        Scalar::Int(number) if wanted == "float" => return Ok(Scalar::Float(number as f64)),
        Scalar::Null => (Scalar::Null, "null"),
        Scalar::Bool(value) => (Scalar::Bool(value), "bool"),
        Scalar::Float(value) => (Scalar::Float(value), "float"),
        Scalar::Text(text) => (Scalar::Text(text), if is_time { "timestamp" } else { "str" }),
        number => (number, "int"),
    };
    if found == wanted { Ok(resolved) } else { Err(format!("yaml: cannot decode !!{found} `{shown}` as a !!{wanted}")) }
}

/// The scalar as JSON; not for texts.
pub(super) fn to_json(scalar: &Scalar<'_>) -> Result<String, YamlFault> {
    Ok(match scalar {
        Scalar::Null => "null".into(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(number) => number.to_string(),
        Scalar::Uint(number) => number.to_string(),
        Scalar::Float(number) if number.is_finite() => json_float(*number),
        Scalar::Float(number) => return Err(fault(format!("json: unsupported value: {}", go_infinity(*number)))),
        Scalar::Text(text) => text.clone().into_owned(),
    })
}

/// The scalar as a mapping's key.
pub(super) fn to_key(scalar: &Scalar<'_>) -> Result<String, YamlFault> {
    Ok(match scalar {
        Scalar::Null => return Err(fault("unsupported map key of type: %!s(<nil>)")),
        Scalar::Uint(_) => return Err(fault("unsupported map key of type: uint64")),
        Scalar::Float(number) => go_float32(*number as f32),
        other => to_json(other)?,
    })
}

fn go_infinity(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

/// How go-yaml writes a `float32`: Go's `strconv.FormatFloat(number, 'g', -1, 32)`, but for what is no number.
fn go_float32(number: f32) -> String {
    if number.is_nan() {
        return ".nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.into();
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => number.to_string(),
    }
}
