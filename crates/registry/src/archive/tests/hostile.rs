//! Archives that are none, that lie, or that cannot be written.

use proptest::prelude::*;

use super::*;

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
    insta::assert_snapshot!(all.join("\n"), @"
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
    bad-input: cannot unpack the layer sha256:5cf61ed716e3b1fcd93beb518f8dd8d9967acf6812f5ea88da8b239175110568 of a:1: the zstd data is malformed or cut short
      hint: what is stored there is damaged or was changed: push it again
    bad-input: the layer sha256:5cf61ed716e3b1fcd93beb518f8dd8d9967acf6812f5ea88da8b239175110568 of a:1, unpacked, should be sha256:0afe53dfae2e5afe992c8927d77ce75171930b88bc8bb5a16b73cf98aa3cd25f, and is sha256:0ccb381aa78b70b0374cb7472f78aca0bc5e5ef35643e773578fba9d9f19c4a0
      hint: what is stored there is damaged or was changed: push it again
    bad-input: a:1 has 3 layers, and its configuration says that it has 4
    bad-input: cannot write a:1 to an archive: it has several platforms
      hint: choose one of its platforms
    bad-input: cannot write sha256:e58ea8e1abbb49d9965ec8c9f8a362c596480e0eac01e01c06f1526961be407b to an archive: it is no image but application/vnd.oci.empty.v1+json
      hint: copy it to a layout: oci:DIR
    bad-input: cannot write the archive /tmp: it is there and no regular file
    not-found: cannot write the archive /tmp/no/a.tar: there is no directory /tmp/no
    ");
    assert_eq!(tree(dir.path()), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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
