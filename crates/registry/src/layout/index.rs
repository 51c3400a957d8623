//! `index.json`: which manifests a layout holds and under which tags.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};
use step::{Error, Result};

use super::REF_NAME;
use crate::{Descriptor, Digest, Manifest, MediaType};

/// How many tags a message names.
const SHOWN: usize = 10;

/// What is in an `index.json`, with the fields that we do not know.
#[derive(Debug)]
pub(crate) struct IndexFile {
    /// Everything but the entries.
    content: Map<String, Value>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    descriptor: Descriptor,
    /// As it was read or is to be written.
    raw: Value,
}

// === impl IndexFile ===

impl IndexFile {
    /// One without entries.
    pub(crate) fn empty() -> Self {
        let mut content = Map::new();
        content.insert("schemaVersion".into(), json!(2));
        content.insert("mediaType".into(), json!(MediaType::OCI_INDEX));
        content.insert("manifests".into(), json!([]));
        IndexFile { content, entries: Vec::new() }
    }

    /// Reads an `index.json`. `what` names it: its path.
    pub(crate) fn parse(what: &impl fmt::Display, bytes: &[u8]) -> Result<Self> {
        let malformed = |error| Error::bad_input(format!("{what} is malformed")).because(error);
        let mut content: Map<String, Value> = serde_json::from_slice(bytes).map_err(malformed)?;
        // The place of the field is kept, and its entries are taken out.
        let manifests = content.get_mut("manifests").map(Value::take).unwrap_or_default();
        let raws: Option<Vec<Value>> = serde_json::from_value(manifests).map_err(malformed)?;
        let mut entries = Vec::new();
        for (number, raw) in raws.unwrap_or_default().into_iter().enumerate() {
            let descriptor = serde_json::from_value(raw.clone())
                .map_err(|error| Error::bad_input(format!("{what} is malformed: manifests[{number}]")).because(error))?;
            entries.push(Entry { descriptor, raw });
        }
        Ok(IndexFile { content, entries })
    }

    /// The file's bytes: compact, entries with tags first, by tag and digest.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| (tag(&entry.descriptor).is_none(), tag(&entry.descriptor), &entry.descriptor.digest));
        let mut content = self.content.clone();
        content.insert("manifests".into(), entries.iter().map(|entry| entry.raw.clone()).collect());
        serde_json::to_vec(&content).map_err(|error| Error::internal("cannot write an index.json").because(error))
    }

    /// Its entries, in the order of the file.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Descriptor> {
        self.entries.iter().map(|entry| &entry.descriptor)
    }

    /// The entry with this tag. `holder` is whose index it is, as written on a command line.
    pub(crate) fn tagged(&self, holder: &impl fmt::Display, wanted: &str) -> Result<&Descriptor> {
        let mut found = self.entries().filter(|entry| tag(entry) == Some(wanted));
        let Some(first) = found.next() else {
            return Err(Error::not_found(format!("{holder} has no tag {wanted}")).hint(tags_hint(self, wanted)));
        };
        match found.find(|other| other.digest != first.digest) {
            None => Ok(first),
            Some(other) => {
                Err(Error::bad_input(format!("{holder} has the tag {wanted} twice: {} and {}", first.digest, other.digest))
                    .hint("name the digest instead"))
            }
        }
    }

    /// Lists a manifest under `tag`, which no other entry has then. Says whether that changed anything.
    pub(crate) fn set(&mut self, descriptor: &Descriptor, tag: Option<&str>) -> bool {
        let mut wanted = descriptor.clone();
        match tag {
            Some(tag) => drop(wanted.annotations.insert(REF_NAME.to_owned(), tag.to_owned())),
            None => drop(wanted.annotations.remove(REF_NAME)),
        }
        let known = self.entries().any(|entry| if tag.is_some() { *entry == wanted } else { entry.digest == wanted.digest });
        let before = self.entries.len();
        if tag.is_some() {
            // An entry that only says that the manifest is there says no more than one with a tag.
            let mut bare = wanted.clone();
            bare.annotations.remove(REF_NAME);
            let bare = json!(bare);
            self.entries.retain(|entry| entry.descriptor == wanted || (self::tag(&entry.descriptor) != tag && entry.raw != bare));
        }
        if !known {
            self.entries.push(Entry { raw: json!(wanted), descriptor: wanted });
        }
        !known || self.entries.len() != before
    }

    /// The only manifest that is not about another. `holder` is whose index it is; `names` says what
    /// there is to choose from; `read` reads the manifest of an entry.
    pub(crate) fn only(
        &self,
        holder: &impl fmt::Display,
        names: impl Fn() -> String,
        read: impl Fn(&Descriptor) -> Result<Manifest>,
    ) -> Result<Manifest> {
        let distinct: BTreeMap<&Digest, &Descriptor> = self.entries().map(|entry| (&entry.digest, entry)).collect();
        let mut only = None;
        for entry in distinct.values() {
            if tag(entry).is_some_and(is_about_another) {
                continue;
            }
            let manifest = read(entry)?;
            if distinct.len() > 1 && manifest.subject().is_some() {
                continue;
            }
            if only.replace(manifest).is_some() {
                return Err(Error::bad_input(format!("{holder} holds several images, and none is named")).hint(names()));
            }
        }
        only.ok_or_else(|| Error::not_found(format!("{holder} holds no image")).hint("copy one there first"))
    }
}

/// The tag of an entry.
pub(crate) fn tag(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(REF_NAME).map(String::as_str)
}

/// Whether a tag is one that signatures and referrers are kept under: `sha256-HEX`, `sha256-HEX.sig`.
fn is_about_another(tag: &str) -> bool {
    tag.strip_prefix("sha256-").is_some_and(|rest| rest.len() >= 64 && rest.bytes().take(64).all(|byte| byte.is_ascii_hexdigit()))
}

/// Which tags there are, those like `wanted` first; signatures' only when there are no others.
pub(super) fn tags_hint(index: &IndexFile, wanted: &str) -> String {
    let mut tags: Vec<&str> = index.entries().filter_map(tag).collect();
    tags.sort_unstable();
    tags.dedup();
    let likeness = |tag: &str| strsim::jaro_winkler(tag, wanted);
    // Stable: what is equally far stays sorted.
    tags.sort_by(|a, b| {
        (is_about_another(a), likeness(b)).partial_cmp(&(is_about_another(b), likeness(a))).unwrap_or(Ordering::Equal)
    });
    tags.truncate(tags.iter().position(|tag| is_about_another(tag)).filter(|first| *first > 0).unwrap_or(tags.len()));
    let digests: Vec<&str> = index.entries().map(|entry| entry.digest.as_str()).collect();
    match (tags.is_empty(), digests.is_empty()) {
        (true, true) => "it holds no image at all: copy one there first".to_owned(),
        (true, false) => format!("it has no tags; name a digest: {}", listed(&digests)),
        (false, _) => format!("its tags are {}", listed(&tags)),
    }
}

/// Some names and how many more.
pub(crate) fn listed(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}
