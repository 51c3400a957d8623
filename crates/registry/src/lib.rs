//! OCI: references, credentials, transfers, artifacts, layouts and archives.

mod archive;
mod args;
mod checked;
pub mod client;
pub mod copy;
mod credentials;
mod digest;
mod layout;
mod manifest;
mod media_type;
mod reference;

pub use archive::{Archive, ArchiveWriter, Section};
pub use args::Registries;
pub use checked::Checked;
pub use client::{Client, Reference, Repository};
pub use copy::{Copied, Format, copy};
pub use credentials::{Credentials, Environment, Login};
pub use digest::{Algorithm, Digest, Hasher, InvalidDigest};
pub use layout::{BlobReader, BlobWriter, Layout};
pub use manifest::{Descriptor, Image, Index, Manifest, ManifestKind, Platform};
pub use media_type::MediaType;
pub use reference::{ArchiveRef, Host, ImageRef, InvalidReference, LayoutRef, LayoutTag, Location, Prefix, RepositoryName, Tag};
