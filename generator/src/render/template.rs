//! Templates: minijinja with our delimiters, filters and limits.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Rest, Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Number, Value as Json};
use tekton::source::{Position, Source};

use super::bind::{self, Bound, Draft};
use super::fault::{Fault, advice};
use super::origin::{self, is_reserved};

/// A template may take so many instructions; a large pipeline takes a few thousand.
const FUEL: u64 = 1_000_000;
/// Macros and imports go so deep.
const DEPTH: usize = 50;
/// A template may write so much, not counting values.
const MAX_OUTPUT: usize = 4 << 20;

type BoundValues = Arc<Mutex<Vec<Bound>>>;

/// Templates, ready to be rendered.
pub(super) struct Engine {
    env: Environment<'static>,
    bound: BoundValues,
}

impl Engine {
    /// `templates` are sources and the names by which they import each other. `rewrite` is applied to their texts.
    pub(super) fn new(templates: &[(String, Source)], rewrite: impl Fn(&str, usize) -> String) -> Result<Self, Vec<Fault>> {
        let mut env = Environment::new();
        let syntax = SyntaxConfig::builder()
            .block_delimiters("[%", "%]")
            .variable_delimiters("[[", "]]")
            .comment_delimiters("[#", "#]")
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build();
        match syntax {
            Ok(syntax) => env.set_syntax(syntax),
            Err(error) => return Err(vec![Fault::new("", "template-syntax", error.to_string())]),
        }
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_debug(true);
        env.set_fuel(Some(FUEL));
        env.set_recursion_limit(DEPTH);
        // Text of a macro or block is kept apart from values, which are never text.
        env.set_auto_escape_callback(|_| AutoEscape::Custom("yaml".into()));
        for filter in ["safe", "escape", "e"] {
            env.remove_filter(filter);
        }
        let bound = BoundValues::default();
        let values = bound.clone();
        env.set_formatter(move |out, _, value| {
            if value.is_undefined() {
                return Ok(());
            }
            if value.is_safe() {
                return out.write_str(value.as_str().unwrap_or_default()).map_err(Error::from);
            }
            let value = match value.downcast_object_ref::<InlineJson>() {
                Some(InlineJson(json)) => Bound::Json(json.clone()),
                None => Bound::Value(to_json(value)?),
            };
            let mut values = values.lock().unwrap_or_else(PoisonError::into_inner);
            values.push(value);
            out.write_str(&bind::token(values.len() - 1)).map_err(Error::from)
        });
        env.add_filter("yaml", |value: Value| to_json(&value).map(|json| Value::from_object(InlineJson(json))));
        env.add_filter("only", |list: Value, names: Rest<String>| choose(&list, &names, true));
        env.add_filter("except", |list: Value, names: Rest<String>| choose(&list, &names, false));
        env.add_filter("pass", pass);
        env.add_filter("bind", bind_workspaces);
        env.add_filter("of", results_of);

        let mut faults = Vec::new();
        for (index, (name, source)) in templates.iter().enumerate() {
            if let Some(at) = source.text().find(is_reserved) {
                faults.push(Fault::at(source, at, "reserved-character", origin::RESERVED));
            } else if let Err(error) = env.add_template_owned(name.clone(), rewrite(source.text(), index)) {
                faults.push(fault(&error, source, templates));
            }
        }
        if faults.is_empty() { Ok(Engine { env, bound }) } else { Err(faults) }
    }

    /// Renders one of the templates.
    pub(super) fn render(&self, name: &str, context: &Value, templates: &[(String, Source)]) -> Result<Draft, Box<Fault>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut output = Output(Vec::new());
        let template = self.env.get_template(name);
        let rendered = template.and_then(|template| template.render_captured_to(context.clone(), &mut output).map(drop));
        let bound = std::mem::take(&mut *self.bound.lock().unwrap_or_else(PoisonError::into_inner));
        let source = templates.iter().find(|(known, _)| known == name).map(|(_, source)| source);
        match (rendered, String::from_utf8(output.0)) {
            (Ok(()), Ok(text)) => Ok(Draft { text, bound }),
            (Err(error), _) => Err(Box::new(match source {
                Some(source) => about_values(fault(&error, source, templates), context),
                None => Fault::new(name, "template", error.to_string()),
            })),
            (_, Err(error)) => Err(Fault::new(name, "template", error.to_string()).into()),
        }
    }
}

