//! One request to GitLab and its answer, and what its statuses mean for all requests.

use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use step::retry::Failure;
use step::{Cancel, Error, Kind, Result};
use transport::{MARGIN, Status, broken, excerpt, unreachable, wait};
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body};

use crate::{Options, Project, Token};

/// A longer answer is none of GitLab's API.
const LARGEST: u64 = 8 << 20;
/// So much of an explanation is shown.
const LONGEST: usize = 500;

/// Sends requests, once each.
pub(crate) struct Caller {
    agent: Agent,
    token: Token,
    project: Project,
}

/// Why a request failed.
pub(crate) struct Refusal {
    /// What the server answered, if it did.
    pub(crate) status: Option<u16>,
    /// What it says.
    pub(crate) says: String,
    /// What it means when nobody looks closer.
    pub(crate) failure: Failure,
}

// === impl Caller ===

impl Caller {
    pub(crate) fn new(project: Project, token: Token, options: &Options, cancel: Cancel) -> Result<Self> {
        let transport = transport::Options {
            ca_file: options.ca_file.clone(),
            tls: project.is_https(),
            deadline: Some(options.deadline),
            ..transport::Options::default()
        };
        Ok(Caller { agent: transport::agent(&transport, cancel)?, token, project })
    }

    pub(crate) fn project(&self) -> &Project {
        &self.project
    }

    /// Sends a request; an answer without a body is `null`. `what` is what the request is about.
    pub(crate) fn send(&self, method: Method, rest: &str, body: Option<&Value>) -> Result<Value, Refusal> {
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(self.project.api(rest))
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, self.token.header());
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(bytes).map_err(|e| Error::internal("cannot make a request").because(e))?;
        let origin = self.project.origin();
        let response = self.agent.run(request).map_err(|error| unreachable(origin, self.project.host(), error))?;
        if !response.status().is_success() {
            return Err(self.refused(response));
        }
        let mut bytes = Vec::new();
        let mut reader = response.into_body().into_with_config().limit(u64::MAX).reader().take(LARGEST);
        reader.read_to_end(&mut bytes).map_err(broken)?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| {
            Error::new(Kind::Remote, format!("{}: the server answers with something that is not JSON", self.project))
                .hint("is it a GitLab? A proxy, or a login page, may be in its place")
                .into_permanent()
        })
    }

    fn refused(&self, response: Response<Body>) -> Refusal {
        let status = response.status().as_u16();
        let retry_after = wait(&response);
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.map(|text| excerpt(text.as_bytes(), LONGEST));
        let says = says(response);
        let text = format!("GitLab answers {}", Status(status));
        let text = if says.is_empty() { text } else { format!("{text}: {says}") };
        let error = match status {
            401 => Error::new(Kind::Unauthorized, text).hint(
                "is the token expired or revoked? It needs the scope `api`, and the role Developer or higher in the project",
            ),
            403 => Error::new(Kind::Unauthorized, text)
                .hint("give the token the scope `api`, and the role that this needs in the project; see protected branches, too"),
            404 => {
                Error::not_found(text).hint("check the URL, and that the token may see the project: GitLab hides what it may not")
            }
            300..400 => Error::not_found(format!("it has moved{}", location.map_or(String::new(), |to| format!(" to {to}"))))
                .hint("give the URL that it has now: the token is not sent to another place"),
            405 | 406 | 409 | 423 => Error::new(Kind::Conflict, text),
            400 | 413 | 414 | 422 => Error::bad_input(text),
            _ => Error::new(Kind::Remote, text),
        };
        let failure = match status {
            408 | 423 | 425 | 429 | 500.. => Failure::Transient { error, retry_after },
            _ => Failure::Permanent(error.context(&self.project)),
        };
        Refusal { status: Some(status), says, failure }
    }
}

// === impl Refusal ===

impl Refusal {
    /// The error, and how long the server asks us to wait.
    pub(crate) fn into_error(self) -> (Error, Option<Duration>) {
        match self.failure {
            Failure::Permanent(error) => (error, None),
            Failure::Transient { error, retry_after } => (error, retry_after),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Refusal { status: None, says: String::new(), failure }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        refusal.failure
    }
}

/// Remote, and yet no other attempt would get another answer.
pub(crate) trait IntoPermanent {
    fn into_permanent(self) -> Refusal;
}

impl IntoPermanent for Error {
    fn into_permanent(self) -> Refusal {
        Failure::Permanent(self).into()
    }
}

/// What GitLab explains: a text, a list of texts, or texts by field.
fn says(response: Response<Body>) -> String {
    let mut bytes = Vec::new();
    let body = response.into_body().into_with_config().limit(u64::MAX).reader();
    // A status says enough where its explanation cannot be read.
    let _ = body.take((LONGEST + MARGIN) as u64).read_to_end(&mut bytes);
    let Ok(answer) = serde_json::from_slice::<Value>(&bytes) else {
        // An HTML page explains nothing.
        let is_text = !bytes.trim_ascii_start().starts_with(b"<");
        return if is_text {
            excerpt(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default(), LONGEST)
        } else {
            String::new()
        };
    };
    let mut texts = Vec::new();
    for field in ["message", "error", "error_description"] {
        collect(&answer[field], "", &mut texts);
    }
    excerpt(texts.join("; ").as_bytes(), LONGEST)
}

fn collect(value: &Value, field: &str, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if field.is_empty() || field == "base" => texts.push(text.clone()),
        Value::String(text) => texts.push(format!("{field} {text}")),
        Value::Array(list) => list.iter().for_each(|value| collect(value, field, texts)),
        Value::Object(fields) => fields.iter().for_each(|(field, value)| collect(value, field, texts)),
        _ => {}
    }
}
