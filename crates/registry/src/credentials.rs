//! Credentials: which files hold them, and who we are to which repository.

mod file;
mod helper;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use step::{Error, Kind, Result};

use self::file::AuthFile;
use crate::{Host, RepositoryName};

/// What a mounted Secret's directory may hold, the first of them: its keys for the types `kubernetes.io/dockerconfigjson`
/// and `kubernetes.io/dockercfg`, and what docker and podman call their files.
const IN_A_DIRECTORY: [&str; 4] = [".dockerconfigjson", "config.json", ".dockercfg", "auth.json"];

/// How long a helper program may take: it may ask a cloud for a token.
const PATIENCE: Duration = Duration::from_secs(30);

/// The files that hold credentials for registries, in the order in which they are asked.
///
/// The files are read once. A file that has no entry for a repository leaves the answer to the next, as podman and
/// skopeo have it.
#[derive(Clone)]
pub struct Credentials {
    files: Vec<AuthFile>,
    path: Option<OsString>,
    patience: Duration,
}

/// Who we are to a registry. `Debug` leaves the secret out, and every secret is registered with [`step::redact`].
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A user and its password, or what stands for one.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// An identity token: a refresh token, to exchange for an access token at the registry's token server.
    Identity(String),
    /// An access token, to send as it is.
    Bearer(String),
}

/// The part of the environment that says where credentials are. An empty variable counts as unset.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `$REGISTRY_AUTH_FILE`: a file, as podman and skopeo have it.
    pub registry_auth_file: Option<PathBuf>,
    /// `$DOCKER_CONFIG`: the directory of docker's `config.json`, in the place of `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`: the directory in which podman and skopeo keep `containers/auth.json`.
    pub runtime_dir: Option<PathBuf>,
    /// `$HOME`.
    pub home: Option<PathBuf>,
    /// `$PATH`, where the helper programs are.
    pub path: Option<OsString>,
}

// === impl Environment ===

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        let text = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let path = |name| text(name).map(PathBuf::from);
        Environment {
            registry_auth_file: path("REGISTRY_AUTH_FILE"),
            docker_config: path("DOCKER_CONFIG"),
            runtime_dir: path("XDG_RUNTIME_DIR"),
            home: path("HOME"),
            path: text("PATH"),
        }
    }
}

// === impl Credentials ===

impl Credentials {
    /// Nobody's: every registry is asked without a name.
    pub fn none() -> Self {
        Credentials { files: Vec::new(), path: None, patience: PATIENCE }
    }

    /// Reads the files that there are, in this order: `given`; `$REGISTRY_AUTH_FILE`; `$DOCKER_CONFIG/config.json`;
    /// `$XDG_RUNTIME_DIR/containers/auth.json`; `~/.docker/config.json` unless `$DOCKER_CONFIG` is set.
    ///
    /// `given` is a file, or a directory with `.dockerconfigjson`, `config.json`, `.dockercfg` or `auth.json` in it: a
    /// mounted Secret.
    ///
    /// Fails as not found when there is nothing at `given`, and as bad input when a file is malformed. A file that nobody
    /// named (the last two) and that this user may not read is passed over with a warning: a pod often has somebody
    /// else's home.
    pub fn find(given: Option<&Path>, environment: &Environment) -> Result<Self> {
        let mut files = Vec::new();
        if let Some(given) = given {
            files.push(AuthFile::given(given)?);
        }
        let docker_config = environment.docker_config.as_ref().map(|dir| dir.join("config.json"));
        let runtime = environment.runtime_dir.as_ref().map(|dir| dir.join("containers/auth.json"));
        let home = environment.home.as_ref().filter(|_| docker_config.is_none()).map(|dir| dir.join(".docker/config.json"));
        for path in [environment.registry_auth_file.clone(), docker_config].into_iter().flatten() {
            files.extend(AuthFile::read(&path)?);
        }
        for path in [runtime, home].into_iter().flatten() {
            files.extend(unless_forbidden(AuthFile::read(&path))?);
        }
        for file in &files {
            tracing::debug!(file = %file.path().display(), "credentials may come from here");
        }
        Ok(Credentials { files, path: environment.path.clone(), patience: PATIENCE })
    }

    /// Who we are to `repository` of `host`; `None` when no file says it.
    ///
    /// Within a file the most specific key wins: `host/org/app`, then `host/org`, then `host`; a host's helper
    /// (`credHelpers`) comes before its entry in `auths`, and the file's `credsStore` after. Helpers are asked anew each
    /// time, since what they answer expires: ask once for a repository, and again when it was refused.
    ///
    /// Fails as bad input when the entry is malformed, as not authorised when a helper fails, as timed out when it does
    /// not answer in 30 seconds.
    pub fn for_repository(&self, host: &Host, repository: &RepositoryName) -> Result<Option<Login>> {
        for file in &self.files {
            let asking = |name: &str| helper::get(name, host, self.path.as_deref(), self.patience);
            if let Some(login) = file.login(host, repository, asking)? {
                tracing::debug!(%host, %repository, file = %file.path().display(), "found credentials");
                return Ok(Some(login));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.files.iter().map(AuthFile::path)).finish()
    }
}

// === impl AuthFile ===

impl AuthFile {
    /// The file that somebody named, or the one in the directory.
    fn given(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(|e| Error::io(format_args!("cannot read {}", path.display()), e))?;
        if !metadata.is_dir() {
            return AuthFile::read(path)?.ok_or_else(|| Error::not_found(format!("there is no {}", path.display())));
        }
        for name in IN_A_DIRECTORY {
            if let Some(file) = AuthFile::read(&path.join(name))? {
                return Ok(file);
            }
        }
        Err(Error::not_found(format!("there are no credentials for registries in {}", path.display()))
            .hint("bind a Secret of type kubernetes.io/dockerconfigjson, or a directory with config.json"))
    }
}

// === impl Login ===

impl Login {
    fn basic(user: &str, password: &str) -> Self {
        step::redact::secret(password);
        step::redact::secret(&STANDARD.encode(format!("{user}:{password}")));
        Login::Basic { user: user.to_owned(), password: password.to_owned() }
    }

    fn identity(token: &str) -> Self {
        step::redact::secret(token);
        Login::Identity(token.to_owned())
    }

    fn bearer(token: &str) -> Self {
        step::redact::secret(token);
        Login::Bearer(token.to_owned())
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Login::Basic { user, .. } => write!(f, "Basic({user}:***)"),
            Login::Identity(_) => f.write_str("Identity(***)"),
            Login::Bearer(_) => f.write_str("Bearer(***)"),
        }
    }
}

/// The file, unless this user may not read it.
fn unless_forbidden(read: Result<Option<AuthFile>>) -> Result<Option<AuthFile>> {
    match read {
        Err(error) if error.kind() == Kind::Unauthorized => {
            tracing::warn!(%error, "going on without this file");
            Ok(None)
        }
        read => read,
    }
}
