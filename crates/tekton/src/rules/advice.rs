//! Rules about what works and should not be done.

use std::collections::HashSet;

use super::{Rule, ToldBy};
use crate::check::{Cx, Object, TaskOwner};
use crate::finding::{Advice, Place, Report, Severity};
use crate::node::{Data, Node};
use crate::texts::beneath;
use crate::variable::{Variable, references};

pub(super) static RULES: &[&Rule] = &[&UNUSED_PARAM, &UNUSED_WORKSPACE, &PARAM_IN_SCRIPT, &VALUE_NOT_STRING];

/// A parameter that nothing uses.
static UNUSED_PARAM: Rule = Rule {
    name: "unused-param",
    severity: Severity::Warning,
    told_by: ToldBy::Nobody,
    summary: "A parameter that has to be given is used.",
    explanation: "Of a Pipeline every parameter is looked at, since it is there to be passed on. Of a Task only those without a default: one that has a default may be kept for those who still give it.",
    bad: "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  params:\n  - name: target\n  tasks:\n  - name: compile\n    taskSpec:\n      steps:\n      - image: example.com/make:1\n        command: [/make]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  params:\n  - name: target\n  tasks:\n  - name: compile\n    taskSpec:\n      steps:\n      - image: example.com/make:1\n        command: [/make]\n        args: [$(params.target)]\n",
    check: Some(unused_param),
};

fn unused_param(cx: &Cx<'_>, report: &mut Report<'_>) {
    let mut ask = |what: &str, name: &str, used: &Used<'_>, place: Place<'_>| {
        if !used.has(name) {
            let message = format!("nothing in the {what} uses its parameter {name:?}");
            report.at(&UNUSED_PARAM, place.key("name"), message).hint("remove it, or pass it on");
        }
    };
    for view in cx.pipelines() {
        let texts = view.texts();
        let used = Used::of(texts.iter().map(|text| text.text));
        let inline = view.tasks().filter_map(|task| task.task.task_spec.as_ref());
        let taken: HashSet<&str> = inline.flat_map(|task| &task.task.params).map(|param| param.name.as_str()).collect();
        for (index, spec) in view.spec.params.iter().enumerate() {
            // A Task that is written inside may take it by its name alone.
            if !taken.contains(spec.name.as_str()) {
                ask("Pipeline", &spec.name, &used, view.place.key("params").index(index));
            }
        }
    }
    for view in cx.tasks() {
        // What is declared inside a Pipeline or run gets its values there, and is seen at once.
        if !matches!(view.owner, TaskOwner::Task(_)) {
            continue;
        }
        let used = Used::of(cx.texts_of(view).iter().map(|text| text.text));
        for (index, spec) in view.spec.params.iter().enumerate().filter(|(_, spec)| spec.default.is_none()) {
            ask("Task", &spec.name, &used, view.place.key("params").index(index));
        }
    }
    if let Object::StepAction(action) = cx.object {
        let place = cx.place.key("spec");
        let texts = beneath(place);
        let used = Used::of(texts.iter().map(|text| text.text));
        for (index, spec) in action.spec.params.iter().enumerate().filter(|(_, spec)| spec.default.is_none()) {
            ask("StepAction", &spec.name, &used, place.key("params").index(index));
        }
    }
}

/// The parameters that texts refer to.
struct Used<'t> {
    names: HashSet<&'t str>,
    /// What is written: a name with dots may look like an object's key.
    written: HashSet<&'t str>,
}

impl<'t> Used<'t> {
    fn of(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut used = Used { names: HashSet::new(), written: HashSet::new() };
        for text in texts {
            for reference in references(text) {
                if let Variable::Param { name, .. } = reference.variable {
                    used.names.insert(name);
                    used.written.insert(&text[reference.range]);
                }
            }
        }
        used
    }

    fn has(&self, param: &str) -> bool {
        self.names.contains(param) || param.contains('.') && self.written.iter().any(|written| written.contains(param))
    }
}

/// A workspace that nothing uses.
static UNUSED_WORKSPACE: Rule = Rule {
    name: "unused-workspace",
    severity: Severity::Warning,
    told_by: ToldBy::Nobody,
    summary: "A workspace of a Pipeline is given to a task.",
    explanation: "Whoever starts the Pipeline has to find a volume for it, and nothing uses it.",
    bad: "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  workspaces:\n  - name: shared\n  tasks:\n  - name: compile\n    taskSpec:\n      steps:\n      - image: example.com/make:1\n        command: [/make]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  workspaces:\n  - name: shared\n  tasks:\n  - name: compile\n    workspaces:\n    - name: shared\n    taskSpec:\n      workspaces:\n      - name: shared\n      steps:\n      - image: example.com/make:1\n        command: [/make]\n        workingDir: $(workspaces.shared.path)\n",
    check: Some(unused_workspace),
};

