//! Debian's `docker-registry` as a child process.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use tempfile::TempDir;
use ureq::Agent;

use crate::client;
use crate::config::RegistryBuilder;
use crate::process::Program;
use crate::tls;

/// A running registry on a port of 127.0.0.1, empty at first. Its storage goes with it when dropped.
///
/// When the test panics meanwhile, the end of its log is printed.
pub struct Registry {
    program: Program,
    host: String,
    url: String,
    builder: RegistryBuilder,
    agent: Agent,
    client: (String, String),
    /// Where we see what it stores.
    storage: PathBuf,
    dir: TempDir,
}

// === impl Registry ===

impl Registry {
    /// One that anybody may use, over http.
    pub fn start() -> Self {
        Registry::builder().start()
    }

    /// A registry to configure first.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    pub(crate) fn run(builder: RegistryBuilder) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage = dir.path().join("storage");
        fs::create_dir(&storage).unwrap();
        let (program, host) = serve(&builder, dir.path(), "127.0.0.1:0");
        let storage = match builder.disk {
            // Its mounts are its own: they are seen by way of it.
            Some(_) => PathBuf::from(format!("/proc/{}/root{}", program.id(), storage.display())),
            None => storage,
        };
        let client = if builder.client_certificate { tls::shared().client_pem("a test") } else { Default::default() };
        let agent = client::agent(builder.client_certificate.then_some((&client.0, &client.1)));
        let url = format!("{}://{host}", if builder.tls { "https" } else { "http" });
        Registry { program, host, url, builder, agent, client, storage, dir }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `http://127.0.0.1:PORT`, or https.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate of the authority that signed those of all servers of this crate (PEM).
    pub fn ca_pem(&self) -> String {
        tls::shared().ca_pem().to_owned()
    }

    /// A file with [`Registry::ca_pem`].
    pub fn ca_file(&self) -> PathBuf {
        let path = self.dir.path().join("ca.crt");
        fs::write(&path, self.ca_pem()).unwrap();
        path
    }

    /// Certificate and private key (PEM) that [`RegistryBuilder::client_certificate`] asks for.
    pub fn client_pem(&self) -> (&str, &str) {
        (&self.client.0, &self.client.1)
    }

    /// What it has said until now.
    pub fn log(&self) -> String {
        self.program.log()
    }

    /// Kills it, as a crash would: clients get no answer any more. Its storage stays.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Kills it if it runs, and starts it again at the same place with what it had. (A disk of its own is gone.)
    pub fn restart(&mut self) {
        assert!(self.builder.disk.is_none(), "a disk of its own goes with the registry");
        self.kill();
        self.program = serve(&self.builder, self.dir.path(), &self.host).0;
    }

    /// A client that knows the authority, asks no proxy, follows no redirect and takes every status for an answer.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    pub(crate) fn authorization(&self, repository: &str) -> Option<String> {
        self.builder.auth.header(repository)
    }

    /// The directory `docker/registry/v2` of its storage.
    pub(crate) fn storage(&self) -> PathBuf {
        self.storage.join("docker/registry/v2")
    }

    /// Its temporary directory.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<String> = log.lines().filter_map(brief).collect();
            eprintln!("the registry {} said:\n{}", self.host, lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.url).finish()
    }
}

/// Starts the program, and waits until it listens: gives where.
fn serve(builder: &RegistryBuilder, dir: &Path, address: &str) -> (Program, String) {
    builder.write(dir, address);
    let (sender, host) = channel();
    let program = Program::start(builder.command(dir), move |line| {
        // msg="listening on 127.0.0.1:40123, tls"
        let host = line.map(|line| Some(line.split_once("listening on ")?.1.split(['"', ',']).next()?.to_owned()));
        match host {
            Some(None) => {}
            Some(Some(host)) => drop(sender.send(Some(host))),
            None => drop(sender.send(None)),
        }
    });
    let host = host.recv_timeout(Duration::from_secs(20)).ok().flatten();
    let host = host.unwrap_or_else(|| panic!("the registry does not start:\n{}", program.log()));
    (program, host)
}

/// What of a line of the log helps: answers and complaints, without what is the same everywhere.
fn brief(line: &str) -> Option<String> {
    if line.contains("msg=\"authorized request\"") {
        return None;
    }
    let Some((_, text)) = line.split_once(" level=") else { return Some(line.to_owned()) };
    let field = |name: &str| text.split_once(name)?.1.split([' ', '?']).next().map(|value| value.trim_matches('"'));
    let Some(method) = field("http.request.method=") else { return Some(text.to_owned()) };
    let said = text.split(" go.version=").next().unwrap_or_default();
    let (uri, status) = (field("http.request.uri=").unwrap_or("?"), field("http.response.status=").unwrap_or("-"));
    Some(format!("{status} {method} {uri} {said}"))
}
