//! The same images for those who build with buildah or Konflux: a Containerfile with a stage for each step.

use step::{About, SourceDate};

use super::assemble::{AUTHORITIES, USER};
use super::content;

const HEAD: &str = r#"# Written by `stepwright image containerfile`. The images of `stepwright image build`, for buildah and Konflux:
#   buildah build --file images/Containerfile --target copy-image .
ARG BUILDER=docker.io/library/rust:1.95-bookworm

FROM ${BUILDER} AS compile
RUN apt-get update && apt-get install --yes --no-install-recommends musl-tools && rustup target add x86_64-unknown-linux-musl \
    && cargo install cargo-auditable --locked
WORKDIR /source
COPY . .
RUN cargo run --locked --package stepwright -- image build --unpacked --output /images
"#;

/// The whole file.
pub fn containerfile() -> String {
    HEAD.to_owned() + &super::all().into_iter().map(stage).collect::<String>()
}

/// The last stage of one step's image.
fn stage(step: &About) -> String {
    let name = step.name;
    // The time and the commit are the builder's.
    let labels = content::labels(step, SourceDate::default(), None)
        .into_iter()
        .filter(|(label, _)| label != "org.opencontainers.image.created");
    let labels: Vec<String> = labels.map(|(label, value)| format!("{label}={}", quoted(&value))).collect();
    format!(
        "\nFROM scratch AS {name}\nCOPY --from=compile /images/{name}/ /\nENV PATH=/ SSL_CERT_FILE=/{AUTHORITIES}\nLABEL {}\nWORKDIR /\n\
         USER {USER}\nENTRYPOINT [\"/{name}\"]\n",
        labels.join(" \\\n      ")
    )
}

/// A value as Containerfiles have it; `$` would be a variable.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}
