//! Another cluster, by what a mounted Secret says of it: `url`, `token` and `ca.crt`, or a whole `kubeconfig`.
//!
//! The token is read when a connection is made: whoever is refused with it connects anew, and gets the one that is mounted by then.

use std::net::IpAddr;
use std::path::Path;

use http::Uri;
use kube::config::{AuthInfo, Context, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};
use step::files::read_regular;
use step::{Error, Result};

/// More is neither a URL, a token nor a bundle.
const LONGEST: u64 = 1 << 20;

/// What `url`, `token` and `ca.crt` in a directory say, as a kubeconfig, and what messages call it.
pub(crate) fn kubeconfig(dir: &Path) -> Result<(String, Kubeconfig)> {
    let name = format!("the Secret in {}", dir.display());
    let required = |key: &str| {
        text(dir, key)?.ok_or_else(|| {
            Error::bad_input(format!("{name} has no `{key}`"))
                .hint("give it the keys `url`, `token` and `ca.crt`, or `kubeconfig`")
        })
    };
    let server = required("url")?;
    check_url(&server, &name)?;
    let token = required("token")?;
    step::redact::secret(&token);
    let authority = text(dir, "ca.crt")?;
    if authority.as_ref().is_some_and(|text| !text.contains("-----BEGIN CERTIFICATE-----")) {
        return Err(Error::bad_input(format!("{name}: `ca.crt` holds no certificate")).hint("it should be PEM"));
    }
    let cluster = kube::config::Cluster {
        server: Some(server),
        certificate_authority: authority.map(|_| dir.join("ca.crt").display().to_string()),
        ..kube::config::Cluster::default()
    };
    let user = AuthInfo { token: Some(token.into()), ..AuthInfo::default() };
    let context =
        Context { cluster: name.clone(), user: Some(name.clone()), namespace: text(dir, "namespace")?, ..Context::default() };
    let kubeconfig = Kubeconfig {
        clusters: vec![NamedCluster { name: name.clone(), cluster: Some(cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo { name: name.clone(), auth_info: Some(user), ..NamedAuthInfo::default() }],
        contexts: vec![NamedContext { name: name.clone(), context: Some(context), ..NamedContext::default() }],
        current_context: Some(name.clone()),
        ..Kubeconfig::default()
    };
    Ok((name, kubeconfig))
}

/// The token would be read by whoever listens.
fn check_url(url: &str, name: &str) -> Result<()> {
    let refused = |why: &str| Err(Error::bad_input(format!("{name}: `url` {why}")).hint("write it as https://api.example:6443"));
    let Ok(uri) = url.parse::<Uri>() else { return refused("is no URL") };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return refused("holds a user or password");
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(()),
        Some("http") if is_loopback => Ok(()),
        _ => refused("is no https URL"),
    }
}

/// A file's text without white space around it; `None` when it is not there or empty.
fn text(dir: &Path, key: &str) -> Result<Option<String>> {
    let path = dir.join(key);
    let Some(bytes) = read_regular(&path, LONGEST)? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| Error::bad_input(format!("{} is not UTF-8", path.display())))?;
    let text = text.trim();
    if key != "ca.crt" && text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Error::bad_input(format!("{} holds white space or a control character", path.display())));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}
