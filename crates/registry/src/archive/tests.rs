use std::fs;
use std::io::Write;
use std::process::Command;

use proptest::prelude::*;
use serde_json::{Value, json};
use tar::EntryType;
use tempfile::TempDir;

use super::unpack::unpacked;
use super::*;
use crate::layout::samples::{Packing, Sample, gzip, index_of, inspect, layer, skopeo, tar_of, tree, zstd};
use crate::{Layout, MediaType};

/// What an error says, with its kind and hint, without the directory's name.
fn said<T>(dir: &TempDir, result: Result<T>) -> String {
    let Err(error) = result else { return "fine".to_owned() };
    let hint = error.hint_text().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    format!("{}: {error}{hint}", error.kind().name()).replace(dir.path().to_str().unwrap(), "/tmp")
}

/// Writes the images with these names.
fn write(path: &Path, images: &[(Option<&str>, &Sample)]) -> Result<()> {
    let mut writer = ArchiveWriter::create(path)?;
    for (name, sample) in images {
        writer.image(&sample.manifest, *name, |blob| Ok(sample.open(blob)))?;
    }
    writer.finish()
}

/// The layers that an archive gives for an image, as it gives them.
fn layers(archive: &Archive, manifest: &Manifest) -> Vec<Vec<u8>> {
    let image = manifest.image().unwrap();
    assert!(image.blobs().all(|blob| archive.has_blob(blob).unwrap()));
    archive.open_blob(&image.config).unwrap().into_bytes().unwrap();
    image.layers.iter().map(|layer| archive.open_blob(layer).unwrap().into_bytes().unwrap()).collect()
}

fn names(tar: &Path) -> Vec<String> {
    let mut archive = tar::Archive::new(File::open(tar).unwrap());
    archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
}

/// A `manifest.json` of one image.
fn saved(name: &str, config: &str, layers: &[&str]) -> Vec<u8> {
    json!([{"Config": config, "RepoTags": [name], "Layers": layers}]).to_string().into_bytes()
}

fn config_of(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}).to_string().into_bytes()
}

#[test]
fn what_is_written_can_be_read_and_is_the_same_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let (path, again) = (dir.path().join("a.tar"), dir.path().join("again.tar"));
    let (mixed, small) = (Sample::mixed(), Sample::small("a"));
    let images = [(Some("busybox:1"), &mixed), (Some("localhost:5000/a/b"), &small), (None, &small)];
    write(&path, &images).unwrap();
    write(&again, &images).unwrap();
    assert!(fs::read(&path).unwrap() == fs::read(&again).unwrap());
    // The layer that both have is there once.
    let mut written = names(&path).join("\n");
    for (name, text) in [("A", "a"), ("B", "b"), ("C", "c")] {
        written = written.replace(Digest::of(&layer(text)).hex(), name);
    }
    written = written.replace(mixed.blobs.last().unwrap().0.digest.hex(), "MIXED");
    written = written.replace(small.blobs.last().unwrap().0.digest.hex(), "SMALL");
    insta::assert_snapshot!(written, @"
    A.tar
    B.tar
    C.tar
    MIXED.json
    SMALL.json
    manifest.json
    ");
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.references(), ["docker.io/library/busybox:1", "localhost:5000/a/b:latest"]);
    for name in ["busybox:1", "docker.io/busybox:1", "index.docker.io/library/busybox:1"] {
        let manifest = archive.resolve(Some(name)).unwrap();
        assert_eq!(layers(&archive, &manifest), mixed.layers, "{name}");
        assert_eq!(archive.manifest(manifest.digest(), name).unwrap(), manifest);
    }
    assert_eq!(layers(&archive, &archive.resolve(Some("localhost:5000/a/b:latest")).unwrap()), small.layers);
    // In place of what was there, and with nothing beside it.
    write(&path, &images[1..]).unwrap();
    let archive = Archive::open(&path).unwrap();
    assert_eq!(layers(&archive, &archive.resolve(None).unwrap()), small.layers);
    assert_eq!(tree(dir.path()).len(), 2);
}

