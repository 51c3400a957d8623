//! The rule about what workspaces are in a run.

use super::{Rule, ToldBy};
use crate::check::{Cx, Object};
use crate::finding::{Advice, Report, Severity};
use crate::v1::WorkspaceBinding;

pub(super) static RULES: &[&Rule] = &[&WORKSPACE_SOURCE];

/// What a workspace is.
static WORKSPACE_SOURCE: Rule = Rule {
    name: "workspace-source",
    severity: Severity::Error,
    told_by: ToldBy::Admission,
    summary: "A run binds a workspace to one thing.",
    explanation: "One of `volumeClaimTemplate`, `persistentVolumeClaim` (with `claimName`), `emptyDir`, `configMap` (with `name`), `secret` (with `secretName`), `projected` (with `sources`) and `csi` (with `driver`). An empty directory is `emptyDir: {}`.",
    bad: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  workspaces:
  - name: source
    emptyDir: {}
    secret:
      secretName: deploy-key
  pipelineSpec:
    workspaces:
    - name: source
    tasks:
    - name: compile
      workspaces:
      - name: source
      taskSpec:
        workspaces:
        - name: source
        steps:
        - image: example.com/make:1
          command: [/make]
          workingDir: $(workspaces.source.path)
",
    good: "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: build-
spec:
  workspaces:
  - name: source
    secret:
      secretName: deploy-key
  pipelineSpec:
    workspaces:
    - name: source
    tasks:
    - name: compile
      workspaces:
      - name: source
      taskSpec:
        workspaces:
        - name: source
        steps:
        - image: example.com/make:1
          command: [/make]
          workingDir: $(workspaces.source.path)
",
    check: Some(workspace_source),
};

/// The keys of what a workspace may be.
const SOURCES: &str = "emptyDir: {}, volumeClaimTemplate, persistentVolumeClaim, configMap, secret, projected or csi";

fn workspace_source(cx: &Cx<'_>, report: &mut Report<'_>) {
    let bindings: &[WorkspaceBinding] = match cx.object {
        Object::PipelineRun(run) => &run.spec.workspaces,
        Object::TaskRun(run) => &run.spec.workspaces,
        _ => return,
    };
    for (index, binding) in bindings.iter().enumerate() {
        let place = cx.place.key("spec").key("workspaces").index(index);
        let name = &binding.name;
        // Each with the key that it cannot be without.
        let sources = [
            ("volumeClaimTemplate", binding.volume_claim_template.is_some(), None),
            (
                "persistentVolumeClaim",
                binding.persistent_volume_claim.is_some(),
                binding.persistent_volume_claim.as_ref().filter(|claim| claim.claim_name.is_empty()).map(|_| "claimName"),
            ),
            ("emptyDir", binding.empty_dir.is_some(), None),
            (
                "configMap",
                binding.config_map.is_some(),
                binding.config_map.as_ref().filter(|map| map.name.is_empty()).map(|_| "name"),
            ),
            (
                "secret",
                binding.secret.is_some(),
                (binding.secret.as_ref())
                    .filter(|secret| secret.secret_name.as_deref().unwrap_or_default().is_empty())
                    .map(|_| "secretName"),
            ),
            (
                "projected",
                binding.projected.is_some(),
                (binding.projected.as_ref())
                    .filter(|projected| projected.sources.as_ref().is_none_or(Vec::is_empty))
                    .map(|_| "sources"),
            ),
            ("csi", binding.csi.is_some(), binding.csi.as_ref().filter(|csi| csi.driver.is_empty()).map(|_| "driver")),
        ];
        let given: Vec<_> = sources.iter().filter(|(_, is_given, _)| *is_given).collect();
        match given[..] {
            [] => {
                let message = format!("the workspace {name:?} is bound to nothing");
                report.at(&WORKSPACE_SOURCE, place.key("name"), message).hint(format!("give it {SOURCES}"));
            }
            [(first, ..), (second, ..), ..] => {
                let message = format!("the workspace {name:?} is bound to both {first} and {second}");
                report.at(&WORKSPACE_SOURCE, place.name_of(second), message).hint("leave one of them out");
            }
            [_] => {}
        }
        for (key, _, missing) in given {
            if let Some(missing) = missing {
                let message = format!("the {key} of the workspace {name:?} has no {missing}");
                report.at(&WORKSPACE_SOURCE, place.name_of(key), message).hint(format!("add {missing}"));
            }
        }
    }
}
