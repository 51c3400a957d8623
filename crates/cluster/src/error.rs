//! What an API server, or the way to it, refuses: our kinds, the thing's name, and the way out.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use step::retry::Failure;
use step::{Error, Kind};

use crate::call::{Call, is_passing};
use crate::config::innermost;

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) error: Error,
    /// Whether it can pass.
    pub(crate) is_passing: bool,
    /// Whether it is certain that the server did nothing.
    is_untouched: bool,
    retry_after: Option<Duration>,
    pub(crate) status: Option<StatusCode>,
}

// === impl Fault ===

impl Fault {
    fn new(error: Error) -> Self {
        Fault { error, is_passing: false, is_untouched: false, retry_after: None, status: None }
    }

    fn passing(error: Error) -> Self {
        Fault { is_passing: true, ..Fault::new(error) }
    }

    /// Whether the server may have done what was asked all the same.
    pub(crate) fn is_uncertain(&self) -> bool {
        self.is_passing && !self.is_untouched
    }

    /// What it means for a call that may be sent again. What passes says only why: the policy says what was being done.
    pub(crate) fn of(self, call: &Call) -> Failure {
        if self.is_passing && (call.is_repeatable || self.is_untouched) {
            return Failure::Transient { error: self.error, retry_after: self.retry_after };
        }
        if !self.is_passing {
            return Failure::Permanent(self.error);
        }
        let error = self.error.context(format_args!("cannot {}", call.doing()));
        Failure::Permanent(error.hint("it may have been done all the same: look before you run it again"))
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::new(error)
    }
}

/// The configuration cannot be used.
pub(crate) fn unusable(server: &str, error: &kube::Error) -> Error {
    unsent(server, error).error
}

/// No answer came.
pub(crate) fn unsent(server: &str, error: &kube::Error) -> Fault {
    let text = innermost(error);
    if matches!(error, kube::Error::Auth(_)) || causes(error).iter().any(|cause| cause.is::<kube::client::AuthError>()) {
        let error = Error::new(Kind::Unauthorized, format!("cannot log in to {server}: {text}"));
        return Fault::new(error.hint("log in again (`oc login`), or see the `users` of the kubeconfig"));
    }
    // Another attempt would meet the same certificate.
    if text.contains("peer certificate") {
        let error = Error::new(Kind::Remote, format!("cannot trust {server}: {text}"));
        return Fault::new(error.hint("give its authority as `certificate-authority` of the cluster in the kubeconfig"));
    }
    if text.contains("fatal alert") && text.to_ascii_lowercase().contains("cert") {
        let error = Error::new(Kind::Unauthorized, format!("{server} refuses our certificate: {text}"));
        return Fault::new(error.hint("see `client-certificate` in the `users` of the kubeconfig"));
    }
    if let kube::Error::RustlsTls(_) | kube::Error::HttpError(_) = error {
        return Fault::new(Error::bad_input(format!("cannot speak to {server}: {text}")).hint("see the kubeconfig"));
    }
    let unreached = |kind: io::ErrorKind| {
        matches!(kind, io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable)
    };
    let is_untouched =
        causes(error).iter().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|cause| unreached(cause.kind())))
            || text.contains("lookup address");
    let error = Error::new(Kind::Remote, format!("cannot reach {server}: {text}"));
    let error = if is_untouched { error.hint("is the cluster up, and is this its address?") } else { error };
    Fault { is_untouched, ..Fault::passing(error) }
}

fn causes<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
    let mut causes = vec![error];
    let mut inner = error;
    while let Some(source) = inner.source() {
        causes.push(source);
        inner = source;
    }
    causes
}

/// The connection ended in the middle of an answer.
pub(crate) fn broken(server: &str, error: &kube::Error) -> Fault {
    Fault::passing(Error::new(Kind::Remote, format!("{server} breaks off its answer: {}", innermost(error))))
}

/// No answer came in time.
pub(crate) fn silent(server: &str) -> Fault {
    Fault::passing(Error::new(Kind::TimedOut, format!("{server} does not answer")))
}

