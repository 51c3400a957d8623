//! The binary of the step `validate-catalog`.

fn main() -> std::process::ExitCode {
    step::main::<validate_catalog::ValidateCatalog>()
}
