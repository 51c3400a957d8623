//! The step `get-current-image`: says which image of oc-mirror is current.

use cluster::Target;
use mirror::image::{Current, Fallback};
use mirror::{Namespace, ObjectName};
use step::{About, Context, Permission, Place, Result, Step};

/// The step.
pub struct GetCurrentImage;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The ConfigMap that says which image is current.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror-images")]
    pub image_configmap: ObjectName,

    /// The ConfigMap's namespace.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror-pipeline")]
    pub namespace: Namespace,

    /// The image to use when there is no such ConfigMap. `none`: that is an error.
    #[arg(long, value_name = "IMAGE", default_value = "quay.io/autoshift/oc-mirror-autoshift:latest")]
    pub fallback_image: Fallback,

    /// Where the ConfigMap is.
    #[command(flatten)]
    pub target: Target,
}

step::results! {
    /// The image.
    pub struct Outcome {
        /// What to run: the image with its digest, where one is known.
        #[result("IMAGE_REF", max = 600)]
        pub image: String,
        /// Where the image is, as the ConfigMap has it.
        #[result("IMAGE_URL", max = 512)]
        pub url: String,
        /// Its digest, as the ConfigMap has it; `unknown` for the fallback.
        #[result("IMAGE_DIGEST", max = 135)]
        pub digest: String,
        /// What it was built of; `unknown` for the fallback.
        #[result("GIT_REVISION", max = 512)]
        pub revision: String,
        /// When it was built; `unknown` for the fallback.
        #[result("BUILD_TIMESTAMP", max = 64)]
        pub built: String,
    }
}

impl Step for GetCurrentImage {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "get-current-image",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Get current image",
        summary: "Says which image of oc-mirror is current.",
        description: "It reads the ConfigMap that `update-image-configmap` writes. A ConfigMap with nothing but `image-url` will do; \
            without `image-url` it is an error.\n\n\
            The fallback is used only where there is no ConfigMap. When it may not be read, or the API does not answer, the step \
            fails: another image than the one that was built would run.",
        categories: &["Openshift", "Kubernetes"],
        tags: &["oc-mirror", "configmap", "mirror"],
        permissions: &[Permission {
            place: Place::Param("namespace"),
            api_group: "",
            resources: &["configmaps"],
            verbs: &["get"],
        }],
        memory: "32Mi",
        cpu: "50m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let objects = params.target.objects(params.namespace.as_str(), &cx.cancel)?;
        let current = Current::read(&objects, &params.image_configmap, params.fallback_image.image())?;
        Ok(Outcome {
            image: current.image.to_string(),
            url: current.url,
            digest: current.digest,
            revision: current.revision,
            built: current.built,
        })
    }
}
