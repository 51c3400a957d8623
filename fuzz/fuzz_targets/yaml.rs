//! Any JSON value written as YAML reads back as the same value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let object = json!({ "value": value });
    let text = tekton::yaml::to_string(&object).unwrap();
    let options = serde_saphyr::options! { legacy_octal_numbers: true, budget: None };
    let read: Value = serde_saphyr::from_str_with_options(&text, options).unwrap();
    assert_eq!(read, object, "{text}");
});
