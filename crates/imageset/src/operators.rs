//! From labels to operators.
//!
//! `odf: 'true'` enables an operator; `odf-subscription-name`, `odf-channel` and `odf-source` say which. A hub has ACM,
//! whatever its label `acm` says, as soon as it says the channel and the source: nothing works on a hub without it.

use std::collections::HashMap;

use fbc::PackageName;

use crate::names::ChannelName;
use crate::problem::{Place, Problem, Warnings, shown};
use crate::values::{ClusterSet, Environment, Label, Labels, Section};

/// The label of Advanced Cluster Management.
const ACM: &str = "acm";

/// Its package where no label says another.
const ACM_PACKAGE: &str = "advanced-cluster-management";

/// What the labels of an operator end with.
const PARTS: [&str; 4] = ["", "-subscription-name", "-channel", "-source"];

/// The labels that count for a cluster: those of a cluster set, or of a cluster on top of those of a set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'v, 't> {
    pub(crate) set: &'v ClusterSet<'t>,
    pub(crate) cluster: Option<&'v ClusterSet<'t>>,
    /// Counts only for operators that the cluster changes and of which the other sets know nothing.
    pub(crate) is_second_choice: bool,
}

/// An operator that is enabled.
#[derive(Clone)]
pub(crate) struct Operator<'v> {
    /// Its label.
    pub(crate) label: &'v str,
    pub(crate) package: PackageName,
    pub(crate) channel: ChannelName,
    /// The catalog source.
    pub(crate) source: &'v str,
    pub(crate) place: &'v Place,
    /// The cluster set or cluster that says so, for messages.
    pub(crate) whose: &'v dyn std::fmt::Display,
    /// Comes first in its catalog.
    pub(crate) is_acm: bool,
}

/// An operator that is enabled and cannot be mirrored: its label and why.
#[derive(Clone, Debug)]
pub(crate) struct Broken<'v> {
    pub(crate) label: &'v str,
    pub(crate) problem: Problem,
}

/// The packages that labels stand for, where all sets that say it say the same.
#[derive(Debug, Default)]
pub(crate) struct KnownPackages<'v>(HashMap<&'v str, Option<&'v str>>);

// === impl KnownPackages ===

impl<'v> KnownPackages<'v> {
    pub(crate) fn of(environments: &'v [Environment<'_>]) -> Self {
        let mut known = HashMap::new();
        for label in environments.iter().flat_map(|environment| &environment.sets).flat_map(|set| set.labels.iter()) {
            let Some(operator) = label.key.strip_suffix("-subscription-name") else { continue };
            let Some(package) = label.text().ok().filter(|text| !text.is_empty()) else { continue };
            let entry = known.entry(operator).or_insert(Some(package));
            if *entry != Some(package) {
                *entry = None;
            }
        }
        KnownPackages(known)
    }
}

// === impl View ===

impl<'v, 't> View<'v, 't> {
    /// Whether the cluster itself says something of an operator.
    pub(crate) fn touches(&self, operator: &str) -> bool {
        let says = |cluster: &ClusterSet<'_>| PARTS.iter().any(|part| cluster.labels.get(&format!("{operator}{part}")).is_some());
        self.cluster.is_some_and(says)
    }

    /// A label, if it is there and says something.
    pub(crate) fn get(&self, key: &str) -> Result<Option<(&'v Label<'t>, &'v str)>, Problem> {
        let on_top = self.cluster.and_then(|cluster| cluster.labels.get(key));
        let Some(label) = on_top.or_else(|| self.set.labels.get(key)) else { return Ok(None) };
        Ok(Some(label.text()?).filter(|text| !text.is_empty()).map(|text| (label, text)))
    }

    /// Every label that counts, in order.
    fn labels(&self) -> impl Iterator<Item = &'v Label<'t>> {
        let on_top: Option<&'v Labels<'t>> = self.cluster.map(|cluster| &cluster.labels);
        let set = &self.set.labels;
        let own = set.iter().map(move |label| on_top.and_then(|labels| labels.get(&label.key)).unwrap_or(label));
        own.chain(on_top.into_iter().flat_map(Labels::iter).filter(move |label| set.get(&label.key).is_none()))
    }

    /// What a message calls the place of a label.
    pub(crate) fn whose(&self, label: &Label<'_>) -> &'v ClusterSet<'t> {
        self.cluster.filter(|cluster| cluster.labels.get(&label.key).is_some()).unwrap_or(self.set)
    }

    fn is_hub(&self) -> bool {
        self.set.section == Section::Hub
    }

