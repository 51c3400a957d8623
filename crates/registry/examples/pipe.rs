//! `pipe FROM TO REPOSITORY JOBS DIGEST...`: blobs from one registry on loopback to another, a bare GET into a PUT, with
//! neither retry nor check. The floor that the benchmark holds copies against.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measuring tool")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, repository, jobs, digests @ ..] = &args[..] else { panic!("usage: pipe FROM TO REPOSITORY JOBS DIGEST...") };
    let queue = Mutex::new(digests.iter());
    std::thread::scope(|scope| {
        for _ in 0..jobs.parse().unwrap() {
            scope.spawn(|| {
                loop {
                    let Some(digest) = queue.lock().unwrap().next() else { return };
                    pipe(from, to, repository, digest);
                }
            });
        }
    });
}

fn pipe(from: &str, to: &str, repository: &str, digest: &str) {
    let (_, upload) = ask(to, &format!("POST /v2/{repository}/blobs/uploads/"), "Content-Length: 0\r\n");
    let location = header(&upload, "location").unwrap();
    let location = location.trim_start_matches(&format!("http://{to}"));
    let (mut body, head) = ask(from, &format!("GET /v2/{repository}/blobs/{digest}"), "");
    let length: u64 = header(&head, "content-length").unwrap().parse().unwrap();
    let mut put = TcpStream::connect(to).unwrap();
    write!(put, "PUT {location}&digest={digest} HTTP/1.1\r\nHost: {to}\r\nContent-Length: {length}\r\n\r\n").unwrap();
    let mut buffer = vec![0; 128 << 10];
    let mut left = length;
    while left > 0 {
        let read = body.read(&mut buffer).unwrap();
        put.write_all(&buffer[..read]).unwrap();
        left -= read as u64;
    }
    let status = BufReader::new(put).lines().next().unwrap().unwrap();
    assert!(status.contains(" 201 "), "{status}");
}

/// Sends a request, and gives what follows the head of the answer, and the head.
fn ask(host: &str, request: &str, headers: &str) -> (BufReader<TcpStream>, Vec<String>) {
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").unwrap();
    let mut reader = BufReader::with_capacity(128 << 10, stream);
    let head: io::Result<Vec<String>> = reader.by_ref().lines().take_while(|line| !matches!(line.as_deref(), Ok(""))).collect();
    (reader, head.unwrap())
}

fn header(head: &[String], name: &str) -> Option<String> {
    let lines = head.iter().filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
}
