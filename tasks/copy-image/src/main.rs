//! The binary of the step `copy-image`.

fn main() -> std::process::ExitCode {
    step::main::<copy_image::CopyImage>()
}
