//! The parameters of every step that makes an ImageSetConfiguration.

use repo::{GitUrl, Revision};
use step::{Lines, ReadOnlyDir, RelativePath};

use crate::extras::AdditionalImage;
use crate::names::ObjectName;
use crate::sources::Source;
use crate::values::Merge;
use crate::version::{Release, Version};

/// Where values files are: `#[command(flatten)] pub values: imageset::ValuesSource`.
#[derive(clap::Args, Clone, Debug)]
pub struct ValuesSource {
    /// The Git repository with the values files. Not given: they are in the workspace.
    ///
    /// `https://…`, `http://…`, `file://…` or a local path; credentials belong in the workspace `git-credentials`, never in the URL.
    #[arg(long, value_name = "URL")]
    pub values_git_url: Option<GitUrl>,

    /// The branch, tag or commit to read.
    #[arg(long, value_name = "REVISION", default_value = "main")]
    pub values_git_revision: Revision,

    /// The values files, one a line: paths below the repository, or below the workspace.
    #[arg(long, value_name = "LINES")]
    pub values_file_path: Option<Lines<RelativePath>>,

    /// A Secret with `username` and `password`, with `token`, or with `.git-credentials`.
    #[arg(long, value_name = "DIR")]
    pub git_credentials: Option<ReadOnlyDir>,
}

/// What to make of them: `#[command(flatten)] pub imageset: imageset::ImageSetParams`.
#[derive(clap::Args, Clone, Debug)]
pub struct ImageSetParams {
    /// The version of OpenShift, `4.18.22` or `4.18`. Not given: the label `openshift-version` of each cluster set.
    #[arg(long, value_name = "VERSION")]
    pub openshift_version: Option<Version>,

    /// The lowest release to mirror. Not given: the lowest that a cluster set names.
    #[arg(long, value_name = "RELEASE")]
    pub min_version: Option<Release>,

    /// The highest release to mirror. Not given: the highest that a cluster set names.
    #[arg(long, value_name = "RELEASE")]
    pub max_version: Option<Release>,

    /// Whether OpenShift's releases are left out.
    #[arg(long, default_value = "false", action = clap::ArgAction::Set)]
    pub operators_only: bool,

    /// Whether operators are left out.
    #[arg(long, default_value = "false", action = clap::ArgAction::Set)]
    pub openshift_only: bool,

    /// How several values files become one.
    #[arg(long, value_enum, default_value = "union", value_name = "HOW")]
    pub merge: Merge,

    /// Catalogs of catalog sources, one a line: `my-source=registry.example/ns/my-index`.
    ///
    /// Without a tag it is that of the minor version, as in `:v4.18`. The sources that OpenShift comes with are known; a line for one of them replaces its catalog.
    #[arg(long, value_name = "LINES")]
    pub sources: Option<Lines<Source>>,

    /// A file that says which packages a package needs, beside the values files.
    ///
    /// JSON or YAML: `{"odf-operator": ["odf-dependencies"]}`. oc-mirror does not find that out by itself.
    #[arg(long, value_name = "PATH")]
    pub dependencies_file: Option<RelativePath>,

    /// Images to mirror besides, one a line: an image, or `PACKAGE=IMAGE` for one that goes with a package.
    #[arg(long, value_name = "LINES")]
    pub additional_images: Option<Lines<AdditionalImage>>,

    /// A ConfigMap whose key `imageset.yaml` is the document. Not given: it is made of the values files.
    #[arg(long, value_name = "NAME")]
    pub imageset_configmap: Option<ObjectName>,
}
