//! The one place where secrets are kept out of what people and machines read: logs, errors, results.
//!
//! Two nets: texts that are known to be secret (every credential is registered when it is read), and the user part of
//! any URL, because a URL with a password in it may come from anywhere, even from a server's answer.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{PoisonError, RwLock};

/// What stands in a secret's place.
pub const MASK: &str = "***";

/// Shorter texts would mask half of the log.
const SHORTEST: usize = 4;

static SECRETS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Registers a secret, which from now on is masked in everything that goes through [`text`].
///
/// Its lines are registered too, since a log shows them one by one, and the forms in which JSON, a debug text and a URL
/// hold them. Texts under four bytes are not masked.
pub fn secret(value: &str) {
    let mut secrets = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    for part in value.lines().chain([value]).map(str::trim).filter(|part| part.len() >= SHORTEST) {
        for form in
            [part.to_owned(), quoted(format!("{part:?}")), quoted(serde_json::Value::from(part).to_string()), percent(part)]
        {
            if !secrets.contains(&form) {
                secrets.push(form);
            }
        }
    }
    // A secret that holds another must be masked first, or its rest would stay readable.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
}

/// What stands between the quotes.
fn quoted(text: String) -> String {
    text.trim_matches('"').to_owned()
}

/// The text as a part of a URL holds it.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// `text` without secrets.
pub fn text(text: &str) -> Cow<'_, str> {
    let mut clean = without_userinfo(text);
    for secret in SECRETS.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if clean.contains(secret) {
            clean = clean.replace(secret, MASK).into();
        }
    }
    clean
}

/// Masks `user:password@` in `scheme://user:password@host`.
fn without_userinfo(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let after = start + "://".len();
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '\'' | '"' | '`' | '<' | '>');
        let authority = rest[after..].split(ends).next().unwrap_or_default();
        clean.push_str(&rest[..after]);
        let mut taken = after;
        if let Some(at) = authority.rfind('@') {
            clean.push_str(MASK);
            taken += at;
        }
        rest = &rest[taken..];
    }
    if clean.is_empty() {
        return text.into();
    }
    clean.push_str(rest);
    clean.into()
}

/// Standard error, line by line, without secrets.
#[derive(Debug, Default)]
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // tracing-subscriber writes one whole event a call.
        stderr(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to standard error, without secrets. A standard error that cannot be written must not end the work.
pub(crate) fn stderr(said: &str) {
    let _nobody_to_tell = io::stderr().write_all(text(said).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_their_user_part() {
        for (dirty, clean) in [
            ("cannot clone https://bot:hunter2@git.example/x.git: no", "cannot clone https://***@git.example/x.git: no"),
            ("'https://token@h' and http://u:p@[::1]:80/", "'https://***@h' and http://***@[::1]:80/"),
            ("https://u:p@ss@h/x@y", "https://***@h/x@y"),
            ("https://h/a@b mail me@x", "https://h/a@b mail me@x"),
            ("nothing ://", "nothing ://"),
        ] {
            assert_eq!(text(dirty), clean);
        }
    }

    #[test]
    fn registered_secrets_are_masked_longest_first() {
        secret("s3cr3t-token");
        secret("s3cr3t-token-and-more\nsecond-line\n");
        secret("ab");
        assert_eq!(text("a s3cr3t-token, s3cr3t-token-and-more, second-line, ab"), "a ***, ***, ***, ab");
    }

    #[test]
    fn escaped_forms_are_masked_too() {
        let password = r#"pa"ss\wo/rd+@"#;
        secret(password);
        let json = serde_json::json!({ "message": password }).to_string();
        assert_eq!(text(&json), r#"{"message":"***"}"#);
        assert_eq!(text(&format!("{password:?} at /pa%22ss%5Cwo%2Frd%2B%40/login")), "\"***\" at /***/login");
    }
}
