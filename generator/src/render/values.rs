//! The values of a definition: how `values.yaml` declares them, and what people give.

use serde_json::{Map, Value};
use tekton::finding::Report;
use tekton::node::{self, Data, Entry, Node};
use tekton::rules;
use tekton::source::{Position, Source};

use super::fault::{Fault, advice};
use super::origin::{RESERVED, is_reserved};

/// What kind of value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list.
    List,
    /// Values by name.
    Object,
}

/// The declaration of a value.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// What kind of value it is.
    pub kind: Kind,
    /// What it is for.
    pub description: String,
    /// Its value when none is given; without one, it has to be given.
    pub default: Option<Value>,
    /// The only values allowed; empty when any may be given.
    pub choices: Vec<Value>,
    /// Of a list: what its items are, if that is said.
    pub items: Option<Box<Declaration>>,
    /// Of an object: the values in it, in the order of the file. Empty when any may be given.
    pub properties: Vec<(String, Declaration)>,
    position: Position,
}

/// All values of a definition, declared.
#[derive(Clone, Debug)]
pub struct Declarations {
    source: Source,
    root: Declaration,
}

/// Values for all that a definition declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Values(pub(super) Map<String, Value>);

const KINDS: [(&str, Kind); 5] = [
    ("string", Kind::String),
    ("integer", Kind::Integer),
    ("boolean", Kind::Boolean),
    ("list", Kind::List),
    ("object", Kind::Object),
];
const INVALID: &str = "invalid-declaration";

// === impl Declarations ===

