//! The executor that does the work: our own steps as child processes, other images in containers or, on request, as
//! processes of this machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{KeyToPath, VolumeMount};
use step::{Error, Result};
use tekton::v1::{ParamValue, Step, TaskSpec};

use crate::container::{Container, Runtime};
use crate::event::Event;
use crate::executor::{Control, Executor, Outcome, Place, Seen, State, StepOutcome, Why};
use crate::manifests::{Kind, Manifests};
use crate::paths::{HOME, Mount, RESULTS, SCRIPTS, STEPS, WORKSPACE, container_name, mounts, to_host};
use crate::process::{End, Limits, Program, SCRIPTS_OPEN, run};
use crate::scope::{Results, Scope};
use crate::task::TaskRun;
use crate::workspace::{make_dir, write};
use crate::{results, when};

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

/// What is known while the steps of a task run one after another.
struct Attempt<'a> {
    task: &'a TaskRun,
    control: &'a Control<'a>,
    /// Steps have directories for exit codes and results of their own.
    keeps_steps: bool,
    mounts: Vec<Mount>,
    step_results: Results,
    results: BTreeMap<String, String>,
    /// Results that are a step's own, under the Task's names for them.
    derived: BTreeMap<String, String>,
    steps: Vec<StepOutcome>,
}

impl Local {
    fn attempt(&self, task: &TaskRun, control: &Control<'_>) -> Result<Outcome> {
        for name in [RESULTS, STEPS, HOME, SCRIPTS, WORKSPACE].into_iter().filter(|name| self.needs(task, name)) {
            make_dir(&task.directory.join(name.trim_start_matches('/')))?;
        }
        let volumes = self.volumes(task)?;
        let mut attempt = Attempt {
            task,
            control,
            keeps_steps: self.needs(task, STEPS),
            mounts: mounts(task),
            step_results: Results::new(),
            results: BTreeMap::new(),
            derived: BTreeMap::new(),
            steps: Vec::new(),
        };
        let mut failure: Option<Outcome> = None;
        for step in &task.spec.steps {
            let name = step.name.clone().unwrap_or_default();
            if failure.is_some() {
                attempt.steps.push(StepOutcome { step: name, state: State::Skipped, exit_code: None, duration: Duration::ZERO });
                continue;
            }
            failure = self.step(&name, step, &volumes, &mut attempt)?;
        }
        let Attempt { steps, results: mut texts, derived, .. } = attempt;
        texts.extend(derived);
        let (values, faults) = results::values(&texts, &task.spec.results);
        let mut outcome = failure.unwrap_or_else(|| match &faults[..] {
            [] => Outcome::succeeded(BTreeMap::new()),
            faults => Outcome::failed("TaskRunValidationFailed", faults.join(", ")),
        });
        outcome.results = values;
        outcome.steps = steps;
        Ok(outcome)
    }

    /// Whether a run of a task needs one of Tekton's directories. On some file systems a directory costs as much as a step.
    fn needs(&self, task: &TaskRun, directory: &str) -> bool {
        let mut steps = task.spec.steps.iter();
        match directory {
            _ if steps.clone().any(|step| matches!(self.how(step), How::Contained)) => true,
            RESULTS => !task.spec.results.is_empty(),
            WORKSPACE => true,
            SCRIPTS => steps.any(|step| step.script.as_deref().is_some_and(|script| !script.is_empty())),
            STEPS if steps.clone().any(|step| !step.results.is_empty()) => true,
            // Somebody asks for an exit code, or names the directory.
            _ => {
                let path = directory.trim_start_matches('/');
                steps.any(|step| serde_json::to_string(step).is_ok_and(|text| text.contains(path)))
            }
        }
    }

