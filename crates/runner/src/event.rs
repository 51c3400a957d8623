//! What happens in a run, for whoever shows it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use tekton::v1::ParamValue;

use crate::executor::State;

/// Something that happened. As JSON it is an object whose `event` is the variant's name in kebab-case; its fields are
/// those here, also in kebab-case, and those that are not there are left out. Times are in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event<'e> {
    /// The run begins.
    Started {
        /// The Pipeline or Task.
        pipeline: &'e str,
        /// The run's name.
        run: &'e str,
        /// Its directory, with `TASK.log` for each task in `logs`.
        directory: &'e Path,
        /// Tasks in the order in which the Pipeline has them, those of `finally` last.
        tasks: Vec<&'e str>,
    },
    /// An attempt at a task begins.
    TaskStarted {
        /// The task of the Pipeline.
        task: &'e str,
        /// Which of a matrix, counted from 0.
        #[serde(skip_serializing_if = "Option::is_none")]
        index: Option<usize>,
        /// How often it was tried before.
        attempt: u32,
    },
    /// A step begins.
    StepStarted {
        /// The task of the Pipeline.
        task: &'e str,
        /// Which of a matrix.
        #[serde(skip_serializing_if = "Option::is_none")]
        index: Option<usize>,
        /// The step.
        step: &'e str,
    },
    /// A step wrote a line to its standard output or error. It is in the logs, and not among JSON events.
    #[serde(skip)]
    Line {
        /// The task of the Pipeline.
        task: &'e str,
        /// Which of a matrix.
        index: Option<usize>,
        /// The step.
        step: &'e str,
        /// The line, without secrets and without its end.
        text: &'e str,
    },
    /// A step has ended.
    StepFinished {
        /// The task of the Pipeline.
        task: &'e str,
        /// Which of a matrix.
        #[serde(skip_serializing_if = "Option::is_none")]
        index: Option<usize>,
        /// The step.
        step: &'e str,
        /// How.
        state: State,
        /// Its exit code, if it ended by itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// How long it ran.
        milliseconds: u64,
    },
    /// An attempt failed, and there will be another.
    TaskRetried {
        /// The task of the Pipeline.
        task: &'e str,
        /// Which of a matrix.
        #[serde(skip_serializing_if = "Option::is_none")]
        index: Option<usize>,
        /// The attempt that failed, counted from 0.
        attempt: u32,
        /// Why it failed, in Tekton's words.
        reason: &'e str,
        /// Why it failed.
        message: &'e str,
    },
    /// A task will not run.
    TaskSkipped {
        /// The task of the Pipeline.
        task: &'e str,
        /// Why, in Tekton's words.
        reason: &'e str,
    },
    /// A task has ended: all runs of its matrix, if it has one.
    TaskFinished {
        /// The task of the Pipeline.
        task: &'e str,
        /// How.
        state: State,
        /// Why, in Tekton's words.
        reason: &'e str,
        /// What a person reads about it.
        #[serde(skip_serializing_if = "str::is_empty")]
        message: &'e str,
        /// How long it took.
        milliseconds: u64,
        /// Its results.
        results: &'e BTreeMap<String, ParamValue>,
    },
    /// Something to know that stops nothing.
    Warning {
        /// What.
        message: &'e str,
    },
    /// The run has ended.
    Finished {
        /// How.
        state: State,
        /// Why, in Tekton's words: `Succeeded`, `Completed`, `Failed`, `PipelineRunTimeout`, `Cancelled`.
        reason: &'e str,
        /// What a person reads about it.
        #[serde(skip_serializing_if = "str::is_empty")]
        message: &'e str,
        /// How long it took.
        milliseconds: u64,
        /// The Pipeline's results.
        results: &'e BTreeMap<String, ParamValue>,
        /// What the process will return.
        exit_code: u8,
    },
}

/// Is told what happens, from several threads at once.
pub trait Observer: Sync {
    /// It happened.
    fn event(&self, event: &Event<'_>);
}

/// Nobody looks.
impl Observer for () {
    fn event(&self, _: &Event<'_>) {}
}
