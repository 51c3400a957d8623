//! An attempt at a task: its steps one after another, and what each leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use step::Result;
use tekton::v1::{ParamValue, Step};

use super::{How, Local};
use crate::event::Event;
use crate::executor::{Control, Outcome, State, StepOutcome, Why};
use crate::paths::{HOME, Mount, RESULTS, SCRIPTS, STEPS, WORKSPACE, container_name, mounts};
use crate::process::{End, Limits, run};
use crate::scope::{Results, Scope};
use crate::task::TaskRun;
use crate::workspace::{make_dir, write};
use crate::{results, when};

/// What is known while the steps of a task run one after another.
pub(super) struct Attempt<'a> {
    pub(super) task: &'a TaskRun,
    control: &'a Control<'a>,
    /// Steps have directories for exit codes and results of their own.
    keeps_steps: bool,
    pub(super) mounts: Vec<Mount>,
    step_results: Results,
    results: BTreeMap<String, String>,
    /// Results that are a step's own, under the Task's names for them.
    derived: BTreeMap<String, String>,
    steps: Vec<StepOutcome>,
}

impl Local {
    pub(super) fn attempt(&self, task: &TaskRun, control: &Control<'_>) -> Result<Outcome> {
        for name in [RESULTS, STEPS, HOME, SCRIPTS, WORKSPACE].into_iter().filter(|name| self.needs(task, name)) {
            make_dir(&task.directory.join(name.trim_start_matches('/')))?;
        }
        let volumes = self.volumes(task)?;
        let mut attempt = Attempt {
            task,
            control,
            keeps_steps: self.needs(task, STEPS),
            mounts: mounts(task),
            step_results: Results::new(),
            results: BTreeMap::new(),
            derived: BTreeMap::new(),
            steps: Vec::new(),
        };
        let mut failure: Option<Outcome> = None;
        for step in &task.spec.steps {
            let name = step.name.clone().unwrap_or_default();
            if failure.is_some() {
                attempt.steps.push(StepOutcome { step: name, state: State::Skipped, exit_code: None, duration: Duration::ZERO });
                continue;
            }
            failure = self.step(&name, step, &volumes, &mut attempt)?;
        }
        let Attempt { steps, results: mut texts, derived, .. } = attempt;
        texts.extend(derived);
        let (values, faults) = results::values(&texts, &task.spec.results);
        let mut outcome = failure.unwrap_or_else(|| match &faults[..] {
            [] => Outcome::succeeded(BTreeMap::new()),
            faults => Outcome::failed("TaskRunValidationFailed", faults.join(", ")),
        });
        outcome.results = values;
        outcome.steps = steps;
        Ok(outcome)
    }

    /// Whether a run of a task needs one of Tekton's directories. On some file systems a directory costs as much as a step.
    fn needs(&self, task: &TaskRun, directory: &str) -> bool {
        let mut steps = task.spec.steps.iter();
        match directory {
            _ if steps.clone().any(|step| matches!(self.how(step), How::Contained)) => true,
            RESULTS => !task.spec.results.is_empty(),
            WORKSPACE => true,
            SCRIPTS => steps.any(|step| step.script.as_deref().is_some_and(|script| !script.is_empty())),
            STEPS if steps.clone().any(|step| !step.results.is_empty()) => true,
            // Somebody asks for an exit code, or names the directory.
            _ => {
                let path = directory.trim_start_matches('/');
                steps.any(|step| serde_json::to_string(step).is_ok_and(|text| text.contains(path)))
            }
        }
    }

