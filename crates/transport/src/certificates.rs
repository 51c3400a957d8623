//! Whose word counts for who a server is.

use std::path::Path;

use step::files::read_regular;
use step::{Error, Result};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, parse_pem};

use crate::Options;

/// The system's own bundles have a quarter of a MiB.
const LARGEST_BUNDLE: u64 = 16 << 20;

/// Where distributions and images keep the certificate authorities.
const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The certificate authorities to trust: the system's, and those given.
pub(crate) fn roots(options: &Options) -> Result<RootCerts> {
    let mut roots = Vec::new();
    if let Some(path) = &options.ca_file {
        roots = certificates(path)?;
        if roots.is_empty() {
            return Err(Error::bad_input(format!("{} holds no certificate", path.display()))
                .hint("it should be PEM: -----BEGIN CERTIFICATE-----"));
        }
    }
    match std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) {
        Some(path) => roots.extend(certificates(Path::new(&path)).map_err(|e| e.context("SSL_CERT_FILE"))?),
        None => {
            if let Some(path) = SYSTEM_ROOTS.iter().map(Path::new).find(|path| path.exists()) {
                roots.extend(certificates(path)?);
            }
        }
    }
    if roots.is_empty() {
        return Err(Error::not_found("this system has no certificate authorities to check a server with")
            .hint("set SSL_CERT_FILE to a PEM bundle, or give `ca-bundle.crt` in the `ca` workspace"));
    }
    Ok(RootCerts::from(roots))
}

/// What says to servers who we are.
pub(crate) fn client_certificate(options: &Options) -> Result<Option<ClientCert>> {
    let Some(client) = &options.client else { return Ok(None) };
    let chain = certificates(&client.certificates)?;
    if chain.is_empty() {
        return Err(Error::bad_input(format!("{} holds no certificate", client.certificates.display())));
    }
    let key = pem(&client.key)?;
    let key = PrivateKey::from_pem(&key).map_err(|_| {
        // The cause might quote the file.
        Error::bad_input(format!("{} holds no private key", client.key.display()))
            .hint("it should be PEM: -----BEGIN PRIVATE KEY-----")
    })?;
    Ok(Some(ClientCert::new_with_certs(&chain, key)))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>> {
    let pem = pem(path)?;
    let items: Result<Vec<PemItem<'_>>, _> = parse_pem(&pem).collect();
    let items = items.map_err(|e| Error::bad_input(format!("{} is not PEM", path.display())).because(e))?;
    Ok(items.into_iter().filter_map(|item| if let PemItem::Certificate(one) = item { Some(one) } else { None }).collect())
}

fn pem(path: &Path) -> Result<Vec<u8>> {
    read_regular(path, LARGEST_BUNDLE)?.ok_or_else(|| Error::not_found(format!("there is no {}", path.display())))
}
