//! What was expected of a case and what came of it.

use std::collections::BTreeMap;

use runner::State;
use tekton::finding::Place;
use tekton::source::Position;
use tekton::v1::ParamValue;

use super::file::{Case, File, Outcome, Reason, Runs};
use super::simulate::{Call, Observed};
use super::subject::Subject;

/// Something that is not as expected.
#[derive(Debug)]
pub(super) struct Difference {
    /// Where it is expected.
    pub(super) position: Position,
    /// What it is about: `build: args`.
    pub(super) what: String,
    /// Lines that were expected.
    pub(super) expected: Vec<String>,
    /// Lines that came of it.
    pub(super) got: Vec<String>,
}

/// Everything in a case that is not as expected.
pub(super) fn compare(subject: &Subject, file: &File, index: usize, observed: &Observed) -> Vec<Difference> {
    let case = &file.table.cases[index];
    let mut comparison = Comparison { subject, file, index, observed, found: Vec::new() };
    comparison.case(case, file.case(index));
    comparison.found.sort_by_key(|difference| difference.position);
    comparison.found
}

/// What came of a case whose run does not start.
pub(super) fn not_started(file: &File, index: usize, why: &step::Error) -> Difference {
    let hint = why.hint_text().map(|hint| format!("hint: {hint}"));
    Difference {
        position: file.source.position(file.case(index).span().start),
        what: "the run".to_owned(),
        expected: vec!["starts".to_owned()],
        got: [why.to_string()].into_iter().chain(hint).collect(),
    }
}

struct Comparison<'c> {
    subject: &'c Subject,
    file: &'c File,
    index: usize,
    observed: &'c Observed,
    found: Vec<Difference>,
}

impl Comparison<'_> {
    fn expect(&mut self, place: Place<'_>, what: impl Into<String>, expected: Vec<String>, got: Vec<String>) {
        if expected != got {
            let position = self.file.source.position(place.span().start);
            self.found.push(Difference { position, what: what.into(), expected, got });
        }
    }

    fn case(&mut self, case: &Case, place: Place<'_>) {
        let summary = &self.observed.summary;
        let place = place.key("expect");
        let got = self.ending();
        match case.expect.status {
            Some(status) if summary.reason == status.word() => {}
            Some(status) => self.expect(place.key("status"), "status", vec![status.word().to_owned()], got),
            // A run that fails has to be expected to.
            None if summary.state == State::Succeeded => {}
            None => self.expect(place, "status", vec!["Succeeded or Completed".to_owned()], got),
        }
        let combinations = |task: &str| self.calls(task).map(|call| call.index + 1).max().unwrap_or_default();
        let each = case.given.iter().map(|(name, given)| (name, given.each.len(), combinations(name)));
        for (name, given, runs) in each.filter(|(_, given, runs)| *given > 0 && *runs > 0).collect::<Vec<_>>() {
            let place = self.file.case(self.index).key("given").key(name).key("each");
            self.expect(place, format!("{name}: combinations"), vec![given.to_string()], vec![runs.to_string()]);
        }
        for (name, value) in &case.expect.results {
            let got = summary.results.get(name).map_or_else(|| "(no such result)".to_owned(), text);
            self.expect(place.key("results").key(name), format!("result {name}"), vec![text(value)], vec![got]);
        }
        for (name, runs) in &case.expect.runs {
            self.runs(name, runs, place.key("runs").key(name));
        }
        for (name, reason) in &case.expect.skipped {
            let expected = match reason {
                Reason::Any => "skipped".to_owned(),
                reason => format!("skipped: {}", reason.word()),
            };
            let got = match (self.calls(name).next(), self.end(name)) {
                (Some(_), _) => "runs".to_owned(),
                (None, end) if *reason == Reason::Any && end.starts_with("skipped") => expected.clone(),
                (None, end) => end,
            };
            self.expect(place.key("skipped").key(name), name, vec![expected], vec![got]);
        }
    }

    /// How the run ended, and why tasks failed that the case does not let fail.
    fn ending(&self) -> Vec<String> {
        let summary = &self.observed.summary;
        let first = match summary.message.as_str() {
            "" => summary.reason.clone(),
            message => format!("{}: {message}", summary.reason),
        };
        let invalid = summary.tasks.iter().filter(|task| task.state == State::Failed && self.calls(&task.task).next().is_none());
        let why = invalid.filter(|task| !task.message.is_empty()).map(|task| format!("{}: {}", task.task, line(&task.message)));
        [first].into_iter().chain(why).collect()
    }

    fn calls<'s>(&'s self, task: &'s str) -> impl Iterator<Item = &'s Call> {
        self.observed.calls.iter().filter(move |call| call.task == task)
    }

    /// How a task ended that did not run.
    fn end(&self, task: &str) -> String {
        let Some(summary) = self.observed.summary.tasks.iter().find(|summary| summary.task == task) else { return String::new() };
        match summary.state {
            State::Skipped => match Reason::of(&summary.reason) {
                Some(reason) => format!("skipped: {}", reason.word()),
                None => format!("skipped: {}", summary.reason),
            },
            _ => format!("does not start: {}", summary.message),
        }
    }

    fn runs(&mut self, task: &str, runs: &Runs, place: Place<'_>) {
        let Some(last) = self.calls(task).filter(|call| call.index == 0).last() else {
            let got = self.end(task);
            return self.expect(place, task, vec!["runs".to_owned()], vec![got]);
        };
        let attempts = last.attempt as usize + 1;
        if let Some(expected) = runs.attempts {
            let count = |number: usize| vec![number.to_string()];
            self.expect(place.key("attempts"), format!("{task}: attempts"), count(expected), count(attempts));
        }
        let before = self.subject.before(task);
        for (index, other) in runs.after.iter().enumerate().filter(|(_, other)| !before.contains(other.as_str())) {
            let got = match before.is_empty() {
                true => "waits for nothing".to_owned(),
                false => format!("waits for {}", before.iter().copied().collect::<Vec<_>>().join(", ")),
            };
            self.expect(place.key("after").index(index), format!("{task}: order"), vec![format!("waits for {other}")], vec![got]);
        }
        // What is expected of a task holds for each combination of its matrix.
        let mut combinations: BTreeMap<usize, &Call> = BTreeMap::new();
        for call in self.observed.calls.iter().filter(|call| call.task == task) {
            combinations.insert(call.index, call);
        }
        for (index, call) in &combinations {
            let task = if combinations.len() > 1 { format!("{task}[{index}]") } else { task.to_owned() };
            for (name, value) in &runs.params {
                let got = call.params.get(name).map_or_else(|| "(not given)".to_owned(), text);
                self.expect(place.key("params").key(name), format!("{task}: param {name}"), vec![text(value)], vec![got]);
            }
            if let (Some(expected), [(_, got)]) = (&runs.args, &call.steps[..]) {
                self.expect(place.key("args"), format!("{task}: args"), lines(expected), lines(got));
            }
            for (step, expected) in &runs.steps {
                let got = call.steps.iter().find(|(name, _)| name == step).map(|(_, args)| lines(args)).unwrap_or_default();
                self.expect(place.key("steps").key(step), format!("{task}: args of {step}"), lines(expected), got);
            }
        }
        if let Some(each) = &runs.each {
            let shown = |params: &BTreeMap<String, ParamValue>, names: &BTreeMap<String, ParamValue>| {
                let pairs = params.iter().filter(|(name, _)| names.is_empty() || names.contains_key(*name));
                pairs.map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(" ")
            };
            let expected = each.iter().map(|params| shown(params, params)).collect();
            let got = combinations.values().enumerate().map(|(index, call)| match each.get(index) {
                Some(names) => shown(&call.params, names),
                None => shown(&call.params, &BTreeMap::new()),
            });
            let got = got.collect();
            self.expect(place.key("each"), format!("{task}: combinations"), expected, got);
        }
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Outcome::Succeeded => "Succeeded",
            Outcome::Completed => "Completed",
            Outcome::Failed => "Failed",
        }
    }
}

