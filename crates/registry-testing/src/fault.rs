//! What can happen to a request between a client and its registry.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::http::Request;

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The registry answers.
    Pass,
    /// This answer, and the registry hears of nothing.
    Answer(Answer),
    /// The answer breaks off with a connection reset after so many bytes of its body.
    ResetResponse(u64),
    /// The connection is reset after so many bytes of the request's body, which the registry gets.
    ResetRequest(u64),
    /// The answer's body comes byte by byte, at this interval.
    Drip(Duration),
    /// The answer stops after so many bytes of its body, and the connection stays open.
    Stall(u64),
    /// The byte at this place of the answer's body is another.
    Flip(u64),
    /// The answer ends in good order after so many bytes of its body: fewer than its `Content-Length`.
    Truncate(u64),
    /// The answer's `Content-Length` is wrong by so much; all of the body comes, then the connection closes.
    Lie(i64),
    /// The answer has this header, whatever the registry says; without a value it has none such.
    Header(&'static str, Option<String>),
    /// 307 to this scheme and host, with the same path and query: `http://localhost:1234`.
    Redirect(String),
    /// The connection closes before an answer.
    Close,
    /// The registry does its work, and the connection closes without an answer.
    Swallow,
    /// No answer, until the client goes away.
    Silence,
    /// The registry answers as one without this feature.
    Without(Feature),
}

/// An answer that the proxy gives itself.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers; `Content-Length` comes by itself.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What some registries lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `POST …/blobs/uploads/?mount=`: answered with a session for an upload, as if the blob were unknown.
    Mount,
    /// `PATCH …/blobs/uploads/ID`: 405.
    Patch,
    /// `GET …/referrers/…`: 404.
    Referrers,
    /// `Range` of a blob: all of it comes, with 200.
    Range,
    /// `DELETE`: 405.
    Delete,
}

// === impl Fault ===

impl Fault {
    /// An answer with this status, without a body.
    pub fn status(status: u16) -> Self {
        Fault::Answer(Answer { status, headers: Vec::new(), body: Vec::new() })
    }

    /// Adds a header to an answer of the proxy's own.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.own_answer().headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Gives an answer of the proxy's own a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.own_answer().body = body.into();
        self
    }

    fn own_answer(&mut self) -> &mut Answer {
        match self {
            Fault::Answer(answer) => answer,
            fault => panic!("{fault:?} has no answer of its own"),
        }
    }
}

// === impl Feature ===

impl Feature {
    fn is_in(self, request: &Request) -> bool {
        match self {
            Feature::Mount => request.method == "POST" && !request.query("mount").is_empty(),
            Feature::Patch => request.method == "PATCH",
            Feature::Referrers => request.path().contains("/referrers/"),
            Feature::Range => request.method == "GET" && request.header("range").is_some(),
            Feature::Delete => request.method == "DELETE",
        }
    }
}

/// A registry that has none of `features`.
pub fn without(features: &[Feature]) -> impl Fn(&Request) -> Fault + Send + Sync + use<> {
    let features = features.to_vec();
    move |request| match features.iter().find(|feature| feature.is_in(request)) {
        Some(feature) => Fault::Without(*feature),
        None => Fault::Pass,
    }
}

/// Does `fault` to the first requests that are `wanted`, so many of them.
pub fn first(
    times: usize,
    wanted: impl Fn(&Request) -> bool + Send + Sync,
    fault: Fault,
) -> impl Fn(&Request) -> Fault + Send + Sync {
    let left = AtomicUsize::new(times);
    move |request| {
        let take = |left: usize| left.checked_sub(1);
        if wanted(request) && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            return fault.clone();
        }
        Fault::Pass
    }
}
