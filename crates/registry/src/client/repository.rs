//! One repository of a registry: requests with who we are, redirects, and the verbs for manifests and tags.

use std::fmt;

use step::retry::Failure;
use step::{Error, Kind, Result};
use transport::Status;
use ureq::Body;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, LOCATION};
use ureq::http::{HeaderMap, Method, Response};

use super::answer::{self, Answer};
use super::endpoint::Endpoint;
use super::url::Url;
use super::{Client, Payload};
use crate::manifest::LARGEST;
use crate::media_type::MANIFESTS;
use crate::{Digest, Host, ImageRef, Login, Manifest, MediaType, RepositoryName, Tag};

const REDIRECTS: u32 = 5;

/// The registry's word for what it stored.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The subject that the registry will list a manifest under. (OCI distribution specification 1.1.)
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// A repository of a registry, and what may be done with it.
#[derive(Clone)]
pub struct Repository {
    client: Client,
    host: Host,
    name: RepositoryName,
    login: Option<Login>,
    /// `repository:a/b:pull`.
    scopes: String,
}

/// What a manifest is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// By a tag, which may be another manifest tomorrow.
    Tag(Tag),
    /// By its digest.
    Digest(Digest),
}

/// A request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) payload: Payload<'a>,
    /// Another repository that the request reads from.
    pub(super) also: Option<&'a RepositoryName>,
}

// === impl Client ===

impl Client {
    /// The image's repository, to read from. Nobody is asked yet; fails when the credentials cannot be read.
    pub fn pull(&self, image: &ImageRef) -> Result<Repository> {
        self.repository(image, "pull")
    }

    /// The image's repository, to read from and write to.
    pub fn push(&self, image: &ImageRef) -> Result<Repository> {
        self.repository(image, "pull,push")
    }

    fn repository(&self, image: &ImageRef, actions: &str) -> Result<Repository> {
        let (host, name) = (image.host().clone(), image.repository().clone());
        let login = self.options().credentials.for_repository(&host, &name)?;
        let scopes = format!("repository:{name}:{actions}");
        Ok(Repository { client: self.clone(), host, name, login, scopes })
    }
}

// === impl Repository ===

impl Repository {
    /// The registry.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The repository's name in its registry.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// The client that speaks for it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The manifest. Its digest is checked: against the one asked for, or the one the registry names.
    pub fn manifest(&self, reference: &Reference) -> Result<Manifest> {
        self.find(reference)?.ok_or_else(|| {
            Error::not_found(format!("there is no image {}", self.shown(reference))).hint(if self.login.is_some() {
                "check name and tag, and that the credentials may see it: some registries hide what they may not"
            } else {
                "check name and tag; some registries also say so when credentials are missing"
            })
        })
    }

    /// As [`Repository::manifest`], and `None` when it is not there, or the repository is not.
    pub fn find(&self, reference: &Reference) -> Result<Option<Manifest>> {
        let shown = self.shown(reference);
        let url = self.url(&format!("manifests/{reference}"))?;
        self.retry(&format!("reading {shown}"), || {
            let accept = MANIFESTS.map(|media_type| media_type.to_string()).join(", ");
            let response = self.get(url.clone(), vec![(ACCEPT, accept)])?;
            match response.status().as_u16() {
                200 => {}
                404 => return Ok(None),
                _ => return Err(self.refused(&format!("read {shown}"), response)),
            }
            let said = response.headers().get(CONTENT_DIGEST).and_then(|value| value.to_str().ok()?.parse::<Digest>().ok());
            let kind = MediaType::from(&*transport::content_type(&response));
            let what = format_args!("the manifest of {shown}");
            let bytes = answer::body(response, what, LARGEST, self.client.options().silence)?;
            let digest = match reference {
                Reference::Digest(digest) => Some(digest.clone()),
                Reference::Tag(_) => said,
            };
            let manifest = match digest {
                Some(digest) => {
                    digest.check(format_args!("the manifest of {shown}"), &bytes).map_err(Failure::Permanent)?;
                    Manifest::parse_as(&shown, bytes, digest, Some(&kind))
                }
                None => Manifest::parse(&shown, bytes, Some(&kind)),
            };
            Ok(Some(manifest.map_err(Failure::Permanent)?))
        })
    }

    /// The digest behind a reference, without reading the manifest where the registry names it; `None` when it is not there.
    pub fn digest(&self, reference: &Reference) -> Result<Option<Digest>> {
        let shown = self.shown(reference);
        let url = self.url(&format!("manifests/{reference}"))?;
        let named = self.retry(&format!("looking for {shown}"), || {
            let accept = MANIFESTS.map(|media_type| media_type.to_string()).join(", ");
            let call = Call { headers: vec![(ACCEPT, accept)], ..Call::new(Method::HEAD, url.clone()) };
            let response = self.send(call)?;
            match response.status().as_u16() {
                200 => Ok(Some(response.headers().get(CONTENT_DIGEST).and_then(|value| value.to_str().ok()?.parse().ok()))),
                404 => Ok(None),
                _ => Err(self.refused(&format!("read {shown}"), response)),
            }
        })?;
        match named {
            Some(None) => Ok(self.find(reference)?.map(|manifest| manifest.digest().clone())),
            Some(digest) => Ok(digest),
            None => Ok(None),
        }
    }

