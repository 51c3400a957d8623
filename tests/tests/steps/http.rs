//! remove-operators on a branch behind HTTP: credentials, hooks, and others who push too.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use repo_testing::{Answer, Forge, Request, Server};
use tests::git;

use crate::support::{Bench, Ran};

/// The sample's repository, served.
struct Served {
    bench: Bench,
    server: Server,
}

impl Served {
    fn new(build: impl FnOnce(repo_testing::ServerBuilder) -> repo_testing::ServerBuilder) -> Self {
        let bench = Bench::new();
        git(&bench.sample.repository, &["config", "http.receivepack", "true"]).unwrap();
        let server = build(Server::builder(bench.dir.path())).start();
        Served { bench, server }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let url = format!("--git-url={}", self.server.url("catalog.git"));
        let ran = self.bench.run("remove-operators", &[&url, "--branch=main"], args);
        let at = self.server.url("catalog.git");
        Ran { stderr: ran.stderr.replace(at.trim_end_matches("/catalog.git"), "[SERVER]"), ..ran }
    }

    /// A Secret's directory.
    fn secret(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let dir = self.bench.dir.path().join(name);
        fs::create_dir(&dir).unwrap();
        for (file, content) in files {
            fs::write(dir.join(file), content).unwrap();
        }
        dir
    }
}

fn is_push(request: &Request) -> bool {
    request.method == "GET" && request.target.ends_with("info/refs?service=git-receive-pack")
}

/// A server that, when the client begins its first push, first lets somebody else commit `file`.
fn somebody_is_faster(file: &'static str, content: &'static str) -> Served {
    let bench = Bench::new();
    git(&bench.sample.repository, &["config", "http.receivepack", "true"]).unwrap();
    let repository = bench.sample.repository.clone();
    let once = std::sync::Once::new();
    let server = Server::builder(bench.dir.path())
        .answer(move |request| {
            if is_push(request) {
                once.call_once(|| {
                    let work = tempfile::tempdir().unwrap();
                    git(work.path(), &["clone", "-q", &repository.to_string_lossy(), "."]).unwrap();
                    fs::create_dir_all(work.path().join(file).parent().unwrap()).unwrap();
                    fs::write(work.path().join(file), content).unwrap();
                    git(work.path(), &["add", "-A"]).unwrap();
                    git(work.path(), &["commit", "-q", "-m", "Somebody else"]).unwrap();
                    git(work.path(), &["push", "-q", "origin", "main"]).unwrap();
                });
            }
            Answer::Git
        })
        .start();
    Served { bench, server }
}

#[test]
fn tls_with_an_own_authority_and_a_basic_auth_secret() {
    let served = Served::new(|server| server.tls().login("bot", "hunter2-hunter2"));
    let secret = served.secret("secret", &[("username", "bot\n"), ("password", "hunter2-hunter2\n")]);
    let ca = served.secret("ca", &[("ca-bundle.crt", served.server.ca_pem())]);
    let (secret, ca) = (format!("--git-credentials={}", secret.display()), format!("--ca={}", ca.display()));

    let ran = served.run(&[&secret, &ca, "--log-level=debug", "mallet"]);
    assert_eq!((ran.code, ran.result("REMOVED")), (0, "mallet".into()), "{ran}");
    assert_eq!(served.bench.git(&["log", "-1", "--format=%s", "main"]), "Remove operators");
    assert!(!format!("{ran}").contains("hunter2"), "{ran}");

    insta::assert_snapshot!(served.run(&[&secret, "mallet"]).last_line(), @"error: cannot reach [SERVER]/catalog.git: invalid peer certificate: UnknownIssuer; hint: if a private authority signed it, give that as `ca-bundle.crt` in the `ca` workspace");
    insta::assert_snapshot!(served.run(&[&ca, "mallet"]).last_line(), @"error: [SERVER]/catalog.git asks for credentials (401); hint: bind a Secret with `username` and `password`, or `token`, to the step's workspace for Git credentials");
    let wrong = served.secret("wrong", &[("token", "a-wrong-token")]);
    let ran = served.run(&[&ca, &format!("--git-credentials={}", wrong.display()), "mallet"]);
    assert_eq!(ran.code, 4);
    insta::assert_snapshot!(ran.last_line(), @"error: [SERVER]/catalog.git refuses the credentials (401); hint: is the token expired, or the user name another one?");
    let empty = served.secret("empty", &[]);
    insta::assert_snapshot!(served.run(&[&ca, &format!("--git-credentials={}", empty.display()), "mallet"]).last_line(), @"error: no credentials in [DIR]/empty; hint: give the Secret the keys `username` and `password`, or `token`, or `.git-credentials`");
}

