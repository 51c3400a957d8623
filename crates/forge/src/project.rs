//! A project of a GitLab: the host it is on, and its path there.

use std::fmt;

use repo::GitUrl;
use step::{Error, Result};
use ureq::http::Uri;

/// A project of a GitLab, by its repository's URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Project {
    /// `https://git.example:8443`.
    origin: String,
    host: String,
    /// `group/subgroup/name`.
    path: String,
    is_https: bool,
}

// === impl Project ===

impl Project {
    /// The project whose repository is at `url`: `https://git.example/group/name.git`.
    ///
    /// A GitLab that is not at the root of its host cannot be told from a group, and is not supported. `http` is for this
    /// machine only: the token would be read by whoever listens.
    pub fn of(url: &GitUrl) -> Result<Self> {
        let refused = |why: &str| Error::bad_input(format!("{url} is no project of a GitLab: {why}"));
        if url.local_path().is_some() {
            return Err(refused("it is a path").hint("merge requests need the repository's https:// URL"));
        }
        let uri: Uri = url.to_string().parse().map_err(|e| refused("it is no URL").because(e))?;
        let is_https = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().to_owned();
        if !is_https && !is_loopback(&host) {
            return Err(
                Error::bad_input(format!("the token would go to {host} in clear text")).hint("use the repository's https:// URL")
            );
        }
        let path = uri.path().trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let is_plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if !path.contains('/') || !path.split('/').all(is_plain) {
            let error = refused("its path is not that of a group and a project in it");
            return Err(error.hint("write it as https://git.example/group/project.git"));
        }
        let scheme = if is_https { "https" } else { "http" };
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        Ok(Project { origin: format!("{scheme}://{authority}"), host, path: path.to_owned(), is_https })
    }

    /// `group/subgroup/name`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `https://git.example:8443`.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// Where the API has it; `rest` begins with a slash.
    pub(crate) fn api(&self, rest: &str) -> String {
        format!("{}/api/v4/projects/{}{rest}", self.origin, percent(&self.path))
    }
}

/// As people write it: `https://git.example/group/name`.
impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.origin, self.path)
    }
}

impl fmt::Debug for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether the host is this machine, where nobody else can listen.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// The text as one part of a URL's path, or as a value of its query.
pub(crate) fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_by_url() {
        let urls = [
            "https://git.example/iib/v4.19-catalog.git",
            "HTTPS://git.example:8443/a/b/c/",
            "http://127.0.0.1:8080/a/b",
            "http://[::1]:8080/a/b",
            "http://git.example/a/b",
            "https://git.example/a",
            "https://git.example/a//b",
            "https://git.example/a/../b",
            "https://git.example/a/b%2Fc",
            "https://git.example/.git",
            "file:///srv/a.git",
        ];
        let shown: Vec<String> = urls
            .iter()
            .map(|url| match Project::of(&url.parse().unwrap()) {
                Ok(project) => format!("{project:?} {}", project.api("/x")),
                Err(error) => format!("{error:?}").replace('\n', "; "),
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @"
        https://git.example/iib/v4.19-catalog https://git.example/api/v4/projects/iib%2Fv4.19-catalog/x
        https://git.example:8443/a/b/c https://git.example:8443/api/v4/projects/a%2Fb%2Fc/x
        http://127.0.0.1:8080/a/b http://127.0.0.1:8080/api/v4/projects/a%2Fb/x
        http://[::1]:8080/a/b http://[::1]:8080/api/v4/projects/a%2Fb/x
        bad-input: the token would go to git.example in clear text; hint: use the repository's https:// URL
        bad-input: https://git.example/a is no project of a GitLab: its path is not that of a group and a project in it; hint: write it as https://git.example/group/project.git
        bad-input: https://git.example/a//b is no project of a GitLab: its path is not that of a group and a project in it; hint: write it as https://git.example/group/project.git
        bad-input: https://git.example/a/../b is no project of a GitLab: its path is not that of a group and a project in it; hint: write it as https://git.example/group/project.git
        bad-input: https://git.example/a/b%2Fc is no project of a GitLab: its path is not that of a group and a project in it; hint: write it as https://git.example/group/project.git
        bad-input: https://git.example/.git is no project of a GitLab: its path is not that of a group and a project in it; hint: write it as https://git.example/group/project.git
        bad-input: /srv/a.git is no project of a GitLab: it is a path; hint: merge requests need the repository's https:// URL
        ");
    }
}
