//! Any bytes as a catalog: a verdict, no panic; and a removal leaves nothing of the package behind.
#![no_main]

use fbc::{Edit, OpmVersion, Tree, validate};
use libfuzzer_sys::fuzz_target;
use step::Cancel;

fuzz_target!(|bytes: &[u8]| {
    let tree = Tree::from_files([("a/catalog.yaml", bytes.to_vec())]);
    let cancel = Cancel::new();
    for version in [OpmVersion::new(1, 26, 4), OpmVersion::default()] {
        let _ = validate(&tree, version, &cancel).map(|verdict| verdict.to_string());
    }
    let names = ["a".parse().unwrap()].into();
    let mut edit = Edit::new(&tree);
    if edit.remove_packages(&names, &cancel).is_ok() {
        let after = edit.tree();
        assert!(Edit::new(&after).remove_packages(&names, &cancel).unwrap().is_empty());
    }
});
