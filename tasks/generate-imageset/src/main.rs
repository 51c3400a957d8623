//! The binary of the step `generate-imageset`.

fn main() -> std::process::ExitCode {
    step::main::<generate_imageset::GenerateImageset>()
}
