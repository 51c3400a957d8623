//! The step `await-pipelinerun`: finds the PipelineRun that somebody else's cluster starts for a commit, and ends as it does.

mod failure;
mod names;
mod run;
mod wait;

use step::{About, Context, Error, ReadOnlyDir, Result, Step};

pub use names::{Commit, Event, Label, Selector, Timeout};

use run::{End, Run};
use wait::{Access, Waiter};

/// The step.
pub struct AwaitPipelinerun;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The commit that the run is of: all digits of its id. Needed unless `pipelinerun` is given.
    #[arg(long, value_name = "SHA")]
    pub commit: Option<Commit>,

    /// The run's name, where it is known: instead of `commit`.
    #[arg(long, value_name = "NAME", conflicts_with = "commit")]
    pub pipelinerun: Option<String>,

    /// The namespace that the run is in. Not given: the one of the Secret or kubeconfig, or of this pod.
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,

    /// The label that has the commit.
    #[arg(long, value_name = "LABEL", default_value = "pipelinesascode.tekton.dev/sha")]
    pub label: Label,

    /// More that the run's labels must say, where a commit starts several Pipelines.
    ///
    /// A label selector: `pipelinesascode.tekton.dev/original-prname=index-image`.
    #[arg(long, value_name = "SELECTOR")]
    pub selector: Option<Selector>,

    /// What must have started the run, where a push and a merge request of one commit start one each.
    ///
    /// Read from the labels of Pipelines as Code; a run without them may be it. Of several the newest is taken.
    #[arg(long, value_enum, default_value = "merge-request", value_name = "EVENT")]
    pub event: Event,

    /// How long the run may take to appear: `90s`, `5m`.
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub find_timeout: Timeout,

    /// How long the run may take from when it was found to its end: `30m`, `2h`.
    #[arg(long, value_name = "DURATION", default_value = "30m")]
    pub run_timeout: Timeout,

    /// Whether a run that takes longer than `run-timeout` is cancelled.
    ///
    /// Its `finally` tasks still run. That needs the verb `patch` on `pipelineruns` there.
    #[arg(long, default_value = "false", action = clap::ArgAction::Set)]
    pub cancel_on_timeout: bool,

    /// Whether a run that succeeds without the result `IMAGE_URL` fails this step.
    #[arg(long, default_value = "true", action = clap::ArgAction::Set)]
    pub require_image: bool,

    /// The cluster: a Secret with `url`, `token` and `ca.crt`, or with `kubeconfig`. Not bound: this pod's own cluster and account.
    #[arg(long, value_name = "DIR")]
    pub cluster: Option<ReadOnlyDir>,
}

step::results! {
    /// What came of the run.
    pub struct Outcome {
        /// The reason of its success: `Succeeded`, or `Completed` when it has skipped tasks.
        #[result("STATE", max = 32)]
        pub state: String,
        /// The image that it has built: its result `IMAGE_URL`. Empty when it has none.
        #[result("IMAGE_URL", max = 600)]
        pub image_url: Option<String>,
        /// That image's digest: its result `IMAGE_DIGEST`. Empty when it has none.
        #[result("IMAGE_DIGEST", max = 140)]
        pub image_digest: Option<String>,
        /// How long it took, in whole seconds. Empty when it does not say when it began.
        #[result("DURATION", max = 20)]
        pub duration: Option<i64>,
        /// Its name.
        #[result("PIPELINERUN", max = 253)]
        pub pipelinerun: String,
    }
}

impl Step for AwaitPipelinerun {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "await-pipelinerun",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Await PipelineRun",
        summary: "Waits for the PipelineRun of a commit, on this or another cluster, and ends as it does.",
        description: "Whether the cluster knows us is asked first. Then the run is found by a label with its commit and followed to its \
            end, both by watch: an API server that restarts, a connection that breaks and a token that is renewed are waited for.\n\n\
            When the run fails, the step says which TaskRun has failed, and the last lines of its log, as far as it may read \
            these. It never starts, changes or deletes anything, except that it cancels a run that takes too long when that is asked for.",
        categories: &["Integration & Delivery", "Kubernetes"],
        tags: &["pipelinerun", "pipelines-as-code", "konflux"],
        // The run is on another cluster, or in a namespace of other people: its Role is theirs to give. The README has it.
        permissions: &[],
        memory: "64Mi",
        cpu: "50m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let access = Access {
            secret: params.cluster.as_ref().map(|dir| dir.path().to_owned()),
            namespace: params.namespace.clone(),
            cancel: cx.cancel.clone(),
        };
        let mut waiter = Waiter::connect(access)?;
        let wanted = wait::Wanted::of(&params)?;
        let run = waiter.find(&wanted, params.find_timeout)?;
        let run = waiter.follow(run, &params)?;
        match run.end() {
            Some(End::Succeeded { reason }) => outcome(&run, reason, params.require_image),
            Some(End::Failed { reason, message }) => Err(failure::of(&waiter.renewed(), &run, &reason, &message)),
            None => Err(Error::internal("the wait ended before the run")),
        }
    }
}

/// What the run's results say.
fn outcome(run: &Run, state: String, is_image_required: bool) -> Result<Outcome> {
    let (image_url, image_digest) = (run.image_url()?, run.image_digest()?);
    if image_url.is_none() && is_image_required {
        let error = Error::not_found(format!("the PipelineRun {} has succeeded without the result IMAGE_URL", run.place()));
        return Err(error.hint("its Pipeline must have it among its results; if it builds no image, set require-image to false"));
    }
    let duration = run.duration();
    tracing::info!(state, seconds = duration, "the PipelineRun {} is done", run.place());
    Ok(Outcome { state, image_url, image_digest, duration, pipelinerun: run.name().to_owned() })
}
