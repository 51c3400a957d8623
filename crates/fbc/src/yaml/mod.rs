//! One YAML document as JSON, the way sigs.k8s.io/yaml (go-yaml v2) converts it.
//!
//! Long base64 text, which is most of many catalogs, is hoisted out before the parser sees it and put back into the
//! scalars after: see [`hoist`].

mod hoist;
mod lines;
mod scalar;
mod tabs;

use std::borrow::Cow;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle};

use crate::gotext::write_json_string;
use crate::tree::Limits;
use hoist::Hoisted;
use scalar::{Scalar, resolve, to_json as to_json_scalar, to_key};
use tabs::Tabs;

/// Why a document is not converted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct YamlFault {
    pub(crate) message: String,
    /// Line in the document, from 1.
    pub(crate) line: Option<usize>,
    /// Whether a limit was exceeded: then opm may well think otherwise.
    pub(crate) limit: bool,
}

/// Converts the first YAML document in `text` to JSON and appends it to `out`; no document is `null`.
pub(crate) fn to_json(text: &[u8], limits: &Limits, out: &mut Vec<u8>) -> Result<(), YamlFault> {
    to_json_hoisting(text, limits, out, true)
}

/// [`to_json`], with hoisting or without, which is for a test to compare.
fn to_json_hoisting(text: &[u8], limits: &Limits, out: &mut Vec<u8>, hoist: bool) -> Result<(), YamlFault> {
    let text = decode_text(text)?;
    let (hoisted, text) = if hoist { Hoisted::new(&text) } else { (Hoisted::default(), text) };
    check_characters(&text)?;
    let text = lines::with_breaks(text);
    let mended;
    let mut document = Document { hoisted, ..Document::default() };
    if let Err(fault) = document.parse(&text, limits) {
        if fault.limit {
            return Err(fault);
        }
        mended = lines::mended(&text).ok_or(fault)?;
        document = Document { hoisted: document.hoisted, ..Document::default() };
        document.parse(&mended, limits)?;
    }
    let mut writer = Writer { document: &document, limits, out, start: 0, nodes: 0, aliased: 0, open: Vec::new() };
    writer.start = writer.out.len();
    writer.node(document.root.unwrap_or(usize::MAX), 0)
}

fn fault(message: impl Into<String>) -> YamlFault {
    YamlFault { message: message.into(), line: None, limit: false }
}

/// YAML is UTF-8, or UTF-16 behind a byte order mark.
fn decode_text(bytes: &[u8]) -> Result<Cow<'_, str>, YamlFault> {
    let utf16 = |from: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]]));
        char::decode_utf16(units).collect::<Result<String, _>>().map(Cow::Owned)
    };
    match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes).map_err(|_| fault("yaml: unexpected low surrogate area")),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes).map_err(|_| fault("yaml: unexpected low surrogate area")),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(error) => {
                let line = memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count() + 1;
                Err(YamlFault { line: Some(line), ..fault("yaml: invalid leading UTF-8 octet") })
            }
        },
    }
}

/// The characters that YAML 1.1 allows; the parser underneath is YAML 1.2's and does not look.
fn check_characters(text: &str) -> Result<(), YamlFault> {
    let allowed = |c: char| match c {
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' => true,
        _ => c as u32 >= 0x10000,
    };
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Most text is ASCII, and whole words of it are quickly seen to be fine.
    let plain = |bytes: &[u8]| bytes.iter().all(|b| matches!(b, b'\n' | b'\t' | b' '..=b'~'));
    if body.as_bytes().chunks(256).all(plain) || body.chars().all(allowed) {
        return Ok(());
    }
    let at = body.find(|c| !allowed(c)).unwrap_or(0);
    let line = body[..at].matches('\n').count() + 1;
    Err(YamlFault { line: Some(line), ..fault("yaml: control characters are not allowed") })
}

/// Deeper nesting than this is refused whatever the limit: what is nested is written by recursion.
const MAX_DEPTH: usize = 1000;

/// Index of a node in [`Document::nodes`].
type NodeId = usize;

#[derive(Debug)]
enum Node<'t> {
    Scalar { text: Cow<'t, str>, plain: bool, tag: Option<String> },
    Sequence(Vec<NodeId>),
    Mapping(Vec<(NodeId, NodeId)>),
    Alias(NodeId),
}

/// A parsed document.
#[derive(Default)]
struct Document<'t> {
    hoisted: Hoisted<'t>,
    nodes: Vec<Node<'t>>,
    root: Option<NodeId>,
}