/// What is rendered, within bounds.
struct Output(Vec<u8>);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other(format!("the template writes more than {MAX_OUTPUT} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the engine says the error is: the innermost place, if it is in an imported template.
fn fault(error: &Error, source: &Source, templates: &[(String, Source)]) -> Fault {
    let mut innermost = error;
    while let Some(cause) = std::error::Error::source(innermost).and_then(|cause| cause.downcast_ref::<Error>()) {
        innermost = cause;
    }
    let located = if innermost.line().is_some() { innermost } else { error };
    let named = located.name().and_then(|name| templates.iter().find(|(known, _)| known == name));
    let source = named.map_or(source, |(_, source)| source);
    let mut detail = innermost.detail().unwrap_or_default().to_owned();
    if detail.is_empty()
        && let Some(expression) = located.range().and_then(|range| source.text().get(range))
    {
        detail = format!("`{expression}`: {}", innermost.kind());
    }
    let detail = &*detail;
    let fault = match innermost.kind() {
        ErrorKind::SyntaxError => Fault::new(source.name(), "template-syntax", detail),
        ErrorKind::UndefinedError => Fault::new(source.name(), "undefined", detail)
            .hint("a template knows `values`, `steps`, `images` and `version`, and what it sets itself"),
        ErrorKind::OutOfFuel => {
            let message = format!("the template does not come to an end: it took {FUEL} instructions");
            Fault::new(source.name(), "template-limit", message).hint("look at its loops and macros")
        }
        ErrorKind::WriteFailure => {
            let cause = std::error::Error::source(innermost).map(ToString::to_string);
            Fault::new(source.name(), "template-limit", cause.unwrap_or_else(|| detail.to_owned())).hint("look at its loops")
        }
        ErrorKind::UnknownFilter => Fault::new(source.name(), "template", detail)
            .hint("pipelines/README.md has our filters, and says why `safe` is none; the others are minijinja's"),
        kind => {
            let (message, hint) = detail.split_once(HINT).map_or((detail, None), |(message, hint)| (message, Some(hint)));
            let message = if message.is_empty() { kind.to_string() } else { message.to_owned() };
            Fault { hint: hint.map(str::to_owned), ..Fault::new(source.name(), "template", message) }
        }
    };
    match (located.range(), located.line()) {
        (Some(range), Some(line)) => {
            let position = source.position(range.start);
            // A place in another text than we have would be worse than a line.
            let position = if position.line == line { position } else { Position { line, column: 1 } };
            fault.position(source, position)
        }
        (None, Some(line)) => fault.position(source, Position { line, column: 1 }),
        _ => fault,
    }
}

/// Of a value that there is not, what there is.
fn about_values(fault: Fault, context: &Value) -> Fault {
    let path = fault.message.strip_prefix("`values.").and_then(|rest| rest.split_once('`')).map(|(path, _)| path.to_owned());
    let (Some(path), "undefined") = (path, fault.rule) else { return fault };
    let (objects, name) = path.rsplit_once('.').unwrap_or(("", &path));
    let mut object = context.get_attr("values");
    for part in objects.split('.').filter(|part| !part.is_empty()) {
        object = object.and_then(|object| object.get_attr(part));
    }
    let keys = object.ok().and_then(|object| object.try_iter().ok());
    let names: Vec<String> = keys.into_iter().flatten().map(|key| key.to_string()).collect();
    match advice(name, names.iter().map(String::as_str)) {
        Some(advice) => fault.hint(advice),
        None => fault.hint("declare it in values.yaml"),
    }
}

/// Between what is wrong and what to do about it, in errors of our own filters.
const HINT: &str = "\u{0}";

/// An error of a filter or function.
pub(super) fn wrong(message: impl fmt::Display, hint: Option<String>) -> Error {
    let hint = hint.map(|hint| format!("{HINT}{hint}")).unwrap_or_default();
    Error::new(ErrorKind::InvalidOperation, format!("{message}{hint}"))
}

/// A value that was asked for as JSON: what `yaml` gives.
#[derive(Debug)]
struct InlineJson(Json);

impl Object for InlineJson {
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bind::json(&self.0))
    }
}

