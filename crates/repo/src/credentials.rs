//! Credentials from a mounted Secret, and who may see them.

use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use step::files::read_regular;
use step::{Error, Result};

use crate::url::{HttpUrl, Origin, percent_decoded};

/// The user name that goes with a lone token: GitLab asks it of OAuth tokens and takes any for others; GitHub takes any.
const TOKEN_USER: &str = "oauth2";

/// More is not a credential.
const LONGEST: u64 = 64 * 1024;

/// What to tell a server that asks who we are. Never printed: `Debug` and errors leave the secret out.
#[derive(Clone)]
pub struct Credentials(Source);

#[derive(Clone)]
enum Source {
    /// For the host of the repository's URL, whichever it is.
    Basic(Basic),
    /// For the hosts named.
    ByOrigin(Vec<(Origin, Basic)>),
}

/// The value of an `Authorization` header.
#[derive(Clone)]
pub(crate) struct Basic(String);

// === impl Credentials ===

impl Credentials {
    /// Reads a directory mounted from a Secret: `username` and `password` (type `kubernetes.io/basic-auth`), or `token`
    /// with or without `username`, or `.git-credentials` (one `https://user:password@host` a line, percent-encoded).
    ///
    /// Final line breaks are cut off. Fails as bad input when none of these is there or one is malformed. What is read
    /// is registered with [`step::redact`].
    pub fn from_dir(dir: &Path) -> Result<Self> {
        let secret = match (read(dir, "password")?, read(dir, "token")?) {
            (Some(password), _) => {
                let user = read(dir, "username")?.ok_or_else(|| {
                    Error::bad_input(format!("{} has `password` but no `username`", dir.display()))
                        .hint("add the key `username` to the Secret, or call the key `token`")
                })?;
                Some((user, password))
            }
            (None, Some(token)) => Some((read(dir, "username")?.unwrap_or_else(|| TOKEN_USER.into()), token)),
            (None, None) => None,
        };
        if let Some((user, password)) = secret {
            if user.contains(':') {
                return Err(Error::bad_input(format!("{}: the user name holds `:`", dir.join("username").display())));
            }
            return Ok(Credentials(Source::Basic(Basic::new(&user, &password))));
        }
        if let Some(lines) = read(dir, ".git-credentials")? {
            return stored(&lines).map(|list| Credentials(Source::ByOrigin(list))).ok_or_else(|| {
                Error::bad_input(format!("{} is malformed", dir.join(".git-credentials").display()))
                    .hint("each line is https://user:password@host, user and password percent-encoded")
            });
        }
        Err(Error::bad_input(format!("no credentials in {}", dir.display()))
            .hint("give the Secret the keys `username` and `password`, or `token`, or `.git-credentials`"))
    }

