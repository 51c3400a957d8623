//! A token server: what `WWW-Authenticate: Bearer` sends clients to. (Distribution's "Token Authentication Specification"
//! and its OAuth 2 variant; tokens are JWT signed with ES256, their certificate in the header.)

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use repo_testing::Tls;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use crate::http::{self, Head, Request};
use crate::server::{After, Client, Handler, Server};

/// How long docker-registry 2.8 takes a token after its end.
const LEEWAY: u64 = 60;
const SERVICE: &str = "a test's registry";
const ISSUER: &str = "a test's issuer";

/// A running token server on a port of 127.0.0.1. Stops when dropped.
pub struct TokenServer {
    server: Server,
    signer: Signer,
    state: Arc<State>,
}

/// A token server that does not run yet.
#[derive(Debug)]
#[must_use]
pub struct TokenServerBuilder {
    rules: Rules,
}

/// A request for a token, as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// `GET`, or `POST` for OAuth 2.
    pub method: String,
    /// Who asked, if they were believed.
    pub user: Option<String>,
    /// How they said who they are: `anonymous`, `basic`, `password`, `refresh_token`.
    pub grant: String,
    /// What they asked for: `repository:a/b:pull,push`.
    pub scopes: Vec<String>,
    /// For which registry.
    pub service: String,
    /// The status of the answer.
    pub status: u16,
}

/// Makes tokens.
#[derive(Clone)]
pub(crate) struct Signer(Arc<(Tls, EcdsaKeyPair)>);

#[derive(Clone, Debug)]
struct Rules {
    users: HashMap<String, String>,
    /// User (none: anybody), repository or pattern, actions.
    rights: Vec<(Option<String>, String, Vec<String>)>,
    lifetime: Duration,
    told_lifetime: Option<u64>,
    identity_tokens: bool,
    oauth: bool,
}

struct State {
    rules: Rules,
    signer: Signer,
    requests: Mutex<Vec<TokenRequest>>,
    /// Identity tokens that were given out: whose they are.
    identities: Mutex<HashMap<String, String>>,
    count: AtomicU64,
}

// === impl TokenServerBuilder ===

impl TokenServerBuilder {
    /// Knows this user.
    pub fn user(mut self, user: &str, password: &str) -> Self {
        self.rules.users.insert(user.to_owned(), password.to_owned());
        self
    }

    /// Allows `user` these actions (`pull`, `push`, `delete`) in a repository, or in all that begin so: `team/*`, `*`.
    pub fn allow(mut self, user: &str, repository: &str, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        self.rules.rights.push((Some(user.to_owned()), repository.to_owned(), actions));
        self
    }

    /// Allows everybody to pull from a repository, or from all that begin so, without a password.
    pub fn anonymous_pull(mut self, repository: &str) -> Self {
        self.rules.rights.push((None, repository.to_owned(), vec!["pull".to_owned()]));
        self
    }

    /// How long the registry takes a token (5 minutes otherwise), to the second. The server says so in `expires_in`.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.rules.lifetime = lifetime;
        self.rules.told_lifetime = Some(lifetime.as_secs());
        self
    }

    /// What the server says of the lifetime in `expires_in`: something else than the truth, or nothing.
    pub fn told_lifetime(mut self, seconds: Option<u64>) -> Self {
        self.rules.told_lifetime = seconds;
        self
    }

    /// Gives identity tokens to users that ask for them (`offline_token=true`, `access_type=offline`).
    pub fn identity_tokens(mut self) -> Self {
        self.rules.identity_tokens = true;
        self
    }

    /// Knows no `POST`: 405, as most do.
    pub fn without_oauth(mut self) -> Self {
        self.rules.oauth = false;
        self
    }

    /// Starts it.
    pub fn start(self) -> TokenServer {
        let signer = Signer::new();
        let state = Arc::new(State {
            rules: self.rules,
            signer: signer.clone(),
            requests: Mutex::default(),
            identities: Mutex::default(),
            count: AtomicU64::new(0),
        });
        TokenServer { server: Server::start(state.clone(), None), signer, state }
    }
}

// === impl TokenServer ===

impl TokenServer {
    /// A token server to configure first: it knows nobody and allows nothing.
    pub fn builder() -> TokenServerBuilder {
        TokenServerBuilder {
            rules: Rules {
                users: HashMap::new(),
                rights: Vec::new(),
                lifetime: Duration::from_secs(300),
                told_lifetime: Some(300),
                identity_tokens: false,
                oauth: true,
            },
        }
    }

    /// Where tokens are asked for.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.server.host())
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// The registry's name for itself.
    pub fn service(&self) -> &'static str {
        SERVICE
    }

    /// The name of the one who signs.
    pub fn issuer(&self) -> &'static str {
        ISSUER
    }

    /// What was asked for until now.
    pub fn requests(&self) -> Vec<TokenRequest> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The requests until now as they came, with headers.
    pub fn http_requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// An identity token of `user`, as `docker login` keeps one.
    pub fn identity_token(&self, user: &str) -> String {
        self.state.identity(user)
    }

    /// Takes all identity tokens back.
    pub fn revoke_identity_tokens(&self) {
        self.state.identities.lock().unwrap().clear();
    }

    pub(crate) fn signer(&self) -> Signer {
        self.signer.clone()
    }
}

