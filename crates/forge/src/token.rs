//! What says to GitLab who we are.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use step::files::read_regular;
use step::{Error, Result};

/// More is not a token.
const LONGEST: u64 = 64 * 1024;

/// An access token with the scope `api`. Never printed: `Debug` and errors leave it out.
#[derive(Clone, Debug)]
pub struct Token(SecretString);

// === impl Token ===

impl Token {
    /// A token as text; registered with [`step::redact`]. White space around it does not count.
    ///
    /// Fails as bad input when it is empty or holds what no header can.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        step::redact::secret(text);
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::bad_input(
                "the token of the GitLab is empty, or holds something other than letters, digits and signs",
            ));
        }
        Ok(Token(text.to_owned().into()))
    }

    /// Reads a directory mounted from a Secret: `token`, or `password`, since GitLab takes its tokens as passwords of Git, too.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        for key in ["token", "password"] {
            let path = dir.join(key);
            let Some(bytes) = read_regular(&path, LONGEST)? else { continue };
            let text = String::from_utf8(bytes).map_err(|_| Error::bad_input(format!("{} is not UTF-8", path.display())))?;
            return Token::new(&text).map_err(|error| error.context(path.display()));
        }
        Err(Error::bad_input(format!("no token in {}", dir.display())).hint("give the Secret the key `token`"))
    }

    /// The value of the header `Authorization`.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0.expose_secret())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let read = || match Token::from_dir(dir.path()) {
            Ok(token) => format!("{token:?} {}", token.header()),
            Err(error) => format!("{error:?}").replace(dir.path().to_str().unwrap(), "DIR").replace('\n', "; "),
        };
        let mut shown = vec![read()];
        for (key, text) in [("password", "glpat-a\n"), ("token", "glpat-b"), ("token", "glpat\nhidden"), ("token", "")] {
            std::fs::write(dir.path().join(key), text).unwrap();
            shown.push(read());
        }
        insta::assert_snapshot!(shown.join("\n"), @"
        bad-input: no token in DIR; hint: give the Secret the key `token`
        Token(SecretBox<str>([REDACTED])) Bearer glpat-a
        Token(SecretBox<str>([REDACTED])) Bearer glpat-b
        bad-input: DIR/token: the token of the GitLab is empty, or holds something other than letters, digits and signs
        bad-input: DIR/token: the token of the GitLab is empty, or holds something other than letters, digits and signs
        ");
        assert_eq!(step::redact::text("glpat-a glpat-b"), "*** ***");
    }
}
