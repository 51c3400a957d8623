//! HTTP/1.1 as far as registries and their clients speak it: heads, and bodies read piece by piece.

use std::io::{self, BufRead, Read, Write};

/// A request as it arrived, without its body.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which request it is, counted from 0.
    pub number: usize,
    /// `GET`, `PATCH`.
    pub method: String,
    /// Path with query.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

/// An answer's head.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// A body as it arrives.
pub(crate) struct Body<'a, R> {
    reader: &'a mut R,
    framing: Framing,
    /// What is left of the body, or of the chunk.
    left: u64,
    /// Whether a chunk was begun: its line break is to be read.
    begun: bool,
}

// === impl Request ===

impl Request {
    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The values that the query has for `name`, decoded.
    pub fn query(&self, name: &str) -> Vec<String> {
        form(self.target.split_once('?').map_or("", |(_, query)| query), name)
    }

    /// Whether it is for a blob's content: `GET /v2/a/b/blobs/sha256:…`.
    pub fn is_blob(&self) -> bool {
        self.method == "GET" && self.path().contains("/blobs/sha256:")
    }

    /// Whether it is for a manifest: `GET /v2/a/b/manifests/…`.
    pub fn is_manifest(&self) -> bool {
        self.method == "GET" && self.path().contains("/manifests/")
    }

    /// Whether it brings a blob's content: `PATCH`, or `PUT` of a session.
    pub fn is_upload(&self) -> bool {
        matches!(&*self.method, "PATCH" | "PUT") && self.path().contains("/blobs/uploads/")
    }

    pub(crate) fn framing(&self) -> Framing {
        framing(&self.headers).unwrap_or(Framing::Length(0))
    }

    pub(crate) fn waits_for_continue(&self) -> bool {
        self.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    }

    pub(crate) fn wants_close(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// `None` when the client has gone.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let first = line(reader)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let (method, target) = (method.to_owned(), target.to_owned());
        Ok(Some(Request { number: 0, method, target, headers: headers(reader)? }))
    }

    pub(crate) fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        writer.write_all((text + "\r\n").as_bytes())
    }
}

// === impl Head ===

impl Head {
    pub(crate) fn new(status: u16) -> Self {
        Head { status, headers: Vec::new() }
    }

    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        let first = line(reader)?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not an answer: {first:?}")))?;
        Ok(Head { status, headers: headers(reader)? })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// `None` where there is no body.
    pub(crate) fn framing(&self, method: &str) -> Option<Framing> {
        let none = method == "HEAD" || self.status < 200 || self.status == 204 || self.status == 304;
        (!none).then(|| framing(&self.headers).unwrap_or(Framing::UntilClose))
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    pub(crate) fn set(&mut self, name: &str, value: impl ToString) {
        self.remove(name);
        self.headers.push((name.to_ascii_lowercase(), value.to_string()));
    }

    pub(crate) fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        let mut text = format!("HTTP/1.1 {} X\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        writer.write_all((text + "\r\n").as_bytes())
    }
}

// === impl Framing ===

impl Framing {
    /// Writes a piece of a body, which must not be empty.
    pub(crate) fn write(self, writer: &mut impl Write, piece: &[u8]) -> io::Result<()> {
        if self == Framing::Chunked {
            write!(writer, "{:x}\r\n", piece.len())?;
            writer.write_all(piece)?;
            return writer.write_all(b"\r\n");
        }
        writer.write_all(piece)
    }

    /// Writes the end of a body.
    pub(crate) fn finish(self, writer: &mut impl Write) -> io::Result<()> {
        if self == Framing::Chunked {
            writer.write_all(b"0\r\n\r\n")?;
        }
        writer.flush()
    }
}

// === impl Body ===

impl<'a, R: BufRead> Body<'a, R> {
    pub(crate) fn new(reader: &'a mut R, framing: Framing) -> Self {
        let left = if let Framing::Length(length) = framing { length } else { 0 };
        Body { reader, framing, left, begun: false }
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        if self.begun {
            line(self.reader)?;
        }
        self.begun = true;
        let size = line(self.reader)?;
        let size = size.split(';').next().unwrap_or_default();
        self.left = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        if self.left == 0 {
            while !line(self.reader)?.is_empty() {}
            self.framing = Framing::Length(0);
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.framing == Framing::UntilClose {
            return self.reader.read(buffer);
        }
        if self.framing == Framing::Chunked && self.left == 0 {
            self.next_chunk()?;
        }
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            // A buffered reader would wait for bytes that nobody wants.
            return Ok(0);
        }
        let read = self.reader.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// The values of `name` in an `application/x-www-form-urlencoded` text.
pub(crate) fn form(text: &str, name: &str) -> Vec<String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(known, _)| decode(known) == name).map(|(_, value)| decode(value)).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).unwrap_or(b'?')
            }
            _ => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn framing(headers: &[(String, String)]) -> Option<Framing> {
    if header(headers, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return Some(Framing::Chunked);
    }
    header(headers, "content-length").and_then(|length| length.parse().ok()).map(Framing::Length)
}

fn headers(reader: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else { return Ok(headers) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
