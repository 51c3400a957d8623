//! Values files: the cluster sets, clusters and their labels.
//!
//! ```yaml
//! hubClusterSets:     { <set>: { labels: { openshift-version: '4.18.22', odf: 'true', … } } }
//! managedClusterSets: { <set>: { labels: … } }
//! clusters:           { <cluster>: { labels: … } }      # overrides for one cluster
//! ```
//! Everything else in them is for others. An empty label is as none.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::problem::{Place, Problem, Problems, Warnings, shown};
use crate::yaml::{self, Data, Entry, Node};

/// A values file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuesFile {
    /// What messages call it: its path as it was given.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// How several values files become one.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merge {
    /// Each file is an environment of its own, and what any of them needs is mirrored.
    #[default]
    Union,
    /// As `helm -f a -f b`: what a later file says counts more.
    Helm,
}

/// The three sections of a values file that say what clusters run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Section {
    Hub,
    Managed,
    Clusters,
}

/// Cluster sets and clusters that belong together.
#[derive(Debug, Default)]
pub(crate) struct Environment<'t> {
    /// Hub sets, then managed sets, then clusters, in the order of the files.
    pub(crate) sets: Vec<ClusterSet<'t>>,
}

/// An environment of which more files may come.
#[derive(Default)]
struct Layers<'t> {
    sets: Vec<ClusterSet<'t>>,
    index: HashMap<(Section, Cow<'t, str>), usize>,
}

/// A cluster set, or a cluster.
#[derive(Debug)]
pub(crate) struct ClusterSet<'t> {
    pub(crate) section: Section,
    pub(crate) name: Cow<'t, str>,
    pub(crate) labels: Labels<'t>,
    /// A later file has taken it away.
    is_gone: bool,
}

/// Labels in their order.
#[derive(Debug, Default)]
pub(crate) struct Labels<'t> {
    list: Vec<Label<'t>>,
    index: HashMap<Cow<'t, str>, usize>,
}

/// A label and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Label<'t> {
    pub(crate) key: Cow<'t, str>,
    value: Data<'t>,
    pub(crate) place: Place,
}

// === impl Section ===

impl Section {
    const ALL: [Section; 3] = [Section::Hub, Section::Managed, Section::Clusters];

    /// Its key.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Section::Hub => "hubClusterSets",
            Section::Managed => "managedClusterSets",
            Section::Clusters => "clusters",
        }
    }
}

// === impl ClusterSet ===

impl ClusterSet<'_> {
    /// Helm's `null`.
    fn take_away(&mut self) {
        self.labels = Labels::default();
        self.is_gone = true;
    }
}

/// `hubClusterSets.hub`.
impl fmt::Display for ClusterSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section.key(), self.name)
    }
}

// === impl Label ===

impl Label<'_> {
    /// The text, as Helm makes one of it; empty for nothing. Fails where it would be another than it looks.
    pub(crate) fn text(&self) -> Result<&str, Problem> {
        match &self.value {
            Data::Null => Ok(""),
            Data::Bool(true) => Ok("true"),
            Data::Bool(false) => Ok("false"),
            Data::Text(text) => Ok(text.trim_ascii()),
            Data::Number(text, true) => Ok(text),
            Data::Number(text, false) => {
                let message = format!("{} is the number {text}, which Helm writes in another way", self.key);
                Err(self.place.problem(message, format!("write it in quotes: '{text}'")))
            }
            Data::List(_) | Data::Map(_) => {
                let message = format!("{} is {}, not a text", self.key, self.value.describe());
                Err(self.place.problem(message, "a label has one value"))
            }
        }
    }

    /// Whether it says `true`: the boolean, or the text.
    pub(crate) fn is_true(&self) -> bool {
        match &self.value {
            Data::Bool(bool) => *bool,
            Data::Text(text) => text == "true",
            _ => false,
        }
    }

    /// Whether it says neither yes nor no, though it looks as if it would.
    pub(crate) fn is_nearly_true(&self) -> bool {
        let words = ["true", "yes", "on", "enabled", "1"];
        let near = |text: &str| text.to_ascii_lowercase().starts_with("true") || words.contains(&&*text.to_ascii_lowercase());
        matches!(&self.value, Data::Text(text) if text != "true" && near(text.trim()))
    }
}

// === impl Labels ===

