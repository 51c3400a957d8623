//! What an untagged plain scalar is to Kubernetes and its tools: the reading of YAML 1.1 by the Go library beneath
//! sigs.k8s.io/yaml.
//!
//! ```
//! use go_yaml::{Scalar, resolve_plain};
//! assert_eq!(resolve_plain("0644".into()), Scalar::Int(420));
//! assert_eq!(resolve_plain("on".into()), Scalar::Bool(true));
//! assert_eq!(resolve_plain("2001-01-01".into()), Scalar::Text("2001-01-01".into()));
//! ```

use std::borrow::Cow;

/// A resolved scalar.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'t> {
    /// `~`, `null`, or nothing at all.
    Null,
    /// `yes`, `off`, `true`, …
    Bool(bool),
    /// An integer: decimal, octal with `0` or `0o`, hexadecimal, binary.
    Int(i64),
    /// An integer too large for [`Scalar::Int`].
    Uint(u64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// All else.
    Text(Cow<'t, str>),
}

/// What the text of a plain scalar is.
pub fn resolve_plain(text: Cow<'_, str>) -> Scalar<'_> {
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
pub fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}
