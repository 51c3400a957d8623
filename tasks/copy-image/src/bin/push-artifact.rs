//! The binary of the step `push-artifact`.

fn main() -> std::process::ExitCode {
    step::main::<copy_image::PushArtifact>()
}
