//! Clones of some directories only, and what no clone takes.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository};
use repo::{Checkout, CloneLimits};
use repo_testing::{Forge, Server, git};
use step::{Cancel, Error, Kind};
use tempfile::TempDir;

use crate::common::{bot, branch, clone, clone_error, files, forge, options, remote, shown};

fn url(forge: &Forge) -> String {
    forge.path().join("catalog.git").display().to_string()
}

fn clone_paths(url: &str, name: &str, paths: &[&str], limits: CloneLimits) -> Result<(Checkout, TempDir), Error> {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<&Path> = paths.iter().map(Path::new).collect();
    let checkout = remote(url, options()).clone_paths(&branch(name), &dir.path().join("work"), &paths, &limits)?;
    Ok((checkout, dir))
}

/// A repository with objects that git would not write.
struct Odd {
    forge: Forge,
    repo: Repository,
}

impl Odd {
    fn new() -> Self {
        let forge = forge();
        let repo = Repository::open_bare(forge.path().join("catalog.git")).unwrap();
        Odd { forge, repo }
    }

    fn blob(&self, bytes: &[u8]) -> Oid {
        self.repo.blob(bytes).unwrap()
    }

    fn tree(&self, entries: &[(&str, &str, Oid)]) -> Oid {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            bytes.extend_from_slice(id.as_bytes());
        }
        self.repo.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap()
    }

    /// Makes the branch `odd` of `tree`.
    fn branch(&self, tree: Oid) {
        let text = format!("tree {tree}\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nodd\n");
        let commit = self.repo.odb().unwrap().write(ObjectType::Commit, text.as_bytes()).unwrap();
        self.repo.reference("refs/heads/odd", commit, true, "").unwrap();
    }

    /// What comes of cloning it: whole, and only `configs`.
    fn cloned(&self, limits: CloneLimits) -> String {
        [vec!["."], vec!["configs"]]
            .map(|paths| match clone_paths(&url(&self.forge), "odd", &paths, limits) {
                Ok((checkout, _dir)) => format!("{} files", files(checkout.path()).len()),
                Err(error) => shown(&error, &[(&url(&self.forge), "URL")]).replace('\n', " | "),
            })
            .join("\n")
    }
}

