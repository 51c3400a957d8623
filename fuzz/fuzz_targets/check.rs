//! Whatever a file says, checking it ends, every finding has a place in it, and what is found good is written and read
//! again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tekton::check::{Level, Options, check};
use tekton::source::Source;

fuzz_target!(|text: &str| {
    for level in [Level::Stable, Level::Alpha] {
        let options = Options { level, ..Options::default() };
        let sources = [Source::new("a", text)];
        let checked = check(&sources, &options);
        for finding in &checked.findings {
            assert!(finding.span.start <= finding.span.end && finding.span.end <= text.len(), "{finding:?}");
            assert!(!finding.message.contains('\n'), "{finding:?}");
            let place = sources[0].position(finding.span.start);
            assert!(place.line <= text.matches('\n').count() + 1);
        }
        if checked.has_errors() {
            continue;
        }
        let written: Vec<String> = checked.objects.iter().map(|(_, object)| object.to_yaml().unwrap()).collect();
        let again = check(&[Source::new("b", written.join("---\n"))], &options);
        let rewritten: Vec<String> = again.objects.iter().map(|(_, object)| object.to_yaml().unwrap()).collect();
        assert_eq!(written, rewritten);
    }
});
