//! Artifacts and a look at them, as command lines, in an OCI layout.

use std::fs;
use std::path::Path;

use crate::support::{Ran, files, stepwright};

/// A directory with the file `index.db` and the directory `docs`.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Bench { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(bench.path("source/docs")).unwrap();
        fs::create_dir(bench.path("output")).unwrap();
        fs::write(bench.path("source/index.db"), "SQLite").unwrap();
        fs::write(bench.path("source/docs/a.md"), "# a").unwrap();
        bench
    }

    fn path(&self, below: &str) -> std::path::PathBuf {
        self.dir.path().join(below)
    }

    /// A step, with this directory as DIR in its arguments and in what it prints.
    fn run(&self, step: &str, args: &[&str]) -> Ran {
        let dir = self.dir.path().display().to_string();
        let args: Vec<String> = args.iter().map(|arg| arg.replace("DIR", &dir)).collect();
        let all: Vec<&str> = ["step", step].into_iter().chain(args.iter().map(String::as_str)).collect();
        let Ran { code, stdout, stderr } = stepwright(&all);
        Ran { code, stdout: stdout.replace(&dir, "DIR"), stderr: stderr.replace(&dir, "DIR") }
    }

    fn push(&self, args: &[&str]) -> Ran {
        self.run("push-artifact", &[&["--source=DIR/source", "--destination=oci:DIR/layout:v4.19"], args].concat())
    }

    fn pull(&self, args: &[&str]) -> Ran {
        self.run("pull-artifact", &[&["--output=DIR/output", "--source=oci:DIR/layout:v4.19"], args].concat())
    }
}

#[test]
fn files_go_into_a_layout_and_come_back() {
    let bench = Bench::new();
    let args = [
        "--annotations=request_id=7\noperators=a,b\n",
        "--additional-tags=v4.19-7",
        "--",
        "index.db:application/vnd.sqlite",
        "docs",
    ];
    insta::assert_snapshot!(bench.push(&args), @r#"
    exit code: 0
    ----- stdout
    {
      "IMAGE_URL": "oci:DIR/layout:v4.19",
      "IMAGE_DIGEST": "sha256:16002f94439b96404f6100c21bb90e7df7f0f5b705e619a8d9332856e6fa4470",
      "IMAGES": "oci:DIR/layout:v4.19-7@sha256:16002f94439b96404f6100c21bb90e7df7f0f5b705e619a8d9332856e6fa4470\noci:DIR/layout:v4.19@sha256:16002f94439b96404f6100c21bb90e7df7f0f5b705e619a8d9332856e6fa4470",
      "BYTES_COPIED": "120"
    }
    "#);
    insta::assert_snapshot!(bench.pull(&["--path=a/b"]), @r#"
    exit code: 0
    ----- stdout
    {
      "DIGEST": "sha256:16002f94439b96404f6100c21bb90e7df7f0f5b705e619a8d9332856e6fa4470",
      "ARTIFACT_TYPE": "application/vnd.unknown.artifact.v1",
      "FILES": "index.db\ndocs"
    }
    "#);
    assert_eq!(files(&bench.path("output/a/b")), files(&bench.path("source")));
    let again = bench.push(&args);
    assert_eq!(again.result("BYTES_COPIED"), "0");
    insta::assert_snapshot!(bench.run("inspect-image", &["--image=oci:DIR/layout:v4.19"]), @r#"
    exit code: 0
    ----- stdout
    {
      "IMAGE": "oci:DIR/layout:v4.19",
      "DIGEST": "sha256:16002f94439b96404f6100c21bb90e7df7f0f5b705e619a8d9332856e6fa4470",
      "MEDIA_TYPE": "application/vnd.oci.image.manifest.v1+json",
      "ARCHES": "",
      "LABELS": "",
      "CREATED": ""
    }
    "#);
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let bench = Bench::new();
    bench.push(&["index.db"]);
    let digest = format!("--digest=sha256:{}", "0".repeat(64));
    let ran = [
        bench.push(&["../index.db"]),
        bench.push(&["index.db:sqlite"]),
        bench.push(&["none"]),
        bench.push(&["--annotations=a=1\nb", "index.db"]),
        bench.push(&["--annotations=a=1\na=2", "index.db"]),
        bench.push(&["--artifact-type=sqlite", "index.db"]),
        bench.push(&["--subject=quay.io/org/app:1", "index.db"]),
        bench.pull(&[&digest]),
        bench.pull(&["--files=index.db\nother"]),
        bench.pull(&["--max-size=5"]),
        bench.pull(&["--path=.."]),
        bench.run("pull-artifact", &["--output=DIR/output", "--source=oci:DIR/none"]),
        bench.run("inspect-image", &["--image=oci:DIR/layout:none"]),
        bench.run("inspect-image", &["--image=oci:DIR/layout", "--platform=linux"]),
    ];
    let said: Vec<String> = ran.iter().map(|ran| format!("{} {}", ran.code, ran.last_line())).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    3 error: invalid value '../index.db' for '[PATH[:MEDIA-TYPE]]...': not PATH[:MEDIA-TYPE]: not a path below its directory: it holds `..`
    3 error: invalid value 'index.db:sqlite' for '[PATH[:MEDIA-TYPE]]...': not PATH[:MEDIA-TYPE]: not a media type: it is TYPE/SUBTYPE, as application/vnd.sqlite; a path with a colon is written with one behind it
    5 error: cannot open DIR/source/none: No such file or directory (os error 2)
    3 error: invalid value 'a=1 b' for '--annotations <LINES>': line 2, "b": not KEY=VALUE: it has no `=`
    3 error: the annotation a is given more than once; hint: give it once
    3 error: invalid value 'sqlite' for '--artifact-type <MEDIA-TYPE>': not a media type: it is TYPE/SUBTYPE, as application/vnd.sqlite
    2 error: quay.io/org/app:1 is elsewhere than oci:DIR/layout:v4.19, so that nobody would find what is about it; hint: give a destination in the repository of the subject
    6 error: oci:DIR/layout:v4.19 should be sha256:0000000000000000000000000000000000000000000000000000000000000000, and is sha256:53b12a0b877eaa9860dfc2aaa3b840098c9aee2be012eb632a1fc295cf9d8470; hint: it changed meanwhile: look at it, and start again with the digest that is right
    5 error: oci:DIR/layout:v4.19 has no file other; hint: it has index.db
    3 error: the artifact has more than 5 bytes, unpacked; hint: raise max-size, if you trust where it comes from
    3 error: invalid value '..' for '--path <PATH>': not a path below its directory: it holds `..`
    5 error: cannot open the layout DIR/none: No such file or directory (os error 2)
    5 error: oci:DIR/layout has no tag none; hint: its tags are v4.19
    3 error: invalid value 'linux' for '--platform <PLATFORM>': not a platform: it is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, as linux/amd64
    "#);
    assert!(files(&bench.path("output")).is_empty());
}

#[test]
fn the_time_of_an_artifact_is_what_source_date_epoch_says() {
    let bench = Bench::new();
    let (source, destination) = (bench.path("source"), bench.path("layout"));
    let args = [format!("--source={}", source.display()), format!("--destination=oci:{}:1", destination.display())];
    let mut command = crate::support::command(&["step", "push-artifact", &args[0], &args[1], "index.db"]);
    let ran: Ran = command.env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap().into();
    assert_eq!(ran.code, 0, "{ran}");
    let created = bench.run("inspect-image", &["--image=oci:DIR/layout:1"]).result("CREATED");
    assert_eq!(created, "2023-11-14T22:13:20Z");
    assert!(Path::new(&destination).join("index.json").is_file());
}
