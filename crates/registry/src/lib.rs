//! OCI: references, credentials, transfers, artifacts, layouts and archives.

mod digest;
mod manifest;
mod media_type;

pub use digest::{Algorithm, Digest, Hasher, InvalidDigest};
pub use manifest::{Descriptor, Image, Index, Manifest, ManifestKind, Platform};
pub use media_type::MediaType;
