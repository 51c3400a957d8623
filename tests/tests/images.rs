//! Step images as `stepwright image` makes and pushes them, and as buildah makes them from images/Containerfile.
//!
//! The binaries in them are as small as a static binary can be: what is proved here is what is put around one. That the
//! real ones run is proved on a cluster.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use registry::{Descriptor, Layout, Manifest};
use registry_testing::{Registry, Tool};
use serde_json::Value;
use tempfile::TempDir;

/// A checkout, with a directory of binaries for two architectures.
struct Bench(TempDir);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The header of a static program for this machine number.
fn elf(machine: u8) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 56];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (bytes[18], bytes[32], bytes[54], bytes[56], bytes[64]) = (machine, 64, 56, 1, 1);
    bytes
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (architecture, machine) in [("amd64", 62), ("arm64", 183)] {
            let place = dir.path().join(architecture);
            fs::create_dir(&place).unwrap();
            let steps = stepwright::steps();
            for name in steps.iter().map(|step| step.about.name).chain(["stepwright"]) {
                fs::write(place.join(name), elf(machine)).unwrap();
            }
        }
        Bench(dir)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// `stepwright image ARGS`, in which `DIR` is the bench: what it prints, or says when it fails.
    fn image(&self, args: &[&str]) -> String {
        let dir = self.0.path().display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepwright-under-test"));
        command.arg("image").args(args.iter().map(|arg| arg.replace("DIR", &dir))).current_dir(root());
        let output = command.env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap();
        let said = if output.status.success() { output.stdout } else { output.stderr };
        String::from_utf8(said).unwrap().replace(&dir, "DIR")
    }
}

fn json(layout: &Layout, descriptor: &Descriptor) -> Value {
    serde_json::from_slice(&layout.open_blob(descriptor).unwrap().into_bytes().unwrap()).unwrap()
}

fn only(dir: &Path) -> (Layout, Manifest) {
    let layout = Layout::open(dir).unwrap();
    let manifest = layout.resolve(None, None).unwrap();
    (layout, manifest)
}

/// What a layer holds: mode, owner, time, path, size.
fn files(layout: &Layout, layer: &Descriptor) -> String {
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(layout.open_blob(layer).unwrap()).read_to_end(&mut tar).unwrap();
    let mut archive = tar::Archive::new(&*tar);
    let lines = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        let path = entry.path().unwrap().display().to_string();
        let size = if path.contains("THIRD") || path.ends_with(".crt") { "…".to_owned() } else { entry.size().to_string() };
        let (mode, time) = (header.mode().unwrap() & 0o7777, header.mtime().unwrap());
        format!("{mode:04o} {}:{} {time} {path} {size}\n", header.uid().unwrap(), header.gid().unwrap())
    });
    lines.collect()
}

