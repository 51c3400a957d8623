mod hostile;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

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
    #![proptest_config(ProptestConfig::with_cases(8))]

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
