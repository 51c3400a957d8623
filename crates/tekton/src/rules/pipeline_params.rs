//! Rules about the parameters that the tasks of a Pipeline use: in their own parameters, matrices and conditions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::pipeline_text::{FieldKind, Form, Text, fields};
use super::{MISSING_FIELD, Rule, ToldBy, run_params};
use crate::check::{Cx, Object, PipelineTaskView};
use crate::finding::{Advice, Report, Severity};
use crate::v1::{ParamSpec, ParamType};

pub(super) static RULES: &[&Rule] = &[&UNDECLARED_PARAM, &PARAM_IN_TEXT];

/// The parameters that tasks may use.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    pub types: HashMap<&'a str, ParamType>,
    /// The keys of objects that have declared ones.
    pub keys: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Scope<'a> {
    /// The parameters declared here.
    pub(super) fn of(params: &'a [ParamSpec]) -> Self {
        let mut scope = Scope::default();
        for param in params {
            scope.types.insert(&param.name, param.kind());
            if param.kind() == ParamType::Object && !param.properties.is_empty() {
                scope.keys.insert(&param.name, param.properties.keys().map(String::as_str).collect());
            }
        }
        scope
    }

    fn is_array(&self, name: &str) -> bool {
        self.types.get(name) == Some(&ParamType::Array)
    }
}

/// A reference to a parameter as Tekton's admission sees it: its grammar takes more for a reference than what is
/// replaced later, `$(params.)` for example, and overlooks others, such as `$(params["a"][0])`.
#[derive(Debug)]
pub(super) struct Found<'t> {
    pub range: Range<usize>,
    /// What stands behind the prefix and its dot, or in the quotes.
    pub inner: &'t str,
    is_dotted: bool,
}

/// References to what begins with `prefix`: `params`, or `params.NAME` for the keys of an object.
pub(super) fn found<'t>(text: &'t str, prefix: &str) -> Vec<Found<'t>> {
    let open = format!("$({prefix}");
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(&open).map(|found| at + found) {
        let body = start + open.len();
        let rest = &text[body..];
        let brackets = [(".", ")"), ("[\"", "\"])"), ("['", "'])")];
        let closed = brackets.into_iter().find(|(left, _)| rest.starts_with(left)).and_then(|(left, right)| {
            let inner = &rest[left.len()..];
            let inner = &inner[..inner.find(right)?];
            (!inner.contains('\n')).then_some((left, inner, right))
        });
        at = body;
        if let Some((left, inner, right)) = closed {
            at = body + left.len() + inner.len() + right.len();
            all.push(Found { range: start..at, inner, is_dotted: left == "." });
        }
    }
    all
}

impl<'t> Found<'t> {
    /// The first name in it; `None` when it has more dots than anything has.
    pub(super) fn name(&self) -> Option<&'t str> {
        match self.inner.split_once('.') {
            Some((_, rest)) if self.is_dotted && rest.contains('.') => None,
            Some((name, _)) if self.is_dotted => Some(name),
            _ => Some(self.inner),
        }
    }

    /// [`Found::name`] without the index behind it.
    pub(super) fn plain_name(&self) -> Option<String> {
        self.name().map(without_indexes)
    }
}

/// Without `[*]`, `[0]` and the like.
fn without_indexes(name: &str) -> String {
    let mut plain = String::new();
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        let inner = rest[open + 1..].trim_start_matches(|c: char| c.is_ascii_digit());
        let inner = inner.strip_prefix('*').unwrap_or(inner);
        match inner.strip_prefix(']') {
            Some(after) => {
                plain.push_str(&rest[..open]);
                rest = after;
            }
            None => {
                plain.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
            }
        }
    }
    plain + rest
}

/// A parameter that is not there.
static UNDECLARED_PARAM: Rule = Rule {
    name: "undeclared-pipeline-param",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Tasks of a Pipeline use only parameters, and keys of objects, that the Pipeline declares.",
    explanation: "In a PipelineRun with a Pipeline of its own, a parameter of the run is declared enough. A name with dots in it needs brackets: `$(params[\"a.b\"])`.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  params:
  - name: mode
    type: string
  tasks:
  - name: compile
    when:
    - input: $(params.moed)
      operator: in
      values: [$(params.mode)]
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
  params:
  - name: mode
    type: string
  tasks:
  - name: compile
    when:
    - input: $(params.mode)
      operator: in
      values: [fast]
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    check: Some(undeclared_param),
};

