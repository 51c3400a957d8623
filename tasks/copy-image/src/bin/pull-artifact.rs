//! The binary of the step `pull-artifact`.

fn main() -> std::process::ExitCode {
    step::main::<copy_image::PullArtifact>()
}
