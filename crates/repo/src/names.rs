//! Branches, commits and people: values that cannot be wrong.

use std::fmt;
use std::str::FromStr;

use git2::Oid;

use crate::remote::Heads;

/// A branch's short name: `main`, `v4.19`, `iib-request-7-v4.19`.
///
/// The rules are `git check-ref-format --branch`'s, and no `$`, which kubelet and Tekton would expand.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BranchName(String);

/// A commit's id: 40 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitId(Oid);

/// What to read of a repository: a branch, a tag or a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// A branch: `refs/heads/main`.
    Branch(BranchName),
    /// A tag: `refs/tags/v1.0`. Tags are called as branches are.
    Tag(BranchName),
    /// A branch, and where there is none of that name, a tag: `main`.
    Named(BranchName),
    /// A commit, by all 40 digits.
    Commit(CommitId),
}

/// Who made a commit. Parsed from `Name <mail@example>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    name: String,
    email: String,
}

/// Why a text is not the name it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidName {
    what: &'static str,
    why: &'static str,
}

// === impl BranchName ===

impl BranchName {
    /// The short name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `refs/heads/…`.
    pub(crate) fn reference(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl FromStr for BranchName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let refuse = |why| Err(InvalidName { what: "a branch name", why });
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.starts_with('-') {
            return refuse("it starts with `-`");
        }
        if text.starts_with("refs/") {
            return refuse("it starts with `refs/`; give the short name, as in `main`");
        }
        if text.contains('$') {
            return refuse("it holds `$`");
        }
        // A lock file's name is the reference's and `.lock`, and file systems end at 255 bytes.
        if text.split('/').any(|part| part.len() > 250) || text.len() > 1000 {
            return refuse("it is too long");
        }
        // `HEAD` is allowed as a reference but not as a branch, as in git.
        if text == "HEAD" || !git2::Reference::is_valid_name(&format!("refs/heads/{text}")) {
            return refuse(
                "git allows no space, no control character, none of `..` `~` `^` `:` `?` `*` `[` `\\` `@{`, no part that starts \
                 with `.` or ends with `.lock`, and no `/` or `.` at an end",
            );
        }
        Ok(BranchName(text.to_owned()))
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Revision ===

impl Revision {
    /// Its reference, or object, in a repository with these branches and tags; a tag may be an object that names a commit.
    /// `None` when it is not there; a commit is not looked for.
    pub(crate) fn find(&self, heads: &Heads, tags: &Heads) -> Option<CommitId> {
        match self {
            Revision::Branch(name) => heads.get(name.as_str()).copied(),
            Revision::Tag(name) => tags.get(name.as_str()).copied(),
            Revision::Named(name) => heads.get(name.as_str()).or_else(|| tags.get(name.as_str())).copied(),
            Revision::Commit(id) => Some(*id),
        }
    }

    /// A name for the branch of a checkout of it.
    pub(crate) fn name(&self) -> BranchName {
        match self {
            Revision::Branch(name) | Revision::Tag(name) | Revision::Named(name) => name.clone(),
            Revision::Commit(id) => BranchName(id.to_string()),
        }
    }
}

impl FromStr for Revision {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if let Ok(commit) = text.parse() {
            return Ok(Revision::Commit(commit));
        }
        let parsed = match (text.strip_prefix("refs/heads/"), text.strip_prefix("refs/tags/")) {
            (Some(branch), _) => branch.parse().map(Revision::Branch),
            (_, Some(tag)) => tag.parse().map(Revision::Tag),
            _ => text.parse().map(Revision::Named),
        };
        parsed.map_err(|invalid| InvalidName { what: "a branch, a tag or a commit", ..invalid })
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Revision::Branch(name) | Revision::Named(name) => name.fmt(f),
            Revision::Tag(name) => write!(f, "refs/tags/{name}"),
            Revision::Commit(id) => id.fmt(f),
        }
    }
}

// === impl CommitId ===

impl CommitId {
    pub(crate) fn oid(self) -> Oid {
        self.0
    }
}

impl From<Oid> for CommitId {
    fn from(id: Oid) -> Self {
        CommitId(id)
    }
}

impl FromStr for CommitId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = InvalidName { what: "a commit id", why: "it is not 40 hexadecimal digits" };
        // libgit2 also takes abbreviations.
        if text.len() != 40 {
            return Err(invalid);
        }
        Oid::from_str(text).map(CommitId).map_err(|_| invalid)
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Identity ===

impl Identity {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The mail address.
    pub fn email(&self) -> &str {
        &self.email
    }
}

impl FromStr for Identity {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let refuse = |why| InvalidName { what: "an author", why };
        if text.chars().any(char::is_control) || text.contains('$') {
            return Err(refuse("it holds `$` or a control character"));
        }
        let shape = || refuse("it is not `Name <mail@example.com>`");
        let (name, email) = text.trim().strip_suffix('>').and_then(|text| text.split_once('<')).ok_or_else(shape)?;
        let (name, email) = (name.trim(), email.trim());
        // git drops these at the ends of a name, so a name of nothing else would be empty.
        if name.trim_matches(|c: char| " .,:;<>\"\\'".contains(c)).is_empty() {
            return Err(refuse("its name is empty"));
        }
        if name.contains(['<', '>']) || email.contains(['<', '>']) || email.contains(char::is_whitespace) || email.is_empty() {
            return Err(shape());
        }
        Ok(Identity { name: name.to_owned(), email: email.to_owned() })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <{}>", self.name, self.email)
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {}: {}", self.what, self.why)
    }
}

impl std::error::Error for InvalidName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches() {
        for good in ["main", "v4.19", "iib-dev-request-7-v4.19", "a/b/c", "ü", "@", "a@b", "{x}"] {
            assert_eq!(good.parse::<BranchName>().unwrap().reference(), format!("refs/heads/{good}"));
        }
        let long = "x".repeat(300);
        for bad in [
            "",
            "-x",
            "--force",
            "a..b",
            "a b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "a@{1}",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "a/",
            "/a",
            "a//b",
            "a.",
            "HEAD",
            "refs/heads/main",
            "$(params.branch)",
            "a\nb",
            "a\0",
            &long,
        ] {
            assert!(bad.parse::<BranchName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn commits() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(id.parse::<CommitId>().unwrap().to_string(), id);
        for bad in ["", "0123", &id[1..], "g123456789abcdef0123456789abcdef01234567", &format!("{id}0")] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn identities() {
        let bot: Identity = " Release Bot < bot@example.com > ".parse().unwrap();
        assert_eq!((bot.name(), bot.email()), ("Release Bot", "bot@example.com"));
        for bad in
            ["", "Bot", "<a@b>", "Bot <>", "Bot <a b>", "Bot <a@b> x", "B<ot <a@b>", "Bot\n <a@b>", "$(x) <a@b>", ". <a@b>"]
        {
            assert!(bad.parse::<Identity>().is_err(), "{bad:?}");
        }
    }
}