impl<'t> Document<'t> {
    fn parse(&mut self, text: &'t str, limits: &Limits) -> Result<(), YamlFault> {
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: limits.max_yaml_depth.min(MAX_DEPTH),
            block_nesting_limit: limits.max_yaml_depth.min(MAX_DEPTH),
        };
        let mut parser = Parser::new_from_str_with_options(text, options);
        let suspicious = ["\\/", "\\ud", "\\uD"].iter().any(|escape| text.contains(escape));
        let mut tabs = Tabs::new(text);
        // Anchors by the parser's number.
        let mut anchors: Vec<(usize, NodeId)> = Vec::new();
        // Collections that are not closed, and the key that waits for its value.
        let mut open: Vec<(NodeId, Option<NodeId>)> = Vec::new();
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| scan_fault(&error, limits))?;
            if let Some(tabs) = &mut tabs {
                tabs.check(&event, span)?;
            }
            let (node, anchor, opens) = match event {
                Event::Scalar(value, style, anchor, tag) => {
                    if style == ScalarStyle::DoubleQuoted && suspicious {
                        check_escapes(span.slice(text).unwrap_or_default())
                            .map_err(|why| YamlFault { line: Some(span.start.line()), ..fault(why) })?;
                    }
                    let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
                    (Node::Scalar { text: value, plain: style == ScalarStyle::Plain, tag }, anchor, false)
                }
                Event::SequenceStart(_, anchor, _) => (Node::Sequence(Vec::new()), anchor, true),
                Event::MappingStart(_, anchor, _) => (Node::Mapping(Vec::new()), anchor, true),
                Event::Alias(anchor) => {
                    let target = anchors.iter().rev().find(|(id, _)| *id == anchor).map(|(_, node)| *node);
                    let target = target.ok_or_else(|| fault("yaml: unknown anchor referenced"))?;
                    (Node::Alias(target), 0, false)
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                    continue;
                }
                Event::DocumentEnd => break,
                _ => continue,
            };
            let id = self.nodes.len();
            if id == limits.max_yaml_nodes {
                let message = format!("yaml: more than {id} scalars and collections in one document");
                return Err(YamlFault { message, line: Some(span.start.line()), limit: true });
            }
            self.nodes.push(node);
            if anchor != 0 {
                anchors.push((anchor, id));
            }
            match open.last_mut() {
                None => self.root = Some(id),
                Some((parent, key)) => match &mut self.nodes[*parent] {
                    Node::Sequence(items) => items.push(id),
                    Node::Mapping(entries) => match key.take() {
                        Some(key) => entries.push((key, id)),
                        None => *key = Some(id),
                    },
                    Node::Scalar { .. } | Node::Alias(_) => {}
                },
            }
            if opens {
                open.push((id, None));
            }
        }
        Ok(())
    }

    fn key(&self, id: NodeId) -> Result<String, YamlFault> {
        match self.nodes.get(id) {
            Some(Node::Scalar { text, plain, tag }) => to_key(&self.scalar(text, *plain, tag.as_deref())?),
            Some(Node::Alias(target)) if !matches!(self.nodes.get(*target), Some(Node::Alias(_))) => self.key(*target),
            _ => Err(fault("yaml: invalid map key")),
        }
    }

    fn scalar<'s>(&'s self, text: &'s str, plain: bool, tag: Option<&str>) -> Result<Scalar<'s>, YamlFault> {
        let text = self.hoisted.restore(text);
        if tag.is_none() && !plain { Ok(Scalar::Text(text)) } else { resolve(tag, text).map_err(fault) }
    }
}

/// Refuses the escapes in a double-quoted scalar that came with YAML 1.2.
fn check_escapes(quoted: &str) -> Result<(), &'static str> {
    let mut rest = quoted;
    while let Some(at) = rest.find('\\') {
        let mut escape = rest[at + 1..].chars();
        match (escape.next(), escape.next()) {
            (Some('/'), _) => return Err("yaml: found unknown escape character"),
            (Some('u'), Some('d' | 'D')) if escape.next().is_some_and(|c| "89abcdefABCDEF".contains(c)) => {
                return Err("yaml: found invalid Unicode character escape code");
            }
            (Some(c), _) => rest = &rest[at + 1 + c.len_utf8()..],
            (None, _) => break,
        }
    }
    Ok(())
}

fn scan_fault(error: &granit_parser::ScanError, limits: &Limits) -> YamlFault {
    let limit = matches!(error.kind(), ErrorKind::RecursionLimitExceeded);
    let message = match limit {
        true => format!("collections nest deeper than {} levels", limits.max_yaml_depth),
        false => error.info().to_owned(),
    };
    let line = error.marker().line();
    YamlFault { message: format!("yaml: line {line}: {message}"), line: Some(line), limit }
}

