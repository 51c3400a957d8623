//! Where a repository is: a URL or a path, without secrets in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ureq::http::Uri;

/// Where a repository is.
///
/// `https://host/path`, `http://host/path`, `file:///path` or a path of this machine. Other schemes, a user or password
/// in the URL, a query, `$` and control characters are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitUrl(Place);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Http(HttpUrl),
    Local(PathBuf),
}

/// An `http` or `https` URL without user part, query and final slash.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    uri: Uri,
    text: String,
}

/// Scheme, host and port: what a credential belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(&'static str, String, u16);

/// Why a text is not a [`GitUrl`].
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidUrl(&'static str);

// === impl GitUrl ===

impl GitUrl {
    pub(crate) fn place(&self) -> &Place {
        &self.0
    }

    /// The path, when the repository is on this machine.
    pub fn local_path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Local(path) => Some(path),
            Place::Http(_) => None,
        }
    }
}

impl FromStr for GitUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if text.is_empty() {
            return Err(InvalidUrl("it is empty"));
        }
        if text.contains('$') || text.chars().any(char::is_control) {
            return Err(InvalidUrl("it holds `$` or a control character"));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" => text.parse().map(|url| GitUrl(Place::Http(url))),
                "file" => {
                    let path = rest.strip_prefix("localhost").unwrap_or(rest);
                    if !path.starts_with('/') {
                        return Err(InvalidUrl("a file:// URL needs an absolute path, as in file:///srv/catalog.git"));
                    }
                    let path =
                        percent_decoded(path).ok_or(InvalidUrl("its percent escapes are broken or hide a control character"))?;
                    Ok(GitUrl(Place::Local(path.into())))
                }
                "ssh" | "git" | "git+ssh" => {
                    Err(InvalidUrl("ssh and git are not spoken here; use the repository's https:// URL with a token"))
                }
                _ => Err(InvalidUrl("its scheme is not https, http or file")),
            };
        }
        // `git@host:path`, as git itself tells it from a path: a colon before the first slash.
        if text.split('/').next().is_some_and(|first| first.contains(':')) {
            return Err(InvalidUrl("ssh is not spoken here; use the repository's https:// URL with a token"));
        }
        Ok(GitUrl(Place::Local(text.into())))
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Http(url) => url.fmt(f),
            Place::Local(path) => path.display().fmt(f),
        }
    }
}

// === impl HttpUrl ===

impl HttpUrl {
    /// The text, without final slash.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port as written.
    pub(crate) fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    pub(crate) fn origin(&self) -> Origin {
        let default = if self.is_https() { 443 } else { 80 };
        let scheme = if self.is_https() { "https" } else { "http" };
        Origin(scheme, self.host().to_ascii_lowercase(), self.uri.port_u16().unwrap_or(default))
    }

    /// Whether the host is this machine, where nobody else can listen.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    }

    /// The URL that a `Location` header means.
    pub(crate) fn join(&self, location: &str) -> Result<(Self, String), InvalidUrl> {
        let absolute = match location.strip_prefix('/') {
            Some(rest) if !rest.starts_with('/') => {
                let authority = self.uri.authority().map(|a| a.as_str()).unwrap_or_default();
                format!("{}://{authority}{location}", if self.is_https() { "https" } else { "http" })
            }
            _ => location.to_owned(),
        };
        let (path, query) = absolute.split_once('?').unwrap_or((&absolute, ""));
        Ok((path.parse()?, query.to_owned()))
    }
}

impl FromStr for HttpUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let authority = text.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or(rest)).unwrap_or_default();
        if authority.contains('@') {
            return Err(InvalidUrl(
                "it holds a user or password; put them into a Secret with `username` and `password` and bind that as workspace",
            ));
        }
        if text.contains(['?', '#']) {
            return Err(InvalidUrl("it holds `?` or `#`"));
        }
        let text = text.trim_end_matches('/');
        let uri: Uri = text.parse().map_err(|_| InvalidUrl("it is not a URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(InvalidUrl("it is not an http or https URL with a host"));
        }
        Ok(HttpUrl { uri, text: text.to_owned() })
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `%41` is `A`; `None` when an escape is broken or the result is not UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text itself is not repeated: it may hold a password.
        write!(f, "not a Git repository's URL or path: {}", self.0)
    }
}

