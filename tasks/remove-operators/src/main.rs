//! The binary of the step `remove-operators`.

fn main() -> std::process::ExitCode {
    step::main::<remove_operators::RemoveOperators>()
}
