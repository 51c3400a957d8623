//! Parameters: from the command line and files to values of their declared types, and what defaults add.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use step::{Error, Result};
use tekton::finding::nearest;
use tekton::v1::{Param, ParamSpec, ParamType, ParamValue};
use tekton::variable::{Variable, references};

use crate::scope::{Params, Scope};

/// Values as somebody gave them: the texts of each name, in order.
#[derive(Clone, Debug, Default)]
pub struct Given(BTreeMap<String, Vec<Text>>);

/// One value: text of a command line, whose type the declaration decides, or a typed value of a file.
#[derive(Clone, Debug)]
enum Text {
    Written(String),
    Typed(ParamValue),
}

impl Given {
    /// Adds `NAME=VALUE` of a command line. A name that comes twice makes a list.
    pub fn add(&mut self, text: &str) -> Result<()> {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Error::new(step::Kind::Usage, format!("the parameter {text:?} is not NAME=VALUE"))
                .hint("write -p name=value; for a list repeat it, or write -p 'name=[\"a\",\"b\"]'"));
        };
        let texts = self.0.entry(name.to_owned()).or_default();
        // A command line comes after files, and its value instead of theirs.
        texts.retain(|text| matches!(text, Text::Written(_)));
        texts.push(Text::Written(value.to_owned()));
        Ok(())
    }

    /// Adds the value of a file; a later one comes instead of it.
    pub fn set(&mut self, name: impl Into<String>, value: ParamValue) {
        self.0.insert(name.into(), vec![Text::Typed(value)]);
    }

    /// Adds a run's own values, where nothing else is given.
    pub fn set_missing(&mut self, params: &[Param]) {
        for param in params {
            self.0.entry(param.name.clone()).or_insert_with(|| vec![Text::Typed(param.value.clone())]);
        }
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Values for the declared parameters `specs` of `owner` (`the Pipeline build`): all that is wrong, at once.
pub fn typed(given: &Given, specs: &[ParamSpec], owner: &str) -> Result<Params> {
    let mut values = Params::new();
    let mut faults = Vec::new();
    for (name, texts) in &given.0 {
        let Some(spec) = specs.iter().find(|spec| spec.name == *name) else {
            let hint = match nearest(name, specs.iter().map(|spec| spec.name.as_str())) {
                Some(near) => format!("did you mean {near:?}?"),
                None if specs.is_empty() => "it has no parameters".to_owned(),
                None => format!("there is: {}", join(specs.iter().map(|spec| spec.name.as_str()))),
            };
            faults.push(format!("{owner} has no parameter {name:?}; {hint}"));
            continue;
        };
        match read(texts, spec) {
            Ok(value) => drop(values.insert(name.clone(), value)),
            Err(fault) => faults.push(format!("the parameter {name:?} of {owner} {fault}")),
        }
    }
    // What is given and wrong is not missing.
    let absent: Vec<ParamSpec> = specs.iter().filter(|spec| !given.0.contains_key(&spec.name)).cloned().collect();
    faults.extend(missing(&values, &absent, owner));
    error(faults)?;
    Ok(values)
}

/// What is wrong with values that are typed already: missing, of another type, without a key, not allowed.
pub(crate) fn faults(values: &Params, specs: &[ParamSpec], owner: &str) -> Vec<String> {
    let mut faults = missing(values, specs, owner);
    for (spec, value) in specs.iter().filter_map(|spec| Some((spec, values.get(&spec.name)?))) {
        if let Err(fault) = fits(value, spec) {
            faults.push(format!("the parameter {:?} of {owner} {fault}", spec.name));
        }
    }
    faults
}

/// Several faults as one error.
pub(crate) fn error(faults: Vec<String>) -> Result<()> {
    match &faults[..] {
        [] => Ok(()),
        [one] => Err(match one.split_once("; ") {
            Some((message, hint)) => Error::bad_input(message).hint(hint),
            None => Error::bad_input(one),
        }),
        many => Err(Error::bad_input(format!("{} parameters are wrong or missing", many.len())).details(many.join("\n"))),
    }
}

fn missing(values: &Params, specs: &[ParamSpec], owner: &str) -> Vec<String> {
    let required = specs.iter().filter(|spec| spec.default.is_none() && !values.contains_key(&spec.name));
    required
        .map(|spec| {
            let example = match spec.kind() {
                ParamType::String => "VALUE",
                ParamType::Array => "'[\"VALUE\"]'",
                ParamType::Object => "'{\"KEY\":\"VALUE\"}'",
            };
            format!("{owner} needs the parameter {0:?}; give it with -p {0}={example}", spec.name)
        })
        .collect()
}

fn read(texts: &[Text], spec: &ParamSpec) -> Result<ParamValue, String> {
    let value = match (spec.kind(), texts) {
        (_, [Text::Typed(value)]) => value.clone(),
        (ParamType::String, [Text::Written(text)]) => text.clone().into(),
        (ParamType::String, _) => return Err(format!("is a string and is given {} times; give it once", texts.len())),
        (ParamType::Array, [Text::Written(text)]) if text.starts_with('[') => match serde_json::from_str::<Vec<String>>(text) {
            Ok(items) => items.into(),
            // Only a list of strings is one; anything else that begins so may be an element.
            Err(_) if serde_json::from_str::<Value>(text).is_err() => vec![text.clone()].into(),
            Err(_) => return Err("is a list of strings, and its JSON is something else; put numbers in quotes".into()),
        },
        (ParamType::Array, _) => written(texts).collect::<Vec<_>>().into(),
        (ParamType::Object, [Text::Written(text)]) => match serde_json::from_str::<BTreeMap<String, String>>(text) {
            Ok(map) => ParamValue::Object(map),
            Err(_) => return Err("is an object of strings; write -p 'name={\"key\":\"value\"}'".into()),
        },
        (ParamType::Object, _) => return Err(format!("is an object and is given {} times; give it once", texts.len())),
    };
    fits(&value, spec)?;
    Ok(value)
}

fn written(texts: &[Text]) -> impl Iterator<Item = String> {
    texts.iter().flat_map(|text| match text {
        Text::Written(text) => vec![text.clone()],
        Text::Typed(value) => value.strings().map(str::to_owned).collect(),
    })
}

fn fits(value: &ParamValue, spec: &ParamSpec) -> Result<(), String> {
    if value.kind() != spec.kind() {
        return Err(format!("is of type {}, and {} was given", spec.kind(), an(value.kind())));
    }
    match value {
        ParamValue::String(text) if !spec.enum_.is_empty() && !spec.enum_.contains(text) => {
            let allowed = join(spec.enum_.iter().map(String::as_str));
            Err(format!("does not allow {text:?}; allowed is {allowed}"))
        }
        ParamValue::Object(map) => {
            let default: BTreeSet<_> = match &spec.default {
                Some(ParamValue::Object(default)) => default.keys().collect(),
                _ => BTreeSet::new(),
            };
            let missing = spec.properties.keys().filter(|key| !map.contains_key(*key) && !default.contains(key));
            match join(missing.map(String::as_str)) {
                keys if keys.is_empty() => Ok(()),
                keys => Err(format!("lacks the keys {keys}")),
            }
        }
        _ => Ok(()),
    }
}

fn an(kind: ParamType) -> String {
    match kind {
        ParamType::String => "a string".into(),
        other => format!("an {other}"),
    }
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Defaults deeper than this are a circle.
const DEEPEST: usize = 10;

/// `values` and the defaults of what is not among them; a default may refer to other parameters.
pub(crate) fn with_defaults(values: Params, specs: &[ParamSpec]) -> Result<Params> {
    let mut scope = Scope { params: values, ..Scope::default() };
    for spec in specs {
        // An object that is given in parts takes its other keys from the default.
        if let (Some(ParamValue::Object(given)), Some(ParamValue::Object(default))) =
            (scope.params.get_mut(&spec.name), &spec.default)
        {
            for (key, text) in default {
                given.entry(key.clone()).or_insert_with(|| text.clone());
            }
        }
    }
    let open = |scope: &Scope| -> Vec<ParamSpec> {
        specs.iter().filter(|spec| spec.default.is_some() && !scope.params.contains_key(&spec.name)).cloned().collect()
    };
    for _ in 0..=DEEPEST {
        let left = open(&scope);
        if left.is_empty() {
            return Ok(scope.params);
        }
        let waits = |default: &ParamValue| {
            let of_left = |text: &str| {
                references(text).any(|reference| match reference.variable {
                    Variable::Param { name, .. } => left.iter().any(|spec| spec.name == name),
                    _ => false,
                })
            };
            default.strings().any(of_left)
        };
        let ready: Vec<_> = left.iter().filter(|spec| spec.default.as_ref().is_some_and(|default| !waits(default))).collect();
        for spec in ready {
            if let Some(default) = &spec.default {
                let value = scope.value(default)?;
                scope.params.insert(spec.name.clone(), value);
            }
        }
    }
    let names = join(specs.iter().filter(|spec| !scope.params.contains_key(&spec.name)).map(|spec| spec.name.as_str()));
    Err(Error::bad_input(format!("the defaults of the parameters {names} refer to each other in a circle, or too deep"))
        .hint("give one of them a value that refers to no parameter"))
}

/// `values` and the defaults of a Task, as Tekton has them: unlike a Pipeline's, a default that refers to another parameter
/// gets that one's default, whatever is given for it; where there is none, it stays unknown, and so does what refers to it.
pub(crate) fn with_task_defaults(values: Params, specs: &[ParamSpec]) -> Result<Params> {
    let refers = |spec: &ParamSpec| matches!(&spec.default, Some(ParamValue::String(text)) if text.contains("$(params."));
    let (referring, plain): (Vec<ParamSpec>, Vec<ParamSpec>) = specs.iter().cloned().partition(refers);
    let defaults = Scope { params: with_defaults(Params::new(), &plain)?, ..Scope::default() };
    let mut values = with_defaults(values, &plain)?;
    for spec in referring.iter().filter(|spec| !values.contains_key(&spec.name)).collect::<Vec<_>>() {
        let Some(ParamValue::String(text)) = &spec.default else { continue };
        if references(text).any(|reference| defaults.knows(&reference.variable)) {
            values.insert(spec.name.clone(), ParamValue::String(defaults.text(text)?));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, kind: ParamType, default: Option<ParamValue>) -> ParamSpec {
        ParamSpec { type_: Some(kind), default, ..ParamSpec::new(name.into()) }
    }

    fn specs() -> Vec<ParamSpec> {
        let mut image = spec("image", ParamType::Object, None);
        image.properties = [("url".to_owned(), Default::default()), ("digest".to_owned(), Default::default())].into();
        let mut level = spec("level", ParamType::String, Some("info".into()));
        level.enum_ = vec!["info".into(), "debug".into()];
        vec![spec("packages", ParamType::Array, Some(Vec::new().into())), spec("branch", ParamType::String, None), image, level]
    }

    fn given(texts: &[&str]) -> Result<Params> {
        let mut given = Given::default();
        texts.iter().try_for_each(|text| given.add(text))?;
        typed(&given, &specs(), "the Pipeline p")
    }

    #[test]
    fn types_decide_how_texts_are_read() {
        let good = ["branch=a=b,c", "image={\"url\":\"u\",\"digest\":\"d\"}"];
        let packages = |texts: &[&str]| match given(&[&good[..], texts].concat()).unwrap().remove("packages") {
            Some(ParamValue::Array(items)) => items,
            other => panic!("{other:?}"),
        };
        assert_eq!(given(&good).unwrap()["branch"], "a=b,c".into());
        assert_eq!(packages(&["packages=a,b"]), ["a,b"]);
        assert_eq!(packages(&["packages=a", "packages=b"]), ["a", "b"]);
        assert_eq!(packages(&["packages=[\"a\",\"b\"]"]), ["a", "b"]);
        assert_eq!(packages(&["packages=[]"]), [""; 0]);
        assert_eq!(packages(&["packages=[::1]"]), ["[::1]"]);
    }

    #[test]
    fn all_that_is_wrong_at_once() {
        let text = format!("{:?}", given(&["brunch=x", "image={\"url\":\"u\"}", "level=all", "packages=[1]"]).unwrap_err());
        insta::assert_snapshot!(text, @r#"
        bad-input: 5 parameters are wrong or missing
        the Pipeline p has no parameter "brunch"; did you mean "branch"?
        the parameter "image" of the Pipeline p lacks the keys digest
        the parameter "level" of the Pipeline p does not allow "all"; allowed is info, debug
        the parameter "packages" of the Pipeline p is a list of strings, and its JSON is something else; put numbers in quotes
        the Pipeline p needs the parameter "branch"; give it with -p branch=VALUE
        "#);
        insta::assert_snapshot!(format!("{:?}", given(&["x"]).unwrap_err()), @r#"
        usage: the parameter "x" is not NAME=VALUE
        hint: write -p name=value; for a list repeat it, or write -p 'name=["a","b"]'
        "#);
    }

    #[test]
    fn defaults_refer_to_each_other() {
        let specs = [
            spec("c", ParamType::String, Some("$(params.b)!".into())),
            spec("b", ParamType::String, Some("$(params.a)?".into())),
            spec("a", ParamType::String, None),
        ];
        let values = with_defaults([("a".to_owned(), "x".into())].into(), &specs).unwrap();
        assert_eq!(values["c"], "x?!".into());
        let circle =
            [spec("a", ParamType::String, Some("$(params.b)".into())), spec("b", ParamType::String, Some("$(params.a)".into()))];
        insta::assert_snapshot!(with_defaults(Params::new(), &circle).unwrap_err(), @"the defaults of the parameters a, b refer to each other in a circle, or too deep");
    }

    /// A Task's own default for `base` is what `derived` gets, not what is given.
    #[test]
    fn defaults_of_a_task_see_defaults_only() {
        let text = |name: &str, default: Option<&str>| spec(name, ParamType::String, default.map(Into::into));
        let specs = [
            text("base", Some("b")),
            text("bare", None),
            text("derived", Some("$(params.base)-d")),
            text("lost", Some("$(params.bare)")),
        ];
        let given = [("base".to_owned(), "given".into()), ("bare".to_owned(), "x".into())];
        let values = with_task_defaults(given.into(), &specs).unwrap();
        assert_eq!((values.get("derived"), values.get("lost")), (Some(&"b-d".into()), None));
        let all = [("derived".to_owned(), "own".into()), ("bare".to_owned(), "x".into())];
        assert_eq!(with_task_defaults(all.into(), &specs).unwrap()["derived"], "own".into());
    }
}