    /// Runs one step; what is returned ends the task.
    fn step(
        &self,
        name: &str,
        step: &Step,
        volumes: &BTreeMap<String, PathBuf>,
        attempt: &mut Attempt<'_>,
    ) -> Result<Option<Outcome>> {
        let (task, control) = (attempt.task, attempt.control);
        let directory = task.directory.join(STEPS.trim_start_matches('/')).join(container_name(name));
        let keeps = attempt.keeps_steps;
        if keeps {
            make_dir(&directory.join("results"))?;
        }
        let scope = Scope { step_results: attempt.step_results.clone(), ..Scope::default() };
        let step = &Step {
            command: scope.list(&step.command)?,
            args: scope.list(&step.args)?,
            env: {
                let mut env = step.env.clone();
                for variable in &mut env {
                    variable.value = variable.value.as_deref().map(|value| scope.text(value)).transpose()?;
                }
                env
            },
            when: when::expand(&step.when, &scope)?,
            ..step.clone()
        };
        if !when::holds(&step.when)? {
            if keeps {
                write(&directory.join("exitCode"), b"0")?;
            }
            attempt.finish(name, State::Skipped, None, Duration::ZERO);
            return Ok(None);
        }
        if let Some(why) = control.stop.requested() {
            attempt.steps.push(StepOutcome {
                step: name.to_owned(),
                state: State::Skipped,
                exit_code: None,
                duration: Duration::ZERO,
            });
            return Ok(Some(stopped(why)));
        }
        self.warn(name, step, control, task);
        let started = Instant::now();
        control.tell(&Event::StepStarted { task: &task.task, index: task.index, step: name });
        let own_deadline =
            step.timeout.as_ref().and_then(|timeout| timeout.to_std()).filter(|t| !t.is_zero()).map(|t| started + t);
        let deadline = [own_deadline, control.deadline].into_iter().flatten().min();
        let program = self.program(name, step, volumes, attempt)?;
        let limits = Limits { stop: &control.stop, deadline, grace: self.grace };
        let end = run(&program, &limits, |line| {
            let text = String::from_utf8_lossy(line);
            let text = step::redact::text(&text);
            control.tell(&Event::Line { task: &task.task, index: task.index, step: name, text: &text });
        });
        let end = match end {
            Ok(end) => end,
            Err(error) => {
                attempt.finish(name, State::Failed, Some(127), started.elapsed());
                return Ok(Some(Outcome { exit_code: Some(127), ..Outcome::error("StepFailed", &error) }));
            }
        };
        let continues = step.on_error.as_deref() == Some("continue");
        let container = container_name(name);
        let (state, code, outcome) = match end {
            End::Exited(0) => (State::Succeeded, Some(0), None),
            End::Exited(code) if continues => (State::Failed, Some(code), None),
            End::Exited(code) => {
                let message = format!("\"{container}\" exited with code {code}");
                (State::Failed, Some(code), Some(Outcome { exit_code: Some(code), ..Outcome::failed("StepFailed", message) }))
            }
            End::TimedOut if own_deadline.is_some() && own_deadline <= control.deadline.or(own_deadline) => {
                let message = format!("\"{container}\" exited because the step exceeded the specified timeout limit");
                let outcome =
                    Outcome { exit_code: Some(step::Kind::TimedOut.code().into()), ..Outcome::failed("StepFailed", message) };
                (State::TimedOut, None, Some(outcome))
            }
            End::TimedOut => {
                let outcome = Outcome { state: State::TimedOut, ..Outcome::failed("TaskRunTimeout", "its time ran out") };
                (State::TimedOut, None, Some(outcome))
            }
            End::Stopped(why) => (State::Cancelled, None, Some(stopped(why))),
        };
        if let (Some(code), None, true) = (code, &outcome, keeps) {
            write(&directory.join("exitCode"), code.to_string().as_bytes())?;
        }
        attempt.finish(name, state, code, started.elapsed());
        Ok(attempt.collect(name, step, &directory)?.filter(|_| outcome.is_none()).or(outcome))
    }

