//! What running steps costs besides the steps: the same trivial process 50 times, alone, as the steps of one task, and as
//! tasks one after another. `cargo run --release -p runner --example overhead`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement for a person")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use runner::{Foreign, Given, Interrupts, Library, Local, Manifests, Options, OwnSteps, Plan, Request, Target};
use tekton::v1::{EmbeddedTask, Pipeline, PipelineSpec, PipelineTask, Step, TaskSpec};

const STEPS: usize = 50;
const ROUNDS: usize = 5;

fn main() {
    let step = |n: usize| Step {
        name: Some(format!("s{n}")),
        image: Some("none".into()),
        command: vec!["/bin/true".into()],
        ..Step::default()
    };
    let task = |n: usize, steps: Vec<Step>| PipelineTask {
        name: Some(format!("t{n}")),
        run_after: n.checked_sub(1).map(|before| format!("t{before}")).into_iter().collect(),
        task_spec: Some(EmbeddedTask::from(TaskSpec { steps, ..TaskSpec::default() })),
        ..PipelineTask::default()
    };
    let alone = median(|| {
        for _ in 0..STEPS {
            let mut command = Command::new("/bin/true");
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            assert!(command.output().unwrap().status.success());
        }
    });
    let steps = median(|| run(vec![task(0, (0..STEPS).map(step).collect())]));
    let tasks = median(|| run((0..STEPS).map(|n| task(n, vec![step(0)])).collect()));
    let each = |total: Duration| total.saturating_sub(alone) / STEPS as u32;
    println!("{STEPS} × /bin/true alone: {alone:?}");
    println!("as steps of one task: {steps:?}, {:?} more each", each(steps));
    println!("as tasks in sequence: {tasks:?}, {:?} more each", each(tasks));
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

fn run(tasks: Vec<PipelineTask>) {
    let pipeline = Pipeline::new("overhead".parse().unwrap(), PipelineSpec { tasks, ..PipelineSpec::default() });
    let local = Local::new(OwnSteps::default(), Foreign::Host, Manifests::default(), Duration::from_secs(1));
    let target = Target {
        request: Request::Pipeline(Box::new(pipeline)),
        params: Given::default(),
        workspaces: Default::default(),
        timeout: None,
        name: None,
    };
    let plan = Plan::new(target, Library::new(), &Manifests::default(), &local).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let options = Options { jobs: 4, directory: directory.path().to_owned() };
    assert_eq!(runner::run(&plan, &local, &(), &Interrupts::new(), &options).unwrap().exit_code, 0);
}