impl std::error::Error for InvalidUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> String {
        match text.parse::<GitUrl>() {
            Ok(url) => format!("{url}"),
            Err(error) => error.0.to_owned(),
        }
    }

    #[test]
    fn accepted() {
        for (text, shown) in [
            ("https://git.example/group/catalog.git", "https://git.example/group/catalog.git"),
            ("HTTPS://git.example/a/", "HTTPS://git.example/a"),
            ("http://127.0.0.1:8080/a", "http://127.0.0.1:8080/a"),
            ("https://[::1]:8443/a", "https://[::1]:8443/a"),
            ("file:///srv/a%20b.git", "/srv/a b.git"),
            ("file://localhost/srv/a.git", "/srv/a.git"),
            ("/srv/catalog.git", "/srv/catalog.git"),
            ("../catalog.git", "../catalog.git"),
        ] {
            assert_eq!(verdict(text), shown);
        }
    }

    #[test]
    fn refused() {
        let texts = [
            "",
            "$(params.url)",
            "https://a\nb",
            "ssh://git@git.example/a",
            "git@git.example:a/b.git",
            "ftp://git.example/a",
            "https://bot:hunter2@git.example/a",
            "https://git.example/a?x=1",
            "https:///a",
            "file://host/a",
            "file:///a%2",
            "file:///a%0a",
        ];
        let verdicts: Vec<String> = texts.iter().map(|text| format!("{text:?}: {}", verdict(text))).collect();
        insta::assert_snapshot!(verdicts.join("\n"), @r#"
        "": it is empty
        "$(params.url)": it holds `$` or a control character
        "https://a\nb": it holds `$` or a control character
        "ssh://git@git.example/a": ssh and git are not spoken here; use the repository's https:// URL with a token
        "git@git.example:a/b.git": ssh is not spoken here; use the repository's https:// URL with a token
        "ftp://git.example/a": its scheme is not https, http or file
        "https://bot:hunter2@git.example/a": it holds a user or password; put them into a Secret with `username` and `password` and bind that as workspace
        "https://git.example/a?x=1": it holds `?` or `#`
        "https:///a": it is not a URL
        "file://host/a": a file:// URL needs an absolute path, as in file:///srv/catalog.git
        "file:///a%2": its percent escapes are broken or hide a control character
        "file:///a%0a": its percent escapes are broken or hide a control character
        "#);
    }

    #[test]
    fn the_error_does_not_repeat_a_password() {
        let error = "https://bot:hunter2@git.example/a".parse::<GitUrl>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn loopback() {
        for (text, is) in [
            ("http://localhost/a", true),
            ("http://127.8.0.1/a", true),
            ("http://[::1]:1/a", true),
            ("http://127.0.0.1.example/a", false),
            ("http://10.0.0.1/a", false),
        ] {
            assert_eq!(text.parse::<HttpUrl>().unwrap().is_loopback(), is, "{text}");
        }
    }

    #[test]
    fn locations() {
        let base: HttpUrl = "https://git.example:8443/a".parse().unwrap();
        let join = |location: &str| base.join(location).map(|(url, query)| format!("{url} {query}")).map_err(|e| e.0);
        assert_eq!(join("/b/info/refs?service=x"), Ok("https://git.example:8443/b/info/refs service=x".into()));
        assert_eq!(join("http://other/b"), Ok("http://other/b ".into()));
        assert!(join("//other/b").is_err());
        assert!(join("javascript:x").is_err());
        assert!(join("https://u:p@other/b").is_err());
    }
}
