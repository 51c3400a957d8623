//! From values files to documents, as users meet it: texts in, documents and errors out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod defects;
mod documents;
mod examples;
mod merging;
mod obtaining;
mod properties;
mod releases;

use imageset::{Options, ValuesFile, generate};

/// Values files by their names.
pub(crate) fn files(files: &[(&str, &str)]) -> Vec<ValuesFile> {
    files.iter().map(|(path, text)| ValuesFile { path: (*path).into(), text: (*text).into() }).collect()
}

/// The document of one values file, or what is wrong with it.
pub(crate) fn of(text: &str) -> String {
    with(&[("values.yaml", text)], &Options::default())
}

/// The document of values files, its warnings before it; or what is wrong.
pub(crate) fn with(texts: &[(&str, &str)], options: &Options) -> String {
    shown(generate(&files(texts), options))
}

pub(crate) fn shown(generated: step::Result<imageset::Generated>) -> String {
    match generated {
        Ok(generated) => {
            let warnings: String = generated.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
            warnings + &generated.text
        }
        Err(error) => refused(&error),
    }
}

/// An error as a terminal shows it.
pub(crate) fn refused(error: &step::Error) -> String {
    let details = error.details_text();
    let line = if details.is_empty() { "" } else { "\n" };
    format!("{details}{line}error: {error}; hint: {}\n", error.hint_text().unwrap_or_default())
}

/// A document on few lines: releases, and packages with their channels by catalog.
pub(crate) fn brief(document: &str) -> String {
    if document.lines().last().is_some_and(|line| line.starts_with("error: ")) {
        return document.to_owned();
    }
    let mut lines = Vec::new();
    let field = |line: &str| {
        let (key, value) = line.trim_start_matches(['-', ' ']).split_once(": ")?;
        Some((key.to_owned(), value.trim_matches('"').to_owned()))
    };
    let mut in_operators = false;
    for line in document.lines() {
        let indent = line.len() - line.trim_start().len();
        in_operators =
            if indent <= 2 && !line.trim_start().starts_with('-') { line.trim() == "operators:" } else { in_operators };
        match field(line) {
            Some((key, value)) if key == "catalog" => lines.push(value),
            Some((key, value)) if key == "name" && !in_operators => lines.push(value),
            Some((key, value)) if key == "name" && indent <= 4 => lines.push(format!("  {value}")),
            Some((key, value)) if matches!(&*key, "name" | "minVersion" | "maxVersion") => {
                if let Some(last) = lines.last_mut() {
                    last.push_str(&format!(" {value}"));
                }
            }
            Some((key, _)) if key == "warning" => lines.push(line.to_owned()),
            _ => {}
        }
    }
    lines.join("\n")
}
