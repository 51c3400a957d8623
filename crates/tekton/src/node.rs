//! YAML as Kubernetes reads it, with the place of everything in it.

use std::fmt;

use go_yaml::{Scalar, resolve_plain};
use granit_parser::{Event, Parser, ScalarStyle};

use crate::finding::{Finding, Report};
use crate::rules;
use crate::source::{Source, Span};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands; of a collection the first entry's start to the last one's end.
    pub span: Span,
    /// What it is.
    pub data: Data,
}

/// What a [`Node`] is.
#[derive(Clone, Debug)]
pub enum Data {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer too large for [`Data::Int`].
    Uint(u64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in its order; each key is there once.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key, as a string.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// More than this in one file is refused: scalars and collections, those that aliases repeat among them.
const MAX_NODES: usize = 1_000_000;
/// More than this is refused: bytes that aliases repeat.
const MAX_ALIASED: usize = 16 << 20;
/// Deeper collections are refused.
const MAX_DEPTH: usize = 100;

/// Every document of a source. What is wrong with its YAML is reported; documents before the place of a syntax error are
/// still read.
pub fn read(source: &Source, report: &mut Report<'_>) -> Vec<Node> {
    let mut reader =
        Reader { source, report, nodes: 0, aliased: 0, anchors: Vec::new(), open: Vec::new(), documents: Vec::new() };
    if let Err(fault) = reader.read() {
        reader.report.push(fault);
    }
    reader.documents
}

struct Reader<'a, 'r, 'f> {
    source: &'a Source,
    report: &'r mut Report<'f>,
    nodes: usize,
    aliased: usize,
    anchors: Vec<(usize, Node)>,
    open: Vec<Open>,
    documents: Vec<Node>,
}

/// A collection that is not closed yet.
struct Open {
    anchor: usize,
    start: usize,
    is_map: bool,
    items: Vec<Node>,
    entries: Vec<Entry>,
    /// The key that waits for its value.
    key: Option<(String, Span, bool)>,
}

impl Reader<'_, '_, '_> {
    fn read(&mut self) -> Result<(), Finding> {
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let source = self.source;
        let text = source.text();
        let mut parser = Parser::new_from_str_with_options(text, options);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
                self.fault(Span { start: at, end: at }, error.info().to_owned())
            })?;
            let range = span.byte_range().unwrap_or_default();
            let span = Span { start: range.start, end: range.end };
            match event {
                Event::Scalar(value, style, anchor, tag) => {
                    let is_merge = style == ScalarStyle::Plain && value == "<<";
                    let is_text = style != ScalarStyle::Plain || tag.as_ref().is_some_and(|tag| tag.suffix() == "str");
                    let data = if is_text { Data::Text(value.into_owned()) } else { Data::from(resolve_plain(value)) };
                    self.add(Node { span, data }, anchor, is_merge)?;
                }
                Event::SequenceStart(_, anchor, _) => self.open(anchor, span, false),
                Event::MappingStart(_, anchor, _) => self.open(anchor, span, true),
                Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
                Event::Alias(id) => {
                    let Some((_, node)) = self.anchors.iter().rev().find(|(anchor, _)| *anchor == id) else {
                        return Err(self.fault(span, "the alias refers to something that contains it".to_owned()));
                    };
                    let (nodes, bytes) = node.size();
                    self.nodes += nodes;
                    self.aliased += bytes;
                    if self.aliased > MAX_ALIASED {
                        return Err(self.fault(span, format!("aliases repeat more than {MAX_ALIASED} bytes")));
                    }
                    let node = node.clone();
                    self.add(Node { span, ..node }, 0, false)?;
                }
                Event::DocumentEnd => self.anchors.clear(),
                _ => {}
            }
        }
        Ok(())
    }

    fn fault(&self, span: Span, why: String) -> Finding {
        self.report.finding(&rules::YAML_SYNTAX, span, format!("this is not YAML: {why}"))
    }

    fn open(&mut self, anchor: usize, span: Span, is_map: bool) {
        self.open.push(Open { anchor, start: span.start, is_map, items: Vec::new(), entries: Vec::new(), key: None });
    }

    fn close(&mut self, end: Span) -> Result<(), Finding> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let data = if open.is_map { Data::Map(open.entries) } else { Data::List(open.items) };
        let last = match &data {
            Data::Map(entries) => entries.last().map(|entry| entry.value.span.end),
            Data::List(items) => items.last().map(|item| item.span.end),
            _ => None,
        };
        // The parser sees the end of a block only at what follows it.
        let is_flow = self.source.text().as_bytes().get(open.start).is_some_and(|b| matches!(b, b'[' | b'{'));
        let end = if is_flow { end.end } else { last.unwrap_or(end.end) };
        self.add(Node { span: Span { start: open.start, end }, data }, open.anchor, false)
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize, is_merge: bool) -> Result<(), Finding> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.fault(node.span, format!("more than {MAX_NODES} scalars and collections in one file")));
        }
        if anchor != 0 {
            self.anchors.push((anchor, node.clone()));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        if !open.is_map {
            open.items.push(node);
            return Ok(());
        }
        match open.key.take() {
            None => {
                let Some(key) = node.data.as_key() else {
                    return Err(self.fault(node.span, "a collection cannot be a key".to_owned()));
                };
                open.key = Some((key, node.span, is_merge));
            }
            Some((_, _, true)) => merge(&mut open.entries, node),
            Some((key, key_span, false)) => match open.entries.iter().find(|entry| entry.key == key) {
                // What a merge brought is overridden.
                Some(first) if first.key_span.start < open.start => {
                    open.entries.retain(|entry| entry.key != key);
                    open.entries.push(Entry { key, key_span, value: node });
                }
                Some(first) => {
                    let line = self.source.position(first.key_span.start).line;
                    let message = format!("the key {key:?} is here twice: first in line {line}");
                    let finding = self.report.finding(&rules::DUPLICATE_KEY, key_span, message);
                    self.report.push(finding.hint("keep one of them: the last one would win without a word"));
                }
                None => open.entries.push(Entry { key, key_span, value: node }),
            },
        }
        Ok(())
    }
}

