//! Pictures in DOT, Graphviz's language.

use std::fmt::{self, Write};

use super::picture::{Part, Picture, TaskBox};

/// The picture as a DOT graph.
pub(super) fn draw(picture: &Picture) -> Result<String, fmt::Error> {
    let mut out = String::new();
    writeln!(out, "digraph {} {{", quoted([&picture.name]))?;
    out.push_str("  compound=true;\n");
    out.push_str("  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=11];\n");
    for (_, task) in picture.part(Part::Tasks) {
        writeln!(out, "  {} [label={}];", task.id, label(task))?;
    }
    for (_, task) in picture.part(Part::Nowhere) {
        writeln!(out, "  {} [label={}, style=\"rounded,dotted\"];", task.id, label(task))?;
    }
    let mut finally = picture.part(Part::Finally).peekable();
    let first = finally.peek().map(|(_, task)| &task.id);
    if first.is_some() {
        out.push_str("  subgraph cluster_finally {\n    label=\"finally\";\n    style=rounded;\n    fontname=\"sans-serif\";\n");
        for (_, task) in finally {
            writeln!(out, "    {} [label={}];", task.id, label(task))?;
        }
        out.push_str("  }\n");
    }
    for arrow in &picture.arrows {
        let (from, to) = (&picture.boxes[arrow.from].id, &picture.boxes[arrow.to].id);
        match &arrow.results[..] {
            [] => writeln!(out, "  {from} -> {to} [style=dashed];")?,
            results => writeln!(out, "  {from} -> {to} [label={}];", quoted(results))?,
        }
    }
    if let Some(first) = first {
        for last in picture.last() {
            writeln!(out, "  {} -> {first} [style=dashed, lhead=cluster_finally];", picture.boxes[last].id)?;
        }
    }
    out.push_str("}\n");
    Ok(out)
}

fn label(task: &TaskBox) -> String {
    quoted([&task.name].into_iter().chain(&task.notes))
}

/// Lines as one string. Graphviz reads HTML's entities in it, and escapes with `\`.
fn quoted<'t>(lines: impl IntoIterator<Item = &'t String>) -> String {
    let escape = |line: &String| {
        let line = line.replace('&', "&amp;").replace('\\', "\\\\").replace('"', "\\\"");
        line.replace(|c: char| c.is_control(), " ")
    };
    format!("\"{}\"", lines.into_iter().map(escape).collect::<Vec<_>>().join("\\n"))
}
