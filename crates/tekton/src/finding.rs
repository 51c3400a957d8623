//! What is wrong with a file, and where.

use std::fmt;
use std::ops::Range;

use crate::node::{Data, Node};
use crate::rules::{Rule, ToldBy};
use crate::source::{Source, Span};

/// Bytes of a text of which only the whole is a place.
const LONG: usize = 64 * 1024;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It works, and should not be done.
    Warning,
    /// Tekton refuses it, fails when it runs, or ignores it without a word.
    Error,
}

/// One breach of one rule at one place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// Which of the sources, by its index.
    pub source: usize,
    /// Where in it.
    pub span: Span,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Who else would tell, where it is not who tells of most breaches of the rule.
    pub told_by: ToldBy,
}

/// Where rules put what they find in one source.
#[derive(Debug)]
pub struct Report<'f> {
    findings: &'f mut Vec<Finding>,
    source: usize,
}

/// A place in a document: a value, or where it would be.
///
/// Rules walk the typed object and keep a place beside it, which knows the line when something is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Place<'n> {
    source: &'n Source,
    span: Span,
    node: Option<&'n Node>,
}

// === impl Finding ===

impl Finding {
    /// Escapes what would end the line or command a terminal: a file's names are in messages.
    pub(crate) fn keep_to_one_line(&mut self) {
        for text in std::iter::once(&mut self.message).chain(&mut self.hint) {
            if text.contains(char::is_control) {
                let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
                *text = text.chars().map(escaped).collect();
            }
        }
    }

    /// With advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the nearest of `names` as advice, if one is near.
    pub fn did_you_mean<'a>(self, written: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(written, names) {
            Some(name) => self.hint(format!("did you mean {name:?}?")),
            None => self,
        }
    }
}

/// The name that somebody who wrote `written` most likely meant.
pub fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Among more names nobody can be helped by one, and looking for it takes too long.
    const MANY: usize = 300;
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '_', '.'], "");
    let wanted = plain(written);
    let score = |name: &str| {
        let name = plain(name);
        if name == wanted { 1.0 } else { strsim::jaro_winkler(&name, &wanted) }
    };
    let scored = names.into_iter().take(MANY).filter(|name| *name != written).map(|name| (score(name), name));
    // What begins alike is preferred; below this, names have little in common.
    scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

// === impl Report ===

impl<'f> Report<'f> {
    /// For the source with this index.
    pub fn new(findings: &'f mut Vec<Finding>, source: usize) -> Self {
        Report { findings, source }
    }

    /// A finding in this source, for [`Report::push`].
    pub fn finding(&self, rule: &'static Rule, span: Span, message: impl Into<String>) -> Finding {
        Finding { rule, source: self.source, span, message: message.into(), hint: None, told_by: rule.told_by }
    }

    /// Keeps a finding.
    pub fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Keeps a finding at `place`; the returned handle takes a hint.
    pub fn at(&mut self, rule: &'static Rule, place: Place<'_>, message: impl Into<String>) -> &mut Finding {
        let finding = self.finding(rule, place.span, message);
        self.findings.push(finding);
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// The finding that was kept last.
    pub fn last(&mut self) -> Option<&mut Finding> {
        self.findings.last_mut()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Hints for a finding that is kept already.
pub trait Advice: Sized {
    /// See [`Finding::told_by`].
    fn told_by(self, told_by: ToldBy) -> Self;
    /// See [`Finding::hint`].
    fn hint(self, hint: impl Into<String>);
    /// See [`Finding::did_you_mean`]. Where none is near, `otherwise` is the advice, unless it is empty.
    fn did_you_mean<'a>(self, written: &str, names: impl IntoIterator<Item = &'a str>, otherwise: &str);
}

impl Advice for &mut Finding {
    fn told_by(self, told_by: ToldBy) -> Self {
        self.told_by = told_by;
        self
    }

    fn hint(self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }

    fn did_you_mean<'a>(self, written: &str, names: impl IntoIterator<Item = &'a str>, otherwise: &str) {
        match nearest(written, names) {
            Some(name) => self.hint = Some(format!("did you mean {name:?}?")),
            None if otherwise.is_empty() => {}
            None => self.hint = Some(otherwise.to_owned()),
        }
    }
}

// === impl Place ===

impl<'n> Place<'n> {
    /// The place of a document.
    pub fn new(source: &'n Source, node: &'n Node) -> Self {
        Place { source, span: node.span, node: Some(node) }
    }

    /// The value of `key`; where there is none, this very place stands for it.
    pub fn key(self, key: &str) -> Self {
        match self.node.and_then(|node| node.entry(key)) {
            Some(entry) => Place { span: entry.value.span, node: Some(&entry.value), ..self },
            None => Place { node: None, ..self },
        }
    }

    /// The key itself; where it is not there, this very place.
    pub fn name_of(self, key: &str) -> Self {
        match self.node.and_then(|node| node.entry(key)) {
            Some(entry) => Place { span: entry.key_span, node: None, ..self },
            None => Place { node: None, ..self },
        }
    }

    /// An item of a list.
    pub fn index(self, index: usize) -> Self {
        match self.node.map(|node| &node.data) {
            Some(Data::List(items)) if index < items.len() => {
                Place { span: items[index].span, node: Some(&items[index]), ..self }
            }
            _ => Place { node: None, ..self },
        }
    }

    /// Where a part of this text stands.
    pub fn within(self, text: &str, range: Range<usize>) -> Self {
        // In a text so long nobody looks for the words.
        if text.len() > LONG {
            return Place { node: None, ..self };
        }
        let before = text[..range.start].matches(&text[range.clone()]).count();
        self.part(&text[range], before)
    }

    /// Where `part`, a piece of this text, stands in it; `nth` counts from 0 those before it that are alike.
    pub fn part(self, part: &str, nth: usize) -> Self {
        let found = self.source.slice(self.span).match_indices(part).nth(nth);
        match found {
            Some((at, _)) => {
                let start = self.span.start + at;
                Place { span: Span { start, end: start + part.len() }, node: None, ..self }
            }
            // Written with escapes, or folded: the whole text has to do.
            None => Place { node: None, ..self },
        }
    }

    /// Whether it is the same place of the same file.
    pub fn is_at(self, other: Place<'_>) -> bool {
        std::ptr::eq(self.source, other.source) && self.span == other.span
    }

    /// `FILE:LINE`, for messages about another place.
    pub fn shown(self) -> String {
        format!("{}:{}", self.source.name(), self.source.position(self.span.start).line)
    }

    /// What stands there, as it is written.
    pub fn written(self) -> &'n str {
        self.source.slice(self.span)
    }

    /// Where it is.
    pub fn span(self) -> Span {
        self.span
    }

    /// What stands there, if it is not only where something would be.
    pub fn node(self) -> Option<&'n Node> {
        self.node
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}
