//! The binary of the step `plan-image-build`.

fn main() -> std::process::ExitCode {
    step::main::<copy_image::PlanImageBuild>()
}