#[test]
fn skopeo_reads_ours() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar");
    let sample = Sample::mixed();
    write(&path, &[(Some("quay.io/a/b:1"), &sample)]).unwrap();
    let ours = format!("docker-archive:{}:quay.io/a/b:1", path.display());
    let inspected: Value = serde_json::from_str(&skopeo(dir.path(), &["inspect", &ours])).unwrap();
    assert_eq!(inspected["Labels"], json!({"a": "b"}));
    let theirs = dir.path().join("theirs");
    skopeo(dir.path(), &["copy", "-q", &ours, &format!("oci:{}:x", theirs.display())]);
    let theirs = Layout::open(&theirs).unwrap();
    let manifest = theirs.resolve(Some("x"), None).unwrap();
    for (layer, expected) in manifest.image().unwrap().layers.iter().zip(&sample.layers) {
        let mut read = Vec::new();
        unpacked(theirs.open_blob(layer).unwrap()).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, *expected);
    }
}

#[test]
fn we_read_skopeos() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::create(&dir.path().join("layout")).unwrap();
    // skopeo 1.9 does not write a layer twice into one archive without a link, which is the better test.
    let sample = Sample::new(&[(Packing::Gzip, layer("a")), (Packing::Plain, layer("b")), (Packing::Gzip, layer("a"))]);
    sample.tag(&layout, Some("1"));
    let ours = format!("oci:{}:1", layout.dir().display());
    let docker = dir.path().join("docker.tar");
    skopeo(dir.path(), &["copy", "-q", &ours, &format!("docker-archive:{}:quay.io/a/b:1", docker.display())]);
    let archive = Archive::open(&docker).unwrap();
    assert_eq!(archive.references(), ["quay.io/a/b:1"]);
    assert_eq!(layers(&archive, &archive.resolve(Some("quay.io/a/b:1")).unwrap()), sample.layers);
    let oci = dir.path().join("oci.tar");
    skopeo(dir.path(), &["copy", "-q", &ours, &format!("oci-archive:{}:quay.io/a/b:1", oci.display())]);
    let archive = Archive::open(&oci).unwrap();
    let manifest = archive.resolve(Some("quay.io/a/b:1")).unwrap();
    assert_eq!(manifest, archive.resolve(None).unwrap());
    assert_eq!(manifest, archive.manifest(manifest.digest(), "it").unwrap());
    // As the layout has it: not unpacked.
    assert_eq!(layers(&archive, &manifest)[0], sample.blobs[0].1);
    assert_eq!(inspect(dir.path(), &format!("oci-archive:{}", oci.display())), manifest.content().unwrap());
}

/// What old Dockers write: a directory for each layer, and links where layers are the same.
#[test]
fn links_long_names_and_extended_headers_lead_to_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.tar");
    let (a, b) = (layer("a"), gzip(&layer("b")));
    let long = "d/".repeat(90) + "layer.tar";
    let config = config_of(&[&a, &layer("b"), &a, &a, &a]);
    let mut builder = tar::Builder::new(File::create(&path).unwrap());
    let mut header = |kind, size: usize| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size as u64);
        header
    };
    let directory = header(EntryType::Directory, 0);
    builder.append_data(&mut directory.clone(), "one/", &[][..]).unwrap();
    builder.append_data(&mut header(EntryType::Regular, a.len()), "./one/layer.tar", &a[..]).unwrap();
    builder.append_data(&mut header(EntryType::Regular, b.len()), &long, &b[..]).unwrap();
    builder.append_link(&mut header(EntryType::Symlink, 0), "two/layer.tar", "../one/layer.tar").unwrap();
    builder.append_link(&mut header(EntryType::Link, 0), "three/layer.tar", "one/layer.tar").unwrap();
    builder.append_pax_extensions([("path", "four/layer.tar".as_bytes()), ("linkpath", "../two/layer.tar".as_bytes())]).unwrap();
    builder.append_link(&mut header(EntryType::Symlink, 0), "short", "nowhere").unwrap();
    builder.append_data(&mut header(EntryType::Regular, config.len()), "config.json", &config[..]).unwrap();
    let manifest = saved("a:1", "config.json", &["one/layer.tar", &long, "two/layer.tar", "three/layer.tar", "four/layer.tar"]);
    builder.append_data(&mut header(EntryType::Regular, manifest.len()), "manifest.json", &manifest[..]).unwrap();
    builder.finish().unwrap();
    let archive = Archive::open(&path).unwrap();
    let manifest = archive.resolve(None).unwrap();
    assert_eq!(layers(&archive, &manifest), [&a, &b, &a, &a, &a].map(Clone::clone));
    let types: Vec<&str> = manifest.image().unwrap().layers.iter().map(|layer| layer.media_type.as_str()).collect();
    assert_eq!(types[..2], [MediaType::OCI_LAYER.as_str(), MediaType::OCI_LAYER_GZIP.as_str()]);
}

