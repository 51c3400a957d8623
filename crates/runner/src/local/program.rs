//! The process that a step is, of this machine or of a container: its command, its directory and what it sees.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use step::{Error, Result};
use tekton::v1::Step;

use super::attempt::Attempt;
use super::data::kubernetes_expand;
use super::{How, Local};
use crate::container::Container;
use crate::paths::{Mount, SCRIPTS, WORKSPACE, to_host};
use crate::process::{Program, SCRIPTS_OPEN};
use crate::workspace::{make_dir, write};

impl Local {
    pub(super) fn program(
        &self,
        name: &str,
        step: &Step,
        volumes: &BTreeMap<String, PathBuf>,
        attempt: &Attempt<'_>,
    ) -> Result<Program> {
        let task = attempt.task;
        let how = self.how(step);
        let in_container = matches!(how, How::Contained);
        let env = self.environment(step, if in_container { &[] } else { &attempt.mounts })?;
        let look_up = |variable: &str| env.iter().find(|(name, _)| name == variable).map(|(_, value)| value.clone());
        let words = |texts: &[String]| -> Vec<String> { texts.iter().map(|text| kubernetes_expand(text, &look_up)).collect() };
        let (mut command, args) = (words(&step.command), words(&step.args));
        if let Some(script) = step.script.as_deref().filter(|script| !script.is_empty()) {
            let file = format!("{name}.sh");
            let path = task.directory.join(SCRIPTS.trim_start_matches('/')).join(&file);
            write_script(&path, script)?;
            command = vec![if in_container { format!("{SCRIPTS}/{file}") } else { path.display().to_string() }];
        }
        let home = task.directory.join(WORKSPACE.trim_start_matches('/'));
        if !in_container {
            let local = |text: &String| to_host(text, &attempt.mounts);
            let argv = match how {
                How::Own(own) => {
                    let own = self.own.command.iter().cloned().chain([OsString::from(own)]);
                    own.chain(command.iter().skip(1).chain(&args).map(|text| local(text).into())).collect()
                }
                _ => command.iter().chain(&args).map(|text| local(text).into()).collect(),
            };
            let directory = match step.working_dir.as_deref().filter(|directory| !directory.is_empty()) {
                Some(directory) if Path::new(directory).is_absolute() => PathBuf::from(to_host(directory, &attempt.mounts)),
                Some(directory) => {
                    let directory = home.join(directory);
                    make_dir(&directory)?;
                    directory
                }
                None => home,
            };
            return Ok(Program { argv, env, directory, kill: None });
        }
        let runtime = self.runtime().map_err(|why| Error::bad_input(format!("there is nothing to run containers: {why}")))?;
        let mut mounts = attempt.mounts.clone();
        for usage in &step.workspaces {
            if let (Some(path), Some(bound)) = (&usage.mount_path, task.workspaces.get(&usage.name)) {
                let host = bound.host.iter().map(|host| Mount {
                    container: path.clone(),
                    host: host.clone(),
                    read_only: bound.read_only,
                });
                mounts.extend(host);
            }
        }
        for mount in &step.volume_mounts {
            let Some(host) = volumes.get(&mount.name) else { continue };
            let host = match &mount.sub_path {
                Some(sub_path) => host.join(sub_path),
                None => host.clone(),
            };
            mounts.push(Mount { container: mount.mount_path.clone(), host, read_only: mount.read_only == Some(true) });
        }
        let directory = step.working_dir.as_deref().filter(|directory| !directory.is_empty()).map(|directory| {
            if Path::new(directory).is_absolute() { directory.to_owned() } else { format!("{WORKSPACE}/{directory}") }
        });
        let name = format!("{}-{name}-{}", task.name, task.attempt);
        let (entrypoint, args) = match command.split_first() {
            Some((program, rest)) => (Some(program.as_str()), [rest, &args[..]].concat()),
            None => (None, args),
        };
        let argv = runtime.run(&Container {
            name: name.clone(),
            image: step.image.as_deref().unwrap_or_default(),
            entrypoint,
            args: &args,
            env: &env,
            mounts: &mounts,
            directory: directory.as_deref(),
            user: step.security_context.as_ref().and_then(|context| context.run_as_user),
            pull: match step.image_pull_policy.as_deref() {
                Some("Always") => Some("always"),
                Some("Never") => Some("never"),
                _ => None,
            },
        });
        Ok(Program { argv, env: vec![], directory: home, kill: Some(runtime.kill(&name)) })
    }
}

/// As Tekton, a script without an interpreter is one of the shell that ends at its first error.
fn write_script(path: &Path, script: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let text = if script.starts_with("#!") { script.to_owned() } else { format!("#!/bin/sh\nset -e\n{script}") };
    {
        let _no_process_starts = SCRIPTS_OPEN.write().unwrap_or_else(PoisonError::into_inner);
        write(path, text.as_bytes())?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .map_err(|e| Error::io(format_args!("cannot make {} executable", path.display()), e))
}
