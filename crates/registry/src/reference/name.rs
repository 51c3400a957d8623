//! The parts of an image's name: the registry's host, the repository there, the tag.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{InvalidReference, check_text, newtype};

/// Docker Hub, as it is called in references.
const HUB: &str = "docker.io";

/// Docker Hub, as it was called.
const HUB_BEFORE: &str = "index.docker.io";

/// Docker Hub's registry.
const HUB_API: &str = "registry-1.docker.io";

/// The longest host with its port: a DNS name has 253 bytes at most.
const LONGEST_HOST: usize = 253 + ":65535".len();

/// The longest repository name.
const LONGEST_REPOSITORY: usize = 255;

/// The longest tag.
const LONGEST_TAG: usize = 128;

newtype! {
    /// A registry's host, with its port where one is given: `quay.io`, `localhost:5000`, `[::1]:5000`.
    ///
    /// `index.docker.io` becomes `docker.io`. The spelling is kept otherwise.
    Host, "the host of a registry"
}

newtype! {
    /// A repository's name within its registry: `library/busybox`. At most 255 bytes.
    RepositoryName, "the name of a repository"
}

newtype! {
    /// A tag: a letter, digit or `_`, then at most 127 of these and `.` and `-`.
    Tag, "a tag"
}

// === impl Host ===

impl Host {
    /// The host as it stands in references.
    pub fn name(&self) -> &str {
        self.as_str()
    }

    /// The host, with its port where one is given, to connect to. Docker Hub's registry has another name than Docker Hub.
    pub fn api(&self) -> &str {
        if self.is_docker_hub() { HUB_API } else { self.as_str() }
    }

    /// Whether it is this machine, where nobody else can listen: `localhost` or a loopback address.
    ///
    /// `x.localhost` is not: a name server may say that it is elsewhere.
    pub fn is_loopback(&self) -> bool {
        let (name, _) = split_port(self.as_str());
        name.eq_ignore_ascii_case("localhost")
            || name.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
            || ipv6(name).is_some_and(|ip| ip.is_loopback())
    }

    /// Whether it is Docker Hub under its name in references.
    pub(crate) fn is_docker_hub(&self) -> bool {
        self.as_str() == HUB
    }

    pub(super) fn docker_hub() -> Self {
        Host(HUB.into())
    }

    pub(super) fn parsed(text: &str) -> Result<Self, InvalidReference> {
        let fault = |says| Err(InvalidReference::part("host", says));
        check_text(text, LONGEST_HOST).map_err(|says| InvalidReference::part("host", says))?;
        if let Some((user, _)) = text.rsplit_once('@') {
            // Whoever reports the error shows the text.
            step::redact::secret(user.split_once(':').map_or(user, |(_, password)| password));
            return fault("holds a user; credentials go into a file, as in ~/.docker/config.json");
        }
        let (name, port) = split_port(text);
        if port.is_some_and(|port| !is_port(port)) {
            return fault("has a port that is not a number from 1 to 65535");
        }
        if name.starts_with('[') {
            if ipv6(name).is_none() {
                return fault("is not an IPv6 address in brackets, as in [::1]:5000");
            }
        } else if name.contains(':') {
            return fault("is an IPv6 address without brackets; write [::1]:5000");
        } else if !name.split('.').all(is_label) {
            return fault("is not letters, digits and dashes between dots");
        }
        Ok(Host(if text == HUB_BEFORE { HUB.into() } else { text.into() }))
    }
}

// === impl RepositoryName ===

impl RepositoryName {
    pub(super) fn parsed(text: &str) -> Result<Self, InvalidReference> {
        let fault = |says| Err(InvalidReference::part("repository", says));
        check_text(text, LONGEST_REPOSITORY).map_err(|says| InvalidReference::part("repository", says))?;
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return fault("has capital letters");
        }
        if text.split('/').any(str::is_empty) {
            return fault("has an empty part: a slash too many");
        }
        if !text.split('/').all(is_component) {
            return fault("is not a-z and 0-9, with single `.`, `_`, `__` or dashes between, in parts separated by slashes");
        }
        Ok(RepositoryName(text.into()))
    }
}

// === impl Tag ===

impl Tag {
    /// `latest`, which is meant where no tag is given.
    pub fn latest() -> Self {
        Tag("latest".into())
    }

    pub(super) fn parsed(text: &str) -> Result<Self, InvalidReference> {
        let fault = |says| Err(InvalidReference::part("tag", says));
        check_text(text, LONGEST_TAG).map_err(|says| InvalidReference::part("tag", says))?;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-')) {
            return fault("has other characters than letters, digits, `_`, `.` and `-`");
        }
        if text.starts_with(['.', '-']) {
            return fault("begins with a dot or dash");
        }
        Ok(Tag(text.into()))
    }
}

/// The name and the port, which is what follows the last colon outside brackets.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && (name.starts_with('[') || !name.contains(':')) => (name, Some(port)),
        _ => (host, None),
    }
}

fn is_port(text: &str) -> bool {
    // `parse` takes a sign.
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse().is_ok_and(|port: u16| port > 0)
}

fn ipv6(name: &str) -> Option<Ipv6Addr> {
    // An embedded IPv4 address is not in the grammar.
    name.strip_prefix('[')?.strip_suffix(']').filter(|inner| !inner.contains('.'))?.parse().ok()
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty() && label.bytes().all(is_inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether `text` is runs of a-z and 0-9 with one `.`, `_`, `__` or any number of dashes between each two.
fn is_component(text: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let run = rest.iter().take_while(|&&byte| is_alphanumeric(byte)).count();
        if run == 0 {
            return false;
        }
        rest = &rest[run..];
        let separator = match rest {
            [] => return true,
            [b'_', b'_', ..] => 2,
            [b'.' | b'_', ..] => 1,
            _ => rest.iter().take_while(|&&byte| byte == b'-').count(),
        };
        if separator == 0 {
            return false;
        }
        rest = &rest[separator..];
    }
}
