//! Requests: who may see the credentials, which certificates count, what a status means.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use step::retry::{Failure, retry_after};
use step::{Cancel, Error, Kind, Result};
use ureq::http::Response;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, RustlsConnector, TcpConnector};
use ureq::{Agent, Body, SendBody};

use super::Service;
use super::patience::{Patience, spent_on};
use super::pkt::{MARGIN, excerpt, printable};
use crate::Options;
use crate::credentials::{Basic, read_regular};
use crate::url::{HttpUrl, Origin};

/// Servers tell git from browsers by this prefix.
const USER_AGENT: &str = concat!("git/2.0 (stepwright ", env!("CARGO_PKG_VERSION"), ")");

const CONNECT: Duration = Duration::from_secs(10);
/// Servers send a sign of life every five seconds while they work.
const SILENCE: Duration = Duration::from_secs(60);
const REDIRECTS: u32 = 5;

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

/// Speaks HTTP for one repository.
pub(super) struct Client {
    agent: Agent,
    /// What to send, and the one origin to send it to.
    credentials: Option<(Basic, Origin)>,
}

// === impl Client ===

impl Client {
    pub(super) fn new(url: &HttpUrl, options: &Options, cancel: Cancel) -> Result<Self> {
        let basic = options.credentials.as_ref().and_then(|credentials| credentials.for_url(url));
        if basic.is_some() && !url.is_https() && !url.is_loopback() {
            return Err(Error::bad_input(format!("credentials would go to {} in clear text", url.host()))
                .hint("use the repository's https:// URL"));
        }
        let tls = TlsConfig::builder().root_certs(RootCerts::from(roots(url, options)?)).build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(USER_AGENT)
            .timeout_global(Some(options.deadline))
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .tls_config(tls)
            .build();
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(Patience(cancel))
                .chain(RustlsConnector::default());
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Client { agent, credentials: basic.map(|basic| (basic.clone(), url.origin())) })
    }

    /// Asks for a service's advertisement, following redirects. Gives the URL to use from now on, and the body.
    pub(super) fn discover(&self, url: &HttpUrl, service: Service) -> Result<(HttpUrl, impl Read + use<>), Failure> {
        let name = service.name();
        let mut base = url.clone();
        for _ in 0..=REDIRECTS {
            let asked = format!("{base}/info/refs?service={name}");
            let mut request = self.agent.get(&asked).header(ACCEPT, "*/*").header("Pragma", "no-cache");
            if let Some(basic) = self.credentials_for(&base) {
                request = request.header(AUTHORIZATION, basic);
            }
            let response = request.call().map_err(|error| unreachable(&base, error))?;
            if response.status().is_redirection() {
                base = redirected(&base, service, &response)?;
                continue;
            }
            let response = self.accepted(url, &base, response)?;
            let kind = content_type(&response);
            if kind != format!("application/x-{name}-advertisement") {
                let message = format!("{base} is not a Git repository: it answers with {:?}", printable(kind.as_bytes()));
                return Err(Failure::Permanent(
                    Error::not_found(message)
                        .hint("give the clone URL; some servers answer with a login page when credentials are missing or wrong"),
                ));
            }
            return Ok((base, unlimited(response)));
        }
        Err(Failure::Permanent(Error::new(Kind::Remote, format!("{url} redirects more than {REDIRECTS} times"))))
    }

    /// Sends a request to a service. `size` is the body's length.
    pub(super) fn post(
        &self,
        url: &HttpUrl,
        base: &HttpUrl,
        service: Service,
        body: &mut dyn Read,
        size: u64,
    ) -> Result<impl Read + use<>, Failure> {
        let name = service.name();
        let mut request = self
            .agent
            .post(format!("{base}/{name}"))
            .header(CONTENT_TYPE, format!("application/x-{name}-request"))
            .header(ACCEPT, format!("application/x-{name}-result"))
            .header(CONTENT_LENGTH, size);
        if let Some(basic) = self.credentials_for(base) {
            request = request.header(AUTHORIZATION, basic);
        }
        let response = request.send(SendBody::from_reader(body)).map_err(|error| unreachable(base, error))?;
        let response = self.accepted(url, base, response)?;
        let kind = content_type(&response);
        if kind != format!("application/x-{name}-result") {
            let message = format!("{base}/{name} answers with {:?}", printable(kind.as_bytes()));
            return Err(Failure::Permanent(Error::new(Kind::Remote, message)));
        }
        Ok(unlimited(response))
    }

    fn credentials_for(&self, url: &HttpUrl) -> Option<&str> {
        self.credentials.as_ref().filter(|(_, origin)| *origin == url.origin()).map(|(basic, _)| basic.header())
    }

    /// The response, if its status says that it is one.
    fn accepted(&self, url: &HttpUrl, base: &HttpUrl, response: Response<Body>) -> Result<Response<Body>, Failure> {
        let status = response.status().as_u16();
        let sent = self.credentials_for(base).is_some();
        let kind = match status {
            200 => return Ok(response),
            401 | 403 => Kind::Unauthorized,
            404 | 410 => Kind::NotFound,
            _ => Kind::Remote,
        };
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
        let says = says(response);
        let error = match (status, sent) {
            (401, false) if self.credentials.is_some() => {
                Error::new(kind, format!("{url} redirects to {base}, which asks for credentials (401)"))
                    .hint("use that URL; credentials are not sent to a host that was not asked for")
            }
            (401, false) => Error::new(kind, format!("{base} asks for credentials (401)"))
                .hint("bind a Secret with `username` and `password`, or `token`, to the step's workspace for Git credentials"),
            (401, true) => Error::new(kind, format!("{base} refuses the credentials (401)"))
                .hint("is the token expired, or the user name another one?"),
            (403, true) => Error::new(kind, format!("{base} does not allow this with these credentials (403)"))
                .hint("give the token read and write access to the repository"),
            (403, false) => Error::new(kind, format!("{base} does not allow this without credentials (403)"))
                .hint("bind a Secret with `username` and `password`, or `token`, to the step's workspace for Git credentials"),
            (404 | 410, sent) => Error::new(kind, format!("no repository at {base} ({status})")).hint(if sent {
                "check the URL, and that the credentials may see it: GitHub and GitLab hide what they may not"
            } else {
                "check the URL; GitHub and GitLab also say so when credentials are missing"
            }),
            _ => Error::new(kind, format!("{base} answers {}", Status(status))),
        };
        let error = if says.is_empty() { error } else { error.details(format!("remote: {says}")) };
        Err(match status {
            408 | 425 | 429 | 500.. => Failure::Transient { error, retry_after: wait },
            _ => Failure::Permanent(error),
        })
    }
}

