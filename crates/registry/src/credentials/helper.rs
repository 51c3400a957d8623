//! Helper programs, `docker-credential-NAME`, that keep credentials for docker: asked for one host, they print JSON.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use step::{Error, Kind, Result};

use super::Login;
use crate::Host;

/// More is no answer, and no error message either.
const LONGEST: u64 = 64 * 1024;

/// How often a process that has closed its output is looked at until it has ended, which it is about to.
const MOMENT: Duration = Duration::from_millis(2);

/// The user that stands for "the secret is an identity token".
const TOKEN_USER: &str = "<token>";

/// What a helper says.
pub(super) enum Answer {
    /// Who we are.
    Login(Login),
    /// It knows nothing of the host.
    Unknown,
    /// There is no such program.
    NoProgram,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    username: String,
    secret: String,
}

/// What a program wrote, and how it ended.
struct Output {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    status: ExitStatus,
}

/// Which of its outputs a text was read from.
enum Stream {
    Out,
    Err,
}

/// Asks `docker-credential-NAME` on `path` for `host`.
pub(super) fn get(name: &str, host: &Host, path: Option<&OsStr>, patience: Duration) -> Result<Answer> {
    // A name with a slash would be a program from anywhere.
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(Error::bad_input(format!("the credential helper's name {name:?} is malformed"))
            .hint("it is what follows docker-credential- in the program's name"));
    }
    let Some(program) = find(&format!("docker-credential-{name}"), path) else { return Ok(Answer::NoProgram) };
    // Docker keeps the login of Docker Hub under its old URL, others under its name.
    let servers: &[&str] = if host.is_docker_hub() { &["https://index.docker.io/v1/", host.name()] } else { &[host.name()] };
    for server in servers {
        if let Some(login) = ask(&program, server, patience)? {
            return Ok(Answer::Login(login));
        }
    }
    Ok(Answer::Unknown)
}

/// The program in the directories of `path`. Relative ones are passed over: nothing is run from where we happen to be.
fn find(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    let is_program = |file: &PathBuf| fs::metadata(file).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    std::env::split_paths(path?).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name)).find(is_program)
}

/// Asks for one server; `None` when the helper does not know it.
fn ask(program: &Path, server: &str, patience: Duration) -> Result<Option<Login>> {
    let name = program.file_name().unwrap_or_default().display();
    let output = run(program, server, patience)?;
    let said: Option<Said> = serde_json::from_slice(&output.stdout).ok();
    // First of all: a helper that fails may tell the secret on the way.
    let login = said.filter(|said| !said.secret.is_empty()).map(|said| match said.username.as_str() {
        TOKEN_USER => Login::identity(&said.secret),
        user => Login::basic(user, &said.secret),
    });
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        let malformed = || {
            Error::bad_input(format!("{name} answers for {server} with something else than JSON with Username and Secret"))
                .details(step::redact::text(stderr.trim()))
        };
        return login.map(Some).ok_or_else(malformed);
    }
    if stdout.contains("credentials not found") || stderr.contains("credentials not found") {
        return Ok(None);
    }
    // Helpers print their errors to standard output, where otherwise the secret is.
    let message = if stderr.trim().is_empty() && !stdout.contains('{') { &stdout } else { &stderr };
    Err(Error::new(Kind::Unauthorized, format!("{name} failed for {server} ({})", output.status))
        .details(step::redact::text(message.trim()))
        .hint(format!("see what `echo {server} | {name} get` says; the helper may need a login of its own")))
}

/// Runs the program's `get` with `server` on its standard input, to its end.
fn run(program: &Path, server: &str, patience: Duration) -> Result<Output> {
    let failed = |error| Error::io(format_args!("cannot run {}", program.display()), error);
    let deadline = Instant::now() + patience;
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let (sender, outputs) = channel();
    let output = converse(&mut child, server, sender).and_then(|()| finish(&mut child, &outputs, deadline));
    if !matches!(output, Ok(Some(_))) {
        // What it started is in its group, and may hold the pipes.
        let _gone_already = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait().map_err(failed)?;
    }
    output.map_err(failed)?.ok_or_else(|| {
        Error::new(Kind::TimedOut, format!("{} did not answer for {server} in {patience:?}", program.display()))
            .hint("does it wait for somebody to type something")
    })
}

/// Says the server's name, and starts to listen.
fn converse(child: &mut Child, server: &str, sender: Sender<(Stream, Vec<u8>)>) -> io::Result<()> {
    if let Some(mut stdin) = child.stdin.take() {
        // A helper need not read what it does not care about.
        let _unread = stdin.write_all(server.as_bytes());
    }
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let sender_of_errors = sender.clone();
    let thread = |work: Box<dyn FnOnce() + Send>| thread::Builder::new().name("credential helper".into()).spawn(work).map(drop);
    thread(Box::new(move || drop(sender.send((Stream::Out, read(stdout))))))?;
    thread(Box::new(move || drop(sender_of_errors.send((Stream::Err, read(stderr))))))
}

/// The start of what there is to read. The rest is read too, so that the writer can come to its end.
fn read(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _what_came = stream.by_ref().take(LONGEST).read_to_end(&mut bytes);
        let _rest = io::copy(&mut stream, &mut io::sink());
    }
    bytes
}

/// Waits until both outputs are closed and the process has ended; `None` when that is not before the deadline.
fn finish(child: &mut Child, outputs: &Receiver<(Stream, Vec<u8>)>, deadline: Instant) -> io::Result<Option<Output>> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        match outputs.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok((Stream::Out, bytes)) => stdout = bytes,
            Ok((Stream::Err, bytes)) => stderr = bytes,
            Err(_) => return Ok(None),
        }
    }
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(Output { stdout, stderr, status }));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(MOMENT);
    }
}
