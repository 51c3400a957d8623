//! A certificate authority of our own, and certificates from it.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server's side of TLS: a certificate for 127.0.0.1 and localhost, by an authority that nobody else knows.
pub struct Tls {
    ca_pem: String,
    server: (String, String),
    issuer: Issuer<'static, KeyPair>,
    config: Arc<ServerConfig>,
}

impl Default for Tls {
    fn default() -> Self {
        Tls::new()
    }
}

impl Tls {
    /// A new authority, and its first certificate.
    pub fn new() -> Self {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "a test's authority");
        let key = KeyPair::generate().unwrap();
        let ca_pem = ca.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(ca, key);
        let server_key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&server_key, &issuer).unwrap();
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        Tls { ca_pem, server: (certificate.pem(), server_key.serialize_pem()), issuer, config: config.into() }
    }

    /// The authority's own certificate (PEM).
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The server's certificate and private key (PEM), for a server that is another program.
    pub fn server_pem(&self) -> (&str, &str) {
        (&self.server.0, &self.server.1)
    }

    /// A certificate and private key (PEM) for a client that calls itself `name`.
    pub fn client_pem(&self, name: &str) -> (String, String) {
        let mut client = CertificateParams::default();
        client.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (client.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// Speaks TLS on a connection that was accepted.
    pub fn wrap<S: Read + Write>(&self, stream: S) -> io::Result<StreamOwned<ServerConnection, S>> {
        let connection = ServerConnection::new(self.config.clone()).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, stream))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
