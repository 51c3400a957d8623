//! Over a path: the same behaviour, on libgit2's objects and git's locks.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use repo::Push;
use repo_testing::{Forge, git};

use crate::common::{FILES, branch, clone, clone_error, files, forge, options, remote, shown};

fn url(forge: &Forge) -> String {
    format!("file://{}/catalog.git", forge.path().display())
}

#[test]
fn clone_commit_push() {
    let forge = forge();
    let bare = forge.path().join("catalog.git");
    git(&bare, &["pack-refs", "--all"]);
    let remote = remote(url(&forge), options());
    let mut work = clone(&remote, "main");
    assert_eq!(files(work.checkout.path()), FILES.map(|(path, _)| path));
    let commit = work.change("configs/a/catalog.yaml", None).unwrap();
    assert_eq!(work.checkout.push(&branch("main")).unwrap(), Push::Done { head: commit });
    assert_eq!(work.checkout.push(&branch("main")).unwrap(), Push::Done { head: commit });
    assert_eq!(work.publish("request/7").unwrap(), commit);
    assert_eq!(remote.branch_head(&branch("main")).unwrap(), Some(commit));
    assert_eq!(git(&bare, &["log", "--format=%s", "main"]), "Change configs/a/catalog.yaml\nfirst");
    forge.fsck("catalog.git");
    git(&bare, &["gc", "-q", "--prune=now"]);
    let left: Vec<_> = fs::read_dir(bare.join("objects")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "pack" || name == "info"), "{left:?}");
}