    /// Stores the manifest under `reference`. What it refers to must be there. Whether the registry lists it among the
    /// referrers of its subject; `true` when it has none.
    pub fn put_manifest(&self, manifest: &Manifest, reference: &Reference) -> Result<bool> {
        let shown = self.shown(reference);
        let url = self.url(&format!("manifests/{reference}"))?;
        self.retry(&format!("pushing {shown}"), || {
            let call = Call {
                headers: vec![(CONTENT_TYPE, manifest.media_type().to_string())],
                payload: Payload::Bytes(manifest.bytes()),
                ..Call::new(Method::PUT, url.clone())
            };
            let response = self.send(call)?;
            match response.status().as_u16() {
                200..=202 => {}
                _ => return Err(self.refused(&format!("push {shown}"), response)),
            }
            self.confirmed(response.headers(), manifest.digest()).map_err(Failure::Permanent)?;
            Ok(manifest.subject().is_none() || response.headers().contains_key(OCI_SUBJECT))
        })
    }

    /// Deletes a manifest or a tag. It is no error when it is not there.
    pub fn delete(&self, reference: &Reference) -> Result<()> {
        let shown = self.shown(reference);
        let url = self.url(&format!("manifests/{reference}"))?;
        self.retry(&format!("deleting {shown}"), || {
            let response = self.send(Call::new(Method::DELETE, url.clone()))?;
            match response.status().as_u16() {
                200..=299 | 404 => Ok(()),
                _ => Err(self.refused(&format!("delete {shown}"), response)),
            }
        })
    }

    /// How the reference is written: `quay.io/a/b:1`.
    pub(crate) fn shown(&self, reference: &Reference) -> String {
        match reference {
            Reference::Tag(tag) => format!("{self}:{tag}"),
            Reference::Digest(digest) => format!("{self}@{digest}"),
        }
    }

    pub(super) fn endpoint(&self) -> Result<std::sync::Arc<Endpoint>> {
        self.client.endpoint(&self.host)
    }

    /// The URL of something in this repository.
    pub(super) fn url(&self, path: &str) -> Result<Url> {
        self.endpoint()?.base().join(&format!("/v2/{}/{path}", self.name))
    }

    pub(super) fn get(&self, url: Url, headers: Vec<(HeaderName, String)>) -> Result<Response<Body>, Failure> {
        self.send(Call { headers, ..Call::new(Method::GET, url) })
    }

    pub(super) fn retry<T>(&self, what: &str, attempt: impl FnMut() -> Result<T, Failure>) -> Result<T> {
        self.client.options().retry.run(self.client.cancel(), what, attempt)
    }

    /// Sends a request as whom we are, once more when the registry wants to be told in another way, and to where it sends
    /// us. Credentials go to the registry and to nobody else.
    pub(super) fn send(&self, call: Call<'_>) -> Result<Response<Body>, Failure> {
        self.send_by(self.client.agents(), call)
    }

    pub(super) fn send_by(&self, agents: &super::Agents, call: Call<'_>) -> Result<Response<Body>, Failure> {
        // To find out how it is reached has been tried often enough.
        let endpoint = self.endpoint().map_err(Failure::Permanent)?;
        let scopes = match call.also {
            Some(other) if *other != self.name => format!("{} repository:{other}:pull", self.scopes),
            // Giving an upload up is deleting, too.
            _ if call.method == Method::DELETE => format!("{},delete", self.scopes),
            _ => self.scopes.clone(),
        };
        let Call { method, mut url, headers, mut payload, .. } = call;
        let (mut again, mut redirects) = (false, 0);
        loop {
            if !agents.is_farewell() {
                endpoint.wait(self.client.cancel())?;
            }
            let is_ours = url.has_origin_of(endpoint.base());
            let mut headers = headers.clone();
            if is_ours && let Some(value) = endpoint.authorization(self.login.as_ref(), &scopes, agents)? {
                headers.push((AUTHORIZATION, value));
            }
            let (now, once) = match payload {
                Payload::Empty => (Payload::Empty, false),
                Payload::Bytes(bytes) => (Payload::Bytes(bytes), false),
                Payload::Stream(ref mut reader, length) => (Payload::Stream(&mut **reader, length), true),
            };
            let response = agents.call(method.clone(), &url, &headers, now)?;
            let status = response.status().as_u16();
            if status == 401 && is_ours && endpoint.learn(response.headers(), &scopes) && !again {
                if once {
                    // What was sent is gone; the caller starts anew, with what was learnt.
                    let error = Error::new(Kind::Unauthorized, format!("{} wants to know again who we are", self.host.name()));
                    return Err(Failure::transient(error));
                }
                again = true;
                continue;
            }
            if matches!(status, 429 | 503)
                && let Some(wait) = transport::wait(&response)
            {
                endpoint.quiet_for(wait.min(self.client.options().retry.longest_pause));
            }
            if matches!(status, 301 | 302 | 303 | 307 | 308) && matches!(method, Method::GET | Method::HEAD) {
                redirects += 1;
                url = self.redirected(&url, redirects, response.headers()).map_err(Failure::Permanent)?;
                continue;
            }
            return Ok(response);
        }
    }