/// What a place in a task may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Only strings.
    Strings,
    /// A whole array as well, if nothing stands beside it.
    Arrays,
    /// One reference to a whole array or object, and nothing else; that it is there is all that matters.
    OneWhole,
}

/// Calls `visit` with each text in which Tekton looks for parameters when it admits the object.
fn each_text<'a>(cx: &Cx<'a>, visit: &mut dyn FnMut(Text<'a>, Holds, &Scope<'a>)) {
    // Only here is it known which parameters there are: those of a Pipeline in a Pipeline are nobody's concern.
    let Some(pipeline) = cx.pipelines().next() else { return };
    let scope = match cx.object {
        Object::PipelineRun(run) => run_params::scope(&run.spec, pipeline.spec, cx.place.key("spec")),
        _ => Scope::of(&pipeline.spec.params),
    };
    for view in pipeline.tasks().filter(|view| !(view.is_finally && pipeline.run.is_some())) {
        texts_of(view, &scope, &mut |text, holds| visit(text, holds, &scope));
    }
}

fn texts_of<'a>(view: PipelineTaskView<'a>, scope: &Scope<'_>, visit: &mut dyn FnMut(Text<'a>, Holds)) {
    for field in fields(view) {
        for text in field.texts {
            let holds = match (field.kind, text.form) {
                (_, Form::Cel) | (FieldKind::Matrix, Form::Whole | Form::Entry) => continue,
                (FieldKind::Include, Form::Item | Form::Entry) => continue,
                (FieldKind::Param, Form::Whole) if is_whole(text.text) => Holds::OneWhole,
                (_, Form::Item) => Holds::Arrays,
                (_, Form::Choice) if scope.is_array(array_reference(text.text)) => Holds::Arrays,
                _ => Holds::Strings,
            };
            visit(text, holds);
        }
    }
}

/// Whether a text is one reference with `[*]` and nothing else.
fn is_whole(text: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    match &found(text, "params")[..] {
        [only] => only.range == (0..text.len()) && only.inner.strip_suffix("[*]").is_some_and(is_name),
        _ => false,
    }
}

fn array_reference(text: &str) -> &str {
    let inner = text.strip_prefix("$(params.").unwrap_or(text);
    inner.strip_suffix("[*])").unwrap_or(inner)
}

fn undeclared_param(cx: &Cx<'_>, report: &mut Report<'_>) {
    // In a Pipeline in a Pipeline, Tekton infers no types.
    for nested in cx.pipelines().skip(1) {
        for (index, param) in nested.spec.params.iter().enumerate().filter(|(_, param)| param.type_.is_none()) {
            let message = format!("the parameter {:?} of a Pipeline in a Pipeline has no type", param.name);
            let place = nested.place.key("params").index(index).key("name");
            report.at(&MISSING_FIELD, place, message).hint("add type: string, array or object");
        }
    }
    each_text(cx, &mut |text, holds, scope| {
        for found in found(text.text, "params") {
            let place = text.part(found.range.clone());
            let written = &text.text[found.range.clone()];
            let Some(name) = found.name() else {
                let message = format!("{written} stands for nothing: a parameter has keys, and those have none");
                report.at(&UNDECLARED_PARAM, place, message).hint("a name with dots goes into brackets: $(params[\"a.b\"])");
                continue;
            };
            let name = without_indexes(name);
            if !scope.types.contains_key(name.as_str()) {
                let message = match name.as_str() {
                    "" => format!("{written} names no parameter"),
                    _ => format!("the parameter {name:?} is not declared"),
                };
                let declared = scope.types.keys().copied();
                let dotted = without_indexes(found.inner);
                if scope.types.contains_key(dotted.as_str()) {
                    let hint = format!("a name with dots goes into brackets: $(params[\"{dotted}\"])");
                    report.at(&UNDECLARED_PARAM, place, message).hint(hint);
                } else {
                    let otherwise = "declare it in the params of the Pipeline";
                    report.at(&UNDECLARED_PARAM, place, message).did_you_mean(&name, declared, otherwise);
                }
            }
        }
        if holds == Holds::OneWhole {
            return;
        }
        for (object, keys) in &scope.keys {
            for found in self::found(text.text, &format!("params.{object}")) {
                let key = found.name().map(without_indexes);
                if let Some(key) = key.filter(|key| !keys.contains(key.as_str())) {
                    let message = format!("the object {object:?} has no key {key:?}");
                    let place = text.part(found.range);
                    let otherwise = "declare it in the properties of the parameter";
                    report.at(&UNDECLARED_PARAM, place, message).did_you_mean(&key, keys.iter().copied(), otherwise);
                }
            }
        }
    });
}

