//! How an object that is there differs from the one that was asked for.

use serde_json::Value;

/// The fields that are asked for and have another value, `spec.backoffLimit is 2, and not 3`. What the cluster adds does not
/// count.
pub(crate) fn differences(there: &Value, wanted: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", there, wanted, &mut found);
    found
}

fn compare(path: &str, there: &Value, wanted: &Value, found: &mut Vec<String>) {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            for (key, wanted) in wanted {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, there.get(key).unwrap_or(&Value::Null), wanted, found);
            }
        }
        (Value::Array(there), Value::Array(wanted)) if there.len() == wanted.len() => {
            for (index, (there, wanted)) in there.iter().zip(wanted).enumerate() {
                compare(&format!("{path}[{index}]"), there, wanted, found);
            }
        }
        // The cluster leaves out what is empty.
        (Value::Null, Value::Object(wanted)) if wanted.is_empty() => {}
        (there, wanted) if there == wanted || is_same_quantity(there, wanted) => {}
        (there, wanted) => found.push(format!("{path} is {there}, and not {wanted}")),
    }
}

/// `1024Mi` comes back as `1Gi`.
fn is_same_quantity(there: &Value, wanted: &Value) -> bool {
    let value = |value: &Value| value.as_str().and_then(tekton::quantity::value);
    matches!((value(there), value(wanted)), (Some(there), Some(wanted)) if there == wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_asked_for_counts() {
        let there = json!({
            "spec": { "added": 1, "memory": "1Gi", "args": ["a", "b"], "image": "x:1", "list": [1] },
            "status": {},
        });
        let same = json!({ "spec": { "memory": "1024Mi", "args": ["a", "b"], "image": "x:1", "scratch": {} } });
        assert!(differences(&there, &same).is_empty());
        let other = json!({ "spec": { "memory": "2Gi", "args": ["a", "c"], "image": "x:2", "list": [1, 2], "new": true } });
        insta::assert_snapshot!(differences(&there, &other).join("\n"), @r#"
        spec.memory is "1Gi", and not "2Gi"
        spec.args[1] is "b", and not "c"
        spec.image is "x:1", and not "x:2"
        spec.list is [1], and not [1,2]
        spec.new is null, and not true
        "#);
    }
}
