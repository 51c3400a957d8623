//! remove-operators on a directory.

use std::path::Path;

use crate::support::Bench;

#[test]
fn an_operator_with_its_own_directory_goes_and_nothing_else_changes() {
    let bench = Bench::new();
    let mut expected = bench.files();
    insta::assert_snapshot!(bench.in_directory(&["mallet"]), @r#"
    exit code: 0
    ----- stdout
    {
      "COMMIT": "",
      "BRANCH": "",
      "REMOVED": "mallet",
      "NOT_FOUND": "",
      "CHANGED": "true"
    }
    ----- stderr
     INFO removing operator=mallet
    "#);
    // Its directory, and its deprecations.
    expected.remove(Path::new("configs/mallet/catalog.json")).unwrap();
    expected.remove(Path::new("configs/_operator-deprecations-content/mallet/mallet.json")).unwrap();
    assert_eq!(bench.files(), expected);
    assert!(!bench.sample.work.join("configs/mallet").exists());
    assert_eq!(bench.validate(&bench.sample.work).code, 0);
}

#[test]
fn an_operator_in_a_shared_file_goes_and_its_neighbours_stay_byte_for_byte() {
    let bench = Bench::new();
    let saws = Path::new("configs/saws/catalog.json");
    let mut expected = bench.files();
    let before = String::from_utf8(expected[saws].clone()).unwrap();
    let kept = &before[before.find(r#"{"schema":"olm.package","name":"fret-saw""#).unwrap()..];
    assert_eq!(bench.in_directory(&["rip-saw"]).code, 0);
    expected.insert(saws.to_owned(), kept.as_bytes().to_vec());
    assert_eq!(bench.files(), expected);
}

#[test]
fn an_operator_in_the_database_goes_there_too_and_derived_packages_that_did_not_change_are_not_written() {
    let bench = Bench::new();
    let before = bench.files();
    let ran = bench.in_directory(&["--index-db=index.db", "plane"]);
    insta::assert_snapshot!(ran, @r#"
    exit code: 0
    ----- stdout
    {
      "COMMIT": "",
      "BRANCH": "",
      "REMOVED": "plane",
      "NOT_FOUND": "",
      "CHANGED": "true"
    }
    ----- stderr
     INFO removing operator=plane
    "#);
    let after = bench.files();
    assert_ne!(before[Path::new("index.db")], after[Path::new("index.db")]);
    assert!(!after.contains_key(Path::new("configs/plane/catalog.json")));
    assert_eq!(before[Path::new("configs/lathe/catalog.json")], after[Path::new("configs/lathe/catalog.json")]);
    assert_eq!(after.len(), before.len() - 1);
    assert_eq!(bench.validate(&bench.sample.work).code, 0);
}

#[test]
fn what_the_database_says_wins_over_a_stale_derived_catalog() {
    let bench = Bench::new();
    let lathe = bench.sample.work.join("configs/lathe");
    let derived = std::fs::read(lathe.join("catalog.json")).unwrap();
    // The same package, edited by hand, and in the form that a stale copy would have.
    let stale = String::from_utf8(derived.clone()).unwrap().replace("lathe.v3.0.0", "lathe.v2.9.9");
    std::fs::remove_file(lathe.join("catalog.json")).unwrap();
    std::fs::write(lathe.join("catalog.yaml"), stale.replace("}\n{", "}\n---\n{")).unwrap();
    assert_eq!(bench.in_directory(&["--index-db=index.db", "plane"]).code, 0);
    assert_eq!(std::fs::read(lathe.join("catalog.json")).unwrap(), derived);
    assert!(!lathe.join("catalog.yaml").exists());
}

#[test]
fn an_operator_found_nowhere_is_a_result_or_an_error_as_asked() {
    let bench = Bench::new();
    let before = bench.files();
    insta::assert_snapshot!(bench.in_directory(&["hammer", "mallets"]), @r#"
    exit code: 0
    ----- stdout
    {
      "COMMIT": "",
      "BRANCH": "",
      "REMOVED": "",
      "NOT_FOUND": "hammer\nmallets",
      "CHANGED": "false"
    }
    ----- stderr
     WARN not found in the catalog or the index database operator=hammer
     WARN not found in the catalog or the index database operator=mallets
    "#);
    insta::assert_snapshot!(bench.in_directory(&["--fail-if-missing=true", "mallet", "hammer"]), @"
    exit code: 5
    ----- stderr
    error: no such operator in the catalog or the index database: hammer; hint: check the names, or set fail-if-missing to false
    ");
    assert_eq!(bench.files(), before);
}

#[test]
fn running_again_changes_nothing() {
    let bench = Bench::new();
    let args = ["--index-db=index.db", "mallet", "plane", "rip-saw"];
    assert_eq!(bench.in_directory(&args).result("CHANGED"), "true");
    let after = bench.files();
    let again = bench.in_directory(&args);
    assert_eq!(
        (again.code, again.result("CHANGED"), again.result("NOT_FOUND")),
        (0, "false".into(), "mallet\nplane\nrip-saw".into())
    );
    assert_eq!(bench.files(), after);
}

#[test]
fn a_catalog_that_was_not_valid_before_is_refused_unless_asked_otherwise() {
    let bench = Bench::new();
    let broken = bench.sample.work.join("configs/broken.yaml");
    std::fs::write(&broken, "schema: olm.channel\npackage: nowhere\nname: stable\nentries: []\n").unwrap();
    let before = bench.files();
    insta::assert_snapshot!(bench.in_directory(&["mallet"]), @r#"
    exit code: 3
    ----- stderr
    unknown package "nowhere" for channel "stable"
    error: the catalog is not valid, and was not before (opm v1.73.0); hint: mend what is listed above first, or set validate to false
    "#);
    assert_eq!(bench.files(), before);
    assert_eq!(bench.in_directory(&["--validate=false", "mallet"]).code, 0);
}

#[test]
fn json_logs_are_one_object_a_line() {
    let bench = Bench::new();
    let ran = bench.in_directory(&["--log-format=json", "--fail-if-missing=true", "hammer"]);
    assert_eq!(ran.code, 5);
    let last: serde_json::Value = serde_json::from_str(ran.last_line()).unwrap();
    assert_eq!((&last["level"], &last["kind"]), (&"ERROR".into(), &"not-found".into()));
    assert!(ran.stderr.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{ran}");
}

#[test]
fn one_run_at_a_time_changes_a_directory() {
    let bench = Bench::new();
    let before = bench.files();
    let other = std::fs::File::open(bench.sample.work.join("configs")).unwrap();
    other.lock().unwrap();
    insta::assert_snapshot!(bench.in_directory(&["mallet"]), @"
    exit code: 6
    ----- stderr
    error: another run is changing [DIR]/work/configs; hint: run again when it has finished
    ");
    assert_eq!(bench.files(), before);
    other.unlock().unwrap();
    assert_eq!(bench.in_directory(&["mallet"]).code, 0);
}

#[test]
fn a_database_inside_the_catalog_is_refused_before_it_can_go_with_a_package() {
    let bench = Bench::new();
    let configs = bench.sample.work.join("configs");
    std::fs::rename(bench.sample.work.join("index.db"), configs.join("lathe/index.db")).unwrap();
    let before = bench.files();
    insta::assert_snapshot!(bench.in_directory(&["--index-db=configs/lathe/index.db", "lathe"]), @"
    exit code: 3
    ----- stderr
    error: [DIR]/work/configs/lathe/index.db is inside the catalog [DIR]/work/configs; hint: move the database out of configs-dir
    ");
    assert_eq!(bench.files(), before);
}

#[test]
fn results_that_cannot_be_published_stop_the_work_before_it_begins() {
    let bench = Bench::new();
    let before = bench.files();
    let to = |result: &str| bench.in_directory(&[&format!("--result={result}"), "mallet"]).last_line().to_owned();
    insta::assert_snapshot!(to("NOPE=/tmp/x"), @"error: the step has no result NOPE");
    insta::assert_snapshot!(to("CHANGED=/no/such/directory/CHANGED"), @"error: the result CHANGED cannot be /no/such/directory/CHANGED: its directory does not exist");
    insta::assert_snapshot!(to("CHANGED=/tmp"), @"error: the result CHANGED cannot be /tmp: that is a directory");
    assert_eq!(bench.files(), before);
}

#[test]
fn a_log_that_cannot_be_written_does_not_end_the_work() {
    let bench = Bench::new();
    let full = std::fs::File::create("/dev/full").unwrap();
    let source = format!("--source={}", bench.sample.work.display());
    let mut step = crate::support::command(&["step", "remove-operators", &source, "mallet"]);
    assert_eq!(step.stderr(full).stdout(std::process::Stdio::null()).status().unwrap().code(), Some(0));
    assert!(!bench.sample.work.join("configs/mallet").exists());
}
