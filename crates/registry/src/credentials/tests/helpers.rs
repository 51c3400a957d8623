//! Helper programs, which are shell scripts here.

use std::time::Instant;

use super::*;

#[test]
fn helpers_are_asked_for_hosts() {
    let entries = format!(
        r#""stored.example": {{}}, "plain.example": {{"auth": "{0}"}}, "helped.example": {{"auth": "{0}"}},
           "helped.example/org": {{"auth": "{1}"}}, "unknown.example": {{"auth": "{0}"}}"#,
        auth("file:1"),
        auth("org:1"),
    );
    let helpers = r#""helped.example": "known", "unknown.example": "unknown", "docker.io": "hub", "absent.example": "absent""#;
    let home = Home::new(&[(
        "config.json",
        &format!(r#"{{"auths": {{{entries}}}, "credHelpers": {{{helpers}}}, "credsStore": "store"}}"#),
    )]);
    // Each says what it was asked.
    let says = r#"printf '{"ServerURL":"%s","Username":"USER","Secret":"%s %s"}' "$server" "$1" "$server""#;
    let asked = |user: &str| format!("server=$(cat); {}", says.replace("USER", user));
    home.helper("known", &asked("known"));
    home.helper("unknown", "echo 'credentials not found in native keychain'; exit 1");
    home.helper(
        "hub",
        &format!(
            "server=$(cat); case $server in docker.io) {};; *) echo credentials not found; exit 1;; esac",
            says.replace("USER", "hub")
        ),
    );
    home.helper(
        "store",
        &format!(
            r#"server=$(cat); case $server in stored*) {};; *) echo credentials not found; exit 1;; esac"#,
            says.replace("USER", "<token>")
        ),
    );
    let credentials = home.find("config.json");
    let lines: Vec<String> = [
        "helped.example/a",
        "helped.example/org/a",
        "unknown.example/a",
        "absent.example/a",
        "docker.io/library/busybox",
        "stored.example/a",
        "plain.example/a",
        "other.example/a",
    ]
    .iter()
    .map(|repository| format!("{repository}  →  {}", home.who(&credentials, repository)))
    .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    helped.example/a  →  known:get helped.example
    helped.example/org/a  →  org:1
    unknown.example/a  →  file:1
    absent.example/a  →  nobody
    docker.io/library/busybox  →  hub:get docker.io
    stored.example/a  →  identity get stored.example
    plain.example/a  →  file:1
    other.example/a  →  nobody
    ");
    assert_eq!(step::redact::text("get helped.example"), "***");
    // Docker keeps the login of its own registry under a URL.
    home.helper("hub", &asked("hub"));
    assert_eq!(home.who(&credentials, "docker.io/a/b"), "hub:get https://index.docker.io/v1/");
}

#[test]
fn helpers_that_fail() {
    let scripts = [
        ("silent", ""),
        ("malformed", "echo '{\"Username\": \"hunter2\"}'; echo 'this is why' >&2"),
        ("list", "echo '[\"hunter2\"]'"),
        ("failing", "echo 'cannot reach the vault' >&2; exit 3"),
        ("explaining", "echo 'no credentials server URL'; exit 1"),
        ("telling", "echo '{\"Username\":\"u\",\"Secret\":\"hunter2\"}'; echo 'the secret is hunter2' >&2; exit 1"),
        ("killed", "kill -9 $$"),
        ("talkative", "head -c 1000000 /dev/zero | tr '\\0' x; exit 0"),
        ("deaf", "exec <&-; echo '{\"Username\":\"deaf\",\"Secret\":\"1\"}'"),
        ("closing", "echo '{\"Username\":\"closing\",\"Secret\":\"1\"}'; exec >&- 2>&-; sleep 0.1"),
    ];
    let names: Vec<&str> = scripts.iter().map(|(name, _)| *name).chain(["../bin/docker-credential-deaf", ""]).collect();
    let helpers: Vec<String> = names.iter().enumerate().map(|(at, name)| format!(r#""h{at}.example": "{name}""#)).collect();
    let home = Home::new(&[("config.json", &format!(r#"{{"credHelpers": {{{}}}}}"#, helpers.join(",")))]);
    for (name, script) in scripts {
        home.helper(name, script);
    }
    fs::write(home.path("bin/docker-credential-data"), "").unwrap();
    let credentials = home.find("config.json");
    let lines: Vec<String> =
        (0..names.len()).map(|at| format!("{}  →  {}", names[at], home.who(&credentials, &format!("h{at}.example/a")))).collect();
    let lines = lines.join("\n");
    insta::assert_snapshot!(lines, @r#"
    silent  →  bad-input: HOME/config.json: docker-credential-silent answers for h0.example with something else than JSON with Username and Secret
    malformed  →  bad-input: HOME/config.json: docker-credential-malformed answers for h1.example with something else than JSON with Username and Secret; this is why
    list  →  bad-input: HOME/config.json: docker-credential-list answers for h2.example with something else than JSON with Username and Secret
    failing  →  unauthorized: HOME/config.json: docker-credential-failing failed for h3.example (exit status: 3); cannot reach the vault; hint: see what `echo h3.example | docker-credential-failing get` says; the helper may need a login of its own
    explaining  →  unauthorized: HOME/config.json: docker-credential-explaining failed for h4.example (exit status: 1); no credentials server URL; hint: see what `echo h4.example | docker-credential-explaining get` says; the helper may need a login of its own
    telling  →  unauthorized: HOME/config.json: docker-credential-telling failed for h5.example (exit status: 1); the secret is ***; hint: see what `echo h5.example | docker-credential-telling get` says; the helper may need a login of its own
    killed  →  unauthorized: HOME/config.json: docker-credential-killed failed for h6.example (signal: 9 (SIGKILL)); hint: see what `echo h6.example | docker-credential-killed get` says; the helper may need a login of its own
    talkative  →  bad-input: HOME/config.json: docker-credential-talkative answers for h7.example with something else than JSON with Username and Secret
    deaf  →  deaf:1
    closing  →  closing:1
    ../bin/docker-credential-deaf  →  bad-input: HOME/config.json: the credential helper's name "../bin/docker-credential-deaf" is malformed; hint: it is what follows docker-credential- in the program's name
      →  bad-input: HOME/config.json: the credential helper's name "" is malformed; hint: it is what follows docker-credential- in the program's name
    "#);
    assert!(!lines.contains("hunter2"));
    let host: Host = "quay.io".parse().unwrap();
    for path in [home.path("bin").into(), OsString::from("bin"), OsString::new()] {
        assert!(matches!(helper::get("data", &host, Some(&path), PATIENCE), Ok(helper::Answer::NoProgram)), "{path:?}");
    }
}

#[test]
fn a_helper_that_waits_is_ended_with_what_it_started() {
    let home = Home::new(&[("config.json", r#"{"credsStore": "waiting"}"#)]);
    // The second process holds the output; it says its number, so that we can see that it is gone.
    home.helper("waiting", r#"sleep 60 & echo $! > "${0%/*}/pid"; wait"#);
    let mut credentials = home.find("config.json");
    credentials.patience = Duration::from_secs(1);
    let started = Instant::now();
    let said = home.who(&credentials, "quay.io/a");
    insta::assert_snapshot!(said, @"timed-out: HOME/config.json: HOME/bin/docker-credential-waiting did not answer for quay.io in 1s; hint: does it wait for somebody to type something");
    // It is dead or dying: a signal is not waited for. Nobody may have asked yet how it ended.
    let stat = format!("/proc/{}/stat", fs::read_to_string(home.path("bin/pid")).unwrap().trim());
    let lives = || fs::read_to_string(&stat).is_ok_and(|text| !text.rsplit_once(") ").unwrap().1.starts_with('Z'));
    while lives() {
        assert!(started.elapsed() < Duration::from_secs(20), "it is still there");
        std::thread::yield_now();
    }
}
