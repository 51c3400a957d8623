//! YAML as Helm and Kubernetes read it, with the line of everything in it. For files from people nobody knows: sizes,
//! depths and what aliases repeat are bounded.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use go_yaml::{Scalar, resolve_plain};
use granit_parser::{Event, Parser, ScalarStyle};

use crate::problem::{Place, Problem, shown};

/// The largest file that is read, in bytes. Real ones have 20,000.
pub const LARGEST_FILE: usize = 4 << 20;

/// More scalars and collections in one file are refused, those that aliases repeat among them.
const MOST_NODES: usize = 500_000;

/// Of more keys that are there twice nobody wants to know at once.
const MOST_TOLD: usize = 50;

/// Deeper collections are refused.
const DEEPEST: usize = 64;

/// A value and the line that it starts in.
#[derive(Clone, Debug)]
pub(crate) struct Node<'t> {
    pub(crate) line: usize,
    pub(crate) data: Data<'t>,
}

/// What a [`Node`] is.
#[derive(Clone, Debug)]
pub(crate) enum Data<'t> {
    Null,
    Bool(bool),
    /// As it is written; and whether who reads it as a number writes the same.
    Number(Cow<'t, str>, bool),
    Text(Cow<'t, str>),
    List(Vec<Node<'t>>),
    Map(Map<'t>),
}

/// A mapping in its order; each key is there once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map<'t>(Vec<Entry<'t>>);

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'t> {
    pub(crate) key: Cow<'t, str>,
    pub(crate) line: usize,
    pub(crate) value: Node<'t>,
}

/// The one document of a file, and keys that are there twice, of which the first counts. Fails on what is not YAML.
pub(crate) fn read<'t>(file: &Arc<str>, text: &'t str) -> Result<(Node<'t>, Vec<Problem>), Problem> {
    let mut reader = Reader { file, nodes: 0, anchors: HashMap::new(), open: Vec::new(), document: None, twice: Vec::new() };
    reader.read(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    Ok((reader.document.unwrap_or(Node { line: 0, data: Data::Null }), reader.twice))
}

/// The text of a file's bytes.
pub(crate) fn text(file: &Arc<str>, bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Place { file: file.clone(), line }.problem("this is not UTF-8", "save the file as UTF-8")
    })
}

struct Reader<'t, 'f> {
    file: &'f Arc<str>,
    nodes: usize,
    anchors: HashMap<usize, Node<'t>>,
    open: Vec<Open<'t>>,
    document: Option<Node<'t>>,
    twice: Vec<Problem>,
}

/// A collection that is not closed yet.
struct Open<'t> {
    anchor: usize,
    line: usize,
    parts: Parts<'t>,
}

