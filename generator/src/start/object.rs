//! The PipelineRun that is created: its parameters typed, its workspaces known, and checked as any file is.

use std::collections::BTreeSet;

use clap::ArgMatches;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use runner::Given;
use step::{Error, Kind, Result};
use tekton::check::Level;
use tekton::finding::{Severity, nearest};
use tekton::names::TaskName;
use tekton::source::Source;
use tekton::v1::{Param, PipelineRef, PipelineRun, PipelineRunSpec, PipelineTaskRunTemplate, TimeoutFields, WorkspaceBinding};

use super::pipeline::Target;
use crate::render::Fault;
use crate::task;

/// The run of `target` that the command line asks for.
pub(super) fn make(target: &Target, given: &Given, matches: &ArgMatches, namespace: Option<&str>) -> Result<PipelineRun> {
    let owner = format!("the Pipeline {}", target.name);
    let mut values = runner::typed(given, &target.params, &owner)?;
    let declared = target.params.iter().map(|spec| spec.name.as_str());
    let params = declared.filter_map(|name| Some(Param::new(name.to_owned(), values.remove(name)?))).collect();
    let bindings: Vec<WorkspaceBinding> = matches.get_many("workspace").into_iter().flatten().cloned().collect();
    workspaces(target, &bindings, &owner)?;
    let name = |name: &str| matches.get_one::<String>(name).cloned();
    let spec = PipelineRunSpec {
        pipeline_ref: match target.inline {
            None => Some(PipelineRef { name: Some(target.name.clone()), ..PipelineRef::default() }),
            Some(_) => None,
        },
        pipeline_spec: target.inline.as_deref().cloned(),
        params,
        workspaces: bindings,
        timeouts: matches.get_one("timeout").map(|timeout: &tekton::duration::Duration| TimeoutFields {
            pipeline: Some(timeout.clone()),
            ..TimeoutFields::default()
        }),
        task_run_template: PipelineTaskRunTemplate { service_account_name: name("serviceaccount"), pod_template: None },
        ..PipelineRunSpec::default()
    };
    let internal = |e: tekton::names::InvalidName| Error::internal("cannot name a run").because(e);
    let mut run = PipelineRun::new("run".parse::<TaskName>().map_err(internal)?, spec);
    run.metadata = ObjectMeta {
        generate_name: Some(format!("{}-", target.name)),
        namespace: namespace.map(str::to_owned),
        ..ObjectMeta::default()
    };
    check(&run)?;
    Ok(run)
}

/// Those that are given are declared, and those that are declared are given.
fn workspaces(target: &Target, bindings: &[WorkspaceBinding], owner: &str) -> Result<()> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for binding in bindings {
        let name = &binding.name;
        if !seen.insert(name) {
            return Err(Error::new(Kind::Usage, format!("the workspace {name:?} is given twice")));
        }
        if !target.workspaces.iter().any(|workspace| workspace.name == *name) {
            let names: Vec<&str> = target.workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
            let hint = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None if names.is_empty() => "it has no workspaces".to_owned(),
                None => format!("there is: {}", names.join(", ")),
            };
            faults.push((format!("{owner} has no workspace {name:?}"), hint));
        }
    }
    for workspace in target.workspaces.iter().filter(|workspace| !workspace.optional && !seen.contains(&workspace.name)) {
        let name = &workspace.name;
        faults.push((
            format!("{owner} needs the workspace {name:?}"),
            format!("give it with -w name={name},claimName=PVC, or size=1Gi"),
        ));
    }
    match &faults[..] {
        [] => Ok(()),
        [(fault, hint)] => Err(Error::bad_input(fault).hint(hint)),
        many => {
            let lines: Vec<String> = many.iter().map(|(fault, hint)| format!("{fault}; {hint}")).collect();
            Err(Error::bad_input(format!("{} workspaces are wrong or missing", many.len())).details(lines.join("\n")))
        }
    }
}

/// What Tekton would refuse is refused here.
fn check(run: &PipelineRun) -> Result<()> {
    let source = Source::new("the PipelineRun", task::emit(run)?);
    let options = tekton::check::Options { level: Level::Alpha, known: Vec::new() };
    let sources = [source];
    let checked = tekton::check::check(&sources, &options);
    let errors: Vec<_> = checked.findings.iter().filter(|finding| finding.rule.severity == Severity::Error).collect();
    let Some(first) = errors.first() else { return Ok(()) };
    let details = errors.iter().map(|finding| {
        let fault = Fault::at(&sources[0], finding.span.start, finding.rule.name, finding.message.clone());
        Fault { hint: finding.hint.clone(), ..fault }.to_string()
    });
    let plural = if errors.len() == 1 { "" } else { "s" };
    Err(Error::bad_input(format!("the run has {} error{plural}, so nothing was created", errors.len()))
        .details(details.collect::<String>())
        .hint(format!("`stepwright explain {}` says more of such a finding", first.rule.name)))
}
