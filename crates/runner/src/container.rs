//! Containers: who runs them, and with which command line.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::paths::Mount;

/// A program that runs containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// `podman` or `docker`.
    pub program: String,
}

/// A container to run.
pub(crate) struct Container<'c> {
    pub(crate) name: String,
    pub(crate) image: &'c str,
    pub(crate) entrypoint: Option<&'c str>,
    pub(crate) args: &'c [String],
    pub(crate) env: &'c [(String, String)],
    pub(crate) mounts: &'c [Mount],
    pub(crate) directory: Option<&'c str>,
    pub(crate) user: Option<i64>,
    pub(crate) pull: Option<&'c str>,
}

impl Runtime {
    /// The first of podman and docker that answers.
    ///
    /// # Errors
    /// Why none does, as the end of a sentence.
    pub fn find() -> Result<Self, String> {
        let mut reasons = Vec::new();
        for program in ["podman", "docker"] {
            // `version` asks docker's daemon, and podman has none.
            let asked = Command::new(program).arg("version").stdin(Stdio::null()).output();
            match asked {
                Ok(answer) if answer.status.success() => return Ok(Runtime { program: program.to_owned() }),
                Ok(answer) => {
                    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
                    let last =
                        said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gives no reason").trim().to_owned();
                    reasons.push(format!("{program} does not work ({last})"));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => reasons.push(format!("{program} is not on PATH")),
                Err(error) => reasons.push(format!("{program} does not start ({error})")),
            }
        }
        Err(reasons.join(", "))
    }

    /// The command line that runs a container.
    pub(crate) fn run(&self, container: &Container<'_>) -> Vec<OsString> {
        let mut argv: Vec<OsString> = vec![self.program.clone().into(), "run".into(), "--rm".into()];
        let mut flag = |name: &str, value: &str| argv.extend([name.into(), value.into()]);
        flag("--name", &container.name);
        if let Some(policy) = container.pull {
            flag("--pull", policy);
        }
        if let Some(user) = container.user {
            flag("--user", &user.to_string());
        }
        for mount in container.mounts {
            let mode = if mount.read_only { ":ro" } else { "" };
            flag("--volume", &format!("{}:{}{mode}", mount.host.display(), mount.container));
        }
        for (name, value) in container.env {
            flag("--env", &format!("{name}={value}"));
        }
        if let Some(directory) = container.directory {
            flag("--workdir", directory);
        }
        if let Some(entrypoint) = container.entrypoint {
            flag("--entrypoint", entrypoint);
        }
        argv.push(container.image.into());
        argv.extend(container.args.iter().map(OsString::from));
        argv
    }

    /// The command line that ends a container at once.
    pub(crate) fn kill(&self, name: &str) -> Vec<OsString> {
        [&*self.program, "rm", "--force", name].map(OsString::from).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line() {
        let mount = |container: &str, host: &str, read_only| Mount { container: container.into(), host: host.into(), read_only };
        let container = Container {
            name: "run-build-0".into(),
            image: "quay.io/acme/tool:1",
            entrypoint: Some("/bin/sh"),
            args: &["-c".into(), "echo $HOME".into()],
            env: &[("A".into(), "b c".into())],
            mounts: &[mount("/workspace/src", "/home/me/src", false), mount("/etc/cfg", "/run/cfg", true)],
            directory: Some("/workspace/src"),
            user: Some(65532),
            pull: Some("missing"),
        };
        let argv = Runtime { program: "podman".into() }.run(&container);
        let shown: Vec<_> = argv.iter().map(|arg| arg.to_string_lossy()).collect();
        insta::assert_snapshot!(shown.join("\n"), @"
        podman
        run
        --rm
        --name
        run-build-0
        --pull
        missing
        --user
        65532
        --volume
        /home/me/src:/workspace/src
        --volume
        /run/cfg:/etc/cfg:ro
        --env
        A=b c
        --workdir
        /workspace/src
        --entrypoint
        /bin/sh
        quay.io/acme/tool:1
        -c
        echo $HOME
        ");
    }
}