impl<'t> Labels<'t> {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Label<'t>> {
        self.list.iter()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Label<'t>> {
        self.index.get(key).and_then(|place| self.list.get(*place))
    }

    /// Sets a label; one that is there keeps its place in the order.
    fn set(&mut self, label: Label<'t>) {
        match self.index.get(&label.key).and_then(|place| self.list.get_mut(*place)) {
            Some(known) => *known = label,
            None => {
                self.index.insert(label.key.clone(), self.list.len());
                self.list.push(label);
            }
        }
    }
}

// === impl Environment ===

impl<'t> Environment<'t> {
    /// Reads `files`: one environment each, or all of them in one. What is wrong goes to `problems`, and a file that
    /// says nothing about clusters is named in `warnings`.
    pub(crate) fn read(
        files: &'t [ValuesFile],
        merge: Merge,
        problems: &mut Problems,
        warnings: &mut Warnings,
    ) -> Vec<Environment<'t>> {
        let mut environments: Vec<Layers<'_>> = Vec::new();
        for file in files {
            let name: Arc<str> = file.path.as_str().into();
            let document = match yaml::read(&name, &file.text) {
                Ok((document, twice)) => {
                    twice.into_iter().for_each(|problem| problems.push(problem));
                    document
                }
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            if merge == Merge::Union || environments.is_empty() {
                environments.push(Layers::default());
            }
            let Some(layers) = environments.last_mut() else { continue };
            let mut reading = Reading { file: name, problems, layers, found: false };
            reading.document(document);
            if !reading.found {
                warnings.push(format!("{} says nothing about cluster sets or clusters", file.path));
            }
        }
        environments.into_iter().map(Layers::finish).collect()
    }
}

// === impl Layers ===

impl<'t> Layers<'t> {
    fn finish(self) -> Environment<'t> {
        let mut sets = self.sets;
        sets.retain(|set| !set.is_gone);
        sets.sort_by_key(|set| set.section);
        Environment { sets }
    }
}

/// A file being read.
struct Reading<'a, 't> {
    file: Arc<str>,
    problems: &'a mut Problems,
    layers: &'a mut Layers<'t>,
    found: bool,
}

// === impl Reading ===

impl<'t> Reading<'_, 't> {
    fn document(&mut self, document: Node<'t>) {
        for entry in self.entries(document, "the file") {
            let Some(section) = Section::ALL.into_iter().find(|section| *section.key() == *entry.key) else { continue };
            self.found = true;
            if matches!(entry.value.data, Data::Null) {
                self.layers.sets.iter_mut().filter(|set| set.section == section).for_each(ClusterSet::take_away);
            }
            for entry in self.entries(entry.value, section.key()) {
                self.set(section, entry);
            }
        }
    }

    fn set(&mut self, section: Section, entry: Entry<'t>) {
        let Layers { sets, index } = &mut *self.layers;
        let known = index.get(&(section, entry.key.clone())).copied();
        if matches!(entry.value.data, Data::Null) {
            known.and_then(|place| sets.get_mut(place)).into_iter().for_each(ClusterSet::take_away);
            return;
        }
        let what = format!("{}.{}", section.key(), entry.key);
        let place = known.unwrap_or_else(|| {
            index.insert((section, entry.key.clone()), sets.len());
            sets.push(ClusterSet { section, name: entry.key, labels: Labels::default(), is_gone: false });
            sets.len() - 1
        });
        sets.get_mut(place).into_iter().for_each(|set| set.is_gone = false);
        let fields = self.entries(entry.value, &what);
        for field in fields.into_iter().filter(|field| field.key == "labels") {
            let is_null = matches!(field.value.data, Data::Null);
            let labels = self.entries(field.value, &format!("{what}.labels"));
            let file = self.file.clone();
            let Some(set) = self.layers.sets.get_mut(place) else { continue };
            if is_null {
                set.labels = Labels::default();
            }
            for Entry { key, line, value } in labels {
                set.labels.set(Label { key, value: value.data, place: Place { file: file.clone(), line } });
            }
        }
    }

    /// The entries of a mapping; none of nothing.
    fn entries(&mut self, node: Node<'t>, what: &str) -> Vec<Entry<'t>> {
        let Node { line, data } = node;
        match data {
            Data::Map(map) => map.into_entries(),
            Data::Null => Vec::new(),
            other => {
                let message = format!("{} is {}, not a mapping", shown(what).trim_matches('"'), other.describe());
                let place = Place { file: self.file.clone(), line };
                self.problems.push(place.problem(message, "write keys and values, as in a values file of cluster sets"));
                Vec::new()
            }
        }
    }
}
