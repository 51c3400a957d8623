//! Results: the files that steps leave, as values of their declared types and within what Tekton can carry.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use step::results::{MESSAGE_LIMIT, message_size, wire_len};
use step::{Error, Result};
use tekton::v1::{ParamType, ParamValue, TaskResult};

/// Far more than Tekton carries; what is larger is too large whatever follows.
const MOST: u64 = 1024 * 1024;

/// The texts of those of `names` whose files are in `directory`.
pub(crate) fn read<'n>(directory: &Path, names: impl IntoIterator<Item = &'n str>) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for name in names {
        let path = directory.join(name);
        let failed = |error| Error::io(format_args!("cannot read the result {}", path.display()), error);
        // To open a pipe would be to wait for whoever writes into it.
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(Error::bad_input(format!("the result {} is no regular file", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        }
        let mut bytes = Vec::new();
        File::open(&path).and_then(|file| file.take(MOST).read_to_end(&mut bytes)).map_err(failed)?;
        found.insert(name.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(found)
}

/// What is wrong with results that together are larger than a container's termination message.
pub(crate) fn too_large<'r>(step: &str, results: impl Iterator<Item = (&'r str, &'r str)>) -> Option<String> {
    let mut sizes: Vec<_> = results.map(|(name, text)| (name, wire_len(text))).collect();
    let size = message_size(sizes.iter().copied());
    if size <= MESSAGE_LIMIT {
        return None;
    }
    sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let parts: Vec<_> = sizes.iter().map(|(name, size)| format!("{name} {size}")).collect();
    Some(format!(
        "the results after step {step} take {size} bytes of the {MESSAGE_LIMIT} that Tekton carries: {} bytes; write what is \
         long to a workspace, and its path or digest as the result",
        parts.join(", ")
    ))
}

/// Values of the declared types. The second list is what is wrong, as sentences.
pub(crate) fn values(texts: &BTreeMap<String, String>, specs: &[TaskResult]) -> (BTreeMap<String, ParamValue>, Vec<String>) {
    let (mut values, mut faults) = (BTreeMap::new(), Vec::new());
    for spec in specs {
        let Some(text) = texts.get(&spec.name) else { continue };
        let declared = kind(spec);
        let value = match declared {
            ParamType::String => Some(text.clone().into()),
            ParamType::Array => serde_json::from_str(text).ok().map(ParamValue::Array),
            ParamType::Object => serde_json::from_str(text).ok().map(ParamValue::Object),
        };
        let Some(value) = value else {
            let example = if declared == ParamType::Array { "[\"a\",\"b\"]" } else { "{\"key\":\"value\"}" };
            faults
                .push(format!("the result {:?} is declared as {declared}, and its file is no such JSON as {example}", spec.name));
            continue;
        };
        if let ParamValue::Object(map) = &value {
            let missing: Vec<_> = spec.properties.keys().filter(|key| !map.contains_key(*key)).map(String::as_str).collect();
            if !missing.is_empty() {
                faults.push(format!("the result {:?} lacks the keys {}", spec.name, missing.join(", ")));
            }
        }
        values.insert(spec.name.clone(), value);
    }
    (values, faults)
}

fn kind(spec: &TaskResult) -> ParamType {
    match spec.type_ {
        Some(kind) => kind,
        None if !spec.properties.is_empty() => ParamType::Object,
        None => ParamType::String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_keys() {
        let spec = |name: &str, type_| TaskResult { type_, ..TaskResult::new(name.into()) };
        let mut object = spec("o", Some(ParamType::Object));
        object.properties = [("k".to_owned(), Default::default()), ("m".to_owned(), Default::default())].into();
        let specs = [spec("s", None), spec("a", Some(ParamType::Array)), spec("bad", Some(ParamType::Array)), object];
        let texts = [("s", "[1]\n"), ("a", r#"["x","y"]"#), ("bad", "x"), ("o", r#"{"k":"v"}"#), ("undeclared", "")];
        let (values, faults) = values(&texts.map(|(k, v)| (k.to_owned(), v.to_owned())).into(), &specs);
        assert_eq!(values["s"], "[1]\n".into());
        assert_eq!(values["a"], vec!["x".to_owned(), "y".to_owned()].into());
        assert!(!values.contains_key("undeclared") && !values.contains_key("bad"));
        insta::assert_snapshot!(faults.join("\n"), @r#"
        the result "bad" is declared as array, and its file is no such JSON as ["a","b"]
        the result "o" lacks the keys m
        "#);
    }

    #[test]
    fn the_limit_is_the_whole_messages() {
        // The message of one result LONG of n bytes is 65 + 34 + 4 + n bytes, as computed by hand from Tekton's JSON.
        let fits = "x".repeat(MESSAGE_LIMIT - message_size([("LONG", 0)]));
        assert_eq!(too_large("s", [("LONG", fits.as_str())].into_iter()), None);
        let long = format!("{fits}x");
        insta::assert_snapshot!(too_large("s", [("A", ""), ("LONG", long.as_str())].into_iter()).unwrap(), @"the results after step s take 4129 bytes of the 4096 that Tekton carries: LONG 3997, A 0 bytes; write what is long to a workspace, and its path or digest as the result");
    }
}
