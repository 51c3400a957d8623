//! A scripted API server for tests: it answers as it is told, and breaks off where a real one does not on demand.
//!
//! One request a connection, one thread a connection, on 127.0.0.1. What it does not know of Kubernetes is everything:
//! the script says what each request gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

/// A running server. Stops when dropped.
#[derive(Debug)]
pub struct Fake {
    address: SocketAddr,
    directory: tempfile::TempDir,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// A request as the server got it.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// The query, as it was sent.
    pub query: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Value,
}

/// What a request gets.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A status and JSON.
    Json(u16, Value),
    /// The same, on a connection that the server closes without having said so.
    Unannounced(u16, Value),
    /// A status, headers, and a body in plain text.
    Text(u16, Vec<(&'static str, String)>, String),
    /// A body that comes in parts, and ends well unless a part says otherwise.
    Stream(Vec<Part>),
    /// The connection closes without an answer.
    Close,
    /// Nothing, until the client goes away.
    Silence,
}

/// A part of a body.
#[derive(Clone, Debug)]
pub enum Part {
    /// Bytes.
    Text(String),
    /// Nothing, until somebody opens the gate.
    Until(Gate),
    /// The connection breaks.
    Break,
    /// Nothing more comes until the client goes away, or the server stops.
    Hold,
}

/// What a body waits for: something that another request, or the test, brings about. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<AtomicBool>);

type Script = Box<dyn FnMut(&Request) -> Answer + Send>;

struct Shared {
    script: Mutex<Script>,
    requests: Mutex<Vec<Request>>,
    stopped: AtomicBool,
    /// Connections that are open on this side.
    open: AtomicUsize,
}

const JSON: &str = "application/json";

// === impl Request ===

impl Request {
    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether it opens a watch.
    pub fn is_watch(&self) -> bool {
        self.query("watch") == "true"
    }

    /// A value of the query, as it was sent.
    pub fn query(&self, name: &str) -> &str {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

// === impl Answer ===

impl Answer {
    /// What the server says of an error.
    pub fn error(code: u16, reason: &str, message: &str, details: Value) -> Self {
        let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "details": details, "code": code });
        Answer::Json(code, status)
    }

    /// A list of objects of this version.
    pub fn list(version: &str, items: Vec<Value>) -> Self {
        Answer::Json(200, json!({ "metadata": { "resourceVersion": version }, "items": items }))
    }

    /// Events of a watch, and then silence.
    pub fn events(events: &[Value]) -> Self {
        let mut parts: Vec<Part> = events.iter().map(|event| Part::Text(format!("{event}\n"))).collect();
        parts.push(Part::Hold);
        Answer::Stream(parts)
    }
}

// === impl Gate ===

impl Gate {
    /// Lets pass what waits.
    pub fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

// === impl Fake ===

impl Fake {
    /// Starts a server that does what `script` says to each request.
    pub fn start(script: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(Box::new(script)),
            requests: Mutex::default(),
            stopped: AtomicBool::new(false),
            open: AtomicUsize::new(0),
        });
        let served = shared.clone();
        let acceptor = std::thread::spawn(move || accept(&listener, &served));
        let directory = tempfile::tempdir().unwrap();
        let fake = Fake { address, directory, shared, acceptor: Some(acceptor) };
        std::fs::write(fake.kubeconfig(), kubeconfig(&fake.url(), "")).unwrap();
        fake
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig for it, whose context has the namespace `demo`.
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }

    /// The requests until now.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits until the server has closed all connections.
    pub fn settle(&self) {
        while self.shared.open.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
    }

    /// Its answer and messages without what is different in each run.
    pub fn stable(&self, text: &str) -> String {
        text.replace(&self.url(), "http://SERVER")
    }
}

/// A kubeconfig for a server. `more` is more of the cluster: `certificate-authority-data: …`.
pub fn kubeconfig(server: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\ncontexts:\n- name: test\n  context: {{cluster: test, user: bot, \
         namespace: demo}}\nclusters:\n- name: test\n  cluster:\n    server: {server}\n    {more}\nusers:\n- name: bot\n  user: \
         {{token: a-token-that-is-secret}}\n"
    )
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the acceptor up.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connections = Vec::new();
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        let (Ok(stream), shared) = (stream, shared.clone()) else { continue };
        // A client that goes away is none of our business.
        connections.push(std::thread::spawn(move || {
            shared.open.fetch_add(1, Ordering::SeqCst);
            drop(shared.serve(stream));
            shared.open.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    for connection in connections {
        let _ = connection.join();
    }
}

// === impl Shared ===

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_millis(20)))?;
        stream.set_nodelay(true)?;
        let Some(request) = self.read(&stream)? else { return Ok(()) };
        self.requests.lock().unwrap().push(request.clone());
        let answer = (self.script.lock().unwrap())(&request);
        match answer {
            Answer::Close => Ok(()),
            Answer::Silence => self.hold(&mut stream),
            Answer::Json(status, value) => {
                respond(&mut stream, status, &[("Content-Type", JSON.into()), ("Connection", "close".into())], &value.to_string())
            }
            Answer::Unannounced(status, value) => {
                respond(&mut stream, status, &[("Content-Type", JSON.into())], &value.to_string())
            }
            Answer::Text(status, mut headers, text) => {
                headers.push(("Connection", "close".into()));
                respond(&mut stream, status, &headers, &text)
            }
            Answer::Stream(parts) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                for part in parts {
                    match part {
                        Part::Text(text) => write!(stream, "{:x}\r\n{text}\r\n", text.len())?,
                        Part::Until(gate) => {
                            stream.flush()?;
                            while !gate.0.load(Ordering::SeqCst) && !self.stopped.load(Ordering::SeqCst) {
                                std::thread::park_timeout(Duration::from_millis(1));
                            }
                        }
                        Part::Break => return Ok(()),
                        Part::Hold => return self.hold(&mut stream),
                    }
                }
                stream.write_all(b"0\r\n\r\n")
            }
        }
    }

    /// Until the client goes away or the server stops.
    fn hold(&self, stream: &mut TcpStream) -> io::Result<()> {
        let mut byte = [0];
        while !self.stopped.load(Ordering::SeqCst) {
            match stream.read(&mut byte) {
                Ok(0) => return Ok(()),
                Err(error) if !is_waiting(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn read(&self, stream: &TcpStream) -> io::Result<Option<Request>> {
        let mut stream = BufReader::new(Patient(stream, &self.stopped));
        let mut line = || -> io::Result<String> {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            Ok(line.trim_end().to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = Vec::new();
        while let Some((name, value)) = line()?.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut request = Request { method: method.into(), path: path.into(), query: query.into(), headers, body: Value::Null };
        let length = request.header("content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        request.body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Some(request))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("requests", &self.requests).finish_non_exhaustive()
    }
}

/// Reads over its time-outs, until the server stops.
struct Patient<'s>(&'s TcpStream, &'s AtomicBool);

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if is_waiting(&error) && !self.1.load(Ordering::SeqCst) => {}
                other => return other,
            }
        }
    }
}

fn is_waiting(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

fn respond(stream: &mut TcpStream, status: u16, headers: &[(&'static str, String)], body: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len())?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n{body}")
}