#[test]
fn a_hook_that_refuses_has_its_say() {
    let served = Served::new(|server| server);
    let hook = served.bench.sample.repository.join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho 'No pushing on Fridays.' >&2\nexit 1\n").unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let head = served.bench.head("main");
    insta::assert_snapshot!(served.run(&["mallet"]), @"
    exit code: 4
    ----- stderr
     INFO cloning url=[SERVER]/catalog.git branch=main
     INFO removing operator=mallet
     INFO pushing branch=main
     INFO remote: No pushing on Fridays.
    remote: No pushing on Fridays.
    error: [SERVER]/catalog.git refuses the push to main: pre-receive hook declined; hint: a hook or a protected branch does not accept it; push to another branch and open a merge request
    ");
    assert_eq!(served.bench.head("main"), head);
}

#[test]
fn somebody_elses_commit_stays_below_ours() {
    let served = somebody_is_faster("configs/hammer/catalog.json", r#"{"schema":"olm.package","name":"x","defaultChannel":""}"#);
    // What they pushed makes the catalog invalid: seen, and nothing pushed.
    let ran = served.run(&["mallet"]);
    assert_eq!(ran.code, 3, "{ran}");
    assert_eq!(served.bench.git(&["log", "-1", "--format=%s", "main"]), "Somebody else");

    let served = somebody_is_faster("Dockerfile", "FROM scratch\n");
    let ran = served.run(&["mallet"]);
    assert_eq!((ran.code, ran.result("COMMIT")), (0, "[COMMIT]".into()), "{ran}");
    assert_eq!(served.bench.git(&["log", "--format=%s", "main"]), "Remove operators\nSomebody else\nThe catalog");
    assert_eq!(served.bench.git(&["show", "main:Dockerfile"]), "FROM scratch");
    served.bench.git(&["fsck", "--strict"]);
}

#[test]
fn a_change_to_the_same_operator_is_a_conflict() {
    let same_file = somebody_is_faster("configs/mallet/catalog.json", "{}");
    insta::assert_snapshot!(same_file.run(&["mallet"]), @"
    exit code: 6
    ----- stderr
     INFO cloning url=[SERVER]/catalog.git branch=main
     INFO removing operator=mallet
     INFO pushing branch=main
     INFO the branch moved branch=main head=[COMMIT] attempt=1
    error: the branch main of [SERVER]/catalog.git moved, and also changed configs/mallet/catalog.json; hint: run it again to work on the new state
    ");
    assert_eq!(same_file.bench.git(&["log", "-1", "--format=%s", "main"]), "Somebody else");
    let new_file = somebody_is_faster("configs/mallet/more.json", r#"{"schema":"workshop.note","package":"mallet"}"#);
    insta::assert_snapshot!(new_file.run(&["mallet"]).last_line(), @"error: the branch moved, and what it got belongs to an operator to be removed; hint: run the step again if it shall go all the same");
}

#[test]
fn sigterm_ends_a_step_that_waits_for_a_silent_server() {
    let (asked, was_asked) = sync_channel(1);
    let served = Served::new(|server| {
        server.answer(move |_| {
            let _ = asked.try_send(());
            Answer::Silence
        })
    });
    let url = format!("--git-url={}", served.server.url("catalog.git"));
    let mut child = crate::support::command(&["step", "remove-operators", &url, "--branch=main", "mallet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    was_asked.recv().unwrap();
    let started = Instant::now();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    // Tekton kills 30 s after the signal.
    assert!(started.elapsed().as_secs() < 25, "{:?}", started.elapsed());
}

#[test]
fn racing_steps_all_land_or_say_conflict() {
    let bench = Bench::new();
    let configs = bench.dir.path().join("many");
    let package = |n: usize| {
        format!(
            r#"{{"schema":"olm.package","name":"p{n}","defaultChannel":"a"}}{{"schema":"olm.channel","package":"p{n}","name":"a","entries":[{{"name":"p{n}.v1.0.0"}}]}}{{"schema":"olm.bundle","package":"p{n}","name":"p{n}.v1.0.0","image":"r.example/p:v1","properties":[{{"type":"olm.package","value":{{"packageName":"p{n}","version":"1.0.0"}}}}]}}"#
        )
    };
    let all = 10;
    for n in 0..all + 1 {
        fs::create_dir_all(configs.join(format!("p{n}"))).unwrap();
        fs::write(configs.join(format!("p{n}/catalog.json")), package(n)).unwrap();
    }
    let forge = Forge::new();
    let bare = forge.path().join("many.git");
    tests::make_repository(&configs, &bare).unwrap();
    git(&bare, &["config", "http.receivepack", "true"]).unwrap();
    let server = Server::start(forge.path());
    let url = format!("--git-url={}", server.url("many.git"));
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..all)
            .map(|n| {
                let url = &url;
                scope.spawn(move || {
                    crate::support::stepwright(&["step", "remove-operators", url, "--branch=main", &format!("p{n}")]).code
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let landed = codes.iter().filter(|code| **code == 0).count();
    assert!(codes.iter().all(|code| matches!(code, 0 | 6)) && landed > 0, "{codes:?}");
    let left = git(&bare, &["ls-tree", "--name-only", "main", "configs/"]).unwrap().lines().count();
    assert_eq!(left, all + 1 - landed, "{codes:?}");
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]).unwrap(), (landed + 1).to_string());
    git(&bare, &["fsck", "--strict"]).unwrap();
}
