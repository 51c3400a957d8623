//! The parameters of every step that speaks to registries, and the client that they make.

use step::retry::Policy;
use step::{Cancel, ReadOnlyDir, Result, Tls};
use transport::ClientCertificate;

use crate::client::{Client, Options};
use crate::{Credentials, Environment};

/// How to reach registries: `#[command(flatten)] pub registries: registry::Registries`.
#[derive(clap::Args, Clone, Debug)]
pub struct Registries {
    /// Whether registries must be reached by https and have a certificate that counts.
    ///
    /// Loopback may do without https in any case.
    #[arg(long, default_value = "true", action = clap::ArgAction::Set)]
    pub tls_verify: bool,

    /// How often a request is tried again that can succeed later.
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(..=20))]
    pub retries: u32,

    /// A Secret with credentials for registries: `.dockerconfigjson`, or `config.json`.
    #[arg(long, value_name = "DIR")]
    pub registry_credentials: Option<ReadOnlyDir>,

    /// A Secret with `tls.crt` and `tls.key`, for registries that ask who we are in TLS.
    #[arg(long, value_name = "DIR")]
    pub client_certificate: Option<ReadOnlyDir>,

    /// Extra certificate authorities.
    #[command(flatten)]
    pub tls: Tls,
}

// === impl Registries ===

impl Registries {
    /// A client that has spoken to nobody yet. Fails when the credentials cannot be read.
    pub fn client(&self, cancel: &Cancel) -> Result<Client> {
        let given = self.registry_credentials.as_ref().map(|dir| dir.path());
        let defaults = Options::default();
        let options = Options {
            credentials: Credentials::find(given, &Environment::of_process())?,
            ca_file: self.tls.ca_file(),
            client_certificate: self
                .client_certificate
                .as_ref()
                .map(|dir| ClientCertificate { certificates: dir.path().join("tls.crt"), key: dir.path().join("tls.key") }),
            verify: self.tls_verify,
            retry: Policy { attempts: self.retries + 1, ..defaults.retry },
            ..defaults
        };
        Ok(Client::new(options, cancel.clone()))
    }
}