enum Parts<'t> {
    List(Vec<Node<'t>>),
    Map {
        entries: Vec<Entry<'t>>,
        /// What `<<` brings.
        merged: Vec<Entry<'t>>,
        /// The key that waits for its value; `true` when it is `<<`.
        key: Option<(Cow<'t, str>, usize, bool)>,
    },
}

// === impl Reader ===

impl<'t> Reader<'t, '_> {
    fn read(&mut self, text: &'t str) -> Result<(), Problem> {
        if text.len() > LARGEST_FILE {
            return Err(self.at(0).problem(format!("it is larger than {LARGEST_FILE} bytes"), "no values file is that large"));
        }
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: DEEPEST,
            block_nesting_limit: DEEPEST,
        };
        let mut parser = Parser::new_from_str_with_options(text, options);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.refuse(error.marker().line(), &error.info()))?;
            let line = span.start.line();
            match event {
                Event::DocumentStart(..) if self.document.is_some() => {
                    let hint = "write one document a file: remove the `---` and what follows it";
                    return Err(self.at(line).problem("a second document starts here", hint));
                }
                Event::Scalar(value, style, anchor, tag) => {
                    let is_plain = style == ScalarStyle::Plain;
                    let is_merge = is_plain && value == "<<";
                    let is_text = !is_plain || tag.is_some_and(|tag| tag.suffix() == "str");
                    let data = if is_text { Data::Text(value) } else { Data::plain(value) };
                    self.add(Node { line, data }, anchor, is_merge)?;
                }
                Event::SequenceStart(_, anchor, _) => self.open.push(Open { anchor, line, parts: Parts::List(Vec::new()) }),
                Event::MappingStart(_, anchor, _) => {
                    let parts = Parts::Map { entries: Vec::new(), merged: Vec::new(), key: None };
                    self.open.push(Open { anchor, line, parts });
                }
                Event::SequenceEnd | Event::MappingEnd => self.close()?,
                Event::Alias(id) => {
                    let Some(node) = self.anchors.get(&id) else {
                        return Err(self.refuse(line, "the alias refers to something that contains it"));
                    };
                    // Counted before it is copied: ten lines of aliases can stand for thousands of millions.
                    self.nodes += node.size();
                    self.bounded(line)?;
                    let node = node.clone();
                    self.add(Node { line, ..node }, 0, false)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn at(&self, line: usize) -> Place {
        Place { file: self.file.clone(), line }
    }

    fn refuse(&self, line: usize, why: &str) -> Problem {
        self.at(line).problem(format!("this is not YAML: {why}"), "mend the file here or just above")
    }

    fn bounded(&self, line: usize) -> Result<(), Problem> {
        if self.nodes > MOST_NODES {
            let message = format!("more than {MOST_NODES} values in one file, what aliases repeat included");
            return Err(self.at(line).problem(message, "no values file has that many"));
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(Open { anchor, line, parts }) = self.open.pop() else { return Ok(()) };
        let data = match parts {
            Parts::List(items) => Data::List(items),
            Parts::Map { mut entries, merged, .. } => {
                self.keep_first(&mut entries);
                if !merged.is_empty() {
                    // What the mapping does not have itself it takes from others, the first of them before the second.
                    let mut known: HashSet<_> = entries.iter().map(|entry| entry.key.clone()).collect();
                    entries.extend(merged.into_iter().filter(|entry| known.insert(entry.key.clone())));
                }
                Data::Map(Map(entries))
            }
        };
        self.add(Node { line, data }, anchor, false)
    }

    /// Of keys that are there twice the first stays, and the others are told.
    fn keep_first(&mut self, entries: &mut Vec<Entry<'t>>) {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|a, b| entries[*a].key.cmp(&entries[*b].key).then(a.cmp(b)));
        let mut first_of = vec![None; entries.len()];
        let mut first = order.first().copied().unwrap_or_default();
        for &place in order.iter().skip(1) {
            if entries[place].key == entries[first].key {
                first_of[place] = Some(entries[first].line);
            } else {
                first = place;
            }
        }
        if first_of.iter().all(Option::is_none) {
            return;
        }
        let mut firsts = first_of.into_iter();
        entries.retain(|Entry { key, line, .. }| {
            let Some(first) = firsts.next().flatten() else { return true };
            if self.twice.len() < MOST_TOLD {
                let message = format!("the key {} is here twice: first in line {first}", shown(key));
                let place = Place { file: self.file.clone(), line: *line };
                self.twice.push(place.problem(message, "keep one of them: tools differ in which of the two counts"));
            }
            false
        });
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node<'t>, anchor: usize, is_merge: bool) -> Result<(), Problem> {
        self.nodes += 1;
        self.bounded(node.line)?;
        if anchor != 0 {
            self.nodes += node.size();
            self.bounded(node.line)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.document = Some(node);
            return Ok(());
        };
        let (entries, merged, key) = match &mut open.parts {
            Parts::List(items) => {
                items.push(node);
                return Ok(());
            }
            Parts::Map { entries, merged, key } => (entries, merged, key),
        };
        match key.take() {
            None => match node.data.into_key() {
                Some(text) => *key = Some((text, node.line, is_merge)),
                None => return Err(self.refuse(node.line, "a collection cannot be a key")),
            },
            Some((_, _, true)) => match node.data {
                Data::Map(Map(others)) => merged.extend(others),
                Data::List(items) => {
                    let maps = items
                        .into_iter()
                        .filter_map(|item| if let Data::Map(Map(others)) = item.data { Some(others) } else { None });
                    merged.extend(maps.flatten());
                }
                _ => return Err(self.refuse(node.line, "`<<` takes a mapping")),
            },
            Some((key, line, false)) => entries.push(Entry { key, line, value: node }),
        }
        Ok(())
    }
}

// === impl Node ===

impl<'t> Node<'t> {
    /// The mapping; `None` when it is something else.
    pub(crate) fn as_map(&self) -> Option<&Map<'t>> {
        match &self.data {
            Data::Map(map) => Some(map),
            _ => None,
        }
    }

    /// How many values it holds, itself among them.
    fn size(&self) -> usize {
        1 + match &self.data {
            Data::List(items) => items.iter().map(Node::size).sum(),
            Data::Map(Map(entries)) => entries.iter().map(|entry| 1 + entry.value.size()).sum(),
            _ => 0,
        }
    }
}

// === impl Data ===

impl<'t> Data<'t> {
    fn plain(text: Cow<'t, str>) -> Self {
        // Numbers are kept as they are written: `4.20` is a version to whoever wrote it.
        let number = |text: Cow<'t, str>, read: String| {
            let same = *text == read;
            Data::Number(text, same)
        };
        match resolve_plain(Cow::Borrowed(&*text)) {
            Scalar::Null => Data::Null,
            Scalar::Bool(bool) => Data::Bool(bool),
            Scalar::Int(int) => number(text, int.to_string()),
            Scalar::Uint(int) => number(text, int.to_string()),
            Scalar::Float(float) => number(text, float.to_string()),
            Scalar::Text(_) => Data::Text(text),
        }
    }

    /// As a key: JSON, which Kubernetes makes of it, knows only strings.
    fn into_key(self) -> Option<Cow<'t, str>> {
        match self {
            Data::Null => Some("null".into()),
            Data::Bool(bool) => Some(if bool { "true" } else { "false" }.into()),
            Data::Number(text, _) | Data::Text(text) => Some(text),
            Data::List(_) | Data::Map(_) => None,
        }
    }

    /// What it is, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Data::Null => "nothing".into(),
            Data::Bool(bool) => format!("the boolean {bool}"),
            Data::Number(text, _) => format!("the number {text}"),
            Data::Text(text) => format!("the text {}", shown(text)),
            Data::List(_) => "a list".into(),
            Data::Map(_) => "a mapping".into(),
        }
    }
}

// === impl Map ===

impl<'t> Map<'t> {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Entry<'t>> {
        self.0.iter()
    }

    pub(crate) fn into_entries(self) -> Vec<Entry<'t>> {
        self.0
    }
}
