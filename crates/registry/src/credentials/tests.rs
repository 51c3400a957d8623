//! Files beside repositories: who are we there?

mod helpers;

use std::io::Write;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::*;

/// A directory with files in it, and the environment in which programs are looked for in its `bin`.
struct Home(TempDir);

impl Home {
    fn new(files: &[(&str, &str)]) -> Self {
        let home = Home(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = home.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn environment(&self) -> Environment {
        Environment { path: Some(self.path("bin").into()), ..Environment::default() }
    }

    /// Adds the helper `docker-credential-NAME`. Another process writes it: while this one has it open to write, a thread that
    /// starts a process would hand it on, and a program that somebody may write to cannot be run.
    fn helper(&self, name: &str, script: &str) {
        fs::create_dir_all(self.path("bin")).unwrap();
        let mut cat = Command::new("sh")
            .args(["-c", r#"cat > "$0" && chmod 755 "$0""#])
            .arg(self.path("bin").join(format!("docker-credential-{name}")))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        cat.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
        assert!(cat.wait().unwrap().success());
    }

    fn find(&self, given: &str) -> Credentials {
        Credentials::find(Some(&self.path(given)), &self.environment()).unwrap()
    }

    /// Who we are, with the secrets, which are the tests' own.
    fn who(&self, credentials: &Credentials, repository: &str) -> String {
        let (host, repository) = repository.split_once('/').unwrap();
        match credentials.for_repository(&host.parse().unwrap(), &repository.parse().unwrap()) {
            Ok(Some(Login::Basic { user, password })) => format!("{user}:{password}"),
            Ok(Some(Login::Identity(token))) => format!("identity {token}"),
            Ok(Some(Login::Bearer(token))) => format!("bearer {token}"),
            Ok(None) => "nobody".into(),
            Err(error) => self.said(&error),
        }
    }

    fn said(&self, error: &Error) -> String {
        format!("{error:?}").replace(self.0.path().to_str().unwrap(), "HOME").replace('\n', "; ")
    }
}

fn auth(text: &str) -> String {
    STANDARD.encode(text)
}

/// A `config.json` with an `auth` for each key.
fn config(entries: &[(&str, &str)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(key, text)| format!(r#""{key}": {{"auth": "{}"}}"#, auth(text))).collect();
    format!(r#"{{"auths": {{{}}}}}"#, entries.join(", "))
}

#[test]
fn the_most_specific_key_wins() {
    let keys = [
        ("quay.io", "host:1"),
        ("quay.io/org", "org:1"),
        ("quay.io/org/app", "app:1"),
        ("quay.io/org/team/app", "team:1"),
        ("localhost:5000", "port:1"),
        ("https://old.example/v2/", "url:1"),
        ("http://older.example/v1/users", "http:1"),
        ("https://path.example/org", "path:1"),
        ("Case.Example/Org", "case:1"),
        ("https://index.docker.io/v1/", "hub:1"),
        ("docker.io/org", "hub-org:1"),
        ("https://both.example", "both-url:1"),
        ("both.example", "both:1"),
        ("slash.example/", "slash:1"),
    ];
    let home = Home::new(&[("config.json", &config(&keys))]);
    let credentials = home.find("config.json");
    let lines: Vec<String> = [
        "quay.io/org/app",
        "quay.io/org/app/more",
        "quay.io/org/apple",
        "quay.io/org/team/app",
        "quay.io/organisation/app",
        "quay.io/app",
        "quay.io:443/app",
        "localhost:5000/a",
        "localhost/a",
        "old.example/a",
        "older.example/a",
        "path.example/org/a",
        "path.example/a",
        "case.example/org/a",
        "CASE.example/org/a",
        "docker.io/library/busybox",
        "registry-1.docker.io/library/busybox",
        "docker.io/org/a",
        "both.example/a",
        "slash.example/a",
        "other.example/a",
    ]
    .iter()
    .map(|repository| format!("{repository}  →  {}", home.who(&credentials, repository)))
    .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    quay.io/org/app  →  app:1
    quay.io/org/app/more  →  app:1
    quay.io/org/apple  →  org:1
    quay.io/org/team/app  →  team:1
    quay.io/organisation/app  →  host:1
    quay.io/app  →  host:1
    quay.io:443/app  →  nobody
    localhost:5000/a  →  port:1
    localhost/a  →  nobody
    old.example/a  →  url:1
    older.example/a  →  http:1
    path.example/org/a  →  path:1
    path.example/a  →  nobody
    case.example/org/a  →  case:1
    CASE.example/org/a  →  case:1
    docker.io/library/busybox  →  hub:1
    registry-1.docker.io/library/busybox  →  hub:1
    docker.io/org/a  →  hub-org:1
    both.example/a  →  both:1
    slash.example/a  →  slash:1
    other.example/a  →  nobody
    ");
}

#[test]
fn entries_of_every_shape() {
    let entries = [
        ("auth", format!(r#"{{"auth": "{}"}}"#, auth("user:pass:word"))),
        ("unpadded", format!(r#"{{"auth": "{}"}}"#, auth("user:pw").trim_end_matches('='))),
        ("filled-up", format!(r#"{{"auth": " {} "}}"#, auth("user:pw\0\0"))),
        ("kubernetes", format!(r#"{{"auth": "{}", "username": "x", "password": "y", "email": "e@x"}}"#, auth("user:pw"))),
        ("plain", r#"{"username": "user", "password": "p w"}"#.into()),
        ("identity", format!(r#"{{"auth": "{}", "identitytoken": "refresh-token"}}"#, auth("0000:"))),
        ("bearer", r#"{"registrytoken": "access-token", "identitytoken": "refresh-token"}"#.into()),
        ("empty", "{}".into()),
        ("null", "null".into()),
        ("empty-texts", r#"{"auth": "", "username": "", "password": ""}"#.into()),
        ("colon", format!(r#"{{"auth": "{}"}}"#, auth(":"))),
        ("not-base64", r#"{"auth": "hunter2:hunter2"}"#.into()),
        ("no-colon", format!(r#"{{"auth": "{}"}}"#, auth("hunter2"))),
        ("not-utf8", r#"{"auth": "//8="}"#.into()),
        ("echoed", format!(r#"{{"auth": "{}"}}"#, auth("user:hunter2\n"))),
        ("user-alone", r#"{"username": "user"}"#.into()),
        ("password-alone", r#"{"password": "hunter2"}"#.into()),
        ("colon-in-user", r#"{"username": "user:x", "password": "hunter2"}"#.into()),
        ("token-of-two", r#"{"identitytoken": "hunter2\nX-Header: hunter2"}"#.into()),
        ("bearer-of-two", r#"{"registrytoken": "hunter2 hunter2"}"#.into()),
    ];
    let json: Vec<String> = entries.iter().map(|(name, entry)| format!(r#""{name}.example": {entry}"#)).collect();
    let home = Home::new(&[("auth.json", &format!(r#"{{"auths": {{{}}}}}"#, json.join(",")))]);
    let credentials = home.find("auth.json");
    let lines: Vec<String> =
        entries.iter().map(|(name, _)| format!("{name}  →  {}", home.who(&credentials, &format!("{name}.example/a")))).collect();
    let lines = lines.join("\n");
    insta::assert_snapshot!(lines, @r#"
    auth  →  user:pass:word
    unpadded  →  user:pw
    filled-up  →  user:pw
    kubernetes  →  user:pw
    plain  →  user:p w
    identity  →  identity refresh-token
    bearer  →  bearer access-token
    empty  →  nobody
    null  →  nobody
    empty-texts  →  nobody
    colon  →  nobody
    not-base64  →  bad-input: HOME/auth.json: the entry "not-base64.example" has an `auth` that is not base64
    no-colon  →  bad-input: HOME/auth.json: the entry "no-colon.example" has an `auth` that is not user:password in base64
    not-utf8  →  bad-input: HOME/auth.json: the entry "not-utf8.example" has an `auth` that is not UTF-8 in base64
    echoed  →  bad-input: HOME/auth.json: the entry "echoed.example" holds a line break or control character in user or password; encode it with `printf`, not `echo`
    user-alone  →  bad-input: HOME/auth.json: the entry "user-alone.example" has a `username` and no `password`
    password-alone  →  bad-input: HOME/auth.json: the entry "password-alone.example" has a `password` and no `username`
    colon-in-user  →  bad-input: HOME/auth.json: the entry "colon-in-user.example" has a `username` with a colon
    token-of-two  →  bad-input: HOME/auth.json: the entry "token-of-two.example" has a malformed `identitytoken`
    bearer-of-two  →  bad-input: HOME/auth.json: the entry "bearer-of-two.example" has a malformed `registrytoken`
    "#);
    assert!(!lines.contains("hunter2"));
    // Whatever was read is masked from now on.
    for secret in ["pass:word", &auth("user:pass:word"), "refresh-token", "access-token"] {
        assert_eq!(step::redact::text(secret), "***", "{secret}");
    }
}

#[test]
fn every_source_in_order() {
    let only = |user: &str| config(&[(&format!("{user}.example"), &format!("{user}:1")), ("all.example", &format!("{user}:1"))]);
    let home = Home::new(&[
        ("secret/.dockerconfigjson", &only("given")),
        ("registry-auth.json", &only("variable")),
        ("docker/config.json", &only("docker")),
        ("run/containers/auth.json", &only("podman")),
        ("home/.docker/config.json", &only("home")),
    ]);
    let mut given = Some(home.path("secret"));
    let mut environment = Environment {
        registry_auth_file: Some(home.path("registry-auth.json")),
        docker_config: Some(home.path("docker")),
        runtime_dir: Some(home.path("run")),
        home: Some(home.path("home")),
        path: None,
    };
    let mut lines = Vec::new();
    for missing in 0..6 {
        match missing {
            0 => {}
            1 => given = None,
            2 => environment.registry_auth_file = None,
            3 => environment.docker_config = None,
            4 => environment.runtime_dir = None,
            _ => environment.home = None,
        }
        let credentials = Credentials::find(given.as_deref(), &environment).unwrap();
        let hosts = ["all", "given", "variable", "docker", "podman", "home"];
        let line: Vec<String> =
            hosts.iter().map(|host| format!("{host}={}", home.who(&credentials, &format!("{host}.example/a")))).collect();
        lines.push(line.join(" "));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    all=given:1 given=given:1 variable=variable:1 docker=docker:1 podman=podman:1 home=nobody
    all=variable:1 given=nobody variable=variable:1 docker=docker:1 podman=podman:1 home=nobody
    all=docker:1 given=nobody variable=nobody docker=docker:1 podman=podman:1 home=nobody
    all=podman:1 given=nobody variable=nobody docker=nobody podman=podman:1 home=home:1
    all=home:1 given=nobody variable=nobody docker=nobody podman=nobody home=home:1
    all=nobody given=nobody variable=nobody docker=nobody podman=nobody home=nobody
    ");
}

#[test]
fn what_a_secret_may_hold() {
    let modern = |user: &str| config(&[("quay.io", &format!("{user}:1"))]);
    let legacy = format!(r#"{{"quay.io": {{"auth": "{}"}}, "https://index.docker.io/v1/": {{}}}}"#, auth("legacy:1"));
    let home = Home::new(&[
        ("four/.dockerconfigjson", &modern("dockerconfigjson")),
        ("four/config.json", &modern("config")),
        ("four/.dockercfg", &legacy),
        ("four/auth.json", &modern("auth")),
        ("empty/README", ""),
    ]);
    let mut lines = Vec::new();
    for name in IN_A_DIRECTORY {
        lines.push(format!("{name}  →  {}", home.who(&home.find("four"), "quay.io/a")));
        assert_eq!(home.who(&home.find(&format!("four/{name}")), "quay.io/a"), home.who(&home.find("four"), "quay.io/a"));
        fs::remove_file(home.path("four").join(name)).unwrap();
    }
    for given in ["empty", "nothing", "nothing/config.json"] {
        let error = Credentials::find(Some(&home.path(given)), &Environment::default()).unwrap_err();
        lines.push(format!("{given}  →  {}", home.said(&error)));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    .dockerconfigjson  →  dockerconfigjson:1
    config.json  →  config:1
    .dockercfg  →  legacy:1
    auth.json  →  auth:1
    empty  →  not-found: there are no credentials for registries in HOME/empty; hint: bind a Secret of type kubernetes.io/dockerconfigjson, or a directory with config.json
    nothing  →  not-found: cannot read HOME/nothing: No such file or directory (os error 2)
    nothing/config.json  →  not-found: cannot read HOME/nothing/config.json: No such file or directory (os error 2)
    ");
}

#[test]
fn files_that_cannot_be_used() {
    let home = Home::new(&[
        ("empty", ""),
        ("text", "hunter2"),
        ("cut", r#"{"auths": {"quay.io": {"auth": "hunter2"#),
        ("list", r#"["hunter2"]"#),
        ("string", r#"{"auths": {"quay.io": "hunter2"}}"#),
        ("number", r#"{"auths": {"quay.io": {"auth": 123456}}}"#),
        ("legacy/.dockercfg", r#"{"quay.io": "hunter2"}"#),
        ("helpers", r#"{"credHelpers": ["hunter2"]}"#),
        ("nothing-in-it", r#"{"auths": null, "credHelpers": null, "credsStore": null, "HttpHeaders": {"a": "b"}}"#),
    ]);
    fs::create_dir(home.path("dir")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", home.path("dir/config.json")).unwrap();
    std::os::unix::fs::symlink("loop", home.path("loop")).unwrap();
    fs::File::create(home.path("large")).unwrap().set_len((4 << 20) + 1).unwrap();
    let names =
        ["empty", "text", "cut", "list", "string", "number", "legacy", "helpers", "nothing-in-it", "dir", "loop", "large"];
    let lines: Vec<String> = names
        .iter()
        .map(|name| match Credentials::find(Some(&home.path(name)), &Environment::default()) {
            Ok(credentials) => format!("{name}  →  {}", home.who(&credentials, "quay.io/a")),
            Err(error) => format!("{name}  →  {}", home.said(&error)),
        })
        .collect();
    let lines = lines.join("\n");
    insta::assert_snapshot!(lines, @r#"
    empty  →  bad-input: HOME/empty is not JSON (line 1, column 0); hint: it should be {"auths": {"HOST": {"auth": "…"}}}; write it with `podman login --authfile`
    text  →  bad-input: HOME/text is not JSON (line 1, column 1); hint: it should be {"auths": {"HOST": {"auth": "…"}}}; write it with `podman login --authfile`
    cut  →  bad-input: HOME/cut is not JSON (line 1, column 39); hint: it should be {"auths": {"HOST": {"auth": "…"}}}; write it with `podman login --authfile`
    list  →  bad-input: HOME/list is not a file of docker credentials (line 1, column 10); hint: it should be {"auths": {"HOST": {"auth": "…"}}}; write it with `podman login --authfile`
    string  →  bad-input: HOME/string is not a file of docker credentials (line 1, column 31); hint: it should be {"auths": {"HOST": {"auth": "…"}}}; write it with `podman login --authfile`
    number  →  bad-input: HOME/number is not a file of docker credentials (line 1, column 37); hint: it should be {"auths": {"HOST": {"auth": "…"}}}; write it with `podman login --authfile`
    legacy  →  bad-input: HOME/legacy/.dockercfg is not a file of docker credentials (line 1, column 21); hint: it should be {"auths": {"HOST": {"auth": "…"}}}; write it with `podman login --authfile`
    helpers  →  bad-input: HOME/helpers is not a file of docker credentials (line 1, column 16); hint: it should be {"auths": {"HOST": {"auth": "…"}}}; write it with `podman login --authfile`
    nothing-in-it  →  nobody
    dir  →  bad-input: HOME/dir/config.json is not a regular file
    loop  →  bad-input: cannot read HOME/loop: Too many levels of symbolic links (os error 40); hint: remove the symbolic link that leads to itself
    large  →  bad-input: HOME/large is larger than 4194304 bytes
    "#);
    assert!(!lines.contains("hunter2") && !lines.contains("123456"));
}

#[test]
fn somebody_elses_home_is_passed_over_and_a_wrong_file_is_not() {
    let forbidden = Error::io("cannot read x", std::io::ErrorKind::PermissionDenied.into());
    assert!(unless_forbidden(Err(forbidden)).unwrap().is_none());
    assert!(unless_forbidden(Err(Error::bad_input("x"))).is_err());
    // A home that is a file, as `/dev/null` is for some users, has nothing in it.
    let home = Home::new(&[("file", "")]);
    let environment = Environment { home: Some(home.path("file")), ..Environment::default() };
    assert!(Credentials::find(None, &environment).unwrap().files.is_empty());
    let wrong = Home::new(&[(".docker/config.json", "{")]);
    let environment = Environment { home: Some(wrong.path("")), ..Environment::default() };
    assert_eq!(Credentials::find(None, &environment).unwrap_err().kind(), Kind::BadInput);
}

#[test]
fn nothing_secret_is_shown() {
    let home = Home::new(&[("config.json", &config(&[("quay.io", "bot:hunter2")]))]);
    let credentials = home.find("config.json");
    let login = credentials.for_repository(&"quay.io".parse().unwrap(), &"a".parse().unwrap()).unwrap().unwrap();
    let shown = format!("{credentials:?} {login:?} {:?} {:?}", Login::identity("hunter2"), Login::bearer("hunter2"));
    let shown = shown.replace(home.0.path().to_str().unwrap(), "HOME");
    insta::assert_snapshot!(shown, @r#"["HOME/config.json"] Basic(bot:***) Identity(***) Bearer(***)"#);
    assert_eq!(Credentials::none().for_repository(&"quay.io".parse().unwrap(), &"a".parse().unwrap()).unwrap(), None);
}
