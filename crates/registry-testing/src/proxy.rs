//! A proxy in front of a registry that passes requests on, and does to some what networks and busy servers do.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::fault::{Fault, Feature};
use crate::http::{Body, Framing, Head, Request};
use crate::referrers::Referrers;
use crate::registry::Registry;
use crate::server::{After, Client, Handler, Server};
use crate::tls;

/// A running proxy on a port of 127.0.0.1. Stops when dropped.
///
/// URLs that the registry makes lead back through it. Bodies are streamed: it holds no blob in memory.
pub struct FaultProxy {
    server: Server,
    traffic: Arc<Traffic>,
}

/// A proxy that does not run yet.
pub struct FaultProxyBuilder {
    upstream: String,
    storage: PathBuf,
    tls: bool,
    referrers: Option<Referrers>,
}

#[derive(Default)]
struct Traffic {
    up: AtomicU64,
    down: AtomicU64,
}

struct Proxy {
    upstream: String,
    https: bool,
    referrers: Option<Referrers>,
    fault: Box<dyn Fn(&Request) -> Fault + Send + Sync>,
    traffic: Arc<Traffic>,
}

/// The registry's side of one request.
struct Upstream {
    stream: BufReader<TcpStream>,
    /// Whether the registry has closed its ears.
    deaf: bool,
}

// === impl FaultProxyBuilder ===

impl FaultProxyBuilder {
    /// Speaks https with its clients. (Its certificate is by the authority of [`Registry::ca_pem`].)
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Has the referrers API, which docker-registry 2.8 lacks, in pages of so many entries.
    #[must_use]
    pub fn referrers(mut self, page: usize) -> Self {
        self.referrers = Some(Referrers::new(self.storage.clone(), page));
        self
    }

    /// Starts it. `fault` decides what happens to each request, in the thread of the connection: it may block.
    pub fn start(self, fault: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> FaultProxy {
        let traffic = Arc::new(Traffic::default());
        let proxy = Proxy {
            upstream: self.upstream,
            https: self.tls,
            referrers: self.referrers,
            fault: Box::new(fault),
            traffic: traffic.clone(),
        };
        FaultProxy { server: Server::start(proxy, self.tls.then(tls::shared)), traffic }
    }
}

// === impl FaultProxy ===

impl FaultProxy {
    /// A proxy in front of `registry` that speaks plain http.
    pub fn start(registry: &Registry, fault: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> Self {
        FaultProxy::builder(registry).start(fault)
    }

    /// A proxy to configure first.
    pub fn builder(registry: &Registry) -> FaultProxyBuilder {
        assert!(registry.url().starts_with("http:"), "the proxy speaks plain http with its registry");
        FaultProxyBuilder { upstream: registry.host().to_owned(), storage: registry.storage(), tls: false, referrers: None }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// `http://127.0.0.1:PORT`, or https.
    pub fn url(&self) -> String {
        format!("{}://{}", self.server.scheme(), self.host())
    }

    /// The same server under another name, which is another host to a client: `http://localhost:PORT`.
    pub fn other_url(&self) -> String {
        format!("{}://localhost:{}", self.server.scheme(), self.server.port())
    }

    /// The requests until now.
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// The requests until now as `METHOD TARGET`.
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }

    /// How many bytes of bodies came from clients until now.
    pub fn bytes_up(&self) -> u64 {
        self.traffic.up.load(Ordering::SeqCst)
    }

    /// How many bytes of bodies came from the registry for clients until now.
    pub fn bytes_down(&self) -> u64 {
        self.traffic.down.load(Ordering::SeqCst)
    }
}

impl std::fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FaultProxy").field(&self.host()).finish()
    }
}

// === impl Proxy ===

impl Handler for Proxy {
    fn handle(&self, request: &Request, client: &mut Client<'_>) -> io::Result<After> {
        match (self.fault)(request) {
            Fault::Answer(answer) => {
                let headers = answer.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
                client.answer(request, Head { status: answer.status, headers }, &answer.body)
            }
            Fault::Redirect(base) => {
                let mut head = Head::new(307);
                head.set("location", base + &request.target);
                client.answer(request, head, b"")
            }
            Fault::Close => Ok(After::Close),
            Fault::Silence => Ok(client.silence()),
            Fault::Without(Feature::Referrers) => client.answer(request, Head::new(404), b"404 page not found\n"),
            Fault::Without(Feature::Patch | Feature::Delete) => client.answer(request, Head::new(405), b""),
            Fault::Without(Feature::Mount) => {
                let plain = Request { target: request.path().to_owned(), ..request.clone() };
                self.forward(&plain, client, &Fault::Pass)
            }
            Fault::Without(Feature::Range) => {
                let mut whole = request.clone();
                whole.headers.retain(|(name, _)| name != "range");
                self.forward(&whole, client, &Fault::Pass)
            }
            fault => match self.referrers.as_ref().and_then(|referrers| referrers.list(request)) {
                Some((head, body)) => client.answer(request, head, &body),
                None => self.forward(request, client, &fault),
            },
        }
    }
}

