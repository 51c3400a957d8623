//! The image that runs oc-mirror: what it downloads is checked, and its last stage executes nothing.
//!
//! There is no network here: a directory stands in for the site that the archives come from, and a base image of one file
//! for Red Hat's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use registry::Layout;
use registry_testing::Tool;
use serde_json::Value;

fn containerfile() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/oc-mirror/Containerfile")).unwrap()
}

/// The last stage, from its FROM on.
fn last_stage(text: &str) -> &str {
    &text[text.rfind("\nFROM ").unwrap() + 1..]
}

/// Packs an archive of one program into `site`, as the real one is, and gives its checksum.
fn publish(site: &Path, directory: &str, program: &str) -> String {
    let place = site.join(directory).join("clients/ocp/4.20.1");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("oc-mirror"), program).unwrap();
    fs::set_permissions(place.join("oc-mirror"), fs::Permissions::from_mode(0o644)).unwrap();
    let tar = ["--create", "--gzip", "--file", "oc-mirror.rhel9.tar.gz", "oc-mirror"];
    assert!(Command::new("tar").args(tar).current_dir(&place).status().unwrap().success());
    let sum = Command::new("sha256sum").arg("oc-mirror.rhel9.tar.gz").current_dir(&place).output().unwrap();
    String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn what_is_downloaded_is_what_somebody_has_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let site = dir.path().join("site");
    let [amd64, arm64] = [("x86_64", "for amd64"), ("aarch64", "for arm64")].map(|(place, text)| publish(&site, place, text));
    let text = containerfile();
    let (_, script) = text.split_once("\nRUN ").unwrap();
    let (script, _) = script.split_once("\n\n").unwrap();
    let fetch = |variables: &[(&str, &str)]| {
        let work = tempfile::tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(work.path()).env_clear().env("PATH", "/usr/bin:/bin");
        shell.env("OC_MIRROR_SITE", format!("file://{}", site.display())).envs(variables.iter().copied());
        let output = shell.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap().trim_end().to_owned();
        let program = fs::read_to_string(work.path().join("oc-mirror")).ok();
        if program.is_some() {
            assert_eq!(fs::metadata(work.path().join("oc-mirror")).unwrap().permissions().mode() & 0o7777, 0o755);
        }
        assert_eq!(output.status.success(), program.is_some(), "{said}");
        // What curl says depends on its version.
        let said = if said.starts_with("curl: (37)") { "curl: (37)" } else { &said };
        format!("{}{said}", program.unwrap_or_default())
    };
    let version = ("OC_MIRROR_VERSION", "4.20.1");
    let (right, other) = (("OC_MIRROR_SHA256_AMD64", &*amd64), ("OC_MIRROR_SHA256_ARM64", &*arm64));
    let said = [
        fetch(&[("TARGETARCH", "amd64"), version, right, other]),
        fetch(&[("TARGETARCH", "arm64"), version, other]),
        fetch(&[("TARGETARCH", "amd64"), version, ("OC_MIRROR_SHA256_AMD64", &*arm64)]),
        fetch(&[("TARGETARCH", "amd64"), version, other]),
        fetch(&[("TARGETARCH", "amd64"), right]),
        fetch(&[("TARGETARCH", "amd64"), ("OC_MIRROR_VERSION", "4.20.2"), right]),
        fetch(&[("TARGETARCH", "riscv64"), version, right]),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    for amd64
    for arm64
    sha256sum: WARNING: 1 computed checksum did NOT match
    sh: 3: OC_MIRROR_SHA256_AMD64: the build argument is missing
    sh: 7: OC_MIRROR_VERSION: the build argument is missing
    curl: (37)
    there is no checksum for riscv64
    ");
}

