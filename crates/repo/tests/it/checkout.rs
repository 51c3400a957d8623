//! Commits and rebases, and independence from everybody's configuration.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use repo_testing::{Server, git};
use step::Kind;

use crate::common::{bot, branch, clone, files, forge, options, remote, shown};

fn url(forge: &repo_testing::Forge) -> String {
    forge.path().join("catalog.git").display().to_string()
}

#[test]
fn commits_take_what_is_there_byte_by_byte() {
    let forge = forge();
    forge.commit(
        "catalog.git",
        "main",
        "attributes",
        &[(".gitattributes", "* text eol=crlf ident filter=x\n"), (".gitignore", "*.log\n")],
    );
    let mut work = clone(&remote(url(&forge), options()), "main");
    let path = work.checkout.path().to_owned();
    assert_eq!(fs::read(path.join("README")).unwrap(), b"hello\n");
    fs::write(path.join("configs/a/crlf"), "a\r\nb\r\n$Id$\n").unwrap();
    fs::write(path.join("configs/a/x.log"), "").unwrap();
    fs::write(path.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(path.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("configs/a", path.join("link")).unwrap();
    fs::remove_dir_all(path.join("configs/b")).unwrap();
    // A file becomes a directory.
    fs::remove_file(path.join("README")).unwrap();
    fs::create_dir(path.join("README")).unwrap();
    fs::write(path.join("README/text"), "deeper\n").unwrap();
    fs::create_dir(path.join("empty")).unwrap();
    fs::write(path.join("not-asked-for"), "").unwrap();
    let paths = ["configs", "run.sh", "link", "README", "empty", "never/was"].map(PathBuf::from);
    work.checkout.commit(&paths, "  Edit\n\nOperators: a, b\n\n", &bot()).unwrap().unwrap();
    work.publish("main").unwrap();
    let bare = forge.path().join("catalog.git");
    insta::assert_snapshot!(git(&bare, &["diff", "--raw", "--abbrev=4", "main^", "main"]), @"
    :100644 000000 ce01 0000 D	README
    :000000 100644 0000 e397 A	README/text
    :000000 100644 0000 1f8e A	configs/a/crlf
    :000000 100644 0000 e69d A	configs/a/x.log
    :100644 000000 6178 0000 D	configs/b/catalog.yaml
    :000000 120000 0000 a9e8 A	link
    :000000 100755 0000 1a24 A	run.sh
    ");
    assert_eq!(git(&bare, &["cat-file", "-s", "main:configs/a/crlf"]), "11");
    assert_eq!(git(&bare, &["log", "-1", "--format=%B%ad", "--date=format:%z", "main"]), "Edit\n\nOperators: a, b\n+0000");
    assert_eq!(git(&path, &["status", "--porcelain", "--", "configs"]), "");
    forge.fsck("catalog.git");
}

#[test]
fn nothing_changed_is_no_commit() {
    let forge = forge();
    let mut work = clone(&remote(url(&forge), options()), "main");
    let head = work.checkout.head();
    assert_eq!(work.change("README", Some("hello\n")), None);
    assert_eq!(work.checkout.commit(&[".".into(), "".into()], "x", &bot()).unwrap(), None);
    assert_eq!(work.publish("main").unwrap(), head);
}

#[test]
fn a_branch_without_a_commit_of_ours() {
    let forge = forge();
    let server = Server::start(forge.path());
    for (url, name) in [(url(&forge), "local"), (server.url("catalog.git"), "http")] {
        let mut work = clone(&remote(url, options()), "main");
        assert_eq!(work.publish(name).unwrap(), work.checkout.head());
        assert_eq!(forge.show("catalog.git", name, "README").as_deref(), Some("hello"));
    }
    forge.fsck("catalog.git");
}

#[test]
fn paths_out_of_the_worktree_and_empty_messages() {
    let forge = forge();
    let mut work = clone(&remote(url(&forge), options()), "main");
    for path in ["../x", "/etc/passwd", ".git/config", "configs/../../x"] {
        assert_eq!(work.checkout.commit(&[path.into()], "x", &bot()).unwrap_err().kind(), Kind::Internal, "{path}");
    }
    assert_eq!(work.checkout.commit(&["README".into()], " \n", &bot()).unwrap_err().kind(), Kind::BadInput);
}

#[test]
fn rebase_onto_what_others_did_elsewhere() {
    let forge = forge();
    let remote = remote(url(&forge), options());
    let mut work = clone(&remote, "main");
    work.change("configs/a/catalog.yaml", None);
    work.change("configs/c/catalog.yaml", Some("c\n"));
    forge.commit("catalog.git", "main", "theirs", &[("configs/b/catalog.yaml", "b2\n"), ("configs/d/catalog.yaml", "d\n")]);
    let mut looked = Vec::new();
    let commit = work.checkout.publish(&branch("main"), |path| {
        looked = files(path);
        Ok(())
    });
    assert_eq!(looked, ["README", "configs/b/catalog.yaml", "configs/c/catalog.yaml", "configs/d/catalog.yaml"]);
    let bare = forge.path().join("catalog.git");
    assert_eq!(git(&bare, &["rev-parse", "main"]), commit.unwrap().to_string());
    let subjects = git(&bare, &["log", "--format=%s", "main"]);
    assert_eq!(subjects, "Change configs/c/catalog.yaml\nChange configs/a/catalog.yaml\ntheirs\nfirst");
    assert_eq!(fs::read_to_string(work.checkout.path().join("configs/b/catalog.yaml")).unwrap(), "b2\n");
    assert_eq!(git(work.checkout.path(), &["status", "--porcelain"]), "");
    forge.fsck("catalog.git");
}

#[test]
fn a_verdict_on_the_new_worktree_stops_the_push() {
    let forge = forge();
    let mut work = clone(&remote(url(&forge), options()), "main");
    work.change("README", Some("mine\n"));
    forge.commit("catalog.git", "main", "theirs", &[("configs/b/catalog.yaml", "broken\n")]);
    let error = work.checkout.publish(&branch("main"), |_| Err(step::Error::bad_input("b is broken"))).unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput);
    assert_eq!(forge.show("catalog.git", "main", "README").as_deref(), Some("hello"));
}

/// What we do, what they do meanwhile, and what comes of it.
#[test]
fn who_wins() {
    type Edit = (&'static str, Option<&'static str>);
    let cases: [(&str, &[Edit], &[Edit]); 9] = [
        ("other files", &[("a", Some("1"))], &[("b", Some("1"))]),
        ("same file", &[("README", Some("1"))], &[("README", Some("2"))]),
        ("same file, same change", &[("README", Some("1"))], &[("README", Some("1"))]),
        ("same removal", &[("README", None)], &[("README", None)]),
        ("removed here, edited there", &[("README", None)], &[("README", Some("2"))]),
        ("edited here, removed there", &[("README", Some("1"))], &[("README", None)]),
        ("file here, directory there", &[("new", Some("1"))], &[("new/file", Some("2"))]),
        ("directory here, file there", &[("new/file", Some("1"))], &[("new", Some("2"))]),
        ("same and more", &[("README", None), ("a", Some("1"))], &[("README", None)]),
    ];
    let mut shown_cases = Vec::new();
    for (name, ours, theirs) in cases {
        let forge = forge();
        let remote = remote(url(&forge), options());
        let mut work = clone(&remote, "main");
        let paths: Vec<PathBuf> = ours.iter().map(|(path, _)| path.into()).collect();
        for (path, content) in ours {
            edit(work.checkout.path(), path, *content);
        }
        work.checkout.commit(&paths, "ours", &bot()).unwrap().unwrap();
        let mut other = clone(&remote, "main");
        for (path, content) in theirs {
            edit(other.checkout.path(), path, *content);
        }
        let paths: Vec<PathBuf> = theirs.iter().map(|(path, _)| path.into()).collect();
        other.checkout.commit(&paths, "theirs", &bot()).unwrap().unwrap();
        let their_head = other.publish("main").unwrap();
        let result = match work.publish("main") {
            Ok(commit) if commit == their_head => "theirs is enough".to_owned(),
            Ok(_) => format!("both: {}", files(work.checkout.path()).join(" ")),
            Err(error) => shown(&error, &[(&url(&forge), "URL")]).replace('\n', " | "),
        };
        shown_cases.push(format!("{name}: {result}"));
        forge.fsck("catalog.git");
    }
    insta::assert_snapshot!(shown_cases.join("\n"), @"
    other files: both: README a b configs/a/catalog.yaml configs/b/catalog.yaml
    same file: conflict: the branch main of URL moved, and also changed README | hint: run it again to work on the new state
    same file, same change: theirs is enough
    same removal: theirs is enough
    removed here, edited there: conflict: the branch main of URL moved, and also changed README | hint: run it again to work on the new state
    edited here, removed there: conflict: the branch main of URL moved, and also changed README | hint: run it again to work on the new state
    file here, directory there: conflict: the branch main of URL moved, and also changed new | hint: run it again to work on the new state
    directory here, file there: conflict: the branch main of URL moved, and also changed new/file | hint: run it again to work on the new state
    same and more: both: a configs/a/catalog.yaml configs/b/catalog.yaml
    ");
}

fn edit(root: &std::path::Path, path: &str, content: Option<&str>) {
    let file = root.join(path);
    match content {
        Some(content) => {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        None => fs::remove_file(file).unwrap(),
    }
}

#[test]
fn a_directory_with_something_in_it_is_not_touched() {
    let forge = forge();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("precious"), "x").unwrap();
    let error = remote(url(&forge), options()).clone_branch(&branch("main"), dir.path()).unwrap_err();
    insta::assert_snapshot!(shown(&error, &[(&dir.path().display().to_string(), "DIR")]), @"
    bad-input: DIR is not empty
    hint: clone into a directory that does not exist
    ");
    assert_eq!(files(dir.path()), ["precious"]);
}

#[test]
fn submodules_are_left_alone() {
    let forge = forge();
    let bare = forge.path().join("catalog.git");
    let head = git(&bare, &["rev-parse", "main"]);
    let work = forge.path().join("w");
    git(forge.path(), &["clone", "-q", "catalog.git", "w"]);
    git(&work, &["update-index", "--add", "--cacheinfo", &format!("160000,{head},configs/sub")]);
    git(&work, &["commit", "-q", "-m", "submodule"]);
    git(&work, &["push", "-q", "origin", "main"]);
    let mut clone = clone(&remote(url(&forge), options()), "main");
    edit(clone.checkout.path(), "configs/a/catalog.yaml", Some("2"));
    clone.checkout.commit(&["configs".into()], "x", &bot()).unwrap().unwrap();
    clone.publish("main").unwrap();
    assert_eq!(git(&bare, &["diff", "--name-only", "main^", "main"]), "configs/a/catalog.yaml");
}

/// Runs one test of this file in a process of its own with a hostile configuration around it.
#[test]
fn nobodys_configuration_matters() {
    let home = tempfile::tempdir().unwrap();
    let config = "[core]\n autocrlf = true\n hooksPath = /nonexistent\n attributesFile = ~/attributes\n excludesFile = ~/ignore\n symlinks = false\n fileMode = false\n ignoreCase = true\n\
        [user]\n name = wrong\n email = wrong\n[init]\n defaultBranch = wrong\n templateDir = ~/template\n[commit]\n gpgSign = true\n[filter \"x\"]\n clean = false\n smudge = false\n required = true\n";
    let run = |home: &std::path::Path| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "checkout::commits_take_what_is_there_byte_by_byte", "http::clone_commit_push"])
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home)
            .env("GIT_CONFIG_GLOBAL", home.join(".gitconfig"))
            .env("GIT_DIR", "/nonexistent")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("2 passed"), "{text}");
    };
    fs::write(home.path().join(".gitconfig"), config).unwrap();
    fs::write(home.path().join("attributes"), "* filter=x text eol=crlf\n").unwrap();
    fs::write(home.path().join("ignore"), "*\n").unwrap();
    run(home.path());
    run(std::path::Path::new("/nonexistent"));
}
