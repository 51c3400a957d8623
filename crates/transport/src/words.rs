//! What to say of what came back, or did not.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use step::retry::{Failure, retry_after};
use step::{Error, Kind};
use ureq::Body;
use ureq::http::header::{CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{Response, StatusCode};

use crate::patience::spent_on;

/// How much more than is shown has to be read, so that no half of a secret is shown; see [`excerpt`].
pub const MARGIN: usize = 128 * 1024;

/// A status code and what it is called.
pub struct Status(pub u16);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = StatusCode::from_u16(self.0).ok().and_then(|status| status.canonical_reason());
        match name {
            Some(name) => write!(f, "{} ({})", self.0, name.to_lowercase()),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The content type without its parameters, in lower case; empty when there is none.
pub fn content_type(response: &Response<Body>) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// How long the server asks us to wait.
pub fn wait(response: &Response<Body>) -> Option<Duration> {
    response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?))
}

/// The first line of an explanation in plain text.
pub fn says(response: Response<Body>) -> String {
    const LONGEST: usize = 1024;
    if content_type(&response) != "text/plain" {
        return String::new();
    }
    let mut text = Vec::new();
    let body = response.into_body().into_with_config().limit(u64::MAX).reader();
    // An explanation that cannot be read is no explanation.
    let _ = body.take((LONGEST + MARGIN) as u64).read_to_end(&mut text);
    excerpt(text.split(|byte| *byte == b'\n').next().unwrap_or_default(), LONGEST)
}

/// What a server says, in a form that neither moves a cursor nor breaks a line of the log, and without secrets.
pub fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    step::redact::text(text.trim()).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// At most `longest` bytes of what a server says, of which at most `longest + MARGIN` bytes were read.
///
/// Half a secret is not recognised as one. So secrets are masked before the text is cut, and where reading stopped, in
/// which half of one may stand, is never shown.
pub fn excerpt(bytes: &[u8], longest: usize) -> String {
    let is_cut = bytes.len() >= longest + MARGIN;
    let mut text = printable(bytes);
    let end = if is_cut { text.len().saturating_sub(MARGIN) } else { text.len() };
    text.truncate(text.floor_char_boundary(end.min(longest)));
    text
}

/// No response came from `what`, a URL or something like it, which is on `host`.
pub fn unreachable(what: impl fmt::Display, host: &str, error: ureq::Error) -> Failure {
    let message = format!("cannot reach {what}");
    match error {
        ureq::Error::Io(error) => broken_at(message, error),
        ureq::Error::HostNotFound => Failure::transient(Error::new(Kind::Remote, format!("{message}: there is no host {host}"))),
        ureq::Error::Timeout(timeout) => {
            Failure::transient(Error::new(Kind::TimedOut, format!("{message}: {}", spent_on(timeout))))
        }
        ureq::Error::ConnectProxyFailed(why) => {
            let error = Error::new(Kind::Remote, format!("{message}: the proxy refuses: {}", printable(why.as_bytes())));
            Failure::transient(error.hint("see HTTPS_PROXY and NO_PROXY"))
        }
        other => Failure::transient(Error::new(Kind::Remote, message).because(other)),
    }
}

fn broken_at(message: String, error: io::Error) -> Failure {
    let text = error.to_string();
    // rustls' errors come wrapped; another attempt would meet the same certificate.
    if text.contains("certificate") {
        let error = Error::new(Kind::Remote, message).because(error);
        return Failure::Permanent(
            error.hint("if a private authority signed it, give that as `ca-bundle.crt` in the `ca` workspace"),
        );
    }
    // It did not like the certificate that we have shown, or that we have shown none.
    if text.contains("received fatal alert") && text.contains("Certificate") {
        let error = Error::new(Kind::Unauthorized, message).because(error);
        return Failure::Permanent(error.hint("it wants a client certificate that counts there: `tls.crt` and `tls.key`"));
    }
    Failure::transient(Error::new(Kind::Remote, message).because(error))
}

/// The connection broke while an answer was read.
pub fn broken(error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(ureq::Error::Timeout(timeout)) => {
            Error::new(Kind::TimedOut, format!("the server's answer is cut off: {}", spent_on(*timeout)))
        }
        _ => Error::new(Kind::Remote, "the server's answer is cut off").because(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_secret_is_shown() {
        let token = "glpat-0123456789abcdef";
        step::redact::secret(token);
        for start in (0..200).chain(MARGIN..MARGIN + 200) {
            // Masks are shorter than secrets, so what stood behind the end moves before it.
            for filler in ["x", &format!("{token} ")] {
                let mut text = filler.repeat(start / filler.len());
                text.push_str(&"x".repeat(start - text.len()));
                let whole = format!("{text}{token} and more");
                let read = &whole.as_bytes()[..whole.len().min(100 + MARGIN)];
                let shown = excerpt(read, 100);
                assert!(!shown.contains("glpat-0"), "{start}: {shown}");
                assert!(shown.len() <= 100);
            }
        }
        assert_eq!(excerpt(format!("a {token} b").as_bytes(), 6), "a *** ");
        assert_eq!(excerpt("ü".as_bytes(), 1), "");
    }
}
