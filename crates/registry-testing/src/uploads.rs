//! A registry that remembers broken uploads, as docker-registry 2.8 does not: it keeps what came, and says how much that is.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use registry::Digest;

use crate::http::{Head, Request};
use crate::server::{After, Client, Handler, Server};

/// Takes blobs and manifests in any repository, and gives nothing back but whether it has a blob. Stops when dropped.
pub struct UploadServer {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    sessions: HashMap<String, Vec<u8>>,
    blobs: HashMap<String, Vec<u8>>,
    /// After how many bytes of a body that is larger the connections still to come break.
    breaks: Vec<u64>,
    received: u64,
    count: u64,
}

// === impl UploadServer ===

impl UploadServer {
    /// Breaks the connection after each of these numbers of bytes, one request with as long a body after the other.
    pub fn start(mut breaks: Vec<u64>) -> Self {
        breaks.reverse();
        let state = Arc::new(Mutex::new(State { breaks, ..State::default() }));
        UploadServer { server: Server::start(state.clone(), None), state }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// What reached it until now.
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// How many bytes of blobs came, the same ones counted again when they came again.
    pub fn received(&self) -> u64 {
        self.state.lock().unwrap().received
    }

    /// A blob that came whole.
    pub fn blob(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.state.lock().unwrap().blobs.get(digest.as_str()).cloned()
    }

    /// How many uploads were begun, and neither finished nor cancelled.
    pub fn sessions_left(&self) -> usize {
        self.state.lock().unwrap().sessions.len()
    }
}

impl fmt::Debug for UploadServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UploadServer").field(&self.host()).finish()
    }
}

impl Handler for Arc<Mutex<State>> {
    fn handle(&self, request: &Request, client: &mut Client<'_>) -> io::Result<After> {
        let path = request.path().to_owned();
        let name = path.rsplit('/').next().unwrap_or_default();
        if path.contains("/manifests/") && request.method == "PUT" {
            let mut body = Vec::new();
            client.body(request).read_to_end(&mut body)?;
            let mut head = Head::new(201);
            head.set("docker-content-digest", Digest::of(&body));
            client.respond(request, head, b"")?;
            return Ok(After::Keep);
        }
        if !path.contains("/blobs/uploads/") {
            let known = path == "/v2/" || self.lock().unwrap().blobs.contains_key(name);
            return client.answer(request, Head::new(if known { 200 } else { 404 }), b"");
        }
        match &*request.method {
            "POST" => {
                let mut state = self.lock().unwrap();
                state.count += 1;
                let id = format!("{}", state.count);
                state.sessions.insert(id.clone(), Vec::new());
                drop(state);
                let mut head = Head::new(202);
                head.set("location", format!("{path}{id}"));
                client.answer(request, head, b"")
            }
            "DELETE" => {
                self.lock().unwrap().sessions.remove(name);
                client.answer(request, Head::new(204), b"")
            }
            "GET" => {
                let length = self.lock().unwrap().sessions.get(name).map(Vec::len);
                let mut head = Head::new(if length.is_some() { 204 } else { 404 });
                head.set("location", &path);
                head.set("range", format!("0-{}", length.unwrap_or_default().saturating_sub(1)));
                client.answer(request, head, b"")
            }
            _ => take(self, request, name, &path, client),
        }
    }
}

/// `PATCH`, and `PUT` which ends it.
fn take(shared: &Mutex<State>, request: &Request, session: &str, path: &str, client: &mut Client<'_>) -> io::Result<After> {
    let announced = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let (limit, held) = {
        let mut state = shared.lock().unwrap();
        (state.breaks.pop_if(|limit| announced >= *limit), state.sessions.get(session).map(Vec::len))
    };
    let Some(held) = held else { return client.answer(request, Head::new(404), b"") };
    let start = request.header("content-range").map(|range| range.split('-').next().unwrap().parse::<usize>().unwrap());
    if start.is_some_and(|start| start != held) {
        return client.answer(request, Head::new(416), b"");
    }
    let mut body = Vec::new();
    client.body(request).take(limit.unwrap_or(u64::MAX)).read_to_end(&mut body)?;
    let head = {
        let mut state = shared.lock().unwrap();
        state.received += body.len() as u64;
        let content = state.sessions.get_mut(session).unwrap();
        content.extend_from_slice(&body);
        if limit.is_some() {
            return Ok(After::Reset);
        }
        let digest = Digest::of(content).to_string();
        if request.method == "PATCH" {
            let mut head = Head::new(202);
            head.set("location", path);
            head
        } else if request.query("digest") == [digest.clone()] {
            let content = state.sessions.remove(session).unwrap();
            state.blobs.insert(digest.clone(), content);
            let mut head = Head::new(201);
            head.set("docker-content-digest", digest);
            head
        } else {
            Head::new(400)
        }
    };
    client.respond(request, head, b"")?;
    Ok(After::Keep)
}
