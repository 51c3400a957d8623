//! The step `plan-image-build`: what a build task is told, for each platform.

use registry::{ImageRef, Platform, Tag};
use step::results::Array;
use step::{About, Context, Error, Result, Step};

/// The step.
pub struct PlanImageBuild;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The image to build: `quay.io/org/app:1`.
    #[arg(long, value_name = "IMAGE")]
    pub image: ImageRef,

    /// The platforms to build it for: `linux/amd64`.
    #[arg(last = true, required = true, value_name = "PLATFORM")]
    pub platforms: Vec<Platform>,
}

step::results! {
    /// What a build task is told.
    pub struct Outcome {
        /// What the images are pushed to: the image itself for one platform, else a tag of its repository that only lasts
        /// until all of them are there.
        #[result("IMAGE", max = 512)]
        pub image: String,
        /// buildah's options for each platform: `--platform=linux/arm64`.
        #[result("BUILD_EXTRA_ARGS", max = 900)]
        pub build_extra_args: Array<String>,
    }
}

/// More platforms than there are machines.
const MOST: usize = 16;

impl Step for PlanImageBuild {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "plan-image-build",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Plan image build",
        summary: "Says what a build task is told, once for each platform.",
        description: "A build task that knows one platform at a time is run by a matrix over BUILD_EXTRA_ARGS; `create-index` then makes one \
            image of what it built. What cannot be built is refused here, before anything is.",
        categories: &["Image Build"],
        tags: &["image", "multi-arch"],
        permissions: &[],
        memory: "16Mi",
        cpu: "50m",
    };

    fn run(params: Params, _: &Context) -> Result<Outcome> {
        let Params { image, platforms } = params;
        if image.digest().is_some() {
            return Err(Error::bad_input(format!("{image} names a digest, which nobody can build")).hint("give a tag"));
        }
        if platforms.len() > MOST {
            return Err(Error::bad_input(format!("{} platforms are given, and at most {MOST} are built", platforms.len())));
        }
        if let Some(twice) = platforms.iter().enumerate().find(|(at, platform)| platforms[..*at].contains(platform)) {
            return Err(Error::bad_input(format!("the platform {} is given twice", twice.1)));
        }
        let image = image.or_latest();
        let pushed_to = match &*platforms {
            [_] => image,
            _ => {
                let tag = format!("{}-parts", image.tag().map_or("latest", Tag::as_str));
                let tag = tag.parse::<Tag>().map_err(|e| Error::bad_input(format!("the tag {tag} cannot be used")).because(e))?;
                image.without_tag().with_tag(tag)
            }
        };
        let build_extra_args = platforms.iter().map(|platform| format!("--platform={platform}")).collect();
        Ok(Outcome { image: pushed_to.to_string(), build_extra_args: Array(build_extra_args) })
    }
}
