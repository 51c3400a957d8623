//! What a registry has on its disk: looked at from behind, and changed behind its back.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use registry::{Algorithm, Descriptor, Digest, Hasher, Manifest, ManifestKind, MediaType};

use crate::registry::Registry;

/// A look through all of a registry's storage.
struct Check<'a> {
    root: &'a Path,
    faults: Vec<String>,
    /// Files whose content was read and is right.
    sound: HashSet<PathBuf>,
}

// === impl Registry ===

impl Registry {
    /// Panics unless all that is tagged is there: manifests, the manifests that they name, and their blobs, each with the
    /// right content and linked in the repository. Foreign layers may be missing.
    pub fn fsck(&self) {
        let faults = self.faults();
        assert!(faults.is_empty(), "the registry is damaged:\n{}", faults.join("\n"));
    }

    /// What [`Registry::fsck`] finds fault with.
    pub fn faults(&self) -> Vec<String> {
        let root = self.storage();
        let mut check = Check { root: &root, faults: Vec::new(), sound: HashSet::new() };
        for repository in self.repositories() {
            for (tag, digest) in self.stored_tags(&repository) {
                check.manifest(&repository, &digest, &format!("{repository}:{tag}"));
            }
        }
        check.faults
    }

    /// The repositories that it has, sorted.
    pub fn repositories(&self) -> Vec<String> {
        let root = self.storage().join("repositories");
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(dir) = open.pop() {
            for entry in list(&dir) {
                // Names of repositories cannot begin with this.
                match entry.file_name().unwrap().to_str().unwrap() {
                    "_manifests" | "_layers" | "_uploads" => {
                        found.push(dir.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
                    }
                    _ => open.push(entry),
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// How many uploads were begun, and neither finished nor cancelled. (Of a cancelled one it leaves a directory with
    /// nothing but the state of a hash.)
    pub fn uploads_left(&self) -> usize {
        let uploads = |repository: &String| {
            let uploads = list(&self.repository(repository).join("_uploads"));
            uploads.iter().filter(|upload| upload.join("startedat").exists()).count()
        };
        self.repositories().iter().map(uploads).sum()
    }

    /// How many blobs it stores, manifests among them, whatever repository they are in.
    pub fn blobs_stored(&self) -> usize {
        let blobs = self.storage().join("blobs");
        list(&blobs).iter().flat_map(|algorithm| list(algorithm)).map(|start| list(&start).len()).sum()
    }

    /// Puts a blob into `repository` behind the registry's back, at the speed of the disk.
    pub fn store_blob(&self, repository: &str, media_type: MediaType, mut content: impl Read) -> Descriptor {
        let new = self.dir().join("new-blob");
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut file = File::create(&new).unwrap();
        let mut size = 0;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = content.read(&mut buffer).unwrap();
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            file.write_all(&buffer[..read]).unwrap();
            size += read as u64;
        }
        let digest = hasher.finish();
        let data = data(&self.storage(), &digest);
        fs::create_dir_all(data.parent().unwrap()).unwrap();
        // A disk of its own is another file system.
        fs::rename(&new, &data).or_else(|_| fs::copy(&new, &data).map(drop)).unwrap();
        let link = self.repository(repository).join("_layers").join(digest.as_str().replace(':', "/")).join("link");
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        fs::write(link, digest.as_str()).unwrap();
        Descriptor::new(media_type, digest, size)
    }

    /// Makes the first byte of a stored blob or manifest another.
    pub fn damage(&self, digest: &Digest) {
        let path = data(&self.storage(), digest);
        let mut content = fs::read(&path).unwrap();
        content[0] ^= 1;
        fs::write(path, content).unwrap();
    }

    /// Takes the content of a blob or manifest away, behind the registry's back.
    pub fn lose(&self, digest: &Digest) {
        fs::remove_file(data(&self.storage(), digest)).unwrap();
    }

    /// The manifests of `repository` that say of themselves that they are about `subject`, as the referrers API tells them.
    pub fn referrers(&self, repository: &str, subject: &Digest) -> Vec<Descriptor> {
        referrers(&self.storage(), repository, subject)
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.storage().join("repositories").join(name)
    }

    fn stored_tags(&self, repository: &str) -> BTreeMap<String, Digest> {
        let tags = list(&self.repository(repository).join("_manifests/tags")).into_iter();
        // A tag whose link is missing is one that was deleted.
        tags.filter_map(|tag| Some((tag.file_name()?.to_str()?.to_owned(), link(&tag.join("current"))?))).collect()
    }
}

// === impl Check ===

impl Check<'_> {
    fn manifest(&mut self, repository: &str, digest: &Digest, what: &str) {
        let place = self.root.join("repositories").join(repository).join("_manifests/revisions");
        if link(&place.join(digest.as_str().replace(':', "/"))).as_ref() != Some(digest) {
            return self.faults.push(format!("{what} names the manifest {digest}, which the repository has not"));
        }
        if !self.content(digest, None, what) {
            return;
        }
        let bytes = fs::read(data(self.root, digest)).unwrap();
        match Manifest::parse(what, bytes, None) {
            Err(error) => self.faults.push(error.to_string()),
            Ok(manifest) => match manifest.kind() {
                ManifestKind::Index(index) => {
                    for child in &index.manifests {
                        self.manifest(repository, &child.digest, &format!("{what} > {}", child.digest.short()));
                    }
                }
                ManifestKind::Image(image) => {
                    for blob in image.blobs() {
                        self.blob(repository, blob, what);
                    }
                }
            },
        }
    }

    fn blob(&mut self, repository: &str, blob: &Descriptor, what: &str) {
        let place = self.root.join("repositories").join(repository).join("_layers");
        let linked = link(&place.join(blob.digest.as_str().replace(':', "/"))).as_ref() == Some(&blob.digest);
        let elsewhere = blob.media_type.is_foreign() && !blob.urls.is_empty();
        if linked {
            self.content(&blob.digest, Some(blob.size), what);
        } else if !elsewhere {
            self.faults.push(format!("{what} names the blob {}, which the repository has not", blob.digest));
        }
    }

    fn content(&mut self, digest: &Digest, size: Option<u64>, what: &str) -> bool {
        let path = data(self.root, digest);
        let found = fs::metadata(&path).map(|metadata| metadata.len()).ok();
        let Some(found) = found else {
            self.faults.push(format!("{what} names {digest}, which is not there"));
            return false;
        };
        if let Some(size) = size
            && size != found
        {
            self.faults.push(format!("{what} names {digest} of {size} bytes, which has {found}"));
            return false;
        }
        if self.sound.contains(&path) {
            return true;
        }
        let right = hash(&path, digest.algorithm()).is_ok_and(|hash| hash == *digest);
        if right {
            self.sound.insert(path);
        } else {
            self.faults.push(format!("{what} names {digest}, which has another content"));
        }
        right
    }
}

pub(crate) fn referrers(root: &Path, repository: &str, subject: &Digest) -> Vec<Descriptor> {
    let revisions = list(&root.join("repositories").join(repository).join("_manifests/revisions/sha256"));
    // The link of one that was deleted is missing.
    let digests = revisions.iter().filter_map(|revision| link(revision));
    let about = digests.filter_map(|digest| manifest(root, &digest));
    let about = about.filter(|manifest| manifest.subject().is_some_and(|known| known.digest == *subject));
    about
        .map(|manifest| {
            let annotations = match manifest.kind() {
                ManifestKind::Image(image) => image.annotations.clone(),
                ManifestKind::Index(index) => index.annotations.clone(),
            };
            Descriptor { artifact_type: manifest.artifact_type().cloned(), annotations, ..manifest.descriptor() }
        })
        .collect()
}

/// A stored manifest; none when it is missing or is none.
pub(crate) fn manifest(root: &Path, digest: &Digest) -> Option<Manifest> {
    Manifest::parse(digest, fs::read(data(root, digest)).ok()?, None).ok()
}

fn hash(path: &Path, algorithm: Algorithm) -> io::Result<Digest> {
    let mut hasher = Hasher::new(algorithm);
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

fn data(root: &Path, digest: &Digest) -> PathBuf {
    let (algorithm, hex) = digest.as_str().split_once(':').unwrap();
    root.join("blobs").join(algorithm).join(&hex[..2]).join(hex).join("data")
}

fn link(dir: &Path) -> Option<Digest> {
    fs::read_to_string(dir.join("link")).ok()?.parse().ok()
}

/// What is in a directory, sorted; nothing where there is none.
fn list(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    paths
}
