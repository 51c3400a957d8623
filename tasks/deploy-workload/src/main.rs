//! The binary of the step `deploy-workload`.

fn main() -> std::process::ExitCode {
    step::main::<deploy_workload::DeployWorkload>()
}
