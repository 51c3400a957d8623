//! The step `update-image-configmap`: records in a ConfigMap which image of oc-mirror was built.

use cluster::Target;
use mirror::image::Built;
use mirror::{Namespace, ObjectName, Word};
use registry::{Digest, ImageRef};
use step::{About, Context, Permission, Place, Result, Step};

/// The step.
pub struct UpdateImageConfigmap;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The image's name, without registry and tag: `oc-mirror-autoshift`.
    #[arg(long, value_name = "NAME")]
    pub image_name: Word,

    /// Where the image is: `quay.io/autoshift/oc-mirror-autoshift:latest`.
    #[arg(long, value_name = "IMAGE")]
    pub image_url: ImageRef,

    /// The image's digest: `sha256:…`.
    #[arg(long, value_name = "DIGEST")]
    pub image_digest: Digest,

    /// What the image was built of: best the commit, as the clone's result `COMMIT` has it; a branch says less.
    #[arg(long, value_name = "REVISION")]
    pub git_revision: Word,

    /// The ConfigMap's name.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror-images")]
    pub configmap_name: ObjectName,

    /// The ConfigMap's namespace.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror-pipeline")]
    pub namespace: Namespace,

    /// Where the ConfigMap is.
    #[command(flatten)]
    pub target: Target,
}

step::results! {
    /// The ConfigMap that was written.
    pub struct Outcome {
        /// The ConfigMap's name.
        #[result("NAME", max = 253)]
        pub name: ObjectName,
        /// Its namespace.
        #[result("NAMESPACE", max = 63)]
        pub namespace: Namespace,
        /// The version that it has now. Empty in a directory of manifests.
        #[result("RESOURCE_VERSION", max = 64)]
        pub resource_version: String,
    }
}

impl Step for UpdateImageConfigmap {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "update-image-configmap",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Update image ConfigMap",
        summary: "Records in a ConfigMap which image of oc-mirror was built.",
        description: "The ConfigMap has the keys `image-name`, `image-url`, `image-digest`, `git-revision` and `build-timestamp`, and \
            the annotations `autoshift.io/last-build` and `autoshift.io/git-revision`. It is written by server-side apply, all of it \
            or nothing; what others have put beside these keys stays, and what they have put into them does not.",
        categories: &["Openshift", "Kubernetes"],
        tags: &["oc-mirror", "configmap", "mirror"],
        permissions: &[Permission {
            place: Place::Param("namespace"),
            api_group: "",
            resources: &["configmaps"],
            verbs: &["create", "patch"],
        }],
        memory: "32Mi",
        cpu: "50m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let objects = params.target.objects(params.namespace.as_str(), &cx.cancel)?;
        let built =
            Built { name: params.image_name, url: params.image_url, digest: params.image_digest, revision: params.git_revision };
        let written = built.record(&objects, &params.configmap_name)?;
        let version = written["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        Ok(Outcome { name: params.configmap_name, namespace: params.namespace, resource_version: version })
    }
}
