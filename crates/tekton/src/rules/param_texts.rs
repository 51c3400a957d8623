//! The texts in which Tekton's admission looks for parameters.

use std::ops::Range;

use super::fields::{Field, FieldText, steps_of, texts_of_action};
use super::pipeline_text::{FieldKind, Form, Text, fields};
use super::references::found;
use super::scope::Reach;
use crate::check::{Cx, Object, PipelineTaskView};
use crate::finding::Place;

/// A text, and what it may hold.
#[derive(Clone, Copy)]
pub(super) struct ParamText<'a> {
    pub(super) text: &'a str,
    pub(super) place: Place<'a>,
    pub(super) holds: Holds,
}

/// What a place may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Only strings.
    Strings,
    /// A whole array as well, if nothing stands beside it.
    Arrays,
    /// One reference to a whole array or object, and nothing else; that it is there is all that matters.
    OneWhole,
    /// A word. Whether an array is in it is not asked.
    Word,
}

impl<'a> ParamText<'a> {
    /// Where a part of the text is.
    pub(super) fn part(self, range: Range<usize>) -> Place<'a> {
        self.place.within(self.text, range)
    }
}

/// Calls `visit` with each text, and the parameters that may be used there.
pub(super) fn each_text<'a>(cx: &Cx<'a>, visit: &mut dyn FnMut(ParamText<'a>, &Reach<'a>)) {
    for view in cx.tasks() {
        let reach = Reach::of_task(cx, view);
        for text in steps_of(view).into_iter().flat_map(|step| step.texts).filter(|text| is_replaced(text.field)) {
            visit(of_step(text), &reach);
        }
    }
    if let Object::StepAction(action) = cx.object {
        let reach = Reach::of_own(&action.spec.params);
        let texts = texts_of_action(&action.spec, cx.place.key("spec"));
        texts.into_iter().for_each(|text| visit(of_step(text), &reach));
    }
    // Only here is it known which parameters there are: those of a Pipeline in a Pipeline are nobody's concern.
    let Some(pipeline) = cx.pipelines().next() else { return };
    let reach = Reach::of_pipeline(cx);
    for view in pipeline.tasks().filter(|view| !(view.is_finally && pipeline.run.is_some())) {
        of_pipeline_task(view, &reach, &mut |text| visit(text, &reach));
    }
}

/// Whether admission looks for variables in such a field. It does in names too, which cannot have any: another rule.
pub(super) fn is_replaced(field: Field) -> bool {
    !matches!(field, Field::Name | Field::ImagePullPolicy | Field::EnvFrom | Field::Device)
}

fn of_step(FieldText { field, text, place }: FieldText<'_>) -> ParamText<'_> {
    let holds = match field {
        Field::Command | Field::Args => Holds::Arrays,
        Field::OnError => Holds::Word,
        _ => Holds::Strings,
    };
    ParamText { text, place, holds }
}

fn of_pipeline_task<'a>(view: PipelineTaskView<'a>, reach: &Reach<'a>, visit: &mut dyn FnMut(ParamText<'a>)) {
    for field in fields(view) {
        for Text { text, place, form } in field.texts {
            let holds = match (field.kind, form) {
                (_, Form::Cel) | (FieldKind::Matrix, Form::Whole | Form::Entry) => continue,
                (FieldKind::Include, Form::Item | Form::Entry) => continue,
                (FieldKind::Param, Form::Whole) if is_whole(text) => Holds::OneWhole,
                (_, Form::Item) => Holds::Arrays,
                (_, Form::Choice) if reach.is_array(array_reference(text)) => Holds::Arrays,
                _ => Holds::Strings,
            };
            visit(ParamText { text, place, holds });
        }
    }
}

/// Whether a text is one reference with `[*]` and nothing else.
fn is_whole(text: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    match &found(text, "params")[..] {
        [only] => only.range == (0..text.len()) && only.inner.strip_suffix("[*]").is_some_and(is_name),
        _ => false,
    }
}

fn array_reference(text: &str) -> &str {
    let inner = text.strip_prefix("$(params.").unwrap_or(text);
    inner.strip_suffix("[*])").unwrap_or(inner)
}
