//! The step `generate-imageset`: makes the document that oc-mirror mirrors by, or takes one that somebody wrote.
//!
//! This file is the declaration and what is told; the work is that of the library `imageset`, which other steps share.

use std::path::Path;

use cluster::{Cluster, Resource};
use imageset::{Age, ImageSetParams, Keep, ObjectName, Request, ValuesSource, Wanted, obtain};
use step::{About, Context, Dir, Error, Kind, Permission, Place, RelativePath, Result, Step, Tls, files};

/// The step.
pub struct GenerateImageset;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// Where values files are.
    #[command(flatten)]
    pub values: ValuesSource,

    /// What to make of them.
    #[command(flatten)]
    pub imageset: ImageSetParams,

    /// The namespace of `imageset-configmap`.
    #[arg(long, value_name = "NAME", default_value = "oc-mirror")]
    pub imageset_namespace: ObjectName,

    /// What the document is for.
    #[arg(long, value_enum, default_value = "generate", value_name = "MODE")]
    pub mode: Mode,

    /// How many patch releases of each minor version stay, counted down from the lowest in use. Only with `mode` `delete`; not given: 1.
    #[arg(long, value_name = "NUMBER")]
    pub delete_keep_last: Option<u16>,

    /// The age from which releases are deleted: `90d`, `6m`, `1y`. Only with `mode` `delete`.
    ///
    /// A patch release is taken to come every three weeks. What is in use stays, however old it is.
    #[arg(long, value_name = "AGE")]
    pub delete_older_than: Option<Age>,

    /// The file to write, below the workspace `source`.
    #[arg(long, value_name = "PATH", default_value = "imageset-config.yaml")]
    pub output: RelativePath,

    /// Where the document is written; and where the values files are, when there is no `values-git-url`.
    #[arg(long, value_name = "DIR")]
    pub source: Dir,

    /// Extra certificate authorities.
    #[command(flatten)]
    pub tls: Tls,

    /// More values files, after those of `values-file-path`.
    #[arg(value_name = "PATH")]
    pub values_files: Vec<RelativePath>,
}

/// What a document is for.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An ImageSetConfiguration: what to mirror.
    Generate,
    /// A DeleteImageSetConfiguration: the releases that no cluster set runs any more.
    Delete,
}

step::results! {
    /// What was written.
    pub struct Outcome {
        /// The file with the document, below the workspace.
        #[result("IMAGESET_FILE", max = 512)]
        pub file: String,
        /// Where the document comes from: `generated` or `configmap`.
        #[result("GENERATION_METHOD", max = 16)]
        pub method: String,
        /// The highest version of OpenShift that it is for.
        #[result("OPENSHIFT_VERSION", max = 16)]
        pub version: Option<String>,
        /// The digest of the document: `sha256:…`.
        #[result("IMAGESET_DIGEST", max = 71)]
        pub digest: String,
        /// The commit that the values files are of. Empty when they were not cloned.
        #[result("COMMIT", max = 64)]
        pub commit: Option<String>,
    }
}

impl Step for GenerateImageset {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "generate-imageset",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Generate ImageSet",
        summary: "Makes the ImageSetConfiguration that oc-mirror mirrors by.",
        description: "It reads what clusters run from the labels of hubClusterSets, managedClusterSets and clusters in values \
            files: their version of OpenShift, and the package, channel and catalog source of every operator that is enabled. The document \
            names a release channel for each minor version, and a catalog for each minor version and catalog source. Values \
            files come from a Git repository or the workspace. Instead, a ConfigMap may hold a document that somebody wrote.\n\n\
            Whatever oc-mirror v2 would refuse is told before anything is written, all of it at once, with file and line. The same \
            values give the same bytes. With mode delete it makes the DeleteImageSetConfiguration for releases \
            that no cluster set runs any more.",
        categories: &["Automation"],
        tags: &["oc-mirror", "openshift", "disconnected"],
        permissions: &[Permission {
            place: Place::Param("imageset-namespace"),
            api_group: "",
            resources: &["configmaps"],
            verbs: &["get"],
        }],
        memory: "128Mi",
        cpu: "100m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let config_map = |name: &ObjectName| {
            let options =
                cluster::Options { namespace: Some(params.imageset_namespace.to_string()), ..cluster::Options::default() };
            Cluster::connect(&options, cx.cancel.clone())?.get(&Resource::CONFIG_MAPS, name.as_str())
        };
        let request = Request {
            values: &params.values,
            imageset: &params.imageset,
            more_files: &params.values_files,
            workspace: Some(params.source.path()),
            ca_file: params.tls.ca_file(),
            wanted: params.wanted()?,
            always_read_values: false,
            config_map: &config_map,
        };
        let obtained = obtain(&request, &cx.cancel)?;
        obtained.tell();
        cx.cancel.check()?;
        write(params.source.path(), &params.output, &obtained.text)?;
        Ok(Outcome {
            file: params.output.to_string(),
            method: obtained.method.as_str().to_owned(),
            version: obtained.versions.last().map(ToString::to_string),
            digest: obtained.digest(),
            commit: obtained.commit.map(|commit| commit.to_string()),
        })
    }
}

// === impl Params ===

impl Params {
    fn wanted(&self) -> Result<Wanted> {
        let usage = |message: &str, hint: &str| Err(Error::new(Kind::Usage, message).hint(hint));
        match (self.mode, self.delete_keep_last, self.delete_older_than) {
            (Mode::Generate, None, None) => Ok(Wanted::ImageSet),
            (Mode::Generate, ..) => {
                usage("delete-keep-last or delete-older-than is given, and nothing is to be deleted", "set mode to delete")
            }
            (Mode::Delete, Some(_), Some(_)) => {
                usage("delete-keep-last and delete-older-than are both given", "choose one of them")
            }
            (Mode::Delete, ..) if self.imageset.operators_only => {
                usage("mode delete is about releases, and operators-only leaves them out", "set operators-only to false")
            }
            (Mode::Delete, Some(0), None) => {
                usage("delete-keep-last is 0, and what clusters run is never deleted", "give 1 or more")
            }
            (Mode::Delete, Some(count), None) => Ok(Wanted::Delete(Keep::last(count))),
            (Mode::Delete, None, Some(age)) => Ok(Wanted::Delete(Keep::younger_than(age))),
            (Mode::Delete, None, None) => Ok(Wanted::Delete(Keep::IN_USE)),
        }
    }
}

/// Writes the document below the workspace, and nowhere else.
fn write(workspace: &Path, output: &RelativePath, text: &str) -> Result<()> {
    let (dir, name) = match (output.as_path().parent(), output.as_path().file_name()) {
        (Some(dir), Some(name)) => (dir, name),
        _ => {
            return Err(
                Error::bad_input(format!("output {output} is not a file's path")).hint("name a file, as in imageset-config.yaml")
            );
        }
    };
    let dir = match dir.to_string_lossy().parse::<RelativePath>() {
        Ok(dir) => files::make_below(workspace, &dir)?,
        Err(_) => files::contained(workspace, workspace)?,
    };
    files::write_atomic(&dir.join(name), text.as_bytes())
}
