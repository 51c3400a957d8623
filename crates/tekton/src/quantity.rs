//! Quantities of Kubernetes: `500m`, `64Mi`, `2`.

/// Whether `text` is a quantity that Kubernetes reads.
pub fn is_quantity(text: &str) -> bool {
    parts(text).is_some()
}

/// What a quantity comes to, in its base unit: bytes, cores. As exact as a 64-bit float, which is enough to compare.
pub fn value(text: &str) -> Option<f64> {
    let (number, suffix) = parts(text)?;
    let number: f64 = number.parse().ok()?;
    let scale = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024f64,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        exponent => 10f64.powi(exponent[1..].parse().ok()?),
    };
    Some(number * scale)
}

/// `[+-]?(digits[.digits?]|.digits)` and a suffix: of SI, of powers of two, or an exponent of ten.
fn parts(text: &str) -> Option<(&str, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let length = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let number = &unsigned[..length];
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || number.len() - digits > 1 {
        return None;
    }
    let (number, suffix) = text.split_at(text.len() - unsigned.len() + length);
    let is_exponent = |suffix: &str| {
        let Some(exponent) = suffix.strip_prefix(['e', 'E']) else { return false };
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    };
    const SUFFIXES: [&str; 16] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    (SUFFIXES.contains(&suffix) || is_exponent(suffix)).then_some((number, suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_kubernetes() {
        for (text, expected) in [
            ("2", 2.0),
            ("500m", 0.5),
            ("64Mi", 67_108_864.0),
            ("1.5Gi", 1_610_612_736.0),
            ("1e3", 1000.0),
            ("5E", 5e18),
            ("1E2", 100.0),
            (".5", 0.5),
            ("1.", 1.0),
            ("-1k", -1000.0),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        for text in ["", "m", "2 gigs", "1.2.3", "1KB", "1e", "0x10", "１"] {
            assert!(!is_quantity(text), "{text}");
        }
    }
}
