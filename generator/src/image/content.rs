//! What an image holds beside its binary: certificate authorities, a directory for temporary files, times, labels.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use step::{About, Error, Result, SourceDate};

/// The certificate authorities of Mozilla, as PEM.
///
/// Not those of the machine that builds: they differ from machine to machine, and may hold private ones.
pub(super) fn authorities() -> Vec<u8> {
    let mut pem = Vec::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.extend_from_slice(b"-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(certificate).as_bytes().chunks(64) {
            pem.extend_from_slice(line);
            pem.push(b'\n');
        }
        pem.extend_from_slice(b"-----END CERTIFICATE-----\n");
    }
    pem
}

/// The commit that is built; `None` outside a repository, or when files differ from it.
pub(super) fn revision(source: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let output =
            Command::new("git").arg("-C").arg(source).args(args).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    git(&["rev-parse", "HEAD"]).filter(|_| changed.is_empty())
}

/// The image's labels, sorted: OCI's, and those that Red Hat's certification asks for.
pub(super) fn labels(step: &About, date: SourceDate, revision: Option<&str>) -> Vec<(String, String)> {
    const SOURCE: &str = env!("CARGO_PKG_REPOSITORY");
    let created = date.to_string();
    let component = format!("stepwright-{}", step.name);
    let tags = format!("tekton,{}", step.tags.join(","));
    // On one line, as other builders need it.
    let description = step.description.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut labels: Vec<(&str, &str)> = vec![
        ("com.redhat.component", &component),
        ("description", &description),
        ("io.k8s.description", step.summary),
        ("io.k8s.display-name", step.display_name),
        ("io.openshift.tags", &tags),
        ("maintainer", "Stepwright"),
        ("name", step.name),
        ("org.opencontainers.image.created", &created),
        ("org.opencontainers.image.description", step.summary),
        ("org.opencontainers.image.licenses", env!("CARGO_PKG_LICENSE")),
        ("org.opencontainers.image.source", SOURCE),
        ("org.opencontainers.image.title", step.name),
        ("org.opencontainers.image.url", SOURCE),
        ("org.opencontainers.image.vendor", "Stepwright"),
        ("org.opencontainers.image.version", step.version),
        ("release", "1"),
        ("summary", step.summary),
        ("url", SOURCE),
        ("vendor", "Stepwright"),
        ("version", step.version),
    ];
    labels.extend(revision.map(|revision| ("org.opencontainers.image.revision", revision)));
    labels.sort_unstable();
    labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Packs as every runtime unpacks; the same bytes at every call.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(|e| Error::io("cannot compress", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authorities_are_a_bundle() {
        let pem = String::from_utf8(authorities()).unwrap();
        assert!(pem.matches("BEGIN CERTIFICATE").count() > 100);
        assert!(pem.lines().all(|line| line.len() <= 64));
    }
}
