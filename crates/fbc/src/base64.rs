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
    let mut bare = Vec::with_capacity(text.len());
    let mut offsets = Vec::with_capacity(text.len());
    for (offset, byte) in text.bytes().enumerate().filter(|(_, byte)| !matches!(byte, b'\r' | b'\n')) {
        bare.push(byte);
        offsets.push(offset);
    }
    GO.decode_vec(&bare, out).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => at,
            base64::DecodeError::InvalidLength(length) => length,
            base64::DecodeError::InvalidPadding => bare.len(),
        };
        format!("illegal base64 data at input byte {}", offsets.get(at).copied().unwrap_or(text.len()))
    })
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
        for (text, at) in [("%%%", 0), ("YW%=", 2), ("YWI", 4), ("Y", 4), ("YW\n%=", 3), ("YWI=YWI=", 4)] {
            let fault = decode(text, &mut out).unwrap_err();
            assert!(fault.starts_with("illegal base64 data at input byte "), "{text:?} {at} {fault}");
        }
    }
}
