//! HTTP as every remote call speaks it: which certificates count, how long to wait, and the words for what went wrong.
//!
//! A client sends its own headers and decides what a status means; what is the same for all of them is here. Redirects
//! are not followed: only the client knows who may see its credentials.

mod certificates;
mod patience;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use step::{Cancel, Result};
use ureq::Agent;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, RustlsConnector, TcpConnector};

use crate::certificates::{client_certificate, roots};
use crate::patience::Patience;
pub use crate::words::{MARGIN, Status, broken, content_type, excerpt, printable, says, unreachable, wait};

/// How to speak.
#[derive(Clone, Debug)]
pub struct Options {
    /// What we call ourselves.
    pub user_agent: &'static str,
    /// A PEM file with certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM files that say to a server who we are.
    pub client: Option<ClientCertificate>,
    /// Whether certificates count. `false` only where the user asked for it.
    pub verify: bool,
    /// Whether the agent is to speak TLS. Without it nothing is read from `ca_file` and the system.
    pub tls: bool,
    /// Whether HTTP_PROXY and its kin count. Loopback has no proxy.
    pub proxy: bool,
    /// How long to wait for a connection.
    pub connect: Duration,
    /// How long a server may say nothing.
    pub silence: Duration,
    /// How long one request with its answer may take, also while bytes come.
    pub deadline: Option<Duration>,
    /// How many connections are kept for each host.
    pub connections: usize,
}

/// PEM files that say who we are: a chain of certificates, and the key of the first.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificates.
    pub certificates: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            user_agent: concat!("stepwright/", env!("CARGO_PKG_VERSION")),
            ca_file: None,
            client: None,
            verify: true,
            tls: true,
            proxy: true,
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            deadline: None,
            connections: 8,
        }
    }
}

/// A pool of connections that speaks as `options` say. Every wait ends when `cancel` is raised.
///
/// Statuses are not errors. Fails when certificates cannot be read.
pub fn agent(options: &Options, cancel: Cancel) -> Result<Agent> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(options.user_agent)
        .timeout_global(options.deadline)
        .timeout_resolve(Some(options.connect))
        .timeout_connect(Some(options.connect))
        .timeout_per_read(Some(options.silence))
        .timeout_per_write(Some(options.silence))
        .max_idle_connections(4 * options.connections)
        .max_idle_connections_per_host(options.connections);
    if options.tls {
        let mut tls = TlsConfig::builder().disable_verification(!options.verify).client_cert(client_certificate(options)?);
        if options.verify {
            tls = tls.root_certs(roots(options)?);
        }
        config = config.tls_config(tls.build());
    }
    if !options.proxy {
        config = config.proxy(None);
    }
    let connector =
        ().chain(ConnectProxyConnector::default())
            .chain(TcpConnector::default())
            .chain(Patience(cancel))
            .chain(RustlsConnector::default());
    Ok(Agent::with_parts(config.build(), connector, DefaultResolver::default()))
}