fn unused_workspace(cx: &Cx<'_>, report: &mut Report<'_>) {
    for view in cx.pipelines() {
        let texts = view.texts();
        for (index, workspace) in view.spec.workspaces.iter().enumerate() {
            let name = workspace.name.as_str();
            let is_given = view.tasks().any(|view| {
                let of_task = view
                    .task
                    .workspaces
                    .iter()
                    .any(|w| w.workspace.as_deref().filter(|w| !w.is_empty()).unwrap_or(&w.name) == name);
                let inline = view.task.task_spec.iter().flat_map(|task| &task.task.workspaces).any(|w| w.name == name);
                let nested = view.task.pipeline_spec.is_some() || view.task.pipeline_ref.is_some();
                of_task || inline || nested
            });
            let is_named = |text: &str| {
                references(text).any(|r| matches!(r.variable, Variable::Workspace { name: named, .. } if named == name))
            };
            if !is_given && !texts.iter().any(|text| is_named(text.text)) {
                let place = view.place.key("workspaces").index(index).key("name");
                let message = format!("no task of the Pipeline gets its workspace {name:?}");
                report.at(&UNUSED_WORKSPACE, place, message).hint("remove it, or give it to a task");
            }
        }
    }
}

/// A value in a program.
static PARAM_IN_SCRIPT: Rule = Rule {
    name: "param-in-script",
    severity: Severity::Warning,
    told_by: ToldBy::Nobody,
    summary: "A script does not contain parameters or results.",
    explanation: "Tekton puts the value into the script's text without quoting it, so whoever chooses the value writes a part of the program: `$(rm -rf .)` is run. Pass it as an environment variable or an argument; a shell's `$1` or `$TARGET` in quotes is safe.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: target\n  steps:\n  - image: example.com/shell:1\n    script: |\n      make \"$(params.target)\"\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: target\n  steps:\n  - image: example.com/shell:1\n    env:\n    - name: TARGET\n      value: $(params.target)\n    script: |\n      make \"$TARGET\"\n",
    check: Some(param_in_script),
};

fn param_in_script(cx: &Cx<'_>, report: &mut Report<'_>) {
    let texts = cx.tasks().flat_map(|view| cx.texts_of(view));
    for text in texts.filter(|text| text.field == "script") {
        for reference in text.references() {
            let what = match reference.variable {
                Variable::Param { name, .. } => format!("the parameter {name:?}"),
                Variable::TaskResult { result, .. } | Variable::StepResult { result, .. } => format!("the result {result:?}"),
                _ => continue,
            };
            let message = format!("the value of {what} becomes a part of this script's text");
            report
                .at(&PARAM_IN_SCRIPT, text.part(reference.range), message)
                .hint("pass it in env or args, and quote it in the script");
        }
    }
}

/// A value that Tekton turns into a string.
static VALUE_NOT_STRING: Rule = Rule {
    name: "value-not-string",
    severity: Severity::Warning,
    told_by: ToldBy::Nobody,
    summary: "The value of a parameter is a string, a list of strings, or a mapping of strings.",
    explanation: "Tekton makes a string of anything else, and takes its JSON for it: `true` is \"true\", `1e3` is \"1000\", and `[1, 2]` is no array but the string \"[1,2]\".",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: verbose\n    default: true\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.verbose)]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: make\nspec:\n  params:\n  - name: verbose\n    default: \"true\"\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.verbose)]\n",
    check: Some(value_not_string),
};

fn value_not_string(cx: &Cx<'_>, report: &mut Report<'_>) {
    let mut ask = |place: Place<'_>| {
        let Some(Node { data, .. }) = place.node() else { return };
        let is_odd = |data: &Data| !matches!(data, Data::Text(_) | Data::Null);
        let odd = match data {
            Data::Text(_) | Data::Null => return,
            Data::List(items) => match items.iter().position(|item| is_odd(&item.data)) {
                Some(index) => place.index(index),
                None => return,
            },
            Data::Map(entries) => match entries.iter().find(|entry| is_odd(&entry.value.data)) {
                Some(entry) => place.key(&entry.key),
                None => return,
            },
            _ => place,
        };
        let Some(found) = odd.node().map(|node| &node.data) else { return };
        let is_scalar = !matches!(found, Data::List(_) | Data::Map(_));
        let written = if is_scalar { odd.written().to_owned() } else { found.to_string() };
        let message = match odd.span() == place.span() {
            true => format!("{written} is not a string, but becomes one"),
            false => format!("{written} is not a string, so all of this becomes one"),
        };
        let hint = if is_scalar { format!("write it in quotes: \"{written}\"") } else { "write a string for it".to_owned() };
        report.at(&VALUE_NOT_STRING, odd, message).hint(hint);
    };
    values(cx.place.key("spec"), &mut ask);
}

/// Every `default` of a declared parameter and `value` of a given one, whoever it belongs to.
fn values(place: Place<'_>, ask: &mut dyn FnMut(Place<'_>)) {
    match place.node().map(|node| &node.data) {
        Some(Data::Map(entries)) => {
            for entry in entries {
                let value = place.key(&entry.key);
                if entry.key == "params" {
                    let Data::List(items) = &entry.value.data else { continue };
                    for (index, item) in items.iter().enumerate() {
                        for field in ["default", "value"] {
                            if item.get(field).is_some() {
                                ask(value.index(index).key(field));
                            }
                        }
                    }
                } else {
                    values(value, ask);
                }
            }
        }
        Some(Data::List(items)) => (0..items.len()).for_each(|index| values(place.index(index), ask)),
        _ => {}
    }
}
