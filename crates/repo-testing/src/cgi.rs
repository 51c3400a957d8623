//! `git http-backend`, as a web server runs it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use crate::Request;
use crate::forge::{clean, git};

/// What the program answers.
pub(crate) struct Output {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn run(root: &Path, request: &Request) -> Output {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    // Directly, not by way of `git`: one process less a request.
    static PROGRAM: LazyLock<PathBuf> =
        LazyLock::new(|| Path::new(&git(Path::new("/"), &["--exec-path"])).join("git-http-backend"));
    let mut command = Command::new(&*PROGRAM);
    clean(&mut command)
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", request.header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(version) = request.header("git-protocol") {
        command.env("GIT_PROTOCOL", version);
    }
    let mut child = command.spawn().expect("these tests need git-http-backend, which comes with git");
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // The program may refuse before it has read everything.
            let _ = stdin.write_all(&request.body);
        });
        child.wait_with_output().unwrap()
    });
    parse(&output.stdout)
}

fn parse(stdout: &[u8]) -> Output {
    let mut output = Output { status: 200, headers: Vec::new(), body: Vec::new() };
    let mut rest = stdout;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(&rest[..end]).trim_end().to_owned();
        rest = &rest[end + 1..];
        match line.split_once(':') {
            Some(("Status", status)) => output.status = status.trim().split(' ').next().unwrap().parse().unwrap(),
            Some((name, value)) => output.headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    output.body = rest.to_vec();
    output
}