impl Proxy {
    fn forward(&self, request: &Request, client: &mut Client<'_>, fault: &Fault) -> io::Result<After> {
        let mut upstream = Upstream::connect(&self.upstream)?;
        let mut passed = request.clone();
        passed.headers.retain(|(name, _)| !matches!(&**name, "connection" | "keep-alive"));
        passed.headers.push(("connection".to_owned(), "close".to_owned()));
        if self.https {
            passed.headers.push(("x-forwarded-proto".to_owned(), "https".to_owned()));
        }
        passed.write(upstream.stream.get_mut())?;
        let mut after = if request.wants_close() { After::Close } else { After::Keep };
        let mut head = None;
        if request.waits_for_continue() {
            let first = Head::read(&mut upstream.stream)?;
            if first.status == 100 {
                client.writer().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            } else {
                head = Some(first);
                // What the client does with its body now is not said anywhere.
                after = After::Close;
            }
        }
        if head.is_none() {
            let limit = if let Fault::ResetRequest(limit) = fault { Some(*limit) } else { None };
            if !self.send_body(request, client, &mut upstream, limit)? {
                return Ok(After::Reset);
            }
        }
        let mut head = head.map_or_else(|| Head::read(&mut upstream.stream), Ok)?;
        while head.status < 200 {
            head = Head::read(&mut upstream.stream)?;
        }
        self.respond(request, client, head, upstream, fault).map(|end| if end == After::Keep { after } else { end })
    }

    /// Passes the request's body on. `false` when `limit` is reached.
    fn send_body(&self, request: &Request, client: &mut Client<'_>, to: &mut Upstream, limit: Option<u64>) -> io::Result<bool> {
        let framing = request.framing();
        let mut body = client.body(request);
        let mut left = limit.unwrap_or(u64::MAX);
        let mut buffer = vec![0; 64 << 10];
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = body.read(&mut buffer[..wanted])?;
            if read == 0 {
                to.write(|stream| framing.finish(stream));
                return Ok(true);
            }
            left -= read as u64;
            self.traffic.up.fetch_add(read as u64, Ordering::SeqCst);
            to.write(|stream| framing.write(stream, &buffer[..read]));
        }
        Ok(false)
    }

    fn respond(
        &self,
        request: &Request,
        client: &mut Client<'_>,
        mut head: Head,
        mut upstream: Upstream,
        fault: &Fault,
    ) -> io::Result<After> {
        head.remove("connection");
        if let Some(referrers) = &self.referrers {
            referrers.acknowledge(&mut head);
        }
        match fault {
            Fault::Header(name, Some(value)) => head.set(name, value),
            Fault::Header(name, None) => head.remove(name),
            _ => {}
        }
        let framing = head.framing(&request.method);
        let mut body = Body::new(&mut upstream.stream, framing.unwrap_or(Framing::Length(0)));
        if let Fault::Swallow = fault {
            io::copy(&mut body, &mut io::sink())?;
            return Ok(After::Close);
        }
        let out = match framing {
            Some(Framing::UntilClose) => Framing::Chunked,
            framing => framing.unwrap_or(Framing::Length(0)),
        };
        if out == Framing::Chunked {
            head.set("transfer-encoding", "chunked");
        }
        if let (Fault::Lie(error), Some(length)) = (fault, head.header("content-length")) {
            let length = length.parse::<u64>().map_err(io::Error::other)?;
            head.set("content-length", length.saturating_add_signed(*error));
        }
        head.write(client.writer())?;
        let (stop, end) = match fault {
            Fault::ResetResponse(at) => (*at, After::Reset),
            Fault::Truncate(at) => (*at, After::Close),
            Fault::Stall(at) => (*at, After::Keep),
            _ => (u64::MAX, After::Keep),
        };
        let mut buffer = vec![0; 64 << 10];
        let mut place = 0;
        while place < stop {
            let most = if let Fault::Drip(_) = fault { 1 } else { (stop - place).min(64 << 10) as usize };
            let read = body.read(&mut buffer[..most])?;
            if read == 0 {
                out.finish(client.writer())?;
                // The next answer must not be taken for the rest of this one.
                return Ok(if let Fault::Lie(_) = fault { After::Close } else { After::Keep });
            }
            let piece = &mut buffer[..read];
            if let Fault::Flip(at) = fault
                && let Some(byte) = at.checked_sub(place).and_then(|at| piece.get_mut(at as usize))
            {
                *byte ^= 1;
            }
            place += read as u64;
            self.traffic.down.fetch_add(read as u64, Ordering::SeqCst);
            out.write(client.writer(), piece)?;
            if let Fault::Drip(interval) = fault {
                client.writer().flush()?;
                if !client.wait(*interval) {
                    return Ok(After::Close);
                }
            }
        }
        client.writer().flush()?;
        Ok(if let Fault::Stall(_) = fault { client.silence() } else { end })
    }
}

// === impl Upstream ===

impl Upstream {
    fn connect(host: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        // Longer than a registry thinks, shorter than a test may hang.
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Upstream { stream: BufReader::with_capacity(64 << 10, stream), deaf: false })
    }

    /// A registry that has answered may listen no more: the answer counts, not this.
    fn write(&mut self, write: impl FnOnce(&mut TcpStream) -> io::Result<()>) {
        self.deaf = self.deaf || write(self.stream.get_mut()).is_err();
    }
}