/// A list where a string has to be.
static PARAM_IN_TEXT: Rule = Rule {
    name: "list-in-pipeline-text",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "In the tasks of a Pipeline, an array or object stands alone, with `[*]` behind its name, where one may stand.",
    explanation: "That is: as the whole value of a parameter. An array may also be an item of a list, or one of the values of a condition, and its items come in its place. Elsewhere one item (`[0]`) or one key (`.key`) is a string.",
    bad: "\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  params:
  - name: modes
    type: array
  tasks:
  - name: compile
    when:
    - input: fast
      operator: in
      values: [\"slow, $(params.modes[*])\"]
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
  params:
  - name: modes
    type: array
  tasks:
  - name: compile
    when:
    - input: fast
      operator: in
      values: [slow, \"$(params.modes[*])\"]
    taskSpec:
      steps:
      - image: example.com/make:1
        command: [/make]
",
    check: Some(param_in_text),
};

fn param_in_text(cx: &Cx<'_>, report: &mut Report<'_>) {
    each_text(cx, &mut |text, holds, scope| {
        let all = found(text.text, "params");
        // Tekton compares with the first reference only; a second one makes the text longer all the same.
        let alone = all.first().is_some_and(|first| first.range.len() == text.text.len());
        for found in &all {
            let place = text.part(found.range.clone());
            let whole = found.inner.strip_suffix("[*]").unwrap_or(found.inner);
            let name = found.name().map(|name| name.strip_suffix("[*]").unwrap_or(name)).unwrap_or_default();
            if holds != Holds::OneWhole && scope.keys.contains_key(whole) {
                let key = scope.keys.get(whole).and_then(|keys| keys.first()).copied().unwrap_or("KEY");
                let message = format!("the object {whole:?} cannot stand in a string");
                report.at(&PARAM_IN_TEXT, place, message).hint(format!("write one of its keys: $(params.{whole}.{key})"));
            } else if scope.is_array(name) && (holds == Holds::Strings || holds == Holds::Arrays && !alone) {
                let message = format!("the array {name:?} cannot stand in a string");
                let hint = format!("write $(params.{name}[*]) and nothing else, or one item: $(params.{name}[0])");
                report.at(&PARAM_IN_TEXT, place, message).hint(hint);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_what_tekton_takes_for_them() {
        let shown = |text| {
            let all = found(text, "params");
            all.iter().map(|found| format!("{}={:?}", found.inner, found.name())).collect::<Vec<_>>().join(" ")
        };
        insta::assert_snapshot!(shown("$(params.a)$(params.b[*]) $(params.o.k)"), @r##"a=Some("a") b[*]=Some("b[*]") o.k=Some("o")"##);
        insta::assert_snapshot!(shown(r#"$(params["a.b"]) $(params['c']) $(params["d"][0]) $(params.)"#), @r##"a.b=Some("a.b") c=Some("c") =Some("")"##);
        insta::assert_snapshot!(shown("$(params.a b(c) $(params.x\n) $(params.a.b.c) $(params)"), @r##"a b(c=Some("a b(c") a.b.c=None"##);
    }

    #[test]
    fn indexes_go() {
        let plain = ["a", "a[0]", "a[*]", "a[12*]", "a[]", "a[x]", "a[0][1]", "[a[0]"].map(without_indexes);
        assert_eq!(plain, ["a", "a", "a", "a", "a", "a[x]", "a", "[a"]);
    }
}
