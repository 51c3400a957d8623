//! Variables and their values: what replaces `$(params.x)` and the like in a text, a list or a value.
//!
//! Tekton replaces in rounds: first what the run says, later what the tasks gave, at last what the Task says. Each round
//! is a [`Scope`], and leaves alone what it does not know.

use std::collections::BTreeMap;

use serde_json::Value;
use step::{Error, Result};
use tekton::v1::{Param, ParamValue};
use tekton::variable::{Access, Variable, isolated, references};

/// Parameters by name.
pub type Params = BTreeMap<String, ParamValue>;

/// Results by task and name.
pub type Results = BTreeMap<(String, String), ParamValue>;

/// What one round of replacement knows.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// `params.NAME`.
    pub params: Params,
    /// `tasks.TASK.results.NAME`.
    pub results: Results,
    /// `steps.STEP.results.NAME`.
    pub step_results: Results,
    /// Everything else, by what stands between `$(` and `)` in its plainest notation.
    pub texts: BTreeMap<String, String>,
}

/// What a reference stands for.
enum Found<'s> {
    Text(&'s str),
    Whole(&'s ParamValue),
    /// It refers to nothing in what is known.
    Beyond {
        kind: &'static str,
        name: String,
        len: usize,
    },
}

impl Scope {
    /// A text with every known reference to a string replaced.
    pub fn text(&self, text: &str) -> Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for reference in references(text) {
            out.push_str(&text[end..reference.range.start]);
            match self.find(&reference.variable) {
                Some(Found::Text(found)) => out.push_str(found),
                Some(Found::Whole(ParamValue::String(found))) => out.push_str(found),
                Some(Found::Beyond { kind, name, len }) => {
                    let what = &text[reference.range.clone()];
                    let plural = if len == 1 { "" } else { "s" };
                    return Err(Error::bad_input(format!(
                        "{what} is out of bounds: the {kind} {name} has {len} element{plural}"
                    )));
                }
                // A list has no place inside a text: Tekton leaves it, too.
                Some(Found::Whole(_)) | None => out.push_str(&text[reference.range.clone()]),
            }
            end = reference.range.end;
        }
        out.push_str(&text[end..]);
        Ok(out)
    }

    /// A list, in which an element that is a reference to a list and nothing else becomes that list's elements.
    pub fn list(&self, list: &[String]) -> Result<Vec<String>> {
        let mut out = Vec::with_capacity(list.len());
        for text in list {
            match isolated(text).and_then(|variable| self.find(&variable)) {
                Some(Found::Whole(ParamValue::Array(items))) => out.extend(items.iter().cloned()),
                _ => out.push(self.text(text)?),
            }
        }
        Ok(out)
    }

    /// A value; a string that is a reference to a list or an object and nothing else becomes it.
    pub fn value(&self, value: &ParamValue) -> Result<ParamValue> {
        Ok(match value {
            ParamValue::String(text) => match isolated(text).and_then(|variable| self.find(&variable)) {
                Some(Found::Whole(whole)) => whole.clone(),
                _ => ParamValue::String(self.text(text)?),
            },
            ParamValue::Array(list) => ParamValue::Array(self.list(list)?),
            ParamValue::Object(map) => {
                ParamValue::Object(map.iter().map(|(key, text)| Ok((key.clone(), self.text(text)?))).collect::<Result<_>>()?)
            }
        })
    }

    /// Parameters' values.
    pub fn params(&self, params: &[Param]) -> Result<Vec<Param>> {
        params.iter().map(|param| Ok(Param::new(param.name.clone(), self.value(&param.value)?))).collect()
    }

    /// A text of a condition: a list becomes its JSON there.
    pub fn text_or_json(&self, text: &str) -> Result<String> {
        match isolated(text).and_then(|variable| self.find(&variable)) {
            Some(Found::Whole(ParamValue::Array(items))) => Ok(Value::from(items.clone()).to_string()),
            _ => self.text(text),
        }
    }

    /// Every text in any JSON, as [`Scope::text`] and [`Scope::list`] do it; whether that changed anything.
    pub fn json(&self, value: &mut Value) -> Result<bool> {
        let mut changed = false;
        match value {
            Value::String(text) if text.contains("$(") => {
                let new = self.text(text)?;
                changed = new != *text;
                *text = new;
            }
            Value::Array(items) if items.iter().all(Value::is_string) => {
                if items.iter().any(|item| item.as_str().is_some_and(|text| text.contains("$("))) {
                    let texts: Vec<String> = items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
                    let new = self.list(&texts)?;
                    changed = new != texts;
                    *items = new.into_iter().map(Value::from).collect();
                }
            }
            Value::Array(items) => {
                for item in items {
                    changed |= self.json(item)?;
                }
            }
            Value::Object(map) => {
                for item in map.values_mut() {
                    changed |= self.json(item)?;
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(changed)
    }

    /// Whether the scope has a value for it.
    pub fn knows(&self, variable: &Variable<'_>) -> bool {
        self.find(variable).is_some()
    }

    fn find(&self, variable: &Variable<'_>) -> Option<Found<'_>> {
        match variable {
            Variable::Param { name, access } => {
                // `params.a.b` is the key `b` of `a`, or the parameter `a.b`.
                if let (Access::Key(key), false) = (access, self.params.contains_key(*name)) {
                    let (key, access) = split_access(key);
                    return part(self.params.get(&format!("{name}.{key}"))?, access, "parameter", name);
                }
                part(self.params.get(*name)?, *access, "parameter", name)
            }
            Variable::TaskResult { task, result, access } | Variable::FinallyResult { task, result, access } => {
                part(self.results.get(&((*task).to_owned(), (*result).to_owned()))?, *access, "result", result)
            }
            Variable::StepResult { step, result, access } => {
                part(self.step_results.get(&((*step).to_owned(), (*result).to_owned()))?, *access, "result", result)
            }
            other => self.texts.get(&plain(other)?).map(|text| Found::Text(text)),
        }
    }
}

/// A name with dots ends where its index begins.
fn split_access(text: &str) -> (&str, Access<'_>) {
    match text.split_once('[') {
        Some((name, "*]")) => (name, Access::All),
        Some((name, index)) => match index.strip_suffix(']').and_then(|digits| digits.parse().ok()) {
            Some(index) => (name, Access::At(index)),
            None => (text, Access::Whole),
        },
        None => (text, Access::Whole),
    }
}

fn part<'s>(value: &'s ParamValue, access: Access<'_>, kind: &'static str, name: &str) -> Option<Found<'s>> {
    match (value, access) {
        (_, Access::Whole) => Some(Found::Whole(value)),
        (ParamValue::Array(_) | ParamValue::Object(_), Access::All) => Some(Found::Whole(value)),
        (ParamValue::Array(items), Access::At(index)) => Some(match items.get(index) {
            Some(item) => Found::Text(item),
            None => Found::Beyond { kind, name: name.to_owned(), len: items.len() },
        }),
        (ParamValue::Object(map), Access::Key(key)) => map.get(key).map(|text| Found::Text(text)),
        _ => None,
    }
}

/// The one notation under which [`Scope::texts`] has it.
fn plain(variable: &Variable<'_>) -> Option<String> {
    Some(match variable {
        Variable::Workspace { name, field } => format!("workspaces.{name}.{field}"),
        Variable::ResultPath(name) => format!("results.{name}.path"),
        Variable::StepResultPath(name) => format!("step.results.{name}.path"),
        Variable::ExitCodePath(step) => format!("steps.{step}.exitCode.path"),
        Variable::TaskStatus(task) => format!("tasks.{task}.status"),
        Variable::TaskReason(task) => format!("tasks.{task}.reason"),
        Variable::Status => "tasks.status".to_owned(),
        Variable::MatrixLength { task, result: None } => format!("tasks.{task}.matrix.length"),
        Variable::MatrixLength { task, result: Some(result) } => format!("tasks.{task}.matrix.{result}.length"),
        Variable::Context { object, field } => format!("context.{object}.{field}"),
        Variable::CredentialsPath => "credentials.path".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Scope {
            params: [
                ("s".to_owned(), "x".into()),
                ("a.b".to_owned(), "dotted".into()),
                ("list".to_owned(), vec!["1".to_owned(), "2, 3".to_owned()].into()),
                ("none".to_owned(), Vec::new().into()),
                ("o".to_owned(), ParamValue::Object(map(&[("k", "v")]))),
            ]
            .into(),
            results: [(("t".to_owned(), "r".to_owned()), "result".into())].into(),
            step_results: Results::new(),
            texts: map(&[("workspaces.w.path", "/w")]),
        }
    }

    #[test]
    fn texts() {
        let cases = [
            ("$(params.s)", "x"),
            ("$(params[\"s\"])-$(params['s'])", "x-x"),
            ("$(params.a.b) $(params['a.b'])", "dotted dotted"),
            ("$(params.list[1])", "2, 3"),
            ("$(params.o.k)", "v"),
            ("$(tasks.t.results.r)", "result"),
            ("$(workspaces.w.path)/f", "/w/f"),
            // What is not known stays: a shell's, another round's, a mistake.
            ("$(params.nope) $(date) $(tasks.u.results.r)", "$(params.nope) $(date) $(tasks.u.results.r)"),
            ("--x=$(params.list[*])", "--x=$(params.list[*])"),
            ("é$(params.s)€", "éx€"),
        ];
        for (text, expected) in cases {
            assert_eq!(scope().text(text).unwrap(), expected, "{text}");
        }
        insta::assert_snapshot!(
            scope().text("$(params.list[2])").unwrap_err(),
            @"$(params.list[2]) is out of bounds: the parameter list has 2 elements"
        );
    }

    #[test]
    fn lists_and_values() {
        let list = ["--", "$(params.list[*])", "$(params.none[*])", "a$(params.s)"].map(str::to_owned);
        assert_eq!(scope().list(&list).unwrap(), ["--", "1", "2, 3", "ax"]);
        assert_eq!(scope().value(&"$(params.o[*])".into()).unwrap(), scope().params["o"]);
        assert_eq!(scope().value(&"$(params.list)".into()).unwrap(), scope().params["list"]);
        assert_eq!(scope().text_or_json("$(params.list[*])").unwrap(), r#"["1","2, 3"]"#);
    }
}
