//! One request and its answer: sent, waited for, tried again, and its errors made ours.

use std::pin::pin;
use std::time::{Duration, Instant};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use step::retry::Failure;
use step::{Error, Kind, Result};

use crate::error::{self, Fault};
use crate::{Cluster, Resource};

/// The API server gives up on a request after a minute.
const ANSWER: Duration = Duration::from_secs(70);
/// How often a wait looks whether it was cancelled.
const TICK: Duration = Duration::from_millis(50);
/// A longer answer is none of an API server.
const LARGEST: usize = 256 << 20;
/// So much of an explanation is read.
const LONGEST_EXPLANATION: usize = 64 << 10;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The verb of a Role that allows it.
    pub(crate) verb: &'static str,
    pub(crate) resource: Resource,
    pub(crate) namespace: Option<String>,
    /// What messages call the object; empty for many.
    pub(crate) name: String,
    /// Whether sending it twice is the same as sending it once.
    pub(crate) is_repeatable: bool,
    method: Method,
    path: String,
    /// What of the object it is about, if not all of it: `log`.
    part: Option<&'static str>,
    query: Vec<(&'static str, String)>,
    body: Option<(Body, Vec<u8>)>,
}

/// What a body is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    /// An object.
    Json,
    /// What server-side apply takes.
    Apply,
    /// A JSON merge patch.
    Merge,
}

/// An answer as it comes.
pub(crate) type Stream = Response<kube::client::Body>;

// === impl Call ===

impl Call {
    pub(crate) fn new(
        verb: &'static str,
        method: Method,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Self> {
        Ok(Call {
            verb,
            resource: resource.clone(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            is_repeatable: true,
            method,
            path: resource.path(namespace, name)?,
            part: None,
            query: Vec::new(),
            body: None,
        })
    }

    pub(crate) fn get(resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Self> {
        Call::new("get", Method::GET, resource, namespace, name)
    }

    /// Of what belongs to the object: its log.
    pub(crate) fn part(mut self, part: &'static str) -> Self {
        self.path = format!("{}/{part}", self.path);
        self.part = Some(part);
        self
    }

    /// What a Role that allows it names: `pods/log`, `pipelineruns.tekton.dev`.
    pub(crate) fn role_name(&self) -> String {
        let resource = self.resource.role_name();
        self.part.map_or(resource.clone(), |part| format!("{resource}/{part}"))
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: Body, value: &Value) -> Self {
        self.body = Some((body, value.to_string().into_bytes()));
        self
    }

    /// `get the Pod demo/x`, `list Pods in demo`.
    pub(crate) fn doing(&self) -> String {
        let kind = match self.part {
            Some(part) => format!("{part} of the {}", self.resource.kind()),
            None => self.resource.kind().to_owned(),
        };
        match (self.name.is_empty(), &self.namespace) {
            (false, Some(namespace)) => format!("{} the {kind} {namespace}/{}", self.verb, self.name),
            (false, None) => format!("{} the {kind} {}", self.verb, self.name),
            (true, Some(namespace)) => format!("{} {kind}s in {namespace}", self.verb),
            (true, None) => format!("{} {kind}s", self.verb),
        }
    }

    fn request(&self) -> Result<Request<kube::client::Body>> {
        let mut uri = self.path.clone();
        for (index, (name, value)) in self.query.iter().enumerate() {
            uri.push(if index == 0 { '?' } else { '&' });
            uri.push_str(&format!("{name}={}", percent(value)));
        }
        let mut request = Request::builder().method(self.method.clone()).uri(uri).header("accept", "application/json");
        let mut bytes = Vec::new();
        if let Some((body, content)) = &self.body {
            request = request.header("content-type", body.content_type());
            bytes.clone_from(content);
        }
        request.body(bytes.into()).map_err(|e| Error::internal("cannot make a request").because(e))
    }
}

impl Body {
    fn content_type(self) -> &'static str {
        match self {
            Body::Json => "application/json",
            // JSON is YAML.
            Body::Apply => "application/apply-patch+yaml",
            Body::Merge => "application/merge-patch+json",
        }
    }
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

impl Cluster {
    /// Sends a request until it is answered, and gives the answer's JSON.
    pub(crate) fn send(&self, call: &Call) -> Result<Value> {
        self.send_seen(call, |_| {})
    }

    /// As [`Cluster::send`]; `failed` sees why each attempt fails.
    pub(crate) fn send_seen(&self, call: &Call, mut failed: impl FnMut(&Fault)) -> Result<Value> {
        let what = format!("cannot {}", call.doing());
        self.policy.run(&self.cancel, &what, || {
            let answer = self.open(call).and_then(|stream| self.rest(stream));
            let bytes = answer.inspect_err(&mut failed).map_err(|fault| fault.of(call))?;
            serde_json::from_slice(&bytes)
                .map_err(|e| Failure::Permanent(Error::new(Kind::Remote, format!("{what}: the answer is not JSON")).because(e)))
        })
    }

    /// Sends a request once; the answer's head is good, and its body is still to come.
    pub(crate) fn open(&self, call: &Call) -> Result<Stream, Fault> {
        let request = call.request()?;
        let sent = self.wait(Some(ANSWER), self.shared.client.send(request))?;
        let response = sent.map_err(|error| error::unsent(self.server(), &error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let retry_after = head.headers.get("retry-after").and_then(|value| step::retry::retry_after(value.to_str().ok()?));
        // A status says enough where its explanation is cut off.
        let explanation = self.collect(body, LONGEST_EXPLANATION).unwrap_or_default();
        Err(error::refused(call, self.server(), head.status, &explanation, retry_after))
    }

    /// The rest of an answer.
    pub(crate) fn rest(&self, stream: Stream) -> Result<Vec<u8>, Fault> {
        self.collect(stream.into_body(), LARGEST)
    }

    fn collect(&self, mut body: kube::client::Body, most: usize) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        while let Some(more) = self.chunk(&mut body, ANSWER)? {
            if bytes.len() + more.len() > most {
                return Err(Error::new(Kind::Remote, format!("{} answers with more than {most} bytes", self.server())).into());
            }
            bytes.extend_from_slice(&more);
        }
        Ok(bytes)
    }

    /// The next bytes of an answer; `None` at its end. It has `patience` to come.
    pub(crate) fn chunk(&self, body: &mut kube::client::Body, patience: Duration) -> Result<Option<Vec<u8>>, Fault> {
        loop {
            match self.wait(Some(patience), body.frame())? {
                None => return Ok(None),
                Some(Err(error)) => return Err(error::broken(self.server(), &error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data.to_vec()));
                    }
                }
            }
        }
    }

    /// Waits for the network: until it is done, for as long as there is patience, or until somebody cancels.
    fn wait<F: Future>(&self, patience: Option<Duration>, future: F) -> Result<F::Output, Fault> {
        let until = patience.map(|patience| Instant::now() + patience);
        self.shared.runtime.block_on(async {
            let mut future = pin!(future);
            loop {
                self.cancel.check()?;
                if let Ok(output) = tokio::time::timeout(TICK, &mut future).await {
                    return Ok(output);
                }
                if until.is_some_and(|until| Instant::now() >= until) {
                    return Err(error::silent(self.server()));
                }
            }
        })
    }
}

/// Whether the status is one that passes.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_data() {
        let call = Call::get(&Resource::PODS, Some("demo"), "x").unwrap().query("labelSelector", "a=b,c in (d&e)");
        let request = call.request().unwrap();
        assert_eq!(request.uri().to_string(), "/api/v1/namespaces/demo/pods/x?labelSelector=a%3Db%2Cc%20in%20%28d%26e%29");
    }
}
