//! Rules about which task of a Pipeline waits for which, and may know what of it.

use std::collections::HashSet;

use super::pipeline_text::{Field, FieldKind, fields, of_steps};
use super::{Rule, ToldBy};
use crate::check::{Cx, PipelineTaskView, PipelineView};
use crate::finding::{Advice, Place, Report, Severity};
use crate::graph::Graph;
use crate::v1::{PipelineSpec, PipelineTask};

pub(super) static RULES: &[&Rule] = &[&UNKNOWN_TASK, &TASK_CYCLE, &RUN_AFTER_IN_FINALLY, &UNAVAILABLE_RESULT, &EARLY_STATUS];

/// A task that is not there.
static UNKNOWN_TASK: Rule = Rule {
    name: "unknown-task",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Tasks that a Pipeline speaks of are in it.",
    explanation: "`runAfter`, `$(tasks.NAME.results.…)` and `$(tasks.NAME.status)` take the name of a task of the same Pipeline: its `name` there, not the name of the Task that it runs.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
  - name: test
    runAfter: [complie]
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
  - name: test
    runAfter: [compile]
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    check: Some(unknown_task),
};

/// Something of another task that a task speaks of.
struct Mention<'a> {
    task: &'a str,
    place: Place<'a>,
}

/// What makes a task wait, as Tekton sees it when the Pipeline is applied.
fn awaited(view: PipelineTaskView<'_>) -> impl Iterator<Item = Mention<'_>> {
    let place = view.place.key("runAfter");
    let after = view.task.run_after.iter().enumerate();
    after.map(move |(index, task)| Mention { task, place: place.index(index) }).chain(used(view))
}

/// The results that a task uses, also in the steps that are written into it.
fn used(view: PipelineTaskView<'_>) -> impl Iterator<Item = Mention<'_>> {
    let steps = of_steps(view).into_iter().flat_map(|text| text.expressions());
    let fields = fields(view).into_iter().flat_map(|field| field.expressions().collect::<Vec<_>>());
    fields.chain(steps).filter_map(|e| e.result().map(|result| Mention { task: result.task, place: e.place }))
}

/// The results in a field.
fn results<'a>(field: &Field<'a>) -> impl Iterator<Item = Mention<'a>> {
    field.expressions().filter_map(|e| e.result().map(|result| Mention { task: result.task, place: e.place }))
}

/// The statuses of single tasks in a field.
fn statuses<'a>(field: &Field<'a>) -> impl Iterator<Item = Mention<'a>> {
    // Tekton takes nothing for a status beside a result.
    let expressions = (!field.has_result()).then(|| field.expressions()).into_iter().flatten();
    expressions.filter_map(|e| {
        let task = e.status_of().filter(|_| e.body != "tasks.status")?;
        Some(Mention { task, place: e.place })
    })
}

/// The fields of a task in `finally` in which Tekton looks for results and statuses of other tasks.
fn looked_at(view: PipelineTaskView<'_>) -> impl Iterator<Item = Field<'_>> {
    fields(view).into_iter().filter(|field| matches!(field.kind, FieldKind::Param | FieldKind::Condition))
}

struct Names<'a> {
    tasks: HashSet<&'a str>,
    finally: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(pipeline: PipelineView<'a>) -> Self {
        Names {
            tasks: pipeline.spec.tasks.iter().map(|task| task.name()).collect(),
            finally: pipeline.spec.finally.iter().map(|task| task.name()).collect(),
        }
    }
}

fn unknown_task(cx: &Cx<'_>, report: &mut Report<'_>) {
    for pipeline in cx.pipelines() {
        let names = Names::of(pipeline);
        let mut unknown = |Mention { task, place }: Mention<'_>| {
            if !names.tasks.contains(task) && !names.finally.contains(task) {
                let message =
                    if task.is_empty() { "a task has no empty name".to_owned() } else { format!("no task is called {task:?}") };
                report.at(&UNKNOWN_TASK, place, message).did_you_mean(task, names.tasks.iter().copied(), "");
            }
        };
        for view in pipeline.tasks() {
            if view.is_finally {
                looked_at(view).for_each(|field| results(&field).chain(statuses(&field)).for_each(&mut unknown));
            } else {
                awaited(view).for_each(&mut unknown);
            }
        }
    }
}

/// Tasks that wait for each other.
static TASK_CYCLE: Rule = Rule {
    name: "task-cycle",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "No task waits for itself, not even by way of others.",
    explanation: "A task waits for those in its `runAfter` and for those whose results it uses.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    runAfter: [test]
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
  - name: test
    runAfter: [compile]
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
  - name: test
    runAfter: [compile]
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    check: Some(task_cycle),
};

