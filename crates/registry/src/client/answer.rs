//! What a registry answers when it does not do what it was asked, in words.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use step::retry::Failure;
use step::{Error, Kind};
use transport::{MARGIN, content_type, excerpt, wait};
use ureq::Body;
use ureq::http::Response;
use ureq::http::header::CONTENT_ENCODING;

use super::download::Pace;

pub(crate) const LOG_IN: &str = "bind a Secret of type kubernetes.io/dockerconfigjson to the step's workspace for registry credentials, or log in with `podman login`";

/// As much of an explanation is shown, in bytes.
const LONGEST: usize = 1000;

/// An answer that is not the wanted one.
pub(crate) struct Answer {
    status: u16,
    wait: Option<Duration>,
    /// The registry's own error codes: `MANIFEST_UNKNOWN`.
    codes: Vec<String>,
    says: String,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: Value,
}

// === impl Answer ===

impl Answer {
    /// Reads what the registry says.
    pub(crate) fn new(response: Response<Body>) -> Self {
        let (status, wait) = (response.status().as_u16(), wait(&response));
        let kind = content_type(&response);
        // Compressed without having been asked for, it is nothing for people.
        let is_plain = !response.headers().contains_key(CONTENT_ENCODING);
        let mut bytes = Vec::new();
        // An explanation that cannot be read is no explanation.
        let _ = reader(response).take((LONGEST + MARGIN) as u64).read_to_end(&mut bytes);
        let (mut codes, mut says) = (Vec::new(), String::new());
        match serde_json::from_slice::<Errors>(&bytes) {
            Ok(Errors { errors }) => {
                let shown: Vec<String> = errors.iter().map(OneError::text).collect();
                says = excerpt(shown.join("; ").as_bytes(), LONGEST);
                codes = errors.into_iter().map(|error| error.code).collect();
            }
            Err(_) if is_plain && (kind == "text/plain" || kind == "application/json") => says = excerpt(&bytes, LONGEST),
            Err(_) => {}
        }
        Answer { status, wait, codes, says }
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// Whether the registry has no room left. (28 is ENOSPC, as distribution's registry passes it on.)
    pub(crate) fn is_full(&self) -> bool {
        self.status == 507 || ["no space left", r#""Err":28"#].iter().any(|sign| self.says.contains(sign))
    }

    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|known| known == code)
    }

    /// `error` with what the registry says, as a failure that passes or does not.
    pub(crate) fn failure(self, error: Error) -> Failure {
        let error = if self.says.is_empty() { error } else { error.details(format!("registry: {}", self.says)) };
        match self.status {
            408 | 425 | 429 | 500 | 502.. => Failure::Transient { error, retry_after: self.wait },
            _ => Failure::Permanent(error),
        }
    }
}

// === impl OneError ===

impl OneError {
    fn text(&self) -> String {
        let detail = match &self.detail {
            Value::Null => String::new(),
            Value::String(text) => format!(" ({text})"),
            Value::Object(map) if map.is_empty() => String::new(),
            other => format!(" ({other})"),
        };
        format!("{}: {}{detail}", self.code, self.message)
    }
}

/// The answer's body, however long.
pub(crate) fn reader(response: Response<Body>) -> impl Read + Send + use<> {
    response.into_body().into_with_config().limit(u64::MAX).reader()
}

/// The answer's body, at most `largest` bytes, from a server that may take `silence` for [`LEAST`](super::LEAST) bytes.
/// `what` names it.
pub(crate) fn body(
    response: Response<Body>,
    what: impl fmt::Display,
    largest: u64,
    silence: Duration,
) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut reader = reader(response).take(largest + 1);
    let mut pace = Pace::new(silence);
    let mut buffer = vec![0; 16 << 10];
    loop {
        match reader.read(&mut buffer).map_err(|error| Failure::from(transport::broken(error)))? {
            0 => break,
            read => {
                bytes.extend_from_slice(&buffer[..read]);
                pace.moved(read)?;
            }
        }
    }
    if bytes.len() as u64 > largest {
        let message = format!("{what} is larger than {largest} bytes, more than is read");
        return Err(Failure::Permanent(Error::new(Kind::Remote, message)));
    }
    Ok(bytes)
}