impl Declarations {
    /// Reads `values.yaml`.
    pub(super) fn read(source: Source) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let node = document(&source, &mut faults);
        let mut reader = Reader { source: &source, faults };
        let root = Declaration { properties: node.map(|node| reader.properties(&node)).unwrap_or_default(), ..object() };
        let faults = reader.faults;
        if faults.is_empty() { Ok(Declarations { source, root }) } else { Err(faults) }
    }

    /// The declared values by name, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Declaration)> {
        self.root.properties.iter().map(|(name, declaration)| (name.as_str(), declaration))
    }

    /// The declaration of a value.
    pub fn get(&self, name: &str) -> Option<&Declaration> {
        self.root.property(name)
    }

    /// The values for a definition: what `files` give, a later one more than an earlier, then what `sets` give
    /// (`name=value`, `object.name=value`), and for all else the defaults.
    pub(super) fn values(&self, files: &[Source], sets: &[String]) -> Result<Values, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut given = Value::Object(Map::new());
        for source in files {
            if let Some(node) = document(source, &mut faults) {
                let mut reader = Reader { source, faults };
                let value = reader.value(&self.root, "", &node);
                faults = reader.faults;
                merge(&mut given, value.unwrap_or_default());
            }
        }
        for set in sets {
            match self.set(set) {
                Ok(value) => merge(&mut given, value),
                Err(mut wrong) => faults.append(&mut wrong),
            }
        }
        // What is missing may only have been misspelt.
        let complete = faults.is_empty();
        let values = self.fill(&self.root, "", Some(given), &mut faults, complete);
        match values {
            Some(Value::Object(map)) if faults.is_empty() => Ok(Values(map)),
            _ => Err(faults),
        }
    }

    /// What an argument `a.b=text` gives, as objects within objects.
    fn set(&self, argument: &str) -> Result<Value, Vec<Fault>> {
        let file = format!("--set {argument}");
        let fault = |rule, message: String| Fault::new(&file, rule, message);
        let Some((path, text)) = argument.split_once('=') else {
            return Err(vec![fault("invalid-argument", "it has no `=`".into()).hint("write --set NAME=VALUE")]);
        };
        if path.split('.').any(str::is_empty) {
            return Err(vec![fault("invalid-argument", "a name is empty".into()).hint("write --set NAME=VALUE")]);
        }
        if text.contains(is_reserved) {
            return Err(vec![fault("reserved-character", RESERVED.into())]);
        }
        let mut declaration = Some(&self.root);
        let mut seen = String::new();
        for name in path.split('.') {
            let Some(object) = declaration else { continue };
            declaration = match object.kind {
                Kind::Object if object.properties.is_empty() && !seen.is_empty() => None,
                Kind::Object => match object.property(name) {
                    Some(property) => Some(property),
                    None => return Err(vec![unknown(fault("unknown-value", String::new()), &seen, name, object)]),
                },
                kind => {
                    let message = format!("{seen} is {}, and has nothing in it by name", kind.with_article());
                    return Err(vec![fault("wrong-type", message)]);
                }
            };
            seen = join(&seen, name);
        }
        let value = match declaration.map(|declaration| (declaration, declaration.kind)) {
            None | Some((_, Kind::String)) => Value::from(text),
            // Whatever it is, it is read as in a file, so that the same things are wrong with it.
            Some(_) => {
                let mut faults = Vec::new();
                let source = Source::new(&file, text);
                let node = document(&source, &mut faults);
                if !faults.is_empty() {
                    return Err(faults.into_iter().map(|wrong| fault(wrong.rule, wrong.message)).collect());
                }
                // Nothing at all is null, which no declaration takes.
                node.and_then(|node| to_json(&node.data)).unwrap_or_default()
            }
        };
        if let Some(declaration) = declaration {
            let text = tekton::yaml::to_string(&value).unwrap_or_default();
            let source = Source::new(&file, text);
            let mut faults = Vec::new();
            if let Some(node) = document(&source, &mut faults) {
                let mut reader = Reader { source: &source, faults };
                reader.value(declaration, path, &node);
                faults = reader.faults;
            }
            if !faults.is_empty() {
                return Err(faults.into_iter().map(|wrong| Fault { position: None, ..wrong }).collect());
            }
        }
        let nest = |value, name: &str| Value::Object([(name.to_owned(), value)].into_iter().collect());
        Ok(path.rsplit('.').fold(value, nest))
    }

    /// `given` with the defaults for what it does not have.
    fn fill(
        &self,
        declaration: &Declaration,
        path: &str,
        given: Option<Value>,
        faults: &mut Vec<Fault>,
        complete: bool,
    ) -> Option<Value> {
        if declaration.kind != Kind::Object || (declaration.properties.is_empty() && !path.is_empty()) {
            if given.is_none() && declaration.default.is_none() && complete {
                let wrong = Fault::new("", "missing-value", format!("the value {path} is not given, and has no default"));
                let wrong = Fault { file: self.source.name().to_owned(), ..wrong }.position(&self.source, declaration.position);
                faults.push(wrong.hint(format!("give it: --set {path}=…, or in a file of values: -f FILE")));
            }
            return given.or_else(|| declaration.default.clone());
        }
        let mut given = match given {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        let mut map = Map::new();
        for (name, property) in &declaration.properties {
            if let Some(value) = self.fill(property, &join(path, name), given.remove(name), faults, complete) {
                map.insert(name.clone(), value);
            }
        }
        Some(Value::Object(map))
    }
}

/// Objects become one, of all else the later one counts.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// The one document of a file; an empty file has none.
fn document(source: &Source, faults: &mut Vec<Fault>) -> Option<Node> {
    if let Some(at) = source.text().find(is_reserved) {
        faults.push(Fault::at(source, at, "reserved-character", RESERVED));
        return None;
    }
    let mut findings = Vec::new();
    let mut documents = node::read(source, &mut Report::new(&mut findings, 0));
    for finding in findings {
        let fault = Fault::at(source, finding.span.start, finding.rule.name, finding.message);
        faults.push(Fault { hint: finding.hint, ..fault });
    }
    if documents.len() > 1 {
        faults.push(Fault::at(source, documents[1].span.start, rules::YAML_SYNTAX.name, "there is a second document"));
    }
    let first = (!documents.is_empty()).then(|| documents.swap_remove(0))?;
    (!matches!(first.data, Data::Null) || !source.text().trim().is_empty()).then_some(first)
}

