//! One registry: how it is reached, how it is told who we are, and when it wants to be left alone.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use step::retry::Failure;
use step::{Cancel, Error, Kind, Result};
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use ureq::http::{HeaderMap, Method};

use super::answer::{self, Answer};
use super::challenge::Challenge;
use super::url::Url;
use super::{Agents, Payload};
use crate::{Host, Login};

/// A token that says nothing of its life has this long, as the specification has it.
const TOKEN_LIFE: Duration = Duration::from_secs(60);

/// A token with less life than this, or a quarter of its whole life, is not used for another request.
const TOKEN_REST: Duration = Duration::from_secs(10);

/// The largest answer of a token server that is read, in bytes.
const LARGEST_TOKEN: u64 = 1 << 20;

/// A registry that answered.
pub(crate) struct Endpoint {
    host: Host,
    base: Url,
    challenge: Mutex<Option<Challenge>>,
    tokens: Mutex<HashMap<String, Token>>,
    /// It asked not to be asked before then.
    quiet_until: Mutex<Option<Instant>>,
}

#[derive(Clone)]
struct Token {
    header: String,
    until: Instant,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
}

// === impl Endpoint ===

impl Endpoint {
    /// Finds out how `host` is reached: https; on loopback, or with `insecure`, also http.
    pub(crate) fn find(host: &Host, insecure: bool, agents: &Agents) -> Result<Self, Failure> {
        let schemes: &[bool] = match (host.is_loopback(), insecure) {
            // Nothing secret is sent here, and a registry for trying things has no TLS as a rule.
            (true, _) => &[false, true],
            (false, true) => &[true, false],
            (false, false) => &[true],
        };
        let mut failed = None;
        for https in schemes {
            let base = Url::new(*https, host.api(), "/v2/");
            match agents.call(Method::GET, &base, &[], Payload::Empty) {
                // What servers say that wanted TLS: that way's failure would say more.
                Ok(response) if !https && response.status() == 400 && schemes.len() > 1 => {}
                Ok(response) => {
                    let challenge = challenge(response.headers());
                    // Read to its end, the answer gives its connection back to those who come next.
                    let _ = answer::reader(response).take(LARGEST_TOKEN).read_to_end(&mut Vec::new());
                    tracing::debug!(registry = host.name(), url = ?base, ?challenge, "the registry answers");
                    return Ok(Endpoint {
                        host: host.clone(),
                        base,
                        challenge: Mutex::new(challenge),
                        tokens: Mutex::default(),
                        quiet_until: Mutex::default(),
                    });
                }
                // The second way's failure says more only when the first one's was about the way.
                Err(failure) => match (&failed, &failure) {
                    (None, _) | (_, Failure::Permanent(_)) => failed = Some(failure),
                    _ => {}
                },
            }
        }
        Err(failed.unwrap_or_else(|| Failure::Permanent(Error::internal("no way to the registry was tried"))))
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Learns from a 401 how the registry wants to be told who we are. Whether another attempt can do better.
    pub(crate) fn learn(&self, headers: &HeaderMap, scopes: &str) -> bool {
        lock(&self.tokens).remove(scopes);
        let learned = challenge(headers);
        let known = learned.is_some();
        if known {
            *lock(&self.challenge) = learned;
        }
        known
    }

    /// The value of the header `Authorization` for a request that needs `scopes`: `repository:a/b:pull`, separated by spaces.
    pub(crate) fn authorization(&self, login: Option<&Login>, scopes: &str, agents: &Agents) -> Result<Option<String>, Failure> {
        if let Some(Login::Bearer(token)) = login {
            return Ok(Some(format!("Bearer {token}")));
        }
        let challenge = lock(&self.challenge).clone();
        match (challenge, login) {
            // Nobody is told what he did not ask for.
            (None, _) | (Some(Challenge::Basic), None) => Ok(None),
            (Some(Challenge::Basic), Some(Login::Basic { user, password })) => Ok(Some(basic(user, password))),
            (Some(Challenge::Basic), Some(_)) => Err(Failure::Permanent(
                Error::new(
                    Kind::Unauthorized,
                    format!("{} asks for user and password, and there is only a token for it", self.host.name()),
                )
                .hint("log in to it again"),
            )),
            (Some(Challenge::Bearer { realm, service, .. }), login) => {
                // Held while the token is fetched, so that eight threads fetch one.
                let mut tokens = lock(&self.tokens);
                if let Some(token) = tokens.get(scopes).filter(|token| token.until > Instant::now()) {
                    return Ok(Some(token.header.clone()));
                }
                let token = self.token(&realm, service.as_deref(), login, scopes, agents)?;
                tokens.insert(scopes.to_owned(), token.clone());
                Ok(Some(token.header))
            }
        }
    }

    /// Asks the token server.
    fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        login: Option<&Login>,
        scopes: &str,
        agents: &Agents,
    ) -> Result<Token, Failure> {
        let url = Url::parse(realm)
            .map_err(|error| Failure::Permanent(error.context(format_args!("{} and its token server", self.host.name()))))?;
        if self.base.is_https() && !url.is_https() && login.is_some() && !url.is_loopback() {
            let error = Error::new(
                Kind::Remote,
                format!("{} wants the credentials to be sent to {url:?} in clear text", self.host.name()),
            );
            return Err(Failure::Permanent(error));
        }
        let asked = Instant::now();
        let fields = [("service", service), ("client_id", Some("stepwright"))];
        let response = match login {
            Some(Login::Identity(token)) => {
                let mut form = Url::new(true, "", "");
                let fields = fields.into_iter().chain([
                    ("grant_type", Some("refresh_token")),
                    ("refresh_token", Some(token)),
                    ("scope", Some(scopes)),
                ]);
                for (name, value) in fields.filter_map(|(name, value)| Some((name, value?))) {
                    form = form.with_query(name, value);
                }
                let form = form.to_string();
                let form = form.split_once('?').map_or("", |(_, form)| form);
                let headers = [(CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())];
                agents.call(Method::POST, &url, &headers, Payload::Bytes(form.as_bytes()))?
            }
            _ => {
                let mut asked = url.clone();
                for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                    asked = asked.with_query(name, value);
                }
                for scope in scopes.split(' ') {
                    asked = asked.with_query("scope", scope);
                }
                let mut headers = Vec::new();
                if let Some(Login::Basic { user, password }) = login {
                    asked = asked.with_query("account", user);
                    headers.push((AUTHORIZATION, basic(user, password)));
                }
                agents.call(Method::GET, &asked, &headers, Payload::Empty)?
            }
        };
        let status = response.status().as_u16();
        if status != 200 {
            return Err(self.refused(&url, login.is_some(), Answer::new(response)));
        }
        let what = format_args!("the answer of the token server {url:?} of {}", self.host.name());
        let bytes = answer::body(response, what, LARGEST_TOKEN, agents.silence())?;
        let wrong = || {
            Error::new(
                Kind::Remote,
                format!("the token server {url:?} of {} answers with something that is no token", self.host.name()),
            )
        };
        let answer: TokenAnswer = serde_json::from_slice(&bytes).map_err(|_| Failure::Permanent(wrong()))?;
        let text =
            answer.token.or(answer.access_token).filter(|text| is_token(text)).ok_or_else(|| Failure::Permanent(wrong()))?;
        step::redact::secret(&text);
        let life = answer
            .expires_in
            .filter(|life| life.is_finite())
            .map_or(TOKEN_LIFE, |life| Duration::from_secs_f64(life.clamp(0.0, 1e6)));
        Ok(Token { header: format!("Bearer {text}"), until: asked + life.saturating_sub(TOKEN_REST.min(life / 4)) })
    }

    fn refused(&self, url: &Url, sent: bool, answer: Answer) -> Failure {
        let status = answer.status();
        let host = self.host.name();
        let error = match (status, sent) {
            (400 | 401 | 403, true) => {
                Error::new(Kind::Unauthorized, format!("the token server {url:?} of {host} refuses the credentials ({status})"))
                    .hint(format!("is the password right, the token expired? Log in to {host} again"))
            }
            (400 | 401 | 403, false) => {
                Error::new(Kind::Unauthorized, format!("the token server {url:?} of {host} asks for credentials ({status})"))
                    .hint(answer::LOG_IN)
            }
            _ => Error::new(Kind::Remote, format!("the token server {url:?} of {host} answers {}", transport::Status(status))),
        };
        answer.failure(error)
    }

    /// Waits as long as the registry asked to be left alone.
    pub(crate) fn wait(&self, cancel: &Cancel) -> Result<()> {
        let until = *lock(&self.quiet_until);
        match until.and_then(|until| until.checked_duration_since(Instant::now())) {
            Some(rest) => cancel.sleep(rest),
            None => cancel.check(),
        }
    }

    /// The registry has asked every one of us to wait, not only the thread that was told.
    pub(crate) fn quiet_for(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut known = lock(&self.quiet_until);
        *known = Some(known.map_or(until, |known| known.max(until)));
    }
}

fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    Challenge::parse(headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()))
}

fn basic(user: &str, password: &str) -> String {
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    step::redact::secret(&encoded);
    format!("Basic {encoded}")
}

/// Whether it can stand in a header.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is replaced whole, never half.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
