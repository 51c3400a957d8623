//! The rules: each is one place with its name, its text, its examples and its check.
//!
//! A rule is a `static` of type [`Rule`] in a module beside this one, and stands in that module's list. Its `bad` example
//! must break it and nothing else, its `good` one must be free of findings: a test asks both, and shows all messages in
//! `docs/rules.md`.

use crate::check::Cx;
use crate::finding::{Report, Severity};

mod advice;
mod bindings;
mod calls;
mod containers;
mod contexts;
mod declared;
mod decoding;
mod fields;
mod identifiers;
mod levels;
mod lists_in_text;
mod matrix;
mod mounts;
mod names;
mod outcomes;
mod param_texts;
mod params;
mod pipeline_names;
mod pipeline_order;
mod pipeline_results;
mod pipeline_tasks;
mod pipeline_text;
mod pipeline_variables;
mod pipeline_workspaces;
mod properties;
mod references;
mod refs;
mod results;
mod run;
mod run_params;
mod run_workspaces;
pub(crate) mod scope;
mod steps;
mod taskruns;
mod undeclared_params;
mod when;
mod when_cel;
mod when_cel_tokens;

pub use decoding::{
    DUPLICATE_KEY, FIELD_CASE, INVALID_QUANTITY, INVALID_VALUE, MISSING_FIELD, OLD_API_VERSION, UNKNOWN_FIELD, UNKNOWN_KIND,
    UNKNOWN_VALUE, WRONG_TYPE, YAML_SYNTAX,
};

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// What messages call it: `unknown-field`.
    pub name: &'static str,
    /// How bad a breach is.
    pub severity: Severity,
    /// Who else would tell, and when.
    pub told_by: ToldBy,
    /// What it asks, in one sentence.
    pub summary: &'static str,
    /// Why, and what to do: paragraphs with empty lines between them.
    pub explanation: &'static str,
    /// A file that breaks it.
    pub bad: &'static str,
    /// The same file, mended.
    pub good: &'static str,
    /// Looks for breaches; `None` when the decoder does.
    pub check: Option<fn(&Cx<'_>, &mut Report<'_>)>,
}

/// Who else would tell of a breach, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// Tekton or Kubernetes refuses the object when it is applied.
    Admission,
    /// The run fails.
    Run,
    /// Nobody: it is ignored, or works.
    Nobody,
}

impl Rule {
    /// Whether its breaches may only follow from one of another rule at the same place.
    pub(crate) fn follows(&self) -> bool {
        matches!(self.name, "unknown-variable" | "param-type")
    }
}

/// The groups of rules, in the order of the documentation. What a file holds stands in its own list.
static GROUPS: &[&[&Rule]] = &[
    decoding::RULES,
    names::RULES,
    calls::RULES,
    bindings::RULES,
    outcomes::RULES,
    declared::RULES,
    containers::RULES,
    advice::RULES,
    levels::RULES,
    identifiers::RULES,
    params::RULES,
    properties::RULES,
    mounts::RULES,
    steps::RULES,
    refs::RULES,
    undeclared_params::RULES,
    lists_in_text::RULES,
    contexts::RULES,
    results::RULES,
    taskruns::RULES,
    pipeline_tasks::RULES,
    pipeline_order::RULES,
    pipeline_variables::RULES,
    pipeline_results::RULES,
    when::RULES,
    matrix::RULES,
    run::RULES,
    run_params::RULES,
    run_workspaces::RULES,
];

/// All rules.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    GROUPS.iter().flat_map(|group| group.iter().copied())
}

/// The rule of this name.
pub fn find(name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.name == name)
}
