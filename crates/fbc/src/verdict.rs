//! What opm says about a catalog.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// opm's verdict on a catalog. [`Display`](fmt::Display) is opm's message, empty for a valid catalog.
///
/// opm reports one error when it cannot read or convert a catalog, whichever it meets first, and a tree when the converted
/// catalog breaks rules. Here a single error is opm's text to the letter, but for what opm has from Go's libraries (JSON
/// types, JSON and YAML syntax): there the words are ours. Several are a tree below `invalid index:`, those of reading with
/// their place before them. Siblings are sorted, where opm's are in random order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    counts: Counts,
    faults: Faults,
}

/// How much a catalog holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// `olm.package` objects.
    pub packages: usize,
    /// `olm.channel` objects.
    pub channels: usize,
    /// `olm.bundle` objects.
    pub bundles: usize,
}

/// One thing that is wrong with a catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file, below the catalog, if the fault is one of a file or of an object in it.
    pub file: Option<PathBuf>,
    /// Line of the fault, or of the start of the object, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Faults {
    /// Faults of reading, or of conversion, which opm stops at.
    Flat(Vec<Finding>),
    /// Broken rules.
    Tree(Node),
}

/// A message with what is below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Node {
    message: String,
    children: Vec<Node>,
}

// === impl Verdict ===

impl Verdict {
    pub(crate) fn flat(counts: Counts, mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| (&a.file, a.line, &a.message).cmp(&(&b.file, b.line, &b.message)));
        Verdict { counts, faults: Faults::Flat(findings) }
    }

    pub(crate) fn tree(counts: Counts, root: Option<Node>) -> Self {
        Verdict { counts, faults: root.map_or_else(Faults::default, Faults::Tree) }
    }

    /// Whether opm accepts the catalog.
    pub fn is_valid(&self) -> bool {
        matches!(&self.faults, Faults::Flat(findings) if findings.is_empty())
    }

    /// How many packages, channels and bundles were read.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// All that is wrong, one finding each; empty for a valid catalog.
    pub fn findings(&self) -> Vec<Finding> {
        match &self.faults {
            Faults::Flat(findings) => findings.clone(),
            Faults::Tree(root) => {
                let mut findings = Vec::new();
                root.children.iter().for_each(|child| child.leaves("", &mut findings));
                findings
            }
        }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Faults::Flat(Vec::new())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.faults {
            Faults::Flat(findings) => match findings.as_slice() {
                [] => Ok(()),
                [one] => f.write_str(&one.message),
                several => {
                    let node = |finding: &Finding| Node::leaf(finding.to_string());
                    Node { message: "invalid index".into(), children: several.iter().map(node).collect() }.fmt(f)
                }
            },
            Faults::Tree(root) => root.fmt(f),
        }
    }
}

// === impl Finding ===

/// `file:line: message` on one line, as far as the place is known.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message.trim_end().replace('\n', " "))
    }
}

// === impl Node ===

impl Node {
    pub(crate) fn leaf(message: impl Into<String>) -> Self {
        Node { message: message.into(), children: Vec::new() }
    }

    /// A message with sorted children; nothing when there are none.
    pub(crate) fn parent(message: impl Into<String>, mut children: Vec<Node>) -> Option<Self> {
        children.sort_unstable();
        (!children.is_empty()).then(|| Node { message: message.into(), children })
    }

    fn leaves(&self, above: &str, findings: &mut Vec<Finding>) {
        let message = if above.is_empty() { self.message.clone() } else { format!("{above}: {}", self.message) };
        if self.children.is_empty() {
            findings.push(Finding { file: None, line: None, message });
        } else {
            self.children.iter().for_each(|child| child.leaves(&message, findings));
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.children.is_empty() {
            f.write_str(":")?;
        }
        for (i, child) in self.children.iter().enumerate() {
            let last = i + 1 == self.children.len();
            write!(f, "\n{indent}{}", if last { "└── " } else { "├── " })?;
            child.write(f, &format!("{indent}{}", if last { "    " } else { "│   " }))?;
        }
        Ok(())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}
