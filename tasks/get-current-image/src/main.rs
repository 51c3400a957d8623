//! The binary of the step `get-current-image`.

fn main() -> std::process::ExitCode {
    step::main::<get_current_image::GetCurrentImage>()
}
