//! Which cluster, who we are, and what is said when it cannot be reached.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;

use cluster::{Cluster, Options, Resource};
use cluster_testing::kubeconfig;
use repo_testing::{Answer, Server};
use step::retry::Policy;
use step::{Cancel, Result};

fn connect(file: &Path, text: &str, context: Option<&str>) -> Result<Cluster> {
    std::fs::write(file, text).unwrap();
    let options = Options { kubeconfig: Some(file.to_owned()), context: context.map(str::to_owned), namespace: None };
    let policy = Policy { attempts: 2, first_pause: std::time::Duration::from_millis(1), ..Policy::default() };
    Ok(Cluster::connect(&options, Cancel::new())?.with_policy(policy))
}

fn told(error: &step::Error) -> String {
    format!("{error:?}")
}

#[test]
fn a_kubeconfig_that_cannot_be_used_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    let good = kubeconfig("http://127.0.0.1:1", "");
    let mut shown = Vec::new();
    for (text, context) in [
        (good.as_str(), Some("prod")),
        (&good.replace("current-context: test", ""), None),
        ("contexts: [", None),
        ("", None),
        (&good.replace("cluster: test,", "cluster: other,"), None),
        (&good.replace("server: ", "# "), None),
        (&good.replace("server: http:", "server: :/"), None),
        (&good.replace("    \nusers", "    certificate-authority: /nowhere/ca.crt\nusers"), None),
        (&good.replace("namespace: demo", "namespace: ../x"), None),
    ] {
        shown.push(match connect(&file, text, context) {
            Ok(cluster) => format!("{cluster:?}"),
            Err(error) => told(&error),
        });
    }
    std::fs::remove_file(&file).unwrap();
    let options = Options { kubeconfig: Some(file.clone()), ..Options::default() };
    shown.push(told(&Cluster::connect(&options, Cancel::new()).unwrap_err()));
    let place = directory.path().display().to_string();
    insta::assert_snapshot!(shown.join("\n").replace(&place, "DIR"), @r#"
    not-found: the kubeconfig DIR/config has no context "prod"
    hint: there is: test
    not-found: the kubeconfig DIR/config has no current context
    hint: choose one with --context; there is: test
    bad-input: cannot use the kubeconfig DIR/config: failed to parse kubeconfig YAML: error: line 1 column 11: unclosed bracket '['
    hint: `kubectl config view` shows what is in it
    not-found: the kubeconfig DIR/config has no current context
    bad-input: cannot use the kubeconfig DIR/config: failed to load the cluster of context: other
    hint: `kubectl config view` shows what is in it
    bad-input: cannot use the kubeconfig DIR/config: failed to load the cluster of context: test
    hint: `kubectl config view` shows what is in it
    bad-input: cannot use the kubeconfig DIR/config: failed to parse cluster url: invalid format
    hint: `kubectl config view` shows what is in it
    bad-input: cannot use the kubeconfig DIR/config: failed to load certificate authority: failed to read file '"/nowhere/ca.crt"': No such file or directory (os error 2)
    hint: `kubectl config view` shows what is in it
    bad-input: "../x" is no namespace
    hint: lower-case letters, digits, `-` and `.`
    not-found: cannot read the kubeconfig DIR/config: No such file or directory (os error 2)
    "#);
}

#[test]
fn the_namespace_is_the_contexts_or_the_one_given() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    let good = kubeconfig("http://127.0.0.1:1", "");
    assert_eq!(connect(&file, &good, Some("test")).unwrap().namespace(), "demo");
    assert_eq!(connect(&file, &good.replace("namespace: demo", ""), None).unwrap().namespace(), "default");
    let options = Options { kubeconfig: Some(file), namespace: Some("other".into()), ..Options::default() };
    assert_eq!(Cluster::connect(&options, Cancel::new()).unwrap().namespace(), "other");
}

#[test]
fn a_server_that_is_not_there_is_told_by_its_address() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    // Bound and closed: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cluster = connect(&file, &kubeconfig(&format!("http://127.0.0.1:{port}"), ""), None).unwrap();
    let shown = told(&cluster.get(&Resource::PODS, "x").unwrap_err()).replace(&port.to_string(), "PORT");
    insta::assert_snapshot!(shown, @"
    remote: cannot get the Pod demo/x (tried 2 times): cannot reach http://127.0.0.1:PORT: Connection refused (os error 111)
    hint: is the cluster up, and is this its address?
    ");
}

