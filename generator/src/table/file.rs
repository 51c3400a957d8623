//! Files of cases: `tests.yaml` and `*.test.yaml` beside a definition.
//!
//! What is written here is what people write; `docs/table-tests.md` explains it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tekton::decode::decode;
use tekton::finding::{Place, Report, Severity};
use tekton::node::{self, Node};
use tekton::source::Source;
use tekton::v1::{ParamValue, TaskSpec};

use crate::render::Fault;

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// Which Pipeline is tested, where the definition has several.
    pub(super) pipeline: Option<String>,
    /// What Tasks take and give that somebody else has, by the names of the Pipeline's tasks.
    #[serde(default)]
    pub(super) tasks: BTreeMap<String, TaskSpec>,
    /// The cases.
    pub(super) cases: Vec<Case>,
}

/// What is given to a run, and what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What messages call it.
    pub(super) name: String,
    /// Values for the definition's templates.
    #[serde(default)]
    pub(super) values: BTreeMap<String, Value>,
    /// The run's parameters.
    #[serde(default)]
    pub(super) params: BTreeMap<String, ParamValue>,
    /// The Pipeline's workspaces that are bound.
    #[serde(default)]
    pub(super) workspaces: Vec<String>,
    /// How tasks end. One that is not here succeeds without results.
    #[serde(default)]
    pub(super) given: BTreeMap<String, Given>,
    /// What has to come of it.
    #[serde(default)]
    pub(super) expect: Expect,
}

/// How a task ends, if it runs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// How its last attempt ends.
    #[serde(default)]
    pub(super) status: End,
    /// How many attempts fail before that one.
    #[serde(default)]
    pub(super) failures: u32,
    /// What it would have written.
    #[serde(default)]
    pub(super) results: BTreeMap<String, ParamValue>,
    /// The results of each combination of a matrix, in their order.
    #[serde(default)]
    pub(super) each: Vec<BTreeMap<String, ParamValue>>,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum End {
    /// Well.
    #[default]
    Succeeded,
    /// Badly.
    Failed,
}

/// What has to come of a run. What is not mentioned may be anything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// How the run ends.
    pub(super) status: Option<Outcome>,
    /// The Pipeline's results: these have these values.
    #[serde(default)]
    pub(super) results: BTreeMap<String, ParamValue>,
    /// Tasks that run, and with what.
    #[serde(default)]
    pub(super) runs: BTreeMap<String, Runs>,
    /// Tasks that do not run, and why.
    #[serde(default)]
    pub(super) skipped: BTreeMap<String, Reason>,
}

/// How a run ends, as `$(tasks.status)` and the condition of a PipelineRun say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Outcome {
    /// Every task succeeded.
    Succeeded,
    /// No task failed, and some were skipped.
    Completed,
    /// A task failed.
    Failed,
}

/// With what a task runs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Runs {
    /// Tasks that it waits for, directly or through others.
    #[serde(default)]
    pub(super) after: Vec<String>,
    /// Parameters that it gets.
    #[serde(default)]
    pub(super) params: BTreeMap<String, ParamValue>,
    /// All arguments of its only step.
    pub(super) args: Option<Vec<String>>,
    /// All arguments of its steps, by their names.
    #[serde(default)]
    pub(super) steps: BTreeMap<String, Vec<String>>,
    /// The parameters of each combination of its matrix, in their order.
    pub(super) each: Option<Vec<BTreeMap<String, ParamValue>>>,
    /// How often it is tried.
    pub(super) attempts: Option<usize>,
}

/// Why a task does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reason {
    /// Whatever the reason.
    Any,
    /// Its own conditions do not hold.
    When,
    /// A task that it comes after did not run.
    Parent,
    /// A result that it needs is not there.
    MissingResult,
    /// The run was already ending: a task had failed, or was cancelled.
    Stopping,
    /// Time had run out.
    TimedOut,
    /// There is nothing in its matrix.
    EmptyMatrix,
}

/// A file of cases with the places of what it says.
#[derive(Debug)]
pub(super) struct File {
    pub(super) source: Source,
    node: Node,
    pub(super) table: Table,
}

impl File {
    /// Reads it, strictly.
    pub(super) fn read(source: Source) -> Result<Self, Vec<Fault>> {
        let mut findings = Vec::new();
        let mut report = Report::new(&mut findings, 0);
        let mut documents = node::read(&source, &mut report).into_iter();
        let table = documents.next().and_then(|node| Some((decode::<Table>(&node, &source, &mut report)?, node)));
        let mut faults: Vec<Fault> = findings
            .into_iter()
            .filter(|finding| finding.rule.severity == Severity::Error)
            .map(|finding| Fault {
                hint: finding.hint,
                ..Fault::at(&source, finding.span.start, finding.rule.name, finding.message)
            })
            .collect();
        if let Some(second) = documents.next() {
            faults.push(Fault::at(&source, second.span.start, "yaml-syntax", "there is a second document"));
        }
        match table {
            Some((table, node)) if faults.is_empty() => {
                let file = File { source, node, table };
                let faults = file.repeated();
                if faults.is_empty() { Ok(file) } else { Err(faults) }
            }
            _ if faults.is_empty() => Err(vec![Fault::at(&source, 0, "missing-field", "there are no cases")]),
            _ => Err(faults),
        }
    }

    /// All of it.
    pub(super) fn top(&self) -> Place<'_> {
        Place::new(&self.source, &self.node)
    }

    /// Where a case stands.
    pub(super) fn case(&self, index: usize) -> Place<'_> {
        self.top().key("cases").index(index)
    }

    /// Something wrong at a place.
    pub(super) fn fault(&self, place: Place<'_>, rule: &'static str, message: impl Into<String>) -> Fault {
        Fault::at(&self.source, place.span().start, rule, message)
    }

    /// Cases with one name could not be told apart.
    fn repeated(&self) -> Vec<Fault> {
        let cases = &self.table.cases;
        let is_repeated = |(index, case): &(usize, &Case)| cases[..*index].iter().any(|earlier| earlier.name == case.name);
        let fault = |(index, case): (usize, &Case)| {
            let message = format!("there is a case {:?} already", case.name);
            self.fault(self.case(index).key("name"), "duplicate-name", message)
        };
        cases.iter().enumerate().filter(is_repeated).map(fault).collect()
    }
}
