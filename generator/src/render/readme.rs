//! The part of a pipeline's README that follows from its definition: tables of values, parameters, workspaces, results.

use step::{Error, Result};
use tekton::v1::{ParamSpec, ParamType, ParamValue};

use crate::readme::table;

use super::{Declaration, Declarations, Definition, Rendered};

const BEGIN: &str = "<!-- From the definition: `STEPWRIGHT_UPDATE=1 cargo test -p stepwright`. -->\n";
const END: &str = "<!-- End of what follows from the definition. -->\n";

/// The tables, in Markdown.
pub fn tables(definition: &Definition, rendered: &Rendered) -> String {
    let mut text = String::new();
    for pipeline in rendered.pipelines() {
        let spec = &pipeline.spec;
        let params = spec.params.iter().map(|param| {
            let list = if param.kind() == ParamType::Array { " (array)" } else { "" };
            [format!("`{}`{list}", param.name), described(&param.description), default(param)]
        });
        table(&mut text, "Parameters", ["Name", "What it says", "Default"], params);
        let workspaces = spec.workspaces.iter().map(|workspace| {
            let needed = if workspace.optional { "optional" } else { "required" };
            [format!("`{}`", workspace.name), described(&workspace.description), needed.to_owned()]
        });
        table(&mut text, "Workspaces", ["Name", "What belongs there", "Needed"], workspaces);
        let results = spec.results.iter().map(|result| [format!("`{}`", result.name), described(&result.description)]);
        table(&mut text, "Results", ["Name", "What it says"], results);
    }
    let mut values = Vec::new();
    rows(definition.declarations(), &mut values);
    table(&mut text, "Values", ["Name", "Type", "What it says", "Default"], values.into_iter());
    text
}

/// `readme` with the tables in it brought up to date.
///
/// Fails as bad input when the markers between which they stand are missing.
pub fn updated(readme: &str, definition: &Definition, rendered: &Rendered) -> Result<String> {
    let parts = readme.split_once(BEGIN).and_then(|(before, rest)| rest.split_once(END).map(|(_, after)| (before, after)));
    let Some((before, after)) = parts else {
        return Err(Error::bad_input(format!("the README of {} has no place for its tables", definition.name()))
            .hint(format!("add the lines\n{BEGIN}{END}")));
    };
    Ok(format!("{before}{BEGIN}\n{}{END}{after}", tables(definition, rendered)))
}

fn described(description: &Option<String>) -> String {
    description.clone().unwrap_or_default()
}

fn default(param: &ParamSpec) -> String {
    match &param.default {
        None => "required".to_owned(),
        Some(ParamValue::String(text)) if text.is_empty() => String::new(),
        Some(ParamValue::String(text)) => format!("`{text}`"),
        Some(ParamValue::Array(items)) => format!("`[{}]`", items.join(", ")),
        Some(ParamValue::Object(_)) => "an object".to_owned(),
    }
}

fn rows(declarations: &Declarations, into: &mut Vec<[String; 4]>) {
    for (name, declaration) in declarations.iter() {
        row(name.to_owned(), declaration, into);
    }
}

fn row(name: String, declaration: &Declaration, into: &mut Vec<[String; 4]>) {
    if !declaration.properties.is_empty() {
        for (key, property) in &declaration.properties {
            row(format!("{name}.{key}"), property, into);
        }
        return;
    }
    let choices: Vec<String> = declaration.choices.iter().map(|choice| format!("`{choice}`")).collect();
    let choices = if choices.is_empty() { String::new() } else { format!(" One of {}.", choices.join(", ")) };
    let default = match &declaration.default {
        None => "required".to_owned(),
        Some(serde_json::Value::String(text)) if text.is_empty() => String::new(),
        Some(serde_json::Value::String(text)) => format!("`{text}`"),
        Some(value) => format!("`{value}`"),
    };
    into.push([
        format!("`{name}`"),
        declaration.kind.name().to_owned(),
        format!("{}{choices}", declaration.description),
        default,
    ]);
}
