//! Where go-yaml refuses a tab and YAML 1.2 does not: before a token that may start a block, and in lines that are blank.

use granit_parser::{Event, ScalarStyle, Span, StructureStyle};

use super::{YamlFault, fault};

/// Looks at what stands between a document's tokens.
pub(super) struct Tabs<'t> {
    text: &'t str,
    /// End of the last token, in bytes.
    at: usize,
    /// Of an open collection its column, which is `None` for one in brackets, and whether it is a mapping.
    open: Vec<(Option<usize>, bool)>,
    after: After,
}

/// What the last token was.
#[derive(Clone, Copy)]
enum After {
    /// A plain scalar, which might go on in lines that are indented by at least so much.
    Plain(usize),
    /// The start of the document, or a block scalar: a new line has begun.
    Line,
    Other,
}

impl<'t> Tabs<'t> {
    /// Nothing when there is no tab to look at.
    pub(super) fn new(text: &'t str) -> Option<Self> {
        text.contains('\t').then(|| Tabs { text, at: 0, open: Vec::new(), after: After::Line })
    }

    /// Looks at what stands before an event, and in it if it is a block scalar.
    pub(super) fn check(&mut self, event: &Event<'_>, span: Span) -> Result<(), YamlFault> {
        let Some(range) = span.byte_range() else { return Ok(()) };
        // Empty scalars and the ends of block collections are no tokens.
        let is_token = !range.is_empty() || matches!(event, Event::DocumentEnd | Event::StreamEnd);
        if is_token && range.start >= self.at {
            self.check_gap(range.start, span.start.line())?;
            self.at = range.end;
            self.after = After::Other;
        }
        match event {
            Event::Scalar(_, ScalarStyle::Plain, ..) if is_token => {
                let indent = self.column().map_or(0, |column| column + 1);
                self.after = After::Plain(indent);
                check_lines(span, self.text, indent)?;
            }
            Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                self.after = After::Line;
                self.check_block_scalar(span)?;
            }
            Event::SequenceStart(style, ..) | Event::MappingStart(style, ..) => {
                let before = self.text.get(self.at..range.start).unwrap_or_default();
                // One whose dashes stand below its key starts for the parser behind the first dash.
                let is_mapping = matches!(event, Event::MappingStart(..));
                let in_mapping = self.open.last().is_some_and(|(_, is_mapping)| *is_mapping);
                let below_key = !is_mapping && in_mapping && before.trim_end().ends_with('-');
                let column = if below_key { self.column().unwrap_or(0) } else { span.start.col() };
                self.open.push(((*style == StructureStyle::Block).then_some(column), is_mapping));
                if *style == StructureStyle::Block {
                    // The collection's first token may be part of its span.
                    self.at = self.at.min(range.start);
                }
            }
            Event::SequenceEnd | Event::MappingEnd => drop(self.open.pop()),
            _ => {}
        }
        Ok(())
    }

    /// Column of the innermost block collection.
    fn column(&self) -> Option<usize> {
        self.open.iter().rev().find_map(|(column, _)| *column)
    }

    fn check_gap(&self, end: usize, line: usize) -> Result<(), YamlFault> {
        let gap = self.text.get(self.at..end).unwrap_or_default();
        if !gap.contains('\t') {
            return Ok(());
        }
        let in_block = self.open.last().is_none_or(|(column, _)| column.is_some());
        let mut after = self.after;
        let mut column = match self.text[..self.at].rfind('\n') {
            Some(start) => self.at - start - 1,
            None => self.at,
        };
        let mut fresh_line = matches!(after, After::Line);
        let mut comment = false;
        for c in gap.chars() {
            match c {
                '\n' => {
                    comment = false;
                    fresh_line = true;
                    if !matches!(after, After::Plain(_)) {
                        after = After::Line;
                    }
                    column = 0;
                    continue;
                }
                _ if comment => {}
                '\t' => {
                    let refused = match after {
                        After::Plain(indent) => fresh_line && column < indent,
                        After::Line => in_block,
                        After::Other => false,
                    };
                    if refused {
                        return Err(YamlFault {
                            line: Some(line),
                            ..fault("yaml: found a tab character that violates indentation")
                        });
                    }
                }
                ' ' | '\r' => {}
                '#' => {
                    comment = true;
                    after = After::Other;
                }
                // What follows may start a block.
                '-' | '?' => after = After::Line,
                _ => after = After::Other,
            }
            column += 1;
        }
        Ok(())
    }

    /// Lines of a block scalar are indented by spaces.
    fn check_block_scalar(&self, span: Span) -> Result<(), YamlFault> {
        let mut lines = span.slice(self.text).unwrap_or_default().split('\n').skip(1);
        let indent = lines.find(|line| !line.trim().is_empty()).map_or(0, spaces);
        check_lines(span, self.text, indent)
    }
}

/// Refuses a tab among the first `indent` columns of any line of a scalar but its first.
fn check_lines(span: Span, text: &str, indent: usize) -> Result<(), YamlFault> {
    let mut lines = span.slice(text).unwrap_or_default().split('\n').skip(1);
    if lines.any(|line| spaces(line) < indent && line.trim_start_matches(' ').starts_with('\t')) {
        let message = "yaml: found a tab character where an indentation space is expected";
        return Err(YamlFault { line: Some(span.start.line()), ..fault(message) });
    }
    Ok(())
}

fn spaces(line: &str) -> usize {
    line.bytes().take_while(|b| *b == b' ').count()
}
