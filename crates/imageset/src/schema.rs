//! The fields of the documents that oc-mirror v2 reads, and what each holds.

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Bool,
    /// A whole number that is not negative.
    Whole,
    Text,
    /// A semantic version.
    Semver,
    /// An image in a registry.
    Image,
    /// An image in a registry, or `oci:///path`.
    Catalog,
    /// The path of a repository, without tag and digest.
    Path,
    OneOf(&'static [&'static str]),
    List(&'static Shape),
    Map(&'static [Field]),
}

/// A field of a mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) is_required: bool,
}

use Shape::{Bool, Catalog, Image, List, Map, OneOf, Path, Semver, Text, Whole};

const fn may(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, is_required: false }
}

const fn must(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, is_required: true }
}

/// `ImageSetConfiguration`.
pub(crate) static IMAGE_SET: &[Field] =
    &[may("apiVersion", Text), must("kind", Text), may("archiveSize", Whole), must("mirror", Map(MIRROR))];

/// `DeleteImageSetConfiguration`.
pub(crate) static DELETE: &[Field] = &[may("apiVersion", Text), must("kind", Text), must("delete", Map(DELETED))];

static MIRROR: &[Field] = &[
    may("platform", Map(PLATFORM)),
    may("operators", List(&Map(OPERATOR))),
    may("additionalImages", List(&Map(IMAGE))),
    may("helm", Map(HELM)),
    may("samples", List(&Map(NAMED))),
    may("blockedImages", List(&Map(NAMED))),
];

static DELETED: &[Field] = &[
    may("platform", Map(PLATFORM)),
    may("operators", List(&Map(OPERATOR))),
    may("additionalImages", List(&Map(IMAGE))),
    may("helm", Map(HELM)),
    may("samples", List(&Map(NAMED))),
];

static PLATFORM: &[Field] = &[
    may("graph", Bool),
    may("channels", List(&Map(RELEASE_CHANNEL))),
    may("architectures", List(&OneOf(&["amd64", "arm64", "ppc64le", "s390x", "multi"]))),
    may("platforms", List(&Map(OS_PLATFORM))),
    may("release", Image),
    may("kubeVirtContainer", Bool),
];

static RELEASE_CHANNEL: &[Field] = &[
    must("name", Text),
    may("type", OneOf(&["ocp", "okd"])),
    may("minVersion", Semver),
    may("maxVersion", Semver),
    may("shortestPath", Bool),
    may("full", Bool),
];

static OS_PLATFORM: &[Field] = &[must("os", Text), must("architecture", Text)];

static OPERATOR: &[Field] = &[
    must("catalog", Catalog),
    may("targetCatalog", Path),
    may("targetTag", Text),
    may("targetCatalogSourceTemplate", Text),
    may("full", Bool),
    may("skipDependencies", Bool),
    may("platforms", List(&Map(OS_PLATFORM))),
    may("packages", List(&Map(PACKAGE))),
];

static PACKAGE: &[Field] = &[
    must("name", Text),
    may("defaultChannel", Text),
    may("minVersion", Semver),
    may("maxVersion", Semver),
    may("channels", List(&Map(CHANNEL))),
];

static CHANNEL: &[Field] = &[must("name", Text), may("minVersion", Semver), may("maxVersion", Semver)];

static IMAGE: &[Field] =
    &[must("name", Image), may("targetRepo", Path), may("targetTag", Text), may("platforms", List(&Map(OS_PLATFORM)))];

static NAMED: &[Field] = &[must("name", Text)];

static HELM: &[Field] = &[may("repositories", List(&Map(REPOSITORY))), may("local", List(&Map(CHART)))];

static REPOSITORY: &[Field] = &[must("name", Text), must("url", Text), may("charts", List(&Map(CHART)))];

static CHART: &[Field] = &[
    must("name", Text),
    may("version", Text),
    may("path", Text),
    may("imagePaths", List(&Text)),
    may("platforms", List(&Map(OS_PLATFORM))),
];
