//! The step `deploy-workload`: runs oc-mirror in the cluster, as a Job, by a schedule, or as a toolbox.

use mirror::{Namespace, ObjectName, Options, Plan, TargetNamespace, follow};
use registry::ImageRef;
use step::{About, Context, Error, Permission, Place, Result, Step};

/// The step.
pub struct DeployWorkload;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The image of oc-mirror, best by digest: `IMAGE_REF` of `get-current-image`.
    #[arg(long, value_name = "IMAGE")]
    pub image_url: ImageRef,

    /// The ConfigMap with the ImageSetConfiguration in `imageset.yaml`.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror-config")]
    pub configmap_name: ObjectName,

    /// What oc-mirror does.
    #[command(flatten)]
    pub options: Options,

    /// The namespace.
    #[command(flatten)]
    pub target: TargetNamespace,
}

step::results! {
    /// What was deployed.
    pub struct Outcome {
        /// `Job`, `CronJob` or `Deployment`.
        #[result("WORKLOAD_KIND", max = 16)]
        pub kind: String,
        /// Its name.
        #[result("WORKLOAD_NAME", max = 63)]
        pub name: String,
        /// Its namespace.
        #[result("NAMESPACE", max = 63)]
        pub namespace: Namespace,
        /// What happened to it: `created`, `applied`, `kept`; `succeeded` when the step has waited for it.
        #[result("STATUS", max = 16)]
        pub status: String,
        /// Every object, with what happened to it, one a line: `created PersistentVolumeClaim oc-mirror/oc-mirror-cache`.
        #[result("OBJECTS", max = 600)]
        pub objects: Vec<String>,
        /// The day that oc-mirror was given as `--since`. Empty when it finds the day itself.
        #[result("SINCE", max = 10)]
        pub since: Option<String>,
        /// The image that runs.
        #[result("IMAGE_REF", max = 600)]
        pub image: String,
    }
}

/// A rule for the namespace that the mirror runs in.
const fn there(api_group: &'static str, resources: &'static [&'static str], verbs: &'static [&'static str]) -> Permission {
    Permission { place: Place::Param("namespace"), api_group, resources, verbs }
}

impl Step for DeployWorkload {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "deploy-workload",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Deploy workload",
        summary: "Runs oc-mirror in the cluster: once, by a schedule, or as a toolbox.",
        description: "Claims for archives and cache are created where they are missing, and then a Job, a CronJob or a Deployment that \
            runs oc-mirror under OpenShift's restricted-v2. What cannot work is refused before anything is created. The Secret with \
            credentials is only named: the workload mounts it, and the step never reads it.\n\n\
            A Job is called after `run-uid`. Running the step again finds it; a Job of the same name with other parameters is a \
            conflict, and so is another mirror at work on the same claim. With `wait` the step shows the Job's log and ends as it \
            does. Cancelled meanwhile, it says that the Job goes on.",
        categories: &["Openshift", "Kubernetes"],
        tags: &["oc-mirror", "mirror", "disconnected"],
        permissions: &[
            there("", &["configmaps", "namespaces", "serviceaccounts"], &["get"]),
            there("", &["persistentvolumeclaims"], &["create", "get", "patch"]),
            there("batch", &["jobs"], &["create", "get", "list", "watch"]),
            there("batch", &["cronjobs"], &["create", "patch"]),
            there("apps", &["deployments"], &["create", "patch"]),
            there("", &["pods"], &["get", "list", "watch"]),
            there("", &["pods/log"], &["get"]),
        ],
        memory: "32Mi",
        cpu: "50m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let is_awaited = params.options.wait;
        let namespace = params.target.namespace.clone();
        let plan = Plan::new(params.options, params.image_url, namespace.clone(), params.configmap_name)?;
        if is_awaited && params.target.target.manifests.is_some() {
            let error = Error::bad_input("wait is true, and a directory of manifests runs nothing");
            return Err(error.hint("leave wait out, or unbind the workspace manifests"));
        }
        let (objects, is_new) = params.target.open(&cx.cancel)?;
        let deployed = plan.deploy(&objects)?;
        let mut status = deployed.status.word();
        if let Some(cluster) = objects.cluster().filter(|_| is_awaited) {
            follow::follow(cluster, plan.name())?;
            status = "succeeded";
        }
        let made = is_new.then(|| format!("created Namespace {namespace}"));
        Ok(Outcome {
            kind: plan.mode().kind().to_owned(),
            name: plan.name().to_owned(),
            namespace,
            status: status.to_owned(),
            objects: made.into_iter().chain(deployed.objects).collect(),
            since: plan.since().map(str::to_owned),
            image: plan.image().to_string(),
        })
    }
}
