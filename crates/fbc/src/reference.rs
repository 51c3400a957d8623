//! Image pull specs with the rules and the messages of the `docker/reference` package, which opm uses.

/// Checks a pull spec such as `quay.io/a/b:v1@sha256:…`. The error is that package's text.
pub(crate) fn check(spec: &str) -> Result<(), String> {
    if spec.len() == 64 && spec.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(format!("invalid repository name ({spec}), cannot specify 64-byte hexadecimal strings"));
    }
    let (domain, path) = split_domain(spec);
    let name = path.split(':').next().unwrap_or_default();
    if name.to_lowercase() != name {
        return Err("invalid reference format: repository name must be lowercase".into());
    }
    let full = format!("{domain}/{path}");
    let Some(parts) = parse(&full) else {
        let lower = parse(&full.to_lowercase()).is_some();
        return Err(if lower { "repository name must be lowercase" } else { "invalid reference format" }.into());
    };
    if parts.name.len() > 255 {
        return Err("repository name must not be more than 255 characters".into());
    }
    parts.digest.map_or(Ok(()), check_digest)
}

fn split_domain(spec: &str) -> (&str, String) {
    let (domain, path) = match spec.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => ("docker.io", spec),
    };
    let domain = if domain == "index.docker.io" { "docker.io" } else { domain };
    let path = if domain == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
    (domain, path)
}

struct Parts<'a> {
    name: &'a str,
    digest: Option<&'a str>,
}

/// `name[:tag][@digest]`; `None` when it has another form.
fn parse(text: &str) -> Option<Parts<'_>> {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    if digest.is_some_and(|digest| !has_digest_form(digest)) {
        return None;
    }
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last..].find(':') {
        Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
        None => (rest, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return None;
    }
    let mut components = name.split('/');
    let first = components.next()?;
    let more = components.clone().next().is_some();
    ((is_component(first) || (more && is_domain(first))) && components.all(is_component)).then_some(Parts { name, digest })
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&tag.len()) && tag.bytes().enumerate().all(|(i, b)| word(b) || (i > 0 && matches!(b, b'.' | b'-')))
}

fn is_domain(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(is_label) && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// Runs of a-z and 0-9 with `.`, `_`, `__` or dashes between.
fn is_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let run = rest.iter().take_while(|b| alphanumeric(**b)).count();
        if run == 0 {
            return false;
        }
        rest = &rest[run..];
        let separator = match rest {
            [] => return true,
            [b'.', ..] => 1,
            [b'_', b'_', ..] => 2,
            [b'_', ..] => 1,
            _ => rest.iter().take_while(|b| **b == b'-').count(),
        };
        if separator == 0 {
            return false;
        }
        rest = &rest[separator..];
    }
}

fn has_digest_form(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let is_part =
        |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    algorithm.split(['-', '_', '+', '.']).all(is_part) && hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The rules of github.com/opencontainers/go-digest for a digest of the right form.
fn check_digest(digest: &str) -> Result<(), String> {
    let (algorithm, hex) = digest.split_once(':').unwrap_or_default();
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ if algorithm.bytes().any(|b| b.is_ascii_uppercase()) => return Err("invalid checksum digest format".into()),
        _ => return Err("unsupported digest algorithm".into()),
    };
    if hex.len() != length {
        return Err("invalid checksum digest length".into());
    }
    if hex.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("invalid checksum digest format".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_specs_and_their_faults() {
        // As the Go package of opm 1.73 answers.
        let hex = "a".repeat(64);
        let cases = [
            "quay.io/a/b:v1".to_owned(),
            "a".into(),
            "localhost:5000/a".into(),
            "Quay.io/a".into(),
            "Not A Ref!!".into(),
            "quay.io/A/b".into(),
            "quay.io/a:V1_x".into(),
            "quay.io/a__b-.c".into(),
            "quay.io/a__b--c".into(),
            "quay.io/a:".into(),
            "quay.io/".into(),
            "http://quay.io/a".into(),
            format!("quay.io/a@sha256:{hex}"),
            format!("quay.io/a:t@sha256:{hex}0"),
            format!("quay.io/a@sha256:{}", "A".repeat(64)),
            format!("quay.io/a@md5:{hex}"),
            format!("quay.io/a@SHA256:{hex}"),
            "quay.io/a@sha256:abc".into(),
            hex,
            format!("quay.io/{}", "a".repeat(248)),
        ];
        let answers = cases.map(|spec| {
            let shown: String = spec.chars().take(32).collect();
            format!("{shown}: {}", check(&spec).err().unwrap_or_else(|| "fine".into()))
        });
        insta::assert_snapshot!(answers.join("\n"), @r"
        quay.io/a/b:v1: fine
        a: fine
        localhost:5000/a: fine
        Quay.io/a: fine
        Not A Ref!!: invalid reference format: repository name must be lowercase
        quay.io/A/b: invalid reference format: repository name must be lowercase
        quay.io/a:V1_x: fine
        quay.io/a__b-.c: invalid reference format
        quay.io/a__b--c: fine
        quay.io/a:: invalid reference format
        quay.io/: invalid reference format
        http://quay.io/a: invalid reference format
        quay.io/a@sha256:aaaaaaaaaaaaaaa: fine
        quay.io/a:t@sha256:aaaaaaaaaaaaa: invalid checksum digest length
        quay.io/a@sha256:AAAAAAAAAAAAAAA: invalid checksum digest format
        quay.io/a@md5:aaaaaaaaaaaaaaaaaa: unsupported digest algorithm
        quay.io/a@SHA256:aaaaaaaaaaaaaaa: invalid reference format: repository name must be lowercase
        quay.io/a@sha256:abc: invalid reference format
        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: invalid repository name (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa), cannot specify 64-byte hexadecimal strings
        quay.io/aaaaaaaaaaaaaaaaaaaaaaaa: repository name must not be more than 255 characters
        ");
    }
}
