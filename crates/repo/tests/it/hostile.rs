//! Servers and repositories that mean no good.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use repo::{Credentials, Options};
use repo_testing::{Answer, Request, Server, git};

use crate::common::{branch, clone, clone_error, files, forge, options, remote, shown};

fn error_of(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> String {
    let forge = forge();
    let server = Server::builder(forge.path()).answer(answer).start();
    let error = clone_error(&remote(server.url("catalog.git"), options()), "main");
    shown(&error, &[(&server.url("catalog.git"), "URL"), (&server.url(""), "SERVER/")])
}

fn advertisement(body: &str) -> Answer {
    let kind = "application/x-git-upload-pack-advertisement".to_owned();
    Answer::Fixed(200, vec![("Content-Type", kind)], body.as_bytes().to_vec())
}

fn packets(lines: &[&str]) -> String {
    lines.iter().map(|line| if line.is_empty() { "0000".into() } else { format!("{:04x}{line}", line.len() + 4) }).collect()
}

#[test]
fn a_pack_cut_off() {
    let cut = |length| error_of(move |request| if request.method == "POST" { Answer::Cut(length) } else { Answer::Git });
    insta::assert_snapshot!(cut(0), @"remote: fetching main of URL (tried 5 times): the server's answer is cut off: Peer disconnected");
    insta::assert_snapshot!(cut(70), @"remote: fetching main of URL (tried 5 times): the server's answer is cut off: Peer disconnected");
    insta::assert_snapshot!(cut(300), @"remote: fetching main of URL (tried 5 times): the server's answer is cut off: Peer disconnected");
}

#[test]
fn a_list_of_branches_cut_off() {
    insta::assert_snapshot!(error_of(|_| Answer::Cut(100)), @"remote: fetching main of URL (tried 5 times): the server's answer is cut off: Peer disconnected");
}

#[test]
fn an_endless_list_of_branches() {
    let kind = "application/x-git-upload-pack-advertisement".to_owned();
    let head = packets(&["# service=git-upload-pack\n", ""]);
    let line = packets(&["0123456789abcdef0123456789abcdef01234567 refs/tags/v1\n"]).repeat(1000);
    let error = error_of(move |_| {
        let headers = vec![("Content-Type", kind.clone())];
        Answer::Endless(headers, head.clone().into_bytes(), line.clone().into_bytes())
    });
    insta::assert_snapshot!(error, @"remote: the server lists more than 64 MiB of branches and tags");
}

#[test]
fn lists_of_branches_that_are_none() {
    let bad = [
        packets(&["# service=git-receive-pack\n", "", ""]),
        packets(&["# service=git-upload-pack\n", "", "not an id refs/heads/main\n", ""]),
        packets(&["# service=git-upload-pack\n", "", "ERR Repository not found.\n"]),
        packets(&["version 2\n", "agent=git/2\n", ""]),
        "<html>".to_owned(),
        String::new(),
        packets(&["# service=git-upload-pack\n", "", &format!("{} refs/heads/main\0object-format=sha256", "0".repeat(64)), ""]),
        packets(&["# service=git-upload-pack\n", "", &format!("{} capabilities^{{}}\0object-format=sha256", "0".repeat(64)), ""]),
    ];
    let shown: Vec<String> = bad.into_iter().map(|body| error_of(move |_| advertisement(&body)).replace('\n', " | ")).collect();
    insta::assert_snapshot!(shown.join("\n"), @r##"
    remote: the server does not speak Git's protocol: its answer starts with "# service=git-receive-pack"
    remote: fetching main of URL (tried 5 times): the server does not speak Git's protocol: "not an id refs/heads/main" in its list of branches
    remote: fetching main of URL (tried 5 times): the server says: Repository not found.
    remote: the server does not speak Git's protocol: its answer starts with "version 2"
    remote: fetching main of URL (tried 5 times): the server does not speak Git's protocol: a packet starts with "<htm"
    remote: fetching main of URL (tried 5 times): the server's answer is cut off
    bad-input: URL names its objects by sha256 | hint: only repositories with SHA-1 ids are supported
    bad-input: URL names its objects by sha256 | hint: only repositories with SHA-1 ids are supported
    "##);
}

#[test]
fn a_login_page() {
    let page = Answer::Fixed(200, vec![("Content-Type", "text/html; charset=utf-8".into())], b"<html>".to_vec());
    insta::assert_snapshot!(error_of(move |_| page.clone()), @r#"
    not-found: URL is not a Git repository: it answers with "text/html"
    hint: give the clone URL; some servers answer with a login page when credentials are missing or wrong
    "#);
    let login = Answer::Fixed(302, vec![("Location", "/users/sign_in".into())], vec![]);
    let text = error_of(move |_| login.clone());
    insta::assert_snapshot!(text, @"
    not-found: URL redirects to SERVER/users/sign_in, which is not a repository
    hint: give the clone URL; some servers redirect to a login page when credentials are missing or wrong
    ");
}

#[test]
fn a_redirect_to_another_host_gets_no_credentials() {
    let forge = forge();
    let target = Server::start(forge.path());
    let to = target.url("catalog.git");
    let source = Server::builder("/nonexistent")
        .login("oauth2", "hunter2")
        .answer(move |request| {
            let rest = request.target.strip_prefix("/catalog.git").unwrap();
            Answer::Fixed(302, vec![("Location", format!("{to}{rest}"))], vec![])
        })
        .start();
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("token"), "hunter2").unwrap();
    let with = || Options { credentials: Some(Credentials::from_dir(secret.path()).unwrap()), ..options() };
    let mut work = clone(&remote(source.url("catalog.git"), with()), "main");
    work.change("README", Some("mine\n"));
    work.publish("main").unwrap();
    assert!(target.requests().len() > 3);
    assert!(target.requests().iter().all(|request| request.header("authorization").is_none()));
    assert!(source.requests().iter().all(|request| request.method == "GET" && request.header("authorization").is_some()));

    // When the other host asks for some, the error says why it got none.
    let private = Server::builder(forge.path()).login("oauth2", "hunter2").start();
    let to = private.url("catalog.git/info/refs?service=git-upload-pack");
    let source =
        Server::builder("/nonexistent").answer(move |_| Answer::Fixed(307, vec![("Location", to.clone())], vec![])).start();
    let error = clone_error(&remote(source.url("catalog.git"), with()), "main");
    let hide = [(&*source.url("catalog.git"), "SOURCE"), (&*private.url("catalog.git"), "TARGET")];
    insta::assert_snapshot!(shown(&error, &hide), @"
    unauthorized: SOURCE redirects to TARGET, which asks for credentials (401)
    remote: who are you?
    hint: use that URL; credentials are not sent to a host that was not asked for
    ");
}

#[test]
fn a_redirect_in_circles() {
    let text = error_of(|request| Answer::Fixed(302, vec![("Location", request.target.clone())], vec![]));
    insta::assert_snapshot!(text, @"remote: URL redirects more than 5 times");
}

/// A well-formed answer to a fetch of `head` with `pack`.
fn answer_with(head: &str, pack: &[u8]) -> Answer {
    let mut body = packets(&[&format!("shallow {head}\n"), "", "NAK\n"]).into_bytes();
    body.extend_from_slice(format!("{:04x}\u{1}", pack.len() + 5).as_bytes());
    body.extend_from_slice(pack);
    body.extend_from_slice(b"0000");
    Answer::Fixed(200, vec![("Content-Type", "application/x-git-upload-pack-result".into())], body)
}

/// The branch `main` of a repository as one pack.
fn pack_of(bare: &Path) -> Vec<u8> {
    let mut child = Command::new("git")
        .args(["pack-objects", "--revs", "--stdout", "-q"])
        .current_dir(bare)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"main\n").unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn packs_that_lie() {
    let forge = forge();
    forge.create("other.git", "main", &[("other", "thing\n")]);
    let bare = forge.path().join("catalog.git");
    let head = git(&bare, &["rev-parse", "main"]);
    let good = pack_of(&bare);
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let mut many = good.clone();
    many[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    let packs = [
        ("good", good.clone()),
        ("cut off", good[..good.len() - 30].to_vec()),
        ("one bit", flipped),
        ("four billion objects", many),
        ("no pack", b"hello".to_vec()),
        ("nothing", vec![]),
        ("another repository's", pack_of(&forge.path().join("other.git"))),
    ];
    let mut lines = Vec::new();
    for (name, pack) in packs {
        let known = head.clone();
        let server = Server::builder(forge.path())
            .answer(move |request| if request.method == "POST" { answer_with(&known, &pack) } else { Answer::Git })
            .start();
        let dir = tempfile::tempdir().unwrap();
        let cloned = remote(server.url("catalog.git"), options()).clone_branch(&branch("main"), &dir.path().join("work"));
        let hide = [(&*server.url("catalog.git"), "URL"), (&*head, "COMMIT")];
        let mut line = cloned.map_or_else(|error| shown(&error, &hide), |_| "cloned".into());
        if name == "four billion objects" {
            // Whether there is memory for a list of them is the machine's business; it is refused either way.
            line = line.replace(": Out of memory", "").replace(": packfile trailer mismatch", "");
        }
        lines.push(format!("{name}: {line}"));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    good: cloned
    cut off: remote: fetching main of URL (tried 5 times): the pack is broken: missing trailer at the end of the pack
    one bit: remote: fetching main of URL (tried 5 times): the pack is broken: error reading from the zlib stream
    four billion objects: remote: fetching main of URL (tried 5 times): the pack is broken
    no pack: remote: fetching main of URL (tried 5 times): the pack is broken: incomplete pack header
    nothing: remote: fetching main of URL (tried 5 times): the pack is broken: incomplete pack header
    another repository's: remote: fetching main of URL (tried 5 times): the server does not speak Git's protocol: its pack lacks the commit COMMIT
    ");
}

/// Trees that git would never write but that somebody can push to a lax server.
#[test]
fn files_stay_in_the_directory() {
    for entries in [
        // A link, and a file "below" it.
        vec![("120000", "blob", "link", "../../outside"), ("040000", "tree", "link", "")],
        vec![("100644", "blob", "..", "x")],
        vec![("100644", "blob", "../escaped", "x")],
        vec![("040000", "tree", ".git", "")],
        vec![("040000", "tree", ".GIT", "")],
        vec![("040000", "tree", "git~1", "")],
    ] {
        let forge = forge();
        let bare = forge.path().join("catalog.git");
        let blob = |text: &str| object(&bare, "blob", text.as_bytes());
        let inner = [b"100644 config\0".as_slice(), &raw(&blob("[core]\n hooksPath = .\n"))].concat();
        let inner = object(&bare, "tree", &inner);
        let mut tree = Vec::new();
        for (mode, kind, name, content) in &entries {
            let id = if *kind == "tree" { inner.clone() } else { blob(content) };
            tree.extend_from_slice(format!("{} {name}\0", mode.trim_start_matches('0')).as_bytes());
            tree.extend_from_slice(&raw(&id));
        }
        let tree = object(&bare, "tree", &tree);
        let commit = format!("tree {tree}\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nevil\n");
        let commit = object(&bare, "commit", commit.as_bytes());
        git(&bare, &["update-ref", "refs/heads/evil", &commit]);
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("a/b/work");
        let result = remote(bare.to_str().unwrap(), options()).clone_branch(&"evil".parse().unwrap(), &into);
        let outside: Vec<String> = files(dir.path()).into_iter().filter(|path| !path.starts_with("a/b/work/")).collect();
        assert_eq!(outside, [""; 0], "{entries:?}");
        let config = fs::read_to_string(into.join(".git/config")).unwrap();
        assert!(!config.contains("hooksPath"), "{entries:?}");
        assert!(result.is_err(), "{entries:?}: {:?}", files(&into));
    }
}

fn object(bare: &Path, kind: &str, bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, bytes).unwrap();
    git(bare, &["hash-object", "-w", "--literally", "-t", kind, file.path().to_str().unwrap()])
}

fn raw(id: &str) -> Vec<u8> {
    (0..20).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).unwrap()).collect()
}