#[test]
fn the_last_stage_runs_nothing_and_has_what_workloads_call() {
    let text = containerfile();
    let stage = last_stage(&text);
    assert!(stage.lines().all(|line| !line.starts_with("RUN")), "{stage}");

    let dir = tempfile::tempdir().unwrap();
    let path = |path: &str| dir.path().join(path).display().to_string();
    for (place, file) in [("base/usr/bin", "sleep"), ("whole", "oc-mirror")] {
        fs::create_dir_all(path(place)).unwrap();
        fs::write(path(&format!("{place}/{file}")), file).unwrap();
        fs::set_permissions(path(&format!("{place}/{file}")), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(path("base/Containerfile"), "FROM scratch\nCOPY usr /usr\nENV PATH=/usr/local/bin:/usr/bin\n").unwrap();
    // All of it but the download, whose script has a test of its own.
    let (before, download) = text.split_once("\nRUN ").unwrap();
    let (_, after) = download.split_once("\n\n").unwrap();
    fs::write(path("whole/Containerfile"), format!("{before}\nCOPY oc-mirror .\n\n{after}")).unwrap();
    let buildah = Tool::buildah();
    let build = |platform: &str, more: &[&str]| {
        let platform = format!("--platform={platform}");
        buildah.run(&[&["bud", "--isolation=chroot", "--pull-never", &platform], more].concat());
    };
    // There is one for amd64 only: it has to do for every platform.
    build("linux/amd64", &["--tag=fetch", &path("base")]);
    for architecture in ["amd64", "arm64"] {
        let platform = format!("linux/{architecture}");
        build(&platform, &["--tag=base", &path("base")]);
        let images = ["--build-arg=FETCH_IMAGE=localhost/fetch", "--build-arg=BASE_IMAGE=localhost/base"];
        let version = "--build-arg=OC_MIRROR_VERSION=4.20.1";
        // Debian's buildah does not know it by itself.
        let here = "--build-arg=BUILDPLATFORM=linux/amd64";
        build(&platform, &[&images[..], &[here, version, "--tag=oc-mirror", &path("whole")]].concat());
        let out = path(architecture);
        buildah.run(&["push", "oc-mirror", &format!("oci:{out}:1")]);

        let layout = Layout::open(Path::new(&out)).unwrap();
        let manifest = layout.resolve(None, None).unwrap();
        let image = manifest.image().unwrap();
        let config: Value = serde_json::from_slice(&layout.open_blob(&image.config).unwrap().into_bytes().unwrap()).unwrap();
        assert_eq!(config["architecture"], architecture);
        let of = |name: &str| config["config"][name].to_string();
        insta::allow_duplicates! {
            insta::assert_snapshot!([of("User"), of("Entrypoint"), of("Cmd"), of("Env")].join("\n"), @r#"
            "1001:0"
            ["/usr/local/bin/oc-mirror"]
            null
            ["PATH=/usr/local/bin:/usr/bin"]
            "#);
        }
        assert_eq!(config["config"]["Labels"]["version"], "4.20.1");
        let mut files: Vec<String> = image
            .layers
            .iter()
            .flat_map(|layer| {
                let reader = flate2::read::GzDecoder::new(layout.open_blob(layer).unwrap());
                let mut archive = tar::Archive::new(reader);
                let entries = archive.entries().unwrap().map(|entry| entry.unwrap());
                let files = entries.filter(|entry| entry.header().entry_type().is_file());
                files
                    .map(|entry| format!("{:o} {}", entry.header().mode().unwrap() & 0o7777, entry.path().unwrap().display()))
                    .collect::<Vec<_>>()
            })
            .collect();
        files.sort();
        assert_eq!(files, ["755 usr/bin/sleep", "755 usr/local/bin/oc-mirror"]);
    }
}

#[test]
fn its_readme_has_all_arguments() {
    let text = containerfile();
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/oc-mirror/README.md")).unwrap();
    let arguments: Vec<(&str, Option<&str>)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("ARG "))
        .filter(|argument| *argument != "TARGETARCH")
        .map(|argument| argument.split_once('=').map_or((argument, None), |(name, default)| (name, Some(default))))
        .collect();
    assert!(arguments.len() > 5, "{arguments:?}");
    for (name, default) in arguments {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap_or_else(|| panic!("{name}"));
        match default {
            Some(default) => assert!(row.ends_with(&format!("| `{default}` |")), "{row}"),
            None => assert!(row.contains("| required"), "{row}"),
        }
    }
}
