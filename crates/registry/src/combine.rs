//! One image of several: an index of images that are in a repository already, one for each platform.

use serde_json::json;
use step::{Error, Result};

use crate::client::{Client, Reference};
use crate::{Digest, ImageRef, Location, Manifest, MediaType, Platform, inspect};

/// What a tag names now.
#[derive(Clone, Debug, PartialEq)]
pub struct Combined {
    /// The digest of what it names.
    pub digest: Digest,
    /// The platforms of it, in the order in which the images were given.
    pub platforms: Vec<Platform>,
}

/// Makes `image`'s tag name the images with these digests, which are in its repository.
///
/// One image is tagged as it is. Several become an index, of Docker's kind when all of them are: the same images make the
/// same bytes. An index among them stands for its images. Fails as bad input when two of them are for the same platform,
/// or one is no image.
pub fn combine(client: &Client, image: &ImageRef, digests: &[Digest]) -> Result<Combined> {
    let repository = client.push(image)?;
    let mut parts: Vec<(Platform, Manifest)> = Vec::new();
    for digest in digests {
        let manifest = repository.manifest(&Reference::Digest(digest.clone()))?;
        let members = match manifest.index() {
            Some(index) => {
                let of_index = |entry: &crate::Descriptor| repository.manifest(&Reference::Digest(entry.digest.clone()));
                index.manifests.iter().filter(|entry| entry.platform.is_some()).map(of_index).collect::<Result<Vec<_>>>()?
            }
            None => vec![manifest],
        };
        for member in members {
            let location = Location::Registry(image.clone().without_tag().with_digest(member.digest().clone()));
            let platform = match &*inspect(client, &location, None)?.platforms {
                [platform] => platform.clone(),
                _ => return Err(Error::bad_input(format!("{location} is no image, so that it is for no platform"))),
            };
            match parts.iter().find(|(known, _)| *known == platform) {
                Some((_, other)) if other.digest() == member.digest() => {}
                Some((_, other)) => {
                    return Err(Error::bad_input(format!("{} and {} are both for {platform}", other.digest(), member.digest()))
                        .hint("give one image for each platform"));
                }
                None => parts.push((platform, member)),
            }
        }
    }
    let manifest = match &*parts {
        [] => return Err(Error::bad_input(format!("no image is given for {image}"))),
        [(_, only)] => only.clone(),
        several => index_of(several)?,
    };
    repository
        .put_manifest(&manifest, &Reference::Tag(image.clone().or_latest().tag().cloned().unwrap_or_else(crate::Tag::latest)))?;
    Ok(Combined { digest: manifest.digest().clone(), platforms: parts.into_iter().map(|(platform, _)| platform).collect() })
}

fn index_of(parts: &[(Platform, Manifest)]) -> Result<Manifest> {
    let is_docker = parts.iter().all(|(_, manifest)| *manifest.media_type() == MediaType::DOCKER_MANIFEST);
    let media_type = if is_docker { MediaType::DOCKER_LIST } else { MediaType::OCI_INDEX };
    let manifests: Vec<_> = parts
        .iter()
        .map(|(platform, manifest)| {
            json!({
                "mediaType": manifest.media_type(),
                "digest": manifest.digest(),
                "size": manifest.bytes().len(),
                "platform": platform,
            })
        })
        .collect();
    Manifest::write(&json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests }))
}
