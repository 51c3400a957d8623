//! The step `create-index`: several images become one.

use registry::{Digest, ImageRef, Platform, Registries, combine};
use step::{About, Context, Result, Step};

/// The step.
pub struct CreateIndex;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The image to make: `quay.io/org/app:1`.
    #[arg(long, value_name = "IMAGE")]
    pub image: ImageRef,

    /// How to reach registries.
    #[command(flatten)]
    pub registries: Registries,

    /// The digests of the images, one for each platform, which are in the same repository.
    #[arg(last = true, required = true, value_name = "DIGEST")]
    pub digests: Vec<Digest>,
}

step::results! {
    /// What was made.
    pub struct Outcome {
        /// The image, with its tag.
        #[result("IMAGE_URL", max = 512)]
        pub url: String,
        /// Its digest.
        #[result("IMAGE_DIGEST", max = 135)]
        pub digest: Digest,
        /// The platforms of its images, one a line.
        #[result("ARCHES", max = 600)]
        pub arches: Vec<Platform>,
    }
}

impl Step for CreateIndex {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "create-index",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Create image index",
        summary: "Makes one image of several that were built for a platform each.",
        description: "The images are in the repository already, without a tag or with one that nobody pulls; the tag moves when all \
            of them are there. One image alone is tagged as it is. The same images make an index of the same digest, so \
            that the step can run again.",
        categories: &["Image Build"],
        tags: &["image", "registry", "multi-arch"],
        permissions: &[],
        memory: "32Mi",
        cpu: "50m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let client = params.registries.client(&cx.cancel)?;
        let image = params.image.or_latest().without_digest();
        let combined = combine(&client, &image, &params.digests)?;
        tracing::info!(%image, digest = %combined.digest, images = combined.platforms.len(), "tagged");
        Ok(Outcome { url: image.to_string(), digest: combined.digest, arches: combined.platforms })
    }
}
