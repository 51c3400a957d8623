//! Rules that hold before there is an object: what the decoder says.

use super::{Rule, ToldBy};
use crate::finding::Severity;

pub(super) static RULES: &[&Rule] = &[
    &YAML_SYNTAX,
    &DUPLICATE_KEY,
    &UNKNOWN_KIND,
    &OLD_API_VERSION,
    &UNKNOWN_FIELD,
    &FIELD_CASE,
    &MISSING_FIELD,
    &WRONG_TYPE,
    &UNKNOWN_VALUE,
    &INVALID_VALUE,
    &INVALID_QUANTITY,
];

/// The file is not YAML.
pub static YAML_SYNTAX: Rule = Rule {
    name: "yaml-syntax",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A file is YAML.",
    explanation: "What comes after the place in the file was not read. Deep nesting, and aliases that repeat a lot, are refused too.",
    bad: "kind: Task\nspec: [\n",
    good: "kind: ConfigMap\ndata: {}\n",
    check: None,
};

/// A key is there twice.
pub static DUPLICATE_KEY: Rule = Rule {
    name: "duplicate-key",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A mapping has each key once.",
    explanation: "Readers of YAML disagree about the second one: some take it, some refuse the file. Often it is what is left of a merge of two branches.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\n  name: test\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n",
    check: None,
};

/// No such kind.
pub static UNKNOWN_KIND: Rule = Rule {
    name: "unknown-kind",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "An object of tekton.dev is of a kind that there is.",
    explanation: "Tekton has Task, Pipeline, TaskRun and PipelineRun in tekton.dev/v1, and StepAction in tekton.dev/v1beta1.",
    bad: "apiVersion: tekton.dev/v1\nkind: Pipline\nmetadata:\n  name: build\n",
    good: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: build\n",
    check: None,
};

/// An old version of the API.
pub static OLD_API_VERSION: Rule = Rule {
    name: "old-api-version",
    severity: Severity::Warning,
    told_by: ToldBy::Nobody,
    summary: "An object is of tekton.dev/v1.",
    explanation: "Tekton still reads v1beta1 and turns it into v1; what that loses nobody tells. Nothing in the object was checked.",
    bad: "apiVersion: tekton.dev/v1beta1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n",
    check: None,
};

/// No such field.
pub static UNKNOWN_FIELD: Rule = Rule {
    name: "unknown-field",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "An object has only fields that there are.",
    explanation: "Kubernetes drops other fields, or refuses the object; either way they do nothing. Their names are case-sensitive.",
    bad: "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: compile\n    taskRef:\n      name: make\n    retry: 3\n",
    good: "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: build\nspec:\n  tasks:\n  - name: compile\n    taskSpec:\n      steps:\n      - image: example.com/make:1\n        command: [/make]\n    retries: 3\n",
    check: None,
};

/// A field in other letters.
pub static FIELD_CASE: Rule = Rule {
    name: "field-case",
    severity: Severity::Warning,
    told_by: ToldBy::Nobody,
    summary: "A field is written in the letters that it has.",
    explanation: "Tekton itself does not mind upper and lower case, but Kubernetes in front of it does: kubectl refuses the field, and an API client that does not validate drops it.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    workingdir: /workspace\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    workingDir: /workspace\n",
    check: None,
};

/// A field is missing.
pub static MISSING_FIELD: Rule = Rule {
    name: "missing-field",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "An object has the fields that it cannot be without.",
    explanation: "A parameter has a name and a value, a Task has a spec, and so on.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  params:\n  - type: string\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  params:\n  - name: target\n    type: string\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.target)]\n",
    check: None,
};

/// A value of the wrong type.
pub static WRONG_TYPE: Rule = Rule {
    name: "wrong-type",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A value is of the type that its field has.",
    explanation: "Kubernetes reads `yes`, `on` and `0644` as YAML 1.1 does: as booleans and numbers. A string that looks like one of them needs quotes.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [--jobs, 4]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [--jobs, \"4\"]\n",
    check: None,
};

/// A value that there is not.
pub static UNKNOWN_VALUE: Rule = Rule {
    name: "unknown-value",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Where a field takes one of a few words, it has one of them.",
    explanation: "The types of parameters, the operators of conditions, what a failure means: each has its list.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  params:\n  - name: target\n    type: text\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.target)]\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  params:\n  - name: target\n    type: string\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    args: [$(params.target)]\n",
    check: None,
};

/// A value that its type does not allow.
pub static INVALID_VALUE: Rule = Rule {
    name: "invalid-value",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A value is one that its type allows.",
    explanation: "A duration is written as Go does: 1h30m, 90s, 500ms. There are no days, and no spaces.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    timeout: 1 hour\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    timeout: 1h\n",
    check: None,
};

/// Not a quantity.
pub static INVALID_QUANTITY: Rule = Rule {
    name: "invalid-quantity",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "Requests and limits are quantities of Kubernetes.",
    explanation: "A number and a unit without a space: 500m (of a core), 2, 64Mi, 1.5Gi. There is no GB and no gigs.",
    bad: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    computeResources:\n      requests:\n        memory: 2 gigs\n",
    good: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: example.com/make:1\n    command: [/make]\n    computeResources:\n      requests:\n        memory: 2Gi\n",
    check: None,
};
