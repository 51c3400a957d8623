//! The texts of a Pipeline's tasks in which Tekton replaces variables, and the expressions in them as its admission sees
//! them.

use std::ops::Range;

use crate::check::PipelineTaskView;
use crate::finding::Place;
use crate::v1::{Matrix, Param, ParamValue, Step};
use crate::variable::references;

/// A parameter or condition of a task: Tekton looks at all its texts together.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub kind: FieldKind,
    pub texts: Vec<Text<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// An entry of `params`.
    Param,
    /// An entry of `when`.
    Condition,
    /// An entry of `matrix.params`.
    Matrix,
    /// A parameter of an entry of `matrix.include`.
    Include,
}

/// One string of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub text: &'a str,
    pub place: Place<'a>,
    pub form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A string that is the whole value.
    Whole,
    /// An item of a list.
    Item,
    /// A value of an object.
    Entry,
    /// The input of a condition.
    Input,
    /// One of the values of a condition.
    Choice,
    /// An expression in CEL.
    Cel,
}

/// A `$(…)` without brackets around names: the only kind in which Tekton's admission looks for results and the like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expression<'a> {
    /// What stands between `$(` and `)`.
    pub body: &'a str,
    pub place: Place<'a>,
}

/// A reference to the result of another task.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResultReference<'a> {
    pub task: &'a str,
    pub result: &'a str,
}

/// The parameters, the matrix and the conditions of a task.
pub(super) fn fields<'a>(view: PipelineTaskView<'a>) -> Vec<Field<'a>> {
    let mut fields = Vec::new();
    let mut add = |kind, params, place: Place<'a>| fields.extend(of_params(kind, params, place));
    add(FieldKind::Param, &view.task.params, view.place.key("params"));
    if let Some(Matrix { params, include }) = &view.task.matrix {
        let place = view.place.key("matrix");
        add(FieldKind::Matrix, params, place.key("params"));
        for (index, include) in include.iter().enumerate() {
            add(FieldKind::Include, &include.params, place.key("include").index(index).key("params"));
        }
    }
    for (index, when) in view.task.when.iter().enumerate() {
        let place = view.place.key("when").index(index);
        let text = |text, form, place| Text { text, place, form };
        let input = when.input.iter().map(|input| text(input.as_str(), Form::Input, place.key("input")));
        let values = (when.values.iter().enumerate())
            .map(|(index, value)| text(value.as_str(), Form::Choice, place.key("values").index(index)));
        let cel = when.cel.iter().map(|cel| text(cel.as_str(), Form::Cel, place.key("cel")));
        fields.push(Field { kind: FieldKind::Condition, texts: input.chain(values).chain(cel).collect() });
    }
    fields
}

fn of_params<'a>(kind: FieldKind, params: &'a [Param], place: Place<'a>) -> impl Iterator<Item = Field<'a>> {
    let field =
        move |(index, param): (usize, &'a Param)| Field { kind, texts: of_value(&param.value, place.index(index).key("value")) };
    params.iter().enumerate().map(field)
}

/// The strings of a value.
pub(super) fn of_value<'a>(value: &'a ParamValue, place: Place<'a>) -> Vec<Text<'a>> {
    match value {
        ParamValue::String(text) => vec![Text { text, place, form: Form::Whole }],
        ParamValue::Array(items) => {
            let item = |(index, text): (usize, &'a String)| Text { text, place: place.index(index), form: Form::Item };
            items.iter().enumerate().map(item).collect()
        }
        ParamValue::Object(map) => {
            let entry = |(key, text): (&'a String, &'a String)| Text { text, place: place.key(key), form: Form::Entry };
            map.iter().map(entry).collect()
        }
    }
}

/// The texts of the steps and sidecars that are written into a task, as far as results in them make it wait.
pub(super) fn of_steps<'a>(view: PipelineTaskView<'a>) -> Vec<Text<'a>> {
    let mut texts = Vec::new();
    let Some(embedded) = &view.task.task_spec else { return texts };
    let place = view.place.key("taskSpec");
    for (index, step) in embedded.task.steps.iter().enumerate() {
        let place = place.key("steps").index(index);
        let strings = [
            ("name", &step.name),
            ("image", &step.image),
            ("imagePullPolicy", &step.image_pull_policy),
            ("script", &step.script),
            ("workingDir", &step.working_dir),
        ];
        of_container(&mut texts, strings, &step.command, &step.args, &step.env, place);
    }
    // Tekton has merged the template into the steps by then: what no step takes from it is not seen.
    if let Some(template) = &embedded.task.step_template {
        let place = place.key("stepTemplate");
        let is_taken = |has: fn(&Step) -> bool| embedded.task.steps.iter().any(|step| step.ref_.is_none() && !has(step));
        let strings = [
            ("image", &template.image, is_taken(|step| step.image.is_some())),
            ("imagePullPolicy", &template.image_pull_policy, is_taken(|step| step.image_pull_policy.is_some())),
            ("workingDir", &template.working_dir, is_taken(|step| step.working_dir.is_some())),
        ];
        let strings = strings.map(|(key, text, is_taken)| (key, if is_taken { text } else { &None }));
        let list = |list: &'a Vec<String>, is_taken| if is_taken { &list[..] } else { &[] };
        let command = list(&template.command, is_taken(|step| !step.command.is_empty()));
        let args = list(&template.args, is_taken(|step| !step.args.is_empty()));
        let env = if is_taken(|_| false) { &template.env[..] } else { &[] };
        of_container(&mut texts, strings, command, args, env, place);
    }
    for (index, sidecar) in embedded.task.sidecars.iter().enumerate() {
        let place = place.key("sidecars").index(index);
        let strings = [
            ("image", &sidecar.image),
            ("imagePullPolicy", &sidecar.image_pull_policy),
            ("script", &sidecar.script),
            ("workingDir", &sidecar.working_dir),
        ];
        of_container(&mut texts, strings, &sidecar.command, &sidecar.args, &sidecar.env, place);
    }
    texts
}

