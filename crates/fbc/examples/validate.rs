//! `opm validate` for measurements: `cargo run --release -p fbc --example validate -- DIR [OPM-VERSION]`.

use std::path::Path;
use std::process::ExitCode;

use fbc::{Limits, OpmVersion, Tree, validate};
use step::Cancel;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap_or_else(|| ".".into());
    let opm = args.next().map_or(Ok(OpmVersion::default()), |text| text.parse());
    let verdict = opm.map_err(|e| step::Error::new(step::Kind::Usage, e.to_string())).and_then(|opm| {
        let tree = Tree::read(Path::new(&dir), &Limits::default())?;
        validate(&tree, opm, &Cancel::new())
    });
    #[expect(clippy::print_stdout, clippy::print_stderr, reason = "what a command line does")]
    match verdict {
        Ok(verdict) => {
            println!("{verdict}");
            ExitCode::from(u8::from(!verdict.is_valid()))
        }
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::from(error.kind().code())
        }
    }
}
