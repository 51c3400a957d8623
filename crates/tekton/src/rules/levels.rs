//! The rule about what a cluster has to be set to for a feature.

use super::{Rule, ToldBy};
use crate::check::{Cx, Level};
use crate::finding::{Advice, Place, Report, Severity};

pub(super) static RULES: &[&Rule] = &[&FEATURE_LEVEL];

/// A feature that the cluster has not.
pub(super) static FEATURE_LEVEL: Rule = Rule {
    name: "feature-level",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A file uses only features that the cluster's `feature-flags` allow.",
    explanation: "Tekton knows `enable-api-fields: stable`, `beta` (its default) and `alpha`, and a few features with a flag of their own. Say with --level what your cluster has; alpha here means that those flags are on as well.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - name: compile\n    image: example.com/make:1\n    command: [/make]\n    stdoutConfig:\n      path: /workspace/log\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - name: compile\n    image: example.com/make:1\n    command: [/make]\n    args: [--log, /workspace/log]\n",
    // Other features are asked for by the rules about what they belong to.
    check: Some(super::steps::features),
};

/// A feature that not every cluster has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Feature {
    /// It needs this level of `enable-api-fields`.
    Level(Level),
    /// It needs this flag, whatever the level.
    Flag(&'static str),
}

impl Feature {
    pub(super) const BETA: Feature = Feature::Level(Level::Beta);
    pub(super) const ALPHA: Feature = Feature::Level(Level::Alpha);
    pub(super) const ARTIFACTS: Feature = Feature::Flag("enable-artifacts");
    pub(super) const CEL: Feature = Feature::Flag("enable-cel-in-whenexpression");
    pub(super) const CONCISE_RESOLVER: Feature = Feature::Flag("enable-concise-resolver-syntax");
    pub(super) const PARAM_ENUM: Feature = Feature::Flag("enable-param-enum");
}

/// Reports `what`, a thing in the plural, unless the cluster has the feature. Returns whether it has.
pub(super) fn require(cx: &Cx<'_>, feature: Feature, what: &str, place: Place<'_>, report: &mut Report<'_>) -> bool {
    let (has, setting) = match feature {
        Feature::Level(level) => {
            let name = if level == Level::Alpha { "alpha" } else { "beta" };
            (cx.level >= level, format!("enable-api-fields: {name}"))
        }
        Feature::Flag(flag) => (cx.level == Level::Alpha, format!("{flag}: \"true\"")),
    };
    if !has {
        let message = format!("{what} are not enabled on the cluster");
        report.at(&FEATURE_LEVEL, place, message).hint(format!("they need {setting} in its ConfigMap feature-flags"));
    }
    has
}
