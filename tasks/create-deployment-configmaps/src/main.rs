//! The binary of the step `create-deployment-configmaps`.

fn main() -> std::process::ExitCode {
    step::main::<create_deployment_configmaps::CreateDeploymentConfigmaps>()
}