/// `<<`: what the mapping does not have itself, it takes from another, or from several.
fn merge(entries: &mut Vec<Entry>, from: Node) {
    match from.data {
        Data::Map(others) => {
            for other in others {
                if entries.iter().all(|entry| entry.key != other.key) {
                    entries.push(other);
                }
            }
        }
        Data::List(items) => items.into_iter().for_each(|item| merge(entries, item)),
        _ => {}
    }
}

// === impl Node, Data ===

impl Node {
    /// The value of a key; `None` also when this is no mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key with its value.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Nodes and bytes of text in it.
    fn size(&self) -> (usize, usize) {
        let sum = |parts: &mut dyn Iterator<Item = (usize, usize)>| parts.fold((1, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        match &self.data {
            Data::Text(text) => (1, text.len()),
            Data::List(items) => sum(&mut items.iter().map(Node::size)),
            Data::Map(entries) => sum(&mut entries.iter().map(|entry| {
                let (nodes, bytes) = entry.value.size();
                (nodes + 1, bytes + entry.key.len())
            })),
            _ => (1, 0),
        }
    }
}

impl Data {
    /// The string that it is as a key, as JSON's keys are strings.
    fn as_key(&self) -> Option<String> {
        match self {
            Data::List(_) | Data::Map(_) => None,
            Data::Text(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// As JSON, without places.
impl From<&Node> for serde_json::Value {
    fn from(node: &Node) -> Self {
        match &node.data {
            Data::Null => serde_json::Value::Null,
            Data::Bool(bool) => (*bool).into(),
            Data::Int(number) => (*number).into(),
            Data::Uint(number) => (*number).into(),
            Data::Float(number) => (*number).into(),
            Data::Text(text) => text.clone().into(),
            Data::List(items) => items.iter().map(serde_json::Value::from).collect(),
            Data::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), serde_json::Value::from(&entry.value))).collect()
            }
        }
    }
}

impl From<Scalar<'_>> for Data {
    fn from(scalar: Scalar<'_>) -> Self {
        match scalar {
            Scalar::Null => Data::Null,
            Scalar::Bool(bool) => Data::Bool(bool),
            Scalar::Int(number) => Data::Int(number),
            Scalar::Uint(number) => Data::Uint(number),
            Scalar::Float(number) => Data::Float(number),
            Scalar::Text(text) => Data::Text(text.into_owned()),
        }
    }
}

/// What it is, for messages: `the number 5`, `a list`.
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::Null => f.write_str("null"),
            Data::Bool(bool) => write!(f, "{bool}"),
            Data::Int(number) => write!(f, "{number}"),
            Data::Uint(number) => write!(f, "{number}"),
            Data::Float(number) => write!(f, "{number}"),
            Data::Text(text) => write!(f, "{text:?}"),
            Data::List(_) => f.write_str("a list"),
            Data::Map(_) => f.write_str("a mapping"),
        }
    }
}
