//! The library on the command line, to compare it with opm by hand and to measure it.
//!
//! `packages FILE` · `rm FILE PACKAGE…` · `migrate FILE DIR OPM-VERSION` · `digest FILE-OR-DIR`
//!
//! The digests are those that the tests compare with.

use std::path::Path;

use index_db::{IndexDb, Level, migrate_to_dir, remove_packages};
use step::{Cancel, Error, Result};

#[path = "../tests/common/mod.rs"]
mod common;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line")]
fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
        Err(error) => {
            eprintln!("{error:?}");
            return error.kind().into();
        }
    }
    std::process::ExitCode::SUCCESS
}

fn run(args: &[&str]) -> Result<Vec<String>> {
    let cancel = Cancel::new();
    let bad = |e: &dyn std::fmt::Display| Error::bad_input(e.to_string());
    match args {
        ["packages", file] => Ok(IndexDb::open(Path::new(file))?.packages()?.into_iter().collect()),
        ["rm", file, packages @ ..] => {
            let names = packages.iter().map(|name| name.parse().map_err(|e| bad(&e))).collect::<Result<_>>()?;
            remove_packages(Path::new(file), &names, &cancel)?.commit()?;
            Ok(Vec::new())
        }
        ["migrate", file, dir, version] => {
            let version = version.parse().map_err(|e| bad(&e))?;
            let names = migrate_to_dir(Path::new(file), Level::for_opm(version), version, Path::new(dir), &cancel)?;
            Ok(names.iter().map(ToString::to_string).collect())
        }
        ["digest", path] => {
            let path = Path::new(path);
            let files = |(name, bytes): (String, Vec<u8>)| [name.into_bytes(), bytes];
            Ok(vec![if path.is_dir() {
                common::digest(common::files(path).into_iter().flat_map(files))
            } else {
                common::digest(common::rows(path))
            }])
        }
        _ => Err(Error::new(
            step::Kind::Usage,
            "packages FILE | rm FILE PACKAGE… | migrate FILE DIR OPM-VERSION | digest FILE-OR-DIR",
        )),
    }
}