#[test]
fn an_image_is_a_binary_and_what_it_needs() {
    let bench = Bench::new();
    let said = bench.image(&["build", "copy-image", "--binary=amd64=DIR/amd64", "--output=DIR/out"]);
    let (layout, manifest) = only(&bench.path("out/copy-image"));
    assert!(said.starts_with(&format!("oci:DIR/out/copy-image:0.1.0@{}  ", manifest.digest())), "{said}");
    let image = manifest.image().unwrap();
    let mut config = json(&layout, &image.config);
    config["rootfs"]["diff_ids"] = Value::Null;
    config["config"]["Labels"]["description"] = Value::Null;
    let revision = config["config"]["Labels"].as_object_mut().unwrap().shift_remove("org.opencontainers.image.revision");
    assert!(revision.is_none_or(|revision| revision.as_str().unwrap().len() == 40));
    insta::assert_snapshot!(serde_json::to_string_pretty(&config).unwrap());
    insta::assert_snapshot!(image.layers.iter().map(|layer| files(&layout, layer)).collect::<Vec<_>>().join("--\n"), @"
    0755 0:0 1700000000 etc/ 0
    0755 0:0 1700000000 etc/ssl/ 0
    0755 0:0 1700000000 etc/ssl/certs/ 0
    0644 0:0 1700000000 etc/ssl/certs/ca-certificates.crt …
    1777 0:0 1700000000 tmp/ 0
    --
    0755 0:0 1700000000 licenses/ 0
    0644 0:0 1700000000 licenses/LICENSE 11358
    0644 0:0 1700000000 licenses/THIRD-PARTY …
    0755 0:0 1700000000 copy-image 120
    ");
    let skopeo = Tool::skopeo().run(&["inspect", &format!("oci:{}:0.1.0", bench.path("out/copy-image").display())]);
    assert_eq!(serde_json::from_str::<Value>(&skopeo).unwrap()["Digest"], manifest.digest().as_str());
}

#[test]
fn built_twice_an_image_is_the_same_and_all_share_their_lower_layer() {
    let bench = Bench::new();
    let build = |output: &str| bench.image(&["build", "--binary=amd64=DIR/amd64", &format!("--output=DIR/{output}")]);
    assert_eq!(build("a"), build("b").replace("DIR/b/", "DIR/a/"));
    let lowest = |step: &str| only(&bench.path("a").join(step)).1.image().unwrap().layers[0].digest.clone();
    let steps = stepwright::steps();
    assert!(steps.iter().all(|step| lowest(step.about.name) == lowest("copy-image")));
}

#[test]
fn two_architectures_make_an_index() {
    let bench = Bench::new();
    bench.image(&[
        "build",
        "inspect-image",
        "--binary=arm64=DIR/arm64",
        "--binary=amd64=DIR/amd64/inspect-image",
        "--output=DIR/out",
    ]);
    let (layout, manifest) = only(&bench.path("out/inspect-image"));
    let platforms: Vec<String> =
        manifest.index().unwrap().manifests.iter().map(|entry| entry.platform.clone().unwrap().to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    for entry in &manifest.index().unwrap().manifests {
        let image = layout.manifest(&entry.digest, "it").unwrap();
        let config = json(&layout, &image.image().unwrap().config);
        assert_eq!(config["architecture"], entry.platform.as_ref().unwrap().architecture);
    }
}

#[test]
fn what_is_pushed_is_said_and_a_second_time_nothing_is_sent() {
    let bench = Bench::new();
    let registry = Registry::start();
    bench.image(&["build", "copy-image", "pull-artifact", "--binary=amd64=DIR/amd64", "--output=DIR/out"]);
    let prefix = format!("{}/steps", registry.host());
    let pushed = bench.image(&["push", "DIR/out", &prefix, "--pins=DIR/pins"]);
    let digest = |step: &str| only(&bench.path("out").join(step)).1.digest().to_string();
    let wanted: String = ["copy-image", "pull-artifact"].map(|step| format!("{prefix}/{step}:0.1.0@{}\n", digest(step))).concat();
    assert_eq!(pushed, wanted);
    assert_eq!(fs::read_to_string(bench.path("pins")).unwrap(), wanted);
    let uploads = || registry.log().matches("POST /v2/").count();
    let before = uploads();
    assert_eq!(bench.image(&["push", "DIR/out", &prefix]), wanted);
    assert_eq!(uploads(), before);
    registry.fsck();

    // The catalog's Tasks then name them so.
    let status = Command::new(env!("CARGO_BIN_EXE_stepwright-under-test"))
        .args(["catalog", "--pin"])
        .arg(bench.path("pins"))
        .arg("--output")
        .arg(bench.path("catalog"))
        .output()
        .unwrap();
    assert!(status.status.success());
    let task = fs::read_to_string(bench.path("catalog/task/copy-image/copy-image.yaml")).unwrap();
    assert!(task.contains(&format!("image: {prefix}/copy-image:0.1.0@{}", digest("copy-image"))), "{task}");
}

#[test]
fn what_cannot_be_an_image_is_refused() {
    let bench = Bench::new();
    let said = [
        bench.image(&["build", "copy-image", "--binary=arm64=DIR/amd64", "--output=DIR/out"]),
        bench.image(&["build", "copy-image", "--binary=amd64=DIR/none", "--output=DIR/out"]),
        bench.image(&["build", "--binary=amd64=DIR/amd64/copy-image", "--output=DIR/out"]),
        bench.image(&["build", "copy-image", "--source=DIR", "--output=DIR/out"]),
        bench.image(&["build", "copy-image", "--binary=amd64=DIR/amd64", "--binary=amd64=DIR/amd64", "--output=DIR/out"]),
        bench.image(&["build", "no-step", "--output=DIR/out"]),
        bench.image(&["push", "DIR", "localhost:1/steps"]),
    ];
    insta::assert_snapshot!(said.concat(), @"
    error: DIR/amd64/copy-image cannot be in an image for arm64: it is for amd64
    error: there is no binary DIR/none; hint: compile it, or correct --binary
    error: DIR/amd64/copy-image is one binary, and there are 16 steps; hint: name one step, or give a directory of binaries
    error: DIR is no checkout of stepwright; hint: run this in one, or give --source DIR, or binaries: --binary ARCH=PATH
    error: --binary is given twice for amd64
    error: invalid value 'no-step' for '[STEP]...' [possible values: await-pipelinerun, copy-image, create-index, inspect-image, plan-image-build, pull-artifact, push-artifact, create-deployment-configmaps, deploy-workload, generate-imageset, get-current-image, prepare-mirror, remove-operators, update-image-configmap, validate-catalog, stepwright]
    error: there is no step image in DIR; hint: build them with `stepwright image build --output DIR`
    ");
}

#[test]
fn the_containerfile_is_up_to_date_and_buildah_makes_the_same_of_it() {
    let path = root().join("images/Containerfile");
    let wanted = stepwright::image::containerfile();
    if std::env::var_os("STEPWRIGHT_UPDATE").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), wanted, "STEPWRIGHT_UPDATE=1 brings it up to date");

    let bench = Bench::new();
    bench.image(&["build", "copy-image", "--binary=amd64=DIR/amd64", "--output=DIR/ours"]);
    bench.image(&["build", "copy-image", "--binary=amd64=DIR/amd64", "--unpacked", "--output=DIR/images"]);
    // Its last stage alone: the first one compiles for minutes, from images that are not here.
    let stage = wanted.split("\nFROM scratch AS ").find(|stage| stage.starts_with("copy-image\n")).unwrap();
    let stage = format!("FROM scratch AS {}", stage.replace("--from=compile /images/copy-image/", "copy-image/"));
    fs::write(bench.path("images/Containerfile"), stage).unwrap();
    let theirs = bench.path("theirs").display().to_string();
    let buildah = Tool::buildah();
    buildah.run(&["bud", "--isolation=chroot", "--tag=copy-image", &bench.path("images").display().to_string()]);
    buildah.run(&["push", "copy-image", &format!("oci:{theirs}:1")]);

    let part = |dir: &str, name: &str| {
        let (layout, manifest) = only(&bench.path(dir));
        let mut part = json(&layout, &manifest.image().unwrap().config)["config"][name].take();
        if let Some(labels) = part.as_object_mut() {
            // What each builder says of itself, and of the time and commit.
            labels.retain(|label, _| {
                !label.starts_with("io.buildah") && !label.ends_with("image.created") && !label.ends_with("image.revision")
            });
        }
        part
    };
    for name in ["User", "Entrypoint", "WorkingDir", "Labels", "Env"] {
        let mut pair = [part("ours/copy-image", name), part("theirs", name)];
        for list in pair.iter_mut().filter(|part| part.is_array()) {
            list.as_array_mut().unwrap().sort_by_key(ToString::to_string);
        }
        assert_eq!(pair[0], pair[1], "{name}");
    }
    let (layout, manifest) = only(&bench.path("theirs"));
    let names = |text: String| -> Vec<String> {
        let mut names: Vec<String> = text
            .lines()
            .map(|line| format!("{} {}", &line[..4], line.split(' ').nth(3).unwrap().trim_end_matches('/')))
            .collect();
        names.sort();
        names
    };
    let theirs: String = manifest.image().unwrap().layers.iter().map(|layer| files(&layout, layer)).collect();
    let (layout, manifest) = only(&bench.path("ours/copy-image"));
    let ours: String = manifest.image().unwrap().layers.iter().map(|layer| files(&layout, layer)).collect();
    assert_eq!(names(ours), names(theirs));
    assert_eq!(fs::metadata(bench.path("images/copy-image/tmp")).unwrap().permissions().mode() & 0o7777, 0o1777);
}

#[test]
fn the_catalog_is_up_to_date() {
    let directory = root().join("catalog");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepwright-under-test"));
    command.args(["catalog", "--output"]).arg(&directory);
    if std::env::var_os("STEPWRIGHT_UPDATE").is_none() {
        command.arg("--check");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
