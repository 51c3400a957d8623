//! `stepwright`, built with the tests.

fn main() -> std::process::ExitCode {
    stepwright::main(std::env::args_os().collect())
}