#[test]
fn certificates_are_checked_and_not_tried_twice() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    let answer = || Answer::Fixed(200, vec![("Content-Type", "application/json".into())], b"{}".to_vec());
    let server = Server::builder(directory.path()).tls().answer(move |_| answer()).start();
    let url = server.url("").trim_end_matches('/').to_owned();
    // Somebody else's authority.
    let other = Server::builder(directory.path()).tls().start();
    let ca = directory.path().join("ca.crt");
    std::fs::write(&ca, other.ca_pem()).unwrap();
    let config = kubeconfig(&url, &format!("certificate-authority: {}", ca.display()));
    let error = connect(&file, &config, None).unwrap().get(&Resource::PODS, "x").unwrap_err();
    insta::assert_snapshot!(told(&error).replace(&url, "https://SERVER"), @"
    remote: cannot trust https://SERVER: invalid peer certificate: BadSignature
    hint: give its authority as `certificate-authority` of the cluster in the kubeconfig
    ");
    std::fs::write(&ca, server.ca_pem()).unwrap();
    let cluster = connect(&file, &config, None).unwrap();
    assert_eq!(cluster.get(&Resource::PODS, "x").unwrap(), serde_json::json!({}));
}

#[test]
fn a_login_program_that_fails_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    let exec = "exec: {apiVersion: client.authentication.k8s.io/v1, command: /nowhere/login, interactiveMode: Never}";
    let config = kubeconfig("http://127.0.0.1:1", "").replace("token: a-token-that-is-secret", exec);
    insta::assert_snapshot!(told(&connect(&file, &config, None).unwrap_err()), @"
    unauthorized: cannot log in to http://127.0.0.1:1: No such file or directory (os error 2)
    hint: log in again (`oc login`), or see the `users` of the kubeconfig
    ");
}

#[test]
fn a_secret_says_which_cluster_and_its_token_is_read_again() {
    let secret = tempfile::tempdir().unwrap();
    let fake = cluster_testing::Fake::start(|_| cluster_testing::Answer::Json(200, serde_json::json!({})));
    let write = |key: &str, text: &str| std::fs::write(secret.path().join(key), text).unwrap();
    let connect = |namespace| Cluster::connect_by_secret(secret.path(), namespace, Cancel::new());
    let mut shown = vec![told(&connect(None).unwrap_err())];
    for url in ["api.example", "http://api.example", "https://u:p@api.example", "https://api example"] {
        write("url", url);
        shown.push(told(&connect(None).unwrap_err()));
    }
    write("url", &format!("{}\n", fake.url()));
    shown.push(told(&connect(None).unwrap_err()));
    write("token", "first-token\n");
    write("ca.crt", "none");
    shown.push(told(&connect(None).unwrap_err()));
    std::fs::remove_file(secret.path().join("ca.crt")).unwrap();
    insta::assert_snapshot!(shown.join("\n").replace(&secret.path().display().to_string(), "DIR"), @"
    bad-input: the Secret in DIR has no `url`
    hint: give it the keys `url`, `token` and `ca.crt`, or `kubeconfig`
    bad-input: the Secret in DIR: `url` is no https URL
    hint: write it as https://api.example:6443
    bad-input: the Secret in DIR: `url` is no https URL
    hint: write it as https://api.example:6443
    bad-input: the Secret in DIR: `url` holds a user or password
    hint: write it as https://api.example:6443
    bad-input: DIR/url holds white space or a control character
    bad-input: the Secret in DIR has no `token`
    hint: give it the keys `url`, `token` and `ca.crt`, or `kubeconfig`
    bad-input: the Secret in DIR: `ca.crt` holds no certificate
    hint: it should be PEM
    ");
    assert_eq!(connect(None).unwrap().namespace(), "default");
    write("namespace", "tenant");
    let cluster = connect(None).unwrap();
    assert_eq!(cluster.namespace(), "tenant");
    cluster.get(&Resource::PODS, "x").unwrap();
    write("token", "second-token");
    connect(Some("demo")).unwrap().get(&Resource::PODS, "x").unwrap();
    let asked: Vec<String> = fake.requests().iter().map(|r| format!("{} {}", r.path, r.header("authorization"))).collect();
    insta::assert_snapshot!(asked.join("\n"), @"
    /api/v1/namespaces/tenant/pods/x Bearer first-token
    /api/v1/namespaces/demo/pods/x Bearer second-token
    ");
    assert_eq!(step::redact::text("first-token second-token"), "*** ***");
    // A kubeconfig says it all.
    write("kubeconfig", &kubeconfig(&fake.url(), ""));
    assert_eq!(connect(None).unwrap().namespace(), "demo");
}
