//! Digests: what a content is called, and the check that it is that content.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use step::{Error, Result};

/// The name of a content: `sha256:` and 64 hexadecimal digits in lower case, or `sha512:` and 128.
///
/// Other algorithms are refused: what cannot be checked is not copied. (OCI image specification, descriptor.md, "Digests".)
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest(Box<str>);

/// The hash functions that digests are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-256, what everybody uses.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// Why a text is not a [`Digest`].
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidDigest(&'static str);

/// Makes a digest of what is written to it, piece by piece.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    context: ring::digest::Context,
}

// === impl Digest ===

impl Digest {
    /// The SHA-256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(bytes);
        hasher.finish()
    }

    /// `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash function.
    pub fn algorithm(&self) -> Algorithm {
        if self.0.starts_with("sha512:") { Algorithm::Sha512 } else { Algorithm::Sha256 }
    }

    /// The hexadecimal digits.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The start of it, as people recognise it in a log: `sha256:0123456789ab`.
    pub fn short(&self) -> &str {
        &self.0[.."sha256:".len() + 12]
    }

    /// Fails unless `bytes` are this digest's content. `what` names them: `the manifest of quay.io/a/b:1`.
    pub fn check(&self, what: impl fmt::Display, bytes: &[u8]) -> Result<()> {
        let mut hasher = Hasher::new(self.algorithm());
        hasher.update(bytes);
        self.expect(what, &hasher.finish())
    }

    /// Fails unless `found` is this digest.
    pub fn expect(&self, what: impl fmt::Display, found: &Digest) -> Result<()> {
        if self == found {
            return Ok(());
        }
        Err(Error::bad_input(format!("{what} should be {self}, and is {found}"))
            .hint("what is stored there is damaged or was changed: push it again"))
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, hex) = text.split_once(':').ok_or(InvalidDigest("a digest is sha256:HEX"))?;
        let digits = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return Err(InvalidDigest("its algorithm is neither sha256 nor sha512")),
        };
        if hex.len() != digits {
            return Err(InvalidDigest(if digits == 64 { "sha256: has 64 digits" } else { "sha512: has 128 digits" }));
        }
        if !hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
            return Err(InvalidDigest("its digits are 0-9 and a-f, in lower case"));
        }
        Ok(Digest(text.into()))
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0.into()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl step::results::ResultValue for Digest {
    fn text(&self, _: usize) -> String {
        self.to_string()
    }
}

impl fmt::Display for InvalidDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a digest: {}", self.0)
    }
}

impl std::error::Error for InvalidDigest {}

// === impl Hasher ===

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        let function = match algorithm {
            Algorithm::Sha256 => &ring::digest::SHA256,
            Algorithm::Sha512 => &ring::digest::SHA512,
        };
        Hasher { algorithm, context: ring::digest::Context::new(function) }
    }

    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Digest {
        let name = match self.algorithm {
            Algorithm::Sha256 => "sha256:",
            Algorithm::Sha512 => "sha512:",
        };
        let mut text = String::with_capacity(name.len() + 128);
        text.push_str(name);
        for byte in self.context.finish().as_ref() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        Digest(text.into())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hasher").field(&self.algorithm).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digests_are_what_other_tools_compute() {
        assert_eq!(Digest::of(b"").as_str(), EMPTY);
        let mut hasher = Hasher::new(Algorithm::Sha512);
        hasher.update(b"ab");
        hasher.update(b"c");
        let digest = hasher.finish();
        assert!(digest.as_str().starts_with("sha512:ddaf35a193617abacc417349ae204131"), "{digest}");
        assert_eq!(digest.as_str().parse::<Digest>().unwrap(), digest);
        digest.check("it", b"abc").unwrap();
    }

    #[test]
    fn what_is_no_digest() {
        let shout = EMPTY.to_uppercase();
        let cases = ["", "sha256", "sha256:", "md5:d41d8cd98f00b204e9800998ecf8427e", &EMPTY[..70], &format!("{EMPTY}0"), &shout];
        let said: Vec<String> = cases.iter().map(|text| text.parse::<Digest>().unwrap_err().to_string()).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        not a digest: a digest is sha256:HEX
        not a digest: a digest is sha256:HEX
        not a digest: sha256: has 64 digits
        not a digest: its algorithm is neither sha256 nor sha512
        not a digest: sha256: has 64 digits
        not a digest: sha256: has 64 digits
        not a digest: its algorithm is neither sha256 nor sha512
        ");
        assert!(EMPTY.replace("e3b0", "E3B0").parse::<Digest>().is_err());
    }

    #[test]
    fn another_content_is_named() {
        let digest: Digest = EMPTY.parse().unwrap();
        insta::assert_snapshot!(digest.check("the manifest of localhost:5000/a:1", b"x").unwrap_err(), @"the manifest of localhost:5000/a:1 should be sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, and is sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
    }
}