/// The answer is an error.
pub(crate) fn refused(call: &Call, server: &str, status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Fault {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let says = match answer["message"].as_str() {
        Some(message) if !message.is_empty() => printable(message),
        _ => match String::from_utf8_lossy(body).lines().next().map(printable) {
            Some(line) if !line.is_empty() && !line.starts_with(['{', '<']) => line,
            _ => status.to_string(),
        },
    };
    let doing = format!("cannot {}", call.doing());
    let fail = |kind: Kind, text: String| Error::new(kind, text);
    let error = match status.as_u16() {
        401 => fail(Kind::Unauthorized, format!("{doing}: {server} does not know us: {says}"))
            .hint("log in again (`oc login`), or see the `users` of the kubeconfig"),
        403 if says.contains(" cannot ") => forbidden(call, &doing, &says),
        403 => fail(Kind::Unauthorized, format!("{doing}: {says}")),
        404 | 405 => missing(call, &answer, &says),
        409 => conflict(&doing, &answer, &says),
        413 => fail(Kind::BadInput, format!("{doing}: it is too large: {says}")),
        410 => fail(Kind::Conflict, format!("{doing}: {says}")),
        400 | 422 => fail(Kind::BadInput, format!("{doing}: {says}")),
        _ if is_passing(status) => {
            // A webhook is asked before anything is stored; 429 and 503 are said at the door.
            let is_untouched = says.contains("failed calling webhook") || matches!(status.as_u16(), 429 | 503);
            let error = fail(Kind::Remote, format!("{server} answers {}: {says}", status.as_u16()));
            return Fault { is_untouched, retry_after, status: Some(status), ..Fault::passing(error) };
        }
        code => fail(Kind::Remote, format!("{doing}: {server} answers {code}: {says}")),
    };
    Fault { status: Some(status), ..Fault::new(error) }
}

fn forbidden(call: &Call, doing: &str, says: &str) -> Error {
    let role = call.role_name();
    let place = match &call.namespace {
        Some(namespace) => format!("a Role in {namespace}"),
        None => "a ClusterRole".to_owned(),
    };
    let user = says.split("User \"").nth(1).and_then(|rest| rest.split('"').next());
    let user = user.map_or("we".to_owned(), |user| user.to_owned());
    // To apply what is not there yet is to create it, too.
    let verb = if call.verb == "patch" && says.contains(" cannot create ") { "create" } else { call.verb };
    Error::new(Kind::Unauthorized, format!("{doing}: {user} may not"))
        .hint(format!("it needs {place} with the verb `{verb}` on `{role}`"))
        .details(says)
}

fn missing(call: &Call, answer: &Value, says: &str) -> Error {
    let kind = call.resource.kind();
    // Of an object that is missing the server names the object; of a kind that is missing there is nothing to name.
    let is_kind = answer["details"]["name"].as_str().unwrap_or_default().is_empty();
    let place = call.namespace.as_ref().map_or(String::new(), |namespace| format!(" in the namespace {namespace}"));
    if is_kind {
        return no_such_kind(call.resource.api_version(), kind);
    }
    if says.starts_with("namespaces ") {
        return Error::not_found(format!("there is no namespace {}", call.namespace.as_deref().unwrap_or_default()));
    }
    Error::not_found(format!("there is no {kind} {}{place}", call.name))
}

/// The cluster does not know the kind.
pub(crate) fn no_such_kind(api_version: &str, kind: &str) -> Error {
    let error = if kind == "APIResourceList" {
        Error::not_found(format!("the cluster does not know {api_version}"))
    } else {
        Error::not_found(format!("the cluster does not know {kind} of {api_version}"))
    };
    match api_version.split_once('/') {
        Some(("tekton.dev", _)) => error.hint("is Tekton installed there, in a version that serves it?"),
        Some((group, _)) => error.hint(format!("is what serves {group} installed there?")),
        None => error,
    }
}

fn conflict(doing: &str, answer: &Value, says: &str) -> Error {
    if answer["reason"] == "AlreadyExists" {
        return Error::new(Kind::Conflict, format!("{doing}: it is already there"));
    }
    let causes = answer["details"]["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fields = causes.iter().filter(|cause| cause["reason"] == "FieldManagerConflict");
    let mut list = String::new();
    for cause in fields {
        let text = |name: &str| printable(cause[name].as_str().unwrap_or_default());
        let owner = text("message");
        let owner = owner.strip_prefix("conflict with ").unwrap_or(&owner);
        let _ = writeln!(list, "{} is set by {owner}", text("field"));
    }
    if list.is_empty() {
        return Error::new(Kind::Conflict, format!("{doing}: {says}")).hint("read it again, and then change it");
    }
    Error::new(Kind::Conflict, format!("{doing}: others have set fields of it to something else"))
        .details(list)
        .hint("leave these out, or let their owner change them")
}

/// One line that moves no cursor.
fn printable(text: &str) -> String {
    const LONGEST: usize = 2000;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    step::redact::text(&line).into_owned()
}
