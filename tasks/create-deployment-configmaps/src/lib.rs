//! The step `create-deployment-configmaps`: writes values and ImageSetConfiguration where the workload reads them.

use std::path::Path;

use mirror::config_maps::Configuration;
use mirror::{Namespace, ObjectName, TargetNamespace};
use step::{About, Context, Error, Permission, Place, ReadOnlyDir, RelativePath, Result, Step, files};

/// The step.
pub struct CreateDeploymentConfigmaps;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The values file, in the repository of values.
    #[arg(long, value_name = "PATH")]
    pub values_file_path: RelativePath,

    /// The name of the ConfigMap with both files. The other two are `oc-mirror-imageset` and `oc-mirror-values`.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror-config")]
    pub configmap_name: ObjectName,

    /// Where the repository of values is, below the workspace.
    #[arg(long, value_name = "PATH", default_value = "values-repo")]
    pub values_dir: RelativePath,

    /// Where the ImageSetConfiguration is, below the workspace.
    #[arg(long, value_name = "PATH", default_value = "imageset-config.yaml")]
    pub imageset_file: RelativePath,

    /// The namespace.
    #[command(flatten)]
    pub target: TargetNamespace,

    /// Where the two files are.
    #[arg(long, value_name = "DIR")]
    pub workspace: ReadOnlyDir,
}

step::results! {
    /// The ConfigMaps that were written.
    pub struct Outcome {
        /// The ConfigMaps, one a line; the first has both files.
        #[result("CONFIGMAPS", max = 400)]
        pub config_maps: Vec<String>,
        /// Their namespace.
        #[result("NAMESPACE", max = 63)]
        pub namespace: Namespace,
    }
}

/// Beyond this no part of a ConfigMap is read: it is too large in any case.
const LARGEST: u64 = 4 << 20;

impl Step for CreateDeploymentConfigmaps {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "create-deployment-configmaps",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Create deployment ConfigMaps",
        summary: "Writes the values file and the ImageSetConfiguration into the ConfigMaps that oc-mirror's workload reads.",
        description: "There are three: one with both files, one with the ImageSetConfiguration and one with the values. They are \
            written by server-side apply, and their sizes are checked before the first is written.\n\n\
            The namespace must be there, unless `create-namespace` is `true`; that needs more rights than the step's own Role gives.",
        categories: &["Openshift", "Kubernetes"],
        tags: &["oc-mirror", "configmap", "mirror"],
        permissions: &[
            Permission {
                place: Place::Param("namespace"),
                api_group: "",
                resources: &["configmaps"],
                verbs: &["create", "patch"],
            },
            // In a namespace's Role this is the namespace itself.
            Permission { place: Place::Param("namespace"), api_group: "", resources: &["namespaces"], verbs: &["get"] },
        ],
        memory: "64Mi",
        cpu: "50m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let root = params.workspace.path();
        let values = root.join(&params.values_dir).join(&params.values_file_path);
        let configuration = Configuration {
            name: params.configmap_name,
            values: read(root, &values, "values-file-path is a path in the repository of values")?,
            image_set: read(root, &root.join(&params.imageset_file), "generate-imageset writes it")?,
            values_file: params.values_file_path.to_string(),
        };
        if configuration.image_set.trim().is_empty() {
            let error = Error::bad_input(format!("{} is empty", root.join(&params.imageset_file).display()));
            return Err(error.hint("generate-imageset writes it"));
        }
        let (objects, _) = params.target.open(&cx.cancel)?;
        let config_maps = configuration.write(&objects)?;
        Ok(Outcome { config_maps, namespace: params.target.namespace })
    }
}

/// A text file of the workspace.
fn read(root: &Path, path: &Path, hint: &str) -> Result<String> {
    let missing = || Error::not_found(format!("there is no {}", path.display())).hint(hint);
    if !path.exists() {
        return Err(missing());
    }
    let bytes = files::read_regular(&files::contained(root, path)?, LARGEST)?.ok_or_else(missing)?;
    String::from_utf8(bytes).map_err(|e| Error::bad_input(format!("{} is no UTF-8 text", path.display())).because(e))
}