fn of_container<'a, const N: usize>(
    texts: &mut Vec<Text<'a>>,
    strings: [(&str, &'a Option<String>); N],
    command: &'a [String],
    args: &'a [String],
    env: &'a [k8s_openapi::api::core::v1::EnvVar],
    place: Place<'a>,
) {
    let mut add = |text: &'a str, place| texts.push(Text { text, place, form: Form::Whole });
    for (key, text) in strings {
        text.iter().for_each(|text| add(text, place.key(key)));
    }
    for (key, list) in [("command", command), ("args", args)] {
        list.iter().enumerate().for_each(|(index, text)| add(text, place.key(key).index(index)));
    }
    for (index, variable) in env.iter().enumerate() {
        let place = place.key("env").index(index);
        variable.value.iter().for_each(|value| add(value, place.key("value")));
        let Some(from) = &variable.value_from else { continue };
        let place = place.key("valueFrom");
        if let Some(secret) = &from.secret_key_ref {
            add(&secret.key, place.key("secretKeyRef").key("key"));
            add(&secret.name, place.key("secretKeyRef").key("name"));
        }
        if let Some(map) = &from.config_map_key_ref {
            add(&map.key, place.key("configMapKeyRef").key("key"));
            add(&map.name, place.key("configMapKeyRef").key("name"));
        }
    }
}

// === impl Field ===

impl<'a> Field<'a> {
    /// The expressions in all its texts.
    pub(super) fn expressions(&self) -> impl Iterator<Item = Expression<'a>> {
        self.texts.iter().flat_map(|text| text.expressions())
    }

    /// Whether any expression in it seems to be a result: then Tekton takes none of them for anything else.
    pub(super) fn has_result(&self) -> bool {
        self.expressions().any(|expression| expression.looks_like_result())
    }
}

// === impl Text ===

impl<'a> Text<'a> {
    /// The expressions in it.
    pub(super) fn expressions(self) -> impl Iterator<Item = Expression<'a>> {
        references(self.text).filter_map(move |reference| {
            let range = reference.range;
            let body = &self.text[range.start + 2..range.end - 1];
            is_expression(body).then(|| Expression { body, place: self.part(range) })
        })
    }

    /// Where a part of it stands.
    pub(super) fn part(self, range: Range<usize>) -> Place<'a> {
        self.place.within(self.text, range)
    }
}

/// Words with dots between them and perhaps an index.
fn is_expression(body: &str) -> bool {
    let words = match body.split_once('[') {
        Some((words, index)) => {
            let index = index.strip_suffix(']').unwrap_or_default();
            let is_index = index == "*" || !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
            if is_index { words } else { "" }
        }
        None => body,
    };
    !words.is_empty() && words.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

// === impl Expression ===

impl<'a> Expression<'a> {
    /// Whether it seems to be a result of a task.
    pub(super) fn looks_like_result(self) -> bool {
        let parts: Vec<_> = self.body.split('.').collect();
        matches!(parts[..], ["tasks" | "finally", _, "results", _, ..])
    }

    /// The result of a task that it is.
    pub(super) fn result(self) -> Option<ResultReference<'a>> {
        parse_result(self.body)
    }

    /// The task whose status or reason it is; empty when it is that of all tasks.
    pub(super) fn status_of(self) -> Option<&'a str> {
        let inner = self.body.strip_prefix("tasks")?;
        let inner = inner.strip_suffix(".status").or_else(|| inner.strip_suffix(".reason"))?;
        if inner.is_empty() { Some("") } else { inner.strip_prefix('.') }
    }
}

/// `tasks.TASK.results.RESULT`, with a key or an index behind it or not, and the same for `finally`.
pub(super) fn parse_result(body: &str) -> Option<ResultReference<'_>> {
    let parts: Vec<_> = body.split('.').collect();
    match parts[..] {
        ["tasks" | "finally", task, "results", result] => {
            Some(ResultReference { task, result: result.split('[').next().unwrap_or_default() })
        }
        ["tasks" | "finally", task, "results", result, _] => Some(ResultReference { task, result }),
        _ => None,
    }
}