impl fmt::Debug for TokenServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenServer").field(&self.host()).finish()
    }
}

// === impl Signer ===

impl Signer {
    fn new() -> Self {
        let tls = Tls::new();
        let key = der(tls.server_pem().1);
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key, &SystemRandom::new()).unwrap();
        Signer(Arc::new((tls, key)))
    }

    pub(crate) fn ca_pem(&self) -> &str {
        self.0.0.ca_pem()
    }

    /// A token for the tests' own requests.
    pub(crate) fn token_for_all(&self, repository: &str) -> String {
        let access = json!([{"type": "repository", "name": repository, "actions": ["pull", "push", "delete"]}]);
        self.token("a test", &access, Duration::from_secs(300))
    }

    fn token(&self, subject: &str, access: &Value, lifetime: Duration) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let end = (now + lifetime).as_secs() - LEEWAY;
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(der(self.0.0.server_pem().0))]});
        let claims = json!({
            "iss": ISSUER, "sub": subject, "aud": SERVICE, "exp": end, "nbf": end - 3600, "iat": end - 3600,
            "jti": format!("{}", now.as_nanos()), "access": access,
        });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.0.1.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

// === impl State ===

impl Handler for Arc<State> {
    fn handle(&self, request: &Request, client: &mut Client<'_>) -> io::Result<After> {
        let mut body = String::new();
        client.body(request).read_to_string(&mut body)?;
        let query = if request.method == "POST" { body } else { request.target.split_once('?').unwrap_or_default().1.to_owned() };
        let (asked, answer) = self.answer(request, &query);
        let mut head = Head::new(asked.status);
        head.set("content-type", "application/json");
        self.requests.lock().unwrap().push(asked);
        // The body was read.
        client.respond(request, head, answer.to_string().as_bytes())?;
        Ok(After::Keep)
    }
}

impl State {
    fn answer(&self, request: &Request, query: &str) -> (TokenRequest, Value) {
        let one = |name: &str| http::form(query, name).pop().unwrap_or_default();
        let mut asked = TokenRequest {
            method: request.method.clone(),
            user: None,
            grant: "anonymous".to_owned(),
            scopes: http::form(query, "scope").iter().flat_map(|scopes| scopes.split(' ')).map(str::to_owned).collect(),
            service: one("service"),
            status: 200,
        };
        asked.scopes.retain(|scope| !scope.is_empty());
        let known = match &*request.method {
            "POST" if !self.rules.oauth => {
                asked.status = 405;
                return (asked, json!({"details": "method not allowed"}));
            }
            "POST" => {
                asked.grant = one("grant_type");
                asked.user = match &*asked.grant {
                    "refresh_token" => self.identities.lock().unwrap().get(&one("refresh_token")).cloned(),
                    "password" => self.check(&one("username"), &one("password")),
                    _ => None,
                };
                asked.user.is_some()
            }
            _ => match request.header("authorization") {
                None => true,
                Some(text) => {
                    asked.grant = "basic".to_owned();
                    asked.user = self.basic(text);
                    asked.user.is_some()
                }
            },
        };
        if !known {
            asked.status = 401;
            return (asked, json!({"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}], "error": "invalid_grant"}));
        }
        let access: Vec<Value> = asked.scopes.iter().filter_map(|scope| self.grant(asked.user.as_deref(), scope)).collect();
        let subject = asked.user.as_deref().unwrap_or_default();
        let token = self.signer.token(subject, &json!(access), self.rules.lifetime);
        let mut answer = if request.method == "POST" { json!({"access_token": token}) } else { json!({"token": token}) };
        if let Some(seconds) = self.rules.told_lifetime {
            answer["expires_in"] = json!(seconds);
        }
        let offline = one("offline_token") == "true" || one("access_type") == "offline" || asked.grant == "refresh_token";
        if let (true, true, Some(user)) = (self.rules.identity_tokens, offline, &asked.user) {
            answer["refresh_token"] = json!(self.identity(user));
        }
        (asked, answer)
    }

    fn check(&self, user: &str, password: &str) -> Option<String> {
        (self.rules.users.get(user)? == password).then(|| user.to_owned())
    }

    fn basic(&self, header: &str) -> Option<String> {
        let text = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
        let (user, password) = std::str::from_utf8(&text).ok()?.split_once(':')?;
        self.check(user, password)
    }

    /// What of a scope is granted: `repository:a/b:pull,push`, whose name may have a port's colon in it.
    fn grant(&self, user: Option<&str>, scope: &str) -> Option<Value> {
        let (kind, rest) = scope.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let allowed = |action: &&str| {
            self.rules.rights.iter().any(|(whose, pattern, actions)| {
                let hers = whose.is_none() || whose.as_deref() == user;
                let there = pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start));
                hers && there && actions.iter().any(|allowed| allowed == action)
            })
        };
        let actions: Vec<&str> = actions.split(',').filter(allowed).collect();
        (!actions.is_empty()).then(|| json!({"type": kind, "name": name, "actions": actions}))
    }

    fn identity(&self, user: &str) -> String {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let token = format!("identity-{number}-of-{user}");
        self.identities.lock().unwrap().insert(token.clone(), user.to_owned());
        token
    }
}

fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(text).unwrap()
}
