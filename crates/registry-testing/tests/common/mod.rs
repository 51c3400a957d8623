//! A client that shows what a connection really carries: what it got, and how it ended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Everything that came until the end of the connection.
#[derive(Debug)]
pub struct Raw {
    pub head: String,
    pub body: Vec<u8>,
    pub end: End,
}

#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    Reset,
    Silent,
}

impl Raw {
    /// 0 where there is no answer.
    pub fn status(&self) -> u16 {
        self.head.strip_prefix("HTTP/1.1 ").map_or(0, |rest| rest[..3].parse().unwrap())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Longer than any answer takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Sends one request on a connection of its own, and reads until it ends.
pub fn send(host: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Raw {
    send_for(PATIENCE, host, method, target, headers, body)
}

/// As [`send`], for an answer that is expected to stop coming: gives up when there is silence for so long.
pub fn send_for(patience: Duration, host: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Raw {
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    // Whoever resets the connection in the middle is found out by reading.
    let _ = stream.write_all(&[(text + "\r\n").as_bytes(), body].concat());
    read(&mut stream)
}

pub fn get(host: &str, target: &str) -> Raw {
    send(host, "GET", target, &[], b"")
}

/// Reads until the connection ends or nothing comes any more.
pub fn read(stream: &mut TcpStream) -> Raw {
    let mut got = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let end = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break End::Closed,
            Ok(read) => got.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break End::Silent,
            Err(error) => panic!("{error}"),
        }
    };
    let split = got.windows(4).position(|four| four == b"\r\n\r\n").map_or(got.len(), |at| at + 4);
    let body = got.split_off(split);
    Raw { head: String::from_utf8(got).unwrap(), body, end }
}

/// Reads one head, and gives its status; 0 when the connection ends instead.
pub fn read_status(stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    Raw { head: String::from_utf8(head).unwrap(), body: Vec::new(), end: End::Silent }.status()
}