/// A value of a template as JSON.
pub(super) fn to_json(value: &Value) -> Result<Json, Error> {
    if let Some(InlineJson(json)) = value.downcast_object_ref::<InlineJson>() {
        return Ok(Json::String(bind::json(json)));
    }
    Ok(match value.kind() {
        ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => match value.as_i64() {
            Some(number) if value.is_integer() => Json::from(number),
            _ => f64::try_from(value.clone())
                .ok()
                .and_then(Number::from_f64)
                .map(Json::Number)
                .ok_or_else(|| wrong(format_args!("{value} is not a number that YAML and JSON agree about"), None))?,
        },
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            if text.contains(is_reserved) {
                return Err(wrong(
                    "the text of a macro or a `set` block was changed or made part of a value",
                    Some("write it as it is: [[ name ]]; or set a value instead: [% set name = … %]".into()),
                ));
            }
            Json::from(text)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            Json::Array(value.try_iter()?.map(|item| to_json(&item)).collect::<Result<_, _>>()?)
        }
        ValueKind::Map => {
            let mut map = Map::new();
            for key in value.try_iter()? {
                let name = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                map.insert(name, to_json(&value.get_item(&key)?)?);
            }
            Json::Object(map)
        }
        ValueKind::Undefined => return Err(Error::new(ErrorKind::UndefinedError, "a part of the value is undefined")),
        kind => return Err(wrong(format_args!("{kind} cannot be written as YAML"), None)),
    })
}

/// A JSON value for templates.
pub(super) fn from_json(json: &Json) -> Value {
    Value::from(Serde(json))
}

/// A list of things with names.
fn named(list: &Value) -> Result<Vec<(String, Value)>, Error> {
    let item = |item: Value| {
        let name = item.get_attr("name").ok().and_then(|name| name.as_str().map(str::to_owned));
        Ok((name.ok_or_else(|| wrong("an item of the list has no name", None))?, item))
    };
    list.try_iter()?.map(item).collect()
}

/// The items with these names, or those with others.
fn choose(list: &Value, names: &[String], keep: bool) -> Result<Value, Error> {
    let items = named(list)?;
    for name in names {
        if items.iter().all(|(known, _)| known != name) {
            let known = items.iter().map(|(known, _)| known.as_str());
            return Err(wrong(format_args!("there is no {name:?} in the list"), advice(name, known)));
        }
    }
    Ok(items.into_iter().filter(|(name, _)| names.contains(name) == keep).map(|(_, item)| item).collect())
}

/// For each declared parameter: the Pipeline's of that name as its value.
fn pass(params: Value) -> Result<Value, Error> {
    let param = |(name, param): (String, Value)| {
        let kind = param.get_attr("type")?;
        let all = if matches!(kind.as_str(), Some("array" | "object")) { "[*]" } else { "" };
        Ok(Value::from_pairs([("value", format!("$(params.{name}{all})")), ("name", name)]))
    };
    named(&params)?.into_iter().map(param).collect()
}

/// For each declared workspace: the Pipeline's of that name.
fn bind_workspaces(workspaces: Value) -> Result<Value, Error> {
    let bind = |(name, _): (String, Value)| Value::from_pairs([("name", name.clone()), ("workspace", name)]);
    Ok(named(&workspaces)?.into_iter().map(bind).collect())
}

/// Each declared result as one of the Pipeline, which takes it from `task`.
fn results_of(results: Value, task: String) -> Result<Value, Error> {
    let result = |(name, result): (String, Value)| {
        let mut pairs = vec![
            ("value", Value::from(format!("$(tasks.{task}.results.{name})"))),
            ("description", result.get_attr("description")?),
            ("name", Value::from(name)),
        ];
        pairs.retain(|(_, value)| !value.is_undefined());
        Ok(Value::from_pairs(pairs))
    };
    named(&results)?.into_iter().map(result).collect()
}
