//! URLs of registries, and of where they send us.

use std::fmt;

use step::{Error, Kind, Result};
use ureq::http::Uri;

/// An absolute `http` or `https` URL without a user part.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    https: bool,
    /// `host` or `host:port`.
    authority: String,
    /// Begins with `/`.
    path: String,
}

// === impl Url ===

impl Url {
    pub(crate) fn new(https: bool, authority: &str, path: &str) -> Self {
        Url { https, authority: authority.to_owned(), path: path.to_owned() }
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::new(Kind::Remote, format!("the registry names a URL that {why}"));
        let uri: Uri = text.parse().map_err(|_| wrong("is malformed"))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("is neither http nor https")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("holds a password"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Url::new(https, authority.as_str(), path))
    }

    /// Where a `Location` header of an answer from here leads.
    pub(crate) fn join(&self, location: &str) -> Result<Self> {
        if let Some(rest) = location.strip_prefix("//") {
            return Url::parse(&format!("{}://{rest}", self.scheme()));
        }
        if location.starts_with('/') {
            return Url::parse(&format!("{}://{}{location}", self.scheme(), self.authority));
        }
        if location.contains("://") {
            return Url::parse(location);
        }
        let path = self.path.split('?').next().unwrap_or_default();
        let directory = path.rfind('/').map_or("/", |end| &path[..=end]);
        Url::parse(&format!("{}://{}{directory}{location}", self.scheme(), self.authority))
    }

    /// With one more parameter, whose value is encoded here.
    pub(crate) fn with_query(mut self, name: &str, value: &str) -> Self {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(name);
        self.path.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.path.push(char::from(byte));
            } else {
                self.path.push_str(&format!("%{byte:02X}"));
            }
        }
        self
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn is_loopback(&self) -> bool {
        let host = match self.authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => self.authority.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether both are served by the same program, which may see what we send to one of them.
    pub(crate) fn has_origin_of(&self, other: &Url) -> bool {
        let port = |url: &Url| {
            let default = if url.https { ":443" } else { ":80" };
            url.authority.strip_suffix(default).unwrap_or(&url.authority).to_ascii_lowercase()
        };
        self.https == other.https && port(self) == port(other)
    }

    fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }
}

/// The whole URL, for requests. What people read is [`fmt::Debug`].
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority, self.path)
    }
}

/// Without its query, which may hold a signature that is as good as a password.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", self.scheme(), self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved_as_browsers_do() {
        let base = Url::parse("https://quay.io/v2/a/b/blobs/uploads/?x=1").unwrap();
        let joined: Vec<String> = ["/v2/c?d=e", "f", "//other/g", "http://other:8080", "ftp://x/", "https://u:p@h/", "https://"]
            .iter()
            .map(|location| base.join(location).map_or_else(|error| error.to_string(), |url| url.to_string()))
            .collect();
        insta::assert_snapshot!(joined.join("\n"), @"
        https://quay.io/v2/c?d=e
        https://quay.io/v2/a/b/blobs/uploads/f
        https://other/g
        http://other:8080/
        the registry names a URL that is neither http nor https
        the registry names a URL that holds a password
        the registry names a URL that is malformed
        ");
    }

    #[test]
    fn origins() {
        let url = |text| Url::parse(text).unwrap();
        assert!(url("https://Quay.io/a").has_origin_of(&url("https://quay.io:443/b?c")));
        for other in ["http://quay.io", "https://quay.io:444", "https://quay.io.example", "https://cdn.quay.io"] {
            assert!(!url("https://quay.io").has_origin_of(&url(other)), "{other}");
        }
        assert!(url("http://[::1]:5000/").is_loopback() && url("http://127.0.0.9").is_loopback());
        assert!(!url("http://localhost.example").is_loopback());
        assert_eq!(format!("{:?}", url("https://s3.example/a?X-Amz-Signature=secret")), "https://s3.example/a");
        assert_eq!(url("https://h/a?b=c").with_query("digest", "sha256:0/").to_string(), "https://h/a?b=c&digest=sha256%3A0%2F");
    }
}