/// Writes a document's nodes as JSON. The recursion is as deep as the limit on nesting, plus aliases.
struct Writer<'a, 't> {
    document: &'a Document<'t>,
    limits: &'a Limits,
    out: &'a mut Vec<u8>,
    start: usize,
    /// Nodes written, and how many of them through aliases: go-yaml's measure of an alias bomb.
    nodes: u64,
    aliased: u64,
    /// Aliases that are being expanded.
    open: Vec<NodeId>,
}

impl Writer<'_, '_> {
    fn node(&mut self, id: NodeId, depth: usize) -> Result<(), YamlFault> {
        self.nodes += 1;
        self.aliased += u64::from(!self.open.is_empty());
        self.check_aliases(depth)?;
        let document = self.document;
        match document.nodes.get(id) {
            None => self.out.extend_from_slice(b"null"),
            Some(Node::Scalar { text, plain, tag }) => match document.scalar(text, *plain, tag.as_deref())? {
                Scalar::Text(text) => write_json_string(self.out, &text),
                other => self.out.extend_from_slice(to_json_scalar(&other)?.as_bytes()),
            },
            Some(Node::Sequence(items)) => {
                self.out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.out.push(b',');
                    }
                    self.node(*item, depth + 1)?;
                }
                self.out.push(b']');
            }
            Some(Node::Mapping(_)) => {
                let mut entries = Vec::new();
                self.entries(id, &mut entries, depth)?;
                self.out.push(b'{');
                for (i, (key, value)) in entries.into_iter().enumerate() {
                    if i > 0 {
                        self.out.push(b',');
                    }
                    write_json_string(self.out, &key);
                    self.out.push(b':');
                    self.node(value, depth + 1)?;
                }
                self.out.push(b'}');
            }
            Some(Node::Alias(target)) => {
                self.enter(*target)?;
                self.node(*target, depth + 1)?;
                self.open.pop();
            }
        }
        Ok(())
    }

    /// A mapping's entries in order, those of merged mappings too; a key may come again, and then its last value counts.
    fn entries(&mut self, id: NodeId, entries: &mut Vec<(String, NodeId)>, depth: usize) -> Result<(), YamlFault> {
        let document = self.document;
        let Some(Node::Mapping(pairs)) = document.nodes.get(id) else {
            return Err(fault("yaml: map merge requires map or sequence of maps as the value"));
        };
        for (key, value) in pairs {
            if matches!(&document.nodes[*key], Node::Scalar { text, plain: true, tag: None } if text == "<<") {
                self.merge(*value, entries, depth + 1)?;
            } else {
                entries.push((document.key(*key)?, *value));
            }
        }
        Ok(())
    }

    fn merge(&mut self, id: NodeId, entries: &mut Vec<(String, NodeId)>, depth: usize) -> Result<(), YamlFault> {
        self.nodes += 1;
        self.aliased += 1;
        self.check_aliases(depth)?;
        match self.document.nodes.get(id) {
            Some(Node::Alias(target)) => {
                self.enter(*target)?;
                self.merge(*target, entries, depth + 1)?;
                self.open.pop();
                Ok(())
            }
            // Of several, the first has the last word.
            Some(Node::Sequence(items)) => items.iter().rev().try_for_each(|item| self.merge(*item, entries, depth + 1)),
            _ => self.entries(id, entries, depth),
        }
    }

    fn enter(&mut self, target: NodeId) -> Result<(), YamlFault> {
        if self.open.contains(&target) {
            return Err(fault("yaml: anchor value contains itself"));
        }
        self.open.push(target);
        Ok(())
    }

    /// go-yaml's rule (its `allowedAliasRatio`), and a limit of ours on what comes out and how deep.
    fn check_aliases(&self, depth: usize) -> Result<(), YamlFault> {
        if self.aliased == 0 {
            return Ok(());
        }
        let allowed = match self.nodes {
            0..=400_000 => 0.99,
            4_000_000.. => 0.10,
            nodes => 0.99 - 0.89 * ((nodes - 400_000) as f64 / 3_600_000.0),
        };
        if self.aliased > 100 && self.nodes > 1000 && self.aliased as f64 / self.nodes as f64 > allowed {
            return Err(fault("yaml: document contains excessive aliasing"));
        }
        if self.out.len() - self.start > self.limits.max_alias_bytes || depth > 4 * MAX_DEPTH {
            let message = format!("yaml: aliases expand to more than {} bytes", self.limits.max_alias_bytes);
            return Err(YamlFault { limit: true, ..fault(message) });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
