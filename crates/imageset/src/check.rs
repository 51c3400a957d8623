//! Whether oc-mirror v2 takes a document: what it would refuse when the workload runs is told before anything is deployed.

use std::collections::HashMap;
use std::sync::Arc;

use registry::ImageRef;
use step::Result;

use crate::document::{API_VERSION, DocumentKind};
use crate::problem::{Place, Problem, Problems, shown};
use crate::schema::{self, Field, Shape};
use crate::sources::CatalogRef;
use crate::version::Version;
use crate::yaml::{self, Data, Entry, Map, Node};

/// What a good document holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The versions of OpenShift that its release channels and catalogs are of, the lowest first.
    pub versions: Vec<Version>,
    /// Its release channels, and what of them: `stable-4.18: 4.18.2 to 4.18.22`.
    pub releases: Vec<String>,
    /// Its catalogs, and how many packages are chosen of each; 0 stands for all.
    pub catalogs: Vec<(String, usize)>,
    /// How many images it names besides.
    pub additional_images: usize,
}

/// Checks a document of `kind`; `name` is what messages call it. Fails with everything that oc-mirror would refuse.
pub fn check(name: &str, text: &str, kind: DocumentKind) -> Result<Checked> {
    let file: Arc<str> = name.into();
    let (document, twice) = yaml::read(&file, text)?;
    let mut checker = Checker { file, problems: Problems::default(), path: Vec::new() };
    twice.into_iter().for_each(|problem| checker.problems.push(problem));
    let checked = checker.document(&document, kind).unwrap_or_default();
    checker.problems.into_result(name)?;
    Ok(checked)
}

struct Checker<'n> {
    file: Arc<str>,
    problems: Problems,
    path: Vec<Part<'n>>,
}

/// A part of the way to a field.
#[derive(Clone, Copy)]
enum Part<'n> {
    Key(&'n str),
    Item(usize),
}

const V1: &str = "this is a document of oc-mirror v1, which v2 refuses: set apiVersion to mirror.openshift.io/v2alpha1, and remove \
                  storageConfig (v2 keeps what it knows in its workspace and cache)";

// === impl Checker ===

impl<'n> Checker<'n> {
    fn document(&mut self, document: &'n Node<'_>, kind: DocumentKind) -> Option<Checked> {
        let Some(root) = document.as_map() else {
            let what = if matches!(document.data, Data::Null) {
                "it is empty".into()
            } else {
                format!("it is {}", document.data.describe())
            };
            self.at(document.line, what, format!("write a document of the kind {}", kind.as_str()));
            return None;
        };
        let found = field(root, "kind").map(|entry| (entry.line, text(&entry.value)));
        if let Some(entry) = field(root, "apiVersion") {
            match text(&entry.value) {
                Some(API_VERSION) => {}
                Some(version) if !version.ends_with("/v1alpha2") && !version.ends_with("/v1alpha1") => {
                    self.at(entry.line, format!("the apiVersion is {}", shown(version)), format!("write {API_VERSION}"));
                }
                Some(version) => {
                    self.at(entry.line, format!("the apiVersion is {}", shown(version)), V1);
                    return None;
                }
                None => {}
            }
        }
        if let Some(entry) = field(root, "storageConfig") {
            self.at(entry.line, "unknown field \"storageConfig\"", V1);
            return None;
        }
        match found {
            None => self.at(document.line, "configuration missing `kind`", format!("write kind: {}", kind.as_str())),
            Some((_, Some(found))) if found == kind.as_str() => {}
            Some((line, found)) => {
                let found = shown(found.unwrap_or_default());
                self.at(line, format!("the kind is {found}, not {}", kind.as_str()), "give the document that is meant for this");
                return None;
            }
        }
        let fields = if kind == DocumentKind::ImageSet { schema::IMAGE_SET } else { schema::DELETE };
        self.mapping(root, document.line, fields);
        let stanza = field(root, kind.stanza())?.value.as_map()?;
        self.path = vec![Part::Key(kind.stanza())];
        let mut checked = Checked::default();
        self.platform(stanza, &mut checked);
        self.operators(stanza, &mut checked);
        checked.additional_images = items(stanza, "additionalImages").count();
        checked.versions.sort_unstable();
        checked.versions.dedup();
        Some(checked)
    }

