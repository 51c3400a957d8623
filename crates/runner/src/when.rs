//! Conditions: whether a task or a step runs.

use cel::{Context, Program, Value};
use step::{Error, Result};
use tekton::v1::{WhenExpression, WhenOperator};

use crate::scope::Scope;

/// The conditions with what the scope knows put in.
pub(crate) fn expand(when: &[WhenExpression], scope: &Scope) -> Result<Vec<WhenExpression>> {
    let one = |when: &WhenExpression| {
        Ok(WhenExpression {
            input: when.input.as_deref().map(|text| scope.text_or_json(text)).transpose()?,
            operator: when.operator,
            values: scope.list(&when.values)?,
            cel: when.cel.as_deref().map(|text| scope.text(text)).transpose()?,
        })
    };
    when.iter().map(one).collect()
}

/// Whether all conditions hold.
pub(crate) fn holds(when: &[WhenExpression]) -> Result<bool> {
    for condition in when {
        let holds = match condition.cel.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => cel(text)?,
            None => {
                let found = condition.values.iter().any(|value| *value == condition.input.as_deref().unwrap_or_default());
                found == (condition.operator == Some(WhenOperator::In))
            }
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A condition as people write it.
pub fn describe(when: &WhenExpression) -> String {
    match &when.cel {
        Some(text) if !text.is_empty() => text.clone(),
        _ => {
            let operator = match when.operator {
                Some(WhenOperator::In) => "in",
                Some(WhenOperator::NotIn) | None => "notin",
            };
            format!("{:?} {operator} {:?}", when.input.as_deref().unwrap_or_default(), when.values)
        }
    }
}

/// Evaluates an expression of the Common Expression Language. As in Tekton it sees no variables: their values are put
/// into its text before.
pub(crate) fn cel(text: &str) -> Result<bool> {
    let wrong = |why: String| {
        Error::bad_input(format!("the CEL expression `{text}` cannot be evaluated: {why}"))
            .hint("put references in quotes, '$(params.x)' == 'a', and use CEL's standard functions and macros only")
    };
    // The parser is of a kind that is only known to be right for texts of sane length.
    if text.len() > LONGEST {
        return Err(wrong(format!("it is longer than {LONGEST} bytes")));
    }
    let program = Program::compile(text).map_err(|error| wrong(one_line(&error.to_string())))?;
    let context = Context::default();
    match program.execute(&context) {
        Ok(Value::Bool(holds)) => Ok(holds),
        Ok(other) => Err(wrong(format!("its value is {}, not a boolean", shown(&other)))),
        Err(error) => Err(wrong(one_line(&error.to_string()))),
    }
}

const LONGEST: usize = 16 * 1024;

fn shown(value: &Value) -> String {
    one_line(&format!("{value:?}"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators() {
        let when = |input: &str, operator, values: &[&str]| WhenExpression {
            input: Some(input.to_owned()),
            operator: Some(operator),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            cel: None,
        };
        use WhenOperator::{In, NotIn};
        let cases = [
            (when("a", In, &["a", "b"]), true),
            (when("c", In, &["a", "b"]), false),
            (when("c", NotIn, &["a", "b"]), true),
            (when("a", NotIn, &["a", "b"]), false),
            (when("", In, &[""]), true),
            (when("", NotIn, &[]), true),
        ];
        for (when, expected) in &cases {
            assert_eq!(holds(std::slice::from_ref(when)).unwrap(), *expected, "{}", describe(when));
        }
        assert!(!holds(&[cases[0].0.clone(), cases[1].0.clone()]).unwrap());
        assert!(holds(&[]).unwrap());
    }

    #[test]
    fn expressions() {
        let cases = [
            ("'main' == 'main'", true),
            ("'v1.2'.startsWith('v') && !('x' in ['a', 'b'])", true),
            ("'abc'.matches('^a.c$')", true),
            ("1 + 1 > 3 || size('abc') == 3", true),
            ("[1, 2, 3].exists(x, x > 2)", true),
            ("'a' == 'b' ? true : false", false),
            ("int('5') >= 5", true),
        ];
        for (text, expected) in cases {
            assert_eq!(cel(text).unwrap(), expected, "{text}");
        }
        let wrong: Vec<_> = ["'a' ==", "nope == 'a'", "'a'", "quote('a') == 'a'", "$(tasks.a.results.n) > 3"]
            .map(|text| cel(text).unwrap_err().to_string())
            .into();
        insta::assert_snapshot!(wrong.join("\n"), @r#"
        the CEL expression `'a' ==` cannot be evaluated: ERROR: <input>:1:7: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER} | 'a' == | ......^
        the CEL expression `nope == 'a'` cannot be evaluated: Undeclared reference to 'nope'
        the CEL expression `'a'` cannot be evaluated: its value is String("a"), not a boolean
        the CEL expression `quote('a') == 'a'` cannot be evaluated: Undeclared reference to 'quote'
        the CEL expression `$(tasks.a.results.n) > 3` cannot be evaluated: ERROR: <input>:1:1: Syntax error: token recognition error at: '$' | $(tasks.a.results.n) > 3 | ^
        "#);
    }
}
