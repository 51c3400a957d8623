//! What says something about an image and travels with it: signatures, SBOMs, attestations.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use step::{Error, Result};

use super::Options;
use super::parallel::{Stop, each};
use super::plan::{LARGEST_TREE, Plan, too_large};
use super::store::Source;
use crate::{Digest, Manifest};

/// cosign's tags: `sha256-HEX.sig`.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];

/// What signatures are called.
const SIGNATURES: [&str; 4] = [
    "application/vnd.cncf.notary.signature",
    "application/vnd.dev.cosign.artifact.sig.v1+json",
    "application/vnd.dev.cosign.simplesigning.v1+json",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
];

/// A signature of an SBOM of an image: no farther.
const FARTHEST: usize = 3;

/// A manifest that says something about another.
pub(crate) struct Referring {
    pub(crate) manifest: Manifest,
    /// The tag by which it is found, where it is found by a tag.
    pub(crate) tag: Option<String>,
}

/// Finds what says something about the plan's manifests, and adds it to the plan.
pub(crate) fn plan(source: &Source, plan: &mut Plan, what: &str, options: &Options, stop: &Stop<'_>) -> Result<Vec<Referring>> {
    let mut found: Vec<Referring> = Vec::new();
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut subjects = plan.renamed.clone();
    let bytes = AtomicU64::new(0);
    for _ in 0..FARTHEST {
        subjects.retain(|(there, _)| seen.insert(there.clone()));
        let all = each(options.jobs, &subjects, stop, |(there, _)| about(source, there, what, &bytes))?;
        let mut next = Vec::new();
        for ((there, here), about) in subjects.into_iter().zip(all) {
            for referring in about {
                if options.remove_signatures && is_signature(&referring) {
                    continue;
                }
                if there != here {
                    if options.remove_signatures {
                        tracing::warn!(
                            "{} is left out: it is about {there}, which gets another digest",
                            referring.manifest.digest()
                        );
                        continue;
                    }
                    return Err(Error::bad_input(format!(
                        "{} is about {there} of {what}, which would get another digest",
                        referring.manifest.digest()
                    ))
                    .hint("leave `format` and `platforms` as they are, or set `remove-signatures` to leave it out"));
                }
                next.push((referring.manifest.digest().clone(), referring.manifest.digest().clone()));
                found.push(referring);
            }
        }
        subjects = next;
    }
    plan.extend(source, found.iter().map(|referring| &referring.manifest), &format!("what is about {what}"), stop)?;
    Ok(found)
}

/// What says something about `digest` of `what`. `bytes` counts what all of it takes of our memory.
fn about(source: &Source, digest: &Digest, what: &str, bytes: &AtomicU64) -> Result<Vec<Referring>> {
    let mut found = Vec::new();
    for descriptor in source.referrers(digest)? {
        // Sizes are somebody's word, and their sum must not overflow.
        let size = descriptor.size.min(LARGEST_TREE);
        if bytes.fetch_add(size, Ordering::Relaxed) + size > LARGEST_TREE {
            return Err(too_large(&format!("what is about {what}")));
        }
        found.push(Referring { manifest: source.manifest(&descriptor)?, tag: None });
    }
    for suffix in COSIGN {
        let tag = format!("{}.{suffix}", digest.as_str().replace(':', "-"));
        if let Some(manifest) = source.tagged(&tag)? {
            found.push(Referring { manifest, tag: Some(tag) });
        }
    }
    Ok(found)
}

fn is_signature(referring: &Referring) -> bool {
    let named = |text: &str| SIGNATURES.contains(&text);
    referring.tag.as_ref().is_some_and(|tag| tag.ends_with(".sig"))
        || referring.manifest.artifact_type().is_some_and(|kind| named(kind.as_str()))
        || referring.manifest.image().is_some_and(|image| image.layers.iter().any(|layer| named(layer.media_type.as_str())))
}
