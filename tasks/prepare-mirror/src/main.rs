//! The binary of the step `prepare-mirror`.

fn main() -> std::process::ExitCode {
    step::main::<prepare_mirror::PrepareMirror>()
}
