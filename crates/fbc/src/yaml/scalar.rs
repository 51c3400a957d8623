//! What an untagged plain scalar is: go-yaml v2's reading of YAML 1.1.

use std::borrow::Cow;

use super::{YamlFault, fault};
use crate::gotext::json_float;

/// A resolved scalar.
#[derive(Debug, PartialEq)]
pub(super) enum Scalar<'t> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(Cow<'t, str>),
}

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

fn resolve_plain(text: Cow<'_, str>) -> Scalar<'_> {
    match text.as_bytes().first() {
        None => return Scalar::Null,
        Some(b'+' | b'-' | b'0'..=b'9' | b'.' | b'~') => {}
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O') => {}
        Some(_) => return Scalar::Text(text),
    }
    match &*text {
        "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match number(&text) {
        Some(number) => number,
        None => Scalar::Text(text),
    }
}

/// A number as go-yaml v2 reads it, once the words are out of the way.
fn number(text: &str) -> Option<Scalar<'static>> {
    let first = *text.as_bytes().first()?;
    if first == b'.' {
        return go_float(text, true).map(Scalar::Float);
    }
    if !(first.is_ascii_digit() || first == b'+' || first == b'-') || is_timestamp(text) {
        return None;
    }
    let plain: Cow<'_, str> = if text.contains('_') { text.replace('_', "").into() } else { text.into() };
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // The sign was taken already: another one is no digit.
    if digits.starts_with(|c: char| c.is_ascii_alphanumeric())
        && let Ok(number) = u64::from_str_radix(digits, radix)
    {
        if !negative {
            let unsigned = || (!plain.starts_with('+')).then_some(Scalar::Uint(number));
            return i64::try_from(number)
                .ok()
                .map(Scalar::Int)
                .or_else(unsigned)
                .or_else(|| go_float(&plain, false).map(Scalar::Float));
        }
        if let Some(number) = 0i64.checked_sub_unsigned(number) {
            return Some(Scalar::Int(number));
        }
    }
    go_float(&plain, false).map(Scalar::Float)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`; after a leading dot Go's own parser, which knows `_` not here.
fn go_float(text: &str, leading_dot: bool) -> Option<f64> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = body.split_once(['e', 'E']).map_or((body, None), |(m, e)| (m, Some(e)));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let good_mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => !leading_dot && digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let good_exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if !(good_mantissa && good_exponent) {
        return None;
    }
    // Go refuses what is too large for a float64, and the scalar stays text.
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Whether go-yaml takes the text for a point in time, which it then keeps as text.
///
/// Only texts matter that could be a number otherwise, and those with a dash after four digits cannot: the date is enough.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}

impl Scalar<'_> {
    /// The scalar as JSON; not for texts.
    pub(super) fn to_json(&self) -> Result<String, YamlFault> {
        Ok(match self {
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
    pub(super) fn to_key(&self) -> Result<String, YamlFault> {
        Ok(match self {
            Scalar::Null => return Err(fault("unsupported map key of type: %!s(<nil>)")),
            Scalar::Uint(_) => return Err(fault("unsupported map key of type: uint64")),
            Scalar::Float(number) => go_float32(*number as f32),
            other => other.to_json()?,
        })
    }
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
