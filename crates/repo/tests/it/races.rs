//! A hundred pushes at once: each one lands or says conflict, and no commit is lost.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Barrier;

use repo::CommitId;
use repo_testing::{Forge, Server, git, git_ok};
use step::{Error, Kind};

use crate::common::{branch, clone, forge, options, remote};

const PUSHES: usize = 100;

/// `crowd` threads share the pushes: each clones, waits for the others' clones, changes `file(n)` and pushes.
fn race(forge: &Forge, url: &str, crowd: usize, file: impl Fn(usize) -> String + Sync) -> Vec<Result<CommitId, Error>> {
    let remote = remote(url, options());
    let start = Barrier::new(crowd);
    let mut results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..crowd)
            .map(|first| {
                let (remote, start, file) = (&remote, &start, &file);
                scope.spawn(move || {
                    let push = |n| {
                        let mut work = clone(remote, "main");
                        start.wait();
                        work.change(&file(n), Some(&format!("{n}\n"))).unwrap();
                        (n, work.publish("main"))
                    };
                    (first..PUSHES).step_by(crowd).map(push).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    forge.fsck("catalog.git");
    results.sort_by_key(|(n, _)| *n);
    results.into_iter().map(|(_, result)| result).collect()
}

fn check(forge: &Forge, results: &[Result<CommitId, Error>]) -> usize {
    let bare = forge.path().join("catalog.git");
    let log = git(&bare, &["log", "--format=%H", "main"]);
    let history: BTreeSet<&str> = log.lines().collect();
    let mut landed = BTreeSet::new();
    for result in results {
        match result {
            Ok(commit) => {
                assert!(history.contains(commit.to_string().as_str()), "{commit} is lost");
                landed.insert(commit.to_string());
            }
            Err(error) => assert_eq!(error.kind(), Kind::Conflict, "{error:?}"),
        }
    }
    let ok = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(landed.len(), ok, "two pushes claim one commit");
    assert_eq!(history.len(), ok + 1, "a commit landed that nobody claims");
    assert!(ok > 0);
    ok
}

#[test]
fn over_http() {
    let forge = forge();
    let server = Server::start(forge.path());
    let results = race(&forge, &server.url("catalog.git"), 5, |n| format!("configs/p{n}/catalog.yaml"));
    let landed = check(&forge, &results);
    println!("{landed} of {PUSHES} landed, {} requests", server.requests().len());
    for (n, result) in results.iter().enumerate() {
        let there = forge.show("catalog.git", "main", &format!("configs/p{n}/catalog.yaml"));
        assert_eq!(there, result.is_ok().then(|| n.to_string()));
    }
}

#[test]
fn over_a_path() {
    let forge = forge();
    let results =
        race(&forge, forge.path().join("catalog.git").to_str().unwrap(), PUSHES, |n| format!("configs/p{n}/catalog.yaml"));
    let landed = check(&forge, &results);
    println!("{landed} of {PUSHES} landed");
}

#[test]
fn for_one_file_one_wins() {
    let forge = forge();
    let url = forge.path().join("catalog.git").display().to_string();
    let results = race(&forge, &url, PUSHES, |_| "README".into());
    assert_eq!(check(&forge, &results), 1);
}

#[test]
fn for_one_new_branch_one_wins() {
    let forge = forge();
    let remote = remote(forge.path().join("catalog.git").to_str().unwrap(), options());
    let start = Barrier::new(PUSHES);
    let landed: Vec<CommitId> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..PUSHES)
            .map(|n| {
                let (remote, start) = (&remote, &start);
                scope.spawn(move || {
                    let mut work = clone(remote, "main");
                    work.change("README", Some(&format!("{n}\n"))).unwrap();
                    start.wait();
                    work.publish("request")
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect()
    });
    assert_eq!(landed, [remote.branch_head(&branch("request")).unwrap().unwrap()]);
    forge.fsck("catalog.git");
}

/// Beside git itself, which does not know about us.
#[test]
fn beside_git() {
    let forge = forge();
    let bare = forge.path().join("catalog.git");
    let remote = remote(bare.to_str().unwrap(), options());
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| (0..25).filter(|_| commit_with_git(&bare)).count());
        let ours = (0..10).filter(|n| {
            let mut work = clone(&remote, "main");
            work.change(&format!("p{n}"), Some("x")).unwrap();
            work.publish("main").map_err(|error| assert_eq!(error.kind(), Kind::Conflict, "{error:?}")).is_ok()
        });
        (ours.count(), theirs.join().unwrap())
    });
    assert!(ours > 0 && theirs > 0);
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]), (1 + ours + theirs).to_string());
    forge.fsck("catalog.git");
}

/// Whether an empty commit of git's landed on `main`.
fn commit_with_git(bare: &Path) -> bool {
    let head = git(bare, &["rev-parse", "main"]);
    let next = git(bare, &["commit-tree", &format!("{head}^{{tree}}"), "-p", &head, "-m", "theirs"]);
    git_ok(bare, &["update-ref", "refs/heads/main", &next, &head]).is_some()
}
