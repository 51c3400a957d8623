//! The binary of the step `inspect-image`.

fn main() -> std::process::ExitCode {
    step::main::<copy_image::InspectImage>()
}
