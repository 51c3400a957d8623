//! The step `push-artifact`: pushes files to a registry or layout, as `oras push` and `oras attach` do.

use registry::artifact::{Annotation, FileRef, PushOptions, Subject, push};
use registry::{Digest, Location, MediaType, Registries, Tag};
use step::{About, Context, Lines, ReadOnlyDir, Result, Step};

/// The step.
pub struct PushArtifact;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// Where to push the artifact: `quay.io/org/index-db:v4.19` or `oci:DIR:TAG`.
    ///
    /// Without a tag it is `latest`; with `subject` it then has none, and is found by way of its subject.
    #[arg(long, value_name = "IMAGE")]
    pub destination: Location,

    /// What kind of artifact it is. Not given: `application/vnd.unknown.artifact.v1`.
    // A media type is also made from any text that a registry says; here it must be right.
    #[arg(long, value_name = "MEDIA-TYPE", value_parser = str::parse::<MediaType>)]
    pub artifact_type: Option<MediaType>,

    /// Annotations of the artifact, one a line: `request_id=7`.
    ///
    /// The time is an annotation only when it is given, as `org.opencontainers.image.created` or by the environment variable
    /// SOURCE_DATE_EPOCH: so the same files have the same digest when the step runs again.
    #[arg(long, value_name = "LINES")]
    pub annotations: Option<Lines<Annotation>>,

    /// More tags, one a line.
    #[arg(long, value_name = "LINES")]
    pub additional_tags: Option<Lines<Tag>>,

    /// The image that the artifact says something about: its digest or its name, in the repository of `destination`.
    #[arg(long, value_name = "DIGEST|IMAGE")]
    pub subject: Option<Subject>,

    /// Where the files are.
    #[arg(long, value_name = "DIR")]
    pub source: ReadOnlyDir,

    /// How to reach registries.
    #[command(flatten)]
    pub registries: Registries,

    /// The files, below the workspace `source`: `index.db:application/vnd.sqlite`. A directory is packed.
    ///
    /// Without a media type a file is `application/vnd.oci.image.layer.v1.tar`, as for oras. A path with a colon in it is
    /// written with one more at its end.
    #[arg(value_name = "PATH[:MEDIA-TYPE]")]
    pub files: Vec<FileRef>,
}

step::results! {
    /// What was pushed.
    pub struct Outcome {
        /// The artifact, with its tag; with its digest where it has no tag.
        #[result("IMAGE_URL", max = 512)]
        pub url: String,
        /// The artifact's digest.
        #[result("IMAGE_DIGEST", max = 135)]
        pub digest: Digest,
        /// Every tag that was set, with the digest, one a line.
        #[result("IMAGES", max = 1800)]
        pub images: Vec<String>,
        /// How many bytes of files were sent.
        #[result("BYTES_COPIED", max = 20)]
        pub bytes: u64,
    }
}

impl Step for PushArtifact {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "push-artifact",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Push artifact",
        summary: "Pushes files to a registry as one artifact.",
        description: "The artifact is what `oras push` makes of the same files, and `oras attach` with a subject: `oras pull` gets \
            them back under the same names. Files are streamed; what the registry has already is not sent again.\n\n\
            Files are there before the manifest is, and the manifest before a tag: a push that fails moves no tag. Running it \
            again with the same files changes nothing.",
        categories: &["Integration & Delivery"],
        tags: &["artifact", "registry", "oras"],
        permissions: &[],
        memory: "64Mi",
        cpu: "100m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let options = PushOptions {
            artifact_type: params.artifact_type,
            annotations: Annotation::map(&params.annotations.unwrap_or_default())?,
            additional_tags: params.additional_tags.unwrap_or_default().to_vec(),
            subject: params.subject,
        };
        let client = params.registries.client(&cx.cancel)?;
        let pushed = push(&client, params.source.path(), &params.files, &params.destination, &options.dated()?)?;
        Ok(Outcome {
            url: pushed.url.to_string(),
            images: pushed.images.iter().map(|image| format!("{image}@{}", pushed.digest)).collect(),
            digest: pushed.digest,
            bytes: pushed.bytes,
        })
    }
}