    // === shapes ===

    fn mapping(&mut self, map: &'n Map<'_>, line: usize, fields: &'static [Field]) {
        let mut seen: HashMap<&'static str, &'n str> = HashMap::new();
        for entry in map.iter() {
            let Some(known) = fields.iter().find(|field| field.name.eq_ignore_ascii_case(&entry.key)) else {
                let hint = match nearest(&entry.key, fields) {
                    Some(name) => format!("did you mean {name}?"),
                    None => format!("here belong {}", fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")),
                };
                self.at(entry.line, format!("unknown field {}", shown(&entry.key)), hint);
                continue;
            };
            if let Some(other) = seen.insert(known.name, &entry.key) {
                // Go's decoder does not mind capitals, and the last one would count.
                self.at(entry.line, format!("{} and {} are the same field", shown(&entry.key), shown(other)), "keep one of them");
            }
            self.path.push(Part::Key(known.name));
            let is_empty = match &entry.value.data {
                Data::Null => true,
                Data::Text(text) => text.trim().is_empty(),
                _ => false,
            };
            if is_empty && known.is_required {
                self.at(entry.line, "it is empty", "give it a value, or remove what it belongs to");
            }
            self.value(&entry.value, known.shape);
            self.path.pop();
        }
        for field in fields.iter().filter(|field| field.is_required && !seen.contains_key(field.name)) {
            if field.name != "kind" {
                self.at(line, format!("the field {} is missing", field.name), format!("add {}", field.name));
            }
        }
    }

    fn value(&mut self, node: &'n Node<'_>, shape: Shape) {
        match (shape, &node.data) {
            (_, Data::Null) | (Shape::Bool, Data::Bool(_)) => {}
            (Shape::Map(fields), Data::Map(map)) => self.mapping(map, node.line, fields),
            (Shape::List(shape), Data::List(items)) => {
                for (place, item) in items.iter().enumerate() {
                    self.path.push(Part::Item(place));
                    if matches!(item.data, Data::Null) {
                        self.at(item.line, "it is empty", "give it a value, or remove the item");
                    }
                    self.value(item, *shape);
                    self.path.pop();
                }
            }
            (Shape::Whole, Data::Number(text, _)) if text.bytes().all(|b| b.is_ascii_digit()) => {}
            (Shape::Bool, _) => self.wrong(node, "true or false"),
            (Shape::Whole, _) => self.wrong(node, "a whole number"),
            (Shape::Map(_), _) => self.wrong(node, "a mapping"),
            (Shape::List(_), _) => self.wrong(node, "a list"),
            (_, Data::Text(text)) => {
                if let Err(why) = text_of(text, shape) {
                    self.at(node.line, format!("it cannot be {}: {why}", shown(text)), "mend it");
                }
            }
            (_, Data::Number(text, _)) => {
                self.at(node.line, format!("cannot parse the number {text} as a text"), format!("write it in quotes: '{text}'"));
            }
            _ => self.wrong(node, "a text"),
        }
    }

    fn wrong(&mut self, node: &Node<'_>, wanted: &str) {
        self.at(node.line, format!("it is {}", node.data.describe()), format!("it must be {wanted}"));
    }

    // === rules ===

    fn platform(&mut self, stanza: &'n Map<'_>, checked: &mut Checked) {
        let Some(platform) = field(stanza, "platform").and_then(|entry| entry.value.as_map()) else { return };
        let mut names = HashMap::new();
        for (line, channel) in items(platform, "channels") {
            let name = member(channel, "name").unwrap_or_default();
            if !name.is_empty() && names.insert(name, line).is_some() {
                self.at(line, format!("release channel {}: duplicate found in configuration", shown(name)), "keep one of them");
            }
            self.range(channel, &format!("release channel {}", shown(name)), line);
            let named = [member(channel, "minVersion"), member(channel, "maxVersion")];
            checked.releases.push(match named {
                [None, None] => name.to_owned(),
                [min, max] => format!("{name}: {} to {}", min.unwrap_or("its first"), max.unwrap_or("its head")),
            });
            let mut versions: Vec<Version> = named.iter().flatten().filter_map(|text| text.parse().ok()).collect();
            if versions.is_empty() {
                versions.extend(name.rsplit_once('-').and_then(|(_, minor)| minor.parse::<Version>().ok()));
            }
            checked.versions.extend(versions);
        }
        if let (Some(_), Some(entry)) = (field(platform, "architectures"), field(platform, "platforms")) {
            self.at(
                entry.line,
                "platforms and architectures exclude each other",
                "keep platforms, or for older oc-mirrors architectures",
            );
        }
    }

    fn operators(&mut self, stanza: &'n Map<'_>, checked: &mut Checked) {
        let mut catalogs = HashMap::new();
        for (line, operator) in items(stanza, "operators") {
            let catalog = member(operator, "catalog").unwrap_or_default();
            let target = (member(operator, "targetCatalog").unwrap_or(catalog), member(operator, "targetTag"));
            if !catalog.is_empty() && catalogs.insert(target, line).is_some() {
                self.at(
                    line,
                    format!("catalog {}: duplicate found in configuration", shown(catalog)),
                    "write its packages in one place",
                );
            }
            let tag = catalog.rsplit_once(":v").and_then(|(_, minor)| minor.parse::<Version>().ok());
            if checked.versions.iter().all(|known| Some(known.minor) != tag.map(|tag| tag.minor)) {
                checked.versions.extend(tag);
            }
            let is_full = matches!(field(operator, "full"), Some(Entry { value: Node { data: Data::Bool(true), .. }, .. }));
            let mut packages = HashMap::new();
            for (line, package) in items(operator, "packages") {
                let name = member(package, "name").unwrap_or_default();
                if packages.insert(name, line).is_some() && !name.is_empty() {
                    let message = format!("catalog {}: duplicate package entry {}", shown(catalog), shown(name));
                    self.at(line, message, "write its channels in one place");
                }
                self.package(name, package, line, is_full);
            }
            checked.catalogs.push((catalog.to_owned(), packages.len()));
        }
    }

    fn package(&mut self, name: &str, package: &'n Map<'_>, line: usize, is_full: bool) {
        let what = format!("operator {}", shown(name));
        let own = self.range(package, &what, line);
        let mut channels = HashMap::new();
        let mut of_channels = false;
        for (line, channel) in items(package, "channels") {
            let channel_name = member(channel, "name").unwrap_or_default();
            if channels.insert(channel_name, line).is_some() && !channel_name.is_empty() {
                self.at(line, format!("{what}: duplicate channel entry {}", shown(channel_name)), "keep one of them");
            }
            of_channels |= self.range(channel, &format!("{what}: channel {}", shown(channel_name)), line);
        }
        if own && of_channels {
            let message = format!(
                "{what}: mixing both filtering by minVersion/maxVersion and filtering by channel minVersion/maxVersion is not allowed"
            );
            self.at(line, message, "keep those of the channels");
        }
        if is_full && (own || of_channels) {
            self.at(line, format!("{what}: versions have no effect in a catalog that is full"), "remove full, or the versions");
        }
        if let Some(default) = field(package, "defaultChannel")
            && let Some(name) = text(&default.value)
            && !channels.is_empty()
            && !channels.contains_key(name)
        {
            self.at(
                default.line,
                format!("{what}: its defaultChannel {} is not among its channels", shown(name)),
                "add the channel, or name one that is there",
            );
        }
    }

    /// Whether versions are said; the lower one must not be above the higher one.
    fn range(&mut self, map: &'n Map<'_>, what: &str, line: usize) -> bool {
        let (min, max) = (member(map, "minVersion"), member(map, "maxVersion"));
        if let (Some(Some(low)), Some(Some(high))) = (min.map(core), max.map(core))
            && low > high
        {
            let message =
                format!("{what}: its minVersion {} is above its maxVersion {}", min.unwrap_or_default(), max.unwrap_or_default());
            self.at(line, message, "exchange them");
        }
        min.is_some() || max.is_some()
    }

    fn at(&mut self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        let mut path = String::new();
        for part in &self.path {
            match part {
                Part::Key(key) if path.is_empty() => path.push_str(key),
                Part::Key(key) => path.extend([".", *key]),
                Part::Item(place) => path.push_str(&format!("[{place}]")),
            }
        }
        let message = if path.is_empty() { message.into() } else { format!("{path}: {}", message.into()) };
        let place = Place { file: self.file.clone(), line };
        self.problems.push(Problem { place, message, hint: hint.into() });
    }
}

/// A field as Go finds it: capitals do not matter.
fn field<'m, 't>(map: &'m Map<'t>, name: &str) -> Option<&'m Entry<'t>> {
    map.iter().find(|entry| entry.key.eq_ignore_ascii_case(name))
}

fn text<'m>(node: &'m Node<'_>) -> Option<&'m str> {
    match &node.data {
        Data::Text(text) => Some(text),
        _ => None,
    }
}

/// The text of a field.
fn member<'m>(map: &'m Map<'_>, name: &str) -> Option<&'m str> {
    field(map, name).and_then(|entry| text(&entry.value)).filter(|text| !text.is_empty())
}

/// The mappings in a list, and their lines.
fn items<'m, 't>(map: &'m Map<'t>, name: &str) -> impl Iterator<Item = (usize, &'m Map<'t>)> {
    let list = field(map, name).and_then(|entry| if let Data::List(items) = &entry.value.data { Some(items) } else { None });
    list.into_iter().flatten().filter_map(|item| Some((item.line, item.as_map()?)))
}

fn text_of(text: &str, shape: Shape) -> Result<(), String> {
    if text.contains(char::is_control) {
        return Err("it holds a control character".into());
    }
    match shape {
        Shape::Semver if !text.is_empty() => core(text).map(drop).ok_or_else(|| "it must be a version X.Y.Z".into()),
        Shape::Image | Shape::Catalog if text.is_empty() => Ok(()),
        Shape::Image | Shape::Catalog if text.starts_with("oci://") => {
            text.parse::<CatalogRef>().map(drop).map_err(|error| error.to_string())
        }
        Shape::Image | Shape::Catalog => text.parse::<ImageRef>().map(drop).map_err(|error| error.to_string()),
        Shape::Path if text.contains([':', '@', ' ', '$']) => {
            Err("it must be the path of a repository, without tag and digest".into())
        }
        Shape::OneOf(choices) if !choices.contains(&text) => Err(format!("it must be one of {}", choices.join(", "))),
        _ => Ok(()),
    }
}

/// Major, minor and patch of a semantic version.
fn core(text: &str) -> Option<[u64; 3]> {
    let (version, build) = text.split_once('+').map_or((text, None), |(version, build)| (version, Some(build)));
    let (numbers, pre) = version.split_once('-').map_or((version, None), |(numbers, pre)| (numbers, Some(pre)));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !build.into_iter().chain(pre).all(|suffix| suffix.split('.').all(plain)) {
        return None;
    }
    let mut parts = numbers.split('.').map(|part| {
        let good = part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        if good { part.parse().ok() } else { None }
    });
    let found = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(found)
}

/// The field that was most likely meant.
fn nearest(written: &str, fields: &'static [Field]) -> Option<&'static str> {
    if written.len() > 60 {
        return None;
    }
    let scored = fields.iter().map(|field| (strsim::jaro_winkler(field.name, written), field.name));
    scored.filter(|(score, _)| *score > 0.85).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}
