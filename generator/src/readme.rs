//! The part of a step's README that follows from its declaration: tables of parameters, workspaces and results.

use std::fmt::Write;

use step::{Declaration, Error, ParamKind, Result};

const END: &str = "<!-- End of what follows from the declaration. -->\n";

/// The tables, in Markdown.
pub fn tables(step: &Declaration) -> String {
    let mut text = String::new();
    table(
        &mut text,
        "Parameters",
        ["Name", "What it says", "Default"],
        step.params.iter().map(|param| {
            let list = if param.kind == ParamKind::Array { " (array)" } else { "" };
            let default = match (&param.default, param.required) {
                (Some(default), _) => format!("`{default}`"),
                (None, true) => "required".to_owned(),
                (None, false) => String::new(),
            };
            [format!("`{}`{list}", param.name), with_choices(&param.description, &param.choices), default]
        }),
    );
    table(
        &mut text,
        "Workspaces",
        ["Name", "What belongs there", "Needed"],
        step.workspaces.iter().map(|workspace| {
            let access = if workspace.read_only { "read" } else { "written" };
            let needed = if workspace.optional { "optional" } else { "required" };
            [format!("`{}`", workspace.name), workspace.description.clone(), format!("{needed}, {access}")]
        }),
    );
    table(
        &mut text,
        "Results",
        ["Name", "What it says", "At most"],
        step.results.iter().map(|result| [format!("`{}`", result.name), result.text(), format!("{} B", result.max)]),
    );
    text
}

/// The line that the tables of `step` follow. A README may have those of several steps.
pub fn marker(step: &Declaration) -> String {
    format!("<!-- From the step's declaration: `stepwright task {} --output readme`. -->\n", step.about.name)
}

/// `readme` with the tables of `step` in it brought up to date.
///
/// Fails as bad input when the markers between which they stand are missing.
pub fn updated(readme: &str, step: &Declaration) -> Result<String> {
    let begin = marker(step);
    let parts = readme.split_once(&begin).and_then(|(before, rest)| rest.split_once(END).map(|(_, after)| (before, after)));
    let Some((before, after)) = parts else {
        return Err(Error::bad_input(format!("the README of {} has no place for its tables", step.about.name))
            .hint(format!("add the lines\n{begin}{END}")));
    };
    Ok(format!("{before}{begin}\n{}{END}{after}", tables(step)))
}

/// A parameter's description with the values it may have.
pub(crate) fn with_choices(description: &str, choices: &[String]) -> String {
    if choices.is_empty() {
        return description.to_owned();
    }
    let values: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
    format!("{description} One of {}.", values.join(", "))
}

/// A table under a heading; nothing where there are no rows.
pub(crate) fn table<const N: usize>(text: &mut String, title: &str, head: [&str; N], rows: impl Iterator<Item = [String; N]>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "### {title}\n\n| {} |\n|{}\n", head.join(" | "), " --- |".repeat(N));
    for row in rows {
        let cells = row.map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|"));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text.push('\n');
}
