//! The binary of the step `create-index`.

fn main() -> std::process::ExitCode {
    step::main::<copy_image::CreateIndex>()
}
