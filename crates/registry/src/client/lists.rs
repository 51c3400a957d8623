//! Lists that registries give page by page: of tags, and of what refers to a manifest.

use std::collections::HashSet;

use serde::Deserialize;
use step::retry::Failure;
use step::{Error, Kind, Result};
use ureq::Body;
use ureq::http::header::{ACCEPT, LINK};
use ureq::http::{HeaderMap, Response};

use super::answer;
use super::repository::Repository;
use super::url::Url;
use crate::{Descriptor, Digest, Manifest, ManifestKind, MediaType};

/// The largest page that is read, in bytes.
const LARGEST_PAGE: u64 = 16 << 20;

/// The largest list that is read, in bytes of all its pages.
const LARGEST_LIST: u64 = 64 << 20;

/// The most pages that are read. Some registries give fifty entries at once.
const PAGES: usize = 10_000;

#[derive(Deserialize)]
struct TagList {
    tags: Option<Vec<String>>,
}

/// The way through a list, which ends also where the registry would have it go on for ever.
struct Pages {
    /// `the tags of quay.io/a/b`.
    what: String,
    seen: HashSet<String>,
    bytes: u64,
}

// === impl Repository ===

impl Repository {
    /// All tags, as the registry sorts them.
    pub fn tags(&self) -> Result<Vec<String>> {
        let mut tags = Vec::new();
        let mut pages = Pages::new(format!("the tags of {self}"));
        let mut next = Some(self.url("tags/list?n=1000")?);
        while let Some(url) = next.take() {
            let (bytes, link) = self.retry(&format!("listing {}", pages.what), || {
                let response = self.get(url.clone(), Vec::new())?;
                if response.status() != 200 {
                    return Err(self.refused(&format!("list {}", pages.what), response));
                }
                self.page(&url, response, &pages)
            })?;
            let list: TagList = serde_json::from_slice(&bytes)
                .map_err(|error| Error::new(Kind::Remote, format!("{self}: its list of tags makes no sense")).because(error))?;
            let page = list.tags.unwrap_or_default();
            next = pages.next(&bytes, link.filter(|_| !page.is_empty()))?;
            tags.extend(page);
        }
        Ok(tags)
    }

    /// The manifests whose subject is `digest`, as the registry lists them; `None` when it has no such list.
    pub(crate) fn referrers_api(&self, digest: &Digest) -> Result<Option<Vec<Descriptor>>> {
        let mut found = Vec::new();
        let mut pages = Pages::new(format!("what refers to {digest} in {self}"));
        let mut next = Some(self.url(&format!("referrers/{digest}"))?);
        while let Some(url) = next.take() {
            let page = self.retry(&format!("listing {}", pages.what), || {
                let response = self.get(url.clone(), vec![(ACCEPT, MediaType::OCI_INDEX.to_string())])?;
                // Registries without the list answer as they like: not found, not allowed, a page for people.
                if response.status() != 200 || transport::content_type(&response) != MediaType::OCI_INDEX.as_str() {
                    let status = response.status().as_u16();
                    return match status {
                        401 | 403 | 408 | 429 | 500.. => Err(self.refused(&format!("list {}", pages.what), response)),
                        _ => Ok(None),
                    };
                }
                self.page(&url, response, &pages).map(Some)
            })?;
            let Some((bytes, link)) = page else { return Ok(if found.is_empty() { None } else { Some(found) }) };
            let manifest = Manifest::parse(&pages.what, bytes, Some(&MediaType::OCI_INDEX))?;
            if let ManifestKind::Index(index) = manifest.kind() {
                next = pages.next(manifest.bytes(), link.filter(|_| !index.manifests.is_empty()))?;
                found.extend(index.manifests.iter().cloned());
            }
        }
        Ok(Some(found))
    }

    fn page(&self, url: &Url, response: Response<Body>, pages: &Pages) -> Result<(Vec<u8>, Option<Url>), Failure> {
        let link = next_page(url, response.headers());
        let what = format_args!("the list of {}", pages.what);
        Ok((answer::body(response, what, LARGEST_PAGE, self.client().options().silence)?, link))
    }
}

// === impl Pages ===

impl Pages {
    fn new(what: String) -> Self {
        Pages { what, seen: HashSet::new(), bytes: 0 }
    }

    /// Where the list goes on after a page.
    fn next(&mut self, page: &[u8], link: Option<Url>) -> Result<Option<Url>> {
        self.bytes += page.len() as u64;
        // One that leads to where we were has told all.
        let next = link.filter(|url| self.seen.insert(url.to_string()));
        if next.is_some() && (self.bytes > LARGEST_LIST || self.seen.len() > PAGES) {
            let (pages, bytes) = (self.seen.len(), self.bytes);
            return Err(Error::new(
                Kind::Remote,
                format!("the list of {} does not end after {pages} pages ({bytes} bytes)", self.what),
            ));
        }
        Ok(next)
    }
}

/// Where the next page of a list is. (RFC 8288.)
fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    let next = rest.contains("rel=\"next\"") || rest.contains("rel=next");
    let target = url.join(target).ok().filter(|_| next)?;
    // A list does not go on elsewhere.
    target.has_origin_of(url).then_some(target)
}
