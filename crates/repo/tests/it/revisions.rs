//! Branches, tags and commits, read over HTTP and over a path.

use std::fs;
use std::path::Path;

use repo::{CloneLimits, CommitId, Revision};
use repo_testing::{Server, git};
use step::Error;

use crate::common::{forge, options, remote, shown};

/// What `configs/a.txt` says at a revision, and the commit.
fn read(url: &str, revision: &str) -> Result<(String, CommitId), Error> {
    let dir = tempfile::tempdir().unwrap();
    let revision: Revision = revision.parse().unwrap();
    let commit = remote(url, options()).read_paths(&revision, dir.path(), &[Path::new("a.txt")], &CloneLimits::default())?;
    Ok((fs::read_to_string(dir.path().join("a.txt")).unwrap_or_default(), commit))
}

#[test]
fn branches_tags_and_commits_over_http_and_a_path() {
    let forge = forge();
    let repository = forge.path().join("catalog.git");
    let first = forge.commit("catalog.git", "main", "one", &[("a.txt", "first")]);
    git(&repository, &["tag", "light", "main"]);
    git(&repository, &["-c", "user.name=a", "-c", "user.email=a@b", "tag", "-a", "-m", "x", "annotated", "main"]);
    let second = forge.commit("catalog.git", "main", "two", &[("a.txt", "second")]);
    // A tag with a branch's name: the branch counts, unless the tag is asked for.
    git(&repository, &["tag", "main", "light"]);
    let server = Server::start(forge.path());
    let urls = [server.url("catalog.git"), repository.display().to_string()];

    for url in &urls {
        for (revision, text, commit) in [
            ("main", "second", &second),
            ("refs/heads/main", "second", &second),
            ("refs/tags/main", "first", &first),
            ("light", "first", &first),
            ("annotated", "first", &first),
            ("refs/tags/annotated", "first", &first),
            (&*second, "second", &second),
        ] {
            let (read, id) = read(url, revision).unwrap();
            assert_eq!((&*read, &id.to_string()), (text, commit), "{revision} of {url}");
        }
    }
    // Only what a branch or tag is at, unless the server says that it gives more.
    git(&repository, &["tag", "-d", "light", "annotated", "main"]);
    assert_eq!(read(&urls[1], &first).unwrap().0, "first");
    let refused = read(&urls[0], &first).unwrap_err();
    git(&repository, &["config", "uploadpack.allowReachableSHA1InWant", "true"]);
    assert_eq!(read(&urls[0], &first).unwrap().0, "first");

    let absent = "0123456789012345678901234567890123456789";
    let mut said = vec![shown(&refused, &[])];
    for url in &urls {
        for revision in ["none", "refs/tags/none", "refs/heads/none", absent] {
            said.push(shown(&read(url, revision).unwrap_err(), &[]));
        }
    }
    let said = said.join("\n").replace(&server.url(""), "URL/").replace(&forge.path().display().to_string(), "DIR");
    insta::assert_snapshot!(said.replace(&first, "[first]"), @"
    not-found: URL/catalog.git has no branch or tag at the commit [first]
    hint: this server gives no other commits (uploadpack.allowReachableSHA1InWant): name a branch
    not-found: URL/catalog.git has no branch none
    hint: its branches are main
    not-found: URL/catalog.git has no tag none
    hint: it has no tag at all
    not-found: URL/catalog.git has no branch none
    hint: its branches are main
    not-found: URL/catalog.git has no commit 0123456789012345678901234567890123456789
    not-found: DIR/catalog.git has no branch none
    hint: its branches are main
    not-found: DIR/catalog.git has no tag none
    hint: it has no tag at all
    not-found: DIR/catalog.git has no branch none
    hint: its branches are main
    not-found: DIR/catalog.git: there is no commit 0123456789012345678901234567890123456789
    ");
}

#[test]
fn what_is_no_revision() {
    let said: Vec<String> = ["", "-x", "a b", "refs/notes/x", "$(x)", "main~1", "HEAD", "refs/heads/"]
        .iter()
        .map(|text| format!("{text:?}: {}", text.parse::<Revision>().unwrap_err()))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    "": not a branch, a tag or a commit: it is empty
    "-x": not a branch, a tag or a commit: it starts with `-`
    "a b": not a branch, a tag or a commit: git allows no space, no control character, none of `..` `~` `^` `:` `?` `*` `[` `\` `@{`, no part that starts with `.` or ends with `.lock`, and no `/` or `.` at an end
    "refs/notes/x": not a branch, a tag or a commit: it starts with `refs/`; give the short name, as in `main`
    "$(x)": not a branch, a tag or a commit: it holds `$`
    "main~1": not a branch, a tag or a commit: git allows no space, no control character, none of `..` `~` `^` `:` `?` `*` `[` `\` `@{`, no part that starts with `.` or ends with `.lock`, and no `/` or `.` at an end
    "HEAD": not a branch, a tag or a commit: git allows no space, no control character, none of `..` `~` `^` `:` `?` `*` `[` `\` `@{`, no part that starts with `.` or ends with `.lock`, and no `/` or `.` at an end
    "refs/heads/": not a branch, a tag or a commit: it is empty
    "#);
}
