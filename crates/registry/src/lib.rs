//! OCI: references, credentials, transfers, artifacts, layouts and archives.

mod digest;
mod manifest;
mod media_type;
mod reference;

pub use digest::{Algorithm, Digest, Hasher, InvalidDigest};
pub use manifest::{Descriptor, Image, Index, Manifest, ManifestKind, Platform};
pub use media_type::MediaType;
pub use reference::{
    ArchiveRef, Host, ImageRef, InvalidReference, LayoutRef, LayoutTag, Location, Prefix, RepositoryName, Tag,
};