/// What new Dockers write: both forms in one, where the layout says more.
#[test]
fn a_layout_in_the_tar_is_preferred() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.tar");
    let (one, two) = (Sample::mixed(), Sample::small("b"));
    let both = index_of(&[&one.manifest, &two.manifest]);
    let mut entries = json!([both.descriptor(), two.manifest.descriptor()]);
    entries[0]["annotations"] = json!({IMAGE_NAME: "docker.io/library/both:1.0", REF_NAME: "1.0"});
    entries[1]["annotations"] = json!({REF_NAME: "docker.io/library/two:latest"});
    let index = json!({"schemaVersion": 2, "manifests": entries}).to_string();
    let blob = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let mut files: Vec<(String, Vec<u8>)> =
        vec![("index.json".into(), index.into_bytes()), ("manifest.json".into(), b"[]".to_vec())];
    for manifest in [&both, &one.manifest, &two.manifest] {
        files.push((blob(manifest.digest()), manifest.bytes().to_vec()));
    }
    // The platform `two` was not pulled with its layer.
    let mut blobs = one.blobs.clone();
    blobs.dedup_by(|a, b| a.0.digest == b.0.digest);
    blobs.sort_by(|a, b| a.0.digest.cmp(&b.0.digest));
    blobs.dedup_by(|a, b| a.0.digest == b.0.digest);
    files.extend(blobs.into_iter().map(|(descriptor, content)| (blob(&descriptor.digest), content)));
    let borrowed: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    fs::write(&path, tar_of(&borrowed)).unwrap();
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.references(), ["docker.io/library/both:1.0", "docker.io/library/two:latest"]);
    assert_eq!(archive.resolve(Some("both:1.0")).unwrap(), both);
    assert_eq!(archive.resolve(Some("two")).unwrap(), two.manifest);
    assert_eq!(archive.manifest(one.manifest.digest(), "it").unwrap(), one.manifest);
    assert_eq!(layers(&archive, &one.manifest)[2], one.blobs[2].1);
    let absent = &two.blobs[1].0;
    assert!(!archive.has_blob(absent).unwrap());
    let all = [
        said(&dir, archive.open_blob(absent)),
        said(&dir, archive.manifest(&absent.digest, "docker-archive:new.tar:both:1.0 (linux/arm64)")),
        said(&dir, archive.resolve(None)),
        said(&dir, archive.resolve(Some("three"))),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    not-found: the blob sha256:20c3c35b2c7de01da487a81b537c773d9dadfe382545e2045b14824173ce57a9 of the archive /tmp/new.tar is missing
      hint: save the image again, with all its platforms
    not-found: docker-archive:new.tar:both:1.0 (linux/arm64) is incomplete: the archive /tmp/new.tar has no manifest sha256:20c3c35b2c7de01da487a81b537c773d9dadfe382545e2045b14824173ce57a9
      hint: save the image again, with all its platforms
    bad-input: docker-archive:/tmp/new.tar holds several images, and none is named
      hint: it has docker.io/library/both:1.0, docker.io/library/two:latest
    not-found: docker-archive:/tmp/new.tar has no image three
      hint: it has docker.io/library/both:1.0, docker.io/library/two:latest
    ");
}