impl Reason {
    const ALL: [Reason; 7] = [
        Reason::Any,
        Reason::When,
        Reason::Parent,
        Reason::MissingResult,
        Reason::Stopping,
        Reason::TimedOut,
        Reason::EmptyMatrix,
    ];

    /// As it is written in a case.
    fn word(self) -> &'static str {
        match self {
            Reason::Any => "any",
            Reason::When => "when",
            Reason::Parent => "parent",
            Reason::MissingResult => "missing-result",
            Reason::Stopping => "stopping",
            Reason::TimedOut => "timed-out",
            Reason::EmptyMatrix => "empty-matrix",
        }
    }

    /// From Tekton's words.
    fn of(reason: &str) -> Option<Self> {
        use runner::Skip;
        let skips = |own: Reason| -> &[Skip] {
            match own {
                Reason::Any => &[],
                Reason::When => &[Skip::When],
                Reason::Parent => &[Skip::Parent],
                Reason::MissingResult => &[Skip::MissingResults],
                Reason::Stopping => &[Skip::Stopping, Skip::Cancelled],
                Reason::TimedOut => &[Skip::PipelineTimedOut, Skip::TasksTimedOut, Skip::FinallyTimedOut],
                Reason::EmptyMatrix => &[Skip::EmptyMatrix],
            }
        };
        Reason::ALL.into_iter().find(|own| skips(*own).iter().any(|skip| skip.reason() == reason))
    }
}

/// A value on one line.
fn text(value: &ParamValue) -> String {
    match value {
        ParamValue::String(text) if text.is_empty() => "\"\"".to_owned(),
        ParamValue::String(text) => line(text),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

fn lines(list: &[String]) -> Vec<String> {
    list.iter().map(|item| line(item)).collect()
}

/// Line breaks would look like other items.
fn line(text: &str) -> String {
    if text.contains('\n') { text.replace('\\', "\\\\").replace('\n', "\\n") } else { text.to_owned() }
}