fn task_cycle(cx: &Cx<'_>, report: &mut Report<'_>) {
    for pipeline in cx.pipelines() {
        // The graph knows reasons to wait that Tekton's admission does not look at, such as artifacts.
        let only_awaited = |view: PipelineTaskView<'_>| PipelineTask {
            name: view.task.name.clone(),
            run_after: awaited(view).map(|mention| mention.task.to_owned()).collect(),
            ..PipelineTask::default()
        };
        let tasks = pipeline.tasks().filter(|view| !view.is_finally).map(only_awaited).collect();
        let waiting = PipelineSpec { tasks, ..PipelineSpec::default() };
        let Some(cycle) = Graph::of(&waiting).cycle() else { continue };
        let (Some(first), Some(next)) = (cycle.first(), cycle.iter().cycle().nth(1)) else { continue };
        let Some(view) = pipeline.tasks().find(|view| view.task.name() == *first) else { continue };
        let mention = awaited(view).find(|mention| mention.task == *next);
        let place = mention.map_or(view.place.key("name"), |mention| mention.place);
        let message = match cycle[..] {
            [_] => format!("{first:?} waits for itself"),
            _ => format!("{} wait for each other: {} → {first}", list(&cycle), cycle.join(" → ")),
        };
        report.at(&TASK_CYCLE, place, message).hint("take one of these dependencies away: a runAfter, or the use of a result");
    }
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    match &quoted[..] {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// An order in `finally`.
static RUN_AFTER_IN_FINALLY: Rule = Rule {
    name: "run-after-in-finally",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Tasks in `finally` have no `runAfter`.",
    explanation: "They run together, when all of `tasks` have ended. What has to be done in an order is one task with several steps.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
  finally:
  - name: clean
    runAfter: [compile]
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
  finally:
  - name: clean
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    check: Some(run_after_in_finally),
};

fn run_after_in_finally(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (_, view) in cx.pipeline_tasks().filter(|(_, view)| view.is_finally && !view.task.run_after.is_empty()) {
        let message = format!("{:?} is in finally and cannot wait for single tasks", view.task.name());
        report
            .at(&RUN_AFTER_IN_FINALLY, view.place.name_of("runAfter"), message)
            .hint("leave runAfter out: it runs after all of tasks");
    }
}

/// A result that nobody gets.
static UNAVAILABLE_RESULT: Rule = Rule {
    name: "unavailable-result",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "No task uses a result of a task in `finally`, or of one that runs a Pipeline.",
    explanation: "Tasks in `finally` run at the end and all at once. Only the results of the Pipeline can be made of theirs. Tekton can run a Pipeline as a task of another one (alpha), but does not pass its results on.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
  finally:
  - name: sum
    taskSpec:
      results:
      - name: text
      steps:
      - image: example.com/sum:1
        command: [/sum]
        args: [$(results.text.path)]
  - name: tell
    when:
    - input: $(tasks.sum.results.text)
      operator: notin
      values: [\"\"]
    taskSpec:
      steps:
      - image: example.com/tell:1
        command: [/tell]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    taskSpec:
      results:
      - name: text
      steps:
      - image: example.com/make:1
        command: [/make]
        args: [$(results.text.path)]
  finally:
  - name: tell
    when:
    - input: $(tasks.compile.results.text)
      operator: notin
      values: [\"\"]
    taskSpec:
      steps:
      - image: example.com/tell:1
        command: [/tell]
",
    check: Some(unavailable_result),
};

fn unavailable_result(cx: &Cx<'_>, report: &mut Report<'_>) {
    for pipeline in cx.pipelines() {
        let names = Names::of(pipeline);
        let of_pipelines = pipeline.spec.tasks.iter().filter(|task| task.pipeline_ref.is_some() || task.pipeline_spec.is_some());
        let of_pipelines: HashSet<&str> = of_pipelines.map(PipelineTask::name).collect();
        for view in pipeline.tasks() {
            for Mention { task, place } in used(view).filter(|mention| of_pipelines.contains(mention.task)) {
                let message = format!("{task:?} runs a Pipeline, whose results do not come back");
                report.at(&UNAVAILABLE_RESULT, place, message).hint("pass on what it makes in a workspace or a registry");
            }
            let mut of_finally = |Mention { task, place }: Mention<'_>, what: &str| {
                if names.finally.contains(task) && !names.tasks.contains(task) {
                    let message = format!("{task:?} is in finally: no task can {what}");
                    let hint = "only the results of the Pipeline come after it; or move the task into tasks";
                    report.at(&UNAVAILABLE_RESULT, place, message).hint(hint);
                }
            };
            if view.is_finally {
                for field in looked_at(view) {
                    results(&field).for_each(|mention| of_finally(mention, "use its result"));
                    statuses(&field).for_each(|mention| of_finally(mention, "use its status"));
                }
            } else {
                awaited(view).for_each(|mention| of_finally(mention, "wait for it"));
            }
        }
    }
}

/// The status of a task before the end.
static EARLY_STATUS: Rule = Rule {
    name: "early-status",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Only tasks in `finally` use the status of other tasks.",
    explanation: "`$(tasks.status)`, `$(tasks.NAME.status)` and `$(tasks.NAME.reason)` have a value when all of `tasks` have ended. What is to run only if another task ended well has it in its `runAfter`.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
  - name: tell
    runAfter: [compile]
    when:
    - input: $(tasks.compile.status)
      operator: in
      values: [Succeeded]
    taskSpec:
      steps:
      - image: example.com/tell:1
        command: [/tell]
",
    good: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  tasks:
  - name: compile
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
  finally:
  - name: tell
    when:
    - input: $(tasks.compile.status)
      operator: in
      values: [Succeeded]
    taskSpec:
      steps:
      - image: example.com/tell:1
        command: [/tell]
",
    check: Some(early_status),
};

fn early_status(cx: &Cx<'_>, report: &mut Report<'_>) {
    for (_, view) in cx.pipeline_tasks().filter(|(_, view)| !view.is_finally) {
        for field in looked_at(view).filter(|field| !field.has_result()) {
            for expression in field.expressions().filter(|expression| expression.status_of().is_some()) {
                let message = format!("$({}) has no value before all tasks have ended", expression.body);
                report.at(&EARLY_STATUS, expression.place, message).hint("move the task into finally, or use runAfter");
            }
        }
    }
}