#[test]
fn a_part_is_cloned_changed_and_put_back() {
    let forge = forge();
    let server = Server::start(forge.path());
    forge.commit("catalog.git", "main", "more", &[("deep/er/file", "1\n"), ("configs.txt", "beside\n")]);
    for url in [url(&forge), server.url("catalog.git")] {
        let (mut checkout, _dir) =
            clone_paths(&url, "main", &["configs/a/", "./deep", "not/there", "configs/a/catalog.yaml"], CloneLimits::default())
                .unwrap();
        let path = checkout.path().to_owned();
        assert_eq!(files(&path), ["configs/a/catalog.yaml", "deep/er/file"]);
        assert_eq!(checkout.commit(&[".".into(), "README".into(), "configs".into()], "x", &bot()).unwrap(), None);
        // Also what lies beside the cloned directories can be added, and nothing there is lost.
        fs::remove_dir_all(path.join("configs/a")).unwrap();
        fs::create_dir_all(path.join("configs/c")).unwrap();
        fs::write(path.join("configs/c/catalog.yaml"), "c\n").unwrap();
        checkout.commit(&["configs".into(), "deep".into()], "Edit", &bot()).unwrap().unwrap();
        // Meanwhile, here and elsewhere.
        forge.commit("catalog.git", "main", "theirs", &[("README", "theirs\n"), ("deep/er/file", &format!("{url}\n"))]);
        let mut seen = Vec::new();
        checkout
            .publish(&branch("main"), |worktree| {
                seen = files(worktree);
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, ["configs/c/catalog.yaml", "deep/er/file"]);
        assert_eq!(fs::read_to_string(path.join("deep/er/file")).unwrap(), format!("{url}\n"));
        let bare = forge.path().join("catalog.git");
        insta::allow_duplicates! {
            insta::assert_snapshot!(git(&bare, &["ls-tree", "-r", "--name-only", "main"]), @"
            README
            configs.txt
            configs/b/catalog.yaml
            configs/c/catalog.yaml
            deep/er/file
            ");
        }
        forge.fsck("catalog.git");
        // For the next round.
        forge.commit("catalog.git", "main", "again", &[("configs/a/catalog.yaml", "a\n")]);
        let mut whole = clone(&remote(&url, options()), "main");
        whole.change("configs/c/catalog.yaml", None);
        whole.publish("main").unwrap();
    }
}

#[test]
fn a_thousand_million_files_in_ten_objects() {
    let odd = Odd::new();
    let mut tree = odd.tree(&[("100644", "0", odd.blob(b""))]);
    for _ in 0..9 {
        let names: Vec<String> = (0..10).map(|at| at.to_string()).collect();
        tree = odd.tree(&names.iter().map(|name| ("40000", name.as_str(), tree)).collect::<Vec<_>>());
    }
    let file = odd.tree(&[("100644", "file", odd.blob(b""))]);
    let limits = CloneLimits { max_entries: 1000, ..CloneLimits::default() };
    odd.branch(odd.tree(&[("40000", "configs", tree), ("40000", "other", file)]));
    insta::assert_snapshot!(odd.cloned(limits), @"
    bad-input: the branch odd of URL: there are more than 1000 files, at configs/0/0/0/0/0/0/4/7 | hint: no catalog has that many; remove them from the branch, or ask for a directory with fewer
    bad-input: the branch odd of URL: there are more than 1000 files, at configs/0/0/0/0/0/0/4/7 | hint: no catalog has that many; remove them from the branch, or ask for a directory with fewer
    ");
    odd.branch(odd.tree(&[("40000", "configs", file), ("40000", "other", tree)]));
    insta::assert_snapshot!(odd.cloned(limits), @"
    bad-input: the branch odd of URL: there are more than 1000 files, at other/0/0/0/0/0/0/4/6/9 | hint: no catalog has that many; remove them from the branch, or ask for a directory with fewer
    1 files
    ");
    // It comes later, and elsewhere.
    let (mut checkout, _dir) = clone_paths(&url(&odd.forge), "main", &["configs"], limits).unwrap();
    fs::write(checkout.path().join("configs/a/catalog.yaml"), "2\n").unwrap();
    checkout.commit(&["configs".into()], "x", &bot()).unwrap().unwrap();
    let configs = odd.repo.revparse_single("main:configs").unwrap().id();
    odd.branch(odd.tree(&[("40000", "configs", configs), ("40000", "other", tree)]));
    git(&odd.forge.path().join("catalog.git"), &["update-ref", "refs/heads/main", "refs/heads/odd"]);
    checkout.publish(&branch("main"), |_| Ok(())).unwrap();
    assert_eq!(odd.forge.show("catalog.git", "main", "configs/a/catalog.yaml").as_deref(), Some("2"));
    assert_eq!(odd.repo.revparse_single("main:other").unwrap().id(), tree);
}

#[test]
fn a_thousand_directories_within_each_other() {
    let odd = Odd::new();
    let file = odd.tree(&[("100644", "file", odd.blob(b""))]);
    let tree = (0..1000).fold(file, |tree, _| odd.tree(&[("40000", "d", tree)]));
    odd.branch(odd.tree(&[("40000", "configs", tree)]));
    let deep = "/d".repeat(190);
    insta::assert_snapshot!(odd.cloned(CloneLimits::default()).replace(&deep, "/…"), @"
    bad-input: the branch odd of URL: configs/…/d/d/d/d/d/d/d/d/d/d is more than 200 directories deep | hint: no catalog is that deep; remove it from the branch
    bad-input: the branch odd of URL: configs/…/d/d/d/d/d/d/d/d/d/d is more than 200 directories deep | hint: no catalog is that deep; remove it from the branch
    ");
    odd.branch(odd.tree(&[("40000", "configs", file), ("40000", "other", tree)]));
    insta::assert_snapshot!(odd.cloned(CloneLimits::default()).replace(&deep, "/…"), @"
    bad-input: the branch odd of URL: other/…/d/d/d/d/d/d/d/d/d/d is more than 200 directories deep | hint: no catalog is that deep; remove it from the branch
    1 files
    ");
}

#[test]
fn a_file_too_large() {
    let odd = Odd::new();
    let (small, large) = (odd.blob(&[0; 1000]), odd.blob(&[0; 1001]));
    let limits = CloneLimits { max_file_size: 1000, ..CloneLimits::default() };
    let [small, large] = [small, large].map(|id| odd.tree(&[("100644", "catalog.json", id)]));
    odd.branch(odd.tree(&[("40000", "configs", large)]));
    insta::assert_snapshot!(odd.cloned(limits), @"
    bad-input: the branch odd of URL: configs/catalog.json has 1001 bytes, more than the 1000 allowed | hint: if that is right, raise max-file-size
    bad-input: the branch odd of URL: configs/catalog.json has 1001 bytes, more than the 1000 allowed | hint: if that is right, raise max-file-size
    ");
    odd.branch(odd.tree(&[("40000", "configs", small), ("40000", "other", large)]));
    insta::assert_snapshot!(odd.cloned(limits), @"
    bad-input: the branch odd of URL: other/catalog.json has 1001 bytes, more than the 1000 allowed | hint: if that is right, raise max-file-size
    1 files
    ");
}

#[test]
fn a_cancelled_clone() {
    let forge = forge();
    let dir = tempfile::tempdir().unwrap();
    let cancel = Cancel::new();
    let remote = repo::Remote::new(url(&forge).parse().unwrap(), options(), cancel.clone()).unwrap();
    cancel.cancel();
    let error = remote.clone_paths(&branch("main"), dir.path(), &[Path::new("configs")], &CloneLimits::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
}

#[test]
fn trees_that_are_damaged() {
    let odd = Odd::new();
    let blob = odd.blob(b"x");
    let missing = Oid::from_str("0123456789abcdef0123456789abcdef01234567").unwrap();
    let inner = odd.tree(&[("100644", "file", blob)]);
    let garbage = odd.repo.odb().unwrap().write(ObjectType::Tree, b"not a tree").unwrap();
    let trees: Vec<(&str, Oid)> = vec![
        ("dot", odd.tree(&[("100644", ".", blob)])),
        ("dot dot", odd.tree(&[("100644", "..", blob)])),
        (".git", odd.tree(&[("40000", ".git", inner)])),
        (".GIT", odd.tree(&[("40000", ".GIT", inner)])),
        ("git~1", odd.tree(&[("40000", "git~1", inner)])),
        ("absolute", odd.tree(&[("100644", "/etc/x", blob)])),
        ("twice", odd.tree(&[("120000", "link", blob), ("40000", "link", inner)])),
        ("a missing file", odd.tree(&[("100644", "file", missing)])),
        ("a missing directory", odd.tree(&[("40000", "dir", missing)])),
        ("a file that is a tree", odd.tree(&[("100644", "file", inner)])),
        ("a directory that is a file", odd.tree(&[("40000", "dir", blob)])),
        ("garbage", odd.tree(&[("40000", "dir", garbage)])),
    ];
    let mut lines = Vec::new();
    for (name, tree) in trees {
        odd.branch(odd.tree(&[("40000", "configs", tree)]));
        let whole = clone_error(&remote(url(&odd.forge), options()), "odd");
        assert_eq!(whole.kind(), Kind::BadInput, "{name}: {whole:?}");
        lines.push(format!("{name}: {}", shown(&whole, &[(&url(&odd.forge), "URL")]).replace('\n', " | ")));
    }
    insta::assert_snapshot!(lines.join("\n"), @r##"
    dot: bad-input: the branch odd of URL: configs has an entry named "." | hint: the repository is damaged: `git fsck` there says more
    dot dot: bad-input: the branch odd of URL: configs has an entry named ".." | hint: the repository is damaged: `git fsck` there says more
    .git: bad-input: the branch odd of URL: configs has an entry named ".git" | hint: the repository is damaged: `git fsck` there says more
    .GIT: bad-input: the branch odd of URL: configs has an entry named ".GIT" | hint: the repository is damaged: `git fsck` there says more
    git~1: bad-input: the branch odd of URL: cannot write its files: cannot checkout to invalid path 'configs/git~1/file'
    absolute: bad-input: the branch odd of URL: configs has an entry named "/etc/x" | hint: the repository is damaged: `git fsck` there says more
    twice: bad-input: the branch odd of URL: configs has two entries named "link" | hint: the repository is damaged: `git fsck` there says more
    a missing file: bad-input: the branch odd of URL: cannot read configs/file: object not found - cannot read header for (0123456789abcdef0123456789abcdef01234567) | hint: the repository is damaged: `git fsck` there says more
    a missing directory: bad-input: the branch odd of URL: cannot read configs/dir: object not found - cannot read header for (0123456789abcdef0123456789abcdef01234567) | hint: the repository is damaged: `git fsck` there says more
    a file that is a tree: bad-input: the branch odd of URL: configs/file is a blob, and its object d9e4a089e9bd9cbd907cc80e0c843a7f5bee31b3 is a tree | hint: the repository is damaged: `git fsck` there says more
    a directory that is a file: bad-input: the branch odd of URL: configs/dir is a tree, and its object c1b0730e0133447badcfd47fd144e254807b06e1 is a blob | hint: the repository is damaged: `git fsck` there says more
    garbage: bad-input: the branch odd of URL: cannot read configs/dir: failed to parse tree: can't parse filemode | hint: the repository is damaged: `git fsck` there says more
    "##);
}

#[test]
fn objects_that_are_damaged() {
    let mut lines = Vec::new();
    for what in ["main", "main^{tree}", "main:configs", "main:configs/a/catalog.yaml"] {
        for change in [|bytes: &mut Vec<u8>| bytes.fill(7), |bytes: &mut Vec<u8>| bytes.clear()] {
            let forge = forge();
            let bare = forge.path().join("catalog.git");
            let id = git(&bare, &["rev-parse", what]);
            let file = bare.join("objects").join(&id[..2]).join(&id[2..]);
            let mut bytes = fs::read(&file).unwrap();
            change(&mut bytes);
            fs::remove_file(&file).unwrap();
            fs::write(&file, bytes).unwrap();
            let error = clone_error(&remote(url(&forge), options()), "main");
            lines.push(format!("{what}: {}", shown(&error, &[(&url(&forge), "URL"), (&id, "ID")]).replace('\n', " | ")));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    main: bad-input: the branch main of URL: cannot read the commit ID: failed to inflate loose object
    main: bad-input: the branch main of URL: cannot read the commit ID: failed to parse loose object: invalid header
    main^{tree}: bad-input: the branch main of URL: cannot read the root directory: failed to read loose object header | hint: the repository is damaged: `git fsck` there says more
    main^{tree}: bad-input: the branch main of URL: cannot read the root directory: failed to parse loose object: invalid header | hint: the repository is damaged: `git fsck` there says more
    main:configs: bad-input: the branch main of URL: cannot read configs: failed to read loose object header | hint: the repository is damaged: `git fsck` there says more
    main:configs: bad-input: the branch main of URL: cannot read configs: failed to parse loose object: invalid header | hint: the repository is damaged: `git fsck` there says more
    main:configs/a/catalog.yaml: bad-input: the branch main of URL: cannot read configs/a/catalog.yaml: failed to read loose object header | hint: the repository is damaged: `git fsck` there says more
    main:configs/a/catalog.yaml: bad-input: the branch main of URL: cannot read configs/a/catalog.yaml: failed to parse loose object: invalid header | hint: the repository is damaged: `git fsck` there says more
    ");
}

/// The branch `odd`: `configs` and `deep/sub` are submodules, `link` a link, `dir` has a file and the submodule `sub`.
fn submodules() -> Odd {
    let odd = Odd::new();
    let commit = odd.repo.refname_to_id("refs/heads/main").unwrap();
    let blob = odd.blob(b"dir");
    odd.branch(odd.tree(&[
        ("160000", "configs", commit),
        ("40000", "deep", odd.tree(&[("160000", "sub", commit)])),
        ("40000", "dir", odd.tree(&[("100644", "file", blob), ("160000", "sub", commit)])),
        ("120000", "link", blob),
    ]));
    odd
}

#[test]
fn submodules_and_links_are_not_cloned() {
    let odd = submodules();
    let text = ["configs", "configs/a", "deep/sub", "deep/sub/x/y", "link", "link/file", "../x", "/x"].map(|path| {
        let error = clone_paths(&url(&odd.forge), "odd", &[path], CloneLimits::default()).unwrap_err();
        shown(&error, &[(&url(&odd.forge), "URL")]).replace('\n', " | ")
    });
    insta::assert_snapshot!(text.join("\n"), @"
    bad-input: the branch odd of URL: configs is a submodule | hint: its files belong to another repository: work on that one
    bad-input: the branch odd of URL: configs is a submodule | hint: its files belong to another repository: work on that one
    bad-input: the branch odd of URL: deep/sub is a submodule | hint: its files belong to another repository: work on that one
    bad-input: the branch odd of URL: deep/sub is a submodule | hint: its files belong to another repository: work on that one
    bad-input: the branch odd of URL: link is a symbolic link | hint: give the directory that it leads to
    bad-input: the branch odd of URL: link is a symbolic link | hint: give the directory that it leads to
    bad-input: ../x is not a path in a repository
    bad-input: /x is not a path in a repository
    ");
    let (checkout, _dir) = clone_paths(&url(&odd.forge), "odd", &["dir", "deep"], CloneLimits::default()).unwrap();
    assert_eq!(files(checkout.path()), ["dir/file"]);
}

#[test]
fn submodules_are_not_written_into() {
    let odd = submodules();
    for paths in [&["."][..], &["dir", "deep"]] {
        let (mut checkout, _dir) = clone_paths(&url(&odd.forge), "odd", paths, CloneLimits::default()).unwrap();
        let root = checkout.path().to_owned();
        let mut commit = |path: &str| {
            checkout.commit(&[PathBuf::from(path)], "x", &bot()).map_or_else(
                |e| format!("{e:?}").replace('\n', " | "),
                |c| c.map_or("nothing".into(), |id| git(&root, &["diff", "--name-status", &format!("{id}^"), &id.to_string()])),
            )
        };
        assert_eq!(commit("."), "nothing");
        for path in ["configs/a", "deep/sub/a"] {
            fs::create_dir_all(root.join(path)).unwrap();
            fs::write(root.join(path).join("file"), "x").unwrap();
        }
        let said = ["configs", "configs/a/file", "deep", "deep/sub", "."].map(&mut commit);
        insta::allow_duplicates! {
            insta::assert_snapshot!(said.join("\n"), @"
            bad-input: configs is a submodule | hint: its files belong to another repository: work on that one
            bad-input: configs is a submodule | hint: its files belong to another repository: work on that one
            bad-input: deep/sub is a submodule | hint: its files belong to another repository: work on that one
            bad-input: deep/sub is a submodule | hint: its files belong to another repository: work on that one
            bad-input: configs is a submodule | hint: its files belong to another repository: work on that one
            ");
        }
        // Gone with its directory.
        fs::remove_dir_all(root.join("dir")).unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(commit("dir"), @"
            D	dir/file
            D	dir/sub
            ");
        }
    }
}

#[test]
fn nothing_is_committed_through_a_link() {
    let forge = forge();
    let mut work = clone(&remote(url(&forge), options()), "main");
    std::os::unix::fs::symlink("configs", work.checkout.path().join("link")).unwrap();
    let error = work.checkout.commit(&["link/a".into()], "x", &bot()).unwrap_err();
    insta::assert_snapshot!(shown(&error, &[]), @"
    bad-input: link is a symbolic link
    hint: give the directory that it leads to
    ");
}
