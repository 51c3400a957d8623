use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::samples::{Packing, Sample, index_of, inspect, layer, skopeo, tree};
use super::*;

/// A new layout, and the directory to remove in the end.
fn layout() -> (TempDir, Layout) {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::create(&dir.path().join("images/a")).unwrap();
    (dir, layout)
}

/// What an error says, with its kind and hint, without the directory's name.
fn said<T>(dir: &TempDir, result: Result<T>) -> String {
    let Err(error) = result else { return "fine".to_owned() };
    let hint = error.hint_text().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    format!("{}: {error}{hint}", error.kind().name()).replace(dir.path().to_str().unwrap(), "/tmp")
}

fn index_json(layout: &Layout) -> String {
    fs::read_to_string(layout.dir().join(INDEX)).unwrap()
}

fn blob_path(layout: &Layout, digest: &Digest) -> PathBuf {
    layout.dir().join("blobs/sha256").join(digest.hex())
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn what_a_layout_looks_like() {
    let (_dir, layout) = layout();
    let sample = Sample::new(&[(Packing::Plain, b"layer".to_vec())]);
    sample.tag(&layout, Some("1.0"));
    let files: Vec<String> = tree(layout.dir())
        .into_iter()
        .map(|(name, content)| match name.starts_with("blobs/") {
            true => name,
            false => format!("{name}: {}", String::from_utf8(content).unwrap()),
        })
        .collect();
    insta::assert_snapshot!(files.join("\n"), @r#"
    blobs/sha256/9720a6cd65574482a1946a8e0f7a4ee8cb1c68770a9afda95f57619be4f4d5b6
    blobs/sha256/dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85
    blobs/sha256/fffbb9f522bb5f33844ab3b9fe7021b1aa241b62f696a7c0d146611369aff838
    index.json: {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:9720a6cd65574482a1946a8e0f7a4ee8cb1c68770a9afda95f57619be4f4d5b6","size":394,"annotations":{"org.opencontainers.image.ref.name":"1.0"}}]}
    oci-layout: {"imageLayoutVersion":"1.0.0"}
    "#);
}

#[test]
fn what_is_written_can_be_read() {
    let (_dir, layout) = layout();
    let sample = Sample::mixed();
    sample.tag(&layout, Some("1"));
    let layout = Layout::open(layout.dir()).unwrap();
    assert_eq!(layout.resolve(Some("1"), None).unwrap(), sample.manifest);
    assert_eq!(layout.resolve(None, None).unwrap(), sample.manifest);
    for (descriptor, content) in &sample.blobs {
        assert!(layout.has_blob(descriptor).unwrap());
        let mut read = Vec::new();
        layout.open_blob(descriptor).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, *content);
    }
}

#[test]
fn which_image_is_meant() {
    let (dir, layout) = layout();
    let (a, b) = (Sample::small("a"), Sample::small("b"));
    a.tag(&layout, None);
    let signature = Sample::about(&a.manifest, "application/x.sig");
    signature.tag(&layout, None);
    signature.tag(&layout, Some(&a.manifest.digest().as_str().replace(':', "-")));
    signature.tag(&layout, Some(&format!("{}.sig", a.manifest.digest().as_str().replace(':', "-"))));
    // A signature is not what is meant.
    assert_eq!(layout.resolve(None, None).unwrap(), a.manifest);
    // The same image under several names is one.
    a.tag(&layout, Some("1"));
    a.tag(&layout, Some("latest"));
    assert_eq!(layout.resolve(None, None).unwrap(), a.manifest);
    b.tag(&layout, Some("2"));
    // A digest may be of what only an index names, and is stronger than a tag.
    let child = Sample::small("child");
    child.store(&layout);
    assert_eq!(layout.resolve(Some("1"), Some(child.manifest.digest())).unwrap(), child.manifest);
    assert_eq!(layout.manifest(child.manifest.digest(), "it").unwrap(), child.manifest);
    let nowhere = Digest::of(b"nowhere");
    let config = &a.blobs[1].0.digest;
    let all = [
        said(&dir, layout.resolve(None, None)),
        said(&dir, layout.resolve(Some("lastest"), None)),
        said(&dir, layout.resolve(None, Some(&nowhere))),
        said(&dir, layout.resolve(None, Some(config))),
        said(&dir, layout.manifest(&nowhere, "oci:a:1 (linux/arm64)")),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    bad-input: oci:/tmp/images/a holds several images, and none is named
      hint: its tags are 1, 2, latest
    not-found: oci:/tmp/images/a has no tag lastest
      hint: its tags are latest, 1, 2
    not-found: oci:/tmp/images/a has no manifest sha256:20aeff0494e828d188c704e1f488a589b15ae01d11f6cb129f62129caa6cc543
      hint: its tags are 1, 2, latest
    bad-input: the manifest of oci:/tmp/images/a@sha256:6cd67ac46a4a0d47294c78a5e66e062da4ef73996892e294400640028b741319 is malformed: missing field `mediaType` at line 1 column 66
    not-found: oci:a:1 (linux/arm64) is incomplete: the layout /tmp/images/a has no manifest sha256:20aeff0494e828d188c704e1f488a589b15ae01d11f6cb129f62129caa6cc543
      hint: the copy to it did not end, or left this out: copy the image there again
    ");
}

#[test]
fn a_layout_without_tags_or_without_anything() {
    let (dir, layout) = layout();
    let empty = [said(&dir, layout.resolve(None, None)), said(&dir, layout.resolve(Some("1"), None))];
    for name in ["a", "b"] {
        Sample::small(name).tag(&layout, None);
    }
    let bare = [said(&dir, layout.resolve(None, None)), said(&dir, layout.resolve(Some("1"), None))];
    insta::assert_snapshot!([empty, bare].concat().join("\n"), @"
    not-found: oci:/tmp/images/a holds no image
      hint: copy one there first
    not-found: oci:/tmp/images/a has no tag 1
      hint: it holds no image at all: copy one there first
    bad-input: oci:/tmp/images/a holds several images, and none is named
      hint: it has no tags; name a digest: sha256:60a5ecb1b7af0a0d9efe23590d268181a5743bea6a3f9cd32248471455115a99, sha256:d0838de649c20dc8e0bfb461c46faad9af0d19215bf2f369a4c0b329b5a9328e
    not-found: oci:/tmp/images/a has no tag 1
      hint: it has no tags; name a digest: sha256:60a5ecb1b7af0a0d9efe23590d268181a5743bea6a3f9cd32248471455115a99, sha256:d0838de649c20dc8e0bfb461c46faad9af0d19215bf2f369a4c0b329b5a9328e
    ");
}

#[test]
fn a_tag_moves_and_what_others_wrote_stays() {
    let (_dir, layout) = layout();
    let (a, b, c) = (Sample::small("a"), Sample::small("b"), Sample::small("c"));
    c.store(&layout);
    let mut stranger = json!(c.manifest.descriptor());
    stranger["x-field"] = json!({"y": 1});
    stranger["annotations"] = json!({"z": "z"});
    fs::write(layout.dir().join(INDEX), json!({"x-before": 1, "manifests": [stranger], "x-after": null}).to_string()).unwrap();
    c.tag(&layout, None);
    a.tag(&layout, Some("t"));
    b.tag(&layout, Some("t"));
    b.tag(&layout, Some("t"));
    let text = index_json(&layout);
    b.tag(&layout, None);
    assert_eq!(index_json(&layout), text, "what is known changes nothing");
    let (c_, nowhere) = (c.manifest.descriptor(), Descriptor::of(MediaType::OCI_MANIFEST, b"nowhere"));
    assert!(layout.tag_all(&[(&c_, Some("c")), (&nowhere, Some("d"))]).is_err());
    assert_eq!(index_json(&layout), text, "all or none");
    layout.tag_all(&[(&c_, Some("c")), (&c_, None)]).unwrap();
    let mut text = index_json(&layout);
    for (name, sample) in [("A", a), ("B", b), ("C", c)] {
        text = text.replace(sample.manifest.digest().hex(), name);
    }
    insta::assert_snapshot!(text.replace("},{", "},\n{"), @r#"
    {"x-before":1,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:C","size":400,"annotations":{"org.opencontainers.image.ref.name":"c"}},
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:B","size":400,"annotations":{"org.opencontainers.image.ref.name":"t"}},
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:C","size":400,"x-field":{"y":1},"annotations":{"z":"z"}}],"x-after":null}
    "#);
    let tags: Vec<String> = layout.tags().unwrap().into_iter().map(|(tag, _)| tag).collect();
    assert_eq!(tags, ["c", "t"]);
}

#[test]
fn referrers_are_found_by_their_subject_and_under_the_fallback_tag() {
    let (_dir, layout) = layout();
    let image = Sample::small("a");
    image.tag(&layout, Some("1"));
    let (own, listed, other) = (
        Sample::about(&image.manifest, "application/x.sbom"),
        Sample::about(&image.manifest, "application/x.listed"),
        Sample::about(&Sample::small("b").manifest, "application/x.other"),
    );
    own.tag(&layout, None);
    other.tag(&layout, None);
    listed.store(&layout);
    let fallback = index_of(&[&listed.manifest, &own.manifest]);
    layout.put_manifest(&fallback).unwrap();
    layout.tag(&fallback.descriptor(), Some(&image.manifest.digest().as_str().replace(':', "-"))).unwrap();
    let mut found = layout.referrers(image.manifest.digest()).unwrap();
    found.sort_by_key(|descriptor| descriptor.artifact_type.is_none());
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].digest, *own.manifest.digest());
    assert_eq!(found[0].artifact_type.as_ref().unwrap().as_str(), "application/x.sbom");
    assert_eq!(found[0].annotations["made"], "by us");
    assert_eq!(found[1], listed.manifest.descriptor());
    assert_eq!(layout.referrers(own.manifest.digest()).unwrap(), []);
}

#[test]
fn a_blob_is_whole_or_absent() {
    let (dir, layout) = layout();
    let descriptor = Descriptor::of(MediaType::OCTET_STREAM, b"content");
    let before = tree(layout.dir());
    let write = |content: &[u8], commit: bool| {
        let mut writer = layout.blob_writer(&descriptor).unwrap();
        writer.take(content)?;
        if commit { writer.commit() } else { Ok(()) }
    };
    write(b"conte", false).unwrap();
    let all = [
        said(&dir, write(b"conte", true)),
        said(&dir, write(b"CONTENT", true)),
        said(&dir, write(b"content and more", true)),
        said(&dir, layout.tag(&descriptor, Some("t"))),
        said(&dir, layout.tag(&descriptor, Some(""))),
        said(&dir, layout.open_blob(&descriptor)),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    bad-input: the blob sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73 of the layout /tmp/images/a should have 7 bytes, and ends after 5
    bad-input: the blob sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73 of the layout /tmp/images/a should be sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73, and is sha256:65f23e22a9bfedda96929b3cfcb8b6d2fdd34a2e877ddb81f45d79ab05710e12
      hint: what is stored there is damaged or was changed: push it again
    bad-input: the blob sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73 of the layout /tmp/images/a is larger than the 7 bytes it should have
    internal: cannot tag sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73 in /tmp/images/a: it is not stored there
    bad-input: "" cannot be a tag in a layout
    not-found: the blob sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73 of the layout /tmp/images/a is missing
      hint: the copy to it did not end, or left this out: copy the image there again
    "#);
    assert_eq!(tree(layout.dir()), before, "no trace");
    assert!(!layout.has_blob(&descriptor).unwrap());
    // The second of two is as good as the first.
    let (mut first, mut second) = (layout.blob_writer(&descriptor).unwrap(), layout.blob_writer(&descriptor).unwrap());
    first.write_all(b"con").unwrap();
    second.write_all(b"content").unwrap();
    second.commit().unwrap();
    first.write_all(b"tent").unwrap();
    first.commit().unwrap();
    assert!(layout.has_blob(&descriptor).unwrap());
    assert_eq!(tree(layout.dir()).len(), before.len() + 1);
}

#[test]
fn damaged_blobs_are_told_and_replaced() {
    let (dir, layout) = layout();
    let sample = Sample::small("a");
    sample.tag(&layout, Some("1"));
    let (descriptor, content) = &sample.blobs[0];
    let read = || layout.open_blob(descriptor)?.into_bytes();
    let path = blob_path(&layout, &descriptor.digest);
    fs::write(&path, &content[1..]).unwrap();
    assert!(!layout.has_blob(descriptor).unwrap());
    let short = said(&dir, read());
    let mut flipped = content.clone();
    flipped[7] ^= 1;
    fs::write(&path, flipped).unwrap();
    let flipped = said(&dir, read());
    fs::write(blob_path(&layout, sample.manifest.digest()), "{}").unwrap();
    let manifest = said(&dir, layout.resolve(Some("1"), None));
    fs::remove_file(blob_path(&layout, sample.manifest.digest())).unwrap();
    let missing = said(&dir, layout.resolve(Some("1"), None));
    insta::assert_snapshot!([short, flipped, manifest, missing].join("\n"), @"
    bad-input: the blob sha256:fa4cffbc7e8f161f4b9850ca06058be2b86a8f77fbf25d840c59d4335d10afe2 of the layout /tmp/images/a should have 95 bytes, and has 94
      hint: it is damaged: copy the image there again
    bad-input: the blob sha256:fa4cffbc7e8f161f4b9850ca06058be2b86a8f77fbf25d840c59d4335d10afe2 of the layout /tmp/images/a should be sha256:fa4cffbc7e8f161f4b9850ca06058be2b86a8f77fbf25d840c59d4335d10afe2, and is sha256:cfadd40ff24f534862ff0e175d65528a4c531220657112faa1ff5303f393433b
      hint: what is stored there is damaged or was changed: push it again
    bad-input: the blob sha256:d0838de649c20dc8e0bfb461c46faad9af0d19215bf2f369a4c0b329b5a9328e of the layout /tmp/images/a should have 400 bytes, and has 2
      hint: it is damaged: copy the image there again
    not-found: the blob sha256:d0838de649c20dc8e0bfb461c46faad9af0d19215bf2f369a4c0b329b5a9328e of the layout /tmp/images/a is missing
      hint: the copy to it did not end, or left this out: copy the image there again
    ");
    sample.store(&layout);
    assert_eq!(layout.resolve(Some("1"), None).unwrap(), sample.manifest);
    assert_eq!(read().unwrap(), *content);
    // A manifest of the right size and with another content is mended too.
    fs::write(blob_path(&layout, sample.manifest.digest()), vec![b' '; sample.manifest.bytes().len()]).unwrap();
    layout.put_manifest(&sample.manifest).unwrap();
    assert_eq!(layout.resolve(Some("1"), None).unwrap(), sample.manifest);
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_is_being_written_is_not() {
    let (_dir, layout) = layout();
    let descriptor = Descriptor::of(MediaType::OCTET_STREAM, b"content");
    let mut living = layout.blob_writer(&descriptor).unwrap();
    let leftover = layout.dir().join("blobs/sha256/.stepwright-killed");
    fs::write(&leftover, "half").unwrap();
    Layout::create(layout.dir()).unwrap();
    assert!(!leftover.exists());
    living.write_all(b"content").unwrap();
    living.commit().unwrap();
    // A process that was killed while it made the layout.
    fs::remove_file(layout.dir().join(INDEX)).unwrap();
    assert_eq!(layout.tags().unwrap(), []);
    Layout::create(layout.dir()).unwrap();
    let fresh = layout.dir().with_file_name("fresh");
    fs::create_dir(&fresh).unwrap();
    fs::write(fresh.join(".stepwright-killed"), "").unwrap();
    Layout::create(&fresh).unwrap();
}

#[test]
fn many_write_at_once() {
    let (_dir, layout) = layout();
    let names: Vec<String> = (0..24).map(|number| format!("image-{number}")).collect();
    std::thread::scope(|scope| {
        for part in names.chunks(6) {
            // Each a handle of its own, as processes have.
            let layout = Layout::create(layout.dir()).unwrap();
            scope.spawn(move || {
                for name in part {
                    Sample::small(name).tag(&layout, Some(name));
                    Sample::small("shared").tag(&layout, Some("shared"));
                }
            });
        }
    });
    assert_eq!(layout.tags().unwrap().len(), names.len() + 1);
    for name in names {
        assert_eq!(layout.resolve(Some(&name), None).unwrap(), Sample::small(&name).manifest);
    }
}

#[test]
fn what_is_no_layout() {
    let (dir, good) = layout();
    Sample::small("a").tag(&good, Some("1"));
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("empty")).unwrap();
    fs::write(at("file"), "").unwrap();
    fs::create_dir(at("strange")).unwrap();
    fs::write(at("strange/README"), "").unwrap();
    // A layout with one file that is something else.
    let with = |name: &str, file: &str, content: &[u8]| {
        let layout = Layout::create(&at(name)).unwrap();
        fs::write(layout.dir().join(file), content).unwrap();
        layout.dir().to_owned()
    };
    let version = with("version", MARK, br#"{"imageLayoutVersion": "2.0.0"}"#);
    let mark = with("mark", MARK, b"{}");
    let index = with("index", INDEX, br#"{"manifests": [{"mediaType": "a", "digest": "sha256:0", "size": 1}]}"#);
    let text = with("text", INDEX, b"<html>");
    let kind = with(
        "kind",
        INDEX,
        format!(r#"{{"manifests": [{{"mediaType": "text/plain", "digest": "{}", "size": 1}}]}}"#, Digest::of(b"")).as_bytes(),
    );
    let huge = with("huge", INDEX, b"");
    fs::File::options().write(true).open(huge.join(INDEX)).unwrap().set_len(100 << 20).unwrap();
    let pipe = with("pipe", INDEX, b"");
    fs::remove_file(pipe.join(INDEX)).unwrap();
    fifo(&pipe.join(INDEX));
    let any = |dir: &Path| Layout::open(dir)?.resolve(None, None);
    let all = [
        said(&dir, any(&at("missing"))),
        said(&dir, any(&at("empty"))),
        said(&dir, any(&at("file"))),
        said(&dir, any(&version)),
        said(&dir, any(&mark)),
        said(&dir, any(&index)),
        said(&dir, any(&text)),
        said(&dir, any(&kind)),
        said(&dir, any(&huge)),
        said(&dir, any(&pipe)),
        said(&dir, Layout::create(&at("strange"))),
        said(&dir, Layout::create(&at("file"))),
        said(&dir, Layout::create(&at("file/below"))),
        said(&dir, Layout::create(&version)),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    not-found: cannot open the layout /tmp/missing: No such file or directory (os error 2)
    bad-input: /tmp/empty is not an OCI layout: it has no file oci-layout
      hint: give the directory that an image was copied to
    bad-input: /tmp/file is not an OCI layout but a file
      hint: a layout is a directory; a file that `docker save` made is docker-archive:PATH
    bad-input: the layout /tmp/version has version "2.0.0", and only 1.0.0 is supported
    bad-input: /tmp/mark/oci-layout is malformed: missing field `imageLayoutVersion` at line 1 column 2
    bad-input: /tmp/index/index.json is malformed: manifests[0]: not a digest: sha256: has 64 digits
    bad-input: /tmp/text/index.json is malformed: expected value at line 1 column 1
    bad-input: oci:/tmp/kind is no image and no index but text/plain
    bad-input: /tmp/huge/index.json is larger than 16777216 bytes
    bad-input: /tmp/pipe/index.json is not a regular file
    bad-input: /tmp/strange is not an OCI layout, and not empty
      hint: choose another directory: this one holds README
    bad-input: cannot make the layout /tmp/file: there is a file of that name
    bad-input: cannot make the layout /tmp/file/below: Not a directory (os error 20)
    bad-input: the layout /tmp/version has version "2.0.0", and only 1.0.0 is supported
    "#);
    Layout::create(&at("empty")).unwrap();
}

#[test]
fn links_that_lead_out_are_not_followed() {
    let (dir, layout) = layout();
    let sample = Sample::small("a");
    sample.tag(&layout, Some("1"));
    let (descriptor, content) = &sample.blobs[0];
    let secret = dir.path().join("secret");
    fs::write(&secret, content).unwrap();
    let path = blob_path(&layout, &descriptor.digest);
    fs::remove_file(&path).unwrap();
    symlink(&secret, &path).unwrap();
    let blob = said(&dir, layout.open_blob(descriptor)).replace(descriptor.digest.hex(), "HEX");
    fs::remove_file(&path).unwrap();
    fifo(&path);
    let pipe = said(&dir, layout.open_blob(descriptor)).replace(descriptor.digest.hex(), "HEX");
    // Within the layout a link is as good as a file.
    fs::remove_file(&path).unwrap();
    fs::write(layout.dir().join("blobs/elsewhere"), content).unwrap();
    symlink("../elsewhere", &path).unwrap();
    layout.open_blob(descriptor).unwrap().into_bytes().unwrap();
    // And nothing is written through one.
    let other = Layout::create(&dir.path().join("other")).unwrap();
    fs::create_dir(dir.path().join("target")).unwrap();
    symlink(dir.path().join("target"), other.dir().join("blobs/sha256")).unwrap();
    let written = said(&dir, other.blob_writer(descriptor));
    assert_eq!(tree(&dir.path().join("target")), []);
    insta::assert_snapshot!([blob, pipe, written].join("\n"), @"
    bad-input: /tmp/images/a/blobs/sha256/HEX leads out of /tmp/images/a (to /tmp/secret)
      hint: remove the symbolic link, or copy what it points to into the tree
    bad-input: /tmp/images/a/blobs/sha256/HEX is not a regular file
    bad-input: /tmp/other/blobs/sha256 leads out of /tmp/other (to /tmp/target)
      hint: remove the symbolic link, or copy what it points to into the tree
    ");
}

#[test]
fn skopeo_reads_ours_and_we_read_skopeos() {
    let (dir, layout) = layout();
    let sample = Sample::new(&[(Packing::Gzip, layer("a")), (Packing::Plain, layer("b"))]);
    sample.tag(&layout, Some("1.0"));
    Sample::small("other").tag(&layout, Some("2.0"));
    let ours = format!("oci:{}:1.0", layout.dir().display());
    assert_eq!(inspect(dir.path(), &ours), sample.manifest.content().unwrap());
    let inspected: Value = serde_json::from_str(&skopeo(dir.path(), &["inspect", &ours])).unwrap();
    assert_eq!(inspected["Labels"], json!({"a": "b"}));
    let theirs = dir.path().join("theirs");
    skopeo(dir.path(), &["copy", "-q", &ours, &format!("oci:{}:x", theirs.display())]);
    let theirs = Layout::open(&theirs).unwrap();
    let manifest = theirs.resolve(Some("x"), None).unwrap();
    assert_eq!(manifest.image().unwrap().layers[0].digest, sample.blobs[0].0.digest);
    for blob in manifest.image().unwrap().blobs() {
        theirs.open_blob(blob).unwrap().into_bytes().unwrap();
    }
    // Into the layout that skopeo made, and skopeo into ours.
    Sample::small("new").tag(&theirs, Some("new"));
    inspect(dir.path(), &format!("oci:{}:x", theirs.dir().display()));
    inspect(dir.path(), &format!("oci:{}:new", theirs.dir().display()));
    skopeo(dir.path(), &["copy", "-q", &ours, &format!("oci:{}:again", layout.dir().display())]);
    let tags: Vec<String> = layout.tags().unwrap().into_iter().map(|(tag, _)| tag).collect();
    assert_eq!(tags, ["1.0", "2.0", "again"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is copied, in whatever order: all of it can be read, and the files are the same to the byte.
    #[test]
    fn the_order_of_copies_does_not_show(
        copies in proptest::collection::btree_map("[a-c]{1,2}", 0usize..4, 1..6),
        untagged in proptest::collection::vec(0usize..4, 0..3),
        shuffle in any::<u64>(),
    ) {
        let samples: Vec<Sample> = ["a", "b", "c", "d"].into_iter().map(Sample::small).collect();
        let mut jobs: Vec<(Option<&str>, usize)> = copies.iter().map(|(tag, image)| (Some(tag.as_str()), *image)).collect();
        jobs.extend(untagged.iter().map(|image| (None, *image)));
        let write = |jobs: &[(Option<&str>, usize)]| {
            let (dir, layout) = layout();
            for (tag, image) in jobs {
                samples[*image].tag(&layout, *tag);
            }
            (tree(layout.dir()), dir, layout)
        };
        let (first, _dir, layout) = write(&jobs);
        for (tag, image) in &copies {
            prop_assert_eq!(&layout.resolve(Some(tag), None).unwrap(), &samples[*image].manifest);
        }
        let mut random = shuffle;
        for place in (1..jobs.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            jobs.swap(place, usize::try_from(random >> 33).unwrap() % (place + 1));
        }
        prop_assert_eq!(first, write(&jobs).0);
    }
}
