//! Any text as a values file and as a document: an error on one line, or a document that is good.
#![no_main]

use imageset::{DocumentKind, Keep, Merge, Options, ValuesFile, check, generate, generate_delete};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (one, two) = text.split_at(text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at));
    let file = |path: &str, text: &str| ValuesFile { path: path.into(), text: text.into() };
    let whole = [file("a", text)];
    let halves = [file("a", one), file("b", two)];
    for (files, merge, version) in [
        (&whole[..], Merge::Union, None),
        (&whole[..], Merge::Union, "4.18.3".parse().ok()),
        (&halves[..], Merge::Helm, "4.18".parse().ok()),
    ] {
        let options = Options { merge, version, ..Options::default() };
        for (kind, generated) in [
            (DocumentKind::ImageSet, generate(files, &options)),
            (DocumentKind::Delete, generate_delete(files, &options, Keep::IN_USE)),
        ] {
            match generated {
                Ok(generated) => {
                    check("it", &generated.text, kind).unwrap();
                    assert!(!generated.text.contains('$'));
                }
                Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
            }
        }
    }
    let _ = check("it", text, DocumentKind::ImageSet);
});
