//! `--dry-run`: what would run, in which order and with which command lines.

use std::fmt::Write as _;

use runner::{Executor, Plan, PlannedTask};
use step::Result;
use tekton::v1::OnError;

/// The plan for a person.
pub(super) fn text(plan: &Plan, executor: &dyn Executor) -> Result<String> {
    let mut out = format!("{}, as {}\n", plan.pipeline, plan.name);
    let limit = |name: &str, timeout: Option<std::time::Duration>| {
        timeout.map_or(String::new(), |t| format!(", {name} {}", runner::duration(t)))
    };
    let timeouts = plan.timeouts;
    let limits = [("all", timeouts.pipeline), ("tasks", timeouts.tasks), ("finally", timeouts.finally)];
    let limits: String = limits.into_iter().map(|(name, timeout)| limit(name, timeout)).collect();
    let _ = writeln!(out, "timeouts: {}", if limits.is_empty() { "none" } else { &limits[2..] });
    for (index, wave) in plan.waves().into_iter().enumerate() {
        let _ = writeln!(out, "\nwave {}", index + 1);
        wave.into_iter().try_for_each(|task| one(&mut out, plan, task, executor))?;
    }
    let finally: Vec<_> = plan.tasks.iter().filter(|task| task.finally).collect();
    if !finally.is_empty() {
        out.push_str("\nfinally\n");
        finally.into_iter().try_for_each(|task| one(&mut out, plan, task, executor))?;
    }
    Ok(step::redact::text(&out).into_owned())
}

fn one(out: &mut String, plan: &Plan, planned: &PlannedTask, executor: &dyn Executor) -> Result<()> {
    let task = &planned.task;
    let _ = writeln!(out, "  {}", task.name());
    let after: Vec<&str> = planned.after.iter().map(String::as_str).collect();
    let mut say = |name: &str, value: &str| {
        let _ = writeln!(out, "    {name}: {value}");
    };
    if !after.is_empty() {
        say("after", &after.join(", "));
    }
    for when in &task.when {
        say("when", &runner::describe(when));
    }
    if let Some(matrix) = task.matrix.as_ref().filter(|_| task.is_matrixed()) {
        let combinations = runner::combinations(matrix);
        say("matrix", &format!("{} runs; the first:", combinations.len()));
    }
    if task.retries > 0 {
        say("retries", &task.retries.to_string());
    }
    if let Some(timeout) = &task.timeout {
        say("timeout", timeout.as_str());
    }
    if task.on_error == Some(OnError::Continue) {
        say("on error", "the others go on");
    }
    for step in plan.steps(planned, executor)? {
        say(step.name.as_deref().unwrap_or_default(), &executor.describe(&step));
    }
    Ok(())
}
