//! Images from layouts to a registry, and what they are called there.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use registry::client::{Client, Options};
use registry::{Credentials, Environment, ImageRef, Location, Prefix, copy};
use step::{About, Cancel, Error, Result};

/// What step images are called, with their digests: `REGISTRY/PREFIX/STEP:VERSION@sha256:…`, one a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(BTreeMap<String, ImageRef>);

/// Pushes every image in `directory` that is a step's.
pub(super) fn push(directory: &Path, prefix: &Prefix, verify: bool, cancel: &Cancel) -> Result<Pins> {
    let options = Options { credentials: Credentials::find(None, &Environment::of_process())?, verify, ..Options::default() };
    let client = Client::new(options, cancel.clone());
    let mut pins = Pins::default();
    for About { name, version, .. } in super::all() {
        let layout = directory.join(name);
        if !layout.is_dir() {
            continue;
        }
        let source: Location = format!("oci:{}:{version}", layout.display())
            .parse()
            .map_err(|error| Error::bad_input(format!("{} cannot be a layout's directory", layout.display())).because(error))?;
        let destination = prefix.join(&format!("{name}:{version}"))?;
        let copied = copy(&client, &source, std::slice::from_ref(&destination), &copy::Options::default())?;
        match destination {
            Location::Registry(image) => drop(pins.0.insert((*name).to_owned(), image.with_digest(copied.digest))),
            other => tracing::info!("{other} is no registry's: nothing can pull it from there"),
        }
        tracing::info!(bytes = copied.bytes, skipped = copied.skipped, "pushed {name}");
    }
    if pins.0.is_empty() {
        return Err(Error::not_found(format!("there is no step image in {}", directory.display()))
            .hint("build them with `stepwright image build --output DIR`"));
    }
    Ok(pins)
}

// === impl Pins ===

impl Pins {
    /// All of them, by the names of steps.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ImageRef)> {
        self.0.iter().map(|(name, image)| (name.as_str(), image))
    }

    /// What the image of `step` is called; `None` when it was not pushed.
    pub fn of(&self, step: &str) -> Option<&ImageRef> {
        self.0.get(step)
    }
}

impl fmt::Display for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.values().try_for_each(|image| writeln!(f, "{image}"))
    }
}

impl FromStr for Pins {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut pins = Pins::default();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |why: &str| Error::bad_input(format!("line {}, {line:?}: {why}", number + 1));
            let image: ImageRef = line.trim().parse().map_err(|error| wrong("not an image").because(error))?;
            if image.tag().is_none() || image.digest().is_none() {
                return Err(
                    wrong("an image is pinned by tag and digest").hint("`stepwright image push --pins FILE` writes such a file")
                );
            }
            let name = image.repository().as_str().rsplit('/').next().unwrap_or_default().to_owned();
            pins.0.insert(name, image);
        }
        Ok(pins)
    }
}
