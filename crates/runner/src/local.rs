//! The executor that does the work: our own steps as child processes, other images in containers or, on request, as
//! processes of this machine.

mod attempt;
mod data;
mod program;

use std::ffi::OsString;
use std::sync::OnceLock;
use std::time::Duration;

use k8s_openapi::api::core::v1::VolumeMount;
use step::{Error, Result};
use tekton::v1::{Step, TaskSpec};

pub(crate) use self::attempt::stopped;
pub(crate) use self::data::items;
use crate::container::Runtime;
use crate::executor::{Control, Executor, Outcome, Place, Seen};
use crate::manifests::Manifests;
use crate::task::TaskRun;

/// Runs steps on this machine.
#[derive(Debug)]
pub struct Local {
    /// Our own steps.
    pub own: OwnSteps,
    /// What happens to other images.
    pub foreign: Foreign,
    /// ConfigMaps and Secrets.
    pub manifests: Manifests,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    runtime: OnceLock<Result<Runtime, String>>,
}

/// The steps that a binary of ours can run.
#[derive(Clone, Debug, Default)]
pub struct OwnSteps {
    /// The binary and what comes before the step's name: `stepwright step`.
    pub command: Vec<OsString>,
    /// The steps' names.
    pub names: Vec<String>,
}

/// What happens to the images of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    /// They run in containers, if there is podman or docker.
    #[default]
    Contained,
    /// Their commands run as processes of this machine, without their images.
    Host,
}

/// How a step runs.
enum How<'s> {
    Own(&'s str),
    Host,
    Contained,
}

impl Local {
    /// With these ways to run steps.
    pub fn new(own: OwnSteps, foreign: Foreign, manifests: Manifests, grace: Duration) -> Self {
        Local { own, foreign, manifests, grace, runtime: OnceLock::new() }
    }

    fn how<'s>(&'s self, step: &Step) -> How<'s> {
        match self.own_step(step) {
            Some(name) => How::Own(name),
            None if self.foreign == Foreign::Host => How::Host,
            None => How::Contained,
        }
    }

    /// Ours are the steps whose command is `/NAME`, and whose image is called NAME.
    fn own_step(&self, step: &Step) -> Option<&str> {
        if step.script.as_deref().is_some_and(|script| !script.is_empty()) {
            return None;
        }
        let image = step.image.as_deref()?;
        let image = image.split('@').next()?.rsplit('/').next()?.split(':').next()?;
        let name = self.own.names.iter().find(|name| *name == image)?;
        match step.command.first() {
            Some(command) if command.strip_prefix('/') == Some(name) => Some(name),
            None => Some(name),
            _ => None,
        }
    }

    fn runtime(&self) -> Result<&Runtime, &str> {
        self.runtime.get_or_init(Runtime::find).as_ref().map_err(String::as_str)
    }
}

impl Executor for Local {
    fn check(&self, place: Place<'_>, task: &TaskSpec, step: &Step) -> Result<()> {
        let here = format!("the step {} of the task {}", place.step, place.task);
        let image = step.image.as_deref().unwrap_or_default();
        let how = self.how(step);
        let has_command = !step.command.is_empty() || step.script.as_deref().is_some_and(|script| !script.is_empty());
        match how {
            How::Contained => {
                if image.is_empty() {
                    return Err(Error::bad_input(format!("{here} has no image")));
                }
                if let Err(why) = self.runtime() {
                    return Err(Error::bad_input(format!("{here} needs a container of {image}, and {why}"))
                        .hint("install podman, or pass --host to run its command as a process of this machine, unprotected"));
                }
            }
            How::Host if !has_command => {
                return Err(Error::bad_input(format!("{here} has no command, only its image {image} knows what it runs"))
                    .hint("write its command into the Task, or run it in a container"));
            }
            How::Own(_) | How::Host => {
                let is_foreign = |mount: &&VolumeMount| !is_temporary(task, &mount.name, &mount.mount_path);
                if let Some(mount) = step.volume_mounts.iter().find(is_foreign) {
                    return Err(Error::bad_input(format!(
                        "{here} mounts the volume {} at {}, where a process of this machine cannot have it",
                        mount.name, mount.mount_path
                    ))
                    .hint("pass what it needs in a workspace, or let a container run it"));
                }
            }
        }
        for volume in &task.volumes {
            self.volume_data(volume).map_err(|error| error.context(&here))?;
        }
        self.environment(step, &[]).map(drop).map_err(|error| error.context(&here))
    }

    fn sees(&self, step: &Step) -> Seen {
        match self.how(step) {
            How::Own(_) | How::Host => Seen::Host,
            How::Contained => Seen::Container,
        }
    }

    fn describe(&self, step: &Step) -> String {
        let words: Vec<String> = match self.how(step) {
            How::Own(name) => {
                let command = self.own.command.iter().map(|word| word.to_string_lossy().into_owned());
                command.chain([name.to_owned()]).chain(step.args.iter().cloned()).collect()
            }
            how => {
                let place = match how {
                    How::Contained => vec![self.runtime().map_or("podman", |runtime| &runtime.program).to_owned(), "run".into()]
                        .into_iter()
                        .chain(step.image.clone())
                        .collect(),
                    _ => vec![],
                };
                let script = step.script.as_deref().filter(|script| !script.is_empty());
                let command = match script {
                    Some(script) => vec![interpreter(script), "SCRIPT".to_owned()],
                    None => step.command.clone(),
                };
                place.into_iter().chain(command).chain(step.args.iter().cloned()).collect()
            }
        };
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    fn run(&self, task: &TaskRun, control: &Control<'_>) -> Outcome {
        match self.attempt(task, control) {
            Ok(outcome) => outcome,
            Err(error) => Outcome::error("TaskRunValidationFailed", &error),
        }
    }
}

/// A mount of an empty directory for temporary files: a process of this machine has such a directory anyway.
fn is_temporary(task: &TaskSpec, volume: &str, path: &str) -> bool {
    path == "/tmp" && task.volumes.iter().any(|own| own.name == volume && own.empty_dir.is_some())
}

fn interpreter(script: &str) -> String {
    let first = script.lines().next().and_then(|line| line.strip_prefix("#!"));
    first.map_or("/bin/sh", str::trim).to_owned()
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_have_image_and_command_of_one_name() {
        let own = OwnSteps { command: vec!["stepwright".into(), "step".into()], names: vec!["copy-image".into()] };
        let local = Local::new(own, Foreign::Contained, Manifests::default(), Duration::ZERO);
        let step = |image: &str, command: &[&str]| Step {
            image: Some(image.to_owned()),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            ..Step::default()
        };
        let cases = [
            (step("ghcr.io/stepwright/copy-image:0.1.0", &["/copy-image"]), true),
            (step("localhost:5000/copy-image@sha256:0", &["/copy-image"]), true),
            (step("quay.io/x/copy-image", &[]), true),
            (step("quay.io/x/copy-image", &["/bin/sh"]), false),
            (step("quay.io/x/other", &["/copy-image"]), false),
        ];
        for (step, expected) in &cases {
            assert_eq!(local.own_step(step).is_some(), *expected, "{step:?}");
        }
        let mut scripted = cases[2].0.clone();
        scripted.script = Some("echo".into());
        assert_eq!(local.own_step(&scripted), None);
        assert_eq!(
            local.describe(&Step { args: vec!["--x=a b".into(), "".into()], ..cases[0].0.clone() }),
            "stepwright step copy-image '--x=a b' ''"
        );
    }
}
