//! What a registry is to be like, and the configuration file that makes it so.

use std::fs;
use std::path::Path;

use base64::Engine;
use serde_json::{Value, json};

use crate::client::Auth;
use crate::process;
use crate::registry::Registry;
use crate::tls;
use crate::token::TokenServer;

/// A registry that does not run yet.
#[derive(Debug, Default)]
#[must_use]
pub struct RegistryBuilder {
    pub(crate) tls: bool,
    pub(crate) client_certificate: bool,
    pub(crate) auth: Auth,
    token: Value,
    delete: bool,
    relative: bool,
    pub(crate) disk: Option<u64>,
}

// === impl RegistryBuilder ===

impl RegistryBuilder {
    /// Speaks https, with a certificate of [`Registry::ca_pem`]'s authority for 127.0.0.1 and localhost.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Speaks https, and only with clients that show a certificate as [`Registry::client_pem`] makes them.
    pub fn client_certificate(mut self) -> Self {
        self.client_certificate = true;
        self.tls()
    }

    /// Asks for this user and password (basic authentication).
    pub fn htpasswd(mut self, user: &str, password: &str) -> Self {
        self.auth = Auth::Basic { user: user.to_owned(), password: password.to_owned() };
        self
    }

    /// Asks for a token of `server`.
    pub fn token(mut self, server: &TokenServer) -> Self {
        self.token = json!({"realm": server.realm(), "service": server.service(), "issuer": server.issuer()});
        self.auth = Auth::Token(server.signer());
        self
    }

    /// Allows to delete manifests and blobs.
    pub fn delete_enabled(mut self) -> Self {
        self.delete = true;
        self
    }

    /// Says where uploads go on without scheme and host: `Location: /v2/…`.
    pub fn relative_urls(mut self) -> Self {
        self.relative = true;
        self
    }

    /// Has a disk of its own of so many bytes (rounded up to 4 KiB), which can be full: a tmpfs that only the registry
    /// sees and that goes with it. Needs root, or a kernel where users may make user namespaces.
    pub fn disk(mut self, bytes: u64) -> Self {
        self.disk = Some(bytes);
        self
    }

    /// Starts it.
    pub fn start(self) -> Registry {
        Registry::run(self)
    }

    /// Writes what `docker-registry serve` reads into `dir`: `config.yml`, and what it names. With port 0 the kernel chooses,
    /// and the log tells: no two tests get the same.
    pub(crate) fn write(&self, dir: &Path, address: &str) {
        let file = |name: &str, content: &str| {
            fs::write(dir.join(name), content).unwrap();
            dir.join(name)
        };
        let mut http = json!({"addr": address, "secret": "of no registry but this", "relativeurls": self.relative});
        if self.tls {
            let tls = tls::shared();
            let (certificate, key) = tls.server_pem();
            http["tls"] = json!({"certificate": file("server.pem", certificate), "key": file("server.key", key)});
            if self.client_certificate {
                http["tls"]["clientcas"] = json!([file("ca.pem", tls.ca_pem())]);
            }
        }
        let mut config = json!({
            "version": "0.1",
            "log": {"level": "info", "accesslog": {"disabled": true}},
            "storage": {
                "filesystem": {"rootdirectory": dir.join("storage")},
                "delete": {"enabled": self.delete},
                "maintenance": {"uploadpurging": {"enabled": false}},
            },
            // What clients fetch elsewhere may be anywhere.
            "validation": {"manifests": {"urls": {"allow": ["^https?://"]}}},
            "http": http,
        });
        match &self.auth {
            Auth::None => {}
            Auth::Basic { user, password } => {
                let path = file("htpasswd", &format!("{user}:{}\n", bcrypt(password)));
                config["auth"] = json!({"htpasswd": {"realm": "a test's registry", "path": path}});
            }
            Auth::Token(signer) => {
                config["auth"] = json!({"token": self.token});
                config["auth"]["token"]["rootcertbundle"] = json!(file("issuer.pem", signer.ca_pem()));
            }
        }
        // JSON is YAML.
        file("config.yml", &config.to_string());
    }

    /// The command that serves what [`RegistryBuilder::write`] wrote.
    pub(crate) fn command(&self, dir: &Path) -> std::process::Command {
        let Some(bytes) = self.disk else {
            let mut command = process::command("docker-registry");
            command.arg("serve").arg(dir.join("config.yml"));
            return command;
        };
        // Each replaces the one before, so that the registry is the child that was started. The kernel forgets whose death
        // is to be its end when a namespace is entered: that comes last.
        let script = r#"mount -t tmpfs -o size="$1" none "$2" && exec setpriv --pdeathsig KILL docker-registry serve "$3""#;
        let mut command = std::process::Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-c", script, "sh", &bytes.to_string()]);
        command.arg(dir.join("storage")).arg(dir.join("config.yml"));
        command
    }
}

/// A line's hash as `htpasswd -B` writes it, at the lowest cost that there is.
fn bcrypt(password: &str) -> String {
    let salt = *b"of no value here";
    let hash = bcrypt::bcrypt(4, salt, &[password.as_bytes(), b"\0"].concat());
    format!("$2y$04${}{}", bcrypt::BASE_64.encode(salt), bcrypt::BASE_64.encode(&hash[..23]))
}
