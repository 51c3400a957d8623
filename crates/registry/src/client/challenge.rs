//! How a registry wants to be told who we are: the header `WWW-Authenticate`. (RFC 9110, 11; distribution's token
//! authentication specification.)

use std::collections::BTreeMap;

/// What the registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token from the server at `realm`.
    Bearer {
        /// The token server's URL.
        realm: String,
        /// The registry's name at the token server.
        service: Option<String>,
        /// Whether a token that was sent does not allow enough.
        insufficient: bool,
    },
}

impl Challenge {
    /// Reads the values of all `WWW-Authenticate` headers. A token is preferred to a password.
    pub(crate) fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut found = None;
        for (scheme, mut parameters) in headers.into_iter().flat_map(challenges) {
            if scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameters.remove("realm")
            {
                let insufficient = parameters.get("error").is_some_and(|error| error == "insufficient_scope");
                return Some(Challenge::Bearer { realm, service: parameters.remove("service"), insufficient });
            }
            if scheme.eq_ignore_ascii_case("basic") {
                found = Some(Challenge::Basic);
            }
        }
        found
    }
}

/// The challenges of one header: `Basic realm="a, b", Bearer realm="https://…",service="c"`.
fn challenges(header: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut challenges: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    for part in split(header) {
        // A name before the first `=` with a space in it is a scheme and the first parameter.
        let (name, value) = part.split_once('=').map_or((part.as_str(), None), |(name, value)| (name, Some(value)));
        let name = match name.trim().split_once(' ') {
            Some((scheme, name)) => {
                challenges.push((scheme.to_owned(), BTreeMap::new()));
                name.trim()
            }
            None if value.is_none() => {
                challenges.push((name.trim().to_owned(), BTreeMap::new()));
                continue;
            }
            None => name.trim(),
        };
        if let (Some((_, parameters)), Some(value)) = (challenges.last_mut(), value) {
            parameters.insert(name.to_ascii_lowercase(), unquoted(value.trim()));
        }
    }
    challenges
}

/// The header at its commas outside quotes.
fn split(header: &str) -> Vec<String> {
    let (mut parts, mut part, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in header.chars() {
        match c {
            ',' if !quoted => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        part.push(c);
    }
    parts.push(part);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else { return value.to_owned() };
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_real_registries() {
        let bearer = |realm: &str, service: Option<&str>, insufficient| {
            Some(Challenge::Bearer { realm: realm.into(), service: service.map(Into::into), insufficient })
        };
        for (header, challenge) in [
            (r#"Basic realm="Registry Realm""#, Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                bearer("https://auth.docker.io/token", Some("registry.docker.io"), false),
            ),
            (
                r#"Bearer error="insufficient_scope", realm="http://t/a\"b" , service=x"#,
                bearer(r#"http://t/a"b"#, Some("x"), true),
            ),
            (r#"Basic realm="a, Bearer realm=b", Bearer realm="https://t""#, bearer("https://t", None, false)),
            (r#"Negotiate, Basic realm="x""#, Some(Challenge::Basic)),
            (r#"Bearer service="x""#, None),
            ("", None),
            ("Negotiate abc==", None),
        ] {
            assert_eq!(Challenge::parse([header]), challenge, "{header}");
        }
        assert_eq!(Challenge::parse(["Basic", r#"Bearer realm="https://t""#]), bearer("https://t", None, false));
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read(header: String) {
            let _ = Challenge::parse([&*header]);
        }
    }
}