#[test]
fn a_branch_that_moved_is_not_overwritten() {
    let forge = forge();
    let remote = remote(url(&forge), options());
    let mut work = clone(&remote, "main");
    work.change("README", Some("mine\n"));
    let theirs = forge.commit("catalog.git", "main", "theirs", &[("README", "theirs\n")]);
    let moved = Push::Moved { head: Some(theirs.parse().unwrap()) };
    assert_eq!(work.checkout.push(&branch("main")).unwrap(), moved);
    let error = work.publish("main").unwrap_err();
    insta::assert_snapshot!(shown(&error, &[(&forge.path().display().to_string(), "DIR")]), @"
    conflict: the branch main of DIR/catalog.git moved, and also changed README
    hint: run it again to work on the new state
    ");
    assert_eq!(forge.show("catalog.git", "main", "README").as_deref(), Some("theirs"));
}

#[test]
fn policies_are_not_bypassed() {
    let forge = forge();
    let hide = forge.path().display().to_string();
    let refused = |url: String| {
        let mut work = clone(&remote(url, options()), "main");
        work.change("README", Some("mine\n"));
        shown(&work.publish("main").unwrap_err(), &[(&hide, "DIR")])
    };
    forge.hook("catalog.git", "pre-receive.sample", "#!/bin/sh\nexit 1\n");
    forge.hook("catalog.git", "update", "#!/bin/sh\nexit 0\n");
    insta::assert_snapshot!(refused(url(&forge)), @"
    unauthorized: DIR/catalog.git has the hook update, and hooks do not run over file://
    hint: push to its https:// or http:// URL, or remove the hook
    ");
    let hook = forge.path().join("catalog.git/hooks/update");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o644)).unwrap();
    git(forge.path(), &["clone", "-q", "catalog.git", "worktree"]);
    insta::assert_snapshot!(refused(format!("{hide}/worktree")), @"
    unauthorized: DIR/worktree has main checked out
    hint: push to a bare repository (git clone --bare), or to another branch
    ");
    git(&forge.path().join("catalog.git"), &["config", "core.hooksPath", &format!("{hide}/policy")]);
    fs::create_dir_all(forge.path().join("policy")).unwrap();
    fs::copy(forge.path().join("catalog.git/hooks/pre-receive.sample"), forge.path().join("policy/pre-receive")).unwrap();
    insta::assert_snapshot!(refused(url(&forge)), @"
    unauthorized: DIR/catalog.git has the hook pre-receive, and hooks do not run over file://
    hint: push to its https:// or http:// URL, or remove the hook
    ");
}

#[test]
fn what_is_not_there() {
    let forge = forge();
    fs::write(forge.path().join("file"), "").unwrap();
    let dir = forge.path().display().to_string();
    let error =
        |path: &str, branch: &str| shown(&clone_error(&remote(format!("{dir}/{path}"), options()), branch), &[(&dir, "DIR")]);
    insta::assert_snapshot!(error("catalog.git", "v4.99"), @"
    not-found: DIR/catalog.git has no branch v4.99
    hint: its branches are main
    ");
    insta::assert_snapshot!(error("other.git", "main"), @"not-found: no repository at DIR/other.git: there is no such path");
    insta::assert_snapshot!(error("", "main"), @"
    not-found: no repository at DIR/
    hint: give the path of a bare repository, or of a directory with .git in it
    ");
    insta::assert_snapshot!(error("file", "main"), @"
    not-found: no repository at DIR/file
    hint: give the path of a bare repository, or of a directory with .git in it
    ");
}

#[test]
fn a_branch_beside_a_branch() {
    let forge = forge();
    let mut work = clone(&remote(url(&forge), options()), "main");
    work.change("README", Some("mine\n"));
    insta::assert_snapshot!(shown(&work.publish("main/sub").unwrap_err(), &[]), @"
    conflict: cannot create the branch main/sub: there is a branch main
    hint: git keeps branches as files; choose a name that is not a directory of another
    ");
}

#[test]
fn a_lock_that_nobody_gives_back() {
    let forge = forge();
    let mut work = clone(&remote(url(&forge), options()), "main");
    work.change("README", Some("mine\n"));
    fs::write(forge.path().join("catalog.git/refs/heads/main.lock"), "").unwrap();
    let error = work.publish("main").unwrap_err();
    insta::assert_snapshot!(shown(&error, &[(&forge.path().display().to_string(), "DIR")]), @"
    conflict: the branch main is locked by DIR/catalog.git/refs/heads/main.lock
    hint: another process writes it; if none does, remove that file
    ");
}

#[test]
fn a_linked_worktree() {
    let forge = forge();
    let dir = forge.path().display().to_string();
    git(&forge.path().join("catalog.git"), &["worktree", "add", "-q", "../linked", "-b", "side", "main"]);
    let linked = format!("{dir}/linked");
    let mut work = clone(&remote(&linked, options()), "side");
    let commit = work.change("README", Some("mine\n")).unwrap();
    assert_eq!(work.publish("new").unwrap(), commit);
    assert_eq!(forge.show("catalog.git", "new", "README").as_deref(), Some("mine"));
    for url in [linked, url(&forge)] {
        let mut work = clone(&remote(&url, options()), "side");
        work.change("README", Some("mine\n")).unwrap();
        let error = shown(&work.publish("side").unwrap_err(), &[(&dir, "DIR")]);
        assert!(error.contains("has side checked out"), "{error}");
    }
    fs::write(forge.path().join("linked/.git"), "x\n").unwrap();
    let error = clone_error(&remote(format!("{dir}/linked"), options()), "side");
    insta::assert_snapshot!(shown(&error, &[(&dir, "DIR")]), @"bad-input: DIR/linked/.git does not say `gitdir: …`");
    forge.fsck("catalog.git");
}

#[test]
fn a_repository_with_other_ids() {
    let forge = Forge::new();
    git(forge.path(), &["init", "-q", "--bare", "--object-format=sha256", "-b", "main", "catalog.git"]);
    let error = clone_error(&remote(url(&forge), options()), "main");
    insta::assert_snapshot!(shown(&error, &[(&forge.path().display().to_string(), "DIR")]), @"
    bad-input: cannot open the repository DIR/catalog.git: unknown object format 'sha256'
    hint: only repositories with SHA-1 ids are supported
    ");
}
