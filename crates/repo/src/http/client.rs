//! Requests: who may see the credentials, which certificates count, what a status means.

use std::io::Read;

use step::retry::Failure;
use step::{Cancel, Error, Kind, Result};
use transport::{Status, content_type, printable, says, unreachable};
use ureq::http::Response;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use ureq::{Agent, Body, SendBody};

use super::Service;
use crate::Options;
use crate::credentials::Basic;
use crate::url::{HttpUrl, Origin};

/// Servers tell git from browsers by this prefix.
const USER_AGENT: &str = concat!("git/2.0 (stepwright ", env!("CARGO_PKG_VERSION"), ")");

const REDIRECTS: u32 = 5;

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
        let transport = transport::Options {
            user_agent: USER_AGENT,
            ca_file: options.ca_file.clone(),
            tls: url.is_https(),
            deadline: Some(options.deadline),
            ..transport::Options::default()
        };
        let agent = transport::agent(&transport, cancel)?;
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
            let response = request.call().map_err(|error| unreachable(&base, base.host(), error))?;
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
        let response = request.send(SendBody::from_reader(body)).map_err(|error| unreachable(base, base.host(), error))?;
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
        let wait = transport::wait(&response);
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

fn unlimited(response: Response<Body>) -> impl Read + use<> {
    response.into_body().into_with_config().limit(u64::MAX).reader()
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
