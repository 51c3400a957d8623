//! A server on a port of 127.0.0.1: a thread for each connection, connections that serve many requests, and ends that no
//! decent server gives them.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use repo_testing::Tls;
use rustls::{ServerConnection, StreamOwned};

use crate::http::{Body, Head, Request};

/// Stops when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What answers.
pub(crate) trait Handler: Send + Sync + 'static {
    fn handle(&self, request: &Request, client: &mut Client<'_>) -> io::Result<After>;
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It serves the next request.
    Keep,
    /// It closes.
    Close,
    /// It is torn down: the client gets RST and not FIN.
    Reset,
}

/// The client's side of a request.
pub(crate) struct Client<'a> {
    pub(crate) stream: &'a mut BufReader<Stream>,
    shared: &'a Shared,
}

pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

struct Shared {
    handler: Box<dyn Handler>,
    tls: Option<Arc<Tls>>,
    requests: Mutex<Vec<Request>>,
    state: Mutex<State>,
    stopping: Condvar,
}

#[derive(Default)]
struct State {
    stopped: bool,
    /// Open connections, to be shut down at the end.
    connections: HashMap<u64, TcpStream>,
}

// === impl Server ===

impl Server {
    pub(crate) fn start(handler: impl Handler, tls: Option<Arc<Tls>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let handler = Box::new(handler);
        let shared =
            Arc::new(Shared { handler, tls, requests: Mutex::default(), state: Mutex::default(), stopping: Condvar::new() });
        let served = shared.clone();
        let acceptor = std::thread::spawn(move || accept(&listener, &served));
        Server { address, shared, acceptor: Some(acceptor) }
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.shared.tls.is_some() { "https" } else { "http" }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state.lock().unwrap();
            state.stopped = true;
            for connection in state.connections.values() {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
        self.shared.stopping.notify_all();
        // Wakes the acceptor up.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for (number, stream) in (0..).zip(listener.incoming()) {
        let Ok(stream) = stream else { continue };
        {
            let mut state = shared.state.lock().unwrap();
            if state.stopped {
                break;
            }
            state.connections.insert(number, stream.try_clone().unwrap());
        }
        threads.retain(|thread| !thread.is_finished());
        let shared = shared.clone();
        threads.push(std::thread::spawn(move || shared.connection(number, stream)));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

// === impl Shared ===

impl Shared {
    fn connection(&self, number: u64, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let stream = match &self.tls {
            Some(tls) => tls.wrap(stream).map(|stream| Stream::Tls(Box::new(stream))),
            None => Ok(Stream::Plain(stream)),
        };
        // A client that goes away is none of our business.
        if let Ok(stream) = stream {
            let mut stream = BufReader::with_capacity(64 << 10, stream);
            let end = self.serve(&mut stream).unwrap_or(After::Close);
            let stream = stream.into_inner();
            if end == After::Reset {
                let linger = rustix::net::sockopt::set_socket_linger(stream.socket(), Some(Duration::ZERO));
                linger.unwrap();
            } else {
                stream.close();
            }
            // The copy goes first: the socket closes with the last of them.
            self.state.lock().unwrap().connections.remove(&number);
        } else {
            self.state.lock().unwrap().connections.remove(&number);
        }
    }

    fn serve(&self, stream: &mut BufReader<Stream>) -> io::Result<After> {
        loop {
            let Some(mut request) = Request::read(stream)? else { return Ok(After::Close) };
            {
                let mut requests = self.requests.lock().unwrap();
                request.number = requests.len();
                requests.push(request.clone());
            }
            let after = self.handler.handle(&request, &mut Client { stream, shared: self })?;
            if after != After::Keep || request.wants_close() {
                return Ok(after);
            }
        }
    }
}

// === impl Client ===

impl Client<'_> {
    /// The request's body.
    pub(crate) fn body<'b>(&'b mut self, request: &Request) -> Body<'b, BufReader<Stream>> {
        Body::new(self.stream, request.framing())
    }

    /// For writing the answer.
    pub(crate) fn writer(&mut self) -> &mut Stream {
        self.stream.get_mut()
    }

    /// Answers with all of `body`, after the request's body was read: a client that still sends would not read it.
    pub(crate) fn answer(&mut self, request: &Request, head: Head, body: &[u8]) -> io::Result<After> {
        let read = !request.waits_for_continue();
        if read {
            io::copy(&mut self.body(request), &mut io::sink())?;
        }
        self.respond(request, head, body)?;
        Ok(if read { After::Keep } else { After::Close })
    }

    /// Answers with all of `body`.
    pub(crate) fn respond(&mut self, request: &Request, mut head: Head, body: &[u8]) -> io::Result<()> {
        if head.header("content-length").is_none() {
            head.set("content-length", body.len());
        }
        let writer = self.writer();
        head.write(writer)?;
        if request.method != "HEAD" {
            writer.write_all(body)?;
        }
        writer.flush()
    }

    /// Says nothing until the client goes away or the server stops.
    pub(crate) fn silence(&mut self) -> After {
        let _ = io::copy(self.stream, &mut io::sink());
        After::Close
    }

    /// Waits; `false` when the server stops meanwhile.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let state = self.shared.state.lock().unwrap();
        let (state, _) = self.shared.stopping.wait_timeout_while(state, time, |state| !state.stopped).unwrap();
        !state.stopped
    }
}

// === impl Stream ===

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
        }
    }

    /// Closes in an orderly way, but without the TLS farewell that would make a short body look wanted.
    fn close(&self) {
        let _ = self.socket().shutdown(Shutdown::Write);
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.write(buffer),
            Stream::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}
