//! What a build of several platforms is told, as command lines.

use crate::support::stepwright;

fn plan(image: &str, platforms: &[&str]) -> crate::support::Ran {
    let image = format!("--image={image}");
    stepwright(&[&["step", "plan-image-build", &image, "--"], platforms].concat())
}

#[test]
fn a_build_is_told_its_platforms_one_by_one() {
    insta::assert_snapshot!(plan("quay.io/org/app:1", &["linux/amd64", "linux/arm64/v8"]), @"");
    insta::assert_snapshot!(plan("quay.io/org/app", &["linux/s390x"]), @"");
}

#[test]
fn what_cannot_be_built_is_refused_before_anything_is() {
    let many: Vec<String> = (0..17).map(|n| format!("linux/arch{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let digest = format!("quay.io/org/app@sha256:{}", "0".repeat(64));
    let long = format!("quay.io/org/app:{}", "a".repeat(125));
    let ran = [
        plan("quay.io/org/app:1", &["linux/amd64", "linux/amd64"]),
        plan("quay.io/org/app:1", &["amd64"]),
        plan("quay.io/org/app:1", &["linux/$(arch)"]),
        plan("quay.io/org/app:1", &["linux/amd64 --squash"]),
        plan("quay.io/org/app:1", &[]),
        plan("quay.io/org/app:1", &many),
        plan("quay.io/Org:1", &["linux/amd64"]),
        plan(&digest, &["linux/amd64"]),
        plan(&long, &["linux/amd64", "linux/arm64"]),
    ];
    let said: Vec<String> = ran.iter().map(|ran| format!("{} {}", ran.code, ran.last_line())).collect();
    insta::assert_snapshot!(said.join("\n"), @"");
}
