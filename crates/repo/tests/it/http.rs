//! Over HTTP: what works, and the words of what does not.

use std::fs;
use std::time::{Duration, Instant};

use repo::{Credentials, Options, Push};
use repo_testing::{Answer, Server, git};
use step::Kind;

use crate::common::{FILES, branch, clone, clone_error, files, forge, options, remote, shown};

fn credentials(files: &[(&str, &str)]) -> Option<Credentials> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    Some(Credentials::from_dir(dir.path()).unwrap())
}

#[test]
fn clone_commit_push() {
    let forge = forge();
    forge.commit("catalog.git", "main", "second", &[("README", "hello again\n")]);
    let server = Server::start(forge.path());
    let remote = remote(server.url("catalog.git"), options());
    let mut work = clone(&remote, "main");
    assert_eq!(files(work.checkout.path()), FILES.map(|(path, _)| path));
    assert_eq!(fs::read_to_string(work.checkout.path().join("README")).unwrap(), "hello again\n");

    let commit = work.change("configs/a/catalog.yaml", None).unwrap();
    assert_eq!(work.checkout.push(&branch("main")).unwrap(), Push::Done { head: commit });
    assert_eq!(remote.branch_head(&branch("main")).unwrap(), Some(commit));
    // Pushing again finds it there.
    assert_eq!(work.checkout.push(&branch("main")).unwrap(), Push::Done { head: commit });
    forge.fsck("catalog.git");
    let log = git(&forge.path().join("catalog.git"), &["log", "--format=%an <%ae>, %cn: %s, %P", "--name-status", "-1"]);
    let parent = git(&forge.path().join("catalog.git"), &["rev-parse", "main^"]);
    insta::assert_snapshot!(log.replace(&parent, "PARENT"), @"
    Release Bot <bot@example.com>, Release Bot: Change configs/a/catalog.yaml, PARENT

    D	configs/a/catalog.yaml
    ");
}

#[test]
fn the_checkout_is_shallow_and_sound_for_git() {
    let forge = forge();
    forge.commit("catalog.git", "main", "second", &[("README", "2\n")]);
    let server = Server::start(forge.path());
    let mut work = clone(&remote(server.url("catalog.git"), options()), "main");
    let path = work.checkout.path().to_owned();
    assert_eq!(git(&path, &["log", "--format=%s"]), "second");
    assert_eq!(git(&path, &["status", "--porcelain"]), "");
    work.change("configs/new/catalog.yaml", Some("new\n"));
    assert_eq!(git(&path, &["log", "--format=%s"]), "Change configs/new/catalog.yaml\nsecond");
    assert_eq!(git(&path, &["status", "--porcelain"]), "");
    git(&path, &["fsck", "--full", "--strict"]);
}

#[test]
fn a_new_branch_and_again() {
    let forge = forge();
    let server = Server::start(forge.path());
    let remote = remote(server.url("catalog.git"), options());
    let mut work = clone(&remote, "main");
    let commit = work.change("README", Some("mine\n")).unwrap();
    assert_eq!(work.publish("request/7").unwrap(), commit);
    assert_eq!(forge.show("catalog.git", "request/7", "README").as_deref(), Some("mine"));
    assert_eq!(forge.show("catalog.git", "main", "README").as_deref(), Some("hello"));

    // The run that crashed after its push, run again: same change, another commit id because of the date.
    let mut again = clone(&remote, "main");
    let other: repo::Identity = "Somebody Else <else@example.com>".parse().unwrap();
    fs::write(again.checkout.path().join("README"), "mine\n").unwrap();
    let own = again.checkout.commit(&["README".into()], "Change README", &other).unwrap().unwrap();
    assert_ne!(own, commit);
    assert_eq!(again.publish("request/7").unwrap(), commit);

    // Something else there is a conflict.
    let mut different = clone(&remote, "main");
    different.change("README", Some("different\n"));
    let error = different.publish("request/7").unwrap_err();
    insta::assert_snapshot!(shown(&error, &[(&server.url(""), "URL/"), (&commit.to_string(), "COMMIT")]), @"
    conflict: the branch request/7 of URL/catalog.git already exists, at COMMIT, with something else
    hint: delete that branch, or choose another one to push to
    ");
    forge.fsck("catalog.git");
}

#[test]
fn an_existing_branch_at_our_base_is_moved() {
    let forge = forge();
    let path = forge.path().join("catalog.git");
    git(&path, &["branch", "staging", "main"]);
    git(&path, &["pack-refs", "--all"]);
    let server = Server::start(forge.path());
    let mut work = clone(&remote(server.url("catalog.git"), options()), "main");
    let commit = work.change("README", Some("mine\n")).unwrap();
    assert_eq!(work.publish("staging").unwrap(), commit);
    assert_eq!(git(&path, &["rev-parse", "staging"]), commit.to_string());
}

#[test]
fn many_files_and_a_large_one() {
    let forge = forge();
    let large = "0123456789abcdef".repeat(1 << 18);
    let many: Vec<(String, String)> =
        (0..300).map(|n| (format!("configs/p{n}/catalog.json"), format!("{n}\n").repeat(n))).collect();
    let mut list: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    list.push(("configs/large/catalog.json", &large));
    forge.commit("catalog.git", "main", "many", &list);
    let server = Server::start(forge.path());
    let mut work = clone(&remote(server.url("catalog.git"), options()), "main");
    for (path, text) in list {
        assert_eq!(fs::read_to_string(work.checkout.path().join(path)).unwrap(), text, "{path}");
    }
    fs::remove_dir_all(work.checkout.path().join("configs/p7")).unwrap();
    fs::write(work.checkout.path().join("configs/large/catalog.json"), large.repeat(2)).unwrap();
    work.checkout.commit(&["configs".into()], "Edit", &crate::common::bot()).unwrap().unwrap();
    work.publish("main").unwrap();
    let changed = git(&forge.path().join("catalog.git"), &["diff", "--name-status", "main^", "main"]);
    assert_eq!(changed, "M\tconfigs/large/catalog.json\nD\tconfigs/p7/catalog.json");
    forge.fsck("catalog.git");
}

#[test]
fn credentials_and_a_private_authority() {
    let forge = forge();
    let server = Server::builder(forge.path()).login("bot", "hunter2").tls().start();
    let url = server.url("catalog.git");
    let ca = tempfile::NamedTempFile::new().unwrap();
    fs::write(&ca, server.ca_pem()).unwrap();
    let with = |credentials| Options { credentials, ca_file: Some(ca.path().into()), ..options() };
    let hide = [(url.as_str(), "URL")];

    let remote_ = remote(&url, with(credentials(&[("username", "bot\n"), ("password", "hunter2\n")])));
    let mut work = clone(&remote_, "main");
    let commit = work.change("README", Some("mine\n")).unwrap();
    assert_eq!(work.publish("main").unwrap(), commit);
    let stored = format!("https://bot:hunter2@{}\n", url.trim_start_matches("https://").split('/').next().unwrap());
    clone(&remote(&url, with(credentials(&[(".git-credentials", &stored)]))), "main");

    insta::assert_snapshot!(shown(&clone_error(&remote(&url, with(None)), "main"), &hide), @"
    unauthorized: URL asks for credentials (401)
    remote: who are you?
    hint: bind a Secret with `username` and `password`, or `token`, to the step's workspace for Git credentials
    ");
    let wrong = with(credentials(&[("token", "hunter2-wrong")]));
    insta::assert_snapshot!(shown(&clone_error(&remote(&url, wrong), "main"), &hide), @"
    unauthorized: URL refuses the credentials (401)
    remote: who are you?
    hint: is the token expired, or the user name another one?
    ");
    let untrusted = options();
    insta::assert_snapshot!(shown(&clone_error(&remote(&url, untrusted), "main"), &hide), @"
    remote: cannot reach URL: invalid peer certificate: UnknownIssuer
    hint: if a private authority signed it, give that as `ca-bundle.crt` in the `ca` workspace
    ");
}

#[test]
fn credentials_do_not_travel_in_clear_text() {
    let options = Options { credentials: credentials(&[("token", "hunter2")]), ..options() };
    let url = "http://git.example/catalog.git".parse().unwrap();
    let error = repo::Remote::new(url, options, step::Cancel::new()).unwrap_err();
    insta::assert_snapshot!(shown(&error, &[]), @"
    bad-input: credentials would go to git.example in clear text
    hint: use the repository's https:// URL
    ");
}

#[test]
fn a_hook_refuses_with_its_own_words() {
    let forge = forge();
    forge.hook(
        "catalog.git",
        "pre-receive",
        "#!/bin/sh\necho 'package b is frozen'\nprintf '\\033[31mask release@\\n\\n'\nexit 1\n",
    );
    let server = Server::start(forge.path());
    let mut work = clone(&remote(server.url("catalog.git"), options()), "main");
    work.change("README", Some("mine\n"));
    let error = work.publish("main").unwrap_err();
    insta::assert_snapshot!(shown(&error, &[(&server.url("catalog.git"), "URL")]), @"
    unauthorized: URL refuses the push to main: pre-receive hook declined
    remote: package b is frozen
    remote:  [31mask release@
    hint: a hook or a protected branch does not accept it; push to another branch and open a merge request
    ");
    assert_eq!(forge.show("catalog.git", "main", "README").as_deref(), Some("hello"));
}

#[test]
fn a_branch_beside_a_branch() {
    let forge = forge();
    let server = Server::start(forge.path());
    let mut work = clone(&remote(server.url("catalog.git"), options()), "main");
    work.change("README", Some("mine\n"));
    let error = work.publish("main/sub").unwrap_err();
    insta::assert_snapshot!(shown(&error, &[(&server.url("catalog.git"), "URL")]), @"
    conflict: cannot create the branch main/sub: there is a branch main
    hint: git keeps branches as files; choose a name that is not a directory of another
    ");
}

#[test]
fn what_is_not_there() {
    let forge = forge();
    git(forge.path(), &["init", "-q", "--bare", "empty.git"]);
    let server = Server::start(forge.path());
    let url = server.url("");
    let error = |name: &str, branch: &str| shown(&clone_error(&remote(server.url(name), options()), branch), &[(&url, "URL/")]);
    insta::assert_snapshot!(error("catalog.git", "v4.99"), @"
    not-found: URL/catalog.git has no branch v4.99
    hint: its branches are main
    ");
    insta::assert_snapshot!(error("empty.git", "main"), @"
    not-found: URL/empty.git has no branch main
    hint: it has no branch at all: push a first commit to it
    ");
    insta::assert_snapshot!(error("other.git", "main"), @"
    not-found: no repository at URL/other.git (404)
    hint: check the URL; GitHub and GitLab also say so when credentials are missing
    ");
    let closed = remote("http://127.0.0.1:9/catalog.git", options());
    insta::assert_snapshot!(shown(&clone_error(&closed, "main"), &[]), @"remote: fetching main of http://127.0.0.1:9/catalog.git (tried 5 times): cannot reach http://127.0.0.1:9/catalog.git: Connection refused (os error 111)");
    let unknown = remote("http://git.invalid/catalog.git", options());
    let text = shown(&clone_error(&unknown, "main"), &[]);
    assert!(text.starts_with("remote: fetching main of http://git.invalid/catalog.git (tried 5 times): "), "{text}");
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    let forge = forge();
    let server = Server::builder(forge.path())
        .answer(|request| match request.number {
            0 => Answer::Fixed(503, vec![("Retry-After", "1".into())], b"back soon\n".to_vec()),
            1 => Answer::Fixed(429, vec![], vec![]),
            2 => Answer::Close,
            _ => Answer::Git,
        })
        .start();
    let start = Instant::now();
    let mut work = clone(&remote(server.url("catalog.git"), options()), "main");
    assert!(start.elapsed() >= Duration::from_secs(1));
    work.change("README", Some("mine\n"));
    work.publish("main").unwrap();
}

#[test]
fn a_server_that_stays_down() {
    let server = Server::builder("/nonexistent").answer(|_| Answer::Fixed(502, vec![], b"no upstream\nmore\n".to_vec())).start();
    let error = clone_error(&remote(server.url("catalog.git"), options()), "main");
    insta::assert_snapshot!(shown(&error, &[(&server.url("catalog.git"), "URL")]), @"
    remote: fetching main of URL (tried 5 times): URL answers 502 (bad gateway)
    remote: no upstream
    ");
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn a_push_whose_answer_is_lost_is_found_done() {
    let forge = forge();
    let server = Server::builder(forge.path())
        .answer(|request| if request.target.ends_with("/git-receive-pack") { Answer::Lost } else { Answer::Git })
        .start();
    let mut work = clone(&remote(server.url("catalog.git"), options()), "main");
    let commit = work.change("README", Some("mine\n")).unwrap();
    assert_eq!(work.publish("main").unwrap(), commit);
    assert_eq!(git(&forge.path().join("catalog.git"), &["log", "--format=%H", "-1"]), commit.to_string());
    let posts = server.requests().iter().filter(|request| request.target.ends_with("/git-receive-pack")).count();
    assert_eq!(posts, 1, "the branch was asked, the push was not repeated");
}

#[test]
fn a_silent_server_does_not_hold_up_a_cancelled_run() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let server = Server::builder("/nonexistent")
        .answer(move |_| {
            sender.lock().unwrap().send(()).unwrap();
            Answer::Silence
        })
        .start();
    let cancel = step::Cancel::new();
    let remote = repo::Remote::new(server.url("catalog.git").parse().unwrap(), options(), cancel.clone()).unwrap();
    let raiser = std::thread::spawn(move || {
        receiver.recv().unwrap();
        cancel.cancel();
    });
    let start = Instant::now();
    assert_eq!(clone_error(&remote, "main").kind(), Kind::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    raiser.join().unwrap();
}

/// What a server repeats of a secret, at the places where its words are cut.
#[test]
fn half_a_secret_is_not_shown() {
    let forge = forge();
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("token"), "hunter2-and-more").unwrap();
    let with = || Options { credentials: Some(Credentials::from_dir(secret.path()).unwrap()), ..options() };
    for start in 1010..1030 {
        let says = format!("{}hunter2-and-more", "x".repeat(start));
        let server = Server::builder(forge.path()).answer(move |_| Answer::Fixed(403, vec![], says.clone().into_bytes())).start();
        let error = clone_error(&remote(server.url("catalog.git"), with()), "main");
        assert!(!error.details_text().contains("hun") && error.details_text().len() < 1100, "{error:?}");
    }
    for start in [16_370, 16_380] {
        let hook = format!("#!/bin/sh\nprintf '%0{start}d' 0 >&2; echo hunter2-and-more >&2; exit 1\n");
        forge.hook("catalog.git", "pre-receive", &hook);
        let server = Server::start(forge.path());
        let mut work = clone(&remote(server.url("catalog.git"), with()), "main");
        work.change("README", Some("mine\n"));
        let error = work.publish("main").unwrap_err();
        assert!(!format!("{error:?}").contains("hun"), "{}", error.details_text().len());
    }
}

#[test]
fn an_exchange_has_a_deadline() {
    let server = Server::builder("/nonexistent").answer(|_| Answer::Silence).start();
    let retry = step::retry::Policy { attempts: 1, ..options().retry };
    let options = Options { deadline: Duration::from_millis(200), retry, ..options() };
    let error = clone_error(&remote(server.url("catalog.git"), options), "main");
    insta::assert_snapshot!(shown(&error, &[(&server.url("catalog.git"), "URL")]), @"timed-out: fetching main of URL (tried once): cannot reach URL: the exchange took too long");
}