    /// The operators that are enabled; `warnings` says what looks as if it should be and is not.
    pub(crate) fn operators(&self, known: &KnownPackages<'v>, warnings: &mut Warnings) -> Vec<Result<Operator<'v>, Broken<'v>>> {
        let mut operators = Vec::new();
        let always = if self.is_hub() { self.always(known) } else { None };
        let has_acm = always.is_some();
        operators.extend(always);
        for label in self.labels() {
            if label.is_true() {
                if label.key == ACM && has_acm {
                    continue;
                }
                if !is_operator_name(&label.key) {
                    if self.part(&label.key, "subscription-name").is_some() {
                        let whose = self.whose(label);
                        warnings.push(format!(
                            "{}: {whose}: {} is no operator: its name has other characters than a-z, 0-9 and `-`",
                            label.place,
                            shown(&label.key)
                        ));
                    }
                    continue;
                }
                operators.extend(self.enabled(label, known));
            } else if label.is_nearly_true() && self.part(&label.key, "subscription-name").is_some() {
                let whose = self.whose(label);
                let text = label.text().unwrap_or_default();
                warnings.push(format!(
                    "{}: {whose}: {} is {}, which is not 'true': it is not enabled",
                    label.place,
                    label.key,
                    shown(text)
                ));
            }
        }
        operators
    }

    /// ACM, as every hub has it that says where from.
    fn always(&self, known: &KnownPackages<'v>) -> Option<Result<Operator<'v>, Broken<'v>>> {
        match (self.get("acm-channel"), self.get("acm-source")) {
            (Ok(Some((label, channel))), Ok(Some((_, source)))) => Some(self.operator(ACM, label, channel, source, known)),
            (Ok(_), Ok(_)) => None,
            (Err(problem), _) | (_, Err(problem)) => Some(Err(Broken { label: ACM, problem })),
        }
    }

    fn part(&self, operator: &str, part: &str) -> Option<&'v str> {
        self.get(&format!("{operator}-{part}")).ok().flatten().map(|(_, text)| text)
    }

    /// What a label that says `true` enables; `None` when it is no operator.
    fn enabled(&self, label: &'v Label<'t>, known: &KnownPackages<'v>) -> Option<Result<Operator<'v>, Broken<'v>>> {
        let name: &'v str = &label.key;
        let broken = |problem| Some(Err(Broken { label: name, problem }));
        let get = |part: &str| self.get(&format!("{name}-{part}"));
        let (package, channel, source) = match (get("subscription-name"), get("channel"), get("source")) {
            (Ok(package), Ok(channel), Ok(source)) => (package, channel, source),
            (Err(problem), _, _) | (_, Err(problem), _) | (_, _, Err(problem)) => return broken(problem),
        };
        let whose = self.whose(label);
        let wrong = |message: String, hint: String| {
            broken(label.place.problem(format!("{whose}: {name} is enabled, and {message}"), hint))
        };
        let is_named = package.is_some() || known.0.contains_key(name) || name == ACM;
        match (channel, source) {
            (Some((_, channel)), Some((_, source))) if is_named => Some(self.operator(name, label, channel, source, known)),
            (Some(_), Some(_)) => wrong(
                format!("{name}-subscription-name is missing"),
                format!("add {name}-subscription-name, the operator's package in its catalog, or set {name} to 'false'"),
            ),
            (None, None) if package.is_none() && name != ACM => None,
            _ if !is_named => None,
            (channel, _) => {
                let missing = if channel.is_none() { "channel" } else { "source" };
                wrong(format!("{name}-{missing} is missing"), format!("add {name}-{missing}, or set {name} to 'false'"))
            }
        }
    }

    /// An operator whose channel and source are said.
    fn operator(
        &self,
        name: &'v str,
        label: &'v Label<'t>,
        channel: &'v str,
        source: &'v str,
        known: &KnownPackages<'v>,
    ) -> Result<Operator<'v>, Broken<'v>> {
        let whose = self.whose(label);
        let broken = |problem| Broken { label: name, problem };
        let wrong = |part: &str, text: &str, why: &dyn std::fmt::Display| {
            let place = match self.get(&format!("{name}-{part}")) {
                Ok(Some((label, _))) => &label.place,
                _ => &label.place,
            };
            broken(
                place.problem(format!("{whose}: {name}-{part} cannot be {}: {why}", shown(text)), format!("mend {name}-{part}")),
            )
        };
        let own = self.get(&format!("{name}-subscription-name")).map_err(broken)?.map(|(_, text)| text);
        let fallback = || known.0.get(name).copied().flatten();
        let Some(package) = own.or_else(fallback).or((name == ACM).then_some(ACM_PACKAGE)) else {
            let message =
                format!("{whose}: {name} is enabled without {name}-subscription-name, and cluster sets that have it differ");
            return Err(broken(label.place.problem(message, format!("add {name}-subscription-name here"))));
        };
        let package = package.parse().map_err(|error| wrong("subscription-name", package, &error))?;
        let channel = channel.parse().map_err(|error| wrong("channel", channel, &error))?;
        Ok(Operator { label: name, package, channel, source, place: &label.place, whose, is_acm: name == ACM && self.is_hub() })
    }
}

/// Labels of operators are of a-z, 0-9 and `-`.
fn is_operator_name(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