/// A status code and what it is called.
struct Status(u16);

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = ureq::http::StatusCode::from_u16(self.0).ok().and_then(|status| status.canonical_reason());
        match name {
            Some(name) => write!(f, "{} ({})", self.0, name.to_lowercase()),
            None => write!(f, "{}", self.0),
        }
    }
}

fn content_type(response: &Response<Body>) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn unlimited(response: Response<Body>) -> impl Read + use<> {
    response.into_body().into_with_config().limit(u64::MAX).reader()
}

/// The first line of an explanation in plain text.
fn says(response: Response<Body>) -> String {
    const LONGEST: usize = 1024;
    if content_type(&response) != "text/plain" {
        return String::new();
    }
    let mut text = Vec::new();
    // An explanation that cannot be read is no explanation.
    let _ = unlimited(response).take((LONGEST + MARGIN) as u64).read_to_end(&mut text);
    excerpt(text.split(|byte| *byte == b'\n').next().unwrap_or_default(), LONGEST)
}

/// Where a redirect leads, as a repository's URL.
fn redirected(base: &HttpUrl, service: Service, response: &Response<Body>) -> Result<HttpUrl, Failure> {
    let refuse = |why: &str| {
        let message = format!("{base} redirects {why}");
        Failure::Permanent(
            Error::not_found(message)
                .hint("give the clone URL; some servers redirect to a login page when credentials are missing or wrong"),
        )
    };
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Ok((target, query)) = base.join(location) else { return Err(refuse("to something that is not a plain URL")) };
    let Some(path) = target.as_str().strip_suffix("/info/refs").filter(|_| query == format!("service={}", service.name())) else {
        return Err(refuse(&format!("to {target}, which is not a repository")));
    };
    if base.is_https() && !target.is_https() {
        return Err(refuse(&format!("from https to {target}")));
    }
    let target = path.parse().map_err(|_| refuse("to something that is not a plain URL"))?;
    tracing::info!(from = %base, to = %target, "the server redirects");
    Ok(target)
}

/// No response came.
fn unreachable(url: &HttpUrl, error: ureq::Error) -> Failure {
    let message = format!("cannot reach {url}");
    match error {
        ureq::Error::Io(error) => broken_at(message, error),
        ureq::Error::HostNotFound => {
            Failure::transient(Error::new(Kind::Remote, format!("{message}: there is no host {}", url.host())))
        }
        ureq::Error::Timeout(timeout) => {
            Failure::transient(Error::new(Kind::TimedOut, format!("{message}: {}", spent_on(timeout))))
        }
        ureq::Error::ConnectProxyFailed(why) => {
            let error = Error::new(Kind::Remote, format!("{message}: the proxy refuses: {}", printable(why.as_bytes())));
            Failure::transient(error.hint("see HTTPS_PROXY and NO_PROXY"))
        }
        other => Failure::transient(Error::new(Kind::Remote, message).because(other)),
    }
}

fn broken_at(message: String, error: io::Error) -> Failure {
    let text = error.to_string();
    // rustls' errors come wrapped; another attempt would meet the same certificate.
    if text.contains("certificate") {
        let error = Error::new(Kind::Remote, message).because(error);
        return Failure::Permanent(
            error.hint("if a private authority signed it, give that as `ca-bundle.crt` in the `ca` workspace"),
        );
    }
    Failure::transient(Error::new(Kind::Remote, message).because(error))
}

/// The connection broke while an answer was read.
pub(super) fn broken(error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(ureq::Error::Timeout(timeout)) => {
            Error::new(Kind::TimedOut, format!("the server's answer is cut off: {}", spent_on(*timeout)))
        }
        _ => Error::new(Kind::Remote, "the server's answer is cut off").because(error),
    }
}

/// The certificate authorities to trust: the system's, and those given.
fn roots(url: &HttpUrl, options: &Options) -> Result<Vec<Certificate<'static>>> {
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
    if roots.is_empty() && url.is_https() {
        return Err(Error::not_found("this system has no certificate authorities to check a server with")
            .hint("set SSL_CERT_FILE to a PEM bundle, or give `ca-bundle.crt` in the `ca` workspace"));
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>> {
    let pem = read_regular(path, LARGEST_BUNDLE)?.ok_or_else(|| Error::not_found(format!("there is no {}", path.display())))?;
    let items: Result<Vec<PemItem<'_>>, _> = parse_pem(&pem).collect();
    let items = items.map_err(|e| Error::bad_input(format!("{} is not PEM", path.display())).because(e))?;
    Ok(items.into_iter().filter_map(|item| if let PemItem::Certificate(one) = item { Some(one) } else { None }).collect())
}
