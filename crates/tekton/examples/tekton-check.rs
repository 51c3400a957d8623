//! Checks files: `cargo run -p tekton --example tekton-check -- [--level LEVEL] FILE…`. For trying rules; users have
//! `stepwright check`.

use tekton::check::{Level, Options, check};
use tekton::source::Source;

fn main() -> std::io::Result<()> {
    let mut options = Options::default();
    let mut sources = Vec::new();
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--stable" => options.level = Level::Stable,
            "--beta" => options.level = Level::Beta,
            "--alpha" => options.level = Level::Alpha,
            path => sources.push(Source::new(path, std::fs::read_to_string(path)?)),
        }
    }
    for finding in check(&sources, &options).findings {
        let source = &sources[finding.source];
        let place = source.position(finding.span.start);
        let hint = finding.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        let (severity, rule) = (finding.rule.severity, finding.rule.name);
        #[expect(clippy::print_stdout, reason = "its output")]
        {
            println!("{}:{}:{}: {severity}[{rule}]: {}{hint}", source.name(), place.line, place.column, finding.message);
        }
    }
    Ok(())
}