#[test]
fn what_is_no_archive() {
    let dir = tempfile::tempdir().unwrap();
    let layer = layer("a");
    let config = config_of(&[&layer]);
    let good = saved("a:1", "config.json", &["a.tar"]);
    let at = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let any = |path: &Path| {
        let archive = Archive::open(path)?;
        let manifest = archive.resolve(None)?;
        for blob in manifest.image().unwrap().blobs() {
            archive.open_blob(blob)?.into_bytes()?;
        }
        Ok(())
    };
    let holds = |name: &str, files: &[(&str, &[u8])]| said(&dir, any(&at(name, &tar_of(files))));
    let whole: [(&str, &[u8]); 3] = [("a.tar", &layer), ("config.json", &config), ("manifest.json", &good)];
    let tar = tar_of(&whole);
    assert_eq!(holds("good.tar", &whole), "fine");
    let mut flipped = tar.clone();
    flipped[600] ^= 1;
    let mut header = tar.clone();
    header[512 + layer.len() + 8] ^= 1;
    let mut huge = tar.clone();
    huge[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let mut header_of_huge = tar::Header::from_byte_slice(&huge[..512]).clone();
    header_of_huge.set_cksum();
    huge[..512].copy_from_slice(header_of_huge.as_bytes());
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let named = format!("{}.json", Digest::of(b"another").hex());
    let all = [
        said(&dir, any(&dir.path().join("missing.tar"))),
        said(&dir, any(dir.path())),
        said(&dir, any(&pipe)),
        said(&dir, any(&at("empty.tar", b""))),
        said(&dir, any(&at("text.tar", b"hello"))),
        said(&dir, any(&at("noise.tar", &[b'x'; 2048]))),
        said(&dir, any(&at("a.tar.gz", &gzip(&tar)))),
        said(&dir, any(&at("a.tar.zst", &zstd(&tar)))),
        said(&dir, any(&at("cut.tar", &tar[..700]))),
        said(&dir, any(&at("flipped.tar", &flipped))),
        said(&dir, any(&at("header.tar", &header))),
        said(&dir, any(&at("huge.tar", &huge))),
        holds("nothing.tar", &[("README", b"")]),
        holds("malformed.tar", &[("manifest.json", b"{}")]),
        holds("none.tar", &[("manifest.json", b"[]")]),
        holds("config.tar", &[("manifest.json", &good)]),
        holds("layer.tar", &[("config.json", &config), ("manifest.json", &good)]),
        holds("twice.tar", &[whole[0], whole[0], whole[1], whole[2]]),
        holds("more.tar", &[whole[0], whole[1], ("manifest.json", &saved("a:1", "config.json", &["a.tar", "a.tar"]))]),
        holds("id.tar", &[whole[0], (&named, &config), ("manifest.json", &saved("a:1", &named, &["a.tar"]))]),
        holds("diff.tar", &[whole[0], ("config.json", br#"{"rootfs": {"diff_ids": ["x"]}}"#), whole[2]]),
        holds("out.tar", &[whole[0], whole[1], ("manifest.json", &saved("a:1", "../../etc/passwd", &["/etc/passwd"]))]),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    not-found: cannot open the archive /tmp/missing.tar: No such file or directory (os error 2)
    bad-input: /tmp is a directory and no archive
      hint: a layout is oci:DIR
    bad-input: /tmp/pipe is not a regular file
      hint: write the archive to a file first
    bad-input: /tmp/empty.tar is empty
      hint: save the image again: writing it did not end
    bad-input: /tmp/text.tar is not a tar
      hint: `docker save`, `podman save` and `skopeo copy … docker-archive:PATH` make archives of images
    bad-input: /tmp/noise.tar is not a tar
      hint: `docker save`, `podman save` and `skopeo copy … docker-archive:PATH` make archives of images
    bad-input: /tmp/a.tar.gz is compressed with gzip
      hint: unpack it first: gunzip FILE
    bad-input: /tmp/a.tar.zst is compressed with zstd
      hint: unpack it first: unzstd FILE
    bad-input: the archive /tmp/cut.tar is damaged: it is cut short, or a size is wrong at byte 0
      hint: save the image again: writing it did not end
    bad-input: the blob sha256:0afe53dfae2e5afe992c8927d77ce75171930b88bc8bb5a16b73cf98aa3cd25f of the archive /tmp/flipped.tar should be sha256:0afe53dfae2e5afe992c8927d77ce75171930b88bc8bb5a16b73cf98aa3cd25f, and is sha256:c336ca7c1bf79dbed9038d311e181d3024d88f52d73fef276e7a5a7b39d2af2f
      hint: what is stored there is damaged or was changed: push it again
    bad-input: the archive /tmp/header.tar is damaged: there is no header at byte 3072
    bad-input: the archive /tmp/huge.tar is damaged: it is cut short, or a size is wrong at byte 0
      hint: save the image again: writing it did not end
    bad-input: the archive /tmp/nothing.tar holds no images: it has neither manifest.json nor index.json
      hint: `docker save`, `podman save` and `skopeo copy … docker-archive:PATH` make archives of images
    bad-input: manifest.json of the archive /tmp/malformed.tar is malformed: invalid type: map, expected a sequence at line 1 column 0
    not-found: docker-archive:/tmp/none.tar holds no image
    bad-input: docker-archive:/tmp/config.tar:a:1 is incomplete: its manifest.json names "config.json", which is not there
      hint: save the image again
    bad-input: docker-archive:/tmp/layer.tar:a:1 is incomplete: its manifest.json names "a.tar", which is not there
      hint: save the image again
    bad-input: the archive /tmp/twice.tar holds a.tar more than once
      hint: save the image again
    bad-input: docker-archive:/tmp/more.tar:a:1 has 2 layers, and its configuration says that it has 1
    bad-input: the configuration of docker-archive:/tmp/id.tar:a:1 should be sha256:ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5, and is sha256:5fd4cee4df06ca6672dda076f6451f0b8076c2d788510fbd96c7576b8eba3c2d
      hint: what is stored there is damaged or was changed: push it again
    bad-input: the configuration of docker-archive:/tmp/diff.tar:a:1 is malformed: not a digest: a digest is sha256:HEX at line 1 column 29
    bad-input: docker-archive:/tmp/out.tar:a:1 is incomplete: its manifest.json names "../../etc/passwd", which is not there
      hint: save the image again
    "#);
}

#[test]
fn names_that_lead_nowhere_and_names_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("loop.tar");
    let mut builder = tar::Builder::new(File::create(&path).unwrap());
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(EntryType::Symlink);
    link.set_size(0);
    builder.append_link(&mut link, "manifest.json", "manifest.json").unwrap();
    builder.finish().unwrap();
    let looped = said(&dir, Archive::open(&path));
    let out = dir.path().join("out.tar");
    let mut builder = tar::Builder::new(File::create(&out).unwrap());
    builder.append_link(&mut link, "manifest.json", "../../../etc/passwd").unwrap();
    builder.finish().unwrap();
    let out = said(&dir, Archive::open(&out));
    // One name of 64 KB after the other.
    let path = dir.path().join("many.tar");
    let mut file = std::io::BufWriter::new(File::create(&path).unwrap());
    let mut one = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    one.append_data(&mut header, "n".repeat(60_000), &[][..]).unwrap();
    let one = one.into_inner().unwrap();
    for _ in 0..600 {
        file.write_all(&one[..one.len() - 1024]).unwrap();
    }
    drop(file);
    let many = said(&dir, Archive::open(&path));
    let mut one = tar::Builder::new(Vec::new());
    one.append_data(&mut header, "n".repeat(70_000), &[][..]).unwrap();
    fs::write(&path, one.into_inner().unwrap()).unwrap();
    let long = said(&dir, Archive::open(&path));
    insta::assert_snapshot!([looped, out, many, long].join("\n"), @"
    bad-input: the link manifest.json of the archive /tmp/loop.tar leads to itself
    bad-input: the archive /tmp/out.tar holds no images: it has neither manifest.json nor index.json
      hint: `docker save`, `podman save` and `skopeo copy … docker-archive:PATH` make archives of images
    bad-input: the archive /tmp/many.tar has too many files for one of images
    bad-input: the archive /tmp/many.tar is damaged: a name is too long at byte 0
    ");
}

#[test]
fn which_image_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar");
    let (a, b) = (Sample::small("a"), Sample::small("b"));
    write(&path, &[(Some("a:1"), &a), (Some("b:1"), &b), (Some("c:1"), &a), (Some("c:1"), &b)]).unwrap();
    let archive = Archive::open(&path).unwrap();
    let unnamed = dir.path().join("unnamed.tar");
    write(&unnamed, &[(None, &a), (None, &b)]).unwrap();
    let unnamed = Archive::open(&unnamed).unwrap();
    let all = [
        said(&dir, archive.resolve(None)),
        said(&dir, archive.resolve(Some("d"))),
        said(&dir, archive.resolve(Some("c:1"))),
        said(&dir, unnamed.resolve(None)),
        said(&dir, unnamed.resolve(Some("a:1"))),
        said(&dir, archive.open_blob(&Sample::small("z").blobs[0].0)),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    bad-input: docker-archive:/tmp/a.tar holds several images, and none is named
      hint: it has docker.io/library/a:1, docker.io/library/b:1, docker.io/library/c:1
    not-found: docker-archive:/tmp/a.tar has no image d
      hint: it has docker.io/library/a:1, docker.io/library/b:1, docker.io/library/c:1
    bad-input: docker-archive:/tmp/a.tar has several images named c:1
      hint: save it again, with one image of each name
    bad-input: docker-archive:/tmp/unnamed.tar holds several images, and none is named
      hint: none of its images has a name: leave the name out, or save one image only
    not-found: docker-archive:/tmp/unnamed.tar has no image a:1
      hint: none of its images has a name: leave the name out, or save one image only
    not-found: the blob sha256:08d6a5ccdcc35ab9fee2b75541795147f988cd7b3c45c53df9ef4b64260efe0e of the archive /tmp/a.tar is missing
      hint: save the image again, with all its platforms
    ");
}

#[test]
fn what_cannot_be_written_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::mixed();
    let path = dir.path().join("a.tar");
    let before = tree(dir.path());
    let with = |change: &dyn Fn(&Descriptor, &[u8]) -> Vec<u8>| {
        let mut writer = ArchiveWriter::create(&path)?;
        let open = |blob: &Descriptor| {
            let bytes = change(blob, sample.open(blob));
            // As a layout or a registry gives it: checked.
            Ok(Checked::new(std::io::Cursor::new(bytes), blob, format!("the blob {}", blob.digest)))
        };
        writer.image(&sample.manifest, Some("a:1"), open)?;
        writer.finish()
    };
    let of = |number: usize| sample.blobs[number].0.digest.clone();
    let flip = |number: usize| {
        let digest = of(number);
        move |blob: &Descriptor, bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            if blob.digest == digest {
                let last = bytes.len() - 3;
                bytes[last] ^= 1;
            }
            bytes
        }
    };
    let unchecked = |number: usize| {
        let mut writer = ArchiveWriter::create(&path)?;
        let open = |blob: &Descriptor| {
            let bytes = sample.open(blob);
            Ok(if blob.digest == of(number) { &bytes[..bytes.len() - 9] } else { bytes })
        };
        writer.image(&sample.manifest, Some("a:1"), open)
    };
    let liar = {
        let mut content = sample.manifest.content().unwrap();
        content["layers"][0] = content["layers"][1].clone();
        Sample { manifest: Manifest::write(&content).unwrap(), ..sample.clone() }
    };
    let short = {
        let mut content = sample.manifest.content().unwrap();
        content["layers"].as_array_mut().unwrap().pop();
        Sample { manifest: Manifest::write(&content).unwrap(), ..sample.clone() }
    };
    let index = Sample { manifest: index_of(&[&sample.manifest]), ..sample.clone() };
    let all = [
        said(&dir, with(&flip(0))),
        said(&dir, with(&flip(1))),
        said(&dir, with(&flip(2))),
        said(&dir, with(&flip(4))),
        said(&dir, unchecked(0)),
        said(&dir, unchecked(1)),
        said(&dir, write(&path, &[(Some("a:1"), &liar)])),
        said(&dir, write(&path, &[(Some("a:1"), &short)])),
        said(&dir, write(&path, &[(Some("a:1"), &index)])),
        said(&dir, write(&path, &[(None, &Sample::about(&sample.manifest, "application/x"))])),
        said(&dir, write(dir.path(), &[])),
        said(&dir, write(&dir.path().join("no/a.tar"), &[])),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    bad-input: the blob sha256:fa4cffbc7e8f161f4b9850ca06058be2b86a8f77fbf25d840c59d4335d10afe2 should be sha256:fa4cffbc7e8f161f4b9850ca06058be2b86a8f77fbf25d840c59d4335d10afe2, and is sha256:d3ae4c0df0add70a4b57b7e1dbfc8fa6d02034e6b37769ecdf9ef61bec62d8d5
      hint: what is stored there is damaged or was changed: push it again
    bad-input: the blob sha256:5cf61ed716e3b1fcd93beb518f8dd8d9967acf6812f5ea88da8b239175110568 should be sha256:5cf61ed716e3b1fcd93beb518f8dd8d9967acf6812f5ea88da8b239175110568, and is sha256:108238f2a0faef4dedb644d7303ba339a4ca52f8667282b2c0d0f3de35701009
      hint: what is stored there is damaged or was changed: push it again
    bad-input: the blob sha256:b98bf68f8413de991a8360a3e5091f93f7fecc202627546884c4ec0fa7ee42fd should be sha256:b98bf68f8413de991a8360a3e5091f93f7fecc202627546884c4ec0fa7ee42fd, and is sha256:02cd55e541acc37d0a95cb079528b7340a6a731c5f8c4c44a0e5ebe4fd67fa24
      hint: what is stored there is damaged or was changed: push it again
    bad-input: the blob sha256:104e4e41c20cf10b7f914a587c84f0987d57ca813d43776e3fedee19fe81d59b should be sha256:104e4e41c20cf10b7f914a587c84f0987d57ca813d43776e3fedee19fe81d59b, and is sha256:cae88eee82bdea26285f42825ac3cc170b0ce578785f18d7542249783401bae8
      hint: what is stored there is damaged or was changed: push it again
    bad-input: cannot unpack the layer sha256:fa4cffbc7e8f161f4b9850ca06058be2b86a8f77fbf25d840c59d4335d10afe2 of a:1: incomplete deflate stream
      hint: what is stored there is damaged or was changed: push it again
    bad-input: cannot unpack the layer sha256:5cf61ed716e3b1fcd93beb518f8dd8d9967acf6812f5ea88da8b239175110568 of a:1: Failed to parse block header: BlockContentReadError(Error { kind: UnexpectedEof, message: "failed to fill whole buffer" }): BlockContentReadError(Error { kind: UnexpectedEof, message: "failed to fill whole buffer" }): Error while reading the block content: failed to fill whole buffer: failed to fill whole buffer
      hint: what is stored there is damaged or was changed: push it again
    bad-input: the layer sha256:5cf61ed716e3b1fcd93beb518f8dd8d9967acf6812f5ea88da8b239175110568 of a:1, unpacked, should be sha256:0afe53dfae2e5afe992c8927d77ce75171930b88bc8bb5a16b73cf98aa3cd25f, and is sha256:0ccb381aa78b70b0374cb7472f78aca0bc5e5ef35643e773578fba9d9f19c4a0
      hint: what is stored there is damaged or was changed: push it again
    bad-input: a:1 has 3 layers, and its configuration says that it has 4
    bad-input: cannot write a:1 to an archive: it has several platforms
      hint: choose one of its platforms
    bad-input: cannot write sha256:e58ea8e1abbb49d9965ec8c9f8a362c596480e0eac01e01c06f1526961be407b to an archive: it is no image but application/vnd.oci.empty.v1+json
      hint: copy it to a layout: oci:DIR
    bad-input: cannot write the archive /tmp: it is there and no regular file
    not-found: cannot write the archive /tmp/no/a.tar: No such file or directory (os error 2) at path "/tmp/no/.stepwright-lVz7nU"
    "#);
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn layers_are_unpacked_to_their_end() {
    let read = |bytes: &[u8]| {
        let mut unpacked_bytes = Vec::new();
        match unpacked(bytes).and_then(|mut reader| reader.read_to_end(&mut unpacked_bytes)) {
            Ok(_) => String::from_utf8_lossy(&unpacked_bytes).into_owned(),
            Err(error) => format!("error: {error}"),
        }
    };
    let skippable = [&[0x51, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"12345"].concat();
    let cases = [
        b"".to_vec(),
        b"abc".to_vec(),
        gzip(b"abc"),
        [gzip(b"abc"), gzip(b""), gzip(b"def")].concat(),
        [zstd(b"abc"), skippable.clone(), zstd(b"def"), skippable.clone()].concat(),
        [skippable.clone(), zstd(b"abc")].concat(),
        gzip(b"abc")[..12].to_vec(),
        [gzip(b"abc"), b"more".to_vec()].concat(),
        zstd(b"abc")[..8].to_vec(),
        [zstd(b"abc"), b"more".to_vec()].concat(),
        [zstd(b"abc"), skippable[..10].to_vec()].concat(),
        // A frame that wants a window of 3 GB.
        vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xac, 0, 0, 0, 0],
    ];
    let said: Vec<String> = cases.iter().map(|case| read(case)).collect();
    insta::assert_snapshot!(said.join("\n"), @"

    abc
    abc
    abcdef
    abcdef
    abc
    error: incomplete deflate stream
    error: unexpected end of file
    error: Failed to parse/decode block body: Error while reading the block header
    error: BadMagicNumber(1701998445)
    error: unexpected end of file
    error: Specified window_size is too big; Requested: 3221225472, Max: 134217728
    ");
}

#[test]
fn names_are_completed_as_docker_does() {
    let cases = [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1", "docker.io/library/busybox:1"),
        ("a/b", "docker.io/a/b:latest"),
        ("index.docker.io/b:1", "docker.io/library/b:1"),
        ("localhost/b", "localhost/b:latest"),
        ("localhost:5000/b", "localhost:5000/b:latest"),
        ("quay.io/a/b:1", "quay.io/a/b:1"),
        ("quay.io/b@sha256:00", "quay.io/b@sha256:00"),
    ];
    for (name, whole) in cases {
        assert_eq!(whole_name(name), whole);
        assert_eq!(whole_name(whole), whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the layers are and however they are compressed: what is read is what was written, unpacked.
    #[test]
    fn write_then_read(
        layers_in in proptest::collection::vec(
            (prop_oneof![Just(Packing::Plain), Just(Packing::Gzip), Just(Packing::Zstd)], proptest::collection::vec(any::<u8>(), 0..2000)),
            0..5,
        ),
    ) {
        // A plain layer that begins as a compressed one does is no tar.
        prop_assume!(layers_in.iter().all(|(_, layer)| !layer.starts_with(&[0x1f, 0x8b]) && !layer.starts_with(&[0x28, 0xb5])));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar");
        let sample = Sample::new(&layers_in);
        write(&path, &[(Some("a:1"), &sample)]).unwrap();
        let archive = Archive::open(&path).unwrap();
        prop_assert_eq!(layers(&archive, &archive.resolve(Some("a:1")).unwrap()), sample.layers);
    }

    /// Whatever the bytes are: an answer, and no panic.
    #[test]
    fn any_bytes_are_answered(place in 0usize..4000, noise in proptest::collection::vec(any::<u8>(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar");
        write(&path, &[(Some("a:1"), &Sample::small("a"))]).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let place = place.min(bytes.len() - noise.len());
        bytes[place..place + noise.len()].copy_from_slice(&noise);
        fs::write(&path, &bytes).unwrap();
        if let Ok(archive) = Archive::open(&path) && let Ok(manifest) = archive.resolve(None) {
            for blob in manifest.image().unwrap().blobs() {
                let _ = archive.open_blob(blob).and_then(Checked::into_bytes);
            }
        }
    }
}
