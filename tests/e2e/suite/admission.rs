//! Tekton admits what is applied.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use e2e::{Bed, Namespace};

#[test]
fn the_catalog_is_admitted_and_applying_it_again_changes_nothing() {
    let namespace = Namespace::bare("admission");
    let first = namespace.install();
    // It changes with every change of an object.
    let versions = || {
        let objects = ["get", "tasks,pipelines,serviceaccounts", "-l", "app.kubernetes.io/part-of=stepwright"];
        let columns = "-o=custom-columns=NAME:.metadata.name,VERSION:.metadata.resourceVersion";
        namespace.kubectl(&[&objects[..], &[columns]].concat())
    };
    let before = versions();
    // Nothing that Tekton would fill in is left out, so that kubectl has nothing to say.
    let again = namespace.install();
    assert!(again.lines().all(|line| line.ends_with(" unchanged")), "{again}");
    assert_eq!(versions(), before);

    let made: BTreeSet<String> =
        first.lines().map(|line| line.strip_suffix(" created").unwrap_or_else(|| panic!("{line}")).to_owned()).collect();
    // The header, and what was made.
    assert_eq!(before.lines().count(), 1 + made.len());

    let mut wanted: BTreeSet<String> =
        stepwright::steps().iter().map(|step| format!("task.tekton.dev/{}", step.about.name)).collect();
    wanted.extend(of_catalog("pipeline").map(|name| format!("pipeline.tekton.dev/{name}")));
    let of_tekton: BTreeSet<String> = made.into_iter().filter(|object| object.contains(".tekton.dev/")).collect();
    assert_eq!(of_tekton, wanted);
}

#[test]
fn its_tasks_name_images_by_digest() {
    let namespace = Namespace::new("pins");
    let images = namespace.kubectl(&["get", "tasks", "-o=jsonpath={.items[*].spec.steps[*].image}"]);
    let pins = Bed::get().pins.iter().filter(|(name, _)| *name != "stepwright");
    let pins: BTreeSet<String> = pins.map(|(_, pin)| pin.to_string()).collect();
    assert_eq!(images.split(' ').map(str::to_owned).collect::<BTreeSet<_>>(), pins);
}

#[test]
fn its_samples_are_admitted() {
    let namespace = Namespace::new("samples");
    let mut samples = 0;
    for pipeline in of_catalog("pipeline") {
        let Ok(files) = Bed::get().catalog.join("pipeline").join(pipeline).join("samples").read_dir() else { continue };
        for file in files {
            let file = file.unwrap().path();
            let said = namespace.kubectl(&["create", "--dry-run=server", "-f", file.to_str().unwrap()]);
            assert!(said.ends_with(" created (server dry run)\n"), "{}: {said}", file.display());
            samples += 1;
        }
    }
    assert!(samples > 0);
}

#[test]
fn its_runs_for_pipelines_as_code_are_resolved_and_admitted() {
    let bed = Bed::get();
    let namespace = Namespace::new("pac");
    let repository = tempfile::tempdir().unwrap();
    // It looks at the branch of the directory that it is started in.
    repo_testing::git(repository.path(), &["init", "-q"]);
    let mut seen = 0;
    for pipeline in of_catalog("pipeline") {
        let file = bed.catalog.join("pipeline").join(&pipeline).join("samples/pipelinerun-pac.yaml");
        if !file.is_file() {
            continue;
        }
        let output = Command::new(&bed.tkn_pac)
            .args(["resolve", "--no-secret", "-f", file.to_str().unwrap()])
            .args(["-p", "repo_url=https://git.example/fleet", "-p", "revision=0123abc", "-p", "source_branch=main"])
            .current_dir(repository.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{pipeline}: {}", String::from_utf8_lossy(&output.stderr));
        let resolved = String::from_utf8(output.stdout).unwrap();
        assert!(!resolved.contains("{{") && resolved.contains("value: https://git.example/fleet"), "{resolved}");
        std::fs::write(repository.path().join("resolved.yaml"), &resolved).unwrap();
        let path = repository.path().join("resolved.yaml");
        let said = namespace.kubectl(&["create", "--dry-run=server", "-f", path.to_str().unwrap()]);
        assert!(said.ends_with(" created (server dry run)\n"), "{said}");
        seen += 1;
    }
    assert_eq!(seen, 2);
}

/// The directories of one kind of thing in the catalog.
fn of_catalog(kind: &str) -> impl Iterator<Item = String> {
    let directory: PathBuf = Bed::get().catalog.join(kind);
    directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
}
