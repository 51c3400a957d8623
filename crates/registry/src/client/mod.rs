//! Registries over HTTP: connections, logins and tokens, shared by all threads of a program.

mod answer;
mod challenge;
mod download;
mod endpoint;
mod lists;
mod referrers;
mod repository;
mod upload;
mod url;

use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use step::retry::{Failure, Policy};
use step::{Cancel, Result};
use transport::{ClientCertificate, unreachable};
use ureq::http::header::{CONTENT_LENGTH, HeaderName};
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body, SendBody};

use self::endpoint::Endpoint;
use self::url::Url;
use crate::{Credentials, Host};

pub use self::download::BlobReader;
pub use self::repository::{Reference, Repository};
pub use self::upload::Pushed;

/// How to speak to registries.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who we are, and where.
    pub credentials: Credentials,
    /// A PEM file with certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// What says to a server who we are, in TLS.
    pub client_certificate: Option<ClientCertificate>,
    /// Whether a registry must be reached by https and have a certificate that counts. `false` only where the user
    /// asked for it. Loopback may do without https in any case.
    pub verify: bool,
    /// When to try again.
    pub retry: Policy,
    /// How long a server may say nothing, and how long it may take for [`LEAST`] bytes of a blob.
    pub silence: Duration,
}

/// A server that sends less than this within [`Options::silence`], in bytes, keeps us waiting for ever.
pub const LEAST: u64 = 16 << 10;

/// What speaks to registries. Clones share connections, logins and tokens.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    options: Options,
    cancel: Cancel,
    agents: Agents,
    endpoints: Mutex<HashMap<Host, Slot>>,
}

/// A registry, once it has answered.
type Slot = Arc<Mutex<Option<Arc<Endpoint>>>>;

/// Pools of connections, made when they are needed: certificates take a millisecond to read.
pub(crate) struct Agents {
    options: transport::Options,
    /// They tidy up, and wait for nobody.
    farewell: bool,
    cancel: Cancel,
    pools: Mutex<HashMap<(bool, bool), Agent>>,
}

/// What is sent with a request.
pub(crate) enum Payload<'a> {
    Empty,
    Bytes(&'a [u8]),
    /// So many bytes from a reader; it cannot be sent again.
    Stream(&'a mut dyn Read, u64),
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Options {
            credentials: Credentials::none(),
            ca_file: None,
            client_certificate: None,
            verify: true,
            // Registries that limit rates ask for a minute.
            retry: Policy { longest_pause: Duration::from_secs(90), budget: Duration::from_secs(300), ..Policy::default() },
            silence: Duration::from_secs(60),
        }
    }
}

// === impl Client ===

impl Client {
    /// A client that has spoken to nobody yet.
    pub fn new(options: Options, cancel: Cancel) -> Self {
        let spoken = transport::Options {
            ca_file: options.ca_file.clone(),
            client: options.client_certificate.clone(),
            verify: options.verify,
            silence: options.silence,
            ..transport::Options::default()
        };
        let agents = Agents { options: spoken, farewell: false, cancel: cancel.clone(), pools: Mutex::default() };
        Client(Arc::new(Inner { options, cancel, agents, endpoints: Mutex::default() }))
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// The flag that ends everything.
    pub fn cancel(&self) -> &Cancel {
        &self.0.cancel
    }

    pub(crate) fn agents(&self) -> &Agents {
        &self.0.agents
    }

    /// What tidies up after a failure: not for long, and also after cancelling.
    pub(crate) fn farewell(&self) -> Agents {
        let short = Duration::from_secs(3);
        let options =
            transport::Options { connect: short, silence: short, deadline: Some(short), ..self.0.agents.options.clone() };
        Agents { options, farewell: true, cancel: Cancel::new(), pools: Mutex::default() }
    }

    /// How `host` is reached. It is asked once.
    pub(crate) fn endpoint(&self, host: &Host) -> Result<Arc<Endpoint>> {
        let slot = {
            let mut endpoints = self.0.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(endpoints.entry(host.clone()).or_default())
        };
        // Held while the registry is asked, so that eight threads ask once.
        let mut known = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoint) = &*known {
            return Ok(Arc::clone(endpoint));
        }
        let options = self.options();
        let what = format!("asking {}", host.name());
        let found = options.retry.run(&self.0.cancel, &what, || Endpoint::find(host, !options.verify, &self.0.agents))?;
        let endpoint = Arc::new(found);
        *known = Some(Arc::clone(&endpoint));
        Ok(endpoint)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

// === impl Agents ===

impl Agents {
    /// Whether they tidy up, and do not wait until the registry wants to be asked again.
    pub(crate) fn is_farewell(&self) -> bool {
        self.farewell
    }

    /// How long a server may say nothing.
    pub(crate) fn silence(&self) -> Duration {
        self.options.silence
    }

    /// Sends one request and gives the answer, whatever it is.
    pub(crate) fn call(
        &self,
        method: Method,
        url: &Url,
        headers: &[(HeaderName, String)],
        payload: Payload<'_>,
    ) -> Result<Response<Body>, Failure> {
        let has_body = !matches!(method, Method::GET | Method::HEAD);
        let mut request = Request::builder().method(method).uri(url.to_string());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match payload {
            Payload::Empty if !has_body => self.run(url, request.body(())),
            Payload::Empty => self.run(url, request.header(CONTENT_LENGTH, 0).body(&[][..])),
            Payload::Bytes(bytes) => self.run(url, request.header(CONTENT_LENGTH, bytes.len()).body(bytes)),
            Payload::Stream(reader, length) => {
                // What is read beyond it would be lost to the next request.
                let mut reader = reader.take(length);
                self.run(url, request.header(CONTENT_LENGTH, length).body(SendBody::from_reader(&mut reader)))
            }
        }
    }

    fn run(
        &self,
        url: &Url,
        request: Result<Request<impl ureq::AsSendBody>, ureq::http::Error>,
    ) -> Result<Response<Body>, Failure> {
        let request =
            request.map_err(|error| Failure::Permanent(step::Error::internal("cannot make a request").because(error)))?;
        let agent = self.agent(url).map_err(Failure::Permanent)?;
        agent.run(request).map_err(|error| unreachable(format_args!("{url:?}"), url.authority(), error))
    }

    fn agent(&self, url: &Url) -> Result<Agent> {
        let (tls, proxy) = (url.is_https(), !url.is_loopback());
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = pools.get(&(tls, proxy)) {
            return Ok(agent.clone());
        }
        let agent = transport::agent(&transport::Options { tls, proxy, ..self.options.clone() }, self.cancel.clone())?;
        pools.insert((tls, proxy), agent.clone());
        Ok(agent)
    }
}
