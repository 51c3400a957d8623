//! Any text as a parameter's value: accepted or refused, no panic, and what is accepted reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

macro_rules! round_trip {
    ($text:expr, $($type:ty),*) => {
        $(if let Ok(value) = $text.parse::<$type>() {
            assert_eq!(value.to_string().parse::<$type>().unwrap(), value);
        })*
    };
}

fuzz_target!(|text: &str| {
    round_trip!(text, fbc::PackageName, fbc::OpmVersion, repo::BranchName, step::RelativePath);
    if text.parse::<repo::GitUrl>().is_ok() {
        assert!(!text.contains('$'));
    }
    let _ = text.parse::<repo::Identity>();
    let _ = step::redact::text(text);
    for max in [3, 40] {
        assert!(step::results::wire_len(&step::results::cut(text, max)) <= max);
    }
});
