//! What `stepwright run` does not do: each row of the table in crates/runner/README.md names a run in refused/ that
//! starts nothing here, and that Tekton admits.

use std::path::Path;
use std::process::Command;

use crate::{directory, stepwright};

#[test]
fn what_does_not_run_here_is_admitted_by_tekton() {
    let readme = std::fs::read_to_string(directory().join("../../../crates/runner/README.md")).unwrap();
    let rows: Vec<Vec<&str>> = (readme.lines())
        .filter(|line| line.starts_with('|') && line.contains("/refused/"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let (Some(name), Some(level)) = (row[0].split(['/', ')']).rev().find(|part| part.ends_with(".yaml")), row.get(2)) else {
            panic!("{row:?} names no run");
        };
        let file = directory().join("refused").join(name);
        let home = tempfile::tempdir().unwrap();
        let output = stepwright(home.path()).args(["run", "--output", "json"]).arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{name}: something has started");
        // What Tekton has behind a flag it refuses for that flag alone.
        match (admitted(&file), *level) {
            (Ok(()), "yes") => {}
            (Err(why), "alpha") => assert!(why.contains("feature gate to be \"alpha\""), "{name}: {why}"),
            (Err(why), flag) => assert!(flag.starts_with("`enable-") && why.contains(flag.trim_matches('`')), "{name}: {why}"),
            (Ok(()), level) => panic!("{name} is admitted as it is, and the table says {level}"),
        }
    }
}

/// Whether Tekton's webhook lets it in.
fn admitted(file: &Path) -> Result<(), String> {
    let own = std::env::var("CLUSTER_BIN").map(|bin| format!("{bin}/k8s/kubectl")).unwrap_or_default();
    let kubectl = if Path::new(&own).is_file() { own.as_str() } else { "kubectl" };
    let output =
        Command::new(kubectl).args(["create", "--dry-run=server", "--namespace=default", "-f"]).arg(file).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
