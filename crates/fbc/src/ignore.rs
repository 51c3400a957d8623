//! `.indexignore` files, as opm matches them: the rules of go-git's `gitignore` package, which differ from Git's.
//!
//! The differences decide verdicts, so this is not Git's matcher: a pattern without a slash matches any part of the path
//! (a directory's name hides all below it for good, but a later `!` pattern for the file brings it back), `**` inside a
//! longer part matches nothing, and lines are trimmed.

use std::path::Path;

/// The name of ignore files.
pub(crate) const IGNORE_FILE: &str = ".indexignore";

/// The patterns of all ignore files of a tree, in walk order; the last one that matches decides.
#[derive(Debug, Default)]
pub(crate) struct Matcher(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    /// The directory of the ignore file, in parts.
    domain: Vec<String>,
    parts: Vec<String>,
    include: bool,
    dir_only: bool,
}

// === impl Matcher ===

impl Matcher {
    /// Adds the patterns of the ignore file in `dir`.
    pub(crate) fn add(&mut self, dir: &Path, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        self.0.extend(lines.map(|line| Pattern::new(line, parts(dir))));
    }

    /// Whether the file at `path` is ignored.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let path = parts(path);
        self.0.iter().rev().find(|pattern| pattern.matches(&path)).is_some_and(|pattern| !pattern.include)
    }
}

fn parts(path: &Path) -> Vec<String> {
    path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
}

// === impl Pattern ===

impl Pattern {
    fn new(line: &str, domain: Vec<String>) -> Self {
        let (include, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let line = if line.ends_with("\\ ") { line } else { line.trim_end_matches(' ') };
        let (dir_only, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
        Pattern { domain, parts: line.split('/').map(str::to_owned).collect(), include, dir_only }
    }

    fn matches(&self, path: &[String]) -> bool {
        let Some(below) = path.strip_prefix(self.domain.as_slice()).filter(|below| !below.is_empty()) else {
            return false;
        };
        match self.parts.as_slice() {
            [name] => {
                let hit = below.iter().position(|part| matches_name(name, part));
                hit.is_some_and(|at| !(self.dir_only && at + 1 == below.len()))
            }
            _ => self.matches_path(below),
        }
    }

    fn matches_path(&self, mut path: &[String]) -> bool {
        let mut matched = false;
        let mut anywhere = false;
        for (i, part) in self.parts.iter().enumerate() {
            if part.is_empty() {
                anywhere = false;
            } else if part == "**" {
                if i + 1 == self.parts.len() {
                    break;
                }
                anywhere = true;
            } else if part.contains("**") || path.is_empty() {
                return false;
            } else if anywhere {
                anywhere = false;
                match path.iter().position(|name| matches_name(part, name)) {
                    Some(at) => {
                        matched = true;
                        path = &path[at + 1..];
                    }
                    None => {
                        matched = false;
                        path = &[];
                    }
                }
            } else {
                if !matches_name(part, &path[0]) {
                    return false;
                }
                matched = true;
                path = &path[1..];
            }
        }
        matched && !(self.dir_only && path.is_empty())
    }
}

/// Go's `filepath.Match` for one part of a path; a malformed pattern matches nothing.
fn matches_name(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // The last star and where the name stood then: the only place that needs to be tried again.
    let mut retry = None;
    let (mut p, mut n) = (0, 0);
    loop {
        if p < pattern.len() && pattern[p] == '*' {
            p += 1;
            retry = Some((p, n));
            continue;
        }
        let next = if p < pattern.len() { match_one(&pattern[p..], name.get(n).copied()) } else { Some((0, false)) };
        match next {
            None => return false,
            Some((length, true)) => {
                p += length;
                n += 1;
            }
            Some(_) if p == pattern.len() && n == name.len() => return true,
            Some(_) => match retry {
                Some((after, from)) if from < name.len() => {
                    retry = Some((after, from + 1));
                    p = after;
                    n = from + 1;
                }
                _ => return false,
            },
        }
    }
}

/// Matches the first element of `pattern` with one character: its length and whether it matched; `None` if malformed.
fn match_one(pattern: &[char], c: Option<char>) -> Option<(usize, bool)> {
    match pattern[0] {
        '?' => Some((1, c.is_some())),
        '\\' => pattern.get(1).map(|escaped| (2, c == Some(*escaped))),
        '[' => {
            let mut i = 1;
            let negated = pattern.get(1) == Some(&'^');
            if negated {
                i += 1;
            }
            let mut hit = false;
            let mut ranges = 0;
            while ranges == 0 || pattern.get(i) != Some(&']') {
                let (low, after) = class_char(pattern, i)?;
                let (high, after) = if pattern.get(after) == Some(&'-') { class_char(pattern, after + 1)? } else { (low, after) };
                hit |= c.is_some_and(|c| (low..=high).contains(&c));
                i = after;
                ranges += 1;
            }
            Some((i + 1, c.is_some() && hit != negated))
        }
        literal => Some((1, c == Some(literal))),
    }
}

fn class_char(pattern: &[char], at: usize) -> Option<(char, usize)> {
    match *pattern.get(at)? {
        '-' | ']' => None,
        '\\' => pattern.get(at + 1).map(|c| (*c, at + 2)),
        c => Some((c, at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(rules: &[(&str, &str)], path: &str) -> bool {
        let mut matcher = Matcher::default();
        for (dir, text) in rules {
            matcher.add(Path::new(dir), text.as_bytes());
        }
        matcher.matches(Path::new(path))
    }

    #[test]
    fn patterns() {
        let cases = [
            ("README.md", "a/README.md", true),
            ("*.txt", "a/b.txt", true),
            ("**/*.txt", "a/b/c.txt", true),
            ("**/*.txt", "b.txt", true),
            ("/a", "a/b", true),
            ("/a", "b/a", false),
            ("a/", "a", false),
            ("a/", "a/b", true),
            ("a/*/c", "a/b/c", true),
            ("a/**", "a/b/c", true),
            ("a**b", "axb", true),
            ("x/a**b", "x/axb", false),
            ("[a-c]?", "bz", true),
            ("[^a-c]?", "bz", false),
            ("[a", "[a", false),
            ("\\*", "*", true),
            ("# no\n\n  a  ", "a", true),
            ("*\n!keep.json", "a/keep.json", false),
            ("*\n!keep.json", "a/drop.json", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ];
        for (rule, path, expected) in cases {
            assert_eq!(ignored(&[("", rule)], path), expected, "{rule:?} on {path}");
        }
    }

    #[test]
    fn nested_files_rule_their_directory_and_come_later() {
        let rules = [("", "a\n/ignore"), ("dir", "b\n/ignore\n!a")];
        let hits = ["a", "b", "dir/a", "dir/b", "dir/c", "ignore/x", "dir/ignore/a", "dir/ignore/x"];
        let hits: Vec<_> = hits.into_iter().filter(|path| ignored(&rules, path)).collect();
        assert_eq!(hits, ["a", "dir/b", "ignore/x", "dir/ignore/x"]);
    }
}
