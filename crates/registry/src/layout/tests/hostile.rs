//! Layouts that are none, that are damaged, or that lead elsewhere.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
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
