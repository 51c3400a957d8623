//! The pipeline copy-image on this machine, between two OCI layouts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use registry::{Layout, Manifest};
use tempfile::TempDir;
use tests::images::make_image;

/// A directory with the image `app:1.0`.
struct Bench {
    dir: TempDir,
    index: Manifest,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let index = make_image(&dir.path().join("registry/app"), "1.0").unwrap();
        Bench { dir, index }
    }

    /// `stepwright run copy-image` with these parameters, in which `DIR` is the directory: results, log, and exit code.
    fn run(&self, params: &[&str]) -> String {
        let path = self.dir.path().display().to_string();
        let tmp = self.dir.path().join("tmp");
        std::fs::create_dir_all(&tmp).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepwright-under-test"));
        command.args(["run", "copy-image"]).current_dir(self.dir.path()).env_clear().env("PATH", "/bin").env("TMPDIR", &tmp);
        for param in params {
            command.args(["-p", &param.replace("DIR", &path)]);
        }
        let output = command.output().unwrap();
        let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let results: BTreeMap<String, String> = serde_json::from_str(&stdout).unwrap();
        let results: String = results.iter().map(|(name, value)| format!("{name}: {}\n", value.replace('\n', " "))).collect();
        let said = stderr.lines().filter_map(|line| line.strip_prefix("copy-image/copy-image | "));
        let said: String = said.map(|line| format!("{line}\n")).collect();
        format!("{results}{said}exit {}", output.status.code().unwrap()).replace(&path, "DIR")
    }

    /// The digest that a tag of the copy is of.
    fn copied(&self, tag: &str) -> String {
        let layout = Layout::open(&self.path("mirror/app")).unwrap();
        layout.resolve(Some(tag), None).unwrap().digest().to_string()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }
}

#[test]
fn an_image_goes_from_layout_to_layout_and_a_second_run_sends_nothing() {
    let bench = Bench::new();
    let params = ["source=oci:DIR/registry/app:1.0", "destinations=oci:DIR/mirror/app:1.0", "additional-tags=latest"];
    insta::assert_snapshot!(bench.run(&params), @"
    BLOBS_SKIPPED: 0
    BYTES_COPIED: 4534
    IMAGES: oci:DIR/mirror/app:latest@sha256:71448863437e54f16139cf67d109595a69776ffde459cbee0bc6cd6341d9f15e oci:DIR/mirror/app:1.0@sha256:71448863437e54f16139cf67d109595a69776ffde459cbee0bc6cd6341d9f15e
    IMAGE_DIGEST: sha256:71448863437e54f16139cf67d109595a69776ffde459cbee0bc6cd6341d9f15e
    IMAGE_URL: oci:DIR/mirror/app:1.0
    exit 0
    ");
    assert_eq!(bench.copied("1.0"), bench.index.digest().as_str());
    assert_eq!(bench.copied("latest"), bench.index.digest().as_str());
    insta::assert_snapshot!(bench.run(&params), @"
    BLOBS_SKIPPED: 4
    BYTES_COPIED: 0
    IMAGES: oci:DIR/mirror/app:latest@sha256:71448863437e54f16139cf67d109595a69776ffde459cbee0bc6cd6341d9f15e oci:DIR/mirror/app:1.0@sha256:71448863437e54f16139cf67d109595a69776ffde459cbee0bc6cd6341d9f15e
    IMAGE_DIGEST: sha256:71448863437e54f16139cf67d109595a69776ffde459cbee0bc6cd6341d9f15e
    IMAGE_URL: oci:DIR/mirror/app:1.0
    exit 0
    ");
}

#[test]
fn what_is_not_there_is_said_and_nothing_is_made() {
    let bench = Bench::new();
    insta::assert_snapshot!(bench.run(&["source=oci:DIR/registry/app:2.0", "destinations=oci:DIR/mirror/app:1.0"]), @"
    error: oci:DIR/registry/app has no tag 2.0; hint: its tags are 1.0
    exit 5
    ");
    let other = format!("digest=sha256:{:064}", 0);
    let moved = ["source=oci:DIR/registry/app:1.0", "destinations=oci:DIR/mirror/app:1.0", &other];
    insta::assert_snapshot!(bench.run(&moved), @"
    error: oci:DIR/registry/app:1.0 should be sha256:0000000000000000000000000000000000000000000000000000000000000000, and is sha256:71448863437e54f16139cf67d109595a69776ffde459cbee0bc6cd6341d9f15e; hint: it changed meanwhile: look at it, and start again with the digest that is right
    exit 6
    ");
    assert!(!bench.path("mirror").exists());
}
