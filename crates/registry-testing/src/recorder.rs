//! A server that is no registry: it writes down what reaches it, and serves blobs.

use std::collections::HashMap;
use std::fmt;
use std::io;

use registry::Digest;

use crate::http::{Head, Request};
use crate::server::{After, Client, Handler, Server};

/// Another host: what a registry redirects to, or where foreign layers lie. Whatever path ends with a digest that it knows
/// gets that blob (also in part, by `Range`); the rest gets 404. Stops when dropped.
pub struct Recorder(Server);

struct Blobs(HashMap<String, Vec<u8>>);

// === impl Recorder ===

impl Recorder {
    /// Serves `blobs`.
    pub fn start(blobs: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let blobs = blobs.into_iter().map(|blob| (Digest::of(&blob).to_string(), blob));
        Recorder(Server::start(Blobs(blobs.collect()), None))
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.0.host()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    /// `http://localhost:PORT`: another host than `127.0.0.1`, also to those who look at names only.
    pub fn other_url(&self) -> String {
        format!("http://localhost:{}", self.0.port())
    }

    /// What reached it until now.
    pub fn requests(&self) -> Vec<Request> {
        self.0.requests()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recorder").field(&self.host()).finish()
    }
}

impl Handler for Blobs {
    fn handle(&self, request: &Request, client: &mut Client<'_>) -> io::Result<After> {
        let name = request.path().rsplit('/').next().unwrap_or_default();
        let Some(blob) = self.0.get(name).filter(|_| matches!(&*request.method, "GET" | "HEAD")) else {
            return client.answer(request, Head::new(404), b"not here\n");
        };
        let from = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok());
        let Some(rest) = from.and_then(|from: usize| blob.get(from..)) else {
            let mut head = Head::new(200);
            head.set("content-length", blob.len());
            return client.answer(request, head, blob);
        };
        let mut head = Head::new(206);
        head.set("content-range", format!("bytes {}-{}/{}", blob.len() - rest.len(), blob.len() - 1, blob.len()));
        client.answer(request, head, rest)
    }
}
