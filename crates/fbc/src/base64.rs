//! Base64 as Go's `StdEncoding` decodes it: padded, line breaks skipped, unused bits not looked at.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const GO: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Decodes `text` into `out`, which is cleared first. The error is Go's text.
pub(crate) fn decode(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    out.clear();
    if GO.decode_vec(text, out).is_ok() {
        return Ok(());
    }
    out.clear();
    // Line breaks are rare, so they are looked for only now.
    let bare: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    match GO.decode_vec(&bare, out) {
        Ok(()) => Ok(()),
        Err(_) => Err(format!("illegal base64 data at input byte {}", corrupt_at(text.as_bytes()))),
    }
}

/// Where Go's decoder stops in text that is not base64.
fn corrupt_at(text: &[u8]) -> usize {
    let skip_breaks = |mut at: usize| {
        while matches!(text.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    let mut at = 0;
    // How many characters of a group of four were read.
    let mut group = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => group = (group + 1) % 4,
            b'\r' | b'\n' => {}
            b'=' if group >= 2 => {
                if group == 2 {
                    at = skip_breaks(at);
                    match text.get(at) {
                        None => return text.len(),
                        Some(b'=') => at += 1,
                        Some(_) => return at - 1,
                    }
                }
                return skip_breaks(at);
            }
            _ => return at - 1,
        }
    }
    at - group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_like_go() {
        let mut out = Vec::new();
        for (text, bytes) in [("YWI=", &b"ab"[..]), ("YW\r\nI=\n", b"ab"), ("YWJ=", b"ab"), ("", b"")] {
            decode(text, &mut out).unwrap();
            assert_eq!(out, bytes, "{text:?}");
        }
        // Offsets as Go 1.26 reports them.
        let faults = [
            ("%%%", 0),
            ("YW%=", 2),
            ("YWI", 0),
            ("Y", 0),
            ("YW\n%=", 3),
            ("YWI=YWI=", 4),
            ("YW==YQ==", 4),
            ("=", 0),
            ("YW=I", 2),
            ("YQ=", 3),
            ("YWIx%", 4),
        ];
        for (text, at) in faults {
            let fault = decode(text, &mut out).unwrap_err();
            assert_eq!(fault, format!("illegal base64 data at input byte {at}"), "{text:?}");
        }
    }
}
