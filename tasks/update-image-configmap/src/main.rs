//! The binary of the step `update-image-configmap`.

fn main() -> std::process::ExitCode {
    step::main::<update_image_configmap::UpdateImageConfigmap>()
}
