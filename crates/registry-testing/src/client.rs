//! Requests of the tests' own, so that they need not trust the client that they test.

use registry::{Digest, MediaType};
use ureq::Agent;
use ureq::http::{Method, Request, Response};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::registry::Registry;
use crate::tls;
use crate::token::Signer;

/// What a registry asks for.
#[derive(Clone, Debug, Default)]
pub(crate) enum Auth {
    #[default]
    None,
    Basic {
        user: String,
        password: String,
    },
    Token(Signer),
}

/// An answer with its body.
type Answer = Response<Vec<u8>>;

pub(crate) fn agent(client: Option<(&str, &str)>) -> Agent {
    let root = Certificate::from_pem(tls::shared().ca_pem().as_bytes()).unwrap();
    let client = client.map(|(certificate, key)| {
        let certificate = Certificate::from_pem(certificate.as_bytes()).unwrap();
        ClientCert::new_with_certs(&[certificate], PrivateKey::from_pem(key.as_bytes()).unwrap())
    });
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root])).client_cert(client).build();
    let config = Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0).tls_config(tls).build();
    config.new_agent()
}

impl Registry {
    /// The tags of `repository`, sorted; none where there is no such repository.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let answer = self.ask(Method::GET, repository, "tags/list", None, b"");
        if answer.status() == 404 {
            return Vec::new();
        }
        let list: serde_json::Value = serde_json::from_slice(&expect(answer, 200)).unwrap();
        let mut tags: Vec<String> = serde_json::from_value(list["tags"].clone()).unwrap_or_default();
        tags.sort_unstable();
        tags
    }

    /// Content type and bytes of what a tag or digest names.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(MediaType, Vec<u8>)> {
        let answer = self.ask(Method::GET, repository, &format!("manifests/{reference}"), None, b"");
        if answer.status() == 404 {
            return None;
        }
        let media_type = MediaType::from(answer.headers()["content-type"].to_str().unwrap());
        Some((media_type, expect(answer, 200)))
    }

    /// Whether `repository` has this blob.
    pub fn has_blob(&self, repository: &str, digest: &Digest) -> bool {
        let answer = self.ask(Method::HEAD, repository, &format!("blobs/{digest}"), None, b"");
        answer.status() == 200
    }

    /// A blob of `repository`.
    pub fn blob(&self, repository: &str, digest: &Digest) -> Option<Vec<u8>> {
        let answer = self.ask(Method::GET, repository, &format!("blobs/{digest}"), None, b"");
        (answer.status() != 404).then(|| expect(answer, 200))
    }

    /// Puts a blob into `repository`.
    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let session = self.ask(Method::POST, repository, "blobs/uploads/", None, b"");
        let location = session.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
        expect(session, 202);
        let location = location.expect("a session says where it is");
        let url = if location.starts_with('/') { format!("{}{location}", self.url()) } else { location };
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{separator}digest={digest}");
        expect(self.send(Method::PUT, &url, repository, Some(&MediaType::OCTET_STREAM), bytes), 201);
        digest
    }

    /// Puts a manifest into `repository` under a tag or its digest.
    pub fn put_manifest(&self, repository: &str, reference: &str, media_type: &MediaType, bytes: &[u8]) -> Digest {
        let answer = self.ask(Method::PUT, repository, &format!("manifests/{reference}"), Some(media_type), bytes);
        expect(answer, 201);
        Digest::of(bytes)
    }

    /// Deletes a manifest, and with it the tags that name it.
    pub fn delete_manifest(&self, repository: &str, digest: &Digest) {
        expect(self.ask(Method::DELETE, repository, &format!("manifests/{digest}"), None, b""), 202);
    }

    /// Deletes a blob of `repository`.
    pub fn delete_blob(&self, repository: &str, digest: &Digest) {
        expect(self.ask(Method::DELETE, repository, &format!("blobs/{digest}"), None, b""), 202);
    }

    fn ask(&self, method: Method, repository: &str, what: &str, media_type: Option<&MediaType>, body: &[u8]) -> Answer {
        self.send(method, &format!("{}/v2/{repository}/{what}", self.url()), repository, media_type, body)
    }

    fn send(&self, method: Method, url: &str, repository: &str, media_type: Option<&MediaType>, body: &[u8]) -> Answer {
        const MANIFESTS: [MediaType; 4] =
            [MediaType::OCI_INDEX, MediaType::OCI_MANIFEST, MediaType::DOCKER_LIST, MediaType::DOCKER_MANIFEST];
        let mut request =
            Request::builder().method(&method).uri(url).header("accept", MANIFESTS.map(|m| m.to_string()).join(", "));
        if let Some(authorization) = self.authorization(repository) {
            request = request.header("authorization", authorization);
        }
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type.as_str());
        }
        // A body is for those who may have one.
        let answer = if method == Method::PUT || method == Method::POST {
            self.agent().run(request.body(body).unwrap())
        } else {
            self.agent().run(request.body(()).unwrap())
        };
        let answer = answer.unwrap_or_else(|error| panic!("{method} {url}: {error}\n{}", self.log()));
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(u64::MAX).read_to_vec().unwrap();
        Response::from_parts(head, body)
    }
}

impl Auth {
    /// What the tests themselves send: all rights.
    pub(crate) fn header(&self, repository: &str) -> Option<String> {
        use base64::Engine;
        match self {
            Auth::None => None,
            Auth::Basic { user, password } => {
                let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                Some(format!("Basic {text}"))
            }
            Auth::Token(signer) => Some(format!("Bearer {}", signer.token_for_all(repository))),
        }
    }
}

fn expect(answer: Answer, status: u16) -> Vec<u8> {
    let (head, body) = answer.into_parts();
    assert_eq!(head.status.as_u16(), status, "{}", String::from_utf8_lossy(&body));
    body
}
