//! The HTTP server: one thread a connection, one request a connection.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cgi;
use crate::tls::Tls;

/// A running server on a port of its own. Stops when dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// A server that does not run yet.
pub struct ServerBuilder {
    root: PathBuf,
    listen: IpAddr,
    login: Option<String>,
    tls: bool,
    answer: Box<dyn Fn(&Request) -> Answer + Send + Sync>,
}

/// A request as the server got it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which request it is, counted from 0.
    pub number: usize,
    /// `GET`, `POST`.
    pub method: String,
    /// Path with query.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, unchunked.
    pub body: Vec<u8>,
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What git answers.
    Git,
    /// This status with these headers and this body.
    Fixed(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These headers, the first bytes once, then the second over and over until the client goes away.
    Endless(Vec<(&'static str, String)>, Vec<u8>, Vec<u8>),
    /// What git answers, cut off after so many bytes of body.
    Cut(usize),
    /// Git does its work, and the connection closes without an answer.
    Lost,
    /// The connection closes at once.
    Close,
    /// Nothing, until the client goes away.
    Silence,
}

struct Shared {
    root: PathBuf,
    login: Option<String>,
    tls: Option<Tls>,
    answer: Box<dyn Fn(&Request) -> Answer + Send + Sync>,
    requests: Mutex<Vec<Request>>,
    stopped: AtomicBool,
}

// === impl Request ===

impl Request {
    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

// === impl ServerBuilder ===

impl ServerBuilder {
    /// Listens on this address of the machine instead of 127.0.0.1: pods reach it there.
    #[must_use]
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.listen = address;
        self
    }

    /// Asks for this user and password (basic authentication), also to read.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some(format!("Basic {}", base64(format!("{user}:{password}").as_bytes())));
        self
    }

    /// Speaks https with a certificate of its own authority for 127.0.0.1 and localhost.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Decides what happens to each request that passed the login.
    #[must_use]
    pub fn answer(mut self, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        self.answer = Box::new(answer);
        self
    }

    /// Starts it.
    pub fn start(self) -> Server {
        let listener = TcpListener::bind((self.listen, 0)).unwrap();
        let shared = Arc::new(Shared {
            root: self.root,
            login: self.login,
            tls: self.tls.then(Tls::new),
            answer: self.answer,
            requests: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let address = listener.local_addr().unwrap();
        let served = shared.clone();
        let acceptor = std::thread::spawn(move || accept(&listener, &served));
        Server { address, shared, acceptor: Some(acceptor) }
    }
}

// === impl Server ===

impl Server {
    /// Serves the repositories below `root`, to anybody, over http.
    pub fn start(root: impl Into<PathBuf>) -> Self {
        Server::builder(root).start()
    }

    /// A server to configure first.
    pub fn builder(root: impl Into<PathBuf>) -> ServerBuilder {
        ServerBuilder {
            root: root.into(),
            listen: Ipv4Addr::LOCALHOST.into(),
            login: None,
            tls: false,
            answer: Box::new(|_| Answer::Git),
        }
    }

    /// The URL of the repository `name`.
    pub fn url(&self, name: &str) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/{name}", self.address)
    }

    /// The certificate of the server's own authority (PEM). Panics without [`ServerBuilder::tls`].
    pub fn ca_pem(&self) -> &str {
        self.shared.tls.as_ref().expect("the server speaks TLS").ca_pem()
    }

    /// The requests until now, also those that were refused.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the acceptor up.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.address).finish()
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connections = Vec::new();
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        let (Ok(stream), shared) = (stream, shared.clone()) else { continue };
        connections.push(std::thread::spawn(move || {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = stream.set_nodelay(true);
            // A client that goes away is none of our business.
            let _ = match &shared.tls {
                Some(tls) => tls.wrap(stream).and_then(|stream| shared.serve(stream)),
                None => shared.serve(stream),
            };
        }));
    }
    for connection in connections {
        let _ = connection.join();
    }
}

// === impl Shared ===

impl Shared {
    fn serve(&self, stream: impl Read + Write) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let Some(mut request) = read_request(&mut stream)? else { return Ok(()) };
        {
            let mut requests = self.requests.lock().unwrap();
            request.number = requests.len();
            requests.push(request.clone());
        }
        let stream = stream.get_mut();
        if self.login.is_some() && request.header("authorization") != self.login.as_deref() {
            let headers = [("WWW-Authenticate", "Basic realm=\"git\"".to_owned())];
            return respond(stream, 401, &headers, b"who are you?");
        }
        match (self.answer)(&request) {
            Answer::Git => send(stream, &cgi::run(&self.root, &request), usize::MAX),
            Answer::Cut(length) => send(stream, &cgi::run(&self.root, &request), length),
            Answer::Lost => {
                cgi::run(&self.root, &request);
                Ok(())
            }
            Answer::Close => Ok(()),
            Answer::Fixed(status, headers, body) => respond(stream, status, &headers, &body),
            Answer::Endless(headers, start, body) => {
                head(stream, 200, &headers)?;
                stream.write_all(b"\r\n")?;
                stream.write_all(&start)?;
                loop {
                    stream.write_all(&body)?;
                }
            }
            Answer::Silence => {
                // Ends when the client goes away, or with the read time-out.
                io::copy(stream, &mut io::sink()).map(drop)
            }
        }
    }
}

fn read_request(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let line = |stream: &mut _| -> io::Result<String> {
        let mut line = String::new();
        BufRead::read_line(stream, &mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let first = line(stream)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut request = Request { number: 0, method: method.into(), target: target.into(), headers: Vec::new(), body: Vec::new() };
    loop {
        let header = line(stream)?;
        let Some((name, value)) = header.split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if let Some(length) = request.header("content-length").and_then(|length| length.parse().ok()) {
        stream.take(length).read_to_end(&mut request.body)?;
    } else if request.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = u64::from_str_radix(&line(stream)?, 16).map_err(io::Error::other)?;
            stream.by_ref().take(size).read_to_end(&mut request.body)?;
            line(stream)?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(Some(request))
}

fn send(stream: &mut impl Write, answer: &cgi::Output, length: usize) -> io::Result<()> {
    let headers: Vec<(&str, String)> = answer.headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    head(stream, answer.status, &headers)?;
    write!(stream, "Content-Length: {}\r\n\r\n", answer.body.len())?;
    stream.write_all(&answer.body[..length.min(answer.body.len())])?;
    stream.flush()
}

fn respond(stream: &mut impl Write, status: u16, headers: &[(&str, String)], body: &[u8]) -> io::Result<()> {
    head(stream, status, headers)?;
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        write!(stream, "Content-Type: text/plain\r\n")?;
    }
    write!(stream, "Content-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    stream.flush()
}

fn head(stream: &mut impl Write, status: u16, headers: &[(&str, String)]) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status} X\r\nConnection: close\r\n")?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    Ok(())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().chain(&[0, 0]).take(3).fold(0usize, |number, byte| number << 8 | usize::from(*byte));
        for place in 0..4 {
            let digit = char::from(DIGITS[number >> (18 - 6 * place) & 63]);
            text.push(if place <= chunk.len() { digit } else { '=' });
        }
    }
    text
}
