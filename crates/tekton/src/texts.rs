//! The texts of an object, with their places: what rules about variables read.

use std::ops::Range;

use crate::check::{PipelineTaskView, PipelineView, TaskView};
use crate::finding::Place;
use crate::node::Data;
use crate::variable::{References, references};

/// A string somewhere in an object.
#[derive(Clone, Copy, Debug)]
pub struct Text<'n> {
    /// The string.
    pub text: &'n str,
    /// Where it is.
    pub place: Place<'n>,
    /// The field that it is the value of, or an item of: `args`.
    pub field: &'n str,
}

/// Every string at or beneath `place`, in the order of the file. Keys are not among them.
pub fn beneath(place: Place<'_>) -> Vec<Text<'_>> {
    let mut found = Vec::new();
    collect(place, "", &mut found);
    found
}

fn collect<'n>(place: Place<'n>, field: &'n str, found: &mut Vec<Text<'n>>) {
    match place.node().map(|node| &node.data) {
        Some(Data::Text(text)) => found.push(Text { text, place, field }),
        Some(Data::List(items)) => (0..items.len()).for_each(|index| collect(place.index(index), field, found)),
        Some(Data::Map(entries)) => entries.iter().for_each(|entry| collect(place.key(&entry.key), &entry.key, found)),
        _ => {}
    }
}

fn fields<'n>(place: Place<'n>, names: &[&str]) -> Vec<Text<'n>> {
    let there = names.iter().filter(|name| place.node().is_some_and(|node| node.get(name).is_some()));
    there.flat_map(|name| beneath(place.key(name))).collect()
}

impl<'n> Text<'n> {
    /// Every `$(…)` in it.
    pub fn references(self) -> References<'n> {
        references(self.text)
    }

    /// Where a part of it is.
    pub fn part(self, range: Range<usize>) -> Place<'n> {
        self.place.within(self.text, range)
    }
}

impl<'a> TaskView<'a> {
    /// Every string of what runs: steps, sidecars, volumes, and where workspaces and results come to lie.
    pub fn texts(self) -> Vec<Text<'a>> {
        fields(self.place, &["stepTemplate", "steps", "sidecars", "volumes", "workspaces", "results"])
    }
}

impl<'a> PipelineTaskView<'a> {
    /// Every string but those of a Task or Pipeline that is written here.
    pub fn texts(self) -> Vec<Text<'a>> {
        fields(
            self.place,
            &["displayName", "taskRef", "pipelineRef", "when", "params", "matrix", "workspaces", "onError", "runAfter"],
        )
    }
}

impl<'a> PipelineView<'a> {
    /// Every string of its tasks, with the Tasks that are written there, and of its results.
    pub fn texts(self) -> Vec<Text<'a>> {
        fields(self.place, &["tasks", "finally", "results"])
    }
}
