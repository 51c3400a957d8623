//! The files of docker and podman that hold credentials: `config.json`, `auth.json`, and `.dockercfg` before them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use step::files::read_regular;
use step::{Error, Result};

use super::Login;
use super::helper::Answer;
use crate::{Host, RepositoryName};

/// The largest file: the credentials of a cluster with thousands of repositories fit.
const LARGEST: u64 = 4 << 20;

/// Base64 as people and programs write it: with the final `=` and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file, read. Entries are decoded when they are asked for: another one's fault is not ours.
#[derive(Clone)]
pub(super) struct AuthFile {
    path: PathBuf,
    /// By the key's canonical form; with the key as it is written.
    entries: BTreeMap<String, (String, Entry)>,
    /// By the canonical form of the host.
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

/// The file's content, as far as it concerns us.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Content {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

// === impl AuthFile ===

impl AuthFile {
    /// Reads the file; `None` when it is not there.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let Some(bytes) = read_regular(path, LARGEST)? else { return Ok(None) };
        let content = if path.file_name().is_some_and(|name| name == ".dockercfg") {
            serde_json::from_slice(&bytes).map(|auths| Content { auths, ..Content::default() })
        } else {
            serde_json::from_slice(&bytes)
        };
        let content: Content = content.map_err(|error| {
            // What the parser says quotes the file.
            let place = format!("line {}, column {}", error.line(), error.column());
            let what = if error.is_data() { "is not a file of docker credentials" } else { "is not JSON" };
            Error::bad_input(format!("{} {what} ({place})", path.display()))
                .hint(r#"it should be {"auths": {"HOST": {"auth": "…"}}}; write it with `podman login --authfile`"#)
        })?;
        let mut entries = BTreeMap::new();
        for (key, entry) in content.auths.unwrap_or_default() {
            let canonical = canonical_key(&key);
            // A key that is written as we look for it is meant more than one that only means the same.
            if canonical == key || !entries.contains_key(&canonical) {
                entries.insert(canonical, (key, entry.unwrap_or_default()));
            }
        }
        let helpers = content.cred_helpers.unwrap_or_default();
        Ok(Some(AuthFile {
            path: path.to_owned(),
            entries,
            helpers: helpers.into_iter().map(|(host, name)| (canonical_key(&host), name)).collect(),
            store: content.creds_store.filter(|name| !name.is_empty()),
        }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says of the repository. `ask` asks the helper with the given name for the host.
    pub(super) fn login(
        &self,
        host: &Host,
        repository: &RepositoryName,
        ask: impl Fn(&str) -> Result<Answer>,
    ) -> Result<Option<Login>> {
        let host = canonical_key(host.name());
        let mut path = repository.as_str();
        while !path.is_empty() {
            if let Some(login) = self.entry(&format!("{host}/{path}"))? {
                return Ok(Some(login));
            }
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        if let Some(name) = self.helpers.get(&host)
            && let Some(login) = self.asked(name, true, &ask)?
        {
            return Ok(Some(login));
        }
        if let Some(login) = self.entry(&host)? {
            return Ok(Some(login));
        }
        match &self.store {
            // Where docker keeps a login in the store it leaves an empty entry.
            Some(name) => self.asked(name, self.entries.contains_key(&host), &ask),
            None => Ok(None),
        }
    }

    /// What the helper answers. A container has no helpers: a file that names one may still do for public images.
    fn asked(&self, name: &str, is_expected: bool, ask: impl Fn(&str) -> Result<Answer>) -> Result<Option<Login>> {
        match ask(name).map_err(|error| error.context(self.path.display()))? {
            Answer::Login(login) => return Ok(Some(login)),
            Answer::Unknown => {}
            Answer::NoProgram if is_expected => {
                tracing::warn!("{} names docker-credential-{name}, which is not on $PATH", self.path.display());
            }
            Answer::NoProgram => tracing::debug!("docker-credential-{name} is not on $PATH"),
        }
        Ok(None)
    }

    fn entry(&self, key: &str) -> Result<Option<Login>> {
        let Some((written, entry)) = self.entries.get(key) else { return Ok(None) };
        entry.login().map_err(|fault| {
            let written = step::redact::text(written);
            Error::bad_input(format!("{}: the entry {written:?} {fault}", self.path.display()))
        })
    }
}

// === impl Entry ===

impl Entry {
    /// Who it says we are; `None` when it says nothing. The error is what is wrong with it.
    fn login(&self) -> Result<Option<Login>, &'static str> {
        let given = |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        // A token becomes a header.
        let is_token = |token: &str| token.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(token) = given(&self.registrytoken) {
            return if is_token(&token) { Ok(Some(Login::bearer(&token))) } else { Err("has a malformed `registrytoken`") };
        }
        if let Some(token) = given(&self.identitytoken) {
            return if is_token(&token) { Ok(Some(Login::identity(&token))) } else { Err("has a malformed `identitytoken`") };
        }
        if let Some(auth) = given(&self.auth) {
            let decoded = BASE64.decode(auth).map_err(|_| "has an `auth` that is not base64")?;
            let decoded = String::from_utf8(decoded).map_err(|_| "has an `auth` that is not UTF-8 in base64")?;
            let (user, password) = decoded.split_once(':').ok_or("has an `auth` that is not user:password in base64")?;
            // Old versions of docker filled it up.
            return login(user, password.trim_end_matches('\0'));
        }
        match (given(&self.username), &self.password) {
            (None, None) => Ok(None),
            (Some(user), Some(password)) if user.contains(':') && !password.is_empty() => Err("has a `username` with a colon"),
            (Some(user), Some(password)) => login(&user, password),
            (Some(_), None) => Err("has a `username` and no `password`"),
            (None, Some(password)) if password.is_empty() => Ok(None),
            (None, Some(_)) => Err("has a `password` and no `username`"),
        }
    }
}

fn login(user: &str, password: &str) -> Result<Option<Login>, &'static str> {
    if user.chars().chain(password.chars()).any(char::is_control) {
        return Err("holds a line break or control character in user or password; encode it with `printf`, not `echo`");
    }
    Ok((!user.is_empty() || !password.is_empty()).then(|| Login::basic(user, password)))
}

/// The form in which keys are compared: `host` or `host/path`, in lower case, Docker Hub under one name.
///
/// Docker wrote URLs with the version of the API for a path (`https://index.docker.io/v1/`): these are for the host.
fn canonical_key(key: &str) -> String {
    let key = key.to_ascii_lowercase();
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let is_url = bare.is_some();
    let bare = bare.unwrap_or(&key).trim_end_matches('/');
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let is_hub = matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io");
    let host = if is_hub { "docker.io" } else { host };
    let is_version = (is_url || is_hub) && matches!(path.split('/').next(), Some("v1" | "v2"));
    if path.is_empty() || is_version { host.to_owned() } else { format!("{host}/{path}") }
}
