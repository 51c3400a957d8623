//! The command line of `stepwright` itself.

use crate::support::stepwright;

#[test]
fn help_lists_the_verbs() {
    insta::assert_snapshot!(stepwright(&["--help"]), @"");
    insta::assert_snapshot!(stepwright(&["step", "--help"]), @"");
}

#[test]
fn a_misspelt_step_is_told_the_right_one() {
    insta::assert_snapshot!(stepwright(&["step", "remove-operator"]), @"");
    insta::assert_snapshot!(stepwright(&["task", "remove-operator"]), @"");
}

#[test]
fn a_step_has_one_command_line_in_both_binaries() {
    let ran = stepwright(&["step", "validate-catalog", "--help"]);
    insta::assert_snapshot!(ran, @"");
}

#[test]
fn completions_know_the_parameters() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = stepwright(&["completions", shell]);
        assert!(ran.code == 0 && ran.stdout.contains("fail-if-missing"), "{shell}");
    }
}

#[test]
fn man_pages_are_written_for_every_step() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(stepwright(&["man", &dir.path().join("man").to_string_lossy()]).code, 0);
    let page = std::fs::read_to_string(dir.path().join("man/remove-operators.1")).unwrap();
    assert!(page.contains("fail\\-if\\-missing") && page.contains("143"), "{page}");
    assert!(dir.path().join("man/stepwright.1").exists());
}

#[test]
fn output_may_be_closed_early() {
    use std::process::Stdio;
    let mut child =
        crate::support::command(&["task", "remove-operators"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
