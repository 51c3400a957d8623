//! The step `copy-image`: copies an image to registries, layouts and archives.

use registry::copy::{Options, copy};
use registry::{Digest, Format, Location, Platform, Registries, Tag};
use step::{About, Context, Lines, Result, Step};

/// The step.
pub struct CopyImage;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The image to copy: `quay.io/org/app:1`, `oci:DIR:TAG` or `docker-archive:FILE:NAME`.
    #[arg(long, value_name = "IMAGE")]
    pub source: Location,

    /// The digest that `source` must have. Not given: any.
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<Digest>,

    /// The platforms to copy, one a line: `linux/amd64`. Not given: all.
    ///
    /// The index then names only these, and has another digest; the images in it stay as they are.
    #[arg(long, value_name = "LINES")]
    pub platforms: Option<Lines<Platform>>,

    /// The format of the manifests at the destination.
    ///
    /// In another format an image has another digest. `docker` is version 2 schema 2.
    #[arg(long, value_enum, default_value = "as-is", value_name = "FORMAT")]
    pub format: ManifestFormat,

    /// More tags for every destination, one a line.
    #[arg(long, value_name = "LINES")]
    pub additional_tags: Option<Lines<Tag>>,

    /// Whether signatures, SBOMs and attestations are copied too.
    #[arg(long, default_value = "false", action = clap::ArgAction::Set)]
    pub with_referrers: bool,

    /// Whether signatures stay behind, and with them what is about an image that gets another digest.
    #[arg(long, default_value = "false", action = clap::ArgAction::Set)]
    pub remove_signatures: bool,

    /// How to reach registries.
    #[command(flatten)]
    pub registries: Registries,

    /// Where to copy the image: one or more of the forms of `source`.
    #[arg(required = true, value_name = "IMAGE")]
    pub destinations: Vec<Location>,
}

/// The format of manifests.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestFormat {
    /// As they are at the source.
    AsIs,
    /// OCI.
    Oci,
    /// Docker, version 2 schema 2.
    Docker,
}

step::results! {
    /// What was copied.
    pub struct Outcome {
        /// The first destination, with its tag.
        #[result("IMAGE_URL", max = 512)]
        pub url: String,
        /// The digest that the image has there.
        #[result("IMAGE_DIGEST", max = 135)]
        pub digest: Digest,
        /// Every tag that was set, with the digest, one a line.
        #[result("IMAGES", max = 1800)]
        pub images: Vec<String>,
        /// How many bytes of layers and configurations were sent.
        #[result("BYTES_COPIED", max = 20)]
        pub bytes: u64,
        /// How many layers and configurations were there already.
        #[result("BLOBS_SKIPPED", max = 20)]
        pub skipped: u64,
    }
}

impl Step for CopyImage {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "copy-image",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Copy image",
        summary: "Copies an image to one or more registries.",
        description: "All of an image is copied: every platform, or those that are asked for, byte for byte unless another \
            format is asked for. What a destination has already is not sent again, and what another repository of its \
            registry has is taken from there.\n\n\
            Every blob is at every destination before a manifest is, and every manifest before a tag. A copy that fails \
            moves no tag; running it again goes on where it ended. Sources and destinations may also be OCI layouts and \
            archives of `docker save`.",
        categories: &["Image Build"],
        tags: &["image", "registry", "mirror"],
        permissions: &[],
        memory: "64Mi",
        cpu: "100m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let options = Options {
            platforms: params.platforms.unwrap_or_default().to_vec(),
            format: params.format.into(),
            digest: params.digest,
            additional_tags: params.additional_tags.unwrap_or_default().to_vec(),
            with_referrers: params.with_referrers,
            remove_signatures: params.remove_signatures,
            ..Options::default()
        };
        let client = params.registries.client(&cx.cancel)?;
        let copied = copy(&client, &params.source, &params.destinations, &options)?;
        Ok(Outcome {
            url: copied.url.to_string(),
            images: copied.images.iter().map(|image| format!("{image}@{}", copied.digest)).collect(),
            digest: copied.digest,
            bytes: copied.bytes,
            skipped: copied.skipped,
        })
    }
}

// === impl ManifestFormat ===

impl From<ManifestFormat> for Format {
    fn from(format: ManifestFormat) -> Self {
        match format {
            ManifestFormat::AsIs => Format::AsIs,
            ManifestFormat::Oci => Format::Oci,
            ManifestFormat::Docker => Format::Docker,
        }
    }
}