struct Reader<'s> {
    source: &'s Source,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, offset: usize, rule: &'static str, message: impl Into<String>) -> &mut Fault {
        let fault = Fault::at(self.source, offset, rule, message);
        self.faults.push(fault);
        let last = self.faults.len() - 1;
        &mut self.faults[last]
    }

    fn entries<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        match &node.data {
            Data::Map(entries) => entries,
            Data::Null => &[],
            data => {
                self.fault(node.span.start, INVALID, format!("{what} is a mapping, not {data}"));
                &[]
            }
        }
    }

    /// Declarations by name.
    fn properties(&mut self, node: &Node) -> Vec<(String, Declaration)> {
        let mut properties = Vec::new();
        for entry in self.entries(node, "what declares values") {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !entry.key.chars().all(is_name) || entry.key.starts_with(|c: char| c.is_ascii_digit()) {
                let fault = self.fault(entry.key_span.start, INVALID, format!("{:?} is no name for a value", entry.key));
                fault.hint = Some("use letters, digits and '_': templates write values.NAME".into());
            }
            let declaration = self.declaration(&entry.value, Some(entry));
            properties.extend(declaration.map(|declaration| (entry.key.clone(), declaration)));
        }
        properties
    }

    fn declaration(&mut self, node: &Node, entry: Option<&Entry>) -> Option<Declaration> {
        const FIELDS: [&str; 6] = ["type", "description", "default", "choices", "items", "properties"];
        let start = entry.map_or(node.span.start, |entry| entry.key_span.start);
        for field in self.entries(node, "a declaration") {
            if !FIELDS.contains(&field.key.as_str()) {
                let message = format!("a declaration has no field `{}`", field.key);
                self.fault(field.key_span.start, INVALID, message).hint = advice(&field.key, FIELDS.into_iter());
            }
        }
        let names = KINDS.iter().map(|(name, _)| *name);
        let Some(written) = node.get("type") else {
            self.fault(start, INVALID, "the field `type` is missing").hint = advice("", names);
            return None;
        };
        let text = written.as_text().unwrap_or_default();
        let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == text) else {
            self.fault(written.span.start, INVALID, format!("there is no type {}", written.data)).hint = advice(text, names);
            return None;
        };
        let mut declaration = Declaration { kind: *kind, position: self.source.position(start), ..object() };
        if let Some(text) = node.get("description") {
            match text.as_text() {
                Some(text) => text.clone_into(&mut declaration.description),
                None => drop(self.fault(text.span.start, INVALID, "a description is a text")),
            }
        }
        if let Some(items) = self.only(node, "items", Kind::List, *kind) {
            declaration.items = self.declaration(items, None).map(Box::new);
        }
        if let Some(properties) = self.only(node, "properties", Kind::Object, *kind) {
            declaration.properties = self.properties(properties);
            if let (false, Some(default)) = (declaration.properties.is_empty(), node.get("default")) {
                self.fault(default.span.start, INVALID, "an object with properties has their defaults, and none itself");
            }
        }
        if let Some(choices) = node.get("choices") {
            match &choices.data {
                Data::List(items) => {
                    let choices = items.iter().filter_map(|item| self.value(&declaration, "a choice", item)).collect();
                    declaration.choices = choices;
                }
                data => drop(self.fault(choices.span.start, INVALID, format!("choices are a list, not {data}"))),
            }
        }
        declaration.default = node.get("default").and_then(|default| self.value(&declaration, "the default", default));
        Some(declaration)
    }

    /// A field that only one kind of value has.
    fn only<'n>(&mut self, node: &'n Node, name: &str, wanted: Kind, kind: Kind) -> Option<&'n Node> {
        let field = node.entry(name)?;
        if kind != wanted {
            let message = format!("only {} has `{name}`", wanted.with_article());
            self.fault(field.key_span.start, INVALID, message);
            return None;
        }
        Some(&field.value)
    }

    /// What is given for a value, if it is what is declared. `path` is what messages call it.
    fn value(&mut self, declaration: &Declaration, path: &str, node: &Node) -> Option<Value> {
        let value = match (declaration.kind, &node.data) {
            (Kind::String, Data::Text(text)) => Value::from(text.as_str()),
            (Kind::Integer, Data::Int(number)) => Value::from(*number),
            (Kind::Boolean, Data::Bool(bool)) => Value::from(*bool),
            (Kind::List, Data::List(items)) => match &declaration.items {
                Some(of) => {
                    let name = |index: usize| format!("{path}[{index}]");
                    items.iter().enumerate().map(|(index, item)| self.value(of, &name(index), item)).collect::<Option<_>>()?
                }
                None => self.any(path, node)?,
            },
            (Kind::Object, Data::Map(_)) if declaration.properties.is_empty() && !path.is_empty() => self.any(path, node)?,
            (Kind::Object, Data::Map(entries)) => {
                let mut map = Map::new();
                for entry in entries {
                    match declaration.property(&entry.key) {
                        Some(property) => {
                            let value = self.value(property, &join(path, &entry.key), &entry.value);
                            map.extend(value.map(|value| (entry.key.clone(), value)));
                        }
                        None => {
                            let fault = Fault::at(self.source, entry.key_span.start, "unknown-value", "");
                            self.faults.push(unknown(fault, path, &entry.key, declaration));
                        }
                    }
                }
                Value::Object(map)
            }
            (kind, data) => {
                let found = match data {
                    Data::Null => "nothing".to_owned(),
                    Data::Text(text) if text.chars().count() > 60 => "a longer text".to_owned(),
                    Data::Text(_) => format!("the string {data}"),
                    Data::Bool(_) => format!("the boolean {data}"),
                    Data::Int(_) | Data::Uint(_) | Data::Float(_) => format!("the number {data}"),
                    Data::List(_) | Data::Map(_) => data.to_string(),
                };
                let path = if path.is_empty() { "what gives values" } else { path };
                // Of a number, what was written is more than what was read: 1.10, 0644.
                let written = self.source.slice(node.span).to_owned();
                let fault = self.fault(node.span.start, "wrong-type", format!("{path} is {}, not {found}", kind.with_article()));
                if kind == Kind::String && !matches!(data, Data::Null | Data::List(_) | Data::Map(_)) {
                    fault.hint = Some(format!("write it in quotes: \"{written}\""));
                }
                return None;
            }
        };
        if !declaration.choices.is_empty() && !declaration.choices.contains(&value) {
            let words: Vec<String> = declaration.choices.iter().map(text).collect();
            let message = format!("{path} is not {}", text(&value));
            let fault = self.fault(node.span.start, "unknown-choice", message);
            fault.hint = advice(&text(&value), words.iter().map(String::as_str));
            return None;
        }
        Some(value)
    }

    fn any(&mut self, path: &str, node: &Node) -> Option<Value> {
        let json = to_json(&node.data);
        if json.is_none() {
            self.fault(node.span.start, "wrong-type", format!("{path} holds a number that JSON does not know"));
        }
        json
    }
}