    /// Runs one step; what is returned ends the task.
    fn step(
        &self,
        name: &str,
        step: &Step,
        volumes: &BTreeMap<String, PathBuf>,
        attempt: &mut Attempt<'_>,
    ) -> Result<Option<Outcome>> {
        let (task, control) = (attempt.task, attempt.control);
        let directory = task.directory.join(STEPS.trim_start_matches('/')).join(container_name(name));
        let keeps = attempt.keeps_steps;
        if keeps {
            make_dir(&directory.join("results"))?;
        }
        let scope = Scope { step_results: attempt.step_results.clone(), ..Scope::default() };
        let step = &Step {
            command: scope.list(&step.command)?,
            args: scope.list(&step.args)?,
            env: {
                let mut env = step.env.clone();
                for variable in &mut env {
                    variable.value = variable.value.as_deref().map(|value| scope.text(value)).transpose()?;
                }
                env
            },
            when: when::expand(&step.when, &scope)?,
            ..step.clone()
        };
        if !when::holds(&step.when)? {
            if keeps {
                write(&directory.join("exitCode"), b"0")?;
            }
            attempt.finish(name, State::Skipped, None, Duration::ZERO);
            return Ok(None);
        }
        if let Some(why) = control.stop.requested() {
            attempt.steps.push(StepOutcome {
                step: name.to_owned(),
                state: State::Skipped,
                exit_code: None,
                duration: Duration::ZERO,
            });
            return Ok(Some(stopped(why)));
        }
        self.warn(name, step, control, task);
        let started = Instant::now();
        control.tell(&Event::StepStarted { task: &task.task, index: task.index, step: name });
        let own_deadline =
            step.timeout.as_ref().and_then(|timeout| timeout.to_std()).filter(|t| !t.is_zero()).map(|t| started + t);
        let deadline = [own_deadline, control.deadline].into_iter().flatten().min();
        let program = self.program(name, step, volumes, attempt)?;
        let limits = Limits { stop: &control.stop, deadline, grace: self.grace };
        let end = run(&program, &limits, |line| {
            let text = String::from_utf8_lossy(line);
            let text = step::redact::text(&text);
            control.tell(&Event::Line { task: &task.task, index: task.index, step: name, text: &text });
        });
        let end = match end {
            Ok(end) => end,
            Err(error) => {
                attempt.finish(name, State::Failed, Some(127), started.elapsed());
                return Ok(Some(Outcome { exit_code: Some(127), ..Outcome::error("StepFailed", &error) }));
            }
        };
        let continues = step.on_error.as_deref() == Some("continue");
        let container = container_name(name);
        let (state, code, outcome) = match end {
            End::Exited(0) => (State::Succeeded, Some(0), None),
            End::Exited(code) if continues => (State::Failed, Some(code), None),
            End::Exited(code) => {
                let message = format!("\"{container}\" exited with code {code}");
                (State::Failed, Some(code), Some(Outcome { exit_code: Some(code), ..Outcome::failed("StepFailed", message) }))
            }
            End::TimedOut if own_deadline.is_some() && own_deadline <= control.deadline.or(own_deadline) => {
                let message = format!("\"{container}\" exited because the step exceeded the specified timeout limit");
                let outcome =
                    Outcome { exit_code: Some(step::Kind::TimedOut.code().into()), ..Outcome::failed("StepFailed", message) };
                (State::TimedOut, None, Some(outcome))
            }
            End::TimedOut => {
                let outcome = Outcome { state: State::TimedOut, ..Outcome::failed("TaskRunTimeout", "its time ran out") };
                (State::TimedOut, None, Some(outcome))
            }
            End::Stopped(why) => (State::Cancelled, None, Some(stopped(why))),
        };
        if let (Some(code), None, true) = (code, &outcome, keeps) {
            write(&directory.join("exitCode"), code.to_string().as_bytes())?;
        }
        let too_large = attempt.collect(name, step, &directory)?.filter(|_| outcome.is_none());
        // Tekton writes the results down before the step ends, which fails with it.
        let (state, code) = if too_large.is_some() { (State::Failed, Some(1)) } else { (state, code) };
        attempt.finish(name, state, code, started.elapsed());
        Ok(too_large.or(outcome))
    }

    /// A script is run as it is: a container's path in it leads nowhere here.
    fn warn(&self, name: &str, step: &Step, control: &Control<'_>, task: &TaskRun) {
        let is_border = |c: char| c.is_whitespace() || "\"'`=<>|;&()".contains(c);
        let is_containers = |word: &&str| word.starts_with("/workspace/") || word.starts_with("/tekton/");
        let script = step.script.as_deref().unwrap_or_default();
        if let (How::Host, Some(path)) = (self.how(step), script.split(is_border).find(is_containers)) {
            let message = format!(
                "the script of the step {name} of the task {} names {path}, which is in containers only; write $(workspaces.NAME.path) \
                 or $(results.NAME.path)",
                task.label()
            );
            control.tell(&Event::Warning { message: &message });
        }
    }
}

impl Attempt<'_> {
    fn finish(&mut self, step: &str, state: State, exit_code: Option<i32>, duration: Duration) {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (task, index) = (self.task.task.as_str(), self.task.index);
        self.control.tell(&Event::StepFinished { task, index, step, state, exit_code, milliseconds });
        self.steps.push(StepOutcome { step: step.to_owned(), state, exit_code, duration });
    }

    /// Reads what the step left; what is returned is too large.
    fn collect(&mut self, name: &str, step: &Step, directory: &Path) -> Result<Option<Outcome>> {
        let base = self.task.directory.join(RESULTS.trim_start_matches('/'));
        self.results = results::read(&base, self.task.spec.results.iter().map(|result| result.name.as_str()))?;
        let own = results::read(&directory.join("results"), step.results.iter().map(|result| result.name.as_str()))?;
        let all = self.results.iter().chain(&own).map(|(name, text)| (name.as_str(), text.as_str()));
        if let Some(message) = results::too_large(name, all) {
            self.results.clear();
            return Ok(Some(Outcome::failed("TaskRunResultLargerThanAllowedLimit", message)));
        }
        for result in &self.task.spec.results {
            if let Some(ParamValue::String(text)) = &result.value {
                let scope = Scope {
                    step_results: own.iter().map(|(key, text)| ((name.to_owned(), key.clone()), text.clone().into())).collect(),
                    ..Scope::default()
                };
                let filled = scope.text(text)?;
                if filled != *text {
                    self.derived.insert(result.name.clone(), filled);
                }
            }
        }
        for (key, text) in own {
            let spec = step.results.iter().find(|spec| spec.name == key);
            let value = match spec.and_then(|spec| spec.type_) {
                Some(tekton::v1::ParamType::Array) => serde_json::from_str(&text).ok().map(ParamValue::Array),
                Some(tekton::v1::ParamType::Object) => serde_json::from_str(&text).ok().map(ParamValue::Object),
                _ => None,
            };
            self.step_results.insert((name.to_owned(), key), value.unwrap_or(ParamValue::String(text)));
        }
        Ok(None)
    }
}

/// What a task that was stopped ends with.
pub(crate) fn stopped(why: Why) -> Outcome {
    let message = match why {
        Why::RunTimedOut => "the run's time ran out",
        Why::Cancelled | Why::Now => "the run was cancelled",
    };
    Outcome { state: State::Cancelled, ..Outcome::failed("TaskRunCancelled", message) }
}
