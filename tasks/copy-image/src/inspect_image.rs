//! The step `inspect-image`: says what an image is, without copying it.

use std::collections::BTreeMap;

use registry::{Digest, Location, Platform, Registries, inspect};
use step::{About, Context, Lines, Result, Step};

/// The step.
pub struct InspectImage;

/// The step's parameters.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// The image: `quay.io/org/app:1`, `oci:DIR:TAG` or `docker-archive:FILE:NAME`.
    #[arg(long, value_name = "IMAGE")]
    pub image: Location,

    /// The platform whose labels are told. Not given: linux/amd64, or the first where there is none.
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,

    /// The labels to tell, one a line. Not given: all that fit.
    #[arg(long, value_name = "LINES")]
    pub labels: Option<Lines<String>>,

    /// How to reach registries.
    #[command(flatten)]
    pub registries: Registries,
}

// Not IMAGE_URL and IMAGE_DIGEST: by these Tekton Chains knows what a run has built, and signs it.
step::results! {
    /// What the image is.
    pub struct Outcome {
        /// The image, with its tag.
        #[result("IMAGE", max = 512)]
        pub url: String,
        /// The digest of what `image` names: of the index, where there is one.
        #[result("DIGEST", max = 135)]
        pub digest: Digest,
        /// The media type of that.
        #[result("MEDIA_TYPE", max = 128)]
        pub media_type: String,
        /// The platforms of its images, one a line: `linux/arm64/v8`. What is no image (attestations) is left out.
        #[result("ARCHES", max = 600)]
        pub arches: Vec<String>,
        /// The labels, `KEY=VALUE` one a line, sorted. A label that the image has not is left out; line breaks in values are
        /// blanks.
        #[result("LABELS", max = 1800)]
        pub labels: Vec<String>,
        /// When the image was made, as it says.
        #[result("CREATED", max = 64)]
        pub created: Option<String>,
    }
}

impl Step for InspectImage {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "inspect-image",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Inspect image",
        summary: "Says what an image is: digest, platforms, labels.",
        description: "Two manifests and a configuration are read at most, and no layer. Labels and time are those of one image of \
            an index: of the platform that is asked for, else of linux/amd64, else of the first, so that the answer is the same \
            on every machine.",
        categories: &["Image Build"],
        tags: &["image", "registry"],
        permissions: &[],
        memory: "32Mi",
        cpu: "50m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let client = params.registries.client(&cx.cancel)?;
        let inspected = inspect(&client, &params.image, params.platform.as_ref())?;
        let url = match params.image {
            Location::Registry(image) => Location::Registry(image.or_latest().without_digest()),
            other => other,
        };
        Ok(Outcome {
            url: url.to_string(),
            digest: inspected.digest,
            media_type: inspected.media_type.to_string(),
            arches: inspected.platforms.iter().map(ToString::to_string).collect(),
            labels: told(&inspected.labels, params.labels.as_deref()),
            created: inspected.created,
        })
    }
}

/// The labels that are asked for, as lines.
fn told(labels: &BTreeMap<String, String>, wanted: Option<&[String]>) -> Vec<String> {
    let wanted = wanted.filter(|wanted| !wanted.is_empty());
    if let Some(missing) = wanted.and_then(|wanted| wanted.iter().find(|name| !labels.contains_key(*name))) {
        tracing::warn!(label = %missing, "the image has no such label");
    }
    let is_wanted = |name: &String| wanted.is_none_or(|wanted| wanted.contains(name));
    let line = |text: &str| text.replace(|c: char| c.is_control(), " ");
    labels.iter().filter(|(name, _)| is_wanted(name)).map(|(name, value)| format!("{}={}", line(name), line(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_lines() {
        let labels = [("b", "1\n2=3"), ("a", "x"), ("c\n", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(told(&labels, None), ["a=x", "b=1 2=3", "c ="]);
        assert_eq!(told(&labels, Some(&["b".to_owned(), "none".to_owned()])), ["b=1 2=3"]);
        assert_eq!(told(&labels, Some(&[])).len(), 3);
    }
}
