//! Pictures in Mermaid, which GitHub, GitLab and many editors show.

use std::fmt::{self, Write};

use super::picture::{Part, Picture, TaskBox};

/// The picture as a Mermaid flowchart.
pub(super) fn draw(picture: &Picture) -> Result<String, fmt::Error> {
    let mut out = String::from("flowchart TD\n");
    for (_, task) in picture.part(Part::Tasks) {
        writeln!(out, "  {}[\"{}\"]", task.id, label(task))?;
    }
    for (_, task) in picture.part(Part::Nowhere) {
        writeln!(out, "  {}([\"{}\"])", task.id, label(task))?;
    }
    if picture.part(Part::Finally).next().is_some() {
        out.push_str("  subgraph finally\n");
        for (_, task) in picture.part(Part::Finally) {
            writeln!(out, "    {}[\"{}\"]", task.id, label(task))?;
        }
        out.push_str("  end\n");
    }
    for arrow in &picture.arrows {
        let (from, to) = (&picture.boxes[arrow.from].id, &picture.boxes[arrow.to].id);
        match &arrow.results[..] {
            [] => writeln!(out, "  {from} -.-> {to}")?,
            results => {
                let results: Vec<String> = results.iter().map(|result| escape(result)).collect();
                writeln!(out, "  {from} -->|\"{}\"| {to}", results.join("<br/>"))?;
            }
        }
    }
    for last in picture.last() {
        writeln!(out, "  {} -.-> finally", picture.boxes[last].id)?;
    }
    Ok(out)
}

fn label(task: &TaskBox) -> String {
    let lines: Vec<String> = [&task.name].into_iter().chain(&task.notes).map(|line| escape(line)).collect();
    lines.join("<br/>")
}

/// A text that stays one in quotes: Mermaid knows `#NUMBER;` for a character, and comments, mathematics, styles, Markdown
/// and HTML even in quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '.' | ',' | '-' | '_' | '/' | '=' | '(' | ')' | '…' | '≠' | '×' => {
                out.push(c)
            }
            c if c.is_alphanumeric() => out.push(c),
            // Something invisible, so that there is neither `\n` nor `$$`, which mean something even after all that.
            '\\' | '$' => out.push_str(&format!("#{};#8203;", u32::from(c))),
            c => out.push_str(&format!("#{};", u32::from(c))),
        }
    }
    out
}
