//! The ConfigMap that says which image of oc-mirror is current: written after a build, read before a deployment.

use std::str::FromStr;

use cluster::{Objects, Resource};
use registry::{Digest, ImageRef, InvalidReference};
use serde_json::{Value, json};
use step::{Error, Kind, Result};

use crate::{ObjectName, Word, time};

/// An image that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The image's name, without registry and tag.
    pub name: Word,
    /// Where it is.
    pub url: ImageRef,
    /// Its digest.
    pub digest: Digest,
    /// The commit, or revision, that it was built of.
    pub revision: Word,
}

/// The image that is current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// Where it is, as the ConfigMap has it.
    pub url: String,
    /// Its digest; empty or `unknown` when nobody has said it.
    pub digest: String,
    /// The revision that it was built of.
    pub revision: String,
    /// When it was built.
    pub built: String,
    /// What to run: with the digest, where one is known.
    pub image: ImageRef,
}

/// The parameter `fallback-image`: an image, or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback(Option<ImageRef>);

/// What is said where a fallback is used.
const UNKNOWN: &str = "unknown";

// === impl Fallback ===

impl Fallback {
    /// The image, if there is one.
    pub fn image(&self) -> Option<&ImageRef> {
        self.0.as_ref()
    }
}

impl FromStr for Fallback {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text == "none" { Ok(Fallback(None)) } else { text.parse().map(|image| Fallback(Some(image))) }
    }
}

// === impl Built ===

impl Built {
    /// Writes the ConfigMap, whoever made it first; gives it as it is then.
    pub fn record(&self, objects: &Objects, name: &ObjectName) -> Result<Value> {
        objects.overwrite(&self.object(name, objects.namespace(), &time::now()?))
    }

    fn object(&self, name: &ObjectName, namespace: &str, now: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name.as_str(),
                "namespace": namespace,
                "annotations": { "autoshift.io/last-build": now, "autoshift.io/git-revision": self.revision.as_str() },
            },
            "data": {
                "image-name": self.name.as_str(),
                "image-url": self.url.to_string(),
                "image-digest": self.digest.as_str(),
                "git-revision": self.revision.as_str(),
                "build-timestamp": now,
            },
        })
    }
}

// === impl Current ===

impl Current {
    /// Reads the ConfigMap. Where there is none, `fallback` is the image, if one is given; every other failure is one.
    pub fn read(objects: &Objects, name: &ObjectName, fallback: Option<&ImageRef>) -> Result<Self> {
        match (objects.get(&Resource::CONFIG_MAPS, name.as_str()), fallback) {
            (Ok(object), _) => Current::of(&object, name, objects.namespace()),
            (Err(error), Some(fallback)) if error.kind() == Kind::NotFound => {
                tracing::warn!("{error}: the fallback is used, {fallback}");
                let unknown = UNKNOWN.to_owned();
                Ok(Current {
                    url: fallback.to_string(),
                    digest: unknown.clone(),
                    revision: unknown.clone(),
                    built: unknown,
                    image: fallback.clone(),
                })
            }
            (Err(error), None) if error.kind() == Kind::NotFound => {
                Err(error.hint("run the build pipeline first, or give a fallback-image"))
            }
            (Err(error), _) => Err(error),
        }
    }

    fn of(object: &Value, name: &ObjectName, namespace: &str) -> Result<Self> {
        let text = |key: &str| object["data"][key].as_str().unwrap_or_default().trim().to_owned();
        let place = format!("the ConfigMap {namespace}/{name}");
        let (url, digest) = (text("image-url"), text("image-digest"));
        if url.is_empty() {
            return Err(
                Error::bad_input(format!("{place} has no image-url")).hint("run the build pipeline, or set it to an image")
            );
        }
        let image: ImageRef = url.parse().map_err(|e| Error::bad_input(format!("image-url of {place} is {url:?}")).because(e))?;
        let image = match (digest.parse::<Digest>(), image.digest()) {
            // By its digest the image is what was built, wherever its tag went since.
            (Ok(digest), None) => image.without_tag().with_digest(digest),
            (Ok(digest), Some(own)) if *own != digest => {
                let message = format!("{place} contradicts itself: image-url has the digest {own}, and image-digest is {digest}");
                return Err(Error::bad_input(message).hint("run the build pipeline again"));
            }
            (Err(_), None) => {
                if !matches!(&*digest, "" | UNKNOWN) {
                    tracing::warn!("image-digest of {place} is no digest: {digest:?}");
                }
                tracing::warn!(%image, "the image's digest is not known: a tag can move while the mirror runs");
                image
            }
            (_, Some(_)) => image.without_tag(),
        };
        Ok(Current { url, digest, revision: text("git-revision"), built: text("build-timestamp"), image })
    }
}
