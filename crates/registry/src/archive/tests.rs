mod hostile;

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
    let header = |kind, size: usize| {
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
}