    fn redirected(&self, from: &Url, redirects: u32, headers: &HeaderMap) -> Result<Url> {
        let refused = |why: &str| Error::new(Kind::Remote, format!("{self} redirects from {from:?} {why}"));
        if redirects > REDIRECTS {
            return Err(refused(&format!("more than {REDIRECTS} times")));
        }
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).ok_or_else(|| refused("to nowhere"))?;
        let to = from.join(location).map_err(|error| refused("elsewhere").because(error))?;
        if from.is_https() && !to.is_https() && self.client.options().verify {
            return Err(refused(&format!("to {to:?}, which is not https")));
        }
        tracing::debug!(?from, ?to, "the registry redirects");
        Ok(to)
    }

    /// Fails when the registry says that it stored something else. Whether it said that it stored this.
    pub(super) fn confirmed(&self, headers: &HeaderMap, digest: &Digest) -> Result<bool> {
        let Some(said) = headers.get(CONTENT_DIGEST).and_then(|value| value.to_str().ok()) else { return Ok(false) };
        // A registry may name it by another algorithm than we do.
        match said.parse::<Digest>() {
            Ok(said) if said == *digest => Ok(true),
            Ok(said) if said.algorithm() == digest.algorithm() => {
                Err(Error::new(Kind::Remote, format!("{self} was given {digest} and stored {said}")))
            }
            _ => Ok(false),
        }
    }

    /// The registry does not do it: `what` is `push quay.io/a/b:1`.
    pub(super) fn refused(&self, what: &str, response: Response<Body>) -> Failure {
        let insufficient = match super::challenge::Challenge::parse(
            response.headers().get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok()),
        ) {
            Some(super::challenge::Challenge::Bearer { insufficient, .. }) => insufficient,
            _ => false,
        };
        let answer = Answer::new(response);
        let (host, status) = (self.host.name(), answer.status());
        let pushes = self.scopes.ends_with("push");
        let access = if pushes { "write" } else { "read" };
        let error = match (status, self.login.is_some()) {
            (401, false) if !insufficient => {
                Error::new(Kind::Unauthorized, format!("{host} asks for credentials to {what} (401)")).hint(answer::LOG_IN)
            }
            (401 | 403, false) => {
                Error::new(Kind::Unauthorized, format!("{host} does not allow anonymous users to {what} ({status})"))
                    .hint(answer::LOG_IN)
            }
            (401, true) if !insufficient && !answer.has_code("DENIED") => {
                Error::new(Kind::Unauthorized, format!("{host} refuses the credentials, asked to {what} (401)"))
                    .hint(format!("is the password right, the token expired? Log in to {host} again"))
            }
            (401 | 403, true) => Error::new(Kind::Unauthorized, format!("{host} does not allow this user to {what} ({status})"))
                .hint(format!("give the account {access} access to {self}")),
            (404, _) if answer.has_code("NAME_UNKNOWN") => Error::not_found(format!("there is no repository {self}"))
                .hint("check the name; some registries want a repository to be made before anything is pushed"),
            (404, _) => Error::not_found(format!("{host} does not find what is needed to {what} (404)")).hint("check the name"),
            (405, _) => Error::new(Kind::Remote, format!("{host} does not support what is needed to {what} (405)"))
                .hint("is it a mirror that can only be read?"),
            (413, _) => Error::new(Kind::Remote, format!("{host} takes nothing as large, asked to {what} (413)")),
            (429, _) => Error::new(Kind::Remote, format!("{host} limits how often it is asked, here to {what} (429)"))
                .hint("log in to have a higher limit, or try later"),
            _ => {
                let error = Error::new(Kind::Remote, format!("{host} answers {} when asked to {what}", Status(status)));
                if answer.is_full() { error.hint("the registry's disk is full: free space there") } else { error }
            }
        };
        answer.failure(error)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host.name(), self.name)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl Reference ===

impl Reference {
    /// What an image is asked for by: its digest, else its tag, else `latest`.
    pub fn of(image: &ImageRef) -> Self {
        match (image.digest(), image.tag()) {
            (Some(digest), _) => Reference::Digest(digest.clone()),
            (None, Some(tag)) => Reference::Tag(tag.clone()),
            (None, None) => Reference::Tag(Tag::latest()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Tag(tag) => fmt::Display::fmt(tag, f),
            Reference::Digest(digest) => fmt::Display::fmt(digest, f),
        }
    }
}

// === impl Call ===

impl Call<'_> {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Call { method, url, headers: Vec::new(), payload: Payload::Empty, also: None }
    }
}
