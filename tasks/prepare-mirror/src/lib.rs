//! The step `prepare-mirror`: what `get-current-image`, `generate-imageset` and `create-deployment-configmaps` do, in one
//! process, with the libraries that they are made of. In a pipeline each of them would be a pod of its own, and a volume
//! would have to carry files between them.

use imageset::{ImageSetParams, Obtained, Request, ValuesSource, Wanted, obtain};
use mirror::config_maps::Configuration;
use mirror::image::{Current, Fallback};
use mirror::{Namespace, ObjectName, TargetNamespace};
use step::{About, Context, Kind, Permission, Place, ReadOnlyDir, Result, Step, Tls};

/// The step.
pub struct PrepareMirror;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// Where values files are.
    #[command(flatten)]
    pub values: ValuesSource,

    /// What to make of them.
    #[command(flatten)]
    pub imageset: ImageSetParams,

    /// The ConfigMap that says which image is current.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror-images")]
    pub image_configmap: ObjectName,

    /// The namespace of `image-configmap`.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror-pipeline")]
    pub image_namespace: Namespace,

    /// The image to use when there is no such ConfigMap. `none`: that is an error.
    #[arg(long, value_name = "IMAGE", default_value = "quay.io/autoshift/oc-mirror-autoshift:latest")]
    pub fallback_image: Fallback,

    /// The ConfigMap to write, with values and ImageSetConfiguration. The other two are `oc-mirror-imageset` and
    /// `oc-mirror-values`.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror-config")]
    pub configmap_name: ObjectName,

    /// The namespace.
    #[command(flatten)]
    pub target: TargetNamespace,

    /// Where the values files are when there is no `values-git-url`.
    #[arg(long, value_name = "DIR")]
    pub source: Option<ReadOnlyDir>,

    /// Extra certificate authorities.
    #[command(flatten)]
    pub tls: Tls,
}

step::results! {
    /// What is ready.
    pub struct Outcome {
        /// What to run: the image with its digest, where one is known.
        #[result("IMAGE_REF", max = 600)]
        pub image: String,
        /// Where the ImageSetConfiguration comes from: `generated` or `configmap`.
        #[result("GENERATION_METHOD", max = 16)]
        pub method: String,
        /// The highest version of OpenShift that it is for.
        #[result("OPENSHIFT_VERSION", max = 16)]
        pub version: Option<String>,
        /// The digest of the ImageSetConfiguration: `sha256:…`.
        #[result("IMAGESET_DIGEST", max = 71)]
        pub digest: String,
        /// The commit that the values files are of. Empty when they were not cloned.
        #[result("COMMIT", max = 64)]
        pub commit: Option<String>,
        /// The ConfigMaps, one a line; the first has values and ImageSetConfiguration.
        #[result("CONFIGMAPS", max = 400)]
        pub config_maps: Vec<String>,
    }
}

/// A rule for the namespace that a parameter names.
const fn there(place: &'static str, resources: &'static [&'static str], verbs: &'static [&'static str]) -> Permission {
    Permission { place: Place::Param(place), api_group: "", resources, verbs }
}

impl Step for PrepareMirror {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "prepare-mirror",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Prepare mirror",
        summary: "Makes ready what oc-mirror needs: its image, its ImageSetConfiguration, its ConfigMaps.",
        description: "It does in one pod what get-current-image, generate-imageset and create-deployment-configmaps do in one each: \
            reads which image is current, makes the ImageSetConfiguration of values files or takes that of a ConfigMap, checks it, and \
            writes the three ConfigMaps that the workload reads. Nothing is written unless all of it is good.",
        categories: &["Automation"],
        tags: &["oc-mirror", "openshift", "disconnected"],
        permissions: &[
            there("image-namespace", &["configmaps"], &["get"]),
            there("namespace", &["configmaps"], &["create", "get", "patch"]),
            there("namespace", &["namespaces"], &["get"]),
        ],
        memory: "128Mi",
        cpu: "100m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let images = params.target.target.objects(params.image_namespace.as_str(), &cx.cancel)?;
        let current = Current::read(&images, &params.image_configmap, params.fallback_image.image())?;
        let obtained = params.obtain(cx)?;
        obtained.tell();
        let configuration = Configuration {
            name: params.configmap_name.clone(),
            values: values(&obtained),
            image_set: obtained.text.clone(),
            values_file: obtained.values.iter().map(|file| &*file.path).collect::<Vec<_>>().join(","),
        };
        cx.cancel.check()?;
        let (objects, _) = params.target.open(&cx.cancel)?;
        let config_maps = configuration.write(&objects)?;
        Ok(Outcome {
            image: current.image.to_string(),
            method: obtained.method.as_str().to_owned(),
            version: obtained.versions.last().map(ToString::to_string),
            digest: obtained.digest(),
            commit: obtained.commit.map(|commit| commit.to_string()),
            config_maps,
        })
    }
}

// === impl Params ===

impl Params {
    /// The document, and the values files where there are any.
    fn obtain(&self, cx: &Context) -> Result<Obtained> {
        let config_map = |name: &imageset::ObjectName| {
            let objects = self.target.target.objects(self.target.namespace.as_str(), &cx.cancel)?;
            objects.get(&cluster::Resource::CONFIG_MAPS, name.as_str())
        };
        let is_given = self.imageset.imageset_configmap.is_some();
        let request = Request {
            values: &self.values,
            imageset: &self.imageset,
            more_files: &[],
            workspace: self.source.as_ref().map(ReadOnlyDir::path),
            ca_file: self.tls.ca_file(),
            wanted: Wanted::ImageSet,
            always_read_values: self.values.values_git_url.is_some() || self.source.is_some(),
            config_map: &config_map,
        };
        match obtain(&request, &cx.cancel) {
            // Who brings a document of their own may have no values file: it only would be shown beside it.
            Err(error) if is_given && error.kind() == Kind::NotFound => {
                let without = obtain(&Request { always_read_values: false, ..request }, &cx.cancel)?;
                tracing::warn!("{error}: the ConfigMap of values is empty");
                Ok(without)
            }
            obtained => obtained,
        }
    }
}

/// The values files as one text, which a person reads.
fn values(obtained: &Obtained) -> String {
    match &*obtained.values {
        [] => String::new(),
        [only] => only.text.clone(),
        several => several.iter().map(|file| format!("---\n# {}\n{}", file.path, file.text)).collect::<Vec<_>>().join("\n"),
    }
}
