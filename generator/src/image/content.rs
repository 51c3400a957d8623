//! What an image holds beside its binary: certificate authorities, a directory for temporary files, times, labels.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use step::{About, Error, Result};

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

/// The time of everything in an image, in seconds since 1970: `SOURCE_DATE_EPOCH`, or 0.
pub(super) fn epoch() -> Result<u64> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) if !text.is_empty() => {
            text.parse().map_err(|e| Error::bad_input(format!("SOURCE_DATE_EPOCH is no number of seconds: {text:?}")).because(e))
        }
        _ => Ok(0),
    }
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

/// A time as RFC 3339 has it.
pub(super) fn rfc3339(epoch: u64) -> String {
    // Howard Hinnant's algorithm: years begin in March, so that the leap day is the last.
    let (days, seconds) = (epoch / 86400, epoch % 86400);
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The image's labels, sorted: OCI's, and those that Red Hat's certification asks for.
pub(super) fn labels(step: &About, epoch: u64, revision: Option<&str>) -> Vec<(String, String)> {
    const SOURCE: &str = env!("CARGO_PKG_REPOSITORY");
    let created = rfc3339(epoch);
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
    fn times() {
        for (epoch, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(epoch), text);
        }
    }

    #[test]
    fn the_authorities_are_a_bundle() {
        let pem = String::from_utf8(authorities()).unwrap();
        assert!(pem.matches("BEGIN CERTIFICATE").count() > 100);
        assert!(pem.lines().all(|line| line.len() <= 64));
    }
}
