//! `oci-client-copy SOURCE DESTINATION [default]`: copies an image that is no index between registries on loopback with the
//! crate oci-client, four blobs at once and each in one request. With `default` uploads are what the crate does when
//! nothing is said: a request per piece that arrives.

use std::error::Error;

use futures_util::stream::{self, TryStreamExt};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// As many blobs at once as copy-image takes.
const JOBS: usize = 4;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [source, destination, rest @ ..] = &args[..] else {
        return Err("usage: oci-client-copy SOURCE DESTINATION [default]".into());
    };
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "there is a provider already")?;
    let (source, destination): (Reference, Reference) = (source.parse()?, destination.parse()?);
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        use_monolithic_push: rest.is_empty(),
        ..ClientConfig::default()
    });
    for registry in [source.resolve_registry(), destination.resolve_registry()] {
        client.store_auth_if_needed(registry, &RegistryAuth::Anonymous).await;
    }
    let (bytes, digest) = client.pull_manifest_raw(&source, &RegistryAuth::Anonymous, &[OCI_IMAGE_MEDIA_TYPE]).await?;
    client.auth(&destination, &RegistryAuth::Anonymous, RegistryOperation::Push).await?;
    let manifest: OciManifest = serde_json::from_slice(&bytes)?;
    let OciManifest::Image(image) = manifest else {
        return Err(format!("{digest} is an index").into());
    };
    let blobs: Vec<OciDescriptor> = image.layers.into_iter().chain([image.config]).collect();
    stream::iter(blobs.iter().map(Ok))
        .try_for_each_concurrent(JOBS, |blob| copy_blob(&client, &source, &destination, blob))
        .await?;
    client.push_manifest_raw(&destination, bytes, OCI_IMAGE_MEDIA_TYPE.parse()?).await?;
    Ok(())
}

async fn copy_blob(client: &Client, from: &Reference, to: &Reference, blob: &OciDescriptor) -> Result<()> {
    if client.blob_exists(to, &blob.digest).await? {
        return Ok(());
    }
    let content = client.pull_blob_stream(from, blob).await?;
    client.push_blob_stream(to, content.stream.map_err(Into::into), &blob.digest, Some(blob.size.try_into()?)).await?;
    Ok(())
}
