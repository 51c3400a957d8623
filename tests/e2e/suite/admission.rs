//! Tekton admits what is applied.

use std::collections::BTreeSet;
use std::path::PathBuf;

use e2e::{Bed, Namespace};

#[test]
fn the_catalog_is_admitted_and_applying_it_again_changes_nothing() {
    let namespace = Namespace::bare("admission");
    let first = namespace.install();
    // It changes with every change of an object. That kubectl has something to send is no change: Tekton fills in defaults.
    let versions = || {
        let objects = ["get", "tasks,pipelines,serviceaccounts", "-l", "app.kubernetes.io/part-of=stepwright"];
        let columns = "-o=custom-columns=NAME:.metadata.name,VERSION:.metadata.resourceVersion";
        namespace.kubectl(&[&objects[..], &[columns]].concat())
    };
    let before = versions();
    namespace.install();
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

/// The directories of one kind of thing in the catalog.
fn of_catalog(kind: &str) -> impl Iterator<Item = String> {
    let directory: PathBuf = Bed::get().catalog.join(kind);
    directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
}
