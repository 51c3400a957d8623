//! How to reach the cluster and who we are: a kubeconfig, or the service account of the pod that we run in.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use secrecy::ExposeSecret;
use step::{Error, Kind, Result, redact};

use crate::secret;

/// Which cluster, and which namespace in it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A kubeconfig; without one `KUBECONFIG`, then `~/.kube/config`, then the service account of our pod.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig, instead of its current one.
    pub context: Option<String>,
    /// Instead of the context's, or the pod's, namespace.
    pub namespace: Option<String>,
}

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

pub(crate) async fn read(options: &Options) -> Result<Config> {
    let config = match kubeconfig(options)? {
        Some((name, kubeconfig)) => of_kubeconfig(&name, kubeconfig, options.context.clone()).await?,
        None => in_pod(options)?,
    };
    Ok(ours(config))
}

/// By a directory that is mounted from a Secret.
pub(crate) async fn read_secret(directory: &Path) -> Result<Config> {
    let path = directory.join("kubeconfig");
    let (name, kubeconfig) = if path.is_file() { read_file(&path)? } else { secret::kubeconfig(directory)? };
    of_kubeconfig(&name, kubeconfig, None).await.map(ours)
}

/// With what is the same for all.
fn ours(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECT);
    // One policy of retries is enough, and ours tells what happens.
    config.default_retry = false;
    register_secrets(&config);
    config
}

/// The kubeconfig that counts, and what messages call it.
fn kubeconfig(options: &Options) -> Result<Option<(String, Kubeconfig)>> {
    if let Some(path) = &options.kubeconfig {
        return read_file(path).map(Some);
    }
    if std::env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty()) {
        let read = Kubeconfig::from_env().map_err(|error| unreadable("the kubeconfig of KUBECONFIG", &error))?;
        return Ok(read.map(|kubeconfig| ("the kubeconfig of KUBECONFIG".to_owned(), kubeconfig)));
    }
    match std::env::home_dir().map(|home| home.join(".kube/config")) {
        Some(path) if path.is_file() => read_file(&path).map(Some),
        _ => Ok(None),
    }
}

fn read_file(path: &Path) -> Result<(String, Kubeconfig)> {
    let name = format!("the kubeconfig {}", path.display());
    // kube's own words for a file that is not there are three errors long.
    std::fs::metadata(path).map_err(|e| Error::io(format_args!("cannot read {name}"), e))?;
    Kubeconfig::read_from(path).map_err(|error| unreadable(&name, &error)).map(|kubeconfig| (name, kubeconfig))
}

fn unreadable(name: &str, error: &KubeconfigError) -> Error {
    let (kind, hint) = match error {
        KubeconfigError::ReadConfig(..) => (Kind::NotFound, "name another with --kubeconfig or KUBECONFIG"),
        _ => (Kind::BadInput, "`kubectl config view` shows what is in it"),
    };
    // Of YAML that cannot be read the lines would follow, and a token may be in one.
    let text = error.to_string();
    let text = text.split(['\n']).next().unwrap_or_default().split(" -->").next().unwrap_or_default();
    Error::new(kind, format!("cannot use {name}: {}", text.trim_end())).hint(hint)
}

async fn of_kubeconfig(name: &str, kubeconfig: Kubeconfig, context: Option<String>) -> Result<Config> {
    let contexts: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let wanted = context.clone().or_else(|| kubeconfig.current_context.clone()).filter(|wanted| !wanted.is_empty());
    let there = || format!("there is: {}", contexts.join(", "));
    let Some(wanted) = wanted else {
        let error = Error::not_found(format!("{name} has no current context"));
        return Err(if contexts.is_empty() { error } else { error.hint(format!("choose one with --context; {}", there())) });
    };
    if !contexts.contains(&wanted) {
        let error = Error::not_found(format!("{name} has no context {wanted:?}"));
        return Err(if contexts.is_empty() { error } else { error.hint(there()) });
    }
    let own_proxy = kubeconfig
        .contexts
        .iter()
        .find(|context| context.name == wanted)
        .and_then(|context| context.context.as_ref())
        .and_then(|context| kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster))
        .and_then(|cluster| cluster.cluster.as_ref()?.proxy_url.clone())
        .is_some_and(|proxy| !proxy.is_empty());
    let options = KubeConfigOptions { context: Some(wanted), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unreadable(name, &error))?;
    // NO_PROXY is about the server, and not about the proxy, which is what it is compared with there.
    let host = config.cluster_url.host().unwrap_or_default().trim_matches(['[', ']']);
    let no_proxy = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")).unwrap_or_default();
    if !own_proxy && bypasses(&no_proxy, host) {
        config.proxy_url = None;
    }
    Ok(config)
}

/// Whether a proxy is not to be used for `host`: what NO_PROXY lists, and this machine.
fn bypasses(no_proxy: &str, host: &str) -> bool {
    let address = host.parse::<IpAddr>().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let domain = entry.trim_start_matches("*.").trim_start_matches('.');
        let network = entry.split_once('/').and_then(|(net, bits)| Some((net.parse().ok()?, bits.parse().ok()?)));
        match (network, address) {
            (Some((IpAddr::V4(net), bits)), Some(IpAddr::V4(address))) => {
                prefix(net.to_bits(), bits) == prefix(address.to_bits(), bits)
            }
            _ => entry == "*" || host == domain || host.ends_with(&format!(".{domain}")),
        }
    })
}

fn prefix(address: u32, bits: u32) -> u32 {
    address.checked_shr(32u32.saturating_sub(bits)).unwrap_or(0)
}

fn in_pod(options: &Options) -> Result<Config> {
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
        let hint = "write ~/.kube/config (`oc login` does), or name a file with --kubeconfig or KUBECONFIG";
        return Err(Error::not_found("no cluster is configured: there is no kubeconfig, and this is no pod").hint(hint));
    }
    if let Some(context) = &options.context {
        return Err(Error::not_found(format!("there is no context {context:?}: in a pod without a kubeconfig there is none")));
    }
    Config::incluster().map_err(|error| {
        let hint = "its service account needs `automountServiceAccountToken`, or give a kubeconfig";
        Error::new(Kind::Unauthorized, format!("this pod has no access to its cluster: {}", innermost(&error))).hint(hint)
    })
}

fn register_secrets(config: &Config) {
    let auth = &config.auth_info;
    for secret in [&auth.token, &auth.password, &auth.client_key_data].into_iter().flatten() {
        redact::secret(secret.expose_secret());
    }
    if let Some(path) = &auth.token_file
        && let Ok(token) = std::fs::read_to_string(path)
    {
        redact::secret(token.trim());
    }
}

/// The cause of all causes: what is around it says only where it passed by.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string().trim().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_is_about_the_server() {
        for (no_proxy, host, bypassed) in [
            ("", "api.example", false),
            ("", "127.0.0.1", true),
            ("", "::1", true),
            ("example", "api.example", true),
            (".example", "api.example", true),
            ("*.example, x", "api.example", true),
            ("ample", "api.example", false),
            ("*", "api.example", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("10.1.2.3", "10.1.2.3", true),
        ] {
            assert_eq!(bypasses(no_proxy, host), bypassed, "{no_proxy:?} {host}");
        }
    }
}
