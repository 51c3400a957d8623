//! A real catalog: what two operators do not own stays byte for byte.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{files, stepwright};
use tests::{git, make_repository, shared};

#[test]
fn two_operators_leave_a_published_catalog() {
    let dir = tempfile::tempdir().unwrap();
    let (bare, catalog) = (dir.path().join("catalog.git"), shared("catalogs/community-v4.20"));
    make_repository(&catalog, &bare).unwrap();
    let url = format!("--git-url=file://{}", bare.display());
    let gone = ["rabbitmq-cluster-operator", "hive-operator"];
    let ran = stepwright(&[&["step", "remove-operators", &url, "--branch=main", "--fail-if-missing=true"][..], &gone].concat());
    assert_eq!((ran.code, ran.result("REMOVED")), (0, "hive-operator\nrabbitmq-cluster-operator".into()), "{ran}");

    let changed: BTreeSet<String> =
        git(&bare, &["diff", "--name-status", "main~1", "main"]).unwrap().lines().map(str::to_owned).collect();
    let owned: BTreeSet<String> = files(&catalog)
        .keys()
        .filter(|path| gone.iter().any(|name| path.starts_with(name)))
        .map(|path| format!("D\t{}", Path::new("configs").join(path).display()))
        .collect();
    assert_eq!(changed, owned);

    let result = dir.path().join("result");
    git(dir.path(), &["clone", "--quiet", "catalog.git", "result"]).unwrap();
    let mut expected = files(&catalog);
    expected.retain(|path, _| !gone.iter().any(|name| path.starts_with(name)));
    assert!(files(&result.join("configs")) == expected, "another file changed");
    let verdict = stepwright(&["step", "validate-catalog", &format!("--source={}", result.display())]);
    assert_eq!(verdict.code, 0, "{verdict}");
}

#[test]
fn published_catalogs_are_valid() {
    for (catalog, packages, opm) in [("certified-v4.14", "40", "v1.26.4"), ("community-v4.20", "37", "v1.50.0")] {
        let source = format!("--source={}", shared("catalogs").display());
        let (dir, opm) = (format!("--catalog-dir={catalog}"), format!("--opm-version={opm}"));
        let ran = stepwright(&["step", "validate-catalog", &source, &dir, &opm]);
        assert_eq!((ran.code, ran.result("PACKAGES")), (0, packages.to_owned()), "{ran}");
    }
}
