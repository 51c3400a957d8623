//! The binary of the step `await-pipelinerun`.

fn main() -> std::process::ExitCode {
    step::main::<await_pipelinerun::AwaitPipelinerun>()
}