fn unknown(fault: Fault, path: &str, name: &str, object: &Declaration) -> Fault {
    let names = object.properties.iter().map(|(name, _)| name.as_str());
    Fault { message: format!("there is no value {}", join(path, name)), ..fault }.did_you_mean(name, names)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn object() -> Declaration {
    Declaration {
        kind: Kind::Object,
        description: String::new(),
        default: None,
        choices: Vec::new(),
        items: None,
        properties: Vec::new(),
        position: Position { line: 1, column: 1 },
    }
}

/// `None` for what JSON cannot hold: infinity, and what is not a number.
fn to_json(data: &Data) -> Option<Value> {
    Some(match data {
        Data::Null => Value::Null,
        Data::Bool(bool) => Value::from(*bool),
        Data::Int(number) => Value::from(*number),
        Data::Uint(number) => Value::from(*number),
        Data::Float(number) => serde_json::Number::from_f64(*number)?.into(),
        Data::Text(text) => Value::from(text.as_str()),
        Data::List(items) => items.iter().map(|item| to_json(&item.data)).collect::<Option<_>>()?,
        Data::Map(entries) => {
            let pairs = entries.iter().map(|entry| Some((entry.key.clone(), to_json(&entry.value.data)?)));
            Value::Object(pairs.collect::<Option<_>>()?)
        }
    })
}

// === impl Declaration, Kind, Values ===

impl Declaration {
    fn property(&self, name: &str) -> Option<&Declaration> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, declaration)| declaration)
    }
}

impl Kind {
    /// Its name, as a declaration writes it.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    fn with_article(self) -> String {
        let article = if matches!(self, Kind::Integer | Kind::Object) { "an" } else { "a" };
        format!("{article} {}", self.name())
    }
}

impl Values {
    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}