    /// What to send to `url`, if anything.
    pub(crate) fn for_url(&self, url: &HttpUrl) -> Option<&Basic> {
        match &self.0 {
            Source::Basic(basic) => Some(basic),
            Source::ByOrigin(list) => {
                let origin = url.origin();
                list.iter().find(|(known, _)| *known == origin).map(|(_, basic)| basic)
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

// === impl Basic ===

impl Basic {
    fn new(user: &str, password: &str) -> Self {
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        step::redact::secret(password);
        step::redact::secret(&encoded);
        Basic(format!("Basic {encoded}"))
    }

    pub(crate) fn header(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The lines that git's `store` helper writes; `None` when one is not of that form.
fn stored(lines: &str) -> Option<Vec<(Origin, Basic)>> {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let list: Option<Vec<_>> = lines
        .map(|line| {
            let (scheme, rest) = line.split_once("://")?;
            let (user, host) = rest.rsplit_once('@')?;
            let (user, password) = user.split_once(':')?;
            let url: HttpUrl = format!("{scheme}://{host}").parse().ok()?;
            // A server may repeat it as it stands in a URL.
            step::redact::secret(password);
            let user = percent_decoded(user).filter(|user| !user.contains(':'))?;
            Some((url.origin(), Basic::new(&user, &percent_decoded(password)?)))
        })
        .collect();
    list.filter(|list| !list.is_empty())
}

/// A file's text without final line breaks; `None` when it is not there or empty.
fn read(dir: &Path, name: &str) -> Result<Option<String>> {
    let path = dir.join(name);
    let Some(bytes) = read_regular(&path, LONGEST)? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| Error::bad_input(format!("{} is not UTF-8", path.display())))?;
    let text = text.trim_end_matches(['\n', '\r']);
    if name != ".git-credentials" && text.chars().any(char::is_control) {
        return Err(Error::bad_input(format!("{} holds a line break or control character", path.display())));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let token = dir.path().join("token");
        let error =
            || format!("{:?}", Credentials::from_dir(dir.path()).unwrap_err()).replace(dir.path().to_str().unwrap(), "DIR");
        std::os::unix::fs::symlink("/dev/zero", &token).unwrap();
        assert_eq!(error(), "bad-input: DIR/token is not a regular file");
        fs::remove_file(&token).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&token).status().unwrap().success());
        assert_eq!(error(), "bad-input: DIR/token is not a regular file");
        fs::remove_file(&token).unwrap();
        fs::write(dir.path().join("large"), [b'x'; 64 * 1024 + 1]).unwrap();
        std::os::unix::fs::symlink("large", &token).unwrap();
        assert_eq!(error(), "bad-input: DIR/token is larger than 65536 bytes");
        fs::write(dir.path().join("large"), [b'x'; 64 * 1024]).unwrap();
        Credentials::from_dir(dir.path()).unwrap();
    }

    fn header(files: &[(&str, &str)], url: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        match Credentials::from_dir(dir.path()) {
            Ok(credentials) => {
                assert_eq!(format!("{credentials:?}"), "Credentials(***)");
                match credentials.for_url(&url.parse().unwrap()) {
                    Some(basic) => {
                        let encoded = basic.header().strip_prefix("Basic ").unwrap();
                        String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
                    }
                    None => "nothing".into(),
                }
            }
            Err(error) => format!("{error:?}").replace(dir.path().to_str().unwrap(), "DIR").replace('\n', "; "),
        }
    }

    #[test]
    fn secrets_of_every_shape() {
        let url = "https://git.example/a";
        let stored = "# from a vault\nhttps://other:x@other.example\n\nhttps://b%40t:p%3Aw@git.example:443/ignored\n";
        let cases: &[&[(&str, &str)]] = &[
            &[("username", "bot\n"), ("password", "pass:word\r\n")],
            &[("token", "glpat-1\n")],
            &[("token", "t"), ("username", "x-access-token")],
            &[(".git-credentials", stored)],
            &[(".git-credentials", "https://other:x@other.example")],
            &[(".git-credentials", "git.example")],
            &[(".git-credentials", "https://token@git.example")],
            &[("password", "p")],
            &[("username", "a:b"), ("password", "p")],
            &[("username", "bot"), ("password", "")],
            &[("token", "a\nb")],
            &[("ssh-privatekey", "x")],
            &[],
        ];
        let shown: Vec<String> = cases.iter().map(|files| header(files, url)).collect();
        insta::assert_snapshot!(shown.join("\n"), @"
        bot:pass:word
        oauth2:glpat-1
        x-access-token:t
        b@t:p:w
        nothing
        bad-input: DIR/.git-credentials is malformed; hint: each line is https://user:password@host, user and password percent-encoded
        bad-input: DIR/.git-credentials is malformed; hint: each line is https://user:password@host, user and password percent-encoded
        bad-input: DIR has `password` but no `username`; hint: add the key `username` to the Secret, or call the key `token`
        bad-input: DIR/username: the user name holds `:`
        bad-input: no credentials in DIR; hint: give the Secret the keys `username` and `password`, or `token`, or `.git-credentials`
        bad-input: DIR/token holds a line break or control character
        bad-input: no credentials in DIR; hint: give the Secret the keys `username` and `password`, or `token`, or `.git-credentials`
        bad-input: no credentials in DIR; hint: give the Secret the keys `username` and `password`, or `token`, or `.git-credentials`
        ");
    }
}