    /// A script is run as it is: a container's path in it leads nowhere here.
    fn warn(&self, name: &str, step: &Step, control: &Control<'_>, task: &TaskRun) {
        let is_border = |c: char| c.is_whitespace() || "\"'`=<>|;&()".contains(c);
        let is_containers = |word: &&str| word.starts_with("/workspace/") || word.starts_with("/tekton/");
        let script = step.script.as_deref().unwrap_or_default();
        if let (How::Host, Some(path)) = (self.how(step), script.split(is_border).find(is_containers)) {
            let message = format!(
                "the script of the step {name} of the task {} names {path}, which is in containers only; write $(workspaces.NAME.path) \
                 or $(results.NAME.path)",
                task.label()
            );
            control.tell(&Event::Warning { message: &message });
        }
    }

    fn program(&self, name: &str, step: &Step, volumes: &BTreeMap<String, PathBuf>, attempt: &Attempt<'_>) -> Result<Program> {
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

    /// The step's own environment variables.
    fn environment(&self, step: &Step, mounts: &[Mount]) -> Result<Vec<(String, String)>> {
        let mut all: Vec<(String, String)> = Vec::new();
        for source in &step.env_from {
            let prefix = source.prefix.as_deref().unwrap_or_default();
            let data = match (&source.config_map_ref, &source.secret_ref) {
                (Some(map), _) => self.manifests.data(Kind::ConfigMap, &map.name, map.optional == Some(true))?,
                (_, Some(secret)) => self.manifests.data(Kind::Secret, &secret.name, secret.optional == Some(true))?,
                _ => None,
            };
            let pairs = data.into_iter().flatten();
            all.extend(pairs.map(|(key, value)| (format!("{prefix}{key}"), String::from_utf8_lossy(value).into_owned())));
        }
        for variable in &step.env {
            let source = variable.value_from.as_ref();
            let text = match source.map(|source| (&source.config_map_key_ref, &source.secret_key_ref)) {
                Some((Some(map), _)) => self.manifests.text(Kind::ConfigMap, &map.name, &map.key, map.optional == Some(true))?,
                Some((_, Some(secret))) => {
                    self.manifests.text(Kind::Secret, &secret.name, &secret.key, secret.optional == Some(true))?
                }
                _ => {
                    let look_up = |name: &str| all.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.clone());
                    let text = kubernetes_expand(variable.value.as_deref().unwrap_or_default(), &look_up);
                    Some(to_host(&text, mounts))
                }
            };
            if let Some(text) = text {
                all.retain(|(name, _)| *name != variable.name);
                all.push((variable.name.clone(), text));
            }
        }
        Ok(all)
    }

    /// The directories of a Task's volumes.
    fn volumes(&self, task: &TaskRun) -> Result<BTreeMap<String, PathBuf>> {
        let mut found = BTreeMap::new();
        for volume in &task.spec.volumes {
            let directory = task.directory.join("volumes").join(&volume.name);
            make_dir(&directory)?;
            for (key, bytes) in self.volume_data(volume)? {
                write(&directory.join(key), &bytes)?;
            }
            found.insert(volume.name.clone(), directory);
        }
        Ok(found)
    }

    fn volume_data(&self, volume: &k8s_openapi::api::core::v1::Volume) -> Result<BTreeMap<String, Vec<u8>>> {
        let place = |error: Error| error.context(format_args!("the volume {}", volume.name));
        let (data, keys) = match (&volume.config_map, &volume.secret) {
            (Some(map), _) => {
                let data = self.manifests.data(Kind::ConfigMap, &map.name, map.optional == Some(true)).map_err(place)?;
                (data, map.items.as_ref())
            }
            (_, Some(secret)) => {
                let name = secret.secret_name.as_deref().unwrap_or_default();
                let data = self.manifests.data(Kind::Secret, name, secret.optional == Some(true)).map_err(place)?;
                (data, secret.items.as_ref())
            }
            _ => return Ok(BTreeMap::new()),
        };
        Ok(items(data.cloned().unwrap_or_default(), keys))
    }
}

