//! Pictures in SVG, drawn from top to bottom: a task below all that it waits for. Lines go between boxes and never
//! through one, names of results stand in their line, and colours follow the page's.

use std::fmt::{self, Write};

mod layout;

use super::picture::{Part, Picture};
use layout::{Cell, Layout, Link, What};

const NAME_SIZE: f64 = 14.0;
const NOTE_SIZE: f64 = 12.0;
/// From one line of text to the next.
const LINE: f64 = 17.0;
/// Between a box's edge and its text.
const PADDING: f64 = 12.0;
/// Around the whole picture.
const MARGIN: f64 = 16.0;
/// Between the edge of `finally` and its boxes.
const FINALLY_PADDING: f64 = 14.0;
/// Left of the boxes of `finally`, for the word.
const FINALLY_WIDTH: f64 = 48.0;

const STYLE: &str = "\
.pipeline{color:#1f2328;font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\
@media(prefers-color-scheme:dark){.pipeline{color:#e6edf3}}\
.pipeline text{fill:currentColor;text-anchor:middle}\
.pipeline .name{font-size:14px;font-weight:600}\
.pipeline .note{font-size:12px;opacity:.75}\
.pipeline rect{fill:currentColor;fill-opacity:.05;stroke:currentColor;stroke-opacity:.45}\
.pipeline .missing{stroke-dasharray:3 3}\
.pipeline .finally{fill:none}\
.pipeline path{fill:none;stroke:currentColor;stroke-opacity:.6;stroke-width:1.3}\
.pipeline .order{stroke-dasharray:5 4}\
.pipeline marker path{fill:currentColor;stroke:none;fill-opacity:.75}";

/// The picture as an SVG file.
pub(super) fn draw(picture: &Picture) -> Result<String, fmt::Error> {
    let layout = Layout::of(picture);
    let finally = layout.finally;
    let edges = layout.cells.iter().map(|cell| (cell.x - cell.width / 2.0, cell.x + cell.width / 2.0));
    let edges = edges.chain(finally.map(|frame| (frame.left, frame.right)));
    let (left, right) = edges.fold((0.0_f64, 0.0_f64), |(left, right), (l, r)| (left.min(l), right.max(r)));
    let bottom = finally.map_or(layout.bottom, |frame| frame.bottom);
    let (width, height) = (right - left + 2.0 * MARGIN, bottom + 2.0 * MARGIN);

    let mut out = String::new();
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="pipeline" width="{width:.0}" height="{height:.0}" viewBox="{:.0} {:.0} {width:.0} {height:.0}">"#,
        left - MARGIN,
        -MARGIN,
    )?;
    writeln!(out, "<title>Pipeline {}</title>", escape(&picture.name))?;
    writeln!(out, "<style>{STYLE}</style>")?;
    writeln!(
        out,
        r#"<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0.5L8 4L0 7.5z"/></marker></defs>"#
    )?;
    if let Some(frame) = finally {
        let (width, height) = (frame.right - frame.left, frame.bottom - frame.top);
        let (x, y) = (frame.left, frame.top);
        writeln!(out, r#"<rect class="finally" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="12"/>"#)?;
        writeln!(
            out,
            r#"<text class="note" x="{:.1}" y="{:.1}">finally</text>"#,
            x + FINALLY_PADDING + FINALLY_WIDTH / 2.0 - 6.0,
            frame.middle + 4.5
        )?;
    }
    for link in &layout.links {
        line(&mut out, &layout, link)?;
    }
    for cell in &layout.cells {
        match &cell.what {
            What::Box(index) => {
                let task = &picture.boxes[*index];
                let missing = if task.part == Part::Nowhere { r#" class="missing""# } else { "" };
                let (x, y) = (cell.x - cell.width / 2.0, cell.y - cell.height / 2.0);
                let (width, height) = (cell.width, cell.height);
                writeln!(out, r#"<rect{missing} x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="8"/>"#)?;
                let lines = [("name", &task.name)].into_iter().chain(task.notes.iter().map(|note| ("note", note)));
                text(&mut out, cell, lines)?;
            }
            What::Label(lines) => text(&mut out, cell, lines.iter().map(|line| ("note", line)))?,
            What::Bend | What::Gate => {}
        }
    }
    out.push_str("</svg>\n");
    Ok(out)
}

/// Lines of text in the middle of a cell.
fn text<'t>(out: &mut String, cell: &Cell, lines: impl Iterator<Item = (&'static str, &'t String)>) -> fmt::Result {
    let lines: Vec<_> = lines.collect();
    let first = cell.y - LINE * (lines.len() as f64 - 1.0) / 2.0;
    for (index, (class, line)) in lines.into_iter().enumerate() {
        let y = first + LINE * index as f64 + 4.5;
        writeln!(out, r#"<text class="{class}" x="{:.1}" y="{y:.1}">{}</text>"#, cell.x, escape(line))?;
    }
    Ok(())
}

/// From cell to cell: curves between rows, straight within them.
fn line(out: &mut String, layout: &Layout, link: &Link) -> fmt::Result {
    let mut path = String::new();
    for (index, id) in link.cells.iter().enumerate() {
        let cell = &layout.cells[*id];
        let (row_top, row_bottom) = layout.rows[cell.row];
        let (top, bottom) = (cell.y - cell.height / 2.0, cell.y + cell.height / 2.0);
        let x = cell.x
            + if index == 0 {
                link.start
            } else if index + 1 == link.cells.len() {
                link.end
            } else {
                0.0
            };
        if index > 0 {
            let (before_x, before_y) = layout.leaving(link, index - 1);
            let middle = (before_y + row_top) / 2.0;
            write!(path, "C{before_x:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {row_top:.1}")?;
            down(&mut path, row_top, top)?;
        }
        if index + 1 < link.cells.len() {
            match cell.what {
                What::Bend | What::Gate => down(&mut path, top, row_bottom)?,
                What::Box(_) | What::Label(_) => {
                    write!(path, "M{x:.1} {bottom:.1}")?;
                    down(&mut path, bottom, row_bottom)?;
                }
            }
        }
    }
    let class = if link.is_order { r#" class="order""# } else { "" };
    let end = if link.is_reversed { "start" } else { "end" };
    writeln!(out, r#"<path{class} marker-{end}="url(#arrow)" d="{path}"/>"#)
}

/// Straight down. A line of no length would turn the arrow's head.
fn down(path: &mut String, from: f64, to: f64) -> fmt::Result {
    if to - from < 0.1 { Ok(()) } else { write!(path, "V{to:.1}") }
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'), " ")
}

/// About how wide a text is in most fonts without serifs.
fn width(text: &str, size: f64) -> f64 {
    let of = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.32,
        't' | 'f' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' | '"' | ' ' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.95,
        'A'..='Z' | '=' | '≠' | '×' | '<' | '>' | '+' => 0.74,
        _ if c.is_ascii() => 0.62,
        '\u{1100}'.. => 1.05,
        _ => 0.7,
    };
    text.chars().map(of).sum::<f64>() * size
}
