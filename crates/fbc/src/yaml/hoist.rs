//! Takes long base64 text out of YAML before it is parsed, and puts it back into the parsed scalars.
//!
//! A catalog with bundle objects is YAML for 3 % and base64 for 97 %; a YAML parser looks at each character of both. Text
//! is hoisted only where that cannot change what the parser sees, whatever surrounds it: a run of letters, digits, `+`
//! and `/` (with `=` at its end) from a blank after a colon to the end of its line. No character of it means anything to
//! YAML, in no kind of scalar, and a letter stands in its place: a run of more than 1024 characters cannot be a key
//! because the line ends after it. The stand-in is a word that the document holds nowhere else, so that putting the text
//! back is a plain replacement, in comments and block scalars as well.

use std::borrow::Cow;

/// What a stand-in starts with; its number and [`END`] follow.
const START: &str = "Q0fbcHoisted";
const END: &str = "Q0";
/// Shorter text is quicker parsed than hoisted.
const SHORTEST: usize = 256;

/// The text that was taken out, by the number of its stand-in.
#[derive(Default)]
pub(super) struct Hoisted<'t>(Vec<&'t str>);

impl<'t> Hoisted<'t> {
    /// Takes the long base64 text out of `text`.
    pub(super) fn new(text: &'t str) -> (Self, Cow<'t, str>) {
        let mut hoisted = Vec::new();
        let mut short = String::new();
        let mut copied = 0;
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length);
            if end - at >= SHORTEST
                && let Some(colon) = memchr::memmem::find(&bytes[at..end], b": ")
            {
                let start = at + colon + 2;
                if end - start >= SHORTEST && is_base64(&bytes[start..end]) {
                    if hoisted.is_empty() && text.contains(START) {
                        break;
                    }
                    short.push_str(&text[copied..start]);
                    short.push_str(START);
                    short.push_str(&hoisted.len().to_string());
                    short.push_str(END);
                    hoisted.push(&text[start..end]);
                    copied = end;
                }
            }
            at = end + 1;
        }
        if hoisted.is_empty() {
            return (Hoisted(hoisted), Cow::Borrowed(text));
        }
        short.push_str(&text[copied..]);
        (Hoisted(hoisted), Cow::Owned(short))
    }

    /// Puts the text back into a scalar.
    pub(super) fn restore<'s>(&'s self, scalar: &'s str) -> Cow<'s, str> {
        if self.0.is_empty() || !scalar.contains(START) {
            return Cow::Borrowed(scalar);
        }
        if let Some((text, "")) = self.stand_in(scalar) {
            return Cow::Borrowed(text);
        }
        let mut restored = String::new();
        let mut rest = scalar;
        while let Some(at) = rest.find(START) {
            restored.push_str(&rest[..at]);
            match self.stand_in(&rest[at..]) {
                Some((text, after)) => {
                    restored.push_str(text);
                    rest = after;
                }
                // Not reached: no document that is hoisted from holds the word.
                None => {
                    restored.push_str(START);
                    rest = &rest[at + START.len()..];
                }
            }
        }
        restored.push_str(rest);
        Cow::Owned(restored)
    }

    /// The text behind the stand-in that `text` starts with, and what follows it.
    fn stand_in<'s>(&self, text: &'s str) -> Option<(&'t str, &'s str)> {
        let (number, after) = text.strip_prefix(START)?.split_once(END)?;
        Some((self.0.get(number.parse::<usize>().ok()?)?, after))
    }
}

/// Whether all is base64, with at most two `=` at the end.
fn is_base64(text: &[u8]) -> bool {
    let body = text.strip_suffix(b"=").map_or(text, |body| body.strip_suffix(b"=").unwrap_or(body));
    // Whole chunks without a branch in them, so that the compiler may use vectors.
    let good = |b: u8| {
        let letter = (b | 0x20).wrapping_sub(b'a') < 26;
        let digit = b.wrapping_sub(b'/') < 11;
        letter | digit | (b == b'+')
    };
    body.chunks(1024).all(|chunk| chunk.iter().fold(true, |all, &b| all & good(b)))
}
