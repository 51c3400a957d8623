//! Canonical YAML: the same input gives the same bytes, and every reader gives the same input back.
//!
//! Kubernetes reads YAML with a Go library that mixes YAML 1.1 and 1.2, people's tools with others. So a string is
//! quoted whenever any of them could take it for something else: `yes`, `0644`, `1_000`, `2001-01-01`. Otherwise the
//! form is what people write by hand: two spaces of indentation, lists at the indentation of their key, `name` first in
//! its mapping, blocks for texts of several lines, and long lines left long.

mod scalar;

use serde::Serialize;
use serde_json::{Error, Map, Value};

use scalar::Style;

/// Writes one document.
///
/// # Errors
/// The value has a mapping with keys that are not strings, or its own `Serialize` failed.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    let mut emitter = Emitter { out: String::new() };
    emitter.document(&serde_json::to_value(value)?);
    Ok(emitter.out)
}

/// Writes documents with `---` between them.
///
/// # Errors
/// As [`to_string`].
pub fn to_documents<T: Serialize>(values: impl IntoIterator<Item = T>) -> Result<String, Error> {
    let documents = values.into_iter().map(|value| to_string(&value)).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.join("---\n"))
}

/// Writes into `out`. Where a function takes an `indent`, it is the column of the mapping or list being written.
struct Emitter {
    out: String,
}

/// A longer key has to be marked with `?`: readers look for its colon only so far ahead.
const LONGEST_SIMPLE_KEY: usize = 1000;

impl Emitter {
    fn document(&mut self, value: &Value) {
        match value {
            Value::Object(map) if !map.is_empty() => self.entries(map, 0),
            Value::Array(list) if !list.is_empty() => self.items(list, 0),
            // Readers disagree about the indentation of a block that is a whole document.
            Value::String(text) if scalar::style(text) == Style::Block => {
                scalar::quote(&mut self.out, text);
                self.out.push('\n');
            }
            value => self.scalar(value, 0),
        }
    }

    /// Writes a mapping; the first entry goes where the line is, the others on lines of their own.
    fn entries(&mut self, map: &Map<String, Value>, indent: usize) {
        let name = map.get_key_value("name");
        let others = map.iter().filter(|(key, _)| *key != "name");
        for (n, (key, value)) in name.into_iter().chain(others).enumerate() {
            if n > 0 {
                self.indent(indent);
            }
            self.key(key, indent);
            match value {
                Value::Object(map) if !map.is_empty() => {
                    self.out.push('\n');
                    self.indent(indent + 2);
                    self.entries(map, indent + 2);
                }
                Value::Array(list) if !list.is_empty() => {
                    self.out.push('\n');
                    self.indent(indent);
                    self.items(list, indent);
                }
                value => {
                    self.out.push(' ');
                    self.scalar(value, indent);
                }
            }
        }
    }

    /// Writes a list; the first item goes where the line is, the others on lines of their own.
    fn items(&mut self, list: &[Value], indent: usize) {
        for (n, value) in list.iter().enumerate() {
            if n > 0 {
                self.indent(indent);
            }
            self.out.push_str("- ");
            match value {
                Value::Object(map) if !map.is_empty() => self.entries(map, indent + 2),
                Value::Array(list) if !list.is_empty() => self.items(list, indent + 2),
                value => self.scalar(value, indent),
            }
        }
    }

    fn key(&mut self, key: &str, indent: usize) {
        let start = self.out.len();
        match scalar::style(key) {
            Style::Plain => self.out.push_str(key),
            Style::Quoted | Style::Block => scalar::quote(&mut self.out, key),
        }
        if self.out.len() - start > LONGEST_SIMPLE_KEY {
            self.out.insert_str(start, "? ");
            self.out.push('\n');
            self.indent(indent);
        }
        self.out.push(':');
    }

    /// Writes what is not a mapping or list, or an empty one, and ends the line.
    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(bool) => self.out.push_str(if *bool { "true" } else { "false" }),
            Value::Number(number) => self.out.push_str(&scalar::number(number)),
            Value::String(text) => match scalar::style(text) {
                Style::Plain => self.out.push_str(text),
                Style::Quoted => scalar::quote(&mut self.out, text),
                Style::Block => return scalar::block(&mut self.out, text, indent + 2),
            },
            Value::Array(_) => self.out.push_str("[]"),
            Value::Object(_) => self.out.push_str("{}"),
        }
        self.out.push('\n');
    }

    fn indent(&mut self, columns: usize) {
        scalar::indent(&mut self.out, columns);
    }
}
