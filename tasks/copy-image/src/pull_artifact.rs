//! The step `pull-artifact`: pulls the files of an artifact into a directory, as `oras pull` does.

use registry::artifact::{PullOptions, pull};
use registry::{Digest, Location, Registries};
use step::{About, Context, Dir, Lines, RelativePath, Result, Step};

/// The step.
pub struct PullArtifact;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The artifact: `quay.io/org/index-db:v4.19` or `oci:DIR:TAG`.
    #[arg(long, value_name = "IMAGE")]
    pub source: Location,

    /// The digest that `source` must have. Not given: any.
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<Digest>,

    /// The files to pull, one a line; a file that is not there fails the step. Not given: all.
    #[arg(long, value_name = "LINES")]
    pub files: Option<Lines<RelativePath>>,

    /// The directory to pull into, below the workspace `output`; it is made.
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub path: RelativePath,

    /// The most that is written, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = PullOptions::default().max_size)]
    pub max_size: u64,

    /// Where the files go.
    #[arg(long, value_name = "DIR")]
    pub output: Dir,

    /// How to reach registries.
    #[command(flatten)]
    pub registries: Registries,
}

step::results! {
    /// What was pulled.
    pub struct Outcome {
        /// The artifact's digest.
        #[result("DIGEST", max = 135)]
        pub digest: Digest,
        /// What kind of artifact it is.
        #[result("ARTIFACT_TYPE", max = 255)]
        pub artifact_type: String,
        /// The files and directories that were pulled, below `path`, one a line.
        #[result("FILES", max = 2800)]
        pub files: Vec<RelativePath>,
    }
}

impl Step for PullArtifact {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "pull-artifact",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Pull artifact",
        summary: "Pulls the files of an artifact into a directory.",
        description: "Artifacts are read as `oras push` and push-artifact make them, with files and directories. Files are \
            streamed, and checked against their digests, before the first of them gets its name: a pull that fails leaves the \
            directory as it was. What is there under the same name is replaced.\n\n\
            The artifact is not trusted: no name in it leads out of the directory, nothing is written through a link, and \
            directories are unpacked within bounds.",
        categories: &["Integration & Delivery"],
        tags: &["artifact", "registry", "oras"],
        permissions: &[],
        memory: "64Mi",
        cpu: "100m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let client = params.registries.client(&cx.cancel)?;
        let dir = step::files::make_below(params.output.path(), &params.path)?;
        let options = PullOptions {
            digest: params.digest,
            files: params.files.unwrap_or_default().to_vec(),
            max_size: params.max_size,
            ..PullOptions::default()
        };
        let pulled = pull(&client, &params.source, &dir, &options)?;
        Ok(Outcome {
            digest: pulled.digest,
            artifact_type: pulled.artifact_type.map(|kind| kind.to_string()).unwrap_or_default(),
            files: pulled.files,
        })
    }
}