/// The files of a volume: all keys, or those that are asked for under other names.
pub(crate) fn items(data: BTreeMap<String, Vec<u8>>, items: Option<&Vec<KeyToPath>>) -> BTreeMap<String, Vec<u8>> {
    match items.filter(|items| !items.is_empty()) {
        Some(items) => items.iter().filter_map(|item| Some((item.path.clone(), data.get(&item.key)?.clone()))).collect(),
        None => data,
    }
}

impl Attempt<'_> {
    fn finish(&mut self, step: &str, state: State, exit_code: Option<i32>, duration: Duration) {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (task, index) = (self.task.task.as_str(), self.task.index);
        self.control.tell(&Event::StepFinished { task, index, step, state, exit_code, milliseconds });
        self.steps.push(StepOutcome { step: step.to_owned(), state, exit_code, duration });
    }

    /// Reads what the step left; what is returned is too large.
    fn collect(&mut self, name: &str, step: &Step, directory: &Path) -> Result<Option<Outcome>> {
        let base = self.task.directory.join(RESULTS.trim_start_matches('/'));
        self.results = results::read(&base, self.task.spec.results.iter().map(|result| result.name.as_str()))?;
        let own = results::read(&directory.join("results"), step.results.iter().map(|result| result.name.as_str()))?;
        let all = self.results.iter().chain(&own).map(|(name, text)| (name.as_str(), text.as_str()));
        if let Some(message) = results::too_large(name, all) {
            self.results.clear();
            return Ok(Some(Outcome::failed("TaskRunResultLargerThanAllowedLimit", message)));
        }
        for result in &self.task.spec.results {
            if let Some(ParamValue::String(text)) = &result.value {
                let scope = Scope {
                    step_results: own.iter().map(|(key, text)| ((name.to_owned(), key.clone()), text.clone().into())).collect(),
                    ..Scope::default()
                };
                let filled = scope.text(text)?;
                if filled != *text {
                    self.derived.insert(result.name.clone(), filled);
                }
            }
        }
        for (key, text) in own {
            let spec = step.results.iter().find(|spec| spec.name == key);
            let value = match spec.and_then(|spec| spec.type_) {
                Some(tekton::v1::ParamType::Array) => serde_json::from_str(&text).ok().map(ParamValue::Array),
                Some(tekton::v1::ParamType::Object) => serde_json::from_str(&text).ok().map(ParamValue::Object),
                _ => None,
            };
            self.step_results.insert((name.to_owned(), key), value.unwrap_or(ParamValue::String(text)));
        }
        Ok(None)
    }
}

/// What a task that was stopped ends with.
pub(crate) fn stopped(why: Why) -> Outcome {
    let message = match why {
        Why::RunTimedOut => "the run's time ran out",
        Why::Cancelled | Why::Now => "the run was cancelled",
    };
    Outcome { state: State::Cancelled, ..Outcome::failed("TaskRunCancelled", message) }
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

fn interpreter(script: &str) -> String {
    let first = script.lines().next().and_then(|line| line.strip_prefix("#!"));
    first.map_or("/bin/sh", str::trim).to_owned()
}

/// As Kubernetes does it: `$(NAME)` is the variable if there is one, `$$` is `$`.
fn kubernetes_expand(text: &str, look_up: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match look_up(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
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
    fn variables_as_kubernetes_has_them() {
        let look_up = |name: &str| (name == "A").then(|| "x".to_owned());
        let cases = [("$(A)/$(B)", "x/$(B)"), ("$$(A)", "$(A)"), ("$A $", "$A $"), ("$(A", "$(A"), ("$$$(A)", "$x")];
        for (text, expected) in cases {
            assert_eq!(kubernetes_expand(text, &look_up), expected, "{text}");
        }
    }

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
