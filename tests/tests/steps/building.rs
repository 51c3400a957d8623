//! What a build of several platforms is told, as command lines.

use crate::support::stepwright;

fn plan(image: &str, platforms: &[&str]) -> crate::support::Ran {
    let image = format!("--image={image}");
    stepwright(&[&["step", "plan-image-build", &image, "--"], platforms].concat())
}

#[test]
fn a_build_is_told_its_platforms_one_by_one() {
    insta::assert_snapshot!(plan("quay.io/org/app:1", &["linux/amd64", "linux/arm64/v8"]), @r#"
    exit code: 0
    ----- stdout
    {
      "IMAGE": "quay.io/org/app:1-parts",
      "BUILD_EXTRA_ARGS": [
        "--platform=linux/amd64",
        "--platform=linux/arm64/v8"
      ]
    }
    "#);
    insta::assert_snapshot!(plan("quay.io/org/app", &["linux/s390x"]), @r#"
    exit code: 0
    ----- stdout
    {
      "IMAGE": "quay.io/org/app:latest",
      "BUILD_EXTRA_ARGS": [
        "--platform=linux/s390x"
      ]
    }
    "#);
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
    insta::assert_snapshot!(said.join("\n"), @"
    3 error: the platform linux/amd64 is given twice
    3 error: invalid value 'amd64' for '<PLATFORM>...': not a platform: it is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, as linux/amd64
    3 error: invalid value 'linux/$(arch)' for '<PLATFORM>...': not a platform: it is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, as linux/amd64
    3 error: invalid value 'linux/amd64 --squash' for '<PLATFORM>...': not a platform: it is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, as linux/amd64
    2 error: the following required arguments were not provided: <PLATFORM>...; hint: --help shows all parameters
    3 error: 17 platforms are given, and at most 16 are built
    3 error: invalid value 'quay.io/Org:1' for '--image <IMAGE>': not an image's reference: its repository has capital letters
    3 error: quay.io/org/app@sha256:0000000000000000000000000000000000000000000000000000000000000000 names a digest, which nobody can build; hint: give a tag
    3 error: the tag aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-parts cannot be used: not a tag: it is longer than 128 bytes
    ");
}
