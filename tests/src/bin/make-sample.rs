//! `make-sample DIR`: the sample catalog with its index database in DIR/work, and as a bare repository DIR/catalog.git; an
//! image in DIR/registry.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1) else {
        return step::fail(&step::Error::new(step::Kind::Usage, "usage: make-sample DIR"));
    };
    match tests::make_sample(Path::new(&dir)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => step::fail(&error),
    }
}
