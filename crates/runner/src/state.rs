//! How tasks and the run end, in Tekton's words.

use std::collections::BTreeMap;
use std::time::Duration;

use step::Kind;
use tekton::v1::ParamValue;

use crate::executor::State;

/// Why a task does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// One of its conditions does not hold.
    When,
    /// A task that it waits for was skipped.
    Parent,
    /// A task has failed.
    Stopping,
    /// Somebody cancelled the run.
    Cancelled,
    /// A result that it uses is not there.
    MissingResults,
    /// The run's time is over.
    PipelineTimedOut,
    /// The tasks' time is over.
    TasksTimedOut,
    /// The time of `finally` is over.
    FinallyTimedOut,
    /// A list of its matrix is empty.
    EmptyMatrix,
}

/// How a run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How.
    pub state: State,
    /// Why, in Tekton's words.
    pub reason: String,
    /// What a person reads about it.
    pub message: String,
    /// Its tasks, in the Pipeline's order, those of `finally` last.
    pub tasks: Vec<TaskSummary>,
    /// Its results.
    pub results: BTreeMap<String, ParamValue>,
    /// What the process returns.
    pub exit_code: u8,
    /// How long it took.
    pub duration: Duration,
}

/// How a task has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSummary {
    /// The task of the Pipeline.
    pub task: String,
    /// It is one of `finally`.
    pub finally: bool,
    /// How.
    pub state: State,
    /// Why, in Tekton's words.
    pub reason: String,
    /// What a person reads about it.
    pub message: String,
    /// Its results.
    pub results: BTreeMap<String, ParamValue>,
    /// How long it took; zero if it did not run.
    pub duration: Duration,
}

impl Skip {
    /// Tekton's words for it.
    pub fn reason(self) -> &'static str {
        match self {
            Skip::When => "When Expressions evaluated to false",
            Skip::Parent => "Parent Tasks were skipped",
            Skip::Stopping => "PipelineRun was stopping",
            Skip::Cancelled => "PipelineRun was gracefully cancelled",
            Skip::MissingResults => "Results were missing",
            Skip::PipelineTimedOut => "PipelineRun timeout has been reached",
            Skip::TasksTimedOut => "PipelineRun Tasks timeout has been reached",
            Skip::FinallyTimedOut => "PipelineRun Finally timeout has been reached",
            Skip::EmptyMatrix => "Matrix Parameters have an empty array",
        }
    }

    pub(crate) fn is_timeout(self) -> bool {
        matches!(self, Skip::PipelineTimedOut | Skip::TasksTimedOut | Skip::FinallyTimedOut)
    }
}

/// A duration as Tekton writes it: `1h30m`, `45s`, `200ms`.
pub fn duration(duration: Duration) -> String {
    let whole = duration.as_secs();
    let parts = [(whole / 3600, "h"), (whole / 60 % 60, "m")].into_iter().filter(|(count, _)| *count > 0);
    let mut text: String = parts.map(|(count, unit)| format!("{count}{unit}")).collect();
    let rest = duration - Duration::from_secs(whole / 60 * 60);
    if !rest.is_zero() || text.is_empty() {
        text.push_str(&format!("{rest:?}"));
    }
    text
}

/// The exit code for a step's: ours pass through, anything else is a remote that failed.
pub(crate) fn exit_code(step: Option<i32>) -> u8 {
    let ours = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Cancelled).map(Kind::code);
    ours.into_iter().find(|code| step == Some((*code).into())).unwrap_or(Kind::Remote.code())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, exit_code};

    #[test]
    fn durations_as_tekton_writes_them() {
        let cases = [(0, "0ns"), (200, "200ms"), (1500, "1.5s"), (60_000, "1m"), (3_600_000, "1h"), (5_445_500, "1h30m45.5s")];
        for (milliseconds, expected) in cases {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn our_kinds_pass_through() {
        let codes = [Some(1), Some(3), Some(8), Some(70), Some(9), Some(143), Some(127), None].map(exit_code);
        assert_eq!(codes, [1, 3, 8, 70, 7, 7, 7, 7]);
    }
}
